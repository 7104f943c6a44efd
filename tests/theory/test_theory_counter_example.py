"""Catches a wrong nuclear norm, certificate, rate or end in the 4 x 4 problem: open steps for natural wrong ones."""

import pytest
import sympy as sp

from theory import counter_example as theory
from theory.counter_example import R


def test_every_derivation_holds_for_every_ratio():
    derivations = [
        theory.completions_derivation(theory.rank_norm, theory.least_norm),
        theory.minimum_derivation(theory.least_norm),
        theory.rates_derivation(*theory.rates),
        theory.greedy_end_derivation(theory.rank_completion),
        theory.small_start_derivation(theory.rank_completion),
    ]
    assert all(derivation.holds and derivation.sizes == () for derivation in derivations)


@pytest.mark.parametrize(
    "norms", [(R**2 + 1, 4 * R), (2 * R**2 + 2, 2 * R + 2), (2 * R**2, 4 * R), (4 * R, 2 * R**2 + 2)]
)
def test_wrong_nuclear_norms_are_left_open(norms):
    assert not theory.completions_derivation(*norms).holds


@pytest.mark.parametrize("least", [2 * R**2 + 2, 2 * R + 2, 4 * R + 1, sp.Integer(4)])
def test_a_wrong_least_nuclear_norm_is_left_open(least):
    assert not theory.minimum_derivation(least).holds


def test_rates_that_are_swapped_scaled_or_of_another_root_are_left_open():
    first, second = theory.rates
    for wrong in ((second, first), (2 * first, 2 * second), (first, -second), (sp.sqrt(1 + R**2), R)):
        assert not theory.rates_derivation(*wrong).holds


def test_an_end_other_than_the_rank_one_completion_is_left_open():
    for wrong in (theory.norm_completion, 2 * theory.rank_completion, sp.zeros(4, 4)):
        assert not theory.greedy_end_derivation(wrong).holds
    assert not theory.small_start_derivation(2 * theory.rank_completion).holds


@pytest.mark.parametrize("ratio", [sp.Rational(11, 10), sp.Integer(2), sp.Integer(5)])
def test_the_rates_are_the_eigenvalues_of_the_observed_matrix(ratio):
    found = sorted(theory.observed.subs(R, ratio).eigenvals(multiple=True), key=lambda one: sp.N(one, 30))
    first, second = (rate.subs(R, ratio) for rate in theory.rates)
    assert all(abs(sp.N(a - b, 30)) < 1e-25 for a, b in zip(found, (-first, -second, second, first), strict=True))


def test_the_norm_completion_has_rank_two_beyond_one_and_is_the_rank_completion_at_one():
    assert theory.norm_completion.subs(R, 2).rank() == 2
    assert theory.norm_completion.subs(R, 1) == theory.rank_completion.subs(R, 1)
