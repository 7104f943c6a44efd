"""Figure 3 in small: catches an end point that is not the flow's limit, a warm start that is a cold one, and settings
that contradict each other."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from numerics.errors import ArgumentError
from numerics.experiments import EXPERIMENTS
from numerics.experiments.plasticity import problem, truth
from numerics.factorization import end_to_end
from numerics.gradient_flow import ScipyEngine, flow_limit, stiff_limit
from numerics.initialization import gaussian_layers, layer_shapes

EXPERIMENT = EXPERIMENTS["plasticity"]
SETTINGS = {
    "depths": [2, 3],
    "scales": [1e-3],
    "seeds": [0, 1, 2],
    "size": 20,
    "rank": 2,
    "before": 150,
    "after": 250,
    "tied": "no",
}


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    points = EXPERIMENT.points(SETTINGS)
    return EXPERIMENT.dataset(SETTINGS, points, [EXPERIMENT.measure(point) for point in points])


def test_the_later_entries_contain_the_earlier_ones_and_the_truth_has_its_rank() -> None:
    before, after = problem(20, 2, 120, 3), problem(20, 2, 200, 3)
    assert (int(before.mask.sum()), int(after.mask.sum())) == (120, 200)
    assert (after.mask | ~before.mask).all()
    exact = truth(20, 2, 3)
    assert np.linalg.matrix_rank(exact) == 2
    assert np.sqrt(np.mean(exact**2)) == pytest.approx(1)
    np.testing.assert_array_equal(after.targets[after.mask], exact[after.mask])


@pytest.mark.parametrize("depth", [2, 3])
def test_a_stiff_limit_is_within_its_error_of_the_flows_limit(depth: int) -> None:
    found = problem(12, 1, 60, 1)
    start = gaussian_layers(layer_shapes(12, 12, depth), 1e-2, seed=7)
    limit = stiff_limit(found, start)
    reference = flow_limit(found, start, engine=ScipyEngine("LSODA"), relative_tolerance=1e-10)
    assert reference.error < 1e-5
    assert np.linalg.norm(limit.matrix - reference.matrix) <= limit.error + reference.error
    assert limit.error < 1e-2 * np.linalg.norm(limit.matrix)
    assert limit.residual_norm <= 1e-4 * np.linalg.norm(found.targets)


def test_an_error_of_the_start_is_part_of_the_error_of_the_limit() -> None:
    found = problem(12, 1, 60, 1)
    start = gaussian_layers(layer_shapes(12, 12, 2), 1e-2, seed=7)
    nearby = [1.01 * layer for layer in start]
    limit, shifted = stiff_limit(found, start, coarse_layers=nearby), stiff_limit(found, nearby)
    assert np.linalg.norm(limit.matrix - shifted.matrix) <= limit.error + shifted.error
    assert limit.error > 3 * shifted.error
    np.testing.assert_allclose(end_to_end(limit.coarse_layers), shifted.matrix, atol=limit.error + shifted.error)


def test_a_flow_that_does_not_converge_has_no_error_estimate() -> None:
    found = problem(12, 1, 60, 1)
    start = gaussian_layers(layer_shapes(12, 12, 2), 1e-2, seed=7)
    assert np.isinf(stiff_limit(found, start, max_steps=5).error)


def test_a_warm_start_keeps_rank_at_depth_two_and_a_cold_one_or_a_deep_network_does_not(found: xr.Dataset) -> None:
    assert int(found["unconverged"].sum()) == 0
    rank = found["effective_rank"].mean("seed").sel(product_scale=1e-3)
    loss = found["reconstruction_error"].mean("seed").sel(product_scale=1e-3)
    for measured in (rank, loss):
        shallow, deep = measured.sel(depth=2), measured.sel(depth=3)
        assert shallow.sel(stage="warm") > shallow.sel(stage="cold")
        kept = [float(one.sel(stage="warm") - one.sel(stage="cold")) for one in (shallow, deep)]
        assert abs(kept[1]) < 0.2 * kept[0]


def test_every_end_point_fits_its_entries_and_is_known_to_its_stated_error(found: xr.Dataset) -> None:
    assert float(found["residual"].max()) < 1e-4
    assert float(found["error"].max()) < 1e-2
    # All of the distance to the truth is where nothing was observed: |W - W*|^2 is the same sum twice.
    for stage, entries in (("pre-trained", 150), ("cold", 250)):
        for seed in (0, 1, 2):
            exact, hidden = truth(20, 2, seed), ~problem(20, 2, entries, seed).mask
            share = np.linalg.norm(exact[hidden]) / np.linalg.norm(exact)
            cell = found.sel(stage=stage, seed=seed)
            np.testing.assert_allclose(cell["reconstruction_error"], share * cell["unobserved_error"], atol=1e-6)


def test_missing_and_unconverged_points_have_no_value(found: xr.Dataset) -> None:
    settings = SETTINGS | {"depths": [2], "seeds": [0, 1]}
    points = EXPERIMENT.points(settings)
    result = json.loads(json.dumps(EXPERIMENT.measure(points[0]), allow_nan=False))
    result["warm"]["error"] = None
    partial = EXPERIMENT.dataset(settings, points, [result, None]).sel(depth=2, product_scale=1e-3)
    assert np.isfinite(partial["effective_rank"].sel(stage="cold", seed=0))
    assert np.isnan(partial["effective_rank"].sel(stage="warm", seed=0))
    assert np.isnan(partial["effective_rank"].sel(seed=1)).all()
    assert list(partial["unconverged"].sel(seed=0)) == [0, 1, 0]
    assert np.isnan(partial["unconverged"].sel(seed=1)).all()


def test_the_data_set_can_be_stored(found: xr.Dataset, tmp_path: Path) -> None:
    found.to_netcdf(tmp_path / "found.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "found.nc", engine="scipy") as stored:
        xr.testing.assert_equal(stored, found)
        assert "Figure 3" in stored.attrs["source"]
    assert all(found[name].attrs["long_name"] for name in [*found.data_vars, *found.coords])


@pytest.mark.parametrize(
    ("changes", "name"), [({"rank": 21}, "rank"), ({"after": 401}, "after"), ({"before": 250}, "before")]
)
def test_settings_at_odds_are_refused(changes: dict[str, int], name: str) -> None:
    with pytest.raises(ArgumentError, match=name):
        EXPERIMENT.points(SETTINGS | changes)
