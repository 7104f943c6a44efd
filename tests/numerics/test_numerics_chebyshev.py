"""Runge-Kutta-Chebyshev: catches a wrong coefficient, a shorter stability interval, a step that is not of order 2, and
more stages than needed."""

import math
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest

from numerics.factorization import MatrixCompletion, end_to_end
from numerics.gradient_flow import ChebyshevEngine, ScipyEngine, Term, integrate
from numerics.gradient_flow.chebyshev import DAMPING, coefficients, stability_interval, stages_for
from numerics.gradient_flow.engine_chebyshev import _Run
from numerics.initialization import gaussian_layers, layer_shapes

STAGES = range(2, 61)
EPSILON = float(np.finfo(float).eps)


def stability(stages: int, z: np.ndarray) -> np.ndarray:
    """One step of y' = lambda y from 1, z = step times lambda, by the recurrence itself."""
    first, others = coefficients(stages)
    before, now = np.ones_like(z), 1 + first * z
    for current, previous, velocity, start in others:
        following = (1 - current - previous) + current * now + previous * before + z * (velocity * now + start)
        before, now = now, following
    return now


def expansion(stages: int) -> list[Fraction]:
    """The first four Taylor coefficients of the stability function, exact for the float64 coefficients."""
    first, others = coefficients(stages)
    before, now = [Fraction(int(k == 0)) for k in range(4)], [Fraction(1), Fraction(first), Fraction(0), Fraction(0)]
    for stage in others:
        current, previous, velocity, start = map(Fraction, stage)
        times_z = [Fraction(0), *(velocity * x for x in now[:3])]
        following = [current * x + previous * y + s for x, y, s in zip(now, before, times_z, strict=True)]
        following[0] += 1 - current - previous
        following[1] += start
        before, now = now, following
    return now


def closed_form(stages: int) -> tuple[mpmath.mpf, mpmath.mpf, mpmath.mpf, mpmath.mpf]:
    """(w_0, w_1, a, b) of a + b T_s(w_0 + w_1 z), from T_s = cosh(s acosh x) and Chebyshev's equation for T_s''."""
    centre = 1 + mpmath.mpf(2) / 13 / stages**2
    angle = mpmath.acosh(centre)
    value, slope = mpmath.cosh(stages * angle), stages * mpmath.sinh(stages * angle) / mpmath.sinh(angle)
    curvature = (stages**2 * value - centre * slope) / (1 - centre**2) * -1
    weight = curvature / slope**2
    return centre, slope / curvature, 1 - weight * value, weight


def end_of_stability(stages: int) -> float:
    """Where the closed form leaves [-1, 1] on the negative axis: at T_s = T_s(w_0), for odd s at -1."""
    centre, stretch, shift, weight = closed_form(stages)
    if stages % 2 == 0:
        return float(2 * centre / stretch)
    return float((centre + mpmath.cosh(mpmath.acosh((1 + shift) / weight) / stages)) / stretch)


@pytest.mark.parametrize("stages", STAGES)
def test_value_and_two_derivatives_at_zero_are_those_of_the_exponential(stages: int) -> None:
    value, slope, half, sixth = expansion(stages)
    assert value == 1
    # The recurrence adds s rounding errors of coefficients that the previous ones amplify linearly.
    assert abs(slope - 1) < stages**2 * EPSILON
    assert abs(2 * half - 1) < stages**2 * EPSILON
    # The third one is smaller, which is what the order being 2 and no more means.
    assert Fraction(0) <= sixth < Fraction(1, 6) * Fraction(3, 4)


@pytest.mark.parametrize("stages", [2, 3, 4, 7, 16, 33, 60])
def test_the_recurrence_is_the_shifted_chebyshev_polynomial(stages: int) -> None:
    with mpmath.workdps(30):
        centre, stretch, shift, weight = closed_form(stages)
        points = -np.linspace(0, 1, 60) * stability_interval(stages)
        expected = [
            float(shift + weight * mpmath.chebyt(stages, centre + stretch * z)) for z in map(mpmath.mpf, points)
        ]
    np.testing.assert_allclose(stability(stages, points), expected, atol=2 * stages**2 * EPSILON)


@pytest.mark.parametrize("stages", STAGES)
def test_it_is_stable_on_the_whole_interval_and_not_beyond(stages: int) -> None:
    length = stability_interval(stages)
    inside = -length * np.linspace(0, 1, 4001)[1:]
    damped = np.abs(stability(stages, inside))
    assert np.all(damped < 1)
    # Where T_s oscillates the function lies in a +- b, nominally 1 - DAMPING/3 (source, below (2.5)).
    with mpmath.workdps(30):
        centre, stretch, shift, weight = closed_form(stages)
        inner = inside[(inside < float((1 - centre) / stretch)) & (inside > float((-1 - centre) / stretch))]
        assert float(shift + weight) < 1 - DAMPING / 5
        assert np.max(np.abs(stability(stages, inner))) < float(shift + weight) + 1e-12
        exact = end_of_stability(stages)
    # Formula (2.10) is the even case expanded in DAMPING, 1 - 2/s^2 to leading order in s at the worst, and never more.
    assert length < exact
    if stages % 2 == 0:
        assert length > exact * (1 - 1 / (10 * stages**2) - DAMPING**2 / 4)
    assert abs(stability(stages, np.array([-exact * (1 - 1e-6)]))[0]) < 1
    assert abs(stability(stages, np.array([-exact * (1 + 1e-6)]))[0]) > 1


def test_the_fewest_stages_that_are_stable_are_taken() -> None:
    assert stages_for(0.0) == 2
    for stages in range(2, 400):
        edge = stability_interval(stages)
        assert stages_for(edge * (1 - 1e-12)) == stages
        assert stages_for(edge * (1 + 1e-12)) == stages + 1


# ---- the engine's step ----


def fixed_steps(term: Term, state: np.ndarray, steps: int, stages: int, end: float) -> np.ndarray:
    run = _Run(term, state)
    for _ in range(steps):
        run.attempt(end / steps, stages, 1.0)
        run.accept()
    return run.state.copy()


@pytest.mark.parametrize("stages", [2, 3, 5, 12])
def test_fixed_steps_have_order_two(stages: int) -> None:
    # Of layers and of the energy released alike. Measured orders are 2 + c h + O(h^2): extrapolated to h = 0.
    random = np.random.default_rng(8)
    problem = MatrixCompletion(random.random((3, 4)) < 0.6, random.standard_normal((3, 4)))
    layers = [0.4 * random.standard_normal(shape) for shape in layer_shapes(3, 4, 3, 5)]
    term, end = Term(problem, layers), 1.0
    reference = integrate(problem, layers, relative_tolerance=1e-13, max_time=end)
    exact = np.concatenate([*(layer.ravel() for layer in reference.final_layers), [reference.final_released]])
    counts = (100, 200, 400, 800)
    ends = [fixed_steps(term, term.pack(layers), count, stages, end) for count in counts]
    for part in (slice(0, -1), slice(-1, None)):
        errors = [np.linalg.norm((found - exact)[part]) for found in ends]
        orders = [math.log2(before / after) for before, after in pairwise(errors)]
        assert orders == pytest.approx([2, 2, 2], abs=0.1)
        assert [2 * after - before for before, after in pairwise(orders)] == pytest.approx([2, 2], abs=0.005)


def test_the_error_estimate_is_of_order_three_and_of_the_size_of_the_error() -> None:
    random = np.random.default_rng(9)
    problem = MatrixCompletion(random.random((3, 3)) < 0.7, random.standard_normal((3, 3)))
    layers = [0.7 * random.standard_normal((3, 3)) for _ in range(2)]
    term = Term(problem, layers)
    sizes, estimates, errors = (0.016, 0.008, 0.004), [], []
    for size in sizes:
        run = _Run(term, term.pack(layers))
        estimates.append(run.attempt(size, 6, 1.0) * np.linalg.norm(term.pack(layers)))
        run.accept()
        exact = integrate(problem, layers, relative_tolerance=1e-13, max_time=size).final_layers
        errors.append(np.linalg.norm(run.state[:-1] - np.concatenate([layer.ravel() for layer in exact])))
    for found in (estimates, errors):
        assert [math.log2(before / after) for before, after in pairwise(found)] == pytest.approx([3, 3], abs=0.1)
    # Source, (2.11): the estimate is 1/15 of h^3 times the third derivative; the error is 1/6 minus what the step has.
    assert 0.3 < errors[-1] / estimates[-1] < 3


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


def test_a_stiff_flow_takes_far_fewer_evaluations_than_an_explicit_method() -> None:
    # Depth 2, targets 1000 and 1: the first entry is fitted at once and leaves a Jacobian of norm 2000 behind, so that
    # a method of 12 evaluations stable on about [-6, 0] needs 4000 of them per unit of time.
    problem = MatrixCompletion(np.eye(2), np.diag([1000.0, 1.0]))
    layers = gaussian_layers(layer_shapes(2, 2, 2), 1e-4, seed=0)
    options = {"relative_tolerance": 1e-5, "max_time": 8.0, "moments": 2}
    stiff = integrate(problem, layers, engine=ChebyshevEngine(), **options)  # type: ignore[arg-type]
    plain = integrate(problem, layers, engine=ScipyEngine(), **options)  # type: ignore[arg-type]
    for flow in (stiff, plain):
        assert flow.times[-1] == 8.0
        assert end_to_end(flow.final_layers)[1, 1] == pytest.approx(1, abs=1e-2)
    assert plain.evaluations > 10 * stiff.evaluations
