"""The figure of the experiment `absorption`: maps of eta and lambda, what is proved there, and escapes found."""

import json
from collections.abc import Iterable
from itertools import compress
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from numerics.experiments.absorption import BALANCE_AND_SIZE, ESCAPE, LEFT_OUT, NOT_COMPUTED, NOTHING_FOUND, PROVED
from verification.figures import COLOURS

#: Face and hatch of what has no escape; both tell kinds apart, so that print without colour does.
_LOOKS: dict[int, tuple[str, str]] = {
    PROVED: (COLOURS[0], ""),
    BALANCE_AND_SIZE: (COLOURS[4], "...."),
    NOTHING_FOUND: ("#FFFFFF", ""),
    NOT_COMPUTED: ("#FFFFFF", "xxx"),
}
_NAMES = {
    PROVED: "proved: no step leaves",
    BALANCE_AND_SIZE: "balance and size proved",
    NOTHING_FOUND: "no escape found",
    NOT_COMPUTED: "not computed",
}
_ESCAPE = "#F3C08A"
#: Where there are no steps.
_BEYOND = "0.86"
#: A hatch for each condition; where several are broken, all of theirs.
_HATCHES = {"balance": "///", "rank": "ooo", "size": "\\\\\\"}
_WHOLE: Any = {"color": "#000000", "linewidth": 1.4}
_PARTS: Any = {"color": "#000000", "linewidth": 1.4, "linestyle": (0, (4, 1.5))}
_LIMIT: Any = {"color": "#000000", "linewidth": 1.2, "linestyle": ":"}
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def absorption_figure(dataset: xr.Dataset) -> Figure:
    """A map per factor on sqrt(eps_1), with the largest rates that are proved as curves."""
    factors = dataset["factor"].values
    drawn = Figure(figsize=(max(6.6, 3.3 * len(factors)), 4.9), layout="constrained")
    panels = drawn.subplots(1, len(factors), sharex=True, sharey=True, squeeze=False)[0]
    for axes, factor in zip(panels, factors, strict=True):
        _map(axes, dataset.sel(factor=factor))
        times = "as found" if factor == 1 else f"{factor:g} times as large"
        axes.set_title(rf"$\sqrt{{\epsilon_1}}$ {times}", fontsize=9)
        axes.set_xlabel(r"weight decay $\lambda$")
    panels[0].set_ylabel(r"learning rate $\eta$")
    drawn.legend(handles=_handles(dataset), loc="outside lower center", ncols=3, fontsize=7.5)
    drawn.suptitle(_caption(dataset), fontsize=7.5)
    return drawn


def _map(axes: Axes, part: xr.Dataset) -> None:
    decays, etas = part["weight_decay"].values, part["eta"].values
    columns, rows = _edges(decays), _edges(etas)
    for i, j in np.ndindex(len(etas), len(decays)):
        kind = int(part["kind"].values[i, j])
        if kind == LEFT_OUT:
            continue
        face, hatch = (_ESCAPE, _hatch(part["escape"].values[i, j])) if kind == ESCAPE else _LOOKS[kind]
        corner = (columns[j][0], rows[i][0])
        # Without edges, hatches of neighbours are one.
        axes.add_patch(
            Rectangle(
                corner,
                columns[j][1] - corner[0],
                rows[i][1] - corner[1],
                facecolor=face,
                edgecolor="0.25",
                hatch=hatch,
                linewidth=0,
            )
        )
    for name, look in (("balance_and_size_rate", _PARTS), ("proved_rate", _WHOLE)):
        rates = part[name].values
        if (rates > 0).any():
            axes.plot(*_sorted(decays, np.where(rates > 0, rates, np.nan)), **look)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(columns)[0], max(columns)[1])
    axes.set_ylim(min(rows)[0], max(rows)[1])
    ends = np.array([min(columns)[0], max(columns)[1]])
    # A cell is one point; what of it is beyond the limit is no step either.
    axes.set_facecolor(_BEYOND)
    axes.fill_between(ends, 0.5 / ends, 10 * max(0.5 / ends[0], max(rows)[1]), color=_BEYOND, linewidth=0)
    axes.plot(ends, 0.5 / ends, **_LIMIT)
    axes.grid(visible=False)
    axes.xaxis.set_major_locator(FixedLocator(_TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_locator(LogLocator(10, numticks=20))
    axes.yaxis.set_minor_locator(NullLocator())


def _edges(values: np.ndarray) -> list[tuple[float, float]]:
    """Ends of the cell of each value: geometric means with its neighbours, and as far beyond the last ones."""
    logs = np.log(np.sort(values))
    between = (logs[1:] + logs[:-1]) / 2 if len(logs) > 1 else np.empty(0)
    first, last = (between[0], between[-1]) if len(logs) > 1 else (logs[0] + 0.1, logs[0] - 0.1)
    ends = np.exp([2 * logs[0] - first, *between, 2 * logs[-1] - last])
    return [(float(ends[place]), float(ends[place + 1])) for place in np.argsort(np.argsort(values))]


def _sorted(places: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(places)
    return places[order], values[order]


def _hatch(escape: Iterable[Any]) -> str:
    return "".join(compress(_HATCHES.values(), escape))


def _handles(dataset: xr.Dataset) -> list[Line2D | Patch]:
    """What is in the maps, and no more."""
    kinds = set(np.unique(dataset["kind"].values).tolist())
    handles: list[Line2D | Patch] = [
        Patch(facecolor=face, edgecolor="0.25", hatch=hatch, linewidth=0.4, label=_NAMES[kind])
        for kind, (face, hatch) in _LOOKS.items()
        if kind in kinds
    ]
    seen = dataset["escape"].values.reshape(-1, len(_HATCHES))
    for escape in sorted({tuple(one) for one in seen.tolist() if any(one)}, reverse=True):
        label = f"escape through {' and '.join(compress(_HATCHES, escape))}"
        handles.append(Patch(facecolor=_ESCAPE, edgecolor="0.25", hatch=_hatch(escape), linewidth=0.4, label=label))
    if (dataset["proved_rate"].values > 0).any():
        handles.append(Line2D([], [], label=r"largest $\eta$ proved", **_WHOLE))
    if (dataset["balance_and_size_rate"].values > 0).any():
        handles.append(Line2D([], [], label=r"largest $\eta$, balance and size", **_PARTS))
    limit = Line2D([], [], label=r"$\eta\lambda = 1/2$", **_LIMIT)
    return [*handles, limit, Patch(facecolor=_BEYOND, label="left out: no steps")]


def _caption(dataset: xr.Dataset) -> str:
    settings = json.loads(dataset.attrs["settings"])
    tried = dataset["points"].values
    counts = (
        ""
        if np.isnan(tried).all()
        else f"{np.nanmin(tried):.0f} to {np.nanmax(tried):.0f} points at the centre of each cell, every entry; "
    )
    alarms, missing = int(dataset["alarm"].sum()), int(dataset["missing"].sum())
    escapes = "escape" if alarms == 1 else "escapes"
    alarm = f"ALARM: {alarms} {escapes} where it is proved" if alarms else "no escape where it is proved"
    left_out = f"; left out: {missing} not computed" if missing else ""
    return (
        rf"one step from $B_1$, for the constants found here: $2\times 2$, $e = 1/4$, $L = 3$, width "
        rf"{settings['width']}, $\epsilon_2 = {settings['eps_2']:g}$, $C = {3 * settings['spread']:g}/(16\lambda)$"
        f"\n{counts}escapes are proved in balls; {alarm}\nlayout: ours, after {dataset.attrs['source']}{left_out}"
    )
