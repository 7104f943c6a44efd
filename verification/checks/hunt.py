"""A search for the worst point that follows slopes, and the simplification of what it finds.

Hypothesis draws digits and exponents, so that its own climbing stops at the ends of decades; this search moves in the
domain's own measure, a fraction in [0, 1] per parameter, with steps as fine as floats allow. Only comparisons of scores
steer it, so that a score need not be smooth or scaled.

Sources
    Rosenbrock, "An automatic method for finding the greatest or least value of a function", The Computer Journal 3
    (1960). Torn and Viitanen, "Topographical global optimization using pre-sampled points", Journal of Global
    Optimization 5 (1994). Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter
    optimization", AISTATS (2016), for successive halving.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np

from verification.claim import Judgement, Truth
from verification.parameters import IntegerRange, Parameters, Point, RealRange

Score = Callable[[Point], float]
Place = np.ndarray  # one fraction in [0, 1] per parameter
#: Scores at least this large are violations; below `REFUSED` an assumption fails.
VIOLATED = 1000.0
REFUSED = -1000.0
_LEAST_LOG = -400.0
#: Significant digits of the points that a climb visits.
_DIGITS = 15
#: Climbs start from points that none of so many nearest neighbours exceeds; so many climbs, each worth so much work.
_NEIGHBOURS, _STARTS, _LEAST_CLIMB = 6, 16, 60
_LARGEST_STEP = 0.1


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


def hunt(score: Score, domain: Parameters, known: Sequence[tuple[float, Point]], evaluations: int) -> None:
    """Climb from the tops of what is known until a point violates: every climb a little, the better half further.

    Deterministic. At most that many evaluations; a point met twice is evaluated once.
    """
    value = remembered(score, domain)
    starts = _tops(domain, known)[: max(1, evaluations // _LEAST_CLIMB)]
    climbs = [climb(value, domain, start) for start in starts]
    rounds = len(climbs).bit_length()
    for left in range(rounds, 0, -1):
        share = evaluations // (left * len(climbs))
        reached = []
        for one in climbs:
            best = -math.inf
            for best in islice(one, share):
                evaluations -= 1
                if best >= VIOLATED:
                    return
            reached.append(best)
        order = sorted(range(len(climbs)), key=lambda index: -reached[index])
        climbs = [climbs[index] for index in order[: max(1, len(order) // 2)]]


def _tops(domain: Parameters, known: Sequence[tuple[float, Point]]) -> list[Place]:
    """Places that no near neighbour exceeds, the worst first."""
    order = sorted((one for one in known if math.isfinite(one[0])), key=lambda one: -one[0])
    places = np.array(list(dict.fromkeys(tuple(domain.place(point)) for _, point in order)))
    tops: list[Place] = []
    for index, place in enumerate(places):
        if len(tops) == _STARTS:
            break
        nearest = np.argsort(np.abs(places - place).max(axis=1), kind="stable")[1 : 1 + _NEIGHBOURS]
        if not (nearest < index).any():
            tops.append(place)
    return tops


def remembered(score: Score, domain: Parameters) -> Callable[[Place], float]:
    """The score by places; a point that is met twice is judged once."""
    seen: dict[tuple[Any, ...], float] = {}

    def value(place: Place) -> float:
        point = domain.point(place.tolist(), _DIGITS)
        key = tuple(point.values())
        if key not in seen:
            seen[key] = score(point)
        return seen[key]

    return value


def climb(value: Callable[[Place], float], domain: Parameters, start: Place) -> Iterator[float]:
    """Rosenbrock's search upwards: one step along each axis, axes turned into the direction of progress.

    Deterministic and endless: stuck on a top or on a ridge it goes on along other axes. Yields the best score so far
    after each evaluation.
    """
    finest = np.array([one.finest for one in domain.ranges])
    size, turns = len(start), np.random.default_rng(0)
    here, best = start, value(start)
    yield best
    axes, steps = np.eye(size), np.maximum(_LARGEST_STEP, 2 * finest)
    while True:
        origin, failures, stuck = here, np.zeros(size, dtype=int), False
        while failures.min() < 2 and not stuck:
            for axis in range(size):
                there = np.clip(here + steps[axis] * axes[axis], 0, 1)
                found = value(there)
                if found > best:
                    here, best = there, found
                    steps[axis] *= 3
                else:
                    steps[axis] *= -0.5
                    failures[axis] += 1
                yield best
            stuck = bool((np.abs(steps[:, None] * axes) <= finest).all())
        progress = here - origin
        length = float(np.linalg.norm(progress))
        if stuck:
            axes, _ = np.linalg.qr(turns.standard_normal((size, size)))
            steps = np.full(size, _LARGEST_STEP * 10 ** turns.uniform(-3, 0))
        elif size > 1 and length > 0:
            axes, steps = _turned(axes, progress), np.full(size, min(_LARGEST_STEP, length / 2))


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
        gaps = [(whole - one.low) >> halvings for halvings in range((whole - one.low).bit_length())]
        return [whole - gap for gap in gaps]
    if isinstance(value, float):
        return []
    candidates = [Fraction(1)] if value != 1 else []
    for digits in range(1, _DIGITS):
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
