"""Is B_r left in one step of SGD? Layers on its boundary, constants for which it is not left, and a search beyond them.

Definitions
    C, a, eps_1, eps_2, f: as in `numerics.low_rank_region`, f the quadratic profile. M: the largest |A*_ij| observed.
    use: a quantity over its bound (1 on the boundary of B_r), for balance, rank and size.
Implementation notes
    `constants` evaluates the conditions of `theory.low_rank_region`, which are proved; float64 evaluates them up to
    rounding. The search is a local optimiser's: what it does not find may exist.
Source
    Wang & Jacot 2024, arXiv:2305.16038 (slides); the constants are ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import sympy as sp

from numerics.errors import ArgumentError
from numerics.exact import integer
from numerics.initialization import Shape
from numerics.low_rank_region import Region, imbalance, quadratic
from numerics.sgd import sgd_step
from theory import low_rank_region as theory
from theory.critical_points import decay
from theory.symbols import depth

#: A share of what the proof allows, so that its conditions hold with room for rounding.
_ROOM = 0.5
_BISECTIONS = 60
_ITERATIONS = 40

_SYMBOLS = (depth, theory.widest, decay, theory.eta, theory.bound, theory.target, theory.a)
_FORMULAS = {
    name: sp.lambdify(_SYMBOLS, getattr(theory, name), "numpy")
    for name in ("noise", "loss_of_size", "curvature", "size_gain", "mu", "nu")
}


@dataclass(frozen=True)
class Setting:
    """What SGD is run with: depth L, largest width n, weight decay lambda, rate eta, and the largest |target| M."""

    depth: int
    widest: int
    weight_decay: float
    eta: float
    target: float


def rooms(setting: Setting, region: Region) -> dict[str, float]:
    """What the proof's conditions leave, each divided by its larger side; B_r is not left when none is negative.

    balance, size, and for the rank `pull` (mu >= 0) and `rank`. Depth 2 has no proof of the rank part: -1 there.
    """
    given = (setting.depth, setting.widest, setting.weight_decay, setting.eta, region.bound, setting.target)
    at = {name: float(formula(*given, region.profile.a)) for name, formula in _FORMULAS.items()}
    delta, eps_2 = np.sqrt(region.eps_1), region.eps_2
    balance = at["loss_of_size"] * delta
    size = at["loss_of_size"] * region.bound
    rank = region.profile.a * at["mu"] * eps_2 * (1 - eps_2)
    shallow = setting.depth < 3 or eps_2 >= 1
    return {
        "balance": (balance - setting.eta * at["noise"]) / balance,
        "size": (size - at["size_gain"]) / size if at["curvature"] > 0 else -1.0,
        "pull": -1.0 if shallow else at["mu"] / at["loss_of_size"],
        "rank": -1.0 if shallow or rank <= 0 else (rank - 4 * setting.widest * at["nu"] * delta) / rank,
    }


def constants(
    layers: int, widest: int, weight_decay: float, target: float, *, rank: int, eps_2: float, spread: float = 1.0
) -> tuple[Setting, Region]:
    """A rate and a region for which the conditions of the proof hold: C = spread 3 M^2/(16 lambda), and so on down.

    a is a quarter of what the weight decay can hold, eps_1 and eta half of what they may be then. Raises ArgumentError
    for depth below 3, eps_2 outside (0, 1), numbers that are not positive, a rank above the width, and where some
    condition fails all the same (a small spread).
    """
    if integer("layers", layers, minimum=1) < 3:
        raise ArgumentError("layers", layers, "3 or more: the proof of the rank part needs it")
    if integer("rank", rank, minimum=0) > integer("widest", widest, minimum=1):
        raise ArgumentError("rank", rank, f"at most {widest}, the largest width")
    for name, number in (("weight_decay", weight_decay), ("target", target), ("spread", spread)):
        if not 0 < number < np.inf:
            raise ArgumentError(name, number, "a positive number")
    if not 0 < eps_2 < 1:
        raise ArgumentError("eps_2", eps_2, "within 0 and 1")
    bound = spread * 3 * target**2 / (16 * weight_decay)
    error = bound ** (layers / 2) + target
    a = (weight_decay / (error * bound ** ((layers - 3) / 2))) ** 2
    still = [float(_FORMULAS[name](layers, widest, weight_decay, 0.0, bound, target, a)) for name in ("mu", "nu")]
    delta = _ROOM * a * still[0] * eps_2 * (1 - eps_2) / (4 * widest * still[1])
    noise = float(_FORMULAS["noise"](layers, widest, weight_decay, 0.0, bound, target, a))
    eta = _ROOM * min(4 * weight_decay * delta / noise, 1 / (2 * weight_decay), 1 / bound ** (layers - 1))
    setting = Setting(layers, widest, weight_decay, eta, target)
    region = Region(rank, delta**2, eps_2, bound, quadratic(a))
    failing = [name for name, room in rooms(setting, region).items() if room < 0]
    if failing:
        raise ArgumentError("spread", spread, f"one for which the conditions of {', '.join(failing)} hold")
    return setting, region


def largest_rate(setting: Setting, region: Region, parts: Sequence[str]) -> float:
    """The largest rate up to which no room of the named parts is negative, by bisection; 1/(2 lambda) at most."""

    def holds(eta: float) -> bool:
        found = rooms(replace(setting, eta=eta), region)
        return min(found[part] for part in parts) >= 0

    return _largest(holds, 1 / (2 * setting.weight_decay))


def uses(layers: Sequence[np.ndarray], region: Region) -> np.ndarray:
    """The largest |D_l|_F over sqrt(eps_1), sum of f over r + eps_2, |W_l|_F^2 over C; all at most 1 in B_r (3,)."""
    sums = [region.profile.value(np.linalg.svd(one, compute_uv=False) ** 2).sum() for one in layers]
    sizes = [np.sum(one**2) for one in layers]
    balance = float(imbalance(layers)) / np.sqrt(region.eps_1)
    return np.array([balance, max(sums) / (region.rank + region.eps_2), max(sizes) / region.bound])


def balanced_layers(region: Region, shapes: Sequence[Shape], random: np.random.Generator) -> list[np.ndarray]:
    """Balanced layers with sum f near r + eps_2, whose large values take what C leaves, or less."""
    smallest = min(side for shape in shapes for side in shape)
    wanted = min(region.rank + region.eps_2, float(smallest))
    drawn = random.random(smallest) ** random.choice([0.5, 2.0, 8.0])
    scale = _largest(lambda t: float(np.minimum(1.0, t * drawn).sum()) <= wanted, 1e6)
    shares = np.minimum(1.0, scale * drawn)
    values = region.profile.a * (1 - np.sqrt(1 - shares))
    full = shares >= 1
    left = region.bound - values.sum()
    if full.any() and left > 0:
        parts = random.random(full.sum()) + 0.1
        values[full] += left * parts / parts.sum() * random.choice([1.0, random.random()])
    sides = [shapes[0][1], *(after for after, _ in shapes)]
    bases = [np.linalg.qr(random.standard_normal((side, smallest)))[0] for side in sides]
    return [(after * np.sqrt(values)) @ before.T for before, after in pairwise(bases)]


def boundary_layers(region: Region, shapes: Sequence[Shape], *, seed: int) -> list[np.ndarray]:
    """Layers of B_r on its boundary, in the first condition that growing them meets; of every kind, by the seed.

    `balanced_layers`; then noise of the size that eps_1 allows, and last all layers are scaled until a condition is
    met with equality.
    """
    random = np.random.default_rng(seed)
    layers = balanced_layers(region, shapes, random)
    noise = [random.standard_normal(shape) for shape in shapes]
    share = np.sqrt(region.eps_1) * random.choice([0.0, random.random(), 1.0])
    return grown(moved(layers, noise, share), region)


def moved(layers: Sequence[np.ndarray], noise: Sequence[np.ndarray], share: float) -> list[np.ndarray]:
    """Layers plus as much of the noise, once at most, as keeps the largest |D_l|_F within `share`."""
    level = _largest(lambda t: float(imbalance(_added(layers, noise, t))) <= share, 1.0)
    return _added(layers, noise, level)


def grown(layers: Sequence[np.ndarray], region: Region) -> list[np.ndarray]:
    """The layers times the largest factor, 2 at most, that B_r allows."""
    factor = _largest(lambda t: bool(uses([t * one for one in layers], region).max() <= 1), 2.0)
    return [factor * one for one in layers]


@dataclass(frozen=True)
class WorstStep:
    """The largest uses (3,) after one step, and those before it."""

    before: np.ndarray
    after: np.ndarray


def worst_step(
    layers: Sequence[np.ndarray],
    entries: Sequence[tuple[tuple[int, int], float]],
    region: Region,
    eta: float,
    weight_decay: float,
) -> WorstStep:
    """Largest uses after one step of SGD from `layers`, over the observed entries ((i, j), A*_ij)."""
    steps = [uses(sgd_step(layers, place, value, eta, weight_decay), region) for place, value in entries]
    return WorstStep(uses(layers, region), np.max(steps, axis=0))


def searched_step(
    entries: Sequence[tuple[tuple[int, int], float]],
    region: Region,
    shapes: Sequence[Shape],
    eta: float,
    weight_decay: float,
    *,
    seed: int,
) -> WorstStep:
    """The worst step that SLSQP finds in B_r from boundary layers; the seed draws them, an entry and a condition.

    All entries count for the layers where it starts and for those where it ends.
    """
    start = boundary_layers(region, shapes, seed=seed)
    random = np.random.default_rng(seed)
    drawn, condition = entries[int(random.integers(len(entries)))], int(random.integers(3))
    worst = worst_step(start, entries, region, eta, weight_decay)
    found = searched_layers(start, drawn, condition, region, eta, weight_decay)
    seen = worst_step(found, entries, region, eta, weight_decay)
    return WorstStep(np.maximum(worst.before, seen.before), np.maximum(worst.after, seen.after))


def searched_layers(
    start: Sequence[np.ndarray],
    entry: tuple[tuple[int, int], float],
    condition: int,
    region: Region,
    eta: float,
    weight_decay: float,
) -> list[np.ndarray]:
    """Layers of B_r, up to rounding, from which a step on the entry ends worst in one condition, as SLSQP finds them.

    condition: 0 balance, 1 rank, 2 size, as in `uses`. It maximises that use after the step, subject to all uses before
    it being at most 1, from `start`; what it returns is scaled back into B_r.
    """
    from scipy.optimize import Bounds, NonlinearConstraint, minimize  # only this needs it

    ends = np.cumsum([one.size for one in start])[:-1]
    shapes = [one.shape for one in start]

    def shaped(place: np.ndarray) -> list[np.ndarray]:
        return [part.reshape(shape) for part, shape in zip(np.split(place, ends), shapes, strict=True)]

    def room(place: np.ndarray) -> float:
        after = worst_step(shaped(place), [entry], region, eta, weight_decay).after
        return float(1 - after[condition]) / eta

    # Entries of layers of B_r are no larger; without that a trial step may be anywhere, also where floats end.
    widest = float(np.sqrt(region.bound))
    found = minimize(
        room,
        np.concatenate([one.ravel() for one in start]),
        method="SLSQP",
        bounds=Bounds(-widest, widest),
        constraints=NonlinearConstraint(lambda place: uses(shaped(place), region), -np.inf, 1.0),
        options={"maxiter": _ITERATIONS},
    ).x
    back = _largest(lambda t: bool(uses([t * w for w in shaped(found)], region).max() <= 1), 1.0)
    return [back * w for w in shaped(found)]


def _added(layers: Sequence[np.ndarray], noise: Sequence[np.ndarray], level: float) -> list[np.ndarray]:
    return [one + level * other for one, other in zip(layers, noise, strict=True)]


def _largest(holds: Callable[[float], bool], most: float) -> float:
    """The largest t in [0, most] at which a condition holds that fails from some t on, by bisection."""
    if holds(most):
        return most
    low, high = 0.0, most
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
