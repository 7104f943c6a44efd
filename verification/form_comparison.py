"""Two formulas compared: the same, a rewrite of each other, or different in meaning.

First by structure, then by a symbolic difference of bounded size, then by evaluating both as balls at random points.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic import boolalg

from numerics.balls import ball, evaluate, precision
from numerics.errors import ArgumentError
from theory.derivation import cancel_exponents
from verification.claim import Truth, judge
from verification.errors import StatementError
from verification.form_notation import facts
from verification.parameters import Parameters, Point, point_text

_BITS = 512
_DIGITS = 50
_POINTS = 8
_TRIES = 40
_MOST_OPERATIONS = 400  # symbolic powers reduce slowly: beyond this only balls compare
_LARGEST = 20_000  # terms that an expansion may have before it is not tried
#: Parts that balls cannot evaluate: values that are free, and those bound to what stands inside them.
_FREE: Any = (AppliedUndef, sp.Indexed, sp.matrices.expressions.matexpr.MatrixElement)
_BOUND: Any = (
    sp.Sum,
    sp.Product,
    sp.Integral,
    sp.Limit,
    sp.Derivative,
    sp.Subs,
    sp.Trace,
    sp.KroneckerDelta,
)
_CANNOT = (ArgumentError, StatementError, KeyError, TypeError, ZeroDivisionError, OverflowError, NotImplementedError)


class Outcome(IntEnum):
    """How a formula compares with its stored form, worst last."""

    SAME = 0
    REWRITTEN = 1  # the difference reduces to zero
    REWRITTEN_BY_EVALUATION = 2  # balls agree at random points: probably a rewrite, not shown symbolically
    UNDECIDED = 3  # neither shown equal nor seen to differ
    CHANGED = 4  # another meaning


@dataclass(frozen=True)
class Change:
    """An outcome and what was seen; `point`: exact values at which the two differ, where there are any."""

    outcome: Outcome
    text: str = ""
    point: dict[str, str] | None = None

    @property
    def harmless(self) -> bool:
        """True when the meaning is the same, as far as could be told."""
        return self.outcome <= Outcome.REWRITTEN_BY_EVALUATION


_SAME = Change(Outcome.SAME)
_REDUCED = Change(Outcome.REWRITTEN, "the difference reduces to zero")


def compare(stored: sp.Basic, current: sp.Basic, domain: Parameters | None = None, seed: int = 0) -> Change:
    """How the current formula differs from the stored one.

    SAME and REWRITTEN are rigorous, and so is CHANGED at a point; REWRITTEN_BY_EVALUATION is heuristic. An equation may
    have its sides exchanged or both on one side; an inequality must keep direction and strictness. Points are drawn
    from `domain` where it has the symbol, otherwise from what the symbol is assumed to be.
    """
    if stored == current:
        return _SAME
    if assumed := _assumptions_changed(stored, current):
        return Change(Outcome.CHANGED, assumed)
    points = _Points(domain, seed)
    return _compare(stored, current, points)


@dataclass(frozen=True)
class _Points:
    domain: Parameters | None
    seed: int

    def drawn(self, symbols: set[sp.Symbol]) -> Iterator[Point]:
        """Random exact points, the same for the same seed and symbols."""
        source = random.Random(self.seed)
        ranges = {one.symbol: one for one in self.domain.ranges} if self.domain else {}
        for _ in range(_TRIES):
            drawn = {
                symbol: ranges[symbol].at(source.random()) if symbol in ranges else _drawn(symbol, source)
                for symbol in sorted(symbols, key=str)
            }
            if all(value != math.inf for value in drawn.values()):
                yield drawn


def _drawn(symbol: sp.Symbol, source: random.Random) -> int | Fraction:
    """A random number that is what the symbol is assumed to be."""
    size: int | Fraction = source.randint(2, 9)
    if not symbol.is_integer:
        size = Fraction(source.randint(10**5, 4 * 10**6), 10**6 + 3)
    if symbol.is_nonnegative or symbol.is_positive:
        return size
    if symbol.is_nonpositive or symbol.is_negative:
        return -size
    return size if source.random() < 0.5 else -size


def _assumptions_changed(stored: sp.Basic, current: sp.Basic) -> str | None:
    """Symbols that kept their name and lost or gained an assumption."""
    before, after = map(_assumed, (stored, current))
    for name in sorted(set(before) & set(after)):
        if before[name] != after[name]:
            was, now = (" or ".join(sorted(one)) for one in (before[name], after[name]))
            return f"symbol {name} was {was} and is {now}"
    return None


def _assumed(formula: sp.Basic) -> dict[str, set[str]]:
    """What the symbols of each name are assumed to be."""
    found: dict[str, set[str]] = {}
    for symbol in formula.atoms(sp.Symbol):
        found.setdefault(symbol.name, set()).add(", ".join(facts(symbol)) or "without assumptions")
    return found


def _compare(stored: Any, current: Any, points: _Points) -> Change:
    if stored == current:
        return _SAME
    # A symbol is a Boolean to SymPy, but here it is a number.
    kinds = [isinstance(one, boolalg.Boolean) and not isinstance(one, sp.Expr) for one in (stored, current)]
    if kinds == [False, False]:
        return _terms(stored, current, points)
    if isinstance(stored, Relational) and isinstance(current, Relational):
        return _relations(stored, current, points)
    if all(kinds) and stored.func == current.func and len(stored.args) == len(current.args) > 0:
        return _parts(stored, current, points)
    if all(kinds):
        return _truths(stored, current, points)
    return Change(Outcome.CHANGED, f"{stored} has become {current}")


def _relations(stored: Relational, current: Relational, points: _Points) -> Change:
    if isinstance(stored, (sp.Eq, sp.Ne)) or isinstance(current, (sp.Eq, sp.Ne)):
        if stored.func != current.func:
            return Change(Outcome.CHANGED, f"{stored.rel_op} has become {current.rel_op}")
        return _equations(stored, current, points)
    if _strict(stored) != _strict(current):
        return Change(Outcome.CHANGED, f"{stored.rel_op} has become {current.rel_op}")
    before, after = (stored.lts, stored.gts), (current.lts, current.gts)
    sides = _both(before, after, points)
    if sides.harmless:
        return sides if sides.outcome is not Outcome.SAME else Change(Outcome.REWRITTEN, "written from the other side")
    if _both(before, after[::-1], points).harmless:
        return Change(Outcome.CHANGED, "the inequality has changed direction")
    moved = _terms(before[1] - before[0], after[1] - after[0], points)
    return moved if moved.harmless else sides


def _strict(relation: Relational) -> bool:
    return isinstance(relation, (sp.StrictLessThan, sp.StrictGreaterThan))


def _equations(stored: Relational, current: Relational, points: _Points) -> Change:
    before, after = (stored.lhs, stored.rhs), (current.lhs, current.rhs)
    sides = _both(before, after, points)
    if sides.harmless:
        return sides
    exchanged = _both(before, after[::-1], points)
    if exchanged.harmless:
        return Change(max(exchanged.outcome, Outcome.REWRITTEN), "the sides are exchanged")
    if any(getattr(side, "is_Matrix", False) for side in (*before, *after)):
        return sides
    difference, now = before[0] - before[1], after[0] - after[1]
    if difference in (now, -now):
        return Change(Outcome.REWRITTEN, "moved to the other side")
    # Any two identities have differences that reduce to zero; only for a relation that restricts do they say something.
    if _terms(difference, sp.S.Zero, points).outcome is not Outcome.CHANGED:
        return sides
    moved = min((_terms(difference, one, points) for one in (now, -now)), key=lambda change: change.outcome)
    return moved if moved.harmless else sides


def _both(before: tuple[Any, Any], after: tuple[Any, Any], points: _Points) -> Change:
    """The worse of two comparisons."""
    return max((_terms(*pair, points) for pair in zip(before, after, strict=True)), key=lambda change: change.outcome)


def _parts(stored: Any, current: Any, points: _Points) -> Change:
    """Parts of a connective, each with the one that fits best where their order means nothing."""
    left = list(current.args)
    worst = _SAME
    for part in stored.args:
        fits = [_compare(part, other, points) for other in (left[:1] if isinstance(stored, sp.Implies) else left)]
        best = min(range(len(fits)), key=lambda index: fits[index].outcome)
        worst = max(worst, fits[best], key=lambda change: change.outcome)
        left.pop(best)
    return worst if worst.outcome is not Outcome.SAME else Change(Outcome.REWRITTEN, "its parts are reordered")


def _truths(stored: Any, current: Any, points: _Points) -> Change:
    """Formulas of different structure, by whether they hold at random points."""
    seen = set()
    for point in points.drawn(stored.free_symbols | current.free_symbols):
        try:
            with precision(_BITS):
                before, after = (judge(one, point, _DIGITS).truth for one in (stored, current))
        except _CANNOT:
            continue
        if {before, after} == {Truth.TRUE, Truth.FALSE}:
            values = f"{before.name} has become {after.name}"
            return Change(Outcome.CHANGED, _at(point, values), point_text(point))
        if before is after:
            seen.add(before)
    if {Truth.TRUE, Truth.FALSE} <= seen:
        return Change(Outcome.REWRITTEN_BY_EVALUATION, "true and false at the same random points; probably a rewrite")
    return Change(Outcome.UNDECIDED, f"{stored} has become {current}; no random point tells them apart")


def _terms(stored: Any, current: Any, points: _Points) -> Change:
    if stored == current:
        return _SAME
    if stored.as_dummy() == current.as_dummy():
        return Change(Outcome.REWRITTEN, "a bound name is changed")
    if getattr(stored, "is_Matrix", False) or getattr(current, "is_Matrix", False):
        return _matrices(stored, current)
    if isinstance(stored, sp.Tuple) or isinstance(current, sp.Tuple):
        return Change(Outcome.UNDECIDED, f"{stored} has become {current}")
    if isinstance(stored, _BOUND) and stored.func == current.func and stored.args[1:] == current.args[1:]:
        inside = _terms(stored.args[0], current.args[0], points)
        return inside if inside.harmless else Change(Outcome.UNDECIDED, f"{stored} has become {current}")
    opaque, certain = _opaque(stored, current)
    left, right = (one.xreplace(opaque) for one in (stored, current))
    # Balls first: they are quick, and only what they do not tell apart is worth a reduction.
    seen = _evaluated(left, right, certain, points)
    return _REDUCED if seen.outcome is not Outcome.CHANGED and _reduces_to_zero(left - right) else seen


def _matrices(stored: Any, current: Any) -> Change:
    shapes = [getattr(one, "shape", None) for one in (stored, current)]
    if shapes[0] != shapes[1]:
        return Change(Outcome.CHANGED, f"shape {shapes[0]} has become {shapes[1]}")
    difference = sp.expand((stored - current).doit())
    if getattr(difference.doit(), "is_zero_matrix", None):
        return _REDUCED
    return Change(Outcome.UNDECIDED, f"the matrix {stored} has become {current}")


def _opaque(*formulas: sp.Basic) -> tuple[dict[sp.Basic, sp.Symbol], bool]:
    """A symbol for each part that balls cannot evaluate, and whether different such parts may differ at will.

    Values of functions and entries of matrices may; a sum or a derivative is bound to what stands inside it.
    """
    found: list[Any] = []
    for formula in formulas:
        walk = sp.preorder_traversal(formula)
        for node in walk:
            if isinstance(node, _FREE + _BOUND):
                found.append(node)
                walk.skip()
    replaced = {
        node: sp.Dummy(f"part_{number}", positive=node.is_positive or None, real=True)
        for number, node in enumerate(dict.fromkeys(found))
    }
    return replaced, all(isinstance(node, _FREE) for node in found)


def _reduces_to_zero(difference: sp.Expr) -> bool:
    """True only when the difference is identically zero; gives up where an expansion would be long."""
    for reduce in _REDUCTIONS:
        if _length(difference) > _LARGEST or sp.count_ops(difference) > _MOST_OPERATIONS:
            return False
        if reduce(difference) == 0:
            return True
    return False


def _numerator(difference: sp.Expr) -> sp.Expr:
    numerator = sp.fraction(sp.together(difference))[0]
    return sp.expand(numerator) if _length(numerator) <= _LARGEST else numerator


_REDUCTIONS: tuple[Callable[[sp.Expr], sp.Expr], ...] = (sp.expand, cancel_exponents, _numerator)


def _length(expression: sp.Expr) -> int:
    """How many terms the expression has when it is multiplied out; an upper bound."""
    if isinstance(expression, sp.Add):
        return sum(map(_length, expression.args))
    if isinstance(expression, sp.Mul):
        return math.prod(map(_length, expression.args))
    if isinstance(expression, sp.Pow) and expression.exp.is_Integer:
        power, terms = abs(int(expression.exp)), _length(expression.base)
        return _LARGEST + 1 if power > _LARGEST and terms > 1 else math.comb(power + terms - 1, terms - 1)
    return max(map(_length, expression.args), default=1) if isinstance(expression, sp.Expr) else 1


def _evaluated(stored: sp.Expr, current: sp.Expr, certain: bool, points: _Points) -> Change:
    agreed, digits = 0, _BITS
    for point in points.drawn(stored.free_symbols | current.free_symbols):
        with precision(_BITS):
            try:
                before, after = (ball(evaluate(one, point)) for one in (stored, current))
            except _CANNOT:
                continue
            if not (before.is_finite() and after.is_finite()):
                continue
            if not before.overlaps(after):
                if not certain:
                    return Change(Outcome.UNDECIDED, "differs in a part that cannot be evaluated as a ball")
                return Change(Outcome.CHANGED, _at(point, _values(before, after)), point_text(point))
            proven = min(before.rel_accuracy_bits(), after.rel_accuracy_bits())
            if proven < _DIGITS * math.log2(10):
                continue
        agreed, digits = agreed + 1, min(digits, math.floor(proven / math.log2(10)))
        if agreed == _POINTS:
            text = f"agrees as balls at {agreed} random points to {digits} digits; probably a rewrite"
            return Change(Outcome.REWRITTEN_BY_EVALUATION, text)
    return Change(Outcome.UNDECIDED, f"{stored} has become {current}; neither reduced to zero nor seen to differ")


def _at(point: Point, values: str) -> str:
    where = ", ".join(f"{name} = {value}" for name, value in point_text(point).items())
    return f"at {where}: {values}" if where else values


def _values(before: Any, after: Any) -> str:
    """Both values, with as many digits as it takes to tell them apart."""
    for digits in (4, 10, 20, 40, 80, 160):
        texts = [one.mid().str(digits, radius=False) if hasattr(one, "mid") else str(one) for one in (before, after)]
        if texts[0] != texts[1]:
            break
    return f"{texts[0]} against {texts[1]}"
