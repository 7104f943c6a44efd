"""How often SGD with weight decay is in B_r after T steps, and the event that the lower bound is built on.

Source
    Wang & Jacot 2024, arXiv:2305.16038 (slides); see `theory.reachability`.
"""

from dataclasses import dataclass

import numpy as np

from numerics.factorization import Layers, MatrixCompletion
from numerics.low_rank_region import Region, imbalance, inside
from numerics.sgd import sgd_step


def fullest_share(mask: np.ndarray, rank: int) -> tuple[int, int]:
    """Observed entries in the `rank` fullest columns (rows, where those are fewer lines), and all of them."""
    counts = np.sort(mask.sum(axis=0 if mask.shape[1] <= mask.shape[0] else 1))
    return int(counts[::-1][:rank].sum()), int(mask.sum())


@dataclass(frozen=True)
class Arrivals:
    """Of `count` chains after T steps: in how many the event happened, and how many are in B_r.

    For the chains with the event: the largest s_(r+1)(W_l^T W_l) - (l - 1) max |D_k|_F over l, and the largest relative
    distance of an unseen column of W_1 from rho^T times it at the start.
    """

    count: int
    events: int
    inside: int
    small_value: float
    column_error: float


def arrivals(
    problem: MatrixCompletion,
    layers: Layers,
    region: Region,
    *,
    steps: int,
    eta: float,
    weight_decay: float,
    count: int,
    seed: int,
) -> Arrivals:
    """T = `steps` steps of SGD from the same layers, `count` times with independent entries; deterministic."""
    random = np.random.default_rng(seed)
    entries = problem.observed
    chosen = set(np.argsort(-problem.mask.sum(axis=0), kind="stable")[: region.rank].tolist())
    unseen = [column for column in range(problem.mask.shape[1]) if column not in chosen]
    decayed = (1 - 2 * eta * weight_decay) ** steps * layers[0][:, unseen]
    events = arrived = 0
    smallest, column_error = -np.inf, 0.0
    for _ in range(count):
        drawn = [entries[pick] for pick in random.integers(len(entries), size=steps)]
        now = list(layers)
        for entry in drawn:
            now = sgd_step(now, entry, float(problem.targets[entry]), eta, weight_decay)
        arrived += inside(now, region)
        if all(column in chosen for _, column in drawn):
            events += 1
            spectra = [np.linalg.svd(one, compute_uv=False)[region.rank] ** 2 for one in now]
            drift = float(imbalance(now))
            smallest = max(smallest, *(value - place * drift for place, value in enumerate(spectra)))
            column_error = max(column_error, float(np.abs(now[0][:, unseen] - decayed).max() / np.abs(decayed).max()))
    return Arrivals(count, events, arrived, float(smallest), column_error)
