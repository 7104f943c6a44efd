"""Catches a ball that does not enclose (against mpmath, and random points of wide boxes), decimals whose radius does
not cover, precision that leaks, and expressions that are evaluated though they have no rigorous value."""

import math
from fractions import Fraction

import mpmath
import pytest
import sympy as sp
from flint import acb, arb, ctx
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from numerics.balls import ball, bits_for, compiled, decimal, evaluate, is_narrow, precision, relative_bits
from numerics.errors import ArgumentError, PrecisionExhausted

x, y = sp.symbols("x y", positive=True)
real = sp.Symbol("u", real=True)
anything = sp.Symbol("c")


def rational(number):
    """An exact ball as the Fraction it is."""
    mantissa, power = number.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(power)


def ends(number):
    """Exact; arb's own lower() and upper() round outwards at the working precision."""
    middle, radius = rational(number.mid()), rational(number.rad())
    return middle - radius, middle + radius


# ---- expressions ----

powers = st.sampled_from([sp.Rational(*pair) for pair in ((1, 2), (-1, 3), (5, 2), (2, 1), (3, 1), (-1, 1), (11, 1))])
constants = st.builds(sp.Rational, st.integers(-9, 9), st.integers(1, 7))


def extended(inner):
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda pair: pair[0] + pair[1]),
        pairs.map(lambda pair: pair[0] * pair[1]),
        pairs.map(lambda pair: pair[0] / (1 + sp.Abs(pair[1]))),
        pairs.map(lambda pair: sp.Max(*pair)),
        pairs.map(lambda pair: sp.Min(*pair)),
        st.tuples(inner, powers).map(lambda pair: (sp.Abs(pair[0]) + sp.Rational(1, 7)) ** pair[1]),
        st.tuples(inner, st.integers(2, 3)).map(lambda pair: pair[0] ** pair[1]),
        st.tuples(inner, inner).map(lambda pair: (1 + sp.Abs(pair[0])) ** (pair[1] / (1 + sp.Abs(pair[1])))),
        inner.map(lambda one: sp.exp(one / (1 + sp.Abs(one)))),
        inner.map(lambda one: sp.log(1 + sp.Abs(one))),
        *[inner.map(lambda one, f=f: f(one / (1 + sp.Abs(one)))) for f in (sp.sinh, sp.cosh)],
        *[inner.map(f) for f in (sp.tanh, sp.sin, sp.cos, sp.Abs)],
    )


expressions = st.recursive(st.one_of(st.sampled_from([x, y, sp.pi, sp.E]), constants), extended, max_leaves=7)
numbers = st.fractions("1/10", 5)


MPMATH = {
    sp.Add: lambda *parts: mpmath.fsum(parts),
    sp.Mul: lambda *parts: mpmath.fprod(parts),
    sp.Pow: mpmath.power,
    sp.Abs: abs,
    sp.Max: max,
    sp.Min: min,
} | {getattr(sp, name): getattr(mpmath, name) for name in ("exp", "log", "sin", "cos", "sinh", "cosh", "tanh")}


def in_mpmath(expression, values):
    """The expression at mpmath's working precision; no lambdify, whose code divides Python integers as floats."""
    if expression in values:
        return values[expression]
    if expression.is_Rational:
        return mpmath.mpf(int(expression.p)) / int(expression.q)
    if expression in (sp.pi, sp.E):
        return +mpmath.pi if expression is sp.pi else +mpmath.e
    return MPMATH[expression.func](*(in_mpmath(part, values) for part in expression.args))


@settings(max_examples=200)
@given(expressions, numbers, numbers)
@example(sp.sqrt(2) * x ** sp.Rational(-1, 3), Fraction(2, 3), Fraction(1))
@example(sp.Max(x, y) - sp.Min(x, y) - sp.Abs(x - y), Fraction(1, 3), Fraction(1, 7))
def test_balls_enclose_the_value_that_mpmath_computes(expression, first, second):
    with precision(120):
        result = evaluate(expression, {x: first, y: second})
        accuracy = result.rel_accuracy_bits()
        low, high = ends(result)
    with mpmath.workdps(120):
        point = {
            symbol: mpmath.mpf(number.numerator) / number.denominator for symbol, number in ((x, first), (y, second))
        }
        other = in_mpmath(expression, point)
        slack = mpmath.mpf(10) ** -100 * (1 + abs(other))
        assert mpmath.mpf(low.numerator) / low.denominator - slack <= other
        assert other <= mpmath.mpf(high.numerator) / high.denominator + slack
        if abs(other) > 1e-6:
            assert accuracy > 60


@settings(max_examples=200)
@given(
    expressions,
    st.tuples(numbers, numbers),
    st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
    st.lists(st.tuples(st.fractions(-1, 1), st.fractions(-1, 1)), min_size=1, max_size=6),
)
def test_a_wide_box_encloses_the_values_at_its_points(expression, centres, widths, shares):
    with precision(64):
        box = [arb(ball(c).mid(), float(c) * w) for c, w in zip(centres, widths, strict=True)]
        wide = evaluate(expression, dict(zip((x, y), box, strict=True)))
    with precision(200):
        for point in shares:
            inside = [
                rational(side.mid()) + share * rational(side.rad()) for side, share in zip(box, point, strict=True)
            ]
            assert not wide.is_finite() or wide.overlaps(evaluate(expression, dict(zip((x, y), inside, strict=True))))


@given(st.fractions("1/10", 10), st.floats(0.3, 0.95), st.sampled_from([Fraction(1, 2), Fraction(-5, 3), 3, -1, 40]))
def test_powers_of_wide_positive_balls_are_as_tight_as_their_end_points(centre, share, power):
    wide = arb(ball(centre).mid(), float(centre) * share)
    result = evaluate(x ** sp.Rational(power), {x: wide})
    corners = sorted(float(end) ** float(power) for end in ends(wide))
    low, high = (float(end) for end in ends(result))
    spread = corners[1] - corners[0]
    assert low <= corners[0] * (1 + 1e-12)
    assert high >= corners[1] * (1 - 1e-12)
    # A midpoint-radius power overestimates by factors here; 2^-20 covers the 30-bit radius of a ball.
    assert high - low <= spread * (1 + 2.0**-20) + 1e-12 * corners[1]


@given(st.tuples(st.floats(-9, 9), st.floats(0, 9)), st.tuples(st.floats(-9, 9), st.floats(0, 9)))
@example((0.0, 1.0), (0.0, 1.0))
@example((1.0, 2.0), (-1.0, 2.0))
def test_products_of_wide_balls_of_any_sign_are_exact_hulls(first, second):
    left, right = (arb(*pair) for pair in (first, second))
    result = evaluate(x * y, {x: left, y: right})
    corners = [a * b for a in ends(left) for b in ends(right)]
    low, high = ends(result)
    assert low <= min(corners)
    assert high >= max(corners)
    if left.rel_accuracy_bits() < 8 and right.rel_accuracy_bits() < 8:
        assert high - low <= (max(corners) - min(corners)) * (1 + Fraction(1, 2**20)) + Fraction(1, 2**900)


@given(st.floats(-5, 5), st.floats(0, 5), st.integers(-3, 5), st.lists(st.fractions(-1, 1), max_size=5))
def test_integer_powers_of_balls_of_any_sign_enclose(centre, radius, power, shares):
    wide = arb(centre, radius)
    result = evaluate(real**power, {real: wide}) if power != 1 else wide
    for share in shares:
        point = rational(wide.mid()) + share * rational(wide.rad())
        if (point or power >= 0) and result.is_finite():
            assert result.overlaps(ball(point**power))


def test_roots_of_negative_numbers_are_the_principal_complex_ones():
    with precision(100):
        root = evaluate(real ** sp.Rational(1, 3), {real: -8})
        assert isinstance(root, acb)
        assert root.overlaps(acb(1, arb(3).sqrt()))
        # (-8)^(1/3) (-8)^(2/3) is real again, and comes back real.
        back = evaluate(real ** sp.Rational(1, 3) * (real + 0) ** sp.Rational(2, 3), {real: -8})
        assert isinstance(back, arb)
        assert back.contains(-8)
        assert evaluate(sp.re(anything), {anything: root}).contains(1)


def test_a_square_root_across_zero_encloses_the_real_branch():
    result = evaluate(sp.sqrt(real), {real: arb(0, 1)})
    for point in (0, Fraction(1, 4), 1):
        assert result.contains(ball(point).sqrt())


def test_rationals_stay_exact_through_rational_operations():
    expression = (x + sp.Rational(1, 3)) ** 3 * y ** (-2) - x
    exact = compiled(expression)({x: Fraction(2, 7), y: Fraction(5, 11)})
    assert isinstance(exact, Fraction)
    assert exact == (Fraction(2, 7) + Fraction(1, 3)) ** 3 / Fraction(5, 11) ** 2 - Fraction(2, 7)


def test_an_exact_exponent_gives_exact_powers():
    # L/(L-2) at L = 4 is the integer 2: the square of a negative number is real.
    depth = sp.Symbol("L", integer=True, positive=True)
    result = evaluate(real ** (depth / (depth - 2)), {real: -3, depth: 4})
    assert result.is_exact()
    assert result == 9


def test_infinity_is_a_legal_value():
    assert evaluate(1 / x + y, {x: math.inf, y: 2}) == 2
    assert evaluate(x ** sp.Rational(-1, 2), {x: math.inf}) == 0
    assert evaluate((1 - 1 / x) ** -3, {x: math.inf}) == 1
    assert not evaluate(x - y, {x: math.inf, y: 1}).is_finite()
    assert not evaluate(x * y, {x: math.inf, y: 0}).is_finite()  # 0 times infinity has no value


@pytest.mark.parametrize(
    ("expression", "values"),
    [(sp.log(real), {real: -1}), (1 / real, {real: 0}), (1 / real, {real: arb(1, 2)}), (sp.log(real), {real: 0})],
)
def test_what_has_no_value_is_not_finite(expression, values):
    assert not evaluate(expression, values).is_finite()


@pytest.mark.parametrize(
    "expression",
    [
        sp.Float("0.1"),
        x + sp.Float("0.1"),
        x ** sp.Float(2.5),
        sp.exp(sp.Float(1) * x),
        sp.gamma(x),
        sp.atan(x),
        sp.Function("f")(x),
        sp.nan,
        sp.zoo,
        x > y,
        sp.Sum(x, (y, 1, 3)),
        sp.Derivative(sp.Function("f")(x), x),
        sp.log(x, evaluate=False) + sp.Integral(x, x),
        sp.floor(x),
        sp.true,
    ],
    ids=str,
)
def test_nodes_without_a_rigorous_evaluation_are_refused_before_any_value_is_given(expression):
    with pytest.raises(ArgumentError, match=r"^expression: ") as caught:
        compiled(expression)
    assert caught.value.argument == "expression"


def test_a_symbol_without_a_value_is_an_error_and_not_a_number():
    with pytest.raises(KeyError):
        evaluate(x + y, {x: 1})


# ---- conversion and precision ----


@pytest.mark.parametrize("number", [0, 7, -3, 10**400, Fraction(2, 3), Fraction(-1, 10**300), "0.1", "1e-300", "-2.5"])
@pytest.mark.parametrize("bits", [20, 53, 1000])
def test_a_ball_of_a_number_contains_it_and_is_narrow(number, bits):
    with precision(bits):
        result = ball(number)
        low, high = ends(result)
    assert low <= Fraction(number) <= high
    assert high - low <= abs(Fraction(number)) * Fraction(4, 2**bits)


def test_infinite_and_ready_balls_pass_through():
    assert ball(math.inf) == arb.pos_inf()
    assert ball(-math.inf) == arb.neg_inf()
    ready = arb(1, 1e-3)
    assert ball(ready) is ready


@given(st.integers(2, 5000))
def test_precision_is_local_also_after_an_error(bits):
    before = ctx.prec
    with precision(bits):
        assert ctx.prec == bits
        with precision(17):
            assert ctx.prec == 17
        assert ctx.prec == bits
    with pytest.raises(KeyError), precision(bits):
        raise KeyError
    assert ctx.prec == before


@given(st.integers(1, 3000))
def test_bits_for_leaves_room_to_prove_the_digits(digits):
    bits = bits_for(digits)
    assert 2**bits > 10**digits * 1000
    assert bits < 3.33 * digits + 26
    with precision(bits):
        assert is_narrow(ball(Fraction(1, 3)), digits)
        assert is_narrow(ball(2).sqrt(), digits)
        assert not is_narrow(ball(2).sqrt(), 2 * digits + 20)


@given(st.integers(1, 300), st.integers(-1000, 1000))
def test_narrow_means_a_relative_radius_below_the_last_digit(digits, power):
    with precision(2000):
        mid = arb(10) ** power / 3
        good, bad = mid * arb(1, arb(10) ** -(digits + 2)), mid * arb(1, arb(10) ** -(digits - 1))
        assert is_narrow(good, digits)
        assert not is_narrow(bad, digits)


def test_narrow_and_relative_bits_at_the_edges():
    assert is_narrow(arb(0), 1000)
    assert is_narrow(arb(5), 1000)
    assert not is_narrow(arb(0, 1e-300), 1)
    assert not is_narrow(arb.pos_inf(), 1)
    assert not is_narrow(arb(math.nan), 1)
    assert relative_bits(arb(5)) > 10**6
    assert 8 <= relative_bits(arb(1, 1e-3)) <= 10
    assert relative_bits(arb(1, 10)) <= 0


# ---- decimals ----

centres = st.one_of(
    st.fractions(), st.builds(lambda a, b: a * Fraction(10) ** b, st.integers(1, 9999), st.integers(-400, 400))
)


@settings(max_examples=200)
@given(centres, st.integers(1, 60), st.integers(0, 40), st.booleans())
@example(Fraction(99999, 10000), 2, 1, False)
@example(Fraction(1, 3), 5, 0, True)
@example(Fraction(5, 10**301), 1, 0, False)
def test_the_radius_covers_the_ball_and_the_rounding(centre, digits, extra, negative):
    assume(centre != 0)
    with precision(bits_for(digits + extra) + 40):
        number = ball(-centre if negative else centre)
        number = number * arb(1, arb(10) ** -(digits + 1 + extra))
        assume(is_narrow(number, digits))
        text, radius = decimal(number, digits)
    distance = max(abs(Fraction(text) - end) for end in ends(number))
    assert distance <= Fraction(radius)
    # ... and is not wider than three shown digits make it, nor than one unit of the last digit.
    assert Fraction(radius) <= distance * Fraction(102, 100)
    assert Fraction(radius) <= abs(centre) * Fraction(10) ** (1 - digits)
    assert len(text.lstrip("-").split("e")[0].replace(".", "").lstrip("0")) <= digits


@given(centres, st.integers(1, 50))
def test_decimals_of_too_wide_balls_are_refused(centre, digits):
    assume(centre != 0)
    with precision(400):
        number = ball(centre) * arb(1, arb(10) ** -(digits - 1) / 2)
        with pytest.raises(PrecisionExhausted):
            decimal(number, digits)


def test_exact_numbers_have_radius_zero_when_their_digits_suffice():
    assert decimal(arb(0), 5) == ("0", "0")
    text, radius = decimal(arb(1.5), 5)
    assert (Fraction(text), Fraction(radius)) == (Fraction(3, 2), 0)
    text, radius = decimal(arb(1234567), 3)
    assert abs(Fraction(text) - 1234567) <= Fraction(radius) <= 5000
    assert Fraction(radius) > 0


@pytest.mark.parametrize("number", [arb(0, 1e-300), arb.pos_inf(), arb(math.nan), arb(1, 1)])
def test_numbers_without_any_digit_have_no_decimal(number):
    with pytest.raises(PrecisionExhausted):
        decimal(number, 1)
