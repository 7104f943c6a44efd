"""Limits of gradient flow that are proved, not estimated: 2 x 2, Gaussian starts, disconnected and connected masks.

Definitions
    2 x 2 truths u v^T with standard normal u and v; disconnected: the diagonal is observed, connected: all entries but
    w_22 are. Entries of the layers are independent Gaussian numbers of one standard deviation, whatever the depth.
    Every start has its own truth and layers, drawn as float64 and taken as the binary numbers that they are.
    enclosed: `numerics.certified_flow` proves that W(oo) is within 10^-digits of a matrix that it finds (Frobenius;
    relative to the largest target where that is below 1). undecided: the proof of that did not close.
Rigorous
    Singular values, radii and ranks are theorems about single starts. What their order suggests of all starts is not.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from flint import arb, ctx

from numerics.balls import precision, relative_bits
from numerics.certified_flow import MatrixBall, Outcome, certified_flow
from numerics.experiments import settings as setting
from numerics.experiments.connectivity_rank import MASKS, SIZE
from numerics.experiments.labels import attributes, labelled
from numerics.experiments.trials import rank_one_truth, seed_of
from numerics.factorization import MatrixCompletion
from numerics.sweep.experiment import Experiment, Parameters, Result, Settings

MISSING, UNDECIDED, ENCLOSED = -1, 0, 1
_TRUTH, _LAYERS = 1, 2
_FIXED = ("scale", "digits", "steps", "seed")
#: Beyond the proven digits of a centre, so that rounding it widens the enclosure by a hundredth at most.
_MORE_DIGITS = 3


def points(settings: Settings) -> Sequence[Parameters]:
    """One point per depth, mask and start."""
    fixed = {name: settings[name] for name in _FIXED}
    return [
        {"depth": depth, "mask": mask, "start": number, **fixed}
        for depth in settings["depths"]
        for mask in MASKS
        for number in range(settings["starts"])
    ]


def problem_and_layers(parameters: Parameters) -> tuple[MatrixCompletion, list[np.ndarray]]:
    """What a point asks of: independent of all other points."""
    mask, depth = parameters["mask"], parameters["depth"]
    number = (parameters["seed"], parameters["start"], depth, list(MASKS).index(mask))
    problem = MatrixCompletion(MASKS[mask], rank_one_truth(SIZE, seed_of(*number, _TRUTH)))
    random = np.random.default_rng(seed_of(*number, _LAYERS))
    return problem, list(parameters["scale"] * random.standard_normal((depth, SIZE, SIZE)))


def measure(parameters: Parameters) -> Result:
    """Outcome, reason and knob; where there is a ball: its radius, its singular values as decimals, the proven rank."""
    problem, layers = problem_and_layers(parameters)
    flow = certified_flow(problem, layers, digits=parameters["digits"], max_steps=parameters["steps"])
    return {
        "outcome": flow.outcome.value,
        "reason": flow.reason,
        "knob": flow.knob,
        "steps": len(flow.run.steps),
        "raises": flow.raises,
        "digits_eaten": flow.digits_eaten if math.isfinite(flow.digits_eaten) else None,
        "limit": None if flow.limit is None else _proved(flow.limit),
    }


def _proved(ball: MatrixBall) -> Result:
    with precision(ball.bits):
        return {
            "radius": _upper(ball.radius),
            "rank": ball.proven_rank,
            "singular_values": [enclosure_text(value) for value in ball.singular_values],
        }


def enclosure_text(value: arb) -> tuple[str, str]:
    """(centre, radius) in decimals, for a nonnegative ball: the digits that are proven and a few more. Rigorous.

    A ball that is not proved to be positive is given as 0 with its upper bound for a radius.
    """
    if not value > 0:
        return "0", _upper(value)
    proven = max(0, math.floor(min(relative_bits(value), ctx.prec) / math.log2(10)))
    centre = str(value.mid().str(proven + _MORE_DIGITS, radius=False))
    return centre, _upper(abs(value - arb(centre)))


def _upper(value: arb) -> str:
    """An upper bound in three digits; the factor is more than their rounding."""
    return str((value.upper() * arb("1.01")).mid().str(3, radius=False))


def dataset(settings: Settings, points: Sequence[Parameters], results: Sequence[Result | None]) -> xr.Dataset:
    """All starts; numbers are nan, whole numbers -1 and texts empty where nothing was proved, or nothing computed."""
    shape = (len(settings["depths"]), len(MASKS), settings["starts"])

    def table(of_result: Any, otherwise: Any) -> np.ndarray:
        return np.array([otherwise if one is None else of_result(one) for one in results]).reshape(shape)

    def of_limit(of_ball: Any, otherwise: Any) -> np.ndarray:
        return table(lambda one: otherwise if one["limit"] is None else of_ball(one["limit"]), otherwise)

    def of_modes(place: int, otherwise: str) -> np.ndarray:
        modes = [
            of_limit(lambda ball, mode=mode: ball["singular_values"][mode][place], otherwise) for mode in range(SIZE)
        ]
        return np.stack(modes, axis=-1)

    cell, modes = ("depth", "mask", "start"), ("depth", "mask", "start", "mode")
    outcome = table(lambda one: ENCLOSED if one["outcome"] == Outcome.ENCLOSED else UNDECIDED, MISSING)
    return labelled(
        {
            "outcome": (cell, outcome, "1 enclosed as narrowly as asked, 0 undecided, -1 not computed yet, or failed"),
            "reason": (cell, table(lambda one: one["reason"], ""), "why it is undecided"),
            "knob": (cell, table(lambda one: one["knob"], ""), "what to change where it is undecided"),
            "radius": (
                cell,
                of_limit(lambda ball: float(ball["radius"]), np.nan),
                "radius in Frobenius norm of a ball that is proved to contain W(oo)",
            ),
            "singular_value": (modes, of_modes(0, "nan").astype(float), "centre of the singular value's enclosure"),
            "singular_value_centre": (
                modes,
                of_modes(0, ""),
                "centre of the singular value's enclosure, in decimals; 0 where it is not proved to be positive",
            ),
            "singular_value_radius": (
                modes,
                of_modes(1, ""),
                "radius of the enclosure around that centre; around 0 a proved upper bound of the singular value",
            ),
            "rank": (cell, of_limit(lambda ball: ball["rank"], -1), "rank that W(oo) is proved to have at least"),
            "steps": (cell, table(lambda one: one["steps"], -1), "steps of the last run"),
            "raises": (cell, table(lambda one: one["raises"], -1), "times that precision was raised"),
            "digits_eaten": (
                cell,
                table(lambda one: np.nan if one["digits_eaten"] is None else one["digits_eaten"], np.nan),
                "decimal digits by which errors may have grown on the way",
            ),
            "missing": (cell, outcome == MISSING, "1: not computed yet, or failed"),
        },
        {
            "depth": (settings["depths"], "number of layers L"),
            "mask": (list(MASKS), "observed entries: the diagonal, or all but w_22"),
            "start": (np.arange(settings["starts"]), "number of the truth and of the layers"),
            "mode": (np.arange(1, SIZE + 1), "number of the singular value"),
        },
        attributes(EXPERIMENT, settings),
    )


EXPERIMENT = Experiment(
    name="certified-limits",
    title="Proved limits of gradient flow from Gaussian starts, disconnected and connected",
    source="Shin & Yun 2026, arXiv:2603.04703, setting of Figure 1",
    version=1,
    differs=(
        "limits are enclosed by a proof where it closes; the paper's are ends of numerical runs",
        "the layers' standard deviation is the same at every depth, so that products are smaller where L is larger",
        "few starts, each with a truth of its own, in place of means over 300 trials",
        "which entries are observed is not stated in the caption: here the diagonal, and all entries but w_22",
    ),
    settings=dict(
        [
            setting.count("starts", 17, "random starts per depth and mask", most=10_000),
            setting.whole_numbers("depths", [2, 3, 4], "numbers of layers", minimum=2, most=8),
            setting.scale("scale", 0.1, "standard deviation of the layers' entries"),
            setting.count("digits", 40, "decimal digits to which W(oo) is asked", minimum=3, most=150),
            setting.count("steps", 2_000, "Taylor steps before a start is given up as undecided"),
            setting.seed(),
        ]
    ),
    points=points,
    measure=measure,
    dataset=dataset,
    precision="balls",
)
