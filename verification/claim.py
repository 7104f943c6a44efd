"""Claims judged by balls: a SymPy relation, evaluated at one point whose values are exact numbers or balls.

Overlapping balls never prove an equality; disjoint balls refute one. An inequality is decided only when the balls do.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

import sympy as sp
from flint import acb, arb
from sympy.core.relational import Relational
from sympy.logic import boolalg

from numerics.balls import ball, compiled, is_narrow
from verification.errors import StatementError


class Truth(IntEnum):
    """What the balls say, worst first."""

    FALSE = 0
    UNKNOWN = 1
    AGREES = 2
    TRUE = 3


@dataclass(frozen=True)
class Judgement:
    """`truth`, and a residual: the relative distance of the two sides, or the relative violation of an inequality."""

    truth: Truth
    residual: float


def judge(claim: sp.Basic, values: Mapping[sp.Symbol, Any], digits: int) -> Judgement:
    """Judge a claim at one point, at the working precision.

    TRUE and FALSE are rigorous when the values are (exact numbers, or balls that contain the truth). AGREES: the sides
    of an equation overlap and both prove `digits` digits. UNKNOWN: balls too wide to say.
    """
    return _judge(claim)(values, digits)


@lru_cache(maxsize=512)
def _judge(claim: sp.Basic) -> Callable[[Mapping[sp.Symbol, Any], int], Judgement]:
    if claim is sp.true or claim is sp.false:
        fixed = Judgement(Truth.TRUE if claim is sp.true else Truth.FALSE, 0.0 if claim is sp.true else 1.0)
        return lambda values, digits: fixed
    if isinstance(claim, sp.Ne):
        equal = _judge(sp.Eq(claim.lhs, claim.rhs, evaluate=False))
        return lambda values, digits: _not([equal(values, digits)])
    if isinstance(claim, Relational):
        left, right = compiled(claim.lhs), compiled(claim.rhs)
        compare = _equation if isinstance(claim, sp.Eq) else _INEQUALITIES[type(claim)]
        return lambda values, digits: compare(_real(left(values)), _real(right(values)), digits)
    if isinstance(claim, (boolalg.And, boolalg.Or, boolalg.Not, boolalg.Equivalent, boolalg.Implies)):
        parts = [_judge(part) for part in claim.args]
        combine = _CONNECTIVES[claim.func]
        return lambda values, digits: combine([part(values, digits) for part in parts])
    raise StatementError(f"claim: {claim} is neither an equation, an inequality nor a combination of them")


def spread(claim: sp.Basic, values: Mapping[sp.Symbol, Any]) -> float:
    """How wide the balls of the claim's sides are, relative to their size; heuristic, to choose where to bisect."""
    total = 0.0
    for relation in claim.atoms(Relational):
        difference = _real(compiled(relation.lhs - relation.rhs)(values))
        total += float(difference.rad()) if difference.is_finite() else math.inf
    return total


def _real(value: Any) -> Any:
    value = ball(value)
    if isinstance(value, acb):
        # Real only up to the ball of the imaginary part, so never exact.
        return value.real + arb(0, value.imag.abs_upper()) if value.imag.contains(0) else arb.nan()
    return value


def _distance(left: Any, right: Any) -> float:
    """|left - right| relative to the larger side, by midpoints, as a float for reporting."""
    scale = abs(left.mid()).max(abs(right.mid()))
    if not scale.is_finite():
        return math.inf
    if scale == 0:
        return 0.0
    return float(abs(left.mid() - right.mid()) / scale)


def _equation(left: Any, right: Any, digits: int) -> Judgement:
    residual = _distance(left, right)
    if not (left.is_finite() and right.is_finite()):
        return Judgement(Truth.UNKNOWN, residual)
    if not left.overlaps(right):
        return Judgement(Truth.FALSE, residual)
    if left.is_exact() and right.is_exact():
        return Judgement(Truth.TRUE, 0.0)
    narrow = is_narrow(left, digits) and is_narrow(right, digits)
    return Judgement(Truth.AGREES if narrow else Truth.UNKNOWN, residual)


def _inequality(strict: bool, downwards: bool) -> Callable[[Any, Any, int], Judgement]:
    def compare(left: Any, right: Any, digits: int) -> Judgement:
        small, large = (right, left) if downwards else (left, right)
        true = small < large if strict else small <= large
        false = small >= large if strict else small > large
        violation = 0.0 if true else _distance(small, large) if small.mid() > large.mid() else 0.0
        if false and violation == 0.0:
            # A strict inequality that fails by equality has no size; like any false yes-or-no claim it counts as 1.
            violation = 1.0
        return Judgement(Truth.TRUE if true else Truth.FALSE if false else Truth.UNKNOWN, violation)

    return compare


_INEQUALITIES = {
    sp.StrictLessThan: _inequality(True, False),
    sp.LessThan: _inequality(False, False),
    sp.StrictGreaterThan: _inequality(True, True),
    sp.GreaterThan: _inequality(False, True),
}


def _and(parts: list[Judgement]) -> Judgement:
    return Judgement(min(part.truth for part in parts), max(part.residual for part in parts))


def _or(parts: list[Judgement]) -> Judgement:
    return Judgement(max(part.truth for part in parts), min(part.residual for part in parts))


def _not(parts: list[Judgement]) -> Judgement:
    flipped = {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}.get(parts[0].truth, Truth.UNKNOWN)
    return Judgement(flipped, float(flipped is Truth.FALSE))


def _equivalent(parts: list[Judgement]) -> Judgement:
    truths = {part.truth for part in parts}
    if truths <= {Truth.TRUE, Truth.FALSE}:
        same = len(truths) == 1
        return Judgement(Truth.TRUE if same else Truth.FALSE, float(not same))
    return Judgement(Truth.UNKNOWN, 0.0)


def _implies(parts: list[Judgement]) -> Judgement:
    return _or([_not(parts[:1]), parts[1]])


_CONNECTIVES: dict[Any, Callable[[list[Judgement]], Judgement]] = {
    boolalg.And: _and,
    boolalg.Or: _or,
    boolalg.Not: _not,
    boolalg.Equivalent: _equivalent,
    boolalg.Implies: _implies,
}
