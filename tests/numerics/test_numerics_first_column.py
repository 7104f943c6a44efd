"""Catches a wrong conserved matrix, small-scale coefficient or fitted order: against the flow, and on exact powers."""

import numpy as np
import pytest

from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion
from numerics.first_column import conserved_matrix, fitted_order, small_scale_coefficient
from numerics.gradient_flow import flow_limit, integrate

MASK = np.array([[True, False], [True, False]])
COLUMN = np.array([1.5, -0.7])
PROBLEM = MatrixCompletion(MASK, np.column_stack([COLUMN, [0.0, 0.0]]))


def directions(seed):
    random = np.random.default_rng(seed)
    return [random.standard_normal((2, 2)) for _ in range(2)]


@pytest.mark.parametrize("seed", range(3))
def test_the_flow_keeps_the_conserved_matrix_and_moves_the_rest(seed):
    start = [0.4 * layer for layer in directions(seed)]
    end = integrate(PROBLEM, start).final_layers
    np.testing.assert_allclose(conserved_matrix(*end), conserved_matrix(*start), atol=1e-7)
    assert np.linalg.norm(end[1] - start[1]) > 0.1
    np.testing.assert_array_equal(end[0][:, 1], start[0][:, 1])


@pytest.mark.parametrize("seed", range(3))
def test_the_coefficient_predicts_the_second_singular_value(seed):
    first, second = directions(seed)
    law = small_scale_coefficient(first, second, COLUMN)
    near, far = (
        abs(flow_limit(PROBLEM, [scale * first, scale * second]).singular_values[1] / scale**2 / law - 1)
        for scale in (1e-2, 1e-1)
    )
    assert near < 1e-3
    assert near < far / 20


def test_the_coefficient_does_not_depend_on_the_column_s_length():
    first, second = directions(5)
    assert small_scale_coefficient(first, second, 7 * COLUMN) == pytest.approx(
        small_scale_coefficient(first, second, COLUMN), rel=1e-13
    )


def test_a_start_on_the_saddle_has_no_coefficient():
    second = np.eye(2)
    first = np.column_stack([[-1.0, 0.0], [1.0, 1.0]])
    with pytest.raises(ArgumentError, match=r"first: .* off the saddle"):
        small_scale_coefficient(first, second, np.array([1.0, 0.0]))


@pytest.mark.parametrize("order", [-1.0, 0.5, 2.0, 3.0])
def test_an_exact_power_has_its_order_and_no_error(order):
    scales = np.geomspace(1e-4, 1e-1, 6)
    fit = fitted_order(scales, 7 * scales**order, np.zeros(6))
    assert fit.slope == pytest.approx(order, abs=1e-12)
    assert fit.standard_error < 1e-12


def test_the_standard_error_covers_noise_as_often_as_it_should():
    random = np.random.default_rng(1)
    scales = np.geomspace(1e-3, 1e-1, 12)
    fits = [
        fitted_order(scales, scales**2 * np.exp(0.1 * random.standard_normal(12)), np.zeros(12)) for _ in range(400)
    ]
    within = np.mean([abs(fit.slope - 2) < fit.standard_error for fit in fits])
    assert 0.58 < within < 0.75  # 0.66 for Student's distribution with 10 degrees of freedom


def test_errors_of_the_values_widen_the_slope():
    scales = [1e-3, 1e-2, 1e-1]
    values = [scale**2 for scale in scales]
    wide = fitted_order(scales, values, [0.1 * value for value in values])
    # 0.1 at both ends of two decades: (0.1 + 0.1)/log(100).
    assert wide.standard_error == pytest.approx(0.2 / np.log(100), rel=1e-6)


@pytest.mark.parametrize(
    ("scales", "values", "errors"),
    [([1, 2], [1, 2], [0, 0]), ([1, 2, 3], [1, 2], [0, 0]), ([1, 2, 3], [1, 0, 2], [0, 0, 0])],
)
def test_too_few_or_impossible_points_are_refused(scales, values, errors):
    with pytest.raises(ArgumentError):
        fitted_order(scales, values, errors)
