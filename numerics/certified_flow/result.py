"""What comes back: the enclosed limit, the tube of the trajectory, and every hypothesis with its two numbers."""

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from math import log
from typing import Any

import numpy as np
from flint import arb, arb_mat

from numerics.balls import ball, precision
from numerics.certified_flow.enclosure import Run
from numerics.certified_flow.hypotheses import Hypothesis
from numerics.certified_flow.matrix_ball import MatrixBall
from numerics.certified_flow.norms import product_derivative_norms
from numerics.certified_flow.steps import Accuracy
from numerics.certified_flow.tail import norms_around
from numerics.errors import ArgumentError
from numerics.exact import exact
from numerics.factorization import MatrixCompletion, end_to_end


class Outcome(StrEnum):
    """Whether the limit is enclosed as narrowly as asked."""

    ENCLOSED = "enclosed"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class CertifiedFlow:
    """The enclosure of one flow, from its start to infinity. Rigorous wherever its hypotheses hold.

    asked: the radius (Frobenius) that W(oo) was to be enclosed with; accuracy: order and precision of the last run,
    the `raises`-th after the first; `reason` and `knob`: why that run fell short and what to change, empty when it did
    not.
    """

    problem: MatrixCompletion
    digits: int
    asked: arb
    accuracy: Accuracy
    raises: int
    run: Run

    @property
    def outcome(self) -> Outcome:
        """ENCLOSED when every hypothesis holds and the radius is at most the asked one, UNDECIDED otherwise."""
        limit = self.limit
        done = limit is not None and limit.radius <= self.asked and all(one.holds for one in self.hypotheses)
        return Outcome.ENCLOSED if done else Outcome.UNDECIDED

    @property
    def reason(self) -> str:
        """Why the outcome is UNDECIDED; empty when it is not."""
        return self.run.reason

    @property
    def knob(self) -> str:
        """The argument to change when the outcome is UNDECIDED."""
        return self.run.knob

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """All that the proof rests on; of what is checked on every piece, the tightest."""
        return self.run.hypotheses

    @cached_property
    def limit(self) -> MatrixBall | None:
        """W(oo), or None where no tail closed or its ball is wider than 1e-3 of the largest entry."""
        tail = self.run.tail
        if tail is None or tail.matrix is None:
            return None
        with precision(self.accuracy.ball_bits):
            if not tail.matrix_radius <= tail.telling:
                return None
            return MatrixBall(tail.matrix, tail.matrix_radius, self.accuracy.ball_bits)

    @property
    def digits_eaten(self) -> float:
        """Decimal digits by which early errors may have grown: the integral of the logarithmic norm over log 10."""
        return sum(step.growth for step in self.run.steps) / log(10)

    @property
    def times(self) -> list[Fraction]:
        """Ends of the pieces, after 0."""
        return [Fraction(0), *(step.piece.end for step in self.run.steps)]

    @property
    def errors(self) -> list[arb]:
        """Per piece, a bound of the Frobenius distance of all layers together from the piece's polynomial."""
        return [step.error for step in self.run.steps]

    def layers_at(self, time: Any) -> tuple[list[np.ndarray], arb]:
        """(layers, radius): theta(time) is within `radius` of the layers, arrays of balls, in the Frobenius norm.

        Any time from 0 to oo when the tail closed, otherwise up to the last piece that holds. Raises ArgumentError
        beyond that.
        """
        moment = exact("time", time, infinity=True)
        proven, tail = self.run.proven, self.run.tail
        if moment < 0 or not proven:
            raise ArgumentError("time", time, "at least 0, of a flow with at least one piece that holds")
        end = proven[-1].piece.end
        with precision(self.accuracy.ball_bits):
            if moment <= end:
                step = proven[min(bisect_right(self.times, moment), len(proven)) - 1]
                return step.piece.at(ball((Fraction(moment) - step.piece.start) / step.piece.length)), step.error
            if tail is None or not tail.reach.is_finite():
                raise ArgumentError("time", time, f"at most {float(end):g}, the end of the last piece that holds")
            return tail.start, tail.reach

    def product_at(self, time: Any) -> MatrixBall:
        """W(time) enclosed, for the times of `layers_at`."""
        layers, radius = self.layers_at(time)
        with precision(self.accuracy.ball_bits):
            lipschitz = arb(product_derivative_norms(norms_around(layers, radius))[1])
            matrix = arb_mat(end_to_end(layers).tolist())
            return MatrixBall(matrix, (lipschitz * radius).upper(), self.accuracy.ball_bits)
