"""The greedy experiment in small: catches limits that are not the flow's, a distance at the wrong depth, and stages
that are laid at the wrong times."""

import numpy as np
import pytest
import xarray as xr

from numerics.errors import ArgumentError
from numerics.experiments import EXPERIMENTS
from numerics.experiments.greedy import _SAFETY, _flow_limit, truth
from numerics.gradient_flow import flow_limit
from numerics.objective import completion

EXPERIMENT = EXPERIMENTS["greedy"]
SETTINGS = {
    "depths": [2, 3],
    "scales": [1e-6, 1e-4, 1e-2],
    "path_scale": 1e-40,
    "size": 5,
    "rank": 2,
    "observed": 100,
    "trials": 2,
    "seed": 3,
}


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    points = EXPERIMENT.points(SETTINGS)
    return EXPERIMENT.dataset(SETTINGS, points, [EXPERIMENT.measure(point) for point in points])


def test_truths_are_symmetric_have_their_rank_and_their_diagonal_observed() -> None:
    problem = truth(6, 2, 40, 7)
    assert (problem.mask == problem.mask.T).all()
    assert problem.mask.diagonal().all()
    assert np.linalg.matrix_rank(truth(6, 2, 100, 7).targets) == 2
    assert truth(6, 2, 100, 7).mask.all()


@pytest.mark.parametrize("depth", [2, 3])
def test_a_limit_is_that_of_the_layers_own_flow(depth: int) -> None:
    problem, scale = truth(4, 4, 60, 1), 1e-2
    limit = flow_limit(problem, [scale ** (1 / depth) * np.eye(4)] * depth)
    fine, coarse = (_flow_limit(completion(problem), depth, scale, tolerance) for tolerance in (1e-5, 1e-4))
    assert limit.error < 1e-5
    assert all(settled for _, settled in (fine, coarse))
    difference = np.linalg.norm(fine[0] - coarse[0])
    assert np.linalg.norm(fine[0] - limit.matrix) <= limit.error + _SAFETY * difference
    assert _SAFETY * difference < 1e-3


def test_everything_observed_ends_at_the_truth_and_the_stages_lie_on_the_path(found: xr.Dataset) -> None:
    assert (found["greedy_rank"].values == 2).all()
    assert int(found["unconverged"].sum()) == 0
    # What is left of entries that have to vanish when the flow counts as settled.
    assert (found["distance"].values < 1e-4).all()
    for trial in range(2):
        part = found.isel(trial=trial)
        for stage in range(2):
            times, values = part["stage_time"].values[stage], part["stage_singular_value"].values[stage, :, stage]
            flow = np.interp(times, part["time"].values, part["singular_value"].values[:, stage])
            # Straight lines between the flow's times are what is left.
            crossing = [np.interp(values[-1] / 2, curve, times) for curve in (values, flow)]
            assert crossing[0] == pytest.approx(crossing[1], rel=5e-3)


def test_a_rank_above_the_size_is_refused() -> None:
    with pytest.raises(ArgumentError, match="rank: 6 is not at most the size 5"):
        EXPERIMENT.points(SETTINGS | {"rank": 6})


def test_a_path_that_does_not_start_small_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"path_scale: 1.0 is not below 1, so that the flow lags behind GLRL"):
        EXPERIMENT.points(SETTINGS | {"path_scale": 1.0})


def test_a_truth_of_full_rank_has_as_many_modes_as_rows() -> None:
    settings = SETTINGS | {"size": 3, "rank": 3, "depths": [3], "scales": [1e-300], "trials": 1}
    points = EXPERIMENT.points(settings)
    found = EXPERIMENT.dataset(settings, points, [EXPERIMENT.measure(point) for point in points])
    assert found["singular_value"].sizes["mode"] == 3
    assert int(found["unconverged"].sum()) == int(found["missing"].sum()) == 0
    assert not np.isnan(found["singular_value"].values).any()
