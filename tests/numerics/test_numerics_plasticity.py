"""Warm and cold starts as flows: catches a stage that goes on from the wrong layers, and an integral that is off."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from numerics import ArgumentError, BlockFamily, CertifiedFlow, certified_flow, integrate, plasticity
from numerics.balls import precision
from numerics.block_diagonal import exact_layers, problem
from numerics.factorization import MatrixCompletion, Normalization, end_to_end
from numerics.plasticity import (
    certified_end,
    cold_limit,
    enclosed_residual_integral,
    extended_problem,
    pretrained,
    residual_integrals,
    warm_flow,
    warm_limit,
)


def member(depth: int, alpha: str, m: str) -> BlockFamily:
    return BlockFamily(depth, 2, 1, 1, Fraction(alpha), m)


@pytest.mark.parametrize("alpha", ["0.3", "0.01"])
def test_the_warm_start_of_the_published_example_for_every_scale(alpha: str) -> None:
    """m = 2: 1.8 and 0.2 after pre-training; 1.86368, 0.157837 and w_21 = 0.70584 after w_12."""
    family = member(2, alpha, "2")
    start = pretrained(family)
    found = warm_limit(family, start)
    assert start.limit.singular_values == pytest.approx([1.8, 0.2], abs=1e-9)
    assert found.singular_values == pytest.approx([1.86368, 0.157837], abs=5e-6)
    assert found.matrix[1, 0] == pytest.approx(0.70584, abs=5e-6)
    assert warm_limit(member(2, alpha, "inf"), pretrained(member(2, alpha, "inf"))).matrix[1, 0] == pytest.approx(
        -0.0347, abs=5e-5
    )


def test_the_cold_start_of_the_published_example() -> None:
    assert cold_limit(member(2, "0.01", "2")).singular_values[1] == pytest.approx(0.001897, abs=5e-7)


def test_the_certified_end_of_pre_training_is_where_it_ends() -> None:
    """m = 4/3, w* = 1, L = 2: both layers end at [[4/5, 3/5], [3/5, 4/5]]."""
    family = member(2, "0.3", "4/3")
    layers, radius = certified_end(certified_flow(problem(family), exact_layers(family), digits=20))
    assert 0 < radius < Fraction(1, 10**15)
    known = np.array([[4, 3], [3, 4]]) * Fraction(1, 5)
    assert sum(((layer - known) ** 2).sum() for layer in layers) <= radius**2
    off = known + np.array([[0, 2 * radius], [0, 0]])
    assert sum(((layer - off) ** 2).sum() for layer in layers) > radius**2


def test_every_warm_start_from_the_certified_end_reaches_the_published_limit() -> None:
    family = member(2, "0.3", "2")
    layers, radius = certified_end(certified_flow(problem(family), exact_layers(family), digits=20))
    flow = certified_flow(extended_problem(family), layers, digits=10, start_radius=radius)
    assert flow.limit is not None
    with precision(100):
        assert abs(flow.limit.entries[1, 0] - arb("0.70584")) < arb("5e-6")
        assert flow.limit.proven_rank == 2
    product = end_to_end(layers)
    assert abs(product[0, 0] - 1) < 4 * radius


@pytest.mark.parametrize("read", [certified_end, enclosed_residual_integral])
def test_a_flow_without_an_enclosed_limit_has_no_certified_end(read: Callable[[CertifiedFlow], object]) -> None:
    family = member(2, "0.3", "2")
    with pytest.raises(ArgumentError, match="one whose limit is enclosed"):
        read(certified_flow(problem(family), [np.zeros((2, 2), dtype=int)] * 2, digits=5))


@pytest.mark.parametrize(("normalization", "weight"), [(Normalization.SUM_HALF, 1), (Normalization.MEAN_OBSERVED, 2)])
def test_the_enclosed_integral_of_the_residual_is_that_of_the_closed_form(
    normalization: Normalization, weight: int
) -> None:
    """One layer: R = R(0) exp(-c t), so that the integral is |R(0)|/c."""
    line = MatrixCompletion(np.array([[1, 0]]), np.array([[2, 0]]), normalization)
    flow = certified_flow(line, [np.array([[Fraction(1, 2), 3]], dtype=object)], digits=20)
    found = enclosed_residual_integral(flow)
    assert found.contains(arb(3) / 2 / weight)
    assert found.rad() < arb("0.1") * found.mid()


def test_the_enclosed_integral_goes_on_to_infinity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal layers u of size 1: u' = -R u, so that the integral is log(u(0)/u(oo)); the slope at the end is 1/5."""
    monkeypatch.setattr(plasticity, "_PARTS", 300)
    square = MatrixCompletion(np.array([[1]]), np.array([[Fraction(1, 10)]]))
    flow = certified_flow(square, [np.array([[Fraction(1, 2)]], dtype=object)] * 2, digits=3)
    found = enclosed_residual_integral(flow)
    assert found.contains((arb(5) / 2).log() / 2)
    assert found.upper() - found.lower() < arb("0.15")


def test_the_enclosed_integral_of_a_warm_start_holds_the_integrated_one() -> None:
    family = member(2, "0.3", "2")
    layers, radius = certified_end(certified_flow(problem(family), exact_layers(family), digits=20))
    found = enclosed_residual_integral(certified_flow(extended_problem(family), layers, digits=10, start_radius=radius))
    totals, _ = residual_integrals(warm_flow(family, pretrained(family)))
    assert found.contains(arb(float(totals[-1])))
    assert found.rad() < arb("0.05") * found.mid()


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_a_warm_start_goes_on_from_zero_loss_on_the_diagonal(depth: int) -> None:
    family = member(depth, "0.2", "3")
    start = pretrained(family)
    flow = warm_flow(family, start)
    assert np.diag(flow.products[0]) == pytest.approx([1, 1], abs=1e-12)
    assert flow.products[0] == pytest.approx(start.limit.matrix, abs=1e-9)
    observed = extended_problem(family).mask
    assert flow.converged
    assert flow.products[-1][observed] == pytest.approx(np.ones(3), abs=1e-7)


def test_a_deep_warm_start_from_a_decoupled_state_keeps_its_rank() -> None:
    """m = oo is decoupled at every depth: what depth repairs is a small second singular value, not a large one."""
    family = member(3, "0.01", "inf")
    assert warm_limit(family, pretrained(family)).singular_values[1] > 0.6


def test_the_integral_of_a_residual_that_is_known() -> None:
    """One entry, L = 2, a balanced start w: w' = 2 w (1 - w), |R| = 1 - w; its integral is log(1/w)/2."""
    start = np.array([[0.3]])
    problem = MatrixCompletion(np.array([[True]]), np.array([[1.0]]))
    flow = integrate(problem, [start, start], relative_tolerance=1e-12, residual_tolerance=1e-10)
    integrals, errors = residual_integrals(flow)
    exact = 0.5 * np.log(flow.products[:, 0, 0] / 0.09)
    assert np.all(np.abs(integrals - exact) <= errors + 1e-12)
    assert errors[-1] < 0.01 * exact[-1]


def test_pretraining_is_that_of_a_two_by_two_matrix() -> None:
    with pytest.raises(ArgumentError, match="one of two blocks of size 1"):
        pretrained(BlockFamily(2, 3, 1, 1, "0.1", 2))
