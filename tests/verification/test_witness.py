"""Witnesses: catches one that is not stored, not replayed first, replayed for a mutant, or read from a broken file."""

import json
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import pytest
import sympy as sp
from toy_statements import BUDGET, DOMAIN, toy, x

from numerics.errors import ArgumentError
from verification import Certificate, Evaluation, Falsification, Parameters, RealRange, Statement, Verdict
from verification.replay import judge_again, keep, replay_stored
from verification.verify import run_check
from verification.witness import Witness, database, point_from, read, store, stored

KINDS = {
    "falsification": lambda: Falsification(("claim",)),
    "evaluation": lambda: Evaluation(("claim",)),
    "certificate": lambda: Certificate(("claim",), DOMAIN),
}


def false(kind: str, bound: str = "7/2") -> Statement:
    return toy(sp.Lt(x, sp.Rational(bound)), KINDS[kind]())


def kept(statement: Statement) -> tuple[Statement, Path]:
    found = run_check(statement, statement.checks[0], BUDGET)
    assert found.verdict is Verdict.REFUTED
    evidence = keep(statement, 0, None, found, "rankproof verify toy")
    assert evidence.replay is not None
    return statement, Path(evidence.replay.split()[-1])


def example() -> Witness:
    return Witness("toy", None, 0, "falsification", ("claim",), {"x": "4"}, 1, 15, "versions", "command")


@pytest.mark.parametrize("kind", KINDS)
def test_a_refutation_is_stored_and_replayed_first(kind: str) -> None:
    statement, path = kept(false(kind))
    assert path.is_relative_to(database())
    found, count = replay_stored(statement, 0, None, BUDGET)
    assert count == 1
    assert found is not None
    assert found.verdict is Verdict.REFUTED
    assert found.witness is not None
    assert found.witness["x"] == read(path).point["x"]
    assert "stored witness" in found.summary
    assert found.replay == f"rankproof replay {path}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_witness_that_no_longer_violates_is_judged_counted_and_kept(kind: str) -> None:
    _, path = kept(false(kind))
    mended = false(kind, "11")
    found, count = replay_stored(mended, 0, None, BUDGET)
    assert (found, count) == (None, 1)
    assert path.exists()
    assert judge_again(mended, read(path), BUDGET).verdict is Verdict.CONSISTENT


def test_the_same_point_is_stored_once_and_what_is_not_refuted_never() -> None:
    statement, path = kept(false("falsification"))
    assert kept(statement)[1] == path
    assert len(list(stored("toy", None))) == 1
    true = false("falsification", "11")
    found = run_check(true, true.checks[0], BUDGET)
    assert keep(true, 0, None, found, "command") is found
    assert len(list(stored("toy", None))) == 1


def test_a_witness_of_a_users_file_is_not_one_of_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store(replace(example(), file="mine.py"))
    assert list(stored("toy", None)) == []
    assert [witness for _, witness in stored("toy", "./mine.py")] == [
        replace(example(), file=str(tmp_path / "mine.py"))
    ]
    assert list(stored("toy", "other/mine.py")) == []


def test_the_users_file_is_stored_as_seen_from_the_witness_and_moves_along_with_it(tmp_path: Path) -> None:
    path = store(replace(example(), file=str(tmp_path / "mine.py")))
    assert json.loads(path.read_text())["file"] == "../../../mine.py"
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    assert read(moved / path.relative_to(tmp_path)).file == str(moved / "mine.py")
    moved.rename(tmp_path)


def test_the_same_point_of_two_files_is_two_witnesses(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("mine.py", "yours.py")]
    paths = {store(replace(example(), file=file)) for file in (*files, *files, None)}
    assert len(paths) == 3
    for file in files:
        assert [witness.file for _, witness in stored("toy", file) if witness] == [file]


def test_values_are_exact_and_the_file_is_read_back_as_it_was() -> None:
    third = replace(example(), point={"x": "10/3"})
    path = store(third)
    assert read(path) == third
    assert point_from(third.point, DOMAIN) == {x: Fraction(10, 3)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: "{", "it is not JSON"),
        (lambda found: "[]", "its keys are"),
        (lambda found: json.dumps({key: found[key] for key in list(found)[1:]}), "its keys are"),
        (lambda found: json.dumps(found | {"check": "first"}), "its check is 'first'"),
        (lambda found: json.dumps(found | {"check": True}), "its check is True"),
        (lambda found: json.dumps(found | {"check": -1}), "its check is -1, below 0"),
        (lambda found: json.dumps(found | {"point": {"x": 4}}), "are not text"),
        (lambda found: json.dumps(found | {"clauses": []}), "its clauses and point are not text"),
        (lambda found: json.dumps(found | {"clauses": "claim"}), "its clauses is 'claim'"),
        (lambda found: json.dumps(found | {"seed": "one"}), "its seed is 'one'"),
        (lambda found: json.dumps(found | {"seed": 1.5}), "its seed is 1.5"),
        (lambda found: json.dumps(found | {"seed": -1}), "its seed is -1, below 0"),
        (lambda found: json.dumps(found | {"digits": 0}), "its digits is 0, below 1"),
        (lambda found: json.dumps(found | {"digits": True}), "its digits is True"),
        (lambda found: json.dumps(found | {"kind": None}), "its kind is None"),
        (lambda found: json.dumps(found | {"file": 3}), "its file is 3"),
        (lambda found: json.dumps(found | {"versions": None}), "its versions is None"),
        (lambda found: json.dumps(found | {"command": []}), r"its command is \[\]"),
    ],
)
def test_a_damaged_file_is_refused_in_words_and_passed_over_by_a_run(change: object, words: str) -> None:
    path = store(example())
    path.write_text(change(asdict(example())))  # type: ignore[operator]
    with pytest.raises(ArgumentError, match=words):
        read(path)
    assert list(stored("toy", None)) == [(path, None)]
    assert replay_stored(false("falsification"), 0, None, BUDGET) == (None, 0)


def test_a_witness_that_does_not_fit_the_statement_is_refused() -> None:
    statement = false("falsification")
    for wrong, words in (
        (replace(example(), check=3), "check 3"),
        (replace(example(), kind="certificate"), "is not a check of toy"),
        (replace(example(), point={"x": "11"}), r"x = 11 is not in its domain, x in \[1, 10\]"),
        (replace(example(), point={}), "x is not given a value"),
        (replace(example(), point={"x": "4", "y": "4"}), r"y is not a parameter of the domain, x in \[1, 10\]"),
        (replace(example(), point={"x": "four"}), "x = four is not a decimal number"),
        (
            replace(example(), clauses=("claim", "other")),
            r"other is not a clause that check 0 of toy speaks of \(claim\)",
        ),
    ):
        with pytest.raises(ArgumentError, match=words) as caught:
            judge_again(statement, wrong, BUDGET)
        assert caught.value.argument == "WITNESS"


def test_the_values_are_substituted_into_assumptions_and_claims() -> None:
    domain = Parameters((RealRange(x, "1", "10"),))
    statement = toy(sp.Lt(x**2, 9), Falsification(("claim",)), parameters=domain, assumptions=(sp.Ge(2 * x, 7),))
    found = run_check(statement, statement.checks[0], BUDGET)
    assert found.witness is not None
    value = Fraction(found.witness["x"])
    assert value >= Fraction(7, 2)
    assumption, claim = found.substituted
    assert assumption.startswith("assumes 2*x >= 7:")
    assert assumption.endswith("holds")
    assert claim.startswith("claims claim, x**2 < 9:")
    assert "FALSE" in claim
    numbers = assumption.split(":")[1].split()
    assert [float(numbers[0]), numbers[1], float(numbers[2])] == [float(2 * value), ">=", 7.0]
