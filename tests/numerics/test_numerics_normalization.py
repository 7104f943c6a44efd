"""The problem as data: catches a loss weighted by another count, a target that passes through a float on its way to the
engines of many digits, and a mask or normalization that is accepted and means something else."""

from fractions import Fraction

import numpy as np
import pytest

from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, Normalization, end_to_end, gradient, loss
from numerics.initialization import gaussian_layers, layer_shapes

MASK = np.array([[1, 0, 1], [0, 1, 0]])
TARGETS = np.array([[1.0, 9.0, -2.0], [9.0, 0.5, 9.0]])


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [
        (Normalization.SUM_HALF, lambda errors: np.sum(errors**2) / 2),
        (Normalization.MEAN_OBSERVED, lambda errors: np.mean(errors**2)),
        (Normalization.MEAN_ALL, lambda errors: np.sum(errors**2) / 6),
    ],
)
def test_the_loss_is_what_its_name_says_and_the_gradient_its_derivative(normalization, expected):
    problem = MatrixCompletion(MASK, TARGETS, normalization)
    layers = gaussian_layers(layer_shapes(2, 3, 3, 2), 1.0, seed=1)
    errors = (end_to_end(layers) - TARGETS)[problem.mask]
    assert loss(problem, end_to_end(layers)) == pytest.approx(expected(errors), rel=1e-14)
    directions = gaussian_layers(layer_shapes(2, 3, 3, 2), 1.0, seed=2)
    slope = sum(float(np.sum(part * along)) for part, along in zip(gradient(problem, layers), directions, strict=True))
    step = 1e-5
    ahead, behind = (
        loss(
            problem, end_to_end([layer + sign * step * along for layer, along in zip(layers, directions, strict=True)])
        )
        for sign in (1, -1)
    )
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-7)


def test_weights_are_exact():
    assert [MatrixCompletion(MASK, TARGETS, name).exact_weight for name in Normalization] == [
        1,
        Fraction(2, 3),
        Fraction(1, 3),
    ]
    assert MatrixCompletion(MASK, TARGETS, "mean-all").normalization is Normalization.MEAN_ALL


def test_exact_targets_are_the_numbers_given_row_by_row():
    third = Fraction(1, 3)
    given = np.array([[third, None, 10**30 + 1], [None, 0.1, None]], dtype=object)
    given[~MASK.astype(bool)] = 0
    problem = MatrixCompletion(MASK, given)
    assert problem.exact_targets == [third, Fraction(10**30 + 1), Fraction(0.1)]
    assert problem.observed == [(0, 0), (0, 2), (1, 1)]
    # A float is taken at its binary value, and the float64 targets are the nearest ones.
    assert problem.exact_targets[2] != Fraction(1, 10)
    assert problem.targets.dtype == np.float64
    assert problem.targets[0, 0] == 1 / 3
    assert MatrixCompletion(MASK, TARGETS).exact_targets == [1, -2, Fraction(1, 2)]


def test_an_array_that_is_changed_later_changes_neither_targets_nor_exact_targets():
    given = TARGETS.copy()
    problem = MatrixCompletion(MASK, given)
    given[0, 0] = 5.0
    assert problem.targets[0, 0] == 1.0
    assert problem.exact_targets[0] == 1


@pytest.mark.parametrize(
    ("name", "work"),
    [
        ("normalization", lambda: MatrixCompletion(MASK, TARGETS, "mean")),
        ("mask", lambda: MatrixCompletion(2 * MASK, TARGETS)),
        ("mask", lambda: MatrixCompletion(np.where(MASK, np.nan, 0), TARGETS)),
        ("mask", lambda: MatrixCompletion(0.5 * MASK, TARGETS)),
    ],
)
def test_errors_name_the_argument(name, work):
    with pytest.raises(ArgumentError) as caught:
        work()
    assert caught.value.argument == name
