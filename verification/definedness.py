"""Where a side of a relation has a real value: conditions on its parts, which a certificate has to prove as well.

An interval that ends at a division by zero is still an enclosure of all values there are, so that it proves nothing
about a point where there is none: 1/x^2 > -1 on [-1, 1] has no truth at x = 0.
"""

from collections.abc import Iterable, Sequence

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic import boolalg


def conditions_of(expression: sp.Expr) -> list[Relational]:
    """The relations that hold exactly where the expression is built of real numbers: no 1/0, no root or log below 0.

    Every part counts, however it is used further up, so that a condition of a part comes along with those of the whole.
    """
    found = dict.fromkeys(
        condition for part in sp.preorder_traversal(expression) for condition in _own_conditions(part)
    )
    return list(found)


def _own_conditions(part: sp.Basic) -> Iterable[Relational]:
    if isinstance(part, sp.log):
        yield sp.Gt(part.args[0], 0, evaluate=False)
    elif isinstance(part, sp.Pow):
        base, exponent = part.base, part.exp
        if exponent.is_Integer:
            if exponent < 0:
                yield sp.Ne(base, 0, evaluate=False)
        elif exponent.is_integer:
            if not exponent.is_nonnegative:
                yield sp.Ne(base, 0, evaluate=False)
        elif exponent.is_Rational and exponent > 0:
            yield sp.Ge(base, 0, evaluate=False)
        else:
            # Other exponents are evaluated by the logarithm of the base.
            yield sp.Gt(base, 0, evaluate=False)


def is_assumed(condition: Relational, assumptions: Sequence[sp.Basic]) -> bool:
    """An assumption says what the condition asks of the same difference: d > 0 says d != 0 and d >= 0, -d < 0 too."""
    wanted = condition.lhs - condition.rhs
    for relation in _asserted(assumptions):
        if isinstance(relation, sp.Eq):
            continue
        small_first = relation.func in (sp.Lt, sp.Le)
        difference = relation.rhs - relation.lhs if small_first else relation.lhs - relation.rhs
        same, opposite = difference == wanted, difference == -wanted
        strict = relation.func in (sp.Lt, sp.Gt)
        if isinstance(condition, sp.Ne) and (same or opposite) and (strict or isinstance(relation, sp.Ne)):
            return True
        if same and (
            (isinstance(condition, sp.Gt) and strict)
            or (isinstance(condition, sp.Ge) and not isinstance(relation, sp.Ne))
        ):
            return True
    return False


def _asserted(assumptions: Sequence[sp.Basic]) -> Iterable[Relational]:
    for assumption in assumptions:
        if isinstance(assumption, boolalg.And):
            yield from _asserted(assumption.args)
        elif isinstance(assumption, Relational):
            yield assumption
