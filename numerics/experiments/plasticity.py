"""Loss of plasticity: warm and cold starts on more data, by depth.

Definitions
    A d x d truth of given rank. Pre-trained: the flow's limit on the first `before` entries, from small Gaussian layers
    of standard deviation alpha^(1/L)/sqrt(d). Warm: the limit on `after` entries, these among them, from the
    pre-trained layers. Cold: the same from fresh small Gaussian layers. Reconstruction error: |W(oo) - W*|_F/|W*|_F
    over all entries, or over those that the stage did not observe.
Source
    Shin & Yun 2026, arXiv:2603.04703, Figure 3.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from numerics.errors import ArgumentError
from numerics.experiments import settings as setting
from numerics.experiments.labels import attributes, labelled
from numerics.experiments.trials import seed_of
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import StiffLimit, stiff_limit
from numerics.initialization import gaussian_layers, layer_shapes
from numerics.rank import effective_rank_of, stable_rank_of
from numerics.sweep.experiment import Experiment, Parameters, Result, Settings

STAGES = ("pre-trained", "warm", "cold")
_TRUTH, _ORDER, _BEFORE, _COLD = range(4)


def truth(size: int, rank: int, seed: int) -> np.ndarray:
    """A product of two standard Gaussian factors, rescaled to root mean square entry 1 (d x d)."""
    left, right = np.random.default_rng(seed_of(seed, _TRUTH)).standard_normal((2, size, rank))
    product = left @ right.T
    return product * (size / np.linalg.norm(product))


def problem(size: int, rank: int, entries: int, seed: int) -> MatrixCompletion:
    """The truth observed at `entries` random places; fewer entries are among more."""
    order = np.random.default_rng(seed_of(seed, _ORDER)).permutation(size * size)
    mask = np.zeros(size * size, dtype=bool)
    mask[order[:entries]] = True
    return MatrixCompletion(mask.reshape(size, size), truth(size, rank, seed))


def points(settings: Settings) -> Sequence[Parameters]:
    """One point per depth, scale and seed, with its three stages. Raises ArgumentError for settings at odds."""
    size = settings["size"]
    if settings["rank"] > size:
        raise ArgumentError("rank", settings["rank"], f"at most size = {size}")
    if settings["after"] > size * size:
        raise ArgumentError("after", settings["after"], f"at most the {size * size} entries of the matrix")
    if settings["before"] >= settings["after"]:
        raise ArgumentError("before", settings["before"], f"less than after = {settings['after']}")
    fixed = {name: settings[name] for name in ("size", "rank", "before", "after")}
    return [
        {"depth": depth, "product_scale": scale, "seed": seed, "tied": settings["tied"] == "yes", **fixed}
        for depth in settings["depths"]
        for scale in settings["scales"]
        for seed in settings["seeds"]
    ]


def measure(parameters: Parameters) -> Result:
    """The three limits: singular values, reconstruction errors, residual and error estimate, relative to |W*|_F."""
    size, rank, seed = parameters["size"], parameters["rank"], parameters["seed"]
    before, after = (problem(size, rank, parameters[name], seed) for name in ("before", "after"))
    small, fresh = (_small_layers(parameters, seed_of(seed, stream)) for stream in (_BEFORE, _COLD))
    pre_trained = stiff_limit(before, small)
    warm = stiff_limit(after, pre_trained.layers, coarse_layers=pre_trained.coarse_layers)
    exact = truth(size, rank, seed)
    return {
        "pre-trained": _measured(before, exact, pre_trained),
        "warm": _measured(after, exact, warm),
        "cold": _measured(after, exact, stiff_limit(after, fresh)),
    }


def dataset(settings: Settings, points: Sequence[Parameters], results: Sequence[Result | None]) -> xr.Dataset:
    """Every end point by stage, depth, scale and seed; nan where it is missing or did not converge."""
    shape = (len(settings["depths"]), len(settings["scales"]), len(settings["seeds"]))
    size = settings["size"]

    def collected(name: str, *inner: int) -> np.ndarray:
        """(stage, depth, product_scale, seed, *inner)."""
        found = np.full((len(STAGES), len(results), *inner), np.nan)
        for number, result in enumerate(results):
            for row, stage in enumerate(STAGES):
                if result is not None and result[stage]["error"] is not None:
                    found[row, number] = result[stage][name]
        return found.reshape(len(STAGES), *shape, *inner)

    values = collected("singular_values", size)
    kinds = [[np.nan if result is None else result[stage]["error"] is None for result in results] for stage in STAGES]
    unconverged = np.array(kinds, dtype=float).reshape(len(STAGES), *shape)
    cell = ("stage", "depth", "product_scale", "seed")
    return labelled(
        {
            "effective_rank": (cell, effective_rank_of(values), "effective rank of the limit"),
            "stable_rank": (cell, stable_rank_of(values), "stable rank of the limit"),
            "reconstruction_error": (cell, collected("all_entries"), "|W - W*|_F/|W*|_F over all entries"),
            "unobserved_error": (
                cell,
                collected("unobserved_entries"),
                "|W - W*|_F/|W*|_F over the entries that the stage did not observe",
            ),
            "error": (cell, collected("error"), "estimated error of the limit in Frobenius norm over |W*|_F"),
            "residual": (cell, collected("residual"), "|R|_F/|W*|_F at the estimated limit"),
            "unconverged": (cell, unconverged, "1: did not converge, and has no value here; nan: not computed"),
            "singular_value": ((*cell, "mode"), values, "singular values of the limit; the truth has |W*|_F = d"),
        },
        {
            "stage": (list(STAGES), "pre-trained on fewer entries; warm and cold starts on more"),
            "depth": (settings["depths"], "number of layers L"),
            "product_scale": (settings["scales"], "alpha: size of the product of the layers at the start"),
            "seed": (settings["seeds"], "seed of truth, entries and initial layers"),
            "mode": (np.arange(1, size + 1), "number of the singular value"),
        },
        attributes(EXPERIMENT, settings),
    )


def _small_layers(parameters: Parameters, seed: int) -> list[np.ndarray]:
    size = parameters["size"]
    shapes = layer_shapes(size, size, parameters["depth"])
    return gaussian_layers(shapes, parameters["product_scale"], seed=seed, tied=parameters["tied"])


def _measured(problem: MatrixCompletion, exact: np.ndarray, limit: StiffLimit) -> dict[str, Any]:
    distance, scale = limit.matrix - exact, float(np.linalg.norm(exact))
    unobserved = ~problem.mask
    return {
        "singular_values": np.linalg.svd(limit.matrix, compute_uv=False).tolist(),
        "all_entries": float(np.linalg.norm(distance)) / scale,
        "unobserved_entries": float(np.linalg.norm(distance[unobserved]) / (np.linalg.norm(exact[unobserved]) or 1.0)),
        "residual": limit.residual_norm / scale,
        "error": limit.error / scale if np.isfinite(limit.error) else None,
    }


EXPERIMENT = Experiment(
    name="plasticity",
    title="Loss of plasticity: pre-trained, warm start and cold start",
    source="Shin & Yun 2026, arXiv:2603.04703, Figure 3",
    version=1,
    differs=(
        "the caption states no scale, no axis, no normalisation of the truth and no number of seeds: here all is drawn "
        "against product scales of our own, for a product of two Gaussian factors with root mean square entry 1, and 5 "
        "seeds",
        "layer standard deviation alpha^(1/L)/sqrt(d) as in the first author's public code; layers are independent "
        "unless tied = yes, which clones one sample into every layer as that code does",
        "end points are limits of gradient flow with an error estimate, not of a descent stopped at a loss",
        "the cold start is a fresh sample, not the one before pre-training",
    ),
    settings=dict(
        [
            setting.whole_numbers("depths", [2, 3, 4], "numbers of layers", minimum=2, most=8),
            setting.scales("scales", [1e-1, 1e-2, 1e-3], "product scales alpha"),
            setting.whole_numbers(
                "seeds", [0, 1, 2, 3, 4], "seeds of truth, entries and layers", minimum=0, most=2**31 - 1
            ),
            setting.count("size", 100, "rows and columns of the matrix", minimum=2, most=1_000),
            setting.count("rank", 5, "rank of the truth", most=1_000),
            setting.count("before", 2_000, "entries observed in pre-training", most=1_000_000),
            setting.count("after", 3_000, "entries observed afterwards", most=1_000_000),
            setting.yes_or_no("tied", "no", "clone one Gaussian sample into every layer"),
        ]
    ),
    points=points,
    measure=measure,
    dataset=dataset,
)
