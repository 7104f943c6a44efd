"""`rankproof experiment`: run the experiments, look at a store, and export it."""

import json
import os
from pathlib import Path
from typing import Any

import click

from numerics.errors import ArgumentError
from numerics.exact import integer
from numerics.experiments import EXPERIMENTS
from numerics.sweep import (
    Experiment,
    Store,
    collected,
    counts,
    dask_cluster,
    description,
    joined,
    kept_aside,
    measuring_seconds,
    process_pool,
    run,
    runners,
)
from verification import experiment_figures
from verification.cli.experiment_progress import duration, failure_lines, progress, summary
from verification.experiments import FORMATS, experiment, require_apart, require_format, save_dataset, settings_of
from verification.figures import save_figure
from verification.files import require_directory, require_writable, whole_file

_HOW = """Results are kept in a store as they come: stop it, kill it, and the same command goes on. Several runners may
share a store; one that has nothing left to do waits for the others, and takes over what a killed one had begun. With
other settings, results that the store holds are used again.

Exit code 0: every point is done; 1: some failed (--retry-failed tries them again); 2: bad usage."""


class _Experiments(click.Group):
    """Each experiment is a command, with its settings as options."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *EXPERIMENTS]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return super().get_command(ctx, name) or _command(experiment(name))


@click.group("experiment", cls=_Experiments)
def experiments() -> None:
    """Run an experiment of the papers by its name, or look at the store of one."""


@experiments.command("list")
def list_experiments() -> None:
    """List the experiments."""
    width = max(map(len, EXPERIMENTS), default=0)
    for name, one in EXPERIMENTS.items():
        click.echo(f"{name:{width}}  {one.title} ({one.source})")


@experiments.command()
@click.argument("store", metavar="STORE")
def status(store: str) -> None:
    """Say how far the sweep of a store is, also while it runs."""
    with Store(Path(store), argument="STORE") as opened:
        held, found, aside, seconds = (
            description(opened),
            counts(opened),
            kept_aside(opened),
            measuring_seconds(opened),
        )
        click.echo(f"{held.name}, version {held.version}")
        click.echo("settings: " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in held.settings.items()))
        click.echo(summary(found))
        if found.finished:
            click.echo(f"measured in {duration(seconds)} of one worker, {seconds / found.finished:.3g} s a point")
        if aside:
            click.echo(f"kept aside: {aside} points of other settings or an older version")
        for runner in runners(opened):
            click.echo(f"at work: {runner}")
        for line in failure_lines(opened):
            click.echo(line)


@experiments.command()
@click.argument("store", metavar="STORE")
@click.option("--out", required=True, metavar="FILE", help=f"Output file: {', '.join(FORMATS)}.")
def export(store: str, out: str) -> None:
    """Write what a store holds; points that are not done are missing there (NaN), and counted."""
    path = Path(out)
    require_format(path)
    require_apart(path, Path(store))
    require_writable("out", path)
    with Store(Path(store), argument="STORE") as opened:
        held = description(opened).name
        if held not in EXPERIMENTS:
            raise opened.unusable(f"a store of an experiment of this rankproof: it holds {held}")
        dataset = collected(opened, EXPERIMENTS[held])
        save_dataset(dataset, path)
        click.echo(f"wrote {path}")
        if missing := dataset.attrs["missing"]:
            click.echo(
                f"{missing} of {dataset.attrs['points']} points are missing, {counts(opened).failed} of them failed"
            )


def _command(chosen: Experiment) -> click.Command:
    """The command that runs an experiment."""
    differs = f"\n\nNot as there, or not known: {'; '.join(chosen.differs)}." if chosen.differs else ""
    options = [
        click.Option(["--out"], default=".", show_default=True, metavar="DIR", help="Where NAME.nc and NAME.png go."),
        click.Option(["--store"], metavar="FILE", help="Where results are kept.  [default: DIR/NAME.sqlite]"),
        click.Option(["--workers"], metavar="N", help="Worker processes.  [default: one per core]"),
        click.Option(["--scheduler"], metavar="ADDRESS", help="Use the dask cluster of this scheduler instead."),
        click.Option(["--retry-failed"], is_flag=True, help="Try points again that failed."),
    ]
    settings = [
        click.Option(
            [f"--{name.replace('_', '-')}", f"setting_{name}"],
            metavar="TEXT",
            help=f"{setting.meaning}  [default: {_shown(setting.default)}]",
        )
        for name, setting in chosen.settings.items()
    ]

    def callback(**given: Any) -> int:
        texts = {name: given.pop(f"setting_{name}") for name in chosen.settings}
        return _run(chosen, settings_of(chosen, texts), **given)

    return click.Command(
        chosen.name,
        params=[*settings, *options],
        callback=callback,
        help=f"{chosen.title} ({chosen.source}).{differs}\n\n{_HOW}",
        short_help=chosen.title,
    )


def _shown(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, list | tuple) else str(default)


def _run(
    chosen: Experiment,
    settings: dict[str, Any],
    *,
    out: str,
    store: str | None,
    workers: str | None,
    scheduler: str | None,
    retry_failed: bool,
) -> int:
    """Run the sweep to its end and write dataset and picture; returns the exit code 0 or 1."""
    if workers is not None and scheduler is not None:
        raise ArgumentError("workers", workers, "usable with --scheduler, whose cluster has workers of its own")
    processes = (os.cpu_count() or 1) if workers is None else integer("workers", workers, minimum=1)
    table, picture = (Path(out) / f"{chosen.name}{ending}" for ending in (".nc", ".png"))
    path = Path(out) / f"{chosen.name}.sqlite" if store is None else Path(store)
    for written in (table, picture):
        require_apart(written, path)
    # The directory that one is in has no name, and is there.
    if out != ".":
        require_directory("out", Path(out))
    require_writable("out", table)
    require_writable("out", picture)
    with Store(path, create=True) as opened, joined(opened, chosen, settings, retry_failed=retry_failed) as claims:
        try:
            with progress(chosen.name, opened) as tell:
                found = run(
                    claims,
                    chosen,
                    lambda: (
                        process_pool(min(processes, max(1, counts(opened).waiting)))
                        if scheduler is None
                        else dask_cluster(scheduler)
                    ),
                    tell,
                )
        except KeyboardInterrupt:
            click.echo(f"stopped; {summary(counts(opened))}; the same command goes on", err=True)
            raise
        dataset = collected(opened, chosen)
        click.echo(f"{chosen.name}: {summary(found)}")
        for line in failure_lines(opened):
            click.echo(line)
    save_dataset(dataset, table)
    click.echo(f"wrote {table}")
    if found.done:
        with whole_file("out", picture) as temporary:
            save_figure(experiment_figures.figure(chosen.name, dataset), temporary)
        click.echo(f"wrote {picture}")
    if found.failed:
        click.echo(f"{found.failed} of {found.total} points failed and are missing; try them again with --retry-failed")
    return int(found.failed > 0)
