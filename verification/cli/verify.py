"""`rankproof verify`: run the checks, print the verdicts, write the report and the JSON."""

import json
import os
import shlex
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from numerics.exact import integer
from verification import catalogue
from verification.budget import PROFILES
from verification.evidence import environment
from verification.files import require_directory, require_writable, whole_file
from verification.report import write_report
from verification.verdict import Verdict
from verification.verify import StatementResult, tasks
from verification.verify import verify as run

_COLOURS = {
    Verdict.PROVED: "green",
    Verdict.PROVED_FOR_SIZES: "green",
    Verdict.CERTIFIED: "green",
    Verdict.CONSISTENT: "cyan",
    Verdict.UNDECIDED: "yellow",
}


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--profile", type=click.Choice(sorted(PROFILES)), default="quick", show_default=True, help="How much work."
)
@click.option("--report", "report", metavar="DIR", help="Write an HTML report to DIR/index.html.")
@click.option("--json", "json_file", metavar="FILE", help="Write all evidence as JSON.")
@click.option("--seed", default="0", show_default=True, metavar="N", help="Seed of every random draw.")
@click.option("--jobs", default=None, metavar="N", help="Worker processes (default: one per core).")
def verify(
    ids: tuple[str, ...], profile: str, report: str | None, json_file: str | None, seed: str, jobs: str | None
) -> int:
    """Verify statements of the catalogue (all of them by default).

    Exit code 0: nothing refuted, unsound, vacuous or in error, and every mutant caught; 1 otherwise.
    """
    chosen = tuple(dict.fromkeys(ids)) or catalogue.ids()
    for statement_id in chosen:
        catalogue.statement(statement_id)
    budget = replace(PROFILES[profile], seed=integer("seed", seed, minimum=0))
    workers = integer("jobs", jobs, minimum=1) if jobs is not None else (os.cpu_count() or 1)
    if json_file is not None:
        require_writable("json", Path(json_file))
    if report is not None:
        require_directory("report", Path(report))
    # Hypothesis would otherwise leave a directory of its own in the user's.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "rankproof-hypothesis"))
    begin = time.perf_counter()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    results = _run_with_progress(chosen, budget, workers)
    results.sort(key=lambda result: chosen.index(result.statement.id))
    failed = [result.statement.id for result in results if result.failed]
    summary: dict[str, Any] = {
        "command": shlex.join(["rankproof", *click.get_current_context().obj]),
        "profile": profile,
        "seed": budget.seed,
        "jobs": workers,
        "started": started,
        "seconds": round(time.perf_counter() - begin, 2),
        "versions": environment(),
        "verdicts": {str(v): n for v in Verdict if (n := sum(r.verdict is v for r in results))},
        "mutants": sum(len(result.mutants) for result in results),
        "mutants_refuted": sum(mutant.refuted for result in results for mutant in result.mutants),
        "failed": failed,
        "ok": not failed,
    }
    if json_file is not None:
        with whole_file("json", Path(json_file)) as temporary:
            document = {"run": summary, "statements": [result.to_json() for result in results]}
            temporary.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
        click.echo(f"json: {json_file}")
    if report is not None:
        page = Path(report) / "index.html"
        write_report(page, summary, results)
        click.echo(f"report: {page}")
    return int(bool(failed))


def _run_with_progress(chosen: tuple[str, ...], budget: Any, workers: int) -> list[StatementResult]:
    """Verdicts as they come: above a progress bar on a terminal, as plain lines otherwise."""
    console = Console(highlight=False, soft_wrap=True)
    total = sum(len(tasks(catalogue.statement(statement_id))) for statement_id in chosen)
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TextColumn("checks"), TimeElapsedColumn())
    results = []
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task("", total=total)
        for result in run(chosen, budget, jobs=workers, progress=lambda _task: progress.advance(bar)):
            results.append(result)
            console.print(_line(result))
    counts = ", ".join(
        f"{count} {verdict}" for verdict in Verdict if (count := sum(r.verdict is verdict for r in results))
    )
    refuted = sum(mutant.refuted for result in results for mutant in result.mutants)
    mutants = sum(len(result.mutants) for result in results)
    console.print(f"{len(results)} statements: {counts}; {refuted} of {mutants} mutants refuted")
    return results


def _line(result: StatementResult) -> str:
    colour = _COLOURS.get(result.verdict, "bold red")
    caught = sum(mutant.refuted for mutant in result.mutants)
    mutants = f"mutants {caught}/{len(result.mutants)} refuted"
    if caught < len(result.mutants):
        survivors = ", ".join(f"{mutant.id} is {mutant.verdict}" for mutant in result.mutants if not mutant.refuted)
        mutants = f"[bold red]{mutants}: {escape(survivors)}[/bold red]"
    lines = [f"[{colour}]{result.verdict:17}[/{colour}] {result.statement.id:31} {mutants}  {result.seconds:5.1f} s"]
    for one in result.evidence:
        if one.verdict.failed or one.verdict is Verdict.UNDECIDED:
            lines.append(escape(f"    {one.kind}: {one.verdict}: {one.summary}"))
            if one.witness:
                lines.append(escape("      at " + ", ".join(f"{name} = {x}" for name, x in one.witness.items())))
            if one.remedy:
                lines.append(escape(f"      {one.remedy}"))
    return "\n".join(lines)
