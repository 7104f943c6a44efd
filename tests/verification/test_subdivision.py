"""Catches a false verdict on a box: claims whose truth is known, faces where the sides agree, points of no domain.

Each counterexample found stays here as a test.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_statements import BUDGET, toy

from numerics.balls import precision
from verification import Certificate, Evidence, IntegerRange, Parameters, RealRange, Verdict
from verification.box_problem import Problem
from verification.checks import Quantities
from verification.claim import Truth, judge
from verification.coordinates import variable
from verification.relations import Form, Leaf
from verification.subdivision import subdivide
from verification.verify import run_check

x, y = sp.symbols("x y", real=True)
p, q = sp.symbols("p q", positive=True)
n = sp.Symbol("n", integer=True, positive=True)
first, second = sp.symbols("first second", positive=True)
PROVEN, REFUTED, OPEN = Verdict.CERTIFIED, Verdict.REFUTED, Verdict.UNDECIDED


def certify(
    claim: sp.Basic,
    *ranges: RealRange | IntegerRange,
    assumptions: tuple[sp.Basic, ...] = (),
    values: Mapping[sp.Symbol, sp.Expr] | None = None,
    boxes: int = 400,
) -> Evidence:
    box = Parameters(ranges)
    quantities = (lambda _fixed: Quantities(values)) if values else None
    check = Certificate(("claim",), box, quantities)
    if values:
        # `toy` knows one observable only.
        statement = replace(toy(sp.Lt(p, 9), check, parameters=box), observables=dict.fromkeys(values, "its stand-in"))
        statement = replace(statement, clauses=(replace(statement.clauses[0], claim=claim),))
    else:
        statement = toy(claim, check, parameters=box, assumptions=assumptions)
    found = run_check(statement, statement.checks[0], replace(BUDGET, boxes=boxes))
    if found.verdict is REFUTED:
        assert found.witness is not None
        point = {one.symbol: Fraction(found.witness[str(one.symbol)]) for one in ranges}
        assert box.contains({s: int(v) if s.is_integer else v for s, v in point.items()}), point
        for assumption in assumptions:
            assert judge(assumption, point, 15).truth is Truth.TRUE
        with precision(200):
            exact = {s: sp.Rational(v.numerator, v.denominator) for s, v in point.items()}
            seen = {s: e.subs(exact) for s, e in (values or {}).items()}
            # Side by side: SymPy would decide the relation from the declaration of whatever is left after the first.
            plain = claim.func(claim.lhs.subs(seen), claim.rhs.subs(seen), evaluate=False) if values else claim
            assert judge(plain, point, 15).truth is not Truth.TRUE, point
    return found


def gt(left: sp.Expr, right: sp.Expr | float) -> sp.Basic:
    return sp.Gt(left, right, evaluate=False)


def ge(left: sp.Expr, right: sp.Expr | float) -> sp.Basic:
    return sp.Ge(left, right, evaluate=False)


TRUTHS = [
    # (claim, ranges, verdict): the sides agree on a face, to the first, second and third order, at low and high ends.
    (gt(x + 1, 1), (RealRange(x, 0, 1),), REFUTED),
    (ge(x + 1, 1), (RealRange(x, 0, 1),), PROVEN),
    (ge(x - x**2 * 3, 0), (RealRange(x, 0, 1),), REFUTED),
    (gt(sp.exp(p), 1 + p), (RealRange(p, 0, 1),), PROVEN),
    (gt(p, sp.sin(p)), (RealRange(p, 0, 1),), PROVEN),
    (gt(sp.sin(p), p), (RealRange(p, 0, 1),), REFUTED),
    (gt(sp.cos(p), 1 - p**2 / 2), (RealRange(p, 0, 1),), PROVEN),
    (gt(sp.cos(p), 1 - p**2 / 3), (RealRange(p, 0, 1),), REFUTED),
    (ge(1 - x, 0), (RealRange(x, "-1/2", 1),), PROVEN),
    (ge(x - 1, 0), (RealRange(x, "-1/2", 1),), REFUTED),
    (ge((1 - x) ** 2, 0), (RealRange(x, "-1/2", 1),), PROVEN),
    (ge(-((1 - x) ** 2) * sp.exp(x), 0), (RealRange(x, "-1/2", 1),), REFUTED),
    (ge((1 - x) ** 3 + (1 - x) ** 4, 0), (RealRange(x, "-1/2", 1),), PROVEN),
    (ge((x - 1) ** 3 + (1 - x) ** 4, 0), (RealRange(x, "-1/2", 1),), REFUTED),
    (gt((1 - x) ** 2 + x, x), (RealRange(x, "-1/2", 1),), REFUTED),
    # In a logarithmic coordinate.
    (ge(sp.log(p), 0), (RealRange(p, 1, 50),), PROVEN),
    (ge(2 - sp.log(p) - p, 1), (RealRange(p, 1, 50),), REFUTED),
    (ge(1, p**3), (RealRange(p, "1/9", 1),), PROVEN),
    # At infinity, and beyond any point that could be sampled.
    (gt(1 / p, 0), (RealRange(p, 1, "inf"),), PROVEN),
    (gt(1 / p - sp.Rational(1, 10**9), 0), (RealRange(p, 1, "inf"),), REFUTED),
    (gt(10**9 - x, 0), (RealRange(x, -3, "inf"),), REFUTED),
    (gt(1 / (1 + x**2), 0), (RealRange(x, -3, "inf"),), PROVEN),
    (gt(sp.sqrt(1 + 1 / p), 1), (RealRange(p, 2, "inf"),), PROVEN),
    (gt(1, sp.sqrt(1 + 1 / p)), (RealRange(p, 2, "inf"),), REFUTED),
    # The excluded end 0 of a positive symbol is no counterexample, however the range is compactified.
    (gt(p + q, q), (RealRange(p, 0, 1), RealRange(q, 1, 2)), PROVEN),
    (gt(p + q, q), (RealRange(p, 0, "inf"), RealRange(q, 1, 2)), PROVEN),
    (gt(x + q, q), (RealRange(x, 0, "inf"), RealRange(q, 1, 2)), REFUTED),
    # Two faces at once, and a corner.
    (ge(x * y, 0), (RealRange(x, 0, 1), RealRange(y, 0, 1)), PROVEN),
    (gt(p * q + q, q), (RealRange(p, 0, 1), RealRange(q, "1/2", 1)), PROVEN),
    (gt(p - p * q, 0), (RealRange(p, 0, 1), RealRange(q, "1/2", 1)), REFUTED),
    (ge(x - y, 0), (RealRange(x, 0, 1), RealRange(y, 0, 1)), REFUTED),
    # Derivatives that jump.
    (ge(sp.Abs(x), 0), (RealRange(x, 0, 2),), PROVEN),
    (ge(x**2 + 1, sp.Max(x, 1)), (RealRange(x, 0, 2),), PROVEN),
    (ge(-x * sp.Abs(x), 0), (RealRange(x, 0, 2),), REFUTED),
    (ge(sp.Max(x, y), x / 2 + y / 2), (RealRange(x, 0, 1), RealRange(y, 2, 3)), PROVEN),
    # log(k + x) with x < 0 has no log x in it.
    (ge(sp.log(3 + x), sp.Rational(70, 100)), (RealRange(x, -1, "-1/2"),), REFUTED),
    (ge(sp.log(3 + x), sp.Rational(69, 100)), (RealRange(x, -1, "-1/2"),), PROVEN),
    # Undefined on a part of the box: no verdict.
    (gt(sp.log(x), -(10**9)), (RealRange(x, -1, 1),), OPEN),
    (gt(sp.sqrt(x) + 5, 1), (RealRange(x, -1, 1),), OPEN),
    # Magnitudes beyond floats.
    (gt(p + 1 / p, 1), (RealRange(p, "1e-400", "1e400"),), PROVEN),
    (gt(10**390, p), (RealRange(p, 1, "1e400"),), REFUTED),
]


@pytest.mark.parametrize(("claim", "ranges", "verdict"), TRUTHS, ids=lambda one: str(one)[:60])
def test_verdicts_whose_truth_is_known(claim: sp.Basic, ranges: tuple[RealRange, ...], verdict: Verdict) -> None:
    found = certify(claim, *ranges).verdict
    assert found is verdict


@settings(max_examples=60)
@given(st.lists(st.integers(-3, 3), min_size=2, max_size=5), st.sampled_from([(0, 1), (-1, 1), (-2, 0), (1, 3)]))
def test_polynomials_are_never_judged_falsely(coefficients: list[int], ends: tuple[int, int]) -> None:
    polynomial = sp.Poly(coefficients, x).as_expr()
    if not polynomial.has(x):
        return
    low, high = ends
    critical = sp.Poly(polynomial.diff(x), x)
    turns = [] if critical.is_ground else sp.Poly(critical, x).real_roots(multiple=False)
    least = min(
        polynomial.subs(x, at).evalf(40, chop=True)
        for at in [low, high, *(one for one, _ in turns)]
        if low <= at <= high
    )
    for claim, true in ((ge(polynomial, 0), least >= 0), (gt(polynomial, 0), least > 0)):
        verdict = certify(claim, RealRange(x, low, high), boxes=60).verdict
        assert verdict in ({PROVEN, OPEN} if true else {REFUTED, OPEN})
        if abs(least) > Fraction(1, 10):
            assert verdict is (PROVEN if true else REFUTED)


def test_an_assumption_that_excludes_the_face_makes_a_tight_strict_claim_provable() -> None:
    square = RealRange(x, 0, 1), RealRange(y, 1, 2)
    assert certify(gt(x + 1, 1), *square[:1], assumptions=(gt(x, 0),)).verdict is PROVEN
    assert certify(gt(x * y + y, y), *square, assumptions=(ge(x, sp.Rational(1, 9)),)).verdict is PROVEN
    assert certify(gt(x * y + y, y), *square, assumptions=(ge(y, sp.Rational(5, 4)),)).verdict is REFUTED
    assert certify(gt(x * y + y, y), *square).verdict is REFUTED


@pytest.mark.parametrize(
    ("assumption", "verdict"),
    [
        (sp.Lt(x, sp.Rational(1, 2)), PROVEN),
        (sp.Gt(x, sp.Rational(1, 2)), REFUTED),
        (sp.Or(sp.Lt(x, sp.Rational(1, 4)), sp.Gt(x, sp.Rational(3, 4))), REFUTED),
        (sp.Or(sp.Lt(x, sp.Rational(1, 4)), sp.Lt(x + y, sp.Rational(1, 2))), PROVEN),
        (sp.And(sp.Lt(x, sp.Rational(3, 4)), sp.Gt(x, sp.Rational(5, 8))), REFUTED),
        (sp.Implies(sp.Ge(y, 0), sp.Lt(x, sp.Rational(1, 2))), PROVEN),
        (sp.Not(sp.And(sp.Ge(x, sp.Rational(1, 2)), sp.Ge(y, -1))), PROVEN),
        (sp.Eq(x, sp.Rational(1, 4)), OPEN),
    ],
)
def test_only_points_that_satisfy_the_assumptions_count(assumption: sp.Basic, verdict: Verdict) -> None:
    claim = sp.Lt(x + y / 1000, sp.Rational(6, 10))
    found = certify(claim, RealRange(x, 0, 1), RealRange(y, 0, 1), assumptions=(assumption,), boxes=300)
    assert found.verdict in {verdict, PROVEN if verdict is OPEN else verdict}


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        (sp.Ne(x, 2), PROVEN),
        (sp.Ne(x, sp.Rational(1, 3)), OPEN),
        (sp.Or(sp.Lt(x, sp.Rational(3, 5)), sp.Gt(x, sp.Rational(2, 5))), PROVEN),
        (sp.Or(sp.Lt(x, sp.Rational(2, 5)), sp.Gt(x, sp.Rational(3, 5))), REFUTED),
        (sp.And(sp.Lt(x, 2), sp.Lt(x, sp.Rational(1, 2))), REFUTED),
        (sp.Implies(sp.Gt(x, sp.Rational(1, 2)), sp.Gt(x, sp.Rational(1, 4))), PROVEN),
        (sp.Implies(sp.Gt(x, sp.Rational(1, 4)), sp.Gt(x, sp.Rational(1, 2))), REFUTED),
        (sp.Equivalent(sp.Gt(x, 2), sp.Gt(x**2, 4)), PROVEN),
        (sp.Equivalent(sp.Gt(x, sp.Rational(1, 2)), sp.Gt(x, sp.Rational(1, 4))), REFUTED),
        (sp.Eq(x, 2), REFUTED),
    ],
)
def test_combinations_of_relations(claim: sp.Basic, verdict: Verdict) -> None:
    assert certify(claim, RealRange(x, 0, 1)).verdict is verdict


@pytest.mark.parametrize(
    ("values", "true"),
    [
        ({first: -p, second: -2 * p}, False),  # the logarithms of |first| and |second| would say true
        ({first: -2 * p, second: -p}, True),
        ({first: p, second: 2 * p}, True),
        ({first: (1 - p) ** 3, second: 8 * (1 - p) ** 3}, False),
        ({first: sp.exp(-p), second: sp.exp(p)}, True),
    ],
)
def test_an_observable_is_compared_by_logarithms_only_where_it_is_positive(
    values: Mapping[sp.Symbol, sp.Expr], true: bool
) -> None:
    """Declared real, both values are compared as they are; declared positive, negative ones are an error."""
    real = {first: sp.Symbol("first", real=True), second: sp.Symbol("second", real=True)}
    side = RealRange(p, "3/2", 2)
    found = certify(sp.Lt(*real.values()), side, values={real[one]: value for one, value in values.items()})
    assert found.verdict is (PROVEN if true else REFUTED)
    declared = certify(sp.Lt(first, second), side, values=values)
    if all(value.subs(p, 2) > 0 for value in values.values()):
        assert declared.verdict is PROVEN
    else:
        assert declared.verdict is Verdict.ERROR
        assert "declared positive, but its value is [-" in declared.summary


def test_integers_alone_leave_nothing_to_bisect() -> None:
    found = certify(sp.Eq(sp.sin(n) ** 2 + sp.cos(n) ** 2, 1), IntegerRange(n, 2, 3))
    assert found.verdict is OPEN
    assert len(found.open_boxes) == 2


@pytest.mark.parametrize("boxes", [1, 2, 3, 4, 9])
def test_a_budget_is_kept_and_what_is_open_is_listed(boxes: int) -> None:
    found = certify(sp.Lt(x * (1 - x), sp.Rational(251, 1000)), RealRange(x, 0, 1), boxes=boxes)
    assert found.verdict is OPEN
    assert len(found.boxes[0].parts if found.boxes else ()) <= boxes
    assert found.open_boxes
    assert all("x in [" in one for one in found.open_boxes)
    assert "boxes" in (found.remedy or "")


@pytest.mark.parametrize("boxes", [1, 3, 40, 400])
def test_the_parts_cover_the_box_exactly(boxes: int) -> None:
    ranges = RealRange(p, "1/10", 4), RealRange(y, -1, 1)
    assumption = sp.Lt(y, sp.Rational(1, 2))
    claim = sp.Lt(p * y, sp.Rational(21, 10))
    with precision(64):
        problem = Problem([claim], [assumption], [variable(one) for one in ranges], {})
        outcome = subdivide(problem, boxes)
    assert outcome.counterexample is None
    areas = [math.prod(high - low for low, high in part.box) for part in outcome.parts]
    assert sum(areas) == (4 - Fraction(1, 10)) * 2
    assert len({part.box for part in outcome.parts}) == len(outcome.parts)
    for part in outcome.parts:
        if part.state == "outside":
            assert part.box[1][0] >= Fraction(1, 2)
        if part.state == "proven":
            assert part.box[0][1] * min(part.box[1][1], Fraction(1, 2)) < Fraction(21, 10)


def test_a_range_that_only_reaches_zero_neither_proves_a_strict_claim_nor_refutes_a_weak_one() -> None:
    below, above = (arb(-1), arb(0)), (arb(0), arb(1))
    weak, strict = (Leaf(sp.Ge(x, 0, evaluate=False), (Form(x),), kind, False) for kind in (False, True))
    assert weak.truth(below) is Truth.UNKNOWN
    assert weak.truth(above) is Truth.TRUE
    assert strict.truth(below) is Truth.FALSE
    assert strict.truth(above) is Truth.UNKNOWN


def test_a_tight_face_that_an_assumption_leaves_in_part_is_not_certified() -> None:
    """x y + y > y fails on x = 0 where y >= 3/2, though the middle of that face lies outside the assumption."""
    box = Parameters((RealRange(x, "0", "1"), RealRange(y, "1", "2")))
    claim = sp.Gt(x * y + y, y, evaluate=False)
    for bound in ("3/2", "8/5", "19/10"):
        statement = toy(
            claim,
            Certificate(("claim",), box),
            parameters=box,
            assumptions=(sp.Ge(y, sp.Rational(bound)),),
        )
        assert run_check(statement, statement.checks[0], BUDGET).verdict is not Verdict.CERTIFIED
