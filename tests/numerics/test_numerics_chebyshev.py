"""Runge-Kutta-Chebyshev: catches a wrong coefficient, a shorter stability interval, and an order that is not 2."""

import math
from itertools import pairwise

import numpy as np
import pytest

from numerics.factorization import MatrixCompletion, end_to_end
from numerics.gradient_flow import ChebyshevEngine, ScipyEngine, integrate
from numerics.gradient_flow.chebyshev import coefficients, stability_interval, stages_for
from numerics.initialization import gaussian_layers, layer_shapes

STAGES = [2, 3, 4, 5, 8, 13, 40, 100]


def stability(stages: int, z: np.ndarray) -> np.ndarray:
    """One step of y' = lambda y from 1, z = step times lambda, by the recurrence itself."""
    first, others = coefficients(stages)
    before, now = np.ones_like(z), 1 + first * z
    for current, previous, velocity, start in others:
        following = (1 - current - previous) + current * now + previous * before + z * (velocity * now + start)
        before, now = now, following
    return now


@pytest.mark.parametrize("stages", STAGES)
def test_the_step_agrees_with_the_exponential_to_second_order(stages: int) -> None:
    # The defect of a second-order method is c z^3 with 0 < c < 1/6, so halving z divides it by 8.
    sizes = np.array([-0.04, -0.02, -0.01])
    defects = np.exp(sizes) - stability(stages, sizes)
    ratios = [first / second for first, second in pairwise(defects)]
    assert ratios == pytest.approx([8, 8], rel=0.05)
    assert np.all(np.abs(defects) < np.abs(sizes) ** 3 / 6)


@pytest.mark.parametrize("stages", STAGES)
def test_it_is_damped_on_the_whole_interval_and_not_far_beyond(stages: int) -> None:
    length = stability_interval(stages)
    inside = -np.linspace(1e-3, 1, 20_001) * length
    assert np.all(np.abs(stability(stages, inside)) < 1)
    # Away from 0 the damping leaves at most 1 - DAMPING/3, whatever the number of stages.
    assert np.all(np.abs(stability(stages, inside[inside < -4])) < 0.96) or stages == 2
    assert np.max(np.abs(stability(stages, np.linspace(-1.3, -1, 1001) * length))) > 1


def test_the_fewest_stages_that_are_stable_are_taken() -> None:
    for stiffness in (0.0, 0.5, 1.9, 2.0, 7.0, 100.0, 12_345.6):
        stages = stages_for(stiffness)
        assert stability_interval(stages) >= stiffness
        assert stages == 2 or stability_interval(stages - 1) < stiffness


def test_the_error_falls_with_the_two_thirds_power_of_the_tolerance() -> None:
    """Order 2 with error per step: the global error goes like tolerance^(2/3)."""
    random = np.random.default_rng(3)
    problem = MatrixCompletion(random.random((4, 4)) < 0.6, random.standard_normal((4, 4)))
    layers = gaussian_layers(layer_shapes(4, 4, 3), 0.3, seed=1)
    options = {"max_time": 2.0, "residual_tolerance": 1e-14, "moments": 2, "max_steps": 10**6}
    exact = end_to_end(integrate(problem, layers, relative_tolerance=1e-13, **options).final_layers)  # type: ignore[arg-type]
    tolerances = np.logspace(-4.5, -8.5, 9)
    errors = []
    for tolerance in tolerances:
        flow = integrate(problem, layers, engine=ChebyshevEngine(), relative_tolerance=tolerance, **options)  # type: ignore[arg-type]
        assert flow.times[-1] == 2.0
        errors.append(np.linalg.norm(end_to_end(flow.final_layers) - exact))
    (slope, _), covariance = np.polyfit(np.log(tolerances), np.log(errors), 1, cov=True)
    assert math.sqrt(covariance[0, 0]) < 0.01
    assert slope == pytest.approx(2 / 3, abs=0.03)


def test_a_stiff_flow_takes_fewer_evaluations_than_an_explicit_method() -> None:
    random = np.random.default_rng(5)
    problem = MatrixCompletion(random.random((12, 12)) < 0.3, 3 * random.standard_normal((12, 12)))
    layers = gaussian_layers(layer_shapes(12, 12, 3), 0.05, seed=2)
    options = {"relative_tolerance": 1e-4, "residual_tolerance": 1e-4, "max_steps": 10**6, "moments": 2}
    stiff = integrate(problem, layers, engine=ChebyshevEngine(), **options)  # type: ignore[arg-type]
    plain = integrate(problem, layers, engine=ScipyEngine(), **options)  # type: ignore[arg-type]
    assert stiff.converged
    assert plain.converged
    assert plain.evaluations > 2 * stiff.evaluations
