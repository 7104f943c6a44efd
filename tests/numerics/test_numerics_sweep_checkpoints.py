"""Checkpoints: catches a long point that begins anew, a stretch measured twice for nothing, a checkpoint that stays."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster
from toy_experiments import STRETCHES, defaults, long_toy, wait_for

from numerics.sweep import (
    Checkpoint,
    Counts,
    Outcome,
    Store,
    collected,
    counts,
    dask_cluster,
    experiment,
    joined,
    measuring_seconds,
    process_pool,
    run,
)

DONE = Outcome('{"value": 1.0, "first": 2.0}', None, 0.5)
HELD = STRETCHES // 2


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("TOY_FAULT", str(tmp_path / "fault"))
    return tmp_path / "log"


def swept(path: Path, **settings: Any) -> Counts:
    with Store(path, create=True) as opened, joined(opened, long_toy(), defaults(**settings)) as claims:
        return run(claims, long_toy(), lambda: process_pool(2))


def exported(path: Path) -> bytes:
    with Store(path) as opened:
        return bytes(collected(opened, long_toy()).to_netcdf(engine="scipy"))


def begun(log: Path) -> Counter[tuple[int, int]]:
    """How often each stretch of each trial was begun."""
    lines = log.read_text().splitlines() if log.exists() else []
    return Counter((int(trial), int(stretch)) for _, _, trial, stretch in map(str.split, lines))


def kept(path: Path) -> list[int]:
    """The numbers of the stretches that the checkpoints wait for."""
    with Store(path) as opened:
        return sorted(json.loads(state)[0] for (state,) in opened.rows("SELECT state FROM checkpoints"))


def test_a_long_point_is_measured_in_stretches_once_each_and_leaves_no_checkpoint(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "a.sqlite"
    assert swept(path, trials=3, milliseconds=5).done == 3
    assert begun(log) == Counter({(trial, stretch): 1 for trial in range(3) for stretch in range(STRETCHES)})
    assert kept(path) == []
    with Store(path) as opened:
        assert measuring_seconds(opened) >= 3 * STRETCHES * 0.005
        results = [json.loads(text) for (text,) in opened.rows("SELECT result FROM points ORDER BY place")]
    assert results == [long_toy().measure(point) for point in long_toy().points(defaults(trials=3))]


@pytest.mark.parametrize("victim", ["runner", "worker"])
def test_a_kill_in_the_middle_costs_one_stretch_and_changes_no_byte(tmp_path: Path, log: Path, victim: str) -> None:
    path, undisturbed, fault = tmp_path / "a.sqlite", tmp_path / "b.sqlite", tmp_path / "fault"
    fault.touch()
    script = (
        "import sys; from pathlib import Path; from toy_experiments import defaults, long_toy\n"
        "from numerics.sweep import Store, joined, process_pool, run\n"
        "with Store(Path(sys.argv[1]), create=True) as store:\n"
        "    with joined(store, long_toy(), defaults(trials=2)) as claims:\n"
        "        run(claims, long_toy(), lambda: process_pool(2))\n"
    )
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], env=environment)
    try:
        # Both trials are in the same stretch, which does not end as long as the fault is there.
        wait_for(lambda: begun(log)[0, HELD] and begun(log)[1, HELD])
        assert kept(path) == [HELD, HELD]
        if victim == "runner":
            process.kill()
            assert process.wait() == -signal.SIGKILL
            fault.unlink()
            assert swept(path, trials=2).done == 2
        else:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            workers = [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]
            os.kill(workers[0], signal.SIGKILL)
            fault.unlink()
            assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    found = begun(log)
    again = {place: number for place, number in found.items() if number != 1}
    both = {(0, HELD): 2, (1, HELD): 2}
    # The worker that was spared may come to the end of its stretch.
    assert again == both if victim == "runner" else again and again.items() <= both.items()
    assert len(found) == 2 * STRETCHES
    assert kept(path) == []
    swept(undisturbed, trials=2)
    assert exported(path) == exported(undisturbed)


def test_stretches_on_a_dask_cluster_survive_a_worker_and_give_the_same_bytes(tmp_path: Path, log: Path) -> None:
    path, undisturbed, fault = tmp_path / "a.sqlite", tmp_path / "b.sqlite", tmp_path / "fault"
    fault.touch()
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:

        def kill_one() -> None:
            wait_for(lambda: begun(log)[0, HELD] and begun(log)[1, HELD])
            os.kill(cluster.workers[0].pid, signal.SIGKILL)
            fault.unlink()

        killing = threading.Thread(target=kill_one)
        killing.start()
        with Store(path, create=True) as opened, joined(opened, long_toy(), defaults(trials=2)) as claims:
            run(claims, long_toy(), lambda: dask_cluster(cluster.scheduler_address))
        killing.join()
    found = begun(log)
    assert {place for place, number in found.items() if number != 1} <= {(0, HELD), (1, HELD)}
    assert max(found.values()) == 2
    assert len(found) == 2 * STRETCHES
    assert kept(path) == []
    swept(undisturbed, trials=2)
    assert exported(path) == exported(undisturbed)


def test_a_failed_stretch_is_tried_again_from_its_checkpoint(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", create=True) as opened:
        with joined(opened, long_toy(), defaults(trials=1)) as one:
            (point,) = one.exchange((), 1)
            assert point.state is None
            (again,) = one.exchange([(point, Outcome(None, None, 2.0, b"first"))], 1)
            assert (again.address, again.state) == (point.address, b"first")
            assert counts(opened) == Counts(waiting=0, running=1, done=0, failed=0)
            (again,) = one.exchange([(again, Outcome(None, None, 3.0, b"second"))], 1)
            one.exchange([(again, Outcome(None, "ValueError: no", 1.0))], 0)
            assert counts(opened).failed == 1
        with joined(opened, long_toy(), defaults(trials=1), retry_failed=True) as one:
            (again,) = one.exchange((), 1)
            assert again.state == b"second"
            one.exchange([(again, DONE)], 0)
        assert opened.rows("SELECT COUNT(*) FROM checkpoints") == [(0,)]
        assert measuring_seconds(opened) == 2 + 3 + 0.5


def test_the_checkpoint_of_a_runner_that_lost_its_claim_is_not_kept(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", create=True) as opened:
        with joined(opened, long_toy(), defaults(trials=1)) as late:
            (point,) = late.exchange((), 1)
            with joined(opened, long_toy(), defaults(trials=1)) as other:
                with opened.transaction() as connection:
                    connection.execute("UPDATE points SET owner = ?", (other.runner.id,))
                (mine,) = other.exchange([(point, Outcome(None, None, 1.0, b"ahead"))], 1)
                assert late.exchange([(point, Outcome(None, None, 1.0, b"behind"))], 1) == []
                assert opened.rows("SELECT state FROM checkpoints") == [(b"ahead",)]
                other.exchange([(mine, DONE)], 0)
            late.exchange([(point, Outcome(None, None, 1.0, b"behind"))], 0)
        assert counts(opened).done == 1
        assert opened.rows("SELECT COUNT(*) FROM checkpoints") == [(0,)]


def test_a_store_from_before_there_were_checkpoints_is_gone_on_with(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "a.sqlite"
    with Store(path, create=True) as opened:
        with joined(opened, long_toy(), defaults(trials=1)):
            pass
        opened.rows("DROP TABLE checkpoints")
    with Store(path) as opened:
        assert counts(opened).waiting == 1
    assert swept(path, trials=1).done == 1


def test_a_short_point_is_one_stretch() -> None:
    plain = long_toy().__class__(**(vars(long_toy()) | {"stretch": None, "measure": lambda point: {"is": dict(point)}}))
    assert plain.next_stretch({"a": 1}, None) == {"is": {"a": 1}}
    assert isinstance(long_toy().next_stretch(long_toy().points(defaults())[0], None), Checkpoint)
    assert experiment.in_stretches(lambda point, state: Checkpoint(b"x") if state is None else {"end": 1})({}) == {
        "end": 1
    }
