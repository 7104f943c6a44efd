"""Sampled checks on hand-made statements: catches a check that cannot fail, passes undecided, or hides a witness."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp
from flint import arb, ctx
from toy_statements import BUDGET, DOMAIN, n, nothing, seen, toy, x

from numerics import BlockFamily, StopReason, initial_layers, integrate, problem
from numerics.balls import ball
from verification import (
    Evaluation,
    Evidence,
    Falsification,
    IntegerRange,
    Observation,
    Parameters,
    RealRange,
    Statement,
    Trajectory,
    Verdict,
)
from verification.parameters import Point
from verification.verify import run_check

SAMPLERS = (Evaluation, Falsification)


def root(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
    """sqrt(x) by exp and log: no formula shared with the claim."""
    return {seen: (ball(point[x]).log() / 2).exp()}


def vague(_point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
    return {seen: arb(2, 2)}


def outcome(statement: Statement) -> Evidence:
    """The evidence of the last check."""
    return run_check(statement, statement.checks[-1], BUDGET)


@pytest.mark.parametrize("check", SAMPLERS)
class TestSampledChecks:
    def test_a_true_equation_is_consistent_and_never_proved(self, check: Any) -> None:
        found = outcome(toy(sp.Eq(seen, sp.sqrt(x)), check(("claim",), root, "exp and log"), observed=True))
        assert found.verdict is Verdict.CONSISTENT
        assert found.kind in {"evaluation", "falsification"}
        assert 0 < found.points <= BUDGET.examples
        assert found.worst_residual is not None
        assert found.worst_residual < 10.0 ** -(found.digits or 0)
        assert found.worst_point is not None
        assert set(found.worst_point) == {"x"}
        assert found.bits is not None
        assert found.bits > 3 * (found.digits or 0)
        assert found.witness is found.remedy is None
        assert found.domain == "x in [1, 10]"
        assert "sympy" in found.versions

    def test_a_false_equation_is_refuted_with_point_observable_and_residual(self, check: Any) -> None:
        def wrong(point: Point, digits: int) -> Mapping[sp.Symbol, Any]:
            return {seen: root(point, digits)[seen] * ball(1 + Fraction(1, 10**9))}

        found = outcome(toy(sp.Eq(seen, sp.sqrt(x)), check(("claim",), wrong, "exp and log"), observed=True))
        assert found.verdict is Verdict.REFUTED
        assert found.witness is not None
        assert set(found.witness) == {"x", "seen"}
        assert DOMAIN.contains({x: Fraction(found.witness["x"])})
        assert found.worst_residual == pytest.approx(1e-9, rel=1e-3)
        assert found.worst_point == found.witness
        assert found.clauses == ("claim",)

    def test_a_false_inequality_is_refuted_where_it_is_false(self, check: Any) -> None:
        found = outcome(toy(sp.Lt(x**2, 20), check(("claim",), nothing, "powers")))
        assert found.verdict is Verdict.REFUTED
        assert found.witness is not None
        assert Fraction(found.witness["x"]) ** 2 >= 20

    def test_only_the_clauses_that_the_witness_violates_are_refuted(self, check: Any) -> None:
        claims = {"true": sp.Gt(x, Fraction(1, 2)), "false": sp.Lt(x, 3), "also-true": sp.Lt(x, 11)}
        found = outcome(toy(claims, check(("true", "false", "also-true"), nothing, "order")))
        assert (found.verdict, found.clauses) == (Verdict.REFUTED, ("false",))

    def test_points_outside_the_assumptions_are_not_judged(self, check: Any) -> None:
        judged = []

        def watch(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
            judged.append(point[x])
            return {}

        claim = sp.Gt(x, 2)
        found = outcome(toy(claim, check(("claim",), watch, "order"), assumptions=(sp.Gt(x, 2),)))
        assert found.verdict is Verdict.CONSISTENT
        assert judged
        assert min(judged) > 2
        assert outcome(toy(claim, check(("claim",), nothing, "order"))).verdict is Verdict.REFUTED

    def test_no_admitted_point_is_vacuous(self, check: Any) -> None:
        low = Parameters((RealRange(x, "1", "2"),))
        found = outcome(toy(sp.Gt(x, 5), check(("claim",), nothing, "order", domain=low), assumptions=(sp.Gt(x, 5),)))
        assert (found.verdict, found.points, found.witness) == (Verdict.VACUOUS, 0, None)
        assert found.verdict.failed

    @pytest.mark.parametrize(
        "claim", [sp.Eq(seen, 2), sp.Lt(seen, 2), sp.Ge(seen, 3), sp.Equivalent(sp.Gt(seen, 2), sp.Gt(x, 5))]
    )
    def test_balls_that_stay_wide_are_undecided_with_a_remedy(self, check: Any, claim: sp.Basic) -> None:
        found = outcome(toy(claim, check(("claim",), vague, "a guess"), observed=True))
        assert found.verdict is Verdict.UNDECIDED
        assert not found.verdict.passed
        assert found.remedy
        assert found.points > 0

    def test_points_that_stay_open_are_counted_aloud(self, check: Any) -> None:
        def sometimes(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
            return {seen: arb(0, 1) if point[x] > 5 else arb(1)}

        found = outcome(toy(sp.Gt(seen, 0), check(("claim",), sometimes, "a guess"), observed=True))
        assert found.axes == ("x",)
        assert len(found.samples) == found.points
        assert {sample.truth for sample in found.samples} == {"true", "unknown"}
        if check is Evaluation:  # an evaluation claims every point of its grid
            assert found.verdict is Verdict.UNDECIDED
            assert "could not be decided" in found.summary
        else:
            assert found.verdict is Verdict.CONSISTENT
            assert "stayed open" in found.summary

    def test_precision_is_raised_until_the_balls_decide(self, check: Any) -> None:
        """1 + 10^-90 > 1 needs far more bits than the digits asked for."""
        asked = []

        def close(_point: Point, digits: int) -> Mapping[sp.Symbol, Any]:
            asked.append((digits, ctx.prec))
            return {seen: ball(1 + Fraction(1, 3 * 10**90))}

        found = outcome(toy(sp.Gt(seen, 1), check(("claim",), close, "a fraction"), observed=True))
        assert found.verdict is Verdict.CONSISTENT
        digits, bits = zip(*asked, strict=True)
        assert max(digits) >= 2 * min(digits)
        assert max(bits) >= 2 * min(bits)
        assert outcome(toy(sp.Gt(1, seen), check(("claim",), close, "a fraction"), observed=True)).verdict.failed

    def test_an_exception_becomes_an_error_that_says_what_it_was(self, check: Any) -> None:
        def broken(_point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
            raise ArithmeticError("the abacus fell over")

        found = outcome(toy(sp.Gt(x, 2), check(("claim",), broken, "an abacus")))
        assert found.verdict is Verdict.ERROR
        assert found.summary == "ArithmeticError: the abacus fell over"
        assert found.clauses == ("claim",)
        assert found.verdict.failed


def test_evaluation_uses_the_grid_of_its_budget_and_its_own_digits() -> None:
    statement = toy(
        sp.Eq(seen, sp.sqrt(x)),
        Evaluation(("claim",), root, "exp and log", digits=33),
        Evaluation(("claim",), root, "exp and log"),
        observed=True,
    )
    found = [run_check(statement, check, BUDGET) for check in statement.checks]
    assert [one.digits for one in found] == [33, BUDGET.digits]
    assert [one.points for one in found] == [len(list(DOMAIN.grid(BUDGET.points)))] * 2


def test_evaluation_stops_at_the_first_counterexample() -> None:
    calls = []

    def watch(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
        calls.append(point)
        return {}

    assert outcome(toy(sp.Gt(x, 100), Evaluation(("claim",), watch, "order"))).verdict is Verdict.REFUTED
    assert len(calls) == 1


def test_agreement_to_fewer_digits_than_asked_is_undecided() -> None:
    def six_digits(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
        return {seen: arb(float(point[x]), 1e-7)}

    verdicts = {
        digits: outcome(toy(sp.Eq(seen, x), Evaluation(("claim",), six_digits, "floats", digits=digits), observed=True))
        for digits in (4, 12)
    }
    assert verdicts[4].verdict is Verdict.CONSISTENT
    assert verdicts[12].verdict is Verdict.UNDECIDED


def drawn(seed: int, **fields: Any) -> list[tuple]:
    points = []

    def watch(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
        points.append(tuple(point.values()))
        return {}

    domain = Parameters((RealRange(x, "1e-3", "1e3"), IntegerRange(n, 1, 10**4)))
    statement = toy(
        sp.Gt(x, -n, evaluate=False), Falsification(("claim",), watch, "order", **fields), parameters=domain
    )
    budget = type(BUDGET)(**(vars(BUDGET) | {"seed": seed}))
    assert run_check(statement, statement.checks[0], budget).seed == seed
    return points


def test_falsification_draws_the_same_points_for_one_seed_and_others_for_another() -> None:
    first = drawn(1)
    assert first == drawn(1)
    assert set(first) != set(drawn(2))
    assert len(set(first)) > BUDGET.examples // 2


def test_falsification_of_flows_is_limited_by_its_own_budget() -> None:
    assert len(drawn(1)) <= BUDGET.examples
    assert len(drawn(1, flows=True)) <= BUDGET.flow_examples < len(drawn(1))


def test_falsification_replays_from_its_witness() -> None:
    """The witness is a point of the domain at which the claim is false, whatever was shrunk on the way."""
    one_decade = Parameters((RealRange(x, "1", "9.99"),))
    found = outcome(toy(sp.Lt(x**3, 30), Falsification(("claim",), nothing, "cubes"), parameters=one_decade))
    assert found.witness is not None
    value = Fraction(found.witness["x"])
    assert value**3 >= 30
    assert (value - Fraction(1, 100)) ** 3 < 30  # the next smaller one of three digits is no counterexample
    assert value == Fraction("3.11")


def moments(*values: Any) -> list[Mapping[sp.Symbol, Any]]:
    return [{seen: value} for value in values]


BELOW = sp.Lt(seen, x)


def trajectory(observe: Any, claim: sp.Basic = BELOW, **rest: Any) -> Evidence:
    return outcome(toy(claim, Trajectory(("claim",), observe, "a flow", DOMAIN), observed=True, **rest))


def test_trajectory_success_counts_every_moment() -> None:
    found = trajectory(lambda point: Observation(moments(arb(0.5), arb(0.25)), StopReason.CONVERGED))
    assert (found.verdict, found.points) == (Verdict.CONSISTENT, 2 * BUDGET.trajectories)


def test_trajectory_refutes_at_one_moment_and_stops() -> None:
    seen_points = []

    def observe(point: Point) -> Observation:
        seen_points.append(point)
        return Observation(moments(arb(0.5), arb(20), arb(0.5)), StopReason.CONVERGED)

    found = trajectory(observe)
    assert found.verdict is Verdict.REFUTED
    assert found.witness is not None
    assert found.witness["seen"].startswith("20")
    assert len(seen_points) == 1


UNFINISHED = [reason for reason in StopReason if reason is not StopReason.CONVERGED]


@pytest.mark.parametrize("reason", UNFINISHED)
@pytest.mark.parametrize("value", [0.5, 20.0])
def test_a_trajectory_that_did_not_converge_is_never_compared(reason: StopReason, value: float) -> None:
    """Neither for the claim (0.5) nor against it (20)."""
    found = trajectory(lambda _point: Observation(moments(arb(value)), reason))
    assert (found.verdict, found.points, found.witness) == (Verdict.UNDECIDED, 0, None)
    assert found.worst_residual is None
    assert found.remedy


def test_trajectories_that_did_not_converge_are_counted_beside_those_that_did() -> None:
    def observe(point: Point) -> Observation:
        late = point[x] > 3
        return Observation(moments(arb(20.0 if late else 0.5)), StopReason.STEPS if late else StopReason.CONVERGED)

    found = trajectory(observe)
    late = sum(point[x] > 3 for point in DOMAIN.grid(BUDGET.trajectories))
    assert 0 < late < BUDGET.trajectories
    assert (found.verdict, found.points) == (Verdict.CONSISTENT, BUDGET.trajectories - late)
    assert f"{late} more points stayed open" in found.summary


def test_trajectory_is_undecided_within_its_own_error_and_vacuous_without_points() -> None:
    wide = trajectory(lambda _point: Observation(moments(arb(5, 5)), StopReason.CONVERGED))
    assert wide.verdict is Verdict.UNDECIDED
    never = trajectory(
        lambda _point: Observation(moments(arb(20)), StopReason.CONVERGED), assumptions=(sp.Gt(x, Fraction(99, 10)),)
    )
    assert (never.verdict, never.points) == (Verdict.VACUOUS, 0)


def test_trajectory_equations_agree_only_within_a_narrow_error() -> None:
    def observe(error: float) -> Any:
        return lambda point: Observation([{seen: ball(point[x]) + arb(0, error)}], StopReason.CONVERGED)

    equal = sp.Eq(seen, x)
    assert trajectory(observe(1e-9), equal).verdict is Verdict.CONSISTENT
    assert trajectory(observe(1e-3), equal).verdict is Verdict.UNDECIDED
    assert trajectory(observe(1e-9), sp.Eq(seen, x * (1 + Fraction(1, 10**6)))).verdict is Verdict.REFUTED


@pytest.mark.parametrize(("steps", "expected"), [(3, Verdict.UNDECIDED), (20_000, Verdict.CONSISTENT)])
def test_a_real_flow_counts_only_once_it_has_converged(steps: int, expected: Verdict) -> None:
    """m = oo: sigma_1 = w* at the limit, and far from it after three steps."""

    def observe(point: Point) -> Observation:
        family = BlockFamily(3, 2, 1, point[x], "0.3", "inf")
        flow = integrate(problem(family), initial_layers(family), max_steps=steps)
        return Observation([{seen: arb(flow.singular_values[-1, 0], 1e-6)}], flow.reason)

    found = outcome(
        toy(
            sp.Eq(seen, x),
            Trajectory(("claim",), observe, "the matrix flow", DOMAIN, digits=4),
            observed=True,
        )
    )
    assert found.verdict is expected
