"""The absorption experiment in small: catches an escape where there is a proof, cells beyond eta lambda = 1/2, a proof
that is claimed at too large a rate, and a result that depends on the cells beside it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from numerics.absorption import constants, rooms
from numerics.errors import ArgumentError
from numerics.experiments import EXPERIMENTS
from numerics.experiments.absorption import (
    BALANCE_AND_SIZE,
    ESCAPE,
    LEFT_OUT,
    NOT_COMPUTED,
    NOTHING_FOUND,
    PARTS,
    PROVED,
    region_of,
)

EXPERIMENT = EXPERIMENTS["absorption"]
DEFAULTS = {name: one.default for name, one in EXPERIMENT.settings.items()}
SETTINGS: dict[str, Any] = DEFAULTS | {
    "etas": [1e-8, 1e-7, 1e-6, 1e-4, 5e-4, 1.0],
    "weight_decays": [0.1, 0.3, 0.8],
    "starts": 6,
}


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    points = EXPERIMENT.points(SETTINGS)
    return EXPERIMENT.dataset(SETTINGS, points, [EXPERIMENT.measure(point) for point in points])


def test_each_kind_is_where_theory_puts_it(found: xr.Dataset) -> None:
    tight, loose = (found["kind"].sel(factor=factor) for factor in (1.0, 10.0))
    # Proved up to 3.9e-8 and 3.1e-4 at lambda = 0.1 and 0.3; a rank-1 network loses balance at 1.7e-7 and 8.0e-4.
    assert tight.sel(weight_decay=0.1).values.tolist() == [PROVED, NOTHING_FOUND, *[ESCAPE] * 4]
    assert tight.sel(weight_decay=0.3).values.tolist() == [*[PROVED] * 4, NOTHING_FOUND, ESCAPE]
    assert tight.sel(weight_decay=0.8).values.tolist() == [*[PROVED] * 5, LEFT_OUT]
    # Ten times the imbalance allows ten times the rate, without a proof for the rank.
    assert loose.sel(weight_decay=0.1).values.tolist() == [*[BALANCE_AND_SIZE] * 2, NOTHING_FOUND, *[ESCAPE] * 3]
    assert not found["proved"].sel(factor=10.0, condition="rank").any()


def test_nothing_escapes_where_it_is_proved(found: xr.Dataset) -> None:
    assert found["escape"].any()
    assert found["proved"].any()
    assert not found["alarm"].any()
    proved = found["proved"].values == 1
    assert (found["excess"].values[proved] < 0).all()
    # Also part by part: size is proved where balance escapes.
    assert (proved[..., 2] & (found["escape"].values[..., 0] == 1)).any()


def test_an_escape_where_it_is_proved_would_be_an_alarm() -> None:
    points = EXPERIMENT.points(SETTINGS)
    result = EXPERIMENT.measure(points[0])
    false = result | {"escape": [False, True, False]}
    drawn = EXPERIMENT.dataset(SETTINGS, points, [false, *[None] * (len(points) - 1)])
    assert int(drawn["alarm"].sum()) == 1
    assert int(drawn["alarm"].sel(factor=1.0, eta=1e-8, weight_decay=0.1, condition="rank")) == 1


def test_escapes_are_those_with_positive_excess_and_grow_with_the_rate(found: xr.Dataset) -> None:
    excess = found["excess"].values
    known = ~np.isnan(excess)
    assert ((excess[known] > 0) == (found["escape"].values[known] == 1)).all()
    assert (np.diff(found["excess"].sel(factor=1.0, weight_decay=0.1, condition="balance").values[2:]) > 0).all()
    assert bool(found["escape"].sel(factor=1.0, eta=1.0, weight_decay=0.1, condition="size"))


def test_the_largest_rates_are_where_proofs_end(found: xr.Dataset) -> None:
    for factor, name, parts in ((1.0, "proved_rate", PARTS), (10.0, "balance_and_size_rate", ("balance", "size"))):
        rates = found[name].sel(factor=factor).values
        for decay, rate in zip(SETTINGS["weight_decays"], rates, strict=True):
            setting, region = region_of(SETTINGS, decay, factor)
            below, above = (rooms(replace(setting, eta=share * rate), region) for share in (0.999, 1.001))
            assert min(below[part] for part in parts) > 0 > min(above[part] for part in parts)
    assert (found["proved_rate"].sel(factor=10.0) == 0).all()


def test_regions_are_the_constants_found_with_more_imbalance(found: xr.Dataset) -> None:
    setting, region = constants(3, 2, 0.3, 1.0, rank=1, eps_2=0.5)
    column = found.sel(weight_decay=0.3)
    assert column["bound"].values.tolist() == [region.bound] * 2
    assert column["a"].values.tolist() == [region.profile.a] * 2
    np.testing.assert_allclose(column["eps_1"], [region.eps_1, 100 * region.eps_1])
    assert 2 * setting.eta == pytest.approx(float(column["proved_rate"][0]), rel=1e-3)


def test_a_cell_depends_on_its_own_parameters_alone(found: xr.Dataset) -> None:
    alone = SETTINGS | {"etas": [1e-6], "weight_decays": [0.1], "factors": [10.0]}
    (point,) = EXPERIMENT.points(alone)
    assert point in EXPERIMENT.points(SETTINGS)
    result = EXPERIMENT.measure(point)
    assert result["excess"] == found["excess"].sel(factor=10.0, eta=1e-6, weight_decay=0.1).values.tolist()
    assert result["points"] == int(found["points"].sel(factor=10.0, eta=1e-6, weight_decay=0.1)) > 12


def test_what_is_not_computed_is_no_kind(found: xr.Dataset) -> None:
    points = EXPERIMENT.points(SETTINGS)
    drawn = EXPERIMENT.dataset(SETTINGS, points, [None] * len(points))
    assert set(np.unique(drawn["kind"])) == {LEFT_OUT, NOT_COMPUTED}
    assert int(drawn["missing"].sum()) == len(points)
    assert np.isnan(drawn["excess"]).all()
    assert (drawn["kind"] == LEFT_OUT).equals(found["kind"] == LEFT_OUT)


def test_width_three_is_measured() -> None:
    changed = SETTINGS | {"etas": [3e-7], "weight_decays": [0.1], "factors": [1.0], "width": 3, "starts": 4}
    (point,) = EXPERIMENT.points(changed)
    assert EXPERIMENT.measure(point)["escape"] == [True, False, False]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"etas": [5.0, 9.0]}, r"etas: 5.0, 9.0 is not below 1/\(2 lambda\) for some lambda"),
        ({"eps_2": 1.0}, "eps_2: 1.0 is not within 0 and 1"),
        ({"spread": 0.1}, "spread: 0.1 is not one for which the conditions of size"),
        ({"weight_decays": [0.001, 0.1]}, "weight_decays: 0.001 is not so large that floats resolve"),
    ],
)
def test_settings_at_odds_are_one_line(changed: dict[str, Any], line: str) -> None:
    with pytest.raises(ArgumentError, match=line):
        EXPERIMENT.points(SETTINGS | changed)


@pytest.mark.parametrize("text", ["1", "4"])
def test_a_width_without_a_proof_or_a_search_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="width"):
        EXPERIMENT.settings["width"].read(text)
