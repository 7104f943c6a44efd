"""`rankproof derive`: derive statements anew, and compare with the stored forms of their derivations."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from numerics.errors import ArgumentError
from numerics.exact import integer
from verification import catalogue
from verification.form_comparison import Outcome
from verification.forms import FOLDER, Difference, Form, derivations_of, differences, form_of, store, stored_form

_SAID = {
    Outcome.REWRITTEN: "rewritten (harmless)",
    Outcome.REWRITTEN_BY_EVALUATION: "rewritten (probably harmless)",
    Outcome.UNDECIDED: "UNDECIDED",
    Outcome.CHANGED: "CHANGED",
}


@dataclass(frozen=True)
class Derived:
    """A statement derived anew: its form, how many steps and arguments that took, and the steps that are open.

    `found`: what differs from the stored form; None when there is no stored form or none was asked for.
    """

    form: Form
    steps: int
    arguments: int
    open_steps: tuple[str, ...]
    found: tuple[Difference, ...] | None


def derived(statement_id: str, seed: int | None) -> Derived:
    """Derive one statement, and compare it with its stored form if there is a seed for the random points."""
    statement = catalogue.statement(statement_id)
    derivations = derivations_of(statement)
    form = form_of(statement, derivations)
    stored = None if seed is None else stored_form(statement_id, FOLDER)
    return Derived(
        form,
        steps=sum(len(one.steps) for one in derivations),
        arguments=sum(len(one.arguments) for one in derivations),
        open_steps=tuple(step.text for one in derivations for step in one.open_steps),
        found=None if stored is None else tuple(differences(stored, form, statement.parameters, seed or 0)),
    )


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--check", is_flag=True, help="Compare with the stored forms.")
@click.option("--write", is_flag=True, help="Store the present forms (for authors of statements).")
@click.option("--seed", default="0", show_default=True, metavar="N", help="Seed of the random points of --check.")
@click.option("--jobs", default=None, metavar="N", help="Worker processes (default: one per core).")
def derive(ids: tuple[str, ...], check: bool, write: bool, seed: str, jobs: str | None) -> int:
    """Derive statements of the catalogue anew (all of them by default).

    With --check, tell a harmless rewrite of a formula from a change of meaning. Exit code 0: every step holds and
    nothing has changed in meaning; 1: a step is open, or something has changed, is undecided, or is not stored.
    """
    chosen = tuple(dict.fromkeys(ids)) or catalogue.ids()
    for statement_id in chosen:
        catalogue.statement(statement_id)
    if check and write:
        raise ArgumentError("write", "given with --check", "given alone; --check first shows what would change")
    points = integer("seed", seed, minimum=0)
    workers = integer("jobs", jobs, minimum=1) if jobs is not None else (os.cpu_count() or 1)
    console = Console(highlight=False, soft_wrap=True)
    failed = 0
    columns = (TextColumn("deriving"), BarColumn(), MofNCompleteColumn(), TextColumn("statements"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task("", total=len(chosen))
        for one in _derived(chosen, points if check else None, min(workers, len(chosen))):
            lines, well = _report(one, check)
            if write and well:
                store(one.form, FOLDER)
                lines = [f"stored   {one.form.statement}"]
            failed += not well
            console.print(escape("\n".join(lines)))
            progress.advance(bar)
    if failed:
        console.print(f"{failed} of {len(chosen)} statements failed")
    return int(bool(failed))


def _derived(chosen: Sequence[str], seed: int | None, jobs: int) -> Iterator[Derived]:
    """As they come; in one process or several, with the same results."""
    if jobs == 1:
        yield from (derived(statement_id, seed) for statement_id in chosen)
        return
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(jobs, mp_context=get_context("spawn")))
        # What is left is not begun when the run is interrupted.
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        for future in as_completed([pool.submit(derived, statement_id, seed) for statement_id in chosen]):
            yield future.result()


def _report(one: Derived, check: bool) -> tuple[list[str], bool]:
    """The lines for one statement, and whether it is well."""
    name, found = one.form.statement, one.found or ()
    lines = [f"    OPEN: {text}: SymPy does not reduce this step" for text in one.open_steps]
    lines += [f"    {_SAID[difference.change.outcome]}: {difference}" for difference in found]
    missing = check and one.found is None
    well = not (one.open_steps or missing) and all(difference.change.harmless for difference in found)
    if missing:
        state = "MISSING"
        lines.append(f"    no stored form; 'rankproof derive --write {name}' makes one")
    elif one.open_steps:
        state = "OPEN"
    elif found:
        state = _SAID[max(difference.change.outcome for difference in found)]
    else:
        state = "same" if check else "holds"
    return [f"{state:8} {name:31} {one.steps:3} steps, {one.arguments} arguments", *lines], well
