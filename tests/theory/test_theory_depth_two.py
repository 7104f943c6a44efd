"""Catches a wrong limit of diagonal observations at depth 2: open steps for every natural wrong entry, root or
unobserved entry, and the flow's equations at random exact points."""

import pytest
import sympy as sp

from theory import depth_two as theory
from theory.depth_two import (
    diagonal_entry,
    diagonal_flow_derivation,
    diagonal_limit_derivation,
    diagonal_root,
    diagonal_root_derivation,
    dots,
    inner_product,
    unobserved_entry,
)
from theory.derivation import Kind
from theory.factorization import gradient, symbolic_layers
from theory.symbols import tau

P, Q, W = theory.sum_square, theory.difference_square, theory.target
ENTRIES = {
    "single angle": diagonal_entry.subs(tau, tau / 2),
    "without the half": diagonal_entry + sp.sinh(2 * tau) * (theory.row_square + theory.column_square) / 2,
    "hyperbolic functions swapped": sp.cosh(2 * tau) * (theory.row_square + theory.column_square) / 2
    + sp.sinh(2 * tau) * theory.row_column,
    "trigonometric": sp.sin(2 * tau) * (theory.row_square + theory.column_square) / 2
    + sp.cos(2 * tau) * theory.row_column,
}
ROOTS = {
    "w* in place of 2 w*": diagonal_root.subs(W, W / 2),
    "p and q swapped": diagonal_root.subs({P: Q, Q: P}, simultaneous=True),
    "other root": (2 * W - sp.sqrt(4 * W**2 + P * Q)) / P,
    "e^tau": sp.sqrt(diagonal_root),
    "lengths in place of squares": diagonal_root.subs({P: sp.sqrt(P), Q: sp.sqrt(Q)}, simultaneous=True),
}
LIMITS = {
    "transposed": unobserved_entry.subs({dots[0][1]: -dots[0][1], dots[1][0]: -dots[1][0]}, simultaneous=True),
    "without the quarter": 4 * unobserved_entry,
    "plus on the last": unobserved_entry.subs(dots[1][1], -dots[1][1]),
    "only the sums": sp.sqrt(theory.growth_1 * theory.growth_2) * dots[0][0] / 4,
}


@pytest.mark.parametrize(
    "derivation",
    [
        diagonal_flow_derivation(diagonal_entry),
        diagonal_root_derivation(diagonal_root),
        diagonal_limit_derivation(unobserved_entry),
    ],
    ids=["flow", "root", "limit"],
)
def test_the_derivations_hold_for_every_size(derivation):
    assert derivation.holds
    assert derivation.sizes == ()
    assert any(step.kind is Kind.IDENTITY for step in derivation.steps)


@pytest.mark.parametrize("mutant", ENTRIES)
def test_a_wrong_entry_is_left_open(mutant):
    assert len(diagonal_flow_derivation(ENTRIES[mutant]).open_steps) == 1


@pytest.mark.parametrize("mutant", ROOTS)
def test_a_wrong_root_is_left_open(mutant):
    assert not diagonal_root_derivation(ROOTS[mutant]).holds


@pytest.mark.parametrize("mutant", LIMITS)
def test_a_wrong_unobserved_entry_is_left_open(mutant):
    assert len(diagonal_limit_derivation(LIMITS[mutant]).open_steps) == 1


def test_the_layer_gradients_are_those_of_the_pairs():
    """The general argument against the gradient formula of `theory.factorization`, at n = 3."""
    size = 3
    first, second = symbolic_layers(2, size)
    targets = sp.diag(*sp.symbols("t_1 t_2 t_3", real=True))
    columns, rows = (gradient(sp.eye(size), targets, [first, second], index) for index in (0, 1))
    product = second * first
    for i in range(size):
        residual = product[i, i] - targets[i, i]
        assert sp.expand(rows[i, :] - residual * first[:, i].T) == sp.zeros(1, size)
        assert sp.expand(columns[:, i] - residual * second[i, :].T) == sp.zeros(size, 1)


@pytest.mark.parametrize("target", [sp.Rational(7, 3), sp.Integer(0), -sp.Rational(5, 2)])
def test_the_root_reaches_the_target(target):
    a, b = sp.Matrix([sp.Rational(1, 2), -1]), sp.Matrix([sp.Rational(3, 5), 2])
    root = diagonal_root.subs({P: (a + b).dot(a + b), Q: (a - b).dot(a - b), W: target})
    entry = diagonal_entry.subs({theory.row_square: a.dot(a), theory.column_square: b.dot(b)})
    reached = entry.subs({theory.row_column: a.dot(b), tau: sp.log(root) / 2}).evalf(40)
    assert abs(reached - target) < sp.Float("1e-35")


def test_the_unobserved_entry_is_an_observed_one_for_equal_pairs():
    """Two equal pairs: W_12 = W_11 = w*, so the general entry contains the root's equation."""
    equal = {dots[0][0]: P, dots[1][1]: Q, dots[1][0]: dots[0][1], theory.growth_2: theory.growth_1}
    reached = unobserved_entry.subs(equal).subs(theory.growth_1, diagonal_root)
    assert sp.simplify(reached - W) == 0


def test_inner_products_of_combinations_are_bilinear():
    u, v = sp.Matrix([1, 2, 3]), sp.Matrix([-1, 0, 2])
    gram = ((u.dot(u), u.dot(v)), (u.dot(v), v.dot(v)))
    assert inner_product((2, -1), (3, 5), gram) == (2 * u - v).dot(3 * u + 5 * v)
