"""`rankproof experiment`: sweeps that are killed, shared and fail; what it prints and writes; bad input in one line."""

import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import toy_experiments
import xarray as xr
from toy_experiments import wait_for

from numerics.experiments import EXPERIMENTS
from numerics.sweep import Counts, Outcome, Store, counts, executors, joined, runners
from verification import experiment_figures, experiments
from verification.cli import main
from verification.cli.experiment_progress import Pace, duration

MAIN = "import toy_experiments; toy_experiments.register(); from verification.cli import main; main()"
SEED = 20261

Process = subprocess.Popen[str]


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(experiment_figures, "figure", experiment_figures.figure)
    for name in ("toy", "toy-connectivity"):
        monkeypatch.setitem(EXPERIMENTS, name, toy_experiments.toy(name))
    toy_experiments.register()
    monkeypatch.setenv("TOY_FAULT", str(tmp_path / "fault"))
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def begun() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that a test began; none of them outlives it."""
    found: list[Process] = []
    yield found
    for process in found:
        if process.poll() is None:
            process.kill()
        process.communicate()


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def started(begun: list[Process], *arguments: object, **options: Any) -> Process:
    command = [sys.executable, "-c", MAIN, "experiment", *map(str, arguments)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True, **options)
    begun.append(process)
    return process


def ended(process: Process, code: int = 0) -> str:
    printed, complaint = process.communicate(timeout=100)
    assert process.returncode == code, complaint
    return complaint if code else printed


def measured() -> list[tuple[str, str]]:
    """Which runner began which point, from the log."""
    path = Path("log")
    lines = path.read_text().splitlines() if path.exists() else []
    return [(runner, point) for runner, _, point in (line.partition(" ") for line in lines)]


def finished(store: Path) -> set[str]:
    with Store(store) as opened:
        found = [json.loads(text) for (text,) in opened.rows("SELECT parameters FROM points WHERE state = 'done'")]
    return {f"{point['kind']} {point['trial']}" for point in found}


def exported(store: Path, ending: str = "nc") -> bytes:
    assert run("experiment", "export", store, "--out", f"export.{ending}") == 0
    return Path(f"export.{ending}").read_bytes()


def lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_sweep_killed_at_ten_random_moments_ends_with_the_bytes_of_an_undisturbed_one(begun: list[Process]) -> None:
    settings = ("--trials", 400, "--milliseconds", 6, "--workers", 2)
    store = Path("killed/toy.sqlite")
    moments = random.Random(SEED)
    kept: set[str] = set()
    for kill in range(10):
        before = len(measured())
        process = started(begun, "toy", *settings, "--out", "killed")
        if kill == 3:
            # While it starts, perhaps before the store is there.
            time.sleep(moments.uniform(0, 1))
        else:
            further = before + moments.randint(1, 50)
            wait_for(lambda further=further: len(measured()) >= further)
        workers = psutil.Process(process.pid).children(recursive=True)
        if kill % 2:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            # Its workers notice by themselves.
            process.kill()
        process.communicate()
        wait_for(lambda workers=workers: not any(map(lives, workers)))
        assert not {point for _, point in measured()[before:]} & kept, "measured though it was finished"
        assert kept <= finished(store)
        kept = finished(store)
    assert 0 < len(kept) < 400
    before = len(measured())
    assert "400 points: 400 done, 0 failed, 0 left" in ended(started(begun, "toy", *settings, "--out", "killed"))
    assert {point for _, point in measured()[before:]} == {f"plain {trial}" for trial in range(400)} - kept

    with Store(store) as opened:
        attempts = [number for (number,) in opened.rows("SELECT attempts FROM points")]
    assert len(attempts) == 400
    assert max(attempts) <= 11
    assert max(Counter(point for _, point in measured()).values()) <= 11

    ended(started(begun, "toy", *settings, "--out", "undisturbed"))
    assert Path("killed/toy.nc").read_bytes() == Path("undisturbed/toy.nc").read_bytes()
    assert exported(store, "csv") == exported(Path("undisturbed/toy.sqlite"), "csv")


def test_two_runners_on_one_store_share_the_points_and_lose_none(begun: list[Process]) -> None:
    settings = ("--trials", 250, "--milliseconds", 10, "--workers", 1, "--store", "shared.sqlite")
    for runner in [started(begun, "toy", *settings, "--out", out) for out in ("one", "other")]:
        assert "250 points: 250 done, 0 failed, 0 left" in ended(runner)
    log = measured()
    assert sorted(point for _, point in log) == sorted(f"plain {trial}" for trial in range(250))
    assert len({runner for runner, _ in log}) == 2, "both measured"
    with Store(Path("shared.sqlite")) as opened:
        assert opened.rows("SELECT DISTINCT attempts FROM points") == [(1,)]
    assert Path("one/toy.nc").read_bytes() == Path("other/toy.nc").read_bytes()


def test_a_runner_that_waits_for_another_takes_over_when_that_is_killed(begun: list[Process]) -> None:
    Path("fault").touch()
    settings = ("--kinds", "held", "--trials", 2, "--workers", 1, "--store", "shared.sqlite")
    first = started(begun, "toy", *settings, "--out", "one")
    wait_for(measured)
    second = started(begun, "toy", *settings, "--out", "other")
    with Store(Path("shared.sqlite")) as opened:
        wait_for(lambda: len(runners(opened)) == 2)
        assert counts(opened).waiting == 0
        first.kill()
        Path("fault").unlink()
        assert "2 points: 2 done, 0 failed, 0 left" in ended(second)
        assert opened.rows("SELECT attempts FROM points") == [(2,), (2,)]


def test_ctrl_c_says_how_to_go_on_and_exits_with_130(begun: list[Process]) -> None:
    process = started(begun, "toy", "--trials", 300, "--milliseconds", 20)
    wait_for(lambda: len(measured()) > 5)
    # As a terminal does: to the whole group, workers too.
    os.killpg(process.pid, signal.SIGINT)
    complaint = ended(process, 130)
    assert re.fullmatch(r"stopped; 300 points: \d+ done, 0 failed, \d+ left; the same command goes on\n+", complaint)
    with Store(Path("toy.sqlite")) as opened:
        found = counts(opened)
    assert (found.running, found.total) == (0, 300)
    assert not Path("toy.nc").exists()


def test_a_full_disk_is_one_line_and_the_sweep_goes_on_when_there_is_room(begun: list[Process]) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    settings = ("--trials", 2000, "--workers", 1)
    complaint = ended(started(begun, "toy", "--trials", 100), 0)
    before = finished(Path("toy.sqlite"))
    complaint = ended(started(begun, "toy", *settings, preexec_fn=little_room), 2)
    assert re.fullmatch(r"rankproof: --store: toy\.sqlite is not .*\n", complaint)
    assert before == finished(Path("toy.sqlite"))
    assert "2000 points: 2000 done" in ended(started(begun, "toy", *settings))


def test_failed_points_give_exit_code_1_and_are_retried_when_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    Path("fault").touch()
    command = ("experiment", "toy", "--kinds", "plain,failing", "--trials", 3, "--workers", 1)
    assert run(*command) == 1
    printed = capsys.readouterr().out
    assert "6 points: 3 done, 3 failed, 0 left" in printed
    assert "3 points failed with ArithmeticError: no number for failing (tests/toy_experiments.py:" in printed
    assert "--retry-failed" in printed
    with xr.open_dataset("toy.nc", engine="scipy") as found:
        assert np.isnan(found["value"]).sum("trial").values.tolist() == [0, 3]
        assert found.attrs["missing"] == 3
    assert run("experiment", "status", "toy.sqlite") == 0
    assert "3 points failed with ArithmeticError" in capsys.readouterr().out

    Path("fault").unlink()
    assert run(*command) == 1
    assert run(*command, "--retry-failed") == 0
    with xr.open_dataset("toy.nc", engine="scipy") as found:
        assert found.attrs["missing"] == 0
        assert json.loads(found.attrs["settings"])["kinds"] == ["plain", "failing"]
    assert Path("toy.png").read_bytes().startswith(b"\x89PNG")


def test_status_and_export_of_a_store_that_is_half_done(capsys: pytest.CaptureFixture[str]) -> None:
    half("toy.sqlite")
    assert run("experiment", "status", "toy.sqlite") == 0
    printed = capsys.readouterr().out
    assert "toy, version 1\n" in printed
    assert "6 points: 4 done, 0 failed, 2 left" in printed
    assert "trials = 6" in printed
    assert run("experiment", "export", "toy.sqlite", "--out", "half.csv") == 0
    assert capsys.readouterr().out == "wrote half.csv\n2 of 6 points are missing, 0 of them failed\n"
    lines = Path("half.csv").read_text().splitlines()
    assert lines == [
        "kind,trial,value,first",
        *(f"plain,{trial},0.1,0.2" for trial in range(4)),
        "plain,4,,",
        "plain,5,,",
    ]


def test_parquet_has_the_table_and_the_attributes(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    half("toy.sqlite")
    first = exported(Path("toy.sqlite"), "parquet")
    assert exported(Path("toy.sqlite"), "parquet") == first
    table = parquet.read_table("export.parquet")
    assert table.column_names == ["kind", "trial", "value", "first"]
    assert table["value"].null_count == 2
    assert b"made by hand" in table.schema.metadata[b"pandas"] + table.schema.metadata.get(b"PANDAS_ATTRS", b"")


def half(name: str) -> None:
    """A store in which four of six points are done."""
    chosen = toy_experiments.toy()
    outcome = Outcome('{"value": 0.1, "first": 0.2}', None, 0.5)
    with (
        Store(Path(name), create=True) as opened,
        joined(opened, chosen, toy_experiments.defaults(trials=6)) as claims,
    ):
        claims.exchange([(point, outcome) for point in claims.exchange((), 4)], 0)


def test_list_and_help_show_what_an_experiment_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("experiment", "list") == 0
    assert re.search(r"^toy +Norms of random matrices \(made by hand\)$", capsys.readouterr().out, flags=re.MULTILINE)
    assert run("experiment", "toy", "--help") == 0
    printed = capsys.readouterr().out
    for part in ("there is no paper", "--trials TEXT", "[default: 10]", "[default: plain]", "waits for the others"):
        assert part in " ".join(printed.split())


def test_every_experiment_has_a_command_whose_options_differ(capsys: pytest.CaptureFixture[str]) -> None:
    for name, one in EXPERIMENTS.items():
        assert run("experiment", name, "--help") == 0
        options = re.findall(r"^  (?:-h, )?(--[a-z0-9-]+)", capsys.readouterr().out, flags=re.MULTILINE)
        assert len(set(options)) == len(options) == len(one.settings) + 6
        assert one.points({key: setting.default for key, setting in one.settings.items()})
        assert name == one.name


def test_progress_is_told_in_plain_words() -> None:
    pace = Pace(finished=10, clock=100.0)
    assert pace.told(Counts(90, 0, 10, 0), 101.0) == ""
    assert pace.told(Counts(60, 4, 26, 10), 113.0) == "2 points/s, 32 s left"
    told = [duration(seconds) for seconds in (0.04, 9.94, 9.96, 59.6, 3599, 3600, 100_000)]
    assert told == ["0.0 s", "9.9 s", "10 s", "1 min 00 s", "59 min 59 s", "1 h 00 min", "27 h 46 min"]


BAD = [
    (["toy-conectivity"], "NAME: toy-conectivity is not an experiment; did you mean toy-connectivity"),
    (["zzz"], "NAME: zzz is not an experiment; see 'rankproof experiment list'"),
    (["toy", "--trials", "many"], "--trials: many is not an integer"),
    (["toy", "--kinds", "plain,odd"], "--kinds: plain,odd is not a list of plain, failing"),
    (["toy", "--colour", "red"], "No such option"),
    (["toy", "--workers", "0"], "--workers: 0 is not an integer of at least 1"),
    (["toy", "--workers", "2", "--scheduler", "tcp://127.0.0.1:9"], "--workers: 2 is not usable with --scheduler"),
    (["toy", "--out", ""], "--out: . is not the name of a directory"),
    (["toy", "--out", "notes.txt"], "--out: notes.txt is not a directory"),
    (["toy", "--store", "notes.txt"], "--store: notes.txt is not a store of rankproof; the file is left as it is"),
    (["toy", "--store", "none/a.sqlite"], "--store: none/a.sqlite is not a file that can be read and written"),
    (["toy", "--store", "other.sqlite"], "--store: other.sqlite is not a store of toy: it holds toy-other"),
    (["status", "none.sqlite"], "STORE: none.sqlite is not an existing file"),
    (["status", "notes.txt"], "STORE: notes.txt is not a store of rankproof"),
    (["export", "other.sqlite", "--out", "a.txt"], "--out: a.txt is not a file name that ends in .nc, .csv, .parquet"),
    (["export", "other.sqlite", "--out", "none/a.nc"], "--out: none/a.nc is not in an existing directory"),
    (
        ["export", "other.sqlite", "--out", "a.nc"],
        "STORE: other.sqlite is not a store of an experiment of this rankproof",
    ),
    (["export", "none.sqlite", "--out", "a.nc"], "STORE: none.sqlite is not an existing file"),
    (["export", "store.nc", "--out", "./store.nc"], "--out: store.nc is not a file of its own; it is the store"),
    (["toy", "--store", "toy.nc"], "--out: toy.nc is not a file of its own; it is the store"),
    (["toy", "--store", "../{folder}/toy.png"], "--out: toy.png is not a file of its own; it is the store"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_line_and_changes_nothing(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Path("notes.txt").write_text("my notes\n")
    other = toy_experiments.toy("toy-other")
    with Store(Path("other.sqlite"), create=True) as opened, joined(opened, other, toy_experiments.defaults()):
        pass
    Path("store.nc").write_bytes(Path("other.sqlite").read_bytes())
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert run("experiment", *(argument.format(folder=tmp_path.name) for argument in arguments)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("rankproof: ")
    assert printed.err.count("\n") == 1
    assert words in printed.err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_scheduler_that_does_not_answer_is_one_line_and_keeps_the_store(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "SCHEDULER_SECONDS", 1)
    half("toy.sqlite")
    assert run("experiment", "toy", "--trials", 6, "--scheduler", "tcp://127.0.0.1:9") == 2
    complaint = (
        "rankproof: --scheduler: tcp://127.0.0.1:9 is not the address of a dask scheduler that answers within 1 s\n"
    )
    assert capfd.readouterr().err == complaint
    assert len(finished(Path("toy.sqlite"))) == 4


@pytest.mark.parametrize("address", ["", "nonsense", "tcp://host:port", "carrier-pigeon://x", "inproc://x"])
def test_a_scheduler_that_cannot_be_is_one_line_up_to_the_end_of_the_process(
    address: str, begun: list[Process]
) -> None:
    complaint = ended(started(begun, "toy", "--scheduler", address), 2)
    assert complaint.startswith(f"rankproof: --scheduler: {address}")
    assert complaint.count("\n") == 1


def test_parquet_without_its_extra_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "find_spec", lambda name: None)
    half("toy.sqlite")
    assert run("experiment", "export", "toy.sqlite", "--out", "a.parquet") == 2
    assert "pip install 'rankproof[parquet]'" in capsys.readouterr().err


def test_a_table_of_quantities_with_nothing_in_common_is_not_their_product() -> None:
    data = xr.Dataset(
        {"a": (("x", "y"), np.zeros((300, 200))), "b": ("x", np.ones(300)), "c": (("z", "w"), np.ones((400, 100)))},
        {name: np.arange(size) for name, size in (("x", 300), ("y", 200), ("z", 400), ("w", 100))},
    )
    table = experiments._table(data)
    assert len(table) == 300 * 200 + 400 * 100
    assert table["a"].notna().sum() == table["b"].notna().sum() == 300 * 200
    assert table["c"].notna().sum() == 400 * 100
    assert len(experiments._table(data[["a", "b"]])) == 300 * 200
