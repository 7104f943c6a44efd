"""`rankproof trajectory`: one gradient flow, drawn over what a theorem predicts of it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console

from numerics.certified_flow import LEAST_DIGITS, certified_flow
from numerics.errors import ArgumentError
from numerics.exact import integer, positive
from numerics.factorization import MatrixCompletion, Normalization
from numerics.gradient_flow import Engine, GradientFlow, engine_named, flow_limit, integrate, precise_limit
from numerics.gradient_flow.integration import ENGINES
from numerics.prediction import Prediction, predict
from verification.certified_trajectory import certified_dataset
from verification.cli.certified import print_certified
from verification.cli.problem import exact_layers_from, problem_and_layers, problem_options
from verification.files import require_writable
from verification.trajectory import FORMATS, save_trajectory, trajectory_dataset

_RESIDUAL = "1e-7"
_STEPS, _PIECES = "20000", "2000"
_CERTIFIED_DIGITS = 20
#: The second-order engine cannot reach what the others do in reasonable time.
_TOLERANCES = {"chebyshev": "1e-6"}
_TOLERANCE = "1e-10"
_SHOWN_MODES = 8


@click.command()
@problem_options
@click.option("--engine", metavar="E", help=f"{ENGINES}.  [default: scipy; with --digits taylor]")
@click.option("--digits", metavar="D", help="Limit to D digits, by the engine taylor in MPFR arithmetic.")
@click.option(
    "--certified",
    is_flag=True,
    help=f"Prove it: balls around the trajectory and W(oo), within 10^-D.  [default: D = {_CERTIFIED_DIGITS}]",
)
@click.option(
    "--normalization",
    type=click.Choice([str(one) for one in Normalization]),
    default=str(Normalization.SUM_HALF),
    show_default=True,
    help="Of the loss; it only rescales time.",
)
@click.option("--residual", metavar="R", help=f"Stop at |R|_F <= R |targets|_F.  [default: {_RESIDUAL}]")
@click.option("--tolerance", metavar="T", help="Relative tolerance of a step.  [default: 1e-10; chebyshev 1e-6]")
@click.option("--max-time", metavar="t", help="Stop at this time.  [default: none]")
@click.option("--max-steps", metavar="N", help="Step budget.  [default: 20000; with --certified 2000 pieces]")
@click.option("--out", metavar="FILE", help=f"Output file: {', '.join(FORMATS)}.")
def trajectory(
    engine: str | None,
    digits: str | None,
    certified: bool,
    normalization: str,
    residual: str | None,
    tolerance: str | None,
    max_time: str | None,
    max_steps: str | None,
    out: str | None,
    **given: Any,
) -> None:
    """Follow gradient flow, print where it ends and how far to trust it, and draw it over the prediction.

    Digits and errors of a flow are estimates (heuristic), unless it is --certified: that encloses the one flow from
    this start, with every hypothesis of the proof checked. The certified limit of the block family, with no flow, is
    `rankproof limit`.
    """
    problem, layers = problem_and_layers(**given)
    problem = problem.normalized(Normalization(normalization))
    asked = None if digits is None else integer("digits", digits, minimum=LEAST_DIGITS if certified else 1)
    path = None if out is None else Path(out)
    if path is not None and path.suffix.lower() not in FORMATS:
        raise ArgumentError("out", out, f"a file name that ends in {', '.join(FORMATS)}")
    if path is not None:
        require_writable("out", path)
    steps = integer("max_steps", max_steps or (_PIECES if certified else _STEPS), minimum=1)
    setting = "--certified" if certified else "--digits"
    if certified or asked is not None:
        for name, text in (("residual", residual), ("tolerance", tolerance), ("max_time", max_time)):
            if text is not None:
                raise ArgumentError(name, text, f"usable together with {setting}, which sets it; leave one of them out")
    if certified:
        if engine is not None:
            raise ArgumentError("engine", engine, "usable together with --certified, which has its own")
        _certify(problem, exact_layers_from(given["init"], layers), asked or _CERTIFIED_DIGITS, steps, path)
        return
    chosen = engine_named(engine or ("scipy" if asked is None else "taylor"), asked)
    with Console(stderr=True).status("following the flow; Ctrl-C stops it"):
        if asked is not None:
            end = _precise(problem, layers, asked, steps)
        else:
            end = _float64(
                problem,
                layers,
                chosen,
                residual_tolerance=_number("residual", residual or _RESIDUAL),
                relative_tolerance=_number("tolerance", tolerance or _TOLERANCES.get(chosen.name, _TOLERANCE)),
                max_time=math.inf if max_time is None else _number("max_time", max_time),
                max_steps=steps,
            )
    predicted = predict(problem, layers)
    _print(end, predicted)
    if path is not None:
        save_trajectory(trajectory_dataset(end.flow, predicted), path)
        click.echo(f"wrote {path}")


def _certify(
    problem: MatrixCompletion, layers: Sequence[np.ndarray], digits: int, steps: int, path: Path | None
) -> None:
    with Console(stderr=True).status("enclosing the flow; Ctrl-C stops it"):
        found = certified_flow(problem, layers, digits=digits, max_steps=steps)
    predicted = predict(problem, [layer.astype(float) for layer in layers])
    print_certified(found, predicted)
    if path is not None:
        save_trajectory(certified_dataset(found, predicted), path)
        click.echo(f"wrote {path}")


class _End(NamedTuple):
    """A trajectory, the singular values at its end or limit as text, and the digits claimed (None: no limit asked)."""

    flow: GradientFlow
    singular_values: list[str]
    digits: int | None


def _number(argument: str, text: str) -> float:
    number = float(positive(argument, text))
    if not 0 < number < math.inf:
        raise ArgumentError(argument, text, "within the range of float64")
    return number


def _precise(problem: MatrixCompletion, layers: Sequence[np.ndarray], digits: int, steps: int) -> _End:
    found = precise_limit(problem, layers, digits=digits, max_steps=steps)
    if not found.flow.converged:
        return _End(found.flow, _texts(found.flow.singular_values[-1]), 0)
    shown = [str(value.mid().str(digits, radius=False)) for value in found.singular_values]
    return _End(found.flow, shown, found.digits)


def _float64(
    problem: MatrixCompletion, layers: Sequence[np.ndarray], engine: Engine, *, max_time: float, **options: Any
) -> _End:
    """The limit where no time is given, the state at that time otherwise."""
    if max_time < math.inf:
        flow = integrate(problem, layers, engine=engine, max_time=max_time, **options)
        return _End(flow, _texts(flow.singular_values[-1]), None)
    found = flow_limit(problem, layers, engine=engine, **options)
    values = found.singular_values if found.flow.converged else found.flow.singular_values[-1]
    return _End(found.flow, _texts(values), found.digits)


def _texts(values: np.ndarray) -> list[str]:
    return [f"{value:.12g}" for value in values]


def _print(end: _End, predicted: Prediction | None) -> None:
    flow = end.flow
    click.echo(
        f"{flow.engine}: {flow.reason} at t = {flow.times[-1]:.6g}, {flow.steps} steps, loss {flow.loss[-1]:.3g}"
    )
    if not flow.converged:
        click.echo(f"  not converged: {flow.reason.remedy}")
    at = "W(t) there" if end.digits is None or not flow.converged else "W(oo)"
    click.echo(f"  singular values of {at}:")
    for number, value in enumerate(end.singular_values[:_SHOWN_MODES], 1):
        limit = f"   predicted {predicted.limit[number - 1]:.12g}" if predicted is not None else ""
        click.echo(f"    sigma_{number} = {value}{limit}")
    if len(end.singular_values) > _SHOWN_MODES:
        click.echo(f"    and {len(end.singular_values) - _SHOWN_MODES} more")
    if end.digits is not None:
        click.echo(f"  digits claimed: {end.digits} (of the largest entry; an estimate)")
    if predicted is not None:
        click.echo(f"  predicted by {predicted.statement}; see: rankproof show {predicted.statement}")
    click.echo(
        f"  at the last time: effective rank {flow.effective_rank[-1]:.6g}, stable rank {flow.stable_rank[-1]:.6g}"
    )
    drift, energy = float(flow.drift[-1]), abs(float(flow.energy_defect[-1])) / (float(flow.loss[0]) or 1.0)
    click.echo(f"  monitors: balancedness drift {drift:.1e}, energy identity off by {energy:.1e} of E(0)")
    for warning in flow.warnings:
        click.echo(f"  warning: {warning}")
