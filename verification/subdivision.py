"""Branch and bound: sub-boxes on which interval arithmetic decides the claims, worst first.

On each sub-box a relation is decided by the best of: its range (plain and mean-value form), its range on the face where
variables with a derivative of proven sign take their worst ends, and, where SymPy shows that the two sides agree
on a whole face of the box, the sign of the first derivative that does not vanish on that face.
"""

import heapq
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic import boolalg

from numerics.box_functions import Box, BoxFunctions, Range, Root, length_of, middle_of
from numerics.errors import ArgumentError
from numerics.intervals import Interval, compiled_jets, interval, negative
from theory.derivation import cancel_exponents
from verification.claim import Truth
from verification.coordinates import Variable
from verification.errors import StatementError
from verification.parameters import Point

_ORDERS = 4  # derivatives tried on a face on which the sides agree


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
class Leaf:
    """A relation as: expression > 0 (strict), >= 0, or = 0 (equation)."""

    relation: Relational
    expression: sp.Expr
    strict: bool
    equation: bool
    faces: tuple[Face, ...] = ()

    def truth(self, value: Interval) -> Truth:
        """What a range of the expression says."""
        low, high = value
        if self.equation:
            return Truth.FALSE if low > 0 or high < 0 else Truth.UNKNOWN
        if low > 0 or (low >= 0 and not self.strict):
            return Truth.TRUE
        return Truth.FALSE if high < 0 or (high <= 0 and self.strict) else Truth.UNKNOWN


@dataclass(frozen=True)
class Part:
    """A sub-box and what became of it: "proven", "outside", "refuted" or "open"."""

    state: str
    box: Box


@dataclass
class Outcome:
    """The sub-boxes of one problem, and a counterexample (a point of the coordinates) if one was met."""

    parts: list[Part] = field(default_factory=list)
    counterexample: tuple[Fraction, ...] | None = None

    def count(self, state: str) -> int:
        """Number of sub-boxes in a state."""
        return sum(part.state == state for part in self.parts)


class Problem:
    """Claims and assumptions over a box, at fixed integers, compiled once."""

    def __init__(
        self,
        claims: Sequence[sp.Basic],
        assumptions: Sequence[sp.Basic],
        variables: Sequence[Variable],
        substituted: Mapping[sp.Symbol, Any],
        roots: Sequence[Root] = (),
    ) -> None:
        compactified = {one.range.symbol: one.expression for one in variables if one.shift is not None}

        def at(expression: sp.Expr) -> sp.Expr:
            return expression.subs(substituted).subs(compactified)

        def positive(expression: sp.Expr) -> bool:
            return _positive(expression.subs(substituted), lambda part: _positive_over(at(part), variables))

        self.variables = tuple(variables)
        self._roots = [Root(root.symbol, at(root.equation), at(root.low), at(root.high)) for root in roots]
        self._claims, self._assumptions = tuple(claims), tuple(assumptions)
        relations = sorted(set().union(*(_relations(one) for one in (*claims, *assumptions))), key=str)
        leaves = [_leaf(relation, at, positive) for relation in relations]
        expressions = [leaf.expression for leaf in leaves]
        asked = set().union(*(_relations(one) for one in claims))
        self._leaves = {
            leaf.relation: Leaf(
                leaf.relation, leaf.expression, leaf.strict, leaf.equation, self._faces(leaf.expression, expressions)
            )
            if leaf.relation in asked and not leaf.equation
            else leaf
            for leaf in leaves
        }
        self._places = {relation: place for place, relation in enumerate(relations)}
        self._functions = BoxFunctions(expressions, [one.coordinate for one in variables], self._roots)

    @property
    def box(self) -> Box:
        """The whole box."""
        return tuple(one.side for one in self.variables)

    @property
    def tight_faces(self) -> list[str]:
        """The faces on which the sides of a claim agree, in words."""
        return sorted(
            {
                f"{one.range.symbol} = {'oo' if one.value(face.end) == math.inf else one.value(face.end)}"
                for leaf in self._leaves.values()
                for face in leaf.faces
                for one in (self.variables[face.axis],)
            }
        )

    def _faces(self, expression: sp.Expr, expressions: list[sp.Expr]) -> tuple[Face, ...]:
        found = []
        for axis, one in enumerate(self.variables):
            for low, end in ((True, one.side[0]), (False, one.side[1])):
                if not self._vanishes(expression, one.coordinate.symbol, end):
                    continue
                order, derivative = 1, sp.diff(expression, one.coordinate.symbol)
                if self._roots or not self._vanishes(derivative, one.coordinate.symbol, end):
                    found.append(Face(axis, end, low, 1, None))
                    continue
                while order < _ORDERS and self._vanishes(derivative, one.coordinate.symbol, end):
                    order, derivative = order + 1, sp.diff(derivative, one.coordinate.symbol)
                if not _has_ranges(derivative):
                    continue
                expressions.append(derivative)
                found.append(Face(axis, end, low, order, len(expressions) - 1))
        return tuple(found)

    @staticmethod
    def _vanishes(expression: sp.Expr, symbol: sp.Symbol, end: Fraction) -> bool:
        """SymPy reduces the expression to zero on the face; False when it does not.

        False also for derivatives with jumps (of Abs, Max and Min), which have no ranges: Taylor's theorem fails there.
        """
        there = expression.subs(symbol, sp.Rational(end.numerator, end.denominator))
        if there.has(sp.nan, sp.zoo, sp.oo, sp.S.NegativeInfinity) or not (
            _has_ranges(expression) and _has_ranges(there)
        ):
            return False
        if any(low > 0 or high < 0 for low, high in _sampled(there)):
            return False
        return there.is_zero is True or sp.expand(there).is_zero is True or cancel_exponents(there).is_zero is True

    def examine(self, box: Box) -> "Examination":
        """Decide the claims on a sub-box, or say where and how to go on."""
        ranges = self._functions.over(box)
        truths = {relation: leaf.truth(self._range(ranges, relation).value) for relation, leaf in self._leaves.items()}
        if any(_truth(one, truths) is Truth.FALSE for one in self._assumptions):
            return Examination("outside")
        for relation, leaf in self._leaves.items():
            if leaf.faces and truths[relation] is Truth.UNKNOWN:
                truths[relation] = self._off_the_face(leaf, box, ranges)
                on_face = self._point_on_face(leaf, box)
                if on_face is not None:
                    return Examination("refuted", on_face)
        if self._holds(truths):
            return Examination("proven")
        centre = tuple(
            middle_of(side, one.coordinate.logarithmic) for side, one in zip(box, self.variables, strict=True)
        )
        central = {
            relation: leaf.truth(self._range(ranges, relation).central) for relation, leaf in self._leaves.items()
        }
        if self._violates(central, centre):
            return Examination("refuted", centre)
        open_leaves = self._open(truths)
        for relation in open_leaves:
            corner = self._worst_corner(box, self._range(ranges, relation).gradient)
            if corner == box:
                continue
            at_corner = self._functions.over(corner)
            truth = self._leaves[relation].truth(self._range(at_corner, relation).value)
            if truth is Truth.TRUE:
                truths[relation] = truth
            elif all(low == high for low, high in corner):
                point = tuple(low for low, _ in corner)
                there = {one: leaf.truth(self._range(at_corner, one).value) for one, leaf in self._leaves.items()}
                if self._violates(there, point):
                    return Examination("refuted", point)
        if self._holds(truths):
            return Examination("proven")
        undecided = self._open(truths)
        worst = min((float(self._range(ranges, one).value[0]) for one in undecided), default=0.0)
        if not self._holds(central):
            # The claim fails at the middle, where only an assumption may still exclude it: the boundary is what counts.
            undecided = [
                *undecided,
                *(r for a in self._assumptions for r in _relations(a) if truths[r] is Truth.UNKNOWN),
            ]
        return Examination("open", None, worst, self._axis(box, [self._range(ranges, one) for one in undecided]))

    def _range(self, ranges: Sequence[Range], relation: Relational) -> Range:
        return ranges[self._places[relation]]

    def _holds(self, truths: Mapping[Relational, Truth]) -> bool:
        return all(_truth(claim, truths) is Truth.TRUE for claim in self._claims)

    def _open(self, truths: Mapping[Relational, Truth]) -> list[Relational]:
        claims = [claim for claim in self._claims if _truth(claim, truths) is not Truth.TRUE]
        return sorted(
            {relation for claim in claims for relation in _relations(claim) if truths[relation] is Truth.UNKNOWN},
            key=str,
        )

    def _violates(self, truths: Mapping[Relational, Truth], point: Sequence[Fraction]) -> bool:
        """A point of the domain at which every assumption holds and a claim does not."""
        inside = not any(one.excludes(number) for one, number in zip(self.variables, point, strict=True))
        admitted = all(_truth(one, truths) is Truth.TRUE for one in self._assumptions)
        return inside and admitted and any(_truth(claim, truths) is Truth.FALSE for claim in self._claims)

    def _worst_corner(self, box: Box, gradient: Sequence[Interval]) -> Box:
        """The face on which an expression is smallest, as far as the signs of its derivatives are proven."""
        return tuple(
            (side[0], side[0]) if slope[0] > 0 else (side[1], side[1]) if slope[1] < 0 else side
            for side, slope in zip(box, gradient, strict=True)
        )

    def _off_the_face(self, leaf: Leaf, box: Box, ranges: Sequence[Range]) -> Truth:
        for face in leaf.faces:
            touching = box[face.axis][0 if face.low else 1] == face.end
            excluded = not leaf.strict or self._excluded(face, box)
            if not (touching and excluded):
                continue
            if face.derivative is None:
                slope = self._range(ranges, leaf.relation).gradient[face.axis]
            else:
                slope = ranges[face.derivative].value
            if (slope if face.low or face.order % 2 == 0 else negative(slope))[0] > 0:
                return Truth.TRUE
        return Truth.UNKNOWN

    def _excluded(self, face: Face, box: Box) -> bool:
        """No point of the face belongs to the domain."""
        if self.variables[face.axis].excludes(face.end):
            return True
        ranges = self._functions.over(self._on(face, box))
        truths = {relation: leaf.truth(self._range(ranges, relation).value) for relation, leaf in self._leaves.items()}
        return any(_truth(one, truths) is Truth.FALSE for one in self._assumptions)

    @staticmethod
    def _on(face: Face, box: Box) -> Box:
        return (*box[: face.axis], (face.end, face.end), *box[face.axis + 1 :])

    def _point_on_face(self, leaf: Leaf, box: Box) -> tuple[Fraction, ...] | None:
        """A point of the domain on a face where the sides of a strict claim are equal, which refutes it."""
        for face in leaf.faces:
            if not leaf.strict or box[face.axis][0 if face.low else 1] != face.end:
                continue
            point = tuple(
                middle_of(side, one.coordinate.logarithmic)
                for side, one in zip(self._on(face, box), self.variables, strict=True)
            )
            values = self._functions.at(point)
            truths = {one: leaf.truth(values[self._places[one]]) for one, leaf in self._leaves.items()}
            truths[leaf.relation] = Truth.FALSE
            if self._violates(truths, point):
                return point
        return None

    def _axis(self, box: Box, ranges: Sequence[Range]) -> int:
        """The side whose bisection narrows the open relations most; the widest one while nothing bounds them."""
        lengths = [length_of(side, one.coordinate.logarithmic) for side, one in zip(box, self.variables, strict=True)]
        reach = [
            sum(max(abs(float(end)) for end in one.gradient[axis]) * length for one in ranges) if length else -1.0
            for axis, length in enumerate(lengths)
        ]
        if all(math.isfinite(one) for one in reach) and max(reach, default=0.0) > 0:
            return max(range(len(box)), key=reach.__getitem__)
        shares = [
            length / (length_of(one.side, one.coordinate.logarithmic) or 1.0)
            for length, one in zip(lengths, self.variables, strict=True)
        ]
        return max(range(len(box)), key=shares.__getitem__, default=0)


@dataclass(frozen=True)
class Examination:
    """What became of a sub-box; for an open one the worst lower bound met and the side to bisect."""

    state: str
    point: tuple[Fraction, ...] | None = None
    worst: float = 0.0
    axis: int = 0


def subdivide(problem: Problem, most_boxes: int) -> Outcome:
    """Examine at most `most_boxes` sub-boxes, those with the worst bound first; stops at a counterexample."""
    outcome = Outcome()
    order = itertools.count()
    waiting: list[tuple[float, int, Box, int]] = []

    def visit(box: Box) -> bool:
        seen = problem.examine(box)
        if seen.state == "open" and any(low < high for low, high in box):
            worst = seen.worst if math.isfinite(seen.worst) else -math.inf
            heapq.heappush(waiting, (worst, next(order), box, seen.axis))
        else:
            outcome.parts.append(Part(seen.state, box))
        outcome.counterexample = seen.point
        return seen.state != "refuted"

    if not visit(problem.box):
        return outcome
    for _ in range((most_boxes - 1) // 2):
        if not waiting:
            break
        _, _, box, axis = heapq.heappop(waiting)
        if not all(visit(half) for half in _halves(box, axis, problem.variables[axis].coordinate.logarithmic)):
            return outcome
    outcome.parts.extend(Part("open", box) for _, _, box, _ in waiting)
    return outcome


def _sampled(expression: sp.Expr) -> Iterable[Interval]:
    """Values at two points, which spare SymPy what is plainly not zero."""
    evaluate = compiled_jets([expression], 0)
    symbols = sorted(expression.free_symbols, key=str)
    for offset in (Fraction(7, 5), Fraction(13, 3)):
        numbers = [offset + Fraction(place, 7) for place in range(len(symbols))]
        yield evaluate({symbol: (interval(one, one), ()) for symbol, one in zip(symbols, numbers, strict=True)})[0][0]


def _has_ranges(expression: sp.Expr) -> bool:
    try:
        compiled_jets([expression], 0)
    except ArgumentError:
        return False
    return True


def _halves(box: Box, axis: int, logarithmic: bool) -> Iterable[Box]:
    low, high = box[axis]
    middle = middle_of((low, high), logarithmic)
    for side in ((low, middle), (middle, high)):
        yield (*box[:axis], side, *box[axis + 1 :])


def _relations(claim: sp.Basic) -> set[Relational]:
    return claim.atoms(Relational)


def _leaf(relation: Relational, at: Callable[[sp.Expr], sp.Expr], positive: Callable[[sp.Expr], bool]) -> Leaf:
    """The relation with everything on one side; logarithms of the sides where both are proven positive on the box.

    An observable's own declaration does not count, for what stands for it on the box may be negative, and where both
    sides are, the phases of their logarithms cancel: -p < -2p would read log p < log 2p.
    """
    small, large = (relation.rhs, relation.lhs) if relation.func in (sp.Gt, sp.Ge) else (relation.lhs, relation.rhs)
    if isinstance(relation, (sp.Eq, sp.Ne)):
        return Leaf(relation, at(large - small), False, True)
    expression = at(large) - at(small)
    if positive(small) and positive(large):
        logarithmic = _log(at(large)) - _log(at(small))
        expression = expression if logarithmic.has(sp.I, sp.nan, sp.zoo) else logarithmic
    return Leaf(relation, expression, relation.func in (sp.Lt, sp.Gt), False)


def _positive(expression: sp.Expr, proven: Callable[[sp.Expr], bool]) -> bool:
    """True when the expression is positive wherever it is real: by SymPy's assumptions, by its form, or `proven`."""
    if expression.is_positive is True or isinstance(expression, sp.exp):
        return True
    if isinstance(expression, (sp.Add, sp.Mul)) and all(_positive(part, proven) for part in expression.args):
        return True
    return (isinstance(expression, sp.Pow) and _positive(expression.base, proven)) or proven(expression)


def _positive_over(expression: sp.Expr, variables: Sequence[Variable]) -> bool:
    """The range of the expression over the whole box is positive; False where it has roots in it."""
    if not expression.free_symbols <= {one.coordinate.symbol for one in variables} or not _has_ranges(expression):
        return False
    functions = BoxFunctions([expression], [one.coordinate for one in variables])
    return bool(functions.over(tuple(one.side for one in variables))[0].value[0] > 0)


def _log(expression: sp.Expr) -> sp.Expr:
    return sp.expand_log(sp.log(expression), force=True)


def _truth(claim: sp.Basic, truths: Mapping[Relational, Truth]) -> Truth:
    """The claim's truth from those of its relations, in three values."""
    if claim in (sp.true, sp.false):
        return Truth.TRUE if claim is sp.true else Truth.FALSE
    if isinstance(claim, sp.Ne):
        return _not(truths[claim])
    if isinstance(claim, Relational):
        return truths[claim]
    parts = [_truth(part, truths) for part in claim.args]
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


def point_of(problem: Problem, point: Sequence[Fraction]) -> Point:
    """The parameters at a point of the coordinates."""
    return {one.range.symbol: one.value(number) for one, number in zip(problem.variables, point, strict=True)}


def sides_of(problem: Problem, box: Box) -> list[tuple[Fraction | float, Fraction | float]]:
    """The sides of a sub-box in the parameters themselves."""
    return [
        tuple(sorted((one.value(low), one.value(high))))  # type: ignore[misc]
        for (low, high), one in zip(box, problem.variables, strict=True)
    ]
