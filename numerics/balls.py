"""Ball arithmetic: local precision, exact conversion, and SymPy expressions evaluated as Arb balls.

Every function here is rigorous: the true value lies in the returned ball. A ball says nothing when it is wide;
callers that need digits use `decimal` or check `relative_bits`.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from fractions import Fraction
from functools import reduce
from typing import Any

import flint
import mpmath
import sympy as sp
from flint import acb, arb

from numerics.errors import ArgumentError, PrecisionExhausted

_BITS_PER_DIGIT = math.log2(10)
_GUARD_BITS = 24
_WIDE_BITS = 8  # below this accuracy a ball is treated as the interval it is

Value = Any  # int | Fraction | float infinity | arb | acb: flint publishes no types


def precision(bits: int) -> AbstractContextManager[Any]:
    """Work at `bits` binary digits inside the block; the precision outside is untouched."""
    return flint.ctx.workprec(bits)


def bits_for(digits: int) -> int:
    """Working bits that leave room to prove `digits` decimal digits."""
    return math.ceil(digits * _BITS_PER_DIGIT) + _GUARD_BITS


def ball(number: Value) -> Value:
    """An int, Fraction, decimal text or ball as a ball at the working precision; infinity stays infinity."""
    if isinstance(number, (arb, acb)):
        return number
    if isinstance(number, Fraction):
        return arb(number.numerator) / number.denominator
    if isinstance(number, float) and math.isinf(number):
        return arb.pos_inf() if number > 0 else arb.neg_inf()
    return arb(number)


def middle(number: Value) -> Any:
    """The middle of a ball as mpmath's number: exact, where mpmath's working precision holds it."""
    mantissa, exponent = number.mid().man_exp()
    return mpmath.ldexp(mpmath.mpf(int(mantissa)), int(exponent))


def relative_bits(number: Value) -> int:
    """Binary digits of the ball that are proven; a large number for exact balls, negative for useless ones."""
    if number.is_exact():
        return 1 << 30
    return int(number.rel_accuracy_bits())


def is_narrow(number: Value, digits: int) -> bool:
    """True when the ball proves `digits` significant decimal digits (an exact number does)."""
    return number.rel_accuracy_bits() >= bits_for(digits) - _GUARD_BITS + 2 and number.is_finite()


def decimal(number: Value, digits: int) -> tuple[str, str]:
    """(value, radius): a decimal with `digits` significant digits and an upper bound on its distance from the truth.

    Rigorous: the radius covers the ball and the rounding to decimal. Raises PrecisionExhausted when the ball does not
    prove that many digits.
    """
    if not is_narrow(number, digits):
        raise PrecisionExhausted("a value", flint.ctx.prec, "the working precision")
    if number.is_exact() and number == 0:
        return "0", "0"
    with precision(max(flint.ctx.prec, bits_for(digits))):
        text = number.mid().str(digits, radius=False)
        error = abs(number - arb(text)).upper()
        # Three digits are shown; the factor absorbs their rounding, so that the shown radius is never below the error.
        bound = "0" if error == 0 else (error * arb("1.01")).mid().str(3, radius=False)
    return text, bound


_FUNCTIONS: dict[Any, Callable[[Value], Value]] = {
    sp.exp: lambda x: ball(x).exp(),
    sp.log: lambda x: ball(x).log(),
    sp.sinh: lambda x: ball(x).sinh(),
    sp.cosh: lambda x: ball(x).cosh(),
    sp.tanh: lambda x: ball(x).tanh(),
    sp.sin: lambda x: ball(x).sin(),
    sp.cos: lambda x: ball(x).cos(),
    sp.Abs: lambda x: abs(x),
    sp.re: lambda x: ball(x).real,
}


def _exact(number: Value) -> bool:
    return isinstance(number, (int, Fraction))


def _add(left: Value, right: Value) -> Value:
    if _exact(left) and _exact(right):
        return left + right
    return ball(left) + ball(right)


def _is_wide(number: Value) -> bool:
    return isinstance(number, arb) and number.rel_accuracy_bits() < _WIDE_BITS and number.is_finite()


def _hull(parts: list[Value]) -> Value:
    return reduce(lambda left, right: left.union(right), parts)


def _multiply(left: Value, right: Value) -> Value:
    """left * right; wide real balls by their end points, where midpoint-radius products overestimate most."""
    if _exact(left) and _exact(right):
        return left * right
    left, right = ball(left), ball(right)
    if _is_wide(left) and _is_wide(right):
        return _hull([x * y for x in (left.lower(), left.upper()) for y in (right.lower(), right.upper())])
    return left * right


def _power(base: Value, exponent: Value) -> Value:
    """base ** exponent; 1/inf is 0, exact where small and exact, complex where a negative base needs it."""
    if isinstance(base, float) and math.isinf(base) and _exact(exponent) and exponent < 0:
        return 0
    whole = _exact(exponent) and Fraction(exponent).denominator == 1
    if whole:
        exponent = int(exponent)
        if _exact(base) and abs(exponent) <= 8 and (base != 0 or exponent >= 0):
            return Fraction(base) ** exponent
    base = ball(base)
    if _is_wide(base) and base > 0 and _exact(exponent):
        # Monotone on x > 0, so the end points enclose it tightly.
        return _hull([_power(base.lower(), exponent), _power(base.upper(), exponent)])
    if whole:
        return base**exponent
    if isinstance(base, arb) and not base >= 0:
        base = acb(base)
    return base ** ball(exponent)


def _fold(
    operation: Callable[[Value, Value], Value], parts: list[Callable[[Mapping], Value]]
) -> Callable[[Mapping], Value]:
    def run(values: Mapping) -> Value:
        result = parts[0](values)
        for part in parts[1:]:
            result = operation(result, part(values))
        return result

    return run


def compiled(expression: sp.Basic) -> Callable[[Mapping[sp.Symbol, Value]], Value]:
    """A function that evaluates a SymPy expression as a ball, from a mapping of its symbols to exact numbers or balls.

    Integers and fractions stay exact as long as possible, so that L/(L-2) is the rational it is. Raises ArgumentError
    for a node that has no rigorous evaluation here (floats among them: write decimals as sympy.Rational).
    """
    if isinstance(expression, sp.Symbol):
        return lambda values: values[expression]
    if isinstance(expression, sp.Rational):
        constant = Fraction(int(expression.p), int(expression.q))
        return lambda values: constant
    if expression is sp.oo:
        return lambda values: math.inf
    if expression is sp.pi:
        return lambda values: arb.pi()
    if expression is sp.E:
        return lambda values: arb(1).exp()
    if expression is sp.I:
        return lambda values: acb(0, 1)
    if isinstance(expression, sp.Add):
        return _fold(_add, [compiled(part) for part in expression.args])
    if isinstance(expression, sp.Mul):
        return _fold(_multiply, [compiled(part) for part in expression.args])
    if isinstance(expression, sp.Pow):
        base, exponent = compiled(expression.base), compiled(expression.exp)
        return lambda values: _power(base(values), exponent(values))
    if isinstance(expression, (sp.Max, sp.Min)):
        pick = (
            (lambda x, y: ball(x).max(ball(y)))
            if isinstance(expression, sp.Max)
            else (lambda x, y: ball(x).min(ball(y)))
        )
        return _fold(pick, [compiled(part) for part in expression.args])
    function = _FUNCTIONS.get(expression.func)
    if function is not None and len(expression.args) == 1:
        inner = compiled(expression.args[0])
        return lambda values: function(inner(values))
    raise ArgumentError(
        "expression", expression, "made of rationals, symbols, + * **, exp, log, Abs, Max, Min and (hyperbolic) sines"
    )


def evaluate(expression: sp.Basic, values: Mapping[sp.Symbol, Value]) -> Value:
    """The expression as a real ball at the working precision.

    A complex value whose imaginary part encloses zero is returned as its real part: rigorous when the caller knows the
    value to be real.
    """
    result = ball(compiled(expression)(values))
    if isinstance(result, acb) and result.imag.contains(0):
        return result.real
    return result
