"""Effective rank of the flow's limit against depth and product scale, for a disconnected and a connected mask.

Definitions
    2 x 2 truths u v^T with standard normal u and v; disconnected: the diagonal is observed, connected: all entries but
    w_22 are. Gaussian layers of standard deviation alpha^(1/L)/sqrt(2), so that the size of the product, the product
    scale alpha, does not depend on the depth.
What to expect
    Disconnected, depth 2: by depth2-diagonal-limit the limit has rank 2 in every trial and does not depend on a small
    scale. Its mean effective rank is 1.31 and not 2 (10,000 trials of the closed form): the two observed entries differ
    in size, so that even the diagonal matrix that holds them has mean 1.60.
Source
    Shin & Yun 2026, arXiv:2603.04703, Figure 1.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import xarray as xr

from numerics.depth_two import diagonal_limit_float64
from numerics.experiments import settings as setting
from numerics.experiments.labels import attributes, labelled
from numerics.experiments.trials import as_json, blocks, mean_interval, rank_one_truth, seed_of, singular_values
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import ensemble_limit
from numerics.initialization import gaussian_layers, layer_shapes
from numerics.rank import effective_rank_of
from numerics.sweep.experiment import Experiment, Parameters, Result, Settings

SIZE = 2
#: Trials in one point: at a tenth of a millisecond each, enough for the runner's own work to vanish beside them.
BLOCK = 100
MASKS = {"disconnected": np.eye(SIZE, dtype=bool), "connected": np.array([[True, True], [True, False]])}
_TRUTH, _LAYERS = 0, 1


def truth(seed: int, trial: int) -> np.ndarray:
    """The rank-1 matrix of a trial, the same at every mask, depth and scale."""
    return rank_one_truth(SIZE, seed_of(seed, trial, _TRUTH))


def start(seed: int, trial: int, depth: int, product_scale: float, tied: bool) -> list[np.ndarray]:
    """The initial layers of a trial: at every mask and scale the same Gaussian sample, rescaled."""
    shapes = layer_shapes(SIZE, SIZE, depth)
    return gaussian_layers(shapes, product_scale, seed=seed_of(seed, trial, _LAYERS), tied=tied)


def points(settings: Settings) -> Sequence[Parameters]:
    """One point per mask, depth, scale and block of trials."""
    return [
        {
            "mask": mask,
            "depth": depth,
            "product_scale": scale,
            "tied": settings["tied"] == "yes",
            "seed": settings["seed"],
            "first": first,
            "trials": trials,
        }
        for mask, depth, scale in _cells(settings)
        for first, trials in blocks(settings["trials"], BLOCK)
    ]


def measure(parameters: Parameters) -> Result:
    """Singular values of the limits of one block of trials, each with an error estimate."""
    seed, numbers = parameters["seed"], range(parameters["first"], parameters["first"] + parameters["trials"])
    mask = MASKS[parameters["mask"]]
    problems = [MatrixCompletion(mask, truth(seed, trial)) for trial in numbers]
    choice = (parameters["depth"], parameters["product_scale"], parameters["tied"])
    return as_json(ensemble_limit(problems, [start(seed, trial, *choice) for trial in numbers]))


def dataset(settings: Settings, points: Sequence[Parameters], results: Sequence[Result | None]) -> xr.Dataset:
    """Every trial, and mean and interval over those that converged; the closed form at depth 2 where it applies."""
    depths, scales, trials = settings["depths"], settings["scales"], settings["trials"]
    shape = (len(MASKS), len(depths), len(scales), trials)
    values, errors = singular_values(results, [point["trials"] for point in points], SIZE)
    values, errors = values.reshape(*shape, SIZE), errors.reshape(shape)
    ranks = effective_rank_of(values)
    mean, low, high = mean_interval(ranks)
    cell, trial = ("mask", "depth", "product_scale"), ("mask", "depth", "product_scale", "trial")
    return labelled(
        {
            "mean_effective_rank": (cell, mean, "mean effective rank of the limit over converged trials"),
            "interval_low": (cell, low, "lower end of the mean's 95% bootstrap interval"),
            "interval_high": (cell, high, "upper end of the mean's 95% bootstrap interval"),
            "unconverged": (cell, np.isinf(errors).sum(axis=-1), "trials that did not converge, in no mean"),
            "missing": (cell, np.isnan(errors).sum(axis=-1), "trials not computed yet, or failed"),
            "closed_form_mean": (
                ("product_scale",),
                _closed_form(settings),
                "mean effective rank of the same trials at depth 2, disconnected, by the closed form",
            ),
            "effective_rank": (trial, ranks, "effective rank of the limit"),
            "singular_value": ((*trial, "mode"), values, "singular values of the limit"),
            "error": (trial, errors, "estimated error of the limit in Frobenius norm; inf: not converged"),
        },
        {
            "mask": (list(MASKS), "observed entries: the diagonal, or all but w_22"),
            "depth": (depths, "number of layers L"),
            "product_scale": (scales, "alpha: size of the product of the layers at the start"),
            "trial": (np.arange(trials), "number of the truth and of the initial sample"),
            "mode": (np.arange(1, SIZE + 1), "number of the singular value"),
        },
        attributes(EXPERIMENT, settings),
    )


def _cells(settings: Settings) -> Iterator[tuple[str, int, float]]:
    return product(MASKS, settings["depths"], settings["scales"])


def _closed_form(settings: Settings) -> np.ndarray:
    """Mean effective rank over the trials at depth 2 from depth2-diagonal-limit, per scale."""
    seed, means = settings["seed"], []
    for scale in settings["scales"]:
        limits = []
        for trial in range(settings["trials"]):
            first, second = start(seed, trial, 2, scale, settings["tied"] == "yes")
            limits.append(diagonal_limit_float64(first, second, np.diag(truth(seed, trial))))
        means.append(effective_rank_of(np.linalg.svd(np.array(limits), compute_uv=False)).mean())
    return np.array(means)


EXPERIMENT = Experiment(
    name="connectivity-rank",
    title="Effective rank against depth and scale, disconnected and connected",
    source="Shin & Yun 2026, arXiv:2603.04703, Figure 1",
    version=1,
    differs=(
        "which entries are observed, the widths and the values of the scale are not stated in the caption: here the "
        "diagonal, all entries but w_22, 2 x 2 layers, and scales of our own",
        "layer standard deviation alpha^(1/L)/sqrt(2) as in the first author's public code; layers are independent "
        "unless tied = yes, which clones one sample into every layer as that code does",
        "end points are limits of gradient flow with an error estimate, not of a descent with a step size",
        "the intervals are ours",
    ),
    settings=dict(
        [
            setting.count("trials", 300, "random trials per cell", minimum=2, most=10_000),
            setting.whole_numbers("depths", [2, 3, 4], "numbers of layers", minimum=2, most=8),
            setting.scales("scales", setting.decades(9), "product scales alpha"),
            setting.yes_or_no("tied", "no", "clone one Gaussian sample into every layer"),
            setting.seed(),
        ]
    ),
    points=points,
    measure=measure,
    dataset=dataset,
)
