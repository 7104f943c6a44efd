"""Terminal projection: catches a step that is not orthogonal, one that does not double digits, paths that differ."""

import numpy as np
import pytest

from numerics import factorization
from numerics.factorization import MatrixCompletion, end_to_end
from numerics.gradient_flow import TaylorEngine, integrate, project, projection
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


def test_dense_iterative_and_precise_paths_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, layers = example(3)
    dense = project(problem, layers)
    monkeypatch.setattr(projection, "_DENSE_ENTRIES", 0)
    iterative = project(problem, layers)
    precise = [rounded(layer) for layer in project_precisely(problem, [balls(layer, 200) for layer in layers], 200)]
    for first, second, third in zip(dense, iterative, precise, strict=True):
        assert second == pytest.approx(first, abs=1e-9)
        assert third == pytest.approx(first, abs=1e-13)
