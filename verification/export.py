"""Curves written to a file, by the file's ending: pictures, a table, or netCDF."""

import csv
from pathlib import Path

import xarray as xr

from verification.figures import curves_figure, save_figure
from verification.files import whole_file

FORMATS = (".png", ".svg", ".pdf", ".csv", ".nc")


def save_curves(dataset: xr.Dataset, path: Path, against: str) -> None:
    """Write the curves; the file appears whole or not at all. Raises ArgumentError when it cannot be written."""
    with whole_file("out", path) as temporary:
        match path.suffix.lower():
            case ".nc":
                dataset.to_netcdf(temporary, engine="scipy")
            case ".csv":
                _write_table(dataset, temporary)
            case _:
                save_figure(curves_figure(dataset, against), temporary)


def _write_table(dataset: xr.Dataset, path: Path) -> None:
    """One row per (depth, m, alpha, mode); certified digits where there are any."""
    certified = "decimal" in dataset
    values = dataset["decimal" if certified else "singular_value"].values
    logs = dataset["log10_singular_value"].values
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        columns = [
            "depth",
            "m",
            "alpha",
            "product_scale",
            "mode",
            "multiplicity",
            "singular_value",
            "log10_singular_value",
        ]
        writer.writerow(columns + (["radius"] if certified else []))
        for i, depth in enumerate(dataset["depth"].values):
            for j, m in enumerate(dataset["m"].values):
                for k, alpha in enumerate(dataset["alpha"].values):
                    scale = dataset["product_scale"].values[i, k]
                    for mode, name in enumerate(dataset["mode"].values):
                        value = values[i, j, k, mode]
                        writer.writerow(
                            [
                                depth,
                                repr(float(m)),
                                repr(float(alpha)),
                                repr(float(scale)),
                                name,
                                dataset["multiplicity"].values[mode],
                                value if certified else repr(float(value)),
                                repr(float(logs[i, j, k, mode])),
                                *([dataset["radius"].values[i, j, k, mode]] if certified else []),
                            ]
                        )
