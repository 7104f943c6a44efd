"""Reaching B_r: catches an event of the wrong columns, a decay that is not exact, and counts that change."""

import itertools

import numpy as np
import pytest

from numerics.factorization import MatrixCompletion
from numerics.initialization import gaussian_layers, layer_shapes
from numerics.low_rank_region import Region, quadratic
from numerics.reachability import Arrivals, arrivals, fullest_share

REGION = Region(1, 1.0, 0.2, 100.0, quadratic(0.1))


@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (3, 2)])
def test_the_fullest_lines_hold_their_share_of_every_mask(shape: tuple[int, int]) -> None:
    size = shape[0] * shape[1]
    for bits in itertools.product((False, True), repeat=size):
        mask = np.array(bits).reshape(shape)
        for rank in range(1, min(shape) + 1):
            held, total = fullest_share(mask, rank)
            assert held * min(shape) >= rank * total


def chains(steps: int, seed: int = 1, count: int = 400) -> Arrivals:
    problem = MatrixCompletion(np.array([[1, 0], [1, 1]]), np.array([[1.0, 0.0], [0.25, 1.0]]))
    layers = gaussian_layers(layer_shapes(2, 2, 3, 2), 1.0, seed=3)
    return arrivals(problem, layers, REGION, steps=steps, eta=0.05, weight_decay=0.2, count=count, seed=seed)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_event_has_the_share_of_its_column_to_the_power_of_steps(steps: int) -> None:
    found = chains(steps)
    expected = (2 / 3) ** steps
    assert abs(found.events / found.count - expected) < 5 * np.sqrt(expected * (1 - expected) / found.count)
    assert found.column_error < 1e-13


def test_chains_are_given_by_their_seed() -> None:
    assert chains(3, count=20) == chains(3, count=20)
    assert chains(3, count=20) != chains(3, seed=2, count=20)


def test_many_steps_of_strong_decay_end_in_the_region_and_none_do_at_once() -> None:
    problem = MatrixCompletion(np.ones((2, 2)), np.ones((2, 2)))
    layers = gaussian_layers(layer_shapes(2, 2, 3, 2), 1.0, seed=3)
    found = [
        arrivals(problem, layers, REGION, steps=steps, eta=0.1, weight_decay=2.0, count=10, seed=0).inside
        for steps in (1, 60)
    ]
    assert found == [0, 10]
