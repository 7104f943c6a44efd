"""Velocities by independent routes: they agree on balanced layers, and differ where they must."""

import numpy as np
import pytest

from numerics import factorization
from numerics.dynamics import (
    derivative,
    end_to_end_velocity,
    flow_stencils,
    gram_velocity,
    line_stencil,
    random_problem,
    velocities,
)
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import integrate
from numerics.initialization import balanced_layers, gaussian_layers, layer_shapes

SHAPES = [(2, 2, 1, None), (3, 2, 2, 4), (2, 4, 3, 2), (3, 3, 5, 6)]


def powers(depth):
    return [((depth - number) / depth, (number - 1) / depth) for number in range(1, depth + 1)]


def start(rows, columns, depth, width, seed=1):
    shapes = layer_shapes(rows, columns, depth, width)
    matrix = np.random.default_rng(seed).standard_normal((rows, columns))
    return random_problem(rows, columns, seed=seed), balanced_layers(matrix, shapes, seed=seed)


def closed_form(problem, layers):
    product = factorization.end_to_end(layers)
    return gram_velocity(product, factorization.residual(problem, product), powers(len(layers)))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_product_rule_agrees_with_a_difference_quotient(shape):
    problem, layers = start(*shape)
    rates = velocities(problem, layers)
    ahead, behind = (
        factorization.end_to_end([w + shift * v for w, v in zip(layers, rates, strict=True)]) for shift in (1e-6, -1e-6)
    )
    np.testing.assert_allclose(end_to_end_velocity(layers, rates), (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_balanced_layers_move_the_product_by_its_gram_powers(shape):
    problem, layers = start(*shape)
    found = end_to_end_velocity(layers, velocities(problem, layers))
    np.testing.assert_allclose(closed_form(problem, layers), found, rtol=1e-10, atol=1e-12)


def test_unbalanced_layers_do_not():
    problem, layers = start(3, 3, 3, 3)
    layers[0] *= 2.0
    found = end_to_end_velocity(layers, velocities(problem, layers))
    assert np.linalg.norm(closed_form(problem, layers) - found) > 0.1 * np.linalg.norm(found)


def test_the_power_zero_is_the_identity_where_the_product_has_no_full_rank():
    product, residual = np.outer([1.0, 2.0, 0.0], [0.0, 1.0]), np.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(gram_velocity(product, residual, [(0.0, 0.0)]), -residual, atol=1e-14)
    np.testing.assert_allclose(
        gram_velocity(product, residual, [(1.0, 0.0)]), -product @ product.T @ residual, atol=1e-13
    )
    np.testing.assert_allclose(
        gram_velocity(product, residual, [(0.0, 1.0)]), -residual @ product.T @ product, atol=1e-13
    )


@pytest.mark.parametrize("degree", range(7))
def test_the_derivative_is_exact_for_polynomials_of_degree_six(degree):
    values = [(2.0 + 0.1 * shift) ** degree for shift in range(-3, 4)]
    found, error = derivative(values, 0.1)
    exact = degree * 2.0 ** (degree - 1)
    assert found == pytest.approx(exact, rel=1e-11, abs=1e-11)
    assert abs(found - exact) <= error


@pytest.mark.parametrize("step", [0.3, 0.1, 0.01, 1e-3])
@pytest.mark.parametrize(("function", "slope"), [(np.exp, np.exp), (np.sin, np.cos), (np.log, np.reciprocal)])
def test_the_error_estimate_of_the_derivative_covers_its_error(function, slope, step):
    found, error = derivative([float(function(1.5 + shift * step)) for shift in range(-3, 4)], step)
    assert abs(found - slope(1.5)) <= error
    assert error < max(step**4, 1e-8)


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_states_around_a_moment_follow_the_flow(shape):
    problem, layers = start(*shape)
    flow = integrate(problem, layers, residual_tolerance=1e-2, max_steps=200)
    stencils = flow_stencils(flow, 3)
    assert 1 <= len(stencils) <= 3
    for stencil in stencils:
        assert len(stencil.states) == 7
        rates = velocities(problem, stencil.layers)
        for index, rate in enumerate(rates):
            found, error = derivative([float(state[index].sum()) for state in stencil.states], stencil.step)
            assert abs(found - rate.sum()) <= error


def test_a_line_and_the_flow_have_the_same_first_derivative_only():
    problem, layers = start(2, 2, 3, 3)
    line = line_stencil(problem, layers)
    for here, there in zip(line.layers, layers, strict=True):
        np.testing.assert_array_equal(here, there)
    losses = [factorization.loss(problem, factorization.end_to_end(state)) for state in line.states]
    squares = sum(float(np.sum(rate**2)) for rate in velocities(problem, layers))
    found, error = derivative(losses, line.step)
    assert abs(found + squares) <= error
    later = integrate(problem, layers, max_time=3 * line.step, residual_tolerance=1e-300).final_layers
    assert np.linalg.norm(later[0] - line.states[-1][0]) > 1e-9


def test_a_flow_that_starts_at_its_target_has_no_moments():
    layers = [np.eye(2), np.eye(2)]
    flow = integrate(MatrixCompletion(np.eye(2), np.eye(2)), layers)
    assert flow_stencils(flow, 4) == []


def test_random_problems_observe_something_and_depend_on_their_seed():
    problems = [random_problem(2, 3, seed=seed) for seed in range(40)]
    assert all(problem.mask.any() for problem in problems)
    assert len({problem.mask.tobytes() for problem in problems}) > 10
    again = random_problem(2, 3, seed=7)
    np.testing.assert_array_equal(again.targets, problems[7].targets)
    assert random_problem(1, 1, seed=3).mask.all()


def test_gaussian_layers_need_not_be_balanced_for_the_energy_identity():
    problem = random_problem(3, 2, seed=5)
    layers = gaussian_layers(layer_shapes(3, 2, 4, 5), 1.0, seed=6)
    rates = velocities(problem, layers)
    residual = factorization.residual(problem, factorization.end_to_end(layers))
    rate = float(np.sum(residual * end_to_end_velocity(layers, rates)))
    assert rate == pytest.approx(-sum(float(np.sum(v**2)) for v in rates), rel=1e-12)
