"""Escapes from B_r in balls: catches a step that is not SGD's, layers outside B_r, rounding taken for an escape, and a
search that misses the worst imbalance."""

import math
from dataclasses import replace

import flint
import numpy as np
import pytest

from numerics.absorption import Setting, boundary_layers, constants, rooms, uses
from numerics.errors import ArgumentError
from numerics.escape import CONDITIONS, excess, steered_layers
from numerics.initialization import layer_shapes
from numerics.low_rank_region import Region, cubic
from numerics.sgd import sgd_step

ENTRIES = (((0, 0), 1.0), ((1, 0), 0.25), ((1, 1), 1.0))


def at(decay: float, width: int = 2) -> tuple[Setting, Region]:
    return constants(3, width, decay, 1.0, rank=1, eps_2=0.5)


@pytest.mark.parametrize("width", [2, 3])
def test_balls_and_floats_agree_where_floats_are_good(width: int) -> None:
    setting, region = at(0.8, width)
    shapes = layer_shapes(2, 2, 3, width)
    for seed in range(20):
        layers = boundary_layers(region, shapes, seed=seed)
        balls = excess(layers, ENTRIES, region, setting.eta, 0.8)
        for (place, value), row in zip(ENTRIES, balls, strict=True):
            expected = uses(sgd_step(layers, place, value, setting.eta, 0.8), region) - 1
            np.testing.assert_allclose([float(ball.mid()) for ball in row], expected, atol=1e-10)
            assert all(float(ball.rad()) < 1e-60 for ball in row)


def test_no_rounding_is_taken_for_an_escape() -> None:
    """At lambda = 0.03 and the proved rate floats see uses beyond 1; scaled into B_r, no ball does."""
    setting, region = at(0.03)
    shapes = layer_shapes(2, 2, 3, 2)
    layers = [boundary_layers(region, shapes, seed=seed) for seed in range(40)]
    seen = [uses(sgd_step(one, *entry, setting.eta, 0.03), region).max() for one in layers for entry in ENTRIES]
    assert max(seen) > 1
    for one in layers:
        for row in excess(one, ENTRIES, region, setting.eta, 0.03):
            assert all(ball < 0 for ball in row)
        outside = [(1 + 1e-6) * layer for layer in one]
        assert all(ball < 0 for row in excess(outside, ENTRIES, region, setting.eta, 0.03) for ball in row)


@pytest.mark.parametrize(("decay", "width"), [(0.0631, 2), (0.1, 3), (0.2, 2)])
def test_the_steered_search_finds_the_rate_at_which_a_network_of_rank_one_loses_balance(
    decay: float, width: int
) -> None:
    """W_l = sqrt(C) u_l u_{l-1}^T, cosines 1 and c with the entry: noise (C^(3/2) c + 1)^2 C^2 (1 - c^2) in one D_l."""
    _, region = at(decay, width)
    cosines = np.linspace(0, 1, 10_001)
    bound, delta = region.bound, math.sqrt(region.eps_1)
    noise = ((bound**1.5 * cosines + 1) ** 2 * bound**2 * (1 - cosines**2)).max()
    rate = 4 * decay * delta / noise
    shapes = layer_shapes(2, 2, 3, width)
    layers = [steered_layers(ENTRIES, region, shapes, seed=seed) for seed in range(10)]
    assert max(uses(one, region)[0] for one in layers) == pytest.approx(1, abs=1e-6)

    def escapes(eta: float) -> bool:
        return any(row[0] > 0 for one in layers for row in excess(one, ENTRIES, region, eta, decay))

    assert escapes(1.1 * rate)
    assert not escapes(0.8 * rate)


def test_where_it_is_proved_no_ball_is_positive() -> None:
    for decay in (0.1, 0.4, 1.0):
        setting, region = at(decay)
        fast = replace(setting, eta=1.9 * setting.eta)
        if min(rooms(fast, region).values()) < 0:
            fast = setting
        shapes = layer_shapes(2, 2, 3, 2)
        for seed in range(8):
            for layers in (
                boundary_layers(region, shapes, seed=seed),
                steered_layers(ENTRIES, region, shapes, seed=seed),
            ):
                assert all(ball < 0 for row in excess(layers, ENTRIES, region, fast.eta, decay) for ball in row), (
                    CONDITIONS
                )


def test_precision_outside_is_untouched_and_bad_arguments_are_named() -> None:
    setting, region = at(0.5)
    layers = boundary_layers(region, layer_shapes(2, 2, 3, 2), seed=0)
    before = flint.ctx.prec
    excess(layers, ENTRIES, region, setting.eta, 0.5)
    assert flint.ctx.prec == before
    with pytest.raises(ArgumentError, match="weight_decay"):
        excess(layers, ENTRIES, region, 1.0, 0.5)
    with pytest.raises(ArgumentError, match="profile: cubic is not quadratic"):
        excess(layers, ENTRIES, replace(region, profile=cubic(region.profile.a)), setting.eta, 0.5)
    with pytest.raises(ArgumentError, match="next to B_r"):
        excess([100 * layer for layer in layers], ENTRIES, region, setting.eta, 0.5)
    with pytest.raises(ArgumentError, match="not 0"):
        excess([0 * layer for layer in layers], ENTRIES, region, setting.eta, 0.5)
