"""`rankproof derive`: what it says and how it exits."""

import re
import shutil
from pathlib import Path

import pytest

from verification.cli import main
from verification.forms import FOLDER

_ID = "block-invariant"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of one stored form, in place of the stored forms."""
    shutil.copy(FOLDER / f"{_ID}.json", tmp_path)
    monkeypatch.setattr("verification.cli.derive.FOLDER", tmp_path)
    return tmp_path


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["derive", "--jobs", "1", *arguments])
    return int(str(ended.value.code))


def test_without_options_it_derives(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(_ID) == 0
    assert re.match(rf"holds +{_ID} +\d+ steps, \d+ arguments\n", capsys.readouterr().out)


@pytest.mark.usefixtures("folder")
def test_the_same_is_said_to_be_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--check", _ID) == 0
    assert capsys.readouterr().out.startswith("same")


def test_a_changed_form_fails_and_write_mends_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / f"{_ID}.json"
    true = path.read_text()
    path.write_text(true.replace('"kind": "identity"', '"kind": "argument"', 1))
    assert _run("--check", _ID) == 1
    assert "argument has become identity" in capsys.readouterr().out
    assert _run("--write", _ID) == 0
    assert path.read_text() == true


def test_a_missing_form_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / f"{_ID}.json").unlink()
    assert _run("--check", _ID) == 1
    assert f"rankproof derive --write {_ID}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("no-such",), "ID"),
        (("--check", "--write", _ID), "--write"),
        (("--seed", "x", _ID), "--seed"),
        (("--jobs", "0", _ID), "--jobs"),
        (("--chekc", _ID), "--chekc"),
    ],
)
def test_bad_usage_is_one_line(arguments: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*arguments) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1


def test_a_broken_stored_form_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / f"{_ID}.json").write_text("{")
    assert _run("--check", _ID) == 2
    said = capsys.readouterr().err
    assert "form" in said
    assert said.count("\n") == 1


def test_a_derivation_that_does_not_hold_is_not_stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sympy as sp

    from theory.derivation import Derivation, identity
    from theory.symbols import m

    false = Derivation(("claim",), (identity("false", m, m + sp.S.One),))
    monkeypatch.setattr("verification.cli.derive.derivations_of", lambda statement: (false,))
    before = (folder / f"{_ID}.json").read_text()
    assert _run("--write", _ID) == 1
    assert (folder / f"{_ID}.json").read_text() == before
