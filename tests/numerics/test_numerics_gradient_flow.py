"""Catches a flow that is not the gradient flow (exact solutions, conservation laws, the residual margin), an error
estimate that does not bound the error, a projection that is not second order, and stops that are misreported."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.balls import precision
from numerics.block_diagonal import BlockFamily, initial_layers, problem
from numerics.block_limit import limit
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, end_to_end, gradient, loss, residual
from numerics.gradient_flow import StopReason, flow_limit, integrate, project
from numerics.rank import effective_rank_of, stable_rank_of

GRID = [
    BlockFamily(2, 2, 1, 1, "0.1", 2),
    BlockFamily(2, 3, 2, "1.5", "0.01", 4),
    BlockFamily(3, 2, 1, 1, "0.1", 2),
    BlockFamily(3, 3, 2, "1.5", "0.05", 4),
    BlockFamily(3, 2, 2, "0.5", "0.2", 1),
    BlockFamily(3, 4, 1, 2, "0.3", "inf"),
    BlockFamily(3, 2, 1, 1, "1.5", 2),
    BlockFamily(4, 2, 3, "0.7", "0.1", 10),
    BlockFamily(5, 4, 1, 1, "0.3", "1.5"),
    BlockFamily(6, 2, 2, 2, "0.4", 50),
    BlockFamily(2, 1, 3, 1, "0.1", 3),
]
EASY = BlockFamily(3, 2, 1, 1, "0.2", 3)
EYE = MatrixCompletion(np.eye(2), np.eye(2))


def certified_matrix(family):
    """W(oo) from the certified limit, rounded to float64."""
    first, rest = (float(number) for number in limit(family, 20)[1:])
    block = np.arange(family.dimension) // family.block_size
    inside = (first + (family.blocks - 1) * rest) / family.dimension
    return np.where(np.equal.outer(block, block), inside, (first - rest) / family.dimension)


def random_case(seed, size=3, depth=3, scale=0.6, share=0.6):
    """A random mask and target, and layers that are neither balanced nor symmetric, but not small either."""
    random = np.random.default_rng(seed)
    mask = random.random((size, size)) < share
    mask[0, 0] = True
    layers = [scale * random.normal(size=(size, size)) + 0.5 * np.eye(size) for _ in range(depth)]
    return MatrixCompletion(mask, random.normal(size=mask.shape)), layers


@pytest.mark.parametrize("family", GRID, ids=str)
def test_the_error_estimate_bounds_the_distance_from_the_certified_limit(family):
    found = flow_limit(problem(family), initial_layers(family))
    assert found.flow.converged
    distance = np.linalg.norm(found.matrix - certified_matrix(family))
    assert distance <= found.error
    assert found.error < 1e-8
    expected = [float(value) for value, k in limit(family, 20).modes for _ in range(k)]
    np.testing.assert_allclose(found.singular_values, expected, atol=found.error)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(2, 3))
def test_depth_two_on_the_diagonal_has_its_explicit_limit(seed, size):
    # THEORY.md, depth2-diagonal-limit: rows a_i of A and columns b_i of B rotate hyperbolically, whatever they are.
    random = np.random.default_rng(seed)
    targets = random.uniform(0.5, 2, size)
    right, left = random.normal(size=(2, size, size))
    plus, minus = left + right.T, left - right.T
    norms = np.sum(plus**2, axis=1), np.sum(minus**2, axis=1)
    growth = np.sqrt((2 * targets + np.sqrt(4 * targets**2 + norms[0] * norms[1])) / norms[0])[:, None]
    rows, columns = (growth * plus + minus / growth) / 2, (growth * plus - minus / growth) / 2
    expected = rows @ columns.T
    np.testing.assert_allclose(np.diag(expected), targets, rtol=1e-12)
    found = flow_limit(MatrixCompletion(np.eye(size), np.diag(targets)), [right, left])
    assert np.linalg.norm(found.matrix - expected) <= found.error < 1e-6


def test_a_single_layer_follows_its_exact_solution():
    random = np.random.default_rng(3)
    mask = np.array([[1, 0, 1], [0, 1, 1]])
    start, targets = random.normal(size=(2, 2, 3))
    flow = integrate(MatrixCompletion(mask, targets), [start])
    decay = np.exp(-flow.times)[:, None, None]
    expected = np.where(mask, targets + (start - targets) * decay, start)
    np.testing.assert_allclose(flow.layers[0], expected, atol=1e-8)
    assert flow.converged
    assert np.all(flow.drift == 0)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-8, 1e-10])
def test_the_error_along_the_flow_follows_the_relative_tolerance(tolerance):
    # L = 2, n = s = 1: the observed entry is logistic.
    family = BlockFamily(2, 1, 1, 1, "0.1", 2)
    flow = integrate(problem(family), initial_layers(family), relative_tolerance=tolerance)
    entry = (flow.layers[0] * flow.layers[1])[:, 0, 0]
    expected = 1 / (1 + 99 * np.exp(-2 * flow.times))
    assert np.max(np.abs(entry - expected)) < 100 * tolerance
    assert np.max(np.abs(entry - expected)) > 1e-5 * tolerance  # the tolerance is used, not ignored


CASES = [random_case(1), random_case(2, depth=2), random_case(5, size=2, depth=4)]


@pytest.mark.parametrize("case", CASES)
def test_loss_decreases_and_balancedness_is_kept(case):
    flow = integrate(*case)
    assert flow.converged
    assert np.all(np.diff(flow.times) > 0)
    assert np.all(np.diff(flow.loss) < 1e-12 * flow.loss[0])
    assert flow.loss[-1] < 1e-14 * flow.loss[0]
    assert flow.drift[0] == 0
    assert 0 < flow.drift.max() < 1e-8
    balances = [
        [after.T @ after - before @ before.T for before, after in pairwise([layer[k] for layer in flow.layers])]
        for k in (0, -1)
    ]
    largest = max(np.linalg.norm(end - start) for start, end in zip(*balances, strict=True))
    assert flow.drift[-1] == pytest.approx(largest, rel=1e-6)
    # The layers themselves do move: conservation is not for lack of motion.
    assert all(np.linalg.norm(layer[-1] - layer[0]) > 1e-2 for layer in flow.layers)


@pytest.mark.parametrize("case", CASES)
def test_the_recorded_quantities_are_those_of_the_layers(case):
    posed, layers = case
    flow = integrate(posed, layers, max_steps=12)
    assert len(flow.times) == 13
    for k in (0, 5, 12):
        product = end_to_end([layer[k] for layer in flow.layers])
        np.testing.assert_allclose(flow.singular_values[k], np.linalg.svd(product, compute_uv=False), atol=1e-13)
        assert flow.loss[k] == pytest.approx(loss(posed, product), rel=1e-12)
    for kept, given_layer in zip(flow.layers, layers, strict=True):
        assert np.array_equal(kept[0], given_layer)
    for final, layer in zip(flow.final_layers, flow.layers, strict=True):
        assert np.array_equal(final, layer[-1])


@pytest.mark.parametrize("case", CASES)
def test_energy_decays_at_the_rate_of_the_squared_gradient(case):
    # dE/dt = -sum |grad_l|^2, integrated over one step by Simpson's rule on a step split in two.
    posed, layers = case
    flow = integrate(posed, layers, max_time=1e-3)
    again = integrate(posed, layers, max_time=5e-4)
    rates = [
        -sum(np.sum(part**2) for part in gradient(posed, stack))
        for stack in (layers, again.final_layers, flow.final_layers)
    ]
    expected = 1e-3 / 6 * (rates[0] + 4 * rates[1] + rates[2])
    assert flow.loss[-1] - flow.loss[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_residual_margin_never_decreases_for_balanced_layers(depth, seed):
    # THEORY.md, residual-margin: sigma_min(W) - |R|_F, for any mask, when the layers are balanced.
    random = np.random.default_rng(seed)
    turns = [np.linalg.qr(random.normal(size=(3, 3)))[0] for _ in range(depth + 1)]
    sizes = np.diag(random.uniform(0.4, 1.2, 3) ** (1 / depth))
    layers = [after @ sizes @ before.T for before, after in pairwise(turns)]
    posed = MatrixCompletion(random.random((3, 3)) < 0.5, random.normal(size=(3, 3)))
    flow = integrate(posed, layers)
    products = [end_to_end([layer[k] for layer in flow.layers]) for k in range(len(flow.times))]
    margin = flow.singular_values[:, -1] - np.array([np.linalg.norm(residual(posed, w)) for w in products])
    assert np.all(np.diff(margin) > -1e-9)
    assert margin[-1] > margin[0] + 1e-3


def test_the_flow_is_autonomous():
    posed, layers = CASES[0]
    half = integrate(posed, layers, max_time=0.7)
    whole, rest = integrate(posed, layers, max_time=1.5), integrate(posed, half.final_layers, max_time=0.8)
    for left, right in zip(whole.final_layers, rest.final_layers, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-8)


# ---- projection ----


def at_residuals(case, sizes):
    """Layers on one trajectory, at relative residuals `sizes`."""
    return [integrate(*case, residual_tolerance=size, relative_tolerance=1e-12).final_layers for size in sizes]


def orders(sizes, errors):
    return [
        math.log(before[1] / after[1]) / math.log(before[0] / after[0])
        for before, after in pairwise(zip(sizes, errors, strict=True))
    ]


@pytest.mark.parametrize("case", CASES)
def test_projection_squares_the_residual_and_doubles_the_digits_of_the_limit(case):
    posed, _ = case
    stops = at_residuals(case, (1e-3, 1e-4, 1e-5))
    before = [np.linalg.norm(residual(posed, end_to_end(layers))) for layers in stops]
    projected = [end_to_end(project(posed, layers)) for layers in stops]
    after = [np.linalg.norm(residual(posed, product)) for product in projected]
    assert orders(before, after) == pytest.approx([2, 2], abs=0.1)
    assert orders(before, after)[1] == pytest.approx(2, abs=0.03)
    exact = flow_limit(*case, relative_tolerance=1e-13)
    distances = [np.linalg.norm(product - exact.matrix) for product in projected]
    assert orders(before, distances) == pytest.approx([2, 2], abs=0.03)
    # Without the projection the distance is of first order.
    plain = [np.linalg.norm(end_to_end(layers) - exact.matrix) for layers in stops]
    assert orders(before, plain) == pytest.approx([1, 1], abs=0.05)


def test_projection_of_a_single_layer_is_exact_and_moves_observed_entries_only():
    mask, targets, start = np.array([[1, 0], [1, 1]]), np.ones((2, 2)), np.array([[3.0, 4.0], [5.0, 6.0]])
    (moved,) = project(MatrixCompletion(mask, targets), [start])
    np.testing.assert_allclose(moved, np.where(mask, 1, start), atol=1e-14)


def test_projection_is_the_identity_on_the_solution_set_and_keeps_shapes():
    random = np.random.default_rng(0)
    layers = [random.normal(size=shape) for shape in ((4, 3), (1, 4), (2, 1))]
    solved = MatrixCompletion(np.ones((2, 3)), end_to_end(layers))
    for before, after in zip(layers, project(solved, layers), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-12)


def test_projection_takes_the_shortest_step_to_the_linearised_solutions():
    posed, layers = CASES[0]
    start, step = np.concatenate([layer.ravel() for layer in layers]), 1e-6
    moved = np.concatenate([layer.ravel() for layer in project(posed, layers)]) - start
    rows = []
    for k in range(start.size):
        shifted = start.copy()
        shifted[k] += step
        parts = [part.reshape(3, 3) for part in np.split(shifted, 3)]
        rows.append((end_to_end(parts) - end_to_end(layers))[posed.mask] / step)
    jacobian = np.array(rows).T
    wanted = -np.linalg.pinv(jacobian) @ residual(posed, end_to_end(layers))[posed.mask]
    np.testing.assert_allclose(moved, wanted, atol=1e-4)


# ---- stops and arguments ----


def test_a_spent_step_budget_is_reported_and_never_taken_for_convergence():
    flow = integrate(problem(EASY), initial_layers(EASY), max_steps=5)
    assert flow.reason is StopReason.STEPS
    assert not flow.converged
    assert len(flow.times) == 6
    found = flow_limit(problem(EASY), initial_layers(EASY), max_steps=5)
    assert found.error == math.inf
    assert not found.flow.converged


def test_a_time_limit_is_reached_exactly():
    flow = integrate(problem(EASY), initial_layers(EASY), max_time=0.5)
    assert flow.reason is StopReason.TIME
    assert flow.times[-1] == 0.5
    assert not flow.converged


def test_a_converged_flow_stops_at_its_residual():
    for tolerance in (1e-2, 1e-6):
        flow = integrate(problem(EASY), initial_layers(EASY), residual_tolerance=tolerance)
        sizes = np.sqrt(2 * flow.loss) / np.linalg.norm(problem(EASY).targets)
        assert flow.reason is StopReason.CONVERGED
        assert sizes[-1] <= tolerance < sizes[-2]


def test_a_start_at_the_solution_has_converged_without_a_step():
    flow = integrate(EYE, [np.eye(2), np.eye(2)])
    assert flow.converged
    assert len(flow.times) == 1


def test_a_saddle_is_left_unconverged():
    # All layers zero is a critical point: the flow stays, and must not be reported as converged.
    flow = integrate(EYE, [np.zeros((2, 2))] * 2, max_steps=20)
    assert flow.reason is StopReason.STATIONARY
    assert np.all(flow.loss == flow.loss[0])


def test_every_stop_has_its_own_remedy():
    remedies = {reason.remedy for reason in StopReason}
    assert len(remedies) == len(StopReason) == 5
    assert "max_time" in StopReason.TIME.remedy
    assert "max_steps" in StopReason.STEPS.remedy
    assert "relative_tolerance" in StopReason.STEP_SIZE.remedy


@pytest.mark.parametrize("name", ["residual_tolerance", "relative_tolerance"])
@pytest.mark.parametrize("wrong", [0, -1e-3, math.nan, -math.inf])
def test_tolerances_are_positive(name, wrong):
    with pytest.raises(ArgumentError) as caught:
        integrate(EYE, [np.eye(2)], **{name: wrong})
    assert caught.value.argument == name


@pytest.mark.parametrize(
    "layers",
    [[], [np.ones((3, 3))], [np.ones((2, 3)), np.ones((2, 2))], [np.full((2, 2), np.nan)], [np.ones(2)]],
    ids=["none", "shape", "chain", "nan", "vector"],
)
@pytest.mark.parametrize("function", [integrate, flow_limit])
def test_layers_that_do_not_fit_are_refused(function, layers):
    with pytest.raises(ArgumentError, match=r"^layers: "):
        function(EYE, layers)


def test_layers_may_be_lists_of_integers_and_are_not_changed():
    layers = [[[2, 0], [0, 2]], np.eye(2)]
    flow = integrate(EYE, layers)
    assert flow.converged
    assert np.array_equal(layers[1], np.eye(2))
    assert flow.layers[0].dtype == np.float64


def test_the_dataset_has_named_dimensions_and_the_trajectory_in_them():
    flow = integrate(*CASES[0])
    data = flow.to_xarray()
    assert data["singular_value"].dims == ("time", "mode")
    along = ("loss", "effective_rank", "stable_rank", "nuclear_norm", "balancedness_drift", "energy_defect")
    assert all(data[name].dims == ("time",) for name in along)
    assert set(data.data_vars) == {"singular_value", "end_to_end", "mask", "target", *along}
    assert list(data["mode"].values) == [1, 2, 3]
    assert np.array_equal(data["time"], flow.times)
    assert np.array_equal(data["singular_value"], flow.singular_values)
    assert np.array_equal(data["loss"], flow.loss)
    assert np.array_equal(data["balancedness_drift"], flow.drift)
    assert np.array_equal(data["effective_rank"], effective_rank_of(flow.singular_values))
    assert np.array_equal(data["stable_rank"], stable_rank_of(flow.singular_values))
    assert data.attrs["stopped"] == str(StopReason.CONVERGED)
    assert data.attrs["remedy"] == StopReason.CONVERGED.remedy


def test_the_flow_and_the_certified_limit_have_nothing_in_common_but_the_answer():
    # A wrong start (alpha doubled) gives another limit, far outside the error estimate: agreement is not automatic.
    other = BlockFamily(3, 2, 1, 1, "0.2", 2)
    found = flow_limit(problem(GRID[2]), initial_layers(other))
    with precision(100):
        assert np.linalg.norm(found.matrix - certified_matrix(GRID[2])) > 1e5 * found.error
