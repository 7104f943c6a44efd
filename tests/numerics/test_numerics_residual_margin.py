"""Catches rates that are not derivatives along the flow, a margin that falls, and a map that is not the flow's."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat
from hypothesis import given
from hypothesis import strategies as st

from numerics.balls import precision
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import limit
from numerics.certified_flow import MatrixBall
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, Normalization, end_to_end, residual
from numerics.gradient_flow import flow_limit, integrate
from numerics.initialization import balanced_layers, gaussian_layers, layer_shapes
from numerics.residual_margin import (
    enclosed_residual_norm,
    margin,
    margin_rates,
    margins,
    open_set_map,
    residual_norm,
    residual_norms,
)

EYE = MatrixCompletion(np.eye(2), np.eye(2))


def random_case(seed, rows=3, columns=3, depth=3, width=None, normalization=Normalization.SUM_HALF):
    """A random mask and targets, and balanced layers."""
    random = np.random.default_rng(seed)
    mask = random.random((rows, columns)) < 0.6
    mask[0, 0] = True
    problem = MatrixCompletion(mask, random.normal(size=mask.shape), normalization)
    start = random.normal(size=(rows, columns))
    return problem, balanced_layers(start, layer_shapes(rows, columns, depth, width), seed=seed)


@pytest.mark.parametrize("normalization", list(Normalization))
@pytest.mark.parametrize("balanced", [True, False])
def test_the_rates_are_the_derivatives_along_the_flow(normalization, balanced):
    problem, layers = random_case(4, depth=3, normalization=normalization)
    if not balanced:
        layers = gaussian_layers([layer.shape for layer in layers], 1.0, seed=1)
    found = margin_rates(problem, layers)
    moved = []
    for step in (1e-4, 2e-4):
        flow = integrate(problem, layers, max_time=step, relative_tolerance=1e-13)
        ends = flow.singular_values[-1, -1], flow.singular_values[-1, 0], residual_norms(flow)[-1]
        first = found.smallest, found.largest, found.norm
        moved.append([(end - start) / step for end, start in zip(ends, first, strict=True)])
    extrapolated = 2 * np.array(moved[0]) - np.array(moved[1])
    np.testing.assert_allclose(
        extrapolated, [found.smallest_rate, found.largest_rate, found.norm_rate], rtol=2e-4, atol=1e-6
    )


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 6), st.integers(0, 2))
def test_both_bounds_hold_at_balanced_starts(seed, size, depth, extra):
    found = margin_rates(*random_case(seed, size, size, depth, size + extra))
    bound = depth * found.smallest ** (2 - 2 / depth) * found.norm
    assert found.smallest_rate >= -bound - found.error
    assert found.norm_rate <= -bound + found.error
    assert found.error < 1e-6 * (1 + abs(found.norm_rate))


def test_the_bounds_are_sharp_for_a_residual_along_the_last_singular_pair():
    start = np.diag([1.5, 0.6])
    problem = MatrixCompletion(np.ones((2, 2)), start - np.diag([0, 0.1]))
    found = margin_rates(problem, balanced_layers(start, layer_shapes(2, 2, 4), seed=0))
    assert found.smallest_rate == pytest.approx(-4 * 0.6**1.5 * 0.1, rel=1e-12)
    assert found.norm_rate == pytest.approx(found.smallest_rate, rel=1e-12)


def test_the_margin_of_a_rectangular_matrix_falls_at_depth_three_but_not_at_depth_two():
    # 1 x 2, W = (1, 0), R = (cos, sin) of an angle: the margin moves at (L - 1) x^2 - L x + 1 with x = cos.
    angle = np.arccos(0.75)
    problem = MatrixCompletion(np.ones((1, 2)), np.array([[1 - np.cos(angle), -np.sin(angle)]]))
    for depth, expected in ((2, 0.0625), (3, -0.125), (4, -0.3125)):
        found = margin_rates(problem, balanced_layers(np.array([[1.0, 0.0]]), layer_shapes(1, 2, depth), seed=0))
        assert found.smallest_rate - found.norm_rate == pytest.approx(expected, abs=1e-12)


def test_rates_at_zero_loss_are_refused():
    with pytest.raises(ArgumentError, match=r"^layers: "):
        margin_rates(EYE, [np.eye(2), np.eye(2)])


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_the_margin_along_a_flow_is_that_of_its_products_and_never_falls(depth):
    problem, layers = random_case(11, depth=depth)
    flow = integrate(problem, layers)
    course = margins(flow)
    for index in (0, len(course) // 2, -1):
        product = end_to_end([layer[index] for layer in flow.layers])
        assert course[index] == pytest.approx(margin(problem, product), abs=1e-10)
        assert residual_norms(flow)[index] == pytest.approx(np.linalg.norm(residual(problem, product)), rel=1e-9)
    assert np.all(np.diff(course) > -1e-9)
    assert course[-1] > course[0] + 1e-3


def test_the_margin_of_unbalanced_layers_can_fall():
    # W_2 stretches e_1 more; sigma_min belongs to u at 45 degrees, the residual is a v^T with a at 60 degrees.
    def turn(degrees):
        angle = np.radians(degrees)
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    second = np.diag([1.0, np.sqrt(0.5)])
    start = turn(45) @ np.diag([0.05, 1.0])
    first = np.linalg.solve(second, start)
    offset = 0.01 * np.outer(turn(60)[:, 0], [1.0, 0.0])
    problem = MatrixCompletion(np.ones((2, 2)), start - offset)
    unbalanced = margin_rates(problem, [first, second])
    balanced = margin_rates(problem, balanced_layers(start, layer_shapes(2, 2, 2), seed=0))
    assert unbalanced.smallest_rate - unbalanced.norm_rate < -1e-4
    assert balanced.smallest_rate - balanced.norm_rate > 0
    flow = integrate(problem, [first, second], max_time=0.1)
    assert margins(flow)[-1] < margins(flow)[0] - 1e-5


# ---- the map ----

MAP = open_set_map((2, 3), points=11)


def test_the_map_has_named_dimensions_and_marks_the_proven_part():
    assert MAP["smallest_singular_value"].dims == ("depth", "off_diagonal", "diagonal")
    assert MAP["margin"].dims == MAP["proven"].dims == ("off_diagonal", "diagonal")
    a, b = MAP["diagonal"].values[None, :], MAP["off_diagonal"].values[:, None]
    np.testing.assert_allclose(MAP["margin"], np.abs(a - b) - np.sqrt(2) * np.abs(a - 1), atol=1e-12)
    assert np.array_equal(MAP["proven"], MAP["margin"] > 0)
    assert 0.1 < float(MAP["proven"].mean()) < 0.9


def test_the_limit_is_above_the_margin_everywhere_and_the_converse_fails():
    least = MAP["smallest_singular_value"]
    assert not np.isnan(least).any()
    assert (least >= MAP["margin"] - 1e-6).all()
    assert float(least.where(~MAP["proven"]).max()) > 0.5  # full rank beyond the proven part
    assert float(least.min()) < 0.05  # and near rank 1 somewhere


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize(("row", "column"), [(2, 3), (5, 8), (4, 10), (1, 1)])
def test_where_the_start_is_of_the_block_family_the_map_is_its_certified_limit(depth, row, column):
    a, b = float(MAP["diagonal"][column]), float(MAP["off_diagonal"][row])
    assert 0 < b < a
    once, rest = (a + b) ** (1 / depth), (a - b) ** (1 / depth)
    inside, outside = (once + rest) / 2, (once - rest) / 2
    family = BlockFamily(depth, 2, 1, 1, Fraction(inside), Fraction(inside / outside))
    found = float(MAP["smallest_singular_value"].sel(depth=depth)[row, column])
    assert found == pytest.approx(float(limit(family, 15).rest), abs=1e-6)


@pytest.mark.parametrize(("row", "column"), [(9, 2), (10, 6)])
def test_beyond_the_block_family_the_map_is_the_limit_of_a_single_flow(row, column):
    a, b = float(MAP["diagonal"][column]), float(MAP["off_diagonal"][row])
    assert a < b
    layers = balanced_layers(np.array([[a, b], [b, a]]), layer_shapes(2, 2, 3), seed=5)
    found = flow_limit(EYE, layers)
    value = float(MAP["smallest_singular_value"].sel(depth=3)[row, column])
    assert value == pytest.approx(found.singular_values[-1], abs=1e-6)
    # The negative eigenvalue keeps its sign, so w_12 of the limit is above 1.
    assert found.matrix[0, 1] > 1


def test_depth_two_keeps_the_ratio_of_the_eigenvalues_and_depth_three_lowers_it_at_small_starts():
    a, b = float(MAP["diagonal"][0]), float(MAP["off_diagonal"][1])
    start = np.array([[a, b], [b, a]]) / 10
    ratios = []
    for depth in (2, 3):
        found = flow_limit(EYE, balanced_layers(start, layer_shapes(2, 2, depth), seed=0)).singular_values
        ratios.append(found[1] / found[0])
    assert ratios[0] == pytest.approx(abs(a - b) / (a + b), rel=1e-6)
    assert ratios[1] < ratios[0] / 2


@pytest.mark.parametrize(
    ("name", "wrong"), [("points", 1), ("depths", (0,)), ("reach", (0.0, 1.0)), ("reach", (1.0, np.inf))]
)
def test_bad_grids_are_refused(name, wrong):
    with pytest.raises(ArgumentError) as caught:
        open_set_map(**{name: wrong})
    assert caught.value.argument == name


def test_residual_norm_counts_observed_entries_only():
    assert residual_norm(EYE, np.array([[4.0, 7.0], [9.0, 5.0]])) == pytest.approx(5.0)


@pytest.mark.parametrize("radius", [0.0, 1e-3, 5.0])
def test_the_enclosed_residual_holds_those_of_all_matrices_in_the_ball_and_reaches_no_further(radius):
    problem, layers = random_case(2)
    centre, random = end_to_end(layers), np.random.default_rng(0)
    with precision(100):
        found = enclosed_residual_norm(problem, MatrixBall(arb_mat(centre.tolist()), arb(radius), 100))
        low, high = (float(end) for end in (found.lower(), found.upper()))
    for _ in range(50):
        direction = random.normal(size=centre.shape)
        moved = centre + radius * direction / np.linalg.norm(direction)
        assert low - 1e-12 <= residual_norm(problem, moved) <= high + 1e-12
    here, along = residual_norm(problem, centre), residual(problem, centre)
    assert high == pytest.approx(residual_norm(problem, centre + radius * along / here))
    # A ball's radius has 30 bits.
    assert low == pytest.approx(max(0.0, here - radius), abs=1e-8)
