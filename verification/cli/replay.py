"""`rankproof replay`: judge a stored counterexample again, at its point alone."""

from dataclasses import replace
from pathlib import Path

import click

from verification.budget import FULL
from verification.replay import judge_again
from verification.statement_file import library
from verification.verdict import Verdict
from verification.witness import read


@click.command()
@click.argument("witness", metavar="WITNESS")
def replay(witness: str) -> int:
    """Judge a counterexample again, at its point alone and with the digits of the full profile.

    WITNESS is a file that a run has stored and named. Exit code 0: the point no longer violates the claim; 1: it does;
    2: the file cannot be used.
    """
    found = read(Path(witness))
    statement = library(None if found.file is None else Path(found.file)).statement(found.statement)
    evidence = judge_again(statement, found, replace(FULL, seed=found.seed or 0))
    click.echo(f"{evidence.verdict}  {statement.id}: {evidence.summary}")
    click.echo("  at " + ", ".join(f"{name} = {value}" for name, value in (evidence.witness or found.point).items()))
    for line in evidence.substituted:
        click.echo(f"  {line}")
    return int(evidence.verdict is Verdict.REFUTED)
