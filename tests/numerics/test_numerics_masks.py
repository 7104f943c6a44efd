"""Masks by name: catches an index counted from 0, a name read half-way, and a file that is not a mask."""

from pathlib import Path

import numpy as np
import pytest

from numerics.errors import ArgumentError
from numerics.masks import mask, read_matrix


def test_names() -> None:
    assert mask("full", 2, 3).all()
    assert (mask("diagonal", 3, 3) == np.eye(3)).all()
    assert (mask("first-column", 3, 2) == np.array([[1, 0]] * 3)).all()
    found = mask("all-but:1,3", 2, 3)
    assert not found[0, 2]
    assert found.sum() == 5


@pytest.mark.parametrize(("row", "column"), [(1, 1), (1, 3), (2, 1), (2, 3)])
def test_entries_are_counted_from_one(row: int, column: int) -> None:
    assert np.argwhere(~mask(f"all-but:{row},{column}", 2, 3)).tolist() == [[row - 1, column - 1]]


def test_names_on_rectangles() -> None:
    assert np.argwhere(mask("diagonal", 2, 4)).tolist() == [[0, 0], [1, 1]]
    assert np.argwhere(mask("first-column", 2, 4)).tolist() == [[0, 0], [1, 0]]
    assert all(mask(name, 3, 2).dtype == bool for name in ("full", "diagonal", "first-column", "random:1:0"))


def test_random_masks_have_the_asked_entries_and_are_reproducible() -> None:
    first, again, other = mask("random:7:1", 4, 5), mask("random:7:1", 4, 5), mask("random:7:2", 4, 5)
    assert first.sum() == other.sum() == 7
    assert (first == again).all()
    assert (first != other).any()
    assert mask("random:20:3", 4, 5).all()
    # The longest seeds that are read: 18 digits.
    longest, next_to_it = mask("random:10:" + "9" * 18, 4, 5), mask("random:10:" + "9" * 17 + "8", 4, 5)
    assert longest.sum() == 10
    assert (longest != next_to_it).any()


def test_random_masks_are_uniform() -> None:
    hits = sum(mask(f"random:2:{seed}", 2, 2).astype(int) for seed in range(2000))
    # Each entry is observed with probability 1/2: five standard deviations of a binomial.
    assert np.max(np.abs(np.asarray(hits) - 1000)) < 5 * np.sqrt(500)


@pytest.mark.parametrize("ending", [".csv", ".txt", ".npy"])
def test_files(tmp_path: Path, ending: str) -> None:
    path, wanted = tmp_path / f"mask{ending}", np.array([[1, 0, 1], [0, 1, 1]])
    if ending == ".npy":
        np.save(path, wanted)
    else:
        np.savetxt(path, wanted, fmt="%d", delimiter="," if ending == ".csv" else " ")
    found = mask(str(path), 2, 3)
    assert found.dtype == bool
    assert (found == wanted).all()


@pytest.mark.parametrize("shape", [(1, 3), (3, 1)])
def test_files_of_one_row_or_column_keep_their_shape(tmp_path: Path, shape: tuple[int, int]) -> None:
    path = tmp_path / "mask.txt"
    np.savetxt(path, np.array([1, 0, 1]).reshape(shape), fmt="%d")
    assert mask(str(path), *shape).shape == shape
    with pytest.raises(ArgumentError, match=r"^mask: a matrix of shape"):
        mask(str(path), *shape[::-1])


@pytest.mark.parametrize(
    "name",
    [
        "",
        "diagonals",
        "full:1",
        "all-but",
        "all-but:1",
        "all-but:0,1",
        "all-but:1,4",
        "all-but:1,2,3",
        "all-but:a,b",
        "random",
        "random:3",
        "random:0:1",
        "random:7:1",
        "random:-1:1",
        "random:2:x",
        "random:2:" + "9" * 19,
        "random:2:" + "9" * 5000,
        "random:" + "9" * 5000 + ":1",
        "all-but:" + "9" * 5000 + ",1",
        "random:2:1.5",
        "random:2:-1",
        "random:2:1:3",
        "random:²:1",
        "all-but:1,²",
        "all-but:-1,1",
        "all-but:3,1",
        "all-but:1;2",
        "Full",
        "mask.json",
        "a" * 5000 + ".csv",
        "nul\0.csv",
        "nul\0.npy",
    ],
)
def test_bad_names_name_the_argument(name: str) -> None:
    with pytest.raises(ArgumentError) as error:
        mask(name, 2, 3)
    assert error.value.argument == "mask"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "1,0\n0\n",
        "a,b\n",
        "1,0,x\n0,1,1\n",
        "2,0,1\n0,1,1\n",
        "0.5,0,1\n0,1,1\n",
        "-1,0,1\n0,1,1\n",
        "1,0\n0,1\n",
        "nan,0,1\n0,1,1\n",
        "inf,0,1\n0,1,1\n",
        "0,1\n1,1\n1,0\n",
    ],
)
def test_bad_files_name_the_argument(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mask.csv"
    path.write_text(text)
    with pytest.raises(ArgumentError) as error:
        mask(str(path), 2, 3)
    assert error.value.argument == "mask"


def test_an_empty_cell_is_not_skipped(tmp_path: Path) -> None:
    # Read without its empty cell the first line would have as many entries as the second, one place to the left.
    path = tmp_path / "mask.csv"
    path.write_text("1,,0,1\n0,1,1\n")
    with pytest.raises(ArgumentError, match=r"^mask: "):
        mask(str(path), 2, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        np.ones((2, 3, 1)),
        np.zeros((0, 3)),
        np.array([[1, 0, None], [0, 1, 1]], dtype=object),
        np.array([[1, 0, 1], [0, 1, np.nan]]),
        np.array([[1, 0, 1], [0, 1, 1j]]),
        np.zeros((2, 3), dtype="M8[s]"),
        np.zeros((2, 3), dtype=[("seen", int), ("known", int)]),
    ],
    ids=["cube", "no rows", "object", "nan", "complex", "dates", "records"],
)
def test_arrays_that_are_no_masks_name_the_argument(tmp_path: Path, wrong: np.ndarray) -> None:
    path = tmp_path / "mask.npy"
    np.save(path, wrong, allow_pickle=True)
    with pytest.raises(ArgumentError) as error:
        mask(str(path), 2, 3)
    assert error.value.argument == "mask"


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00", b"PK\x03\x04"], ids=repr)
def test_broken_npy_files_name_the_argument(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mask.npy"
    path.write_bytes(content)
    with pytest.raises(ArgumentError) as error:
        mask(str(path), 2, 3)
    assert error.value.argument == "mask"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    binary, folder = tmp_path / "binary.csv", tmp_path / "folder.csv"
    binary.write_bytes(bytes(range(256)))
    folder.mkdir()
    for path in (tmp_path / "missing.csv", tmp_path / "missing.npy", binary, folder, tmp_path / "matrix.json"):
        with pytest.raises(ArgumentError, match=r"^targets: "):
            read_matrix("targets", str(path))


def test_the_shape_is_checked_by_name() -> None:
    for name, rows, columns in (("rows", 0, 3), ("columns", 3, 0)):
        with pytest.raises(ArgumentError) as error:
            mask("full", rows, columns)
        assert error.value.argument == name
