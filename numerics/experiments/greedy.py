"""Gradient flow beside greedy low-rank learning: the path with its plateaus, and the distance of the limits.

Definitions
    Symmetric completion of W* = A A^T/n, A (n x rank) standard normal; the diagonal and a share of the pairs (i, j),
    i < j, are observed. Start: W_l(0) = alpha I for every layer, |W(0)|_2 = alpha^L. Path: depth 2, singular values of
    W(t), and the stages of GLRL, each shifted by the lag of the plateau that the flow leaves there. Distance:
    |W(oo) - W_GLRL|_F / |W_GLRL|_F, both at the same depth.
Source
    Li, Luo & Lyu 2021, arXiv:2012.09839, Sections 5 and 6 (reconstructed).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from numerics.deep_greedy import deep_flow, deep_glrl
from numerics.errors import ArgumentError
from numerics.experiments import settings as setting
from numerics.experiments.labels import attributes, labelled
from numerics.experiments.trials import seed_of
from numerics.factorization import MatrixCompletion
from numerics.greedy import GreedyPath, glrl_symmetric
from numerics.infinitesimal_flow import InfinitesimalFlow, Outcome, Plateau, infinitesimal_flow
from numerics.objective import Objective, completion
from numerics.sweep.experiment import Experiment, Parameters, Result, Settings

_SCALES = [1e-8, 1e-10, 1e-12, 1e-14, 1e-16, 1e-18]
#: Escape rates below this fraction of the first do not count, and a coarser value, to see what that does.
_TOLERANCE, _COARSE = 1e-5, 1e-4
#: A flow of a 4 x 4 problem was seen 1.1 times that difference away from the limit.
_SAFETY = 10.0
#: Columns of W below this part of it may be wrong in a limit, at depth 2 and beyond.
_FLOOR, _DEEP_FLOOR = 1e-11, 1e-12
_TIMES, _STAGE_TIMES = 320, 24


def truth(size: int, rank: int, observed: int, seed: int) -> MatrixCompletion:
    """The completion problem of one seed; observed: percentage of the pairs off the diagonal."""
    random = np.random.default_rng(seed)
    factor = random.standard_normal((size, rank))
    upper = np.triu(random.random((size, size)) < observed / 100, 1)
    return MatrixCompletion(upper | upper.T | np.eye(size, dtype=bool), factor @ factor.T / size)


def points(settings: Settings) -> Sequence[Parameters]:
    """One path per seed, then the distances at all scales per depth and seed. Raises ArgumentError."""
    if settings["rank"] > settings["size"]:
        raise ArgumentError("rank", settings["rank"], f"at most the size {settings['size']}")
    if not settings["path_scale"] < 1:
        raise ArgumentError("path_scale", settings["path_scale"], "below 1, so that the flow lags behind GLRL")
    fixed = {name: settings[name] for name in ("size", "rank", "observed")}
    seeds = [seed_of(settings["seed"], trial) for trial in range(settings["trials"])]
    paths = [{"seed": seed, "path_scale": settings["path_scale"], **fixed} for seed in seeds]
    return paths + [
        {"depth": depth, "seed": seed, "scales": settings["scales"], **fixed}
        for depth in settings["depths"]
        for seed in seeds
    ]


def measure(parameters: Parameters) -> Result:
    """The path at depth 2, or the distances at one depth."""
    f = completion(truth(*(parameters[name] for name in ("size", "rank", "observed", "seed"))))
    if "depth" in parameters:
        return _distances(f, parameters["depth"], parameters["scales"])
    return _path(f, parameters["path_scale"], parameters["rank"])


def _path(f: Objective, scale: float, rank: int) -> Result:
    """Singular values of the flow at depth 2 and of GLRL's stages at the flow's times."""
    flow = infinitesimal_flow(f, np.eye(f.shape[0]), repr(float(np.sqrt(scale))), tolerance=_TOLERANCE)
    greedy = glrl_symmetric(f, tolerance=_TOLERANCE, max_rank=rank + 1)
    times = np.geomspace(flow.time_shift / 20, flow.times[-1], _TIMES)
    return {
        "times": times.tolist(),
        "values": [_singular_values(flow.matrix(time), rank + 1) for time in times],
        "stages": _stages(flow, greedy, rank),
        "converged": flow.outcome is Outcome.MINIMUM and greedy.outcome is Outcome.MINIMUM,
    }


def _stages(flow: InfinitesimalFlow, greedy: GreedyPath, rank: int) -> list[dict[str, Any]]:
    """The stages that the flow passes too: the times of the flow, and the singular values of the stage there."""
    found = []
    plateaus = [phase for phase in flow.phases if isinstance(phase, Plateau)]
    for plateau, stage in zip(plateaus, greedy.stages[: rank + 1], strict=False):
        if stage.start.rank != plateau.point.rank:
            break
        times = np.linspace(stage.path.begin, stage.path.end, _STAGE_TIMES)
        values = [_singular_values(stage.matrix(time), rank + 1) for time in times]
        found.append({"times": (times + plateau.lag).tolist(), "values": values})
    return found


def _singular_values(matrix: np.ndarray, count: int) -> list[float]:
    return [float(value) for value in np.linalg.svd(matrix, compute_uv=False)[:count]]


def _distances(f: Objective, depth: int, scales: Sequence[float]) -> Result:
    """Distances to GLRL's limit in units of its norm, error estimates (null: not settled), and GLRL's ranks."""
    greedy = glrl_symmetric(f, tolerance=_TOLERANCE) if depth == 2 else deep_glrl(f, depth, tolerance=_TOLERANCE)
    norm = float(np.linalg.norm(greedy.limit))
    settled = greedy.outcome is Outcome.MINIMUM
    distances, errors = [], []
    for scale in scales:
        coarse, fine = (_flow_limit(f, depth, scale, tolerance) for tolerance in (_COARSE, _TOLERANCE))
        distances.append(float(np.linalg.norm(fine[0] - greedy.limit)) / norm)
        difference = float(np.linalg.norm(fine[0] - coarse[0])) / norm
        floor = _FLOOR if depth == 2 else _DEEP_FLOOR
        errors.append(_SAFETY * difference + floor if settled and fine[1] and coarse[1] else None)
    return {"distances": distances, "errors": errors, "rank": greedy.points[-1].rank}


def _flow_limit(f: Objective, depth: int, scale: float, tolerance: float) -> tuple[np.ndarray, bool]:
    alpha = repr(scale ** (1 / depth))
    if depth == 2:
        shallow = infinitesimal_flow(f, np.eye(f.shape[0]), alpha, tolerance=tolerance)
        return shallow.limit, shallow.outcome is Outcome.MINIMUM
    deep = deep_flow(f, depth, alpha, tolerance=tolerance)
    return deep.limit, deep.outcome is Outcome.MINIMUM


def dataset(settings: Settings, points: Sequence[Parameters], results: Sequence[Result | None]) -> xr.Dataset:
    """Paths per seed and distances per depth, scale and seed; nan where a point is missing or did not settle."""
    trials, depths, scales = settings["trials"], settings["depths"], settings["scales"]
    modes, stages = min(settings["rank"] + 1, settings["size"]), settings["rank"] + 1
    times, values = np.full((trials, _TIMES), np.nan), np.full((trials, _TIMES, modes), np.nan)
    stage_times = np.full((trials, stages, _STAGE_TIMES), np.nan)
    stage_values = np.full((trials, stages, _STAGE_TIMES, modes), np.nan)
    for trial, result in enumerate(results[:trials]):
        if result is None or not result["converged"]:
            continue
        times[trial], values[trial] = result["times"], result["values"]
        for number, stage in enumerate(result["stages"][:stages]):
            stage_times[trial, number], stage_values[trial, number] = stage["times"], stage["values"]
    distances, errors = (np.full((len(depths), trials, len(scales)), np.nan) for _ in range(2))
    ranks = np.zeros((len(depths), trials), dtype=int)
    for number, result in enumerate(results[trials:]):
        place = divmod(number, trials)
        if result is not None:
            errors[place] = [np.inf if error is None else error for error in result["errors"]]
            distances[place] = np.where(np.isinf(errors[place]), np.nan, result["distances"])
            ranks[place] = result["rank"]
    distances, errors = distances.swapaxes(1, 2), errors.swapaxes(1, 2)
    cell = ("depth", "product_scale", "trial")
    return labelled(
        {
            "distance": (cell, distances, "|W(oo) - W_GLRL|_F / |W_GLRL|_F"),
            "error": (cell, errors, "estimated error of W(oo) in the same unit; inf: not settled"),
            "greedy_rank": (("depth", "trial"), ranks, "rank of GLRL's limit; 0: missing"),
            "unconverged": (("depth",), np.isinf(errors).sum(axis=(1, 2)), "flows that did not settle"),
            "missing": (("depth",), np.isnan(errors).sum(axis=(1, 2)), "flows not computed yet, or failed"),
            "time": (("trial", "moment"), times, "times of the path at depth 2"),
            "singular_value": (("trial", "moment", "mode"), values, "singular values of W(t) at depth 2"),
            "stage_time": (("trial", "stage", "stage_moment"), stage_times, "times of GLRL's stages, shifted"),
            "stage_singular_value": (
                ("trial", "stage", "stage_moment", "mode"),
                stage_values,
                "singular values of GLRL's stages",
            ),
        },
        {
            "depth": (depths, "number of layers L"),
            "product_scale": (scales, "|W(0)|_2 = alpha^L"),
            "trial": (np.arange(trials), "number of the random problem"),
            "mode": (np.arange(1, modes + 1), "number of the singular value"),
            "stage": (np.arange(1, stages + 1), "number of the stage of GLRL"),
            "moment": (np.arange(_TIMES), "number of the time"),
            "stage_moment": (np.arange(_STAGE_TIMES), "number of the time of a stage"),
        },
        attributes(EXPERIMENT, settings) | {"rank": settings["rank"], "path_scale": settings["path_scale"]},
    )


EXPERIMENT = Experiment(
    name="greedy",
    title="Gradient flow from small starts beside greedy low-rank learning",
    source="Li, Luo & Lyu 2021, arXiv:2012.09839, experiments",
    version=1,
    differs=(
        "the paper's text was not at hand: size, share of observed entries and scales are of our own choice",
        "symmetric truths A A^T/n with the diagonal observed, and starts W_l(0) = alpha I",
        "gradient flow through its plateaus in closed form, where the paper ran gradient descent",
        "so many entries nearly fix the completion: from larger scales flows creep along valleys, and are left out",
    ),
    settings=dict(
        [
            setting.whole_numbers("depths", [2, 3, 4], "numbers of layers", minimum=2, most=8),
            setting.scales("scales", _SCALES, "scales |W(0)|_2 = alpha^L of the distances"),
            setting.scale("path_scale", 1e-200, "scale |W(0)|_2 of the path at depth 2"),
            setting.count("size", 10, "rows and columns n", minimum=2, most=40),
            setting.count("rank", 3, "rank of the truth", most=10),
            setting.count("observed", 70, "percentage of the entries off the diagonal that is observed", most=100),
            setting.count("trials", 5, "random problems"),
            setting.seed(),
        ]
    ),
    points=points,
    measure=measure,
    dataset=dataset,
)
