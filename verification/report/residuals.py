"""Residual against each parameter: small panels, drawn as a few paths each so that a page of them stays small."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from verification.evidence import Evidence

MOST_POINTS = 400  # of a panel
_WORST = 100  # of those, the points of largest residual; the others are an even thinning of the rest
WIDTH, HEIGHT = 330, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 320, 10, 146
ZERO = 160  # height of the strip for residuals that are exactly 0
_NOT_DRAWN = "seed"  # a number that only names a draw

# One shape per kind of check, centred at the point; colours alone would not do in print.
SHAPES = (
    "h0",
    "m-2.4 0h4.8m-2.4-2.4v4.8",
    "m-2-2l4 4m0-4l-4 4",
    "m0-2.8l2.8 2.8-2.8 2.8-2.8-2.8z",
    "m-2.1-2.1h4.2v4.2h-4.2z",
    "m0-2.8l2.6 4.6h-5.2z",
)
_RING = "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0"


@dataclass(frozen=True)
class Judged:
    """A judged point on the axis of one parameter: the check's kind, the parameter's value, and what was found."""

    kind: str
    value: Fraction | float
    truth: str
    residual: float


@dataclass(frozen=True)
class Panel:
    """A panel: tick marks as (position, label) on both axes, one path per kind, and rings around refuting points."""

    parameter: str
    logarithmic: bool
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    paths: tuple[tuple[int, str], ...]
    rings: str
    drawn: int
    points: int


@dataclass(frozen=True)
class Residuals:
    """All panels of a statement, the kinds in the order of their shapes, and how many points stayed undecided."""

    kinds: tuple[str, ...]
    panels: tuple[Panel, ...]
    undecided: int
    zeros: bool

    @property
    def rings(self) -> bool:
        """True when a point refutes."""
        return any(panel.rings for panel in self.panels)

    @property
    def thinned(self) -> bool:
        """True when a panel does not show all of its points."""
        return any(panel.drawn < panel.points for panel in self.panels)


def residuals(evidence: Sequence[Evidence]) -> Residuals | None:
    """Panels of all judged points; None when no residual differs from 0 or no parameter varies."""
    sampled = [one for one in evidence if one.samples]
    if not any(sample.residual > 0 and sample.truth != "unknown" for one in sampled for sample in one.samples):
        return None
    kinds = tuple(dict.fromkeys(one.kind for one in sampled))
    panels = []
    for parameter in dict.fromkeys(name for one in sampled for name in one.axes if name != _NOT_DRAWN):
        judged = [point for one in sampled if parameter in one.axes for point in _on_axis(one, parameter)]
        if len({point.value for point in judged}) > 1 and any(point.residual > 0 for point in judged):
            panels.append(_panel(parameter, judged, kinds))
    undecided = sum(sample.truth == "unknown" for one in sampled for sample in one.samples)
    zeros = any(sample.residual == 0 and sample.truth != "unknown" for one in sampled for sample in one.samples)
    return Residuals(kinds, tuple(panels), undecided, zeros) if panels else None


def _on_axis(one: Evidence, parameter: str) -> list[Judged]:
    index = one.axes.index(parameter)
    found = []
    for sample in one.samples:
        value = number(sample.point[index])
        if value is not None and sample.truth != "unknown" and not math.isnan(sample.residual):
            found.append(Judged(one.kind, value, sample.truth, sample.residual))
    return found


def number(text: str) -> Fraction | float | None:
    """The value of an exact text; None for one that is not a number, such as a name."""
    if text in ("inf", "oo", "-inf", "-oo"):
        return -math.inf if text.startswith("-") else math.inf
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None


def thinned(points: Sequence[Judged]) -> list[Judged]:
    """At most MOST_POINTS of the points: the worst ones, and an even thinning of the others."""
    if len(points) <= MOST_POINTS:
        return list(points)
    ranked = sorted(points, key=lambda point: (point.truth == "false", point.residual), reverse=True)
    worst = set(map(id, ranked[:_WORST]))
    others = [point for point in points if id(point) not in worst]
    room = MOST_POINTS - _WORST
    return ranked[:_WORST] + [others[index * len(others) // room] for index in range(room)]


def _panel(parameter: str, judged: Sequence[Judged], kinds: Sequence[str]) -> Panel:
    points = thinned(judged)
    across, x_ticks, logarithmic = _abscissa([point.value for point in points])
    up, y_ticks = _ordinate([point.residual for point in points])
    marks: dict[int, list[str]] = {}
    rings = []
    for point in points:
        at = f"M{across(point.value):.1f} {up(point.residual):.1f}"
        index = kinds.index(point.kind)
        marks.setdefault(index, []).append(at + SHAPES[index % len(SHAPES)])
        if point.truth == "false":
            rings.append(at + _RING)
    paths = tuple((index, "".join(marks[index])) for index in sorted(marks))
    return Panel(parameter, logarithmic, x_ticks, y_ticks, paths, "".join(rings), len(points), len(judged))


Position = Callable[[Fraction | float], float]


def _abscissa(values: Sequence[Fraction | float]) -> tuple[Position, tuple[tuple[float, str], ...], bool]:
    """(position of a value, ticks, whether logarithmic); infinite values stand beyond the end of the axis."""
    finite = [value for value in values if isinstance(value, Fraction)] or [Fraction(0)]
    low, high = min(finite), max(finite)
    logarithmic = low > 0 and high / low >= 30
    measure = _log10 if logarithmic else float
    start, end = measure(low), measure(high)
    ends = (LEFT + 8, RIGHT - 8 - (26 if math.inf in values else 0))

    def position(value: Fraction | float) -> float:
        if not isinstance(value, Fraction):
            return float(RIGHT - 6 if value > 0 else LEFT + 2)
        share = (measure(value) - start) / (end - start) if end > start else 0.5
        return ends[0] + share * (ends[1] - ends[0])

    marks = _decades(start, end) if logarithmic else _rounds(start, end, all(one.denominator == 1 for one in finite))
    ticks = tuple((position(mark), label) for mark, label in marks)
    infinite = ((float(RIGHT - 6), "∞"),) if math.inf in values else ()
    return position, ticks + infinite, logarithmic


def _ordinate(found: Sequence[float]) -> tuple[Callable[[float], float], tuple[tuple[float, str], ...]]:
    """(height of a residual, ticks): logarithmic, with a strip of its own for 0 and the top edge for infinity."""
    logs = [math.log10(one) for one in found if one > 0 and math.isfinite(one)] or [0.0]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    high = max(high, low + 1)

    def of_log(log: float) -> float:
        return BOTTOM - (log - low) / (high - low) * (BOTTOM - TOP - 6)

    def height(one: float) -> float:
        if one <= 0:
            return float(ZERO)
        return of_log(math.log10(one)) if math.isfinite(one) else float(TOP)

    step = max(1, math.ceil((high - low) / 4))
    ticks = tuple((of_log(power), _power(power)) for power in range(low, high + 1, step))
    ticks += ((float(ZERO), "0"),) if any(one <= 0 for one in found) else ()
    return height, ticks + (((float(TOP), "∞"),) if math.inf in found else ())


def _decades(start: float, end: float) -> list[tuple[Fraction, str]]:
    powers = range(math.ceil(start - 1e-9), math.floor(end + 1e-9) + 1)
    step = max(1, math.ceil(len(powers) / 5))
    marks = [(Fraction(10) ** power, _power(power)) for power in powers[::step]]
    if len(marks) < 2:
        between = [Fraction(one) * Fraction(10) ** math.floor(start) for one in (1, 2, 5, 10, 20, 50)]
        marks = [(one, f"{float(one):g}") for one in between if start - 1e-9 <= _log10(one) <= end + 1e-9]
    return marks


def _rounds(start: float, end: float, whole: bool) -> list[tuple[Fraction, str]]:
    """Four or five round numbers from start to end; integers only where all values are."""
    if end <= start:
        return [(Fraction(start), f"{start:g}")]
    size = 10.0 ** math.floor(math.log10((end - start) / 4))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor * 5 >= end - start)
    step = max(1.0, round(step)) if whole else step
    first, last = math.ceil(start / step - 1e-9), math.floor(end / step + 1e-9)
    return [(Fraction(index * step), f"{index * step:g}") for index in range(first, last + 1)]


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _power(power: int) -> str:
    if -2 <= power <= 3:
        return f"{10.0**power:g}"
    return "10" + str(power).translate(_RAISED)


def _log10(value: Fraction | float) -> float:
    exact = Fraction(value)
    return math.log10(exact.numerator) - math.log10(exact.denominator)
