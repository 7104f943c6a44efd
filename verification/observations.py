"""Evidence as JSON lines in the observability schema of Hypothesis, so that viewers of property-based tests read it.

Source
    Hypothesis, documentation of its observability feature, "PBT Observations" (the JSON schema of one line).
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from numerics.errors import ArgumentError
from numerics.exact import exact
from verification.evidence import Evidence, Sample
from verification.files import whole_file
from verification.verdict import Verdict
from verification.verify import StatementResult

_STATUS = {"true": "passed", "agrees": "passed", "false": "failed", "unknown": "gave_up"}
#: Integers that every reader of JSON keeps exactly, also one whose numbers are float64.
_INTEGER = re.compile(r"-?[0-9]{1,15}")

Line = dict[str, Any]


def write_observations(path: Path, run: Mapping[str, Any], results: Sequence[StatementResult]) -> None:
    """Write one JSON object per line: the run, then each check with every point that it judged, mutants included.

    `run` is the record of the run that `rankproof verify` also writes as JSON; of its keys, "started" (ISO 8601) is
    required. Values of parameters stay exact: integers of up to 15 digits as numbers, the rest as text; `features`
    repeats them as floats, for charts. `timing` shares the seconds of a check evenly among its lines; it is not
    measured per point. The file appears whole or not at all. Raises ArgumentError.
    """
    with whole_file("observations", path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        for line in _lines(run, results):
            stream.write(json.dumps(line, allow_nan=False) + "\n")


def _lines(run: Mapping[str, Any], results: Sequence[StatementResult]) -> Iterator[Line]:
    start = datetime.fromisoformat(run["started"]).timestamp()
    record = {**run, "precision": _precision(results)}
    yield _message("info", start, "rankproof", "run", _as_markdown(record))
    for result in results:
        identifier = result.statement.id
        if result.failed:
            yield _message("alert", start, f"rankproof {identifier}", _title(result), _reasons(result))
        names = [
            f"rankproof {identifier}: {', '.join(check.clauses)} by {check.kind}" for check in result.statement.checks
        ]
        for name, one in zip(_distinct(names), result.evidence, strict=True):
            yield from _check_lines(start, name, one, {"statement": identifier, "mutant": None})
        for mutant in result.mutants:
            names = [
                f"rankproof {identifier}: mutant {mutant.id} by {one.kind} (false on purpose)"
                for one in mutant.evidence
            ]
            for name, one in zip(_distinct(names), mutant.evidence, strict=True):
                yield from _check_lines(start, name, one, {"statement": identifier, "mutant": mutant.id})


def _precision(results: Sequence[StatementResult]) -> dict[str, list[int]]:
    """The working precisions in bits that each kind of check used; symbolic steps are exact and have none."""
    used: dict[str, set[int]] = {}
    for result in results:
        for one in (*result.evidence, *(one for mutant in result.mutants for one in mutant.evidence)):
            if one.bits is not None:
                used.setdefault(one.kind, set()).add(one.bits)
    return {kind: sorted(bits) for kind, bits in sorted(used.items())}


def _distinct(names: Sequence[str]) -> Iterator[str]:
    """The names, repeated ones numbered: viewers take lines of one property for one test."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"


def _title(result: StatementResult) -> str:
    return f"{result.verdict}" if result.verdict.failed else "a mutant survived"


def _reasons(result: StatementResult) -> str:
    reasons = [f"- {one.kind}: {one.verdict}: {one.summary}" for one in result.evidence if one.verdict.failed]
    reasons += [f"- mutant {one.id} is {one.verdict}: {one.text}" for one in result.mutants if not one.refuted]
    return "\n".join([result.verdict.meaning, "", *reasons])


def _message(kind: str, start: float, name: str, title: str, content: str) -> Line:
    """A message to the reader.

    Never of type "error", and its content always text: the schema allows more, but Tyche stops reading at the former
    and refuses the latter.
    """
    return {"type": kind, "run_start": start, "property": name, "title": title, "content": content}


def _as_markdown(record: Mapping[str, object]) -> str:
    return f"```json\n{json.dumps(record, indent=1, allow_nan=False)}\n```"


def _check_lines(start: float, name: str, one: Evidence, about: Mapping[str, str | None]) -> Iterator[Line]:
    yield _message("info", start, name, f"{one.verdict}: {one.summary}", _as_markdown(one.to_json()))
    about = {**about, "check": one.kind}
    if not one.samples:
        yield _whole_check(start, name, one, about)
    for sample in one.samples:
        yield _point(start, name, one, sample, about)


def _point(start: float, name: str, one: Evidence, sample: Sample, about: Mapping[str, Any]) -> Line:
    status = _STATUS[sample.truth]
    point = dict(zip(one.axes, sample.point, strict=True))
    residual = sample.residual if math.isfinite(sample.residual) else None
    reason = ""
    if status == "failed":
        reason = "the claim is false here" + (f", relative residual {residual:.3g}" if residual else "")
    elif status == "gave_up":
        reason = "the balls were too wide to decide here" + (f"; {one.remedy}" if one.remedy else "")
    features = {"truth": sample.truth, **_numbers(point)}
    if residual:
        features["log10 residual"] = math.log10(residual)
    witnessed = status == "failed" and one.witness is not None and point.items() <= one.witness.items()
    metadata = {**about, "residual": residual, "witness": one.witness if witnessed else None}
    return _test_case(start, name, one, point, status, reason, features, metadata)


def _whole_check(start: float, name: str, one: Evidence, about: Mapping[str, Any]) -> Line:
    """The line of a check that judges no single points: a derivation, a box, or a check that could not run."""
    status = "passed" if one.verdict.passed else "failed" if one.verdict is Verdict.REFUTED else "gave_up"
    reason = "" if status == "passed" else "; ".join(filter(None, (one.summary, one.remedy)))
    point = one.witness or {}
    features = {"verdict": str(one.verdict), "parts": one.points, **_numbers(point)}
    metadata = {**about, "residual": one.to_json()["worst_residual"], "witness": one.witness}
    return _test_case(start, name, one, point, status, reason, features, metadata)


def _test_case(
    start: float,
    name: str,
    one: Evidence,
    point: Mapping[str, str],
    status: str,
    reason: str,
    features: Mapping[str, object],
    metadata: Mapping[str, object],
) -> Line:
    values = "".join(f"    {parameter}={value},\n" for parameter, value in point.items())
    return {
        "type": "test_case",
        "run_start": start,
        "property": name,
        "status": status,
        "status_reason": reason,
        # Viewers take equal representations for repeated points, also those of different properties.
        "representation": f"{name}(\n{values})" if values else f"{name} on {one.domain or 'symbolic parameters'}",
        "arguments": {parameter: _exactly(value) for parameter, value in point.items()},
        "how_generated": f"by {one.kind}" + ("" if one.seed is None else f", seed {one.seed}"),
        "features": dict(features),
        "coverage": None,
        "timing": {"execute:test": one.seconds / max(1, len(one.samples))},
        "metadata": {**metadata, "precision": one.bits, "digits": one.digits},
    }


def _exactly(text: str) -> int | str:
    return int(text) if _INTEGER.fullmatch(text) else text


def _numbers(point: Mapping[str, str]) -> dict[str, float]:
    """The values that a float can stand for."""
    numbers: dict[str, float] = {}
    for parameter, text in point.items():
        try:
            value = exact(parameter, text)
            number = float(value)
        except (ArgumentError, OverflowError):
            continue
        if number or not value:
            numbers[parameter] = number
    return numbers
