"""How a sweep is told: a bar on a terminal, plain lines now and then elsewhere, and what came of it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from numerics.sweep import Counts, Store, counts, failures, runners

#: Between two lines where there is no terminal.
_LINE_SECONDS = 10.0
#: Different errors that are shown.
_MOST_ERRORS = 5


@dataclass(frozen=True)
class Pace:
    """How many points were finished at some moment, by a clock in seconds."""

    finished: int
    clock: float

    def told(self, found: Counts, clock: float) -> str:
        """Rate since then and the time left at that rate, as words; empty as long as there is none."""
        points, seconds = found.finished - self.finished, clock - self.clock
        if points <= 0 or seconds <= 0:
            return ""
        rate = points / seconds
        return f"{rate:.3g} points/s, {duration(found.left / rate)} left"


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {whole:02} s" if minutes else f"{whole} s"


@contextmanager
def progress(name: str, store: Store) -> Iterator[Callable[[Counts], None]]:
    """What a sweep is to call now and then."""
    console = Console(highlight=False, soft_wrap=True)
    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    begun: Pace | None = None
    line_at = 0.0
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        found = counts(store)
        task = bar.add_task("", total=found.total, completed=found.finished, pace="")

        def tell(found: Counts) -> None:
            nonlocal begun, line_at
            now = time.monotonic()
            begun = begun or Pace(found.finished, now)
            others = len(runners(store)) - 1
            parts = (
                f"{found.failed} failed" if found.failed else "",
                begun.told(found, now),
                f"{others} other {'runner' if others == 1 else 'runners'} at work" if others > 0 else "",
            )
            pace = ", ".join(part for part in parts if part)
            bar.update(task, completed=found.finished, total=found.total, pace=pace)
            if not console.is_terminal and now - line_at >= _LINE_SECONDS:
                click.echo(f"{name}: {found.finished} of {found.total} points{', ' if pace else ''}{pace}")
                line_at = now

        yield tell


def summary(found: Counts) -> str:
    """All counts as words."""
    noun = "point" if found.total == 1 else "points"
    return f"{found.total} {noun}: {found.done} done, {found.failed} failed, {found.left} left"


def failure_lines(store: Store) -> list[str]:
    """The commonest errors, each with the first point that met it."""
    found = failures(store)
    lines = [
        f"{one.points} {'point' if one.points == 1 else 'points'} failed with {one.error}; "
        f"first at {json.dumps(one.parameters)}"
        for one in found[:_MOST_ERRORS]
    ]
    if len(found) > _MOST_ERRORS:
        lines.append(f"and {len(found) - _MOST_ERRORS} other errors")
    return lines
