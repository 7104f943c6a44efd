"""Flows against the limit theorem: catches a scale that is alpha where alpha^L is meant, and a theory that is not that
of the flow's family."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from numerics.block_limit import limit
from numerics.errors import ArgumentError
from numerics.experiments import EXPERIMENTS
from numerics.experiments.depth_scale import family, theory_ratio

EXPERIMENT = EXPERIMENTS["depth-scale"]
SETTINGS = {
    "depths": [2, 3, 5],
    "scales": [1.0, 1e-3],
    "ms": ["1.5", "10", "inf"],
    "blocks": 3,
    "trials": 12,
    "seed": 0,
}


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    points = EXPERIMENT.points(SETTINGS)
    return EXPERIMENT.dataset(SETTINGS, points, [EXPERIMENT.measure(point) for point in points])


def test_flows_of_the_family_end_where_the_theorem_says(found: xr.Dataset) -> None:
    assert int(found["unconverged"].sum()) == 0
    assert (found["distance"] <= found["family_error"]).all()
    assert float(found["family_error"].max()) < 1e-9


@pytest.mark.parametrize(("depth", "m"), [(2, "1.5"), (3, "10"), (5, "1.5")])
def test_the_theory_is_the_certified_limit(found: xr.Dataset, depth: int, m: str) -> None:
    for scale in SETTINGS["scales"]:  # type: ignore[attr-defined]
        first, rest = (float(value) for value, _ in limit(family(3, depth, scale, m), 20).modes)
        cell = found["theory_ratio"].sel(depth=depth, m=float(m), product_scale=scale)
        assert float(cell) == pytest.approx(rest / first, rel=1e-12)


def test_the_ratio_of_the_theorem_is_the_one_in_the_data_set(found: xr.Dataset) -> None:
    scales = found["product_scale"].values
    for depth, m in product((2, 3, 5), (1.5, 10.0, np.inf)):
        cells = found["theory_ratio"].sel(depth=depth, m=m)
        np.testing.assert_allclose(theory_ratio(3, depth, scales, m), cells, rtol=1e-12)


def test_depth_two_keeps_its_ratio_and_deeper_random_layers_fall_like_the_family(found: xr.Dataset) -> None:
    shallow = found["theory_ratio"].sel(depth=2)
    np.testing.assert_allclose(shallow.sel(product_scale=1.0), shallow.sel(product_scale=1e-3))
    random = found["random_median"]
    assert random.sel(depth=2, product_scale=1e-3) > 0.2
    for depth in (3, 5):
        assert random.sel(depth=depth, product_scale=1e-3) < 0.05
    assert (found["random_low"] <= random).all()
    assert (random <= found["random_high"]).all()
    np.testing.assert_allclose(found["family_ratio"].sel(m=np.inf), 1, atol=1e-12)


def test_missing_and_unconverged_flows_are_counted(found: xr.Dataset) -> None:
    settings = SETTINGS | {"depths": [3], "trials": 2}
    points = EXPERIMENT.points(settings)
    result = dict(EXPERIMENT.measure(points[0]))
    result["random"] = result["random"] | {"errors": [None, 1e-9]}
    partial = EXPERIMENT.dataset(settings, points, [result, None]).sel(depth=3)
    assert list(partial["unconverged"]) == [1, 0]
    assert list(partial["missing"]) == [0, 5]
    assert float(partial["random_median"][0]) == float(partial["random_ratio"][0, 1])
    assert np.isnan(partial["random_median"][1])


def test_the_data_set_can_be_stored(found: xr.Dataset, tmp_path: Path) -> None:
    found.to_netcdf(tmp_path / "found.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "found.nc", engine="scipy") as stored:
        xr.testing.assert_equal(stored, found)
    assert all(found[name].attrs["long_name"] for name in [*found.data_vars, *found.coords])


@pytest.mark.parametrize("text", ["0.5", "2,2.0", "4/3,1.3333333333333333", "many", "nan", "1e13", "-inf", ""])
def test_ratios_outside_the_family_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="ms"):
        EXPERIMENT.settings["ms"].read(text)


def test_ratios_are_read_exactly() -> None:
    assert EXPERIMENT.settings["ms"].read("1, 4/3,1e10, inf") == ["1", "4/3", "1e10", "inf"]
