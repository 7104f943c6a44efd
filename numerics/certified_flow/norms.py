"""Norms of the derivatives of W and of E over a ball around given layers.

Definitions
    n_l bounds the operator norm of layer l on the ball. D^k W is a symmetric k-linear form on R^P, P the number of all
    layer entries, so its norm is attained on the diagonal (Banach 1938). There it is k! times a sum over k-subsets of
    the layers; with e_k the elementary symmetric polynomials, Cauchy-Schwarz and Maclaurin give
    |D^k W| <= k! sqrt(C(L, k) L^-k) sqrt(e_{L-k}(n_1^2, ..., n_L^2)), at equal n_l k! C(L, k) L^(-k/2) n^(L-k).
Rigorous
    In float64 with every result raised by more than its rounding, or in balls; `raised` is the one place that rounds.
"""

import math
from collections.abc import Sequence

import numpy as np

#: Operations with at most a thousand roundings stay below this relative error in float64.
_ROUNDING = 1e-12


def raised(value: float) -> float:
    """An upper bound of what at most a thousand rounded operations on positive numbers should have given."""
    return value * (1 + _ROUNDING) + 1e-300


def operator_norm(matrix: np.ndarray) -> float:
    """An upper bound of the spectral norm of a float64 matrix: |(A^T A)^2|_F^(1/4), at most n^(1/8) times it."""
    largest = float(np.max(np.abs(matrix)))
    if not 0 < largest < math.inf:
        return largest if largest == 0 else math.inf
    # Scaled to a largest entry of 1, so that eighth powers neither overflow nor vanish.
    scaled = matrix / largest
    size = float(np.sum(scaled * scaled))
    gram = scaled.T @ scaled
    unit = (4 * sum(matrix.shape) + 8) * np.finfo(float).eps
    square = math.sqrt(float(np.linalg.norm(gram @ gram)) + unit * size**2) + unit * size
    return raised(largest * math.sqrt(square))


def product_derivative_norms(norms: Sequence[float], most: int = 4) -> list[float]:
    """Upper bounds of |D^k W| for k = 0, ..., most, where layer l has operator norm at most norms[l]."""
    symmetric = [1.0]
    for norm in norms:
        square = raised(norm * norm)
        symmetric = [raised(a + square * b) for a, b in zip([*symmetric, 0.0], [0.0, *symmetric], strict=True)]
    depth = len(norms)
    found = []
    for k in range(most + 1):
        subsets = math.comb(depth, k) * float(depth) ** -k
        found.append(raised(math.factorial(k) * math.sqrt(subsets * symmetric[depth - k])) if k <= depth else 0.0)
    return found


def loss_derivative_norms(weight: float, residual: float, product: Sequence[float]) -> tuple[float, float]:
    """Upper bounds of |D^3 E| and |D^4 E| from one of |R|_F and those of `product_derivative_norms`.

    Along a line E = c/2 |r|^2 has third derivative c (3 <D r, D^2 r> + <r, D^3 r>) and fourth
    c (3 |D^2 r|^2 + 4 <D r, D^3 r> + <r, D^4 r>); both forms are symmetric.
    """
    _, first, second, third, fourth = product
    return (
        raised(weight * (3 * first * second + residual * third)),
        raised(weight * (3 * second**2 + 4 * first * third + residual * fourth)),
    )
