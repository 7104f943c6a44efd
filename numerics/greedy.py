"""Greedy low-rank learning (GLRL): the rank grows by one column at a time, each stage a gradient flow to its end.

Notation
    Symmetric: f of n x n matrices, W = U U^T, dU/dt = -grad f(W) U. Stage r starts from the critical point W_{r-1} with
    the column sqrt(eps c) u appended, u the top unit eigenvector of -grad f(W_{r-1}) and c the size that it will
    reach, and runs to convergence. It stops where lambda_max(-grad f(W_r)) <= tolerance * |grad f(0)|_2.
    Asymmetric: the same for the lifting of f, W = A B^T with U = [A; B].
Implementation notes
    float64, heuristic: a stage ends where all columns have settled, and Newton steps finish the critical point.
Source
    Li, Luo & Lyu 2021, arXiv:2012.09839, Algorithm 1 (reconstructed).
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import arb, arb_mat, fmpq

from numerics.balls import precision
from numerics.errors import ArgumentError
from numerics.exact import integer, positive
from numerics.factorization import MatrixCompletion
from numerics.infinitesimal_flow import Climb, Outcome, climb, require_tolerance
from numerics.objective import Objective, lifted, require_range, require_symmetric
from numerics.saddles import CriticalPoint, critical_point, is_growing, largest_rate, natural_size

_MOST_STEPS = 6_000
_BALL_BITS = 128


@dataclass(frozen=True)
class Stage:
    """One stage: it leaves the critical point `start`, follows `path`, and ends at the critical point `end`.

    Times of the path are such that its new column is e^(mu t) u at first, mu the escape rate: the time that a flow from
    an infinitesimal start has after its time shift.
    """

    start: CriticalPoint
    path: Climb
    end: CriticalPoint

    def matrix(self, time: float) -> np.ndarray:
        """W at a time of the stage (n x n); before its first, the column grows as in the linear phase."""
        if time < self.path.begin:
            grown = np.exp(self.start.escape_rate * time) * self.start.escape_direction
            return self.start.matrix + np.outer(grown, grown)
        factor = self.path.factor(time)
        return factor @ factor.T


@dataclass(frozen=True)
class GreedyPath:
    """What GLRL did: the stages that settled, and why it stopped.

    points: the critical points of rank 0, 1, 2, ...; `rows` is the number of rows of an asymmetric objective's W, None
    for a symmetric one, and `matrices` are the critical W in its own shape. ambiguous: the stages (counted from 1) that
    left along a direction whose rate was not simple, to 1e-6, so that the choice was arbitrary.
    """

    start: CriticalPoint
    stages: tuple[Stage, ...]
    outcome: Outcome
    rows: int | None

    @property
    def points(self) -> tuple[CriticalPoint, ...]:
        """W_0 = 0, W_1, ..., each with its escape rate and direction."""
        return (self.start, *(stage.end for stage in self.stages))

    @property
    def matrices(self) -> tuple[np.ndarray, ...]:
        """The critical W in the shape of the objective."""
        return tuple(corner(point.matrix, self.rows) for point in self.points)

    @property
    def limit(self) -> np.ndarray:
        """The last critical W; GLRL's result when the outcome is MINIMUM."""
        return self.matrices[-1]

    @property
    def rank(self) -> int:
        """Rank of the last critical point."""
        return self.points[-1].rank

    @property
    def ambiguous(self) -> tuple[int, ...]:
        """Stages whose escape direction was not unique."""
        return tuple(
            number
            for number, stage in enumerate(self.stages, start=1)
            if len(stage.start.rates) > 1 and stage.start.rates[1] > (1 - 1e-6) * stage.start.rates[0]
        )


def glrl_symmetric(
    f: Objective,
    *,
    eps: object = "1e-12",
    tolerance: float = 1e-6,
    max_rank: int | None = None,
    max_steps: int = _MOST_STEPS,
) -> GreedyPath:
    """GLRL for a convex f of symmetric matrices, f(W) = f(W^T). Heuristic.

    eps: squared size of an appended column relative to the size it reaches; tolerance: see the module's text; max_rank:
    n unless given. The outcome says whether it reached a minimum. Raises ArgumentError for an f that is not symmetric,
    eps that is not positive or above 1e-3, a tolerance outside 0 and 1, and a max_rank below 1.
    """
    require_symmetric(f)
    return _path(f, eps, tolerance, max_rank, max_steps, None)


def glrl_asymmetric(
    f: Objective,
    *,
    eps: object = "1e-12",
    tolerance: float = 1e-6,
    max_rank: int | None = None,
    max_steps: int = _MOST_STEPS,
) -> GreedyPath:
    """GLRL for a convex f of any rectangular matrices W = A B^T; arguments as for `glrl_symmetric`. Heuristic."""
    return _path(lifted(f), eps, tolerance, max_rank, max_steps, f.shape[0])


def certified_gradient_norm(problem: MatrixCompletion, factor: np.ndarray) -> arb:
    """|grad f(U U^T) U|_F of a symmetric completion problem as a ball, the entries of U taken exactly."""
    targets = dict(zip(problem.observed, problem.exact_targets, strict=True))
    with precision(_BALL_BITS):
        columns = arb_mat([[arb(entry) for entry in row] for row in factor.tolist()])
        product = columns * columns.transpose()
        errors = arb_mat(len(factor), len(factor))
        for place, target in targets.items():
            errors[place] = product[place] - _ball(target)
        moved = errors * columns
        return _ball(problem.exact_weight) * sum((entry * entry for entry in moved.entries()), arb(0)).sqrt()


def _ball(number: Fraction) -> arb:
    return arb(fmpq(number.numerator, number.denominator))


def certified_rank(factor: np.ndarray) -> int:
    """The most first columns of U (n x r) that are certified independent, by balls; never more than the rank of U."""
    with precision(_BALL_BITS):
        columns = arb_mat([[arb(entry) for entry in row] for row in factor.tolist()])
        gram = columns.transpose() * columns
        for count in range(1, factor.shape[1] + 1):
            part = arb_mat([[gram[i, j] for j in range(count)] for i in range(count)])
            if not part.det() > 0:
                return count - 1
    return factor.shape[1]


def corner(matrix: np.ndarray, rows: int | None) -> np.ndarray:
    """The part W = A B^T of a lifted matrix, A with `rows` rows; the matrix itself when `rows` is None."""
    return matrix if rows is None else matrix[:rows, rows:]


def _path(
    f: Objective, eps: object, tolerance: float, max_rank: int | None, max_steps: int, rows: int | None
) -> GreedyPath:
    small = positive("eps", eps)
    if not Fraction("1e-16") <= small <= Fraction("1e-3"):
        raise ArgumentError("eps", eps, "within 1e-16, the precision of W, and 1e-3")
    require_tolerance("tolerance", tolerance)
    require_range(f)
    integer("max_steps", max_steps, minimum=1)
    most = min(f.shape) if rows is None else min(rows, f.shape[0] - rows)
    most = most if max_rank is None else integer("max_rank", max_rank, minimum=1)
    start = point = critical_point(f, np.zeros((f.shape[0], 0)))
    stages = list[Stage]()
    slowest = tolerance * largest_rate(f, start.matrix)
    while point.escape_rate > slowest:
        if point.rank >= most:
            return GreedyPath(start, tuple(stages), Outcome.RANKS, rows)
        size = natural_size(f, point)
        column = np.sqrt(float(small) * size) * point.escape_direction
        begin = float(np.log(float(small) * size)) / (2 * point.escape_rate)
        factor = np.column_stack([point.factor, column])
        path = climb(f, factor, begin, 0.1 * float(small) * size, slowest, max_steps)
        if path.outcome is not Outcome.MINIMUM:
            return GreedyPath(start, tuple(stages), path.outcome, rows)
        end = critical_point(f, path.factors[-1])
        if is_growing(f, end, slowest):
            return GreedyPath(start, tuple(stages), Outcome.NOT_SETTLED, rows)
        stages.append(Stage(point, path, end))
        point = end
    return GreedyPath(start, tuple(stages), Outcome.MINIMUM, rows)
