"""`rankproof check`: catches a verdict or exit code that differs from the catalogue's, a traceback, a missed alarm."""

import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from verification.cli import main
from verification.statement_file import load
from verification.witness import database

EXAMPLES = Path(__file__).parents[2] / "notebooks" / "statements"

HEAD = """import sympy as sp
from theory.derivation import Derivation, identity
from verification import Clause, Falsification, Mutant, Parameters, RealRange, Statement, Symbolic
x = sp.Symbol("x", positive=True)
def careless(bound):
    step = identity("x/2 = x", x / 2, x, reduce=lambda residual: sp.Integer(0))
    return [Derivation(("claim",), (step,))]
def build(id, bound, *checks, mutants=()):
    sampled = Falsification(("claim",), lambda point, digits: {}, "sampled points")
    return Statement(
        id=id, title=id, parameters=Parameters((RealRange(x, "1", "10"),)), mutants=mutants,
        clauses=(Clause("claim", "x is below a bound", sp.Lt(x, bound)),), checks=(*checks, sampled),
    )
"""
TRUE = "def true():\n    return build('true', 11)\n"
FALSE = "def false():\n    return build('false', 5)\n"
UNSOUND = "def unsound():\n    return build('unsound', 5, Symbolic(('claim',), lambda: careless(5)))\n"
SURVIVOR = "def survivor():\n    return build('survivor', 11, mutants=(Mutant('same', 'no change', survivor),))\n"


def run(*arguments: object) -> Any:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(HEAD + text)
    return path


@pytest.mark.parametrize(
    ("text", "code", "shouts"),
    [
        (f"{TRUE}STATEMENTS = (true,)\n", 0, ["CONSISTENT        true", "1 statement: 1 CONSISTENT"]),
        (f"{FALSE}STATEMENTS = (false,)\n", 1, ["REFUTED", "claim: counterexample", "at x = "]),
        (f"{UNSOUND}STATEMENTS = (unsound,)\n", 1, ["UNSOUND           unsound", "falsification: REFUTED"]),
        (f"{TRUE}{SURVIVOR}STATEMENTS = (survivor,)\n", 1, ["mutants 0/1 refuted: same is CONSISTENT"]),
    ],
    ids=["true", "false", "unsound", "survivor"],
)
def test_verdicts_alarms_and_exit_codes_are_those_of_verify(
    text: str, code: int, shouts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, text)
    assert run("check", path, "--jobs", 1, "--json", tmp_path / "all.json") == code
    printed = capsys.readouterr()
    assert printed.err == ""
    for words in shouts:
        assert words in printed.out
    document = json.loads((tmp_path / "all.json").read_text())
    assert document["run"]["ok"] == (code == 0)
    assert document["run"]["file"] == str(path)
    assert document["run"]["command"].startswith(f"rankproof check {path}")


def test_strict_makes_an_undecided_check_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step = "identity('x', x, x + sp.Symbol('hidden', positive=True), reduce=lambda residual: sp.nan)"
    derived = f"Symbolic(('claim',), lambda: [Derivation(('claim',), ({step},))])"
    open_one = f"def undecided():\n    return build('undecided', 11, {derived})\n"
    path = written(tmp_path, f"{TRUE}{open_one}STATEMENTS = (true, undecided)\n")
    command = ["check", path, "--jobs", 1, "--json", tmp_path / "all.json"]
    assert run(*command) == 0
    assert json.loads((tmp_path / "all.json").read_text())["run"]["ok"]
    assert run(*command, "--strict") == 1
    found = json.loads((tmp_path / "all.json").read_text())["run"]
    assert (found["ok"], found["failed"], found["strict"]) == (False, ["undecided"], True)
    assert run("check", path, "true", "--jobs", 1, "--strict") == 0
    # Another check covers the clause, and still something was not decided.
    assert "CONSISTENT        undecided" in capsys.readouterr().out


def test_ids_choose_and_the_seed_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, f"{TRUE}{FALSE}STATEMENTS = (true, false)\n")
    assert run("check", path, "true", "--jobs", 1, "--seed", 5, "--json", tmp_path / "five.json") == 0
    assert run("check", path, "true", "--jobs", 1, "--seed", 6, "--json", tmp_path / "six.json") == 0
    five, six = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("five", "six"))
    assert [one["id"] for one in five["statements"]] == ["true"]
    assert five["statements"][0]["checks"][0]["seed"] != six["statements"][0]["checks"][0]["seed"]
    assert run("check", path, "nonsense") == 2
    assert "ID: nonsense is not a statement of" in capsys.readouterr().err


def test_report_and_observations_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, f"{TRUE}{FALSE}STATEMENTS = (true, false)\n")
    command = ["check", path, "--jobs", 1, "--report", tmp_path / "page", "--observations", tmp_path / "points.jsonl"]
    assert run(*command) == 1
    assert capsys.readouterr().err == ""
    page = (tmp_path / "page" / "index.html").read_text()
    assert "x is below a bound" in page
    lines = [json.loads(line) for line in (tmp_path / "points.jsonl").read_text().splitlines()]
    assert {line["status"] for line in lines if line["type"] == "test_case"} == {"passed", "failed"}


@pytest.mark.parametrize("derived", ["1 / 0", "None"])
def test_a_derivation_that_fails_names_its_line_and_the_report_is_written(
    derived: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = f"def broken():\n    return build('broken', 11, Symbolic(('claim',), lambda: {derived}))\n"
    path = written(tmp_path, f"{broken}STATEMENTS = (broken,)\n")
    where = f"{path}:{len(HEAD.splitlines()) + 2}: "
    assert run("check", path, "--jobs", 1, "--report", tmp_path / "page") == 1
    printed = capsys.readouterr()
    assert f"symbolic: ERROR: {where}" in printed.out
    assert printed.err == ""
    assert where.split("/")[-1] in (tmp_path / "page" / "index.html").read_text()
    assert run("show", "broken", "--file", path) == 2
    assert capsys.readouterr().err.startswith(f"rankproof: {where}")


def test_processes_load_the_file_themselves_and_find_the_same(tmp_path: Path) -> None:
    """The installed command, in another process than this one, with two workers and with one."""
    path = written(tmp_path, f"{TRUE}{FALSE}{UNSOUND}STATEMENTS = (true, false, unsound)\n")
    command = [str(Path(sys.executable).with_name("rankproof")), "check", path.name]
    found = []
    for jobs in ("1", "2"):
        arguments = [*command, "--jobs", jobs, "--json", f"{jobs}.json"]
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (1, "")
        statements = json.loads((tmp_path / f"{jobs}.json").read_text())["statements"]
        for check in (check for one in statements for check in one["checks"]):
            del check["seconds"]
        found.append(statements)
        shutil.rmtree(database())  # the second run would replay what the first has found
    assert found[0] == found[1]
    assert [one["verdict"] for one in found[0]] == ["CONSISTENT", "REFUTED", "UNSOUND"]
    assert {one.name for one in tmp_path.iterdir()} == {"mine.py", "1.json", "2.json"}


@pytest.mark.parametrize(
    ("mistake", "words"), [("1 / 0", "ZeroDivisionError: division by zero"), ("exit(3)", "SystemExit: 3")]
)
def test_an_error_while_measuring_names_the_line_of_the_file(
    mistake: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = f"def broken():\n    return build('broken', 11, Falsification(('claim',), lambda p, d: {mistake}, 's'))\n"
    path = written(tmp_path, f"{broken}STATEMENTS = (broken,)\n")
    assert run("check", path, "--jobs", 1) == 1
    line = len(HEAD.splitlines()) + 2
    assert f"falsification: ERROR: {path}:{line}: {words}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check"], "FILE"),
        (["check", "missing.py"], "FILE: missing.py is not an existing file"),
        (["check", "folder.py"], "FILE: folder.py is not a file"),
        (["check", "mine.txt"], "FILE: mine.txt is not a Python file"),
        (["check", ""], "FILE: "),
        (["check", "syntax.py"], "syntax.py:2: SyntaxError"),
        (["check", "missing\nline.py"], "FILE: missing line.py"),
        (["check", "good.py", "nonsense"], "ID: nonsense is not a statement of good.py"),
        (["check", "good.py", "--seed", "x"], "--seed: x"),
        (["check", "good.py", "--jobs", "0"], "--jobs: 0"),
        (["check", "good.py", "--profile", "slow"], "--profile"),
        (["check", "good.py", "--json", "missing/all.json"], "--json: missing/all.json"),
        (["check", "good.py", "--observations", "missing/all.jsonl"], "--observations: missing/all.jsonl"),
        (["check", "good.py", "--report", "good.py"], "--report: good.py"),
        (["check", "good.py", "--nonsense"], "--nonsense"),
        (["verify", "--observations", "folder.py"], "--observations: folder.py"),
        (["list", "--file", "missing.py"], "FILE: missing.py"),
        (["list", "--file", "syntax.py"], "syntax.py:2: SyntaxError"),
        (["show", "true", "--file", "missing.py"], "FILE: missing.py"),
        (["show", "nonsense", "--file", "good.py"], "ID: nonsense"),
        (["show", "broken", "--file", "broken.py"], "broken.py:15: ZeroDivisionError"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_bad_input_gets_one_line_and_leaves_nothing(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, f"{TRUE}STATEMENTS = (true,)\n").rename("good.py")
    broken = "def broken():\n    return build('broken', 11, Symbolic(('claim',), lambda: 1 / 0))\n"
    written(tmp_path, f"{broken}STATEMENTS = (broken,)\n").rename("broken.py")
    Path("syntax.py").write_text("\nSTATEMENTS = (\n")
    Path("folder.py").mkdir()
    before = sorted(str(one) for one in tmp_path.rglob("*"))
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("rankproof: ")
    assert words in line
    assert "Traceback" not in line
    assert len(line) < 250
    assert sorted(str(one) for one in tmp_path.rglob("*")) == before


def test_list_and_show_read_statements_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, f"{TRUE}{FALSE}STATEMENTS = (true, false)\n")
    assert run("list", "--file", path) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == ["true", "false"]
    assert run("show", "false", "--file", path) == 0
    shown = capsys.readouterr().out
    assert "x < 5" in shown
    assert f"Verify with: rankproof check {path} false" in shown


@pytest.mark.parametrize(
    ("name", "code", "shouts"),
    [
        ("certified_and_proved", 0, ["PROVED            stable-rank-bound", "mutants 2/2 refuted"]),
        ("end_of_a_flow", 0, ["CONSISTENT        first-column-nearly-rank-one", "mutants 1/1 refuted"]),
        ("false_on_purpose", 1, ["REFUTED           smaller-value-smaller-rank", "at a = 10, b = 1"]),
        ("vacuous_on_purpose", 1, ["VACUOUS           small-scale-only", "no point satisfied the assumptions"]),
    ],
)
def test_the_worked_examples(
    name: str, code: int, shouts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = EXAMPLES / f"{name}.py"
    assert run("check", path, "--jobs", 1, "--json", tmp_path / "all.json") == code
    printed = capsys.readouterr()
    assert printed.err == ""
    for words in shouts:
        assert words in printed.out
    (found,) = json.loads((tmp_path / "all.json").read_text())["statements"]
    expected = {"certified_and_proved": ["PROVED", "CERTIFIED", "CONSISTENT"]}.get(name, [found["verdict"]])
    assert [one["verdict"] for one in found["checks"]] == expected
    # The reader is told what to expect.
    text = path.read_text()
    assert f"rankproof check notebooks/statements/{name}.py" in text
    assert found["verdict"] in text
    assert f"xit code {code}" in text


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_a_statement_of_an_example_has_at_most_thirty_lines(path: Path) -> None:
    assert load(path).ids()
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    for build in names["STATEMENTS"]:
        assert len(inspect.getsource(build).splitlines()) <= 30


def test_there_are_four_worked_examples_and_one_is_false_and_one_vacuous() -> None:
    assert [path.stem for path in sorted(EXAMPLES.glob("*.py"))] == [
        "certified_and_proved",
        "end_of_a_flow",
        "false_on_purpose",
        "vacuous_on_purpose",
    ]
