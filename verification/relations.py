"""Relations on a box: their truth in three values, and the expressions whose sign decides them.

A relation may have several forms, expressions that have one sign wherever both sides are defined and no excluded end
of a range is met; what one of them shows holds for all.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic import boolalg

from numerics.intervals import Interval
from verification.claim import Truth
from verification.errors import StatementError


@dataclass(frozen=True)
class Face:
    """An end of a coordinate on which a relation's sides agree to `order`; `derivative` is the first that does not.

    `derivative` is the place of the derivative among the compiled functions, None for the gradient component (order 1).
    """

    axis: int
    end: Fraction
    low: bool
    order: int
    derivative: int | None


@dataclass(frozen=True)
class Form:
    """An expression with the sign of a relation's difference, its place among the compiled functions, its faces."""

    expression: sp.Expr
    place: int = 0
    faces: tuple[Face, ...] = ()


@dataclass(frozen=True)
class Leaf:
    """A relation as: every form > 0 (strict), >= 0, or = 0 (equation)."""

    relation: Relational
    forms: tuple[Form, ...]
    strict: bool
    equation: bool

    def truth(self, value: Interval) -> Truth:
        """What a range of a form says."""
        low, high = value
        if self.equation:
            if low > 0 or high < 0:
                return Truth.FALSE
            return Truth.TRUE if low == 0 and high == 0 else Truth.UNKNOWN
        if low > 0 or (low >= 0 and not self.strict):
            return Truth.TRUE
        return Truth.FALSE if high < 0 or (high <= 0 and self.strict) else Truth.UNKNOWN


def relations_of(claim: sp.Basic) -> set[Relational]:
    """The equations and inequalities that a claim is made of."""
    return claim.atoms(Relational)


def sides_of(relation: Relational) -> tuple[sp.Expr, sp.Expr]:
    """(small, large): the sides, so that the relation is small < large, small <= large or small = large."""
    return (relation.rhs, relation.lhs) if relation.func in (sp.Gt, sp.Ge) else (relation.lhs, relation.rhs)


def difference_of(
    relation: Relational, at: Callable[[sp.Expr], sp.Expr], positive: Callable[[sp.Expr], bool]
) -> tuple[sp.Expr, ...]:
    """The difference of the sides, first that of their logarithms where both are proven positive on the box.

    An observable's own declaration does not count, for what stands for it on the box may be negative, and where both
    sides are, the phases of their logarithms cancel: -p < -2p would read log p < log 2p.
    """
    small, large = sides_of(relation)
    if isinstance(relation, (sp.Eq, sp.Ne)):
        return (at(large - small),)
    difference = at(large) - at(small)
    if positive(small) and positive(large):
        logarithmic = _log(at(large)) - _log(at(small))
        if not logarithmic.has(sp.I, sp.nan, sp.zoo):
            return logarithmic, difference
    return (difference,)


def is_positive(expression: sp.Expr, proven: Callable[[sp.Expr], bool]) -> bool:
    """True when the expression is positive wherever it is real: by SymPy's assumptions, by its form, or `proven`."""
    if expression.is_positive is True or isinstance(expression, sp.exp):
        return True
    if isinstance(expression, (sp.Add, sp.Mul)) and all(is_positive(part, proven) for part in expression.args):
        return True
    return (isinstance(expression, sp.Pow) and is_positive(expression.base, proven)) or proven(expression)


def is_made_of_positives(expression: sp.Expr, positive: Collection[sp.Symbol]) -> bool:
    """Made of positive numbers and the given symbols by + * ** and exp: seen at a glance, where SymPy thinks long."""
    if isinstance(expression, (sp.Add, sp.Mul)):
        return all(is_made_of_positives(part, positive) for part in expression.args)
    if isinstance(expression, sp.Pow):
        return is_made_of_positives(expression.base, positive)
    if isinstance(expression, sp.exp) or expression in positive:
        return True
    return bool(expression.is_Number and expression.is_positive)


def _log(expression: sp.Expr) -> sp.Expr:
    return sp.expand_log(sp.log(expression), force=True)


def truth_of(claim: sp.Basic, truths: Mapping[Relational, Truth]) -> Truth:
    """The claim's truth from those of its relations, in three values."""
    if claim in (sp.true, sp.false):
        return Truth.TRUE if claim is sp.true else Truth.FALSE
    if isinstance(claim, sp.Ne):
        return _not(truths[claim])
    if isinstance(claim, Relational):
        return truths[claim]
    parts = [truth_of(part, truths) for part in claim.args]
    if isinstance(claim, boolalg.And):
        return min(parts)
    if isinstance(claim, boolalg.Or):
        return max(parts)
    if isinstance(claim, boolalg.Not):
        return _not(parts[0])
    if isinstance(claim, boolalg.Implies):
        return max(_not(parts[0]), parts[1])
    if isinstance(claim, boolalg.Equivalent):
        if Truth.UNKNOWN in parts:
            return Truth.UNKNOWN
        return Truth.TRUE if len(set(parts)) == 1 else Truth.FALSE
    raise StatementError(f"claim: {claim} is neither an equation, an inequality nor a combination of them")


def _not(truth: Truth) -> Truth:
    return {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}.get(truth, Truth.UNKNOWN)
