"""Small random completion problems: with the diagonal observed, or of known minimum rank; how often rank 1 is found.

Source
    Own.
"""

from dataclasses import dataclass

import numpy as np

from numerics.coupling import connectivity
from numerics.factorization import MatrixCompletion
from numerics.greedy import GreedyPath, glrl_asymmetric
from numerics.infinitesimal_flow import Outcome
from numerics.objective import completion

#: Stages of random problems are followed to this relative speed: those with slow valleys are long.
FINE = 1e-9
_RANK = 1e-6
_LOSS = 1e-12


def diagonal_problem(size: int, symmetric: bool, seed: int) -> MatrixCompletion:
    """Standard normal targets; the diagonal is observed, and any other entry (pair of entries) with probability 1/2."""
    random = np.random.default_rng(seed)
    mask = random.random((size, size)) < 0.5
    targets = random.standard_normal((size, size))
    if symmetric:
        mask, targets = np.triu(mask, 1), (targets + targets.T) / 2
        mask |= mask.T
    return MatrixCompletion(mask | np.eye(size, dtype=bool), targets)


def rank_one_problem(size: int, random: np.random.Generator) -> MatrixCompletion:
    """u v^T with standard normal u, v, entry (1,1) observed and any other with probability 1/2, at least one not.

    The least rank of a completion is 1: u v^T is one, and zero is none.
    """
    while True:
        mask = random.random((size, size)) < 0.5
        mask[0, 0] = True
        if not mask.all():
            return MatrixCompletion(mask, np.outer(random.standard_normal(size), random.standard_normal(size)))


def lifted_problem(problem: MatrixCompletion) -> MatrixCompletion:
    """The symmetric problem of size rows + columns whose objective is `numerics.objective.lifted` of the problem's."""
    rows, columns = problem.mask.shape
    corner = np.zeros((rows + columns, rows + columns))
    corner[:rows, rows:] = np.where(problem.mask, problem.targets, 0.0)
    mask = np.zeros(corner.shape, dtype=bool)
    mask[:rows, rows:] = problem.mask
    return MatrixCompletion(mask | mask.T, corner + corner.T, problem.normalization)


def attains_rank_one(problem: MatrixCompletion, path: GreedyPath) -> bool:
    """Whether the path ends at a completion of numerical rank 1: sigma_2 <= 1e-6 sigma_1, loss <= 1e-12 of zero's."""
    f = completion(problem)
    values = np.linalg.svd(path.limit, compute_uv=False)
    fits = f.value(path.limit) <= _LOSS * f.value(np.zeros(problem.mask.shape))
    return bool(path.outcome is Outcome.MINIMUM and fits and values[1] <= _RANK * values[0])


@dataclass(frozen=True)
class Attained:
    """Of `count` problems greedy low-rank learning attained rank 1 in `attained`; the same of the connected masks."""

    count: int
    attained: int
    connected: int
    connected_attained: int


def attained_rank_one(size: int, count: int, seed: int) -> Attained:
    """Greedy low-rank learning on `count` random rank-1 problems of a size; deterministic for a seed."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        problem = rank_one_problem(size, random)
        path = glrl_asymmetric(completion(problem), tolerance=FINE)
        found.append((len(connectivity(problem.mask).components) == 1, attains_rank_one(problem, path)))
    connected = [attained for linked, attained in found if linked]
    return Attained(count, sum(attained for _, attained in found), len(connected), sum(connected))
