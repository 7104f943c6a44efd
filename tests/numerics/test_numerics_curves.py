"""Catches a data set whose values, labels or certified digits are not those of the limit, one that does not survive
netCDF, and grids or lists that are accepted though they are wrong."""

import math
from fractions import Fraction

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from numerics.balls import decimal, precision
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import limit, limit_float64, ranks
from numerics.curves import limit_curves, scale_grid, versions
from numerics.errors import ArgumentError

DEPTHS, MS = [2, 3, 5], [1, "3/2", 10, "inf"]
ALPHAS = np.geomspace(1e-3, 1.0, 4)
SETTING = {"blocks": 3, "block_size": 2, "value": "1.5", "alphas": ALPHAS}


@pytest.fixture(scope="module")
def plain():
    return limit_curves(DEPTHS, MS, **SETTING)


@pytest.fixture(scope="module")
def certified():
    return limit_curves(DEPTHS, MS, **SETTING, digits=30)


def families():
    for i, layers in enumerate(DEPTHS):
        for j, off in enumerate(MS):
            for k, scale in enumerate(ALPHAS):
                # alpha is the decimal that the float prints as.
                yield (i, j, k), BlockFamily(layers, 3, 2, "1.5", repr(float(scale)), off)


def test_dimensions_and_coordinates_are_named(plain):
    grid = ("depth", "m", "alpha")
    assert dict(plain.sizes) == {"depth": 3, "m": 4, "alpha": 4, "mode": 3}
    assert {name: plain[name].dims for name in plain.data_vars} == {
        "singular_value": (*grid, "mode"),
        "log10_singular_value": (*grid, "mode"),
        "stable_rank": grid,
        "effective_rank": grid,
    }
    assert list(plain["depth"].values) == DEPTHS
    assert list(plain["m"].values) == [1, 1.5, 10, math.inf]
    assert np.array_equal(plain["alpha"], ALPHAS)
    assert list(plain["mode"].values) == ["1", "2..3", "4..6"]
    assert list(plain["multiplicity"].values) == [1, 2, 3]
    assert all(plain[name].dtype == np.float64 for name in plain.data_vars)
    assert plain["depth"].dtype == plain["multiplicity"].dtype == np.int32


def test_the_product_scale_belongs_to_depth_and_alpha(plain):
    assert plain["product_scale"].dims == plain["log10_product_scale"].dims == ("depth", "alpha")
    np.testing.assert_allclose(plain["product_scale"], ALPHAS[None, :] ** np.array(DEPTHS)[:, None], rtol=1e-12)
    np.testing.assert_allclose(10.0 ** plain["log10_product_scale"], plain["product_scale"], rtol=1e-12)


def test_a_product_scale_below_all_floats_keeps_its_logarithm():
    data = limit_curves([1000], [2], blocks=2, block_size=1, value=1, alphas=np.array([1e-300, 1.0]))
    assert data["product_scale"].values[0, 0] == 0
    assert data["log10_product_scale"].values[0, 0] == pytest.approx(-300_000)
    assert data["singular_value"].values[0, 0, 0, 1] == 0
    # sigma_2 = alpha^L K^(-q) up to a factor 1 + O(alpha^(L-2)).
    with precision(200):
        exact = limit(BlockFamily(1000, 2, 1, 1, 1e-300, 2), 20).rest
        assert data["log10_singular_value"].values[0, 0, 0, 1] == pytest.approx(
            float(exact.log() / (exact * 0 + 10).log()), rel=1e-13
        )


def test_attributes_say_what_the_values_are(plain, certified):
    assert plain.attrs["evidence"] == "float64"
    assert "30 digits" in certified.attrs["evidence"]
    for data in (plain, certified):
        assert (data.attrs["blocks"], data.attrs["block_size"], data.attrs["value"]) == (3, 2, "1.5")
        assert "arXiv:2603.04703" in data.attrs["source"]
        assert data.attrs["versions"] == versions()
    assert "unknown" not in versions()


def test_every_value_is_that_of_the_certified_limit(plain):
    for index, family in families():
        modes = limit(family, 20).modes
        found = plain["singular_value"].values[index]
        np.testing.assert_allclose(found, [float(value) for value, _ in modes], rtol=1e-12)
        logarithms = plain["log10_singular_value"].values[index]
        for value, logarithm in zip(found, logarithms, strict=True):
            assert logarithm == (pytest.approx(math.log10(value), abs=1e-12) if value else -math.inf)
        with precision(100):
            stable, effective = (float(rank) for rank in ranks(limit(family, 20)))
        assert plain["stable_rank"].values[index] == pytest.approx(stable, rel=1e-10)
        assert plain["effective_rank"].values[index] == pytest.approx(effective, rel=1e-10)


def test_certified_columns_hold_the_digits_and_radii_of_the_balls(certified):
    assert certified["decimal"].dims == certified["radius"].dims == certified["singular_value"].dims
    for index, family in families():
        for mode, (value, _) in enumerate(limit(family, 30).modes):
            text, radius = decimal(value, 30)
            assert certified["decimal"].values[index][mode] == text
            assert certified["radius"].values[index][mode] == radius
            assert certified["singular_value"].values[index][mode] == float(text)
            # Independent of the text: 60 digits lie within the radius.
            better = decimal(limit(family, 60).modes[mode][0], 60)[0]
            assert abs(Fraction(better) - Fraction(text)) <= Fraction(radius) + abs(Fraction(better)) / 10**59


def test_the_certified_values_differ_from_the_float_ones_only_in_rounding(plain, certified):
    np.testing.assert_allclose(plain["singular_value"], certified["singular_value"], rtol=1e-12)
    assert np.array_equal(plain["log10_singular_value"], certified["log10_singular_value"])


@pytest.mark.parametrize("name", ["plain", "certified"])
def test_the_data_set_survives_netcdf(name, request, tmp_path):
    data = request.getfixturevalue(name)
    path = tmp_path / "curves.nc"
    data.to_netcdf(path, engine="scipy")
    with xr.open_dataset(path, engine="scipy") as loaded:
        loaded.load()
        for variable in data.variables:
            before, after = data[variable], loaded[variable]
            assert before.dims == after.dims
            assert list(before.values.ravel()) == list(after.values.ravel())
        assert set(loaded.coords) == set(data.coords)
        assert set(loaded.attrs) == set(data.attrs)
        assert loaded.attrs["value"] == data.attrs["value"]
        assert int(loaded.attrs["blocks"]) == data.attrs["blocks"]
        assert loaded["singular_value"].sel(depth=3, m=10).shape == (4, 3)
        assert loaded["depth"].dtype == np.int32
        assert str(loaded["mode"].values[1]) == "2..3"


@pytest.mark.parametrize(
    ("blocks", "block_size", "modes", "multiplicity"),
    [
        (1, 1, ["1"], [1]),
        (1, 3, ["1", "2..3"], [1, 2]),
        (2, 1, ["1", "2"], [1, 1]),
        (5, 1, ["1", "2..5"], [1, 4]),
        (2, 2, ["1", "2", "3..4"], [1, 1, 2]),
    ],
)
def test_modes_name_the_singular_values_that_they_stand_for(blocks, block_size, modes, multiplicity):
    for digits in (None, 10):
        data = limit_curves(
            [3], [2], blocks=blocks, block_size=block_size, value=1, alphas=np.array([0.1, 1]), digits=digits
        )
        assert list(data["mode"].values) == modes
        assert list(data["multiplicity"].values) == multiplicity
        trace = (data["singular_value"] * data["multiplicity"]).sum("mode")
        np.testing.assert_allclose(trace, blocks * block_size, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "depths", "ms", "change"),
    [
        ("depth", [], [2], {}),
        ("m", [3], [], {}),
        ("depth", [3, 3], [2], {}),
        ("depth", [3, "3"], [2], {}),
        ("m", [3], [2, "2.0"], {}),
        ("m", [3], ["inf", math.inf], {}),
        ("depth", [1], [2], {}),
        ("depth", [3, 2.5], [2], {}),
        ("m", [3], [2, "1/2"], {}),
        ("m", [3], [2, "nan"], {}),
        ("blocks", [3], [2], {"blocks": 0}),
        ("block_size", [3], [2], {"block_size": "x"}),
        ("value", [3], [2], {"value": "-1"}),
        ("value", [3], [2], {"value": "inf"}),
        ("value", [3], [2], {"value": "1e400"}),
        ("m", [3], [2, "1e301"], {}),
        ("alpha", [3], [2], {"alphas": np.array([0.1, 0.0])}),
        ("alpha", [3], [2], {"alphas": np.array([0.1, np.nan])}),
        ("digits", [3], [2], {"digits": 0}),
        ("digits", [3], [2], {"digits": "many"}),
    ],
)
def test_wrong_arguments_are_refused_by_name(name, depths, ms, change):
    with pytest.raises(ArgumentError) as caught:
        limit_curves(depths, ms, **SETTING | change)
    assert caught.value.argument == name


def test_values_agree_with_the_float_kernel_on_the_whole_grid(plain):
    first, rest = limit_float64(
        np.array(DEPTHS)[:, None, None], 3, 2, 1.5, ALPHAS, np.array([1, 1.5, 10, math.inf])[:, None]
    )
    np.testing.assert_allclose(plain["singular_value"].sel(mode="1"), np.exp(first), rtol=1e-13)
    np.testing.assert_allclose(plain["singular_value"].sel(mode="2..3"), np.exp(rest), rtol=1e-13)
    assert np.all(plain["singular_value"].sel(mode="4..6") == 0)


# ---- the grid ----


@given(st.floats(1e-300, 1e290), st.floats(1.001, 1e10), st.integers(2, 50))
def test_the_grid_is_geometric_and_includes_its_ends(low, factor, points):
    grid = scale_grid(low, low * factor, points)
    assert grid.dtype == np.float64
    assert len(grid) == points
    assert grid[0] == low
    assert grid[-1] == low * factor
    steps = np.diff(np.log(grid))
    np.testing.assert_allclose(steps, math.log(factor) / (points - 1), rtol=1e-6, atol=1e-12)


def test_the_grid_reads_exact_text():
    np.testing.assert_allclose(scale_grid("1/1000", "1e0", "4"), [1e-3, 1e-2, 1e-1, 1], rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("alpha_from", (0, 1, 5)),
        ("alpha_from", ("nan", 1, 5)),
        ("alpha_from", ("abc", 1, 5)),
        ("alpha_from", ("1e-400", 1, 5)),
        ("alpha_to", (1, -1, 5)),
        ("alpha_to", (1, "inf", 5)),
        ("alpha_to", (1, 1, 5)),
        ("alpha_to", (1, "0.5", 5)),
        ("alpha_to", (1, "1e308", 5)),
        ("points", (1, 2, 1)),
        ("points", (1, 2, 0)),
        ("points", (1, 2, 2.5)),
        ("points", (1, 2, True)),
        ("points", (1, 2, 10**12)),
        ("points", (1, 2, "many")),
    ],
)
def test_a_wrong_grid_is_refused_by_name(name, arguments):
    with pytest.raises(ArgumentError) as caught:
        scale_grid(*arguments)
    assert caught.value.argument == name
