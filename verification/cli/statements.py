"""`rankproof list` and `rankproof show ID`, of the catalogue or of a file."""

import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import click
import sympy as sp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from theory.derivation import Derivation, Kind, Step
from verification.checks import Symbolic
from verification.statement import Statement
from verification.statement_file import library, line_of_check, located

_MARKS = {Kind.IDENTITY: "=", Kind.SIGN: ">", Kind.DEFINITION: ":=", Kind.ARGUMENT: "*"}
_PRETTY_COLUMNS = 96


_FILE = click.option(
    "--file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Statements of this file instead of the catalogue.",
)


@click.command("list")
@_FILE
def list_statements(file: Path | None) -> None:
    """List the statements of the catalogue."""
    console = Console(soft_wrap=not _terminal())
    statements = [library(file).statement(statement_id) for statement_id in library(file).ids()]
    if not _terminal():
        for statement in statements:
            click.echo(f"{statement.id}\t{statement.source.provenance}\t{statement.title}")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "provenance", "statement"):
        table.add_column(column, no_wrap=column != "statement")
    for statement in statements:
        table.add_row(statement.id, str(statement.source.provenance), statement.title)
    console.print(table)


@click.command()
@click.argument("statement_id", metavar="ID")
@_FILE
def show(statement_id: str, file: Path | None) -> None:
    """Show a statement: what it claims, its derivation step by step, its checks and its mutants."""
    statement = library(file).statement(statement_id)
    derivations: list[Derivation] = []
    for check in statement.checks:
        if isinstance(check, Symbolic):
            with nullcontext() if file is None else located(file, line_of_check(check, file) or 1):
                derivations += check.derivations()
    _show(Console(highlight=False, soft_wrap=not _terminal()), statement, derivations)
    command = "verify" if file is None else f"check {shlex.quote(str(file))}"
    click.echo(f"\nVerify with: rankproof {command} {statement.id}")


def _show(console: Console, statement: Statement, derivations: Sequence[Derivation]) -> None:
    console.print(f"[bold]{statement.id}[/bold]  {escape(statement.title)}")
    console.print(f"Source      {escape(str(statement.source))}")
    console.print(f"Domain      {escape(str(statement.parameters))}")
    for assumption in statement.assumptions:
        console.print(f"Assumes     {escape(str(assumption))}")
    for granted in statement.granted:
        console.print(f"Granted     {escape(granted)}")
    for symbol, meaning in (statement.observables or {}).items():
        console.print(f"Observable  {escape(str(symbol))}: {escape(meaning)}")
    for clause in statement.clauses:
        console.print(f"\n[bold]{clause.name}[/bold]  {escape(clause.text)}")
        if clause.asymptotic:
            console.print("        a proof proves the limit; checks judge finite points by")
        if clause.claim is not None:
            _formula(console, clause.claim)
    for symbol, meaning in (statement.definitions or {}).items():
        console.print(f"\nHere {escape(str(symbol))} is")
        _formula(console, meaning)
    _derivations(console, derivations)
    console.print("\n[bold]Checks[/bold]")
    for check in statement.checks:
        console.print(f"  {check.kind:14} {', '.join(check.clauses)}")
    console.print("\n[bold]Mutants[/bold] (false variants that the checks must refute)")
    for mutant in statement.mutants:
        console.print(f"  {mutant.id:22} {escape(mutant.text)}")


def _derivations(console: Console, derivations: Sequence[Derivation]) -> None:
    for derivation in derivations:
        if derivation.sizes:
            console.print(f"  carried out at {', '.join(derivation.sizes)}: {len(derivation.steps)} steps")
            continue
        console.print(f"\n[bold]Derivation[/bold] of {', '.join(derivation.clauses)}")
        for number, step in enumerate(derivation.steps, 1):
            _step(console, number, step)
    if derivations:
        console.print(
            "  (= reduced by SymPy, > sign decided by SymPy, := definition, * argument, not checked by SymPy)"
        )


def _step(console: Console, number: int, step: Step) -> None:
    open_mark = "" if step.holds else "  [red]NOT REDUCED[/red]"
    console.print(f" {number:2}. {_MARKS[step.kind]:2} {escape(step.text)}{open_mark}")
    if step.relation is not None:
        _formula(console, step.relation)


def _formula(console: Console, expression: sp.Basic) -> None:
    """The formula in two dimensions where it fits, on one line where it does not."""
    drawn = sp.pretty(expression, use_unicode=True, wrap_line=False)
    if max(map(len, drawn.splitlines())) > _PRETTY_COLUMNS:
        drawn = str(expression)
    for line in drawn.splitlines():
        console.print(escape(f"        {line}"), no_wrap=True, crop=False, overflow="ignore")


def _terminal() -> bool:
    return Console().is_terminal
