"""A ball of matrices in the Frobenius norm, and what it proves of their entries and singular values."""

from dataclasses import dataclass
from functools import cached_property

from flint import arb, arb_mat

from numerics.balls import precision
from numerics.certified_flow.singular_values import frobenius, singular_values


@dataclass(frozen=True)
class MatrixBall:
    """All matrices within `radius` (Frobenius) of `centre`, whose entries may be balls; `bits` to compute with."""

    centre: arb_mat
    radius: arb
    bits: int

    @property
    def entries(self) -> arb_mat:
        """One ball per entry."""
        with precision(self.bits):
            around = arb(0, self.radius.upper())
            widened = [entry + around for entry in self.centre.entries()]
            return arb_mat(self.centre.nrows(), self.centre.ncols(), widened)

    @cached_property
    def singular_values(self) -> list[arb]:
        """Descending balls: those of the centre, widened by the radius (Weyl). Multiple ones are enclosed too."""
        with precision(self.bits):
            around = arb(0, self.radius.upper())
            return [(value + around).nonnegative_part() for value in singular_values(self.centre)]

    @property
    def proven_rank(self) -> int:
        """A lower bound of the rank of every matrix in the ball: how many singular values are proven positive."""
        return sum(bool(value > 0) for value in self.singular_values)

    def distance(self, matrix: arb_mat) -> arb:
        """|matrix - centre|_F as a ball."""
        with precision(self.bits):
            return frobenius(matrix - self.centre)

    def contains(self, matrix: arb_mat) -> bool:
        """True when everything in `matrix` is proven to lie in this ball."""
        return bool(self.distance(matrix) <= self.radius)

    def excludes(self, matrix: arb_mat) -> bool:
        """True when everything in `matrix` is proven to lie outside of this ball."""
        return bool(self.distance(matrix) > self.radius)
