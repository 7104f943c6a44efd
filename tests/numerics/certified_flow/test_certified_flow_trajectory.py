"""Catches a tube that misses the flow: MPFR trajectories of twice the precision, and an arb check without heyoka."""

import copy
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat
from flows import gaussian_flow

from numerics import ArgumentError, MatrixCompletion, Normalization, certified_flow
from numerics.balls import ball, precision
from numerics.certified_flow import CertifiedFlow, Hypothesis, Outcome, enclosure, pieces
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
    problem, layers = gaussian_flow(2, 3, diagonal=True, seed=5)
    slower = MatrixCompletion(problem.mask, problem.targets, Normalization.MEAN_ALL)
    plain, mean = (certified_flow(one, layers, digits=DIGITS) for one in (problem, slower))
    with precision(BITS):
        for time in (1, 3):
            one, other = plain.product_at(time), mean.product_at(Fraction(time) / slower.exact_weight)
            assert one.distance(other.centre) <= one.radius + other.radius


def test_a_plateau_of_long_steps_is_left_at_the_time_of_the_closed_form():
    # Four equal layers x in one dimension with target 1: x' = (1 - x^4) x^3, so that F(x) - F(x_0) = t with this F.
    def clock(x):
        return (((1 + x**2) / (1 - x**2)).log() / 2 - 1 / x**2) / 2

    start = Fraction(1, 10**9)
    problem = MatrixCompletion(np.eye(1), np.eye(1))
    flow = certified_flow(problem, [np.array([[start]], dtype=object)] * 4, digits=12, max_steps=350)
    assert flow.outcome is Outcome.ENCLOSED, flow.reason
    assert flow.times[-1] > 10**17
    for time in [*flow.times[20::20], 10**17, 4 * 10**17]:
        (layer, *_), radius = flow.layers_at(time)
        with precision(BITS):
            x, passed = layer[0, 0], ball(Fraction(time)) + clock(ball(start))
            assert clock(x - radius) <= passed
            assert x + radius > 1 or clock(x + radius) >= passed


def flow_that_fails_after_its_tail_closed(monkeypatch):
    """The last piece is a wrong one, sixty-four times as long as the others, and does not hold."""
    problem, layers = gaussian_flow(2, 2, diagonal=False, seed=6, scale=0.5)
    true_advance, true_tail, closed = enclosure.advance, enclosure.tail, []

    def advance(problem, state, error, start, scale, accuracy):
        step = true_advance(problem, state, error, start, scale, accuracy)
        if not closed:
            return step
        series = pieces.taylor_series(problem, state, accuracy.order, Fraction(64), accuracy.bits)
        wrong = pieces.piece(series, start, Fraction(64), Fraction(1), accuracy.bits)
        return replace(step, piece=wrong, hypotheses=(Hypothesis("planted", "fails", arb(1), arb(0)),))

    def tail(*arguments):
        found = true_tail(*arguments)
        closed.extend([found] * found.reach.is_finite())
        return found

    monkeypatch.setattr(enclosure, "advance", advance)
    monkeypatch.setattr(enclosure, "tail", tail)
    accuracy, asked = enclosure.accuracy_for(20, None), arb("1e-3")
    run = enclosure.run(problem, enclosure.exact_start(problem, layers), Fraction(0), asked, accuracy, 100)
    monkeypatch.undo()
    assert [step.holds for step in run.steps[-2:]] == [True, False]
    assert closed
    return CertifiedFlow(problem, 3, asked, accuracy, 0, run), certified_flow(problem, layers, digits=12)


def test_after_a_failed_piece_the_tail_starts_where_it_was_taken(monkeypatch):
    flow, true = flow_that_fails_after_its_tail_closed(monkeypatch)
    end = flow.times[-2]
    assert flow.outcome is Outcome.UNDECIDED
    for time in (end + Fraction(1, 100), end + 1, flow.times[-1], flow.times[-1] + 1, "inf"):
        late, known = flow.product_at(time), true.product_at(time)
        with precision(BITS):
            assert late.distance(known.centre) <= late.radius + known.radius
    assert flow.product_at(end).radius < arb("1e-15")


def test_a_piece_that_fails_or_leaves_a_gap_proves_no_time(monkeypatch):
    flow, _ = flow_that_fails_after_its_tail_closed(monkeypatch)
    open_end = CertifiedFlow(flow.problem, 3, flow.asked, flow.accuracy, 0, replace(flow.run, tail=None))
    with pytest.raises(ArgumentError, match="time"):
        open_end.product_at(flow.times[-2] + 1)
    first, second, *_ = flow.run.steps
    late = replace(second, piece=replace(second.piece, start=second.piece.start + 1))
    gap = CertifiedFlow(
        flow.problem, 3, flow.asked, flow.accuracy, 0, replace(flow.run, steps=(first, late), tail=None)
    )
    assert gap.product_at(first.piece.end).radius < arb("1e-15")
    with pytest.raises(ArgumentError, match="time"):
        gap.product_at(late.piece.end)
