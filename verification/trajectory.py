"""One trajectory as a labelled dataset, a picture and a table: singular values and loss over the prediction."""

import csv
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from numerics.gradient_flow import GradientFlow
from numerics.prediction import Prediction
from verification.figures import COLOURS, STYLE, save_figure
from verification.files import whole_file

FORMATS = (".png", ".svg", ".pdf", ".csv", ".nc")
#: Singular values below this share of the largest are rounding, and not drawn.
_SMALLEST = 1e-17
#: Modes with a colour of their own; the others are drawn in grey.
_COLOURED = len(COLOURS) - 1
#: The time axis is logarithmic when the loss takes this many times its half-life to the end.
_LONG = 30.0


def trajectory_dataset(flow: GradientFlow, predicted: Prediction | None) -> xr.Dataset:
    """`GradientFlow.to_xarray`, with predicted_limit (mode) and predicted_singular_value (predicted_time, mode)."""
    return with_prediction(flow.to_xarray(), predicted)


def with_prediction(data: xr.Dataset, predicted: Prediction | None) -> xr.Dataset:
    """The dataset of a trajectory, with predicted_limit (mode) and predicted_singular_value (predicted_time, mode)."""
    if predicted is None:
        return data
    data = data.assign_attrs(predicted_by=predicted.statement)
    data["predicted_limit"] = ("mode", predicted.limit)
    if predicted.times.size:
        data = data.assign_coords(predicted_time=predicted.times)
        data["predicted_singular_value"] = (("predicted_time", "mode"), predicted.singular_values)
    return data


def save_trajectory(data: xr.Dataset, path: Path) -> None:
    """Write the trajectory by the file's ending; it appears whole or not at all. Raises ArgumentError."""
    with whole_file("out", path) as temporary:
        match path.suffix.lower():
            case ".nc":
                data.to_netcdf(temporary, engine="scipy")
            case ".csv":
                _write_table(data, temporary)
            case _:
                save_figure(trajectory_figure(data), temporary)


def _write_table(data: xr.Dataset, path: Path) -> None:
    """One row per time: what was measured, or proven; then the proven limit, and what is predicted."""
    scalars = [str(name) for name, values in data.data_vars.items() if values.dims == ("time",)]
    proven = "radius" in data
    quantities = ["singular_value", "radius"] if proven else ["singular_value"]
    numbers = [data[name].values for name in quantities]
    rest = [""] * (len(quantities) * data.sizes["mode"] - data.sizes["mode"] + len(scalars))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        modes = [f"{quantity}_{mode}" for quantity in quantities for mode in data["mode"].values]
        writer.writerow(["series", "time", *modes, *scalars])
        for index, time in enumerate(data["time"].values):
            found = [*np.concatenate([one[index] for one in numbers]), *(data[name].values[index] for name in scalars)]
            writer.writerow(["proven" if proven else "measured", *map(_number, [time, *found])])
        if "limit" in data:
            found = [*data["limit"].values, *data["limit_radius"].values]
            writer.writerow(["proven", "inf", *map(_number, found), *[""] * len(scalars)])
        if "predicted_singular_value" in data:
            for time, values in zip(
                data["predicted_time"].values, data["predicted_singular_value"].values, strict=True
            ):
                writer.writerow(["predicted", *map(_number, [time, *values]), *rest])
        if "predicted_limit" in data:
            writer.writerow(["predicted", "inf", *map(_number, data["predicted_limit"].values), *rest])


def _number(number: float) -> str:
    return repr(float(number))


def trajectory_figure(data: xr.Dataset) -> Figure:
    """Singular values of W(t) over the prediction, and the loss, against one time axis; values are logarithmic."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 5.2), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
        times = data["time"].values
        _singular_values(top, data)
        bottom.plot(times, np.where(data["loss"].values > 0, data["loss"].values, np.nan), color="0.2", linewidth=1.3)
        bottom.set_ylabel(f"loss ({data.attrs['normalization']})")
        bottom.set_xlabel("time $t$ of the flow")
        for axes in (top, bottom):
            axes.set_yscale("log")
        if _is_long(data):
            bottom.set_xscale("log")
            bottom.set_xlim(_first_change(data) / 10, times[-1] * 1.05)
        elif times[-1] > 0:
            bottom.set_xlim(0, times[-1])
        rows, columns = data["mask"].shape
        observed = int(data["mask"].values.sum())
        text = f"{rows} x {columns}, {observed} observed, depth {data.attrs['depth']}, engine {data.attrs['engine']}"
        figure.suptitle(f"{text}: {data.attrs['stopped']}", fontsize=9)
    return figure


def _singular_values(axes: Axes, data: xr.Dataset) -> None:
    times, values = data["time"].values, data["singular_value"].values
    floor = _SMALLEST * float(values.max() or 1.0)
    limits = data["predicted_limit"].values if "predicted_limit" in data else np.empty(0)
    if "limit" in data:
        limits = data["limit"].values
    handles = []
    for mode in reversed(range(values.shape[1])):
        colour = COLOURS[mode] if mode < _COLOURED else "0.75"
        axes.plot(times, np.where(values[:, mode] > floor, values[:, mode], np.nan), color=colour, linewidth=1.8)
        if mode < _COLOURED:
            handles.append(Line2D([], [], color=colour, linewidth=1.8, label=rf"$\sigma_{{{mode + 1}}}$"))
    handles.reverse()
    if values.shape[1] > _COLOURED:
        handles.append(Line2D([], [], color="0.75", linewidth=1.8, label="others"))
    if "predicted_singular_value" in data:
        axes.plot(data["predicted_time"].values, data["predicted_singular_value"].values, **_PREDICTED)
        handles.append(Line2D([], [], **_PREDICTED, label=f"predicted\n({data.attrs['predicted_by']})"))
    for value in set(limits[limits > floor].tolist()):
        axes.axhline(value, color="black", linestyle=":", linewidth=0.9)
    if limits.size:
        text = (
            "predicted limit" if "predicted_singular_value" in data else f"limit by\n{data.attrs.get('predicted_by')}"
        )
        text = f"limit, proven\nwithin {data.attrs['proven_within']}" if "limit" in data else text
        handles.append(Line2D([], [], color="black", linestyle=":", linewidth=0.9, label=text))
    axes.set_ylabel("singular values of $W(t)$")
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)


_PREDICTED: Any = {"color": "black", "linestyle": (0, (4, 4)), "linewidth": 1.0}


def _first_change(data: xr.Dataset) -> float:
    """The first recorded time at which the loss is below half of what it was; the last one where it never is."""
    times, loss = data["time"].values, data["loss"].values
    below = np.flatnonzero(loss < 0.5 * loss[0])
    return float(times[below[0]] if below.size else times[-1])


def _is_long(data: xr.Dataset) -> bool:
    first, last = _first_change(data), float(data["time"].values[-1])
    return first > 0 and last > _LONG * first
