"""Greedy low-rank learning at depth L >= 3, and flows from W_l(0) = alpha I, in the spectrum of M = W^(2/L).

Notation
    Balanced layers with a symmetric positive semidefinite product W = M^(L/2) move as dM/dt = G W + W G,
    G = -grad f(W) (deep-symmetric-flow). M = Q diag(e^s) Q^T, Q (n x k) with orthonormal columns; C = Q^T G Q, w_i =
    e^(L s_i/2):
        ds_i/dt = 2 C_ii e^((L/2-1) s_i),
        dQ/dt = Q S + (1 - Q Q^T) G Q diag(w/e^s),  S_ij = C_ij (w_i + w_j)/(e^s_j - e^s_i).
    So eigenvalues of any ratio keep their relative accuracy.
Implementation notes
    Near a critical point G is constant, and the small part of M obeys a homogeneous equation: a plateau, integrated in
    the time in which its largest eigenvalue grows exponentially. Times are counted from the beginning of each phase,
    for on a plateau they grow like alpha^-(L-2). Eigenvalues closer to each other than 1e-7 of their size no longer
    turn: 1/(a - b) is softened there, for rounding errors would turn them at any speed. float64 and heuristic.
Source
    Li, Luo & Lyu 2021, arXiv:2012.09839, Section 6 (reconstructed).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from numerics.errors import ArgumentError
from numerics.exact import integer, positive
from numerics.infinitesimal_flow import Outcome, require_tolerance
from numerics.integration_steps import accepted_steps
from numerics.objective import Objective, require_symmetric
from numerics.saddles import CriticalPoint, critical_point, natural_size

_LEFT = 1e-9  # of the size W will get: where a plateau ends
_ACTIVE = 1e-12
_SETTLED = 0.1  # of the slowest escape that counts
_TOLERANCE = 1e-11
_EQUAL = 1e-7
_NEAR = 0.1  # of a logarithm: how far from its end a plateau may be left
_MOST_STEPS = 6_000
_DEEPEST = 16


@dataclass(frozen=True)
class DeepPhase:
    """A plateau or a climb: times from its beginning (T,), end-to-end matrices (T, n, n), and log eigenvalues (T, k).

    log_values: logarithms of the eigenvalues of W, in no order, also of those far below rounding in `matrices`.
    """

    times: np.ndarray
    matrices: np.ndarray
    log_values: np.ndarray


@dataclass(frozen=True)
class DeepPath:
    """A flow or a greedy path at depth L >= 3: its phases, the critical points from W = 0 on, the limit, the outcome.

    starts: when each phase begins, (P,); the limit is W at the end (n x n).
    """

    phases: tuple[DeepPhase, ...]
    points: tuple[CriticalPoint, ...]
    limit: np.ndarray
    outcome: Outcome

    @property
    def starts(self) -> np.ndarray:
        """When each phase begins (P,); for flows alone, since each stage of a greedy path has its own clock."""
        return np.concatenate([[0.0], np.cumsum([phase.times[-1] for phase in self.phases])])[:-1]


@dataclass(frozen=True)
class _Spectrum:
    """M = basis diag(e^logs) basis^T at depth `depth`."""

    basis: np.ndarray
    logs: np.ndarray
    depth: int

    @property
    def log_values(self) -> np.ndarray:
        """Logarithms of the eigenvalues of W = M^(L/2)."""
        return 0.5 * self.depth * self.logs

    @property
    def matrix(self) -> np.ndarray:
        """W."""
        return (self.basis * np.exp(self.log_values)) @ self.basis.T

    def part(self, kept: np.ndarray) -> "_Spectrum":
        """Some of the eigenvalues with their eigenvectors."""
        return _Spectrum(self.basis[:, kept], self.logs[kept], self.depth)


def deep_flow(
    f: Objective, depth: int, alpha: object, *, tolerance: float = 1e-6, max_steps: int = _MOST_STEPS
) -> DeepPath:
    """Gradient flow of the depth-L network from W_l(0) = alpha I, W(0) = alpha^L I, to its limit.

    f: convex, of symmetric n x n matrices; depth: 3 to 16; alpha: positive, alpha^L at least 1e-305. The flow ends at
    a critical point with lambda_max(-grad f) <= tolerance times its value at W = 0, or, where no eigenvalue is positive
    there, shrinks towards it. W stays symmetric, as in exact arithmetic; where -grad f has negative eigenvalues of
    large size, rounding may drive an integration of the layers away from such matrices. Heuristic. Raises
    ArgumentError.
    """
    require_symmetric(f)
    layers = _depth(depth)
    require_tolerance("tolerance", tolerance)
    integer("max_steps", max_steps, minimum=1)
    scale = positive("alpha", alpha)
    if not Fraction("1e-305") <= scale**layers <= 10**100:
        raise ArgumentError("alpha", alpha, f"within 1e-305 and 1e100 when raised to the depth {layers}")
    point = critical_point(f, np.zeros((f.shape[0], 0)))
    small = _Spectrum(point.directions, np.full(f.shape[0], 2 * np.log(float(scale))), layers)
    if point.escape_rate <= 0:
        return _shrunk(f, point, small, tolerance, max_steps)
    slowest, steps = tolerance * point.escape_rate, 0
    points, phases = [point], list[DeepPhase]()
    while point.escape_rate > slowest:
        size = natural_size(f, point)
        phase, left = _plateau(point, small, np.log(_LEFT * size) * 2 / layers)
        phases.append(phase)
        whole = _beside(point, left)
        threshold = np.log(_ACTIVE * size)
        phase, end, settled = _climb(f, whole, threshold, slowest, max_steps - steps)
        phases.append(phase)
        steps += len(phase.times)
        if not settled:
            return DeepPath(tuple(phases), tuple(points), end.matrix, Outcome.NOT_SETTLED)
        active = end.log_values > threshold
        small = end.part(~active)
        point = _finished(f, end.part(active))
        points.append(point)
        if not small.logs.size and point.escape_rate > slowest:
            return DeepPath(tuple(phases), tuple(points), point.matrix, Outcome.NO_COLUMNS)
    return DeepPath(tuple(phases), tuple(points), point.matrix + small.matrix, Outcome.MINIMUM)


def deep_glrl(
    f: Objective,
    depth: int,
    *,
    eps: object = "1e-9",
    tolerance: float = 1e-6,
    max_rank: int | None = None,
    max_steps: int = _MOST_STEPS,
) -> DeepPath:
    """GLRL with the flow of M = W^(2/L): each stage appends eps c u u^T to W, c the size it will reach. Heuristic.

    One phase a stage. Arguments as for `numerics.greedy.glrl_symmetric`, depth 3 to 16. Raises ArgumentError.
    """
    require_symmetric(f)
    layers = _depth(depth)
    require_tolerance("tolerance", tolerance)
    integer("max_steps", max_steps, minimum=1)
    small = positive("eps", eps)
    if not Fraction("1e-15") <= small <= Fraction("1e-3"):
        raise ArgumentError("eps", eps, "within 1e-15 and 1e-3")
    most = f.shape[0] if max_rank is None else integer("max_rank", max_rank, minimum=1)
    point = critical_point(f, np.zeros((f.shape[0], 0)))
    slowest = tolerance * max(point.escape_rate, 0.0)
    points, phases = [point], list[DeepPhase]()
    while point.escape_rate > slowest:
        if point.rank >= most:
            return DeepPath(tuple(phases), tuple(points), point.matrix, Outcome.RANKS)
        size = float(small) * natural_size(f, point)
        added = _Spectrum(point.escape_direction[:, None], np.array([2 / layers * np.log(size)]), layers)
        phase, end, settled = _climb(f, _beside(point, added), np.log(0.1 * size), slowest, max_steps)
        phases.append(phase)
        if not settled:
            return DeepPath(tuple(phases), tuple(points), end.matrix, Outcome.NOT_SETTLED)
        point = _finished(f, end)
        points.append(point)
    return DeepPath(tuple(phases), tuple(points), point.matrix, Outcome.MINIMUM)


def _depth(depth: int) -> int:
    layers = integer("depth", depth, minimum=3)
    if layers > _DEEPEST:
        raise ArgumentError("depth", depth, f"at most {_DEEPEST}")
    return layers


def _shrunk(f: Objective, zero: CriticalPoint, start: _Spectrum, tolerance: float, max_steps: int) -> DeepPath:
    """The flow when W = 0 minimises f: integrated until it has settled, or has shrunk to 1e-12 of its start."""
    slowest = tolerance * float(np.linalg.norm(f.gradient(start.matrix), 2))
    threshold = np.log(_ACTIVE) + float(start.log_values.max())
    phase, end, settled = _climb(f, start, threshold, slowest, max_steps)
    return DeepPath((phase,), (zero,), end.matrix, Outcome.MINIMUM if settled else Outcome.NOT_SETTLED)


def _finished(f: Objective, spectrum: _Spectrum) -> CriticalPoint:
    return critical_point(f, spectrum.basis * np.exp(0.5 * spectrum.log_values))


def _beside(point: CriticalPoint, small: _Spectrum) -> _Spectrum:
    """The spectrum of W at a critical point together with a small part, made orthogonal to it."""
    left, sizes, _ = np.linalg.svd(point.factor, full_matrices=False)
    basis, triangle = np.linalg.qr(np.column_stack([left, small.basis]))
    basis = basis * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    return _Spectrum(basis, np.concatenate([4 / small.depth * np.log(sizes), small.logs]), small.depth)


def _plateau(point: CriticalPoint, small: _Spectrum, top: float) -> tuple[DeepPhase, _Spectrum]:
    """The small part until the largest of its logs is `top`, in the time d tau = e^((L/2-1) max s) dt."""
    pull = point.directions * point.rates @ point.directions.T
    power, lowest = small.depth / 2 - 1, float(small.logs.max())

    def velocity(logs: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        highest = float(logs.max())
        rates, turning = _velocity(pull, logs - highest, basis, small.depth)
        return rates, turning, float(np.exp(power * (lowest - highest)))

    states = [(0.0, small)]
    # No log grows faster than twice the escape rate, so that no step goes past `top`.
    while (missing := top - states[-1][1].logs.max()) > _NEAR and len(states) < _MOST_STEPS:
        begin, reached = states[-1]
        for logs, basis, time in _moments(velocity, reached, begin, missing / (2 * point.escape_rate)):
            states.append((time, _Spectrum(basis, logs, small.depth)))
    unit = np.exp(-power * lowest)
    states = [(unit * time, spectrum) for time, spectrum in states]
    return _phase(states, point.matrix), states[-1][1]


def _climb(
    f: Objective, start: _Spectrum, threshold: float, slowest: float, max_steps: int
) -> tuple[DeepPhase, _Spectrum, bool]:
    """Integrate until every eigenvalue of W with logarithm above `threshold` has settled; whether it did."""

    def velocity(logs: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        matrix = (basis * np.exp(0.5 * start.depth * logs)) @ basis.T
        return *_velocity(-f.gradient(matrix), logs, basis, start.depth), 1.0

    states, settled = [(0.0, start)], False
    for logs, basis, time in _moments(velocity, start, 0.0, np.inf):
        current = _Spectrum(basis, logs, start.depth)
        states.append((time, current))
        active = current.log_values > threshold
        pulls = np.linalg.norm(f.gradient(current.matrix) @ basis[:, active], axis=0)
        settled = bool(np.all(pulls <= _SETTLED * slowest))
        if settled or len(states) >= max_steps:
            break
    return _phase(states, None), states[-1][1], settled


def _velocity(pull: np.ndarray, logs: np.ndarray, basis: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """ds/dt and dQ/dt; see the module's text."""
    moved = pull @ basis
    inner = basis.T @ moved
    speeds = np.exp((0.5 * depth - 1) * logs)
    # e^s_i in units of the larger one of the pair (i, j): squares of small eigenvalues would underflow to 0/0.
    ratios = np.exp(np.minimum(logs[:, None] - logs[None, :], 0.0))
    weights = ratios * speeds[:, None]
    gaps = ratios.T - ratios
    softened = gaps**2 + (_EQUAL * (ratios + ratios.T)) ** 2
    turn = inner * (weights + weights.T) * gaps / softened
    return 2 * np.diag(inner) * speeds, basis @ turn + (moved - basis @ inner) * speeds


def _moments(
    velocity: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, float]],
    start: _Spectrum,
    begin: float,
    duration: float,
) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """(logs, basis, time) after each accepted step; velocity gives ds, dQ and dt per unit of the solver's time."""
    rows, count = start.basis.shape

    def packed(_time: float, state: np.ndarray) -> np.ndarray:
        logs, basis = state[:count], state[count:-1].reshape(rows, count)
        rates, turning, clock = velocity(logs, basis)
        return np.concatenate([rates, turning.ravel(), [clock]])

    initial = np.concatenate([start.logs, start.basis.ravel(), [begin]])
    for _, state in accepted_steps(packed, initial, duration, _TOLERANCE):
        yield state[:count], state[count:-1].reshape(rows, count), float(state[-1])


def _phase(states: list[tuple[float, _Spectrum]], beside: np.ndarray | None) -> DeepPhase:
    matrices = np.stack([spectrum.matrix for _, spectrum in states])
    return DeepPhase(
        np.array([time for time, _ in states]),
        matrices if beside is None else matrices + beside,
        np.stack([spectrum.log_values for _, spectrum in states]),
    )
