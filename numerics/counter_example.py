"""The 4 x 4 completion problem whose flow goes to rank 1 and not to the minimum nuclear norm, as numbers.

Notation
    R > 1 the parameter, M_rank and M_norm the two completions, of `theory.counter_example`.
Source
    Li, Luo & Lyu 2021, arXiv:2012.09839 (reconstructed).
"""

from fractions import Fraction

import numpy as np
import sympy as sp

from numerics.errors import ArgumentError
from numerics.exact import positive
from numerics.factorization import MatrixCompletion
from theory import counter_example as theory


def counter_example(ratio: object) -> MatrixCompletion:
    """The problem for R = `ratio`, an exact number above 1. Raises ArgumentError."""
    number = _above_one(ratio)
    mask = np.zeros((4, 4), dtype=bool)
    mask[tuple(np.array(sorted(theory.OBSERVED)).T)] = True
    return MatrixCompletion(mask, _entries(theory.observed, number))


def rank_completion(ratio: object) -> np.ndarray:
    """M_rank (4 x 4 fractions): rank 1. Raises ArgumentError."""
    return _entries(theory.rank_completion, _above_one(ratio))


def norm_completion(ratio: object) -> np.ndarray:
    """M_norm (4 x 4 fractions): rank 2, of the least nuclear norm. Raises ArgumentError."""
    return _entries(theory.norm_completion, _above_one(ratio))


def _above_one(ratio: object) -> Fraction:
    number = positive("ratio", ratio)
    if not number > 1:
        raise ArgumentError("ratio", ratio, "a number above 1")
    return number


def _entries(matrix: sp.Matrix, number: Fraction) -> np.ndarray:
    """A matrix of polynomials in R at an exact R, as an array of fractions."""
    ratio = sp.Rational(number.numerator, number.denominator)
    values = matrix.subs(theory.R, ratio)
    return np.array([[Fraction(int(one.p), int(one.q)) for one in values.row(i)] for i in range(matrix.rows)])
