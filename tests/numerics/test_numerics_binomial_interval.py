"""Catches an interval that leaves more than its share outside, and counts that no sample has."""

import pytest
from scipy.stats import binom

from numerics.binomial_interval import binomial_interval
from numerics.errors import ArgumentError


@pytest.mark.parametrize(("successes", "count"), [(0, 10), (3, 10), (10, 10), (55, 60)])
def test_the_ends_of_the_interval_leave_half_a_percent_on_either_side(successes, count):
    low, high = binomial_interval(successes, count)
    assert low <= successes / count <= high
    if successes:
        assert binom.sf(successes - 1, count, low) == pytest.approx(0.005)
    if successes < count:
        assert binom.cdf(successes, count, high) == pytest.approx(0.005)
    assert (low == 0) == (successes == 0)
    assert (high == 1) == (successes == count)


@pytest.mark.parametrize("arguments", [(-1, 5), (6, 5), (2, 5, 1.0)])
def test_impossible_counts_and_confidences_are_refused(arguments):
    with pytest.raises(ArgumentError):
        binomial_interval(*arguments)
