"""Derivations as data: a list of steps, each of which says how it is known.

A derivation proves something only through its steps, and a step is one of four kinds:

- an *identity*, whose two sides SymPy reduces to the same expression;
- a *sign*, which SymPy's assumption system decides;
- a *definition*, which introduces a name and claims nothing;
- an *argument*, a conclusion from earlier steps by a theorem of analysis (the intermediate value theorem, say) or by
  counting. SymPy does not check these; they are shown to the reader as what the proof rests on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import sympy as sp
from sympy import Basic, Expr, Symbol


class Kind(StrEnum):
    """How a step is known."""

    IDENTITY = "identity"
    SIGN = "sign"
    DEFINITION = "definition"
    ARGUMENT = "argument"


@dataclass(frozen=True)
class Step:
    """One line of a derivation.

    `residual` is what is left of an identity after reduction (zero when it holds) or the quantity whose sign is
    claimed; it is None for definitions and arguments. `holds` is True when SymPy has decided the step, and is True
    by convention for definitions and arguments.
    """

    kind: Kind
    text: str
    relation: Basic | None
    residual: Expr | None
    holds: bool


@dataclass(frozen=True)
class Derivation:
    """The steps that prove the named clauses of a statement.

    `sizes` is empty for an argument that holds for every size; otherwise it lists the sizes at which the steps were
    carried out, as (name, value) pairs, and the derivation proves the clauses for those sizes only.
    """

    clauses: tuple[str, ...]
    steps: tuple[Step, ...]
    sizes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """True when every step is decided."""
        return all(step.holds for step in self.steps)

    @property
    def open_steps(self) -> tuple[Step, ...]:
        """The steps that SymPy could not reduce."""
        return tuple(step for step in self.steps if not step.holds)

    @property
    def arguments(self) -> tuple[Step, ...]:
        """The steps that SymPy did not check."""
        return tuple(step for step in self.steps if step.kind is Kind.ARGUMENT)


def identity(text: str, left: Expr, right: Expr, reduce: Callable[[Expr], Expr] = sp.expand) -> Step:
    """left = right, decided by reducing the difference with `reduce`.

    Rigorous when the residual is the literal zero. A non-zero residual decides nothing by itself: the symbolic check
    evaluates it as a ball at a point of the domain before it says REFUTED.
    """
    residual = sp.sympify(reduce(left - right))
    relation = sp.Eq(left, right, evaluate=False)
    return Step(Kind.IDENTITY, text, relation, residual, residual.is_zero is True)


def tends_to(text: str, expression: Expr, variable: Symbol, point: Expr, value: Expr) -> Step:
    """expression -> value as variable -> point (from above), decided by SymPy's limit."""
    return identity(text, sp.Limit(expression, variable, point), value, lambda difference: difference.doit())


def positive(text: str, expression: Expr) -> Step:
    """expression > 0, decided by SymPy's assumptions on its symbols."""
    relation = sp.Gt(expression, 0, evaluate=False)
    return Step(Kind.SIGN, text, relation, expression, expression.is_positive is True)


def nonnegative(text: str, expression: Expr) -> Step:
    """expression >= 0, decided by SymPy's assumptions on its symbols."""
    relation = sp.Ge(expression, 0, evaluate=False)
    return Step(Kind.SIGN, text, relation, expression, expression.is_nonnegative is True)


def definition(text: str, name: Expr, expression: Expr) -> Step:
    """name := expression."""
    return Step(Kind.DEFINITION, text, sp.Eq(name, expression, evaluate=False), None, True)


def argument(text: str, relation: Basic | None = None) -> Step:
    """A conclusion drawn from the steps above, by a theorem or by counting; not checked by SymPy."""
    return Step(Kind.ARGUMENT, text, relation, None, True)


def cancel_exponents(expression: Expr) -> Expr:
    """Bring every exponent to lowest terms and merge equal bases, then expand.

    Valid for positive bases only, which every symbol of `theory.symbols` that is raised to a symbolic power has.
    """

    def tidy(base: Expr, power: Expr) -> Expr:
        return base ** sp.factor(sp.cancel(power))

    def merged(expr: Expr) -> Expr:
        return sp.powsimp(sp.expand(sp.powdenest(expr)))

    return merged(merged(expression).replace(sp.Pow, tidy))


def split_powers(expression: Expr) -> Expr:
    """Split powers of products (every base is positive), then bring exponents to lowest terms."""
    return cancel_exponents(sp.expand_power_base(expression, force=True))
