"""Gradient flow as a system of heyoka expressions, compiled once per shape, mask and precision, and reused.

State
    The entries of W_1, ..., W_L row by row, then the energy released. Parameters: the observed targets row by row,
    then as many weights of their squared errors in the loss. So one compiled integrator serves every target and every
    start, and where all entries count as observed, every mask too: an entry of weight 0 is not seen.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from numerics.errors import ArgumentError, MissingExtra
from numerics.factorization import MatrixCompletion

if TYPE_CHECKING:
    import heyoka

Shapes = tuple[tuple[int, int], ...]
#: Products that the compiled right-hand side may hold; at this number compilation takes about a minute.
MOST_PRODUCTS = 20_000
#: From this number on heyoka's compact mode compiles faster than it computes slower.
_COMPACT_PRODUCTS = 1_000
_COMPACT_BATCH_PRODUCTS = 100


def heyoka_module() -> Any:
    """The module heyoka, or a MissingExtra that says how to install it."""
    try:
        import heyoka
    except ImportError:
        raise MissingExtra("engine", "taylor", "installed; run: pip install 'rankproof[taylor]'") from None
    return heyoka


def system_key(
    problem: MatrixCompletion, shapes: Sequence[tuple[int, int]]
) -> tuple[Shapes, tuple[tuple[int, int], ...]]:
    """What a compiled system depends on: the shapes and the observed entries. Raises ArgumentError when too large."""
    rows, columns = problem.mask.shape
    inner = [after for after, _ in shapes[:-1]]
    products = 3 * sum(rows * width * columns for width in inner) + 3 * sum(a * b * columns for a, b in shapes)
    if products > MOST_PRODUCTS:
        expected = f"for layers this large ({products:,} products an evaluation, at most {MOST_PRODUCTS:,}); use scipy"
        raise ArgumentError("engine", "taylor", expected)
    return tuple((int(a), int(b)) for a, b in shapes), tuple(problem.observed)


def _matrix_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A product of matrices of expressions, where None stands for an entry that is identically 0."""
    hy = heyoka_module()
    found = np.empty((left.shape[0], right.shape[1]), dtype=object)
    for i, j in np.ndindex(*found.shape):
        terms = [left[i, k] * right[k, j] for k in range(left.shape[1]) if left[i, k] is not None is not right[k, j]]
        found[i, j] = hy.sum(terms) if terms else None
    return found


def flow_system(shapes: Shapes, observed: tuple[tuple[int, int], ...]) -> list[tuple[Any, Any]]:
    """(variable, right-hand side) for every component of the state."""
    hy = heyoka_module()
    layers = [
        np.array([[hy.expression(f"w{n}_{i}_{j}") for j in range(columns)] for i in range(rows)], dtype=object)
        for n, (rows, columns) in enumerate(shapes)
    ]
    prefixes = [layers[0]]
    for layer in layers[1:]:
        prefixes.append(_matrix_product(layer, prefixes[-1]))
    back = np.full((shapes[-1][0], shapes[0][1]), None, dtype=object)
    for number, (i, j) in enumerate(observed):
        back[i, j] = hy.par[len(observed) + number] * (hy.par[number] - prefixes[-1][i, j])
    velocities = []
    for index in range(len(layers) - 1, 0, -1):
        velocities.append(_matrix_product(back, prefixes[index - 1].T))
        back = _matrix_product(layers[index].T, back)
    velocities.append(back)
    flat = [entry for velocity in reversed(velocities) for entry in velocity.ravel()]
    flat = [hy.expression(0.0) if entry is None else entry for entry in flat]
    names = [name for layer in layers for name in layer.ravel()]
    released = hy.sum([entry * entry for entry in flat])
    return [*zip(names, flat, strict=True), (hy.expression("released"), released)]


def _products(shapes: Shapes) -> int:
    return 3 * sum(a * b * shapes[0][1] for a, b in shapes)


@lru_cache(maxsize=64)
def compiled(
    shapes: Shapes, observed: tuple[tuple[int, int], ...], bits: int, tolerance: float
) -> "heyoka.taylor_adaptive":
    """The adaptive Taylor integrator: float64 for bits = 53, MPFR otherwise. Copy it before use: it holds a state.

    tolerance 0 stands for the unit of rounding at the precision.
    """
    hy = heyoka_module()
    system = flow_system(shapes, observed)
    compact = _products(shapes) > _COMPACT_PRODUCTS
    if bits == 53:
        start, parameters = np.zeros(len(system)), np.zeros(2 * len(observed))
        return hy.taylor_adaptive(system, state=start, pars=parameters, tol=tolerance, compact_mode=compact)
    zero = hy.real(0, bits)
    return hy.taylor_adaptive(
        system,
        state=np.array([zero] * len(system)),
        pars=np.array([zero] * (2 * len(observed))),
        time=zero,
        tol=hy.real(tolerance, bits),
        fp_type=hy.real,
        prec=bits,
        # Unrolled code of this order takes minutes to compile.
        compact_mode=True,
    )


@lru_cache(maxsize=16)
def compiled_batch(shapes: Shapes, lanes: int, tolerance: float) -> "heyoka.taylor_adaptive_batch":
    """The same in float64 for `lanes` trajectories at once, with all entries observed; weights hide those that are not.

    Compact from fewer products on: unrolled code of wide lanes takes the compiler several times as long.
    """
    hy = heyoka_module()
    everywhere = tuple(np.ndindex(shapes[-1][0], shapes[0][1]))
    system = flow_system(shapes, everywhere)
    start, parameters = np.zeros((len(system), lanes)), np.zeros((2 * len(everywhere), lanes))
    compact = _products(shapes) > _COMPACT_BATCH_PRODUCTS
    return hy.taylor_adaptive_batch(system, state=start, pars=parameters, tol=tolerance, compact_mode=compact)
