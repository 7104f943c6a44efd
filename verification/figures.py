"""Pictures: limit curves, trajectories over predictions, residuals. Colour-blind safe, readable in black and white."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from verification.evidence import Evidence, Series

# Okabe & Ito 2008, without yellow: distinguishable under all common colour deficiencies and in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_SMALLEST = -300.0  # log10 of the smallest value drawn on a logarithmic float64 axis
STYLE: Any = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "savefig.dpi": 200,
}
_NAMES = {"sigma_1": r"$\sigma_1$", "sigma_2": r"$\sigma_2$"}


def curves_figure(dataset: xr.Dataset, against: str) -> Figure:
    """One panel per m, a colour and marker per depth, sigma_1 solid and the other modes dashed, both axes logarithmic.

    `against` is "alpha" or "product-scale"; the latter shows the scales that every depth covers. Modes that are exactly
    zero are not drawn; the caption says so.
    """
    ms, depths = dataset["m"].values, dataset["depth"].values
    drawn = dataset["log10_singular_value"]
    finite = drawn.values[np.isfinite(drawn.values)]
    extreme = bool(finite.size and finite.min() < _SMALLEST)
    window = _common_scales(dataset) if against == "product-scale" else None
    columns = len(ms) if len(ms) <= 3 else 2 if len(ms) == 4 else 3
    rows = math.ceil(len(ms) / columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(max(6.4, 3.0 * columns + 1.2), 2.7 * rows + 1.1), layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, (j, m) in zip(panels.flat, enumerate(ms), strict=False):
            for i, _ in enumerate(depths):
                x = dataset["alpha"].values if against == "alpha" else dataset["product_scale"].values[i]
                kept = slice(None) if window is None else (x >= window[0]) & (x <= window[1])
                for mode, _ in enumerate(dataset["mode"].values):
                    _curve(axes, x[kept], drawn.values[i, j, kept, mode], i, dashed=mode > 0, extreme=extreme)
            shown = r"\infty" if math.isinf(m) else format(m, "g")
            axes.set_title(f"$m = {shown}$", fontsize=9)
            axes.set_xscale("log")
            if extreme:
                axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
                axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"$10^{{{int(y)}}}$"))
            else:
                axes.set_yscale("log")
        for axes in panels.flat[len(ms) :]:
            axes.set_visible(False)
        figure.supxlabel(r"layer scale $\alpha$" if against == "alpha" else r"product scale $\alpha^L$", fontsize=9)
        figure.supylabel(r"singular values of $W(\infty)$", fontsize=9)
        _curves_legend(figure, dataset)
        figure.suptitle(_caption(dataset), fontsize=8)
    return figure


def _common_scales(dataset: xr.Dataset) -> tuple[float, float] | None:
    """The product scales that every depth covers; None (draw everything) where there are none."""
    scales = dataset["product_scale"].values
    low, high = float(scales.min(axis=1).max()), float(scales.max(axis=1).min())
    return (low, high) if 0 < low < high else None


def _curve(axes: Axes, x: np.ndarray, logs: np.ndarray, index: int, *, dashed: bool, extreme: bool) -> None:
    shown = np.isfinite(logs) & (x > 0)
    if not shown.any():
        return
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    axes.plot(
        x[shown],
        logs[shown] if extreme else 10 ** logs[shown],
        color=colour,
        linestyle="--" if dashed else "-",
        linewidth=1.3,
        marker=marker,
        markersize=3.5,
        markevery=(0.03 * (index + 1), 0.25),
    )


def _curves_legend(figure: Figure, dataset: xr.Dataset) -> None:
    handles = [
        Line2D([], [], color=COLOURS[i % 7], marker=MARKERS[i % 7], markersize=3.5, label=f"$L = {depth}$")
        for i, depth in enumerate(dataset["depth"].values)
    ]
    names = dataset["mode"].values
    handles.append(Line2D([], [], color="0.3", linestyle="-", label=r"$\sigma_1$"))
    if len(names) > 1:
        span = str(names[1]).replace("..", r"},\ldots,\sigma_{")
        handles.append(Line2D([], [], color="0.3", linestyle="--", label=rf"$\sigma_{{{span}}}$"))
    figure.legend(handles=handles, loc="outside right upper", fontsize=8)


def _caption(dataset: xr.Dataset) -> str:
    blocks, block_size = dataset.attrs["blocks"], dataset.attrs["block_size"]
    size = blocks * block_size
    setting = f"$n = {blocks}$ blocks of size $s = {block_size}$ ($d = {size}$), $w^* = {dataset.attrs['value']}$"
    zeros = f"; $\\sigma_{{{blocks + 1}}},\\ldots,\\sigma_{{{size}}} = 0$ not drawn" if block_size > 1 else ""
    return f"Limit of the block-diagonal flow: {setting}\n{dataset.attrs['evidence']}{zeros}"


def series_figure(series: Series) -> Figure:
    """Measured values (markers) over the prediction (lines)."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 2.9), layout="constrained")
        axes = figure.subplots()
        for index, (name, (x, y)) in enumerate(series.predicted.items()):
            label = f"{_NAMES.get(name, name)} predicted"
            axes.plot(x, y, color=COLOURS[index], linewidth=1.3, linestyle="-" if index == 0 else "--", label=label)
        for index, (name, (x, y)) in enumerate(series.measured.items()):
            label = f"{_NAMES.get(name, name)} flow"
            axes.plot(
                x,
                y,
                linestyle="none",
                marker=MARKERS[index],
                markersize=3.5,
                mfc="none",
                color=COLOURS[index],
                label=label,
            )
        axes.set_xlabel(series.axis.replace("time t", "time $t$"))
        axes.set_ylabel(series.quantity.replace("W(t)", "$W(t)$"))
        axes.set_yscale("log")
        axes.set_title(series.title, fontsize=8)
        axes.legend(fontsize=8)
    return figure


def _decided(one: Evidence) -> list[float]:
    """The positive residuals of the points that were decided."""
    return [sample.residual for sample in one.samples if sample.truth != "unknown" and sample.residual > 0]


def residual_figure(evidence: Sequence[Evidence]) -> Figure | None:
    """Relative residual at every judged point, one row per check; None when there is nothing to draw."""
    rows = [one for one in evidence if any(_decided(one))]
    if not rows:
        return None
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 0.9 + 0.45 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for index, one in enumerate(rows):
            samples = np.array(_decided(one))
            offsets = 0.28 * (np.modf(np.arange(samples.size) * 0.618034)[0] - 0.5)
            axes.plot(samples, index + offsets, ".", markersize=2.5, color=COLOURS[index % len(COLOURS)], alpha=0.6)
        axes.set_yticks(range(len(rows)), [one.kind for one in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.set_xlabel("relative residual at each point (zeros not drawn)")
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's ending, without a time stamp."""
    metadata = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[path.suffix.lower()]
    with mpl.rc_context(STYLE | {"svg.hashsalt": "rankproof"}):
        figure.savefig(path, metadata=metadata)


def inline_svg(figure: Figure, name: str) -> str:
    """The figure as an SVG element for a page; `name` keeps identifiers of different figures apart."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE | {"svg.hashsalt": name, "savefig.transparent": True}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def open_set_figure(dataset: xr.Dataset) -> Figure:
    """sigma_min of the limit over the plane of starts [[a, b], [b, a]] (`open_set_map`), one panel per depth.

    Drawn over it: where the limit is proved to have full rank (hatched, solid boundary), where it is nearly of rank 1
    (dotted line at sigma_min = 0.05), and the starts that have rank 1 themselves (dashed). Starts that did not settle
    stay white.
    """
    levels = np.array([0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.5])
    a, b = dataset["diagonal"].values, dataset["off_diagonal"].values
    depths = dataset["depth"].values
    edge = min(a[-1], b[-1])
    with mpl.rc_context(STYLE | {"axes.grid": False, "hatch.linewidth": 0.6}):
        figure = Figure(figsize=(1.3 + 3.1 * len(depths), 3.4), layout="constrained")
        panels = figure.subplots(1, len(depths), sharex=True, sharey=True, squeeze=False)[0]
        for axes, depth in zip(panels, depths, strict=True):
            limit = dataset["smallest_singular_value"].sel(depth=depth).values
            bands = axes.contourf(
                a, b, limit, levels=levels, cmap="cividis", norm=BoundaryNorm(levels, 256), extend="max"
            )
            margin = dataset["margin"].values
            axes.contourf(a, b, margin, levels=[0, np.inf], colors="none", hatches=["//"])
            axes.contour(a, b, margin, levels=[0], colors="white", linewidths=2.0)
            axes.contour(a, b, limit, levels=[0.05], colors="white", linewidths=1.5, linestyles=":")
            axes.plot([0, edge], [0, edge], color="white", linewidth=1.2, linestyle="--")
            axes.set_title(f"$L = {depth}$", fontsize=9)
            axes.set_xlabel("$w_{11}(0) = w_{22}(0)$")
            axes.set_aspect("equal")
            axes.set_xlim(a[0], a[-1])
            axes.set_ylim(b[0], b[-1])
        panels[0].set_ylabel("$w_{12}(0) = w_{21}(0)$")
        bar = figure.colorbar(bands, ax=list(panels), label=r"$\sigma_{\min}(W(\infty))$", ticks=levels)
        bar.ax.set_yticklabels([format(level, "g") for level in levels])
        figure.legend(
            handles=[
                Patch(
                    facecolor="0.6",
                    edgecolor="black",
                    hatch="//",
                    label=r"full rank proved: $|R(0)|_F < \sigma_{\min}(W(0))$",
                ),
                Line2D([], [], color="0.3", linestyle=":", label=r"$\sigma_{\min}(W(\infty)) = 0.05$"),
                Line2D([], [], color="0.3", linestyle="--", label="starts of rank 1"),
            ],
            loc="outside lower center",
            ncols=3,
            fontsize=8,
        )
    return figure
