"""What a symbol is declared to be: SymPy rewrites formulas by it, so whatever stands for the symbol must be that.

sqrt(s**2) becomes s as soon as s is declared positive, long before anything is judged. A range that reaches further
than the declaration, or a measured value that contradicts it, would therefore be judged by a formula that does not hold
for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import sympy as sp
from flint import arb
from sympy.core.relational import Relational

from numerics.balls import ball
from verification.claim import Truth, judge
from verification.errors import StatementError

_SIGNS = {
    "zero": sp.Eq,
    "positive": sp.Gt,
    "negative": sp.Lt,
    "nonnegative": sp.Ge,
    "nonpositive": sp.Le,
    "nonzero": sp.Ne,
}
_KINDS = ("integer", "even", "odd", "prime", "composite", "rational", "irrational", "algebraic", "transcendental")
_ENUMERATED = 1000  # integers looked at one by one where a symbol is declared prime or composite


def require_integers(symbol: sp.Symbol, low: int, high: int) -> None:
    """Raise StatementError when an integer of low..high is not what the symbol is declared to be.

    Exact for every declaration; for prime and composite the first thousand integers are looked at, and there is no gap
    between primes as long as that below 1e18.
    """
    near = {low, low + 1, high - 1, high, -1, 0, 1}
    if symbol.is_prime is not None or symbol.is_composite is not None:
        near |= set(range(low, min(high, low + _ENUMERATED) + 1))
    _require(
        symbol, f"the range {low}..{high} holds", (sp.Integer(value) for value in sorted(near) if low <= value <= high)
    )


def require_reals(symbol: sp.Symbol, low: Fraction, high: Fraction | None) -> None:
    """Raise StatementError when a number of [low, high], or [low, oo) for None, is not what the symbol is declared.

    The end 0 of a positive symbol is left out: it belongs to the range only as its closure.
    """
    ends = [_number(low), _number(low + 2 if high is None else high)]
    inside = [sp.Integer(0)] if ends[0] <= 0 <= ends[1] else []
    knots = sorted({*ends, *inside})
    numbers = list(knots)
    for left, right in pairwise(knots):
        # One number of every kind: an integer where there is one, a fraction, an irrational root, a transcendental.
        whole = sp.ceiling(left)
        numbers += [whole] if left <= whole <= right else []
        numbers += [left + (right - left) * share for share in (sp.Rational(1, 7), 1 / sp.sqrt(2), 1 / sp.pi)]
    if symbol.is_positive:
        numbers = [one for one in numbers if one != 0] or numbers
    _require(symbol, f"the range [{ends[0]}, {'oo)' if high is None else f'{ends[1]}]'} holds", numbers)


@dataclass(frozen=True)
class Obligation:
    """What remains to be shown so that an expression may stand for its symbol."""

    symbol: sp.Symbol
    relation: Relational

    def require(self, values: Mapping[sp.Symbol, Any]) -> None:
        """Raise StatementError when the relation certainly fails at these values, if they include all it speaks of."""
        if not self.relation.free_symbols <= set(values):
            return
        if judge(self.relation, values, 1).truth is Truth.FALSE:
            place = ", ".join(f"{symbol} = {_short(value)}" for symbol, value in values.items())
            raise StatementError(
                f"{self.symbol}: declared {_sign(self.symbol)}, but {_brief(self.relation)} fails at {place}; "
                "declare it with fewer assumptions"
            )


def fits(symbol: sp.Symbol, number: Fraction | int) -> bool:
    """The number is what the symbol is declared to be, as far as SymPy can tell."""
    return not _wrong(symbol, _number(number))


def obligations(values: Mapping[sp.Symbol, sp.Expr]) -> list[Obligation]:
    """The declared signs of symbols that SymPy does not derive from the expressions that stand for them.

    Raises StatementError for what no ball can show (that a value is an integer, say) and SymPy does not derive.
    """
    found = []
    for symbol, expression in values.items():
        _require_kind(symbol, expression)
        sign = _sign(symbol)
        if sign is not None and getattr(expression, f"is_{sign}") is not True:
            found.append(Obligation(symbol, _SIGNS[sign](expression, 0, evaluate=False)))
    return found


def root_obligations(symbol: sp.Symbol, low: sp.Expr, high: sp.Expr) -> list[Obligation]:
    """The same for a symbol that stands for a number between `low` and `high`."""
    _require_kind(symbol, sp.Dummy("root", real=True))
    sign = _sign(symbol)
    if sign in ("zero", "nonzero"):
        raise StatementError(f"{symbol}: declared {sign}, which a bracket does not show; declare it positive or real")
    end = high if sign in ("negative", "nonpositive") else low
    if sign is None or getattr(end, f"is_{sign}") is True:
        return []
    return [Obligation(symbol, _SIGNS[sign](end, 0, evaluate=False))]


def _require_kind(symbol: sp.Symbol, expression: sp.Expr) -> None:
    for kind in _KINDS:
        declared = getattr(symbol, f"is_{kind}")
        if declared is False and not symbol.is_positive and kind in ("prime", "composite"):
            continue  # follows from the sign
        if declared is not None and getattr(expression, f"is_{kind}") is not declared:
            raise StatementError(
                f"{symbol}: declared {_word(kind, declared)}, which does not follow for {_brief(expression)}; "
                "declare it real"
            )


def require_value(symbol: sp.Symbol, value: Any) -> None:
    """Raise StatementError when a number or ball is certainly not what its symbol is declared to be.

    A ball that touches zero is not certainly of the other sign: it may be the closure of what is declared positive.
    """
    if isinstance(value, int):
        _require(symbol, "its value is", [sp.Integer(value)])
        return
    enclosure = ball(value)
    if not isinstance(enclosure, arb) or not enclosure.is_finite():
        return
    sign = _sign(symbol)
    low, high = enclosure < 0, enclosure > 0
    wrong = {
        "zero": low or high,
        "positive": low,
        "negative": high,
        "nonnegative": low,
        "nonpositive": high,
    }
    if symbol.is_integer and not enclosure.contains_integer():
        sign, wrong = "an integer", {"an integer": True}
    if sign is not None and wrong.get(sign):
        raise StatementError(
            f"{symbol}: declared {sign}, but its value is {enclosure.str(6)}; declare it with fewer assumptions"
        )


def _sign(symbol: sp.Symbol) -> str | None:
    """The most that the symbol's declaration says about its sign."""
    return next((sign for sign in _SIGNS if getattr(symbol, f"is_{sign}") is True), None)


def _require(symbol: sp.Symbol, found: str, numbers: Iterable[sp.Expr]) -> None:
    for number in numbers:
        wrong = _wrong(symbol, number)
        if wrong:
            # Of all that follows from the declaration, the words that its author used.
            known = (*_SIGNS, *_KINDS)
            word = _word(*min(wrong, key=lambda one: (not one[1], *[one[0] != fact for fact in known])))
            raise StatementError(
                f"{symbol}: {found} {number}, but the symbol is declared {word}; "
                "declare it with fewer assumptions, or narrow its range"
            )


def _wrong(symbol: sp.Symbol, number: sp.Expr) -> list[tuple[str, bool]]:
    """The facts of the symbol's declaration that the number contradicts."""
    facts = symbol.assumptions0.items()
    return [(fact, declared) for fact, declared in facts if getattr(number, f"is_{fact}", None) is (not declared)]


def _number(value: Fraction | int) -> sp.Rational:
    return sp.Rational(value.numerator, value.denominator)


def _word(fact: str, declared: bool) -> str:
    return fact if declared else f"not {fact}"


def _short(value: Any) -> str:
    return str(value.str(6)) if isinstance(value, arb) else str(value)


def _brief(expression: sp.Basic) -> str:
    shown = str(expression)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
