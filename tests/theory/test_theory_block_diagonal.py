"""Catches a wrong reduction, eigenvalue flow, initial eigenvalue or invariant: every true formula must be derived,
every natural wrong one must leave open steps, at symbolic and at concrete sizes."""

import pytest
import sympy as sp
from sympy import Matrix

from theory import block_diagonal
from theory.block_diagonal import (
    convergence_derivation,
    deep_invariant,
    eigenvalues,
    embedding,
    entries,
    flow_at,
    flow_derivation,
    invariant_derivation,
    kernel_derivation,
    observed_entry,
    product,
    rate_1,
    rate_2,
    reduced_target,
    reduction_at,
    reduction_derivation,
    shallow_invariant,
    start_1,
    start_2,
    start_ratio,
)
from theory.symbols import alpha, block_size, blocks, depth, inside, lambda_1, lambda_2, m, observed, outside, value

FLOW = {"observed": observed_entry, "rate-1": rate_1, "rate-2": rate_2, "start-1": start_1, "start-2": start_2}
FLOW_MUTANTS = {
    "observed without n - 1": {"observed": (lambda_1**depth + lambda_2**depth) / (blocks * block_size)},
    "observed without s": {"observed": observed_entry * block_size},
    "observed at depth L - 1": {"observed": observed_entry.subs(depth, depth - 1)},
    "observed is the trace": {"observed": observed_entry * blocks},
    "rate 1 with exponent L": {"rate-1": rate_1 * lambda_1},
    "rate 1 without s": {"rate-1": rate_1 / block_size},
    "rate 1 reversed": {"rate-1": -rate_1},
    "rate 1 with the factor L of W": {"rate-1": depth * rate_1},
    "rate 1 with exponent L - 2": {"rate-1": rate_1 / lambda_1},
    "rate 2 of the other eigenvalue": {"rate-2": rate_1},
    "rate 2 without s": {"rate-2": rate_2 / block_size},
    "rate 2 with d in place of s": {"rate-2": rate_2 * blocks},
}
START_MUTANTS = {
    "start 1 without s": {"start-1": start_1 / block_size},
    "start 1 with n": {"start-1": block_size * alpha * (1 + blocks / m)},
    "start 1 as if m were 1/m": {"start-1": start_1.subs(m, 1 / m)},
    "start 2 with plus": {"start-2": block_size * alpha * (1 + 1 / m)},
    "start 2 without s": {"start-2": start_2 / block_size},
    "starts swapped": {"start-1": start_2, "start-2": start_1},
}


def concrete(pair, n, s):
    """The d x d matrix with pair[0] inside and pair[1] outside the diagonal blocks."""
    return Matrix(n * s, n * s, lambda i, j: pair[int(i // s != j // s)])


@pytest.mark.parametrize(("n", "s"), [(1, 2), (2, 1), (2, 3), (3, 2), (4, 1)])
def test_pairs_multiply_like_their_matrices(n, s):
    other = sp.symbols("c e", real=True)
    sizes = {blocks: n, block_size: s}
    claimed = tuple(part.subs(sizes) for part in product((inside, outside), other))
    difference = concrete((inside, outside), n, s) * concrete(other, n, s) - concrete(claimed, n, s)
    assert sp.expand(difference) == sp.zeros(n * s)


@pytest.mark.parametrize(("n", "s"), [(2, 1), (2, 2), (3, 2), (4, 1)])
def test_pairs_have_the_eigenvalues_of_their_matrices(n, s):
    first, rest = (part.subs({blocks: n, block_size: s}) for part in eigenvalues((inside, outside)))
    x = sp.Symbol("x")
    characteristic = concrete((inside, outside), n, s).charpoly(x).as_expr()
    assert sp.expand(characteristic - x ** (n * s - n) * (x - first) * (x - rest) ** (n - 1)) == 0


def test_entries_and_eigenvalues_are_inverse_to_each_other():
    assert [sp.cancel(part) for part in entries(eigenvalues((inside, outside)))] == [inside, outside]
    assert [sp.cancel(part) for part in eigenvalues(entries((lambda_1, lambda_2)))] == [lambda_1, lambda_2]


def test_starts_are_the_eigenvalues_of_the_start_and_the_ratio_is_theirs():
    pair = eigenvalues((alpha, alpha / m))
    assert [sp.cancel(a - b) for a, b in zip(pair, (start_1, start_2), strict=True)] == [0, 0]
    assert sp.cancel(start_ratio - start_2 / start_1) == 0


def test_the_reduction_holds_for_every_size():
    derivation = reduction_derivation(reduced_target)
    assert derivation.holds
    assert derivation.sizes == ()
    assert len(derivation.arguments) == 2


@pytest.mark.parametrize("wrong", [value, value / block_size, block_size**2 * value, -reduced_target])
def test_a_wrong_reduced_target_is_left_open(wrong):
    assert len(reduction_derivation(wrong).open_steps) == 1
    assert reduction_at((2, 1), 3, wrong).open_steps


def test_the_embedding_has_orthonormal_columns():
    lift = embedding((2, 1))
    assert lift.T * lift == sp.eye(2)


@pytest.mark.parametrize(("sizes", "layers"), [((2, 1), 2), ((2, 1), 3), ((1, 2), 4), ((3, 1, 2), 2), ((1, 1, 1), 3)])
def test_the_reduction_holds_at_concrete_unequal_sizes(sizes, layers):
    derivation = reduction_at(sizes, layers, reduced_target)
    assert derivation.holds
    assert derivation.sizes == (f"s = {sizes}, L = {layers}",)
    assert len(derivation.steps) == layers


def test_a_reduction_through_a_map_that_is_no_isometry_is_left_open(monkeypatch):
    def stretched(sizes):
        rows = [i for i, size in enumerate(sizes) for _ in range(size)]
        return Matrix(len(rows), len(sizes), lambda r, i: sp.Rational(1, sizes[i]) if rows[r] == i else 0)

    monkeypatch.setattr(block_diagonal, "embedding", stretched)
    assert reduction_at((2, 1), 2, reduced_target).open_steps


def test_the_flow_holds_for_symbolic_sizes():
    derivation = flow_derivation(FLOW)
    assert derivation.holds
    assert derivation.sizes == ()
    assert set(FLOW) <= set(derivation.clauses)


@pytest.mark.parametrize("mutant", FLOW_MUTANTS | START_MUTANTS)
def test_a_wrong_flow_is_left_open_for_symbolic_sizes(mutant):
    change = (FLOW_MUTANTS | START_MUTANTS)[mutant]
    # Exactly the changed formulas are open: a mutant must not fail for another reason.
    assert len(flow_derivation(FLOW | change).open_steps) == len(change)


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("s", [1, 2])
@pytest.mark.parametrize("layers", [2, 3, 4, 5])
def test_the_flow_holds_by_differentiation_at_concrete_sizes(n, s, layers):
    derivation = flow_at(n, s, layers, FLOW)
    assert derivation.holds
    assert derivation.sizes == (f"n = {n}, s = {s}, L = {layers}",)
    assert derivation.arguments == ()


@pytest.mark.parametrize("mutant", FLOW_MUTANTS)
def test_a_wrong_flow_is_left_open_at_a_concrete_size(mutant):
    assert flow_at(3, 2, 3, FLOW | FLOW_MUTANTS[mutant]).open_steps


def test_the_deep_invariant_is_conserved_for_symbolic_and_for_fixed_depth():
    assert invariant_derivation(deep_invariant, "conserved").holds
    assert all(invariant_derivation(deep_invariant, "conserved", layers).holds for layers in (3, 4, 7))


def test_the_shallow_invariant_is_conserved_at_depth_two_only():
    assert invariant_derivation(shallow_invariant, "conserved", 2).holds
    assert invariant_derivation(shallow_invariant, "conserved", 3).open_steps
    assert invariant_derivation(shallow_invariant, "conserved").open_steps


@pytest.mark.parametrize(
    "wrong",
    [
        lambda_2 ** (2 - depth) + lambda_1 ** (2 - depth),
        lambda_2 ** (1 - depth) - lambda_1 ** (1 - depth),
        lambda_2 ** (depth - 2) - lambda_1 ** (depth - 2),
        lambda_2**depth - lambda_1**depth,
        lambda_2 - lambda_1,
        lambda_1,
    ],
)
def test_a_wrong_invariant_is_left_open(wrong):
    assert invariant_derivation(wrong, "conserved").open_steps
    assert invariant_derivation(wrong, "conserved", 5).open_steps


def test_functions_of_an_invariant_are_invariants():
    assert invariant_derivation(3 * deep_invariant**2, "conserved").holds


def test_convergence_holds_and_rests_on_the_rates(monkeypatch):
    assert convergence_derivation().holds
    assert len(convergence_derivation().arguments) == 3
    with monkeypatch.context() as patch:
        patch.setattr(block_diagonal, "rate_2", rate_1)
        assert convergence_derivation().open_steps
    with monkeypatch.context() as patch:
        patch.setattr(block_diagonal, "observed_entry", observed_entry * block_size)
        assert convergence_derivation().open_steps


def test_convergence_cannot_be_derived_for_the_ascent(monkeypatch):
    monkeypatch.setattr(block_diagonal, "rate_1", rate_1.subs(value, 2 * observed - value))
    monkeypatch.setattr(block_diagonal, "rate_2", rate_2.subs(value, 2 * observed - value))
    assert convergence_derivation().open_steps


def test_the_kernel_derivation_holds_and_rests_on_entries_and_starts(monkeypatch):
    assert kernel_derivation().holds
    with monkeypatch.context() as patch:
        patch.setattr(block_diagonal, "entries", lambda pair: (pair[0], (pair[0] + pair[1]) / (blocks * block_size)))
        assert kernel_derivation().open_steps
    with monkeypatch.context() as patch:
        patch.setattr(block_diagonal, "start_2", start_2 / 2)
        assert kernel_derivation().open_steps
