"""Parameters, declared once: symbols, a Hypothesis strategy, an Arb box, a grid and the membership predicate.

All values are exact: integers, fractions with short decimal expansions, or infinity where it is legal.
"""

import math
import operator
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, SupportsIndex

import sympy as sp
from hypothesis import strategies as st

from numerics.errors import ArgumentError
from numerics.exact import Exact, exact, shown
from verification.declaration import require_integers, require_reals
from verification.errors import StatementError
from verification.requirements import require, require_tuple

_FAR = 7 * 10**40
#: Distances from the end of a half-infinite range that are drawn, for ends of size 1 or smaller.
_NEAR, _FAR_OUT = Fraction(1, 10**6), 10**12
#: The share of a range with oo that is finite.
_FINITE = 0.9

Point = dict[sp.Symbol, Any]  # int | Fraction | infinity


@dataclass(frozen=True)
class IntegerRange:
    """Integers low..high. Raises StatementError when empty, or when the symbol is declared to be something else."""

    symbol: sp.Symbol
    low: int
    high: int

    def __post_init__(self) -> None:
        _require_symbol(self.symbol)
        for name in ("low", "high"):
            bound = getattr(self, name)
            require(str(self.symbol), name, bound, SupportsIndex, "an integer, such as 2")
            object.__setattr__(self, name, operator.index(bound))
        if self.low > self.high:
            raise StatementError(f"{self.symbol}: the range {self.low}..{self.high} is empty; low must not exceed high")
        require_integers(self.symbol, self.low, self.high)

    def strategy(self) -> st.SearchStrategy[int]:
        """Uniform, shrinking towards low."""
        return _integers(self.low, self.high)

    def at(self, fraction: float, digits: int = 0) -> int:
        """The value at a fraction in [0, 1] of the range; all digits of an integer are kept."""
        return min(self.high, self.low + int(Fraction(fraction) * (self.high - self.low + 1)))

    @property
    def finest(self) -> float:
        """The smallest difference of fractions that can change the value."""
        return 0.5 / (self.high - self.low + 1)

    def fraction(self, value: Any) -> float:
        """A fraction in [0, 1) at which `at` has this value."""
        return (value - self.low + 0.5) / (self.high - self.low + 1)

    def contains(self, value: Any) -> bool:
        """True for integers low..high, also for those that are written as fractions."""
        return isinstance(value, (int, Fraction)) and value == int(value) and self.low <= value <= self.high

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.symbol} = {self.low}"
        return f"{self.symbol} = {self.low}..{self.high}"


@dataclass(frozen=True)
class RealRange:
    """Reals between low and high, both ends included.

    A range of positive numbers is drawn with three significant digits on a logarithmic scale (more where the range is
    narrow); one that reaches 0 or below with a thousand even steps. high = oo makes it half-infinite: draws stop at
    `horizon`, and above an end of 0 or below it is the distance from that end that is drawn on a logarithmic scale,
    from `_NEAR` to `_FAR_OUT`. `infinity` adds the value oo itself. The end 0 belongs to the range of a positive symbol
    only as its closure: it is never drawn, and a certificate includes it. Bounds are exact. Raises StatementError when
    empty, or when the symbol is declared to be something else than every number of the range.
    """

    symbol: sp.Symbol
    low: Fraction
    high: Exact
    infinity: bool = False
    #: The smallest difference of fractions that is worth a step: that of floats, with room for rounding.
    finest: ClassVar[float] = 1e-13

    def __post_init__(self) -> None:
        _require_symbol(self.symbol)
        require(str(self.symbol), "infinity", self.infinity, bool, "True or False")
        object.__setattr__(self, "low", self._bound("low", self.low, infinity=False))
        object.__setattr__(self, "high", self._bound("high", self.high, infinity=True))
        bounds = f"[{shown(self.low)}, {shown(self.high)}]"
        if not self.low <= self.high:
            raise StatementError(f"{self.symbol}: {bounds} is empty; low must not exceed high")
        require_reals(self.symbol, self.low, self.high if isinstance(self.high, Fraction) else None)

    def _bound(self, name: str, bound: object, *, infinity: bool) -> Exact:
        if isinstance(bound, float) and math.isfinite(bound):
            text = repr(float(bound))
            raise StatementError(f'{self.symbol}: {name} is the float {text}; write it exactly, as "{text}"')
        try:
            return exact(name, bound, infinity=infinity)
        except ArgumentError as error:
            raise StatementError(f"{self.symbol}: {error}") from None

    @property
    def logarithmic(self) -> bool:
        """True when the range is measured by the logarithm of its values."""
        return self.low > 0

    @property
    def horizon(self) -> Fraction:
        """The largest finite value that is drawn."""
        if isinstance(self.high, Fraction):
            return self.high
        return self._origin + _FAR_OUT * self._scale

    @property
    def drawn(self) -> str:
        """What is drawn, where that is less than the range; otherwise nothing."""
        if self.high != math.inf:
            return ""
        least = f"from {shown(self._least)} " if self.low == 0 and self.symbol.is_positive else ""
        return f"{self.symbol} drawn {least}up to {shown(self.horizon)}"

    @property
    def _origin(self) -> Fraction:
        """What is drawn on a logarithmic scale is the distance from here."""
        return Fraction(0) if self.logarithmic else self.low

    @property
    def _least(self) -> Fraction:
        """The smallest distance from the origin that is drawn on a logarithmic scale."""
        return self.low if self.logarithmic else _NEAR * self._scale

    @property
    def _scale(self) -> Fraction:
        return max(Fraction(1), abs(self.low))

    @property
    def _even(self) -> bool:
        """True when the values are spread evenly, not by their logarithms."""
        return not self.logarithmic and self.high != math.inf

    @property
    def _decades(self) -> tuple[float, float]:
        """The logarithms of the smallest and of the largest distance that are drawn."""
        return _log10(self._least), _log10(self.horizon - self._origin)

    def _step(self, digits: int = 3) -> Fraction:
        """The spacing of draws on a linear scale."""
        span = self.horizon - self.low
        return Fraction(10) ** (math.floor(_log10(span)) - digits) if span else Fraction(1)

    def strategy(self) -> st.SearchStrategy[Exact]:
        """Three significant digits, shrinking towards round numbers near 1; or even steps, shrinking towards 0."""
        if self._even or self.horizon < 2 * self._least:
            # Above zero first, so that shrinking ends at the value nearest to it.
            step = self._step()
            first, last = math.floor(self.low / step), math.ceil(self.horizon / step)
            upwards = _integers(max(0, first), max(0, last)).map(lambda count: self._nearest(count * step, step))
            downwards = _integers(max(0, -last), max(0, -first)).map(lambda count: self._nearest(-count * step, step))
            finite = upwards | downwards if first < 0 < last else downwards if first < 0 else upwards
        else:
            least, most = (math.floor(end) for end in self._decades)
            nearest = min(max(0, least), most)
            exponents = st.sampled_from(sorted(range(least, most + 1), key=lambda exponent: abs(exponent - nearest)))
            finite = st.builds(self._rounded, _integers(100, 999), exponents)
            finite = finite if self.logarithmic or not self.contains(self.low) else st.just(self.low) | finite
        return finite | st.just(math.inf) if self.infinity else finite

    def _rounded(self, number: int, exponent: int, digits: int = 3) -> Fraction:
        value = self._origin + number * Fraction(10) ** (exponent - digits + 1)
        return min(self.horizon, max(self._origin + self._least, value))

    def _nearest(self, value: Fraction, least: Fraction) -> Fraction:
        value = min(self.horizon, max(self.low, value))
        return min(least, self.horizon) if value == 0 and self.symbol.is_positive else value

    def at(self, fraction: float, digits: int = 3) -> Exact:
        """The value at a fraction in [0, 1] of the range, in its measure; the top tenth is oo where oo is legal.

        With so many significant digits: of the value on a logarithmic scale, of the span on a linear one.
        """
        if self.infinity:
            if fraction >= _FINITE:
                return math.inf
            fraction /= _FINITE
        if self._even:
            step = self._step(digits)
            value = round((self.low + Fraction(fraction) * (self.horizon - self.low)) / step) * step
            return self._nearest(value, step)
        if fraction == 0 and self.contains(self.low):
            return self.low
        low, high = self._decades
        exponent = math.floor(low + fraction * (high - low))
        digits += max(0, math.ceil(-math.log10(high - low))) if high > low else 0
        return self._rounded(round(10 ** (low + fraction * (high - low) - exponent + digits - 1)), exponent, digits)

    def fraction(self, value: Any) -> float:
        """A fraction in [0, 1) at which `at` is near this value."""
        if isinstance(value, float):
            return (_FINITE + 1) / 2
        if self._even:
            span = self.horizon - self.low
            share = float((value - self.low) / span) if span else 0.0
        else:
            low, high = self._decades
            distance = max(self._least, value - self._origin)
            share = (_log10(distance) - low) / (high - low) if high > low else 0.0
        return min(max(share, 0.0), math.nextafter(1.0, 0.0)) * (_FINITE if self.infinity else 1.0)

    def contains(self, value: Any) -> bool:
        """True for exact numbers in [low, high], and for oo where it is legal."""
        if isinstance(value, float):
            return self.infinity and value == math.inf
        if value == 0 and self.symbol.is_positive:
            return False
        return isinstance(value, (int, Fraction)) and self.low <= value <= self.high

    def __str__(self) -> str:
        if self.low == self.high and not self.infinity:
            return f"{self.symbol} = {shown(self.low)}"
        left = "(" if self.low == 0 and self.symbol.is_positive else "["
        if self.high == math.inf:
            return f"{self.symbol} in {left}{shown(self.low)}, oo" + ("]" if self.infinity else ")")
        return f"{self.symbol} in {left}{shown(self.low)}, {shown(self.high)}]" + (" or oo" if self.infinity else "")


def _require_symbol(symbol: object) -> None:
    require("range", "its symbol", symbol, sp.Symbol, "a SymPy symbol, such as sp.Symbol('x', positive=True)")


def _integers(low: int, high: int) -> st.SearchStrategy[int]:
    """Integers low..high, shrinking towards low.

    Drawn far from zero: Hypothesis mixes constants from whatever modules are loaded into its draws, and results must
    not depend on what else the process has imported.
    """
    return st.integers(_FAR + low, _FAR + high).map(lambda drawn: drawn - _FAR)


Range = IntegerRange | RealRange


@dataclass(frozen=True)
class Parameters:
    """A domain: one range per symbol. Raises StatementError for none or repeated symbols."""

    ranges: tuple[Range, ...]

    def __post_init__(self) -> None:
        require_tuple("parameters", "ranges", self.ranges, Range, "IntegerRange or RealRange")
        symbols = [one.symbol for one in self.ranges]
        if not symbols:
            raise StatementError("parameters: none declared; declare at least one range")
        for symbol in symbols:
            if symbols.count(symbol) > 1:
                raise StatementError(f"parameters: {symbol} is declared twice; declare each symbol once")

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """The declared symbols, in order."""
        return tuple(one.symbol for one in self.ranges)

    def strategy(self) -> st.SearchStrategy[Point]:
        """Points of the domain."""
        return st.fixed_dictionaries({one.symbol: one.strategy() for one in self.ranges})

    def contains(self, point: Mapping[sp.Symbol, Any]) -> bool:
        """True when every declared symbol has a value in its range."""
        return all(one.symbol in point and one.contains(point[one.symbol]) for one in self.ranges)

    def point(self, place: Sequence[float], digits: int = 3) -> Point:
        """The point at one fraction in [0, 1] per range, with so many significant digits."""
        return {one.symbol: one.at(share, digits) for one, share in zip(self.ranges, place, strict=True)}

    def place(self, point: Mapping[sp.Symbol, Any]) -> list[float]:
        """One fraction per range, at which `point` is near this point."""
        return [one.fraction(point[one.symbol]) for one in self.ranges]

    def grid(self, count: int, seed: int | None = None) -> Iterator[Point]:
        """At most `count` different points spread evenly over the domain.

        A Kronecker sequence of the generalised golden ratio, without repetitions: deterministic, and a shorter grid is
        the beginning of a longer one. A seed shifts it.
        """
        size = len(self.ranges)
        ratio = 2.0
        for _ in range(60):
            ratio = (1 + ratio) ** (1 / (size + 1))
        shifts = [0.5] * size if seed is None else [random.Random(f"{seed} {axis}").random() for axis in range(size)]
        seen = set()
        for index in range(1, count + 1):
            point = self.point([(shift + index * ratio ** -(axis + 1)) % 1.0 for axis, shift in enumerate(shifts)])
            values = tuple(point.values())
            if values not in seen:
                seen.add(values)
                yield point

    def restricted(self, *ranges: Range) -> "Parameters":
        """The same domain with some ranges replaced."""
        new = {one.symbol: one for one in ranges}
        unknown = set(new) - set(self.symbols)
        if unknown:
            raise StatementError(
                f"parameters: {sorted(map(str, unknown))} is not declared; restrict declared symbols only"
            )
        return Parameters(tuple(new.get(one.symbol, one) for one in self.ranges))

    @property
    def drawn(self) -> str:
        """The domain as text, and what is drawn of it where that is less."""
        return "; ".join([str(self), *(one.drawn for one in self.ranges if isinstance(one, RealRange) and one.drawn)])

    def __str__(self) -> str:
        return ", ".join(str(one) for one in self.ranges)


def point_text(point: Mapping[sp.Symbol, Any]) -> dict[str, str]:
    """The point as exact text, in the order of its symbols."""
    return {
        str(symbol): shown(value) if isinstance(value, (int, Fraction, float)) else str(value)
        for symbol, value in point.items()
    }


def _log10(number: Fraction) -> float:
    return math.log10(number.numerator) - math.log10(number.denominator)
