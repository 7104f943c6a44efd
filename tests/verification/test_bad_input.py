"""Bad input of every class: catches a traceback, a wrong exit code, more than one line, or anything left behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from verification.cli import main

LIMIT = {"--depth": "3", "--blocks": "2", "--block-size": "1", "--value": "1", "--alpha": "0.1", "--m": "2"}
CURVES = {
    "--depth": "3",
    "--m": "2",
    "--blocks": "2",
    "--alpha-from": "1e-3",
    "--alpha-to": "1",
    "--points": "4",
    "--out": "out.csv",
}


def limit(without: str = "", **changed: str) -> list[str]:
    return _command("limit", LIMIT, without, changed)


def curves(without: str = "", **changed: str) -> list[str]:
    return _command("curves", CURVES, without, changed)


def _command(name: str, options: dict[str, str], without: str, changed: dict[str, str]) -> list[str]:
    options = options | {f"--{key.replace('_', '-')}": value for key, value in changed.items()}
    return [name, *(part for key, value in options.items() if key != without for part in (key, value))]


BAD: list[tuple[list[str], str]] = [
    # limit: wrong type, out of range
    *((limit(depth=bad), "--depth") for bad in ("1", "0", "-3", "x", "2.5", "1e3", "nan", "")),
    *((limit(blocks=bad), "--blocks") for bad in ("0", "-1", "x", "1.0", "inf")),
    *((limit(block_size=bad), "--block-size") for bad in ("0", "-1", "x")),
    *((limit(value=bad), "--value") for bad in ("0", "-1", "nan", "inf", "x", "1/0", "1e999999")),
    *((limit(alpha=bad), "--alpha") for bad in ("0", "-1", "nan", "inf", "-inf", "x", "0.1.2", "a/b", "")),
    *((limit(m=bad), "--m") for bad in ("0.5", "0", "-1", "nan", "-inf", "x", "0.99999999999999999999")),
    *((limit(digits=bad), "--digits") for bad in ("0", "-1", "x", "1.5", "inf")),
    (limit(depth="3\nor\n4"), "--depth"),
    # curves: the same, and its ranges and files
    (curves(depth="1"), "--depth"),
    (curves(depth="x"), "--depth"),
    ([*curves(), "--depth", "3"], "--depth"),
    ([*curves(), "--depth", "4", "--depth", "1"], "--depth"),
    ([*curves(), "--m", "2.0"], "--m"),
    ([*curves(), "--m", "inf", "--m", "Infinity"], "--m"),
    ([*curves(), "--m", "0.5"], "--m"),
    (curves(blocks="0"), "--blocks"),
    (curves(block_size="0"), "--block-size"),
    (curves(value="0"), "--value"),
    (curves(value="nan"), "--value"),
    *((curves(points=bad), "--points") for bad in ("1", "0", "-5", "x", "2.5")),
    *((curves(alpha_from=bad), "--alpha-from") for bad in ("0", "-1", "nan", "inf", "x", "1e-308")),
    *((curves(alpha_to=bad), "--alpha-to") for bad in ("0", "-1", "nan", "inf", "x", "1e308")),
    (curves(alpha_from="1", alpha_to="1e-3"), "--alpha-to"),
    (curves(alpha_from="1", alpha_to="1"), "--alpha-to"),
    (curves(digits="0"), "--digits"),
    (curves(digits="x"), "--digits"),
    (curves(against="depth"), "--against"),
    *((curves(out=bad), "--out") for bad in ("out.jpg", "out", "out.csv.gz", "csv", "")),
    *((curves(out=bad), "--out") for bad in ("missing/out.csv", "file/out.csv", "folder.csv", "/proc/out.csv")),
    # verify
    (["verify", "--profile", "slow"], "--profile"),
    (["verify", "--seed", "-1"], "--seed"),
    (["verify", "--seed", "x"], "--seed"),
    (["verify", "--seed", "1.5"], "--seed"),
    (["verify", "--jobs", "0"], "--jobs"),
    (["verify", "--jobs", "two"], "--jobs"),
    (["verify", "--json", "missing/all.json"], "--json"),
    (["verify", "--json", "folder.csv"], "--json"),
    (["verify", "--json", "/proc/all.json"], "--json"),
    (["verify", "--report", "file"], "--report"),
    (["verify", "--report", "file/below"], "--report"),
    (["verify", "--report", "/proc/report"], "--report"),
    (["verify", "--json", "missing/all.json", "--report", "new"], "--json"),
    (["verify", "block-limit", "nonsense"], "nonsense"),
    (["show", "nonsense"], "nonsense"),
    # missing and unknown options, arguments and commands
    *((limit(without=name), name) for name in ("--depth", "--blocks", "--alpha", "--m")),
    *((curves(without=name), name) for name in ("--depth", "--m", "--blocks", "--alpha-from", "--alpha-to", "--out")),
    ([*limit(), "--beta", "1"], "--beta"),
    ([*curves(), "--beta", "1"], "--beta"),
    (["verify", "--beta"], "--beta"),
    (["list", "--beta"], "--beta"),
    (["--beta"], "--beta"),
    (["limit", "--depth"], "--depth"),
    ([*limit(), "surplus"], "surplus"),
    (["list", "surplus"], "surplus"),
    (["show", "block-limit", "surplus"], "surplus"),
    (["show"], "ID"),
    ([*limit(), "--json=yes"], "--json"),
    (["nonsense"], "nonsense"),
]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a file, and a directory whose name has a legal ending."""
    (tmp_path / "file").write_text("untouched")
    (tmp_path / "folder.csv").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listing(room: Path) -> dict[str, str | None]:
    return {str(path): path.read_text() if path.is_file() else None for path in sorted(room.rglob("*"))}


@pytest.mark.parametrize(("arguments", "named"), BAD, ids=lambda part: " ".join(part) if isinstance(part, list) else "")
def test_bad_input_gets_one_line_that_names_it(
    arguments: list[str], named: str, room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listing(room)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("rankproof: ")
    assert re.search(rf"(?<![\w-]){re.escape(named)}(?![\w-])", line), line
    assert "Traceback" not in line
    assert len(line) < 250
    assert listing(room) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (limit(depth="1"), ["--depth: 1", "at least 2"]),
        (limit(m="0.5"), ["--m: 0.5", "at least 1", "inf"]),
        (limit(alpha="-1"), ["--alpha: -1", "positive"]),
        (limit(alpha="x"), ["--alpha: x", "decimal"]),
        (limit(alpha="9" * 300 + "x"), ["--alpha: 999", "..."]),
        (curves(points="1"), ["--points: 1", "at least 2"]),
        (curves(alpha_from="0.5", alpha_to="0.25"), ["--alpha-to: 0.25", "larger than", "0.5"]),
        ([*curves(), "--depth", "3"], ["--depth", "'3', '3'", "without repetitions"]),
        (curves(out="out.jpg"), ["--out: out.jpg", ".png, .svg, .pdf, .csv, .nc"]),
        (curves(out="missing/out.csv"), ["--out: missing/out.csv", "existing directory"]),
        (curves(out="folder.csv"), ["--out: folder.csv", "is a directory"]),
        (["verify", "--jobs", "0"], ["--jobs: 0", "at least 1"]),
        (["verify", "--profile", "slow"], ["slow", "full", "quick"]),
        (["verify", "--profil", "quick"], ["--profil", "Did you mean", "--profile"]),
        (["verify", "block-limt"], ["block-limt", "did you mean", "block-limit"]),
        (["show", "blok-invariant"], ["blok-invariant", "did you mean", "block-invariant"]),
        (["show", "zzz"], ["zzz", "rankproof list"]),
        (["verify", "--report", "file"], ["--report: file", "directory"]),
    ],
    ids=lambda part: " ".join(part)[:40],
)
def test_the_line_says_what_it_was_and_what_it_may_be(
    arguments: list[str], words: list[str], room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    line = capsys.readouterr().err
    for word in words:
        assert word in line


def test_a_failed_export_keeps_the_file_that_was_there(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (room / "out.csv").write_text("old")
    with pytest.raises(SystemExit) as stop:
        main([*curves(), "--m", "0.5"])
    assert stop.value.code == 2
    assert (room / "out.csv").read_text() == "old"
    assert sorted(path.name for path in room.iterdir()) == ["file", "folder.csv", "out.csv"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_write_permission(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (room / "folder.csv").chmod(0o500)
    with pytest.raises(SystemExit) as stop:
        main(curves(out="folder.csv/out.csv"))
    assert stop.value.code == 2
    assert "--out: folder.csv/out.csv is not writable" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [limit(depth="1"), ["verify", "nonsense"]])
def test_the_installed_command_does_the_same(arguments: list[str], room: Path) -> None:
    before = listing(room)
    command = Path(sys.executable).with_name("rankproof")
    done = subprocess.run([command, *arguments], cwd=room, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("rankproof: ")
    assert listing(room) == before


def test_no_command_at_all_shows_the_help_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "Commands" in capsys.readouterr().out
