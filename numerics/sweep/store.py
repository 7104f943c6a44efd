"""A store is one SQLite file that holds the points of one experiment, what was measured there, and who is at work.

Definitions
    place: the position of a point in the experiment as it was last asked for; a point without a place belongs to other
    settings or to an older version of the experiment: it is kept, and used again when it is asked for again.
    checkpoint: how far a long point is, and the seconds it took so far; gone as soon as its result is there.
    state: waiting, running (claimed by a runner), done or failed; attempts: how often the point was claimed.
Every change is one transaction, so that a kill or a power cut leaves the file as it was before or after it. The journal
is SQLite's rollback journal, not its write-ahead log: that one needs memory that all processes share, which machines on
a network file system do not have.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from numerics.errors import ArgumentError
from numerics.sweep.experiment import Experiment

#: How long a transaction waits for those of other processes.
BUSY_SECONDS = 30.0

_FORMAT = 1
_APPLICATION = int.from_bytes(b"rnkp")
_MAGIC = b"SQLite format 3\0"
_SCHEMA = (
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_FORMAT}",
    """CREATE TABLE experiment (
        only INTEGER PRIMARY KEY CHECK (only = 1), name TEXT NOT NULL, version INTEGER NOT NULL, settings TEXT NOT NULL
    )""",
    """CREATE TABLE runners (
        id TEXT PRIMARY KEY, host TEXT NOT NULL, process INTEGER NOT NULL, born REAL NOT NULL, seen REAL NOT NULL
    )""",
    """CREATE TABLE points (
        address TEXT PRIMARY KEY, place INTEGER, parameters TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed')),
        attempts INTEGER NOT NULL DEFAULT 0, owner TEXT, result TEXT, error TEXT, seconds REAL
    )""",
    "CREATE INDEX points_by_state ON points (state, place) WHERE place IS NOT NULL",
)
#: Not of the schema above: stores made before there were checkpoints get it when they are opened to go on with.
_CHECKPOINTS = """CREATE TABLE IF NOT EXISTS checkpoints (
    address TEXT PRIMARY KEY, state BLOB NOT NULL, seconds REAL NOT NULL
)"""


@dataclass(frozen=True)
class Counts:
    """How far a sweep is; running: points that some runner has claimed, dead or alive."""

    waiting: int
    running: int
    done: int
    failed: int

    @property
    def total(self) -> int:
        """All points that have a place."""
        return self.left + self.finished

    @property
    def finished(self) -> int:
        """Points that are done or failed."""
        return self.done + self.failed

    @property
    def left(self) -> int:
        """Points still to be measured."""
        return self.waiting + self.running


@dataclass(frozen=True)
class Description:
    """Which experiment a store holds, in which version and with which settings, as it was last asked for."""

    name: str
    version: int
    settings: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """An error that points failed with: how many, and the parameters of the first of them."""

    error: str
    points: int
    parameters: dict[str, Any]


class Store:
    """An open store. Use it in a `with` block, in the thread that opened it."""

    def __init__(self, path: Path, *, argument: str = "store", create: bool = False) -> None:
        """Open the file at `path`, or with `create` make it if there is none.

        Raises ArgumentError, which speaks of the file as `argument`, when it is no store, a damaged one or one of a
        newer format. Such a file is left as it is.
        """
        self.path, self.argument = path, argument
        self._require_a_store(create)
        mode = "rwc" if create else "rw"
        with self._errors():
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None
            )
        try:
            self._prepare(create)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def unusable(self, expected: str) -> ArgumentError:
        """The error that says what this file would have to be."""
        return ArgumentError(self.argument, self.path, expected)

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """What a query finds. Raises ArgumentError when the file cannot be read."""
        with self._errors():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All changes made inside are kept, or none. Raises ArgumentError when the file cannot be written to."""
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # After some errors, a full disk among them, SQLite has already rolled back by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _require_a_store(self, create: bool) -> None:
        """Judge the file by its first bytes, so that a file of somebody else is not even opened as a database."""
        try:
            if not self.path.exists():
                if not create:
                    raise self.unusable("an existing file")
                return
            if not self.path.is_file():
                raise self.unusable("a regular file")
            with self.path.open("rb") as file:
                header = file.read(100)
        except OSError as error:
            raise self.unusable(f"readable ({error.strerror})") from None
        if create and not header:
            return
        if len(header) < 100 or not header.startswith(_MAGIC) or int.from_bytes(header[68:72]) != _APPLICATION:
            raise self.unusable("a store of rankproof; the file is left as it is")
        if (found := int.from_bytes(header[60:64])) > _FORMAT:
            raise self.unusable(f"readable by this rankproof: it has format {found}, newer than {_FORMAT}")

    def _prepare(self, create: bool) -> None:
        with self._errors():
            # EXTRA: a committed result survives a power cut, too.
            self._connection.execute("PRAGMA synchronous = EXTRA")
            if self._connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise self._damaged()
        if create:
            with self.transaction() as connection:
                if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    for statement in _SCHEMA:
                        connection.execute(statement)
                connection.execute(_CHECKPOINTS)
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = 'points'"):
            raise self.unusable("a store of rankproof; the file is left as it is")

    def _damaged(self) -> ArgumentError:
        return self.unusable("whole: it is damaged; `sqlite3 FILE .recover` saves what is left of it")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Errors of SQLite as one line about the file."""
        try:
            yield
        except sqlite3.Error as error:
            match getattr(error, "sqlite_errorcode", 0) & 0xFF:
                case sqlite3.SQLITE_FULL:
                    raise self.unusable("writable: the disk is full; finished points are kept") from None
                case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                    raise self.unusable(f"free: it was locked for more than {BUSY_SECONDS:g} s") from None
                case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                    raise self._damaged() from None
                case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
                    raise self.unusable(f"writable ({error})") from None
                case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR:
                    raise self.unusable(f"a file that can be read and written ({error})") from None
                case _:
                    raise


def description(store: Store) -> Description:
    """What the store holds. Raises ArgumentError when no sweep was begun in it."""
    found = store.rows("SELECT name, version, settings FROM experiment")
    if not found:
        raise store.unusable("a store in which a sweep was begun")
    name, version, settings = found[0]
    return Description(name, version, json.loads(settings))


def counts(store: Store) -> Counts:
    """The points that have a place, by state."""
    found = dict(store.rows("SELECT state, COUNT(*) FROM points WHERE place IS NOT NULL GROUP BY state"))
    return Counts(*(found.get(state, 0) for state in ("waiting", "running", "done", "failed")))


def failures(store: Store) -> list[Failure]:
    """The errors of points that have a place, the commonest first."""
    return [
        Failure(error, number, json.loads(parameters))
        for error, number, parameters, _ in store.rows(
            """SELECT error, COUNT(*) AS number, parameters, MIN(place) FROM points
            WHERE state = 'failed' AND place IS NOT NULL GROUP BY error ORDER BY number DESC, MIN(place)"""
        )
    ]


def require_same(store: Store, found: Description, experiment: Experiment) -> None:
    """Raise ArgumentError unless the store holds this experiment, in this version or an older one."""
    if found.name != experiment.name:
        raise store.unusable(f"a store of {experiment.name}: it holds {found.name}")
    if found.version > experiment.version:
        raise store.unusable(
            f"readable by this rankproof: it holds version {found.version} of {found.name}, "
            f"newer than {experiment.version}"
        )


def kept_aside(store: Store) -> int:
    """How many points have no place: they belong to other settings or to an older version."""
    return int(store.rows("SELECT COUNT(*) FROM points WHERE place IS NULL")[0][0])


def measuring_seconds(store: Store) -> float:
    """How long the finished points took together, in seconds of one worker."""
    return float(store.rows("SELECT TOTAL(seconds) FROM points WHERE place IS NOT NULL")[0][0])
