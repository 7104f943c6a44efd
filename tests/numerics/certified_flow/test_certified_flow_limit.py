"""Catches enclosures of W(oo) that miss a limit known in closed form, and outcomes that claim more than was proven."""

import importlib
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat
from flows import exact, gaussian_flow

from numerics import ArgumentError, BlockFamily, MatrixCompletion, certified_flow
from numerics.balls import ball, precision
from numerics.block_diagonal import exact_layers
from numerics.block_diagonal import problem as block_problem
from numerics.block_limit import limit
from numerics.certified_flow import Outcome
from numerics.depth_two import diagonal_limit

ENCLOSED, UNDECIDED = Outcome.ENCLOSED, Outcome.UNDECIDED


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_depth_two_closed_form_is_inside_and_its_neighbours_are_not(size):
    random = np.random.default_rng(size)
    first, second = (exact(random.integers(1, 40, (size, size)).astype(object) * Fraction(1, 50)) for _ in range(2))
    targets = [Fraction(int(drawn), 10) for drawn in random.integers(5, 15, size)]
    diagonal = np.array([[targets[i] * (i == j) for j in range(size)] for i in range(size)], dtype=object)
    flow = certified_flow(MatrixCompletion(np.eye(size), diagonal), [first, second], digits=25)
    assert flow.outcome is ENCLOSED, flow.reason
    with precision(200):
        closed = arb_mat(diagonal_limit(first, second, targets, 40).tolist())
        assert flow.limit.contains(closed)
        assert flow.limit.radius <= arb(10) ** -25
        closed[size - 1, 0] += arb(10) ** -24
        assert flow.limit.excludes(closed)


@pytest.mark.parametrize(("depth", "m"), [(2, 3), (3, 2), (4, 2), (3, "inf")])
def test_the_block_limit_is_inside(depth, m):
    family = BlockFamily(depth, 2, 1, Fraction(1), Fraction(3, 10), m)
    flow = certified_flow(block_problem(family), exact_layers(family), digits=20)
    assert flow.outcome is ENCLOSED, flow.reason
    spectrum = limit(family, 40)
    with precision(200):
        for found, known in zip(flow.limit.singular_values, [spectrum.first, spectrum.rest], strict=True):
            assert found.contains(known)
            assert found.rad() < arb(10) ** -19
            assert not found.overlaps(known + arb(10) ** -18)


def test_equal_singular_values_are_enclosed_as_narrowly_as_distinct_ones():
    family = BlockFamily(3, 3, 1, Fraction(1), Fraction(1, 2), "inf")
    flow = certified_flow(block_problem(family), exact_layers(family), digits=20)
    assert [value.contains(arb(1)) for value in flow.limit.singular_values] == [True] * 3
    assert flow.limit.proven_rank == 3


def test_observed_entries_of_the_limit_are_the_targets():
    problem, layers = gaussian_flow(2, 3, diagonal=False, seed=4)
    flow = certified_flow(problem, layers, digits=15)
    for place, target in zip(problem.observed, problem.exact_targets, strict=True):
        assert flow.limit.centre[place].contains(ball(target))


def test_one_layer_moves_only_where_it_is_observed():
    problem = MatrixCompletion(np.array([[1, 0]]), exact([[2, 0]]))
    flow = certified_flow(problem, [exact([[Fraction(1, 3), Fraction(1, 7)]])], digits=30)
    assert flow.outcome is ENCLOSED
    with precision(200):
        assert flow.limit.contains(arb_mat([[arb(2), arb(1) / 7]]))


def test_a_rectangular_chain_of_widths_is_enclosed():
    random = np.random.default_rng(3)
    problem = MatrixCompletion(np.array([[1, 0, 1], [0, 1, 0]]), random.normal(size=(2, 3)))
    layers = [random.normal(size=shape) * 0.4 for shape in ((4, 3), (3, 4), (2, 3))]
    flow = certified_flow(problem, layers, digits=12)
    assert flow.outcome is ENCLOSED, flow.reason
    assert flow.limit.proven_rank == 2


def test_precision_is_raised_when_growth_eats_it(monkeypatch):
    # Without digits to spare the first run must fall short by about what growth eats.
    monkeypatch.setattr(importlib.import_module("numerics.certified_flow"), "_GUARD_DIGITS", 0)
    problem, layers = gaussian_flow(2, 4, diagonal=True, seed=2, scale=0.05)
    flow = certified_flow(problem, layers, digits=15)
    assert flow.outcome is ENCLOSED
    assert flow.raises >= 1
    assert flow.digits_eaten > 2
    assert flow.accuracy.tolerance < 1e-17


def test_a_given_order_is_kept():
    problem, layers = gaussian_flow(2, 2, diagonal=True, seed=2)
    flow = certified_flow(problem, layers, digits=6, order=20)
    assert flow.outcome is ENCLOSED
    assert flow.accuracy.order == 20


@pytest.mark.parametrize(
    ("layers", "options", "knob"),
    [
        ([[["0.3", "0.1"], ["0.2", "0.5"]]] * 2, {"max_steps": 2}, "max_steps"),
        ([[[0, 0], [0, 0]]] * 2, {}, "layers: start elsewhere"),
        ([[["0.3", "0.1"], ["0.2", "0.5"]]] * 2, {"start_radius": "1e-9"}, "start_radius"),
    ],
)
def test_what_does_not_close_is_undecided_with_a_reason_and_a_knob(layers, options, knob):
    problem = MatrixCompletion(np.eye(2), np.eye(2))
    flow = certified_flow(problem, [exact(layer) for layer in layers], digits=10, **options)
    assert flow.outcome is UNDECIDED
    assert flow.reason
    assert flow.knob == knob


def test_an_error_bound_that_dips_below_zero_in_rounding_is_no_failure():
    # The slope and the gradient of one layer far from its target cancel to within rounding.
    flow = certified_flow(MatrixCompletion(np.eye(1), np.eye(1)), [exact([[2**60]])], digits=10)
    assert flow.outcome is ENCLOSED, flow.reason
    with precision(200):
        assert flow.limit.contains(arb_mat([[1]]))


def test_a_limit_of_zero_is_told_from_no_ball_and_says_so():
    flow = certified_flow(MatrixCompletion(np.eye(1), np.zeros((1, 1))), [exact([[Fraction(1, 2)]])], digits=10)
    assert flow.outcome is UNDECIDED
    assert flow.limit is None
    assert (flow.reason, flow.knob) == ("the ball is wider than 1e-3 of the limit", "digits")


@pytest.mark.parametrize("size", [Fraction(1, 10**6), Fraction(1, 10**16)])
def test_a_limit_far_below_the_asked_radius_is_followed_until_its_ball_tells(size):
    problem = MatrixCompletion(np.array([[1, 1], [1, 0]]), np.zeros((2, 2)))
    flow = certified_flow(problem, [exact([[Fraction(1, 2), Fraction(1, 5)], [Fraction(1, 10), size]])], digits=5)
    assert flow.outcome is ENCLOSED, flow.reason
    with precision(200):
        assert flow.limit.contains(arb_mat([[0, 0], [0, ball(size)]]))
        assert flow.limit.radius <= ball(size) / 1000


@pytest.mark.parametrize(("exponent", "outcome", "knob"), [(30, ENCLOSED, ""), (300, UNDECIDED, "digits")])
def test_a_start_below_the_unit_of_fixed_point_is_a_matter_of_digits(exponent, outcome, knob):
    start = [exact([[Fraction(1, 10**exponent)]])] * 2
    flow = certified_flow(MatrixCompletion(np.eye(1), np.eye(1)), start, digits=10)
    assert (flow.outcome, flow.knob, flow.raises) == (outcome, knob, 1 if outcome is ENCLOSED else 3)
    assert bool(flow.reason) is (outcome is UNDECIDED)


def test_a_singular_kernel_is_undecided_though_the_flow_converges():
    # Every layer is singular on the second coordinate, and stays so: w_22 = 1 is never reached.
    problem = MatrixCompletion(np.eye(2), np.eye(2))
    flow = certified_flow(problem, [exact([[Fraction(1, 2), 0], [0, 0]])] * 3, digits=10, max_steps=40)
    assert flow.outcome is UNDECIDED
    assert flow.limit is None


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"digits": 2}, "digits"),
        ({"digits": 1000}, "digits"),
        ({"start_radius": -1}, "start_radius"),
        ({"max_steps": 0}, "max_steps"),
        ({"order": 1}, "order"),
        ({"order": 1001}, "order"),
    ],
)
def test_arguments_out_of_range_are_named(change, argument):
    problem, layers = gaussian_flow(2, 2, diagonal=True, seed=1)
    with pytest.raises(ArgumentError, match=argument):
        certified_flow(problem, layers, **change)


@pytest.mark.parametrize(
    "layer",
    [
        np.eye(2) * 1e80,
        np.eye(2) * 1e20,
        [[Fraction(10) ** 400, 0], [0, 1]],
        [[1j, 0], [0, 1]],
        np.eye(2) * (1 + 1j),
        [[1, 2], [1]],
        [[[1, 2], [3]], [[1], [2]]],
        [["x", "0"], ["0", "1"]],
        "ab",
        np.zeros((0, 2)),
        [[float("nan"), 0], [0, 1]],
    ],
)
def test_layers_that_are_no_start_are_named(layer):
    with pytest.raises(ArgumentError, match="layers"):
        certified_flow(MatrixCompletion(np.eye(2), np.eye(2)), [np.eye(2), layer, np.eye(2) * 1e21])


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_layers_just_below_the_largest_have_an_outcome(depth):
    layers = [np.eye(2) * 0.99 * 10 ** (40 / depth)] * depth
    assert certified_flow(MatrixCompletion(np.eye(2), np.eye(2)), layers, digits=5, max_steps=2).outcome is UNDECIDED


def test_text_and_fractions_are_starts():
    problem = MatrixCompletion(np.eye(1), np.eye(1))
    one, other = (certified_flow(problem, [layer], digits=5) for layer in ([["0.3"]], [[Fraction(3, 10)]]))
    assert one.run.steps[0].piece == other.run.steps[0].piece
