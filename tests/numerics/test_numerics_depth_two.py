"""Catches a wrong limit of diagonal observations at depth 2: two certified evaluations that share no formula, float64,
the full matrix flow, and exact symmetries of the problem."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.balls import precision
from numerics.depth_two import diagonal_clocks, diagonal_limit, diagonal_limit_by_clock, diagonal_limit_float64
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import flow_limit


def start(n, k, scale, seed):
    """Even multiples of scale/50 in W_2, odd ones in W_1: no p_i or q_i is zero."""
    random = np.random.default_rng(seed)
    second = 2 * random.integers(-40, 41, (n, k)).astype(object) * Fraction(scale) / 50
    first = (2 * random.integers(-40, 40, (k, n)).astype(object) + 1) * Fraction(scale) / 50
    targets = [Fraction(int(drawn), 50) for drawn in random.integers(-100, 101, n)]
    return first, second, targets


starts = st.builds(
    start,
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from([Fraction(1, 10**12), Fraction(1, 10**3), Fraction(1), Fraction(10**4)]),
    st.integers(0, 10**6),
)


@settings(max_examples=60)
@given(starts)
def test_both_certified_evaluations_agree_to_fifty_digits(drawn):
    first, second, targets = drawn
    explicit, turned = diagonal_limit(*drawn), diagonal_limit_by_clock(*drawn)
    scale = sum(abs(target) for target in targets) + sum(x * x for x in [*first.ravel(), *second.ravel()])
    with precision(300):
        for left, right in zip(explicit.ravel(), turned.ravel(), strict=True):
            assert left.overlaps(right)
            assert max(left.rad(), right.rad()) < arb(10) ** -50 * scale.numerator / scale.denominator


@settings(max_examples=60)
@given(starts)
def test_the_diagonal_is_observed(drawn):
    limit = diagonal_limit(*drawn, digits=30)
    with precision(300):
        assert all(limit[i, i].contains(arb(t.numerator) / t.denominator) for i, t in enumerate(drawn[2]))


@settings(max_examples=60)
@given(starts)
def test_float64_agrees_with_the_balls(drawn):
    first, second, targets = (np.array(part, dtype=float) for part in drawn)
    certified = diagonal_limit(first, second, targets).astype(float)
    found = diagonal_limit_float64(first, second, targets)
    # Rows of the limit's layers have |a_i|^2 + |b_i|^2 = sqrt(4 w_i*^2 + |p_i|^2 |q_i|^2).
    p, q = second + first.T, second - first.T
    sizes = np.sqrt(np.hypot(2 * targets, np.linalg.norm(p, axis=1) * np.linalg.norm(q, axis=1)))
    assert (np.abs(found - certified) <= 1e-13 * np.outer(sizes, sizes)).all()


@pytest.mark.parametrize(("n", "k", "seed"), [(1, 1, 0), (2, 1, 1), (2, 3, 2), (3, 2, 3), (4, 4, 4)])
def test_the_flow_goes_there(n, k, seed):
    random = np.random.default_rng(seed)
    first, second = 0.5 * random.standard_normal((k, n)), 0.5 * random.standard_normal((n, k))
    targets = random.choice([-1, 1], n) * random.uniform(0.5, 2, n)
    limit = flow_limit(MatrixCompletion(np.eye(n), np.diag(targets)), [first, second])
    assert np.linalg.norm(limit.matrix - diagonal_limit_float64(first, second, targets)) <= limit.error
    assert limit.error < 1e-7


def test_turning_the_hidden_space_changes_nothing():
    random = np.random.default_rng(7)
    first, second, targets = random.standard_normal((3, 2)), random.standard_normal((2, 3)), np.array([1.0, -2.0])
    turn = np.linalg.qr(random.standard_normal((3, 3)))[0]
    np.testing.assert_allclose(
        diagonal_limit_float64(turn @ first, second @ turn.T, targets),
        diagonal_limit_float64(first, second, targets),
        atol=1e-13,
    )


def test_transposition_transposes_the_limit():
    first, second, targets = start(3, 2, 1, 11)
    with precision(300):
        difference = diagonal_limit(first, second, targets) - diagonal_limit(second.T, first.T, targets).T
        assert all(entry.contains(0) and entry.rad() < 1e-50 for entry in difference.ravel())


def test_a_start_at_zero_loss_stays():
    first, second, _ = start(3, 3, 1, 5)
    product = second @ first
    limit = diagonal_limit(first, second, np.diag(product))
    assert all(tau.contains(0) for tau in diagonal_clocks(first, second, np.diag(product)))
    with precision(300):
        for found, want in zip(limit.ravel(), product.ravel(), strict=True):
            assert found.contains(arb(want.numerator) / want.denominator)


def test_clocks_grow_like_the_logarithm_of_a_tiny_scale():
    """e^(2 tau) -> 4 w*/|p|^2, so 10^-20 times the start adds 20 log 10 to the clock."""
    first, second, _ = start(2, 2, Fraction(1, 10**10), 3)
    here = diagonal_clocks(first, second, [1, 2])
    below = diagonal_clocks(first / 10**20, second / 10**20, [1, 2])
    for tau, later in zip(here, below, strict=True):
        assert float(later - tau) == pytest.approx(20 * np.log(10), rel=1e-12)


@pytest.mark.parametrize("scale", [1e-250, 1e-150, 1e140])
def test_float64_survives_extreme_starts(scale):
    first, second = scale * np.array([[1.0, 2.0], [5.0, -3.0]]), scale * np.array([[1.0, 2.0], [3.0, -1.0]])
    found = diagonal_limit_float64(first, second, np.array([1.0, 2.0]))
    certified = diagonal_limit(first, second, [1, 2], digits=30).astype(float)
    # Observed entries cancel down to their targets from products as large as the largest entry.
    assert (np.abs(found - certified) <= 1e-13 * np.abs(certified).max()).all()


@pytest.mark.parametrize("evaluate", [diagonal_limit, diagonal_limit_by_clock, diagonal_limit_float64])
def test_bad_starts_name_their_argument(evaluate):
    first, second, targets = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([1.0, 1.0])
    for bad, argument in (
        ((first.T, second, targets), "first"),
        ((first, np.zeros(2), targets), "second"),
        ((first, second, np.ones(3)), "targets"),
        ((first, first.T, targets), "second"),
        ((first, -first.T, targets), "second"),
    ):
        with pytest.raises(ArgumentError, match=f"^{argument}: "):
            evaluate(*bad)


def test_digits_must_be_positive():
    with pytest.raises(ArgumentError, match=r"^digits: 0"):
        diagonal_limit(*start(2, 2, 1, 0), digits=0)
