"""Who measures what: runners claim points before they measure them, so that several may share one store.

A runner that was killed leaves claims behind. They are taken back as soon as its process is seen to be gone; for a
process of another machine, or of a container with process numbers of its own, when it has not been heard of for
`EXPIRY_SECONDS`. Should a runner that was held up for so long come back, a late result is kept unless there is one
already: whoever took the claim measures the same number. Even runners that wrongly take each other for dead finish so.
"""

import json
import os
import platform
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from numerics.errors import ArgumentError
from numerics.sweep.experiment import Experiment, Parameters, Settings
from numerics.sweep.measurement import Outcome
from numerics.sweep.store import Description, Store, description, require_same

#: A runner is heard of at least this often.
HEARTBEAT_SECONDS = 15.0
#: A runner on another machine counts as dead when it has not been heard of for so long.
EXPIRY_SECONDS = 120.0

#: Between the name of a machine and what else tells where a process number means something.
_WITHIN = " / "


@dataclass(frozen=True)
class Point:
    """A point to measure, from its beginning or from the state of a checkpoint on."""

    address: str
    parameters: Parameters
    state: bytes | None = None


@dataclass(frozen=True)
class Runner:
    """A process at work on a store.

    host: where `process` is a number, see `this_host`; born: when it started, which tells it from a later one with the
    same number.
    """

    id: str
    host: str
    process: int
    born: float
    seen: float

    def alive(self) -> bool:
        """Whether the process still runs; if it runs on another machine, whether it was heard of lately."""
        if self.host != this_host():
            return time.time() - self.seen < EXPIRY_SECONDS
        try:
            found = psutil.Process(self.process)
            return bool(found.status() != psutil.STATUS_ZOMBIE and abs(found.create_time() - self.born) < 1)
        except psutil.NoSuchProcess:
            return False

    def __str__(self) -> str:
        return f"process {self.process} on {self.host.partition(_WITHIN)[0]}"


class Claims:
    """What one runner may do with a store; see `joined`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        process = psutil.Process()
        self.runner = Runner(uuid.uuid4().hex, this_host(), process.pid, process.create_time(), time.time())

    def beat(self) -> None:
        """Say that this runner is alive, and take back the claims of those that are not."""
        with self.store.transaction() as connection:
            self._be_seen(connection)
            take_back(connection)

    def exchange(self, outcomes: Sequence[tuple[Point, Outcome]], wanted: int) -> list[Point]:
        """Keep what was measured and claim up to `wanted` further points, in one transaction.

        A result is kept also when another runner has taken the claim meanwhile, an error and a checkpoint are not. A
        point that has come to a checkpoint waits for its next stretch; one that failed keeps its last checkpoint, from
        which another attempt goes on. Also says that this runner is alive. Claims of dead runners are taken back when
        nothing else is left.
        """
        reached = [(point, one) for point, one in outcomes if one.state is not None]
        finished = [(point, one) for point, one in outcomes if one.state is None]
        with self.store.transaction() as connection:
            self._be_seen(connection)
            connection.executemany(
                """INSERT INTO checkpoints SELECT address, ?1, ?2 FROM points WHERE address = ?3 AND owner = ?4
                ON CONFLICT (address) DO UPDATE SET state = excluded.state, seconds = seconds + excluded.seconds""",
                [(one.state, one.seconds or 0.0, point.address, self.runner.id) for point, one in reached],
            )
            connection.executemany(
                "UPDATE points SET state = 'waiting', owner = NULL WHERE address = ? AND owner = ?",
                [(point.address, self.runner.id) for point, _ in reached],
            )
            connection.executemany(
                """UPDATE points SET state = CASE WHEN ?1 IS NULL THEN 'failed' ELSE 'done' END,
                result = ?1, error = ?2, owner = NULL,
                seconds = ?3 + COALESCE((SELECT seconds FROM checkpoints WHERE address = ?4), 0.0)
                WHERE address = ?4 AND (owner = ?5 OR (?1 IS NOT NULL AND state != 'done'))""",
                [(one.result, one.error, one.seconds, point.address, self.runner.id) for point, one in finished],
            )
            connection.executemany(
                "DELETE FROM checkpoints WHERE address = ?",
                [(point.address,) for point, one in finished if one.result is not None],
            )
            claimed = self._claim(connection, wanted)
            if len(claimed) < wanted and take_back(connection):
                claimed += self._claim(connection, wanted - len(claimed))
        return claimed

    def give_back(self) -> None:
        """Give back every claim and leave the store."""
        with self.store.transaction() as connection:
            _release(connection, self.runner.id)

    def _be_seen(self, connection: sqlite3.Connection) -> None:
        runner = self.runner
        connection.execute(
            "INSERT OR REPLACE INTO runners VALUES (?, ?, ?, ?, ?)",
            (runner.id, runner.host, runner.process, runner.born, time.time()),
        )

    def _claim(self, connection: sqlite3.Connection, wanted: int) -> list[Point]:
        found = connection.execute(
            """UPDATE points SET state = 'running', owner = ?, attempts = attempts + 1 WHERE address IN (
                SELECT address FROM points WHERE state = 'waiting' AND place IS NOT NULL ORDER BY place LIMIT ?
            ) RETURNING place, address, parameters""",
            (self.runner.id, wanted),
        )
        claimed = [Point(address, json.loads(parameters)) for _, address, parameters in sorted(found)]
        return [replace(point, state=_state_of(connection, point.address)) for point in claimed]


def _state_of(connection: sqlite3.Connection, address: str) -> bytes | None:
    """The state of a point's checkpoint, if it has one."""
    found = connection.execute("SELECT state FROM checkpoints WHERE address = ?", (address,)).fetchone()
    return found[0] if found else None


def this_host() -> str:
    """The machine's name and, where the system tells them, its identity and which process numbers are seen here.

    Machines may have one name, and containers may share that of their machine without seeing each other's processes.
    """
    details = []
    with suppress(OSError):
        details.append(Path("/etc/machine-id").read_text().strip())
    with suppress(OSError):
        details.append(os.readlink("/proc/self/ns/pid"))
    return _WITHIN.join([platform.node(), *details])


def runners(store: Store) -> list[Runner]:
    """The runners of a store that are alive."""
    return [runner for found in store.rows("SELECT * FROM runners") if (runner := Runner(*found)).alive()]


@contextmanager
def joined(store: Store, experiment: Experiment, settings: Settings, *, retry_failed: bool = False) -> Iterator[Claims]:
    """A runner of the experiment with these settings, which gives its claims back when the block ends.

    Points that the store does not hold are added, points that it holds are used again, and points that are not asked
    for lose their place. `retry_failed` lets failed points wait for another attempt. Raises ArgumentError when the
    store holds another experiment or a newer version, or another runner is at work with other settings.
    """
    claims = Claims(store)
    text = json.dumps(settings, sort_keys=True, allow_nan=False)
    places: dict[str, tuple[int, str]] = {}
    for parameters in experiment.points(json.loads(text)):
        content = json.dumps(parameters, sort_keys=True, allow_nan=False)
        places.setdefault(experiment.address(parameters), (len(places), content))
    with store.transaction() as connection:
        take_back(connection)
        _arrange(store, connection, Description(experiment.name, experiment.version, json.loads(text)), experiment)
        _place(connection, places)
        if retry_failed:
            connection.execute(
                "UPDATE points SET state = 'waiting', error = NULL WHERE state = 'failed' AND place IS NOT NULL"
            )
        claims._be_seen(connection)
    try:
        yield claims
    finally:
        # A claim that cannot be given back, on a full disk say, is taken back when this process is gone.
        with suppress(ArgumentError):
            claims.give_back()


def take_back(connection: sqlite3.Connection) -> int:
    """Let the points that dead runners had claimed wait again; returns how many there were."""
    found = [Runner(*row) for row in connection.execute("SELECT * FROM runners").fetchall()]
    return sum(_release(connection, runner.id) for runner in found if not runner.alive())


def _release(connection: sqlite3.Connection, runner: str) -> int:
    connection.execute("DELETE FROM runners WHERE id = ?", (runner,))
    released = connection.execute("UPDATE points SET state = 'waiting', owner = NULL WHERE owner = ?", (runner,))
    return released.rowcount


def _arrange(store: Store, connection: sqlite3.Connection, wanted: Description, experiment: Experiment) -> None:
    """Make the store one of the wanted experiment; inside a transaction."""
    if connection.execute("SELECT 1 FROM experiment").fetchone():
        found = description(store)
        require_same(store, found, experiment)
        if found == wanted:
            return
        if others := runners(store):
            raise store.unusable(f"free for {_difference(found, wanted)}: {others[0]} is at work")
    connection.execute(
        "INSERT OR REPLACE INTO experiment VALUES (1, ?, ?, ?)",
        (wanted.name, wanted.version, json.dumps(wanted.settings, sort_keys=True)),
    )


def _difference(found: Description, wanted: Description) -> str:
    """What is wanted that differs from what was found."""
    if found.version != wanted.version:
        return f"version {wanted.version}"
    return ", ".join(
        f"{name} = {json.dumps(wanted.settings.get(name))}"
        for name in sorted({*found.settings, *wanted.settings})
        if found.settings.get(name, ...) != wanted.settings.get(name, ...)
    )


def _place(connection: sqlite3.Connection, places: dict[str, tuple[int, str]]) -> None:
    """Give every point its place; touches only what changes, so that going on with a sweep writes next to nothing."""
    held: dict[str, Any] = dict(connection.execute("SELECT address, place FROM points"))
    connection.executemany(
        "UPDATE points SET place = NULL WHERE address = ?",
        [(address,) for address, place in held.items() if place is not None and address not in places],
    )
    connection.executemany(
        "UPDATE points SET place = ? WHERE address = ?",
        [(place, address) for address, (place, _) in places.items() if address in held and held[address] != place],
    )
    connection.executemany(
        "INSERT INTO points (address, place, parameters) VALUES (?, ?, ?)",
        [(address, place, content) for address, (place, content) in places.items() if address not in held],
    )
