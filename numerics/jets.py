"""SymPy expressions with their gradients over boxes, enclosed by intervals.

Notation
    A jet is an interval together with the intervals of its partial derivatives in the coordinates of a box; None stands
    for a derivative that is zero.
Everything here is rigorous: the true range lies in the returned interval.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp
from flint import arb

from numerics.balls import ball
from numerics.errors import ArgumentError
from numerics.intervals import (
    ONE,
    WHOLE,
    ZERO,
    Interval,
    absolute,
    add,
    divide,
    exp,
    hull,
    intersection,
    interval,
    log,
    multiply,
    negative,
    outwards,
    raiser,
    subtract,
)
from numerics.products import ProductAtZero, product_at_zero

Gradient = tuple[Interval | None, ...]
Jet = tuple[Interval, Gradient]


def _sine(one: Interval) -> Interval:
    image = one[0].union(one[1]).sin()
    return intersection(outwards(image, image), (arb(-1), arb(1)))


def _cosine(one: Interval) -> Interval:
    image = one[0].union(one[1]).cos()
    return intersection(outwards(image, image), (arb(-1), arb(1)))


def _hyperbolic_cosine(one: Interval) -> Interval:
    size = absolute(one)
    return outwards(size[0].cosh(), size[1].cosh())


def _hyperbolic_sine(one: Interval) -> Interval:
    return outwards(one[0].sinh(), one[1].sinh())


def _hyperbolic_tangent(one: Interval) -> Interval:
    return outwards(one[0].tanh(), one[1].tanh())


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
    raised, lowered = raiser(exponent), raiser(exponent - 1)
    factor = interval(exponent, exponent)

    def run(base: Jet) -> Jet:
        if all(one is None for one in base[1]):
            return raised(base[0]), base[1]
        return raised(base[0]), _times(base[1], multiply(factor, lowered(base[0])))

    return run


def _power_of_logarithmic(exponent: Fraction) -> Callable[[Jet, Jet], Jet]:
    """x^e from jets of (x, log x): its derivative in log x is e x^e."""

    raised, factor = raiser(exponent), interval(exponent, exponent)

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


def _tamed(product: ProductAtZero, logarithmic: bool) -> Callable[[Jet, Jet, Jet], Jet]:
    """The product's own enclosures on intervals that begin at 0, in the place of those from its factors."""

    def run(factors: Jet, symbol: Jet, coordinate: Jet) -> Jet:
        value = product.over(symbol[0])
        if value is None:
            return factors
        if all(one is None for one in factors[1]):
            return intersection(factors[0], value), factors[1]
        return intersection(factors[0], value), _times(coordinate[1], product.slope(symbol[0], logarithmic))

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
            found = product_at_zero(one)
            if found is None:
                return fold(_multiply_jets, one.args)
            product, own, others = found
            arguments = [visit(product.symbol), visit(logarithms.get(product.symbol, product.symbol))]
            tamed = step(_tamed(product, product.symbol in logarithms), fold(_multiply_jets, own), *arguments)
            return functools.reduce(lambda place, other: step(_multiply_jets, place, visit(other)), others, tamed)
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
