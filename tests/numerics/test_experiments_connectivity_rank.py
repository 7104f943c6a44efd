"""Figure 1: catches trials that depend on their block, a mean over trials that did not converge, and limits that are
not those of the theorems."""

import json

import numpy as np
import pytest
import xarray as xr

from numerics.errors import ArgumentError
from numerics.experiments import EXPERIMENTS
from numerics.experiments.connectivity_rank import start, truth

EXPERIMENT = EXPERIMENTS["connectivity-rank"]
SETTINGS = {"trials": 40, "depths": [2, 3], "scales": [1e-1, 1e-6], "tied": "no", "seed": 0}


def computed(**changes: object) -> xr.Dataset:
    settings = SETTINGS | changes
    points = EXPERIMENT.points(settings)
    return EXPERIMENT.dataset(settings, points, [EXPERIMENT.measure(point) for point in points])


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    return computed()


@pytest.mark.parametrize("tied", ["no", "yes"])
def test_disconnected_depth_two_is_the_closed_form_at_every_scale(tied: str) -> None:
    found = computed(depths=[2], tied=tied)
    flow = found["mean_effective_rank"].sel(mask="disconnected", depth=2)
    assert int(found["unconverged"].sum()) == 0
    np.testing.assert_allclose(flow, found["closed_form_mean"], rtol=1e-8)


def test_depth_three_falls_to_rank_one_and_disconnected_depth_two_does_not(found: xr.Dataset) -> None:
    small = found["mean_effective_rank"].sel(product_scale=1e-6)
    assert (small.sel(depth=3) < 1.005).all()
    assert small.sel(depth=2, mask="disconnected") > 1.2
    falls = found["mean_effective_rank"].sel(mask="connected", depth=2)
    assert falls.sel(product_scale=1e-6) < 1.2 < falls.sel(product_scale=1e-1)


def test_the_observed_entries_of_a_limit_are_the_truth_and_connected_rank_one_limits_are_the_truth() -> None:
    values = computed(depths=[4], scales=[1e-9], trials=10)["singular_value"].sel(mask="connected", depth=4)
    exact = np.array([np.linalg.svd(truth(0, trial), compute_uv=False) for trial in range(10)])
    np.testing.assert_allclose(values.values[0], exact, atol=1e-4)


def test_a_trial_is_the_same_in_any_block_and_any_number_of_trials() -> None:
    point = {"mask": "connected", "depth": 3, "product_scale": 1e-3, "tied": False, "seed": 0}
    whole = EXPERIMENT.measure({**point, "first": 0, "trials": 12})
    part = EXPERIMENT.measure({**point, "first": 7, "trials": 5})
    assert whole["singular_values"][7:] == part["singular_values"]
    assert whole["errors"][7:] == part["errors"]
    few, many = (EXPERIMENT.points(SETTINGS | {"trials": trials}) for trials in (100, 300))
    assert {EXPERIMENT.address(point) for point in few} <= {EXPERIMENT.address(point) for point in many}


def test_the_truth_is_the_trials_own_and_the_start_scales_with_the_product() -> None:
    assert not np.array_equal(truth(0, 1), truth(0, 2))
    assert not np.array_equal(truth(0, 1), truth(1, 1))
    one, other = start(0, 3, 3, 1.0, False), start(0, 3, 3, 1e-6, False)
    for large, small in zip(one, other, strict=True):
        np.testing.assert_allclose(small, 1e-2 * large)
    first, second, third = start(0, 3, 3, 1.0, True)
    assert np.array_equal(first, second)
    assert np.array_equal(second, third)
    assert not np.array_equal(one[0], one[1])


def test_what_did_not_converge_is_counted_and_in_no_mean_and_what_is_missing_is_neither() -> None:
    settings = SETTINGS | {"depths": [2], "scales": [1e-1], "trials": 3}
    points = EXPERIMENT.points(settings)
    assert [point["mask"] for point in points] == ["disconnected", "connected"]
    invented = {"singular_values": [[1.0, 1.0], [1.0, 0.0], [5.0, 4.0]], "errors": [1e-9, 1e-9, None]}
    found = EXPERIMENT.dataset(settings, points, [invented, None])
    first, second = (found.sel(mask=mask, depth=2, product_scale=1e-1) for mask in ("disconnected", "connected"))
    assert first["mean_effective_rank"] == pytest.approx(1.5)
    assert first["interval_low"] <= 1.5 <= first["interval_high"]
    assert (int(first["unconverged"]), int(first["missing"])) == (1, 0)
    assert np.isnan(second["mean_effective_rank"])
    assert (int(second["unconverged"]), int(second["missing"])) == (0, 3)


def test_results_are_plain_json_and_the_data_set_says_what_it_is(found: xr.Dataset, tmp_path: object) -> None:
    point = EXPERIMENT.points(SETTINGS | {"trials": 2})[0]
    assert json.loads(json.dumps(EXPERIMENT.measure(point), allow_nan=False)) == EXPERIMENT.measure(point)
    for name in [*found.data_vars, *found.coords]:
        assert found[name].attrs["long_name"]
        assert found[name].attrs["units"] == "1"
    assert "Figure 1" in found.attrs["source"]
    assert json.loads(found.attrs["settings"]) == SETTINGS
    found.to_netcdf(f"{tmp_path}/found.nc", engine="scipy")
    with xr.open_dataset(f"{tmp_path}/found.nc", engine="scipy") as stored:
        xr.testing.assert_equal(stored, found)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trials", "1"),
        ("trials", "many"),
        ("trials", "1000000000"),
        ("depths", "1"),
        ("depths", "2,2"),
        ("depths", "2,,3"),
        ("depths", "2.5"),
        ("depths", "99"),
        ("scales", "0"),
        ("scales", "-1"),
        ("scales", "nan"),
        ("scales", "1,1.0"),
        ("scales", "1e-400"),
        ("tied", "maybe"),
        ("seed", "-1"),
        ("seed", ""),
        # Beyond, random streams of different seeds would meet.
        ("seed", str(2**32)),
    ],
)
def test_a_bad_setting_names_itself(name: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=name):
        EXPERIMENT.settings[name].read(text)


def test_settings_are_read_from_text() -> None:
    read = {name: setting.read for name, setting in EXPERIMENT.settings.items()}
    assert read["trials"](" 12 ") == 12
    assert read["depths"]("3, 2") == [3, 2]
    assert read["scales"]("1, 1e-3,2/4") == [1.0, 0.001, 0.5]
    assert read["scales"]("1e-300,1000") == [1e-300, 1000.0]
    assert read["seed"](str(2**32 - 1)) == 2**32 - 1
    assert (read["tied"]("yes"), read["tied"]("no ")) == ("yes", "no")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_default_is_what_its_text_reads_as(name: str) -> None:
    for key, setting in EXPERIMENTS[name].settings.items():
        text = ",".join(map(str, setting.default)) if isinstance(setting.default, list) else str(setting.default)
        assert setting.read(text) == setting.default, key
