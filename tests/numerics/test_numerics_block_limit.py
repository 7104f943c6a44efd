"""Catches a wrong limit: against the table of values, against the limit equation of `theory`, against three independent
evaluations and the exact symmetries of the problem, over the whole legal domain; and a ball that does not enclose."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from family_strategies import block_counts, depths, families, ordinary
from flint import arb, ctx
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from numerics.balls import ball, bits_for, compiled, decimal, is_narrow, precision
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import (
    certified_root,
    limit,
    limit_float64,
    limit_mpmath,
    ranks,
    ratio_at_product_scale,
    sums,
)
from numerics.block_ratio import limit_by_ratio
from numerics.errors import ArgumentError, PrecisionExhausted
from theory.block_limit import depth_two_ratio, initial_gap, limit_exponent, limit_sum, limit_sum_derivative
from theory.symbols import alpha, block_size, blocks, depth, exponent, gap, m, z

HUGE = BlockFamily(1000, 3, 2, "2/3", "1e300", "1e300")
TINY = BlockFamily(1000, 2, 1, 1, "1e-300", "1e300")
EDGES = [
    BlockFamily(3, 2, 1, 1, "0.1", 2),
    BlockFamily(2, 1, 1, "2/3", "1e-300", 1),
    BlockFamily(1000, 1, 1, 1, "1e-300", 2),
    BlockFamily(1000, 3, 1, 1, "0.1", "inf"),
    # At m = oo the gap is 0; as a difference of two balls of size 1e299400 it once exhausted every precision.
    BlockFamily(1000, 3, 1, 1, "1e-300", "inf"),
    BlockFamily(1000, 1, 2, "2/3", "1e-300", "inf"),
    BlockFamily(3, 2, 1, 1, "10", 2),
    BlockFamily(3, 10**6, 1000, "1e-300", "1e-300", "1e30"),
    BlockFamily(4, 2, 1, 1, "1", Fraction(10**30 + 1, 10**30)),
    HUGE,
    TINY,
]


def at_edges(test):
    for family in EDGES:
        test = example(family)(test)
    return test


def contains_one(number):
    return number.contains(1) and number.rad() < 1e-20


def log10_distance(left, right):
    """log10 of the relative distance of two mpf."""
    return mpmath.log10(abs(left / right - 1)) if left != right else -mpmath.inf


# The table of THEORY.md, section 3.
@pytest.mark.parametrize(
    ("parameters", "first", "rest"),
    [
        ((3, 2, 1, "1", "0.1", "2"), "1.99964531508817", "3.54684911827437e-4"),
        ((3, 3, 2, "1.5", "0.05", "4"), "8.99452272009315", "2.73863995342649e-3"),
        ((4, 2, 3, "0.7", "0.1", "10"), "4.16039625787579", "3.96037421242098e-2"),
        ((5, 4, 1, "1", "0.3", "1.5"), "3.99996995311823", "1.00156272582903e-5"),
        ((6, 2, 2, "2", "0.4", "50"), "6.24152020156154", "1.75847979843846"),
    ],
)
def test_the_printed_values_are_the_certified_ones(parameters, first, rest):
    spectrum = limit(BlockFamily(*parameters), 30)
    for certified, printed in ((spectrum.first, first), (spectrum.rest, rest)):
        # 15 digits are printed: the certified value rounds to exactly these.
        assert Fraction(decimal(certified, 15)[0]) == Fraction(printed)


def test_depth_can_weaken_the_bias_when_the_start_is_above_the_target():
    # THEORY.md, depth-strengthens-bias: false without the hypothesis w(0) <= w*.
    shallow, deep = (ratio_at_product_scale(layers, 10, 1, 1, 1, "1.5", 20) for layers in (2, 3))
    assert [f"{float(ratio):.6f}" for ratio in (shallow, deep)] == ["0.002268", "0.002788"]


LIMIT_SUM = compiled(limit_sum())
SLOPE = compiled(-limit_sum_derivative(1, z ** (-exponent), (z + gap) ** (-exponent)) / exponent)
ratios = st.fractions("1/100", 100)


@given(ratios, st.fractions(0, 100), st.integers(1, 1000), st.fractions("11/10", 3))
def test_sums_agree_with_theory_in_every_number_system(zeta, delta, n, q):
    with precision(200):
        values = {z: zeta, gap: delta, blocks: n, exponent: q}
        expected = ball(LIMIT_SUM(values)), ball(SLOPE(values))
        for mine, theirs in zip(sums(ball(zeta), ball(delta), n, -ball(q)), expected, strict=True):
            assert contains_one(mine / theirs)
        in_floats = sums(float(zeta), float(delta), n, -float(q))
        in_arrays = sums(np.array([float(zeta)]), float(delta), n, -float(q))
        for mine, array, theirs in zip(in_floats, in_arrays, expected, strict=True):
            assert mine == pytest.approx(float(theirs), rel=1e-13)
            assert array == pytest.approx(float(theirs), rel=1e-13)
        with mpmath.workdps(40):
            as_mpf = [mpmath.mpf(part.numerator) / part.denominator for part in (zeta, delta, q)]
            for mine, theirs in zip(sums(as_mpf[0], as_mpf[1], n, -as_mpf[2]), expected, strict=True):
                assert log10_distance(mine, mpmath.mpf(theirs.mid().str(38, radius=False))) < -35


DRIFT = compiled(initial_gap)


@settings(max_examples=200)
@given(families(depth=st.one_of(st.integers(3, 12), st.sampled_from([50, 1000]))))
@example(HUGE)
@example(TINY)
def test_the_certified_limit_solves_the_limit_equation_of_theory(family):
    assume(family.m not in (1, math.inf))
    spectrum = limit(family, 40)
    with precision(6000):
        power = ball(Fraction(family.depth, family.depth - 2))
        values = {
            depth: family.depth,
            blocks: family.blocks,
            block_size: family.block_size,
            alpha: family.alpha,
            m: family.m,
        }
        drift = ball(DRIFT(values))
        root = spectrum.first.mid() ** (-1 / power)
        rest = (root + drift) ** -power
        # sigma_1 at the middle of its ball: the equation gives d w* to 40 digits, the spectrum gives sigma_2.
        loss = (spectrum.first.mid() + (family.blocks - 1) * rest) / ball(family.total)
        assert abs(loss - 1) < arb(10) ** -38
        # sigma_2 moves with sigma_1 at the rate (z/(z + D))^(q+1), which is at most their ratio to the power 1.
        assert abs(spectrum.rest / rest - 1) < arb(10) ** -38


@settings(max_examples=300)
@given(families())
@at_edges
def test_interval_newton_and_the_ratio_coordinate_agree(family):
    newton, ratio = limit(family, 30), limit_by_ratio(family, 30)
    for mine, other in ((newton.first, ratio.first), (newton.rest, ratio.rest)):
        assert is_narrow(mine, 30)
        assert is_narrow(other, 29)
        assert mine.overlaps(other)


@settings(max_examples=200)
@given(families(), st.sampled_from([15, 40, 120]))
# The ratio once cancelled at L = 2 for m close to 1.
@example(BlockFamily(2, 3, 2, 1, "0.1", 1 + Fraction("1e-40")), 40)
def test_mpmath_agrees_with_the_balls(family, digits):
    certified, heuristic = limit(family, digits + 5), limit_mpmath(family, digits)
    with mpmath.workdps(digits + 20):
        for mine, other in ((certified.first, heuristic.first), (certified.rest, heuristic.rest)):
            if mine == 0:
                assert other == 0
            else:
                assert log10_distance(mpmath.mpf(mine.mid().str(digits + 10, radius=False)), other) < 1 - digits


floats = st.one_of(
    st.sampled_from([1e-300, 1e-30, 0.1, 1.0, 2 / 3, 1e30]), st.floats(1e-3, 1e3), st.floats(1e-200, 1e200)
)


@settings(max_examples=400)
@given(
    depths,
    block_counts,
    st.integers(1, 5),
    floats,
    floats,
    st.one_of(st.sampled_from([1.0, 1 + 2.0**-52, 1.5, 1e30, math.inf]), st.floats(1, 1e3), st.floats(1, 1e300)),
)
@example(3, 2, 1, 1.0, 0.1, 2.0)
@example(1000, 3, 1, 1.0, 1e-300, 2.0)
@example(1000, 3, 1, 1.0, 1e-300, math.inf)
@example(1000, 10**6, 5, 1e-300, 1e30, 1e30)
@example(200, 2, 3, 1.0, 1.0, 1.5)
def test_float64_agrees_with_the_balls_in_the_logarithm(layers, n, s, w, scale, off):
    family = BlockFamily(layers, n, s, w, scale, off)
    certified = limit(family, 20)
    first, rest = limit_float64(layers, n, s, w, scale, off)
    with precision(300):
        largest = max(1, abs(float(certified.first.log())))
        assert abs(first - float(certified.first.log())) <= 1e-12 * largest
        if certified.rest == 0:
            assert rest == -math.inf
        else:
            logarithm = float(certified.rest.log())
            assert abs(rest - logarithm) <= 1e-12 * max(largest, abs(logarithm))


@given(families(), st.integers(2, 4))
@example(HUGE, 3)
@example(TINY, 3)
def test_a_more_precise_ball_lies_in_the_coarse_one(family, factor):
    coarse, fine = limit(family, 20), limit(family, 20 * factor)
    for wide, narrow in ((coarse.first, fine.first), (coarse.rest, fine.rest)):
        assert is_narrow(narrow, 20 * factor)
        assert wide.overlaps(narrow)


@given(families())
def test_the_spectrum_has_zero_loss_and_the_right_shape(family):
    spectrum = limit(family, 30)
    with precision(200):
        trace = spectrum.first + (family.blocks - 1) * spectrum.rest
        assert contains_one(trace / ball(family.total))
    assert not spectrum.first < spectrum.rest
    assert (family.m == 1) == (spectrum.rest == 0)
    modes = spectrum.modes
    assert sum(multiplicity for _, multiplicity in modes) == family.dimension
    assert all(multiplicity > 0 for _, multiplicity in modes)
    assert modes[0][1] == 1
    assert [multiplicity for value, multiplicity in modes[1:] if family.m != 1 and value == 0] in (
        [],
        [family.dimension - family.blocks],
    )


@given(families())
@example(EDGES[0])
def test_blocks_reduce_to_single_entries(family):
    # Statement block-reduction: (s, w*, alpha) and (1, s w*, s alpha) have the same reduced problem.
    s = family.block_size
    reduced = BlockFamily(family.depth, family.blocks, 1, s * family.value, s * family.alpha, family.m)
    full, small = limit(family, 25), limit(reduced, 25)
    assert full.first.overlaps(small.first)
    assert full.rest.overlaps(small.rest)


@given(families(), st.fractions("1/1000", 1000))
def test_the_limit_is_homogeneous(family, factor):
    # W -> c^L W along with layers -> c layers only rescales time.
    grown = BlockFamily(
        family.depth,
        family.blocks,
        family.block_size,
        family.value * factor**family.depth,
        family.alpha * factor,
        family.m,
    )
    before, after = limit(family, 25), limit(grown, 25)
    with precision(200):
        scale = ball(factor) ** family.depth
        assert (before.first * scale).overlaps(after.first)
        assert (before.rest * scale).overlaps(after.rest)


@given(families(**ordinary), st.fractions("101/100", 10))
def test_a_larger_scale_keeps_more_of_the_second_singular_value(family, factor):
    larger = BlockFamily(family.depth, family.blocks, family.block_size, family.value, family.alpha * factor, family.m)
    below, above = limit(family, 30).rest, limit(larger, 30).rest
    if family.depth == 2 or family.m in (1, math.inf):
        assert below.overlaps(above)  # decoupled: the scale does not matter
    else:
        assert below < above


RATIO = compiled(depth_two_ratio)


@given(families(depth=st.just(2)))
@example(BlockFamily(2, 10**6, 1000, "1e300", "1e-300", 1 + Fraction("1e-30")))
def test_depth_two_has_the_ratio_of_theory_for_every_scale(family):
    assume(family.m != math.inf)
    spectrum = limit(family, 30)
    with precision(300):
        expected = ball(RATIO({blocks: family.blocks, m: family.m}))
        if family.m == 1:
            assert spectrum.rest == expected == 0
        else:
            assert contains_one(spectrum.rest / spectrum.first / expected)


@given(families(m=st.just(math.inf)))
def test_decoupled_blocks_reach_their_own_target(family):
    spectrum = limit(family, 30)
    with precision(200):
        for number in (spectrum.first, spectrum.rest):
            assert contains_one(number / ball(family.block_size * family.value))


@given(families(**ordinary), st.integers(1, 30))
def test_the_ratio_at_a_product_scale_is_that_of_the_limit(family, digits):
    scale = family.alpha**family.depth
    ratio = ratio_at_product_scale(
        family.depth, family.blocks, family.block_size, family.value, scale, family.m, digits
    )
    spectrum = limit(family, 40)
    assert is_narrow(ratio, digits)
    assert ratio.overlaps(spectrum.rest / spectrum.first)


def test_precision_is_raised_until_the_digits_are_proven():
    # alpha = 1e-300, m = 1e300, L = 3: the gap is a difference of two numbers of size 1e300 that agree to 300 digits.
    family = BlockFamily(3, 2, 1, 1, "1e-300", "1e300")
    spectrum = limit(family, 50)
    assert is_narrow(spectrum.rest, 50)
    with precision(3000):
        gap_exact = 1 / family.initial_eigenvalues[1] - 1 / family.initial_eigenvalues[0]
        reference = certified_root(ball(gap_exact) * ball(family.total) ** (arb(1) / 3), 2, arb(3), 3000)
        assert (ball(family.total) / reference**3).overlaps(spectrum.first)


def test_the_largest_legal_exponents_are_answered():
    # 100,000 digits cancel in the gap; at L = 3, n = 2, s = w* = 1 it is 2 to all digits that matter here.
    spectrum = limit(BlockFamily(3, 2, 1, 1, "1e-100000", "1e100000"), 20)
    with precision(100):
        drift = spectrum.rest ** (-arb(1) / 3) - spectrum.first ** (-arb(1) / 3)
        assert contains_one(drift / 2)


@pytest.mark.parametrize("bits", [0, 1, 100, bits_for(50) - 1, 400])
def test_too_small_a_ceiling_exhausts_precision_and_names_the_knob(bits):
    before = ctx.prec
    with pytest.raises(PrecisionExhausted, match="max_bits") as caught:
        limit(BlockFamily(3, 2, 1, 1, "1e-300", "1e300"), 50, max_bits=bits)
    assert f"at {bits} bits" in str(caught.value)
    assert ctx.prec == before


def test_a_sufficient_ceiling_is_enough():
    easy = BlockFamily(3, 2, 1, 1, "0.1", 2)
    assert is_narrow(limit(easy, 50, max_bits=bits_for(50)).rest, 50)


@pytest.mark.parametrize("digits", [0, -1, True, 2.5, "many", None])
@pytest.mark.parametrize("function", [limit, limit_mpmath])
def test_digits_are_a_positive_integer(function, digits):
    with pytest.raises(ArgumentError, match="digits"):
        function(EDGES[0], digits)


def test_one_digit_is_enough_to_ask_for():
    assert is_narrow(limit(EDGES[0], 1).rest, 1)


@pytest.mark.parametrize("digits", [30, 300, 2000])
def test_thousands_of_digits_of_a_rational_limit(digits):
    # L = 4, n = 2, gap chosen so that z = 1/2, D = 1/3: sigma = 4, 36/25.
    root, drift = Fraction(1, 2), Fraction(1, 3)
    first, rest = root**-2, (root + drift) ** -2
    trace = first + rest
    with precision(bits_for(digits)):
        unit = ball(trace).sqrt()
        zeta = certified_root(ball(drift) * unit, 2, arb(2), bits_for(digits))
        assert is_narrow(zeta, digits)
        assert (zeta / unit).contains(ball(root))
        assert abs(zeta / unit / ball(root) - 1) < arb(10) ** (1 - digits)


def test_float64_broadcasts_all_arguments_against_each_other():
    layers, scales, off = np.array([2, 3, 5])[:, None, None], np.geomspace(1e-3, 1, 4), np.array([1, 2, np.inf])
    first, rest = limit_float64(layers, 3, 2, 1.5, scales[None, :, None], off)
    assert first.shape == rest.shape == (3, 4, 3)
    assert first.dtype == rest.dtype == np.float64
    for i, j, k in np.ndindex(first.shape):
        single = limit_float64(layers[i, 0, 0], 3, 2, 1.5, scales[j], off[k])
        assert single[0].shape == ()
        assert single[0] == pytest.approx(first[i, j, k], rel=1e-14)
        assert single[1] == pytest.approx(rest[i, j, k], rel=1e-14)


def test_float64_gives_empty_arrays_for_empty_arrays():
    first, rest = limit_float64(3, 2, 1, 1, np.array([]), 2)
    assert first.shape == rest.shape == (0,)


def test_float64_is_the_same_across_its_chunks():
    scales = np.geomspace(1e-6, 10, 3 * 8192 + 5)
    first, rest = limit_float64(4, 3, 1, 1, scales, 2)
    some = [0, 1, 8191, 8192, 8193, 2 * 8192, -6, -1]
    alone = limit_float64(4, 3, 1, 1, scales[some], 2)
    np.testing.assert_allclose(first[some], alone[0], rtol=1e-14)
    np.testing.assert_allclose(rest[some], alone[1], rtol=1e-14)
    assert np.all(np.diff(rest) > 0)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("depth", [1, 0, -3, math.inf, math.nan, [3, 1]]),
        ("blocks", [0, -1, math.inf, math.nan]),
        ("block_size", [0, 0.5, math.inf, math.nan]),
        ("value", [0, -1, math.inf, math.nan, [1, 0]]),
        ("alpha", [0, -0.1, math.inf, math.nan]),
        ("m", [0.5, 0, -math.inf, math.nan]),
    ],
)
def test_float64_names_the_argument_that_is_wrong(name, wrong):
    legal = {"depth": 3, "blocks": 2, "block_size": 1, "value": 1, "alpha": 0.1, "m": 2}
    assert np.isfinite(limit_float64(**legal)).all()
    for number in wrong:
        with pytest.raises(ArgumentError) as caught:
            limit_float64(**legal | {name: number})
        assert caught.value.argument == name


def test_float64_refuses_shapes_that_do_not_broadcast():
    with pytest.raises(ValueError, match="broadcast"):
        limit_float64(np.array([2, 3]), 2, 1, 1, np.array([0.1, 0.2, 0.3]), 2)


@given(families(**ordinary))
def test_ranks_are_those_of_the_whole_spectrum(family):
    with precision(200):
        stable, effective = ranks(limit(family, 40))
    listed = [mpmath.mpf(float(v)) for v, k in limit(family, 40).modes for _ in range(k)]
    total = sum(listed)
    shares = [number / total for number in listed if number > 0]
    assert float(stable) == pytest.approx(float(sum((x / listed[0]) ** 2 for x in listed)), rel=1e-12)
    assert float(effective) == pytest.approx(float(mpmath.exp(-sum(p * mpmath.log(p) for p in shares))), rel=1e-12)
    assert stable.rel_accuracy_bits() > 100
    assert effective.rel_accuracy_bits() > 100


@pytest.mark.parametrize(("off", "expected"), [(1, 1), ("inf", 5)])
def test_ranks_at_both_ends_of_the_coupling(off, expected):
    for layers in (2, 3, 4):
        with precision(200):
            for rank in ranks(limit(BlockFamily(layers, 5, 2, 1, "0.1", off), 40)):
                assert rank.contains(expected)
                assert rank.rad() < 1e-30


def test_the_limit_exponent_is_that_of_theory():
    # q enters `limit` as L/(L-2); a different q would give different singular values at depth 3.
    assert [limit_exponent.subs(depth, layers) for layers in (3, 4, 1000)] == [3, 2, sp.Rational(1000, 998)]
