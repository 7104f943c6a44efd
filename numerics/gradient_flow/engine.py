"""What an engine is: it turns a term and a start into a sequence of moments; the rest of the package is engine-free.

A new method is one file with one frozen dataclass that has a `name` and `moments`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion


@dataclass(frozen=True)
class Tolerance:
    """Local error allowed per step: relative to each entry, and absolute. Raises ArgumentError unless positive."""

    relative: float
    absolute: float

    def __post_init__(self) -> None:
        for name, value in (("relative_tolerance", self.relative), ("absolute_tolerance", self.absolute)):
            if not (np.isfinite(value) and value > 0):
                raise ArgumentError(name, value, "a positive number")


class Moment(NamedTuple):
    """One accepted step: time, the layers as one vector followed by the energy released so far, |R|_F and |grad E|.

    The energy released is the integral of |grad E|^2, which exact flow keeps equal to E(0) - E(t). `state` is in the
    engine's number system, and is valid until the next moment is asked for.
    """

    time: float
    state: np.ndarray
    residual_norm: float
    speed: float
    evaluations: int


class Engine(Protocol):
    """A way to follow the flow."""

    @property
    def name(self) -> str:
        """As the command line spells it."""

    def moments(
        self, problem: MatrixCompletion, layers: Sequence[np.ndarray], tolerance: Tolerance, end: float
    ) -> Iterator[Moment]:
        """The start, then one moment per accepted step, the last one at `end`; fewer when the step size underflows."""
