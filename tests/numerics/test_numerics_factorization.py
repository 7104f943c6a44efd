"""Catches a wrong loss or layer gradient (exactly against `theory`, and by finite differences) and problems or layers
that do not fit and are accepted."""

from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, check_layers, end_to_end, gradient, loss, residual
from theory import factorization as theory


@st.composite
def problems(draw, integers=False):
    """A random mask, targets and a chain of rectangular layers; small integers when they must be exact."""
    widths = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    make = (lambda shape: random.integers(-4, 5, shape).astype(float)) if integers else random.normal
    layers = [make(size=shape) if not integers else make(shape) for shape in ((b, a) for a, b in pairwise(widths))]
    mask = random.random((widths[-1], widths[0])) < 0.6
    mask[0, 0] = True
    targets = make(mask.shape) if integers else make(size=mask.shape)
    return MatrixCompletion(mask, targets), layers


@settings(max_examples=40)
@given(problems(integers=True))
def test_the_gradient_is_exactly_that_of_theory(case):
    problem, layers = case
    as_matrices = [sp.Matrix(layer.astype(int).tolist()) for layer in layers]
    mask, targets = (sp.Matrix(part.astype(int).tolist()) for part in (problem.mask, problem.targets))
    for index, found in enumerate(gradient(problem, layers)):
        expected = theory.gradient(mask, targets, as_matrices, index)
        assert np.array_equal(found, np.array(expected.tolist(), dtype=float))
    assert loss(problem, end_to_end(layers)) == float(theory.loss(mask, targets, as_matrices))
    assert np.array_equal(end_to_end(layers), np.array(theory.end_to_end(as_matrices).tolist(), dtype=float))


@settings(max_examples=40)
@given(problems())
def test_the_gradient_agrees_with_central_differences(case):
    problem, layers = case
    step = 1e-5
    for index, found in enumerate(gradient(problem, layers)):
        assert found.shape == layers[index].shape
        for entry in np.ndindex(found.shape):
            energies = []
            for sign in (1, -1):
                moved = [layer.copy() for layer in layers]
                moved[index][entry] += sign * step
                energies.append(loss(problem, end_to_end(moved)))
            difference = (energies[0] - energies[1]) / (2 * step)
            # The loss is quadratic in one entry, so only rounding is left.
            assert found[entry] == pytest.approx(difference, rel=1e-6, abs=1e-9 * (1 + sum(energies)) / step)


@given(problems())
def test_balancedness_is_conserved_to_first_order(case):
    problem, layers = case
    gradients = gradient(problem, layers)
    for index in range(len(layers) - 1):
        left, right = layers[index + 1].T @ gradients[index + 1], gradients[index] @ layers[index].T
        np.testing.assert_allclose(left, right, atol=1e-12 * (1 + np.abs(left).max()))


@given(problems())
def test_the_loss_is_half_the_squared_residual_on_the_mask(case):
    problem, layers = case
    product = end_to_end(layers)
    error = residual(problem, product)
    assert np.array_equal(error != 0, problem.mask & (product != problem.targets))
    assert loss(problem, product) == pytest.approx(0.5 * np.linalg.norm((product - problem.targets)[problem.mask]) ** 2)
    assert loss(problem, np.where(problem.mask, problem.targets, 7.0)) == 0


def test_layers_multiply_in_order():
    first, second = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    assert np.array_equal(end_to_end([first, second]), second @ first)
    assert end_to_end([first]) is first


def test_targets_outside_the_mask_are_ignored():
    problem = MatrixCompletion([[1, 0], [0, 1]], [[1, np.nan], [np.inf, 4]])
    assert problem.mask.dtype == bool
    assert np.array_equal(problem.targets, [[1, 0], [0, 4]])


@pytest.mark.parametrize(
    ("name", "mask", "targets"),
    [
        ("mask", [1, 0], [1, 2]),
        ("mask", np.ones((2, 2, 2)), np.ones((2, 2, 2))),
        ("mask", [[0, 0]], [[1, 1]]),
        ("mask", np.zeros((0, 2)), np.zeros((0, 2))),
        ("targets", [[1, 0]], [[1], [0]]),
        ("targets", [[1, 0]], [1, 0]),
        ("targets", [[1, 0]], [[np.nan, 0]]),
        ("targets", [[1, 0]], [[np.inf, 0]]),
    ],
)
def test_a_wrong_problem_is_refused_by_name(name, mask, targets):
    with pytest.raises(ArgumentError) as caught:
        MatrixCompletion(mask, targets)
    assert caught.value.argument == name


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [np.ones((2, 2))],
        [np.ones((3, 2))],
        [np.ones((2, 3)), np.ones((3, 2))],
        [np.ones((2, 3)), np.ones((2, 3))],
        [np.ones((4, 3)), np.ones((2, 5))],
        [np.ones(3), np.ones((2, 3))],
        [np.ones((2, 3, 1))],
        [np.ones((4, 3)), np.full((2, 4), np.nan)],
        [np.ones((4, 3)), np.full((2, 4), np.inf)],
    ],
    ids=lambda layers: str([layer.shape for layer in layers]),
)
def test_layers_that_do_not_fit_are_refused(layers):
    problem = MatrixCompletion(np.ones((2, 3)), np.ones((2, 3)))
    check_layers(problem, [np.ones((2, 3))])
    check_layers(problem, [np.ones((5, 3)), np.ones((1, 5)), np.ones((2, 1))])
    with pytest.raises(ArgumentError, match=r"^layers: "):
        check_layers(problem, layers)
