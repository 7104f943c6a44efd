"""The figure of the experiment `certified-limits`: proved singular values of the limits, smallest first."""

import json
from collections import Counter
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from numerics.experiments.certified_limits import ENCLOSED, UNDECIDED
from verification.figures import COLOURS, MARKERS

_TITLES = {"disconnected": "disconnected: diagonal observed", "connected": "connected: all but $w_{22}$ observed"}
_DASHES = ("-", "--", "-.", ":")
#: Nothing is proved of the limit; its ball is wider than asked.
_UNKNOWN: Any = {"linestyle": "none", "marker": "x", "markersize": 6, "mew": 1.4, "clip_on": False}
_WIDE: Any = {"linestyle": "none", "mfc": "#FFFFFF", "zorder": 3}
#: Height, in the axes, of the first row of crosses, and of one row.
_FIRST_ROW, _ROW = 0.04, 0.05


def certified_limits_figure(dataset: xr.Dataset) -> Figure:
    """sigma_2 of each start, a panel per mask; bars where an enclosure is wide, crosses where there is none."""
    masks = dataset["mask"].values
    drawn = Figure(figsize=(max(6.0, 3.2 * len(masks)), 3.9), layout="constrained")
    panels = drawn.subplots(1, len(masks), sharex=True, sharey=True, squeeze=False)[0]
    for axes, mask in zip(panels, masks, strict=True):
        for index, depth in enumerate(dataset["depth"].values):
            _starts(axes, dataset.sel(mask=mask, depth=depth), index)
        axes.set_yscale("log")
        axes.set_title(_TITLES[str(mask)], fontsize=9)
        axes.set_xlabel(r"start, in the order of $\sigma_2$")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_xlim(0, dataset.sizes["start"] + 1)
    panels[0].set_ylabel(r"$\sigma_2$ of $W(\infty)$, proved")
    drawn.legend(handles=_handles(dataset), loc="outside lower center", ncols=5, fontsize=7.5)
    drawn.suptitle(_caption(dataset), fontsize=7.5)
    return drawn


def _starts(axes: Axes, part: xr.Dataset, index: int) -> None:
    low, high = _ends(part)
    order = np.argsort(high)
    known = order[np.isfinite(high[order])]
    low, high = low[known], high[known]
    places = np.arange(1, len(known) + 1)
    # Where only an upper bound is proved, the bar goes down to the axis.
    middle = np.where(low > 0, np.sqrt(np.abs(low * high)), high)
    axes.errorbar(
        places, middle, yerr=[np.where(low > 0, middle - low, middle), high - middle], elinewidth=0.8, **_look(index)
    )
    undecided = part["outcome"].values == UNDECIDED
    wide = undecided[known]
    if wide.any():
        axes.plot(places[wide], middle[wide], **_look(index) | _WIDE)
    unknown = int(undecided.sum() - wide.sum())
    if unknown:
        axes.plot(
            len(known) + np.arange(1, unknown + 1),
            np.full(unknown, _FIRST_ROW + _ROW * index),
            transform=axes.get_xaxis_transform(),
            color=COLOURS[index % len(COLOURS)],
            **_UNKNOWN,
        )


def _ends(part: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the enclosures of sigma_2 in float64; nan where there is none."""
    second = part.sel(mode=2)
    centre = second["singular_value"].values
    radius = np.array([float(text or "nan") for text in second["singular_value_radius"].values])
    return centre - radius, centre + radius


def _look(index: int) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": _DASHES[index % len(_DASHES)],
        "linewidth": 0.9,
        "markersize": 4,
    }


def _handles(dataset: xr.Dataset) -> list[Line2D]:
    """What is in the panels, and no more."""
    handles = [
        Line2D([], [], label=f"$L = {depth}$", **_look(index)) for index, depth in enumerate(dataset["depth"].values)
    ]
    undecided = dataset["outcome"].values == UNDECIDED
    wide = undecided & np.isfinite(dataset["radius"].values)
    if wide.any():
        look = {"color": "#000000", "marker": MARKERS[0], "markersize": 4}
        handles.append(Line2D([], [], label="UNDECIDED, ball too wide", **look | _WIDE))
    if (undecided & ~wide).any():
        handles.append(Line2D([], [], color="#000000", label="UNDECIDED, no ball", **_UNKNOWN))
    return handles


def _caption(dataset: xr.Dataset) -> str:
    settings = json.loads(dataset.attrs["settings"])
    outcome = dataset["outcome"].values
    computed = int((outcome == ENCLOSED).sum() + (outcome == UNDECIDED).sum())
    missing = int(dataset["missing"].sum())
    left_out = f"; left out: {missing} not computed" if missing else ""
    first = (
        rf"$2\times 2$, rank-1 truths $uv^\top$, Gaussian layers of standard deviation {settings['scale']:g}: "
        rf"{int((outcome == ENCLOSED).sum())} of {computed} limits enclosed to $10^{{-{settings['digits']}}}$"
    )
    reasons = Counter(str(reason) for reason in dataset["reason"].values[outcome == UNDECIDED])
    lines = [f"{count} UNDECIDED: {reason}" for reason, count in reasons.most_common()]
    return "\n".join([first, *lines, f"after {dataset.attrs['source']}{left_out}"])
