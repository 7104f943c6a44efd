"""The sweep: catches a point that is lost, measured twice or left half-way, and results that depend on who measured."""

import json
import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster
from toy_experiments import defaults, surroundings, toy, wait_for

from numerics.errors import ArgumentError, MissingExtra
from numerics.sweep import (
    Counts,
    Outcome,
    Store,
    Workers,
    collected,
    counts,
    dask_cluster,
    executors,
    failures,
    joined,
    measuring_seconds,
    process_pool,
    run,
)

Start = Callable[[], AbstractContextManager[Workers]]


@pytest.fixture
def fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that makes points of the kind `failing` fail as long as it is there."""
    monkeypatch.setenv("TOY_FAULT", str(tmp_path / "fault"))
    (tmp_path / "fault").touch()
    return tmp_path / "fault"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with a line for every point that was begun."""
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def two() -> AbstractContextManager[Workers]:
    return process_pool(2)


def swept(
    path: Path, start: Start, tell: Any = lambda found: None, retry_failed: bool = False, **settings: Any
) -> Counts:
    with (
        Store(path, create=True) as opened,
        joined(opened, toy(), defaults(**settings), retry_failed=retry_failed) as claims,
    ):
        return run(claims, toy(), start, tell)


def exported(path: Path) -> bytes:
    with Store(path) as opened:
        return bytes(collected(opened, toy()).to_netcdf(engine="scipy"))


def attempts(path: Path) -> dict[tuple[str, int], int]:
    with Store(path) as opened:
        found = opened.rows("SELECT parameters, attempts FROM points WHERE place IS NOT NULL")
    return {(point["kind"], point["trial"]): number for text, number in found for point in [json.loads(text)]}


def test_every_point_is_measured_once_and_a_second_run_measures_nothing(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "a.sqlite"
    told: list[Counts] = []
    assert swept(path, two, told.append, trials=40) == Counts(waiting=0, running=0, done=40, failed=0)
    assert sorted(int(line.split()[2]) for line in log.read_text().splitlines()) == list(range(40))
    assert told
    assert all(found.total == 40 for found in told)
    before = exported(path)

    def none() -> AbstractContextManager[Workers]:
        raise AssertionError("workers were started for nothing")

    assert swept(path, none, trials=40).done == 40
    assert exported(path) == before
    assert set(attempts(path).values()) == {1}


def test_results_depend_on_neither_the_number_of_workers_nor_the_order(tmp_path: Path) -> None:
    one, parts = tmp_path / "one.sqlite", tmp_path / "parts.sqlite"
    swept(one, lambda: process_pool(1), trials=20)
    for trials in (7, 3, 20):
        swept(parts, two, trials=trials)
    assert exported(one) == exported(parts)
    swept(parts, two, trials=20, seed=1)
    assert exported(one) != exported(parts)


def test_a_failing_point_is_kept_with_its_error_and_stops_nothing(tmp_path: Path, fault: Path) -> None:
    path = tmp_path / "a.sqlite"
    settings = {"kinds": ["failing", "plain", "not-json"], "trials": 3}
    assert swept(path, two, **settings) == Counts(waiting=0, running=0, done=3, failed=6)
    with Store(path) as opened:
        arithmetic, value = failures(opened)
        dataset = collected(opened, toy())
    assert arithmetic.points == value.points == 3
    assert arithmetic.parameters == {"kind": "failing", "trial": 0, "seed": 0, "milliseconds": 0}
    # One line, with the last line of code that is not a library's.
    assert arithmetic.error.startswith("ArithmeticError: no number for failing (tests/toy_experiments.py:")
    assert "JSON" in value.error
    assert dataset["value"].isnull().sum("trial").values.tolist() == [3, 0, 3]

    assert swept(path, two, **settings).failed == 6
    fault.unlink()
    assert swept(path, two, **settings).failed == 6, "failed points are tried again only when asked to"
    assert swept(path, two, retry_failed=True, **settings) == Counts(waiting=0, running=0, done=6, failed=3)
    assert Counter(attempts(path).values()) == {1: 3, 2: 6}


def test_a_worker_that_dies_costs_only_the_point_it_dies_of(tmp_path: Path, fault: Path) -> None:
    path = tmp_path / "a.sqlite"
    found = swept(path, two, kinds=["plain", "dying", "dying-once"], trials=3)
    assert found == Counts(waiting=0, running=0, done=8, failed=1)
    with Store(path) as opened:
        (failure,) = failures(opened)
    assert "death of the worker process" in failure.error
    assert (failure.points, failure.parameters["kind"], failure.parameters["trial"]) == (1, "dying", 1)


def interrupting(found: Counts) -> None:
    if found.done:
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_keeps_what_is_measured_and_leaves_no_claim_and_no_worker(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "a.sqlite"
    settings = {"trials": 200, "milliseconds": 20}
    before = set(multiprocessing.active_children())  # of other tests in this process
    with pytest.raises(KeyboardInterrupt):
        swept(path, two, interrupting, **settings)
    with Store(path) as opened:
        found = counts(opened)
        assert 0 < found.done < 200
        assert (found.running, found.failed, found.waiting) == (0, 0, 200 - found.done)
        assert measuring_seconds(opened) >= 0.02 * found.done
        finished = {
            json.loads(text)["trial"] for (text,) in opened.rows("SELECT parameters FROM points WHERE result > ''")
        }
    wait_for(lambda: not set(multiprocessing.active_children()) - before)
    log.unlink()
    assert swept(path, two, **settings).done == 200
    assert not finished & {int(line.split()[2]) for line in log.read_text().splitlines()}


def test_workers_use_one_blas_thread_and_leave_ctrl_c_to_their_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    before, handler = dict(os.environ), signal.getsignal(signal.SIGINT)
    with process_pool(2) as workers:
        calls = [workers.executor.submit(surroundings, {}) for _ in range(20)]
        found = [call.result() for call in calls]
    assert len({one.pop("process") for one in found}) == 2
    assert all(one == {"environment": ["1", "1"], "threads": [1], "interrupts": False} for one in found)
    assert dict(os.environ) == before
    assert signal.getsignal(signal.SIGINT) == handler


class Loser(Executor):
    """Loses every point as often as it is told to, before it measures it."""

    def __init__(self, losses: int) -> None:
        self.losses, self.calls = losses, Counter[int]()

    def submit(self, call: Any, *arguments: Any, **_: Any) -> Future[Any]:
        trial = arguments[1]["trial"]
        self.calls[trial] += 1
        future: Future[Any] = Future()
        if self.calls[trial] <= self.losses:
            future.set_exception(TypeError("lost on the way"))
        else:
            future.set_result(Outcome('{"value": 1.0, "first": 2.0}', None, 0.1))
        return future


@pytest.mark.parametrize(("losses", "failed"), [(0, 0), (1, 0), (2, 20)])
def test_a_point_that_is_lost_on_the_way_is_sent_once_more(tmp_path: Path, losses: int, failed: int) -> None:
    loser = Loser(losses)

    @contextmanager
    def start() -> Iterator[Workers]:
        yield Workers(loser, lambda: 2)

    found = swept(tmp_path / "a.sqlite", start, trials=20)
    assert (found.failed, found.done) == (failed, 20 - failed)
    assert set(loser.calls.values()) == {min(losses, 1) + 1}


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as found:
        yield found


def test_a_dask_cluster_gives_the_same_bytes_as_the_process_pool(
    tmp_path: Path, fault: Path, cluster: LocalCluster
) -> None:
    pool, dask = tmp_path / "pool.sqlite", tmp_path / "dask.sqlite"
    settings = {"kinds": ["plain", "failing"], "trials": 30}
    assert swept(pool, two, **settings) == swept(dask, lambda: dask_cluster(cluster.scheduler_address), **settings)
    assert exported(pool) == exported(dask)
    with Store(pool) as one, Store(dask) as other:
        assert failures(one) == failures(other)


def test_a_scheduler_that_goes_away_is_named_and_the_sweep_goes_on_elsewhere(
    tmp_path: Path, cluster: LocalCluster
) -> None:
    path = tmp_path / "a.sqlite"
    settings = {"trials": 300, "milliseconds": 10}
    closing = threading.Thread(target=cluster.close)

    def close(found: Counts) -> None:
        if found.done and not closing.ident:
            closing.start()

    with pytest.raises(ArgumentError, match=r"scheduler: tcp://.* is not answering any more; finished points are kept"):
        swept(path, lambda: dask_cluster(cluster.scheduler_address), close, **settings)
    closing.join()
    with Store(path) as opened:
        found = counts(opened)
    assert 0 < found.done < 300
    assert (found.failed, found.running) == (0, 0)
    assert swept(path, two, **settings).done == 300


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:9", "no-such-host.invalid:8786", "carrier-pigeon://x", "", "127.0.0.1"]
)
def test_a_scheduler_that_is_not_there_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "SCHEDULER_SECONDS", 1)
    with (
        pytest.raises(ArgumentError, match="the address of a dask scheduler that answers within"),
        dask_cluster(address),
    ):
        pass


def test_dask_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingExtra) as error, dask_cluster("tcp://127.0.0.1:9"):
        pass
    assert error.value.remedy == "pip install 'rankproof[cluster]'"
