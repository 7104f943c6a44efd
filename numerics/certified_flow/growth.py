"""How fast trajectories can separate along a piece: the integral of the logarithmic norm, enclosed.

Theorem
    Let p be a piece of length h with defect delta (in units of the step), theta the flow, and e(s) >= |theta - p|. Let
    mu(s) >= lambda_max(-Hess E) on the segment between p(s) and theta(s). Then e' <= h mu e + |delta|, so
    e(s) <= exp(h int max(mu, 0)) (e(0) + sup |delta|) for all s in [0, 1].
Where mu comes from
    lambda_max is convex. On a subinterval [a, b] of [0, 1] the matrix G(s) = -Hess E(p(s)) differs from its linear
    interpolation by at most (s-a)(b-s)/2 sup|G''|, so the integral of max(lambda_max(G), 0) is at most the trapezoid of
    its end values plus (b-a)^3/12 sup|G''|, with |G''| <= |D^4 E| |p'|^2 + |D^3 E| |p''|. Between p and theta, whose
    mean Hessian matters, at most |D^3 E| rho/2 is added where |theta - p| <= rho. The norms hold on the tube of radius
    rho around the whole piece.
Rigorous
    Eigenvalues are enclosed through the residual of a float64 decomposition; all float64 results are raised by bounds
    of their rounding and of what underflow takes. Where something overflows the growth is infinite.
"""

import math
from dataclasses import dataclass

import numpy as np

from numerics.certified_flow.norms import loss_derivative_norms, operator_norm, product_derivative_norms, raised
from numerics.certified_flow.pieces import Piece
from numerics.factorization import MatrixCompletion, end_to_end

_EPS = float(np.finfo(float).eps)
#: What underflow could take, many times over: squares of numbers below 1e-154 vanish in norms.
_TINY = 1e-140
#: Most that the interpolation of the logarithmic norm may add to its integral over one step, and most subintervals.
_REMAINDER = 0.02
_MOST_INTERVALS = 64


@dataclass(frozen=True)
class Growth:
    """`integral` >= h int max(mu, 0) over the piece; `remainder`: the part that interpolation and tube added.

    `excess`: how far the eigenvalue bound is above a Rayleigh quotient in the middle, where a true one cannot be below.
    """

    integral: float
    remainder: float
    excess: float


def growth(problem: MatrixCompletion, piece: Piece, tube: float) -> Growth:
    """The integral of the logarithmic norm over the tube of this radius around the piece. Rigorous."""
    coefficients, length = piece.floats(), raised(float(piece.length))
    sizes = np.sqrt(sum(np.sum(layer**2, axis=(1, 2)) for layer in coefficients))
    orders = np.arange(len(sizes))
    rounding = raised(4 * len(sizes) * _EPS * float(np.sum(sizes))) + _TINY
    variation, speed, bend = (
        raised(float(np.sum(weights * sizes))) + _TINY for weights in (orders > 0, orders, orders * (orders - 1))
    )
    reach = raised(tube + rounding)
    norms = [
        raised(operator_norm(layer[0]) + float(np.sum(np.linalg.norm(layer[1:], axis=(1, 2)))) + reach)
        for layer in coefficients
    ]
    product = product_derivative_norms(norms)
    residual = raised(_start_residual(problem, coefficients) + product[1] * (variation + reach))
    third, fourth = loss_derivative_norms(raised(problem.weight), residual, product)
    curvature = raised(length * (fourth * speed**2 + third * bend))
    if not math.isfinite(curvature):
        return Growth(math.inf, math.inf, math.inf)
    intervals = min(_MOST_INTERVALS, max(1, math.ceil(math.sqrt(curvature / (12 * _REMAINDER)))))
    nodes = np.linspace(0, 1, intervals + 1)
    matrices, errors = negative_hessians(problem, _values(coefficients, nodes))
    bounds = largest_eigenvalues(matrices, errors)
    heights = np.maximum(0.0, bounds)
    excess = float(bounds[intervals // 2]) - _rayleigh_quotient(matrices[intervals // 2])
    remainder = raised(curvature / (12 * intervals**2) + length * third * (tube / 2 + rounding))
    trapezoid = float(np.sum((heights[1:] + heights[:-1]) / 2)) / intervals
    return Growth(raised(raised(length * trapezoid) + remainder), remainder, excess)


def _values(coefficients: list[np.ndarray], nodes: np.ndarray) -> list[np.ndarray]:
    """p at the nodes, per layer (nodes, rows, columns), by Horner's rule."""
    values = []
    for layer in coefficients:
        value = np.zeros((len(nodes), *layer.shape[1:]))
        for coefficient in layer[::-1]:
            value = value * nodes[:, None, None] + coefficient
        values.append(value)
    return values


def _start_residual(problem: MatrixCompletion, coefficients: list[np.ndarray]) -> float:
    layers = [layer[0] for layer in coefficients]
    size = end_to_end([np.abs(layer) for layer in layers]) + np.abs(problem.targets)
    found = np.where(problem.mask, np.abs(end_to_end(layers) - problem.targets) + _rounding(layers) * size, 0.0)
    return raised(float(np.linalg.norm(found)))


def _rounding(layers: list[np.ndarray]) -> float:
    """Relative to the same computation on absolute values, what products of layers lose to rounding, generously."""
    return (4 * sum(sum(layer.shape[-2:]) for layer in layers) + 4 * len(layers) + 40) * _EPS


def negative_hessians(problem: MatrixCompletion, layers: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """-Hess E at layers (B, rows, columns) each: matrices (B, P, P) and Frobenius bounds (B,) of their rounding."""
    product = end_to_end(layers)
    residual = np.where(problem.mask, product - problem.targets, 0.0)
    magnitudes = [np.abs(layer) for layer in layers]
    magnitude = np.where(problem.mask, end_to_end(magnitudes) + np.abs(problem.targets), 0.0)
    hessian = _hessian(problem, layers, residual)
    size = _hessian(problem, magnitudes, magnitude)
    rounding = (_rounding(layers) + int(problem.mask.sum()) * _EPS) * np.linalg.norm(size, axis=(1, 2)) + _TINY
    return -hessian, rounding


def _hessian(problem: MatrixCompletion, layers: list[np.ndarray], residual: np.ndarray) -> np.ndarray:
    """c (J^T J + <R, D^2 W>), sums of products with the given R, for a batch."""
    before, after = _sides(layers)
    rows, columns = np.nonzero(problem.mask)
    count = len(residual)
    jacobian = np.concatenate(
        [
            np.einsum("zka,zbk->zkab", left[:, rows, :], right[:, :, columns]).reshape(count, len(rows), -1)
            for left, right in zip(after, before, strict=True)
        ],
        axis=2,
    )
    found = np.swapaxes(jacobian, 1, 2) @ jacobian
    ends = np.cumsum([0, *[layer[0].size for layer in layers]])
    for low in range(len(layers)):
        inner = layers[low].shape[1]
        between = np.broadcast_to(np.eye(inner), (count, inner, inner))
        for high in range(low + 1, len(layers)):
            outer = np.swapaxes(after[high], 1, 2) @ residual @ np.swapaxes(before[low], 1, 2)
            block = np.einsum("zad,zbc->zabcd", outer, between).reshape(
                count, layers[high][0].size, layers[low][0].size
            )
            found[:, ends[high] : ends[high + 1], ends[low] : ends[low + 1]] += block
            found[:, ends[low] : ends[low + 1], ends[high] : ends[high + 1]] += np.swapaxes(block, 1, 2)
            between = layers[high] @ between
    return np.asarray(problem.weight * found)


def _rayleigh_quotient(matrix: np.ndarray) -> float:
    """v.A v/|v|^2 at the most that float64 finds: a lower bound of the largest eigenvalue, up to rounding."""
    vector = np.linalg.eigh(matrix)[1][:, -1]
    return float(vector @ matrix @ vector) / float(vector @ vector)


def _sides(layers: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Products before and after each layer, for a batch: A_l = W_{l-1} ... W_1 and B_l = W_L ... W_{l+1}."""
    count = len(layers[0])

    def identity(size: int) -> np.ndarray:
        return np.broadcast_to(np.eye(size), (count, size, size))

    before, after = [identity(layers[0].shape[2])], [identity(layers[-1].shape[1])]
    for layer in layers[:-1]:
        before.append(layer @ before[-1])
    for layer in reversed(layers[1:]):
        after.append(after[-1] @ layer)
    return before, after[::-1]


def largest_eigenvalues(matrices: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Upper bounds (B,) of the largest eigenvalue of every symmetric matrix within `errors` (B,) of `matrices`.

    With A = Q D Q^T + E and |Q^T Q - I| <= q: lambda_max(A) <= max D + |max D| q + |E|, for either sign of max D.
    Distances in the Frobenius norm; matrices (B, P, P) float64, symmetric. Rigorous.
    """
    values, vectors = np.linalg.eigh(matrices)
    transposed, size = np.swapaxes(vectors, 1, 2), np.abs(vectors)
    steps = (2 * matrices.shape[1] + 8) * _EPS
    back = np.linalg.norm(matrices - (vectors * values[:, None, :]) @ transposed, axis=(1, 2))
    back_size = np.linalg.norm(
        np.abs(matrices) + (size * np.abs(values)[:, None, :]) @ np.swapaxes(size, 1, 2), axis=(1, 2)
    )
    turn = np.linalg.norm(transposed @ vectors - np.eye(matrices.shape[1]), axis=(1, 2))
    turn_size = np.linalg.norm(np.swapaxes(size, 1, 2) @ size + np.eye(matrices.shape[1]), axis=(1, 2))
    largest = values.max(axis=1)
    doubt = np.abs(largest) * (turn + steps * turn_size) + back + steps * back_size + errors
    return np.asarray(largest + doubt * (1 + 1e-9) + _TINY)
