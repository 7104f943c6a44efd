"""Many flows at once: catches a batch that a stuck start holds up, a lane that remembers its last flow, and results
that depend on order or number."""

import numpy as np
import pytest

from numerics.depth_two import diagonal_limit_float64
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, Normalization, end_to_end
from numerics.gradient_flow import (
    ScipyEngine,
    StopReason,
    TaylorEngine,
    ensemble,
    ensemble_limit,
    flow_limit,
    integrate,
    project,
)
from numerics.gradient_flow.projection import project_each
from numerics.initialization import gaussian_layers, layer_shapes

EYE = MatrixCompletion(np.eye(2), np.eye(2))
HOOK = MatrixCompletion(np.array([[1, 0], [1, 1]]), np.array([[1.0, 0.0], [-0.5, 0.7]]))


def random_starts(count: int, depth: int = 4) -> list[list[np.ndarray]]:
    random = np.random.default_rng(8)
    return [[0.6 * random.standard_normal((2, 2)) for _ in range(depth)] for _ in range(count)]


def test_one_stuck_trajectory_does_not_hold_up_a_batch() -> None:
    starts = random_starts(40)
    starts[5] = [np.zeros((2, 2))] * 4
    # It takes until t = 184,000 to leave the neighbourhood of 0, and converges then.
    starts[17] = [1e-3 * np.ones((2, 2))] * 4
    batch = ensemble(HOOK, starts, max_steps=2_000)
    stuck = np.zeros(40, dtype=bool)
    stuck[5] = True
    assert (batch.converged == ~stuck).all()
    assert batch.reasons[5] is StopReason.STEPS
    assert (batch.products[5] == 0).all()
    assert np.isfinite(batch.products).all()
    for number in (0, 6, 39):
        flow = integrate(HOOK, starts[number], engine=TaylorEngine(), residual_tolerance=1e-10)
        assert batch.products[number] == pytest.approx(flow.products[-1], abs=1e-8)


def test_more_stuck_starts_than_lanes_end_and_let_the_others_through() -> None:
    zero, solved = [np.zeros((2, 2))] * 2, [np.eye(2), HOOK.targets]
    good = random_starts(4, depth=2)
    # From the last one the Taylor coefficients overflow, though the residual does not.
    starts = [*[zero] * 9, good[0], solved, *good[1:], [1e10 * np.ones((2, 2))] * 2]
    batch = ensemble(HOOK, starts, max_steps=500)
    alone = ensemble(HOOK, good, max_steps=500)
    reasons = [StopReason.STEPS] * 9 + [StopReason.CONVERGED] * 5 + [StopReason.STEP_SIZE]
    assert list(batch.reasons) == reasons
    assert np.isfinite(batch.products).all()
    np.testing.assert_allclose(batch.products[[9, 11, 12, 13]], alone.products, atol=1e-9)
    assert np.array_equal(batch.products[10], HOOK.targets)
    assert all(np.array_equal(layer[14], 1e10 * np.ones((2, 2))) for layer in batch.layers)


def test_a_batch_does_not_depend_on_order_or_number() -> None:
    starts = random_starts(11)
    forwards, backwards = ensemble(HOOK, starts), ensemble(HOOK, starts[::-1])
    alone = ensemble(HOOK, starts[3:4])
    assert forwards.products == pytest.approx(backwards.products[::-1], abs=1e-9)
    assert forwards.products[3] == pytest.approx(alone.products[0], abs=1e-9)
    assert forwards.singular_values.shape == (11, 2)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 17])
def test_a_batch_of_any_number_is_its_single_runs(count: int) -> None:
    starts = random_starts(17)[:count]
    # Just enough steps for the longest one, 104: a lane that is filled again starts counting again.
    batch = ensemble(HOOK, starts, max_steps=112)
    assert batch.converged.all()
    assert np.all(batch.residual_norm <= 1e-10 * np.linalg.norm(HOOK.targets))
    for number, start in enumerate(starts):
        flow = integrate(HOOK, start, engine=TaylorEngine(), relative_tolerance=1e-14, residual_tolerance=1e-10)
        # Both stop below |R| = 1e-10 |targets| at different moments; the rest of the way is a few times that.
        assert np.linalg.norm(batch.products[number] - flow.products[-1]) < 1e-8
        # Single runs look at the residual after every step, batches after 8.
        assert batch.times[number] >= flow.times[-2]
        assert batch.times[number] == pytest.approx(ensemble(HOOK, [start]).times[0], rel=1e-6)
        np.testing.assert_allclose(batch.products[number], end_to_end([layer[number] for layer in batch.layers]))


def test_a_start_that_fits_is_converged_at_once_wherever_it_stands_in_a_batch() -> None:
    starts = [*random_starts(8, depth=2), [np.eye(2), HOOK.targets]]
    batch, backwards = ensemble(HOOK, starts), ensemble(HOOK, starts[::-1])
    assert (batch.times[8], backwards.times[0]) == (0.0, 0.0)
    assert batch.residual_norm[8] == backwards.residual_norm[0] == 0
    np.testing.assert_allclose(batch.times, backwards.times[::-1], rtol=1e-6)


def test_a_batch_has_the_normalization_of_its_problem() -> None:
    starts = random_starts(3)
    mean = MatrixCompletion(HOOK.mask, HOOK.targets, Normalization.MEAN_ALL)
    plain, scaled = ensemble(HOOK, starts), ensemble(mean, starts)
    np.testing.assert_allclose(scaled.products, plain.products, atol=1e-8)
    assert mean.weight == 0.5
    # Twice as slow, up to the 8 steps within which both stop.
    np.testing.assert_allclose(scaled.times * mean.weight, plain.times, rtol=0.3)


def test_bad_starts_of_a_batch_name_the_argument() -> None:
    with pytest.raises(ArgumentError, match="starts"):
        ensemble(EYE, [])
    with pytest.raises(ArgumentError, match="starts"):
        ensemble(EYE, [[np.eye(2)] * 2, [np.eye(2)] * 3])


def random_problems(count: int) -> list[MatrixCompletion]:
    """Masks, targets (of both signs) and normalizations all differ."""
    random = np.random.default_rng(3)
    masks = [np.eye(2), np.array([[1, 1], [1, 0]]), np.array([[0, 1], [0, 0]]), np.ones((2, 2))]
    return [
        MatrixCompletion(masks[number % 4], random.standard_normal((2, 2)), list(Normalization)[number % 3])
        for number in range(count)
    ]


def test_every_start_may_have_its_own_mask_targets_and_normalization() -> None:
    # More than two fillings of the lanes, so that a lane takes over another problem when it is filled again.
    starts, problems = random_starts(21, depth=3), random_problems(21)
    batch = ensemble(problems, starts)
    assert batch.converged.all()
    for problem, start, product in zip(problems, starts, batch.products, strict=True):
        flow = integrate(problem, start, engine=TaylorEngine(), relative_tolerance=1e-14, residual_tolerance=1e-10)
        np.testing.assert_allclose(product, flow.products[-1], atol=1e-8)


def test_results_of_a_trial_do_not_depend_on_its_block() -> None:
    starts, problems = random_starts(21, depth=3), random_problems(21)
    starts[4] = [np.zeros((2, 2))] * 3
    together = ensemble_limit(problems, starts)
    for first, last in ((0, 5), (5, 6), (6, 21)):
        alone = ensemble_limit(problems[first:last], starts[first:last])
        assert np.array_equal(alone.matrices, together.matrices[first:last])
        assert np.array_equal(alone.error, together.error[first:last])


def test_the_number_of_problems_is_one_or_that_of_the_starts() -> None:
    with pytest.raises(ArgumentError, match="problems"):
        ensemble([HOOK] * 2, random_starts(3))


def test_projecting_many_is_projecting_each() -> None:
    starts, problems = random_starts(12, depth=3), random_problems(12)
    stacked = [np.stack(layer) for layer in zip(*starts, strict=True)]
    for number, problem in enumerate(problems):
        each = [layer[number] for layer in project_each(problems, stacked)]
        for one, other in zip(each, project(problem, starts[number]), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("product_scale", [1.0, 1e-3, 1e-8])
def test_limits_of_a_batch_are_within_their_error_of_the_closed_form(product_scale: float) -> None:
    random = np.random.default_rng(5)
    problems = [MatrixCompletion(np.eye(2), random.standard_normal((2, 2))) for _ in range(40)]
    starts = [gaussian_layers(layer_shapes(2, 2, 2), product_scale, seed=seed) for seed in range(40)]
    limits = ensemble_limit(problems, starts)
    assert np.max(limits.error) < 1e-6
    for problem, (first, second), matrix, error in zip(problems, starts, limits.matrices, limits.error, strict=True):
        exact = diagonal_limit_float64(first, second, np.diag(problem.targets))
        assert np.linalg.norm(matrix - exact) <= error


def test_a_stiff_flow_of_a_batch_has_its_limit_and_a_stuck_one_has_none() -> None:
    # w_11 nearly 0 asks for a large w_22: the Taylor series of the first start takes 20,000 steps and more.
    stiff = MatrixCompletion(np.array([[1, 1], [1, 0]]), np.array([[-0.006, -0.0024], [0.9, 0.0]]))
    start = gaussian_layers(layer_shapes(2, 2, 3), 1e-4, seed=26)
    assert not ensemble(stiff, [start], max_steps=4_000, residual_tolerance=1e-9).converged[0]
    limits = ensemble_limit(stiff, [start, [np.zeros((2, 2))] * 3])
    reference = flow_limit(stiff, start, engine=ScipyEngine("Radau"), relative_tolerance=1e-9)
    assert np.linalg.norm(limits.matrices[0] - reference.matrix) <= limits.error[0] + reference.error
    assert limits.error[0] < 1e-2 * np.linalg.norm(limits.matrices[0])
    assert np.isinf(limits.error[1])
