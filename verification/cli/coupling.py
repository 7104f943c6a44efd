"""`rankproof coupling`: which observed entries of a problem interact under gradient flow."""

import json
from collections.abc import Sequence
from typing import Any

import click
import numpy as np

from numerics.coupling import CouplingReport, Part, coupling_report
from verification.cli.problem import problem_and_layers, problem_options

#: Parts that are printed, and entries of each, before an ellipsis.
_SHOWN = 8


@click.command()
@problem_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def coupling(as_json: bool, **given: Any) -> None:
    """Components of the mask, the kernel between them along the flow, and whether the dynamics is coupled.

    Rows and columns are counted from 1. A verdict is proven where it says so, and otherwise rests on sampled times.
    """
    problem, layers = problem_and_layers(**given)
    report = coupling_report(problem, layers)
    if as_json:
        click.echo(json.dumps(summary(report), allow_nan=False))
        return
    rows, columns = problem.mask.shape
    click.echo(f"{rows} x {columns}, {int(problem.mask.sum())} observed entries, depth {len(layers)}, {given['init']}")
    _print_parts("components of the mask", report.connectivity.components)
    for name, isolated in (
        ("rows", report.connectivity.isolated_rows),
        ("columns", report.connectivity.isolated_columns),
    ):
        if isolated:
            click.echo(f"  {name} without an observed entry, set aside: {', '.join(str(one + 1) for one in isolated)}")
    if report.connectivity.connected:
        click.echo("  kernel between different components: none, the mask is connected")
    else:
        peak = int(np.argmax(report.across))
        click.echo("  kernel between different components, relative to its diagonal:")
        click.echo(f"    at the start    {report.across[0]:.3g}")
        click.echo(f"    at its largest  {report.across[peak]:.3g}, at t = {report.times[peak]:.4g}")
    _print_parts("finest parts with no kernel across", report.parts)
    click.echo(f"  flow: {report.stopped}, at t = {report.times[-1]:.4g}")
    click.echo(f"  verdict: {report.verdict} ({'proven' if report.proven else 'heuristic'}): {report.reason}")


def summary(report: CouplingReport) -> dict[str, Any]:
    """The JSON object of `coupling`; rows and columns are counted from 1, kernels are relative to their diagonal."""
    found = report.connectivity
    return {
        "connected": found.connected,
        "components": [_counted(part) for part in found.components],
        "isolated_rows": [row + 1 for row in found.isolated_rows],
        "isolated_columns": [column + 1 for column in found.isolated_columns],
        "kernel_between_components_at_start": report.between[0].tolist(),
        "kernel_between_components_largest": report.between.max(axis=0).tolist(),
        "times": report.times.tolist(),
        "kernel_across": report.across.tolist(),
        "parts": [_counted(part) for part in report.parts],
        "verdict": str(report.verdict),
        "proven": report.proven,
        "reason": report.reason,
        "stopped": str(report.stopped),
    }


def _counted(part: Part) -> list[list[int]]:
    return [[row + 1, column + 1] for row, column in part]


def _print_parts(name: str, parts: Sequence[Part]) -> None:
    click.echo(f"  {name}: {len(parts)}")
    for part in parts[:_SHOWN]:
        entries = ", ".join(f"({row},{column})" for row, column in _counted(part[:_SHOWN]))
        click.echo(f"    {entries}{', ...' if len(part) > _SHOWN else ''}")
    if len(parts) > _SHOWN:
        click.echo("    ...")
