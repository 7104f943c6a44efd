"""Functions over boxes: ranges, gradients, and quantities that only an equation defines, all enclosed.

Notation
    A box has one side (low, high) of exact fractions per coordinate. A coordinate is measured by its logarithm where
    that is said, so that a gradient component is d/d(log x) there, and a side of many decades is cut evenly.
Implementation notes
    Ranges are the intersection of plain interval evaluation, of the mean-value form around the middle, and of the
    same two on the face where a variable with a signed derivative takes its extreme.
Everything here is rigorous, given what `Root` takes for granted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp
from flint import arb
from scipy.optimize import brentq

from numerics.intervals import (
    ONE,
    ZERO,
    Interval,
    add,
    divide,
    intersection,
    interval,
    log,
    middle,
    multiply,
    negative,
    subtract,
    width,
)
from numerics.jets import Jet, compiled_jets

Side = tuple[Fraction, Fraction]
Box = tuple[Side, ...]
_STEPS = 30
_FLOAT_TOLERANCE = 1e-15
_STALLED = 0.7  # an interval Newton step that keeps more than this share of the width is the last


@dataclass(frozen=True)
class Coordinate:
    """A parameter that varies over a box; `logarithmic` when it is measured by its logarithm (its values positive)."""

    symbol: sp.Symbol
    logarithmic: bool


@dataclass(frozen=True)
class Root:
    """The number in [low, high] at which `equation`, strictly monotone in `symbol` there, vanishes.

    That it exists is taken for granted; that the equation is monotone is proven by the interval Newton method wherever
    the enclosure is narrower than the bracket.
    """

    symbol: sp.Symbol
    equation: sp.Expr
    low: sp.Expr
    high: sp.Expr


@dataclass(frozen=True)
class Range:
    """Where a function lies over a box, its gradient there, and its value at the box's middle."""

    value: Interval
    gradient: tuple[Interval, ...]
    central: Interval


def middle_of(side: Side, logarithmic: bool) -> Fraction:
    """An exact point in the middle of a side, to five significant digits where that stays inside."""
    low, high = side
    if low == high:
        return low
    exact = _geometric_mean(low, high) if logarithmic else (low + high) / 2
    short = _shortened(exact)
    return short if low < short < high else min(high, max(low, exact))


def length_of(side: Side, logarithmic: bool) -> float:
    """The length of a side in its coordinate's measure, for heuristics; oo beyond the range of floats."""
    low, high = side
    if logarithmic:
        return _log(high) - _log(low)
    try:
        return float(high - low)
    except OverflowError:
        return math.inf


def _log(number: Fraction) -> float:
    return math.log(number.numerator) - math.log(number.denominator)


def _geometric_mean(low: Fraction, high: Fraction) -> Fraction:
    """sqrt(low high) to float accuracy, at any magnitude."""
    logarithm = (_log(low) + _log(high)) / 2 / math.log(10)
    magnitude = math.floor(logarithm)
    return Fraction(10 ** (logarithm - magnitude)) * Fraction(10) ** magnitude


def _shortened(number: Fraction) -> Fraction:
    """The number to five significant digits, at any magnitude."""
    if number == 0:
        return number
    unit = Fraction(10) ** math.floor(_log(abs(number)) / math.log(10))
    return Fraction(f"{float(number / unit):.5g}") * unit


class BoxFunctions:
    """Expressions in the coordinates and the roots, compiled once to be enclosed on many boxes.

    Raises ArgumentError for an expression without a rigorous evaluation.
    """

    def __init__(
        self, expressions: Sequence[sp.Expr], coordinates: Sequence[Coordinate], roots: Sequence[Root] = ()
    ) -> None:
        self.coordinates = tuple(coordinates)
        logarithmic = [one.symbol for one in coordinates if one.logarithmic]
        self._roots = [_CompiledRoot(root, len(coordinates), logarithmic) for root in roots]
        self._ranges = compiled_jets(expressions, len(coordinates), logarithmic)
        self._values = compiled_jets(expressions, 0, logarithmic)

    def at(self, point: Sequence[Fraction]) -> list[Interval]:
        """The values at a point of the box."""
        return [value for value, _ in self._values(self._at(point))]

    def missing_roots(self, point: Sequence[Fraction]) -> list[Root]:
        """The roots that are not in their brackets at a point: a monotone equation has one sign at both ends there."""
        values = self._at(point)
        return [root.root for root in self._roots if root.is_missing(values)]

    def over(self, box: Box) -> list[Range]:
        """The range of every expression over the box, with its gradient in the coordinates."""
        centre = [middle_of(side, one.logarithmic) for side, one in zip(box, self.coordinates, strict=True)]
        offsets = [
            _offset(side, point, one.logarithmic)
            for side, point, one in zip(box, centre, self.coordinates, strict=True)
        ]
        thin = self._at(centre)
        jets = self._jets(box)
        for root in self._roots:
            jets[root.symbol] = root.over(jets, thin[root.symbol][0], offsets)
        ranges = []
        for (value, gradient), (central, _) in zip(self._ranges(jets), self._values(thin), strict=True):
            slopes = tuple((ZERO if one is None else one) for one in gradient)
            ranges.append(Range(intersection(value, mean_value(central, slopes, offsets)), slopes, central))
        return ranges

    def _jets(self, box: Box) -> dict[sp.Basic, Jet]:
        jets: dict[sp.Basic, Jet] = {}
        for index, (one, side) in enumerate(zip(self.coordinates, box, strict=True)):
            value = interval(*side)
            own = value if one.logarithmic else ONE
            jets[one.symbol] = value, self._along(index, own)
            if one.logarithmic:
                jets[sp.log(one.symbol)] = log(value), self._along(index, ONE)
        return jets

    def _along(self, index: int, slope: Interval) -> tuple[Interval | None, ...]:
        return tuple(slope if place == index else None for place in range(len(self.coordinates)))

    def _at(self, point: Sequence[Fraction]) -> dict[sp.Basic, Jet]:
        values: dict[sp.Basic, Jet] = {}
        for one, number in zip(self.coordinates, point, strict=True):
            values[one.symbol] = (interval(number, number), ())
            if one.logarithmic:
                values[sp.log(one.symbol)] = (log(values[one.symbol][0]), ())
        for root in self._roots:
            values[root.symbol] = (root.at(values), ())
        return values


def mean_value(central: Interval, gradient: Sequence[Interval], offsets: Sequence[Interval]) -> Interval:
    """f(c) + sum of f_i(box) (x_i - c_i), which contains f over the box."""
    total = central
    for slope, offset in zip(gradient, offsets, strict=True):
        total = add(total, multiply(slope, offset))
    return total


def _offset(side: Side, centre: Fraction, logarithmic: bool) -> Interval:
    """x - c over a side, in the coordinate's own measure."""
    if logarithmic:
        return log(interval(side[0] / centre, side[1] / centre))
    return interval(side[0] - centre, side[1] - centre)


class _CompiledRoot:
    """Interval Newton for one root, with its gradient by the implicit function theorem."""

    def __init__(self, root: Root, size: int, logarithmic: Sequence[sp.Symbol]) -> None:
        self.root = root
        self.symbol = root.symbol
        self._size = size
        self._bracket = compiled_jets([root.low, root.high], 0, logarithmic)
        self._value = compiled_jets([root.equation], 0, logarithmic)
        self._symbols = sorted(root.equation.free_symbols - {root.symbol}, key=str)
        self._float = sp.lambdify([root.symbol, *self._symbols], root.equation, "math")
        self._slope = compiled_jets([root.equation], 1, logarithmic)
        self._gradient = compiled_jets([root.equation], size + 1, logarithmic)

    def at(self, values: Mapping[sp.Basic, Jet]) -> Interval:
        """The root for the given values of everything else, by interval Newton."""
        (low, _), (high, _) = self._bracket(values)
        found = (low[0], high[1])
        constants = {symbol: (value, (None,)) for symbol, (value, _) in values.items()}
        for _ in range(_STEPS):
            ((_, (slope,)),) = self._slope({**constants, self.symbol: (found, (ONE,))})
            if slope is None or not (slope[0] > 0 or slope[1] < 0):
                return found
            point = self._near(found, values)
            ((height, _),) = self._value({**values, self.symbol: ((point, point), ())})
            narrowed = intersection(found, subtract((point, point), divide(height, slope)))
            stalled = width(narrowed) >= _STALLED * width(found)
            found = narrowed
            if stalled:
                break
        return found

    def is_missing(self, values: Mapping[sp.Basic, Jet]) -> bool:
        """The equation has one strict sign at both ends of the bracket."""
        (low, _), (high, _) = self._bracket(values)
        ends = [self._value({**values, self.symbol: (end, ())})[0][0] for end in (low, high)]
        return all(one[0] > 0 for one in ends) or all(one[1] < 0 for one in ends)

    def _near(self, found: Interval, values: Mapping[sp.Basic, Jet]) -> arb:
        """A point of the enclosure, near the root at the middle of everything else: there Newton loses least."""
        centre = [float(middle(values[symbol][0])) for symbol in self._symbols]
        low, high = float(found[0]), float(found[1])
        try:
            point = arb(brentq(lambda at: self._float(at, *centre), low, high, xtol=_FLOAT_TOLERANCE))
        except (ArithmeticError, ValueError, RuntimeError, TypeError):
            return middle(found)
        return point if found[0] <= point and point <= found[1] else middle(found)

    def over(self, jets: Mapping[sp.Basic, Jet], central: Interval, offsets: Sequence[Interval]) -> Jet:
        """The root over a box: Newton on the whole box, then the mean-value form around its value at the middle."""
        found = self.at({symbol: (value, ()) for symbol, (value, _) in jets.items()})
        gradient = self._implicit(jets, found)
        narrowed = intersection(found, mean_value(central, gradient, offsets))
        if width(narrowed) < _STALLED * width(found):
            found, gradient = narrowed, self._implicit(jets, narrowed)
        return found, gradient

    def _implicit(self, jets: Mapping[sp.Basic, Jet], found: Interval) -> tuple[Interval, ...]:
        own = (*[None] * self._size, ONE)
        inputs = {symbol: (value, (*gradient, None)) for symbol, (value, gradient) in jets.items()}
        ((_, slopes),) = self._gradient({**inputs, self.symbol: (found, own)})
        last = slopes[-1] or ZERO
        return tuple(ZERO if one is None else negative(divide(one, last)) for one in slopes[:-1])
