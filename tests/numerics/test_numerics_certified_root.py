"""Catches a wrong root of the limit equation: a ball that does not enclose, a too small remainder, a bad start."""

import math
from fractions import Fraction

from flint import arb
from hypothesis import example, given, settings
from hypothesis import strategies as st

from numerics.balls import ball, bits_for, precision
from numerics.block_limit import (
    _root_from,
    certified_root,
    float_root,
    sums,
)


@settings(max_examples=60)
@given(
    st.one_of(st.just(Fraction(0)), st.fractions(0, 1000), st.sampled_from([Fraction("1e-400"), Fraction("1e400")])),
    st.integers(1, 10**6),
    st.integers(3, 1000),
    st.sampled_from([30, 50, 100, 500, 2000]),
)
@example(Fraction(0), 1, 3, 2000)
@example(Fraction("1e400"), 10**6, 1000, 30)
@example(Fraction(1, 10**15), 10**6, 3, 100)
@example(Fraction(0), 33, 11, 50)
@example(Fraction(0), 10**6, 1000, 50)
def test_the_certified_root_is_between_a_sign_change(delta, n, layers, digits):
    bits = bits_for(digits)
    with precision(bits):
        q = arb(layers) / (layers - 2)
        root = certified_root(ball(delta), n, q, bits)
        # One series step of order 4 at the last precision: a few guard bits, and what an absolute remainder costs.
        assert root.rel_accuracy_bits() > bits - 24 - 4 * math.log2(float(root))
    with precision(2 * bits):
        power = -arb(layers) / (layers - 2)
        above, below = (sums(end, ball(delta), n, power)[0] for end in (root.lower(), root.upper()))
        assert not above < 1
        assert not below > 1
        # The ball is not wider than what its accuracy says: the sign change is strict just outside it.
        margin = root.mid() * arb(2) ** (20 - bits)
        assert sums(root.lower() - margin, ball(delta), n, power)[0] > 1
        assert sums(root.upper() + margin, ball(delta), n, power)[0] < 1


@given(
    st.fractions("1/10", 100),
    st.fractions("1/10000", "1/1000"),
    st.integers(2, 50),
    st.integers(3, 20),
    st.lists(st.fractions(-1, 1), min_size=1, max_size=5),
)
def test_the_root_of_a_wide_gap_encloses_the_roots_of_all_its_gaps(delta, radius, n, layers, shares):
    with precision(100):
        q = arb(layers) / (layers - 2)
        wide = certified_root(arb(ball(delta).mid(), float(radius)), n, q, 100)
        for share in shares:
            inside = ball(delta).mid() + ball(share * Fraction(float(radius)) * Fraction(99, 100))
            assert wide.overlaps(certified_root(inside, n, q, 100))


@given(
    st.one_of(st.just(Fraction(0)), st.fractions(0, 100)),
    st.integers(1, 1000),
    st.integers(3, 50),
    st.floats(1e-6, 0.01),
)
@example(Fraction(0), 1, 3, 0.01)
def test_the_remainder_covers_the_error_of_a_poor_start(delta, n, layers, distance):
    # From a float64 start the remainder is below 2^-170 and no wrong constant would show.
    with precision(300):
        q = arb(layers) / (layers - 2)
        root = certified_root(ball(delta), n, q, 300)
        enclosure = _root_from((root + distance).mid(), ball(delta), n, q)
        assert enclosure.contains(root)
        if distance < 1e-3:
            assert enclosure.rad() < 1e6 * distance**4


def test_a_gap_that_is_not_a_number_gives_the_bracket():
    with precision(100):
        root = certified_root(arb(0, 1e30), 8, arb(3), 100)
        assert root.contains(1)
        assert root.contains(2)


@given(st.floats(0, 1e30), st.integers(1, 10**6), st.integers(3, 1000))
@example(1.7e308, 10, 1000)
def test_the_float_root_is_accurate_to_a_few_units_in_the_last_place(delta, n, layers):
    with precision(100):
        q = arb(layers) / (layers - 2)
        exact = certified_root(arb(delta), n, q, 100)
        assert abs(float(float_root(delta, n, layers / (layers - 2)) / exact - 1)) < 64 * 2.0**-53
