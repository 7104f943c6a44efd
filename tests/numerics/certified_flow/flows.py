"""Problems and starts that the tests of certified flows share."""

from fractions import Fraction

import numpy as np

from numerics.factorization import MatrixCompletion


def gaussian_flow(size: int, depth: int, *, diagonal: bool, seed: int, scale: float = 0.3):
    """Gaussian targets and layers; observed is the diagonal, or all but the last entry."""
    random = np.random.default_rng(seed)
    mask = np.eye(size)
    if not diagonal:
        mask = np.ones((size, size))
        mask[-1, -1] = 0
    problem = MatrixCompletion(mask, random.normal(size=(size, size)))
    return problem, [random.normal(size=(size, size)) * scale for _ in range(depth)]


def exact(rows) -> np.ndarray:
    return np.array([[Fraction(entry) for entry in row] for row in rows], dtype=object)
