"""The defect of a piece: how far the polynomial is from satisfying the flow's equation, enclosed over the whole step.

Definitions
    For a piece p(s) of length h the defect in units of the step is delta(s) = p'(s) + h grad E(p(s)), s in [0, 1]: a
    polynomial of degree (2L - 1) N. With its coefficients d_k of one entry, |delta(s)| <= sum_k |d_k| there. So
    |theta - p| grows by the defect by at most the Frobenius norm of these sums.
Rigorous throughout
    All coefficients are computed as balls, none is estimated; rounding is enclosed by Arb.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb, arb_poly, fmpz_poly

from numerics.balls import ball
from numerics.certified_flow.pieces import Piece
from numerics.factorization import MatrixCompletion

#: Layers as arrays of balls or of polynomials with ball coefficients.
Entries = Sequence[np.ndarray]

#: Coefficients below 2^this are rounded to one unit; larger ones keep the relative precision.
_HEADROOM_BITS = 8


def loss_gradient(
    problem: MatrixCompletion, layers: Entries, simplified: Callable[[np.ndarray], np.ndarray] = lambda matrix: matrix
) -> list[np.ndarray]:
    """grad E per layer, for layers with entries in any ring over the balls; exact up to enclosed rounding.

    `simplified` may replace every product on the way by an enclosure of it.
    """
    prefixes = [layers[0]]
    for layer in layers[1:]:
        prefixes.append(simplified(layer @ prefixes[-1]))
    back = observed_residual(problem, prefixes[-1]) * ball(problem.exact_weight)
    gradients = []
    for index in range(len(layers) - 1, 0, -1):
        gradients.append(back @ prefixes[index - 1].T)
        back = simplified(layers[index].T @ back)
    return [back, *reversed(gradients)]


def at_fixed_point(matrix: np.ndarray) -> np.ndarray:
    """The same polynomials with all coefficients rounded to one absolute unit, the rounding enclosed.

    Adding and subtracting a number above every coefficient does that; digits below the unit, which products of the
    highest coefficients consist of, would cost most of the time and decide nothing.
    """
    longest = max((len(entry) for entry in matrix.ravel()), default=0)
    pad = arb_poly([arb(2) ** _HEADROOM_BITS] * longest)
    return object_matrix([[(entry + pad) - pad for entry in row] for row in matrix])


def observed_residual(problem: MatrixCompletion, product: np.ndarray) -> np.ndarray:
    """R = mask * (W - W*) with exact targets, entries in the ring of the product's."""
    found = product * 0
    for place, target in zip(problem.observed, problem.exact_targets, strict=True):
        found[place] = product[place] - ball(target)
    return found


def polynomials(piece: Piece) -> list[np.ndarray]:
    """p as polynomials in s with exact ball coefficients, per layer a matrix."""
    unit = arb(2) ** -piece.bits
    return [
        object_matrix([[arb_poly(fmpz_poly([int(c) for c in series])) * unit for series in row] for row in layer])
        for layer in piece.layers
    ]


def defect(problem: MatrixCompletion, piece: Piece) -> list[np.ndarray]:
    """delta as polynomials in s with ball coefficients, per layer a matrix."""
    layers, length = polynomials(piece), ball(piece.length)
    return [
        object_matrix(
            [
                [p.derivative() + g * length for p, g in zip(*rows, strict=True)]
                for rows in zip(layer, gradient, strict=True)
            ]
        )
        for layer, gradient in zip(layers, loss_gradient(problem, layers, at_fixed_point), strict=True)
    ]


def defect_bound(problem: MatrixCompletion, piece: Piece) -> arb:
    """An upper bound of |delta(s)|_F over s in [0, 1]."""
    sums = (sum_of_sizes(entry) for layer in defect(problem, piece) for entry in layer.ravel())
    return sum((size * size for size in sums), arb(0)).sqrt().upper()


def defect_at_end(problem: MatrixCompletion, piece: Piece) -> arb:
    """|delta(1)|_F as a ball, from p(1) and p'(1) directly: what any true bound over the step must exceed."""
    unit = arb(2) ** -piece.bits
    layers = [np.array([[int(entry) * unit for entry in row] for row in layer]) for layer in piece.end_state]
    total = arb(0)
    for series, gradient in zip(piece.layers, loss_gradient(problem, layers), strict=True):
        slopes = [sum(k * c for k, c in enumerate(one)) for row in series for one in row]
        for slope, entry in zip(slopes, gradient.ravel(), strict=True):
            error = int(slope) * unit + entry * ball(piece.length)
            total += error * error
    return total.nonnegative_part().sqrt()


def sum_of_sizes(polynomial: arb_poly) -> arb:
    """An upper bound of |p(s)| over |s| <= 1."""
    return sum((abs(c) for c in polynomial.coeffs()), arb(0)).upper()


def object_matrix(rows: list[list[Any]]) -> np.ndarray:
    """An object array; numpy would otherwise take polynomials for sequences."""
    found = np.empty((len(rows), len(rows[0])), dtype=object)
    for i, row in enumerate(rows):
        for j, entry in enumerate(row):
            found[i, j] = entry
    return found
