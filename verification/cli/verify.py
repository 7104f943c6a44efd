"""`rankproof verify` and `rankproof check`: run the checks, print the verdicts, write report, JSON and observations."""

import json
import os
import shlex
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from numerics.errors import ArgumentError
from numerics.exact import integer
from verification.budget import PROFILES, Budget
from verification.evidence import environment
from verification.failure import failure_lines
from verification.files import require_directory, require_writable, whole_file
from verification.observations import write_observations
from verification.replay import keep
from verification.report import write_report
from verification.statement_file import Library, library
from verification.verdict import Verdict
from verification.verify import StatementResult, tasks
from verification.verify import verify as run
from verification.witness import stored

_COLOURS = {
    Verdict.PROVED: "green",
    Verdict.PROVED_FOR_SIZES: "green",
    Verdict.CERTIFIED: "green",
    Verdict.CONSISTENT: "cyan",
    Verdict.UNDECIDED: "yellow",
}


@dataclass(frozen=True)
class Outputs:
    """Files that a run writes besides what it prints, each by the name of its option; checked before the run."""

    report: Path | None
    json: Path | None
    observations: Path | None

    def __post_init__(self) -> None:
        if self.json is not None and self.json == self.observations:
            raise ArgumentError("observations", self.observations, "another file than --json")
        if self.json is not None:
            require_writable("json", self.json)
        if self.observations is not None:
            require_writable("observations", self.observations)
        if self.report is not None:
            require_directory("report", self.report)
            require_writable("report", self.report / "index.html")

    def write(self, run: dict[str, Any], results: Sequence[StatementResult]) -> None:
        """Write what was asked for and say where; each file appears whole or not at all."""
        if self.json is not None:
            with whole_file("json", self.json) as temporary:
                document = {"run": run, "statements": [result.to_json() for result in results]}
                temporary.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
            click.echo(f"json: {self.json}")
        if self.observations is not None:
            write_observations(self.observations, run, results)
            click.echo(f"observations: {self.observations}")
        if self.report is not None:
            page = self.report / "index.html"
            write_report(page, run, results)
            click.echo(f"report: {page}")


_OPTIONS = (
    click.option(
        "--profile", type=click.Choice(sorted(PROFILES)), default="quick", show_default=True, help="How much work."
    ),
    click.option("--report", metavar="DIR", help="Write an HTML report to DIR/index.html."),
    click.option("--json", "json_file", metavar="FILE", help="Write all evidence as JSON."),
    click.option(
        "--observations", metavar="FILE", help="Write every judged point as JSON lines (Hypothesis's schema)."
    ),
    click.option("--seed", default="0", show_default=True, metavar="N", help="Seed of every random draw."),
    click.option("--jobs", default=None, metavar="N", help="Worker processes (default: one per core)."),
    click.option("--strict", is_flag=True, help="Exit with 1 also when a check is UNDECIDED."),
)


def run_options(command: Callable[..., int]) -> Callable[..., int]:
    """The options that `verify` and `check` share."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@run_options
def verify(ids: tuple[str, ...], **options: Any) -> int:
    """Verify statements of the catalogue (all of them by default).

    Exit code 0: nothing refuted, unsound, vacuous or in error, and every mutant caught; 1 otherwise. With --strict also
    1 when a check is undecided.
    """
    return run_statements(None, ids, **options)


@click.command()
@click.argument("file", metavar="FILE")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@run_options
def check(file: str, ids: tuple[str, ...], **options: Any) -> int:
    """Check the statements of your own file (all of them by default), as `verify` does those of the catalogue.

    'rankproof new FILE' writes a template. Exit code 0: nothing refuted, unsound, vacuous or in error, and every mutant
    caught; 1: something was, or with --strict a check is undecided; 2: FILE cannot be used, with the line of the file
    that is at fault.
    """
    return run_statements(Path(file), ids, **options)


def run_statements(
    file: Path | None,
    ids: tuple[str, ...],
    *,
    profile: str,
    report: str | None,
    json_file: str | None,
    observations: str | None,
    seed: str,
    jobs: str | None,
    strict: bool,
) -> int:
    """Verify statements of the catalogue, or of a file; returns the exit code 0 or 1."""
    statements = library(file)
    chosen = tuple(dict.fromkeys(ids)) or statements.ids()
    for statement_id in chosen:
        statements.statement(statement_id)
    budget = replace(PROFILES[profile], seed=integer("seed", seed, minimum=0))
    workers = integer("jobs", jobs, minimum=1) if jobs is not None else (os.cpu_count() or 1)
    outputs = Outputs(*(None if name is None else Path(name) for name in (report, json_file, observations)))
    # Hypothesis would otherwise leave a directory of its own in the user's.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "rankproof-hypothesis"))
    begin = time.perf_counter()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    command = shlex.join(["rankproof", *click.get_current_context().obj])
    _warn_of_unreadable(chosen, file)
    results = _run_with_progress(statements, file, chosen, budget, workers, command)
    results.sort(key=lambda result: chosen.index(result.statement.id))
    failed = [result.statement.id for result in results if result.failed or (strict and result.undecided)]
    summary: dict[str, Any] = {
        "command": command,
        "file": None if file is None else str(file),
        "profile": profile,
        "seed": budget.seed,
        "budget": asdict(budget),
        "jobs": workers,
        "strict": strict,
        "started": started,
        "seconds": round(time.perf_counter() - begin, 2),
        "versions": environment(),
        "verdicts": {str(v): n for v in Verdict if (n := sum(r.verdict is v for r in results))},
        "mutants": sum(len(result.mutants) for result in results),
        "mutants_refuted": sum(mutant.refuted for result in results for mutant in result.mutants),
        "failed": failed,
        "ok": not failed,
    }
    outputs.write(summary, results)
    return int(bool(failed))


def _run_with_progress(
    statements: Library, file: Path | None, chosen: tuple[str, ...], budget: Budget, workers: int, command: str
) -> list[StatementResult]:
    """Verdicts as they come: above a progress bar on a terminal, as plain lines otherwise."""
    console = Console(highlight=False, soft_wrap=True)
    total = sum(len(tasks(statements.statement(statement_id))) for statement_id in chosen)
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TextColumn("checks"), TimeElapsedColumn())
    results = []
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task("", total=total)
        for result in run(chosen, budget, jobs=workers, file=file, progress=lambda _task: progress.advance(bar)):
            results.append(_kept(result, file, command))
            console.print(_line(results[-1]))
    counts = ", ".join(
        f"{count} {verdict}" for verdict in Verdict if (count := sum(r.verdict is verdict for r in results))
    )
    refuted = sum(mutant.refuted for result in results for mutant in result.mutants)
    mutants = sum(len(result.mutants) for result in results)
    noun = "statement" if len(results) == 1 else "statements"
    caught = f"{refuted} of {mutants} mutants refuted" if mutants else "no mutants"
    console.print(f"{len(results)} {noun}: {counts}; {caught}")
    return results


def _kept(result: StatementResult, file: Path | None, command: str) -> StatementResult:
    """The result with its witnesses stored; one that cannot be written costs a warning, not the run."""
    evidence = []
    for index, one in enumerate(result.evidence):
        try:
            evidence.append(keep(result.statement, index, file, one, command))
        except ArgumentError as error:
            click.echo(f"rankproof: the witness is not stored: {error}", err=True)
            evidence.append(one)
    return replace(result, evidence=tuple(evidence))


def _warn_of_unreadable(chosen: Sequence[str], file: Path | None) -> None:
    for statement_id in chosen:
        for path, witness in stored(statement_id, None if file is None else str(file)):
            if witness is None:
                click.echo(f"rankproof: {path} is not a witness and is left out", err=True)


def _line(result: StatementResult) -> str:
    colour = _COLOURS.get(result.verdict, "bold red")
    caught = sum(mutant.refuted for mutant in result.mutants)
    mutants = f"mutants {caught}/{len(result.mutants)} refuted" if result.mutants else "no mutants           "
    if caught < len(result.mutants):
        survivors = ", ".join(f"{mutant.id} is {mutant.verdict}" for mutant in result.mutants if not mutant.refuted)
        mutants = f"[bold red]{mutants}: {escape(survivors)}[/bold red]"
    lines = [f"[{colour}]{result.verdict:17}[/{colour}] {result.statement.id:31} {mutants}  {result.seconds:5.1f} s"]
    for one in result.evidence:
        if one.verdict.failed or one.verdict is Verdict.UNDECIDED:
            lines += [escape(f"    {line}") for line in failure_lines(one)]
        elif one.verdict is Verdict.CERTIFIED and result.verdict is Verdict.CONSISTENT:
            lines.append(escape(f"    {one.kind}: CERTIFIED for {one.domain} only"))
    return "\n".join(lines)
