"""Matrix completion by deep factorization in float64: the problem, its loss and its layer gradients.

Conventions
    Layers are given in the order W_1, ..., W_L; E = c/2 sum over observed entries of (w_ij - w*_ij)^2, where c is the
    weight of the problem's normalization, 1 unless said.
Source
    Shin & Yun 2026, arXiv:2603.04703, Section 2. The gradient is checked by a test against `theory.factorization`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

import numpy as np

from numerics.errors import ArgumentError

Layers = Sequence[np.ndarray]


class Normalization(StrEnum):
    """How the loss is normalised in papers and their codes; it only rescales the flow's time."""

    SUM_HALF = "sum/2"
    MEAN_OBSERVED = "mean-observed"
    MEAN_ALL = "mean-all"


@dataclass(frozen=True)
class MatrixCompletion:
    """Observed entries of a matrix: `mask` (rows x columns, boolean) and `targets` (the same shape, float64).

    Targets given as fractions are kept exactly in `exact_targets` for the engines that work to more digits.
    Targets outside the mask are ignored. `normalization` of the loss: half the sum of squared errors, their mean over
    the observed entries, or their sum over the number of all entries. Raises ArgumentError for shape mismatch, a mask
    that is empty or not of 0 and 1, a target that is not finite, or an unknown normalization.
    """

    mask: np.ndarray
    targets: np.ndarray
    normalization: Normalization = Normalization.SUM_HALF

    def __post_init__(self) -> None:
        mask, given = np.asarray(self.mask), np.array(self.targets)
        targets = given.astype(float)
        if not np.isin(mask, (0, 1)).all():
            raise ArgumentError(
                "mask", "an array with entries other than 0 and 1", "an array of 0 and 1, or of booleans"
            )
        mask = mask.astype(bool)
        if mask.ndim != 2:
            raise ArgumentError("mask", f"array of shape {mask.shape}", "a matrix")
        if targets.shape != mask.shape:
            raise ArgumentError("targets", f"array of shape {targets.shape}", f"of the mask's shape {mask.shape}")
        if not mask.any():
            raise ArgumentError("mask", "an empty mask", "a mask with at least one observed entry")
        if not np.isfinite(targets[mask]).all():
            raise ArgumentError("targets", "an array with nan or inf on observed entries", "finite")
        if self.normalization not in set(Normalization):
            raise ArgumentError("normalization", self.normalization, f"one of {', '.join(Normalization)}")
        object.__setattr__(self, "normalization", Normalization(self.normalization))
        object.__setattr__(self, "mask", mask)
        object.__setattr__(self, "targets", np.where(mask, targets, 0.0))
        object.__setattr__(self, "_given", given)

    @property
    def observed(self) -> list[tuple[int, int]]:
        """Positions of the observed entries, row by row."""
        return [(int(i), int(j)) for i, j in zip(*np.nonzero(self.mask), strict=True)]

    @property
    def exact_targets(self) -> list[Fraction]:
        """The observed targets as exact fractions, row by row."""
        return [Fraction(target) for target in self._given[self.mask].tolist()]  # type: ignore[attr-defined]

    def normalized(self, normalization: Normalization) -> "MatrixCompletion":
        """The same problem with another normalization of the loss; targets that are exact stay so."""
        return MatrixCompletion(self.mask, self._given, normalization)  # type: ignore[attr-defined]

    @property
    def exact_weight(self) -> Fraction:
        """c in E = c/2 sum of squared errors; the flow runs c times as fast as that of the sum/2 loss."""
        if self.normalization is Normalization.SUM_HALF:
            return Fraction(1)
        return Fraction(2, self.mask.size if self.normalization is Normalization.MEAN_ALL else int(self.mask.sum()))

    @property
    def weight(self) -> float:
        """c in float64."""
        return float(self.exact_weight)


def check_layers(problem: MatrixCompletion, layers: Layers) -> None:
    """Raise ArgumentError unless the layers multiply to a finite matrix of the problem's shape."""
    rows, columns = problem.mask.shape
    if len(layers) < 1:
        raise ArgumentError("layers", "an empty list", "a list of at least one matrix")
    shapes = [np.shape(layer) for layer in layers]
    fits = (
        all(len(shape) == 2 and min(shape) > 0 for shape in shapes)
        and shapes[0][1] == columns
        and shapes[-1][0] == rows
    )
    if not fits or any(after[1] != before[0] for before, after in pairwise(shapes)):
        raise ArgumentError("layers", f"a list of shapes {shapes}", f"a chain W_1, ..., W_L from {columns} to {rows}")
    if not all(np.isfinite(np.asarray(layer, dtype=float)).all() for layer in layers):
        raise ArgumentError("layers", "a list with nan or inf entries", "finite")


def end_to_end(layers: Layers) -> np.ndarray:
    """W_L ... W_1."""
    product = layers[0]
    for layer in layers[1:]:
        product = layer @ product
    return product


def residual(problem: MatrixCompletion, product: np.ndarray) -> np.ndarray:
    """R = mask * (W - W*)."""
    return np.where(problem.mask, product - problem.targets, 0.0)


def loss(problem: MatrixCompletion, product: np.ndarray) -> float:
    """E = c/2 |R|_F^2."""
    return 0.5 * problem.weight * float(np.sum(residual(problem, product) ** 2))


def gradient(problem: MatrixCompletion, layers: Layers) -> list[np.ndarray]:
    """grad_l E = c (W_L ... W_{l+1})^T R (W_{l-1} ... W_1)^T for every layer, with prefix and suffix products.

    Also of many networks at once, as layers of shape (..., d_l, d_(l-1)).
    """
    prefixes = [layers[0]]
    for layer in layers[1:]:
        prefixes.append(layer @ prefixes[-1])
    back = problem.weight * residual(problem, prefixes[-1])
    gradients = []
    for index in range(len(layers) - 1, 0, -1):
        gradients.append(back @ prefixes[index - 1].mT)
        back = layers[index].mT @ back
    return [back, *reversed(gradients)]
