"""The problem of a command, read from its options: mask, targets and initial layers by name or from a file.

Options
    --mask NAME           observed entries, by a name of `numerics.masks` or from a file
    --size d | RxC        sides of the matrix
    --value V             the same target everywhere, or
    --targets T           rank:r:seed (product of two standard Gaussian factors with r columns), or a file
    --depth, --width      number of layers, and size of the hidden ones
    --init NAME           gaussian:seed, tied:seed, orthogonal:seed, identity, block:alpha:m
    --product-scale S     size of the product of the layers at the start; block has its own scale
"""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import numpy as np

from numerics import masks
from numerics.block_diagonal import BlockFamily, exact_layers
from numerics.block_diagonal import initial_layers as block_layers
from numerics.errors import ArgumentError
from numerics.exact import Exact, exact, integer, positive
from numerics.factorization import MatrixCompletion
from numerics.initialization import Shape, gaussian_layers, identity_layers, layer_shapes, orthogonal_layers

#: Entries that a matrix, and all layers together, may have.
MOST_ENTRIES = 20_000_000

INITS = "gaussian:seed, tied:seed, orthogonal:seed, identity or block:alpha:m"
TARGETS = "rank:r:seed, or a .npy, .csv or .txt file"

_DEFAULT_SCALE = "0.1"
_DEFAULT_VALUE = "1"
_WHOLE = re.compile("[0-9]{1,18}")

mask_option = click.option("--mask", required=True, metavar="NAME", help=f"Observed entries: {masks.NAMES}.")
size_option = click.option("--size", required=True, metavar="d|RxC", help="Sides of the matrix: 3, or 3x4.")
value_option = click.option("--value", metavar="V", help=f"The same target everywhere.  [default: {_DEFAULT_VALUE}]")
targets_option = click.option("--targets", metavar="T", help=f"Other targets: {TARGETS}.")
depth_option = click.option("--depth", required=True, metavar="L", help="Number of layers.")
width_option = click.option("--width", metavar="k", help="Size of hidden layers.  [default: the larger side]")
init_option = click.option(
    "--init", default="gaussian:0", show_default=True, metavar="NAME", help=f"Initial layers: {INITS}."
)
product_scale_option = click.option(
    "--product-scale",
    metavar="S",
    help=f"Root mean square singular value of W(0); block has its own scale.  [default: {_DEFAULT_SCALE}]",
)

_OPTIONS = (
    mask_option,
    size_option,
    value_option,
    targets_option,
    depth_option,
    width_option,
    init_option,
    product_scale_option,
)


def problem_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All options of this module, in order; the command takes them as keyword arguments of `problem_and_layers`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def problem_and_layers(
    *,
    mask: str,
    size: str,
    value: str | None,
    targets: str | None,
    depth: str,
    width: str | None,
    init: str,
    product_scale: str | None,
) -> tuple[MatrixCompletion, list[np.ndarray]]:
    """The problem and W_1, ..., W_L that the options describe. Raises ArgumentError, naming the option."""
    rows, columns = parse_size(size)
    shapes = shapes_from(rows, columns, depth, width)
    observed = masks.mask(mask, rows, columns)
    problem = MatrixCompletion(observed, targets_from(value, targets, rows, columns))
    return problem, initial_layers_from(init, shapes, product_scale)


def exact_layers_from(init: str, layers: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The layers as exact numbers: those of block:alpha:m from its decimals, others as the binary numbers they are."""
    kind, _, rest = init.partition(":")
    if kind != "block":
        return list(layers)
    alpha, m = rest.split(":")
    return exact_layers(BlockFamily(len(layers), len(layers[0]), 1, 1, alpha, m))  # type: ignore[arg-type]


def parse_size(size: str) -> Shape:
    """(rows, columns) from "3" or "3x4". Raises ArgumentError."""
    sides = size.split("x")
    if len(sides) > 2 or not all(_WHOLE.fullmatch(side) and int(side) >= 1 for side in sides):
        raise ArgumentError("size", size, "one side such as 3, or rows and columns such as 3x4")
    rows, columns = int(sides[0]), int(sides[-1])
    _bounded("size", size, max(rows, columns) ** 2)
    return rows, columns


def shapes_from(rows: int, columns: int, depth: str, width: str | None) -> list[Shape]:
    """Shapes of W_1, ..., W_L; no width means the larger side. Raises ArgumentError."""
    layers = integer("depth", depth, minimum=1)
    hidden = max(rows, columns) if width is None else integer("width", width, minimum=1)
    _bounded("width", width, hidden * max(rows, columns, hidden))
    _bounded("depth", depth, layers * max(rows, columns, hidden) ** 2)
    return layer_shapes(rows, columns, layers, hidden)


def targets_from(value: str | None, targets: str | None, rows: int, columns: int) -> np.ndarray:
    """The target matrix (rows x columns): constant and exact, of low rank, or from a file. Raises ArgumentError."""
    if targets is None:
        given = _DEFAULT_VALUE if value is None else value
        number = exact("value", given)
        _real("value", given, number)
        return np.full((rows, columns), number, dtype=object)
    if value is not None:
        raise ArgumentError("value", value, "usable together with --targets; leave one of them out")
    kind, _, rest = targets.partition(":")
    if kind != "rank":
        return _matrix_from_file(targets, rows, columns)
    parts = rest.split(":")
    if len(parts) != 2 or not all(map(_WHOLE.fullmatch, parts)) or not 1 <= int(parts[0]) <= min(rows, columns):
        raise ArgumentError("targets", targets, f"rank:r:seed with a rank r in 1..{min(rows, columns)} and a seed")
    rank, seed = map(int, parts)
    random = np.random.default_rng(seed)
    factors = [random.standard_normal((side, rank)) for side in (rows, columns)]
    return np.asarray(factors[0] @ factors[1].T)


def initial_layers_from(init: str, shapes: Sequence[Shape], product_scale: str | None) -> list[np.ndarray]:
    """W_1, ..., W_L of the given shapes by the name of their family. Raises ArgumentError."""
    kind, _, rest = init.partition(":")
    if kind == "block":
        return _block_layers(init, rest, shapes, product_scale)
    given = _DEFAULT_SCALE if product_scale is None else product_scale
    scale = _real("product_scale", given, positive("product_scale", given))
    try:
        if init == "identity":
            return identity_layers(shapes, scale)
        if kind in _SEEDED and _WHOLE.fullmatch(rest):
            return _SEEDED[kind](shapes, scale, int(rest))
    except ArgumentError as error:
        if error.argument != "shapes":
            raise
        raise ArgumentError("init", init, f"possible here: it needs layer shapes {error.expected}") from None
    raise ArgumentError("init", init, INITS)


_SEEDED: dict[str, Callable[[Sequence[Shape], float, int], list[np.ndarray]]] = {
    "gaussian": lambda shapes, scale, seed: gaussian_layers(shapes, scale, seed=seed),
    "tied": lambda shapes, scale, seed: gaussian_layers(shapes, scale, seed=seed, tied=True),
    "orthogonal": lambda shapes, scale, seed: orthogonal_layers(shapes, scale, seed=seed),
}


def _block_layers(init: str, rest: str, shapes: Sequence[Shape], product_scale: str | None) -> list[np.ndarray]:
    """Equal layers, alpha on the diagonal and alpha/m off it."""
    if product_scale is not None:
        raise ArgumentError("product_scale", product_scale, "usable with --init block:alpha:m, whose scale is alpha")
    parts = rest.split(":")
    if len(parts) != 2:
        raise ArgumentError("init", init, INITS)
    if len({side for shape in shapes for side in shape}) != 1:
        raise ArgumentError("init", init, "possible here: it needs layer shapes equal and square")
    alpha, m = parts
    try:
        family = BlockFamily(len(shapes), shapes[0][0], 1, 1, alpha, m)  # type: ignore[arg-type]
    except ArgumentError as error:
        raise ArgumentError("init", init, f"block:alpha:m with {error.argument} {error.expected}") from None
    _real("init", init, family.alpha)
    return block_layers(family)


def _matrix_from_file(name: str, rows: int, columns: int) -> np.ndarray:
    try:
        found = masks.read_matrix("targets", name)
    except ArgumentError as error:
        expected = error.expected if "." in name else TARGETS
        raise ArgumentError("targets", name, expected) from None
    if found.shape != (rows, columns):
        raise ArgumentError("targets", f"a matrix of shape {found.shape}", f"of shape ({rows}, {columns})")
    if Path(name).suffix == ".npy" or not np.isfinite(found).all():
        return found
    delimiter = "," if Path(name).suffix == ".csv" else None
    lines = [line.partition("#")[0] for line in Path(name).read_text().splitlines()]
    # Decimals are read as they are written: no float is 0.3.
    entries = [[Fraction(part.strip()) for part in line.split(delimiter)] for line in lines if line.strip()]
    return np.array(entries, dtype=object).reshape(found.shape)


def _real(argument: str, given: str, number: Exact) -> float:
    """The number, given as text, as a float64 whose square neither overflows nor vanishes, 0 allowed."""
    try:
        found = float(number)
    except OverflowError:
        found = np.inf
    if number != 0 and not 1e-150 <= abs(found) <= 1e150:
        raise ArgumentError(argument, given, "within 1e-150 and 1e150 in magnitude")
    return found


def _bounded(argument: str, given: object, entries: int) -> None:
    if entries > MOST_ENTRIES:
        raise ArgumentError(argument, given, f"small enough: matrices have at most {MOST_ENTRIES:,} entries in all")
