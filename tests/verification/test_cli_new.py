"""`rankproof new`: catches a template that does not pass, a file that is overwritten, anything half-written."""

import ast
from pathlib import Path

import pytest

from verification.cli import main


def run(*arguments: object) -> object:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


def test_the_template_passes_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.py"
    assert run("new", path) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{path}: check it with: rankproof check {path}\n"
    assert run("check", path, "--jobs", 1) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert [line.split()[:2] for line in printed.out.splitlines()[:2]] == [
        ["CERTIFIED", "norms-of-a-pair"],
        ["CONSISTENT", "nearly-rank-one"],
    ]
    assert "2 of 2 mutants refuted" in printed.out
    assert [one.name for one in tmp_path.iterdir()] == ["mine.py"]


def test_the_template_teaches_every_part_of_a_statement(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    run("new", path)
    tree = ast.parse(path.read_text())
    used = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert {"parameters", "assumptions", "clauses", "checks", "mutants", "observables"} <= used
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert {"Certificate", "Falsification", "Trajectory", "limit_observation", "Mutant"} <= called
    assert all(len(line) <= 120 for line in path.read_text().splitlines())


def test_a_path_with_a_space_is_quoted_in_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("new", tmp_path / "my statements.py") == 0
    assert f"rankproof check '{tmp_path / 'my statements.py'}'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("old.py", "FILE: {} is not a new file; it exists already and is left as it is"),
        ("link.py", "FILE: {} is not a new file"),
        ("folder.py", "FILE: {} is not a new file"),
        ("mine.txt", "FILE: {} is not the name of a Python file, which ends in .py"),
        ("mine", "which ends in .py"),
        ("missing/mine.py", "FILE: {} is not in an existing directory"),
        ("old.py/mine.py", "FILE: {} is not in an existing directory"),
        ("/proc/mine.py", "FILE: {} is not writable"),
        ("x" * 300 + ".py", "FILE: "),
    ],
)
def test_bad_paths(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.py").write_text("mine")
    Path("folder.py").mkdir()
    Path("link.py").symlink_to("nowhere.py")
    before = sorted(one.name for one in tmp_path.iterdir())
    assert run("new", name) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert f"rankproof: {words.format(name)}" in line or words in line
    assert Path("old.py").read_text() == "mine"
    assert sorted(one.name for one in tmp_path.iterdir()) == before
