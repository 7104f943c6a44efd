"""The figure of the experiment `jumps`: one chain with its offshoots, survival of rank 2, and the map of the rates."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from numerics.experiments.jumps import problem
from numerics.sgd import JUMPED, RETURNED
from verification.figures import COLOURS

_RED, _LIGHT, _DARK = COLOURS[1], COLOURS[4], "#003B5C"
_DASHES = ("-", "--", "-.", ":")
#: Below this the ratio of a chain that has jumped is of no interest.
_FLOOR = 1e-6
_SHARES = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", COLOURS[0]])
_UNFIT, _INSIDE = "0.75", "#F5ECD2"


def jumps_figure(dataset: xr.Dataset) -> Figure:
    """Above the path and the map, below survival against eta and against lambda."""
    drawn = Figure(figsize=(8.2, 6.2), layout="constrained")
    (path, rates), (by_eta, by_decay) = drawn.subplots(2, 2)
    settings = json.loads(dataset.attrs["settings"])
    _path(path, dataset)
    _map(rates, dataset, settings)
    chosen = kinds(dataset)
    column = settings["weight_decays"].index(settings["weight_decay"])
    _survival(by_eta, dataset.isel(weight_decay=column), chosen[:, column], "eta", r"\eta")
    by_eta.set_title(rf"$\lambda = {settings['weight_decay']:g}$", fontsize=9)
    row = settings["etas"].index(settings["eta"])
    _survival(by_decay, dataset.isel(eta=row), chosen[row], "weight_decay", r"\lambda")
    by_decay.set_title(rf"$\eta = {settings['eta']:g}$", fontsize=9)
    drawn.legend(handles=_handles(), loc="outside lower center", ncols=5, fontsize=7.5)
    drawn.suptitle(_caption(dataset, settings), fontsize=7.5)
    return drawn


def kinds(dataset: xr.Dataset) -> np.ndarray:
    """Of each eta and lambda: 0 where rank 2 is kept by descent, 1 where descent drops too, 2 where SGD never fits.

    Never fits: the median chain's late error is more than half of that of the zero matrix, or it diverged. Keeps: the
    median chain of descent ends at sigma_2/sigma_1 >= 1e-3. -1 where nothing is computed.
    """
    found = problem(json.loads(dataset.attrs["settings"])["entry"])
    zero = float(np.mean(found.targets[found.mask] ** 2))
    error = np.where(np.isnan(dataset["late_error"].values), np.inf, dataset["late_error"].values)
    control = np.where(np.isnan(dataset["control_ratio"].values), 0.0, dataset["control_ratio"].values)
    chosen = np.where(np.median(control, axis=2) >= JUMPED, 0, 1)
    chosen[np.median(error, axis=2) > zero / 2] = 2
    chosen[dataset["missing"].values == 1] = -1
    return chosen


def _path(axes: Axes, dataset: xr.Dataset) -> None:
    steps = dataset["path_step"].values
    for name, colour in (("ratio", _RED), ("test_error", _LIGHT)):
        axes.plot(steps, _above(dataset[f"path_control_{name}"].values), color=colour, linestyle=":", linewidth=1.6)
        axes.plot(steps, _above(dataset[f"path_{name}"].values), color=colour, linewidth=1.0)
    axes.plot(
        dataset["offshoot_step"].values,
        _above(dataset["offshoot_test_error"].values),
        color=_DARK,
        linestyle="none",
        marker="D",
        markersize=4,
    )
    inside = dataset["path_margin"].min("condition").values >= 0
    axes.fill_between(steps, 0, 1, where=inside, transform=axes.get_xaxis_transform(), color=_INSIDE, linewidth=0)
    axes.set_yscale("log")
    axes.set_ylim(_FLOOR / 2, 100)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("steps after the warm-up")
    axes.set_ylabel("ratio, test error")
    axes.set_title("one chain, its offshoots and descent", fontsize=9)


def _above(values: np.ndarray) -> np.ndarray:
    """Values drawn no lower than the floor, so that a fall to 0 is seen as one."""
    return np.where(np.isnan(values), np.nan, np.maximum(values, _FLOOR))


def _map(axes: Axes, dataset: xr.Dataset, settings: dict[str, Any]) -> None:
    """Share of chains that jumped as colour and number; descent that drops too is hatched, what never fits grey."""
    chosen = kinds(dataset)
    jumped = np.isfinite(dataset["jump_step"].values).mean(axis=2)
    rows, columns = chosen.shape
    for i, j in np.ndindex(rows, columns):
        share, kind = jumped[i, j], chosen[i, j]
        if kind < 0:
            axes.text(j, i, "?", ha="center", va="center", fontsize=6.5)
            continue
        face = _UNFIT if kind == 2 else _SHARES(0.75 * share)
        axes.add_patch(_cell(j, i, face, hatch="////" if kind == 1 else ""))
        if kind != 2:
            text = f"{100 * share:.0f}"
            # Over hatches a number needs a ground of its own.
            ground: Any = {"facecolor": face, "edgecolor": "none", "pad": 0.8}
            axes.text(j, i, text, ha="center", va="center", fontsize=6.5, bbox=ground)
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(-0.5, rows - 0.5)
    axes.grid(visible=False)
    for axis, name in ((axes.xaxis, "weight_decay"), (axes.yaxis, "eta")):
        values = [f"{value:g}" for value in dataset[name].values]
        axis.set_major_locator(FixedLocator(range(len(values))))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(_named(values)))
    axes.tick_params(axis="x", labelsize=7, rotation=45)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel(r"weight decay $\lambda$")
    axes.set_ylabel(r"learning rate $\eta$")
    axes.set_title(f"chains that jumped in {settings['steps']} steps, %", fontsize=9)


def _cell(column: int, row: int, face: Any, hatch: str) -> Patch:
    return Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=face, edgecolor="0.55", linewidth=0.4, hatch=hatch)


def _named(values: Sequence[str]) -> Any:
    return lambda place, _: values[round(place)]


def _survival(axes: Axes, part: xr.Dataset, fits: np.ndarray, name: str, symbol: str) -> None:
    """A curve with its band for each value of one rate; where SGD never fits there is no rank to keep."""
    steps = part["step"].values
    for index, value in enumerate(part[name].values):
        if fits[index] == 2:
            continue
        one = part.sel({name: value})
        colour = COLOURS[index % len(COLOURS)]
        dash = _DASHES[(index % len(COLOURS) + 2 * (index // len(COLOURS))) % len(_DASHES)]
        axes.fill_between(
            steps,
            one["survival_low"].values,
            one["survival_high"].values,
            color=colour,
            alpha=0.15,
            linewidth=0,
            step="post",
        )
        axes.step(steps, one["survival"].values, where="post", color=colour, linestyle=dash, label=f"{value:g}")
    axes.set_xscale("symlog", linthresh=100)
    axes.set_xlim(0, steps[-1])
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("steps after the warm-up")
    axes.set_ylabel("share still of rank 2")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(title=f"${symbol}$", fontsize=6.5, title_fontsize=7.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _handles() -> list[Line2D | Patch]:
    mark: Any = {"color": _DARK, "linestyle": "none", "marker": "D", "markersize": 4}
    return [
        Line2D([], [], color=_RED, label=r"$\sigma_2/\sigma_1$, SGD"),
        Line2D([], [], color=_LIGHT, label="test error, SGD"),
        Line2D([], [], label="test error, end of offshoot", **mark),
        Line2D([], [], color="0.3", linestyle=":", linewidth=1.6, label="descent"),
        Patch(facecolor=_INSIDE, label="in $B_1$, SGD"),
        Patch(facecolor="white", edgecolor="0.55", label="descent stays at rank 2"),
        Patch(facecolor=_SHARES(0.75), edgecolor="0.55", label="it stays, SGD jumps"),
        Patch(facecolor=_SHARES(0.75), edgecolor="0.55", hatch="////", label="descent drops too"),
        Patch(facecolor=_UNFIT, edgecolor="0.55", label="SGD never fits"),
    ]


def _caption(dataset: xr.Dataset, settings: dict[str, Any]) -> str:
    missing, diverged = int(dataset["missing"].sum()), int(dataset["unconverged"].sum())
    if np.isnan(dataset["path_ratio"].values).all():
        missing += 1
    parts = [f"{diverged} chains diverged"] if diverged else []
    parts += [f"{missing} not computed"] if missing else []
    left_out = f"; left out: {', '.join(parts)}" if parts else ""
    fit = kinds(dataset) != 2
    jumped = np.isfinite(dataset["jump_step"].values) & fit[..., None]
    back = int((jumped & (dataset["highest_ratio"].values >= RETURNED)).sum())
    offshoots = rf"$\eta = {settings['offshoot_eta']:g}$, $\lambda = {settings['offshoot_weight_decay']:g}$"
    return (
        rf"$2\times 2$, $e = {settings['entry']:g}$, $L = {settings['depth']}$, width {settings['width']}, "
        f"{settings['chains']} chains a cell; path: $\\eta = {settings['eta']:g}$, "
        rf"$\lambda = {settings['weight_decay']:g}$, offshoots {offshoots}; bands: exact binomial, 95%"
        f"\nof {int(jumped.sum())} chains that jumped where SGD fits, {back} came back to a ratio of {RETURNED:g}"
        f"; layout: {dataset.attrs['source']}{left_out}"
    )
