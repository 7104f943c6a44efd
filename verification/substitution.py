"""A statement's assumptions and claims with the values of one point substituted, as lines to read."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic import boolalg

from numerics.balls import ball, compiled
from verification.claim import Truth, judge
from verification.statement import Statement

_SIGNS = {
    sp.Eq: "=",
    sp.Ne: "!=",
    sp.StrictLessThan: "<",
    sp.LessThan: "<=",
    sp.StrictGreaterThan: ">",
    sp.GreaterThan: ">=",
}
_WORDS = {
    boolalg.And: " and ",
    boolalg.Or: " or ",
    boolalg.Implies: " implies ",
    boolalg.Equivalent: " if and only if ",
}
_DIGITS = 6
_MOST_DIGITS = 60
_LONGEST = 100


def substituted(
    statement: Statement,
    values: Mapping[sp.Symbol, Any],
    clauses: Sequence[str],
    kept: Collection[sp.Symbol] = (),
) -> tuple[str, ...]:
    """Assumptions, and the claims of `clauses`, as "assumes a <= b:  0.25 <= 1 holds".

    `values` are exact numbers or balls of the parameters and, for the claims, of what was measured; both sides are
    shown by midpoints at the working precision, to as many digits as it takes to tell them apart. What speaks of a
    symbol without a value is left out. `kept`: definitions whose own values are among the values.
    """
    shown = {clause.name: clause.claim for clause in statement.clauses}
    lines = [_line("assumes", claim, claim, values) for claim in statement.assumptions]
    for name, claim in statement.claims(clauses, kept).items():
        lines.append(_line(f"claims {name},", claim if shown[name] is None else shown[name], claim, values))
    return tuple(line for line in lines if line)


def _line(word: str, formula: sp.Basic, claim: sp.Basic, values: Mapping[sp.Symbol, Any]) -> str:
    if not claim.free_symbols <= set(values):
        return ""
    judged = judge(claim, values, _DIGITS)
    if judged.truth is Truth.FALSE:
        outcome = f"is FALSE by {judged.residual:.3g}"
    else:
        outcome = "cannot be decided" if judged.truth is Truth.UNKNOWN else "holds"
    text = sentence(formula)
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return f"{word} {text}:  {sentence(claim, values)} {outcome}"


def sentence(claim: sp.Basic, values: Mapping[sp.Symbol, Any] | None = None) -> str:
    """A claim in one line, its sides as formulas or, with values, as numbers."""
    if isinstance(claim, Relational):
        left, right = (str(claim.lhs), str(claim.rhs)) if values is None else _numbers(claim, values)
        return f"{left} {_SIGNS[type(claim)]} {right}"
    if isinstance(claim, boolalg.Not):
        return f"not ({sentence(claim.args[0], values)})"
    if type(claim) in _WORDS:
        parts = [sentence(part, values) for part in claim.args]
        return _WORDS[type(claim)].join(
            part if isinstance(of, Relational) else f"({part})" for part, of in zip(parts, claim.args, strict=True)
        )
    return str(claim).lower()


def _numbers(claim: Relational, values: Mapping[sp.Symbol, Any]) -> tuple[str, str]:
    sides = [ball(compiled(side)(values)) for side in (claim.lhs, claim.rhs)]
    digits = _DIGITS
    while True:
        left, right = (side.mid().str(digits, radius=False) for side in sides)
        if left != right or digits >= _MOST_DIGITS or not sides[0].is_finite() or sides[0].overlaps(sides[1]):
            return left, right
        digits *= 2
