"""The integers of a box, one choice at a time, and formulas at such a choice."""

import itertools
import math
from collections.abc import Iterator, Mapping
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


def lost_conditions(claim: sp.Basic, numbers: Numbers) -> list[Relational]:
    """What the sides need to be defined, and SymPy has cancelled when the numbers were put in: (x-1)/(x-n) at n = 1.

    Raises Undefined where a condition fails at the choice itself.
    """
    lost: dict[Relational, None] = {}
    left = claim_at(claim, numbers).atoms(Relational)
    kept = {one for relation in left for side in (relation.lhs, relation.rhs) for one in conditions_of(side)}
    for relation in claim.atoms(Relational):
        for side in (relation.lhs, relation.rhs):
            for condition in conditions_of(side):
                there = condition.func(value_at(condition.lhs, numbers), 0)
                if there is sp.false:
                    raise Undefined(side)
                if there is not sp.true and there not in kept:
                    lost[there] = None
    return list(lost)


def claim_at(claim: sp.Basic, numbers: Numbers) -> sp.Basic:
    """An equation, an inequality or a combination of them at a choice. Raises Undefined."""
    if isinstance(claim, Relational):
        sides = [value_at(side, numbers) for side in (claim.lhs, claim.rhs)]
        return claim.func(*sides, evaluate=all(side.is_number for side in sides))
    if not claim.args:
        return claim
    return claim.func(*(claim_at(part, numbers) for part in claim.args))
