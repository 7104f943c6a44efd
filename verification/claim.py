"""Claims judged by balls: a SymPy relation, evaluated at one point whose values are exact numbers or balls.

Overlapping balls never prove an equality; disjoint balls refute one. An inequality is decided only when the balls do.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from typing import Any

import sympy as sp
from flint import acb, arb
from sympy.core.relational import Relational
from sympy.logic import boolalg

from numerics.balls import ball, compiled, is_narrow
from verification.definedness import conditions_of
from verification.errors import StatementError


class Truth(IntEnum):
    """What the balls say, worst first."""

    FALSE = 0
    UNKNOWN = 1
    AGREES = 2
    TRUE = 3


@dataclass(frozen=True)
class Judgement:
    """What is found at one point.

    residual: the relative distance of the two sides of an equation, or the relative violation of an inequality; margin:
    how far the claim is from failing, relative to the size of its sides, negative where it fails (never positive for an
    equation). Both are heuristic numbers, to steer and to report by.
    """

    truth: Truth
    residual: float
    margin: float


def judge(claim: sp.Basic, values: Mapping[sp.Symbol, Any], digits: int) -> Judgement:
    """Judge a claim at one point, at the working precision.

    TRUE and FALSE are rigorous when the values are (exact numbers, or balls that contain the truth). AGREES: the sides
    of an equation overlap and both prove `digits` digits. UNKNOWN: balls too wide to say.
    """
    return _judge(claim)(values, digits)


@lru_cache(maxsize=512)
def _judge(claim: sp.Basic) -> Callable[[Mapping[sp.Symbol, Any], int], Judgement]:
    if claim is sp.true or claim is sp.false:
        fixed = Judgement(Truth.TRUE, 0.0, 1.0) if claim is sp.true else Judgement(Truth.FALSE, 1.0, -1.0)
        return lambda values, digits: fixed
    if isinstance(claim, sp.Ne):
        equal = _judge(sp.Eq(claim.lhs, claim.rhs, evaluate=False))
        return lambda values, digits: _not([equal(values, digits)])
    if isinstance(claim, Relational):
        left, right = compiled(claim.lhs), compiled(claim.rhs)
        size = _size_beside_zero(claim)
        if isinstance(claim, sp.Eq):
            return _where_defined(
                claim,
                lambda values, digits: _equation(_real(left(values)), _real(right(values)), digits, size(values)),
            )
        compare = _INEQUALITIES[type(claim)]
        return _where_defined(
            claim, lambda values, digits: compare(_real(left(values)), _real(right(values)), size(values))
        )
    if isinstance(claim, (boolalg.And, boolalg.Or, boolalg.Not, boolalg.Equivalent, boolalg.Implies)):
        parts = [_judge(part) for part in claim.args]
        combine = _CONNECTIVES[claim.func]
        return lambda values, digits: combine([part(values, digits) for part in parts])
    raise StatementError(f"claim: {claim} is neither an equation, an inequality nor a combination of them")


def _where_defined(
    claim: Relational, judged: Callable[[Mapping[sp.Symbol, Any], int], Judgement]
) -> Callable[[Mapping[sp.Symbol, Any], int], Judgement]:
    """The judgement, unless it is FALSE at a point where a side is real only by way of the root of a negative number.

    Balls go on with complex numbers, sqrt(-2) sqrt(-8) = -4; where a claim has no value it is not false.
    """
    conditions = [] if claim.has(sp.I) else [one for side in claim.args for one in conditions_of(side)]
    if not conditions:
        return judged

    def careful(values: Mapping[sp.Symbol, Any], digits: int) -> Judgement:
        found = judged(values, digits)
        if found.truth is Truth.FALSE and any(_judge(one)(values, digits).truth is Truth.FALSE for one in conditions):
            return replace(found, truth=Truth.UNKNOWN)
        return found

    return careful


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


def _margin(small: Any, large: Any, size: float | None) -> float:
    """How far small < large is from failing, by midpoints: in [-2, 2], increasing in large and decreasing in small.

    Sides of one sign are compared by the logarithm of their quotient, so that sides many decades apart can be steered
    together; across zero, where no quotient grows with both, by that of their difference. `size` is what a difference
    from zero is measured by.
    """
    small, large = small.mid(), large.mid()
    if not (small.is_finite() and large.is_finite()):
        return 2.0
    difference = large - small
    if difference == 0:
        return 0.0
    if size is not None:
        return float(difference) / size if size else 0.0
    if small * large > 0:
        scale = abs(small).max(abs(large))
        quotient = abs(small).min(abs(large)) / scale
        distance = float(-quotient.log()) if quotient < 0.5 else -math.log1p(-abs(float(difference / scale)))
        return math.copysign(distance / (1 + distance), float(difference / scale))
    return math.copysign(1.5 + math.atan(float(abs(difference).log())) / math.pi, float(difference.sgn()))


def _size_beside_zero(claim: Relational) -> Callable[[Mapping[sp.Symbol, Any]], float | None]:
    """What to measure a difference from zero by; None where neither side is the number 0.

    A sum is measured by the sizes of its terms before they cancel. What has no such terms is measured by 1 + |it|.
    """
    if 0 not in (claim.lhs, claim.rhs):
        return lambda values: None
    side = claim.lhs if claim.rhs == 0 else claim.rhs
    expression = _uncancelled(side) if side.atoms(sp.Add) else 1 + sp.Abs(side)
    measure = compiled(expression)

    def size(values: Mapping[sp.Symbol, Any]) -> float:
        found = _real(measure(values)).mid()
        return float(found) if found.is_finite() else math.inf

    return size


def _uncancelled(expression: sp.Basic) -> sp.Basic:
    """The expression with the sizes of its terms in the place of the terms: an upper bound on |expression|."""
    if isinstance(expression, (sp.Add, sp.Mul)):
        return expression.func(*(_uncancelled(part) for part in expression.args))
    if isinstance(expression, sp.Pow) and expression.exp.is_integer and expression.exp.is_positive:
        return _uncancelled(expression.base) ** expression.exp
    return sp.Abs(expression)


def _yes_or_no(truth: Truth) -> Judgement:
    """What has no sides to measure: a false one counts as 1."""
    false = truth is Truth.FALSE
    return Judgement(truth, float(false), 1.0 - 2.0 * false)


def _equation(left: Any, right: Any, digits: int, size: float | None) -> Judgement:
    """`size` is what a difference from zero is measured by: beside the number 0 every distance would be 1."""
    residual = _distance(left, right)
    if size is not None and math.isfinite(residual) and size > 0:
        residual = min(residual, float(abs(left.mid() - right.mid())) / size)
    if not (left.is_finite() and right.is_finite()):
        return Judgement(Truth.UNKNOWN, residual, -residual)
    if not left.overlaps(right):
        return Judgement(Truth.FALSE, residual, -residual)
    if left.is_exact() and right.is_exact():
        return Judgement(Truth.TRUE, 0.0, 0.0)
    narrow = is_narrow(left, digits) and is_narrow(right, digits)
    return Judgement(Truth.AGREES if narrow else Truth.UNKNOWN, residual, -residual)


def _inequality(strict: bool, downwards: bool) -> Callable[[Any, Any, float | None], Judgement]:
    def compare(left: Any, right: Any, size: float | None) -> Judgement:
        small, large = (right, left) if downwards else (left, right)
        true = small < large if strict else small <= large
        false = small >= large if strict else small > large
        violation = 0.0 if true else _distance(small, large) if small.mid() > large.mid() else 0.0
        if false and violation == 0.0:
            # A strict inequality that fails by equality has no size; like any false yes-or-no claim it counts as 1.
            violation = 1.0
        truth = Truth.TRUE if true else Truth.FALSE if false else Truth.UNKNOWN
        return Judgement(truth, violation, _margin(small, large, size))

    return compare


_INEQUALITIES = {
    sp.StrictLessThan: _inequality(True, False),
    sp.LessThan: _inequality(False, False),
    sp.StrictGreaterThan: _inequality(True, True),
    sp.GreaterThan: _inequality(False, True),
}


def together(parts: Sequence[Judgement]) -> Judgement:
    """The judgement that all parts hold; with no part, that nothing was asked."""
    if not parts:
        return Judgement(Truth.TRUE, 0.0, 1.0)
    return Judgement(
        min(part.truth for part in parts), max(part.residual for part in parts), min(part.margin for part in parts)
    )


def _or(parts: list[Judgement]) -> Judgement:
    return Judgement(
        max(part.truth for part in parts), min(part.residual for part in parts), max(part.margin for part in parts)
    )


def _not(parts: list[Judgement]) -> Judgement:
    flipped = {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}.get(parts[0].truth, Truth.UNKNOWN)
    return Judgement(flipped, float(flipped is Truth.FALSE), -parts[0].margin)


def _equivalent(parts: list[Judgement]) -> Judgement:
    """The margin is that of all implications between the parts."""
    highest, lowest = max(part.margin for part in parts), min(part.margin for part in parts)
    margin = max(-highest, lowest)
    truths = {part.truth for part in parts}
    if truths <= {Truth.TRUE, Truth.FALSE}:
        same = len(truths) == 1
        return Judgement(Truth.TRUE if same else Truth.FALSE, float(not same), margin)
    return Judgement(Truth.UNKNOWN, 0.0, margin)


def _implies(parts: list[Judgement]) -> Judgement:
    return _or([_not(parts[:1]), parts[1]])


_CONNECTIVES: dict[Any, Callable[[list[Judgement]], Judgement]] = {
    boolalg.And: together,
    boolalg.Or: _or,
    boolalg.Not: _not,
    boolalg.Equivalent: _equivalent,
    boolalg.Implies: _implies,
}
