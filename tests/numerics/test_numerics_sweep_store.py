"""The store: catches a touched file of somebody else, a half-written change, and errors without a clear line."""

import sqlite3
from pathlib import Path

import pytest
from toy_experiments import defaults, toy

from numerics.errors import ArgumentError
from numerics.sweep import Outcome, Store, collected, counts, description, joined, store


def filled(path: Path, trials: int = 6) -> None:
    with Store(path, create=True) as opened, joined(opened, toy(), defaults(trials=trials)) as claims:
        found = claims.exchange((), 3)
        claims.exchange([(point, Outcome('{"value": 1.0, "first": 2.0}', None, 0.5)) for point in found], 0)


def complaint(path: Path, *, create: bool = True) -> str:
    with pytest.raises(ArgumentError) as error:
        Store(path, create=create)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("store: ")
    return str(error.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    for content in (b"my notes\n", b"SQLite format 3\0 but short", b"\0" * 5000):
        path.write_bytes(content)
        assert "is not a store of rankproof" in complaint(path)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "browser.sqlite"
    with sqlite3.connect(path) as foreign:
        foreign.execute("PRAGMA journal_mode = WAL")
        foreign.execute("CREATE TABLE points (address TEXT, place INTEGER)")
    foreign.close()
    before = path.read_bytes()
    assert "is not a store of rankproof" in complaint(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    filled(path)
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 2")
    newer.close()
    before = path.read_bytes()
    assert "format 2, newer than 1" in complaint(path)
    assert path.read_bytes() == before


def test_a_damaged_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    filled(path, trials=300)
    whole = path.read_bytes()
    overwritten = whole[:8192] + b"\xff" * 8192 + whole[16384:]
    for damaged in (whole[: len(whole) // 2], overwritten):
        path.write_bytes(damaged)
        assert "it is damaged" in complaint(path)
        assert path.read_bytes() == damaged


def test_a_missing_file_a_directory_and_a_missing_directory(tmp_path: Path) -> None:
    assert "an existing file" in complaint(tmp_path / "none", create=False)
    assert "a regular file" in complaint(tmp_path)
    assert "a file that can be read and written" in complaint(tmp_path / "no" / "a.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_becomes_a_store_only_where_one_may_be_made(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.touch()
    assert "is not a store of rankproof" in complaint(path, create=False)
    filled(path)
    with Store(path) as opened:
        assert counts(opened).done == 3


def test_a_store_in_which_nothing_was_begun_says_so(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", create=True) as opened, pytest.raises(ArgumentError, match="a sweep was begun"):
        description(opened)


def test_a_locked_store_is_waited_for_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.2)
    path = tmp_path / "a.sqlite"
    filled(path)
    holder = sqlite3.connect(path, isolation_level=None)
    with Store(path) as opened:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ArgumentError, match=r"free: it was locked for more than 0\.2 s"), opened.transaction():
            pass
        holder.execute("ROLLBACK")
        with joined(opened, toy(), defaults(trials=6)) as claims:
            assert len(claims.exchange((), 9)) == 3
    holder.close()


def test_a_full_disk_keeps_what_was_finished_and_the_sweep_goes_on_later(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    filled(path)
    long = Outcome('"' + "x" * 100_000 + '"', None, 0.5)
    with Store(path) as opened:
        (pages,) = opened.rows("PRAGMA page_count")[0]
        opened.rows(f"PRAGMA max_page_count = {pages + 1}")
        with joined(opened, toy(), defaults(trials=6)) as claims:
            (point,) = claims.exchange((), 1)
            with pytest.raises(ArgumentError, match="the disk is full; finished points are kept"):
                claims.exchange([(point, long)], 1)
        found = counts(opened)
        assert (found.done, found.waiting, found.running) == (3, 3, 0)
        opened.rows(f"PRAGMA max_page_count = {pages + 1000}")
        with joined(opened, toy(), defaults(trials=6)) as claims:
            claims.exchange([(point, long) for point in claims.exchange((), 3)], 0)
        assert counts(opened).done == 6


def test_a_change_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    filled(path)
    with Store(path) as opened:
        before = opened.rows("SELECT * FROM points ORDER BY place")

        def half() -> None:
            with opened.transaction() as connection:
                connection.execute("DELETE FROM points")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            half()
        assert opened.rows("SELECT * FROM points ORDER BY place") == before


def test_the_dataset_of_a_store_says_what_is_missing_and_where_it_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    filled(path)
    with Store(path) as opened:
        dataset = collected(opened, toy())
        assert int(dataset["value"].isnull().sum()) == dataset.attrs["missing"] == 3
        assert (dataset.attrs["experiment"], dataset.attrs["version"], dataset.attrs["points"]) == ("toy", 1, 6)
        assert "numpy" in dataset.attrs["packages"]
        with pytest.raises(ArgumentError, match="a store of other: it holds toy"):
            collected(opened, toy("other"))
        with pytest.raises(ArgumentError, match="of version 2 of toy, but of 1: run it again"):
            collected(opened, toy(version=2))
