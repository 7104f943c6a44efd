"""The integers of a box, one choice at a time, and formulas at such a choice."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from verification.definedness import conditions_of
from verification.parameters import IntegerRange, Parameters, Point

Numbers = Mapping[sp.Symbol, sp.Rational]


class Undefined(ArithmeticError):
    """An expression has no real value at a choice of the integers; says nothing about other choices."""

    def __init__(self, expression: sp.Basic) -> None:
        super().__init__(f"{expression} has no real value")
        self.expression = expression


def count_of(box: Parameters) -> int:
    """How many choices of its integers a box has."""
    return math.prod(one.high - one.low + 1 for one in box.ranges if isinstance(one, IntegerRange))


def choices_of(box: Parameters) -> Iterator[Point]:
    """Every choice of the integers, with the reals that the box fixes."""
    numbers: list[list[Any]] = []
    for one in box.ranges:
        if isinstance(one, IntegerRange):
            numbers.append([(one.symbol, value) for value in range(one.low, one.high + 1)])
        elif one.low == one.high:
            numbers.append([(one.symbol, one.low)])
    return (dict(choice) for choice in itertools.product(*numbers))


def numbers_at(choice: Point) -> dict[sp.Symbol, sp.Rational]:
    """The choice as SymPy's numbers."""
    return {symbol: sp.Rational(value.numerator, value.denominator) for symbol, value in choice.items()}


def value_at(expression: sp.Expr, numbers: Numbers) -> sp.Expr:
    """The expression at a choice. Raises Undefined where that leaves a pole, or a number that is not real.

    SymPy turns 1/0 into an infinity that differs from every number, so that 1/n != 5 would hold at n = 0.
    """
    try:
        found = expression.subs(numbers)
    except (TypeError, ValueError):  # Max and Min compare their arguments at once
        raise Undefined(expression) from None
    poles = found.has(sp.nan, sp.zoo, sp.oo, sp.S.NegativeInfinity)
    if poles or any(part.is_real is False for part in sp.preorder_traversal(found) if part.is_number):
        raise Undefined(expression)
    return found


def lost_conditions(
    claim: sp.Basic, numbers: Numbers, stages: Sequence[Mapping[sp.Symbol, sp.Expr]] = ()
) -> list[Relational]:
    """What the sides need to be defined, and SymPy cancels when values are put in: (x-1)/(x-n) at n = 1.

    stages: what is put in before the numbers, definitions and then quantities, in the order in which that is done.
    Raises Undefined where a condition fails at the choice itself.
    """
    lost: dict[Relational, None] = {}
    whole = claim
    for stage in stages:
        whole = whole.subs(stage)
    surviving = claim_at(whole, numbers).atoms(Relational)
    for relation in claim.atoms(Relational):
        sides = [relation.lhs, relation.rhs]
        needed = [(side, one) for side in sides for one in conditions_of(side)]
        for stage in stages:
            used = [value for symbol, value in stage.items() if any(side.has(symbol) for side in sides)]
            needed = [(side, one.func(one.lhs.subs(stage), 0, evaluate=False)) for side, one in needed]
            needed += [(value, one) for value in used for one in conditions_of(value)]
            sides = [side.subs(stage) for side in sides]
        sides = [value_at(side, numbers) for side in sides]
        survives = any(set(sides) == {one.lhs, one.rhs} for one in surviving)
        kept = {one for side in sides for one in conditions_of(side)} if survives else set()
        for side, condition in needed:
            there = condition.func(value_at(condition.lhs, numbers), 0)
            if there is sp.false:
                raise Undefined(side)
            if there is not sp.true and there not in kept:
                lost[there] = None
    return list(lost)


def assumption_at(assumption: sp.Basic, numbers: Numbers) -> sp.Basic:
    """The same for an assumption: a relation that has no value there does not hold. Raises Undefined.

    Only of a relation, and of several at once, is that the end of it: 1/n > 0 or n >= 0 holds at n = 0.
    """
    if isinstance(assumption, sp.And):
        return sp.And(*(assumption_at(part, numbers) for part in assumption.args))
    if not isinstance(assumption, Relational):
        lost_conditions(assumption, numbers)
        return claim_at(assumption, numbers)
    try:
        found = claim_at(assumption, numbers)
    except Undefined:
        return sp.false
    lost_conditions(assumption, numbers)
    return found


def claim_at(claim: sp.Basic, numbers: Numbers) -> sp.Basic:
    """An equation, an inequality or a combination of them at a choice. Raises Undefined."""
    if isinstance(claim, Relational):
        sides = [value_at(side, numbers) for side in (claim.lhs, claim.rhs)]
        return claim.func(*sides, evaluate=all(side.is_number for side in sides))
    if not claim.args:
        return claim
    return claim.func(*(claim_at(part, numbers) for part in claim.args))
