"""Catches a tube that misses the flow: MPFR trajectories of twice the precision, and an arb check without heyoka."""

import copy
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat
from flows import gaussian_flow

from numerics import certified_flow
from numerics.balls import ball, precision
from numerics.factorization import end_to_end
from numerics.gradient_flow.precise_numbers import balls, exact_layers, reals
from numerics.gradient_flow.taylor_system import compiled, system_key

DIGITS, BITS = 20, 300


def mpfr_trajectory(problem, layers, times):
    """W at the times by heyoka in MPFR, far beyond the digits of the enclosure; heuristic, and independent of it."""
    hy = pytest.importorskip("heyoka")
    integrator = copy.copy(compiled(*system_key(problem, [layer.shape for layer in layers]), BITS, 2.0**-BITS))
    targets = problem.exact_targets
    integrator.pars[:] = reals([*targets, *[problem.exact_weight] * len(targets)], BITS)
    integrator.state[:] = reals([*exact_layers(layers), 0], BITS)
    sizes = np.cumsum([layer.size for layer in layers])
    for time in times:
        integrator.propagate_until(hy.real(float(time), BITS))
        parts = np.split(integrator.state[:-1], sizes)
        yield end_to_end([part.reshape(layer.shape) for part, layer in zip(parts, layers, strict=False)])


@pytest.mark.parametrize(("depth", "diagonal"), [(2, True), (3, True), (3, False), (4, True)])
def test_mpfr_trajectories_stay_inside_at_fifty_random_times(depth, diagonal):
    problem, layers = gaussian_flow(2, depth, diagonal=diagonal, seed=depth)
    flow = certified_flow(problem, layers, digits=DIGITS)
    end = min(20.0, float(flow.times[-1]))
    times = sorted({Fraction(round(time * 1024), 1024) for time in np.random.default_rng(1).uniform(0, end, 50)})
    assert len(times) > 45
    for time, product in zip(times, mpfr_trajectory(problem, layers, times), strict=True):
        enclosure = flow.product_at(time)
        with precision(BITS):
            known = balls(product, BITS)
            assert enclosure.radius < arb(10) ** -(DIGITS + 2)
            assert enclosure.contains(known)
            shifted = known + arb_mat(2, 2, [2 * enclosure.radius.mid()] * 4)
            assert enclosure.excludes(shifted)


def test_one_layer_is_the_exponential_that_it_is():
    problem, layers = gaussian_flow(2, 1, diagonal=True, seed=9)
    flow = certified_flow(problem, layers, digits=DIGITS)
    with precision(BITS):
        for time in (Fraction(0), Fraction(1, 3), Fraction(7, 2), Fraction(30), Fraction(10**6)):
            found = flow.product_at(time)
            expected = arb_mat(2, 2, [ball(Fraction(float(entry))) for entry in layers[0].ravel()])
            for place, target in zip(problem.observed, problem.exact_targets, strict=True):
                expected[place] = ball(target) + (expected[place] - ball(target)) * (-ball(time)).exp()
            assert found.contains(expected)


def test_after_the_last_piece_the_tube_is_the_ball_that_the_flow_cannot_leave():
    problem, layers = gaussian_flow(2, 2, diagonal=True, seed=2)
    flow = certified_flow(problem, layers, digits=DIGITS)
    late = flow.product_at("inf")
    assert late.radius < arb(10) ** -8
    with precision(BITS):
        assert late.distance(flow.limit.centre) <= late.radius + flow.limit.radius


def test_the_loss_weight_rescales_time_and_nothing_else():
    from numerics import MatrixCompletion, Normalization

    problem, layers = gaussian_flow(2, 3, diagonal=True, seed=5)
    slower = MatrixCompletion(problem.mask, problem.targets, Normalization.MEAN_ALL)
    plain, mean = (certified_flow(one, layers, digits=DIGITS) for one in (problem, slower))
    with precision(BITS):
        for time in (1, 3):
            one, other = plain.product_at(time), mean.product_at(Fraction(time) / slower.exact_weight)
            assert one.distance(other.centre) <= one.radius + other.radius
