"""Intervals with exact ends, rounded outwards by Arb, and SymPy expressions with their gradients over boxes.

Notation
    An interval is a pair (low, high) of exact Arb numbers, ends possibly infinite. A jet is an interval together with
    the intervals of its partial derivatives in the coordinates of a box; None stands for a derivative that is zero.
Implementation notes
    Arb's own balls widen a number by their radius; over boxes that are a fraction of the domain the ends matter, so
    every operation works on the two ends and rounds outwards. An expression that is undefined somewhere on a box is
    the whole line there.
Everything here is rigorous: the true range lies in the returned interval.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import sympy as sp
from flint import arb

from numerics.balls import ball, precision
from numerics.errors import ArgumentError

Interval = tuple[arb, arb]
Gradient = tuple[Interval | None, ...]
Jet = tuple[Interval, Gradient]

_EXPONENT_BITS = 256

WHOLE: Interval = (arb.neg_inf(), arb.pos_inf())
ZERO: Interval = (arb(0), arb(0))
ONE: Interval = (arb(1), arb(1))


def interval(low: Any, high: Any) -> Interval:
    """The interval between two exact numbers or balls, outwards to the working precision."""
    return _outwards(ball(low), ball(high))


def _outwards(low: arb, high: arb) -> Interval:
    if low.is_nan() or high.is_nan():
        return WHOLE
    return low.lower(), high.upper()


def intersection(left: Interval, right: Interval) -> Interval:
    """What two enclosures of one number have in common; if nothing, one of them is wrong: the whole line."""
    low, high = (left[0] if left[0] > right[0] else right[0]), (left[1] if left[1] < right[1] else right[1])
    return WHOLE if low > high else (low, high)


def hull(left: Interval, right: Interval) -> Interval:
    """The smallest interval that contains both."""
    return (left[0] if left[0] < right[0] else right[0]), (left[1] if left[1] > right[1] else right[1])


def middle(one: Interval) -> arb:
    """An exact point inside a bounded interval, near its middle."""
    return ((one[0] + one[1]) / 2).mid()


def width(one: Interval) -> float:
    """high - low as a float, for heuristics."""
    return float(one[1] - one[0]) if one[0].is_finite() and one[1].is_finite() else math.inf


def add(left: Interval, right: Interval) -> Interval:
    """left + right."""
    return _outwards(left[0] + right[0], left[1] + right[1])


def subtract(left: Interval, right: Interval) -> Interval:
    """left - right."""
    return _outwards(left[0] - right[1], left[1] - right[0])


def negative(one: Interval) -> Interval:
    """-one."""
    return -one[1], -one[0]


def multiply(left: Interval, right: Interval) -> Interval:
    """left * right."""
    if left[0] >= 0:
        if right[0] >= 0:
            return _outwards(left[0] * right[0], left[1] * right[1])
        if right[1] <= 0:
            return _outwards(left[1] * right[0], left[0] * right[1])
    elif left[1] <= 0 and right[0] >= 0:
        return _outwards(left[0] * right[1], left[1] * right[0])
    products = [x * y for x in left for y in right]
    if any(one.is_nan() for one in products):
        return WHOLE
    lows, highs = [one.lower() for one in products], [one.upper() for one in products]
    low, high = lows[0], highs[0]
    for other in lows[1:]:
        low = other if other < low else low
    for other in highs[1:]:
        high = other if other > high else high
    return low, high


def divide(left: Interval, right: Interval) -> Interval:
    """left / right; the whole line when right contains 0."""
    return multiply(left, power(right, Fraction(-1)))


def power(base: Interval, exponent: Fraction) -> Interval:
    """base^exponent; for an exponent that is not an integer the base must not be negative."""
    return _raiser(exponent)(base)


@lru_cache(maxsize=4096)
def _raiser(exponent: Fraction) -> Callable[[Interval], Interval]:
    """x -> x^exponent with everything that depends on the exponent alone decided."""
    whole, rising, even = exponent.denominator == 1, exponent > 0, exponent.denominator == 1 and exponent % 2 == 0
    number = _exponent(exponent)

    def monotone(low: arb, high: arb) -> Interval:
        """On 0 <= low <= high."""
        if rising:
            return _outwards(
                low if low == 0 else low**number, high if high == 0 or not high.is_finite() else high**number
            )
        if high == 0:
            return WHOLE
        top = arb.pos_inf() if low == 0 else low**number
        return _outwards(high**number if high.is_finite() else arb(0), top)

    def run(base: Interval) -> Interval:
        low, high = base
        if low >= 0:
            return monotone(low, high)
        if not whole or (high > 0 and not rising):
            return WHOLE
        if high <= 0:
            mirrored = monotone(-high, -low)
            return mirrored if even else negative(mirrored)
        below, above = monotone(arb(0), -low), monotone(arb(0), high)
        return hull(below, above) if even else hull(negative(below), above)

    return run if exponent not in (0, 1) else (lambda base: base if exponent == 1 else ONE)


def _exponent(exponent: Fraction) -> int | arb:
    """An integer, or a ball that contains the fraction at any working precision that is used on boxes."""
    if exponent.denominator == 1:
        return int(exponent)
    with precision(_EXPONENT_BITS):
        return ball(exponent)


def exp(one: Interval) -> Interval:
    """e^one."""
    return _outwards(one[0].exp(), one[1].exp())


def log(one: Interval) -> Interval:
    """The natural logarithm; the whole line where it is undefined."""
    if one[0] < 0 or one[1] <= 0:
        return WHOLE
    return _outwards(arb.neg_inf() if one[0] == 0 else one[0].log(), one[1].log() if one[1].is_finite() else one[1])


def absolute(one: Interval) -> Interval:
    """|one|."""
    if one[0] >= 0:
        return one
    if one[1] <= 0:
        return negative(one)
    return arb(0), (one[1] if one[1] > -one[0] else -one[0])


def _sine(one: Interval) -> Interval:
    image = one[0].union(one[1]).sin()
    return intersection(_outwards(image, image), (arb(-1), arb(1)))


def _cosine(one: Interval) -> Interval:
    image = one[0].union(one[1]).cos()
    return intersection(_outwards(image, image), (arb(-1), arb(1)))


def _hyperbolic_cosine(one: Interval) -> Interval:
    size = absolute(one)
    return _outwards(size[0].cosh(), size[1].cosh())


def _hyperbolic_sine(one: Interval) -> Interval:
    return _outwards(one[0].sinh(), one[1].sinh())


def _hyperbolic_tangent(one: Interval) -> Interval:
    return _outwards(one[0].tanh(), one[1].tanh())


def _sign(one: Interval) -> Interval:
    return (arb(1) if one[0] >= 0 and one[1] > 0 else arb(-1)), (arb(-1) if one[1] <= 0 and one[0] < 0 else arb(1))


_FUNCTIONS: dict[Any, tuple[Callable[[Interval], Interval], Callable[[Interval, Interval], Interval]]] = {
    # The function, and its derivative from (argument, value).
    sp.exp: (exp, lambda x, y: y),
    sp.log: (log, lambda x, y: divide(ONE, x)),
    sp.Abs: (absolute, lambda x, y: _sign(x)),
    sp.sin: (_sine, lambda x, y: _cosine(x)),
    sp.cos: (_cosine, lambda x, y: negative(_sine(x))),
    sp.sinh: (_hyperbolic_sine, lambda x, y: _hyperbolic_cosine(x)),
    sp.cosh: (_hyperbolic_cosine, lambda x, y: _hyperbolic_sine(x)),
    sp.tanh: (_hyperbolic_tangent, lambda x, y: subtract(ONE, multiply(y, y))),
}


def _times(gradient: Gradient, factor: Interval) -> Gradient:
    return tuple(None if one is None else multiply(one, factor) for one in gradient)


def _plus(left: Gradient, right: Gradient) -> Gradient:
    return tuple(
        other if one is None else one if other is None else add(one, other)
        for one, other in zip(left, right, strict=True)
    )


def _add_jets(left: Jet, right: Jet) -> Jet:
    return add(left[0], right[0]), _plus(left[1], right[1])


def _multiply_jets(left: Jet, right: Jet) -> Jet:
    gradient = _plus(_times(left[1], right[0]), _times(right[1], left[0]))
    return multiply(left[0], right[0]), gradient


def _largest(left: Jet, right: Jet) -> Jet:
    if left[0][0] >= right[0][1]:
        return left
    if right[0][0] >= left[0][1]:
        return right
    (a, b), (c, d) = left[0], right[0]
    gradient = tuple(
        None if one is None and other is None else hull(one or ZERO, other or ZERO)
        for one, other in zip(left[1], right[1], strict=True)
    )
    return ((a if a > c else c), (b if b > d else d)), gradient


def _smallest(left: Jet, right: Jet) -> Jet:
    value, gradient = _largest(_negative_jet(left), _negative_jet(right))
    return _negative_jet((value, gradient))


def _negative_jet(one: Jet) -> Jet:
    return negative(one[0]), tuple(None if part is None else negative(part) for part in one[1])


def _power_jet(exponent: Fraction) -> Callable[[Jet], Jet]:
    raised, lowered = _raiser(exponent), _raiser(exponent - 1)
    factor = interval(exponent, exponent)

    def run(base: Jet) -> Jet:
        if all(one is None for one in base[1]):
            return raised(base[0]), base[1]
        return raised(base[0]), _times(base[1], multiply(factor, lowered(base[0])))

    return run


def _power_of_logarithmic(exponent: Fraction) -> Callable[[Jet, Jet], Jet]:
    """x^e from jets of (x, log x): its derivative in log x is e x^e."""

    raised, factor = _raiser(exponent), interval(exponent, exponent)

    def run(base: Jet, inner: Jet) -> Jet:
        value = raised(base[0])
        return value, _times(inner[1], multiply(factor, value))

    return run


def _general_power(logarithm: Jet, exponent: Jet) -> Jet:
    """exp(exponent * logarithm)."""
    return _apply(sp.exp, _multiply_jets(logarithm, exponent))


def _apply(function: Any, inner: Jet) -> Jet:
    value_of, slope_of = _FUNCTIONS[function]
    value = value_of(inner[0])
    if all(one is None for one in inner[1]):
        return value, inner[1]
    return value, _times(inner[1], slope_of(inner[0], value))


def _growing_part(one: sp.Expr, logarithms: Mapping[sp.Symbol, sp.Expr]) -> tuple[Fraction, Fraction, sp.Expr] | None:
    """(k, c, x) when the expression is k + c e^x with k and c not zero, where a logarithmic symbol is e^(its log)."""
    if not isinstance(one, sp.Add) or len(one.args) != 2:
        return None
    constant, rest = one.as_coeff_Add()
    factor, grown = rest.as_coeff_Mul()
    if not isinstance(constant, sp.Rational) or not isinstance(factor, sp.Rational) or constant == 0:
        return None
    inner = sp.Add(*(_logarithm(part, logarithms) for part in sp.Mul.make_args(grown)))
    return _fraction(constant), _fraction(factor), inner


def _logarithm(one: sp.Expr, logarithms: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
    if isinstance(one, sp.exp):
        return one.args[0]
    base, exponent = one.as_base_exp()
    return exponent * logarithms.get(base, sp.log(base))


def _fraction(number: sp.Rational) -> Fraction:
    return Fraction(int(number.p), int(number.q))


def _log_of_sum(constant: Fraction, factor: Fraction) -> Callable[[Jet, Jet], Jet]:
    """log(k + c e^x) from jets of (k + c e^x, x), with the derivative 1/(1 + (k/c) e^(-x)), in which x appears once."""
    share = interval(constant / factor, constant / factor)

    def run(whole: Jet, inner: Jet) -> Jet:
        value, gradient = _apply(sp.log, whole)
        # x is the whole line where a factor of e^x may be negative, and then there is no real x.
        defined = inner[0][0].is_finite() or inner[0][1].is_finite()
        if all(one is None for one in gradient) or not defined:
            return value, gradient
        slope = divide(ONE, add(ONE, multiply(share, exp(negative(inner[0])))))
        tight = _times(inner[1], slope)
        return value, tuple(
            None if one is None or other is None else intersection(one, other)
            for one, other in zip(gradient, tight, strict=True)
        )

    return run


def compiled_jets(
    expressions: Sequence[sp.Expr], size: int, logarithmic: Sequence[sp.Symbol] = ()
) -> Callable[[Mapping[sp.Basic, Jet]], list[Jet]]:
    """A function that evaluates SymPy expressions with their gradients in `size` coordinates, shared parts once.

    Its argument maps every symbol to a jet, and log(x) to a jet for every x in `logarithmic`, so that derivatives in
    log x do not multiply x by 1/x. Raises ArgumentError for a node without a rigorous evaluation here.
    """
    logarithms = {symbol: sp.log(symbol) for symbol in logarithmic}
    given = set(logarithms.values())
    constant: Gradient = (None,) * size
    steps: list[tuple[Callable[..., Jet], tuple[int, ...]]] = []
    inputs: dict[int, sp.Basic] = {}
    places: dict[sp.Basic, int] = {}

    def step(operation: Callable[..., Jet], *arguments: int) -> int:
        steps.append((operation, arguments))
        return len(steps) - 1

    def fold(operation: Callable[[Jet, Jet], Jet], parts: Sequence[sp.Basic]) -> int:
        place = visit(parts[0])
        for part in parts[1:]:
            place = step(operation, place, visit(part))
        return place

    def visit(one: sp.Basic) -> int:
        if one not in places:
            places[one] = build(one)
        return places[one]

    def build(one: sp.Basic) -> int:
        if isinstance(one, sp.Symbol) or one in given:
            place = step(lambda: (WHOLE, constant))
            inputs[place] = one
            return place
        if isinstance(one, (sp.Rational, sp.core.numbers.Pi, sp.core.numbers.Exp1)):
            number = _constant(one)
            return step(lambda: (number, constant))
        if isinstance(one, sp.Add):
            return fold(_add_jets, one.args)
        if isinstance(one, sp.Mul):
            return fold(_multiply_jets, one.args)
        if isinstance(one, sp.Pow) and isinstance(one.exp, sp.Rational):
            exponent = _fraction(one.exp)
            if one.base in logarithms:
                return step(_power_of_logarithmic(exponent), visit(one.base), visit(logarithms[one.base]))
            return step(_power_jet(exponent), visit(one.base))
        if isinstance(one, sp.Pow):
            return step(_general_power, visit(sp.log(one.base)), visit(one.exp))
        if isinstance(one, sp.Max):
            return fold(_largest, one.args)
        if isinstance(one, sp.Min):
            return fold(_smallest, one.args)
        if isinstance(one, sp.log) and (parts := _growing_part(one.args[0], logarithms)) is not None:
            *numbers, inner = parts
            return step(_log_of_sum(*numbers), visit(one.args[0]), visit(inner))
        if one.func in _FUNCTIONS:
            function = one.func
            return step(lambda inner: _apply(function, inner), visit(one.args[0]))
        raise ArgumentError(
            "expression", one, "made of rationals, symbols, + * **, exp, log, Abs, Max, Min and (hyperbolic) sines"
        )

    outputs = [visit(sp.sympify(expression)) for expression in expressions]

    def run(values: Mapping[sp.Basic, Jet]) -> list[Jet]:
        done: list[Any] = [None] * len(steps)
        for place, symbol in inputs.items():
            done[place] = values[symbol]
        for place, operation, arguments in work:
            done[place] = operation(*[done[argument] for argument in arguments])
        return [done[place] for place in outputs]

    work = [(place, *one) for place, one in enumerate(steps) if place not in inputs]
    return run


def _constant(one: sp.Basic) -> Interval:
    """The number between exact ends, rounded outwards at the precision of the moment."""
    named = {sp.pi: arb.pi, sp.E: arb.const_e}
    number = ball(_fraction(one)) if isinstance(one, sp.Rational) else named[one]()
    return interval(number, number)
