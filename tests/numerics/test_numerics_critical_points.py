"""Critical points: catches a wrong gradient or Hessian, points that are not critical, and finding zero alone."""

import itertools

import numpy as np
import pytest

from numerics import critical_points, factorization
from numerics.critical_points import CriticalPoint, critical_point, hessian, penalised_gradient, random_critical_point
from numerics.dynamics import random_problem
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, Normalization, end_to_end
from numerics.initialization import gaussian_layers, layer_shapes
from numerics.low_rank_region import imbalance

SHAPES = layer_shapes(2, 3, 3, 3)
DECAY = 0.003


def penalised_loss(problem: MatrixCompletion, layers: list[np.ndarray], decay: float) -> float:
    errors = factorization.residual(problem, end_to_end(layers))
    return float(np.sum(errors**2)) / (2 * int(problem.mask.sum())) + decay * sum(float(np.sum(w**2)) for w in layers)


@pytest.mark.parametrize("normalization", Normalization)
def test_the_gradient_is_that_of_the_loss_with_weight_decay(normalization: Normalization) -> None:
    given = random_problem(2, 3, seed=1)
    problem = MatrixCompletion(given.mask, given.targets, normalization)
    layers = gaussian_layers(SHAPES, 1.0, seed=2)
    direction = gaussian_layers(SHAPES, 1.0, seed=3)
    ahead, behind = ([w + s * v for w, v in zip(layers, direction, strict=True)] for s in (1e-5, -1e-5))
    slope = (penalised_loss(problem, ahead, DECAY) - penalised_loss(problem, behind, DECAY)) / 2e-5
    found = penalised_gradient(problem, layers, DECAY)
    assert sum(np.sum(g * v) for g, v in zip(found, direction, strict=True)) == pytest.approx(slope, rel=1e-7)


def test_the_hessian_is_the_derivative_of_the_gradient() -> None:
    problem, layers = random_problem(2, 3, seed=1), gaussian_layers(SHAPES, 1.0, seed=2)
    direction = gaussian_layers(SHAPES, 1.0, seed=3)
    sides = []
    for sign in (1e-5, -1e-5):
        moved = [w + sign * v for w, v in zip(layers, direction, strict=True)]
        sides.append(np.concatenate([g.ravel() for g in penalised_gradient(problem, moved, DECAY)]))
    applied = hessian(problem, layers, DECAY) @ np.concatenate([v.ravel() for v in direction])
    assert applied == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-6, abs=1e-8)


def test_the_points_found_are_critical_of_several_ranks_and_not_only_minima() -> None:
    problem = MatrixCompletion(np.ones((2, 3)), np.array([[1.0, 0.3, -0.5], [0.2, 1.4, 0.8]]))
    found = [random_critical_point(problem, SHAPES, DECAY, seed=seed) for seed in range(24)]
    assert max(point.gradient_norm for point in found) < 1e-12
    assert {point.rank for point in found} >= {1, 2}
    falling = [np.linalg.eigvalsh(hessian(problem, point.layers, DECAY))[0] < -1e-6 for point in found]
    assert any(falling)
    assert not all(falling)


def test_zero_is_critical_at_every_depth_of_two_or_more() -> None:
    problem = random_problem(2, 3, seed=4)
    zero = critical_point(problem, [np.zeros(shape) for shape in SHAPES], DECAY)
    assert (zero.gradient_norm, zero.rank) == (0.0, 0)


@pytest.mark.parametrize("seed", range(4))
def test_imbalance_is_bounded_by_the_gradient_anywhere(seed: int) -> None:
    """At points that are far from critical too, for the identity behind it is exact."""
    problem, layers = random_problem(2, 3, seed=seed), gaussian_layers(SHAPES, 1.0, seed=seed + 9)
    gradients = penalised_gradient(problem, layers, DECAY)
    point = CriticalPoint(layers, float(np.sqrt(sum(np.sum(g**2) for g in gradients))))
    assert imbalance(layers) <= point.imbalance_bound(DECAY)
    for lower, upper in zip(range(2), range(1, 3), strict=True):
        left = layers[upper].T @ gradients[upper] - gradients[lower] @ layers[lower].T
        gap = layers[upper].T @ layers[upper] - layers[lower] @ layers[lower].T
        assert left == pytest.approx(2 * DECAY * gap, abs=1e-12)


@pytest.mark.parametrize("decay", [-0.1, np.nan, np.inf])
def test_bad_weight_decay_is_refused(decay: float) -> None:
    with pytest.raises(ArgumentError, match="weight_decay"):
        critical_point(random_problem(2, 3, seed=0), gaussian_layers(SHAPES, 1.0, seed=0), decay)


@pytest.mark.parametrize(("first", "second"), [(0.0, 1.0), (1.0, 0.0), (1.0, 1.1), (1.1, 1.0)])
def test_the_bound_on_imbalance_holds_where_it_is_nearly_attained(first: float, second: float) -> None:
    """L = 2, d = 1: of all targets the one at which the gradient is least for this imbalance; also beside a zero."""
    squares, product = first**2 + second**2, first * second
    target = product * (1 + 4 * DECAY / squares)
    problem = MatrixCompletion(np.ones((1, 1)), np.array([[target]]))
    layers = [np.array([[first]]), np.array([[second]])]
    gradients = penalised_gradient(problem, layers, DECAY)
    size = float(np.sqrt(sum(np.sum(g**2) for g in gradients)))
    gap = abs(second**2 - first**2)
    assert size == pytest.approx(2 * DECAY * gap / np.sqrt(squares), rel=1e-9)
    found = CriticalPoint(layers, size).imbalance_bound(DECAY)
    assert gap <= found <= 2.1 * gap


@pytest.mark.parametrize(
    ("values", "rank"), [((1e-7, 1e-8), 0), ((2.0, 1e-3), 2), ((1e6, 0.5), 1), ((1e-3, 1e-7), 1), ((1e6, 2.0), 2)]
)
def test_the_rank_is_against_the_largest_value_or_one(values: tuple[float, float], rank: int) -> None:
    """Near the critical point zero all values are small, and none of them counts."""
    assert CriticalPoint([np.eye(2), np.diag(values)], 0.0).rank == rank


@pytest.mark.parametrize("seed", range(6, 12))
def test_the_gradient_falls_with_every_newton_step(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(critical_points, "_NEWTON_STEPS", 1)
    problem, layers = random_problem(2, 3, seed=seed), gaussian_layers(SHAPES, 1.0, seed=seed)
    gradients = penalised_gradient(problem, layers, DECAY)
    sizes = [float(np.sqrt(sum(np.sum(g**2) for g in gradients)))]
    for _ in range(12):
        point = critical_point(problem, layers, DECAY)
        layers = point.layers
        sizes.append(point.gradient_norm)
    for before, after in itertools.pairwise(sizes):
        assert after < before or after < 1e-14
