"""Pictures: catches a panel without its labels, a curve that is not the data, an axis that is not logarithmic."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from invented_results import BOX
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from numerics import limit_curves, open_set_map, scale_grid
from verification import Series
from verification.evidence import BoxMap
from verification.figures import (
    box_figure,
    curves_figure,
    inline_svg,
    merged,
    open_set_figure,
    save_figure,
    series_figure,
)

MS = ("2", "10", "inf", "1", "3")


def curves(ms: Sequence[str] = MS[:3], low: str = "1e-3", high: str = "1", block_size: int = 1) -> xr.Dataset:
    grid = scale_grid(low, high, 7)
    return limit_curves([2, 3], ms, blocks=3, block_size=block_size, value="1", alphas=grid)


def visible(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_curves_have_one_visible_labelled_panel_per_m(count: int) -> None:
    figure = curves_figure(curves(MS[:count]), "alpha")
    panels = visible(figure)
    assert [axes.get_title() for axes in panels] == [
        f"$m = {shown}$" for shown in ("2", "10", r"\infty", "1", "3")[:count]
    ]
    for axes in panels:
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert figure.get_supxlabel() == r"layer scale $\alpha$"
    assert "singular values" in figure.get_supylabel()
    assert "$n = 3$ blocks" in figure.get_suptitle()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["$L = 2$", "$L = 3$", r"$\sigma_1$", r"$\sigma_{2},\ldots,\sigma_{3}$"]


def test_the_lines_are_the_data_solid_for_the_first_and_dashed_for_the_rest() -> None:
    dataset = curves()
    for j, axes in enumerate(visible(curves_figure(dataset, "alpha"))):
        lines = axes.get_lines()
        assert len(lines) == 2 * 2
        for line, (i, mode) in zip(lines, [(0, 0), (0, 1), (1, 0), (1, 1)], strict=True):
            np.testing.assert_array_equal(line.get_xdata(), dataset["alpha"].values)
            drawn = np.asarray(line.get_ydata(), dtype=float)
            np.testing.assert_allclose(drawn, dataset["singular_value"].values[i, j, :, mode], rtol=1e-13)
            assert line.get_linestyle() == ("-" if mode == 0 else "--")
        assert len({line.get_color() for line in lines}) == 2
        assert len({line.get_marker() for line in lines}) == 2


def test_modes_that_are_zero_are_not_drawn_and_the_caption_says_so() -> None:
    figure = curves_figure(curves(("1", "2"), block_size=2), "alpha")
    rank_one, other = visible(figure)
    assert (len(rank_one.get_lines()), len(other.get_lines())) == (2, 4)
    assert r"\sigma_{4},\ldots,\sigma_{6}" in figure.get_suptitle()
    assert "= 0$ not drawn" in figure.get_suptitle()
    assert "not drawn" not in curves_figure(curves(), "alpha").get_suptitle()


def test_against_the_product_scale_the_depths_share_the_axis() -> None:
    dataset = curves()
    figure = curves_figure(dataset, "product-scale")
    assert figure.get_supxlabel() == r"product scale $\alpha^L$"
    ends = set()
    for axes in visible(figure):
        for line, i in zip(axes.get_lines(), (0, 0, 1, 1), strict=True):
            x = np.asarray(line.get_xdata(), dtype=float)
            assert set(x) <= set(dataset["product_scale"].values[i])
            ends.add((x.min() >= 1e-6 * (1 - 1e-9), x.max() <= 1 + 1e-9))
    assert ends == {(True, True)}  # depth 2 covers 1e-6 to 1, depth 3 covers 1e-9 to 1


def test_values_beyond_float64_are_drawn_by_their_exponents() -> None:
    figure = curves_figure(curves(("2",), "1e-250", "1e-150"), "alpha")
    (axes,) = visible(figure)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines()])
    assert np.isfinite(drawn).all()
    assert drawn.min() < -700
    assert axes.yaxis.get_major_formatter()(-600, 0) == "$10^{-600}$"


def series(name: str = "a flow") -> Series:
    x = (0.0, 0.5, 1.0)
    values = {"sigma_1": (x, (0.1, 0.4, 1.0)), "sigma_2": (x, (0.1, 0.2, 0.25))}
    return Series(name, "time t", "singular values of W(t)", measured=values, predicted=values)


def test_series_show_measured_markers_over_predicted_lines() -> None:
    (axes,) = series_figure(series()).axes
    assert axes.get_xlabel() == "time $t$"
    assert axes.get_ylabel() == "singular values of $W(t)$"
    assert axes.get_yscale() == "log"
    assert axes.get_title() == "a flow"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [rf"$\sigma_{i}$ {kind}" for kind in ("predicted", "flow") for i in (1, 2)]
    for line, expected in zip(
        axes.get_lines(), [*series().predicted.values(), *series().measured.values()], strict=True
    ):
        assert (tuple(line.get_xdata()), tuple(line.get_ydata())) == expected
    assert [line.get_linestyle() for line in axes.get_lines()] == ["-", "--", "None", "None"]


def patches(figure: Figure) -> list[PathPatch]:
    (axes,) = figure.axes
    return [patch for patch in axes.patches if isinstance(patch, PathPatch)]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_box_map_shows_each_state_where_it_is_and_differs_without_colour() -> None:
    figure = box_figure(BOX)
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == (r"$\alpha$", "$m$", "L = 3")
    assert axes.get_xlim() == (1e-6, 1.0)
    assert axes.get_ylim() == (1.0, 4.0)
    assert words(figure) == ["proven", "outside the assumptions", "refuted", "undecided"]
    hatches = [patch.get_hatch() for patch in patches(figure)[1::2]]
    assert len(set(hatches)) == 4
    extents = [patch.get_path().get_extents().bounds for patch in patches(figure)[1::2]]
    assert extents[0] == pytest.approx((1e-4, 1.0, 1e-2 - 1e-4, 3.0))
    assert extents[2] == pytest.approx((1e-2, 2.0, 1.0 - 1e-2, 2.0))


def test_one_axis_is_a_strip() -> None:
    strip = BoxMap("L = 4", ("m",), (False,), (("proven", ((1.0, 2.0),)), ("open", ((2.0, 3.0),))))
    figure = box_figure(strip)
    (axes,) = figure.axes
    assert axes.get_xlim() == (1.0, 3.0)
    assert list(axes.get_yticks()) == []
    assert figure.get_size_inches()[1] < box_figure(BOX).get_size_inches()[1]


def test_bounds_that_an_axis_cannot_show_are_drawn_beyond_the_others_and_said_so() -> None:
    parts = (("proven", ((0.0, 1e-3), (1.0, 2.0))), ("open", ((1e-3, 1.0), (2.0, math.inf))))
    (axes,) = box_figure(BoxMap("", ("alpha", "m"), (True, False), parts)).axes
    assert axes.get_xlim() == pytest.approx((1e-4, 1.0))
    assert axes.get_ylim()[1] > 2.0
    assert "infty" in axes.get_ylabel()
    assert "infty" not in axes.get_xlabel()


@pytest.mark.parametrize(
    ("witness", "marked"),
    [
        ({"L": "3", "alpha": "1/2", "m": "3"}, True),
        ({"alpha": "1/2", "m": "30"}, False),
        ({"alpha": "1/2"}, False),
        ({"alpha": "inf", "m": "3"}, False),
        ({}, False),
    ],
)
def test_the_witness_is_marked_where_it_lies_in_the_picture(witness: dict[str, str], marked: bool) -> None:
    figure = box_figure(BOX, witness)
    (axes,) = figure.axes
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.get_lines()] == [(0.5, 3.0)] * marked
    assert ("witness" in words(figure)) == marked


def test_a_state_that_is_not_known_today_is_drawn_under_its_own_name() -> None:
    figure = box_figure(BoxMap("", ("m",), (False,), (("postponed", ((1.0, 2.0),)),)))
    assert words(figure) == ["postponed"]


def test_neighbours_are_merged_without_changing_the_area() -> None:
    grid = [(float(i), i + 1.0, float(j), j + 1.0) for i in range(8) for j in range(8) if (i, j) != (3, 3)]
    fewer = merged(grid)
    assert len(fewer) < 8
    for i in range(8):
        for j in range(8):
            covering = [one for one in fewer if one[0] < i + 0.5 < one[1] and one[2] < j + 0.5 < one[3]]
            assert len(covering) == ((i, j) != (3, 3))


def test_many_sub_boxes_stay_small_on_the_page() -> None:
    cells = [(i, j) for i in range(100) for j in range(100)]
    parts = tuple(("proven" if i + j < 99 else "open", ((i, i + 1.0), (j, j + 1.0))) for i, j in cells)
    assert len(inline_svg(box_figure(BoxMap("", ("m", "n"), (False, False), parts)), "many")) < 100_000


def test_inline_svg_is_one_element_and_its_identifiers_are_its_own() -> None:
    one, again, other = (inline_svg(series_figure(series()), name) for name in ("one", "one", "other"))
    assert one == again
    for text in (one, other):
        assert text.startswith("<svg")
        assert text.rstrip().endswith("</svg>")
    clips = [set(re.findall(r'<clipPath id="([^"]+)"', text)) for text in (one, other)]
    assert clips[0]
    assert not clips[0] & clips[1]
    for text in (one, other):
        named = re.findall(r' id="([^"]+)"', text)
        assert len(named) == len(set(named))
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) == set(named)


def test_pictures_on_a_page_take_the_colours_of_its_style_sheet() -> None:
    text = inline_svg(series_figure(series()), "one")
    assert "var(--figure-0, #0072b2)" in text
    assert not re.findall(r"(?<!, )#(?:0072b2|d55e00|000000|b0b0b0)", text)
    assert "<style" not in text


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    save_figure(curves_figure(curves(("2",)), "alpha"), tmp_path / "out.svg")
    inline_svg(series_figure(series()), "one")
    assert dict(mpl.rcParams) == before
    assert math.isfinite((tmp_path / "out.svg").stat().st_size)


def test_the_open_set_has_a_panel_per_depth_and_marks_what_is_proven() -> None:
    dataset = open_set_map((2, 3), points=8)
    figure = open_set_figure(dataset)
    panels = [axes for axes in visible(figure) if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["$L = 2$", "$L = 3$"]
    assert all("w_{11}(0)" in axes.get_xlabel() for axes in panels)
    assert "w_{12}(0)" in panels[0].get_ylabel()
    (legend,) = figure.legends
    words = " ".join(text.get_text() for text in legend.get_texts())
    assert "full rank proved" in words
    assert "rank 1" in words
    hatched = [artist for axes in panels for artist in axes.collections if any(getattr(artist, "hatches", None) or [])]
    assert len(hatched) >= 2
