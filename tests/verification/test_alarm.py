"""A wrong proof meets the falsifier: catches an alarm that is not raised, is raised for nothing, or does not fail."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from toy_statements import BUDGET, DOMAIN, nothing, seen, toy, x

from theory.derivation import Derivation, identity
from verification import Certificate, Falsification, Mutant, Statement, Symbolic, Verdict, catalogue
from verification.checks import Quantities
from verification.cli import main
from verification.parameters import Point
from verification.verify import StatementResult, verify


def half(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
    return {seen: point[x] / 2}


def wrong_proof(*clauses: str) -> Symbolic:
    """ "Reduces" everything to zero, as a careless simplification would."""
    lie = identity("x/2 = x", x / 2, x, reduce=lambda residual: sp.Integer(0))
    return Symbolic(clauses, lambda: [Derivation(clauses, (lie,))])


def unsound() -> Statement:
    return toy(sp.Eq(seen, x), wrong_proof("claim"), Falsification(("claim",), half, "halves"), observed=True)


def refuted() -> Statement:
    return toy(sp.Eq(seen, x), Falsification(("claim",), half, "halves"), observed=True)


def undecided() -> Statement:
    return toy(sp.Le(x * (11 - x), sp.Rational(121, 4)), Certificate(("claim",), DOMAIN))  # tight at x = 11/2


def true() -> Statement:
    return toy(sp.Eq(2 * seen, x), Falsification(("claim",), half, "halves"), observed=True)


def survivor() -> Statement:
    return toy(
        sp.Eq(2 * seen, x),
        Falsification(("claim",), half, "halves"),
        observed=True,
        mutants=(Mutant("not-false", "the same again", true), Mutant("false", "off by two", refuted)),
    )


@pytest.fixture
def in_catalogue(monkeypatch: pytest.MonkeyPatch) -> Callable[[Statement], None]:
    """Puts one statement in the place of the catalogue, for runs in this process."""

    def put(statement: Statement) -> None:
        monkeypatch.setattr(catalogue, "statement", lambda statement_id: statement)
        monkeypatch.setattr(catalogue, "ids", lambda: (statement.id,))

    return put


def result(statement: Statement, put: Callable[[Statement], None]) -> StatementResult:
    put(statement)
    (found,) = verify([statement.id], BUDGET, jobs=1)
    return found


def test_a_wrong_proof_and_a_counterexample_raise_the_alarm(in_catalogue: Any) -> None:
    found = result(unsound(), in_catalogue)
    assert [one.verdict for one in found.evidence] == [Verdict.PROVED, Verdict.REFUTED]
    assert found.verdict is Verdict.UNSOUND
    assert found.failed


def test_a_proof_of_one_clause_and_a_counterexample_to_another_are_no_alarm(in_catalogue: Any) -> None:
    claims = {"proved": sp.Gt(x, 0, evaluate=False), "refuted": sp.Eq(seen, x)}
    both = Falsification(("proved", "refuted"), half, "halves")
    found = result(toy(claims, wrong_proof("proved"), both, observed=True), in_catalogue)
    assert found.verdict is Verdict.REFUTED
    assert found.failed


def test_the_sampler_runs_although_the_proof_succeeded(in_catalogue: Any) -> None:
    found = result(unsound(), in_catalogue)
    assert found.evidence[1].points > 0
    assert found.evidence[1].witness is not None


def test_undecided_neither_passes_nor_fails_the_run(in_catalogue: Any) -> None:
    found = result(undecided(), in_catalogue)
    assert found.verdict is Verdict.UNDECIDED
    assert not found.verdict.passed
    assert not found.failed


def test_a_surviving_mutant_fails_a_statement_that_passes(in_catalogue: Any) -> None:
    found = result(survivor(), in_catalogue)
    assert found.verdict is Verdict.CONSISTENT
    assert [mutant.verdict for mutant in found.mutants] == [Verdict.CONSISTENT, Verdict.REFUTED]
    assert [mutant.refuted for mutant in found.mutants] == [False, True]
    assert found.failed


def test_a_mutant_that_is_refuted_by_a_broken_check_is_not_caught(in_catalogue: Any) -> None:
    def broken(_point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
        raise ValueError("broken")

    statement = toy(
        sp.Eq(2 * seen, x),
        Falsification(("claim",), half, "halves"),
        observed=True,
        mutants=(
            Mutant("error", "raises", lambda: toy(sp.Gt(x, 2), Falsification(("claim",), broken, "broken"))),
            Mutant("alarm", "proved and refuted", unsound),
        ),
    )
    found = result(statement, in_catalogue)
    assert [mutant.verdict for mutant in found.mutants] == [Verdict.ERROR, Verdict.UNSOUND]
    assert not any(mutant.refuted for mutant in found.mutants)
    assert found.failed


@pytest.mark.parametrize(
    ("build", "code", "shouts"),
    [
        (unsound, 1, ["UNSOUND", "falsification: REFUTED", "x = 1", "seen = "]),
        (refuted, 1, ["REFUTED", "counterexample", "x = 1"]),
        (survivor, 1, ["mutants 1/2 refuted", "not-false is CONSISTENT"]),
        (undecided, 0, ["UNDECIDED", "sub-boxes", "the sides seem to be equal near x in [~5"]),
        (true, 0, ["CONSISTENT"]),
    ],
)
def test_the_command_line_says_what_failed_and_exits_accordingly(
    build: Callable[[], Statement],
    code: int,
    shouts: list[str],
    in_catalogue: Any,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    statement = build()
    in_catalogue(statement)
    with pytest.raises(SystemExit) as stop:
        main(["verify", "--jobs", "1", "--json", str(tmp_path / "all.json")])
    assert stop.value.code == code
    printed = capsys.readouterr()
    for words in shouts:
        assert words in printed.out
    assert printed.err == ""
    run = json.loads((tmp_path / "all.json").read_text())["run"]
    assert run["ok"] == (code == 0)
    assert run["failed"] == ([statement.id] if code else [])


def test_a_certificate_and_a_counterexample_raise_the_alarm_too(in_catalogue: Any) -> None:
    """The certificate is told that x/2 is seen, and the falsifier sees something else."""
    certificate = Certificate(("claim",), DOMAIN, lambda _: Quantities({seen: x / 2}))
    outside = Falsification(("claim",), lambda point, digits: {seen: point[x] + 20}, "shifted")
    found = result(toy(sp.Lt(seen, 11), certificate, outside, observed=True), in_catalogue)
    assert [one.verdict for one in found.evidence] == [Verdict.CERTIFIED, Verdict.REFUTED]
    assert found.verdict is Verdict.UNSOUND


def test_nothing_is_drawn_when_nothing_can_be(in_catalogue: Any) -> None:
    low = toy(
        sp.Gt(x, 5),
        Falsification(("claim",), nothing, "order", domain=DOMAIN.restricted(type(DOMAIN.ranges[0])(x, "1", "2"))),
        assumptions=(sp.Gt(x, 5),),
    )
    found = result(low, in_catalogue)
    assert found.verdict is Verdict.VACUOUS
    assert found.failed
