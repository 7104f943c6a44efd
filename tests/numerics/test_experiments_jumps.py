"""The jumps experiment in small: catches a jump at the wrong step, a return that is unseen, a control that is not one,
and a result that depends on where its stretches end."""

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from numerics.errors import ArgumentError
from numerics.experiments import EXPERIMENTS, jumps
from numerics.sgd import at_rates, descent, followed, record, sgd
from numerics.sweep import Checkpoint

EXPERIMENT = EXPERIMENTS["jumps"]
DEFAULTS = {name: one.default for name, one in EXPERIMENT.settings.items()}
SETTINGS: dict[str, Any] = DEFAULTS | {
    "etas": [0.1, 0.6],
    "weight_decays": [0.025, 0.035],
    "eta": 0.6,
    "chains": 5,
    "steps": 4000,
    "path_steps": 4000,
    "offshoot_steps": 20_000,
}


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    points = EXPERIMENT.points(SETTINGS)
    return EXPERIMENT.dataset(SETTINGS, points, [EXPERIMENT.measure(point) for point in points])


def test_descent_stays_where_sgd_jumps_and_both_drop_beyond_the_window(found: xr.Dataset) -> None:
    inside, beyond = (found.sel(weight_decay=decay) for decay in (0.025, 0.035))
    np.testing.assert_allclose(inside["control_ratio"].sel(eta=0.6), 0.2074, atol=1e-4)
    # At a sixth of the rate it is still on its way.
    np.testing.assert_allclose(inside["control_ratio"].sel(eta=0.1), 0.2074, atol=5e-3)
    assert np.isnan(inside["jump_step"].sel(eta=0.1)).all()
    assert np.isfinite(inside["jump_step"].sel(eta=0.6)).all()
    assert (beyond["control_ratio"] < jumps.JUMPED).all()
    assert np.isfinite(beyond["jump_step"]).all()
    assert (found["highest_ratio"] < jumps.JUMPED).all()
    assert int(found["unconverged"].sum()) == int(found["missing"].sum()) == 0


def test_jumps_are_those_of_the_chains_themselves(found: xr.Dataset) -> None:
    start = jumps.warm_chains(SETTINGS, range(5))
    exact = jumps.completion(0.25)
    steps = range(3025, 7001, 25)
    records = [record(one, exact) for one in followed(start, at_rates(sgd, 0.6, 0.025), steps)]
    ratios = np.array([one.ratio for one in records])
    first = (ratios < 1e-3).argmax(axis=0)
    cell = found.sel(eta=0.6, weight_decay=0.025)
    assert cell["jump_step"].values.tolist() == [25 * (row + 1) for row in first]
    expected = [ratios[row + 1 :, chain].max() for chain, row in enumerate(first)]
    np.testing.assert_allclose(cell["highest_ratio"], expected)
    late = np.mean([one.train_error for one in records if one.step > 5000], axis=0)
    np.testing.assert_allclose(cell["late_error"], late)
    np.testing.assert_allclose(cell["control_ratio"], record(descent(start, 4000, 0.6, 0.025), exact).ratio)


def test_survival_falls_at_the_jumps_inside_its_band(found: xr.Dataset) -> None:
    cell = found.sel(eta=0.6, weight_decay=0.025)
    survival = [np.mean(cell["jump_step"].values > step) for step in found["step"].values]
    np.testing.assert_allclose(cell["survival"], survival)
    assert (found["survival_low"] <= found["survival"]).all()
    assert (found["survival"] <= found["survival_high"]).all()
    # All five stay: the interval of Clopper and Pearson ends at (0.05/2)^(1/5).
    assert float(cell["survival_low"][0]) == pytest.approx(0.025**0.2)


def test_offshoots_find_the_completion_of_rank_one_after_the_jump_and_not_before(found: xr.Dataset) -> None:
    jump = float(found["jump_step"].sel(eta=0.6, weight_decay=0.025)[0])
    after = found["offshoot_step"].values > jump
    assert after.any()
    assert not after.all()
    assert (found["offshoot_test_error"].values[after] < 0.05).all()
    early = found["offshoot_step"].values < jump / 2
    assert (found["offshoot_test_error"].values[early] > 1).all()
    at_steps = dict(zip(found["path_step"].values.tolist(), found["path_ratio"].values, strict=True))
    assert at_steps[0] > 0.1 > 1e-3 > at_steps[4000]
    np.testing.assert_allclose(found["path_control_ratio"].values[-1], 0.2074, atol=1e-3)


def test_where_stretches_end_changes_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = EXPERIMENT.points(SETTINGS)[2]
    whole = EXPERIMENT.measure(cell)
    monkeypatch.setattr(jumps, "_STRETCH", 5 * 900)
    state, states = None, 0
    while isinstance(reached := jumps.stretch(cell, state), Checkpoint):
        state, states = reached.state, states + 1
    assert states == 4
    assert json.dumps(reached) == json.dumps(whole)


def test_a_chain_depends_on_its_number_alone() -> None:
    few, many = (EXPERIMENT.points(SETTINGS | {"chains": count, "steps": 500})[1] for count in (2, 5))
    assert EXPERIMENT.measure(many)["late_error"][:2] == EXPERIMENT.measure(few)["late_error"]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"eta": 0.5}, "eta: 0.5 is not one of etas = 0.1, 0.6"),
        ({"weight_decay": 0.5}, "weight_decay: 0.5 is not one of weight_decays"),
        ({"weight_decays": [0.025, 2.0]}, "weight_decay: 2.0 is not less than 1/"),
        ({"offshoot_eta": 9e3}, "weight_decay: 0.0001 is not less than 1/"),
        ({"steps": 4001}, "steps: 4001 is not a multiple of every = 25"),
        ({"path": 5}, "path: 5 is not less than chains = 5"),
    ],
)
def test_settings_at_odds_are_one_line(changed: dict[str, Any], line: str) -> None:
    with pytest.raises(ArgumentError, match=line):
        EXPERIMENT.points(SETTINGS | changed)
