"""Catches a range of x^p log(x)^n or x^p exp(c + k x^r) next to 0 that misses a value, and one that is unbounded."""

from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.balls import evaluate, precision
from numerics.intervals import ONE, interval, log
from numerics.jets import compiled_jets
from numerics.products import product_at_zero

u, v = sp.symbols("u v", positive=True)
NUMBERS = [Fraction(n, d) for n in (1, 2, 3, 5) for d in (1, 2, 3)]


def rational(one: Fraction) -> sp.Rational:
    return sp.Rational(one.numerator, one.denominator)


def with_logarithms(power: Fraction, count: int) -> sp.Expr:
    return u ** rational(power) * sp.log(u) ** count


def with_exponential(power: Fraction, constant: int, factor: Fraction, exponent: Fraction) -> sp.Expr:
    return u ** rational(power) * sp.exp(constant - rational(factor) * u ** -rational(exponent))


SIGNED = st.sampled_from([*NUMBERS, *(-one for one in NUMBERS)])
PRODUCTS = st.one_of(
    st.builds(with_logarithms, st.sampled_from(NUMBERS), st.integers(1, 3)),
    st.builds(with_exponential, SIGNED, st.integers(-2, 2), st.sampled_from(NUMBERS), st.sampled_from(NUMBERS)),
)
ENDS = st.sampled_from([Fraction(n, d) for n in (1, 2, 30) for d in (1, 7, 1000, 10**6)])
SHARES = [Fraction(1, 10**12), Fraction(1, 10**4), *(Fraction(k, 24) for k in range(1, 25))]


@settings(max_examples=150, deadline=None)
@given(PRODUCTS, ENDS, st.booleans())
def test_ranges_next_to_zero_are_bounded_and_contain_every_value_and_slope(
    product: sp.Expr, end: Fraction, logarithmic: bool
) -> None:
    whole = interval(0, end)
    jets = {u: (whole, (whole if logarithmic else ONE,))}
    if logarithmic:
        jets[sp.log(u)] = (log(whole), (ONE,))
    ((value, (slope,)),) = compiled_jets([product], 1, [u] if logarithmic else [])(jets)
    assert value[0].is_finite()
    assert value[1].is_finite()
    derivative = sp.diff(product, u) * (u if logarithmic else 1)
    for share in SHARES:
        with precision(300):
            here, rate = (evaluate(one, {u: end * share}) for one in (product, derivative))
        assert not here < value[0]
        assert not here > value[1]
        assert not rate < slope[0]
        assert not rate > slope[1]


@pytest.mark.parametrize(
    ("product", "least", "most"),
    [
        (u * sp.log(u), -sp.exp(-1), 0),  # on (0, 1/2]; the least is at 1/e
        (u**2 * sp.log(u) ** 2, 0, sp.exp(-2)),
        (sp.exp(-1 / u) / u, 0, 2 * sp.exp(-2)),  # rises as far as 1
        (sp.exp(-1 / (4 * u)) / u, 0, 4 * sp.exp(-1)),  # the most is at 1/4
        (sp.sqrt(u) * sp.exp(-1 / u), 0, sp.sqrt(sp.Rational(1, 2)) * sp.exp(-2)),
    ],
    ids=str,
)
def test_the_extremes_are_those_of_calculus(product: sp.Expr, least: sp.Expr, most: sp.Expr) -> None:
    found = compiled_jets([product], 0)({u: (interval(0, Fraction(1, 2)), ())})[0][0]
    assert abs(float(found[0]) - float(least)) < 1e-12
    assert abs(float(found[1]) - float(most)) < 1e-12


@pytest.mark.parametrize(
    "product", [u * v, u * sp.exp(u), sp.exp(1 / u) * u, sp.log(u) * v, sp.log(u + 1) * u, sp.exp(-1 / (u + v)) * u]
)
def test_other_products_are_left_to_their_factors(product: sp.Mul) -> None:
    assert product_at_zero(product) is None


def test_the_other_factors_stay() -> None:
    jets = {u: (interval(0, Fraction(1, 2)), ()), v: (interval(2, 3), ())}
    low, high = compiled_jets([-v * u * sp.log(u) / 3], 0)(jets)[0][0]
    assert float(low) == 0
    assert abs(float(high) - float(sp.exp(-1))) < 1e-12
