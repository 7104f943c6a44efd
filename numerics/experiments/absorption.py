"""Where one step of SGD with L2 may leave B_1: the map of eta and lambda, proved, searched, and with escapes found.

Definitions
    2 x 2, observed [[1, *], [1/4, 1]], L = 3. For each lambda the region B_1 is that of
    `numerics.absorption.constants`, with sqrt(eps_1) times a factor; eta alone varies along a column of the map.
    Conditions, excess: as in `numerics.escape`.
    proved: a condition is, where the rooms of its proof are 1e-9 or more (rank: pull and rank), which is far beyond the
    rounding with which float64 evaluates them. The proofs are those of b-r-is-absorbing.
    escape: layers of B_1 and an observed entry from which the step breaks a condition, proved in balls. No
    escape found: in so many points, every entry each; that there is none is not said.
    alarm: an escape through a condition that is proved. It would refute the proof, or the code.
Implementation notes
    Points: random ones on the boundary, as many steered to where noise in D_l is largest, and the end of
    SLSQP from the worst of those in each condition through which none of them escapes; every entry from each.
Source
    Wang & Jacot 2024, arXiv:2305.16038 (slides: B_r is closed under SGD). Constants and the map are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from numerics.absorption import Setting, boundary_layers, constants, largest_rate, rooms, searched_layers
from numerics.errors import ArgumentError
from numerics.escape import CONDITIONS, excess, steered_layers
from numerics.experiments import settings as setting
from numerics.experiments.labels import attributes, labelled
from numerics.experiments.trials import seed_of
from numerics.initialization import layer_shapes
from numerics.low_rank_region import Region
from numerics.sweep.experiment import Experiment, Parameters, Result, Settings

_DEPTH, _RANK, _TARGET = 3, 1, 1.0
#: What is observed of [[1, *], [1/4, 1]].
ENTRIES = (((0, 0), 1.0), ((1, 0), 0.25), ((1, 1), 1.0))
PARTS = ("balance", "size", "pull", "rank")
#: The rooms that prove each condition.
_PROOFS = {"balance": ("balance",), "rank": ("pull", "rank"), "size": ("size",)}
#: What a cell is, as the data set has it.
LEFT_OUT, NOT_COMPUTED, NOTHING_FOUND, BALANCE_AND_SIZE, PROVED, ESCAPE = range(-2, 4)
#: Smallest sqrt(eps_1)/C: below it floats do not hold the direction of an imbalance to six digits.
_FINEST = 1e-9
#: Rooms are relative: rounding changes them by some 1e-15.
_ROUNDING = 1e-9
_FIXED = ("width", "eps_2", "spread", "starts", "seed")


def region_of(chosen: Mapping[str, Any], weight_decay: float, factor: float) -> tuple[Setting, Region]:
    """The region of a column of the map, and what SGD is run with there, eta being half of what is proved for factor 1.

    chosen: width, eps_2 and spread. Raises ArgumentError where there are no constants, or floats are too coarse.
    """
    found, region = constants(
        _DEPTH,
        chosen["width"],
        weight_decay,
        _TARGET,
        rank=_RANK,
        eps_2=chosen["eps_2"],
        spread=chosen["spread"],
    )
    region = replace(region, eps_1=region.eps_1 * factor**2)
    if np.sqrt(region.eps_1) < _FINEST * region.bound:
        raise ArgumentError("weight_decays", weight_decay, "so large that floats resolve sqrt(eps_1) beside C")
    return found, region


def points(settings: Settings) -> Sequence[Parameters]:
    """One point per factor, eta and lambda with eta lambda < 1/2; others are no steps. Raises ArgumentError."""
    cells = [cell for cell in _cells(settings) if _is_step(cell)]
    if not cells:
        raise ArgumentError("etas", ", ".join(map(str, settings["etas"])), "below 1/(2 lambda) for some lambda")
    for factor, decay in product(settings["factors"], settings["weight_decays"]):
        region_of(settings, decay, factor)
    fixed = {name: settings[name] for name in _FIXED}
    return [{"factor": factor, "eta": eta, "weight_decay": decay, **fixed} for factor, eta, decay in cells]


def measure(parameters: Parameters) -> Result:
    """Largest excess per condition over all points, whether it is an escape, the rooms of the proof, and how many."""
    chosen = {name: parameters[name] for name in _FIXED}
    eta, decay = parameters["eta"], parameters["weight_decay"]
    found, region = region_of(chosen, decay, parameters["factor"])
    tried = _starts(decay, parameters["factor"], tuple(chosen.items()))
    # (points, entries, conditions)
    balls = [excess(layers, ENTRIES, region, eta, decay) for layers in tried]
    sizes, escaped = _middles(balls), _escaped(balls)
    for number, _ in enumerate(CONDITIONS):
        if not escaped[number]:
            worst, entry = np.unravel_index(np.argmax(sizes[..., number]), sizes.shape[:2])
            ends = searched_layers(tried[worst], ENTRIES[entry], number, region, eta, decay)
            balls.append(excess(ends, ENTRIES, region, eta, decay))
    return {
        "excess": _middles(balls).max(axis=(0, 1)).tolist(),
        "escape": _escaped(balls),
        "rooms": {part: float(room) for part, room in rooms(replace(found, eta=eta), region).items()},
        "points": len(balls),
    }


def dataset(settings: Settings, points: Sequence[Parameters], results: Sequence[Result | None]) -> xr.Dataset:
    """Excess, escapes, rooms and kind of every cell, and what is proved in every column; nan where missing."""
    factors, etas, decays = (settings[name] for name in ("factors", "etas", "weight_decays"))
    shape = (len(factors), len(etas), len(decays))
    steps = np.array([_is_step(cell) for cell in _cells(settings)])
    done = steps.copy()
    done[steps] = [result is not None for result in results]
    found = [result for result in results if result is not None]

    def spread_out(values: Sequence[Any], width: int) -> np.ndarray:
        table = np.full((len(steps), width), np.nan)
        table[done] = np.array(values, dtype=float).reshape(-1, width)
        return table.reshape(*shape, width)

    worst = spread_out([one["excess"] for one in found], len(CONDITIONS))
    escape = spread_out([one["escape"] for one in found], len(CONDITIONS)) == 1
    room = spread_out([[one["rooms"][part] for part in PARTS] for one in found], len(PARTS))
    proved = np.stack(
        [np.all([room[..., PARTS.index(part)] >= _ROUNDING for part in _PROOFS[name]], axis=0) for name in CONDITIONS],
        axis=-1,
    )
    missing = (steps & ~done).reshape(shape)
    kind = np.full(shape, NOTHING_FOUND)
    kind[proved[..., 0] & proved[..., 2]] = BALANCE_AND_SIZE
    kind[proved.all(axis=-1)] = PROVED
    kind[escape.any(axis=-1)] = ESCAPE
    kind[missing] = NOT_COMPUTED
    kind[~steps.reshape(shape)] = LEFT_OUT
    columns = [[region_of(settings, decay, factor) for decay in decays] for factor in factors]
    cell, column = ("factor", "eta", "weight_decay"), ("factor", "weight_decay")

    def rates(parts: Sequence[str]) -> np.ndarray:
        return np.array([[largest_rate(*one, parts) for one in row] for row in columns])

    def constant(name: str) -> list[list[float]]:
        return [[getattr(region, name) for _, region in row] for row in columns]

    return labelled(
        {
            "kind": (
                cell,
                kind,
                "-2 left out: eta lambda >= 1/2, -1 not computed, 0 no escape found, 1 balance and size proved, 2 all "
                "proved, 3 escape found",
            ),
            "excess": (
                (*cell, "condition"),
                worst,
                "largest use after a step that was found, minus 1; nan: not computed, or left out",
            ),
            "escape": ((*cell, "condition"), escape, "1: a step that breaks the condition is found, proved in balls"),
            "proved": ((*cell, "condition"), proved, "1: the rooms of the condition's proof are 1e-9 or more"),
            "alarm": ((*cell, "condition"), escape & proved, "1: an escape where there is a proof"),
            "room": ((*cell, "part"), room, "what a part of the proof leaves, relative"),
            "points": (
                cell,
                spread_out([one["points"] for one in found], 1)[..., 0],
                "layers tried, each with every observed entry",
            ),
            "proved_rate": (column, rates(PARTS), "largest eta up to which all is proved; 0: none"),
            "balance_and_size_rate": (
                column,
                rates(("balance", "size")),
                "largest eta up to which balance and size are proved; 0: none",
            ),
            "bound": (column, constant("bound"), "C of the region"),
            "eps_1": (column, constant("eps_1"), "eps_1 of the region"),
            "a": (column, [[region.profile.a for _, region in row] for row in columns], "a of the region's profile"),
            "missing": (cell, missing, "1: not computed yet, or failed"),
        },
        {
            "factor": (factors, "factor on the sqrt(eps_1) that is found"),
            "eta": (etas, "learning rate"),
            "weight_decay": (decays, "lambda"),
            "condition": (list(CONDITIONS), "condition of B_r"),
            "part": (list(PARTS), "part of the proof"),
        },
        attributes(EXPERIMENT, settings),
    )


def _cells(settings: Settings) -> list[tuple[float, float, float]]:
    """All cells in the order of the data set: factor, eta, lambda."""
    return list(product(settings["factors"], settings["etas"], settings["weight_decays"]))


def _is_step(cell: tuple[float, float, float]) -> bool:
    """Whether 1 - 2 eta lambda is positive."""
    _, eta, decay = cell
    return eta * decay < 0.5


@lru_cache(maxsize=256)
def _starts(weight_decay: float, factor: float, chosen: tuple[tuple[str, Any], ...]) -> list[list[np.ndarray]]:
    """Boundary points of the column's region, random and steered; eta has no part in them."""
    found = dict(chosen)
    _, region = region_of(found, weight_decay, factor)
    shapes = layer_shapes(2, 2, _DEPTH, found["width"])
    seeds = [seed_of(found["seed"], number) for number in range(found["starts"])]
    return [boundary_layers(region, shapes, seed=seed) for seed in seeds] + [
        steered_layers(ENTRIES, region, shapes, seed=seed) for seed in seeds
    ]


def _escaped(balls: Sequence[Sequence[Sequence[Any]]]) -> list[bool]:
    """Per condition whether some excess is positive, proved by its ball."""
    return [any(row[number] > 0 for one in balls for row in one) for number, _ in enumerate(CONDITIONS)]


def _middles(balls: Sequence[Sequence[Sequence[Any]]]) -> np.ndarray:
    return np.array([[[float(ball.mid()) for ball in row] for row in one] for one in balls])


def _decimals(first: int, last: int, per_decade: int) -> list[float]:
    """10^first to 10^last in equal ratios, as the decimals of three digits that text would have."""
    exponents = (first + number / per_decade for number in range((last - first) * per_decade + 1))
    return [float(f"{10**exponent:.3g}") for exponent in exponents]


def _settings() -> Mapping[str, Any]:
    return dict(
        [
            setting.scales("etas", _decimals(-10, 1, 4), "learning rates of the map"),
            setting.scales(
                "weight_decays", [one for one in _decimals(-2, 1, 10) if 0.06 < one < 2], "weight decays lambda"
            ),
            setting.scales("factors", [1.0, 10.0], "factors on the sqrt(eps_1) that is found: a map for each"),
            setting.count("width", 2, "hidden widths", minimum=2, most=3),
            setting.scale("eps_2", 0.5, "eps_2 of the region, below 1"),
            setting.scale("spread", 1.0, "C is spread 3/(16 lambda)"),
            setting.count("starts", 12, "random points on the boundary of B_1, and as many steered ones", most=10_000),
            setting.seed(),
        ]
    )


EXPERIMENT = Experiment(
    name="absorption",
    title="Where one step of SGD with L2 regularisation may leave B_1: proved, searched, escapes",
    source="Wang & Jacot 2024, slides, the region that SGD does not leave",
    version=1,
    differs=(
        "the slides state neither the constants of B_r nor a map: all is for the constants found here",
        "regions with sqrt(eps_1) times a factor beside them: there rank is not proved, balance and size are",
        "cells with eta lambda >= 1/2 are left out: 1 - 2 eta lambda would not be positive",
        "where no escape is found there may be one",
    ),
    settings=_settings(),
    points=points,
    measure=measure,
    dataset=dataset,
)
