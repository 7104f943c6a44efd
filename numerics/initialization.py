"""Initial layers W_1, ..., W_L, in float64, of the families that the literature uses.

Definitions
    product scale: the root mean square of the singular values of W(0), in expectation where layers are random. At
    equal product scale, initialisations of different depth start from end-to-end matrices of the same size.
Source
    Gaussian layers of standard deviation alpha^(1/L)/sqrt(d), untied, and tied (one sample cloned into every layer),
    as in public code beside Shin & Yun 2026, arXiv:2603.04703; balanced layers as in Arora, Cohen, Hu & Luo 2019,
    arXiv:1905.13655. The block family is `numerics.block_diagonal.initial_layers`.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from numerics.errors import ArgumentError
from numerics.exact import integer

Shape = tuple[int, int]

#: A singular value below this share of the largest is rounding.
_NEGLIGIBLE = 1e-12


def layer_shapes(rows: int, columns: int, depth: int, width: int | None = None) -> list[Shape]:
    """Shapes of W_1, ..., W_L from `columns` inputs to `rows` outputs; `width` of the hidden layers.

    The default width is the larger side, so that the factorization restricts no rank. Raises ArgumentError.
    """
    rows, columns = integer("rows", rows, minimum=1), integer("columns", columns, minimum=1)
    depth = integer("depth", depth, minimum=1)
    hidden = max(rows, columns) if width is None else integer("width", width, minimum=1)
    sizes = [columns, *[hidden] * (depth - 1), rows]
    return [(after, before) for before, after in pairwise(sizes)]


def gaussian_layers(
    shapes: Sequence[Shape], product_scale: float, *, seed: int, tied: bool = False
) -> list[np.ndarray]:
    """Independent Gaussian entries, the same standard deviation in every layer; `tied` clones one sample.

    E|W|_F^2 = product_scale^2 min(rows, columns) when untied; for d x d layers the standard deviation is
    product_scale^(1/L)/sqrt(d). Tied layers have that standard deviation too. Raises ArgumentError.
    """
    scale = _product_scale(product_scale)
    rows, columns = shapes[-1][0], shapes[0][1]
    widths = [after for after, _ in shapes[:-1]]
    # In logarithms: the product of a thousand widths has no float.
    spread = (math.log(scale) - 0.5 * sum(map(math.log, [max(rows, columns), *widths]))) / len(shapes)
    random = _random(seed)
    if not tied:
        return [math.exp(spread) * random.standard_normal(shape) for shape in shapes]
    if len(set(shapes)) != 1 or rows != columns:
        raise ArgumentError("shapes", list(shapes), "equal and square when the layers are tied")
    sample = math.exp(spread) * random.standard_normal(shapes[0])
    return [sample.copy() for _ in shapes]


def identity_layers(shapes: Sequence[Shape], product_scale: float) -> list[np.ndarray]:
    """product_scale^(1/L) times the identity in every layer. Balanced.

    Rectangular layers hold it in the leading rows and columns that all of them have. Raises ArgumentError.
    """
    scale = _product_scale(product_scale) ** (1 / len(shapes))
    shared = min(side for shape in shapes for side in shape)
    layers = [np.zeros(shape) for shape in shapes]
    for layer in layers:
        np.fill_diagonal(layer[:shared, :shared], scale)
    return layers


def orthogonal_layers(shapes: Sequence[Shape], product_scale: float, *, seed: int) -> list[np.ndarray]:
    """Balanced layers whose product is product_scale times a random matrix with orthonormal rows or columns.

    Raises ArgumentError for a hidden width below min(rows, columns).
    """
    rows, columns = shapes[-1][0], shapes[0][1]
    random = _random(seed)
    left, _, right = np.linalg.svd(random.standard_normal((rows, columns)), full_matrices=False)
    return balanced_layers(_product_scale(product_scale) * (left @ right), shapes, seed=seed + 1)


def balanced_layers(matrix: np.ndarray, shapes: Sequence[Shape], *, seed: int) -> list[np.ndarray]:
    """Balanced layers of the given shapes whose product is `matrix`, with random bases of the hidden spaces.

    With W = U S V^T: W_l = Q_l S^(1/L) Q_(l-1)^T, Q_0 = V, Q_L = U, the others random with orthonormal columns.
    Exact up to rounding. Raises ArgumentError for a hidden width below the rank of the matrix.
    """
    matrix = np.asarray(matrix, dtype=float)
    if matrix.shape != (shapes[-1][0], shapes[0][1]):
        expected = f"of shape {(shapes[-1][0], shapes[0][1])}, which the layers have"
        raise ArgumentError("matrix", f"an array of shape {matrix.shape}", expected)
    if not np.isfinite(matrix).all():
        raise ArgumentError("matrix", "an array with nan or inf entries", "finite")
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    widths = [after for after, _ in shapes[:-1]]
    rank = int(np.sum(values > _NEGLIGIBLE * values[0]))
    if any(width < rank for width in widths):
        raise ArgumentError("shapes", list(shapes), f"with hidden widths of at least {rank}")
    random = _random(seed)
    kept = min([len(values), *widths])
    hidden = [np.linalg.qr(random.standard_normal((width, kept)))[0] for width in widths]
    root = values[:kept] ** (1 / len(shapes))
    return [(after * root) @ before.T for before, after in pairwise([right.T[:, :kept], *hidden, left[:, :kept]])]


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(integer("seed", seed, minimum=0))


def _product_scale(value: float) -> float:
    scale = float(value)
    if not (math.isfinite(scale) and scale > 0):
        raise ArgumentError("product_scale", value, "a positive number")
    return scale
