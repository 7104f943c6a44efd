"""The figures of the experiments, in the papers' layout. Colour-blind safe, readable in black and white."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from numerics.errors import ArgumentError
from numerics.experiments.depth_scale import theory_ratio
from verification.absorption_figure import absorption_figure
from verification.certified_limits_figure import certified_limits_figure
from verification.figures import COLOURS, MARKERS, STYLE
from verification.jumps_figure import jumps_figure

_CURVE = 121
_DASHES = ("-", "--", "-.", ":")
_RINGS: Any = {"linestyle": "none", "marker": "o", "markersize": 8, "mfc": "none", "mec": "#000000", "mew": 0.8}
_MARKS: Any = {"markersize": 4, "markeredgewidth": 0.8}


def figure(name: str, dataset: xr.Dataset) -> Figure:
    """The figure of an experiment's data set. Raises ArgumentError for an experiment without one."""
    if name not in _FIGURES:
        raise ArgumentError("experiment", name, f"one of {', '.join(_FIGURES)}")
    with mpl.rc_context(STYLE):
        return _FIGURES[name](dataset)


def _connectivity_rank(dataset: xr.Dataset) -> Figure:
    """Effective rank against product scale; a panel per mask, a colour, dash and marker per depth."""
    drawn, panels = _panels(len(dataset["mask"]), height=3.2, shared_y=True)
    titles = {"disconnected": "disconnected: diagonal observed", "connected": "connected: all but $w_{22}$ observed"}
    for axes, mask in zip(panels, dataset["mask"].values, strict=True):
        part = dataset.sel(mask=mask)
        _means_by_depth(axes, part)
        axes.set_title(titles[str(mask)], fontsize=9)
        axes.set_xlabel(r"product scale $\alpha$ at the start")
        if mask == "disconnected" and 2 in dataset["depth"].values:
            scales = dataset["product_scale"].values
            axes.plot(scales, dataset["closed_form_mean"].values, **_RINGS)
    panels[0].set_ylabel(r"mean effective rank of $W(\infty)$")
    closed = Line2D([], [], label="$L = 2$, closed form", **_RINGS)
    handles = [*_depth_handles(dataset), *([closed] if 2 in dataset["depth"].values else [])]
    _legend(drawn, handles)
    tied = "one sample cloned" if json.loads(dataset.attrs["settings"])["tied"] == "yes" else "independent"
    trials = dataset.sizes["trial"]
    caption = rf"$2\times 2$, rank-1 truths $uv^\top$, {trials} trials, Gaussian layers ({tied}); bars: 95% intervals"
    _caption(drawn, dataset, caption)
    return drawn


def _pattern_census(dataset: xr.Dataset) -> Figure:
    """Mean effective rank over all masks against alpha^L; a panel per kind."""
    drawn, panels = _panels(len(dataset["kind"]), height=3.2, shared_y=True)
    for axes, kind in zip(panels, dataset["kind"].values, strict=True):
        part = dataset.sel(kind=kind)
        _means_by_depth(axes, part)
        axes.set_title(f"{kind}: {int(part['masks'])} masks (orbits: {int(part['orbits'])})", fontsize=9)
        axes.set_xlabel(r"product scale $\alpha^L$ at the start")
    panels[0].set_ylabel(r"mean effective rank of $W(\infty)$")
    _legend(drawn, _depth_handles(dataset))
    size, trials = dataset.sizes["mode"], dataset.sizes["trial"]
    caption = (
        rf"${size}\times {size}$, rank-1 truths, {trials} trials per orbit, weighted by its size; bars: 95% intervals"
    )
    _caption(drawn, dataset, caption)
    return drawn


def _plasticity(dataset: xr.Dataset) -> Figure:
    """Above the effective rank, below the reconstruction error, against the scale; a column per stage."""
    stages, scales = dataset["stage"].values, dataset["product_scale"].values
    counts = json.loads(dataset.attrs["settings"])
    titles = {
        "pre-trained": f"pre-trained: {counts['before']} entries",
        "warm": f"warm start: {counts['after']} entries",
        "cold": f"cold start: {counts['after']} entries",
    }
    drawn = Figure(figsize=(6.6, 4.9), layout="constrained")
    panels = drawn.subplots(2, len(stages), sharex=True, sharey="row")
    for column, stage in enumerate(stages):
        part = dataset.sel(stage=stage)
        for row, name in enumerate(("effective_rank", "reconstruction_error")):
            axes = panels[row, column]
            for index, _ in enumerate(dataset["depth"].values):
                values = part[name].values[index]
                _seeds(axes, scales, values, index)
            axes.set_xscale("log")
            axes.set_yscale("log")
        panels[1, column].set_xlabel(r"product scale $\alpha$")
        panels[0, column].set_title(titles[str(stage)], fontsize=9)
        panels[0, column].axhline(counts["rank"], color="0.4", linewidth=0.8, linestyle=":")
    # Ranks span less than two decades, which the usual ticks would leave without numbers.
    panels[0, 0].yaxis.set_major_locator(FixedLocator([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]))
    panels[0, 0].yaxis.set_minor_locator(NullLocator())
    panels[0, 0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: format(value, "g")))
    panels[0, 0].set_ylabel(r"effective rank of $W(\infty)$")
    panels[1, 0].set_ylabel(r"$|W(\infty)-W^*|_F\,/\,|W^*|_F$")
    rank = Line2D([], [], color="0.4", linewidth=0.8, linestyle=":", label="rank of the truth")
    _legend(drawn, [*_depth_handles(dataset), rank])
    size = dataset.sizes["mode"]
    caption = (
        rf"${size}\times {size}$, truth of rank {counts['rank']}, {dataset.sizes['seed']} seeds; "
        "markers: means, bars: smallest to largest"
    )
    _caption(drawn, dataset, caption)
    return drawn


def _depth_scale(dataset: xr.Dataset) -> Figure:
    """sigma_2/sigma_1 against alpha^L: a panel per m with the theorem as lines and flows as markers, and one random."""
    ms, scales = dataset["m"].values, dataset["product_scale"].values
    size, fine = dataset.attrs["blocks"], np.geomspace(scales.min(), scales.max(), _CURVE)
    drawn, panels = _panels(len(ms) + 1, height=3.0, shared_y=True)
    for axes, m in zip(panels, ms, strict=False):
        part = dataset.sel(m=m)
        for index, depth in enumerate(dataset["depth"].values):
            axes.plot(fine, theory_ratio(int(size), int(depth), fine, float(m)), **_line(index))
            axes.plot(
                scales,
                part["family_ratio"].values[index],
                **_line(index) | {"linestyle": "none"},
                mfc="none",
                # Smaller with depth, for at m = oo all lie on each other.
                **_mark(index) | {"markersize": max(2.5, 7.5 - 2 * index)},
            )
        axes.set_title(r"family, $m = \infty$" if np.isinf(m) else f"family, $m = {m:g}$", fontsize=9)
    for index, _ in enumerate(dataset["depth"].values):
        low, high = (dataset[name].values[index] for name in ("random_low", "random_high"))
        panels[-1].fill_between(scales, low, high, color=COLOURS[index % len(COLOURS)], alpha=0.15, linewidth=0)
        panels[-1].plot(scales, dataset["random_median"].values[index], **_line(index), **_mark(index))
    panels[-1].set_title("random layers", fontsize=9)
    for axes in panels:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(r"product scale $\alpha^L$")
    panels[0].set_ylabel(r"$\sigma_2/\sigma_1$ of $W(\infty)$")
    _legend(drawn, _depth_handles(dataset))
    caption = (
        rf"${size}\times {size}$, diagonal observed at 1; family: limit theorem (lines), flows (markers); "
        f"random: median and quartiles of {dataset.sizes['trial']} trials"
    )
    _caption(drawn, dataset, caption)
    return drawn


def _greedy(dataset: xr.Dataset) -> Figure:
    """Left one path at depth 2 with GLRL's stages over it; right the distance of the limits.

    The path is that of the first problem among those whose flow passes most of GLRL's critical points.
    """
    drawn, (path, distance) = _panels(2, height=3.4, shared_y=False, shared_x=False)
    path.set_xscale("log")
    chosen = int(np.argmax((~np.isnan(dataset["stage_time"].values[:, :, 0])).sum(axis=1)))
    if not np.isnan(dataset["time"].values[chosen, 0]):
        _greedy_path(path, dataset.isel(trial=chosen))
    path.set_xlabel("time $t$ of the flow")
    path.set_ylabel(r"singular values of $W(t)$")
    exponent = np.log10(dataset.attrs["path_scale"])
    path.set_title(rf"$L = 2$, $|W(0)|_2 = 10^{{{exponent:.3g}}}$, problem {chosen}", fontsize=9)
    scales = dataset["product_scale"].values
    resolved = dataset["error"].values <= dataset["distance"].values
    unresolved = int((np.isfinite(dataset["error"].values) & ~resolved).sum())
    for index, _ in enumerate(dataset["depth"].values):
        _seeds(distance, scales, np.where(resolved[index], dataset["distance"].values[index], np.nan), index)
    distance.plot(scales, scales, color="0.4", linewidth=0.8, linestyle=":")
    distance.set_xscale("log")
    distance.set_yscale("log")
    distance.autoscale(axis="y")
    distance.set_ylim(bottom=1e-13)
    distance.set_xlabel(r"product scale $|W(0)|_2 = \alpha^L$")
    distance.set_ylabel(r"$|W(\infty)-W_{\mathrm{GLRL}}|_F\,/\,|W_{\mathrm{GLRL}}|_F$")
    distance.set_title("distance of the limits", fontsize=9)
    stages = Line2D([], [], label="GLRL's stages", **_RINGS)
    slope = Line2D([], [], color="0.4", linewidth=0.8, linestyle=":", label="slope 1")
    _legend(drawn, [*_depth_handles(dataset), slope, stages])
    settings = json.loads(dataset.attrs["settings"])
    caption = (
        rf"${settings['size']}\times {settings['size']}$ symmetric, rank {settings['rank']}, "
        f"{settings['observed']}% of pairs observed, {dataset.sizes['trial']} problems, means and ranges"
    )
    _caption(drawn, dataset, caption + (f"; {unresolved} below their error" if unresolved else ""))
    return drawn


def _greedy_path(axes: Axes, trial: xr.Dataset) -> None:
    """Singular values of one trial's flow as lines, those of the stages as rings."""
    times, values = trial["time"].values, trial["singular_value"].values
    for mode in range(trial.attrs["rank"]):
        axes.plot(times, values[:, mode], color="0.25", linestyle=_DASHES[mode % len(_DASHES)], linewidth=1.3)
        place = rf"$\sigma_{{{mode + 1}}}$"
        axes.annotate(place, (times[-1], values[-1, mode]), xytext=(3, 0), textcoords="offset points", fontsize=8)
        for stage in range(trial.sizes["stage"]):
            rings = trial["stage_time"].values[stage], trial["stage_singular_value"].values[stage, :, mode]
            axes.plot(*rings, **_RINGS | {"markersize": 3.5})
    reached = times[values[:, 0] > 0.01 * values[-1, 0]]
    axes.set_xlim(0.6 * reached[0], 1.3 * times[-1])
    axes.xaxis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format(value, "g")))


_FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {
    "connectivity-rank": _connectivity_rank,
    "pattern-census": _pattern_census,
    "plasticity": _plasticity,
    "depth-scale": _depth_scale,
    "greedy": _greedy,
    "jumps": jumps_figure,
    "absorption": absorption_figure,
    "certified-limits": certified_limits_figure,
}


def _panels(count: int, *, height: float, shared_y: bool, shared_x: bool = True) -> tuple[Figure, Sequence[Axes]]:
    drawn = Figure(figsize=(max(6.0, 2.1 * count + 0.6), height), layout="constrained")
    return drawn, list(drawn.subplots(1, count, sharex=shared_x, sharey=shared_y, squeeze=False)[0])


def _line(index: int) -> dict[str, Any]:
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": _DASHES[index % len(_DASHES)], "linewidth": 1.3}


def _means_by_depth(axes: Axes, part: xr.Dataset) -> None:
    scales = part["product_scale"].values
    for index, _ in enumerate(part["depth"].values):
        mean, low, high = (
            part[name].values[index] for name in ("mean_effective_rank", "interval_low", "interval_high")
        )
        axes.errorbar(
            scales, mean, yerr=[mean - low, high - mean], capsize=2, elinewidth=0.8, **_line(index), **_mark(index)
        )
    axes.set_xscale("log")


def _seeds(axes: Axes, scales: np.ndarray, values: np.ndarray, index: int) -> None:
    """Mean of each scale over the seeds (last axis) that have a value, and their range."""
    kept = [row[~np.isnan(row)] for row in values]
    shown = np.array([row.size > 0 for row in kept])
    if not shown.any():
        return
    mean, low, high = (np.array([reduce(row) for row in kept if row.size]) for reduce in (np.mean, np.min, np.max))
    axes.errorbar(
        scales[shown],
        mean,
        yerr=[mean - low, high - mean],
        capsize=2,
        elinewidth=0.8,
        **_line(index),
        **_mark(index),
    )


def _mark(index: int) -> dict[str, Any]:
    return {"marker": MARKERS[index % len(MARKERS)], **_MARKS}


def _depth_handles(dataset: xr.Dataset) -> list[Line2D]:
    return [
        Line2D([], [], label=f"$L = {depth}$", **_line(index), **_mark(index))
        for index, depth in enumerate(dataset["depth"].values)
    ]


def _legend(drawn: Figure, handles: Sequence[Line2D]) -> None:
    drawn.legend(handles=list(handles), loc="outside lower center", ncols=len(handles), fontsize=8)


def _caption(drawn: Figure, dataset: xr.Dataset, text: str) -> None:
    """What is drawn, then the source, and what is not in the picture."""
    left_out = _left_out(dataset)
    drawn.suptitle(f"{text}\nlayout: {dataset.attrs['source']}{left_out}", fontsize=7.5)


def _left_out(dataset: xr.Dataset) -> str:
    unconverged = int(np.nansum(dataset["unconverged"].values))
    if "missing" in dataset:
        missing = int(dataset["missing"].values.sum())
    else:
        missing = int(np.isnan(dataset["unconverged"].values).sum())
    parts = [f"{unconverged} {'flow' if unconverged == 1 else 'flows'} did not converge"] if unconverged else []
    parts += [f"{missing} not computed"] if missing else []
    return f"; left out: {', '.join(parts)}" if parts else ""
