"""How far a flow from a small start is from the greedy stage that it follows, and by how much it lags behind; float64.

Notation
    Symmetric f, U(0) = alpha U_0; the flow's first stage against the first stage of greedy low-rank learning, whose
    time is such that its column is e^(mu_1 t) u_1 at first. The flow is shifted by (1/(2 mu_1)) log(1/<u_1, W(0) u_1>).
Source
    Li, Luo & Lyu 2021, arXiv:2012.09839 (reconstructed).
"""

from collections.abc import Sequence

import numpy as np

from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, end_to_end
from numerics.gradient_flow import GradientFlow, StopReason, integrate
from numerics.greedy import Stage
from numerics.infinitesimal_flow import InfinitesimalFlow, Outcome

_TOLERANCE = 1e-12
_STOPPED = {
    Outcome.MINIMUM: StopReason.CONVERGED,
    Outcome.NO_COLUMNS: StopReason.STATIONARY,
    Outcome.NOT_SETTLED: StopReason.STEPS,
    Outcome.RANKS: StopReason.STATIONARY,
}


def stop_reason(outcomes: Sequence[Outcome]) -> StopReason:
    """Why the first path that reached no minimum stopped, in the words of a flow; converged when all did."""
    worst = next((one for one in outcomes if one is not Outcome.MINIMUM), Outcome.MINIMUM)
    return _STOPPED[worst]


def stage_distance(flow: InfinitesimalFlow, stage: Stage, times: Sequence[float]) -> float:
    """The largest |W(t + time_shift) - W_stage(t)|_F over the times t of the stage.

    Heuristic: between the times the distance may be larger. Raises ArgumentError for times before the flow's start.
    """
    return max(float(np.linalg.norm(flow.matrix(time + flow.time_shift) - stage.matrix(time))) for time in times)


def measured_lag(problem: MatrixCompletion, start: np.ndarray, stage: Stage) -> tuple[float, GradientFlow]:
    """By how much the flow from U(0) = `start` (n x k) lags behind the stage, from a direct integration.

    The difference of the times at which <u_1, W u_1> passes half of its value at the stage's end; the flow is that of
    the layers W_1 = U^T, W_2 = U, which stay transposes of each other and move by the same equation. Also returns the
    flow. Raises ArgumentError when it does not pass that value.
    """
    direction = stage.start.escape_direction
    half = 0.5 * float(np.sum((direction @ stage.end.factor) ** 2))

    def grown(matrix: np.ndarray) -> float:
        return float(direction @ matrix @ direction) - half

    flow = integrate(problem, [start.T, start], relative_tolerance=_TOLERANCE)
    passed = np.flatnonzero(np.einsum("i,tij,j->t", direction, flow.products, direction) > half)
    if not passed.size or passed[0] == 0:
        raise ArgumentError("start", "one whose flow does not pass half of the stage's end", "a small start")
    before = int(passed[0]) - 1
    layers = [layer[before] for layer in flow.layers]

    def later(elapsed: float) -> float:
        if elapsed == 0:
            return grown(end_to_end(layers))
        return grown(integrate(problem, layers, relative_tolerance=_TOLERANCE, max_time=elapsed).products[-1])

    from scipy.optimize import brentq  # a tenth of a second that only this needs

    gap = float(flow.times[passed[0]] - flow.times[before])
    flow_time = float(flow.times[before]) + float(brentq(later, 0.0, gap, xtol=1e-13))
    ahead = stage.path.times[np.array([grown(factor @ factor.T) > 0 for factor in stage.path.factors])]
    stage_time = float(brentq(lambda time: grown(stage.matrix(time)), stage.path.begin, ahead[0], xtol=1e-13))
    return flow_time - stage_time, flow
