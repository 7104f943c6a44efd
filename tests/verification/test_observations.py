"""Observations as JSON lines: catches a line that viewers of Hypothesis's observations cannot read or would misread."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.internal.observability import with_observability_callback
from hypothesis.strategies._internal.utils import to_jsonable
from toy_statements import BUDGET, DOMAIN, n, nothing, seen, toy, x

from numerics import ArgumentError
from theory.derivation import Derivation, identity
from verification import (
    Certificate,
    Evaluation,
    Evidence,
    Falsification,
    IntegerRange,
    Mutant,
    Parameters,
    RealRange,
    Statement,
    Symbolic,
    Verdict,
)
from verification.claim import Truth
from verification.coverage import verdict_of
from verification.evidence import Sample
from verification.observations import write_observations
from verification.parameters import Point
from verification.verify import StatementResult, run_check, run_mutant

RUN = {
    "command": "rankproof verify toy --seed 1",
    "profile": "quick",
    "seed": 1,
    "jobs": 1,
    "started": "2026-03-04T05:06:07+00:00",
    "seconds": 1.5,
    "versions": "python 3.11",
    "verdicts": {"PROVED": 1},
}
NUMBER, TEXT, TABLE = {"type": "number"}, {"type": "string"}, {"type": "object"}
# The JSON schema of one line in Hypothesis's documentation (reference/schema_observations.json, version 6.170).
MESSAGE = {
    "type": "object",
    "properties": {
        "type": {"enum": ["info", "alert", "error"]},
        "title": TEXT,
        "content": {"type": ["string", "object"]},
        "property": TEXT,
        "run_start": NUMBER,
    },
    "additionalProperties": False,
}
TEST_CASE = {
    "type": "object",
    "properties": {
        "type": {"const": "test_case"},
        "status": {"enum": ["passed", "failed", "gave_up"]},
        "status_reason": TEXT,
        "representation": TEXT,
        "arguments": TABLE,
        "how_generated": {"type": ["string", "null"]},
        "features": TABLE,
        "coverage": {"type": ["object", "null"]},
        "timing": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
        "metadata": TABLE,
        "property": TEXT,
        "run_start": NUMBER,
    },
    "additionalProperties": False,
}
SCHEMA = {"oneOf": [part | {"required": list(part["properties"])} for part in (MESSAGE, TEST_CASE)]}


def half(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
    return {seen: point[x] / 2}


def refuted() -> Statement:
    return toy(sp.Eq(seen, x), Falsification(("claim",), half, "halves"), observed=True)


def verified(statement: Statement) -> StatementResult:
    evidence = tuple(run_check(statement, check, BUDGET) for check in statement.checks)
    mutants = tuple(run_mutant(statement, index, BUDGET) for index in range(len(statement.mutants)))
    verdict = verdict_of(statement, evidence)
    return StatementResult(statement, verdict, evidence, mutants)


def written(path: Path, *results: StatementResult, run: Mapping[str, Any] = RUN) -> list[dict[str, Any]]:
    """What a reader that knows only JSON finds in the file."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    write_observations(path, run, results)
    return [json.loads(line, parse_constant=refuse) for line in path.read_text(encoding="utf-8").splitlines()]


def cases(lines: list[dict[str, Any]], part: str = "") -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] == "test_case" and part in line["property"]]


def kitchen_sink() -> Statement:
    """One check of each kind that has points, one that has none, and a mutant."""
    proof = Symbolic(("claim",), lambda: [Derivation(("claim",), (identity("doubling", x + x, 2 * x),))])
    return toy(
        sp.Eq(2 * seen, x),
        proof,
        Evaluation(("claim",), half, "halves"),
        Falsification(("claim",), half, "halves"),
        Falsification(("claim",), half, "halves again"),
        observed=True,
        mutants=(Mutant("single", "the factor forgotten", refuted),),
    )


def test_every_line_satisfies_the_schema_of_hypothesis(tmp_path: Path) -> None:
    certified = toy(
        {"bound": sp.Gt(x, sp.Rational(1, 2)), "other": sp.Gt(x, 100)}, Certificate(("bound", "other"), DOMAIN)
    )
    lines = written(tmp_path / "run.jsonl", verified(kitchen_sink()), verified(certified))
    assert {line["type"] for line in lines} == {"info", "alert", "test_case"}
    for line in lines:
        jsonschema.validate(line, SCHEMA)


def test_a_line_has_the_keys_and_types_that_hypothesis_itself_emits(tmp_path: Path) -> None:
    emitted: list[dict[str, Any]] = []

    @settings(max_examples=20, database=None)
    @given(number=st.integers(0, 100))
    def fails_for_large_numbers(number: int) -> None:
        assert number < 50

    def collect(observation: Any) -> None:
        emitted.append(to_jsonable(observation, avoid_realization=False))

    with with_observability_callback(collect), pytest.raises(AssertionError):
        fails_for_large_numbers()
    ours = written(tmp_path / "run.jsonl", verified(kitchen_sink()))
    for kind in ("test_case", "info"):
        theirs = [line for line in emitted if line["type"] == kind]
        types = {key: {type(line[key]) for line in theirs} | {type(None)} for key in theirs[0]}
        for line in (line for line in ours if line["type"] == kind):
            assert line.keys() == types.keys()
            assert all(type(value) in types[key] for key, value in line.items()), line
    assert {line["status"] for line in emitted if "status" in line} == {"passed", "failed"}


def test_the_first_line_records_the_run(tmp_path: Path) -> None:
    first = written(tmp_path / "run.jsonl", verified(kitchen_sink()))[0]
    assert (first["type"], first["property"]) == ("info", "rankproof")
    record = json.loads(first["content"].removeprefix("```json\n").removesuffix("\n```"))
    assert record.items() >= RUN.items()
    assert set(record["precision"]) == {"evaluation", "falsification"}
    assert all(bits > 53 for used in record["precision"].values() for bits in used)


def test_a_line_starts_when_the_run_did(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC).timestamp()
    assert {line["run_start"] for line in written(tmp_path / "run.jsonl", verified(kitchen_sink()))} == {moment}


def test_there_is_one_case_per_judged_point_and_one_per_check_without_points(tmp_path: Path) -> None:
    result = verified(kitchen_sink())
    lines = written(tmp_path / "run.jsonl", result)
    _, grid, first, second = result.evidence
    prefix = "rankproof toy: claim by "
    assert len(cases(lines, prefix + "symbolic")) == 1
    assert len(cases(lines, prefix + "evaluation")) == len(grid.samples) == BUDGET.points
    drawn = cases(lines, prefix + "falsification")
    assert len(drawn) == len(first.samples) + len(second.samples)
    assert {line["property"] for line in drawn} == {prefix + "falsification", prefix + "falsification (2)"}
    assert {line["status"] for line in cases(lines, prefix)} == {"passed"}
    shown = cases(lines, prefix + "evaluation")
    assert [str(line["arguments"]["x"]) for line in shown] == [sample.point[0] for sample in grid.samples]
    assert math.isclose(sum(line["timing"]["execute:test"] for line in shown), grid.seconds)


def test_a_caught_mutant_is_a_failing_property_that_says_it_is_false_on_purpose(tmp_path: Path) -> None:
    result = verified(kitchen_sink())
    lines = written(tmp_path / "run.jsonl", result)
    mutant = cases(lines, "mutant single by falsification (false on purpose)")
    assert len(mutant) == len(result.mutants[0].evidence[0].samples)
    assert all(line["metadata"]["mutant"] == "single" for line in mutant)
    failed = [line for line in mutant if line["status"] == "failed"]
    assert failed
    assert "relative residual 0.5" in failed[-1]["status_reason"]
    assert failed[-1]["features"]["log10 residual"] == pytest.approx(math.log10(0.5))
    witness = result.mutants[0].evidence[0].witness
    assert witness is not None
    assert any(line["metadata"]["witness"] == witness for line in failed)
    assert witness["seen"]
    assert not [line for line in lines if line["type"] == "alert"], "a caught mutant is what was expected"


def test_a_refuted_statement_and_a_surviving_mutant_are_alerts(tmp_path: Path) -> None:
    survivor = toy(
        sp.Eq(2 * seen, x),
        Falsification(("claim",), half, "halves"),
        observed=True,
        mutants=(Mutant("not-false", "the same again", kitchen_sink),),
    )
    lines = written(tmp_path / "run.jsonl", verified(refuted()), verified(survivor))
    first, second = [line for line in lines if line["type"] == "alert"]
    assert first["title"] == "REFUTED"
    assert "counterexample" in first["content"]
    assert second["title"] == "a mutant survived"
    assert "not-false" in second["content"]


def test_what_the_balls_cannot_decide_gave_up_with_a_reason(tmp_path: Path) -> None:
    def wide(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
        return {seen: arb(0, 100)}

    statement = toy(sp.Eq(seen, x), Evaluation(("claim",), wide, "blurred"), observed=True)
    lines = cases(written(tmp_path / "run.jsonl", verified(statement)))
    assert {line["status"] for line in lines} == {"gave_up"}
    assert all("too wide" in line["status_reason"] for line in lines)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_check_without_points_has_the_status_of_its_verdict(tmp_path: Path, verdict: Verdict) -> None:
    statement = toy(sp.Gt(x, sp.Rational(1, 2)), Certificate(("claim",), DOMAIN))
    one = Evidence("certificate", ("claim",), verdict, "so it ended", remedy="turn the knob", seconds=2.0)
    (line,) = cases(written(tmp_path / "run.jsonl", StatementResult(statement, verdict, (one,), ())))
    if verdict.passed:
        assert (line["status"], line["status_reason"]) == ("passed", "")
    else:
        assert line["status"] == ("failed" if verdict is Verdict.REFUTED else "gave_up")
        assert line["status_reason"] == "so it ended; turn the knob"
    assert line["timing"] == {"execute:test": 2.0}


@pytest.mark.parametrize("truth", list(Truth))
def test_a_point_has_the_status_of_its_truth(tmp_path: Path, truth: Truth) -> None:
    statement = toy(sp.Gt(x, sp.Rational(1, 2)), Evaluation(("claim",), nothing, "order"))
    samples = (Sample(("2",), truth.name.lower(), 0.0),)
    one = Evidence("evaluation", ("claim",), Verdict.CONSISTENT, "fine", axes=("x",), samples=samples)
    (line,) = cases(written(tmp_path / "run.jsonl", StatementResult(statement, Verdict.CONSISTENT, (one,), ())))
    expected = {Truth.FALSE: "failed", Truth.UNKNOWN: "gave_up", Truth.AGREES: "passed", Truth.TRUE: "passed"}
    assert line["status"] == expected[truth]
    assert bool(line["status_reason"]) == (line["status"] != "passed")


def test_values_stay_exact_and_numbers_that_json_lacks_are_left_out(tmp_path: Path) -> None:
    large = "1" * 16
    values = {
        "1": 1,
        "-3": -3,
        large: large,
        "0.1": "0.1",
        "2/3": "2/3",
        "inf": "inf",
        "1e-400": "1e-400",
        "1e400": "1e400",
    }
    axes = tuple(f"p{index}" for index in range(len(values)))
    samples = tuple(Sample(tuple(values), "true", residual) for residual in (0.0, 1e-30, math.inf, math.nan))
    one = Evidence(
        "evaluation", ("claim",), Verdict.CONSISTENT, "fine", axes=axes, samples=samples, worst_residual=math.inf
    )
    statement = toy(sp.Gt(x, sp.Rational(1, 2)), Evaluation(("claim",), nothing, "order"))
    lines = cases(written(tmp_path / "run.jsonl", StatementResult(statement, Verdict.CONSISTENT, (one,), ())))
    assert [list(line["arguments"].values()) for line in lines] == 4 * [list(values.values())]
    numbers = {"p0": 1.0, "p1": -3.0, "p2": float(large), "p3": 0.1, "p4": 2 / 3}
    assert lines[0]["features"] == {"truth": "true", **numbers}
    assert lines[1]["features"] == {"truth": "true", "log10 residual": pytest.approx(-30), **numbers}
    assert [line["metadata"]["residual"] for line in lines] == [0.0, 1e-30, None, None]


def test_integers_are_numbers(tmp_path: Path) -> None:
    domain = Parameters((IntegerRange(n, 2, 4), RealRange(x, "0.25", "0.25")))
    statement = toy(sp.Gt(n, x), Evaluation(("claim",), nothing, "order"), parameters=domain)
    lines = cases(written(tmp_path / "run.jsonl", verified(statement)))
    assert {line["arguments"]["n"] for line in lines} == {2, 3, 4}
    assert {line["arguments"]["x"] for line in lines} == {"0.25"}


def test_points_of_different_checks_are_not_taken_for_repetitions(tmp_path: Path) -> None:
    lines = written(tmp_path / "run.jsonl", verified(kitchen_sink()))
    properties_by_text: dict[str, set[str]] = {}
    for line in cases(lines):
        properties_by_text.setdefault(line["representation"], set()).add(line["property"])
    assert all(len(properties) == 1 for properties in properties_by_text.values())


def test_tyche_reads_every_line(tmp_path: Path) -> None:
    """Its parser wants text where the schema allows more, and stops at a line of type error (tyche-extension 0.3.8)."""
    broken = toy(sp.Gt(x, sp.Rational(1, 2)), Certificate(("claim",), DOMAIN))
    failed = Evidence("certificate", ("claim",), Verdict.ERROR, "ZeroDivisionError: division by zero")
    lines = written(
        tmp_path / "run.jsonl", verified(kitchen_sink()), StatementResult(broken, Verdict.ERROR, (failed,), ())
    )
    for line in lines:
        if line["type"] == "test_case":
            assert isinstance(line["how_generated"], str)
            assert line["coverage"] is None, "an empty table would say that no line was covered"
        else:
            assert line["type"] in {"info", "alert"}
            assert isinstance(line["content"], str)


def test_a_number_that_json_lacks_in_the_record_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("old")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_observations(path, {**RUN, "seconds": math.nan}, [])
    assert [one.name for one in tmp_path.iterdir()] == ["run.jsonl"]
    assert path.read_text() == "old"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^observations: .* is not in an existing directory"):
        write_observations(tmp_path / "absent" / "run.jsonl", RUN, [])


def test_the_record_of_a_check_says_how_it_was_made(tmp_path: Path) -> None:
    result = verified(kitchen_sink())
    lines = written(tmp_path / "run.jsonl", replace(result, mutants=()))
    messages = [line for line in lines if line["type"] == "info" and line["property"].endswith("by falsification")]
    (record,) = (json.loads(line["content"].strip("`").removeprefix("json")) for line in messages)
    assert record.items() >= {"seed": BUDGET.seed, "versions": result.evidence[2].versions}.items()
    assert record["precision"] > 53
    assert record["domain"]
