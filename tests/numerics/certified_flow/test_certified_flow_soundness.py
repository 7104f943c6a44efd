"""Catches a proof that would not notice its own errors: each planted one fails a named hypothesis."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_poly
from flows import gaussian_flow

from numerics import MatrixCompletion, certified_flow
from numerics.certified_flow import Hypothesis, Outcome, defect, growth, pieces, steps, tail


@pytest.fixture
def start():
    return gaussian_flow(2, 3, diagonal=True, seed=1)


def failed(flow):
    return {one.name for one in flow.hypotheses if not one.holds}


def run(start):
    problem, layers = start
    return certified_flow(problem, layers, digits=12, max_steps=100)


def test_the_true_proof_holds_by_name(start):
    flow = run(start)
    assert flow.outcome is Outcome.ENCLOSED
    assert failed(flow) == set()
    names = {one.name for one in flow.hypotheses}
    assert {"start", "contact", "small-defect", "defect-at-end", "tube", "trapped", "rate-below-rayleigh"} <= names


def test_a_planted_error_in_the_recurrence_shows_in_the_defect(start, monkeypatch):
    true = pieces.taylor_series

    def wrong(*arguments):
        series = true(*arguments)
        series[0][0][0][1] += 1 << (arguments[-1] // 2)
        return series

    monkeypatch.setattr(pieces, "taylor_series", wrong)
    flow = run(start)
    assert flow.outcome is Outcome.UNDECIDED
    assert "small-defect" in failed(flow)


def test_a_planted_error_in_the_field_shows_in_the_defect(start, monkeypatch):
    true = defect.observed_residual
    monkeypatch.setattr(defect, "observed_residual", lambda problem, product: true(problem, product) * arb("1.0001"))
    flow = run(start)
    assert flow.outcome is Outcome.UNDECIDED
    assert "small-defect" in failed(flow)


def test_a_defect_bound_over_half_of_the_step_is_below_the_defect_at_its_end(start, monkeypatch):
    def short(polynomial):
        return sum((abs(c) * arb(2) ** -k for k, c in enumerate(polynomial.coeffs())), arb(0)).upper()

    monkeypatch.setattr(defect, "sum_of_sizes", short)
    flow = run(start)
    assert flow.outcome is Outcome.UNDECIDED
    assert "defect-at-end" in failed(flow)


def test_a_step_longer_than_its_piece_leaves_a_gap(start, monkeypatch):
    true = pieces.piece

    def late(series, begin, *rest):
        return true(series, begin + (Fraction(1, 100) if begin else 0), *rest)

    monkeypatch.setattr(pieces, "piece", late)
    flow = run(start)
    assert flow.outcome is Outcome.UNDECIDED
    assert "contact" in failed(flow)


@pytest.mark.parametrize("factor", ["1.0001", "2"])
def test_a_rate_that_is_too_large_is_above_a_rayleigh_quotient(start, monkeypatch, factor):
    true = tail.kernel_rate
    monkeypatch.setattr(tail, "kernel_rate", lambda sigma, bend: (true(sigma, bend) * arb(factor)).mid())
    flow = run(start)
    assert flow.outcome is Outcome.UNDECIDED
    assert "rate-below-rayleigh" in failed(flow)


def test_a_tube_that_is_too_small_fails_as_the_tube(start, monkeypatch):
    monkeypatch.setattr(steps, "tube_radius", lambda error: float(error))
    flow = run(start)
    assert flow.outcome is Outcome.UNDECIDED
    assert "tube" in failed(flow)


def test_a_trapping_ball_that_is_too_small_fails_as_the_trap(start, monkeypatch):
    monkeypatch.setattr(tail, "ROOM", arb("0.9"))
    flow = run(start)
    assert flow.outcome is Outcome.UNDECIDED
    assert "trapped" in failed(flow)


def test_a_logarithmic_norm_below_that_of_the_centre_is_caught(start, monkeypatch):
    true = growth.largest_eigenvalues
    monkeypatch.setattr(growth, "largest_eigenvalues", lambda matrices, errors: true(matrices, errors) - 0.01)
    flow = run(start)
    assert flow.outcome is Outcome.UNDECIDED
    assert "eigenvalue-above-rayleigh" in failed(flow)


def test_polynomials_rounded_to_one_unit_enclose_the_originals():
    exact = arb_poly([arb(1) / 3, arb("1e-40") / 7, arb("1e5") / 9])
    rounded = defect.at_fixed_point(defect.object_matrix([[exact]]))[0, 0]
    assert all(r.contains(c) for r, c in zip(rounded.coeffs(), exact.coeffs(), strict=True))


def test_a_narrow_ball_with_a_hypothesis_that_fails_is_undecided(start):
    flow = run(start)
    first, *others = flow.run.steps
    failing = replace(first, hypotheses=(*first.hypotheses, Hypothesis("planted", "fails", arb(1), arb(0))))
    flawed = replace(flow, run=replace(flow.run, steps=(failing, *others)))
    assert flawed.limit.radius <= flawed.asked
    assert flawed.outcome is Outcome.UNDECIDED
    assert failed(flawed) == {"planted"}


@pytest.mark.parametrize(("radius", "allowed"), [(0, True), ("1e-30", False)])
def test_the_residual_margin_is_only_for_a_start_that_is_exactly_balanced(monkeypatch, radius, allowed):
    # A ball around a balanced start holds starts that are not balanced, to which the theorem does not apply.
    used, true = [], tail.rate_by_margin

    def noted(*arguments):
        used.append(True)
        return true(*arguments)

    monkeypatch.setattr(tail, "rate_by_margin", noted)
    problem = MatrixCompletion(np.ones((2, 2)), np.array([[1.1, 0.1], [0.0, 0.9]]))
    flow = certified_flow(problem, [np.eye(2)] * 3, digits=8, start_radius=radius)
    assert flow.outcome is Outcome.ENCLOSED, flow.reason
    assert bool(used) is allowed


@pytest.mark.parametrize("side", [arb.pos_inf(), arb.nan()])
def test_a_comparison_with_what_is_not_finite_proves_nothing(side):
    assert Hypothesis("finite", "one is at most two", arb(1), arb(2)).holds
    assert not Hypothesis("bound", "one is at most this", arb(1), side).holds
    assert not Hypothesis("both", "this is at most itself", side, side).holds
    assert not Hypothesis("value", "minus this is at most one", -side, arb(1)).holds
