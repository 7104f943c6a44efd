"""The limit of a flow as observables: catches a ball that is too narrow, and an answer that the error could change."""

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp
from toy_statements import BUDGET, x

from numerics import FlowLimit, MatrixCompletion, StopReason, flow_limit, identity_layers, layer_shapes
from verification import (
    Clause,
    Evidence,
    Parameters,
    RealRange,
    Statement,
    Trajectory,
    Verdict,
    limit_observation,
    singular_value,
)
from verification.verify import run_check

seen = sp.Symbol("seen", real=True)


def flow(targets: tuple[float, float] = (1.0, 0.5), **options: int) -> FlowLimit:
    """Identity layers stay diagonal, so the limit is the diagonal matrix of the targets."""
    problem = MatrixCompletion(np.eye(2), np.diag(targets))
    return flow_limit(problem, identity_layers(layer_shapes(2, 2, depth=2), 0.1), **options)


def with_error(error: float) -> FlowLimit:
    found = flow()
    return FlowLimit(np.diag([1.0, 0.5]), error, found.flow)


def test_singular_values_are_balls_as_wide_as_the_error() -> None:
    found = flow()
    (values,) = limit_observation(found).snapshots
    assert set(values) == {singular_value(1), singular_value(2)}
    for symbol, exact in ((singular_value(1), 1.0), (singular_value(2), 0.5)):
        assert values[symbol].contains(exact)
        assert found.error <= float(values[symbol].rad()) <= 1.001 * found.error


@pytest.mark.parametrize(
    ("function", "lipschitz"),
    [
        (lambda matrix: np.trace(matrix), np.sqrt(2)),
        (lambda matrix: 3 * np.linalg.norm(matrix), 3.0),
        (lambda matrix: matrix[0, 0] ** 2 - matrix[1, 0], np.sqrt(5)),
        (lambda matrix: 7.0, 0.0),
    ],
)
def test_a_measured_number_moves_as_far_as_the_error_can_move_it(
    function: Callable[[np.ndarray], float], lipschitz: float
) -> None:
    error = 1e-3
    (values,) = limit_observation(with_error(error), {seen: function}).snapshots
    radius = float(values[seen].rad())
    assert values[seen].contains(float(function(np.diag([1.0, 0.5]))))
    assert lipschitz * error <= radius * 1.001
    assert radius <= 2.01 * lipschitz * error + 1e-12


def test_an_answer_that_the_error_could_change_is_undecided() -> None:
    above = {seen: lambda matrix: matrix[1, 1] > 0.499}
    (certain,) = limit_observation(with_error(1e-4), above).snapshots
    assert certain[seen] == 1
    (open_,) = limit_observation(with_error(1e-2), above).snapshots
    assert open_[seen].contains(0)
    assert open_[seen].contains(1)


def judged(claim: sp.Basic, limit: Callable[[], FlowLimit]) -> Evidence:
    """The evidence of a trajectory check for a claim on the limit."""
    measure = {seen: lambda matrix: abs(matrix[0, 1]) < 0.1}
    domain = Parameters((RealRange(x, "1", "10"),))
    statement = Statement(
        id="limit",
        title="the limit",
        parameters=domain,
        clauses=(Clause("claim", "about the limit", claim),),
        observables=dict.fromkeys((singular_value(1), singular_value(2), seen), "measured"),
        checks=(Trajectory(("claim",), lambda point: limit_observation(limit(), measure), "flows", domain),),
    )
    return run_check(statement, statement.checks[0], BUDGET)


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        (sp.Le(singular_value(2), sp.Rational(2, 3) * singular_value(1)), Verdict.CONSISTENT),
        (sp.Le(singular_value(2), sp.Rational(1, 3) * singular_value(1)), Verdict.REFUTED),
        (sp.Eq(singular_value(1), 2 * singular_value(2)), Verdict.CONSISTENT),
        (sp.Eq(seen, 1), Verdict.CONSISTENT),
        (sp.Eq(seen, 0), Verdict.REFUTED),
    ],
)
def test_claims_on_the_limit(claim: sp.Basic, verdict: Verdict) -> None:
    assert judged(claim, flow).verdict is verdict


@pytest.mark.parametrize("claim", [sp.Le(singular_value(2), 10**6), sp.Eq(seen, 1), sp.Eq(seen, 0)])
def test_a_flow_that_did_not_converge_is_never_compared(claim: sp.Basic) -> None:
    stopped = flow(max_steps=3)
    assert stopped.flow.reason is not StopReason.CONVERGED
    evidence = judged(claim, lambda: stopped)
    assert evidence.verdict is Verdict.UNDECIDED
    assert evidence.points == 0
    # Nor when only the coarser of the two runs failed.
    half = FlowLimit(stopped.matrix, np.inf, flow().flow)
    assert judged(claim, lambda: half).verdict is Verdict.UNDECIDED
