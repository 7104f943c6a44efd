"""The jumps experiment in small: catches a jump at the wrong step, a return that is unseen, a control that is not one,
and a result that depends on where its stretches end."""

import contextlib
import io
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from toy_experiments import wait_for

from numerics.errors import ArgumentError
from numerics.experiments import EXPERIMENTS, jumps
from numerics.low_rank_region import margins
from numerics.sgd import RETURNED, at_rates, descent, followed, record, sgd
from numerics.sweep import Checkpoint, Store, Workers, collected, joined, run

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


@contextlib.contextmanager
def one_thread() -> Iterator[Workers]:
    with ThreadPoolExecutor(1) as executor:
        yield Workers(executor, lambda: 1)


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
    assert (found["highest_ratio"] < RETURNED).all()
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


def test_membership_in_b_1_is_that_of_the_layers_and_comes_with_the_jump(found: xr.Dataset) -> None:
    start = jumps.warm_chains(SETTINGS, range(5))
    *_, last = followed(start, at_rates(sgd, 0.6, 0.025), [3000, 7000])
    low_rank = jumps.region(SETTINGS)
    ends = [margins([layer[chain] for layer in last.layers], low_rank) for chain in range(5)]
    expected = [min(one.balance, one.rank, one.size) >= 0 for one in ends]
    assert found["inside"].sel(eta=0.6, weight_decay=0.025).values.tolist() == expected
    np.testing.assert_allclose(
        found["path_margin"][-1], [ends[0].balance, ends[0].rank, ends[0].size], rtol=1e-9, atol=1e-12
    )
    ranks, steps = found["path_margin"].sel(condition="rank").values, found["path_step"].values
    jump = float(found["jump_step"].sel(eta=0.6, weight_decay=0.025)[0])
    # A small value of W_l^T W_l beyond a counts as one: 1 + 1 > r + eps_2.
    assert (ranks[steps < jump / 2] < 0).all()
    assert (ranks[steps > jump] > 0).all()
    # Where descent stays and no chain jumps, none comes to B_1.
    assert not found["inside"].sel(eta=0.1, weight_decay=0.025).any()


def test_how_often_chains_are_looked_at_makes_no_return() -> None:
    """With one threshold for both, chains that waver on their way down came back 166 times in records of every step."""
    cell = EXPERIMENT.points(SETTINGS | {"chains": 40, "steps": 3000})[2]
    counts = []
    for every in (1, 5, 25):
        found = EXPERIMENT.measure({**cell, "every": every})
        counts.append((np.array(found["highest"]) >= RETURNED).sum())
        assert sum(step is not None for step in found["jumped"]) > 30
    assert counts == [0, 0, 0]


def test_where_stretches_end_changes_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = EXPERIMENT.points(SETTINGS)[2]
    whole = EXPERIMENT.measure(cell)
    monkeypatch.setattr(jumps, "_STRETCH", 5 * 890)  # between two records
    state, states = None, 0
    while isinstance(reached := jumps.stretch(cell, state), Checkpoint):
        state, states = reached.state, states + 1
    assert states == 4
    assert json.dumps(reached) == json.dumps(whole)


def test_a_killed_run_goes_on_from_its_last_checkpoint_and_changes_no_byte(tmp_path: Path) -> None:
    # Two layers of width 2, the cheapest chains: 50 million steps of them are two checkpoints and a rest.
    settings = SETTINGS | {
        **{"etas": [0.6], "weight_decays": [0.025], "depth": 2, "width": 2, "path_steps": 100, "offshoot_steps": 100},
        **{"chains": 500, "steps": 100_000, "every": 10_000, "warm_up": 10},
    }
    path, undisturbed = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    script = (
        "import json, sys; from pathlib import Path; from numerics.experiments import EXPERIMENTS\n"
        "from numerics.sweep import Store, joined, process_pool, run\n"
        "one = EXPERIMENTS['jumps']\n"
        "with Store(Path(sys.argv[1]), create=True) as store, joined(store, one, json.loads(sys.argv[2])) as claims:\n"
        "    run(claims, one, lambda: process_pool(1))\n"
    )

    def states() -> list[int]:
        if not path.exists():
            return []
        with contextlib.suppress(ArgumentError), Store(path) as store:
            kept = store.rows("SELECT state FROM checkpoints")
            return [int(np.load(io.BytesIO(state))["step"]) - settings["warm_up"] for (state,) in kept]
        return []

    command = [sys.executable, "-c", script, str(path), json.dumps(settings)]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": ":".join(sys.path)}, start_new_session=True)
    try:
        wait_for(lambda: states())
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    (reached,) = states()
    assert reached % 40_000 == 0
    assert 0 < reached < settings["steps"]
    begun: list[int] = []

    def counted(parameters: Any, state: bytes | None) -> Any:
        if "path" not in parameters:
            begun.append(0 if state is None else int(np.load(io.BytesIO(state))["step"]) - settings["warm_up"])
        return jumps.stretch(parameters, state)

    with Store(path) as store, joined(store, EXPERIMENT, settings) as claims:
        run(claims, replace(EXPERIMENT, stretch=counted), one_thread)
        resumed = collected(store, EXPERIMENT)
    assert begun == list(range(reached, settings["steps"], 40_000))
    with Store(undisturbed, create=True) as store, joined(store, EXPERIMENT, settings) as claims:
        run(claims, EXPERIMENT, one_thread)
        assert resumed.to_netcdf(engine="scipy") == collected(store, EXPERIMENT).to_netcdf(engine="scipy")


def test_a_chain_depends_on_its_number_alone() -> None:
    few, many = (EXPERIMENT.points(SETTINGS | {"chains": count, "steps": 500})[1] for count in (2, 5))
    assert EXPERIMENT.measure(many)["late_error"][:2] == EXPERIMENT.measure(few)["late_error"]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"eta": 0.5}, "eta: 0.5 is not one of etas = 0.1, 0.6"),
        ({"weight_decay": 0.5}, "weight_decay: 0.5 is not one of weight_decays"),
        ({"weight_decays": [0.025, 2.0]}, "weight_decays: 2.0 is not less than 1/.* with etas = 0.6"),
        ({"offshoot_eta": 9e3}, "offshoot_weight_decay: 0.0001 is not less than 1/.* with offshoot_eta = 9000"),
        ({"entry": 1e-300}, "entry: 1e-300 is not within 0.001 and 1000"),
        ({"steps": 4001}, "steps: 4001 is not a multiple of every = 25"),
        ({"path": 5}, "path: 5 is not less than chains = 5"),
    ],
)
def test_settings_at_odds_are_one_line(changed: dict[str, Any], line: str) -> None:
    with pytest.raises(ArgumentError, match=line):
        EXPERIMENT.points(SETTINGS | changed)


def test_in_the_stated_setting_all_chains_jump_none_returns_and_the_median_fits() -> None:
    """64 of 64, and a median of 4,275 steps, were measured elsewhere with other random numbers."""
    rates = {"etas": [0.4], "weight_decays": [0.025], "eta": 0.4, "weight_decay": 0.025}
    _, cell = EXPERIMENT.points(DEFAULTS | rates)
    assert (cell["chains"], cell["steps"], cell["depth"], cell["width"], cell["warm_up"]) == (64, 60_000, 3, 10, 3_000)
    found = EXPERIMENT.measure(cell)
    times = np.sort([math.inf if step is None else step for step in found["jumped"]])
    assert np.isfinite(times).all()
    assert max(found["highest"]) < RETURNED
    assert min(found["control_ratio"]) == pytest.approx(0.207, abs=1e-3)
    # Both medians are of 64 draws: their difference has twice the variance of one. So much is 99% for the difference.
    ranks = 32 + np.array([-1, 1]) * 2.576 * math.sqrt(2 * 64) / 2
    low, high = times[math.floor(ranks[0])], times[math.ceil(ranks[1])]
    assert low < 4275 < high
    assert high - low < 6000
