"""Catches a wrong component, a wrong kernel, a rounding bound that is none, and a verdict that does not follow."""

import numpy as np
import pytest
import sympy as sp

from numerics.block_diagonal import BlockFamily, initial_layers, problem
from numerics.block_diagonal import coupling_kernel as exact_kernel
from numerics.coupling import (
    Verdict,
    connectivity,
    coupling_report,
    invariant_parts,
    kernel_entry,
    kernel_matrix,
    kernel_rounding,
    linked_parts,
    relative_kernel,
)
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, end_to_end
from numerics.initialization import gaussian_layers, identity_layers, layer_shapes
from theory.coupling import kernel


def network(rows, columns, depth, width=None, seed=0):
    return gaussian_layers(layer_shapes(rows, columns, depth, width), 1.0, seed=seed)


def jacobian(layers, mask):
    """By differences of step 1, exact because W is affine in one layer entry."""
    lines = []
    for index, layer in enumerate(layers):
        for place in np.ndindex(*layer.shape):
            moved = [one.copy() for one in layers]
            moved[index][place] += 1
            lines.append((end_to_end(moved) - end_to_end(layers))[mask])
    return np.array(lines).T


def test_components_are_found_and_isolated_lines_set_aside():
    found = connectivity(np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]))
    assert found.components == (((0, 0), (0, 1), (1, 1)), ((2, 3),))
    assert (found.isolated_rows, found.isolated_columns) == ((3,), (2,))
    assert not found.connected
    assert connectivity(np.array([[0, 1], [0, 0]])).connected


@pytest.mark.parametrize("mask", [np.zeros((2, 2)), np.zeros(3)])
def test_an_empty_mask_is_named(mask):
    with pytest.raises(ArgumentError, match="mask"):
        connectivity(mask)


@pytest.mark.parametrize(("rows", "columns", "depth", "width"), [(2, 3, 1, None), (3, 2, 2, 4), (2, 4, 4, 3)])
def test_the_kernel_is_the_gram_matrix_of_the_gradients(rows, columns, depth, width):
    layers = network(rows, columns, depth, width)
    mask = np.random.default_rng(5).random((rows, columns)) < 0.7
    slopes = jacobian(layers, mask)
    np.testing.assert_allclose(kernel_matrix(mask, layers), slopes @ slopes.T, atol=1e-12)


def test_one_pair_is_an_entry_of_the_matrix():
    layers, mask = network(3, 3, 3), np.eye(3, dtype=bool)
    assert kernel_entry(layers, (0, 0), (2, 2)) == pytest.approx(kernel_matrix(mask, layers)[0, 2], rel=1e-13)


def test_the_rounding_bound_covers_the_error_and_is_not_wide():
    layers, mask = network(3, 3, 4, seed=3), np.ones((3, 3), dtype=bool)
    exact = [sp.Matrix(3, 3, [sp.Rational(float(x)) for x in layer.ravel()]) for layer in layers]
    for a, b in [(0, 4), (1, 5), (2, 2)]:
        true = float(kernel(exact, divmod(a, 3), divmod(b, 3)))
        error = abs(kernel_matrix(mask, layers)[a, b] - true)
        assert error <= kernel_rounding(mask, layers)[a, b] < 1e-10


def test_the_block_family_agrees_with_its_exact_kernel():
    family = BlockFamily(4, 3, 2, 1, "0.3", 5)
    found = kernel_entry(initial_layers(family), (0, 0), (2, 2))
    assert found == pytest.approx(float(exact_kernel(family)), rel=1e-13)


def test_relative_kernels_are_cosines_and_zero_without_gradient():
    layers, mask = network(3, 3, 3), np.ones((3, 3), dtype=bool)
    cosines = relative_kernel(kernel_matrix(mask, layers))
    assert np.abs(cosines).max() <= 1 + 1e-12
    assert not relative_kernel(np.zeros((2, 2))).any()


def test_depth_two_parts_are_the_components():
    mask = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 1]], dtype=bool)
    layers = network(3, 3, 2)
    components = connectivity(mask).components
    assert linked_parts(mask, layers) == invariant_parts(mask, layers) == components
    assert len(linked_parts(mask, network(3, 3, 3))) == 1


def test_zeros_that_the_flow_fills_prove_nothing():
    """Diagonal layers have no kernel across at the start; a full mask fills them."""
    layers = identity_layers([(2, 2)] * 3, 0.5)
    assert len(linked_parts(np.ones((2, 2)), layers)) == 4
    assert len(invariant_parts(np.ones((2, 2)), layers)) == 1
    assert len(invariant_parts(np.eye(2), layers)) == 2


@pytest.mark.parametrize(
    ("depth", "m", "verdict"),
    [
        (3, "2", Verdict.COUPLED),
        (3, "1e6", Verdict.COUPLED),
        (3, "inf", Verdict.DECOUPLED),
        (2, "2", Verdict.DECOUPLED),
    ],
)
def test_the_report_follows_the_block_family(depth, m, verdict):
    family = BlockFamily(depth, 2, 1, 1, "0.4", m)
    report = coupling_report(problem(family), initial_layers(family))
    assert report.verdict is verdict
    assert report.proven
    assert bool(report.across.max() > 0) is (verdict is Verdict.COUPLED)


def test_coupling_that_begins_later_is_seen():
    full = MatrixCompletion(np.ones((2, 2)), np.array([[1.0, 0.5], [0.3, 2.0]]))
    report = coupling_report(full, identity_layers([(2, 2)] * 3, 0.5), max_time=5.0)
    assert report.verdict is Verdict.COUPLED
    assert not report.coupled_at_start
    assert not report.proven
    assert "sampled" in report.reason


def test_too_many_entries_are_named():
    mask = np.ones((40, 40))
    with pytest.raises(ArgumentError, match="mask"):
        coupling_report(MatrixCompletion(mask, mask), network(40, 40, 2))
