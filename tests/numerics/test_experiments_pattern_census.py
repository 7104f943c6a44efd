"""Figure 4 by orbits: catches a symmetry that the flow does not have, weights that are not the orbits' sizes, and a
mean that is not that over all masks."""

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from numerics.coupling import connectivity
from numerics.errors import ArgumentError
from numerics.experiments import EXPERIMENTS
from numerics.experiments.pattern_census import start, truth, weighted_mean
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import ensemble_limit
from numerics.mask_orbits import mask_of, orbit_labels, orbits
from numerics.rank import effective_rank_of

EXPERIMENT = EXPERIMENTS["pattern-census"]
SETTINGS = {"size": 2, "trials": 6, "depths": [2, 3], "scales": [1e-1, 1e-3], "seed": 0}

Move = tuple[tuple[int, ...], tuple[int, ...], bool]
MOVES = [
    (rows, columns, flipped) for rows, columns in product(permutations(range(3)), repeat=2) for flipped in (False, True)
]


def moved_matrix(matrix: np.ndarray, move: Move) -> np.ndarray:
    rows, columns, flipped = move
    return (matrix.T if flipped else matrix)[list(rows)][:, list(columns)]


def moved_layers(layers: list[np.ndarray], move: Move) -> list[np.ndarray]:
    """Layers whose product is that of `layers`, moved."""
    rows, columns, flipped = move
    found = [layer.T for layer in reversed(layers)] if flipped else list(layers)
    found[0] = found[0][:, list(columns)]
    found[-1] = found[-1][list(rows)]
    return found


def computed(**changes: object) -> xr.Dataset:
    settings = SETTINGS | changes
    points = EXPERIMENT.points(settings)
    return EXPERIMENT.dataset(settings, points, [EXPERIMENT.measure(point) for point in points])


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    return computed()


@pytest.mark.parametrize("depth", [2, 3])
def test_a_moved_trial_has_the_moved_limit(depth: int) -> None:
    mask, exact = mask_of(0b011010001, 3), truth(3, 7, 0, 0)
    layers = start(3, 7, 0, 0, depth, 0.1)
    problems = [MatrixCompletion(moved_matrix(mask, move), moved_matrix(exact, move)) for move in MOVES]
    limits = ensemble_limit(problems, [moved_layers(layers, move) for move in MOVES])
    assert np.isfinite(limits.error).all()
    for move, limit, error in zip(MOVES, limits.matrices, limits.error, strict=True):
        np.testing.assert_allclose(limit, moved_matrix(limits.matrices[0], move), atol=error + limits.error[0])


def test_means_over_orbits_are_the_means_over_all_512_masks_with_the_same_trials() -> None:
    trials, depth, scale = 2, 2, 1.0
    problems, starts, connected = [], [], []
    label = orbit_labels(3)
    numbers = {mask_of(number, 3).tobytes(): number for number in range(512)}
    for orbit in orbits(3):
        members = {numbers[moved_matrix(orbit.mask, move).tobytes()]: move for move in MOVES}
        assert set(members) == set(np.flatnonzero(label == label[orbit.number]).tolist())
        for number, move in members.items():
            for trial in range(trials):
                exact = moved_matrix(truth(3, orbit.number, 0, trial), move)
                problems.append(MatrixCompletion(mask_of(number, 3), exact))
                starts.append(moved_layers(start(3, orbit.number, 0, trial, depth, scale), move))
                connected.append(connectivity(mask_of(number, 3)).connected)
    assert len(problems) == 511 * trials
    limits = ensemble_limit(problems, starts)
    ranks = effective_rank_of(limits.singular_values)
    by_orbits = computed(size=3, trials=trials, depths=[depth], scales=[scale])
    mean = by_orbits["mean_effective_rank"].sel(depth=depth, product_scale=scale)
    for kind, member in (("connected", np.array(connected)), ("disconnected", ~np.array(connected))):
        assert float(mean.sel(kind=kind)) == pytest.approx(ranks[member].mean(), abs=1e-4)
    assert int(by_orbits["masks"].sum()) == 511
    # The work: one mask of each orbit instead of all.
    assert 511 / by_orbits.sizes["orbit"] > 10


def test_connected_masks_fall_to_rank_one_and_disconnected_ones_do_not_at_depth_two(found: xr.Dataset) -> None:
    small = found["mean_effective_rank"].sel(product_scale=1e-3)
    assert int(found["unconverged"].sum()) == 0
    assert small.sel(kind="disconnected", depth=2) > 1.2
    assert small.sel(kind="disconnected", depth=3) < 1.1
    assert (small.sel(kind="connected") < 1.15).all()


def test_weights_are_the_sizes_and_an_orbit_without_values_leaves_no_mean() -> None:
    values = np.array([[[1.0, 3.0]], [[5.0, 5.0]]])
    mean, half_width = weighted_mean(values, np.array([1, 3]))
    assert mean == pytest.approx([4.25])
    # The variance of the first orbit's mean is 1, and its share 1/4.
    assert half_width == pytest.approx([1.959964 / 4], rel=1e-5)
    values[0, 0, 0] = np.nan
    assert np.isnan(weighted_mean(values, np.array([1, 3]))[0]).all()


def test_unconverged_trials_are_counted_and_missing_points_leave_no_mean(found: xr.Dataset) -> None:
    settings = SETTINGS | {"depths": [2], "scales": [1e-1], "trials": 3}
    points = EXPERIMENT.points(settings)
    results = [{"singular_values": [[1.0, 0.0], [1.0, 1.0], [7.0, 6.0]], "errors": [1e-9, 1e-9, None]}] * len(points)
    whole = EXPERIMENT.dataset(settings, points, results).sel(depth=2, product_scale=1e-1)
    np.testing.assert_allclose(whole["mean_effective_rank"], 1.5)
    assert list(whole["unconverged"]) == list(found["orbits"])
    partial = EXPERIMENT.dataset(settings, points, [None, *results[1:]]).sel(depth=2, product_scale=1e-1)
    first = "connected" if partial["connected"].values[0] else "disconnected"
    assert np.isnan(partial["mean_effective_rank"].sel(kind=first))
    assert int(partial["missing"].sel(kind=first)) == 3


def test_the_data_set_can_be_stored(found: xr.Dataset, tmp_path: Path) -> None:
    found.to_netcdf(tmp_path / "found.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "found.nc", engine="scipy") as stored:
        xr.testing.assert_equal(stored, found)
    assert all(found[name].attrs["long_name"] for name in [*found.data_vars, *found.coords])


def test_sizes_that_cannot_be_listed_are_refused() -> None:
    with pytest.raises(ArgumentError, match="size"):
        EXPERIMENT.settings["size"].read("5")
