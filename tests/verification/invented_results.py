"""Results made up for pages: every piece that the report can show, without the minutes that real checks take."""

from collections.abc import Sequence
from pathlib import Path

from verification import Evidence, Statement, Verdict, catalogue
from verification.coverage import verdict_of
from verification.evidence import BoxMap, Sample
from verification.parameters import point_text
from verification.report import write_report
from verification.verify import MutantResult, StatementResult

BOX = BoxMap(
    "L = 3",
    ("alpha", "m"),
    (True, False),
    (
        ("outside", ((1e-6, 1e-4), (1.0, 4.0))),
        ("proven", ((1e-4, 1e-2), (1.0, 2.0))),
        ("proven", ((1e-4, 1e-2), (2.0, 4.0))),
        ("open", ((1e-2, 1.0), (1.0, 2.0))),
        ("refuted", ((1e-2, 1.0), (2.0, 4.0))),
    ),
)
STRIP = BoxMap("L = 4", ("alpha",), (True,), (("proven", ((1e-4, 1e-2),)), ("open", ((1e-2, 1.0),))))


def invented(statement: Statement, verdict: Verdict = Verdict.CONSISTENT) -> StatementResult:
    """A result whose checks other than symbolic ones have `verdict`, with samples, boxes, and a witness if refuted."""
    points = [point_text(point) for point in statement.parameters.grid(30)]
    evidence = []
    for check in statement.checks:
        symbolic = check.kind == "symbolic"
        found = Verdict.PROVED if symbolic else verdict
        evidence.append(
            Evidence(
                check.kind,
                check.clauses,
                found,
                "made up",
                worst_residual=None if symbolic else 1e-3,
                worst_point=None if symbolic else points[0],
                points=len(points),
                seconds=0.25,
                witness=points[0] if found is Verdict.REFUTED else None,
                axes=() if symbolic else tuple(points[0]),
                samples=()
                if symbolic
                else tuple(
                    Sample(tuple(point.values()), "false" if found is Verdict.REFUTED and not index else "agrees", size)
                    for index, point in enumerate(points)
                    for size in (10.0 ** -(3 + index % 9),)
                ),
                boxes=(BOX, STRIP) if check.kind == "certificate" else (),
            )
        )
    mutants = tuple(
        MutantResult(
            mutant.id,
            mutant.text,
            Verdict.REFUTED,
            (Evidence("falsification", ("claim",), Verdict.REFUTED, "caught", witness=points[0], seconds=0.1),),
        )
        for mutant in statement.mutants
    )
    combined = verdict_of(statement, evidence)
    return StatementResult(statement, combined, tuple(evidence), mutants)


def summary(results: Sequence[StatementResult], file: str | None = None) -> dict[str, object]:
    """What the command line says about a run."""
    failed = [one.statement.id for one in results if one.failed]
    return {
        "command": "rankproof verify --report DIR",
        "file": file,
        "profile": "quick",
        "seed": 0,
        "jobs": 1,
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 1.0,
        "versions": "none",
        "verdicts": {str(v): n for v in Verdict if (n := sum(one.verdict is v for one in results))},
        "mutants": sum(len(one.mutants) for one in results),
        "mutants_refuted": sum(mutant.refuted for one in results for mutant in one.mutants),
        "failed": failed,
        "ok": not failed,
    }


def written(path: Path, results: Sequence[StatementResult], file: str | None = None) -> str:
    """The page of these results, also left at `path`."""
    write_report(path, summary(results, file), results)
    return path.read_text(encoding="utf-8")


def of_the_catalogue(**verdicts: Verdict) -> list[StatementResult]:
    """Results for the whole catalogue; keyword arguments (ids with underscores) choose another verdict."""
    return [
        invented(catalogue.statement(name), verdicts.get(name.replace("-", "_"), Verdict.CONSISTENT))
        for name in catalogue.ids()
    ]
