"""Pictures: limit curves, trajectories over predictions, boxes. Colour-blind safe, readable in black and white."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Path2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from verification.evidence import BoxMap, Series

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
_GREEK = frozenset({"alpha", "beta", "delta", "lambda", "phi", "rho", "sigma", "tau", "theta"})
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


#: Fill, hatch and word of each state of a sub-box; the hatch carries the meaning where colours do not.
_STATES = {
    "proven": ("#009E73", "", "proven"),
    "outside": ("#888888", "--", "outside the assumptions"),
    "refuted": ("#D55E00", "xxx", "refuted"),
    "open": ("#E69F00", "///", "undecided"),
}
_MOST_OUTLINES = 1500  # sub-boxes; beyond these neighbours of one state are drawn as one


def box_figure(box: BoxMap, witness: Mapping[str, str] | None = None) -> Figure:
    """The sub-boxes of a certificate by state, over one parameter (a strip) or two.

    A bound that the axis cannot show (0 or less on a logarithmic one, infinity) is drawn a little beyond the others.
    `witness` is marked where it lies in the picture.
    """
    bounds = [_axis_bounds(box, axis) for axis in range(len(box.axes))]
    parts: dict[str, list[Rectangle]] = {state: [] for state in (*_STATES, *(state for state, _ in box.parts))}
    for state, sides in box.parts:
        clipped = [(max(low, least), min(high, most)) for (low, high), (least, most) in zip(sides, bounds, strict=True)]
        parts[state].append((*clipped[0], *(clipped[1] if len(clipped) > 1 else (0.0, 1.0))))
    outlined = len(box.parts) <= _MOST_OUTLINES
    with mpl.rc_context(STYLE | {"axes.grid": False, "hatch.linewidth": 0.5}):
        figure = Figure(figsize=(4.4, 3.2 if len(box.axes) > 1 else 1.5), layout="constrained")
        axes = figure.subplots()
        handles: list[Artist] = []
        for state, rectangles in parts.items():
            colour, hatch, word = _STATES.get(state, ("#56B4E9", "++", state))
            if rectangles:
                drawn = rectangles if outlined else merged(rectangles)
                # Two patches, because one opacity would hold for the hatch too.
                outline = _outline(drawn)
                axes.add_patch(PathPatch(outline, facecolor=colour, alpha=0.3, edgecolor="none"))
                axes.add_patch(PathPatch(outline, facecolor="none", edgecolor=colour, hatch=hatch, linewidth=0.5))
                face = (*to_rgb(colour), 0.3)
                handles.append(Patch(label=word, facecolor=face, edgecolor=colour, hatch=hatch, linewidth=0.5))
        _box_axes(axes, box, bounds)
        handles += _mark_witness(axes, box, bounds, witness or {})
        axes.set_title(box.title, fontsize=8)
        figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=7.5)
    return figure


Rectangle = tuple[float, float, float, float]  # left, right, lower, upper


def _axis_bounds(box: BoxMap, axis: int) -> tuple[float, float]:
    logarithmic = box.logarithmic[axis]
    ends = {end for _, sides in box.parts for end in sides[axis]}
    shown = sorted(end for end in ends if math.isfinite(end) and (end > 0 or not logarithmic)) or [1.0]
    low, high = shown[0], shown[-1]
    beyond = 0.08 * (high - low) or 1.0
    if min(ends, default=low) < low:
        low = low / 10 if logarithmic else low - beyond
    if max(ends, default=high) > high:
        high = high * 10 if logarithmic else high + beyond
    return low, high


def merged(rectangles: Sequence[Rectangle]) -> list[Rectangle]:
    """The same area in fewer rectangles: neighbours that share a whole side become one."""
    for across in (True, False):
        rows: dict[tuple[float, float], list[Rectangle]] = {}
        for one in rectangles:
            rows.setdefault(one[2:] if across else one[:2], []).append(one)
        joined = []
        for row in rows.values():
            row.sort()
            current = row[0]
            for one in row[1:]:
                if across and one[0] == current[1]:
                    current = (current[0], one[1], *current[2:])
                elif not across and one[2] == current[3]:
                    current = (*current[:3], one[3])
                else:
                    joined.append(current)
                    current = one
            joined.append(current)
        rectangles = joined
    return list(rectangles)


def _outline(rectangles: Sequence[Rectangle]) -> Path2D:
    corners = [
        corner
        for left, right, low, high in rectangles
        for corner in ((left, low), (right, low), (right, high), (left, high), (left, low))
    ]
    codes = [Path2D.MOVETO, Path2D.LINETO, Path2D.LINETO, Path2D.LINETO, Path2D.CLOSEPOLY] * len(rectangles)
    return Path2D(np.array(corners, dtype=float), codes)


def _box_axes(axes: Axes, box: BoxMap, bounds: Sequence[tuple[float, float]]) -> None:
    axes.set_xlim(*_widened(*bounds[0]))
    axes.set_xscale("log" if box.logarithmic[0] else "linear")
    axes.set_xlabel(_axis_label(box, 0))
    if len(box.axes) > 1:
        axes.set_ylim(*_widened(*bounds[1]))
        axes.set_yscale("log" if box.logarithmic[1] else "linear")
        axes.set_ylabel(_axis_label(box, 1))
    else:
        axes.set_ylim(0, 1)
        axes.set_yticks([])


def _axis_label(box: BoxMap, axis: int) -> str:
    reaches = any(math.isinf(end) for _, sides in box.parts for end in sides[axis])
    return _symbol(box.axes[axis]) + (r" (the last box reaches $\infty$)" if reaches else "")


def _widened(low: float, high: float) -> tuple[float, float]:
    """The bounds, or something around them where they are one point."""
    return (low, high) if low < high else (low - 0.5 * abs(low or 1.0), high + 0.5 * abs(high or 1.0))


def _mark_witness(
    axes: Axes, box: BoxMap, bounds: Sequence[tuple[float, float]], witness: Mapping[str, str]
) -> list[Line2D]:
    """Mark the witness; nothing where it has no number for an axis or lies outside the picture."""
    try:
        place = [float(Fraction(witness[name])) for name in box.axes]
    except (KeyError, ValueError, OverflowError, ZeroDivisionError):
        return []
    if not all(low <= one <= high for one, (low, high) in zip(place, bounds, strict=True)):
        return []
    style: Any = {"color": "#000000", "marker": "*", "markersize": 9, "markeredgecolor": "#ffffff", "linestyle": "none"}
    axes.plot(place[:1], place[1:] or [0.5], clip_on=False, zorder=5, **style)
    return [Line2D([], [], label="witness", **style)]


def _symbol(name: str) -> str:
    """The name of a parameter as mathematics where it is one letter or a Greek one."""
    base, _, below = name.partition("_")
    letter = f"\\{base}" if base in _GREEK else base
    if (len(base) > 1 and base not in _GREEK) or not base.isalpha() or not (below or "1").isalnum():
        return name.replace("$", r"\$")
    return f"${letter}_{{{below}}}$" if below else f"${letter}$"


_ROLES = {"#000000": "ink", "#4d4d4d": "soft", "#b0b0b0": "grid", "#ffffff": "paper"}
_ON_PAGE = {colour.lower(): f"var(--figure-{index}, {colour.lower()})" for index, colour in enumerate(COLOURS[:6])} | {
    colour: f"var(--figure-{role}, {colour})" for colour, role in _ROLES.items()
}


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's ending, without a time stamp."""
    metadata = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[path.suffix.lower()]
    with mpl.rc_context(STYLE | {"svg.hashsalt": "rankproof"}):
        figure.savefig(path, metadata=metadata)


def inline_svg(figure: Figure, name: str) -> str:
    """The figure as an SVG element for a page; `name` keeps identifiers of different figures apart.

    Colours are those of the page's style sheet (`--figure-0` and so on) where it has them, so that the picture follows
    light and dark; coordinates are cut to hundredths of a point.
    """
    buffer = io.StringIO()
    with mpl.rc_context(STYLE | {"svg.hashsalt": name, "savefig.transparent": True}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = text.replace("xlink:href", "href")
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', text))
    text = re.sub(r' id="([^"]+)"', lambda found: f' id="{name}.{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r'(href="|url\()#', rf"\g<1>#{name}.", text)
    text = re.sub(r' d="[^"]*"| [xy]="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), text)
    return re.sub(r"#[0-9a-f]{6}\b(?=[;\"])", lambda found: _ON_PAGE.get(found[0], found[0]), text)


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
