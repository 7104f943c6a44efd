"""MPFR numbers of heyoka, to and from fractions and balls."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, arb_mat

from numerics.balls import ball, precision
from numerics.gradient_flow.taylor_system import heyoka_module

_BITS_PER_DIGIT = 3.3219280948873626


def _digits(bits: int) -> int:
    """Decimal digits that name a number of this precision without loss."""
    return int(bits / _BITS_PER_DIGIT) + 3


def reals(numbers: Iterable[Any], bits: int) -> np.ndarray:
    """Floats, integers, fractions or reals as an array of heyoka.real, each the nearest at the precision."""
    hy = heyoka_module()

    def real(number: Any) -> Any:
        if isinstance(number, hy.real):
            return hy.real(number, bits)
        with precision(bits + 10):
            plain = number.item() if isinstance(number, np.generic) else number
            return hy.real(ball(Fraction(plain)).str(_digits(bits + 10), radius=False), bits)

    return np.array([real(number) for number in numbers])


def balls(matrix: np.ndarray, bits: int) -> arb_mat:
    """A matrix of heyoka.real, or of float64, as an Arb matrix; exact up to one rounding at the precision."""
    rows, columns = matrix.shape
    with precision(bits):
        return arb_mat(rows, columns, [_midpoint(number) for number in matrix.ravel()])


def _midpoint(number: Any) -> arb:
    return arb(float(number)) if isinstance(number, float) else arb(str(number)).mid()


def rounded(matrix: arb_mat) -> np.ndarray:
    """Midpoints in float64."""
    return np.array([[float(matrix[i, j].mid()) for j in range(matrix.ncols())] for i in range(matrix.nrows())])


def exact_layers(layers: Sequence[np.ndarray]) -> list[Any]:
    """The entries of all layers in one list."""
    return [entry for layer in layers for entry in np.asarray(layer).ravel()]
