"""Taylor polynomials of the flow in fixed-point integers: the exact pieces around which everything is enclosed.

Definitions
    A piece is a polynomial p(s), s in [0, 1], that stands for the layers at the time start + s * length. Its
    coefficients are integers times the unit 2^-bits: they are exact by definition, and so is the end p(1), from which
    the next piece starts. Nothing here is rigorous as an approximation of the flow, and nothing needs to be: what p
    misses of the flow is its defect, which `numerics.certified_flow.defect` encloses.
Implementation notes
    Coefficient k of a product of matrix series is one convolution; as a sum of products of big integers it takes a
    tenth of a microsecond per term with gmpy2. Time is scaled by a power of two near the step, so that the
    coefficients of fixed point lose no digits; the step itself is chosen afterwards, from their size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul
from typing import Any

import numpy as np
from flint import arb
from gmpy2 import mpz

from numerics.balls import ball
from numerics.factorization import MatrixCompletion

#: Coefficients c_0, ..., c_N of one entry, in units of 2^-bits.
Series = list[Any]
#: One layer, or a product of layers, as a matrix of series.
MatrixSeries = list[list[Series]]

#: Steps are this fraction of the power of two by which time is scaled, or a multiple of it.
_FINENESS = 6
#: The step is shortened by this much against what the last coefficients allow, for what they do not show.
_CAUTION = 0.9


@dataclass(frozen=True)
class Piece:
    """One polynomial piece: exact times, unit 2^-bits, and per layer a matrix of integer coefficient lists."""

    start: Fraction
    length: Fraction
    bits: int
    layers: list[MatrixSeries]

    @property
    def end(self) -> Fraction:
        """The time at which the next piece starts."""
        return self.start + self.length

    @property
    def start_state(self) -> list[list[list[int]]]:
        """p(0), as `end_state`."""
        return [[[series[0] for series in row] for row in layer] for layer in self.layers]

    @property
    def end_state(self) -> list[list[list[int]]]:
        """p(1), per layer a matrix of integers in units of 2^-bits; exact."""
        return [[[sum(series) for series in row] for row in layer] for layer in self.layers]

    def at(self, fraction: Any) -> list[np.ndarray]:
        """p(fraction) as arrays of balls, for a ball or exact number in [0, 1]; rounding is enclosed."""
        point, unit = ball(fraction), arb(2) ** -self.bits
        return [np.array([[_horner(series, point) * unit for series in row] for row in layer]) for layer in self.layers]

    def floats(self) -> list[np.ndarray]:
        """The coefficients in float64, per layer (order + 1, rows, columns); each is correctly rounded to one ulp."""
        return [
            np.moveaxis(np.array([[[_float(c, self.bits) for c in series] for series in row] for row in layer]), 2, 0)
            for layer in self.layers
        ]


def _horner(series: Series, point: arb) -> arb:
    value = arb(0)
    for coefficient in reversed(series):
        value = value * point + arb(int(coefficient))
    return value


def _float(coefficient: Any, bits: int) -> float:
    """coefficient * 2^-bits, with a relative error of at most 2^-52."""
    excess = int(coefficient).bit_length() - 64
    if excess > 0:
        return math.ldexp(float(coefficient >> excess), excess - bits)
    return math.ldexp(float(coefficient), -bits)


def fixed_point(number: Fraction, bits: int) -> int:
    """The nearest integer multiple of 2^-bits, as that integer."""
    return round(number * (1 << bits))


def taylor_series(
    problem: MatrixCompletion, state: Sequence[Sequence[Sequence[int]]], order: int, scale: Fraction, bits: int
) -> list[MatrixSeries]:
    """Taylor coefficients of the flow from `state` in the time t/scale, up to `order`, in units of 2^-bits.

    Heuristic: rounded downwards in every operation. The scale multiplies that rounding, so that the recurrence works
    with as many bits more as a scale above 1 has; the coefficients that come back do not.
    """
    guard = guard_bits(scale)
    bits += guard
    layers = [[[[mpz(entry) << guard] for entry in row] for row in matrix] for matrix in state]
    columns = len(layers[0][0])
    prefixes: list[MatrixSeries] = [layers[0], *[_empty(len(one), columns) for one in layers[1:]]]
    backs: list[MatrixSeries] = [_empty(len(one), columns) for one in layers]
    observed, targets = problem.observed, [fixed_point(value, bits) for value in problem.exact_targets]
    speed = problem.exact_weight * scale
    for k in range(order):
        for layer, before, product in zip(layers[1:], prefixes[:-1], prefixes[1:], strict=True):
            _append_product(product, layer, before, bits)
        _append_residual(backs[-1], prefixes[-1], observed, targets if k == 0 else [0] * len(observed))
        numerator, denominator = -speed.numerator, speed.denominator * (k + 1)
        for index in range(len(layers) - 1, 0, -1):
            gradient = _empty(len(layers[index]), len(layers[index][0]))
            _append_product(gradient, backs[index], _transposed(prefixes[index - 1]), bits)
            _append_product(backs[index - 1], _transposed(layers[index]), backs[index], bits)
            _append_scaled(layers[index], gradient, numerator, denominator)
        _append_scaled(layers[0], [[series[-1:] for series in row] for row in backs[0]], numerator, denominator)
    return [[[[c >> guard for c in series] for series in row] for row in layer] for layer in layers]


def guard_bits(scale: Fraction) -> int:
    """Binary digits of a time scale above 1, by which it amplifies the rounding of the gradient; 0 below."""
    return max(0, math.ceil(scale) - 1).bit_length()


def _empty(rows: int, columns: int) -> MatrixSeries:
    return [[[] for _ in range(columns)] for _ in range(rows)]


def _transposed(matrix: MatrixSeries) -> MatrixSeries:
    return [list(column) for column in zip(*matrix, strict=True)]


def _append_product(product: MatrixSeries, left: MatrixSeries, right: MatrixSeries, bits: int) -> None:
    """Append the next coefficient of left * right; a series without coefficients stands for zero."""
    columns = [[series[::-1] for series in column] for column in zip(*right, strict=True)]
    for row, results in zip(left, product, strict=True):
        for column, result in zip(columns, results, strict=True):
            terms = (sum(map(mul, one, other)) for one, other in zip(row, column, strict=True) if one)
            result.append(sum(terms) >> bits)


def _append_residual(
    residual: MatrixSeries, product: MatrixSeries, observed: Sequence[tuple[int, int]], targets: Sequence[int]
) -> None:
    """Append the next coefficient of W - W* at the observed entries; the others keep no coefficients."""
    for (i, j), target in zip(observed, targets, strict=True):
        residual[i][j].append(product[i][j][-1] - target)


def _append_scaled(series: MatrixSeries, derivative: MatrixSeries, numerator: int, denominator: int) -> None:
    for row, slopes in zip(series, derivative, strict=True):
        for one, slope in zip(row, slopes, strict=True):
            one.append(slope[-1] * numerator // denominator if slope else mpz(0))


def step_fraction(layers: Sequence[MatrixSeries], bits: int, tolerance: float) -> Fraction:
    """The largest step, in units of the time scale, at which the last two coefficients stay below the tolerance.

    A dyadic fraction of at most 1. Heuristic: the defect decides whether it was short enough.
    """
    order = len(layers[0][0][0]) - 1
    log_fraction = 0.0
    for k in (order - 1, order):
        size = max((abs(series[k]) for layer in layers for row in layer for series in row), default=0)
        if size:
            bits_below = math.log2(tolerance / (k + 1)) - (math.log2(int(size)) - bits)
            log_fraction = min(log_fraction, bits_below / k + math.log2(_CAUTION))
    exponent = _FINENESS - math.floor(log_fraction)
    return Fraction(math.floor(2.0 ** (log_fraction + exponent)), 2**exponent)


def piece(layers: Sequence[MatrixSeries], start: Fraction, scale: Fraction, fraction: Fraction, bits: int) -> Piece:
    """The piece of length fraction * scale with these coefficients, its time scaled to [0, 1]."""
    order = len(layers[0][0][0]) - 1
    shift, factor = fraction.denominator.bit_length() - 1, fraction.numerator
    if fraction.denominator != 1 << shift:
        raise ArithmeticError(f"{fraction} is not dyadic")
    powers = [mpz(factor) ** k for k in range(order + 1)]
    scaled = [
        [
            [
                [c * power >> shift * k for k, (c, power) in enumerate(zip(series, powers, strict=True))]
                for series in row
            ]
            for row in layer
        ]
        for layer in layers
    ]
    return Piece(start, fraction * scale, bits, scaled)
