"""Half-infinite ranges: true claims that stay open, false ones that pass far out, points without a value."""

import math
import re
from dataclasses import replace
from fractions import Fraction

import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_statements import BUDGET, toy

from numerics.box_functions import Root
from numerics.exact import exact
from verification import Certificate, Evidence, Parameters, RealRange, Verdict
from verification.box_problem import Problem
from verification.checks import Quantities
from verification.claim import Truth, judge
from verification.coordinates import variable
from verification.subdivision import Part, _Queue, subdivide
from verification.tails import infimum_at, without_denominator
from verification.verify import run_check

x, y = sp.symbols("x y", real=True)
p, q = sp.symbols("p q", positive=True)
s = sp.Symbol("s", positive=True)
PROVEN, REFUTED, OPEN = Verdict.CERTIFIED, Verdict.REFUTED, Verdict.UNDECIDED
TINY = sp.Rational(1, 10**9)


def certify(claim: sp.Basic, *ranges: RealRange, assumptions: tuple[sp.Basic, ...] = (), boxes: int = 300) -> Evidence:
    box = Parameters(ranges)
    statement = toy(claim, Certificate(("claim",), box), parameters=box, assumptions=assumptions)
    found = run_check(statement, statement.checks[0], replace(BUDGET, boxes=boxes))
    if found.verdict is REFUTED:
        assert found.witness is not None
        point = {one.symbol: Fraction(found.witness[str(one.symbol)]) for one in ranges}
        assert box.contains(point)
        assert judge(claim, point, 15).truth is Truth.FALSE, point
    return found


def lt(left: sp.Expr | int, right: sp.Expr | int) -> sp.Basic:
    return sp.Lt(left, right, evaluate=False)


def le(left: sp.Expr | int, right: sp.Expr | int) -> sp.Basic:
    return sp.Le(left, right, evaluate=False)


EVERYWHERE = [
    # True for every positive q.
    lt(q, q**2 + 1),
    lt(sp.sqrt(q), q + 1),
    le(q / (1 + q**2), sp.Rational(1, 2)),
    le(q * sp.exp(-q), 1),
    le(sp.log(q), q),
    lt(sp.log(1 + q), q),
    lt(q / (q + 1), 1),
    le(sp.log(q) / q, 1),
    lt(sp.tanh(q), 1),
    lt(1 - sp.exp(-q), 1),
    lt(q + q * sp.exp(-q), q + 1),
    lt(q * sp.exp(-q) + q * sp.exp(-2 * q), 1),
    lt(q**2 * sp.exp(-q), 1),
    lt(q**3, 10 * sp.exp(q)),
    le(2, q + 1 / q),
    lt(sp.sqrt(q**2 + 1) - q, 2),
]


@pytest.mark.parametrize("low", [0, 1])
@pytest.mark.parametrize("claim", EVERYWHERE, ids=str)
def test_what_holds_for_every_positive_number_is_certified(claim: sp.Basic, low: int) -> None:
    found = certify(claim, RealRange(q, low, "inf"))
    assert found.verdict is PROVEN, found.remedy


FALSE = [
    # Each is a claim above with something lost: near 1, far out, or everywhere beyond a number.
    lt(q, q**2 + sp.Rational(1, 5)),
    lt(q, q**2 - 10**9),
    lt(sp.sqrt(q), q / 3 + sp.Rational(1, 2)),
    le(q / (1 + q**2), sp.Rational(499, 1000)),
    le(q * sp.exp(-q), sp.Rational(36, 100)),
    le(sp.log(q), q / 3),
    lt(sp.log(1 + q), q * sp.Rational(69, 100)),
    lt(q / (q + 1), 1 - TINY),
    le(sp.log(q) / q, sp.Rational(36, 100)),
    lt(sp.tanh(q), 1 - TINY),
    lt(1 - sp.exp(-q), 1 - TINY),
    lt(q + q * sp.exp(-q), q + sp.Rational(36, 100)),
    lt(q**2 * sp.exp(-q), sp.Rational(54, 100)),
    lt(q**3, sp.exp(q)),
    lt(q, 10**12),
    lt(2, q + 1 / q),
]


@pytest.mark.parametrize("claim", FALSE, ids=str)
def test_what_fails_for_some_number_above_one_half_is_refuted(claim: sp.Basic) -> None:
    found = certify(claim, RealRange(q, "1/2", "inf"), boxes=600)
    assert found.verdict is REFUTED


BOTH = [
    (lt(p * q / (1 + p * q), 1), 0, PROVEN),
    (lt(p * sp.exp(-p - q), 1), 0, PROVEN),
    (lt(p / (p + q), 1), 1, PROVEN),
    (lt(sp.log(1 + p * q), p + q), 1, PROVEN),
    (lt(p + q, p * q + 2), 1, PROVEN),
    (lt(p + q, p * q + sp.Rational(99, 100)), 1, REFUTED),
    (lt(p / (p + q), 1 - TINY), 1, REFUTED),
    (lt(p * q, 10**9 * (p + q)), 1, REFUTED),
    (lt(p * sp.exp(-p - q), sp.Rational(3, 10)), 0, REFUTED),
]


@pytest.mark.parametrize(("claim", "low", "verdict"), BOTH, ids=str)
def test_two_ranges_without_end(claim: sp.Basic, low: int, verdict: Verdict) -> None:
    assert certify(claim, RealRange(p, low, "inf"), RealRange(q, low, "inf"), boxes=600).verdict is verdict


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        (sp.Ge(sp.Max(x, 1 - x), 0), PROVEN),
        (sp.Ge(sp.Max(x, 1 - x), sp.Rational(1, 2)), PROVEN),
        (sp.Gt(sp.Max(x, 1 - x), sp.Rational(6, 10)), REFUTED),
        (sp.Lt(sp.Min(x, 1 / (1 + x)), 1), PROVEN),
        (sp.Gt(sp.Min(x, 1 / (1 + x)), TINY), REFUTED),
    ],
    ids=str,
)
def test_the_larger_and_the_smaller_of_two_may_grow_without_bound(claim: sp.Basic, verdict: Verdict) -> None:
    found = certify(claim, RealRange(x, 0, "inf"))
    assert found.verdict in {verdict, OPEN if verdict is PROVEN else verdict}
    if claim.rhs == 0:
        assert found.verdict is PROVEN


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([q, q**2, sp.sqrt(q), sp.log(q), sp.exp(-q), q * sp.exp(-q), sp.log(1 + q), 1 / (1 + q), q**3]),
    st.sampled_from([q, sp.Integer(1), q / (1 + q), sp.log(q) / q, sp.exp(-2 * q), sp.tanh(q), sp.sqrt(1 + q**2)]),
    st.fractions(-3, 3, max_denominator=6),
    st.sampled_from(["0", "1/3", "1"]),
    st.booleans(),
)
def test_no_claim_is_certified_against_a_point(
    left: sp.Expr, right: sp.Expr, number: Fraction, low: str, strict: bool
) -> None:
    claim = (lt if strict else le)(left, right * sp.Rational(number.numerator, number.denominator) + 1)
    found = certify(claim, RealRange(q, low, "inf"), boxes=60)
    if found.verdict is PROVEN:
        least = Fraction(low)
        for power in range(-9, 13):
            for digit in (1, 2, 3, 5, 7):
                point = {q: least + digit * Fraction(10) ** power}
                assert judge(claim, point, 30).truth is not Truth.FALSE, point


UNDEFINED = [
    # Undefined at a point or on a part of the range, though every value there is obeys the claim.
    (sp.Gt(1 / x**2, -1, evaluate=False), RealRange(x, -1, 1), "x != 0"),
    (sp.Gt(1 / x**2, -1, evaluate=False), RealRange(x, 0, "inf"), "x > 0"),
    (sp.Gt(sp.sqrt(x - 1), -1, evaluate=False), RealRange(x, 0, 3), "x - 1 >= 0"),
    (sp.Gt(sp.log(x) ** 2, -1, evaluate=False), RealRange(x, -1, 1), "x > 0"),
    (sp.Gt(sp.Max(sp.log(x), 1), 0, evaluate=False), RealRange(x, 0, 1), "x > 0"),
    (sp.Lt(sp.sin(1 / x), 2, evaluate=False), RealRange(x, -1, 1), "x != 0"),
    (sp.Gt(sp.exp(1 / x), -1, evaluate=False), RealRange(x, 0, 1), "x > 0"),
    (sp.Gt(x ** sp.Rational(1, 3), -5, evaluate=False), RealRange(x, -8, -1), "x >= 0"),
    (sp.Lt(sp.log(x), x, evaluate=False), RealRange(x, 0, 1), "x > 0"),
    (sp.Ne(1 / x, 0, evaluate=False), RealRange(x, -1, 1), "x != 0"),
    (sp.Lt(1 / (x - 2) ** 2, -1, evaluate=False) | sp.Gt(1 / (x - 2) ** 2, -1, evaluate=False), RealRange(x, 1, 3), ""),
]


@pytest.mark.parametrize(("claim", "where", "needed"), UNDEFINED, ids=str)
def test_a_point_without_a_value_is_never_covered(claim: sp.Basic, where: RealRange, needed: str) -> None:
    found = certify(claim, where, boxes=100)
    assert found.verdict is OPEN
    assert "not shown to be defined" in (found.remedy or "")
    assert f"needs {needed}" in (found.remedy or "")


@pytest.mark.parametrize(
    ("claim", "where", "assumption"),
    [
        (sp.Gt(1 / x**2, -1, evaluate=False), RealRange(x, -1, 1), sp.Ne(x, 0)),
        (sp.Gt(sp.sqrt(x - 1), -1, evaluate=False), RealRange(x, 0, 3), sp.Gt(x, sp.Rational(11, 10))),
        (sp.Lt(sp.log(x), x, evaluate=False), RealRange(x, 0, 1), sp.Gt(x, 0)),
        (sp.Lt(sp.log(x), x, evaluate=False), RealRange(x, -1, 1), sp.And(sp.Lt(0, x), sp.Lt(x, 2))),
        (sp.Lt(sp.log(x), x, evaluate=False), RealRange(x, 0, "inf"), sp.Gt(x, 0)),
    ],
    ids=str,
)
def test_an_assumption_may_exclude_the_points_without_a_value(
    claim: sp.Basic, where: RealRange, assumption: sp.Basic
) -> None:
    assert certify(claim, where, assumptions=(assumption,)).verdict is PROVEN
    elsewhere = sp.Lt(x, sp.Rational(3, 4))
    assert certify(claim, where, assumptions=(elsewhere,), boxes=60).verdict is not PROVEN


@pytest.mark.parametrize("assumption", [sp.Ge(x, 0), sp.Le(0, x), sp.Lt(x, sp.Rational(1, 2)), sp.Ne(x, 1)], ids=str)
@pytest.mark.parametrize("claim", [sp.Gt(1 / x**2, -1, evaluate=False), sp.Lt(sp.log(x), x, evaluate=False)], ids=str)
def test_an_assumption_that_leaves_the_point_without_a_value_lifts_nothing(
    claim: sp.Basic, assumption: sp.Basic
) -> None:
    assert certify(claim, RealRange(x, -1, 1), assumptions=(assumption,), boxes=60).verdict is OPEN


def test_an_alternative_that_holds_covers_the_points_without_a_value() -> None:
    claim = sp.Or(sp.Le(x, sp.Rational(1, 10)), sp.Lt(sp.log(x), x, evaluate=False))
    assert certify(claim, RealRange(x, -1, 1)).verdict is PROVEN
    assert (
        certify(sp.Or(sp.Le(x, 0), sp.Lt(sp.log(x), x - 1, evaluate=False)), RealRange(x, -1, 2)).verdict is not PROVEN
    )


def test_excluded_ends_need_no_value() -> None:
    assert certify(sp.Gt(1 / p, sp.Rational(1, 2)), RealRange(p, 0, 1)).verdict is PROVEN
    assert certify(lt(sp.log(p), p), RealRange(p, 0, 1)).verdict is PROVEN
    assert certify(sp.Gt(1 / (p * q), sp.Rational(1, 2)), RealRange(p, 0, 1), RealRange(q, 0, 1)).verdict is PROVEN


def test_boxes_with_a_bound_get_their_turn_beside_those_without() -> None:
    """sqrt(p q) <= ... stays open at oo; the false part of the claim, far from there, is still found."""
    open_at_infinity = sp.Lt(2 * sp.sqrt(p * q), p + q + 1, evaluate=False)
    spike = lt(1 / (1 + (p - 3) ** 2) / (1 + (q - 3) ** 2), sp.Rational(99, 100))
    ranges = RealRange(p, 1, "inf"), RealRange(q, 1, "inf")
    assert certify(open_at_infinity, *ranges, boxes=100).verdict is OPEN
    assert certify(sp.And(open_at_infinity, spike), *ranges, boxes=1000).verdict is REFUTED


def test_boxes_with_and_without_a_bound_take_turns() -> None:
    waiting = _Queue()
    for place in range(3):
        waiting.push(Part("open", ((Fraction(0), Fraction(place)),), unbounded=True), -math.inf, 0)
        waiting.push(Part("open", ((Fraction(1), Fraction(place)),)), float(place), 0)
    order = [waiting.pop()[0] for _ in range(4)]
    assert [part.unbounded for part in order] == [True, False, True, False]
    assert [part.box[0][1] for part in order] == [0, 0, 1, 1]
    assert len(waiting.rest()) == 2


def test_a_denominator_goes_only_where_its_sign_is_proven() -> None:
    def positive(part: sp.Expr) -> bool:
        return part.is_positive is True

    assert without_denominator(1 - q / (q + 1), positive) == 1
    assert without_denominator(1 / (-q - 1), positive) == -1
    assert without_denominator(1 / (q - 2) + 1, positive) is None
    assert without_denominator(1 / x + 1, positive) is None


def test_only_a_strict_fall_towards_an_excluded_end_makes_a_limit_strict() -> None:
    rises, weakly, falls = (arb(1), arb(2)), (arb(0), arb(2)), (arb(-2), arb(-1))
    open_end, closed_end = variable(RealRange(q, 1, "inf")), variable(RealRange(x, 0, 1))
    box = ((Fraction(0), Fraction(1)),)
    zero, one = ((Fraction(0), Fraction(0)),), ((Fraction(1), Fraction(1)),)
    assert infimum_at(box, [rises], [open_end]) == (zero, True)
    assert infimum_at(box, [weakly], [open_end]) == (zero, False)
    assert infimum_at(box, [rises], [closed_end]) == (zero, False)
    assert infimum_at(box, [falls], [open_end]) == (one, False)
    assert infimum_at(box, [(arb(-1), arb(1))], [open_end]) == (box, False)
    inner = ((Fraction(1, 4), Fraction(1)),)
    assert infimum_at(inner, [rises], [open_end]) == (((Fraction(1, 4), Fraction(1, 4)),), False)


@pytest.mark.parametrize("boxes", [1, 7, 60])
def test_what_is_left_is_printed_in_few_digits_that_contain_it(boxes: int) -> None:
    claim, ranges = sp.Lt(2 * sp.sqrt(p * q), p + q + 1, evaluate=False), (RealRange(p, 1, "inf"), RealRange(q, 1, 9))
    found = certify(claim, *ranges, boxes=boxes)
    problem = Problem([claim], [], [variable(one) for one in ranges], {})
    left = {part.box for part in subdivide(problem, boxes).parts if part.state == "open"}
    texts = {", ".join(one.words(side) for one, side in zip(problem.variables, box, strict=True)): box for box in left}
    assert set(found.open_boxes) <= set(texts)
    for text in found.open_boxes:
        assert "inf" not in text
        assert "/" not in text
        assert len(text) < 70
        ends = re.findall(r"in \[~?([^,]+), ~?([^\])]+)[\])]", text)
        assert len(ends) == 2
        for (low_text, high_text), side, one in zip(ends, texts[text], problem.variables, strict=True):
            low, high = sorted((one.value(side[0]), one.value(side[1])))
            low_shown, high_shown = exact("end", low_text), math.inf if high_text == "oo" else exact("end", high_text)
            assert low * Fraction(9999, 10000) < low_shown <= low
            assert high <= high_shown <= high * Fraction(10001, 10000) or high == high_shown == math.inf


def test_ends_of_many_digits_are_rounded_outwards_and_marked() -> None:
    far, shifted = variable(RealRange(p, 1, "inf")), variable(RealRange(x, -3, "inf"))
    assert far.words((Fraction(1, 7), Fraction(1, 3))) == "p in [3, 7]"
    assert far.words((Fraction(3, 7), Fraction(6, 7))) == "p in [~1.16666, ~2.33334]"
    assert far.words((Fraction(0), Fraction(6, 7))) == "p in [~1.16666, oo)"
    assert shifted.words((Fraction(6, 7), Fraction(1))) == "x in [-3, ~-2.83333]"
    assert variable(RealRange(p, 0, 1)).words((Fraction(0), Fraction(1, 3))) == "p in (0, ~0.333334]"


def test_the_remedy_of_sides_without_a_bound_names_where() -> None:
    far = certify(lt(sp.cos(q) * sp.exp(q), sp.exp(2 * q) + 1), RealRange(q, 1, "inf"), boxes=100)
    assert far.verdict is OPEN
    assert "at q = oo" in (far.remedy or "")
    assert "split the range" in (far.remedy or "")


@pytest.mark.parametrize(("equation", "exists"), [(s**2 + s + x, False), (s**2 - x, True)])
def test_a_bracket_without_a_root_is_named(equation: sp.Expr, exists: bool) -> None:
    """s^2 + s + x has no positive root for x > 0; s^2 - x has one between 1/2 and x + 1 for x >= 1."""
    box = Parameters((RealRange(x, 1, 10),))
    root = Root(s, equation, sp.Rational(1, 2), x + 1)
    check = Certificate(("claim",), box, lambda _fixed: Quantities({s: s}, (root,)))
    statement = replace(toy(sp.Lt(x, 11), check, parameters=box), observables={s: "a root"})
    statement = replace(statement, clauses=(replace(statement.clauses[0], claim=le(s, x / 2)),))
    found = run_check(statement, check, replace(BUDGET, boxes=20))
    if exists:
        assert found.verdict is REFUTED
    else:
        assert found.verdict is OPEN
        assert f"holds no root of {equation}" in (found.remedy or "")
