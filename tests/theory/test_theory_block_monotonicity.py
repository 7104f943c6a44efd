"""Catches a wrong rate or coordinate: open steps for natural wrong ones, closed forms against certified limits."""

from fractions import Fraction

import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.balls import ball, evaluate, precision
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import conserved_gap, limit
from theory import block_monotonicity as theory
from theory.symbols import alpha, block_size, blocks, depth, m, product_scale, value

y, rho = sp.symbols("y rho", positive=True)
CLAIMS = {"scale": theory.scale_rate(y, rho), "spread": theory.spread_rate(y, rho)}
WRONG = {
    "scale: q in place of L": {"scale": CLAIMS["scale"] / (depth - 2)},
    "scale: L - 1": {"scale": CLAIMS["scale"] * (depth - 1) / depth},
    "scale: sign": {"scale": -CLAIMS["scale"]},
    "scale: of the ratio": {"scale": CLAIMS["scale"] * (1 + rho)},
    "scale: without the other modes": {"scale": depth / (1 + y)},
    "spread: sign": {"spread": -CLAIMS["spread"]},
    "spread: of sigma_2": {"spread": CLAIMS["spread"] / (1 + rho)},
    "spread: L - 1": {"spread": CLAIMS["spread"] * (depth - 1) / (depth - 2)},
    "spread: half": {"spread": CLAIMS["spread"] / 2},
}


def test_the_proof_holds():
    derivation = theory.monotonicity_derivation(CLAIMS)
    assert derivation.holds
    assert derivation.sizes == ()


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_rate_is_left_open(wrong):
    assert not theory.monotonicity_derivation(CLAIMS | WRONG[wrong]).holds


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("log_scale", theory.log_scale + 1),
        ("log_scale", -theory.log_scale),
        ("log_scale", theory.log_scale.subs(blocks, blocks - 1)),
        ("log_start_ratio", -sp.log(1 + 1 / (m - 1))),
    ],
)
def test_the_proof_rests_on_the_coordinate(monkeypatch, name, wrong):
    monkeypatch.setattr(theory, name, wrong)
    assert not theory.monotonicity_derivation(CLAIMS).holds


FAMILIES = st.tuples(
    st.integers(3, 8),
    st.integers(2, 12),
    st.integers(1, 3),
    st.fractions("1/10", 10, max_denominator=50),
    st.fractions("1/1000", 2, max_denominator=1000),
    st.fractions("21/20", 50, max_denominator=50),
)


def point_of(numbers):
    return dict(zip((depth, blocks, block_size, value, alpha, m), numbers, strict=True))


@settings(max_examples=40)
@given(FAMILIES)
def test_the_scale_is_minus_the_logarithm_of_the_conserved_gap(numbers):
    point = point_of(numbers)
    with precision(300):
        lam = evaluate(theory.log_scale.subs(product_scale, (block_size * alpha) ** depth), point)
        # In units s w* = 1 the gap is D (s w*)^(1/q).
        unit = ball(point[block_size] * point[value]) ** ball(Fraction(point[depth] - 2, point[depth]))
        assert abs(lam + (conserved_gap(BlockFamily(*numbers)) * unit).log()) < arb("1e-30")


@settings(max_examples=25)
@given(FAMILIES)
def test_the_rates_are_the_derivatives_of_certified_limits_to_twenty_digits(numbers):
    point, step = point_of(numbers), Fraction(1, 10**25)

    def logarithms(changed):
        found = limit(BlockFamily(*(point | changed).values()), 120)
        return found.rest.log(), (found.rest / found.first).log()

    with precision(500):
        here = limit(BlockFamily(*numbers), 120)
        power = ball(Fraction(point[depth] - 2, point[depth]))
        # sigma_2/sigma_1 = ((z + D)/z)^(-q), so that D/z is known from it, and y = z/D.
        at = {y: 1 / ((here.first / here.rest) ** power - 1), rho: (point[blocks] - 1) * here.rest / here.first}
        up, down = (logarithms({alpha: point[alpha] * (1 + sign * step)}) for sign in (1, -1))
        by_scale = (up[0] - down[0]) / (2 * ball(step))
        up, down = (logarithms({m: point[m] + sign * step}) for sign in (1, -1))
        by_m = (up[1] - down[1]) / (2 * ball(step))
        for rate, chord in ((CLAIMS["scale"], by_scale), (CLAIMS["spread"], by_m)):
            found = evaluate(rate, point | at)
            assert found > 0
            assert abs(found / chord - 1) < arb("1e-20")
