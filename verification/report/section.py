"""The section of one statement: claim, evidence, pictures, derivation, mutants."""

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from markupsafe import Markup

from theory.derivation import Derivation
from verification.checks import Symbolic
from verification.evidence import BoxMap, Evidence
from verification.figures import box_figure, inline_svg, series_figure
from verification.report.residuals import residuals
from verification.report.words import formula, point_words
from verification.verdict import Verdict
from verification.verify import MutantResult, StatementResult

MOST_BOXES = 8  # pictures of sub-boxes per statement; a certificate has one for each choice of its integers
_PROVENANCE = {
    "paper": "wording seen in the paper",
    "reconstructed": "the paper has the theorem; this form and its proof are ours",
    "new": "first stated here",
}


def section(result: StatementResult) -> dict[str, Any]:
    """Everything the template of a statement needs."""
    statement = result.statement
    definitions = statement.definitions or {}
    return {
        "result": result,
        "statement": statement,
        "provenance": _PROVENANCE[str(statement.source.provenance)],
        "assumptions": [formula(assumption) for assumption in statement.assumptions],
        "clauses": [(clause, None if clause.claim is None else formula(clause.claim)) for clause in statement.clauses],
        "definitions": [formula(sp.Eq(symbol, meaning, evaluate=False)) for symbol, meaning in definitions.items()],
        "observables": [(str(symbol), meaning) for symbol, meaning in (statement.observables or {}).items()],
        "derivations": [_derivation(one) for one in _derivations(result)],
        "evidence": [_row(one) for one in result.evidence],
        "refuted": [_refutation(one) for one in result.evidence if one.verdict is Verdict.REFUTED],
        "mutants": [_mutant(mutant) for mutant in result.mutants],
        "series": _series(result),
        "boxes": _boxes(result),
        "residuals": residuals(result.evidence),
    }


def _derivations(result: StatementResult) -> list[Derivation]:
    """The general derivations; those at listed sizes are in the evidence as the list of their sizes.

    A derivation that raised is an ERROR of the evidence, and is not carried out again.
    """
    pairs = zip(result.statement.checks, result.evidence, strict=True)
    return [
        derivation
        for check, evidence in pairs
        if isinstance(check, Symbolic) and not evidence.sizes and evidence.verdict is not Verdict.ERROR
        for derivation in check.derivations()
    ]


def _derivation(derivation: Derivation) -> dict[str, Any]:
    return {
        "clauses": ", ".join(derivation.clauses),
        "steps": [(step, None if step.relation is None else formula(step.relation)) for step in derivation.steps],
    }


def _row(one: Evidence) -> dict[str, Any]:
    return {
        "evidence": one,
        "residual": "" if one.worst_residual is None else f"{one.worst_residual:.2g}",
        "where": point_words(one.worst_point or {}),
    }


def _refutation(one: Evidence) -> dict[str, Any]:
    return {
        "evidence": one,
        "substituted": one.substituted,
        "replay": one.replay,
    }


def _mutant(mutant: MutantResult) -> dict[str, Any]:
    caught = next((one for one in mutant.evidence if one.verdict is Verdict.REFUTED), None)
    return {
        "mutant": mutant,
        "kind": caught.kind if caught else "",
        "witness": point_words(caught.witness or {}) if caught else "",
        "seconds": sum(one.seconds for one in mutant.evidence),
    }


def _series(result: StatementResult) -> list[tuple[str, Markup]]:
    """(title, picture) of every flow drawn over its prediction."""
    drawn = [series for one in result.evidence for series in one.series]
    name = result.statement.id
    return [
        (series.title, Markup(inline_svg(series_figure(series), f"{name}.flow{number}")))
        for number, series in enumerate(drawn)
    ]


def _boxes(result: StatementResult) -> dict[str, Any]:
    """Pictures of the certificates' sub-boxes, with how many of them there are; those of mutants that were refuted."""
    maps = [(box, one.witness) for one in result.evidence for box in one.boxes]
    mutants = [
        (mutant, box, one.witness) for mutant in result.mutants for one in mutant.evidence for box in one.boxes[:1]
    ]
    shown = chosen([box for box, _ in maps])
    name = result.statement.id
    return {
        "maps": [_picture(*maps[index], f"{name}.box{index}") for index in shown],
        "all": len(maps),
        "mutants": [
            (mutant.id, _picture(box, witness, f"{name}.mutant{number}"))
            for number, (mutant, box, witness) in enumerate(mutants[:MOST_BOXES])
        ],
    }


def chosen(maps: Sequence[BoxMap]) -> list[int]:
    """Which maps to draw, in order: those with something refuted or open first, then those with the most parts."""

    def rank(index: int) -> tuple[bool, bool, int]:
        states = {state for state, _ in maps[index].parts}
        return "refuted" in states, "open" in states, len(maps[index].parts)

    return sorted(sorted(range(len(maps)), key=rank, reverse=True)[:MOST_BOXES])


def _picture(box: BoxMap, witness: Mapping[str, str] | None, name: str) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for state, _ in box.parts:
        counts[state] = counts.get(state, 0) + 1
    return {
        "title": box.title,
        "svg": Markup(inline_svg(box_figure(box, witness), name)),
        "counts": ", ".join(f"{number} {state}" for state, number in counts.items()),
    }
