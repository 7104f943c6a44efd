"""The block-diagonal family as data: its exact parameters, its matrices and its initial spectrum.

Source
    Shin & Yun 2026, arXiv:2603.04703, setting of Theorem 3.3 (reconstructed).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from numerics.errors import ArgumentError
from numerics.exact import Exact, exact, integer, positive, shown
from numerics.factorization import MatrixCompletion


@dataclass(frozen=True, slots=True)
class BlockFamily:
    """One member of the family: n diagonal blocks of size s observed at w*, layers alpha inside and alpha/m outside.

    depth L >= 2, blocks n >= 1, block_size s >= 1; value w* > 0 and alpha > 0 exact rationals; 1 <= m <= oo, exact.
    Text, integers and fractions are accepted and read exactly. Raises ArgumentError.
    """

    depth: int
    blocks: int
    block_size: int
    value: Fraction
    alpha: Fraction
    m: Exact

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", integer("depth", self.depth, minimum=2))
        object.__setattr__(self, "blocks", integer("blocks", self.blocks, minimum=1))
        object.__setattr__(self, "block_size", integer("block_size", self.block_size, minimum=1))
        object.__setattr__(self, "value", positive("value", self.value))
        object.__setattr__(self, "alpha", positive("alpha", self.alpha))
        off_diagonal = exact("m", self.m, infinity=True)
        if off_diagonal < 1:
            raise ArgumentError("m", self.m, 'a number of at least 1, or "inf"')
        object.__setattr__(self, "m", off_diagonal)

    @property
    def dimension(self) -> int:
        """d = n s."""
        return self.blocks * self.block_size

    @property
    def total(self) -> Fraction:
        """d w*, the sum of the singular values at zero loss."""
        return self.dimension * self.value

    @property
    def outside(self) -> Fraction:
        """alpha/m, the layer entries outside the blocks; 0 for m = oo."""
        return Fraction(0) if self.m == math.inf else self.alpha / Fraction(self.m)

    @property
    def initial_eigenvalues(self) -> tuple[Fraction, Fraction]:
        """(lambda_1(0), lambda_2(0)), exact."""
        scale = self.block_size
        return (
            scale * (self.alpha + (self.blocks - 1) * self.outside),
            scale * (self.alpha - self.outside),
        )

    def __str__(self) -> str:
        return (
            f"L = {self.depth}, n = {self.blocks}, s = {self.block_size}, w* = {shown(self.value)}, "
            f"alpha = {shown(self.alpha)}, m = {shown(self.m)}"
        )


def block_index(sizes: Sequence[int]) -> np.ndarray:
    """The block that each row (or column) belongs to, for blocks of the given sizes."""
    return np.repeat(np.arange(len(sizes)), sizes)


def block_problem(sizes: Sequence[int], values: Sequence[float | Fraction]) -> MatrixCompletion:
    """Observed: every entry of the diagonal blocks, block i at values[i]; d x d with d = sum of sizes."""
    index = block_index(sizes)
    mask = index[:, None] == index[None, :]
    return MatrixCompletion(mask, np.where(mask, np.asarray(values, dtype=object)[index][:, None], 0))


def problem(family: BlockFamily) -> MatrixCompletion:
    """The matrix-completion problem of the family, d x d, its targets exact fractions."""
    return block_problem([family.block_size] * family.blocks, [family.value] * family.blocks)


def initial_layers(family: BlockFamily) -> list[np.ndarray]:
    """The L equal layers of the family, float64, d x d."""
    return [layer.astype(float) for layer in exact_layers(family)]


def exact_layers(family: BlockFamily) -> list[np.ndarray]:
    """The L equal layers of the family as arrays of fractions, d x d."""
    index = block_index([family.block_size] * family.blocks)
    inside = index[:, None] == index[None, :]
    layer = np.where(inside, np.array(family.alpha, dtype=object), np.array(family.outside, dtype=object))
    return [layer.copy() for _ in range(family.depth)]


def reduced_family(family: BlockFamily) -> BlockFamily:
    """The n x n member, of blocks of size 1, whose flow has the same nonzero singular values at all times; exact.

    With s w* and s alpha in the place of w* and alpha; `theory.block_diagonal` derives it.
    """
    size = family.block_size
    return BlockFamily(family.depth, family.blocks, 1, size * family.value, size * family.alpha, family.m)


def coupling_kernel(family: BlockFamily) -> Fraction:
    """<grad w_ij, grad w_pq> at t = 0 for observed entries of two different blocks; exact.

    The sum over 1 < l < L of products of outside entries of powers of the layer; zero exactly when L = 2 or m = oo
    (or there is only one block). Shin & Yun 2026, Definition 2 and Proposition 3.2 (reconstructed).
    """
    first, rest = family.initial_eigenvalues

    def outside_entry(power: int) -> Fraction:
        return (first**power - rest**power) / family.dimension

    if family.blocks == 1:
        return Fraction(0)
    return sum(
        (outside_entry(2 * (family.depth - k)) * outside_entry(2 * (k - 1)) for k in range(2, family.depth)),
        Fraction(0),
    )
