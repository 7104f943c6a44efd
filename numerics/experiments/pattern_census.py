"""Mean effective rank of the flow's limit over all connected and over all disconnected masks of a size.

Definitions
    Rank-1 truths u v^T with standard normal u and v; independent Gaussian layers of standard deviation
    alpha^(1/L)/sqrt(d). One mask per orbit under permutations of rows, of columns and transposition, weighted by the
    size of its orbit: see `numerics.mask_orbits` for why this is the mean over all masks. Connected: the observed
    entries are one component of the mask's bipartite graph; rows and columns without an entry are set aside.
Source
    Shin & Yun 2026, arXiv:2603.04703, Figure 4.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from numerics.coupling import connectivity
from numerics.experiments import settings as setting
from numerics.experiments.labels import attributes, labelled
from numerics.experiments.trials import as_json, blocks, rank_one_truth, seed_of, singular_values
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import ensemble_limit
from numerics.initialization import gaussian_layers, layer_shapes
from numerics.mask_orbits import LARGEST_SIZE, Orbit, mask_of, orbits
from numerics.rank import effective_rank_of
from numerics.sweep.experiment import Experiment, Parameters, Result, Settings

#: Trials in one point.
BLOCK = 50
KINDS = ("connected", "disconnected")
_TRUTH, _LAYERS = 0, 1
#: Standard errors on each side of a mean that make its 95% interval.
_NORMAL = 1.959964


def truth(size: int, pattern: int, seed: int, trial: int) -> np.ndarray:
    """The rank-1 matrix of a trial of the mask with number `pattern`, the same at every depth and scale."""
    return rank_one_truth(size, seed_of(seed, pattern, trial, _TRUTH))


def start(size: int, pattern: int, seed: int, trial: int, depth: int, product_scale: float) -> list[np.ndarray]:
    """Its initial layers: at every scale the same Gaussian sample, rescaled."""
    layer_seed = seed_of(seed, pattern, trial, _LAYERS)
    return gaussian_layers(layer_shapes(size, size, depth), product_scale, seed=layer_seed)


def points(settings: Settings) -> Sequence[Parameters]:
    """One point per orbit, depth, scale and block of trials."""
    return [
        {
            "size": settings["size"],
            "pattern": orbit.number,
            "depth": depth,
            "product_scale": scale,
            "seed": settings["seed"],
            "first": first,
            "trials": trials,
        }
        for orbit in orbits(settings["size"])
        for depth in settings["depths"]
        for scale in settings["scales"]
        for first, trials in blocks(settings["trials"], BLOCK)
    ]


def measure(parameters: Parameters) -> Result:
    """Singular values of the limits of one block of trials of one mask, each with an error estimate."""
    size, pattern, seed = parameters["size"], parameters["pattern"], parameters["seed"]
    numbers = range(parameters["first"], parameters["first"] + parameters["trials"])
    choice = (parameters["depth"], parameters["product_scale"])
    mask = mask_of(pattern, size)
    problems = [MatrixCompletion(mask, truth(size, pattern, seed, trial)) for trial in numbers]
    return as_json(ensemble_limit(problems, [start(size, pattern, seed, trial, *choice) for trial in numbers]))


def dataset(settings: Settings, points: Sequence[Parameters], results: Sequence[Result | None]) -> xr.Dataset:
    """Every trial of every orbit, and the weighted means of connected and disconnected masks."""
    found, size = orbits(settings["size"]), settings["size"]
    shape = (len(found), len(settings["depths"]), len(settings["scales"]), settings["trials"])
    values, errors = singular_values(results, [point["trials"] for point in points], size)
    values, errors = values.reshape(*shape, size), errors.reshape(shape)
    ranks = effective_rank_of(values)
    connected = np.array([connectivity(orbit.mask).connected for orbit in found])
    sizes = np.array([orbit.size for orbit in found])
    unconverged, missing = np.isinf(errors).sum(axis=-1), np.isnan(errors).sum(axis=-1)
    members = [connected, ~connected]
    mean, half_width = (
        np.stack(part)
        for part in zip(*(weighted_mean(ranks[member], sizes[member]) for member in members), strict=True)
    )
    cell, orbit_cell = ("kind", "depth", "product_scale"), ("orbit", "depth", "product_scale")
    trial = (*orbit_cell, "trial")
    return labelled(
        {
            "mean_effective_rank": (cell, mean, "mean effective rank of the limit over all masks of a kind"),
            "interval_low": (cell, mean - half_width, "lower end of the mean's 95% interval, stratified by orbit"),
            "interval_high": (cell, mean + half_width, "upper end of the mean's 95% interval, stratified by orbit"),
            "masks": (("kind",), [sizes[member].sum() for member in members], "number of masks of a kind"),
            "orbits": (("kind",), [member.sum() for member in members], "number of orbits of a kind"),
            "unconverged": (
                cell,
                np.stack([unconverged[member].sum(axis=0) for member in members]),
                "trials that did not converge, in no mean",
            ),
            "missing": (
                cell,
                np.stack([missing[member].sum(axis=0) for member in members]),
                "trials not computed yet, or failed",
            ),
            "connected": (("orbit",), connected, "1: the observed entries are one component"),
            "orbit_size": (("orbit",), sizes, "number of masks that are this one with rows and columns moved"),
            "pattern": (("orbit",), [_text(orbit) for orbit in found], "rows of the mask, 1 where observed"),
            "effective_rank": (trial, ranks, "effective rank of the limit"),
            "singular_value": ((*trial, "mode"), values, "singular values of the limit"),
            "error": (trial, errors, "estimated error of the limit in Frobenius norm; inf: not converged"),
        },
        {
            "kind": (list(KINDS), "connected or disconnected observed entries"),
            "depth": (settings["depths"], "number of layers L"),
            "product_scale": (settings["scales"], "alpha^L of layers of equal scale alpha: size of their product"),
            "orbit": ([orbit.number for orbit in found], "number of the mask that stands for its orbit"),
            "trial": (np.arange(settings["trials"]), "number of the truth and of the initial sample"),
            "mode": (np.arange(1, size + 1), "number of the singular value"),
        },
        attributes(EXPERIMENT, settings),
    )


def weighted_mean(values: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over orbits (first axis, weights `sizes`) and trials (last axis), and half its 95% normal interval.

    Trials that are nan are left out; nan where an orbit has fewer than two others, for no mean of the rest would be
    that of all masks.
    """
    share = (sizes / sizes.sum()).reshape(-1, *[1] * (values.ndim - 2))
    kept = ~np.isnan(values)
    number = kept.sum(axis=-1)
    enough = np.all(number >= 2, axis=0)
    number = np.maximum(number, 2)
    means = np.where(kept, values, 0.0).sum(axis=-1) / number
    spread = np.where(kept, values - means[..., None], 0.0)
    variances = (spread**2).sum(axis=-1) / (number - 1) / number
    mean, error = (share * means).sum(axis=0), np.sqrt((share**2 * variances).sum(axis=0))
    return np.where(enough, mean, np.nan), np.where(enough, _NORMAL * error, np.nan)


def _text(orbit: Orbit) -> str:
    return "/".join("".join(str(int(entry)) for entry in row) for row in orbit.mask)


EXPERIMENT = Experiment(
    name="pattern-census",
    title="Effective rank over all connected and all disconnected masks",
    source="Shin & Yun 2026, arXiv:2603.04703, Figure 4",
    version=1,
    differs=(
        "the size of the matrix, the truths, the layers and the number of trials are not stated in the caption: here "
        "3 x 3 rank-1 truths u v^T with standard normal u and v, layers of standard deviation alpha^(1/L)/sqrt(d), and "
        "trials and scales of our own",
        "layers are independent, not one sample cloned: moving rows and columns apart from each other would not keep "
        "cloned layers equal, and the orbits would not suffice",
        "one mask per orbit under permutations and transposition, weighted by the orbit's size",
        "rows and columns without an observed entry are set aside when a mask is called connected; the mask without "
        "any observed entry is left out",
        "end points are limits of gradient flow with an error estimate, not of a descent with a step size",
    ),
    settings=dict(
        [
            setting.count("size", 3, "rows and columns of the masks", minimum=2, most=LARGEST_SIZE),
            setting.count("trials", 20, "random trials per orbit and cell", minimum=2),
            setting.whole_numbers("depths", [2, 3, 4], "numbers of layers", minimum=2, most=8),
            setting.scales("scales", setting.decades(7), "product scales alpha^L"),
            setting.seed(),
        ]
    ),
    points=points,
    measure=measure,
    dataset=dataset,
)
