"""Reaching B_r: catches an event of the wrong columns, a decay that is not exact, and counts that change."""

import itertools

import numpy as np
import pytest

from numerics import reachability
from numerics.factorization import MatrixCompletion
from numerics.initialization import balanced_layers, gaussian_layers, layer_shapes
from numerics.low_rank_region import Region, inside, quadratic
from numerics.reachability import Arrivals, arrivals, fullest_share
from numerics.sgd import sgd_step

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


def test_the_chains_inside_have_the_share_of_all_sequences_that_lead_there() -> None:
    """Two steps, three entries: nine sequences, equally likely; here the bound on the size tells them apart."""
    problem = MatrixCompletion(np.array([[1, 0], [1, 1]]), np.array([[1.0, 0.0], [0.25, 1.0]]))
    layers = balanced_layers(np.array([[0.6, 0.3], [-0.2, 0.5]]), layer_shapes(2, 2, 3, 2), seed=3)
    region = Region(1, 1.0, 1.5, 1.15, quadratic(0.1))
    leads = []
    for drawn in itertools.product(problem.observed, repeat=2):
        now = list(layers)
        for entry in drawn:
            now = sgd_step(now, entry, float(problem.targets[entry]), 0.2, 0.2)
        leads.append(inside(now, region))
    share = sum(leads) / len(leads)
    assert 0 < share < 1
    found = arrivals(problem, layers, region, steps=2, eta=0.2, weight_decay=0.2, count=400, seed=5)
    assert abs(found.inside / 400 - share) < 5 * np.sqrt(share * (1 - share) / 400)


#: One observed entry, so that the steps are given, and balanced layers, which these steps put out of balance.
ONE = MatrixCompletion(np.array([[1, 0], [0, 0]]), np.array([[2.0, 0.0], [0.0, 0.0]]))
BALANCED = balanced_layers(np.array([[0.6, 0.3], [-0.2, 0.5]]), layer_shapes(2, 2, 3, 2), seed=0)


def landed() -> tuple[float, list[float]]:
    """The small value that is found, and s_2(W_l^T W_l) after the steps."""
    now = list(BALANCED)
    for _ in range(3):
        now = sgd_step(now, (0, 0), 2.0, 0.3, 0.01)
    found = arrivals(ONE, BALANCED, REGION, steps=3, eta=0.3, weight_decay=0.01, count=1, seed=0)
    return found.small_value, [float(np.linalg.svd(layer, compute_uv=False)[1] ** 2) for layer in now]


def test_no_layer_exceeds_the_first_by_more_than_the_imbalance_at_the_end() -> None:
    """Weyl: s_2 rises by at most |D_l| from layer to layer, so that what is left is largest at the first one."""
    found, values = landed()
    assert max(values[1:]) > values[0] + 1e-3
    assert found == pytest.approx(values[0], rel=1e-12)


def test_an_imbalance_told_too_small_would_show_in_the_small_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken off once per layer below, not more often, or no sequence of layers could refute the bound."""
    told = 0.002
    monkeypatch.setattr(reachability, "imbalance", lambda layers: np.float64(told))
    found, values = landed()
    assert values[2] - 2 * told > max(values[0], values[1] - told) + 1e-3
    assert found == pytest.approx(values[2] - 2 * told, rel=1e-12)
