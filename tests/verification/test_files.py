"""Files appear whole or not at all: catches a half-written file, a lost old one, a temporary one left behind."""

import errno
import os
import stat
from pathlib import Path

import pytest

from numerics import ArgumentError
from verification.files import require_directory, require_writable, whole_file


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError, SystemExit])
@pytest.mark.parametrize("old", [None, "what was there before"])
def test_an_exception_inside_leaves_nothing_new_and_keeps_what_was_there(
    tmp_path: Path, error: type[BaseException], old: str | None
) -> None:
    target = tmp_path / "out.csv"
    if old is not None:
        target.write_text(old)
    before = sorted(tmp_path.iterdir())

    def interrupted() -> None:
        with whole_file("out", target) as temporary:
            temporary.write_text("half of")
            raise error

    with pytest.raises(error):
        interrupted()
    assert sorted(tmp_path.iterdir()) == before
    assert old is None or target.read_text() == old


def test_an_operating_system_error_inside_names_the_argument_and_leaves_nothing(tmp_path: Path) -> None:
    def write(temporary: Path) -> None:
        temporary.write_text("half of")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    full = pytest.raises(ArgumentError, match=r"^out: .* is not writable \(No space left")
    with full as caught, whole_file("out", tmp_path / "out.csv") as temporary:
        write(temporary)
    assert caught.value.argument == "out"
    assert list(tmp_path.iterdir()) == []


def test_the_target_appears_only_when_the_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "out.svg"
    target.write_text("old")
    with whole_file("out", target) as temporary:
        assert temporary.parent == tmp_path  # the same file system, so that the rename is atomic
        assert temporary.suffix == ".svg"
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out.svg"]


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with whole_file("out", tmp_path / "made") as temporary:
        temporary.touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "made")]
    assert modes[0] == modes[1]


def test_require_writable_says_why_not_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    for path, reason in (
        (tmp_path / "folder", "it is a directory"),
        (tmp_path / "missing" / "out.csv", "in an existing directory"),
        (tmp_path / "file" / "out.csv", "in an existing directory"),
        (Path("/proc/out.csv"), "writable|in an existing directory"),
    ):
        with pytest.raises(ArgumentError, match=reason):
            require_writable("out", path)
    require_writable("out", tmp_path / "fine.csv")
    require_writable("out", tmp_path / "file")
    assert sorted(tmp_path.rglob("*")) == before


def test_require_directory_makes_it_or_says_why_not(tmp_path: Path) -> None:
    require_directory("report", tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    require_directory("report", tmp_path / "a")
    # A report's page is not the business of other directories.
    (tmp_path / "a" / "index.html").mkdir()
    require_directory("out", tmp_path / "a")
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/report")):
        with pytest.raises(ArgumentError, match=r"report: .* is not a directory that can be made"):
            require_directory("report", path)
    assert list((tmp_path / "a" / "b").iterdir()) == []
