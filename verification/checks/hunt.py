"""A search for the worst point that follows slopes, and the simplification of what it finds.

Hypothesis draws digits and exponents, so that its own climbing stops at the ends of decades; this search moves in the
domain's own measure, a fraction in [0, 1) per parameter.

Source
    Rosenbrock, "An automatic method for finding the greatest or least value of a function", The Computer Journal 3
    (1960).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from verification.claim import Judgement, Truth
from verification.parameters import IntegerRange, Parameters, Point, RealRange

Score = Callable[[Point], float]
#: Scores at least this large are violations; below `REFUSED` an assumption fails.
VIOLATED = 1000.0
REFUSED = -1000.0
_LEAST_LOG = -400.0
_RESTARTS = 12
_FIRST_STEP, _FINEST = 0.1, 1 / 4000


def danger(parts: Mapping[str, Judgement], clause: str) -> float:
    """How near the claim of a clause is to failing: larger is nearer, at least VIOLATED when it fails.

    Inequalities by -log10 of their margin, equations by log10 of their residual.
    """
    part = parts[clause]
    if part.truth is Truth.FALSE:
        return VIOLATED - _LEAST_LOG + _log10(part.residual)
    if part.margin > 0:
        return -_log10(part.margin)
    return _log10(part.residual)


def refusal(admission: Judgement) -> float:
    """How far a point is from satisfying the assumptions, as a score below every admitted one."""
    return REFUSED - 1 + max(_LEAST_LOG, admission.margin if math.isfinite(admission.margin) else _LEAST_LOG)


def _log10(number: float) -> float:
    return max(_LEAST_LOG, math.log10(number)) if 0 < number < math.inf else (_LEAST_LOG if number <= 0 else 0.0)


def climb(score: Score, domain: Parameters, start: Point, evaluations: int) -> None:
    """Rosenbrock's search upwards from `start`: one step along each axis, axes turned into the direction of progress.

    Deterministic. At most that many evaluations; a point met twice is evaluated once.
    """
    seen: dict[tuple[Any, ...], float] = {}

    def value(place: np.ndarray) -> float:
        point = {one.symbol: one.at(float(share)) for one, share in zip(domain.ranges, place, strict=True)}
        key = tuple(point.values())
        if key not in seen:
            seen[key] = score(point) if len(seen) < evaluations else -math.inf
        return seen[key]

    here = np.array([one.fraction(start[one.symbol]) for one in domain.ranges])
    best, size = value(here), len(here)
    origin, axes, steps, failures = here, np.eye(size), np.full(size, _FIRST_STEP), np.zeros(size, dtype=int)
    turns = np.random.default_rng(0)
    restarts = 0
    while len(seen) < evaluations and restarts < _RESTARTS:
        if np.abs(steps).max() <= _FINEST:
            # Stuck along these axes, perhaps on a ridge between them.
            axes, _ = np.linalg.qr(turns.standard_normal((size, size)))
            steps, restarts = np.full(size, _FIRST_STEP / 3), restarts + 1
            origin, failures = here, np.zeros(size, dtype=int)
        for axis in range(size):
            there = np.clip(here + steps[axis] * axes[axis], 0, math.nextafter(1.0, 0.0))
            found = value(there)
            if found > best:
                here, best = there, found
                steps[axis] *= 3
            else:
                steps[axis] *= -0.5
                failures[axis] += 1
        progress = here - origin
        length = float(np.linalg.norm(progress))
        if size > 1 and failures.min() >= 2 and length > _FINEST:
            axes, steps = _turned(axes, progress), np.full(size, max(2 * _FINEST, min(_FIRST_STEP, length / 2)))
            origin, failures = here, np.zeros(size, dtype=int)


def _turned(axes: np.ndarray, progress: np.ndarray) -> np.ndarray:
    """Orthonormal axes of which the first points along the progress."""
    kept = np.sort(np.argsort(np.abs(axes @ progress))[: len(progress) - 1])
    orthogonal, _ = np.linalg.qr(np.column_stack([progress, *axes[kept]]))
    return np.asarray(orthogonal.T)


def simplified(point: Point, domain: Parameters, violates: Callable[[Point], bool], evaluations: int) -> Point:
    """A simpler point that still violates: smaller integers, rounder numbers, one parameter after the other."""
    left, changed = evaluations, True
    while changed:
        changed = False
        for one in domain.ranges:
            for value in _simpler(one, point[one.symbol]):
                if left <= 0:
                    return point
                left -= 1
                trial = point | {one.symbol: value}
                if violates(trial):
                    point, changed = trial, True
                    break
    return point


def _simpler(one: IntegerRange | RealRange, value: int | Fraction | float) -> Sequence[int | Fraction]:
    """Values of the range that are simpler than this one, the simplest first."""
    if isinstance(one, IntegerRange):
        whole = int(value)
        steps = [one.low, (one.low + whole) // 2, whole - 1]
        return [step for step in dict.fromkeys(steps) if one.low <= step < whole]
    if isinstance(value, float):
        return []
    candidates = [Fraction(1)] if value != 1 else []
    for digits in (1, 2):
        for rounded in _rounded(Fraction(value), digits):
            if rounded != value:
                candidates.append(rounded)
    return [
        candidate for candidate in candidates if one.contains(candidate) and _size(candidate) < _size(Fraction(value))
    ]


def _rounded(value: Fraction, digits: int) -> list[Fraction]:
    """The value with that many significant digits, towards and away from zero."""
    if value == 0:
        return []
    exponent = math.floor(math.log10(abs(value.numerator)) - math.log10(value.denominator)) - digits + 1
    unit = Fraction(10) ** exponent
    return [math.floor(value / unit) * unit, math.ceil(value / unit) * unit]


def _size(value: Fraction) -> int:
    """Digits needed to write the number: what a reader would call its simplicity."""
    return len(str(value.numerator).rstrip("0")) + len(str(value.denominator).rstrip("0"))
