"""`rankproof replay`: exit codes, what it prints, and bad input in one line."""

import json
from pathlib import Path

import pytest

from verification.cli import main
from verification.witness import VARIABLE, Witness, database, store

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


def test_a_witness_is_replayed_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "paper" / "lemmas").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "paper")
    monkeypatch.delenv(VARIABLE)
    Path("lemmas/mine.py").write_text(FILE.replace("BOUND", "5"))
    assert run("check", "lemmas/mine.py", "--jobs", "1") == 1
    witness = Path(witness_of(tmp_path)).resolve()
    assert json.loads(witness.read_text())["file"] == "../../../lemmas/mine.py"
    assert run("replay", str(witness.relative_to(tmp_path / "paper"))) == 1
    monkeypatch.chdir("lemmas")
    assert run("replay", f"../{witness.relative_to(tmp_path / 'paper')}") == 1
    monkeypatch.chdir("/")
    assert run("replay", str(witness)) == 1
    capsys.readouterr()
    monkeypatch.chdir(tmp_path / "paper" / "lemmas")
    monkeypatch.setenv(VARIABLE, "../.rankproof")
    assert run("check", "mine.py", "--jobs", "1") == 1
    assert "stored witness" in capsys.readouterr().out


BROKEN = FILE.replace("BOUND", "5").replace('Falsification(("claim",))', 'Falsification(("claim",), measured)')
MEASURED = """def measured(point, digits):
    return 1 / 0


def small("""


def test_a_check_that_fails_at_the_witness_is_an_error_with_its_line_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(FILE.replace("BOUND", "5"))
    assert run("check", str(mine), "--jobs", "1") == 1
    witness = witness_of(tmp_path)
    text = BROKEN.replace("def small(", MEASURED)
    mine.write_text(text)
    line = text.splitlines().index("    return 1 / 0") + 1
    capsys.readouterr()
    for command in (["replay", witness], ["check", str(mine), "--jobs", "1"]):
        assert run(*command) == 1
        printed = capsys.readouterr()
        assert f"{mine}:{line}: ZeroDivisionError: division by zero" in printed.out
        assert printed.err == ""


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("BOUND", None, "WITNESS: small is not readable any more: its file {mine} is not an existing file"),
        ('id="small"', 'id="tiny"', "WITNESS: small is not a statement of {mine}; "),
        (
            'Falsification(("claim",))',
            'Evaluation(("claim",))',
            "WITNESS: check 0 (falsification) is not a check of small",
        ),
        ('"claim"', '"bound"', "WITNESS: claim is not a clause that check 0 of small speaks of (bound)"),
        ('"1", "10"', '"1", "2"', " is not in its domain, x in [1, 2]"),
        ('sp.Symbol("x"', 'sp.Symbol("y"', "WITNESS: x is not a parameter of the domain, y in [1, 10]"),
        ("sp.Lt(x, bound)", "sp.Lt(x, bound", "{mine}:9: SyntaxError"),
    ],
)
def test_a_statement_that_is_gone_or_another_is_one_line(
    before: str, after: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(FILE.replace("BOUND", "5"))
    assert run("check", str(mine), "--jobs", "1") == 1
    capsys.readouterr()
    if after is None:
        mine.unlink()
    else:
        changed = FILE.replace("import Clause, ", "import Clause, Evaluation, ").replace("BOUND", "5")
        assert before in changed
        mine.write_text(changed.replace(before, after))
    assert run("replay", witness_of(tmp_path)) == 2
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert words.format(mine=mine) in line
    assert "--" not in line
    assert printed.out == ""


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = Witness("block-limit", None, 0, "evaluation", ("root",), {}, 0, 15, "versions", "command")
    gone = Witness("no-such-statement", None, 0, "evaluation", ("root",), {}, 0, 15, "versions", "command")
    lost = Witness("small", str(tmp_path / "lost.py"), 0, "falsification", ("claim",), {}, 0, 15, "versions", "command")
    for argument, words in (
        (str(tmp_path / "nowhere.json"), "an existing file"),
        (str(tmp_path), "a file that rankproof wrote"),
        (str(store(base)), "given a value"),
        (str(store(gone)), "no-such-statement"),
        (str(store(lost)), "lost.py is not an existing file"),
    ):
        assert run("replay", argument) == 2
        printed = capsys.readouterr()
        (line,) = printed.err.splitlines()
        assert line.startswith("rankproof: WITNESS: ")
        assert words in line
        assert printed.out == ""
    assert run("replay") == 2
