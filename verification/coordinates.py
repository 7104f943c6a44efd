"""Parameters as coordinates of a box, half-infinite ranges compactified."""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction

import sympy as sp

from numerics.box_functions import Coordinate, Side
from numerics.exact import shown
from verification.parameters import RealRange

_DIGITS = 6  # of the ends of sub-boxes in words


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

    @property
    def has_open_zero(self) -> bool:
        """The coordinate runs from 0, which belongs to the box only as its closure."""
        return self.side[0] == 0 and self.excludes(Fraction(0))

    @property
    def is_positive(self) -> bool:
        """Every value that belongs to the range is positive."""
        return self.range.low > 0 or (self.range.low == 0 and bool(self.range.symbol.is_positive))

    @property
    def stand_in(self) -> sp.Dummy:
        """A symbol that SymPy knows of what the range says: its sign, and nothing that is declared beyond the range."""
        low, high = self.range.low, self.range.high
        if self.is_positive:
            return sp.Dummy(str(self.range.symbol), positive=True)
        if low == 0:
            return sp.Dummy(str(self.range.symbol), nonnegative=True)
        if high < 0:
            return sp.Dummy(str(self.range.symbol), negative=True)
        return sp.Dummy(str(self.range.symbol), real=True)

    def value(self, number: Fraction) -> Fraction | float:
        """The parameter's value at a number of the coordinate."""
        if self.shift is None:
            return number
        return math.inf if number == 0 else self.shift + 1 / number

    def excludes(self, number: Fraction) -> bool:
        """True for an end that belongs to the box only as its closure."""
        value = self.value(number)
        return value == math.inf or (value == 0 and bool(self.range.symbol.is_positive))

    def words(self, side: Side) -> str:
        """The parameter's values on a side, "q in [~1.23456, oo)": long numbers are rounded outwards, marked by ~."""
        low, high = sorted((self.value(side[0]), self.value(side[1])))
        left = "(" if low == 0 and self.is_positive else "["
        if isinstance(high, float):
            return f"{self.range.symbol} in {left}{_short(low, ROUND_FLOOR)}, oo)"
        return f"{self.range.symbol} in {left}{_short(low, ROUND_FLOOR)}, {_short(high, ROUND_CEILING)}]"


def variable(one: RealRange) -> Variable:
    """The coordinate of a real range."""
    if isinstance(one.high, Fraction):
        return Variable(one, Coordinate(one.symbol, one.logarithmic), (one.low, one.high))
    shift = Fraction(0) if one.low > 0 else one.low - 1
    # 0 is the closure only: what SymPy rewrites for u > 0 holds at every point of the domain.
    reciprocal = sp.Dummy(f"1/{one.symbol}", positive=True)
    return Variable(one, Coordinate(reciprocal, False), (Fraction(0), 1 / (one.low - shift)), shift)


def _short(number: Fraction | float, rounding: str) -> str:
    """The number in at most six significant digits; ~ before one that is rounded."""
    exact = Fraction(number)
    short = Context(prec=_DIGITS, rounding=rounding).divide(Decimal(exact.numerator), Decimal(exact.denominator))
    rounded = Fraction(short)
    return shown(exact) if rounded == exact else f"~{shown(rounded)}"
