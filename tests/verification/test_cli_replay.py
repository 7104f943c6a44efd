"""`rankproof replay`: exit codes, what it prints, and bad input in one line."""

from pathlib import Path

import pytest

from verification.cli import main
from verification.witness import Witness, database, store

FILE = """
import sympy as sp
from verification import Clause, Falsification, Parameters, RealRange, Statement

x = sp.Symbol("x", positive=True)


def small(bound=BOUND):
    return Statement(
        id="small",
        title="x is small",
        parameters=Parameters((RealRange(x, "1", "10"),)),
        clauses=(Clause("claim", "x < 5", sp.Lt(x, bound)),),
        checks=(Falsification(("claim",)),),
    )


STATEMENTS = (small,)
"""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return int(stop.value.code or 0)


def witness_of(path: Path) -> str:
    (found,) = (database() / "witnesses").rglob("*.json")
    return str(found)


def test_a_found_counterexample_is_replayed_and_a_mended_statement_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(FILE.replace("BOUND", "5"))
    assert run("check", str(mine), "--jobs", "1") == 1
    printed = capsys.readouterr().out
    witness = witness_of(tmp_path)
    assert f"replay: rankproof replay {witness}" in printed
    assert "claims claim, x < 5:" in printed

    assert run("replay", witness) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("REFUTED  small")
    assert "is FALSE" in printed

    assert run("check", str(mine), "--jobs", "1") == 1
    assert "stored witness" in capsys.readouterr().out

    mine.write_text(FILE.replace("BOUND", "11"))
    assert run("replay", witness) == 0
    assert capsys.readouterr().out.startswith("CONSISTENT")
    assert run("check", str(mine), "--jobs", "1") == 0


def test_a_damaged_store_is_one_warning_and_the_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(FILE.replace("BOUND", "11"))
    folder = database() / "witnesses" / "small"
    folder.mkdir(parents=True)
    (folder / "notes.json").write_text("not a witness")
    assert run("check", str(mine), "--jobs", "1") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "notes.json is not a witness" in line


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = Witness("block-limit", None, 0, "evaluation", ("root",), {}, 0, 15, "versions", "command")
    gone = Witness("no-such-statement", None, 0, "evaluation", ("root",), {}, 0, 15, "versions", "command")
    lost = Witness("small", str(tmp_path / "lost.py"), 0, "falsification", ("claim",), {}, 0, 15, "versions", "command")
    for argument, words in (
        (str(tmp_path / "nowhere.json"), "an existing file"),
        (str(tmp_path), "a file that rankproof wrote"),
        (str(store(base)), "given a value"),
        (str(store(gone)), "no-such-statement"),
        (str(store(lost)), "FILE: "),
    ):
        assert run("replay", argument) == 2
        printed = capsys.readouterr()
        (line,) = printed.err.splitlines()
        assert line.startswith("rankproof: ")
        assert words in line
        assert printed.out == ""
    assert run("replay") == 2
