"""Plain floats: catches one that decides near a bound, a refinement that is not asked, a refutation by them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp
from flint import arb
from toy_statements import BUDGET, seen, toy, x

from verification import Evaluation, Evidence, Falsification, Statement, Verdict
from verification.parameters import Point
from verification.verify import run_check

CHECKS = (Evaluation, Falsification)


def observed(value: Any) -> Any:
    return lambda point, digits: {seen: value(point)}


def outcome(check: Any, claim: sp.Basic, observe: Any, **rest: Any) -> Evidence:
    statement: Statement = toy(claim, check(("claim",), observe, "measured", **rest), observed=True)
    return run_check(statement, statement.checks[0], BUDGET)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", [float, np.float64])
def test_a_float_near_a_bound_decides_nothing(check: Any, kind: Any) -> None:
    for offset in (1e-12, -1e-12, 0.0):
        found = outcome(check, sp.Le(seen, 2), observed(lambda point, offset=offset: kind(2 + offset)))
        assert found.verdict is Verdict.UNDECIDED, (offset, found.summary)


@pytest.mark.parametrize("check", CHECKS)
def test_floats_far_from_a_bound_agree_but_never_refute(check: Any) -> None:
    assert outcome(check, sp.Le(seen, 2), observed(lambda point: 1.9)).verdict is Verdict.CONSISTENT
    found = outcome(check, sp.Le(seen, 2), observed(lambda point: 2.1))
    assert found.verdict is Verdict.UNDECIDED
    assert "plain floats contradict it at x = " in found.summary
    assert found.remedy == "return balls, such as flint.arb(value, error), or give refine"
    assert found.witness is None
    balls = outcome(check, sp.Le(seen, 2), observed(lambda point: arb("2.1")))
    assert balls.verdict is Verdict.REFUTED
    assert "floats" not in balls.summary


@pytest.mark.parametrize("check", CHECKS)
def test_cancellation_in_floats_does_not_refute_a_true_claim(check: Any) -> None:
    """(1 + h - 1)/(2h) is 1/2; floats of it are off by 1e-4, which once refuted the claim."""

    def cancelled(point: Point) -> float:
        step = 1e-12 * float(point[x])
        return (1 + step - 1) / (2 * step)

    assert outcome(check, sp.Le(seen, sp.Rational(1, 2) + x / 10**9), observed(cancelled)).verdict is Verdict.UNDECIDED


def test_a_ball_that_refutes_is_not_hidden_by_floats_that_come_later() -> None:
    def mixed(point: Point) -> Any:
        return arb(3) if point[x] > 5 else 3.0

    assert outcome(Falsification, sp.Le(seen, 2), observed(mixed)).verdict is Verdict.REFUTED


@pytest.mark.parametrize("check", CHECKS)
def test_near_and_past_the_bound_balls_are_asked_in_the_place_of_floats(check: Any) -> None:
    asked = []

    def refine(point: Point, digits: int) -> Mapping[sp.Symbol, Any]:
        asked.append(digits)
        return {seen: arb(2)}

    for value in (2.0, 2.1):
        asked.clear()
        found = outcome(check, sp.Le(seen, 2), observed(lambda point, value=value: value), refine=refine)
        assert found.verdict is Verdict.CONSISTENT
        assert asked
        assert "floats" not in found.summary
    asked.clear()
    assert outcome(check, sp.Le(seen, 2), observed(lambda point: 1.0), refine=refine).verdict is Verdict.CONSISTENT
    assert not asked, "what floats show clearly costs no balls"


@pytest.mark.parametrize("check", CHECKS)
def test_integers_fractions_and_infinity_are_exact(check: Any) -> None:
    assert outcome(check, sp.Le(seen, 2), observed(lambda point: 2)).verdict is Verdict.CONSISTENT
    assert outcome(check, sp.Le(seen, 2), observed(lambda point: np.int64(2))).verdict is Verdict.CONSISTENT
    assert outcome(check, sp.Gt(seen, x), observed(lambda point: math.inf)).verdict is not Verdict.REFUTED
