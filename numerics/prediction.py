"""What the theorems say about one problem and one start, where they say anything.

Sources
    The block family with s = 1 (Shin & Yun 2026, Theorem 3.3, reconstructed): limit and whole trajectory. Depth 2 with
    diagonal observations from any start (`theory.depth_two`): the limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from numerics.block_diagonal import BlockFamily
from numerics.block_limit import limit_float64
from numerics.block_trajectory import entries_on_the_way, initial_entry, spectrum_at, times
from numerics.depth_two import diagonal_limit_float64
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion

_NODES = 60
#: Closer than this to its limit at the start, a trajectory has no curve to draw.
_CLOSE = 1e-3


@dataclass(frozen=True)
class Prediction:
    """Singular values that a theorem predicts, float64.

    statement: its id in the catalogue; limit (modes,), descending; times (T,) and singular_values (T, modes) of the
    trajectory, empty where the theorem speaks of the limit only.
    """

    statement: str
    limit: np.ndarray
    times: np.ndarray
    singular_values: np.ndarray


def predict(problem: MatrixCompletion, layers: Sequence[np.ndarray]) -> Prediction | None:
    """The prediction for gradient flow of a problem from given layers; None where no theorem speaks of them.

    The trajectory is a certified quadrature rounded to float64, and float64 formulas for the rest: heuristic in the
    last digits.
    """
    family = _family(problem, layers)
    if family is not None:
        return _of_family(problem, family)
    if len(layers) == 2 and _diagonal(problem) and layers[0].shape[1] == layers[1].shape[0]:
        try:
            matrix = diagonal_limit_float64(layers[0], layers[1], np.diag(problem.targets))
        except ArgumentError:
            # A start with a_i = b_i or a_i = -b_i, of which the theorem does not speak.
            return None
        values = np.linalg.svd(matrix, compute_uv=False)
        return Prediction("depth2-diagonal-limit", values, np.empty(0), np.empty((0, len(values))))
    return None


def _diagonal(problem: MatrixCompletion) -> bool:
    rows, columns = problem.mask.shape
    return rows == columns and bool((problem.mask == np.eye(rows, dtype=bool)).all())


def _family(problem: MatrixCompletion, layers: Sequence[np.ndarray]) -> BlockFamily | None:
    """The member of the block family with s = 1 that a problem and its start are."""
    size = len(problem.mask)
    targets = np.diag(problem.targets)
    if size < 2 or len(layers) < 2 or not _diagonal(problem) or len({float(target) for target in targets}) != 1:
        return None
    first = layers[0]
    if any(layer.shape != (size, size) or not np.array_equal(layer, first) for layer in layers):
        return None
    inside, outside = float(first[0, 0]), float(first[0, 1])
    expected = np.where(np.eye(size, dtype=bool), inside, outside)
    if not (np.array_equal(first, expected) and 0 <= outside <= inside and inside > 0 and targets[0] > 0):
        return None
    alpha = Fraction(inside)
    m = alpha / Fraction(outside) if outside else float("inf")
    return BlockFamily(len(layers), size, 1, problem.exact_targets[0], alpha, m)


def _of_family(problem: MatrixCompletion, family: BlockFamily) -> Prediction:
    numbers = (family.depth, family.blocks, family.block_size, family.value, family.alpha, family.m)
    first, rest = (float(np.exp(logarithm)) for logarithm in limit_float64(*map(float, numbers)))
    found = np.array([first, *[rest] * (family.blocks - 1)])
    statement = "block-limit" if family.depth > 2 else "block-limit-depth2"
    begin, value = initial_entry(family), family.value
    if abs(begin - value) < _CLOSE * value:
        return Prediction(statement, found, np.empty(0), np.empty((0, len(found))))
    entries = entries_on_the_way(family, _NODES)
    clock = times(family, entries) / problem.weight
    spectrum = np.stack(spectrum_at(family, entries), axis=1)
    curves = np.concatenate([spectrum[:, :1], np.repeat(spectrum[:, 1:], family.blocks - 1, axis=1)], axis=1)
    return Prediction(statement, found, clock, curves)
