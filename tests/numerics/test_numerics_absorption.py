"""Absorption by B_r: catches constants that prove nothing, layers off the boundary, and a search that is blind."""

import math
from dataclasses import replace

import numpy as np
import pytest

from numerics.absorption import Setting, boundary_layers, constants, rooms, searched_step, uses, worst_step
from numerics.errors import ArgumentError
from numerics.initialization import layer_shapes
from numerics.low_rank_region import Region, imbalance, inside, quadratic
from numerics.sgd import sgd_step
from theory import low_rank_region as theory
from theory.symbols import depth as depth_symbol

SHAPES = layer_shapes(2, 2, 3, 2)
ENTRIES = [((0, 0), 1.0), ((1, 0), 0.25), ((1, 1), 1.0)]


@pytest.mark.parametrize(("layers", "decay", "target"), [(3, 0.1, 1.0), (4, 0.5, 0.5), (5, 1.0, 0.3)])
def test_constants_leave_room_in_every_condition(layers: int, decay: float, target: float) -> None:
    setting, region = constants(layers, 2, decay, target, rank=1, eps_2=0.5)
    assert min(rooms(setting, region).values()) > 0
    assert rooms(replace(setting, eta=3 * setting.eta), region)["balance"] < 0 or setting.eta * decay > 0.1
    assert rooms(replace(setting, depth=2), region)["rank"] < 0


@pytest.mark.parametrize("eps_2", [0.0, 1.0, 2.0])
def test_a_tolerance_outside_the_proof_is_refused(eps_2: float) -> None:
    with pytest.raises(ArgumentError, match="eps_2"):
        constants(3, 2, 0.1, 1.0, rank=1, eps_2=eps_2)


def test_two_layers_and_a_region_too_small_are_refused() -> None:
    with pytest.raises(ArgumentError, match="layers"):
        constants(2, 2, 0.1, 1.0, rank=1, eps_2=0.5)
    with pytest.raises(ArgumentError, match="spread"):
        constants(3, 2, 0.1, 1.0, rank=1, eps_2=0.5, spread=0.5)


def test_boundary_layers_touch_each_condition() -> None:
    _, region = constants(3, 2, 0.5, 1.0, rank=1, eps_2=0.5)
    found = np.array([uses(boundary_layers(region, SHAPES, seed=seed), region) for seed in range(60)])
    assert found.max() <= 1
    assert (found.max(axis=0) > 1 - 1e-9).all()
    assert (found.max(axis=1) > 1 - 1e-9).all()


def test_no_step_leaves_where_it_is_proved_and_the_search_finds_an_exit_far_beyond() -> None:
    setting, region = constants(3, 2, 0.5, 1.0, rank=1, eps_2=0.5)
    for haste, left in ((1, False), (64, True)):
        seen = [
            searched_step(ENTRIES, region, SHAPES, haste * setting.eta, 0.5, seed=seed).after.max()
            for seed in range(12)
        ]
        assert bool(max(seen) > 1) is left


def test_without_weight_decay_the_boundary_is_crossed() -> None:
    setting, region = constants(3, 2, 0.5, 1.0, rank=1, eps_2=0.5)
    worst = [
        worst_step(boundary_layers(region, SHAPES, seed=seed), ENTRIES, region, setting.eta, 0.0).after.max()
        for seed in range(20)
    ]
    assert max(worst) > 1 + 1e-6


@pytest.mark.parametrize("bound", [2.62, 5.0, 20.0, 100.0])
def test_at_the_rates_of_the_slides_no_region_that_holds_the_solution_is_closed(bound: float) -> None:
    """eta = 0.4, lambda = 0.025: a balanced rank-1 network on the bound C is thrown beyond it by one step.

    C below 2.62 does not hold the rank-1 completion [[1, 4], [1/4, 1]], of singular value 4.25 = 2.62^(3/2).
    """
    region = Region(1, 1e-6, 0.5, bound, quadratic(1e-3))
    one = math.sqrt(bound) * np.array([[1.0, 0.0], [0.0, 0.0]])
    turned = math.sqrt(bound / 2) * np.array([[1.0, 0.0], [-1.0, 0.0]])
    layers = [0.999999 * layer for layer in (one, one, turned)]
    assert inside(layers, region)
    after = sgd_step(layers, (1, 0), 0.25, 0.4, 0.025)
    assert uses(after, region)[2] > 1


@pytest.mark.parametrize("depth", [3, 4, 5])
@pytest.mark.parametrize("decay", [0.3, 1.0])
def test_the_sum_of_shares_grows_no_more_than_the_proof_says(depth: int, decay: float) -> None:
    """Also where B_r may be left: eps_1 is larger than the proof allows, so that the bound on growth is positive."""
    setting, closed = constants(depth, 2, decay, 0.8, rank=1, eps_2=0.6)
    shapes = layer_shapes(2, 2, depth, 2)
    given = {
        depth_symbol: depth,
        theory.widest: 2,
        theory.decay: decay,
        theory.eta: setting.eta,
        theory.target: 0.8,
        theory.bound: closed.bound,
        theory.a: closed.profile.a,
    }
    growth = theory.rank_growth.subs(given)
    for factor in (1.0, 100.0):
        region = replace(closed, eps_1=factor * closed.eps_1)
        for seed in range(40):
            layers = boundary_layers(region, shapes, seed=seed)
            drift = float(imbalance(layers))
            for place, value in (((0, 0), 0.8), ((1, 0), -0.2), ((1, 1), 0.8)):
                after = sgd_step(layers, place, value, setting.eta, decay)
                for old, new in zip(layers, after, strict=True):
                    before, later = (
                        float(region.profile.value(np.linalg.svd(one, compute_uv=False) ** 2).sum())
                        for one in (old, new)
                    )
                    excess = before - math.floor(before)
                    bound = float(growth.subs({theory.root_eps_1: drift, theory.excess: excess}))
                    assert later - before <= setting.eta * bound + 1e-13


def test_the_search_finds_exits_that_its_starts_do_not_show() -> None:
    region = Region(1, 0.5, 0.5, 1.0, quadratic(0.1))
    left = []
    for seed in range(12):
        start = worst_step(boundary_layers(region, SHAPES, seed=seed), ENTRIES, region, 0.1, 0.3)
        found = searched_step(ENTRIES, region, SHAPES, 0.1, 0.3, seed=seed)
        assert start.after.max() < 1
        assert found.before.max() <= 1
        assert (found.after >= start.after).all()
        left.append(found.after.max() > 1 + 1e-3)
    assert any(left)


def test_the_worst_step_is_over_all_entries_in_any_order() -> None:
    """B_r must hold for every sampled entry, and each of them is the worst for some layers and condition."""
    region = Region(1, 0.5, 0.5, 1.0, quadratic(0.1))
    worst = set()
    for seed in range(12):
        layers = boundary_layers(region, SHAPES, seed=seed)
        alone = np.array([worst_step(layers, [entry], region, 0.3, 0.1).after for entry in ENTRIES])
        worst |= set(alone.argmax(axis=0).tolist())
        for entries in (ENTRIES, ENTRIES[::-1], ENTRIES[1:] + ENTRIES[:1]):
            assert worst_step(layers, entries, region, 0.3, 0.1).after.tolist() == alone.max(axis=0).tolist()
    assert worst == {0, 1, 2}


@pytest.mark.parametrize("bound", [2.62, 5.0, 20.0, 100.0])
def test_rates_beyond_the_curvature_leave_no_room_for_the_size(bound: float) -> None:
    """The regions of which a step at the rates of the slides leads out, above: eta C^2 exceeds 2 rho there."""
    room = rooms(Setting(3, 2, 0.025, 0.4, 0.25), Region(1, 1e-6, 0.5, bound, quadratic(1e-3)))
    assert room["size"] < 0


def test_constants_use_half_of_what_weight_decay_leaves_at_small_rates() -> None:
    """The pull of small values grows with sqrt(a), so that at four times a none is left, and beyond no proof."""
    setting, region = constants(3, 2, 0.5, 1.0, rank=1, eps_2=0.5)
    slow = replace(setting, eta=1e-9 * setting.eta)
    assert rooms(slow, region)["pull"] == pytest.approx(0.5, rel=1e-6)
    assert rooms(slow, region)["rank"] == pytest.approx(0.5, rel=1e-6)
    a = region.profile.a
    assert rooms(slow, replace(region, profile=quadratic(4 * a)))["pull"] == pytest.approx(0.0, abs=1e-6)
    beyond = rooms(slow, replace(region, profile=quadratic(5 * a)))
    assert beyond["pull"] < 0
    assert beyond["rank"] < 0


def test_the_room_of_the_rank_ends_where_the_sum_of_shares_may_grow_from_half_the_tolerance() -> None:
    """No growth from r + t, eps_2/2 <= t <= eps_2, while there is room; for small eps_2 that is nearly all it asks."""
    eps_2 = 0.01
    setting, region = constants(3, 2, 0.5, 1.0, rank=1, eps_2=eps_2)
    used_up = math.sqrt(region.eps_1) / (1 - rooms(setting, region)["rank"])
    assert rooms(setting, replace(region, eps_1=used_up**2))["rank"] == pytest.approx(0.0, abs=1e-12)
    given = {
        depth_symbol: 3,
        theory.widest: 2,
        theory.decay: 0.5,
        theory.eta: setting.eta,
        theory.target: 1.0,
        theory.bound: region.bound,
        theory.a: region.profile.a,
    }
    growth = theory.rank_growth.subs(given)
    for excess in np.linspace(eps_2 / 2, eps_2, 9):
        assert growth.subs({theory.root_eps_1: used_up, theory.excess: excess}) <= 1e-12
    assert growth.subs({theory.root_eps_1: 1.01 * used_up, theory.excess: eps_2 / 2}) > 1e-6


@pytest.mark.parametrize("eps_2", [1.0, 1.5])
def test_a_tolerance_of_a_whole_rank_has_no_proof_of_the_rank_part(eps_2: float) -> None:
    setting, region = constants(3, 2, 0.5, 1.0, rank=1, eps_2=0.5)
    found = rooms(setting, replace(region, eps_2=eps_2))
    assert (found["pull"], found["rank"]) == (-1.0, -1.0)
