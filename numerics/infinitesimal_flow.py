"""Gradient flow dU/dt = -grad f(U U^T) U from arbitrarily small U(0), through the plateaus in closed form.

Notation
    n x n objective f, U(0) = alpha U_0 with U_0 (n x k). Near a critical point W_r = A A^T, A (n x r), the other
    columns B of U are small and follow dB/dt = G B, G = -grad f(W_r): a plateau, B(t) = e^(G t) B(0). Between plateaus
    a climb is integrated.
Implementation notes
    U may be rotated from the right at any time, which leaves U U^T: on a plateau the columns of B are rotated so that
    the second is free of the fastest direction, the third of the two fastest, and so on. So columns of any ratio of
    sizes keep their relative accuracy, and a start of 1e-100 costs as much as one of 1e-3. Plateaus are left when B
    has grown to 1e-10 of the size W will get; what W then misses is of that order. float64 and heuristic.
Source
    The linear phases: Li, Luo & Lyu 2021, arXiv:2012.09839, Section 4 (reconstructed).
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import count

import numpy as np

from numerics.errors import ArgumentError
from numerics.exact import positive
from numerics.objective import Objective, require_symmetric
from numerics.saddles import CriticalPoint, critical_point, natural_size

_LEFT = 1e-10  # of the natural size: where a plateau ends
_ACTIVE = 1e-11
_SETTLED = 0.1  # of the slowest escape that counts: relative speed of the columns at the end of a climb
_TOLERANCE = 1e-11
_EVALUATED = 1e-13
_PLATEAU_SAMPLES = 24
_STIFF_STEPS = 600
_MOST_STEPS = 6_000


class Outcome(StrEnum):
    """Why a path ended; each but the first says what to change."""

    MINIMUM = "reached a minimum of f over positive semidefinite matrices"
    NO_COLUMNS = "no column of U is left that can grow; give U_0 more columns, or a start off the escape's complement"
    NOT_SETTLED = "did not settle; the limit may be approached like a power of the time: raise max_steps"
    RANKS = "still escaping at the largest rank asked for; raise max_rank"


@dataclass(frozen=True)
class Plateau:
    """B(t) = e^(G (t - begin)) B at a critical point, for begin <= t <= end: `rest` is B at the beginning (n x j)."""

    begin: float
    end: float
    point: CriticalPoint
    rest: np.ndarray

    @property
    def times(self) -> np.ndarray:
        """Evenly spaced."""
        return np.linspace(self.begin, self.end, _PLATEAU_SAMPLES)

    @property
    def lag(self) -> float:
        """By how much the flow lags behind the greedy stage that leaves this point, whose new column is e^(mu t) u."""
        part = float(np.linalg.norm(self.point.escape_direction @ self.rest))
        return self.begin - float(np.log(part)) / self.point.escape_rate

    def factor(self, time: float) -> np.ndarray:
        """U at a time of the plateau."""
        growth = np.exp(self.point.rates * (time - self.begin))
        small = self.point.directions @ (growth[:, None] * (self.point.directions.T @ self.rest))
        return np.column_stack([self.point.factor, small])


@dataclass(frozen=True)
class Climb:
    """An integrated piece between two plateaus: times (T,) and the factors U there; `settled` when its end is one."""

    f: Objective
    times: np.ndarray
    factors: tuple[np.ndarray, ...]
    settled: bool

    @property
    def begin(self) -> float:
        """The first time."""
        return float(self.times[0])

    @property
    def end(self) -> float:
        """The last time."""
        return float(self.times[-1])

    def factor(self, time: float) -> np.ndarray:
        """U at a time of the climb, integrated from the last recorded one before it."""
        before = int(np.clip(np.searchsorted(self.times, time, side="right") - 1, 0, len(self.times) - 1))
        if time == self.times[before]:
            return self.factors[before]
        return _steps_to(self.f, self.factors[before], time - float(self.times[before]))


@dataclass(frozen=True)
class InfinitesimalFlow:
    """A trajectory from a start of any smallness.

    phases: plateaus and climbs in order, each beginning where the one before ends; points: the critical points passed,
    from W = 0 on, the last one the limit when `outcome` is MINIMUM; limit: W at the end (n x n); initial_growth:
    <u_1, W(0) u_1>, u_1 the escape direction of W = 0. Heuristic.
    """

    f: Objective
    phases: tuple[Plateau | Climb, ...]
    points: tuple[CriticalPoint, ...]
    limit: np.ndarray
    initial_growth: float
    outcome: Outcome

    @property
    def time_shift(self) -> float:
        """(1/(2 mu_1)) log(1/<u_1, W(0) u_1>): by how much the flow lags behind the greedy trajectory."""
        return -float(np.log(self.initial_growth)) / (2 * self.points[0].escape_rate)

    @property
    def times(self) -> np.ndarray:
        """The recorded times, (T,)."""
        return np.concatenate([phase.times for phase in self.phases])

    def matrix(self, time: float) -> np.ndarray:
        """W at a time (n x n): closed form on plateaus, otherwise integrated from the nearest recorded time before.

        Raises ArgumentError for a time before 0 or past the end, where `limit` is.
        """
        factor = self.factor(time)
        return factor @ factor.T

    def factor(self, time: float) -> np.ndarray:
        """U at a time, up to a rotation of its columns. Raises ArgumentError as `matrix` does."""
        for phase in self.phases:
            if phase.begin <= time <= phase.end:
                return phase.factor(time)
        raise ArgumentError("time", time, f"within 0 and {self.phases[-1].end:.6g}, the time reached")


def infinitesimal_flow(
    f: Objective,
    start: np.ndarray,
    alpha: object,
    *,
    tolerance: float = 1e-6,
    max_steps: int = _MOST_STEPS,
) -> InfinitesimalFlow:
    """The flow of a symmetric objective from U(0) = alpha `start` to its limit.

    start: (n x k); alpha: any positive number from 1e-280, also as text. The flow ends at a critical point with
    lambda_max(-grad f) <= tolerance times its value at W = 0. float64, heuristic. Raises ArgumentError for an f that
    is not symmetric, a start that does not fit, an alpha or a tolerance that is not positive.
    """
    require_symmetric(f)
    require_tolerance("tolerance", tolerance)
    scale = _scale(alpha)
    base = np.asarray(start, dtype=float)
    if base.ndim != 2 or base.shape[0] != f.shape[0] or base.shape[1] < 1:
        raise ArgumentError("start", f"array of shape {base.shape}", f"a matrix of {f.shape[0]} rows")
    if not np.isfinite(base).all() or not base.any():
        raise ArgumentError("start", "an array with nan or inf, or of zeros alone", "finite and not zero")
    rest, time, steps = scale * base, 0.0, 0
    point = critical_point(f, np.zeros((f.shape[0], 0)))
    initial_growth = float(np.sum((point.escape_direction @ rest) ** 2))
    points, phases, outcome = [point], list[Plateau | Climb](), Outcome.MINIMUM
    first_rate = max(point.escape_rate, 0.0)
    while point.escape_rate > tolerance * first_rate:
        left = _plateau(f, point, rest, time)
        if left is None:
            outcome = Outcome.NO_COLUMNS
            break
        phases.append(left)
        threshold = _ACTIVE * natural_size(f, point)
        going = climb(f, left.factor(left.end), left.end, threshold, tolerance * first_rate, max_steps - steps)
        phases.append(going)
        time, factor, steps = going.end, going.factors[-1], steps + len(going.factors)
        if not going.settled:
            outcome = Outcome.NOT_SETTLED
            return InfinitesimalFlow(f, tuple(phases), tuple(points), factor @ factor.T, initial_growth, outcome)
        grown, rest = _split(factor, threshold)
        point = critical_point(f, grown)
        points.append(point)
    limit = point.matrix + rest @ rest.T
    return InfinitesimalFlow(f, tuple(phases), tuple(points), limit, initial_growth, outcome)


def climb(f: Objective, factor: np.ndarray, begin: float, threshold: float, slowest: float, max_steps: int) -> Climb:
    """Integrate dU/dt = G U until all columns with squared norm above `threshold` move at a tenth of `slowest`.

    slowest: the smallest escape rate that counts.
    """
    norms = np.linalg.norm(factor, axis=0)
    norms[norms == 0] = 1.0
    times, factors = [begin], [factor]
    for elapsed, columns, speeds in _moments(f, factor / norms, norms, np.inf, _TOLERANCE):
        current = columns * norms
        times.append(begin + elapsed)
        factors.append(current)
        lengths = np.linalg.norm(current, axis=0)
        active = lengths**2 > threshold
        moving = np.linalg.norm(speeds * norms, axis=0)[active] > _SETTLED * slowest * lengths[active]
        if not moving.any():
            return Climb(f, np.array(times), tuple(factors), True)
        if len(times) >= max_steps:
            break
    return Climb(f, np.array(times), tuple(factors), False)


def require_tolerance(name: str, value: float) -> None:
    """Raise ArgumentError unless 0 < value < 1."""
    if not 0 < value < 1:
        raise ArgumentError(name, value, "a number between 0 and 1")


def _scale(alpha: object) -> float:
    exact = positive("alpha", alpha)
    if not Fraction("1e-280") <= exact <= 10**100:
        raise ArgumentError("alpha", alpha, "within 1e-280 and 1e100")
    return float(exact)


def _plateau(f: Objective, point: CriticalPoint, rest: np.ndarray, begin: float) -> Plateau | None:
    """The plateau that begins with the columns `rest`; None when none of them has a part that grows.

    The columns come back rotated. The growing parts' logarithms give its end.
    """
    rest = rest[:, np.argsort(-np.linalg.norm(rest, axis=0))]
    coefficients = point.directions.T @ rest
    triangle = np.transpose(np.linalg.qr(coefficients.T, mode="r")) if rest.size else coefficients
    sizes = np.linalg.norm(triangle, axis=1)
    growing = (point.rates > 0) & (sizes > 0)
    if not growing.any():
        return None
    top = np.sqrt(_LEFT * natural_size(f, point))
    duration = float(np.min(np.log(top / sizes[growing]) / point.rates[growing]))
    return Plateau(begin, begin + max(duration, 0.0), point, point.directions @ triangle)


def _split(factor: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """The columns of U with squared norm above the threshold, rotated to be orthogonal, and the others.

    Rotated columns that come out below the threshold count as others.
    """
    large = np.sum(factor**2, axis=0) > threshold
    left, sizes, _ = np.linalg.svd(factor[:, large], full_matrices=False)
    rotated = left * sizes
    kept = sizes**2 > threshold
    return rotated[:, kept], np.column_stack([rotated[:, ~kept], factor[:, ~large]])


def _moments(
    f: Objective, columns: np.ndarray, norms: np.ndarray, end: float, tolerance: float
) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """(time, columns, their speeds) after each accepted step from time 0, for U = columns * norms; ends at `end`.

    DOP853 to begin with; a flow that takes it more than 600 steps is stiff, and LSODA goes on.
    """
    from scipy.integrate import DOP853, LSODA  # a third of a second that only flows need

    def velocity(_time: float, state: np.ndarray) -> np.ndarray:
        part = state.reshape(columns.shape)
        scaled = part * norms
        return -(f.gradient(scaled @ scaled.T) @ part).ravel()

    # A trial step that overflows is one that the step control rejects.
    with np.errstate(over="ignore", invalid="ignore"):
        solver: DOP853 | LSODA = DOP853(velocity, 0.0, columns.ravel(), end, rtol=tolerance, atol=tolerance)
        for step in count(1):
            if solver.status != "running":
                return
            with warnings.catch_warnings():
                # LSODA says twice that it failed; its status is what the outcome is made of.
                warnings.simplefilter("ignore", UserWarning)
                solver.step()
            if solver.status == "failed":
                return
            yield solver.t, solver.y.reshape(columns.shape), velocity(solver.t, solver.y).reshape(columns.shape)
            if step == _STIFF_STEPS and solver.status == "running":
                solver = LSODA(velocity, solver.t, solver.y, end, rtol=tolerance, atol=tolerance)


def _steps_to(f: Objective, factor: np.ndarray, elapsed: float) -> np.ndarray:
    """U after a time, from `factor`."""
    norms = np.linalg.norm(factor, axis=0)
    norms[norms == 0] = 1.0
    *_, (_, columns, _) = _moments(f, factor / norms, norms, elapsed, _EVALUATED)
    return columns * norms
