"""Claims: catches a point given to two runners, a lost one, and claims of the dead that are never taken back."""

import os
import platform
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from toy_experiments import defaults, toy, wait_for

from numerics.errors import ArgumentError
from numerics.sweep import Outcome, Point, Store, claims, counts, description, joined, kept_aside, runners

DONE = Outcome('{"value": 1.0, "first": 2.0}', None, 0.5)
FAILED = Outcome(None, "ValueError: no", 0.5)


def keep(one: claims.Claims, points: list[Point], outcome: Outcome = DONE) -> None:
    one.exchange([(point, outcome) for point in points], 0)


def test_two_runners_never_get_the_same_point_and_get_all(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    settings = defaults(trials=20)
    with Store(path, create=True) as first, Store(path) as second:
        with joined(first, toy(), settings) as one, joined(second, toy(), settings) as other:
            found = [point for _ in range(5) for claim in (one, other) for point in claim.exchange((), 3)]
            assert len(runners(first)) == 2
        assert [point.parameters["trial"] for point in found] == list(range(20))
        assert runners(first) == []


def test_claims_are_given_back_when_a_runner_leaves(tmp_path: Path) -> None:
    def interrupted(opened: Store) -> None:
        with joined(opened, toy(), defaults()) as one:
            keep(one, one.exchange((), 4)[:1])
            raise KeyboardInterrupt

    with Store(tmp_path / "a.sqlite", create=True) as opened:
        with pytest.raises(KeyboardInterrupt):
            interrupted(opened)
        found = counts(opened)
        assert (found.done, found.waiting, found.running) == (1, 9, 0)


def test_claims_of_a_killed_process_are_taken_back_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    script = (
        "import os, sys; from pathlib import Path; from toy_experiments import defaults, toy\n"
        "from numerics.sweep import Store, joined\n"
        "with Store(Path(sys.argv[1]), create=True) as store, joined(store, toy(), defaults()) as claims:\n"
        "    claims.exchange((), 7); os.kill(os.getpid(), 9)\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    killed = subprocess.Popen([sys.executable, "-c", script, str(path)], env=environment)
    # Not waited for at first: a zombie is dead, too.
    with Store(path, create=True) as opened:
        wait_for(lambda: counts(opened).running)
        wait_for(lambda: not runners(opened))
        assert counts(opened).running == 7
        with joined(opened, toy(), defaults()) as one:
            assert len(one.exchange((), 10)) == 10
    assert killed.wait() == -9


def test_another_machine_is_dead_when_it_is_silent(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with Store(path, create=True) as opened, joined(opened, toy(), defaults()) as one:
        mine = one.exchange((), 4)
        elsewhere = "UPDATE runners SET host = 'elsewhere', process = 1, seen = ? WHERE id = ?"
        with Store(path) as second, joined(second, toy(), defaults()) as other:
            with opened.transaction() as connection:
                connection.execute(elsewhere, (time.time() - claims.EXPIRY_SECONDS / 2, one.runner.id))
            assert len(other.exchange((), 10)) == 6
            with opened.transaction() as connection:
                connection.execute(elsewhere, (time.time() - 2 * claims.EXPIRY_SECONDS, one.runner.id))
            taken = other.exchange((), 10)
            assert {point.address for point in taken} == {point.address for point in mine}
            # The one held up comes back: what it brings is no longer its own.
            keep(one, mine, FAILED)
            keep(other, taken)
        found = counts(opened)
        assert (found.done, found.failed) == (4, 0)


def test_a_late_result_is_kept_unless_there_is_one(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", create=True) as opened, joined(opened, toy(), defaults(trials=2)) as one:
        first, second = one.exchange((), 2)
        with joined(opened, toy(), defaults(trials=2)) as other, opened.transaction() as connection:
            connection.execute("UPDATE points SET owner = ?", (other.runner.id,))
        # Runners that take each other for dead would otherwise measure the last points for ever.
        keep(one, [first, second])
        assert counts(opened).done == 2
        keep(other, [first], Outcome('{"value": 3.0, "first": 4.0}', None, 0.5))
        keep(other, [second], FAILED)
        assert {result for (result,) in opened.rows("SELECT result FROM points")} == {DONE.result}


def test_processes_of_another_container_are_judged_by_their_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path / "a.sqlite", create=True) as opened, joined(opened, toy(), defaults()) as one:
        unseen = replace(one.runner, process=2**30)
        assert not unseen.alive()
        monkeypatch.setattr(os, "readlink", lambda path: "pid:[1]")
        assert unseen.alive()
        assert not replace(unseen, seen=time.time() - 2 * claims.EXPIRY_SECONDS).alive()
        assert str(unseen) == f"process {2**30} on {platform.node()}"


def test_more_points_of_the_same_experiment_reuse_what_is_done(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", create=True) as opened:
        with joined(opened, toy(), defaults(trials=4)) as one:
            keep(one, one.exchange((), 4))
        with joined(opened, toy(), defaults(trials=6)) as one:
            assert [point.parameters["trial"] for point in one.exchange((), 9)] == [4, 5]
        assert description(opened).settings["trials"] == 6
        with joined(opened, toy(), defaults(trials=2)) as one:
            assert one.exchange((), 9) == []
        assert (counts(opened).done, kept_aside(opened)) == (2, 4)


def test_a_newer_version_measures_anew_and_an_older_one_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", create=True) as opened:
        with joined(opened, toy(), defaults()) as one:
            keep(one, one.exchange((), 10))
        with joined(opened, toy(version=2), defaults()) as one:
            assert len(one.exchange((), 99)) == 10
        assert kept_aside(opened) == 10
        with pytest.raises(ArgumentError, match="version 2 of toy, newer than 1"), joined(opened, toy(), defaults()):
            pass
        with pytest.raises(ArgumentError, match="it holds toy"), joined(opened, toy("other", 9), defaults()):
            pass
        assert description(opened).version == 2


def test_another_precision_measures_anew(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", create=True) as opened:
        with joined(opened, toy(), defaults()) as one:
            keep(one, one.exchange((), 10))
        with joined(opened, replace(toy(), precision="50 digits"), defaults()) as one:
            assert len(one.exchange((), 20)) == 10
        assert kept_aside(opened) == 10


def test_other_settings_are_refused_while_another_runner_is_at_work(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with Store(path, create=True) as first, Store(path) as second:
        with joined(first, toy(), defaults()):
            with (
                pytest.raises(ArgumentError, match=r"free for trials = 11: process \d+ on .* is at work"),
                joined(second, toy(), defaults(trials=11)),
            ):
                pass
            assert counts(second).total == 10
        with joined(second, toy(), defaults(trials=11)):
            assert counts(second).total == 11


def test_failed_points_wait_again_only_when_asked_to(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", create=True) as opened:
        with joined(opened, toy(), defaults()) as one:
            keep(one, one.exchange((), 3), FAILED)
            keep(one, one.exchange((), 7))
        with joined(opened, toy(), defaults()) as one:
            assert one.exchange((), 10) == []
        with joined(opened, toy(), defaults(), retry_failed=True) as one:
            assert len(one.exchange((), 10)) == 3
        assert opened.rows("SELECT attempts, COUNT(*) FROM points GROUP BY attempts") == [(1, 7), (2, 3)]


def test_equal_points_are_one_point(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite", create=True) as opened:
        with joined(opened, toy(), defaults(kinds=["plain", "plain"])):
            pass
        assert counts(opened).total == 10
