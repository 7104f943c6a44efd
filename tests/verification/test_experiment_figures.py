"""Figures of experiments: catches a curve that is not the data, a depth told apart by colour alone, a picture that
hides what did not converge, and an experiment without a figure."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from numerics.errors import ArgumentError
from numerics.experiments import EXPERIMENTS
from verification import jumps_figure
from verification.experiment_figures import figure

CHANGES: dict[str, dict[str, Any]] = {
    "connectivity-rank": {"trials": 4, "depths": [2, 3], "scales": [1.0, 1e-2]},
    "pattern-census": {"size": 2, "trials": 2, "depths": [2, 3], "scales": [1.0, 1e-2]},
    "plasticity": {
        "size": 8,
        "rank": 1,
        "before": 24,
        "after": 36,
        "depths": [2, 3],
        "scales": [1.0, 1e-1],
        "seeds": [0, 1],
    },
    "depth-scale": {"depths": [2, 3], "scales": [1.0, 1e-2], "ms": ["2", "inf"], "trials": 4},
    "greedy": {"depths": [2, 3], "scales": [1e-3, 1e-5], "size": 4, "rank": 2, "observed": 40, "trials": 2},
    "jumps": {
        "etas": [0.4, 0.8],
        "weight_decays": [0.015, 0.025, 0.035, 0.1],
        "eta": 0.8,
        "chains": 4,
        "steps": 2000,
        "path_steps": 2000,
        "offshoot_steps": 1000,
        "every": 50,
    },
    "absorption": {"etas": [1e-4, 5e-4, 1.0], "weight_decays": [0.3, 1.0], "starts": 4},
    "certified-limits": {"starts": 3, "depths": [2, 3], "digits": 10, "steps": 60},
}
#: Those that draw depths against scales.
BY_DEPTH = [name for name in EXPERIMENTS if name not in ("jumps", "absorption", "certified-limits")]


def settings_of(name: str) -> dict[str, Any]:
    return {key: setting.default for key, setting in EXPERIMENTS[name].settings.items()} | CHANGES[name]


@pytest.fixture(scope="module")
def datasets() -> dict[str, xr.Dataset]:
    found = {}
    for name, experiment in EXPERIMENTS.items():
        points = experiment.points(settings_of(name))
        found[name] = experiment.dataset(settings_of(name), points, [experiment.measure(point) for point in points])
    return found


def lines_with_data(axes: Axes) -> list[Line2D]:
    return [line for line in axes.get_lines() if np.size(line.get_xdata()) > 1]


def all_text(drawn: Figure) -> str:
    legend = " ".join(text.get_text() for text in drawn.legends[0].get_texts())
    return f"{drawn.get_suptitle()} {legend}"


@pytest.mark.parametrize("name", BY_DEPTH)
def test_every_experiment_by_depth_has_a_figure_with_labelled_axes_and_a_legend(
    name: str, datasets: dict[str, xr.Dataset]
) -> None:
    before = dict(mpl.rcParams)
    drawn = figure(name, datasets[name])
    assert dict(mpl.rcParams) == before
    assert "product scale" in drawn.axes[-1].get_xlabel()
    assert drawn.axes[0].get_ylabel()
    assert all(axes.get_xscale() == "log" for axes in drawn.axes)
    assert {"$L = 2$", "$L = 3$"} <= {text.get_text() for text in drawn.legends[0].get_texts()}
    assert EXPERIMENTS[name].source.split(",")[1].strip() in drawn.get_suptitle()
    assert "not converge" not in drawn.get_suptitle()
    drawn.canvas.draw()  # text with a mistake in its mathematics fails here


@pytest.mark.parametrize("name", BY_DEPTH)
def test_depths_differ_in_colour_dash_and_marker(name: str, datasets: dict[str, xr.Dataset]) -> None:
    handles = figure(name, datasets[name]).legends[0].get_lines()[:2]
    for read in (Line2D.get_color, Line2D.get_linestyle, Line2D.get_marker):
        assert len({read(handle) for handle in handles}) == 2


def test_the_connectivity_figure_draws_means_and_the_closed_form(datasets: dict[str, xr.Dataset]) -> None:
    found = datasets["connectivity-rank"]
    drawn = figure("connectivity-rank", found)
    assert ["disconnected" in axes.get_title() for axes in drawn.axes] == [True, False]
    for axes, mask in zip(drawn.axes, ("disconnected", "connected"), strict=True):
        curves = [np.asarray(line.get_ydata()) for line in lines_with_data(axes)]
        for depth in (2, 3):
            expected = found["mean_effective_rank"].sel(mask=mask, depth=depth).values
            assert any(curve.shape == expected.shape and np.array_equal(curve, expected) for curve in curves)
    closed = found["closed_form_mean"].values
    assert np.array_equal(np.asarray(lines_with_data(drawn.axes[0])[-1].get_ydata()), closed)
    assert "4 trials" in drawn.get_suptitle()
    assert "independent" in drawn.get_suptitle()


def test_the_census_says_how_many_masks_and_orbits(datasets: dict[str, xr.Dataset]) -> None:
    titles = [axes.get_title() for axes in figure("pattern-census", datasets["pattern-census"]).axes]
    # Two disconnected 2 x 2 masks: the diagonal and the other one, which is the diagonal with its rows exchanged.
    assert titles == ["connected: 13 masks (orbits: 4)", "disconnected: 2 masks (orbits: 1)"]


def test_the_plasticity_figure_has_a_column_per_stage_and_a_row_per_quantity(datasets: dict[str, xr.Dataset]) -> None:
    found = datasets["plasticity"]
    drawn = figure("plasticity", found)
    assert len(drawn.axes) == 6
    for number, name in enumerate(("effective_rank", "reconstruction_error")):
        for column, stage in enumerate(found["stage"].values):
            expected = found[name].sel(stage=stage).mean("seed").values
            curves = [np.asarray(line.get_ydata()) for line in lines_with_data(drawn.axes[3 * number + column])]
            for row in expected:
                assert any(curve.shape == row.shape and np.allclose(curve, row) for curve in curves)
    assert "36 entries" in drawn.axes[1].get_title()


def test_the_depth_figure_draws_the_theorem_as_lines_and_flows_as_markers(datasets: dict[str, xr.Dataset]) -> None:
    found = datasets["depth-scale"]
    drawn = figure("depth-scale", found)
    assert len(drawn.axes) == 3
    theory, flow = lines_with_data(drawn.axes[0])[:2]
    assert (theory.get_marker(), flow.get_linestyle()) == ("None", "None")
    # The curve runs through the theory at the smallest and the largest scale.
    at_scales = found["theory_ratio"].sel(m=2, depth=2).values
    np.testing.assert_allclose(np.asarray(theory.get_ydata())[[-1, 0]], at_scales, rtol=1e-9)
    assert np.array_equal(np.asarray(flow.get_ydata()), found["family_ratio"].sel(m=2, depth=2).values)
    assert r"\infty" in drawn.axes[1].get_title()


def test_the_greedy_figure_lays_the_stages_on_the_flow(datasets: dict[str, xr.Dataset]) -> None:
    found = datasets["greedy"]
    drawn = figure("greedy", found)
    flow, rings = lines_with_data(drawn.axes[0])[:2]
    assert (flow.get_marker(), rings.get_linestyle()) == ("None", "None")
    half = 0.5 * np.max(np.asarray(flow.get_ydata()))
    crossing = [np.interp(half, np.asarray(line.get_ydata()), np.asarray(line.get_xdata())) for line in (flow, rings)]
    assert crossing[0] == pytest.approx(crossing[1], rel=5e-3)
    # A distance below its own error is not drawn.
    resolved = found["distance"].where(found["error"] <= found["distance"]).sel(depth=3).mean("trial").values
    means = resolved[~np.isnan(resolved)]
    assert means.size > 1
    assert any(np.array_equal(np.asarray(line.get_ydata()), means) for line in lines_with_data(drawn.axes[1]))


def test_the_greedy_figure_draws_as_many_singular_values_as_the_rank_of_the_truth() -> None:
    """Also when the rank is full."""
    changed = {"size": 2, "rank": 2, "depths": [3], "scales": [1e-3], "trials": 1}
    settings, experiment = settings_of("greedy") | changed, EXPERIMENTS["greedy"]
    points = experiment.points(settings)
    drawn = figure("greedy", experiment.dataset(settings, points, [experiment.measure(point) for point in points]))
    assert {text.get_text() for text in drawn.axes[0].texts} == {r"$\sigma_{1}$", r"$\sigma_{2}$"}


def test_the_jumps_figure_draws_path_map_and_survival(datasets: dict[str, xr.Dataset]) -> None:
    found = datasets["jumps"]
    drawn = figure("jumps", found)
    path, rates, by_eta, by_decay = drawn.axes
    assert path.get_yscale() == "log"
    curves = [np.asarray(line.get_ydata()) for line in lines_with_data(path)]
    for name in ("path_ratio", "path_test_error", "path_control_ratio", "offshoot_test_error"):
        assert any(
            curve.shape == (found[name].size,) and np.allclose(curve, found[name], atol=1e-6) for curve in curves
        )
    shown = {(text.get_position(), text.get_text()) for text in rates.texts}
    # Descent keeps rank 2 in the first two columns; in the last one SGD at the larger rate does not fit.
    assert jumps_figure.kinds(found).tolist() == [[0, 0, 1, 2], [0, 0, 1, 2]]
    share = 100 * float(np.isfinite(found["jump_step"].sel(eta=0.8, weight_decay=0.025)).mean())
    assert ((1, 1), f"{share:.0f}") in shown
    assert {position for position, _ in shown} == {(column, row) for column in range(3) for row in range(2)}
    assert [bool(patch.get_hatch()) for patch in rates.patches] == [False, False, True, False] * 2
    for axes, chosen in ((by_eta, {"weight_decay": 0.025}), (by_decay, {"eta": 0.8})):
        part = found["survival"].sel(chosen)
        steps = [np.asarray(line.get_ydata()) for line in lines_with_data(axes)]
        assert any(np.array_equal(step, part.values[1]) for step in steps)
    assert len(lines_with_data(by_decay)) == 3
    assert "exact binomial" in drawn.get_suptitle()
    assert "layout: Wang & Jacot 2024" in drawn.get_suptitle()
    fits = jumps_figure.kinds(found) != 2
    jumped = int((np.isfinite(found["jump_step"].values) & fits[..., None]).sum())
    assert f"of {jumped} chains that jumped where SGD fits, 0 came back" in drawn.get_suptitle()
    drawn.canvas.draw()


def test_the_absorption_figure_tells_kinds_by_face_and_by_hatch(datasets: dict[str, xr.Dataset]) -> None:
    found = datasets["absorption"]
    drawn = figure("absorption", found)
    tight, loose = drawn.axes
    assert (tight.get_xscale(), tight.get_yscale()) == ("log", "log")
    # Row by row: all proved; nothing found beside what is proved; an escape, and beside it a cell that is no step.
    assert [patch.get_hatch() or "" for patch in tight.patches] == ["", "", "", "", "///"]
    assert [patch.get_hatch() or "" for patch in loose.patches] == ["....", "....", "....", "....", "///"]
    blue, white = (to_hex(tight.patches[place].get_facecolor()) for place in (0, 2))
    assert [to_hex(patch.get_facecolor()) for patch in tight.patches[:4]] == [blue, blue, white, blue]
    # Each cell is around its own eta and lambda.
    left, low, right, high = np.ravel(tight.patches[4].get_bbox().get_points())
    assert (left < 0.3 < right, low < 1.0 < high) == (True, True)
    curves = [np.asarray(line.get_ydata()) for line in lines_with_data(tight)]
    assert any(np.array_equal(curve, found["proved_rate"].sel(factor=1.0).values) for curve in curves)
    assert len(lines_with_data(tight)) == 3
    assert len(lines_with_data(loose)) == 2
    limit = lines_with_data(tight)[-1]
    np.testing.assert_allclose(np.asarray(limit.get_xdata()) * np.asarray(limit.get_ydata()), 0.5)
    text = all_text(drawn)
    for part in ("constants found here", "no escape where it is proved", "escape through balance", "no escape found"):
        assert part in text
    assert "absorbing" not in text
    drawn.canvas.draw()


def test_an_escape_where_it_is_proved_is_an_alarm_in_the_figure(datasets: dict[str, xr.Dataset]) -> None:
    found = datasets["absorption"].copy(deep=True)
    found["alarm"][0, 0, 0, 1] = 1
    assert "ALARM: 1 escape where it is proved" in figure("absorption", found).get_suptitle()


def test_one_lambda_and_one_rate_are_a_map_too() -> None:
    experiment = EXPERIMENTS["absorption"]
    settings = settings_of("absorption") | {"etas": [1e-4], "weight_decays": [0.3], "factors": [1.0], "starts": 1}
    (point,) = experiment.points(settings)
    (axes,) = figure("absorption", experiment.dataset(settings, [point], [experiment.measure(point)])).axes
    assert len(axes.patches) == 1


def test_the_certified_limits_are_drawn_in_order_and_what_is_undecided_has_its_reason(
    datasets: dict[str, xr.Dataset],
) -> None:
    found = datasets["certified-limits"]
    drawn = figure("certified-limits", found)
    assert [axes.get_title().split(":")[0] for axes in drawn.axes] == ["disconnected", "connected"]
    assert all(axes.get_yscale() == "log" for axes in drawn.axes)
    second = found["singular_value"].sel(mode=2)
    expected = np.sort(second.sel(depth=2, mask="disconnected").values)
    curves = [np.asarray(line.get_ydata()) for line in lines_with_data(drawn.axes[0])]
    assert any(curve.shape == expected.shape and np.allclose(curve, expected, rtol=1e-8) for curve in curves)
    # Connected at depth 3: two balls wider than asked, one of which may hold sigma_2 = 0, and a start without a ball.
    lines = drawn.axes[1].get_lines()
    (wide,) = (line for line in lines if line.get_markerfacecolor() == "#FFFFFF")
    texts = found["singular_value_radius"].sel(depth=3, mask="connected", mode=2).values
    assert np.asarray(wide.get_ydata())[1] == max(float(text) for text in texts if text)
    ((lowest, _),) = (segment[:, 1] for segment in drawn.axes[1].collections[1].get_segments()[1:])
    assert lowest == 0
    crosses = [np.size(line.get_xdata()) for line in lines if line.get_marker() == "x"]
    undecided = int((found["outcome"].sel(mask="connected") == 0).sum())
    assert sum(crosses) + np.size(wide.get_xdata()) == undecided == 3
    text = all_text(drawn)
    for part in (
        "8 of 12 limits enclosed",
        "4 UNDECIDED: 60 steps",
        "UNDECIDED, no ball",
        "ball too wide",
        "after Shin",
    ):
        assert part in text
    drawn.canvas.draw()


def test_certified_limits_that_all_close_have_nothing_undecided(datasets: dict[str, xr.Dataset]) -> None:
    found = datasets["certified-limits"].sel(depth=[2])
    drawn = figure("certified-limits", found)
    assert "UNDECIDED" not in all_text(drawn)
    looks = {line.get_marker() for axes in drawn.axes for line in axes.get_lines()}
    assert "x" not in looks


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_sweep_that_is_not_finished_is_drawn_and_says_so(name: str) -> None:
    experiment, settings = EXPERIMENTS[name], settings_of(name)
    points = experiment.points(settings)
    half = [experiment.measure(point) if number % 2 else None for number, point in enumerate(points)]
    for results in (half, [None] * len(points)):
        drawn = figure(name, experiment.dataset(settings, points, results))
        assert "not computed" in drawn.get_suptitle()
        drawn.canvas.draw()


def test_flows_that_did_not_converge_are_named(datasets: dict[str, xr.Dataset]) -> None:
    found = datasets["connectivity-rank"].copy(deep=True)
    found["unconverged"][0, 0, 0] = 3
    assert "3 flows did not converge" in figure("connectivity-rank", found).get_suptitle()


def test_an_experiment_without_a_figure_is_refused(datasets: dict[str, xr.Dataset]) -> None:
    with pytest.raises(ArgumentError, match="experiment: figure-9"):
        figure("figure-9", datasets["depth-scale"])
