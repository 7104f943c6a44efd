"""Singular values of a matrix of balls, each enclosed; multiple ones too.

Theorem
    Let A = U S V^T + E with nonnegative diagonal S, |U^T U - I|_2 <= u < 1 and |V^T V - I|_2 <= v < 1. By Ostrowski's
    inequalities sigma_i(U S V^T) lies between sqrt((1-u)(1-v)) s_i and sqrt((1+u)(1+v)) s_i, and by Weyl's sigma_i(A)
    is within |E|_F of it. No gap between singular values is needed.
Rigorous
    U, S, V come from mpmath and need not be right; the residuals are enclosed in balls.
"""

from typing import Any

import mpmath
from flint import arb, arb_mat, ctx

from numerics.balls import middle

#: Bits that mpmath's decomposition works with beyond the precision of the balls.
_GUARD_BITS = 20


def singular_values(matrix: arb_mat) -> list[arb]:
    """Descending; balls that contain the singular values of every matrix in `matrix`. As narrow as those allow."""
    if matrix.nrows() < matrix.ncols():
        return singular_values(matrix.transpose())
    with mpmath.workprec(ctx.prec + _GUARD_BITS):
        approximate = mpmath.matrix(
            [[middle(matrix[i, j]) for j in range(matrix.ncols())] for i in range(matrix.nrows())]
        )
        left, values, right = mpmath.svd_r(approximate)
        u, v = _arb_matrix(left), _arb_matrix(right)
        sizes = [_arb(value) for value in values]
    scaled = arb_mat(u.nrows(), u.ncols(), [u[i, j] * sizes[j] for i in range(u.nrows()) for j in range(u.ncols())])
    error = frobenius(matrix - scaled * v).upper()
    turns = [_from_identity(u.transpose() * u), _from_identity(v * v.transpose())]
    if not all(turn < 1 for turn in turns):
        raise ArithmeticError("mpmath returned singular vectors that are not nearly orthonormal")
    low = ((1 - turns[0]) * (1 - turns[1])).sqrt().lower()
    high = ((1 + turns[0]) * (1 + turns[1])).sqrt().upper()
    widening = arb(0, error)
    found = [(size * low).union(size * high) + widening for size in sorted(sizes, key=float, reverse=True)]
    return [value.nonnegative_part() for value in found]


def frobenius(matrix: arb_mat) -> arb:
    """|A|_F as a ball."""
    return sum((entry * entry for entry in matrix.entries()), arb(0)).nonnegative_part().sqrt()


def _from_identity(gram: arb_mat) -> arb:
    size = gram.nrows()
    return frobenius(gram - arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])).upper()


def _arb(number: Any) -> arb:
    sign, mantissa, exponent, _ = number._mpf_
    return arb((-int(mantissa) if sign else int(mantissa), int(exponent)))


def _arb_matrix(matrix: Any) -> arb_mat:
    return arb_mat(
        matrix.rows, matrix.cols, [_arb(matrix[i, j]) for i in range(matrix.rows) for j in range(matrix.cols)]
    )
