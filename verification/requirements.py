"""What the fields of statements and checks must be; each function raises StatementError, naming owner, field and value.

`owner` and `name` say whose field it is, in the words of the message: "falsification check", "observe".
"""

import inspect
from types import UnionType
from typing import Any, SupportsIndex

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic import boolalg

from numerics.balls import compiled
from numerics.errors import ArgumentError
from numerics.jets import compiled_jets
from verification.errors import StatementError

_CONNECTIVES = (boolalg.And, boolalg.Or, boolalg.Not, boolalg.Equivalent, boolalg.Implies)
_FUNCTIONS = "exp, log, sin, cos, sinh, cosh, tanh, Abs, Max, Min"
#: What intervals and balls can evaluate, in words; docs/statements.md repeats it.
SUPPORTED = f"rationals, symbols, pi, E, + - * / **, {_FUNCTIONS}"


def require(owner: str, name: str, value: object, kind: type | UnionType, right: str) -> None:
    """`value` is of a kind; `right` says in words what it must be."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind in (int, SupportsIndex)):
        raise StatementError(f"{owner}: {name} is {brief(value)}, not {right}")


def require_tuple(owner: str, name: str, value: object, kind: type | UnionType, of: str) -> None:
    """`value` is a tuple of `kind`; one thing without its comma is the mistake that everybody makes."""
    right = f"a tuple of {of}; one alone is written (one,)"
    require(owner, name, value, tuple, right)
    for one in value if isinstance(value, tuple) else ():
        require(owner, f"an entry of {name}", one, kind, of)


def require_count(owner: str, name: str, value: object) -> None:
    """`value` is an integer of at least 1."""
    right = "an integer of at least 1"
    require(owner, name, value, int, right)
    if isinstance(value, int) and value < 1:
        raise StatementError(f"{owner}: {name} is {value}, not {right}")


def require_function(owner: str, name: str, value: object, *arguments: str) -> None:
    """`value` can be called with these arguments; what does not tell its arguments (of C, say) is believed."""
    right = f"a function of ({', '.join(arguments)})"
    if not callable(value):
        raise StatementError(f"{owner}: {name} is {brief(value)}, not {right}")
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        raise StatementError(f"{owner}: {name} is a function of {brief(signature)}, not {right}") from None


def require_relation(owner: str, claim: object) -> None:
    """`claim` is an equation, an inequality, or a combination of them, and balls can evaluate its sides."""
    for side in sides_of_relation(owner, claim):
        require_evaluable(owner, side)


def sides_of_relation(owner: str, claim: object) -> list[sp.Expr]:
    """The sides of every equation and inequality in a claim."""
    if isinstance(claim, boolalg.BooleanAtom):
        return []
    if isinstance(claim, Relational):
        return [claim.lhs, claim.rhs]
    if isinstance(claim, _CONNECTIVES):
        return [side for part in claim.args for side in sides_of_relation(owner, part)]
    right = "an equation or an inequality, such as sp.Eq(left, right) or sp.Le(left, right)"
    if isinstance(claim, bool):
        right += "; Python's == compares at once and keeps no formula"
    raise StatementError(f"{owner}: {brief(claim)} is not {right}")


def require_evaluable(owner: str, expression: sp.Basic) -> None:
    """Balls can evaluate the expression."""
    try:
        compiled(expression)
    except ArgumentError as error:
        raise _not_evaluable(owner, "balls", expression, error) from None


def require_evaluable_on_boxes(owner: str, expression: sp.Basic) -> None:
    """Intervals can evaluate the expression and its gradient over boxes."""
    try:
        compiled_jets([expression], 0)
    except ArgumentError as error:
        raise _not_evaluable(owner, "intervals", expression, error) from None


def _not_evaluable(owner: str, what: str, expression: sp.Basic, error: ArgumentError) -> StatementError:
    floats = sorted(expression.atoms(sp.Float), key=str)
    if floats:
        number = f"{float(floats[0])!r}"
        return StatementError(f"{owner}: {number} is a float; write it exactly, as sp.Rational({number!r})")
    return StatementError(f"{owner}: {what} cannot evaluate {error.value}; use {SUPPORTED}")


def brief(value: Any) -> str:
    """A value in at most 40 characters."""
    shown = repr(value) if isinstance(value, (str, bool)) else str(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."


def listed(names: Any) -> str:
    """Names in alphabetical order, as the subject of a sentence with its verb: "x is", "x and y are"."""
    *first, last = sorted(map(str, names))
    return f"{', '.join(first)} and {last} are" if first else f"{last} is"
