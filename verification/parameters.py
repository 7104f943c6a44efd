"""Parameters, declared once: symbols, a Hypothesis strategy, an Arb box, a grid and the membership predicate.

All values are exact: integers, fractions with short decimal expansions, or infinity where it is legal.
"""

import math
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, SupportsIndex

import sympy as sp
from hypothesis import strategies as st

from numerics.errors import ArgumentError
from numerics.exact import Exact, exact, shown
from verification.declaration import require_integers, require_reals
from verification.errors import StatementError
from verification.requirements import require, require_tuple

_FAR = 7 * 10**40

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

    def at(self, fraction: float) -> int:
        """The value at a fraction in [0, 1) of the range."""
        return self.low + int(fraction * (self.high - self.low + 1))

    def fraction(self, value: Any) -> float:
        """A fraction in [0, 1) at which `at` has this value."""
        return (value - self.low + 0.5) / (self.high - self.low + 1)

    def contains(self, value: Any) -> bool:
        """True for integers low..high."""
        return isinstance(value, int) and self.low <= value <= self.high

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.symbol} = {self.low}"
        return f"{self.symbol} = {self.low}..{self.high}"


@dataclass(frozen=True)
class RealRange:
    """Reals between low and high, both ends included.

    A range of positive numbers is drawn with three significant digits on a logarithmic scale; one that reaches 0 or
    below with a thousand even steps. high = oo makes it half-infinite (draws stop at `horizon`); `infinity` adds the
    value oo itself. The end 0 belongs to the range of a positive symbol only as its closure: it is never drawn, and a
    certificate includes it. Bounds are exact. Raises StatementError when empty, or when the symbol is declared to be
    something else than every number of the range.
    """

    symbol: sp.Symbol
    low: Fraction
    high: Exact
    infinity: bool = False

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
        return self.low * 10**6 if self.logarithmic else self.low + 1000

    @property
    def _step(self) -> Fraction:
        """The spacing of draws on a linear scale."""
        span = self.horizon - self.low
        return Fraction(10) ** (math.floor(_log10(span)) - 3) if span else Fraction(1)

    def strategy(self) -> st.SearchStrategy[Exact]:
        """Three significant digits, shrinking towards round numbers near 1; or even steps, shrinking towards 0."""
        if self.logarithmic:
            least, most = math.floor(_log10(self.low)), math.floor(_log10(self.horizon))
            nearest = min(max(0, least), most)
            exponents = st.sampled_from(sorted(range(least, most + 1), key=lambda exponent: abs(exponent - nearest)))
            finite = st.builds(self._rounded, _integers(100, 999), exponents)
        else:
            # Above zero first, so that shrinking ends at the value nearest to it.
            upwards = _integers(0, max(0, math.floor(self.horizon / self._step))).map(self._stepped)
            downwards = _integers(0, max(0, math.floor(-self.low / self._step))).map(lambda k: self._stepped(-k))
            finite = upwards | downwards if self.low < 0 < self.horizon else downwards if self.low < 0 else upwards
        return finite | st.just(math.inf) if self.infinity else finite

    def _rounded(self, digits: int, exponent: int) -> Fraction:
        return min(self.horizon, max(self.low, digits * Fraction(10) ** (exponent - 2)))

    def _stepped(self, count: int) -> Fraction:
        value = min(self.horizon, max(self.low, count * self._step))
        return min(self._step, self.horizon) if value == 0 and self.symbol.is_positive else value

    def at(self, fraction: float) -> Exact:
        """The value at a fraction in [0, 1) of the range, in its measure; the top tenth is oo where oo is legal."""
        if self.infinity:
            if fraction >= 0.9:
                return math.inf
            fraction /= 0.9
        if not self.logarithmic:
            return self._stepped(round((self.low + Fraction(fraction) * (self.horizon - self.low)) / self._step))
        low, high = _log10(self.low), _log10(self.horizon)
        exponent = math.floor(low + fraction * (high - low))
        return self._rounded(round(100 * 10 ** (low + fraction * (high - low) - exponent)), exponent)

    def fraction(self, value: Any) -> float:
        """A fraction in [0, 1) at which `at` is near this value."""
        if isinstance(value, float):
            return 0.95
        span = self.horizon - self.low
        if self.logarithmic:
            low, high = _log10(self.low), _log10(self.horizon)
            share = (_log10(value) - low) / (high - low) if high > low else 0.0
        else:
            share = float((value - self.low) / span) if span else 0.0
        return min(max(share, 0.0), math.nextafter(1.0, 0.0)) * (0.9 if self.infinity else 1.0)

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
        if self.high == math.inf:
            return f"{self.symbol} in [{shown(self.low)}, oo" + ("]" if self.infinity else ")")
        left = "(" if self.low == 0 and self.symbol.is_positive else "["
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

    def grid(self, count: int) -> Iterator[Point]:
        """At most `count` different points spread evenly over the domain.

        A Kronecker sequence of the generalised golden ratio, without repetitions: deterministic, and a shorter grid is
        the beginning of a longer one.
        """
        size = len(self.ranges)
        ratio = 2.0
        for _ in range(60):
            ratio = (1 + ratio) ** (1 / (size + 1))
        seen = set()
        for index in range(1, count + 1):
            point = tuple(one.at((0.5 + index * ratio ** -(axis + 1)) % 1.0) for axis, one in enumerate(self.ranges))
            if point not in seen:
                seen.add(point)
                yield dict(zip(self.symbols, point, strict=True))

    def restricted(self, *ranges: Range) -> "Parameters":
        """The same domain with some ranges replaced."""
        new = {one.symbol: one for one in ranges}
        unknown = set(new) - set(self.symbols)
        if unknown:
            raise StatementError(
                f"parameters: {sorted(map(str, unknown))} is not declared; restrict declared symbols only"
            )
        return Parameters(tuple(new.get(one.symbol, one) for one in self.ranges))

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
