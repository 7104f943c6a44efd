"""Certificates: catches a box "proven" with a hole in it, a refutation without a point, a tight claim that passes."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_statements import BUDGET, n, toy, x

from verification import (
    Certificate,
    Evidence,
    Falsification,
    IntegerRange,
    Parameters,
    RealRange,
    StatementError,
    Verdict,
)
from verification.failure import failure_lines
from verification.verify import run_check

BOX = Parameters((RealRange(x, "0.1", "0.9"),))
y = sp.Symbol("y", positive=True)
HUMP = x * (1 - x)  # at most 1/4, at x = 1/2


def certify(claim: sp.Basic, box: Parameters = BOX, boxes: int = BUDGET.boxes) -> Evidence:
    statement = toy(claim, Certificate(("claim",), box), parameters=box)
    return run_check(statement, statement.checks[0], replace(BUDGET, boxes=boxes))


def test_a_true_strict_inequality_is_proven_on_the_whole_box_by_subdivision() -> None:
    found = certify(sp.Lt(HUMP, Fraction(26, 100)))
    assert found.verdict is Verdict.CERTIFIED
    assert found.points > 1
    assert found.domain == "x in [0.1, 0.9]"
    assert found.remedy is found.witness is None


def test_a_false_inequality_is_refuted_with_a_point_of_the_box() -> None:
    found = certify(sp.Lt(HUMP, Fraction(24, 100)))
    assert found.verdict is Verdict.REFUTED
    assert found.witness is not None
    point = Fraction(found.witness["x"])
    assert Fraction(1, 10) <= point <= Fraction(9, 10)
    assert point * (1 - point) >= Fraction(24, 100)
    assert found.worst_residual is not None
    assert 0 < found.worst_residual < 0.05


def test_a_tight_inequality_is_undecided_however_large_the_budget() -> None:
    for boxes in (10, 100, 400):
        found = certify(sp.Le(HUMP, Fraction(1, 4)), boxes=boxes)
        assert found.verdict is Verdict.UNDECIDED
        assert "boxes" in (found.remedy or "")
        assert "left" in found.summary
        assert found.open_boxes
        assert all(box.startswith("x in [") for box in found.open_boxes)
        lines = failure_lines(found)
        assert f"  left: {found.open_boxes[0]}" in lines
        assert len(lines) <= 5


def test_a_budget_that_is_too_small_is_undecided_and_a_larger_one_decides() -> None:
    claim = sp.Lt(HUMP, Fraction(251, 1000))
    verdicts = [certify(claim, boxes=boxes).verdict for boxes in (1, 4, 16, 64, 256)]
    assert verdicts[0] is Verdict.UNDECIDED
    assert verdicts[-1] is Verdict.CERTIFIED
    assert verdicts == sorted(verdicts, key=[Verdict.UNDECIDED, Verdict.CERTIFIED].index)


@settings(max_examples=60)
@given(st.fractions(Fraction(1, 10), Fraction(4, 10), max_denominator=1000))
def test_certified_and_refuted_are_always_right(level: Fraction) -> None:
    verdict = certify(sp.Lt(HUMP, sp.Rational(level.numerator, level.denominator))).verdict
    assert verdict is not (Verdict.REFUTED if level > Fraction(1, 4) else Verdict.CERTIFIED)


def test_a_violation_in_a_corner_of_the_box_is_never_certified() -> None:
    """x + y <= c fails only near (2, 2); the thinner the corner, the more boxes it takes, but it never passes."""
    square = Parameters((RealRange(x, "1", "2"), RealRange(y, "1", "2")))
    verdicts = [certify(sp.Le(x + y, 4 - Fraction(1, 10**k)), square).verdict for k in range(1, 7)]
    assert Verdict.CERTIFIED not in verdicts
    assert verdicts[0] is Verdict.REFUTED
    assert certify(sp.Lt(x + y, 4 + Fraction(1, 10**6)), square).verdict is Verdict.CERTIFIED


def test_every_choice_of_the_integers_is_enumerated() -> None:
    box = Parameters((IntegerRange(n, 2, 6), RealRange(x, "0.5", "2")))
    bernoulli = sp.Gt((1 + x) ** n, 1 + n * x)
    assert certify(bernoulli, box).verdict is Verdict.CERTIFIED
    beyond = Parameters((IntegerRange(n, 1, 6), RealRange(x, "0.5", "2")))
    assert certify(bernoulli, beyond).verdict is Verdict.REFUTED  # equality at n = 1
    found = certify(sp.Lt(2**n, 64), Parameters((IntegerRange(n, 2, 6),)))
    assert (found.verdict, found.witness) == (Verdict.REFUTED, {"n": "6"})
    assert certify(sp.Lt(2**n, 65), Parameters((IntegerRange(n, 2, 6),))).verdict is Verdict.CERTIFIED


def test_a_box_over_many_decades_is_bisected_in_the_logarithm() -> None:
    box = Parameters((RealRange(x, "1e-4", "1e4"),))
    assert certify(sp.Gt(x + 1 / x, Fraction(19, 10)), box).verdict is Verdict.CERTIFIED
    found = certify(sp.Gt(x + 1 / x, Fraction(21, 10)), box)
    assert found.verdict is Verdict.REFUTED
    assert math.isclose(float(Fraction((found.witness or {})["x"])), 1, abs_tol=0.4)


def test_all_clauses_are_proven_together() -> None:
    both = {"low": sp.Gt(HUMP, Fraction(8, 100)), "high": sp.Lt(HUMP, Fraction(26, 100))}
    statement = toy(both, Certificate(("low", "high"), BOX), parameters=BOX)
    assert run_check(statement, statement.checks[0], BUDGET).verdict is Verdict.CERTIFIED
    obvious = {"low": sp.Gt(x, Fraction(1, 20))}
    one_false = toy(obvious | {"high": sp.Lt(HUMP, Fraction(2, 10))}, Certificate(("low", "high"), BOX), parameters=BOX)
    assert run_check(one_false, one_false.checks[0], BUDGET).verdict is Verdict.REFUTED


def test_equality_is_never_certified_on_a_box() -> None:
    found = certify(sp.Eq((x + 1) ** 2, x**2 + 2 * x + 1))
    assert found.verdict is Verdict.UNDECIDED


def test_a_symbol_outside_the_box_is_refused_and_named() -> None:
    wide = Parameters((*BOX.ranges, RealRange(y, "1", "2")))
    with pytest.raises(StatementError, match="toy: certificate check: y is not in its box; add a range, or quantities"):
        toy(sp.Lt(x, y + 9), Certificate(("claim",), BOX), parameters=wide)


def test_a_range_with_oo_itself_and_a_claim_that_intervals_cannot_evaluate_are_refused() -> None:
    endless = Parameters((RealRange(x, "1", "inf", infinity=True),))
    with pytest.raises(StatementError, match="the range of x includes oo itself; write high='inf' instead"):
        toy(sp.Gt(x, sp.Rational(1, 2)), Certificate(("claim",), endless), parameters=endless)
    # Balls can evaluate re(z), intervals over boxes cannot.
    z = sp.Symbol("z")
    domain = Parameters((RealRange(z, "1", "2"),))
    claim = sp.Gt(sp.re(z), 0)
    assert toy(claim, Falsification(("claim",)), parameters=domain)
    with pytest.raises(
        StatementError, match=r"certificate check: intervals cannot evaluate re\(z\); use rationals, sym"
    ):
        toy(claim, Certificate(("claim",), domain), parameters=domain)
