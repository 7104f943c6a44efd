"""What comes back: the enclosed limit, the tube of the trajectory, and every hypothesis with its numbers."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import log

import numpy as np
from flint import arb, arb_mat

from numerics.balls import ball, precision
from numerics.certified_flow.enclosure import Outcome
from numerics.certified_flow.hypotheses import Hypothesis
from numerics.certified_flow.norms import product_derivative_norms
from numerics.certified_flow.singular_values import singular_values
from numerics.certified_flow.steps import Step
from numerics.certified_flow.tail import Tail, norms_around
from numerics.errors import ArgumentError
from numerics.exact import exact
from numerics.factorization import MatrixCompletion, end_to_end


@dataclass(frozen=True)
class LimitEnclosure:
    """W(oo) enclosed. Rigorous: |W(oo) - centre|_F <= radius; `closed_by` names the theorem of the tail.

    `layers`: theta(oo) as matrices of balls. `bits`: precision at which everything is evaluated.
    """

    problem: MatrixCompletion
    tail: Tail
    bits: int

    @property
    def closed_by(self) -> str:
        """kernel, or residual margin."""
        return self.tail.rate.name

    @property
    def radius(self) -> arb:
        """A bound of |W(oo) - centre|_F."""
        return self.tail.matrix_radius

    @property
    def centre(self) -> arb_mat:
        """Exact; its observed entries are not yet replaced by the targets."""
        assert self.tail.matrix is not None
        return self.tail.matrix
