"""Gradient flow dU/dt = -grad f(U U^T) U from arbitrarily small U(0), through the plateaus in closed form.

Notation
    n x n objective f, U(0) = alpha U_0 with U_0 (n x k). Near a critical point W_r = A A^T, A (n x r), the other
    columns B of U are small and follow dB/dt = G B, G = -grad f(W_r): a plateau, B(t) = e^(G t) B(0). Between plateaus
    a climb is integrated.
Implementation notes
    U may be rotated from the right at any time, which leaves U U^T: on a plateau the columns of B are rotated so that
    the second is free of the fastest direction, the third of the two fastest, and so on. So columns of any ratio of
    sizes keep their relative accuracy, and a start of 1e-100 costs as much as one of 1e-3. Plateaus are left when B
    has grown to 1e-10 of the size W will get; what W then misses is of that order. A plateau at a point from which A
    itself can grow on (disconnected masks) has no such form, and is integrated in short steps. float64 and heuristic.
Source
    The linear phases: Li, Luo & Lyu 2021, arXiv:2012.09839, Section 4 (reconstructed).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

import numpy as np

from numerics.errors import ArgumentError
from numerics.exact import integer, positive
from numerics.integration_steps import accepted_steps
from numerics.objective import Objective, numbers, require_range, require_symmetric
from numerics.saddles import CriticalPoint, critical_point, growth_within, is_growing, largest_rate, natural_size

_LEFT = 1e-10  # of the natural size: where a plateau ends
_ACTIVE = 1e-11
_SETTLED = 0.1  # of the slowest escape that counts: relative speed of the columns at the end of a climb
_TOLERANCE = 1e-11
_EVALUATED = 1e-13
_PLATEAU_SAMPLES = 24
_FIRST_STEP = 1e-2  # in units of 1/|grad f|
_DIVERGED = 1e75
_MOST_STEPS = 6_000


class Outcome(StrEnum):
    """Why a path ended; each but the first says what to change."""

    MINIMUM = "reached a minimum of f over positive semidefinite matrices"
    NO_COLUMNS = "no column of U is left that can grow; give U_0 more columns, or a start off the escape's complement"
    DIVERGED = "grew without bound: f has no minimum over positive semidefinite matrices, or none in reach"
    NOT_SETTLED = "did not settle: its limit is approached like a power of the time (raise max_steps), or f has none"
    RANKS = "still escaping at the largest rank asked for; raise max_rank"


@dataclass(frozen=True)
class Plateau:
    """B(t) = V e^(rates (t - begin)) C at a critical point, for begin <= t <= end; V the directions.

    coefficients: C (n x j), which keeps zeros that V C would lose: a column without the fastest direction stays so.
    """

    begin: float
    end: float
    point: CriticalPoint
    coefficients: np.ndarray

    @property
    def times(self) -> np.ndarray:
        """Evenly spaced; one when the plateau is left at once."""
        return np.linspace(self.begin, self.end, _PLATEAU_SAMPLES if self.end > self.begin else 1)

    @property
    def lag(self) -> float:
        """By how much the flow lags behind the greedy stage that leaves this point, whose new column is e^(mu t) u."""
        part = float(np.hypot.reduce(self.coefficients[0]))
        return self.begin - float(np.log(part)) / self.point.escape_rate

    def factor(self, time: float) -> np.ndarray:
        """U at a time of the plateau."""
        growth = np.exp(self.point.rates * (time - self.begin))
        small = self.point.directions @ (growth[:, None] * self.coefficients)
        return np.column_stack([self.point.factor, small])


@dataclass(frozen=True)
class Climb:
    """An integrated piece between two plateaus: times (T,) and the factors U there.

    outcome: MINIMUM when all columns that are not small have settled at its end, otherwise why it stopped.
    """

    f: Objective
    times: np.ndarray
    factors: tuple[np.ndarray, ...]
    outcome: Outcome

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
    from W = 0 on, the last one the limit when `outcome` is MINIMUM; limit: W at the end (n x n); initial_size:
    |U(0)^T u_1|, the root of <u_1, W(0) u_1>, u_1 the escape direction of W = 0. Heuristic.
    """

    f: Objective
    phases: tuple[Plateau | Climb, ...]
    points: tuple[CriticalPoint, ...]
    limit: np.ndarray
    initial_size: float
    outcome: Outcome

    @property
    def time_shift(self) -> float:
        """(1/(2 mu_1)) log(1/<u_1, W(0) u_1>): by how much the flow lags behind the greedy trajectory.

        Infinite where the flow does not leave W = 0 along u_1.
        """
        rate = self.points[0].escape_rate
        return -float(np.log(self.initial_size)) / rate if rate > 0 and self.initial_size > 0 else float("inf")

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

    start: (n x k); alpha: any positive number, also as text, with the largest entry of alpha `start` within 1e-280 and
    1e50. The flow ends at a critical point with lambda_max(-grad f) <= tolerance * |grad f(0)|_2. float64, heuristic.
    Raises ArgumentError for an f that is not symmetric or of sizes beyond float64, a start that does not fit, an alpha,
    tolerance or max_steps that is not positive.
    """
    require_symmetric(f)
    require_range(f)
    require_tolerance("tolerance", tolerance)
    most = integer("max_steps", max_steps, minimum=1)
    rest, time, steps = _scaled(f, start, alpha), 0.0, 0
    factor = rest
    point = critical_point(f, np.zeros((f.shape[0], 0)))
    initial_size = float(np.hypot.reduce(point.escape_direction @ rest))
    points, phases, outcome = [point], list[Plateau | Climb](), Outcome.MINIMUM
    initial = rest @ rest.T
    slowest = tolerance * (largest_rate(f, point.matrix) or largest_rate(f, initial))
    moved = float(np.linalg.norm(f.gradient(initial) - f.gradient(point.matrix)))
    ended = moved <= _LEFT * largest_rate(f, point.matrix)
    while True:
        escaping = point.escape_rate > slowest
        length = float(np.sqrt(natural_size(f, point)) if escaping else np.hypot.reduce(rest.ravel()))
        left = _plateau(point, rest, time, length)
        if (ended and not escaping) or not np.isfinite(left.end):
            outcome = Outcome.NO_COLUMNS if escaping else Outcome.MINIMUM
            break
        threshold = _ACTIVE * length**2
        within = growth_within(f, point)
        if within > slowest:
            # The columns that have settled hold the beginnings of growth, which the closed form leaves out.
            phases.append(_wait(f, factor, time, threshold, slowest, within, most - steps))
        else:
            phases.append(left)
        before = phases[-1]
        going = climb(f, before.factor(before.end), before.end, threshold, slowest, most - steps)
        phases.append(going)
        time, factor, steps, ended = going.end, going.factors[-1], steps + len(going.factors), True
        outcome = going.outcome
        if outcome is Outcome.MINIMUM:
            grown, rest = _split(factor, threshold)
            point = critical_point(f, grown)
            outcome = Outcome.NOT_SETTLED if is_growing(f, point, slowest) else Outcome.MINIMUM
        if outcome is not Outcome.MINIMUM:
            return InfinitesimalFlow(f, tuple(phases), tuple(points), factor @ factor.T, initial_size, outcome)
        points.append(point)
    # What neither grows nor decays is part of the limit.
    staying = point.directions @ np.where(point.rates[:, None] >= -slowest, left.coefficients, 0.0)
    limit = point.matrix + staying @ staying.T
    phases = phases or [replace(left, end=time)]
    return InfinitesimalFlow(f, tuple(phases), tuple(points), limit, initial_size, outcome)


def climb(f: Objective, factor: np.ndarray, begin: float, threshold: float, slowest: float, max_steps: int) -> Climb:
    """Integrate dU/dt = G U until all columns with squared norm above `threshold` move at a tenth of `slowest`.

    slowest: the smallest escape rate that counts.
    """
    norms = _norms(factor)
    times, factors = [begin], [factor]
    for elapsed, columns, speeds in _moments(f, factor / norms, norms, np.inf, _TOLERANCE):
        current = columns * norms
        times.append(begin + elapsed)
        factors.append(current)
        lengths = np.linalg.norm(current, axis=0)
        active = lengths**2 > threshold
        moving = np.linalg.norm(speeds * norms, axis=0)[active] > _SETTLED * slowest * lengths[active]
        if not moving.any():
            return Climb(f, np.array(times), tuple(factors), Outcome.MINIMUM)
        if not np.abs(current).max() < _DIVERGED:
            return Climb(f, np.array(times[:-1]), tuple(factors[:-1]), Outcome.DIVERGED)
        if len(times) >= max_steps:
            break
    return Climb(f, np.array(times), tuple(factors), Outcome.NOT_SETTLED)


def _wait(
    f: Objective, factor: np.ndarray, begin: float, threshold: float, slowest: float, growth: float, max_steps: int
) -> Climb:
    """Integrate a plateau until a column with squared norm above `threshold` moves faster than `slowest`.

    Its steps are short enough for DOP853 to follow parts that grow at the rate `growth` however small they are.
    """
    norms = _norms(factor)
    times, factors = [begin], [factor]
    for elapsed, columns, speeds in _moments(f, factor / norms, norms, np.inf, _TOLERANCE, longest_step=0.5 / growth):
        times.append(begin + elapsed)
        factors.append(columns * norms)
        lengths = np.linalg.norm(factors[-1], axis=0)
        active = lengths**2 > threshold
        if np.any(np.linalg.norm(speeds * norms, axis=0)[active] > slowest * lengths[active]):
            return Climb(f, np.array(times), tuple(factors), Outcome.MINIMUM)
        if len(times) >= max_steps:
            break
    return Climb(f, np.array(times), tuple(factors), Outcome.NOT_SETTLED)


def require_tolerance(name: str, value: object) -> None:
    """Raise ArgumentError unless 0 < value < 1."""
    if not positive(name, value) < 1:
        raise ArgumentError(name, value, "a number between 0 and 1")


def _scaled(f: Objective, start: np.ndarray, alpha: object) -> np.ndarray:
    """alpha U_0, checked."""
    base = numbers("start", start)
    if base.ndim != 2 or base.shape[0] != f.shape[0] or base.shape[1] < 1:
        raise ArgumentError("start", f"array of shape {base.shape}", f"a matrix of {f.shape[0]} rows")
    if not np.isfinite(base).all() or not base.any():
        raise ArgumentError("start", "an array with nan or inf, or of zeros alone", "finite and not zero")
    exact = positive("alpha", alpha)
    largest = exact * Fraction(float(np.abs(base).max()))
    if not Fraction("1e-280") <= largest <= 10**50 or not Fraction("1e-300") <= exact <= 10**300:
        raise ArgumentError("alpha", alpha, "such that the largest entry of alpha U_0 is within 1e-280 and 1e50")
    return float(exact) * base


def _norms(factor: np.ndarray) -> np.ndarray:
    """The norms of the columns, 1 for those of zeros; squares of 1e-170 would vanish."""
    norms = np.hypot.reduce(factor, axis=0)
    return np.where(norms > 0, norms, 1.0)


def _plateau(point: CriticalPoint, rest: np.ndarray, begin: float, length: float) -> Plateau:
    """The plateau that begins with the columns `rest`, and ends where one has grown to 1e-5 of the length.

    The columns come back rotated. The growing parts' logarithms give its end: infinity when nothing grows.
    """
    rest = rest[:, np.argsort(-np.hypot.reduce(rest, axis=0))]
    coefficients = point.directions.T @ rest
    triangle = np.transpose(np.linalg.qr(coefficients.T, mode="r")) if rest.size else coefficients
    sizes = np.hypot.reduce(triangle, axis=1)
    growing = (point.rates > 0) & (sizes > 0)
    top = float(np.sqrt(_LEFT)) * length
    durations = (np.log(top) - np.log(sizes[growing])) / point.rates[growing] if growing.any() else np.zeros(0)
    duration = 0.0 if sizes.max() > top else float(np.min(durations, initial=np.inf))
    return Plateau(begin, begin + duration, point, triangle)


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
    f: Objective,
    columns: np.ndarray,
    norms: np.ndarray,
    end: float,
    tolerance: float,
    *,
    longest_step: float | None = None,
) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """(time, columns, their speeds) after each accepted step from time 0, for U = columns * norms; ends at `end`."""
    begin = columns * norms
    # The solvers' time runs in units of the rates, for theirs of the first step overflows with large ones.
    unit = largest_rate(f, begin @ begin.T) or 1.0

    def velocity(_time: float, state: np.ndarray) -> np.ndarray:
        part = state.reshape(columns.shape)
        scaled = part * norms
        return ((f.gradient(scaled @ scaled.T) @ part) / -unit).ravel()

    first = min(_FIRST_STEP, unit * end)
    longest = None if longest_step is None else unit * longest_step
    steps = accepted_steps(velocity, columns.ravel(), unit * end, tolerance, first_step=first, longest_step=longest)
    for time, state in steps:
        with np.errstate(over="ignore", invalid="ignore"):
            speeds = unit * velocity(time, state).reshape(columns.shape)
        yield time / unit, state.reshape(columns.shape), speeds


def _steps_to(f: Objective, factor: np.ndarray, elapsed: float) -> np.ndarray:
    """U after a time, from `factor`."""
    norms = _norms(factor)
    *_, (_, columns, _) = _moments(f, factor / norms, norms, elapsed, _EVALUATED)
    return columns * norms
