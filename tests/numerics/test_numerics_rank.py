"""Catches a wrong rank: identities of Rényi entropies (1 <= stable <= effective <= count), scale invariance, agreement
of the two implementations and of three number systems."""

import math

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import example, given
from hypothesis import strategies as st

from numerics.rank import effective_rank, effective_rank_of, stable_rank, stable_rank_of

values = st.floats(1e-6, 1e6)
spectra = st.lists(st.tuples(values, st.integers(1, 4)), min_size=1, max_size=6).map(
    lambda modes: sorted(modes, reverse=True)
)


def effective(modes):
    return effective_rank(modes, math.log, math.exp)


def spread(modes):
    return np.array([value for value, multiplicity in modes for _ in range(multiplicity)])


@given(values, st.integers(1, 1000))
def test_equal_values_have_their_count_as_both_ranks(value, count):
    assert stable_rank([(value, count)]) == count
    assert effective([(value, count)]) == pytest.approx(count, rel=1e-12)
    assert effective_rank_of(np.full(count, value)) == pytest.approx(count, rel=1e-12)
    assert stable_rank_of(np.full(count, value)) == pytest.approx(count, rel=1e-12)


def test_equal_values_in_balls_and_mpmath():
    ball_modes = [(arb(2).sqrt(), 7), (arb(0), 3)]
    assert stable_rank(ball_modes).contains(7)
    rank = effective_rank(ball_modes, lambda x: x.log(), lambda x: x.exp())
    assert rank.contains(7)
    assert rank.rad() < 1e-12
    with mpmath.workdps(50):
        assert abs(effective_rank([(mpmath.sqrt(2), 7)], mpmath.log, mpmath.exp) - 7) < mpmath.mpf(10) ** -45


@given(spectra)
@example([(1.0, 1), (1.0, 1)])
@example([(1.0, 1), (1e-6, 4)])
def test_ranks_are_ordered(modes):
    # With p = sigma/sum: stable <= sum/max = exp(H_oo) <= exp(H_1) = effective <= exp(H_0) = count, and stable >= 1.
    count = sum(multiplicity for _, multiplicity in modes)
    slack = 1 + 1e-12
    assert 1 <= stable_rank(modes) <= effective(modes) * slack
    assert effective(modes) <= count * slack
    assert (
        stable_rank(modes) <= sum(value * k for value, k in modes) / modes[0][0] * slack <= effective(modes) * slack**2
    )


@given(spectra)
def test_both_implementations_agree(modes):
    assert stable_rank_of(spread(modes)) == pytest.approx(stable_rank(modes), rel=1e-12)
    assert effective_rank_of(spread(modes)) == pytest.approx(effective(modes), rel=1e-12)


@given(spectra, st.floats(1e-100, 1e100))
def test_ranks_do_not_depend_on_the_scale(modes, scale):
    scaled = [(value * scale, multiplicity) for value, multiplicity in modes]
    assert stable_rank(scaled) == pytest.approx(stable_rank(modes), rel=1e-12)
    assert effective(scaled) == pytest.approx(effective(modes), rel=1e-12)


@given(spectra, st.integers(1, 5))
def test_zeros_change_nothing(modes, zeros):
    padded = [*modes, (0.0, zeros)]
    assert stable_rank(padded) == stable_rank(modes)
    assert effective(padded) == effective(modes)
    assert effective_rank_of(spread(padded)) == pytest.approx(effective(modes), rel=1e-12)
    assert stable_rank_of(spread(padded)) == pytest.approx(stable_rank(modes), rel=1e-12)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 1000))
def test_the_stable_rank_is_the_ratio_of_the_two_norms(rows, columns, seed):
    matrix = np.random.default_rng(seed).normal(size=(rows, columns))
    singular_values = np.linalg.svd(matrix, compute_uv=False)
    expected = np.linalg.norm(matrix) ** 2 / np.linalg.norm(matrix, 2) ** 2
    assert stable_rank_of(singular_values) == pytest.approx(expected, rel=1e-12)
    assert stable_rank([(value, 1) for value in singular_values]) == pytest.approx(expected, rel=1e-12)


def test_the_effective_rank_of_two_values_is_the_binary_entropy():
    share = 0.2
    entropy = -(share * math.log(share) + (1 - share) * math.log(1 - share))
    assert effective([(4.0, 1), (1.0, 1)]) == pytest.approx(math.exp(entropy), rel=1e-14)


def test_ranks_work_along_the_last_axis_and_are_undefined_for_zero_matrices():
    array = np.array([[[2.0, 2.0, 0.0], [3.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]])
    for function in (effective_rank_of, stable_rank_of):
        result = function(array)
        assert result.shape == (2, 2)
        np.testing.assert_allclose(result, [[2, 1], [np.nan, 3]], rtol=1e-14)


def test_denormal_spectra_keep_their_rank():
    assert effective_rank_of(np.array([1e-310, 1e-310])) == pytest.approx(2, rel=1e-9)
    assert stable_rank_of(np.array([1e-310, 1e-310])) == 2
