"""All masks of a size up to permutations of rows, of columns, and transposition.

Why orbits suffice
    A permutation or transposition of the truth and of the layers permutes or transposes the whole flow, and leaves the
    distribution of independent Gaussian entries alone. So every mask of an orbit has the same distribution of singular
    values at the limit, and a mean over all masks is the mean over one mask per orbit, weighted by the orbits' sizes.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from numerics.errors import ArgumentError
from numerics.exact import integer

#: Sides of masks whose 2^(side^2) patterns are listed; the next one has 33 million.
LARGEST_SIZE = 4


@dataclass(frozen=True)
class Orbit:
    """One mask (size x size, boolean) for its orbit, that of the smallest number, and the number of masks in the orbit.

    The number of a mask is its rows read one after the other as a binary number, w_11 the last digit.
    """

    mask: np.ndarray
    number: int
    size: int


def mask_of(number: int, size: int) -> np.ndarray:
    """The mask (size x size, boolean) of a number."""
    return (number >> np.arange(size * size) & 1).astype(bool).reshape(size, size)


def orbits(size: int) -> list[Orbit]:
    """The orbits of all masks with at least one entry, by their smallest number. Raises ArgumentError beyond size 4."""
    size = integer("size", size, minimum=1)
    if size > LARGEST_SIZE:
        raise ArgumentError("size", size, f"at most {LARGEST_SIZE}")
    label = orbit_labels(size)
    _, representatives, counts = np.unique(label, return_index=True, return_counts=True)
    return [
        Orbit(mask_of(int(number), size), int(number), int(count))
        for number, count in sorted(zip(representatives, counts, strict=True))
        if number
    ]


def orbit_labels(size: int) -> np.ndarray:
    """For every mask by its number, a label of its orbit: two masks have the same label when one is the other moved.

    The orbits are the components of the graph that joins each mask with its images under exchanges of neighbouring
    rows and columns and under transposition, which generate all the rest.
    """
    places = np.arange(size * size).reshape(size, size)
    moves = [places.T]
    for one, other in pairwise(range(size)):
        order = np.arange(size)
        order[[one, other]] = other, one
        moves += [places[order], places[:, order]]
    numbers = np.arange(2 ** (size * size))
    images = [sum((numbers >> place & 1) << target for target, place in enumerate(move.ravel())) for move in moves]
    ends = (np.tile(numbers, len(moves)), np.concatenate(images))
    graph = coo_array((np.ones(len(ends[0]), dtype=bool), ends), shape=(len(numbers), len(numbers)))
    return connected_components(graph, directed=False)[1]
