"""The flow of a 2 x 2 matrix whose first column is observed, at depth 2: its conserved matrix and its order in alpha.

Notation
    W = A B, A = W_2, B = W_1 of columns b_1, b_2; C = A^T A - b_1 b_1^T; layers alpha W_l(0).
Source
    Shin & Yun 2026, arXiv:2603.04703, setting of Theorem 3.1 (reconstructed); `theory.first_column`. The coefficient of
    the small-scale law is ours, and it is measured, not proved.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from numerics.errors import ArgumentError


def conserved_matrix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """C = A^T A - b_1 b_1^T (2 x 2, float64), which the flow keeps."""
    return second.T @ second - np.outer(first[:, 0], first[:, 0])


def small_scale_coefficient(first: np.ndarray, second: np.ndarray, column: np.ndarray) -> float:
    """sigma_2(W(oo))/alpha^2 as alpha -> 0, for layers alpha * (first, second) and the observed column w*.

    |det(u, b_2)| sqrt(u^T adj(C) u), u the unit vector of b_1 + A^T w*/|w*|: the direction that grows while the
    residual is still -w*. Heuristic: the passage from that linear phase to the limit is not bounded. Raises
    ArgumentError when that direction does not exist.
    """
    grown = first[:, 0] + second.T @ column / np.linalg.norm(column)
    size = float(np.linalg.norm(grown))
    if not size > 0:
        raise ArgumentError("first", first.tolist(), "a start off the saddle: b_1 + A^T w*/|w*| is not zero")
    u = grown / size
    matrix = conserved_matrix(first, second)
    adjugate = np.trace(matrix) * np.eye(2) - matrix
    return float(abs(np.linalg.det(np.column_stack([u, first[:, 1]]))) * np.sqrt(max(u @ adjugate @ u, 0.0)))


class FittedOrder(NamedTuple):
    """Slope of a straight line through logarithms, and its standard error by ordinary least squares."""

    slope: float
    standard_error: float


def fitted_order(scales: Sequence[float], values: Sequence[float], errors: Sequence[float]) -> FittedOrder:
    """The order in which `values` fall with `scales`: the slope of log values against log scales, float64.

    `errors` (absolute, of the values) add to the standard error what they can move the slope by. Heuristic: ordinary
    least squares takes the deviations from a power law as independent. Raises ArgumentError for fewer than three
    points, and for scales and values that are not positive.
    """
    if not len(scales) == len(values) == len(errors) >= 3:
        raise ArgumentError("scales", list(scales), "at least three scales with a value and an error each")
    if not (min(scales) > 0 and min(values) > 0):
        raise ArgumentError("values", list(values), "positive at positive scales")
    x, y = np.log(scales), np.log(values)
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread
    residual = y - y.mean() - slope * centred
    scatter = np.sqrt(float(residual @ residual) / (len(x) - 2) / spread)
    moved = float(np.abs(centred) @ (np.asarray(errors) / np.asarray(values))) / spread
    return FittedOrder(slope, float(scatter) + moved)
