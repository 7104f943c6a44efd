"""`rankproof trajectory --certified`: what is proved of one gradient flow, in lines."""

import math
from collections.abc import Sequence

import click
from flint import arb

from numerics.balls import precision
from numerics.certified_flow import CertifiedFlow, Outcome
from numerics.prediction import Prediction

_SHOWN_MODES = 8
#: Digits shown beyond the proven ones, so that rounding adds little to the radius.
_DIGITS_PER_BIT, _SPARE = math.log10(2), 2


def print_certified(flow: CertifiedFlow, predicted: Prediction | None) -> None:
    """Outcome, singular values of W(oo) with proven radii, proven rank, and the hypotheses that it rests on."""
    pieces, end = len(flow.run.steps), float(flow.times[-1])
    click.echo(f"certified: {flow.outcome}, {pieces} Taylor piece{'' if pieces == 1 else 's'} to t = {end:.6g}")
    if flow.outcome is Outcome.UNDECIDED:
        click.echo(f"  {flow.reason}; the knob: {flow.knob}")
    if flow.limit is not None:
        click.echo("  singular values of W(oo), proven:")
        for number, line in enumerate(_lines(flow), 1):
            limit = f"   predicted {predicted.limit[number - 1]:.12g}" if predicted is not None else ""
            click.echo(f"    sigma_{number} = {line}{limit}")
        if len(flow.limit.singular_values) > _SHOWN_MODES:
            click.echo(f"    and {len(flow.limit.singular_values) - _SHOWN_MODES} more")
        click.echo(f"  rank of W(oo): at least {flow.limit.proven_rank}, proven")
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
    """The first singular values, with radii that cover what is shown; the factor covers their own rounding."""
    assert flow.limit is not None
    lines = []
    with precision(flow.accuracy.ball_bits):
        for value in flow.limit.singular_values[:_SHOWN_MODES]:
            digits = max(1, int(value.rel_accuracy_bits() * _DIGITS_PER_BIT) + _SPARE)
            text = value.mid().str(digits, radius=False) if value > 0 else "0"
            lines.append(f"{text}  +/- {(abs(value - arb(text)) * arb('1.01')).upper().str(3, radius=False)}")
    return lines
