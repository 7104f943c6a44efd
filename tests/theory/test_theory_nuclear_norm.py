"""Catches a wrong small-scale law, bound, norm or gap for diagonal observations at depth 2: open steps for every
natural wrong one, and the order by which the nuclear norm exceeds the trace."""

import pytest
import sympy as sp

from theory import nuclear_norm as theory
from theory.nuclear_norm import (
    full_rank_derivation,
    nuclear_gap_derivation,
    nuclear_limit_derivation,
    nuclear_norm_derivation,
    nuclear_share,
    small_scale_distance,
    small_scale_entry,
    trace,
)

W1, W2, E1, E2 = theory.target_1, theory.target_2, theory.product_1, theory.product_2
LAWS = {
    "no root": W1 * W2 * theory.cosine,
    "mean of the targets": (W1 + W2) * theory.cosine / 2,
    "no angle": sp.sqrt(W1 * W2),
    "half": small_scale_entry / 2,
}
DISTANCES = {
    "half the scale's square": small_scale_distance.subs({E1: E1 / 2, E2: E2 / 2}, simultaneous=True),
    "fourth order": small_scale_distance.subs({E1: E1**2, E2: E2**2}, simultaneous=True),
    "one pair only": small_scale_distance.subs(E2, 0),
}
SHARES = {"target": W1, "without the quarter": sp.sqrt(W1**2 + E1**2), "linear": W1 + E1 / 2, "first term": E1 / 2}


def test_every_derivation_holds_for_every_size():
    derivations = [
        nuclear_limit_derivation(small_scale_entry, small_scale_distance),
        nuclear_norm_derivation(small_scale_entry, trace),
        nuclear_gap_derivation(nuclear_share),
        full_rank_derivation(),
    ]
    assert all(derivation.holds and derivation.sizes == () for derivation in derivations)


@pytest.mark.parametrize("mutant", LAWS)
def test_a_wrong_law_is_left_open(mutant):
    assert not nuclear_limit_derivation(LAWS[mutant], small_scale_distance).holds


@pytest.mark.parametrize("mutant", ["no root", "mean of the targets", "half"])
def test_a_law_that_is_no_gram_matrix_of_the_trace_is_left_open(mutant):
    assert not nuclear_norm_derivation(LAWS[mutant], trace).holds


@pytest.mark.parametrize("mutant", DISTANCES)
def test_a_wrong_distance_is_left_open(mutant):
    assert not nuclear_limit_derivation(small_scale_entry, DISTANCES[mutant]).holds


@pytest.mark.parametrize("norm", [sp.Rational(9, 10) * trace, 2 * trace, trace**2])
def test_a_wrong_norm_is_left_open(norm):
    assert len(nuclear_norm_derivation(small_scale_entry, norm).open_steps) == 1


@pytest.mark.parametrize("mutant", SHARES)
def test_a_wrong_share_is_left_open(mutant):
    assert len(nuclear_gap_derivation(SHARES[mutant]).open_steps) == 1


def test_the_share_exceeds_its_target_at_fourth_order_in_the_scale():
    assert nuclear_share.subs(E1, 0) == W1
    excess = sp.series(nuclear_share - W1, E1, 0, 3).removeO()
    assert sp.simplify(excess - E1**2 / (8 * W1)) == 0
