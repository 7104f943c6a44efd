"""The residual margin sigma_min(W) - |R|_F in float64: its rates at given layers, its course along a flow, and a map.

Implementation notes
    Rates come from the layers by the chain rule, with singular vectors of the product; no formula of
    `theory.residual_margin` enters. `open_set_map` integrates all starts of a grid as one system of equations, so that
    a grid of 40 x 40 costs well under a second.
Source
    New. The 2 x 2 problem with w_11 = w_22 = 1 observed: Menon 2024, arXiv:2411.09004, Section 14.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from flint import arb, arb_mat

from numerics import factorization
from numerics.balls import ball, precision
from numerics.certified_flow import MatrixBall
from numerics.certified_flow.singular_values import frobenius
from numerics.errors import ArgumentError
from numerics.exact import integer
from numerics.factorization import Layers, MatrixCompletion
from numerics.gradient_flow import GradientFlow
from numerics.initialization import balanced_layers, layer_shapes

if TYPE_CHECKING:
    import xarray as xr

_ROUNDING = 1e-14
_FLOW_TOLERANCE = 1e-9
_SETTLED = 1e-7
_MAX_TIME = 200.0


def residual_norm(problem: MatrixCompletion, product: np.ndarray) -> float:
    """|R|_F."""
    return float(np.linalg.norm(factorization.residual(problem, product)))


def enclosed_residual_norm(problem: MatrixCompletion, product: MatrixBall) -> arb:
    """A ball that contains |R|_F of every matrix in `product`. Rigorous."""
    with precision(product.bits):
        targets = arb_mat(product.centre.nrows(), product.centre.ncols())
        masked = arb_mat(product.centre.nrows(), product.centre.ncols())
        for place, target in zip(problem.observed, problem.exact_targets, strict=True):
            targets[place], masked[place] = ball(target), product.centre[place]
        return (frobenius(masked - targets) + arb(0, product.radius.upper())).nonnegative_part()


def margin(problem: MatrixCompletion, product: np.ndarray) -> float:
    """sigma_min(W) - |R|_F of an end-to-end matrix."""
    return float(np.linalg.svd(product, compute_uv=False)[-1]) - residual_norm(problem, product)


def residual_norms(flow: GradientFlow) -> np.ndarray:
    """|R|_F at every time of a trajectory, from its loss."""
    return np.sqrt(2 * flow.loss / flow.problem.weight)


def margins(flow: GradientFlow) -> np.ndarray:
    """sigma_min(W) - |R|_F at every time of a trajectory."""
    return flow.singular_values[:, -1] - residual_norms(flow)


@dataclass(frozen=True)
class MarginRates:
    """The extreme singular values of W and |R|_F at one moment of the flow, and their time derivatives.

    `error` bounds the rounding of each rate heuristically: first-order perturbation of the singular vectors, whose
    conditioning is the distance of the extreme singular values from the others.
    """

    smallest: float
    largest: float
    norm: float
    smallest_rate: float
    largest_rate: float
    norm_rate: float
    error: float


def margin_rates(problem: MatrixCompletion, layers: Layers) -> MarginRates:
    """Rates under gradient flow, for any layers with R != 0; balance is not needed.

    With W' = -sum_l B_l grad_l A_l, a simple singular value moves at u^T W' v, and |R|_F at -sum_l |grad_l|_F^2/|R|_F
    (times the weight of the problem's normalization). Raises ArgumentError where R = 0.
    """
    layers = list(layers)
    factorization.check_layers(problem, layers)
    gradients = factorization.gradient(problem, layers)
    product = factorization.end_to_end(layers)
    norm = residual_norm(problem, product)
    if norm == 0:
        raise ArgumentError("layers", "layers of zero loss", "layers with a residual")
    velocity = np.zeros_like(product)
    for index, gradient in enumerate(gradients):
        velocity -= factorization.end_to_end([*layers[:index], gradient, *layers[index + 1 :]])
    left, values, right = np.linalg.svd(product, full_matrices=False)
    rates = np.einsum("ik,ij,kj->k", left, velocity, right)
    squared = sum(float(np.sum(gradient**2)) for gradient in gradients)
    scale = max(1.0, *(float(np.linalg.norm(layer)) for layer in layers)) ** len(layers)
    gap = min((abs(float(a - b)) for a, b in pairwise(values)), default=np.inf)
    speed = float(np.linalg.norm(velocity))
    error = _ROUNDING * (speed + squared / norm) * (1 + scale) * (1 + scale / max(gap, np.finfo(float).tiny))
    return MarginRates(
        float(values[-1]),
        float(values[0]),
        norm,
        float(rates[-1]),
        float(rates[0]),
        -squared / (problem.weight * norm),
        error,
    )


def open_set_map(
    depths: Sequence[int] = (2, 3), *, points: int = 40, reach: tuple[float, float] = (2.0, 1.6)
) -> "xr.Dataset":
    """sigma_min of the limit for balanced starts W(0) = [[a, b], [b, a]], where w_11 = w_22 = 1 is observed.

    `points` values of a in (0, reach[0]] and of b in [0, reach[1]), evenly spaced; -b gives the same limit up to
    signs. Variables: smallest_singular_value (depth, off_diagonal, diagonal), nan where the flow has not settled;
    margin and proven (off_diagonal, diagonal): sigma_min(W(0)) - |R(0)|_F, and whether it is positive. Heuristic:
    float64 flows with relative tolerance 1e-9, followed until every residual is below 1e-7. Raises ArgumentError.
    """
    import xarray as xr  # a quarter of a second that only this needs

    points = integer("points", points, minimum=2)
    depths = [integer("depths", depth, minimum=1) for depth in depths]
    if not all(np.isfinite(end) and end > 0 for end in reach):
        raise ArgumentError("reach", reach, "two positive numbers")
    diagonal = reach[0] * np.arange(1, points + 1) / points
    off_diagonal = reach[1] * np.arange(points) / points
    a, b = np.meshgrid(diagonal, off_diagonal)
    starts = np.stack([np.stack([a, b], axis=-1), np.stack([b, a], axis=-1)], axis=-2).reshape(-1, 2, 2)
    found = [_smallest_of_limits(starts, depth).reshape(points, points) for depth in depths]
    problem = MatrixCompletion(np.eye(2), np.eye(2))
    start_margin = np.array([margin(problem, start) for start in starts]).reshape(points, points)
    plane = ("off_diagonal", "diagonal")
    return xr.Dataset(
        {
            "smallest_singular_value": (("depth", *plane), np.stack(found)),
            "margin": (plane, start_margin),
            "proven": (plane, start_margin > _ROUNDING),
        },
        coords={"depth": depths, "diagonal": diagonal, "off_diagonal": off_diagonal},
        attrs={"starts": "balanced, W(0) = [[a, b], [b, a]]", "observed": "w_11 = w_22 = 1"},
    )


def _smallest_of_limits(starts: np.ndarray, depth: int) -> np.ndarray:
    """sigma_min(W(oo)) for a stack of 2 x 2 balanced starts, all followed as one system; nan where not settled."""
    from scipy.integrate import DOP853  # a third of a second that only flows need

    shapes = layer_shapes(2, 2, depth)
    state = np.stack([balanced_layers(start, shapes, seed=0) for start in starts], axis=1)

    def velocity(_time: float, flat: np.ndarray) -> np.ndarray:
        return -_gradients(flat.reshape(state.shape)).ravel()

    def residuals(flat: np.ndarray) -> np.ndarray:
        return np.linalg.norm(_residuals(_products(flat.reshape(state.shape))), axis=(1, 2))

    solver = DOP853(velocity, 0.0, state.ravel(), _MAX_TIME, rtol=_FLOW_TOLERANCE, atol=1e-3 * _FLOW_TOLERANCE)
    while solver.status == "running" and residuals(solver.y).max() > _SETTLED:
        solver.step()
    smallest = np.linalg.svd(_products(solver.y.reshape(state.shape)), compute_uv=False)[:, -1]
    return np.where(residuals(solver.y) <= _SETTLED, smallest, np.nan)


def _products(state: np.ndarray) -> np.ndarray:
    """W_L ... W_1 of a stack of shape (L, starts, 2, 2)."""
    return factorization.end_to_end(list(state))


def _residuals(products: np.ndarray) -> np.ndarray:
    return (products - np.eye(2)) * np.eye(2)


def _gradients(state: np.ndarray) -> np.ndarray:
    """grad_l E for a stack of layers of shape (L, starts, 2, 2)."""
    prefixes = [state[0]]
    for layer in state[1:]:
        prefixes.append(layer @ prefixes[-1])
    back = _residuals(prefixes[-1])
    found = np.empty_like(state)
    for index in range(len(state) - 1, 0, -1):
        found[index] = back @ prefixes[index - 1].swapaxes(1, 2)
        back = state[index].swapaxes(1, 2) @ back
    found[0] = back
    return found
