"""One-way jumps: SGD with L2 leaves a completion of rank 2 for one of rank 1 where full-batch descent stays.

Definitions
    2 x 2, observed [[1, *], [e, 1]]; the completion of rank 1 has * = 1/e, and test errors are (A_12 - 1/e)^2. Start:
    independent normal layers of standard deviation 0.7/sqrt(width), then full-batch steps at rates of their own. Steps
    are counted from there. Jump: the first recorded step with sigma_2/sigma_1 < 1e-3; return: a later record with
    sigma_2/sigma_1 >= 0.1, which says nothing of a chain that shrinks to 0. Control: full-batch descent from the
    starts of eight chains, as many steps at the same rates. Late error: mean over the last half of the records of the
    mean squared error on the observed entries. B_1: `numerics.low_rank_region` with the quadratic profile and constants
    of the settings; the default ones tell chains of rank 2, whose small value is above a, from those of rank 1.
    Survival: share of chains that have not jumped. Every chain is followed to the end of the run, so that no time is
    censored before it and the Kaplan-Meier estimate is this share; the band is the Clopper-Pearson interval at each
    step by itself, 95%.
Source
    Wang & Jacot 2024, slides, experiments.
"""

import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from numerics.binomial_interval import binomial_interval
from numerics.errors import ArgumentError
from numerics.experiments import settings as setting
from numerics.experiments.labels import attributes, labelled
from numerics.experiments.trials import seed_of
from numerics.factorization import MatrixCompletion
from numerics.initialization import layer_shapes
from numerics.low_rank_region import Region, quadratic
from numerics.sgd import JUMPED, Chains, at_rates, check_rates, descent, followed, gaussian_chains, record, sgd
from numerics.sweep.experiment import Checkpoint, Experiment, Parameters, Result, Settings, in_stretches

_CONFIDENCE = 0.95
#: Chain-steps between two checkpoints: some seconds.
_STRETCH = 20_000_000
_SPREAD, _WARM_RATE, _WARM_DECAY = 0.7, 0.1, 0.002
_MOMENTS, _OFFSHOOTS = 400, 16
#: So many chains of a cell are followed by descent, too: it takes them to one end or to two.
_CONTROLS = 8
_REGION = ("a", "eps_1", "eps_2", "bound")
_LEAST_ENTRY = 1e-3
_FIXED = ("entry", "depth", "width", "warm_up", "seed", *_REGION)


def problem(entry: float) -> MatrixCompletion:
    """[[1, *], [e, 1]] with * not observed."""
    return MatrixCompletion(np.array([[1, 0], [1, 1]]), np.array([[1.0, 0.0], [entry, 1.0]]))


def completion(entry: float) -> np.ndarray:
    """[[1, 1/e], [e, 1]], the only completion of rank 1."""
    return np.array([[1.0, 1 / entry], [entry, 1.0]])


def region(parameters: Parameters) -> Region:
    """B_1 with the constants of the settings."""
    return Region(1, parameters["eps_1"], parameters["eps_2"], parameters["bound"], quadratic(parameters["a"]))


def _chains(parameters: Parameters, layers: np.ndarray, step: int) -> Chains:
    """The first chains of the experiment at some step."""
    seeds = tuple(seed_of(parameters["seed"], number) for number in range(len(layers)))
    shapes = layer_shapes(2, 2, parameters["depth"], parameters["width"])
    return Chains(problem(parameters["entry"]), tuple(shapes), seeds, layers, step)


def warm_chains(parameters: Parameters, numbers: Sequence[int]) -> Chains:
    """The chains with these numbers after the warm-up, each from its number and the experiment's seed alone."""
    shapes = layer_shapes(2, 2, parameters["depth"], parameters["width"])
    seeds = [seed_of(parameters["seed"], number) for number in numbers]
    start = gaussian_chains(problem(parameters["entry"]), shapes, _SPREAD / np.sqrt(parameters["width"]), seeds)
    return descent(start, parameters["warm_up"], _WARM_RATE, _WARM_DECAY)


def points(settings: Settings) -> Sequence[Parameters]:
    """The path, then one cell per eta and lambda. Raises ArgumentError for settings at odds."""
    if not _LEAST_ENTRY <= settings["entry"] <= 1 / _LEAST_ENTRY:
        raise ArgumentError("entry", settings["entry"], f"within {_LEAST_ENTRY:g} and {1 / _LEAST_ENTRY:g}")
    for name, among in (("eta", "etas"), ("weight_decay", "weight_decays")):
        if settings[name] not in settings[among]:
            raise ArgumentError(name, settings[name], f"one of {among} = {', '.join(map(str, settings[among]))}")
    if settings["steps"] % settings["every"]:
        raise ArgumentError("steps", settings["steps"], f"a multiple of every = {settings['every']}")
    if settings["path"] >= settings["chains"]:
        raise ArgumentError("path", settings["path"], f"less than chains = {settings['chains']}")
    _check_rates("offshoot_eta", settings["offshoot_eta"], "offshoot_weight_decay", settings["offshoot_weight_decay"])
    cells = [(eta, decay) for eta in settings["etas"] for decay in settings["weight_decays"]]
    for eta, decay in cells:
        _check_rates("etas", eta, "weight_decays", decay)
    fixed = {name: settings[name] for name in _FIXED}
    names = ("eta", "weight_decay", "offshoot_eta", "offshoot_weight_decay", "path", "path_steps", "offshoot_steps")
    path = {name: settings[name] for name in names} | fixed
    shared = {name: settings[name] for name in ("chains", "steps", "every")} | fixed
    return [path, *({"eta": eta, "weight_decay": decay, **shared} for eta, decay in cells)]


def _check_rates(eta_name: str, eta: float, decay_name: str, decay: float) -> None:
    try:
        check_rates(eta, decay)
    except ArgumentError as error:
        raise ArgumentError(decay_name, decay, f"{error.expected}, with {eta_name} = {eta:g}") from None


def stretch(parameters: Parameters, state: bytes | None) -> Result | Checkpoint:
    """The path in one, a cell in stretches of twenty million chain-steps."""
    return _path(parameters) if "path" in parameters else _cell(parameters, state)


def moments(first: int, steps: int) -> list[int]:
    """Equally spaced steps from `first` to `first` + `steps`, both ends among them."""
    return sorted({first + round(part * steps / _MOMENTS) for part in range(_MOMENTS + 1)})


def survival_steps(steps: int, every: int) -> list[int]:
    """0 and recorded steps in nearly equal ratios to the last one, because the first jumps come early."""
    apart = np.geomspace(every, steps, _MOMENTS)
    return [0, *np.unique(every * np.round(apart / every).astype(int)).tolist()]


def _path(parameters: Parameters) -> Result:
    """One chain with its offshoots, and the control."""
    exact, low_rank = completion(parameters["entry"]), region(parameters)
    rates = parameters["eta"], parameters["weight_decay"]
    start = warm_chains(parameters, [parameters["path"]])
    steps = moments(start.step, parameters["path_steps"])
    kept = list(followed(start, at_rates(sgd, *rates), steps))
    records = [record(chains, exact, low_rank) for chains in kept]
    control = [record(chains, exact) for chains in followed(start, at_rates(descent, *rates), steps)]
    left = kept[:: max(1, len(kept) // _OFFSHOOTS)]
    slow = parameters["offshoot_eta"], parameters["offshoot_weight_decay"]
    ends = [record(sgd(chains, parameters["offshoot_steps"], *slow), exact) for chains in left]
    return {
        "steps": [step - start.step for step in steps],
        "ratio": [_number(one.ratio[0]) for one in records],
        "test_error": [_number(one.test_error[0]) for one in records],
        "margins": [[_number(margin) for margin in one.margins[0]] for one in records],
        "control_ratio": [_number(one.ratio[0]) for one in control],
        "control_test_error": [_number(one.test_error[0]) for one in control],
        "offshoot_steps": [chains.step - start.step for chains in left],
        "offshoot_ratio": [_number(one.ratio[0]) for one in ends],
        "offshoot_test_error": [_number(one.test_error[0]) for one in ends],
    }


def _cell(parameters: Parameters, state: bytes | None) -> Result | Checkpoint:
    """When each chain jumps, how far its ratio comes up again, its late error and its control, all in checkpoints."""
    exact, steps, every = completion(parameters["entry"]), parameters["steps"], parameters["every"]
    rates, first = (parameters["eta"], parameters["weight_decay"]), parameters["warm_up"]
    if state is None:
        chains = warm_chains(parameters, range(parameters["chains"]))
        control = chains.chosen(np.arange(min(_CONTROLS, len(chains.seeds))))
        jumped, highest, late = (np.full(len(chains.seeds), one) for one in (np.nan, 0.0, 0.0))
    else:
        with np.load(io.BytesIO(state), allow_pickle=False) as found:
            chains, control = (_chains(parameters, found[name], int(found["step"])) for name in ("sgd", "descent"))
            jumped, highest, late = found["jumped"], found["highest"], found["late"]
    done = chains.step - first
    end = min(steps, done + max(1, _STRETCH // len(chains.seeds)))
    for step in range(every * (done // every + 1), end + 1, every):
        chains = sgd(chains, first + step - chains.step, *rates)
        seen, before = record(chains, exact), ~np.isnan(jumped)
        highest[before] = np.fmax(highest, seen.ratio)[before]
        jumped[~before & (seen.ratio < JUMPED)] = step
        if step > steps // 2:
            late += seen.train_error
    chains = sgd(chains, first + end - chains.step, *rates)
    control = descent(control, first + end - control.step, *rates)
    if end < steps:
        file, step = io.BytesIO(), chains.step
        np.savez(
            file,
            sgd=chains.parameters,
            descent=control.parameters,
            step=step,
            jumped=jumped,
            highest=highest,
            late=late,
        )
        return Checkpoint(file.getvalue())
    margins, last = record(chains, exact, region(parameters)).margins, record(control, exact)
    return {
        "jumped": [_number(step) for step in jumped],
        "highest": highest.tolist(),
        "late_error": [_number(error / (steps // every - steps // 2 // every)) for error in late],
        "inside": (margins.min(axis=1) >= 0).tolist(),
        "control_ratio": [_number(one) for one in last.ratio],
        "control_error": [_number(one) for one in last.train_error],
    }


def dataset(settings: Settings, points: Sequence[Parameters], results: Sequence[Result | None]) -> xr.Dataset:
    """The path, and per eta and lambda jumps, survival with its band, errors and the control; nan where missing."""
    etas, decays, chains = settings["etas"], settings["weight_decays"], settings["chains"]
    path, cells, controls = results[0], results[1:], min(_CONTROLS, chains)
    times = np.array(survival_steps(settings["steps"], settings["every"]))
    steps = np.array(moments(0, settings["path_steps"]))
    offshoots = steps[:: max(1, len(steps) // _OFFSHOOTS)]
    missing = np.array([cell is None for cell in cells]).reshape(len(etas), len(decays))
    margins = np.full((len(steps), 3), np.nan) if path is None else np.array([_floats(one) for one in path["margins"]])

    def along(name: str, count: int) -> np.ndarray:
        return np.full(count, np.nan) if path is None else _floats(path[name])

    def collected(name: str, count: int = chains) -> np.ndarray:
        found = [np.full(count, np.nan) if cell is None else _floats(cell[name]) for cell in cells]
        return np.array(found).reshape(len(etas), len(decays), count)

    jumped, late = collected("jumped"), collected("late_error")
    # A chain that never jumps survives every step, and has no step of a jump.
    staying = (~(jumped[..., None] <= times)).sum(axis=2)
    survival = np.where(missing[..., None], np.nan, staying / chains)
    ends = np.array([_band(count, chains) for count in range(chains + 1)])[staying]
    ends[missing] = np.nan
    place = ("eta", "weight_decay")
    diverged = (np.isnan(late) & ~missing[..., None]).sum(axis=2)
    return labelled(
        {
            "path_ratio": (("path_step",), along("ratio", len(steps)), "sigma_2/sigma_1 of one chain"),
            "path_test_error": (("path_step",), along("test_error", len(steps)), "(A_12 - 1/e)^2 of one chain"),
            "path_control_ratio": (("path_step",), along("control_ratio", len(steps)), "sigma_2/sigma_1 of descent"),
            "path_control_test_error": (
                ("path_step",),
                along("control_test_error", len(steps)),
                "(A_12 - 1/e)^2 of descent",
            ),
            "path_margin": (
                ("path_step", "condition"),
                margins,
                "margin of one chain in B_1; inside where none is negative",
            ),
            "offshoot_ratio": (
                ("offshoot_step",),
                along("offshoot_ratio", len(offshoots)),
                "sigma_2/sigma_1 where the offshoot ends",
            ),
            "offshoot_test_error": (
                ("offshoot_step",),
                along("offshoot_test_error", len(offshoots)),
                "(A_12 - 1/e)^2 where the offshoot ends",
            ),
            "jump_step": ((*place, "chain"), jumped, "step of the jump; nan: none in the run, or not computed"),
            "highest_ratio": ((*place, "chain"), collected("highest"), "largest sigma_2/sigma_1 after the jump"),
            "late_error": ((*place, "chain"), late, "mean squared error on observed entries over the last half"),
            "inside": ((*place, "chain"), collected("inside"), "1: in B_1 when the run ends"),
            "survival": ((*place, "step"), survival, "share of chains that have not jumped"),
            "survival_low": ((*place, "step"), ends[..., 0], "lower end of its 95% Clopper-Pearson interval"),
            "survival_high": ((*place, "step"), ends[..., 1], "upper end of its 95% Clopper-Pearson interval"),
            "control_ratio": (
                (*place, "control"),
                collected("control_ratio", controls),
                "sigma_2/sigma_1 where descent ends",
            ),
            "control_error": (
                (*place, "control"),
                collected("control_error", controls),
                "mean squared error on observed entries where descent ends",
            ),
            "unconverged": (place, diverged, "chains that diverged"),
            "missing": (place, missing, "1: not computed yet, or failed"),
        },
        {
            "eta": (etas, "learning rate"),
            "weight_decay": (decays, "lambda"),
            "chain": (np.arange(chains), "number of the chain"),
            "control": (np.arange(controls), "number of the chain that descent follows"),
            "step": (times, "steps after the warm-up"),
            "path_step": (steps, "steps after the warm-up"),
            "condition": (["balance", "rank", "size"], "condition of B_1"),
            "offshoot_step": (offshoots, "step after the warm-up from which the offshoot goes on"),
        },
        attributes(EXPERIMENT, settings),
    )


@cache
def _band(successes: int, count: int) -> tuple[float, float]:
    return binomial_interval(successes, count, _CONFIDENCE)


def _number(value: float) -> float | None:
    """As JSON has it, where nothing is null."""
    return float(value) if np.isfinite(value) else None


def _floats(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values])


def _settings() -> Mapping[str, Any]:
    return dict(
        [
            setting.scales("etas", [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8], "learning rates of the map"),
            setting.scales(
                "weight_decays",
                [0.015, 0.02, 0.0225, 0.025, 0.0275, 0.035, 0.05, 0.07, 0.1],
                "weight decays lambda of the map",
            ),
            setting.scale("eta", 0.4, "learning rate of the path and of the survival against lambda"),
            setting.scale("weight_decay", 0.025, "lambda of the path and of the survival against eta"),
            setting.scale("offshoot_eta", 0.04, "learning rate of the offshoots"),
            setting.scale("offshoot_weight_decay", 1e-4, "lambda of the offshoots"),
            setting.count("offshoot_steps", 20_000, "steps of an offshoot", most=10**7),
            setting.count("path", 0, "number of the chain that is drawn", minimum=0),
            setting.count("path_steps", 20_000, "steps of the path", most=10**7),
            setting.count("chains", 64, "chains of each cell", most=10_000),
            setting.count("steps", 60_000, "steps of each chain", most=10**9),
            setting.count("every", 25, "steps between records", most=10**6),
            setting.scale("entry", 0.25, "e, the observed entry off the diagonal"),
            setting.count("depth", 3, "number of layers L", most=8),
            setting.count("width", 10, "hidden widths; 1 would have no rank 2", minimum=2, most=100),
            setting.scale("a", 0.1, "a of f_a(x) = 1 - (1 - x/a)^2, for B_1"),
            setting.scale("eps_1", 0.1, "bound of the squared imbalance in B_1"),
            setting.scale("eps_2", 0.5, "room of the rank beyond 1 in B_1"),
            setting.scale("bound", 3.0, "C, bound of the squared norm of a layer in B_1"),
            setting.count("warm_up", 3_000, "full-batch steps at rate 0.1 and lambda = 0.002 before", minimum=0),
            setting.seed(),
        ]
    )


EXPERIMENT = Experiment(
    name="jumps",
    title="One-way jumps of SGD with L2 regularisation from rank 2 to rank 1",
    source="Wang & Jacot 2024, slides, experiments",
    version=3,
    differs=(
        "the slides state neither e, depth, width, start nor rates: all are of our own choice",
        "a warm-up of full-batch descent, so that all chains begin at a completion of rank 2",
        "beyond the slides: survival of rank 2 against eta and lambda, and the map of both",
        "a finite run without a return is evidence, not a proof that there is none",
    ),
    settings=_settings(),
    points=points,
    measure=in_stretches(stretch),
    dataset=dataset,
    stretch=stretch,
)
