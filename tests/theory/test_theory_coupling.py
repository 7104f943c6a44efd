"""Catches a wrong kernel, a wrong count of components, and derivations that would accept either."""

import pytest
import sympy as sp

from theory import connectivity as graph
from theory import coupling
from theory.symbols import block_size, blocks, depth, lambda_1, lambda_2


def transposed(after, before, first, second):
    (i, j), (p, q) = first, second
    return (after.T @ after)[i, p] * (before.T @ before)[j, q]


def swapped(after, before, first, second):
    return coupling.summand(after, before, first[::-1], second[::-1])


def doubled(after, before, first, second):
    return 2 * coupling.summand(after, before, first, second)


def test_the_kernel_for_any_depth_and_width_holds():
    derivation = coupling.kernel_formula_derivation()
    assert derivation.holds
    assert derivation.sizes == ()


@pytest.mark.parametrize("sizes", [(2, 2), (2, 3, 1), (2, 2, 2, 2)])
def test_the_kernel_follows_from_the_differentiated_loss(sizes):
    assert coupling.kernel_at(sizes).holds


@pytest.mark.parametrize("share", [transposed, swapped, doubled])
def test_a_wrong_kernel_is_not_derived(share):
    assert not coupling.kernel_at((2, 2, 2), share).holds


def test_a_factor_two_is_seen_by_the_general_argument():
    assert not coupling.kernel_formula_derivation(doubled).holds


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3), (2, 2), (3, 2), (3, 3)])
def test_three_counts_of_components_agree_on_every_mask(height, width):
    assert graph.connectivity_at(height, width, graph.shared_line, graph.used).holds


def test_there_are_all_masks_but_the_empty_one():
    found = graph.masks(2, 3)
    assert len(set(found)) == len(found) == 2**6 - 1


def test_isolated_lines_are_no_components():
    corner = frozenset({(0, 0)})
    assert graph.classes(corner, graph.shared_line) == 1
    assert graph.splits(corner, 3) == 2
    assert not graph.connectivity_at(2, 2, graph.shared_line, graph.rows + graph.columns).holds
    assert not graph.connectivity_derivation(graph.shared_line, graph.rows + graph.columns).holds


def test_depth_two_kernel_and_its_mutant():
    assert coupling.depth_two_derivation(coupling.depth_two_kernel, coupling.apart).holds
    swapped_deltas = coupling.same_column * coupling.column_gram + coupling.row_gram * coupling.same_row
    assert not coupling.depth_two_at(2, 2, 2, swapped_deltas, coupling.apart).holds
    rows_only = {coupling.same_row: sp.Integer(0)}
    assert not coupling.depth_two_derivation(coupling.depth_two_kernel, rows_only).holds


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_the_closed_form_is_the_sum_over_the_middle_layers(number):
    size = (blocks * block_size) ** 2
    gram = [(lambda_1 ** (2 * k) - lambda_2 ** (2 * k)) for k in range(number + 1)]
    summed = sum((gram[number - place] * gram[place - 1] for place in range(2, number)), sp.Integer(0)) / size
    assert sp.cancel(coupling.block_kernel.subs(depth, number) - summed) == 0


def test_block_kernel_derivations_and_their_mutant():
    assert coupling.block_kernel_derivation(coupling.block_kernel).holds
    assert coupling.block_kernel_at(2, 2, 3, coupling.block_kernel).holds
    assert not coupling.block_kernel_derivation(2 * coupling.block_kernel).holds
    assert not coupling.block_kernel_at(2, 1, 3, 2 * coupling.block_kernel).holds


def test_depth_two_has_no_middle_layer():
    assert coupling.coupled_derivation(3).holds
    assert not coupling.coupled_derivation(2).holds


@pytest.mark.parametrize("full", [0, 1])
def test_diagonal_layers_stay_diagonal_and_others_do_not(full):
    assert coupling.diagonal_derivation(sp.Integer(full)).holds is (full == 0)
    assert coupling.diagonal_at(2, 3, sp.Integer(full)).holds is (full == 0)
