"""Experiments as a user asks for them: found by name, set up from text, written to files."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import xarray as xr

from numerics.errors import ArgumentError, MissingExtra
from numerics.experiments import EXPERIMENTS
from numerics.sweep import Experiment
from verification.files import whole_file

FORMATS = (".nc", ".csv", ".parquet")


def experiment(name: str) -> Experiment:
    """The experiment with this name. Raises ArgumentError, which names the nearest ones."""
    if name in EXPERIMENTS:
        return EXPERIMENTS[name]
    near = get_close_matches(name, EXPERIMENTS, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "see 'rankproof experiment list'"
    raise ArgumentError("NAME", name, f"an experiment; {hint}")


def settings_of(chosen: Experiment, texts: Mapping[str, str | None]) -> dict[str, Any]:
    """The settings of an experiment, by default where the text is None. Raises ArgumentError."""
    settings = {
        name: setting.default if (text := texts.get(name)) is None else setting.read(text)
        for name, setting in chosen.settings.items()
    }
    # Settings may be right one by one and not together, which only the points tell.
    chosen.points(settings)
    return settings


def require_format(path: Path) -> None:
    """Raise ArgumentError unless `save_dataset` can write such a file here."""
    if path.suffix.lower() not in FORMATS:
        raise ArgumentError("out", path, f"a file name that ends in {', '.join(FORMATS)}")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise MissingExtra("out", path, "possible here; run: pip install 'rankproof[parquet]'")


def require_apart(path: Path, store: Path) -> None:
    """Raise ArgumentError when a file that is to be written is the store itself."""
    if path.resolve() == store.resolve():
        raise ArgumentError("out", path, "a file of its own; it is the store")


def save_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write netCDF, or a long table with one row per place of the variables; the file appears whole.

    The same dataset gives the same bytes. A table in CSV has no room for the dataset's attributes; the other two have
    them. Raises ArgumentError.
    """
    require_format(path)
    with whole_file("out", path) as temporary:
        match path.suffix.lower():
            case ".nc":
                dataset.to_netcdf(temporary, engine="scipy")
            case ".csv":
                _table(dataset).to_csv(temporary, index=False, lineterminator="\n")
            case _:
                table = _table(dataset)
                table.attrs = dict(dataset.attrs)
                table.to_parquet(temporary, engine="pyarrow", index=False)


def _table(dataset: xr.Dataset) -> Any:
    """A pandas table with a row for every place of the variables; those without a common place follow one another.

    Where one variable has every dimension, the others are repeated along it. Otherwise that would be a row for every
    combination of what has nothing to do with each other: gigabytes.
    """
    import pandas as pd  # xarray brings it; only tables need it

    places = {frozenset(map(str, one.dims)) for one in dataset.data_vars.values()}
    whole = [place for place in places if not any(place < other for other in places)]
    if len(whole) == 1:
        return dataset.to_dataframe().reset_index()
    parts = []
    for place in sorted(whole, key=lambda one: sorted(one)):
        names = [name for name, one in dataset.data_vars.items() if _home(one, whole) == place]
        parts.append(dataset[names].to_dataframe().reset_index())
    return pd.concat(parts, ignore_index=True)


def _home(variable: xr.DataArray, whole: Sequence[frozenset[str]]) -> frozenset[str]:
    """The first of the largest places that a variable's own is part of."""
    return min((place for place in whole if set(map(str, variable.dims)) <= place), key=lambda one: sorted(one))
