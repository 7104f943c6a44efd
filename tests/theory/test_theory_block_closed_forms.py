"""Catches a wrong radical at depth 4 (100 digits in the limit equation), a wrong quadratic at infinite depth, and a
wrong rate of approach to it (measured order)."""

from fractions import Fraction
from itertools import pairwise

import pytest
import sympy as sp
from flint import arb
from hypothesis import example, given, settings
from hypothesis import strategies as st

from numerics.balls import ball, bits_for, compiled, evaluate, is_narrow, precision
from numerics.block_limit import certified_root
from theory.block_closed_forms import (
    cubic_a,
    cubic_b,
    depth_four_derivation,
    depth_four_root,
    depth_four_wrong_sign,
    half_gap,
    infinite_depth_centre,
    infinite_depth_derivation,
    infinite_depth_gap,
    infinite_depth_slope,
)
from theory.block_limit import limit_sum
from theory.symbols import blocks, gap, sigma_1, sigma_2, total, z

ROOT, WRONG = compiled(depth_four_root), compiled(depth_four_wrong_sign)
QUARTIC = compiled(limit_sum(power=sp.Integer(2)) - total)
DIGITS = 100


def real(number):
    return number if isinstance(number, arb) else number.real


def root_in_radicals(values):
    """The root as a ball that proves 100 digits; its imaginary part must enclose zero at every precision."""
    for bits in (500, 1000, 2000, 4000):
        with precision(bits):
            root = ROOT(values)
            assert isinstance(root, arb) or root.imag.contains(0)
            if is_narrow(real(root), DIGITS):
                return real(root)
    raise AssertionError(f"no {DIGITS} digits at {values}")


positive_numbers = st.one_of(
    st.fractions("1/1000", 1000), st.sampled_from([Fraction(10) ** k for k in (-20, -6, 6, 20)])
)


@settings(max_examples=60)
@given(st.integers(2, 1000), positive_numbers, positive_numbers)
@example(2, Fraction(1), Fraction(1))
@example(2, Fraction(2), Fraction(1, 2))
@example(3, Fraction(10) ** -20, Fraction(10) ** 20)
@example(1000, Fraction(10) ** 20, Fraction(10) ** 20)
def test_the_radicals_solve_the_limit_equation_to_100_digits(n, drift, trace):
    values = {blocks: n, gap: drift, total: trace}
    root = root_in_radicals(values)
    assert root > 0
    with precision(4000):
        at = values | {z: root.mid()}
        slope = 2 * (root.mid() ** -3 + (n - 1) * (root.mid() + ball(drift)) ** -3)
        # Newton's estimate of the distance to the root of F, relative to z.
        assert abs(QUARTIC(at) / slope) < root * arb(10) ** -(DIGITS - 1)


@given(st.integers(2, 50), st.fractions("1/100", 100), st.fractions("1/100", 100))
def test_the_radicals_agree_with_the_certified_root_of_the_limit(n, drift, trace):
    bits = bits_for(DIGITS)
    root = root_in_radicals({blocks: n, gap: drift, total: trace})
    with precision(bits):
        unit = ball(trace).sqrt()
        other = certified_root(ball(drift) * unit, n, arb(2), bits) / unit
        assert is_narrow(other, DIGITS)
        assert root.overlaps(other)


@given(st.integers(3, 50), st.fractions("1/10", 10), st.fractions("1/10", 10))
def test_the_wrong_sign_solves_nothing(n, drift, trace):
    values = {blocks: n, gap: drift, total: trace}
    with precision(600):
        wrong = real(WRONG(values))
        assert not (wrong > 0 and QUARTIC(values | {z: wrong}).contains(0))


def test_depth_four_holds_and_its_wrong_forms_do_not():
    assert depth_four_derivation().holds
    for wrong in (depth_four_wrong_sign, -depth_four_root, depth_four_root + gap, depth_four_root.subs(blocks, 3)):
        (step,) = depth_four_derivation(wrong).open_steps
        assert step.text == "Hence z is"


@pytest.mark.parametrize("name", ["quartic_p", "quartic_r", "quartic_u", "cubic_a", "cubic_b"])
def test_depth_four_rests_on_every_coefficient(monkeypatch, name):
    from theory import block_closed_forms

    monkeypatch.setattr(block_closed_forms, name, 2 * getattr(block_closed_forms, name))
    assert depth_four_derivation().open_steps


@given(st.integers(2, 100), st.fractions("1/1000", 1000), st.fractions("1/1000", 1000))
def test_the_resolvent_cubic_has_one_negative_root(n, drift, trace):
    values = {blocks: n, gap: drift, total: trace}
    coefficients = [evaluate(part, values) for part in (cubic_a, cubic_b)]
    assert coefficients[1] > 0
    # x^3 + A x^2 + B: the product of the roots is -B < 0 and the sum of their pairwise products is 0.
    x = sp.Symbol("x")
    exact = {key: sp.Rational(number.numerator, number.denominator) for key, number in values.items()}
    polynomial = sp.Poly(x**3 + cubic_a.subs(exact) * x**2 + cubic_b.subs(exact), x)
    assert polynomial.count_roots(-sp.oo, 0) == 1


INFINITE_MUTANTS = {
    "gap not halved": (2 * infinite_depth_gap, infinite_depth_centre),
    "gap of the singular values": ((sigma_1 - sigma_2) / 2, infinite_depth_centre),
    "gap with plus": ((1 / sigma_2 + 1 / sigma_1) / 2, infinite_depth_centre),
    "without n": (infinite_depth_gap, infinite_depth_centre.subs(blocks, 2)),
    "n - 1 in place of n - 2": (infinite_depth_gap, infinite_depth_centre.subs(blocks, blocks + 1)),
    "shifted by H": (infinite_depth_gap, infinite_depth_centre - half_gap),
}


def test_infinite_depth_holds():
    derivation = infinite_depth_derivation(infinite_depth_gap, infinite_depth_centre)
    assert derivation.holds
    assert derivation.sizes == ()


@pytest.mark.parametrize("mutant", INFINITE_MUTANTS)
def test_a_wrong_infinite_depth_limit_is_left_open(mutant):
    assert len(infinite_depth_derivation(*INFINITE_MUTANTS[mutant]).open_steps) == 1


@given(st.integers(1, 1000), st.fractions(0, 1000), st.fractions("1/1000", 1000))
@example(1, Fraction(0), Fraction(1))
@example(7, Fraction(0), Fraction(2))
def test_the_quadratic_gives_the_positive_root(n, half, trace):
    with precision(300):
        values = {blocks: n, half_gap: half, total: trace}
        root = evaluate(infinite_depth_centre, values) - ball(half)
        assert root > 0
        solved = evaluate(limit_sum(drift=2 * half_gap, power=sp.Integer(1)), values | {z: root})
        assert abs(solved / ball(trace) - 1) < arb(10) ** -60


def log_ratio(layers, n, trace, first, rest):
    """log(sigma_2/sigma_1) of the limit at depth L from initial singular values `first` and `rest`, as a ball."""
    bits = bits_for(40)
    with precision(bits):
        power = ball(Fraction(layers - 2, layers))
        delta = (ball(rest) ** -power - ball(first) ** -power) * ball(trace) ** power
        root = certified_root(delta, n, 1 / power, bits)
        return (root / (root + delta)).log() / power


@pytest.mark.parametrize(
    ("n", "trace", "first", "rest"),
    [(2, Fraction(1), Fraction(1, 10), Fraction(1, 100)), (5, Fraction(3), Fraction(2), Fraction(1, 7))],
)
def test_the_limit_approaches_infinite_depth_at_the_derived_rate(n, trace, first, rest):
    half = (1 / rest - 1 / first) / 2
    with precision(bits_for(40)):
        centre = evaluate(infinite_depth_centre, {blocks: n, half_gap: half, total: trace})
        at_infinity = ((centre - ball(half)) / (centre + ball(half))).log()
        y, a, b = sp.symbols("y a b", positive=True)
        slope = evaluate(infinite_depth_slope(y, a, b), {y: at_infinity, a: first, b: rest, blocks: n, total: trace})
        depths = (1000, 2000, 4000)
        plain, corrected = [], []
        for layers in depths:
            distance = log_ratio(layers, n, trace, first, rest) - at_infinity
            plain.append(float(distance))
            corrected.append(float(distance + slope * 2 / layers))
    for errors, order in ((plain, 1), (corrected, 2)):
        # Halving 1/L divides the error by 2^order, up to O(1/L).
        for coarse, fine in pairwise(errors):
            assert coarse / fine == pytest.approx(2**order, rel=0.01)
    assert abs(corrected[0]) < 0.02 * abs(plain[0])
