"""Experiments small enough to know their results beforehand; worker processes import their measurements from here."""

import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_info

from numerics.errors import ArgumentError
from numerics.exact import integer
from numerics.experiments import EXPERIMENTS
from numerics.sweep import Checkpoint, Experiment, Setting, in_stretches

#: Of a point of the long toy.
STRETCHES = 6


def whole(name: str) -> Any:
    return lambda text: integer(name, text, minimum=0)


def read_kinds(text: str) -> list[str]:
    kinds = text.split(",")
    for kind in kinds:
        if kind not in MEASURES:
            raise ArgumentError("kinds", text, f"a list of {', '.join(MEASURES)}")
    return kinds


def busy(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def number(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that depend on the parameters alone, to the last bit."""
    random = np.random.default_rng([parameters["seed"], parameters["trial"]])
    matrix = random.standard_normal((30, 30))
    return {"value": float(np.linalg.norm(matrix @ matrix, 2)), "first": float(matrix[0, 0])}


def failing(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Fails as long as the file named by the environment is there."""
    if Path(os.environ["TOY_FAULT"]).exists():
        raise ArithmeticError(f"no number\nfor {parameters['kind']}")
    return number(parameters)


def held(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Takes as long as the file named by the environment is there."""
    wait_for(lambda: not Path(os.environ["TOY_FAULT"]).exists())
    return number(parameters)


def nap(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Takes 10 ms and no processor."""
    time.sleep(0.01)
    return {"value": 0.0, "first": 0.0}


def not_json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": float("nan"), "first": 0.0}


def dying(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Takes its worker along whenever it is odd."""
    if parameters["trial"] % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number(parameters)


def dying_once(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Takes its worker along the first time."""
    mark = Path(os.environ["TOY_FAULT"] + f"-{parameters['trial']}")
    if parameters["trial"] == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number(parameters)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until the condition holds; fails when it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def surroundings(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a worker process is set up with."""
    time.sleep(0.02)
    return {
        "process": os.getpid(),
        "environment": [os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")],
        "threads": sorted({one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}),
        "interrupts": signal.getsignal(signal.SIGINT) is not signal.SIG_IGN,
    }


def long(parameters: Mapping[str, Any], state: bytes | None) -> dict[str, Any] | Checkpoint:
    """A sum of as many random numbers as there are stretches, one each; a line in the log says which stretch began."""
    done, total = json.loads(state) if state else (0, 0.0)
    if log := os.environ.get("TOY_LOG"):
        with open(log, "a") as file:
            file.write(f"{os.getppid()} long {parameters['trial']} {done}\n")
        # A checkpoint that is lost would let the point begin anew for ever.
        assert len(Path(log).read_text().splitlines()) < 20 * STRETCHES, "more stretches than there are"
    if done == STRETCHES // 2:
        wait_for(lambda: not Path(os.environ.get("TOY_FAULT", "none")).exists())
    busy(parameters["milliseconds"] / 1000)
    total += np.random.default_rng([parameters["seed"], parameters["trial"], done]).standard_normal()
    if done + 1 < STRETCHES:
        return Checkpoint(json.dumps([done + 1, total]).encode())
    return {"value": total, "first": 0.0}


MEASURES = {
    "plain": number,
    "failing": failing,
    "held": held,
    "nap": nap,
    "not-json": not_json,
    "dying": dying,
    "dying-once": dying_once,
}


def measure(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Measure by the point's kind; a line in the file named by the environment says who began what."""
    if log := os.environ.get("TOY_LOG"):
        with open(log, "a") as file:
            file.write(f"{os.getppid()} {parameters['kind']} {parameters['trial']}\n")
    busy(parameters["milliseconds"] / 1000)
    return MEASURES[parameters["kind"]](parameters)


def points(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    shared = {"seed": settings["seed"], "milliseconds": settings["milliseconds"]}
    return [
        {"kind": kind, "trial": trial, **shared} for kind in settings["kinds"] for trial in range(settings["trials"])
    ]


def dataset(
    settings: Mapping[str, Any], asked: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, Any] | None]
) -> xr.Dataset:
    shape = (len(settings["kinds"]), settings["trials"])
    return xr.Dataset(
        {
            name: (
                ("kind", "trial"),
                np.array([np.nan if one is None else one[name] for one in results]).reshape(shape),
            )
            for name in ("value", "first")
        },
        coords={"kind": list(settings["kinds"]), "trial": list(range(settings["trials"]))},
    )


def toy(name: str = "toy", version: int = 1) -> Experiment:
    return Experiment(
        name=name,
        title="Norms of random matrices",
        source="made by hand",
        version=version,
        differs=("there is no paper",),
        settings={
            "trials": Setting(10, "Points of every kind.", whole("trials")),
            "kinds": Setting(("plain",), "Kinds of points.", read_kinds),
            "seed": Setting(0, "Seed of all of them.", whole("seed")),
            "milliseconds": Setting(0, "Time that a point takes.", whole("milliseconds")),
        },
        points=points,
        measure=measure,
        dataset=dataset,
    )


def long_toy() -> Experiment:
    """The toy, its points measured in stretches."""
    return replace(toy("toy-long"), measure=in_stretches(long), stretch=long)


def defaults(**changed: Any) -> dict[str, Any]:
    return {name: setting.default for name, setting in toy().settings.items()} | changed


def figure(name: str, found: xr.Dataset) -> Any:
    # Not at the top: worker processes import this file, and need no pictures.
    from matplotlib.figure import Figure

    picture = Figure()
    picture.subplots().plot(found["trial"], found["value"].T, label=name)
    return picture


def register() -> None:
    """Show the toys to the command line of this process."""
    from verification import experiment_figures

    EXPERIMENTS["toy"] = toy()
    EXPERIMENTS["toy-connectivity"] = toy("toy-connectivity")
    experiment_figures.figure = figure
