"""Parameters as coordinates of a box, half-infinite ranges compactified."""

import math
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from numerics.box_functions import Coordinate, Side
from verification.parameters import RealRange


@dataclass(frozen=True)
class Variable:
    """A real parameter as a coordinate of the box: itself, or u with x = shift + 1/u for a half-infinite range."""

    range: RealRange
    coordinate: Coordinate
    side: Side
    shift: Fraction | None = None

    @property
    def expression(self) -> sp.Expr:
        """The parameter in terms of its coordinate."""
        if self.shift is None:
            return self.coordinate.symbol
        return sp.Rational(self.shift.numerator, self.shift.denominator) + 1 / self.coordinate.symbol

    def value(self, number: Fraction) -> Fraction | float:
        """The parameter's value at a number of the coordinate."""
        if self.shift is None:
            return number
        return math.inf if number == 0 else self.shift + 1 / number

    def excludes(self, number: Fraction) -> bool:
        """True for an end that belongs to the box only as its closure."""
        value = self.value(number)
        return value == math.inf or (value == 0 and bool(self.range.symbol.is_positive))


def variable(one: RealRange) -> Variable:
    """The coordinate of a real range."""
    if isinstance(one.high, Fraction):
        return Variable(one, Coordinate(one.symbol, one.logarithmic), (one.low, one.high))
    shift = Fraction(0) if one.low > 0 else one.low - 1
    reciprocal = sp.Dummy(f"1/{one.symbol}", nonnegative=True)
    return Variable(one, Coordinate(reciprocal, False), (Fraction(0), 1 / (one.low - shift)), shift)
