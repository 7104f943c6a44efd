"""SGD with L2 regularisation on matrix completion, one observed entry a step; many networks at once. float64.

Definitions
    L(theta) = 1/(2N) sum over the N observed entries of (A*_ij - A_ij)^2 + lambda |theta|^2, A = W_L ... W_1.
    step of SGD: theta <- (1 - 2 eta lambda) theta - (eta/2) grad (A*_ij - A_ij)^2, (i, j) uniform among the observed.
    step of descent (the control): the same with the mean of the gradients over all observed entries, eta grad L.
    chain: one network with its seed; it does not depend on the chains beside it.
Implementation notes
    The entries that a chain sees in steps k B, ..., (k + 1) B - 1, B = 4096, are drawn at once by a counter-based
    generator from its seed and k alone. So a chain is given by seed, step and parameters, and may be stopped anywhere.
    An offshoot is a chain that was kept at some step, gone on with at other rates: it sees the same entries.
    Rounding apart, every step is the exact update; what is drawn from chains is evidence about them, not a proof.
Source
    Wang & Jacot 2024, slides, objective and update rule.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np

from numerics.errors import ArgumentError, MissingExtra
from numerics.exact import integer
from numerics.factorization import Layers, MatrixCompletion, check_layers, end_to_end
from numerics.low_rank_region import Region, imbalance, stacked_margins

#: So many entries are drawn at once.
BLOCK = 4096
#: A chain below this ratio of singular values has jumped to rank 1.
JUMPED = 1e-3
#: One that has jumped has come back to rank 2 above this; in between it is still falling, and a chain may waver there.
RETURNED = 0.1
#: A chain whose parameters are all smaller is left at 0, to which it would shrink: far beyond that, floats are slow.
NOTHING = 1e-150


_LARGEST = 1e75


def check_rates(eta: float, weight_decay: float, *, positive: bool = False) -> None:
    """Raise ArgumentError unless eta > 0, lambda >= 0, eta lambda < 1/2; `positive`: lambda > 0, as lemmas need."""
    if not (isinstance(eta, Real) and math.isfinite(eta) and eta > 0):
        raise ArgumentError("eta", eta, "a positive number")
    sound = isinstance(weight_decay, Real) and math.isfinite(weight_decay) and weight_decay >= 0
    if not sound or (positive and weight_decay == 0):
        raise ArgumentError("weight_decay", weight_decay, "a positive number" if positive else "a number of at least 0")
    if eta * weight_decay >= 0.5:
        expected = f"less than 1/(2 eta) = {0.5 / eta:.6g}: 1 - 2 eta lambda would not be positive"
        raise ArgumentError("weight_decay", weight_decay, expected)


def sgd_step(layers: Layers, entry: tuple[int, int], value: float, eta: float, weight_decay: float) -> list[np.ndarray]:
    """One step of SGD on the observed entry (i, j), counted from 0, with A*_ij = value; new layers.

    Raises ArgumentError for rates out of range, and for an entry that the product does not have.
    """
    check_rates(eta, weight_decay)
    if len(layers) < 1:
        raise ArgumentError("layers", "an empty list", "a list of at least one matrix")
    row, column = entry
    shape = (len(layers[-1]), layers[0].shape[1])
    if not (0 <= row < shape[0] and 0 <= column < shape[1]):
        raise ArgumentError("entry", entry, f"an entry of a matrix of shape {shape}")
    forward = [np.eye(shape[1])[column]]
    for layer in layers:
        forward.append(layer @ forward[-1])
    back = eta * (value - forward[-1][row]) * np.eye(shape[0])[row]
    found = []
    for layer, before in zip(reversed(layers), reversed(forward[:-1]), strict=True):
        found.append((1 - 2 * eta * weight_decay) * layer + np.outer(back, before))
        back = layer.T @ back
    return found[::-1]


def descent_step(problem: MatrixCompletion, layers: Layers, eta: float, weight_decay: float) -> list[np.ndarray]:
    """One step of full-batch descent on L; new layers. Raises ArgumentError."""
    check_rates(eta, weight_decay)
    check_layers(problem, layers)
    entries = problem.observed
    steps = [sgd_step(layers, entry, problem.targets[entry], eta, weight_decay) for entry in entries]
    return [sum(parts[1:], parts[0]) / len(entries) for parts in map(list, zip(*steps, strict=True))]


@dataclass(frozen=True)
class Chains:
    """Networks of one shape on one problem, all at the same step.

    seeds: one per chain, non-negative; parameters (chains, P) float64: W_1, ..., W_L one after the other, row by row;
    step: how many were made. Plain data: saved and read back, a chain goes on bit for bit. Raises ArgumentError when
    they do not fit each other. The problem's normalization has no bearing here: L is the mean, see above.
    """

    problem: MatrixCompletion
    shapes: tuple[tuple[int, int], ...]
    seeds: tuple[int, ...]
    parameters: np.ndarray
    step: int = 0

    def __post_init__(self) -> None:
        check_layers(self.problem, [np.zeros(shape) for shape in self.shapes])
        # Chains are built anew every few steps, and reading numbers from what may be text takes longer than those.
        for name, number in (("step", self.step), *(("seeds", seed) for seed in self.seeds)):
            if not isinstance(number, Integral) or number < 0:
                raise ArgumentError(name, number, "an integer of at least 0")
        object.__setattr__(self, "step", int(self.step))
        object.__setattr__(self, "seeds", tuple(map(int, self.seeds)))
        found = np.array(self.parameters, dtype=float, order="C")
        expected = (len(self.seeds), sum(rows * columns for rows, columns in self.shapes))
        if found.shape != expected:
            raise ArgumentError("parameters", f"an array of shape {found.shape}", f"of shape {expected}")
        object.__setattr__(self, "parameters", found)

    @property
    def layers(self) -> list[np.ndarray]:
        """W_1, ..., W_L of all chains, layer l of shape (chains, d_l, d_(l-1))."""
        ends = np.cumsum([rows * columns for rows, columns in self.shapes])[:-1]
        parts = np.split(self.parameters, ends, axis=1)
        return [part.reshape(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def chosen(self, which: np.ndarray) -> "Chains":
        """Some of the chains, by number or by a boolean mask."""
        numbers = np.arange(len(self.seeds))[which]
        return replace(self, seeds=tuple(self.seeds[k] for k in numbers), parameters=self.parameters[numbers])


def chains_from(problem: MatrixCompletion, networks: Sequence[Layers], seeds: Sequence[int]) -> Chains:
    """Chains at step 0 from the layers of each network. Raises ArgumentError."""
    for layers in networks:
        check_layers(problem, layers)
    if len(networks) != len(seeds) or not networks:
        raise ArgumentError("seeds", f"a list of {len(seeds)}", f"one for each of the {len(networks)} networks")
    shapes = [tuple(np.shape(layer) for layer in layers) for layers in networks]
    if len(set(shapes)) != 1:
        raise ArgumentError("networks", f"a list with shapes {set(shapes)}", "of networks of one shape")
    flat = [np.concatenate([np.asarray(layer, dtype=float).ravel() for layer in layers]) for layers in networks]
    return Chains(problem, shapes[0], tuple(seeds), np.array(flat))


def gaussian_chains(
    problem: MatrixCompletion, shapes: Sequence[tuple[int, int]], deviation: float, seeds: Sequence[int]
) -> Chains:
    """Chains of layers with independent normal entries of this standard deviation, drawn from their seeds alone."""
    if not (math.isfinite(deviation) and deviation > 0):
        raise ArgumentError("deviation", deviation, "a positive number")
    networks = []
    for seed in seeds:
        random = np.random.default_rng(integer("seeds", seed, minimum=0))
        networks.append([deviation * random.standard_normal(shape) for shape in shapes])
    return chains_from(problem, networks, seeds)


def picks(seed: int, step: int, count: int, entries: int) -> np.ndarray:
    """Numbers, from 0, of the observed entries that a chain sees in `count` steps from `step` on."""
    integer("step", step, minimum=0)
    integer("count", count, minimum=0)
    numbers = range(step // BLOCK, -(-(step + count) // BLOCK))
    found = [_block((seed,), number, entries)[0] for number in numbers]
    return np.concatenate(found)[step % BLOCK :][:count] if found else np.empty(0, dtype=np.uint32)


def sgd(chains: Chains, steps: int, eta: float, weight_decay: float) -> Chains:
    """The chains after so many steps of SGD; each the same whatever chains are beside it and however steps are split.

    A chain that diverges becomes nan or inf; one that shrinks below 1e-150 everywhere is 0. Raises ArgumentError, and
    MissingExtra without numba.
    """
    steps = integer("steps", steps, minimum=0)
    kernel, layout = _compiled(chains, eta, weight_decay)
    entries = len(chains.problem.observed)
    found, step = chains, chains.step
    for length in _stretches(chains.step, steps):
        first = step % BLOCK
        drawn = np.ascontiguousarray(_block(chains.seeds, step // BLOCK, entries)[:, first : first + length])
        parameters = found.parameters.copy()
        kernel.sgd(parameters, *layout, drawn, eta, 1 - 2 * eta * weight_decay)
        step += length
        found = _after(found, parameters, step)
    return found


def descent(chains: Chains, steps: int, eta: float, weight_decay: float) -> Chains:
    """The chains after so many steps of full-batch descent, the control. Like `sgd` otherwise; seeds play no part."""
    steps = integer("steps", steps, minimum=0)
    kernel, layout = _compiled(chains, eta, weight_decay)
    found, step = chains, chains.step
    for length in _stretches(chains.step, steps):
        parameters = found.parameters.copy()
        kernel.descent(parameters, *layout, length, eta, 1 - 2 * eta * weight_decay)
        step += length
        found = _after(found, parameters, step)
    return found


@dataclass(frozen=True)
class Record:
    """What is seen of all chains at one step; arrays (chains,), nan for a chain that has diverged.

    ratio: sigma_2/sigma_1 of A, 0 where sigma_1 is; train_error, test_error: mean of (A*_ij - A_ij)^2 over observed and
    over other entries (nan if there are none); imbalance: largest |W_l^T W_l - W_(l-1) W_(l-1)^T|_F; margins (chains,
    3): of B_r, nan without a region.
    """

    step: int
    ratio: np.ndarray
    train_error: np.ndarray
    test_error: np.ndarray
    imbalance: np.ndarray
    margins: np.ndarray


def record(chains: Chains, completion: np.ndarray, region: Region | None = None) -> Record:
    """The record of the chains as they are; test errors are against `completion`. Raises ArgumentError."""
    mask = chains.problem.mask
    completion = np.asarray(completion, dtype=float)
    if completion.shape != mask.shape or not np.isfinite(completion).all():
        shown = f"an array of shape {completion.shape}"
        raise ArgumentError("completion", shown, f"a finite matrix of shape {mask.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        # Beyond that, what is measured of the layers overflows.
        sound = np.abs(chains.parameters).max(axis=1) < _LARGEST
        sound[sound] = np.isfinite(end_to_end(chains.chosen(sound).layers) ** 2).all(axis=(1, 2))
    layers = chains.chosen(sound).layers
    products = end_to_end(layers)
    values = np.linalg.svd(products, compute_uv=False)
    second = values[:, 1] if values.shape[1] > 1 else np.zeros(len(values))
    measured = {
        "ratio": np.divide(second, values[:, 0], out=np.zeros(len(values)), where=values[:, 0] > 0),
        "train_error": np.mean((products - chains.problem.targets)[:, mask] ** 2, axis=1),
        "test_error": np.mean((products - completion)[:, ~mask] ** 2, axis=1)
        if not mask.all()
        else np.full(len(values), np.nan),
        "imbalance": imbalance(layers),
        "margins": np.full((len(values), 3), np.nan) if region is None else stacked_margins(layers, region),
    }
    return Record(chains.step, **{name: _spread(one, sound) for name, one in measured.items()})


def followed(chains: Chains, advance: Callable[[Chains, int], Chains], steps: Sequence[int]) -> Iterator[Chains]:
    """The chains at each of these steps, advanced from one to the next by `advance(chains, how many)`.

    `steps` increase and begin no earlier than the chains' own; advance is `at_rates(sgd, eta, weight_decay)`, say.
    Raises ArgumentError.
    """
    if any(after < before for before, after in pairwise([chains.step, *steps])):
        raise ArgumentError("steps", list(steps), f"in increasing order from {chains.step} on")
    for step in steps:
        chains = advance(chains, step - chains.step)
        yield chains


def at_rates(
    rule: Callable[[Chains, int, float, float], Chains], eta: float, weight_decay: float
) -> Callable[[Chains, int], Chains]:
    """`sgd` or `descent` at fixed rates. Raises ArgumentError."""
    check_rates(eta, weight_decay)
    return lambda chains, steps: rule(chains, steps, eta, weight_decay)


@lru_cache(maxsize=2)
def _block(seeds: tuple[int, ...], number: int, entries: int) -> np.ndarray:
    """The entries that chains see in one block (chains, BLOCK); kept, for a block is often gone through in parts."""
    found = []
    for seed in seeds:
        key = np.random.SeedSequence(seed).generate_state(2, np.uint64)
        # The block's number is in the second word: the first one counts what is drawn inside.
        random = np.random.Generator(np.random.Philox(key=key, counter=[0, number, 0, 0]))
        found.append(random.integers(entries, size=BLOCK, dtype=np.uint32))
    drawn = np.array(found, dtype=np.uint32).reshape(len(seeds), BLOCK)
    drawn.setflags(write=False)
    return drawn


def _spread(values: np.ndarray, sound: np.ndarray) -> np.ndarray:
    found = np.full((len(sound), *values.shape[1:]), np.nan)
    found[sound] = values
    return found


def _stretches(step: int, steps: int) -> Iterator[int]:
    """Lengths of the parts of [step, step + steps) between multiples of BLOCK."""
    end = step + steps
    while step < end:
        length = min(end, (step // BLOCK + 1) * BLOCK) - step
        yield length
        step += length


def _after(chains: Chains, parameters: np.ndarray, step: int) -> Chains:
    """Chains that have shrunk to nothing are put to 0 at the ends of blocks, however the steps were split."""
    if step % BLOCK == 0:
        parameters[np.abs(parameters).max(axis=1) < NOTHING] = 0.0
    return replace(chains, parameters=parameters, step=step)


def _compiled(chains: Chains, eta: float, weight_decay: float) -> tuple[Any, tuple[np.ndarray, ...]]:
    """The compiled kernels, and what they need to know of the problem and of the layers."""
    check_rates(eta, weight_decay)
    try:
        from numerics import sgd_kernel
    except ImportError:
        raise MissingExtra("sgd", "numba", "installed; run: pip install 'rankproof[sgd]'") from None
    widths = np.array([chains.shapes[0][1], *(rows for rows, _ in chains.shapes)])
    offsets = np.concatenate([[0], np.cumsum(widths[1:] * widths[:-1])])
    rows, columns = np.nonzero(chains.problem.mask)
    return sgd_kernel, (widths, offsets, rows, columns, chains.problem.targets[rows, columns])
