"""Certified flows as observables: catches a flow that did not close and has values, one flow that answers for another,
and values taken at the wrong precision."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from flint import arb

from numerics import ArgumentError, BlockFamily, MatrixCompletion
from numerics.balls import precision
from numerics.block_diagonal import exact_layers, problem
from numerics.factorization import Normalization
from verification.flow_enclosure import certified, enclosed_limits, not_enclosed

FAMILY = BlockFamily(2, 2, 1, Fraction(1), Fraction(1, 2), 2)
sigma = sp.Symbol("sigma", nonnegative=True)


def test_values_are_balls_around_the_closed_form_at_more_digits_than_asked() -> None:
    flow = certified(problem(FAMILY), exact_layers(FAMILY), 30)
    found = enclosed_limits([flow], lambda end: {sigma: end.singular_values[1] ** 2})
    assert found.values is not None
    with precision(200):
        assert found.values[sigma].contains(arb(1) / 25)
        assert found.values[sigma].rad() < arb(10) ** -30
    assert {"start", "contact", "tube"} <= set(found.hypotheses)


def test_a_flow_that_does_not_close_has_a_reason_and_a_knob_and_no_values() -> None:
    saddle = certified(problem(FAMILY), [np.zeros((2, 2), dtype=int)] * 2, 10)
    found = enclosed_limits([saddle], lambda end: {sigma: end.singular_values[0]})
    assert (found.values, found.reason) == (None, not_enclosed(saddle).reason)
    assert found.reason == "the flow stands still, with residual; the knob is layers: start elsewhere"


def test_a_limit_wider_than_asked_is_not_read() -> None:
    wide = certified(problem(FAMILY), exact_layers(FAMILY), 10, start_radius=Fraction(1, 10**6))
    assert wide.limit is not None
    found = enclosed_limits([wide], lambda end: {sigma: end.singular_values[0]})
    assert found.values is None
    assert found.reason.endswith("alone is above the asked radius; the knob is start_radius")


def test_one_open_flow_among_several_leaves_all_without_values() -> None:
    closed = certified(problem(FAMILY), exact_layers(FAMILY), 10)
    saddle = certified(problem(FAMILY), [np.zeros((2, 2), dtype=int)] * 2, 10)
    assert enclosed_limits([closed, closed], lambda one, other: {sigma: one.radius + other.radius}).values is not None
    assert enclosed_limits([closed, saddle], lambda one, other: {sigma: arb(0)}).values is None


def test_the_same_start_is_enclosed_once_and_every_difference_counts() -> None:
    layers, given = exact_layers(FAMILY), problem(FAMILY)
    flow = certified(given, layers, 8)
    assert certified(problem(FAMILY), [layer.tolist() for layer in layers], 8) is flow
    moved = [layers[0] + np.array([[0, 0], [0, Fraction(1, 10**30)]]), layers[1]]
    observed = np.ones((2, 2), dtype=bool)
    others = [
        certified(given, moved, 8),
        certified(given, layers, 9),
        certified(given, layers, 8, start_radius=Fraction(1, 10**20)),
        certified(MatrixCompletion(given.mask, 2 * given.targets), layers, 8),
        certified(MatrixCompletion(given.mask, given.targets, Normalization.MEAN_ALL), layers, 8),
        certified(MatrixCompletion(observed, given.targets), layers, 8),
    ]
    assert len({id(one) for one in [flow, *others]}) == 7
    assert [one.problem.exact_weight for one in others] == [1, 1, 1, 1, Fraction(1, 2), 1]
    assert others[3].problem.exact_targets == [2, 2]
    assert others[5].problem.exact_targets == [1, 0, 0, 1]


def test_layers_that_do_not_fit_are_named() -> None:
    with pytest.raises(ArgumentError, match="a chain W_1"):
        certified(problem(FAMILY), [np.ones((3, 3), dtype=int)], 8)
