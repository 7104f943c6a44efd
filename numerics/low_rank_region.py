"""B_r, the region of layers that are nearly balanced, nearly of rank r, and bounded; its three margins in float64.

Definitions
    theta = (W_1, ..., W_L) is in B_r when for all l
        balance: |W_l^T W_l - W_(l-1) W_(l-1)^T|_F^2 <= eps_1 (l >= 2);
        rank: sum_i f_a(s_i(W_l^T W_l)) <= r + eps_2;
        size: |W_l|_F^2 <= C.
    profile f_a: concave and increasing with f_a(0) = 0 and f_a(x) = 1 for x > a.
    margin: a bound minus its quantity, the smallest over l; at least 0 in the region.
Source
    Wang & Jacot 2024, slides, definition of B_r. The slides ask for "some mild assumptions" more on f_a, which they do
    not state; the profiles here are of our own choice.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from numerics.errors import ArgumentError
from numerics.exact import integer
from numerics.factorization import Layers

_SAMPLES = 4_097
_BEYOND = np.concatenate([np.linspace(1, 4, 3_001), np.geomspace(4, 1e9, 1_000)])
#: Beyond these, floats cannot hold slopes of size 1/a.
_SMALLEST, _LARGEST = 1e-100, 1e100
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Profile:
    """f_a and its derivative, as functions of float64 arrays of x >= 0.

    Built only if no sample contradicts that f_a is concave and increasing with finite slopes, 0 at 0, 1 from a on, with
    this derivative where it has one: a check at thousands of points of [0, a] and beyond, not a proof. Raises
    ArgumentError, also for an a outside 1e-100 and 1e100.
    """

    name: str
    a: float
    value: Callable[[np.ndarray], np.ndarray]
    derivative: Callable[[np.ndarray], np.ndarray]

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", _positive("a", self.a))
        if not _SMALLEST <= self.a <= _LARGEST:
            raise ArgumentError("a", self.a, f"within {_SMALLEST:g} and {_LARGEST:g}")
        if fault := _fault(self):
            raise ArgumentError("profile", self.name, f"admissible: {fault}")


def quadratic(a: float) -> Profile:
    """1 - (1 - x/a)^2 up to a, 1 beyond: once continuously differentiable. Raises ArgumentError unless a > 0."""
    return _power("quadratic", a, 2)


def cubic(a: float) -> Profile:
    """1 - (1 - x/a)^3 up to a, 1 beyond: twice continuously differentiable. Raises ArgumentError unless a > 0."""
    return _power("cubic", a, 3)


@dataclass(frozen=True)
class Region:
    """B_r: r = `rank`, tolerances eps_1 and eps_2 > 0, C = `bound` > 0, f_a = `profile`. Raises ArgumentError."""

    rank: int
    eps_1: float
    eps_2: float
    bound: float
    profile: Profile

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", integer("rank", self.rank, minimum=0))
        for name in ("eps_1", "eps_2", "bound"):
            object.__setattr__(self, name, _positive(name, getattr(self, name)))
        if not isinstance(self.profile, Profile):
            raise ArgumentError("profile", self.profile, "a Profile, as quadratic(a) makes one")


@dataclass(frozen=True)
class Margins:
    """How much room each condition of B_r leaves; negative where it is violated."""

    balance: float
    rank: float
    size: float


def margins(layers: Layers, region: Region) -> Margins:
    """The three margins of W_1, ..., W_L; a single layer has balance eps_1, for there is nothing to balance.

    Rounding is some 1e-16 times the squares of the layers. Raises ArgumentError for layers that are no chain of
    matrices, and for a rank above the smallest width.
    """
    shapes = [np.shape(layer) for layer in layers]
    if any(len(shape) != 2 for shape in shapes):
        raise ArgumentError("layers", f"a list of shapes {shapes}", "a list of matrices")
    return Margins(*(float(margin) for margin in stacked_margins(layers, region)))


def inside(layers: Layers, region: Region) -> bool:
    """Whether the layers are in B_r, as far as floats tell. Raises as `margins` does."""
    found = margins(layers, region)
    return all(one >= 0 for one in (found.balance, found.rank, found.size))


def stacked_margins(layers: Layers, region: Region) -> np.ndarray:
    """Margins of balance, rank and size (..., 3) of many networks at once; layer l has the shape (..., d_l, d_(l-1)).

    Raises as `margins` does.
    """
    _check(layers, region)
    balance = np.full(layers[0].shape[:-2], region.eps_1)
    for before, after in pairwise(layers):
        defect = _transposed(after) @ after - before @ _transposed(before)
        balance = np.minimum(balance, region.eps_1 - np.sum(defect**2, axis=(-2, -1)))
    sizes = [np.sum(layer**2, axis=(-2, -1)) for layer in layers]
    ranks = [region.profile.value(np.linalg.svd(layer, compute_uv=False) ** 2).sum(axis=-1) for layer in layers]
    rank = region.rank + region.eps_2 - np.max(ranks, axis=0)
    return np.stack([balance, rank, region.bound - np.max(sizes, axis=0)], axis=-1)


def imbalance(layers: Layers) -> np.ndarray:
    """The largest |W_l^T W_l - W_(l-1) W_(l-1)^T|_F over l >= 2, 0 for one layer; of stacked layers, one each."""
    found = np.zeros(layers[0].shape[:-2])
    for before, after in pairwise(layers):
        defect = _transposed(after) @ after - before @ _transposed(before)
        found = np.maximum(found, np.sqrt(np.sum(defect**2, axis=(-2, -1))))
    return found


def _power(name: str, a: float, power: int) -> Profile:
    scale = _positive("a", a)

    def left(x: np.ndarray) -> np.ndarray:
        return np.clip(1 - np.asarray(x, dtype=float) / scale, 0.0, 1.0)

    return Profile(name, scale, lambda x: 1 - left(x) ** power, lambda x: power / scale * left(x) ** (power - 1))


def _fault(profile: Profile) -> str:
    """What a sample contradicts; empty when none does."""
    grid, beyond = np.linspace(0.0, profile.a, _SAMPLES), profile.a * _BEYOND
    try:
        with np.errstate(all="ignore"):
            (values, slopes), (later, last) = (
                [np.asarray(read(place), dtype=float) for read in (profile.value, profile.derivative)]
                for place in (grid, beyond)
            )
    except Exception as error:  # a function of the user's may fail in any way
        return f"it and its derivative take arrays, and do not raise {type(error).__name__}: {error}"
    if any(
        one.shape != place.shape
        for place, found in ((grid, (values, slopes)), (beyond, (later, last)))
        for one in found
    ):
        return "it and its derivative take arrays and return arrays of the same shape"
    if not all(np.isfinite(one).all() for one in (values, slopes, later, last)):
        return "it is finite, and so is its derivative"
    if abs(values[0]) > _ROUNDING:
        return f"it is 0 at 0, not {values[0]:.6g}"
    if (off := np.abs(later - 1)).max() > _ROUNDING:
        return f"it is 1 from a on, not {later[off.argmax()]:.6g} at {beyond[off.argmax()]:.6g}"
    secants = np.diff(values) * ((_SAMPLES - 1) / profile.a)
    # Slopes are of size 1/a, and differences of values lose as many digits as there are samples.
    slack = _ROUNDING * _SAMPLES / profile.a
    if (secants < -slack).any():
        return f"it increases, not falls after {grid[int(secants.argmin())]:.6g}"
    if (np.diff(secants) > slack).any():
        return f"it is concave, not convex at {grid[int(np.diff(secants).argmax()) + 1]:.6g}"
    # At a itself the slopes to both sides may differ.
    low, high = np.append(slopes[1:-1], 0.0), slopes[:-1]
    if (wrong := (secants > high + slack) | (secants < low - slack)).any():
        return f"its derivative, not another function, is given; see {grid[int(wrong.argmax())]:.6g}"
    if np.abs(last[1:]).max() * profile.a > _ROUNDING:
        return "its derivative is 0 beyond a"
    return ""


def _check(layers: Layers, region: Region) -> None:
    shapes = [np.shape(layer) for layer in layers]
    if not shapes or any(len(shape) < 2 or min(shape[-2:]) < 1 for shape in shapes):
        raise ArgumentError("layers", f"a list of shapes {shapes}", "a list of at least one matrix")
    if any(after[-1] != before[-2] or after[:-2] != before[:-2] for before, after in pairwise(shapes)):
        raise ArgumentError("layers", f"a list of shapes {shapes}", "a chain W_1, ..., W_L")
    if not all(np.isfinite(layer).all() for layer in layers):
        raise ArgumentError("layers", "a list with nan or inf entries", "finite")
    smallest = min(side for shape in shapes for side in shape[-2:])
    if region.rank > smallest:
        raise ArgumentError("rank", region.rank, f"at most {smallest}, the smallest width of the layers")


def _transposed(layer: np.ndarray) -> np.ndarray:
    return np.swapaxes(layer, -1, -2)


def _positive(name: str, value: float) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not (math.isfinite(found) and found > 0):
        raise ArgumentError(name, value, "a positive number")
    return found
