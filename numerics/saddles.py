"""Critical points of E(U) = f(U U^T)/2 that gradient flow passes: how they are finished, and where they are left.

Notation
    G(W) = -grad f(W), so that dU/dt = G(U U^T) U. At a critical point G U = 0; a further column grows like e^(mu t)
    along a unit eigenvector u of G with eigenvalue mu > 0. Without such a one W = U U^T minimises f over positive
    semidefinite matrices, for f is convex.
Implementation notes
    float64 and heuristic. The Newton step is the least-norm one: what is left to it are the rotations of the columns
    and the directions in which f is constant, where it does not move; like the terminal projection of a flow, it
    squares the distance from the flow's own limit.
Source
    Li, Luo & Lyu 2021, arXiv:2012.09839, Section 4 (reconstructed).
"""

from dataclasses import dataclass

import numpy as np

from numerics.objective import Objective

#: Curvatures below this fraction of the largest count as none.
_FLAT = 1e-7
_NEWTON_STEPS = 8
_FINISHED = 1e-15
_CREEPING = 1e-3


@dataclass(frozen=True)
class CriticalPoint:
    """A critical point W = factor factor^T: factor (n x r), r its rank; G there as eigenvalues and eigenvectors.

    rates (n,): eigenvalues of G = -grad f(W), descending; directions (n x n): their unit eigenvectors as columns;
    gradient_norm: |G factor|_F.
    """

    factor: np.ndarray
    rates: np.ndarray
    directions: np.ndarray
    gradient_norm: float

    @property
    def rank(self) -> int:
        """Columns of the factor."""
        return self.factor.shape[1]

    @property
    def matrix(self) -> np.ndarray:
        """W (n x n)."""
        return self.factor @ self.factor.T

    @property
    def escape_rate(self) -> float:
        """lambda_max(-grad f(W))."""
        return float(self.rates[0])

    @property
    def escape_direction(self) -> np.ndarray:
        """The unit eigenvector of lambda_max(-grad f(W)) (n,)."""
        return self.directions[:, 0]


def critical_point(f: Objective, factor: np.ndarray) -> CriticalPoint:
    """The critical point next to `factor` (n x r), by least-norm Newton steps that are kept while they help."""
    best, best_force = factor, force(f, factor)
    scale = float(np.linalg.norm(f.gradient(np.zeros(f.shape)))) * (float(np.linalg.norm(factor)) or 1.0)
    for _ in range(_NEWTON_STEPS):
        if factor.shape[1] == 0 or np.linalg.norm(best_force) <= _FINISHED * scale:
            break
        trial = best - _newton_step(f, best, best_force)
        trial_force = force(f, trial)
        if not np.linalg.norm(trial_force) < 0.5 * np.linalg.norm(best_force):
            break
        best, best_force = trial, trial_force
    rates, directions = np.linalg.eigh(-f.gradient(best @ best.T))
    return CriticalPoint(best, rates[::-1], directions[:, ::-1], float(np.linalg.norm(best_force)))


def is_growing(f: Objective, point: CriticalPoint, slowest: float) -> bool:
    """Whether tr W still grows, more than a thousandth as fast as the slowest rate that counts.

    Where f has no minimum of this rank, a flow goes to infinity ever more slowly, and Newton steps find nothing.
    Columns that shrink like a power of the time are no such case: the point without them is near.
    """
    size = float(np.linalg.norm(point.factor)) ** 2
    return float(np.sum(force(f, point.factor) * point.factor)) > _CREEPING * slowest * size


def largest_rate(f: Objective, matrix: np.ndarray) -> float:
    """The spectral norm of grad f(W)."""
    return float(np.linalg.norm(f.gradient(matrix), 2))


def force(f: Objective, factor: np.ndarray) -> np.ndarray:
    """dU/dt = G(U U^T) U (n x r)."""
    return -f.gradient(factor @ factor.T) @ factor


def natural_size(f: Objective, point: CriticalPoint) -> float:
    """Where the growth along the escape direction ends: the c > 0 of least f(W + c u u^T) for quadratic f."""
    outer = np.outer(point.escape_direction, point.escape_direction)
    curvature = float(np.sum(outer * f.derivative(point.matrix, outer)))
    return point.escape_rate / curvature if curvature > 0 else 1.0


def growth_within(f: Objective, point: CriticalPoint) -> float:
    """The rate at which a factor of the same rank leaves the point, 0 where the point is a minimum among these.

    Positive where the observed entries fall into parts, say: then a column that has settled in one part still grows in
    another one.
    """
    if point.rank == 0:
        return 0.0
    curvatures = np.linalg.eigvalsh(_jacobian(f, point.factor))
    return max(float(curvatures[-1]), 0.0)


def _newton_step(f: Objective, factor: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The least-norm X with D force [X] = force, by the eigenvalues of the symmetric Jacobian."""
    curvatures, modes = np.linalg.eigh(_jacobian(f, factor))
    kept = np.abs(curvatures) > _FLAT * np.abs(curvatures).max(initial=0.0)
    return np.asarray((modes[:, kept] / curvatures[kept]) @ (modes[:, kept].T @ value.ravel())).reshape(factor.shape)


def _jacobian(f: Objective, factor: np.ndarray) -> np.ndarray:
    """The derivative of the force as a symmetric matrix (n r x n r)."""
    matrix = factor @ factor.T
    pull = -f.gradient(matrix)
    jacobian = np.empty((factor.size, factor.size))
    for place in range(factor.size):
        moved = np.zeros(factor.size)
        moved[place] = 1.0
        direction = moved.reshape(factor.shape)
        turn = direction @ factor.T
        jacobian[:, place] = (pull @ direction - f.derivative(matrix, turn + turn.T) @ factor).ravel()
    return (jacobian + jacobian.T) / 2
