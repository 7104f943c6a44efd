"""Limits of gradient flow against the limit theorem, over depth and scale; random initial layers beside the family.

Definitions
    n x n problem with the diagonal observed, all entries 1. Family: every layer has alpha on the diagonal and alpha/m
    off it, so that the theorem gives the limit (`numerics.block_limit`, blocks of size 1). Random: independent
    Gaussian layers of standard deviation alpha/sqrt(n). Both at the product scale alpha^L.
Source
    Shin & Yun 2026, arXiv:2603.04703, Theorem 3.3 (reconstructed) and Figure 2 (layout).
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import xarray as xr

from numerics.block_diagonal import BlockFamily, initial_layers, problem
from numerics.block_limit import limit_float64
from numerics.experiments import settings as setting
from numerics.experiments.labels import attributes, labelled
from numerics.experiments.trials import as_json, seed_of, singular_values
from numerics.gradient_flow import ensemble_limit
from numerics.initialization import gaussian_layers, layer_shapes
from numerics.rank import effective_rank_of
from numerics.sweep.experiment import Experiment, Parameters, Result, Settings

_SCALES = [1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6]


def family(blocks: int, depth: int, product_scale: float, m: str) -> BlockFamily:
    """The member of the family at alpha = product_scale^(1/L); alpha is the float, taken exactly."""
    return BlockFamily(depth, blocks, 1, Fraction(1), Fraction(product_scale ** (1 / depth)), m)  # type: ignore[arg-type]


def points(settings: Settings) -> Sequence[Parameters]:
    """One point per depth and scale: the members of the family, and all random trials."""
    fixed = {name: settings[name] for name in ("blocks", "ms", "trials", "seed")}
    return [
        {"depth": depth, "product_scale": scale, **fixed}
        for depth in settings["depths"]
        for scale in settings["scales"]
    ]


def measure(parameters: Parameters) -> Result:
    """Singular values of the limits from the family, in the order of m, and from random layers; errors of each."""
    depth, scale, size = parameters["depth"], parameters["product_scale"], parameters["blocks"]
    members = [family(size, depth, scale, m) for m in parameters["ms"]]
    observed = problem(members[0])
    shapes = layer_shapes(size, size, depth)
    seeds = [seed_of(parameters["seed"], trial) for trial in range(parameters["trials"])]
    random = [gaussian_layers(shapes, scale, seed=seed) for seed in seeds]
    return {
        "family": as_json(ensemble_limit(observed, [initial_layers(member) for member in members])),
        "random": as_json(ensemble_limit(observed, random)),
    }


def dataset(settings: Settings, points: Sequence[Parameters], results: Sequence[Result | None]) -> xr.Dataset:
    """Flows of the family beside the theorem at the same scales, and the random trials with quartiles."""
    ms, depths, scales, size = settings["ms"], settings["depths"], settings["scales"], settings["blocks"]
    grid = (len(depths), len(scales))
    values, errors = _collected(results, "family", len(ms), size)
    # From (depth, scale, m) to (m, depth, scale).
    values = np.moveaxis(values.reshape(*grid, len(ms), size), 2, 0)
    errors = np.moveaxis(errors.reshape(*grid, len(ms)), 2, 0)
    random, random_errors = _collected(results, "random", settings["trials"], size)
    random = random.reshape(*grid, settings["trials"], size)
    random_errors = random_errors.reshape(*grid, settings["trials"])
    ratio = random[..., 1] / random[..., 0]
    low, median, high = _quartiles(ratio)
    theory = _theory(size, depths, scales, ms)
    distance = np.max(np.abs(values - theory), axis=-1)
    cell = ("depth", "product_scale")
    member, trial = ("m", *cell), (*cell, "trial")
    return labelled(
        {
            "family_ratio": (member, values[..., 1] / values[..., 0], "sigma_2/sigma_1 at the flow's limit, family"),
            "family_error": (member, errors, "estimated error of the limit in Frobenius norm; inf: not converged"),
            "theory_ratio": (member, theory[..., 1] / theory[..., 0], "sigma_2/sigma_1 by the limit theorem"),
            "distance": (member, distance, "largest distance of a singular value of the flow from the theorem"),
            "random_median": (cell, median, "median of sigma_2/sigma_1 over converged random trials"),
            "random_low": (cell, low, "lower quartile of sigma_2/sigma_1 over converged random trials"),
            "random_high": (cell, high, "upper quartile of sigma_2/sigma_1 over converged random trials"),
            "unconverged": (
                cell,
                np.isinf(random_errors).sum(axis=-1) + np.isinf(errors).sum(axis=0),
                "flows that did not converge, in no number here",
            ),
            "missing": (
                cell,
                np.isnan(random_errors).sum(axis=-1) + np.isnan(errors).sum(axis=0),
                "flows not computed yet, or failed",
            ),
            "random_ratio": (trial, ratio, "sigma_2/sigma_1 at the flow's limit, random layers"),
            "random_effective_rank": (trial, effective_rank_of(random), "effective rank of the limit, random layers"),
            "random_error": (trial, random_errors, "estimated error in Frobenius norm; inf: not converged"),
            "singular_value": ((*member, "mode"), values, "singular values of the flow's limit, family"),
        },
        {
            "m": ([float(_decimal(m)) for m in ms], "diagonal over off-diagonal entry"),
            "depth": (depths, "number of layers L"),
            "product_scale": (scales, "alpha^L"),
            "trial": (np.arange(settings["trials"]), "number of the random initial sample"),
            "mode": (np.arange(1, size + 1), "number of the singular value"),
        },
        attributes(EXPERIMENT, settings) | {"blocks": size},
    )


def _decimal(m: str) -> str:
    return m if m == "inf" else repr(float(Fraction(m)))


def _collected(results: Sequence[Result | None], name: str, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    parts = [None if result is None else result[name] for result in results]
    return singular_values(parts, [count] * len(parts), size)


def theory_ratio(blocks: int, depth: int, product_scales: np.ndarray, m: float) -> np.ndarray:
    """sigma_2/sigma_1 of the limit by the theorem, at every product scale."""
    first, rest = limit_float64(depth, blocks, 1, 1.0, product_scales ** (1 / depth), m)
    return np.exp(rest - first)


def _theory(size: int, depths: Sequence[int], scales: Sequence[float], ms: Sequence[str]) -> np.ndarray:
    """Singular values (m, depth, scale, mode) by the theorem."""
    depth, m = np.array(depths, dtype=float)[None, :, None], np.array([float(_decimal(one)) for one in ms])
    first, rest = limit_float64(depth, size, 1, 1.0, np.array(scales) ** (1 / depth), m[:, None, None])
    return np.exp(np.stack([first, *[rest] * (size - 1)], axis=-1))


def _quartiles(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower quartile, median and upper quartile over the last axis without nan; nan where nothing is left."""
    found = np.full((3, *values.shape[:-1]), np.nan)
    for place in np.ndindex(values.shape[:-1]):
        kept = values[place][~np.isnan(values[place])]
        if kept.size:
            found[(slice(None), *place)] = np.percentile(kept, [25, 50, 75])
    return found[0], found[1], found[2]


EXPERIMENT = Experiment(
    name="depth-scale",
    title="The flow's limit against the limit theorem, over depth and scale",
    source="Shin & Yun 2026, arXiv:2603.04703, Theorem 3.3 (reconstructed) and Figure 2",
    version=1,
    differs=(
        "the paper's Figure 2 draws the theorem alone: the flows and the random initial layers are ours",
        "sigma_2/sigma_1 in place of the singular values; n, the values of m and the scales are of our own choice",
        "random layers are independent Gaussian ones of standard deviation alpha/sqrt(n), not of the family",
    ),
    settings=dict(
        [
            setting.whole_numbers("depths", [2, 3, 4], "numbers of layers", minimum=2, most=8),
            setting.scales("scales", _SCALES, "product scales alpha^L"),
            setting.ratios("ms", ["2", "10", "inf"], "diagonal over off-diagonal entry of the family's layers"),
            setting.count("blocks", 3, "rows and columns n of the problem", minimum=2, most=6),
            setting.count("trials", 40, "random initial layers per depth and scale"),
            setting.seed(),
        ]
    ),
    points=points,
    measure=measure,
    dataset=dataset,
)
