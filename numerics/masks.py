"""Observation masks by name or from a file.

Names
    full, diagonal, first-column, all-but:i,j (every entry but one; rows and columns are counted from 1, as in the
    papers), random:k:seed (k entries, uniform without replacement), or the path of a .npy, .csv or .txt file whose
    entries are 0 and 1.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from numerics.errors import ArgumentError
from numerics.exact import integer

NAMES = "full, diagonal, first-column, all-but:i,j, random:k:seed, or a .npy, .csv or .txt file of 0 and 1"


_WHOLE = re.compile("[0-9]{1,18}")


def mask(name: str, rows: int, columns: int) -> np.ndarray:
    """The boolean mask (rows x columns) with this name; see the module's text. Raises ArgumentError."""
    rows, columns = integer("rows", rows, minimum=1), integer("columns", columns, minimum=1)
    kind, _, rest = name.partition(":")
    if Path(name).suffix in _READERS:
        return _checked(read_matrix("mask", name), rows, columns)
    if kind in _SIMPLE and not rest:
        return _SIMPLE[kind](rows, columns)
    if kind == "all-but":
        return _all_but(name, rest, rows, columns)
    if kind == "random":
        return _random(name, rest, rows, columns)
    raise ArgumentError("mask", name, NAMES)


def read_matrix(argument: str, name: str) -> np.ndarray:
    """A matrix of float64 from a .npy, .csv or .txt file. Raises ArgumentError, naming `argument`."""
    path = Path(name)
    if path.suffix not in _READERS:
        raise ArgumentError(argument, name, f"a file that ends in {', '.join(_READERS)}")
    expected = "a file that holds one matrix of numbers, a row a line"
    try:
        found = _READERS[path.suffix](path)
    except OSError as error:
        raise ArgumentError(argument, name, f"a file that can be read ({error.strerror or error})") from None
    except (ValueError, EOFError, BadZipFile):
        raise ArgumentError(argument, name, expected) from None
    if not (isinstance(found, np.ndarray) and found.dtype.kind in "biuf"):
        raise ArgumentError(argument, name, expected)
    found = np.atleast_2d(found.astype(float))
    if found.ndim != 2 or found.size == 0:
        raise ArgumentError(argument, name, expected)
    return found


def _read_text(path: Path, delimiter: str | None) -> np.ndarray:
    lines = path.read_text().splitlines()
    if not any(line.strip() for line in lines):
        raise ValueError("empty file")
    return np.loadtxt(lines, delimiter=delimiter, ndmin=2)


def _read_array(path: Path) -> Any:
    # NumPy leaves a file open that it cannot read, unless the file is handed to it open.
    with path.open("rb") as file:
        return np.load(file, allow_pickle=False)


_READERS: dict[str, Callable[[Path], Any]] = {
    ".npy": _read_array,
    ".csv": lambda path: _read_text(path, ","),
    ".txt": lambda path: _read_text(path, None),
}


def _checked(found: np.ndarray, rows: int, columns: int) -> np.ndarray:
    if found.shape != (rows, columns):
        raise ArgumentError("mask", f"a matrix of shape {found.shape}", f"of shape ({rows}, {columns})")
    if not np.isin(found, (0, 1)).all():
        raise ArgumentError("mask", "a matrix with entries other than 0 and 1", "a matrix of 0 and 1")
    return found.astype(bool)


def _first_column(rows: int, columns: int) -> np.ndarray:
    found = np.zeros((rows, columns), dtype=bool)
    found[:, 0] = True
    return found


_SIMPLE = {
    "full": lambda rows, columns: np.ones((rows, columns), dtype=bool),
    "diagonal": lambda rows, columns: np.eye(rows, columns, dtype=bool),
    "first-column": _first_column,
}


def _all_but(name: str, rest: str, rows: int, columns: int) -> np.ndarray:
    indices = rest.split(",")
    if len(indices) != 2 or not all(map(_WHOLE.fullmatch, indices)):
        raise ArgumentError("mask", name, "all-but:i,j with a row i and a column j, counted from 1")
    row, column = (int(part) for part in indices)
    if not (1 <= row <= rows and 1 <= column <= columns):
        raise ArgumentError("mask", name, f"all-but:i,j with i in 1..{rows} and j in 1..{columns}")
    found = np.ones((rows, columns), dtype=bool)
    found[row - 1, column - 1] = False
    return found


def _random(name: str, rest: str, rows: int, columns: int) -> np.ndarray:
    parts = rest.split(":")
    if len(parts) != 2 or not all(map(_WHOLE.fullmatch, parts)):
        raise ArgumentError("mask", name, "random:k:seed with a number of entries and a seed")
    entries, seed = (int(part) for part in parts)
    if not 1 <= entries <= rows * columns:
        raise ArgumentError("mask", name, f"random:k:seed with k in 1..{rows * columns}")
    found = np.zeros(rows * columns, dtype=bool)
    found[np.random.default_rng(seed).choice(rows * columns, size=entries, replace=False)] = True
    return found.reshape(rows, columns)
