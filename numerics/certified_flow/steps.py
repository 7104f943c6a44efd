"""One step of the enclosure: a piece whose defect is small and whose tube holds, or the hypothesis that failed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import arb

from numerics.balls import precision
from numerics.certified_flow import defect, growth, pieces
from numerics.certified_flow.hypotheses import Hypothesis
from numerics.certified_flow.pieces import Piece
from numerics.factorization import MatrixCompletion

State = Sequence[Sequence[Sequence[int]]]

#: The tube's radius: this many times the error at the start of the piece, and at least this much.
_TUBE_RATIO = 8
_LEAST_TUBE = 1e-10
#: A defect is small while it is at most this many times what the step was chosen for.
_DEFECT_SLACK = 10
#: Most of the remainder in the integral of the logarithmic norm, and of the integral, that one step may have.
_MOST_REMAINDER = 0.2
_MOST_GROWTH = 1.0
_MOST_TRIALS = 12


@dataclass(frozen=True)
class Accuracy:
    """What a run works with: Taylor order, bits of fixed point and of balls, and the defect a step is chosen for."""

    order: int
    bits: int
    tolerance: float

    @property
    def ball_bits(self) -> int:
        """Precision of the balls: beyond that of fixed point, so that enclosing adds less than rounding did."""
        return self.bits + 30


@dataclass(frozen=True)
class Step:
    """A piece, the bound `error` of |theta - p| all over it, the integral of the logarithmic norm, what was checked."""

    piece: Piece
    error: arb
    defect: arb
    growth: float
    hypotheses: tuple[Hypothesis, ...]

    @property
    def holds(self) -> bool:
        """True when every hypothesis of the step does."""
        return all(one.holds for one in self.hypotheses)


def tube_radius(error: arb) -> float:
    """rho for a piece that starts with this error; heuristic, judged by the hypothesis `tube`."""
    return max(_LEAST_TUBE, _TUBE_RATIO * float(error))


def advance(
    problem: MatrixCompletion, state: State, error: arb, start: Fraction, scale: Fraction, accuracy: Accuracy
) -> Step:
    """The longest step from `state` that was found to hold; where none did, the last one tried.

    `scale` is the time by which the series is scaled, and the longest step.
    """
    series = pieces.taylor_series(problem, state, accuracy.order, scale, accuracy.bits)
    fraction = pieces.step_fraction(series, accuracy.bits, accuracy.tolerance)
    for _ in range(_MOST_TRIALS):
        piece = pieces.piece(series, start, scale, fraction, accuracy.bits)
        with precision(accuracy.ball_bits + pieces.guard_bits(scale)):
            step = _step(problem, piece, error, accuracy)
        if step.holds and step.growth <= _MOST_GROWTH:
            break
        fraction /= 2
    return step


def _step(problem: MatrixCompletion, piece: Piece, error: arb, accuracy: Accuracy) -> Step:
    bound = defect.defect_bound(problem, piece)
    small = Hypothesis(
        "small-defect",
        "the defect is what the step was chosen for, up to a factor",
        bound,
        arb(_DEFECT_SLACK * accuracy.tolerance),
    )
    if not small.holds:
        return Step(piece, arb.pos_inf(), bound, math.inf, (small,))
    tube = tube_radius(error)
    grown = growth.growth(problem, piece, tube)
    after = propagated(error, bound, grown.integral)
    checked = (
        small,
        Hypothesis(
            "defect-at-end",
            "the defect at the end of the step is at most its bound",
            defect.defect_at_end(problem, piece).lower(),
            bound,
        ),
        Hypothesis(
            "eigenvalue-above-rayleigh",
            "the bound of the largest eigenvalue is not below a Rayleigh quotient",
            arb(0),
            arb(grown.excess),
        ),
        Hypothesis("interpolation", "the logarithmic norm is resolved", arb(grown.remainder), arb(_MOST_REMAINDER)),
        Hypothesis(
            "tube",
            "the error stays in the inner half of the tube where the logarithmic norm was taken",
            after,
            arb(tube / 2),
        ),
    )
    return Step(piece, after, bound, grown.integral, checked)


def propagated(error: arb, bound: arb, integral: float) -> arb:
    """exp(integral) (error + bound), an upper bound: the error all over a piece."""
    return (arb(integral).exp() * (error + bound)).upper()


def next_scale(piece: Piece) -> Fraction:
    """A power of two between twice and four times the step."""
    double = 2 * piece.length
    exponent = double.numerator.bit_length() - double.denominator.bit_length() + 1
    return Fraction(2) ** exponent
