"""Catches bounds that are below what they bound, and inputs whose widening narrows an output."""

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat
from flows import gaussian_flow
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import MatrixCompletion, certified_flow
from numerics.balls import precision
from numerics.certified_flow.growth import growth, largest_eigenvalues, negative_hessians
from numerics.certified_flow.matrix_ball import MatrixBall
from numerics.certified_flow.norms import loss_derivative_norms, operator_norm, product_derivative_norms
from numerics.certified_flow.pieces import Piece
from numerics.certified_flow.singular_values import singular_values
from numerics.certified_flow.steps import propagated
from numerics.certified_flow.tail import jacobian, projection_errors, rate_by_margin, tail
from numerics.factorization import end_to_end, gradient

seeds = st.integers(0, 10**6)
widenings = st.tuples(st.floats(0, 1e-3), st.floats(0, 1e-3)).map(sorted)


@given(seeds, st.integers(1, 6), st.integers(1, 6), st.integers(-300, 300))
def test_the_operator_norm_is_a_bound_and_nearly_attained(seed, rows, columns, exponent):
    matrix = np.random.default_rng(seed).normal(size=(rows, columns))
    norm = float(np.linalg.norm(matrix, 2))
    found = operator_norm(np.ldexp(matrix, exponent))
    assert math.ldexp(norm, exponent) * (1 - 1e-13) <= found
    assert found <= math.ldexp(norm, exponent) * min(rows, columns) ** 0.125 * (1 + 1e-9)


@given(seeds, st.integers(1, 5))
def test_derivatives_of_the_product_are_below_their_norms(seed, depth):
    random = np.random.default_rng(seed)
    layers = [random.normal(size=(2, 2)) for _ in range(depth)]
    direction = [random.normal(size=(2, 2)) for _ in range(depth)]
    length = math.sqrt(sum(float(np.sum(part**2)) for part in direction))
    norms = product_derivative_norms([operator_norm(layer) for layer in layers])
    # W along a line is a polynomial: its coefficient k is D^k W/k! in that direction.
    points = np.cos(np.pi * (np.arange(depth + 1) + 0.5) / (depth + 1))
    values = [end_to_end([a + t * b / length for a, b in zip(layers, direction, strict=True)]).ravel() for t in points]
    coefficients = np.linalg.solve(np.vander(points, increasing=True), np.array(values))
    for k in range(1, min(depth, 4) + 1):
        assert math.factorial(k) * np.linalg.norm(coefficients[k]) <= norms[k] * (1 + 1e-6) + 1e-9
    assert norms[depth + 1 :] == [0.0] * (4 - depth if depth < 4 else 0)


def test_equal_orthogonal_layers_attain_the_norms():
    # D^k W of identities in the direction of identities: k! C(L, k) L^(-k/2) up to the factor of dimension, 1 here.
    for depth in (1, 2, 3, 4):
        for k, norm in enumerate(product_derivative_norms([1.0] * depth)[: depth + 1]):
            assert norm == pytest.approx(math.factorial(k) * math.comb(depth, k) * depth ** (-k / 2), rel=1e-9)


def test_derivatives_of_the_loss_in_one_dimension_are_what_they_are():
    # E = 1/2 (x y - 2)^2 at (1, 1) along (1, 1)/sqrt(2): x y = (1 + t/sqrt 2)^2, by hand E''' = 3 sqrt 2, E'''' = 3.
    third, fourth = loss_derivative_norms(1.0, 1.0, product_derivative_norms([1.0, 1.0]))
    assert third == pytest.approx(3 * math.sqrt(2), rel=1e-9)
    assert fourth == pytest.approx(3, rel=1e-9)


def test_derivatives_of_the_loss_at_depth_three_in_one_dimension_are_what_they_are():
    # W = (1 + t/sqrt 3)^3 and r = 1: D W = sqrt 3, D^2 W = 2, D^3 W = 2/sqrt 3.
    third, fourth = loss_derivative_norms(1.0, 1.0, product_derivative_norms([1.0] * 3))
    assert third == pytest.approx(6 * math.sqrt(3) + 2 / math.sqrt(3), rel=1e-9)
    assert fourth == pytest.approx(3 * 4 + 4 * 2, rel=1e-9)


@given(seeds, st.integers(1, 4), st.booleans())
def test_the_hessian_is_that_of_finite_differences(seed, depth, diagonal):
    problem, layers = gaussian_flow(2, depth, diagonal=diagonal, seed=seed)
    found, error = negative_hessians(problem, [layer[None] for layer in layers])
    direction = [np.random.default_rng(seed + 1).normal(size=(2, 2)) for _ in layers]
    sides = [gradient(problem, [a + h * b for a, b in zip(layers, direction, strict=True)]) for h in (1e-6, -1e-6)]
    slope = np.concatenate([(one - other).ravel() for one, other in zip(*sides, strict=True)]) / 2e-6
    applied = -found[0] @ np.concatenate([part.ravel() for part in direction])
    assert np.linalg.norm(applied - slope) < 1e-7 * (1 + np.linalg.norm(slope))
    assert 0 < error[0] < 1e-11


@given(seeds, st.integers(1, 8), st.floats(0, 1))
def test_the_largest_eigenvalue_of_everything_near_is_below_the_bound(seed, size, distance):
    random = np.random.default_rng(seed)
    matrix, nudge = (part + part.T for part in random.normal(size=(2, size, size)))
    nudge *= distance / np.linalg.norm(nudge)
    for shift in (-10.0, 0.0):
        middle = matrix + shift * np.eye(size)
        bound = largest_eigenvalues(middle[None], np.array([distance]))[0]
        assert np.linalg.eigvalsh(middle + nudge)[-1] <= bound + 1e-12
        assert bound <= np.linalg.eigvalsh(middle)[-1] + distance * (1 + 2e-9) + 1e-10


@given(seeds, st.integers(1, 4), st.integers(1, 4), widenings)
def test_singular_values_hold_every_matrix_in_the_balls_and_widen_with_them(seed, rows, columns, radii):
    entries = np.random.default_rng(seed).integers(-3, 4, (rows, columns)).tolist()
    narrow, wide = (
        singular_values(arb_mat([[arb(entry, radius) for entry in row] for row in entries])) for radius in radii
    )
    known = np.linalg.svd(np.array(entries, dtype=float), compute_uv=False)
    corner = np.linalg.svd(np.array(entries) + radii[1], compute_uv=False)
    for one, other, value, beside in zip(narrow, wide, known, corner, strict=True):
        assert abs(float(other.mid()) - beside) <= float(other.rad()) + 1e-12
        assert abs(float(one.mid()) - value) <= float(one.rad()) + 1e-12
        assert other.contains(one)


@given(widenings, widenings, widenings)
def test_the_propagated_error_widens_with_all_that_it_comes_from(errors, defects, integrals):
    narrow, wide = (propagated(arb(e), arb(d), g) for e, d, g in zip(errors, defects, integrals, strict=True))
    assert narrow <= wide
    assert float(wide) == pytest.approx(math.exp(integrals[1]) * (errors[1] + defects[1]))


def late_layers(problem, layers):
    """Layers close to the limit, as exact balls."""
    flow = certified_flow(problem, layers, digits=10)
    return [np.array([[entry.mid() for entry in row] for row in layer], dtype=object) for layer in flow.run.tail.layers]


@settings(max_examples=20)
@given(st.integers(0, 3), st.tuples(st.integers(4, 30), st.integers(4, 30)).map(sorted))
def test_the_tail_widens_with_the_error_at_its_start(seed, exponents):
    problem, layers = gaussian_flow(2, 2, diagonal=True, seed=seed, scale=1.0)
    with precision(200):
        late = late_layers(problem, layers)
        assert all(entry.is_exact() for layer in late for entry in layer.ravel())
        narrow, wide = (tail(problem, late, arb(10) ** -exponent, False) for exponent in reversed(exponents))
        assert narrow.radius <= wide.radius
        assert narrow.matrix_radius <= wide.matrix_radius
        assert narrow.reach <= wide.reach


@settings(max_examples=20)
@given(seeds, st.tuples(st.floats(1e-12, 1e-2), st.floats(1e-12, 1e-2)).map(sorted))
def test_growth_widens_with_the_tube(seed, tubes):
    problem, layers = gaussian_flow(2, 3, diagonal=True, seed=seed)
    piece = certified_flow(problem, layers, digits=5, max_steps=1).run.steps[0].piece
    narrow, wide = (growth(problem, piece, tube) for tube in tubes)
    assert narrow.integral <= wide.integral


def largest(problem, layers):
    return float(np.linalg.eigvalsh(negative_hessians(problem, [layer[None] for layer in layers])[0][0])[-1])


@pytest.mark.parametrize("seed", range(5))
def test_growth_covers_the_piece_and_what_the_tube_adds(seed):
    problem, layers = gaussian_flow(2, 3, diagonal=True, seed=seed)
    piece = certified_flow(problem, layers, digits=5, max_steps=1).run.steps[0].piece
    length, tube = float(piece.length), 1e-2
    narrow, wide = (growth(problem, piece, radius) for radius in (1e-12, tube))
    states = [[layer.astype(float) for layer in piece.at(Fraction(k, 200))] for k in range(201)]
    heights = np.array([largest(problem, state) for state in states])
    assert length * float(np.mean(np.maximum(heights, 0))) <= narrow.integral * (1 + 1e-3)
    assert narrow.integral - narrow.remainder <= length * float(np.max(heights))
    # Towards layers at the tube's edge the mean Hessian lies half way; the steepest of some directions shows how much.
    random, steepest = np.random.default_rng(seed), 0.0
    for _ in range(50):
        direction = [random.normal(size=layer.shape) for layer in layers]
        unit = math.sqrt(sum(float(np.sum(part**2)) for part in direction))
        moved = [a + 1e-6 * b / unit for a, b in zip(states[100], direction, strict=True)]
        steepest = max(steepest, (largest(problem, moved) - heights[100]) / 1e-6)
    assert wide.integral - narrow.integral >= 0.8 * length * tube / 2 * steepest


@settings(max_examples=10)
@given(st.tuples(st.integers(8, 20), st.integers(8, 20)).map(sorted))
def test_a_ball_of_starts_has_a_limit_ball_that_contains_those_of_smaller_ones(exponents):
    problem, layers = gaussian_flow(2, 2, diagonal=True, seed=3)
    narrow, wide = (
        certified_flow(problem, layers, digits=5, start_radius=f"1e-{exponent}").product_at(4)
        for exponent in reversed(exponents)
    )
    assert narrow.radius <= wide.radius
    assert wide.distance(narrow.centre) + narrow.radius <= wide.radius * (1 + arb("1e-6")) + arb("1e-16")


def test_the_projection_of_a_balanced_scalar_is_off_by_its_newton_error():
    # x = y, E = (x y - 2)^2/2: J^+ r is Newton's step for x^2 = 2, whose error is (x - sqrt 2)^2/(2 x) in both layers.
    with precision(100):
        x = arb(3) / 2
        gap = x - arb(2).sqrt()
        bend = arb(product_derivative_norms([1.5, 1.5])[2])
        along, across = projection_errors(arb(0), bend, arb(2).sqrt() * gap, arb(1) / 4, 2 * x, arb(2).sqrt() * x)
        assert float(across) == pytest.approx(float(arb(2).sqrt() * gap**2 / (2 * x)), rel=1e-9)
        assert float(along) == pytest.approx(float(arb(2).sqrt() * gap / 36), rel=1e-9)
        assert projection_errors(arb(1), bend, arb(0), arb(0), x, x) == (1, 0)


def test_the_radius_of_the_product_covers_the_ball_of_layers():
    problem = MatrixCompletion(np.eye(1), np.array([[100.0]]))
    with precision(100):
        layers = [np.array([[arb(10)]], dtype=object)] * 2
        found = tail(problem, layers, arb("1e-9"), False)
        shift = found.radius / arb(2).sqrt()
        moved = (found.layers[0][0, 0] + shift) * (found.layers[1][0, 0] + shift)
        assert abs(moved - found.matrix[0, 0]) <= found.matrix_radius
        assert found.matrix_radius <= 15 * found.radius


def test_the_rate_of_the_residual_margin_is_that_of_the_theorem():
    with precision(100):
        late = [np.array([[arb(2), arb(0)], [arb(0), arb(3)]], dtype=object)] * 3
        jac = jacobian(MatrixCompletion(np.ones((2, 2)), np.eye(2)), late)
        found = rate_by_margin(late, [3.0] * 3, jac, arb(1), arb(0))
    assert found.holds
    assert float(found.rate) == pytest.approx(math.sqrt(3) * 7 ** (2 / 3), rel=1e-9)
    assert float(found.distance) == pytest.approx(1 / (math.sqrt(3) * 7 ** (2 / 3)), rel=1e-9)


@given(seeds)
def test_the_residual_margin_closes_where_the_layers_are_balanced(seed):
    random = np.random.default_rng(seed)
    targets = np.eye(2) + 0.1 * random.normal(size=(2, 2))
    problem = MatrixCompletion(np.ones((2, 2)), targets)
    late = [np.array([[arb(1), arb(0)], [arb(0), arb(1)]], dtype=object)] * 3
    with precision(100):
        found = tail(problem, late, arb(0), True)
        jac = jacobian(problem, late)
    assert found.rate.name == "residual margin"
    assert found.rate.holds
    assert (jac.nrows(), jac.ncols()) == (4, 12)


def scalar_layers(*values):
    return [np.array([[arb(value)]], dtype=object) for value in values]


def scalar_problem(target):
    return MatrixCompletion(np.eye(1), np.array([[target]]))


def test_the_residual_of_the_tail_covers_every_point_of_its_ball():
    # W = x^2 = 100 at the centre; the worst point of the ball has both layers moved by e/sqrt 2.
    error = arb("1e-3")
    with precision(100):
        found = tail(scalar_problem(100.0), scalar_layers(10, 10), error, False)
        worst = (10 + error / arb(2).sqrt()) ** 2 - 100
        assert worst <= found.residual
        assert found.residual <= worst * arb("1.001")


def test_the_bend_of_the_limit_is_that_of_the_ball_the_flow_stays_in():
    # Three layers x = 1, r = 0.05: by hand sigma = sqrt 3 and |D^2 W| = 2 n with n the largest norm on the ball.
    residual, sigma = 0.05, math.sqrt(3)
    room = 2 * residual / sigma
    rate = sigma - 2 * (1 + room) * room
    reach = residual / rate
    along, across = (2 * (1 + reach) * part for part in (reach * residual / rate**2, reach**2 / (2 * sigma)))
    with precision(100):
        found = tail(scalar_problem(0.95), scalar_layers(1, 1, 1), arb(0), False)
        assert float(found.reach) == pytest.approx(reach, rel=1e-6)
        assert float(found.radius) == pytest.approx(math.hypot(along, across), rel=1e-6)
        off = found.layers[0][0, 0] - arb("0.95").root(3)
        assert arb(3).sqrt() * abs(off) <= found.radius


@pytest.mark.parametrize("error", [0.0, 0.1])
def test_the_residual_margin_loses_what_the_error_may_take(error):
    # |D W| = sqrt 3 n^2 at n = 3, sigma_min(W) = 8 and |R| = 1.
    margin = 7 - 9 * math.sqrt(3) * error
    with precision(100):
        late = [np.array([[arb(2), arb(0)], [arb(0), arb(3)]], dtype=object)] * 3
        jac = jacobian(MatrixCompletion(np.ones((2, 2)), np.eye(2)), late)
        found = rate_by_margin(late, [3.0] * 3, jac, arb(1), arb(error))
    assert float(found.rate) == pytest.approx(math.sqrt(3) * margin ** (2 / 3), rel=1e-9)


#: Three layers 1 + s/2 over 1,000 units of time, target 1: no residual at the start, 2.375 at the end.
LONG_LINE = Piece(Fraction(0), Fraction(1000), 40, [[[[1 << 40, 1 << 39]]]] * 3)


def third_derivative(x):
    """Of E along the diagonal, at three layers x with target 1: W = (x + t/sqrt 3)^3."""
    return 3 * (math.sqrt(3) * x**2) * (2 * x) + (x**3 - 1) * 2 / math.sqrt(3)


def test_growth_takes_the_residual_of_the_whole_piece():
    tubes = (1e-4, 2e-4)
    narrow, wide = (growth(scalar_problem(1.0), LONG_LINE, tube).remainder for tube in tubes)
    third = (wide - narrow) / (1000 * (tubes[1] - tubes[0]) / 2)
    assert third_derivative(1.5) <= third <= 1.05 * third_derivative(1.5)


def test_growth_takes_the_norms_of_the_whole_tube():
    tube = 0.5
    inside = 1.5 + tube / math.sqrt(3) * (1 - 1e-9)
    assert growth(scalar_problem(1.0), LONG_LINE, tube).remainder >= 1000 * tube / 2 * third_derivative(inside)


def test_entries_of_a_ball_hold_its_edge_at_its_own_precision():
    with precision(400):
        radius = arb("1e-70")
        ball_around = MatrixBall(arb_mat([[arb(1) / 3, 0]]), radius.upper(), 400)
    entries = ball_around.entries
    with precision(400):
        for sign in (-1, 1):
            assert entries[0, 0].contains(arb(1) / 3 + sign * radius)
            assert entries[0, 1].contains(sign * radius)
        assert not entries[0, 0].contains(arb(1) / 3 + 2 * radius)
