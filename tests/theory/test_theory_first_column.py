"""Catches a wrong conserved matrix, determinant, bound or order for an observed first column: open steps for every
natural wrong one, and the inequalities behind the bound at random exact points."""

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import first_column as theory
from theory.first_column import (
    conserved_determinant,
    conserved_matrix,
    first_column_bound,
    first_column_conserved,
    first_column_limit_derivation,
)
from theory.symbols import alpha

COLUMN = theory.first_column
OTHER = theory.other_column
MATRICES = {
    "plus": conserved_matrix + 2 * COLUMN * COLUMN.T,
    "the other column": theory.second.T * theory.second - OTHER * OTHER.T,
    "rows of A": theory.second * theory.second.T - COLUMN * COLUMN.T,
    "half": conserved_matrix + COLUMN * COLUMN.T / 2,
}
DETERMINANTS = {
    "minus": 2 * theory.constant.det() - conserved_determinant,
    "C in place of its adjugate": theory.constant.det() + (COLUMN.T * theory.constant * COLUMN)[0, 0],
    "without det C": conserved_determinant - theory.constant.det(),
}
BOUNDS = {
    "cubic": first_column_bound * alpha,
    "half": first_column_bound / 2,
    "without the norm of b_2": first_column_bound / theory.column_norm,
    "without its second order": alpha**2 * theory.column_norm * sp.sqrt(theory.invariant_norm),
}
entries = st.fractions(-3, 3, max_denominator=20)


def test_the_conserved_facts_hold():
    derivation = first_column_conserved(conserved_matrix, conserved_determinant)
    assert derivation.holds
    assert derivation.sizes == ()


@pytest.mark.parametrize("mutant", MATRICES)
def test_a_matrix_that_moves_is_left_open(mutant):
    assert not first_column_conserved(MATRICES[mutant], conserved_determinant).holds


@pytest.mark.parametrize("mutant", DETERMINANTS)
def test_a_wrong_determinant_is_left_open(mutant):
    assert len(first_column_conserved(conserved_matrix, DETERMINANTS[mutant]).open_steps) == 1


def test_the_limit_is_bounded_at_second_order():
    assert first_column_limit_derivation(first_column_bound, sp.Integer(2)).holds


@pytest.mark.parametrize("mutant", BOUNDS)
def test_a_wrong_bound_is_left_open(mutant):
    assert not first_column_limit_derivation(BOUNDS[mutant], sp.Integer(2)).holds


@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_wrong_order_is_left_open(order):
    assert len(first_column_limit_derivation(first_column_bound, sp.Integer(order)).open_steps) == 1


@settings(max_examples=25)
@given(st.lists(entries, min_size=8, max_size=8))
def test_the_bounds_enclose_every_zero_loss_point(values):
    """Any layers are a zero-loss point for the first column that they make, whatever start they came from."""
    numbers = [sp.Rational(value.numerator, value.denominator) for value in values]
    second, first = sp.Matrix(2, 2, numbers[:4]), sp.Matrix(2, 2, numbers[4:])
    product = second * first
    observed = product[:, 0].norm()
    if observed == 0:
        return
    matrix = second.T * second - first[:, 0] * first[:, 0].T
    sizes = {
        alpha: 1,
        theory.target_norm: observed,
        theory.invariant_norm: max(abs(root) for root in _eigenvalues(matrix)),
        theory.column_norm: first[:, 1].norm(),
    }
    largest = sum(entry**2 for entry in product)
    spread = sp.sqrt(largest**2 - 4 * product.det() ** 2)
    smallest = float(sp.sqrt((largest - spread) / 2).evalf(40, chop=True))
    assert smallest <= float(first_column_bound.subs(sizes).evalf(40)) + 1e-15
    assert float(product[:, 1].norm()) <= float(theory.unobserved_bound.subs(sizes).evalf(40)) + 1e-15


def _eigenvalues(matrix):
    half, root = matrix.trace() / 2, sp.sqrt(matrix.trace() ** 2 / 4 - matrix.det())
    return half + root, half - root
