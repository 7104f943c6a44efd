"""Certified gradient flow: balls that provably contain the trajectory of one start and its limit W(oo).

Theorem
    `enclosure` (from the start to a late time) and `tail` (from there to infinity) state and prove it; every hypothesis
    is checked by name on every piece. Rooms: `pieces` exact Taylor polynomials, `defect` what they miss, `norms` and
    `growth` how errors spread, `steps` one piece, `tail` the rest, `result` what comes back.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, log10
from typing import Any

from flint import arb

from numerics.balls import ball
from numerics.certified_flow.enclosure import Run, accuracy_for, exact_start, needed_radius, run
from numerics.certified_flow.hypotheses import Hypothesis
from numerics.certified_flow.matrix_ball import MatrixBall
from numerics.certified_flow.result import CertifiedFlow, Outcome
from numerics.errors import ArgumentError
from numerics.exact import exact, integer
from numerics.factorization import MatrixCompletion

__all__ = ["CertifiedFlow", "Hypothesis", "MatrixBall", "Outcome", "certified_flow"]

#: Digits that the first run works with beyond the asked ones: what growth and the number of steps usually eat.
_GUARD_DIGITS = 10
#: Runs at higher precision, each with what the one before lacked and this many digits more.
_MOST_RAISES = 3
_SPARE_DIGITS = 3
#: A ball of fewer digits says nothing; of more, float64 cannot hold the bounds.
LEAST_DIGITS, _MOST_DIGITS = 3, 150
#: The work of a step grows with the square of the order; 150 digits take less than a fifth of this.
_MOST_ORDER = 1_000


def certified_flow(
    problem: MatrixCompletion,
    layers: Sequence[Any],
    *,
    digits: int = 40,
    order: int | None = None,
    max_steps: int = 2_000,
    start_radius: Any = 0,
) -> CertifiedFlow:
    """Enclose theta(t) for all t >= 0, and W(oo) within 10^-digits in the Frobenius norm.

    Where the largest target is below 1 the radius asked is that much smaller.
    layers: W_1, ..., W_L with entries that are exact (fractions, integers, floats as the binary numbers they are). The
    enclosure holds for every start within `start_radius` of them, in the Frobenius norm. Rigorous: an outcome ENCLOSED
    is a theorem about these starts. Where the hypotheses do not close the outcome is UNDECIDED, with a reason and a
    knob. Precision follows from `digits`, and is raised up to three times; `order` of the Taylor polynomials too,
    unless it is given. Raises ArgumentError.
    """
    digits = integer("digits", digits, minimum=LEAST_DIGITS)
    if digits > _MOST_DIGITS:
        raise ArgumentError("digits", digits, f"at most {_MOST_DIGITS}")
    order = None if order is None else integer("order", order, minimum=2)
    if order is not None and order > _MOST_ORDER:
        raise ArgumentError("order", order, f"at most {_MOST_ORDER}")
    max_steps = integer("max_steps", max_steps, minimum=1)
    radius = Fraction(exact("start_radius", start_radius))
    if radius < 0:
        raise ArgumentError("start_radius", start_radius, "at least 0")
    start = exact_start(problem, layers)
    largest = max(abs(target) for target in problem.exact_targets)
    asked = arb(10) ** -digits * (ball(largest) if 0 < largest < 1 else 1)
    working = digits + _GUARD_DIGITS
    for raises in range(_MOST_RAISES + 1):
        accuracy = accuracy_for(working, order)
        found = run(problem, start, radius, asked.lower(), accuracy, max_steps)
        if found.knob != "digits" or raises == _MOST_RAISES:
            break
        working += _lacking(found, asked)
    return CertifiedFlow(problem, digits, asked.lower(), accuracy, raises, found)


def _lacking(found: Run, asked: arb) -> int:
    """Digits by which the precision must rise: what the error at the last time exceeds, or twenty where unknown."""
    excess = found.tail.floor / needed_radius(found.tail, asked) if found.tail else arb(0)
    if not excess.is_finite() or not excess > 0:
        return 20
    return max(0, ceil(log10(float(excess.upper())))) + _SPARE_DIGITS
