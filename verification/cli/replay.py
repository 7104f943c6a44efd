"""`rankproof replay`: judge a stored counterexample again, at its point alone."""

from dataclasses import replace
from pathlib import Path

import click

from numerics.errors import ArgumentError
from verification.budget import FULL
from verification.errors import UnknownStatement
from verification.replay import found_by
from verification.statement import Statement
from verification.statement_file import library
from verification.verdict import Verdict
from verification.verify import attempted
from verification.witness import Witness, read


@click.command()
@click.argument("witness", metavar="WITNESS")
def replay(witness: str) -> int:
    """Judge a counterexample again, at its point alone and with the digits of the full profile.

    WITNESS is a file that a run has stored and named. Exit code 0: the point no longer violates the claim; 1: it does,
    or the check could not decide; 2: the file cannot be used.
    """
    found = read(Path(witness))
    file = None if found.file is None else Path(found.file)
    statement = _statement(found, file)
    check, point = found_by(statement, found)
    budget = replace(FULL, seed=found.seed or 0)
    evidence = attempted(statement.checks[found.check], file, lambda: check.at(statement, point, budget))
    click.echo(f"{evidence.verdict}  {statement.id}: {evidence.summary}")
    click.echo("  at " + ", ".join(f"{name} = {value}" for name, value in (evidence.witness or found.point).items()))
    for line in evidence.substituted:
        click.echo(f"  {line}")
    return int(evidence.verdict in (Verdict.REFUTED, Verdict.UNDECIDED, Verdict.ERROR))


def _statement(found: Witness, file: Path | None) -> Statement:
    """The statement that a witness is of; raises ArgumentError when it is not there any more."""
    try:
        return library(file).statement(found.statement)
    except ArgumentError as error:
        right = f"readable any more: its file {file} is not {error.expected.partition(';')[0]}"
        raise ArgumentError("WITNESS", found.statement, right) from None
    except UnknownStatement as error:
        raise ArgumentError("WITNESS", found.statement, str(error).partition(" is not ")[2]) from None
