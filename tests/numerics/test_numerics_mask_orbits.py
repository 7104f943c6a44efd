"""Orbits of masks: catches a pattern counted twice or left out, and a move that joins patterns which differ."""

from collections import Counter
from fractions import Fraction
from itertools import permutations, product
from math import factorial

import numpy as np
import pytest

from numerics.coupling import connectivity
from numerics.errors import ArgumentError
from numerics.mask_orbits import mask_of, orbit_labels, orbits


def moved(mask: np.ndarray) -> set[bytes]:
    """All images of a mask, by listing every pair of permutations and both transpositions."""
    return {
        one[list(rows)][:, list(columns)].tobytes()
        for one in (mask, mask.T.copy())
        for rows, columns in product(permutations(range(len(mask))), repeat=2)
    }


def burnside(size: int) -> Fraction:
    """The number of orbits: the mean number of masks that a move leaves alone, 2^(cycles of the move on the places)."""
    places = np.arange(size * size).reshape(size, size)
    fixed = 0
    for rows, columns in product(permutations(range(size)), repeat=2):
        for one in (places, places.T):
            image = one[list(rows)][:, list(columns)].ravel()
            seen: set[int] = set()
            cycles = 0
            for place in range(size * size):
                cycles += place not in seen
                while place not in seen:
                    seen.add(place)
                    place = int(image[place])
            fixed += 2**cycles
    return Fraction(fixed, 2 * factorial(size) ** 2)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_there_are_as_many_orbits_as_burnside_counts_and_their_sizes_add_up(size: int) -> None:
    found = orbits(size)
    # The empty mask is an orbit, too, but no problem.
    assert len(found) + 1 == burnside(size)
    assert sum(orbit.size for orbit in found) + 1 == 2 ** (size * size)


@pytest.mark.parametrize("size", [2, 3])
def test_orbits_are_those_of_all_moves(size: int) -> None:
    masks = [mask_of(number, size) for number in range(2 ** (size * size))]
    label = orbit_labels(size)
    sizes = Counter(label.tolist())
    for number, mask in enumerate(masks):
        images = moved(mask)
        assert len(images) == sizes[label[number]]
        others = {masks[other].tobytes() for other in np.flatnonzero(label == label[number])}
        assert images == others


def test_connectivity_is_that_of_the_orbit() -> None:
    connected = {number: connectivity(mask_of(number, 3)).connected for number in range(1, 512)}
    weighted = sum(orbit.size for orbit in orbits(3) if connectivity(orbit.mask).connected)
    assert weighted == sum(connected.values())
    label = orbit_labels(3)
    for orbit in orbits(3):
        assert {connected[int(other)] for other in np.flatnonzero(label == label[orbit.number])} == {
            connectivity(orbit.mask).connected
        }


def test_the_representative_is_the_smallest_number_of_its_orbit() -> None:
    label = orbit_labels(3)
    for orbit in orbits(3):
        assert orbit.number == np.flatnonzero(label == label[orbit.number]).min()
        assert np.array_equal(orbit.mask, mask_of(orbit.number, 3))


@pytest.mark.parametrize("size", [0, 5, "many"])
def test_sizes_that_cannot_be_listed_are_refused(size: object) -> None:
    with pytest.raises(ArgumentError, match="size"):
        orbits(size)  # type: ignore[arg-type]
