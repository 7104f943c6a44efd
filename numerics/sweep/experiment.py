"""An experiment is data: what is varied, how one point is measured, and what is drawn from all of them.

Definitions
    setting: a choice of the user's for the whole experiment (trials, depths, scales); point: the parameters of one
    measurement, plain JSON; result: what was measured there, plain JSON too.
A point's address is a digest of the experiment's name, version and precision, of its parameters and of nothing else, so
that no result depends on the process, the order or the machine. Random numbers are seeded from the parameters.
A point that takes minutes may be measured in stretches: after each the runner keeps a checkpoint, from which the next
stretch goes on, in this process or in another. Where stretches end has no bearing on the result.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import xarray as xr

Parameters = Mapping[str, Any]
Result = Mapping[str, Any]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """A point that is not finished, and what is needed to go on with it, as bytes."""

    state: bytes


#: (parameters, state of the last checkpoint, None at the beginning) to the result, or to the next checkpoint.
Stretch = Callable[[Parameters, bytes | None], Result | Checkpoint]


@dataclass(frozen=True)
class Setting:
    """A choice for a whole experiment: its default, its meaning, and how it is read from text.

    read(text) returns the value, as plain JSON; raises ArgumentError, which names the setting.
    """

    default: Any
    meaning: str
    read: Callable[[str], Any]


@dataclass(frozen=True)
class Experiment:
    """A named, cited experiment.

    source: the reference with its figure; differs: what differs from the paper's setting, or is not known of it;
    version: raised whenever `measure` comes to mean something else, so that stored results are computed anew;
    precision: the number system that it computes in, likewise;
    points(settings): the parameters of every point, in the order of the exported file; measure(parameters): one point,
    importable, deterministic; dataset(settings, points, results): all of it with labelled coordinates, a result None
    where it is missing or failed; stretch: for long points, a part of `measure`, which is `in_stretches(stretch)` then.
    """

    name: str
    title: str
    source: str
    version: int
    differs: tuple[str, ...]
    settings: Mapping[str, Setting]
    points: Callable[[Settings], Sequence[Parameters]]
    measure: Callable[[Parameters], Result]
    dataset: Callable[[Settings, Sequence[Parameters], Sequence[Result | None]], xr.Dataset]
    precision: str = "float64"
    stretch: Stretch | None = None

    @property
    def next_stretch(self) -> Stretch:
        """What a worker is asked for: the next stretch of a long point, all of another one. Importable."""
        return self.stretch or partial(_whole, self.measure)

    def address(self, parameters: Parameters) -> str:
        """Where a point's result is kept: a digest of what it depends on (64 hexadecimal digits)."""
        content = json.dumps([self.name, self.version, self.precision, parameters], sort_keys=True, allow_nan=False)
        return hashlib.sha256(content.encode()).hexdigest()


def in_stretches(stretch: Stretch) -> Callable[[Parameters], Result]:
    """All stretches of a point, one after the other."""
    return partial(_through, stretch)


def _through(stretch: Stretch, parameters: Parameters) -> Result:
    state = None
    while isinstance(found := stretch(parameters, state), Checkpoint):
        state = found.state
    return found


def _whole(measure: Callable[[Parameters], Result], parameters: Parameters, _: bytes | None) -> Result:
    return measure(parameters)
