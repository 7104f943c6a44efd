"""Labelled data sets of experiments: dimensions with coordinates, a meaning for each, and what the numbers rest on."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from numerics.curves import versions
from numerics.sweep.experiment import Experiment, Settings


def labelled(
    variables: Mapping[str, tuple[tuple[str, ...], Any, str]],
    coordinates: Mapping[str, tuple[Any, str]],
    attributes: Mapping[str, Any],
) -> xr.Dataset:
    """A data set from (dimensions, values, meaning) of each variable and (values, meaning) of each dimension.

    Everything here is dimensionless, and says so. Whole numbers are kept in 32 bits, for netCDF 3.
    """
    return xr.Dataset(
        {name: (dimensions, _stored(values), _meaning(text)) for name, (dimensions, values, text) in variables.items()},
        {name: (name, _stored(values), _meaning(text)) for name, (values, text) in coordinates.items()},
        dict(attributes),
    )


def attributes(experiment: Experiment, settings: Settings) -> dict[str, Any]:
    """Title, source, what differs from it, the settings as JSON, and the packages behind the numbers."""
    return {
        "title": experiment.title,
        "experiment": experiment.name,
        "version": experiment.version,
        "precision": experiment.precision,
        "source": experiment.source,
        "differs": "\n".join(experiment.differs),
        "settings": json.dumps(dict(settings), sort_keys=True),
        "packages": versions(),
    }


def _stored(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return array.astype(np.int32) if array.dtype.kind in "iub" else array


def _meaning(text: str) -> dict[str, str]:
    return {"long_name": text, "units": "1"}
