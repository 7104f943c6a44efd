"""Initial layers: catches a product scale that depends on depth or width, and balanced layers that are not."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from numerics.errors import ArgumentError
from numerics.factorization import end_to_end
from numerics.initialization import (
    balanced_layers,
    gaussian_layers,
    identity_layers,
    layer_shapes,
    orthogonal_layers,
)

SHAPES = [layer_shapes(4, 4, 1), layer_shapes(4, 4, 3), layer_shapes(3, 5, 2, 9), layer_shapes(5, 2, 4, 6)]


def unbalance(layers: list[np.ndarray]) -> float:
    return max((float(np.linalg.norm(b.T @ b - a @ a.T)) for a, b in pairwise(layers)), default=0.0)


def test_shapes_form_a_chain_and_do_not_restrict_the_rank() -> None:
    assert layer_shapes(3, 5, 3) == [(5, 5), (5, 5), (3, 5)]
    assert layer_shapes(3, 5, 2, 7) == [(7, 5), (3, 7)]
    assert layer_shapes(3, 5, 1) == [(3, 5)]


@pytest.mark.parametrize("shapes", SHAPES)
def test_gaussian_layers_have_the_product_scale_whatever_depth_and_width(shapes: list[tuple[int, int]]) -> None:
    scale, draws = 0.3, 3000
    modes = min(shapes[-1][0], shapes[0][1])
    squares = [
        np.sum(end_to_end(gaussian_layers(shapes, scale, seed=seed)) ** 2) / modes / scale**2 for seed in range(draws)
    ]
    # Five standard errors of the mean.
    assert abs(np.mean(squares) - 1) < 5 * np.std(squares) / np.sqrt(draws)


@pytest.mark.parametrize("shapes", SHAPES)
def test_one_standard_deviation_gives_the_product_scale_exactly(shapes: list[tuple[int, int]]) -> None:
    # For independent centred entries E|W|_F^2 = spread^(2L) rows columns (product of the widths), with no correction.
    scale, draws = 1e-3, 400
    layers = [gaussian_layers(shapes, scale, seed=seed) for seed in range(draws)]
    by_layer = [np.concatenate([draw[place].ravel() for draw in layers]) for place in range(len(shapes))]
    sizes = [shapes[0][1], *(after for after, _ in shapes)]
    wanted = (scale**2 * min(sizes[0], sizes[-1]) / math.prod(sizes)) ** (1 / len(shapes))
    for entries in by_layer:
        # The variance of n normal numbers has the relative standard error sqrt(2/n).
        assert abs(np.mean(entries**2) / wanted - 1) < 5 * math.sqrt(2 / len(entries))
        assert abs(np.mean(entries)) < 5 * math.sqrt(wanted / len(entries))


def test_a_product_of_widths_beyond_the_range_of_floats_is_no_obstacle() -> None:
    shapes = layer_shapes(50, 50, 400)  # 50^400 has no float
    layers = gaussian_layers(shapes, 1e-2, seed=0)
    spread = math.sqrt(np.mean([np.mean(layer**2) for layer in layers]))
    assert spread == pytest.approx(1e-2 ** (1 / 400) / math.sqrt(50), rel=5 * math.sqrt(0.5 / 10**6))


def test_layers_are_independent_unless_tied() -> None:
    first, second, third = gaussian_layers(layer_shapes(100, 100, 3), 1.0, seed=5)
    for left, right in ((first, second), (second, third), (first, third)):
        # The correlation of 10^4 pairs of independent numbers has the standard error 10^-2.
        assert abs(np.corrcoef(left.ravel(), right.ravel())[0, 1]) < 0.05


def test_square_layers_have_the_standard_deviation_of_the_public_code() -> None:
    for tied in (False, True):
        for layer in gaussian_layers(layer_shapes(200, 200, 3), 1e-3, seed=0, tied=tied):
            # Five standard errors: the deviation of n normal numbers has the relative one sqrt(1/2n).
            assert np.std(layer) == pytest.approx(0.1 / np.sqrt(200), rel=5 / math.sqrt(2 * 200 * 200))


def test_tied_layers_are_one_sample_and_no_shared_memory() -> None:
    layers = gaussian_layers(layer_shapes(3, 3, 3), 0.1, seed=7, tied=True)
    assert all(np.array_equal(layer, layers[0]) for layer in layers)
    layers[0][0, 0] = 5.0
    assert layers[1][0, 0] != 5.0


def test_seeds_reproduce_and_differ() -> None:
    first, again, other = (gaussian_layers(SHAPES[1], 0.1, seed=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("shapes", SHAPES)
def test_identity_and_orthogonal_layers_are_balanced_with_equal_singular_values(shapes: list[tuple[int, int]]) -> None:
    for layers in (identity_layers(shapes, 0.2), orthogonal_layers(shapes, 0.2, seed=1)):
        assert [layer.shape for layer in layers] == shapes
        assert unbalance(layers) < 1e-14
        assert np.linalg.svd(end_to_end(layers), compute_uv=False) == pytest.approx(0.2)


@pytest.mark.parametrize("shapes", [*SHAPES, layer_shapes(4, 4, 3, 2)])
def test_identity_layers_multiply_to_the_scale_times_the_identity(shapes: list[tuple[int, int]]) -> None:
    layers = identity_layers(shapes, 0.2)
    rank = min(side for shape in shapes for side in shape)
    wanted = np.zeros((shapes[-1][0], shapes[0][1]))
    np.fill_diagonal(wanted[:rank, :rank], 0.2)
    np.testing.assert_allclose(end_to_end(layers), wanted, atol=1e-15)
    assert unbalance(layers) < 1e-15
    values = {value for layer in layers for value in np.unique(layer)}
    assert values <= {0.0, 0.2 ** (1 / len(shapes))}


def test_orthogonal_layers_have_random_bases_and_orthogonal_products() -> None:
    shapes = layer_shapes(3, 5, 2, 9)
    first, again, other = (orthogonal_layers(shapes, 0.2, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_allclose(end_to_end(first) @ end_to_end(first).T, 0.04 * np.eye(3), atol=1e-15)
    assert all(np.array_equal(left, right) for left, right in zip(first, again, strict=True))
    assert np.linalg.norm(end_to_end(first) - end_to_end(other)) > 0.05


@pytest.mark.parametrize("shapes", SHAPES)
def test_balanced_layers_multiply_to_the_matrix(shapes: list[tuple[int, int]]) -> None:
    matrix = np.random.default_rng(2).standard_normal((shapes[-1][0], shapes[0][1]))
    layers = balanced_layers(matrix, shapes, seed=3)
    assert [layer.shape for layer in layers] == shapes
    assert np.linalg.norm(end_to_end(layers) - matrix) < 1e-13
    assert unbalance(layers) < 1e-13
    for layer in layers:
        # Balanced layers share the singular values sigma^(1/L).
        modes = np.linalg.svd(matrix, compute_uv=False) ** (1 / len(shapes))
        np.testing.assert_allclose(np.linalg.svd(layer, compute_uv=False)[: len(modes)], modes, rtol=1e-13)


def test_balanced_layers_of_a_singular_matrix_and_other_hidden_bases() -> None:
    matrix = np.outer([1.0, 2.0, -1.0], [3.0, 1.0])
    assert np.linalg.norm(end_to_end(balanced_layers(matrix, layer_shapes(3, 2, 3, 1), seed=0)) - matrix) < 1e-13
    shapes = layer_shapes(3, 2, 3, 4)
    first, second = (balanced_layers(matrix, shapes, seed=seed) for seed in (0, 1))
    for layers in (first, second):
        assert np.linalg.norm(end_to_end(layers) - matrix) < 1e-13
        assert unbalance(layers) < 1e-13
        assert all(np.linalg.matrix_rank(layer, tol=1e-4) == 1 for layer in layers)
    assert np.linalg.norm(first[1] - second[1]) > 0.1


@pytest.mark.parametrize(
    ("work", "argument"),
    [
        (lambda: layer_shapes(0, 3, 2), "rows"),
        (lambda: layer_shapes(3, 0, 2), "columns"),
        (lambda: layer_shapes(3, 3, 0), "depth"),
        (lambda: layer_shapes(3, 3, 2.5), "depth"),  # type: ignore[arg-type]
        (lambda: layer_shapes(3, 3, 2, 0), "width"),
        (lambda: gaussian_layers(SHAPES[1], 0.0, seed=0), "product_scale"),
        (lambda: gaussian_layers(SHAPES[1], float("nan"), seed=0), "product_scale"),
        (lambda: gaussian_layers(SHAPES[1], float("inf"), seed=0, tied=True), "product_scale"),
        (lambda: gaussian_layers(SHAPES[2], 0.1, seed=0, tied=True), "shapes"),
        (lambda: gaussian_layers(layer_shapes(2, 2, 2, 3), 0.1, seed=0, tied=True), "shapes"),
        (lambda: gaussian_layers([(2, 3)], 0.1, seed=0, tied=True), "shapes"),
        (lambda: identity_layers(SHAPES[1], -1.0), "product_scale"),
        (lambda: orthogonal_layers(SHAPES[1], 0.0, seed=0), "product_scale"),
        (lambda: orthogonal_layers(layer_shapes(3, 3, 2, 2), 0.1, seed=0), "shapes"),
        (lambda: balanced_layers(np.eye(2), SHAPES[1], seed=0), "matrix"),
        (lambda: balanced_layers(np.ones((5, 3)), SHAPES[2], seed=0), "matrix"),
        (lambda: balanced_layers(np.eye(3, 5), layer_shapes(3, 5, 3, 2), seed=0), "shapes"),
        (lambda: balanced_layers(np.full((4, 4), np.nan), SHAPES[1], seed=0), "matrix"),
        (lambda: balanced_layers(np.diag([1, np.inf, 1, 1]), SHAPES[1], seed=0), "matrix"),
        (lambda: gaussian_layers(SHAPES[1], 0.1, seed=-1), "seed"),
    ],
)
def test_errors_name_the_argument(work: Callable[[], object], argument: str) -> None:
    with pytest.raises(ArgumentError) as error:
        work()
    assert error.value.argument == argument
