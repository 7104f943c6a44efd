"""Terminal projection: catches a step that is not orthogonal, one that does not double digits, paths that differ."""

import math
from itertools import pairwise

import numpy as np
import pytest
from flint import arb, arb_mat

from numerics import factorization
from numerics.balls import precision
from numerics.factorization import MatrixCompletion, end_to_end
from numerics.gradient_flow import TaylorEngine, flow_limit, integrate, precise_limit, project, projection
from numerics.gradient_flow.precise_numbers import balls, rounded
from numerics.gradient_flow.projection import jacobian, project_precisely
from numerics.initialization import gaussian_layers, layer_shapes


def example(depth: int) -> tuple[MatrixCompletion, list[np.ndarray]]:
    random = np.random.default_rng(depth)
    problem = MatrixCompletion(np.array([[1, 0, 1], [0, 1, 1]]), random.standard_normal((2, 3)))
    return problem, gaussian_layers(layer_shapes(2, 3, depth, 3), 0.5, seed=2)


def fitted(problem: MatrixCompletion, layers: list[np.ndarray]) -> list[np.ndarray]:
    for _ in range(30):
        layers = project(problem, layers)
    return layers


def size_of_residual(problem: MatrixCompletion, layers: list[np.ndarray]) -> float:
    return float(np.linalg.norm(factorization.residual(problem, end_to_end(layers))))


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_it_squares_the_residual(depth: int) -> None:
    problem, layers = example(depth)
    there = fitted(problem, layers)
    random = np.random.default_rng(9)
    direction = [random.standard_normal(layer.shape) for layer in layers]
    sizes, after = [], []
    for distance in np.logspace(-2.5, -4.5, 9):
        near = [layer + distance * step for layer, step in zip(there, direction, strict=True)]
        sizes.append(size_of_residual(problem, near))
        after.append(size_of_residual(problem, project(problem, near)))
    slope = np.polyfit(np.log(sizes), np.log(after), 1)[0]
    assert slope == pytest.approx(2, abs=0.08)


@pytest.mark.parametrize("depth", [2, 3])
def test_it_hits_the_limit_of_the_flow_to_second_order(depth: int) -> None:
    problem, layers = example(depth)

    def flow(residual: float) -> list[np.ndarray]:
        return integrate(
            problem, layers, engine=TaylorEngine(), relative_tolerance=1e-15, residual_tolerance=residual
        ).final_layers

    limit = end_to_end(project(problem, flow(1e-8)))
    scale = float(np.linalg.norm(problem.targets))
    sizes, errors = [], []
    for residual in np.logspace(-1.2, -3.2, 9):
        near = flow(residual)
        sizes.append(size_of_residual(problem, near) / scale)
        errors.append(np.linalg.norm(end_to_end(project(problem, near)) - limit))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("depth", [2, 3])
def test_in_many_digits_both_orders_are_two(depth: int) -> None:
    # Along one trajectory, at residuals from 10^-4 to 10^-10: the slope differs from 2 by the residual's own size.
    problem, _ = example(depth)
    layers = gaussian_layers(layer_shapes(2, 3, depth, 3), 1.5, seed=4)
    engine, bits = TaylorEngine(40), TaylorEngine(40).bits
    limit = precise_limit(problem, layers, digits=34).matrix
    sizes, residuals, errors = [], [], []
    for tolerance in (1e-4, 1e-6, 1e-8, 1e-10):
        flow = integrate(
            problem, layers, engine=engine, relative_tolerance=2.0**-bits, residual_tolerance=tolerance, moments=2
        )
        assert flow.converged
        layers = flow.final_layers
        moved = product_of(project_precisely(problem, [balls(layer, bits) for layer in layers], bits), bits)
        sizes.append(math.log(flow.residual_norm))
        with precision(bits):
            off = [moved[place] - arb(float(problem.targets[place])) for place in problem.observed]
            residuals.append(log_size(off))
            errors.append(log_size((moved - limit).entries()))
    for logarithms in (residuals, errors):
        slopes = [
            (second - first) / (after - before)
            for (before, after), (first, second) in zip(pairwise(sizes), pairwise(logarithms), strict=True)
        ]
        assert slopes == pytest.approx([2, 2, 2], abs=3e-3)
        assert slopes[1:] == pytest.approx([2, 2], abs=3e-4)


def product_of(layers: list[arb_mat], bits: int) -> arb_mat:
    with precision(bits):
        product = layers[0]
        for layer in layers[1:]:
            product = layer * product
        return product.mid()


def log_size(numbers: list[arb]) -> float:
    return float(sum((x.mid() * x.mid() for x in numbers), arb(0)).mid().log()) / 2


def test_the_step_is_orthogonal_to_directions_that_keep_the_observed_entries() -> None:
    problem, layers = example(3)
    moved = project(problem, layers)
    step = np.concatenate([(new - old).ravel() for new, old in zip(moved, layers, strict=True)])
    matrix = jacobian(problem, layers)
    kernel = np.linalg.svd(matrix)[2][matrix.shape[0] :]
    assert np.linalg.norm(kernel @ step) < 1e-12 * np.linalg.norm(step)
    assert np.linalg.norm(step) > 0.1


def test_the_jacobian_is_the_derivative_of_the_observed_entries() -> None:
    problem, layers = example(3)
    matrix, random = jacobian(problem, layers), np.random.default_rng(0)
    direction = [random.standard_normal(layer.shape) for layer in layers]
    ahead, behind = (
        end_to_end([layer + sign * 1e-6 * part for layer, part in zip(layers, direction, strict=True)])
        for sign in (1, -1)
    )
    measured = ((ahead - behind) / 2e-6)[problem.mask]
    assert matrix @ np.concatenate([part.ravel() for part in direction]) == pytest.approx(measured, rel=1e-7)


def test_all_paths_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, layers = example(3)
    dense = project(problem, layers)
    monkeypatch.setattr(projection, "_DENSE_ENTRIES", 0)
    by_kernel = project(problem, layers)
    monkeypatch.setattr(projection, "_KERNEL_ENTRIES", 0)
    iterative = project(problem, layers)
    for first, second in zip(dense, by_kernel, strict=True):
        assert second == pytest.approx(first, abs=1e-9)
    precise = [rounded(layer) for layer in project_precisely(problem, [balls(layer, 200) for layer in layers], 200)]
    for first, second, third in zip(dense, iterative, precise, strict=True):
        assert second == pytest.approx(first, abs=1e-9)
        assert third == pytest.approx(first, abs=1e-13)


@pytest.mark.parametrize(
    "shapes",
    [
        layer_shapes(3, 4, 1),
        layer_shapes(4, 2, 2, 7),
        layer_shapes(9, 8, 2),
        layer_shapes(3, 3, 3, 5),
        layer_shapes(2, 4, 4, 3),
    ],
    ids=str,
)
def test_paths_agree_on_rectangular_and_wide_layers(
    monkeypatch: pytest.MonkeyPatch, shapes: list[tuple[int, int]]
) -> None:
    random = np.random.default_rng(3)
    mask = random.random((shapes[-1][0], shapes[0][1])) < 0.7
    problem = MatrixCompletion(mask, random.standard_normal(mask.shape))
    layers = [random.standard_normal(shape) for shape in shapes]
    dense = project(problem, layers)
    precise = [rounded(layer) for layer in project_precisely(problem, [balls(layer, 200) for layer in layers], 200)]
    monkeypatch.setattr(projection, "_DENSE_ENTRIES", 0)
    for other, by_kernel in zip(dense, project(problem, layers), strict=True):
        np.testing.assert_allclose(by_kernel, other, atol=1e-9)
    monkeypatch.setattr(projection, "_KERNEL_ENTRIES", 0)
    iterative = project(problem, layers)
    for old, first, second, third in zip(layers, dense, iterative, precise, strict=True):
        assert first.shape == old.shape
        # LSMR stops at 1e-12 in the residual, which the smallest singular value of the Jacobian divides.
        least = np.linalg.svd(jacobian(problem, layers), compute_uv=False)[-1]
        assert least > 1e-2
        np.testing.assert_allclose(second, first, atol=1e-9)
        np.testing.assert_allclose(third, first, atol=1e-12)


def test_an_entry_that_cannot_move_is_left_alone_by_all_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    # Row 1 of W_2 and column 1 of W_1 are zero, so that entry (1, 1) has no gradient: least squares for the rest.
    problem = MatrixCompletion(np.eye(2), np.diag([1.0, 3.0]))
    layers = [np.array([[0.5, 0.0], [0.2, 0.0]]), np.array([[0.7, 0.1], [0.0, 0.0]])]
    alone = MatrixCompletion(np.diag([1, 0]), problem.targets)
    for dense, kernel in ((10**6, 0), (0, 10**6), (0, 0)):
        monkeypatch.setattr(projection, "_DENSE_ENTRIES", dense)
        monkeypatch.setattr(projection, "_KERNEL_ENTRIES", kernel)
        for found, expected, start in zip(project(problem, layers), project(alone, layers), layers, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-13)
            assert np.linalg.norm(found - start) > 0.1


def test_a_limit_knows_its_digits() -> None:
    problem, layers = example(2)
    coarse, fine = (flow_limit(problem, layers, relative_tolerance=tolerance) for tolerance in (1e-10, 1e-12))
    assert 3 <= coarse.digits < fine.digits <= 12
    best = flow_limit(problem, layers, relative_tolerance=1e-13).matrix
    for found in (coarse, fine):
        distance = np.linalg.norm(found.matrix - best)
        assert distance <= found.error
        assert found.digits <= -math.log10(found.error / np.linalg.norm(best))
    assert flow_limit(problem, layers, max_steps=3).digits == 0


def test_a_kernel_without_cholesky_factors_is_left_to_the_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, layers = example(3)
    dense = project(problem, layers)
    monkeypatch.setattr(projection, "_DENSE_ENTRIES", 0)
    monkeypatch.setattr(projection, "_KERNEL_RIDGE", -1.0)
    for first, second in zip(dense, project(problem, layers), strict=True):
        assert second == pytest.approx(first, abs=1e-9)
