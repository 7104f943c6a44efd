"""Steps of SGD that leave B_r: floats propose layers, balls prove that a step from them leaves.

Definitions
    C, a, eps_1, eps_2, D_l, uses: as in `numerics.absorption`.
    excess: a use after one step minus 1; positive where the step leaves B_r through that condition.
    conditions: balance, rank, size, in this order.
Implementation notes
    A rate of 1e-8 changes uses by 1e-9 of themselves, and imbalances of 1e-8 are known to floats up to 1e-8 of
    themselves: floats cannot tell whether such a step leaves. Layers are read as the exact numbers that floats are,
    scaled until balls prove that they are in B_r, and stepped in balls. So an excess whose ball is positive proves an
    escape; what no layers tried here show may exist.
Source
    Wang & Jacot 2024, arXiv:2305.16038 (slides, B_r); the constants are ours.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from flint import acb_mat, arb, arb_mat

from numerics.absorption import balanced_layers, grown, moved
from numerics.balls import precision
from numerics.errors import ArgumentError
from numerics.initialization import Shape
from numerics.low_rank_region import Region
from numerics.sgd import check_rates, sgd_step

CONDITIONS = ("balance", "rank", "size")

_BITS = 256
#: How far inside B_r layers are scaled, as powers of 2: the first that balls prove to be enough.
_INSIDE = range(120, 0, -8)
_ITERATIONS = 40
#: Below this share of C, rounding of an imbalance might count.
_LEAST = 1e-6
#: Noise may be 0, which has no logarithm.
_TINY = 1e-300

Entry = tuple[tuple[int, int], float]
Ball = Any  # flint publishes no types


def steered_layers(entries: Sequence[Entry], region: Region, shapes: Sequence[Shape], *, seed: int) -> list[np.ndarray]:
    """Layers with |D_l|_F = sqrt(eps_1), up to rounding, where one step's noise in D_l points along D_l itself.

    Balanced layers by the seed, turned to where SLSQP finds that noise largest, for the entry and the l at which it
    was largest before; then moved against balance along it.
    """
    from scipy.optimize import minimize  # only this needs it

    balanced = grown(balanced_layers(region, shapes, np.random.default_rng(seed)), region)
    # As much less as D_l takes, so that it is the imbalance that meets its bound.
    less = 1 - max(_LEAST, float(np.sqrt(region.eps_1)) / region.bound)
    layers = [less * layer for layer in balanced]
    choices = [(entry, number) for entry in entries for number in range(len(layers) - 1)]
    entry, number = max(choices, key=lambda one: float(np.linalg.norm(_noise(layers, *one))))
    sides = [shapes[0][1], *(after for after, _ in shapes)]

    def quiet(angles: np.ndarray) -> float:
        return -float(np.log(np.linalg.norm(_noise(_turned(layers, angles), entry, number)) + _TINY))

    start = np.zeros(sum(side * (side - 1) // 2 for side in sides))
    layers = _turned(layers, minimize(quiet, start, method="SLSQP", options={"maxiter": _ITERATIONS}).x)
    noise = _noise(layers, entry, number)
    along = [np.zeros(shape) for shape in shapes]
    # To first order this moves D_l along the noise, for there W_{l+1}^T W_{l+1} = W_l W_l^T.
    along[number], along[number + 1] = -noise @ layers[number], layers[number + 1] @ noise
    return moved(layers, along, float(np.sqrt(region.eps_1)))


def _noise(layers: Sequence[np.ndarray], entry: Entry, number: int) -> np.ndarray:
    """e^2 (G_{l+1}^T G_{l+1} - G_l G_l^T): what a step adds to D_l, over eta^2; `number` is l, counted from 0."""
    stepped = sgd_step(layers, *entry, 1.0, 0.0)
    lower, upper = (stepped[place] - layers[place] for place in (number, number + 1))
    return upper.T @ upper - lower @ lower.T


def _turned(layers: Sequence[np.ndarray], angles: np.ndarray) -> list[np.ndarray]:
    """Q_l W_l Q_{l-1}^T for rotations Q_l by Cayley's formula: as balanced, with the same singular values."""
    sides = [layers[0].shape[1], *(len(layer) for layer in layers)]
    rotations = []
    for part, side in zip(
        np.split(angles, np.cumsum([side * (side - 1) // 2 for side in sides])[:-1]), sides, strict=True
    ):
        skew = np.zeros((side, side))
        skew[np.triu_indices(side, 1)] = part
        skew -= skew.T
        rotations.append(np.linalg.solve(np.eye(side) + skew, np.eye(side) - skew))
    return [after @ layer @ before.T for layer, (before, after) in zip(layers, pairwise(rotations), strict=True)]


def excess(
    layers: Sequence[np.ndarray], entries: Sequence[Entry], region: Region, eta: float, weight_decay: float
) -> list[list[Ball]]:
    """Balls of the uses after one step minus 1, per entry and condition, from the layers scaled onto B_r's boundary.

    Rigorous for every point in the balls of the scaled layers, all of which are in B_r. Raises ArgumentError for a
    profile other than the quadratic one, for rates out of range, and for layers that are 0 or not next to B_r.
    """
    check_rates(eta, weight_decay)
    if region.profile.name != "quadratic":
        raise ArgumentError("profile", region.profile.name, "quadratic: the balls know no other")
    with precision(_BITS):
        start = _inside([_matrix(layer) for layer in layers], region)
        return [
            [use - 1 for use in _uses(_stepped(start, place, value, eta, weight_decay), region)]
            for place, value in entries
        ]


def _inside(layers: Sequence[Any], region: Region) -> list[Any]:
    """The layers times a number, as close to the boundary of B_r as balls can prove that they are within it."""
    largest = max(one.upper() for one in _uses(layers, region))
    if not (largest.is_finite() and largest > 0):
        raise ArgumentError("layers", "a list without a finite size", "one of finite layers that are not 0")
    for bits in _INSIDE:
        # Imbalance and size grow as the square of the number; shares grow less, and are why one try may not do.
        factor = ((1 - arb(2) ** -bits) / largest).sqrt().mid()
        scaled = [layer * factor for layer in layers]
        if all(use <= 1 for use in _uses(scaled, region)):
            return scaled
    raise ArgumentError("layers", "a list", "one next to B_r")


def _stepped(layers: Sequence[Any], place: tuple[int, int], value: float, eta: float, weight_decay: float) -> list[Any]:
    """As `numerics.sgd.sgd_step`, in balls."""
    row, column = place
    forward = [_unit(layers[0].ncols(), column)]
    for layer in layers:
        forward.append(layer * forward[-1])
    back = _unit(layers[-1].nrows(), row) * (arb(eta) * (arb(value) - forward[-1][row, 0]))
    found = []
    for layer, before in zip(reversed(layers), reversed(forward[:-1]), strict=True):
        found.append(layer * (1 - 2 * arb(eta) * arb(weight_decay)) + back * before.transpose())
        back = layer.transpose() * back
    return found[::-1]


def _uses(layers: Sequence[Any], region: Region) -> list[Ball]:
    """As `numerics.absorption.uses`, in balls."""
    defects = [_square(upper.transpose() * upper - lower * lower.transpose()) for lower, upper in pairwise(layers)]
    sums = [_shares(layer, region.profile.a) for layer in layers]
    sizes = [_square(layer) for layer in layers]
    return [
        _root(_greatest(defects) / arb(region.eps_1)),
        _greatest(sums) / (region.rank + arb(region.eps_2)),
        _greatest(sizes) / arb(region.bound),
    ]


def _shares(layer: Any, a: float) -> Ball:
    """The sum of 1 - (1 - x/a)^2, 1 beyond a, over the eigenvalues x of the smaller Gram matrix."""
    gram = layer.transpose() * layer if layer.ncols() <= layer.nrows() else layer * layer.transpose()
    short = [(1 - value.real / arb(a)).max(arb(0)) for value in acb_mat(gram).eig(multiple=True)]
    return sum((1 - one * one for one in short), arb(0))


def _square(matrix: Any) -> Ball:
    # A power of a ball around exactly 0 is nan.
    return sum((entry * entry for entry in matrix.entries()), arb(0))


def _root(number: Ball) -> Ball:
    # No sum of squares is negative, but its ball may reach below 0, where there is no root.
    return number.sqrt() if number >= 0 else arb(0).union(number.upper().sqrt())


def _greatest(balls: Sequence[Ball]) -> Ball:
    found = balls[0]
    for one in balls[1:]:
        found = found.max(one)
    return found


def _matrix(layer: np.ndarray) -> Any:
    return arb_mat(*layer.shape, [arb(float(entry)) for entry in layer.ravel()])


def _unit(size: int, number: int) -> Any:
    return arb_mat(size, 1, [int(number == place) for place in range(size)])
