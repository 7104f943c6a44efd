"""`rankproof trajectory --certified`: what is proved of one gradient flow, in lines."""

import math
from collections.abc import Sequence

import click
import numpy as np
from flint import arb

from numerics.balls import precision
from numerics.certified_flow import CertifiedFlow, Outcome
from numerics.exact import shown
from numerics.prediction import Prediction

_SHOWN_MODES, _SHOWN_ENTRIES = 8, 16
#: Digits shown beyond the proven ones, so that rounding adds little to the radius.
_DIGITS_PER_BIT, _SPARE = math.log10(2), 2


def print_certified(flow: CertifiedFlow, predicted: Prediction | None) -> None:
    """Outcome, singular values of W(oo) with proven radii, proven rank, and the hypotheses that it rests on."""
    pieces, end = len(flow.run.steps), float(flow.times[-1])
    click.echo(f"certified: {flow.outcome}, {pieces} Taylor piece{'' if pieces == 1 else 's'} to t = {end:.6g}")
    if flow.outcome is Outcome.UNDECIDED:
        click.echo(f"  {flow.reason}; the knob: {flow.knob}")
        if flow.limit is not None:
            asked, found = (one.str(2, radius=False) for one in (flow.asked, flow.limit.radius))
            click.echo(f"  W(oo) is enclosed within {found}, asked was {asked}; what follows is proven")
    if flow.limit is not None:
        click.echo("  singular values of W(oo), proven:")
        for number, line in enumerate(_lines(flow), 1):
            limit = f"   predicted {predicted.limit[number - 1]:.12g}" if predicted is not None else ""
            click.echo(f"    sigma_{number} = {line}{limit}")
        if len(flow.limit.singular_values) > _SHOWN_MODES:
            click.echo(f"    and {len(flow.limit.singular_values) - _SHOWN_MODES} more")
        click.echo(f"  rank of W(oo): at least {flow.limit.proven_rank}, proven")
        if flow.problem.mask.size <= _SHOWN_ENTRIES:
            click.echo("  W(oo), observed entries exactly:")
            for line in _entry_lines(flow):
                click.echo(f"    {line}")
    if predicted is not None:
        click.echo(f"  predicted by {predicted.statement}; see: rankproof show {predicted.statement}")
    click.echo(
        f"  Taylor order {flow.accuracy.order}, {flow.accuracy.ball_bits} bits, raised {flow.raises} times; early "
        f"errors may have grown by {flow.digits_eaten:.1f} digits"
    )
    click.echo("  hypotheses, the tightest of each name (value <= bound):")
    width = max((len(one.name) for one in flow.hypotheses), default=0)
    for one in flow.hypotheses:
        mark = "" if one.holds else "   FAILS"
        value, bound = (side.str(3, radius=False) for side in (one.value, one.bound))
        click.echo(f"    {one.name:{width}}  {value} <= {bound}{mark}")


def _lines(flow: CertifiedFlow) -> Sequence[str]:
    """The first singular values, zero where nothing else is proven."""
    assert flow.limit is not None
    with precision(flow.accuracy.ball_bits):
        return [_shown(value, value > 0) for value in flow.limit.singular_values[:_SHOWN_MODES]]


def _entry_lines(flow: CertifiedFlow) -> Sequence[str]:
    """The entries of W(oo) that are not observed, and the targets of the others."""
    assert flow.limit is not None
    lines = []
    with precision(flow.accuracy.ball_bits):
        for i, j in np.ndindex(flow.problem.mask.shape):
            if not flow.problem.mask[i, j]:
                value = flow.limit.entries[i, j]
                lines.append(f"w_{i + 1},{j + 1} = {_shown(value, not value.contains(0))}")
    targets = zip(flow.problem.observed, flow.problem.exact_targets, strict=True)
    return [*lines, *(f"w_{i + 1},{j + 1} = {shown(target)}" for (i, j), target in targets)]


def _shown(value: arb, telling: bool) -> str:
    """A decimal, and a radius that covers the ball and the decimal's rounding; the factor covers its own."""
    digits = max(1, int(value.rel_accuracy_bits() * _DIGITS_PER_BIT) + _SPARE)
    text = value.mid().str(digits, radius=False) if telling else "0"
    return f"{text}  +/- {(abs(value - arb(text)) * arb('1.01')).upper().str(3, radius=False)}"
