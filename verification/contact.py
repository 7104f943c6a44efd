"""Ends of coordinates on which an expression vanishes, and the first derivative across them that does not."""

from collections.abc import Iterable
from fractions import Fraction

import sympy as sp

from numerics.errors import ArgumentError
from numerics.intervals import Interval, interval
from numerics.jets import compiled_jets
from theory.derivation import cancel_exponents

_ORDERS = 4  # derivatives tried on a face on which the sides agree


def contact_of(
    expression: sp.Expr, symbol: sp.Symbol, end: Fraction, *, has_roots: bool
) -> tuple[int, sp.Expr | None] | None:
    """(order, derivative) of the first derivative at the end that SymPy does not reduce to zero; None without contact.

    The derivative is None where the gradient component serves as well: at order 1, and where roots hide the rest.
    """
    if not vanishes(expression, symbol, end):
        return None
    order, derivative = 1, sp.diff(expression, symbol)
    if has_roots or not vanishes(derivative, symbol, end):
        return 1, None
    while order < _ORDERS and vanishes(derivative, symbol, end):
        order, derivative = order + 1, sp.diff(derivative, symbol)
    return (order, derivative) if has_ranges(derivative) else None


def vanishes(expression: sp.Expr, symbol: sp.Symbol, end: Fraction) -> bool:
    """SymPy reduces the expression to zero on the face; False when it does not.

    False also for derivatives with jumps (of Abs, Max and Min), which have no ranges: Taylor's theorem fails there.
    """
    try:
        there = expression.subs(symbol, sp.Rational(end.numerator, end.denominator))
    except ValueError:  # from Max and Min, which take no infinite arguments
        return False
    if there.has(sp.nan, sp.zoo, sp.oo, sp.S.NegativeInfinity) or not (has_ranges(expression) and has_ranges(there)):
        return False
    if any(low > 0 or high < 0 for low, high in _sampled(there)):
        return False
    return there.is_zero is True or sp.expand(there).is_zero is True or cancel_exponents(there).is_zero is True


def _sampled(expression: sp.Expr) -> Iterable[Interval]:
    """Values at two points, which spare SymPy what is plainly not zero."""
    evaluate = compiled_jets([expression], 0)
    symbols = sorted(expression.free_symbols, key=str)
    for offset in (Fraction(7, 5), Fraction(13, 3)):
        numbers = [offset + Fraction(place, 7) for place in range(len(symbols))]
        yield evaluate({symbol: (interval(one, one), ()) for symbol, one in zip(symbols, numbers, strict=True)})[0][0]


def has_ranges(expression: sp.Expr) -> bool:
    """There is a rigorous evaluation of the expression on intervals."""
    try:
        compiled_jets([expression], 0)
    except ArgumentError:
        return False
    return True
