"""Catches an enclosure that misses the truth: every operation, and whole random expressions with their gradients."""

import random
from fractions import Fraction

import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import intervals as iv
from numerics.balls import ball, evaluate, precision
from numerics.errors import ArgumentError
from numerics.jets import compiled_jets

x, y = sp.symbols("x y", real=True)
p, q = sp.symbols("p q", positive=True)
NUMBERS = st.one_of(
    st.just(Fraction(0)),
    st.fractions(-4, 4, max_denominator=40),
    st.fractions(-(10**9), 10**9, max_denominator=7),
    st.fractions(1, 9, max_denominator=9).map(lambda one: one * Fraction(10) ** -30),
)
SHARES = st.sampled_from([Fraction(0), Fraction(1), Fraction(1, 2), Fraction(1, 7), Fraction(99, 100)])


@st.composite
def interval_and_point(draw):
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    return low, high, low + draw(SHARES) * (high - low)


def contains(enclosure, number):
    """False only when the ball of the number is certainly outside."""
    return not (number < enclosure[0]) and not (number > enclosure[1])


def exact(number):
    with precision(4000):
        return ball(number)


@pytest.mark.parametrize("bits", [12, 64])
@given(interval_and_point(), interval_and_point())
def test_arithmetic_contains_the_exact_results(bits, left, right):
    (a, b, s), (c, d, t) = left, right
    with precision(bits):
        one, other = iv.interval(a, b), iv.interval(c, d)
        found = {
            "add": (iv.add(one, other), s + t),
            "subtract": (iv.subtract(one, other), s - t),
            "multiply": (iv.multiply(one, other), s * t),
            "absolute": (iv.absolute(one), abs(s)),
            "negative": (iv.negative(one), -s),
            "hull": (iv.hull(one, other), s),
            "hull, other": (iv.hull(one, other), t),
        }
        if t != 0:
            found["divide"] = (iv.divide(one, other), s / t)
        for power in range(-4, 5):
            if s != 0 or power >= 0:
                found[f"power {power}"] = (iv.power(one, Fraction(power)), s**power)
    for name, (enclosure, number) in found.items():
        assert enclosure[0] <= enclosure[1], name
        assert contains(enclosure, exact(number)), name


@pytest.mark.parametrize("bits", [12, 64, 600])
@given(interval_and_point(), st.sampled_from(["1/2", "-1/2", "5/3", "-7/3", "1/7"]).map(Fraction))
def test_rational_powers_of_positive_numbers_are_enclosed_at_any_precision(bits, drawn, exponent):
    # 600 bits are more than an exponent is compiled with.
    low, high, point = drawn
    with precision(bits):
        enclosure = iv.power(iv.interval(low, high), exponent)
    if low < 0:
        assert enclosure == iv.WHOLE
    elif point > 0:
        with precision(800):
            assert contains(enclosure, ball(point) ** ball(exponent))


@pytest.mark.parametrize("function", [sp.exp, sp.log, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh, sp.Abs])
@given(interval_and_point())
def test_functions_and_their_derivatives_are_enclosed(function, drawn):
    low, high, point = drawn
    low, high, point = (max(Fraction(-60), min(Fraction(60), one)) for one in (low, high, point))
    run = compiled_jets([function(x)], 1)
    with precision(53):
        ((value, (slope,)),) = run({x: (iv.interval(low, high), (iv.ONE,))})
    if function is sp.log and point <= 0:
        assert low > 0 or value[0] == arb.neg_inf()
        return
    with precision(300):
        assert contains(value, ball(evaluate(function(x), {x: point})))
        if function is not sp.Abs:
            assert contains(slope, ball(evaluate(sp.diff(function(x), x), {x: point})))
        elif point != 0:
            assert contains(slope, arb(1 if point > 0 else -1))


def test_undefined_is_the_whole_line():
    minus, across, zero, endless = (iv.interval(*ends) for ends in ((-2, -1), (-1, 1), (0, 0), (0, float("inf"))))
    for found in (
        iv.log(minus),
        iv.log(across),
        iv.log(zero),
        iv.power(across, Fraction(-1)),
        iv.power(zero, Fraction(-1)),
        iv.power(across, Fraction(1, 2)),
        iv.multiply(zero, endless),
        iv.subtract(endless, endless),
        iv.divide(endless, endless),
    ):
        assert found == iv.WHOLE or found == (arb(0), arb.pos_inf())
    assert iv.subtract(endless, endless) == iv.multiply(zero, endless) == iv.WHOLE
    assert iv.power(across, Fraction(-2)) == iv.WHOLE


def test_the_slope_of_abs_at_zero_is_an_interval_that_contains_both_sides():
    run = compiled_jets([sp.Abs(x)], 1)
    for low, high in ((0, 0), (0, 1), (-1, 0), (-1, 1)):
        ((_, (slope,)),) = run({x: (iv.interval(low, high), (iv.ONE,))})
        assert slope[0] <= slope[1]
        assert high == 0 or slope[1] == 1
        assert low == 0 or slope[0] == -1


def test_disjoint_enclosures_never_make_an_interval_upside_down():
    assert iv.intersection(iv.interval(0, 1), iv.interval(2, 3)) == iv.WHOLE
    assert iv.intersection(iv.interval(0, 1), iv.interval(1, 3)) == iv.interval(1, 1)


@pytest.mark.parametrize(
    "expression",
    [
        sp.log(3 + x),  # x < 0: 3 + x is not 3 + e^(log x)
        sp.log(3 - 2 * x),
        sp.log(-1 - 4 * x),
        sp.log(9 + x * y),
        sp.log(9 + x**3 * y**2),
        sp.log(2 + sp.exp(x - y)),
        sp.log(200 - sp.exp(x) / 3),
        sp.log(5 + x * sp.exp(y)),
        sp.log(3 + 2 * p**-2 / q),
        sp.log(3 - p * q / 4),
        sp.Max(x, y, x * y),
        sp.Min(x + y, x * y, 1 - x),
        sp.Abs(x - y) * sp.Abs(x),
        p**q,
        (p + 1) ** (x * y),
        p ** sp.Rational(-3, 7) * sp.log(q) ** 2,
        sp.sqrt(p) / (1 + q**3) + sp.pi * sp.E,
        (x - y) ** 3 / (1 + x**2),
    ],
)
@pytest.mark.parametrize("logarithmic", [(), (p, q)])
def test_expressions_and_gradients_are_enclosed_on_random_boxes(expression, logarithmic):
    check_on_random_boxes(expression, logarithmic, 40, random.Random(str(expression)))


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_random_expressions_and_gradients_are_enclosed_on_random_boxes(seed):
    rng = random.Random(seed)
    check_on_random_boxes(grown(rng, 4), rng.choice([(), (p,), (p, q)]), 5, rng)


def grown(rng, height):
    """A random expression."""
    if height == 0 or rng.random() < 0.15:
        return rng.choice([x, y, p, q, sp.Rational(rng.randint(-5, 5), rng.randint(1, 4))])
    one, other = grown(rng, height - 1), grown(rng, height - 1)
    return rng.choice(
        [
            lambda: one + other,
            lambda: one - other,
            lambda: one * other,
            lambda: one / (2 + other**2),
            lambda: sp.exp(-(one**2)),
            lambda: sp.log(sp.Rational(7, 2) + one),
            lambda: sp.tanh(one),
            lambda: sp.cos(one),
            lambda: sp.Max(one, other),
            lambda: (1 + one**2) ** sp.Rational(rng.choice([-5, -1, 1, 4]), 3),
            lambda: one ** rng.choice([-2, -1, 2, 3]) if one != 0 else one,
        ]
    )()


def check_on_random_boxes(expression, logarithmic, count, rng):
    """Value and differences along the coordinates at random points of random boxes, against the enclosures."""
    symbols = (x, y, p, q)
    if expression.has(sp.I, sp.zoo, sp.nan, sp.oo):
        return
    run = compiled_jets([expression], 4, logarithmic)
    for _ in range(count):
        sides = {}
        for symbol in symbols:
            low = Fraction(rng.randint(1 if symbol in (p, q) else -30, 30), 10)
            sides[symbol] = (low, low + Fraction(rng.choice([0, 1, 5, 20]), 10))
        with precision(53):
            jets = {}
            for place, (symbol, side) in enumerate(sides.items()):
                value = iv.interval(*side)
                ones = tuple(iv.ONE if other == place else None for other in range(4))
                jets[symbol] = (value, tuple(value if one and symbol in logarithmic else one for one in ones))
                if symbol in logarithmic:
                    jets[sp.log(symbol)] = iv.log(value), ones
            ((value, gradient),) = run(jets)
        point = {s: low + Fraction(rng.randint(0, 8), 8) * (high - low) for s, (low, high) in sides.items()}
        assert value[0] <= value[1]
        here = at(expression, point)
        if here is None:
            assert value == iv.WHOLE or value[0] == arb.neg_inf() or value[1] == arb.pos_inf()
            continue
        assert contains(value, here), (expression, sides, point)
        for symbol, slope in zip(symbols, gradient, strict=True):
            low, high = sides[symbol]
            other = low + Fraction(rng.randint(0, 8), 8) * (high - low)
            there = at(expression, point | {symbol: other})
            if other == point[symbol] or there is None:
                continue
            with precision(400):
                step = ball(other / point[symbol]).log() if symbol in logarithmic else ball(other - point[symbol])
                chord = (there - here) / step
            # A chord is a derivative somewhere on the side.
            assert contains(slope or iv.ZERO, chord), (expression, symbol, sides, point, other)


def at(expression, point):
    """The value as a ball, None where it is not a real number."""
    with precision(400):
        found = evaluate(expression, point)
        return found if isinstance(found, arb) and found.is_finite() else None


@pytest.mark.parametrize("expression", [sp.sign(x), sp.I * x, sp.Heaviside(x), x + sp.oo, sp.Float("0.1") * x])
def test_what_cannot_be_enclosed_is_an_error(expression):
    with pytest.raises(ArgumentError, match="made of rationals"):
        compiled_jets([expression], 1)
