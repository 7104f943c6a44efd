"""Claims and assumptions over a box, compiled once, and what enclosures say about them on a sub-box.

On each sub-box a relation is decided by the best of: its range (plain and mean-value form), its range on the face where
variables with a derivative of proven sign take their worst ends, and, where SymPy shows that the two sides agree
on a whole face of the box, the sign of the first derivative that does not vanish on that face. Nothing is decided where
a side is not proven to be defined.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from numerics.box_functions import Box, BoxFunctions, Range, Root, length_of, middle_of
from numerics.errors import ArgumentError
from numerics.intervals import WHOLE, Interval, compiled_jets, interval, negative
from theory.derivation import cancel_exponents
from verification.claim import Truth
from verification.coordinates import Variable
from verification.definedness import conditions_of, is_assumed
from verification.relations import (
    Face,
    Form,
    Leaf,
    difference_of,
    is_made_of_positives,
    is_positive,
    relations_of,
    sides_of,
    truth_of,
)
from verification.tails import TailSlopes, infimum_at, without_denominator

_ORDERS = 4  # derivatives tried on a face on which the sides agree
_UNBOUNDED = -math.inf

Truths = Mapping[Relational, Truth]


@dataclass(frozen=True)
class Examination:
    """What became of a sub-box; for an open one the worst lower bound met, the side to bisect, and what is not defined.

    undefined: a condition without which a side has no value, and which is not proven here.
    """

    state: str
    point: tuple[Fraction, ...] | None = None
    worst: float = 0.0
    axis: int = 0
    undefined: Relational | None = None


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
        self.variables = tuple(variables)
        self._compactified = {one.range.symbol: one.expression for one in variables if one.shift is not None}
        self._substituted = substituted
        self.roots = tuple(roots)
        self._roots = [
            Root(root.symbol, self._at(root.equation), self._at(root.low), self._at(root.high)) for root in roots
        ]
        self._coordinates = [one.coordinate for one in variables]
        self._claims, self._assumptions = tuple(claims), tuple(assumptions)
        asserted = set().union(*(relations_of(one) for one in claims))
        spoken = sorted(asserted.union(*(relations_of(one) for one in assumptions)), key=str)
        self._conditions = self._conditions_of(spoken)
        needed = set().union(*self._conditions.values())
        relations = [*spoken, *sorted(needed - set(spoken), key=str)]
        self._asserted = asserted
        self._compile(relations, asserted | needed)

    def _compile(self, relations: Sequence[Relational], asked: set[Relational]) -> None:
        """One form for each relation; more where the range of the first over the whole box has no lower bound."""
        differences = {relation: difference_of(relation, self._at, self._positive) for relation in relations}
        first = [differences[relation][0] for relation in relations]
        functions = BoxFunctions(first, self._coordinates, self._roots)
        ranges = functions.over(self.box)
        forms: dict[Relational, list[sp.Expr]] = {}
        for relation, found in zip(relations, ranges, strict=True):
            bounded = relation not in asked or isinstance(relation, (sp.Eq, sp.Ne)) or found.value[0].is_finite()
            forms[relation] = [differences[relation][0]] if bounded else self._forms(differences[relation])
        expressions = [form for relation in relations for form in forms[relation]]
        self._form_count = len(expressions)
        places = iter(range(len(expressions)))
        self._leaves = {
            relation: Leaf(
                relation,
                tuple(Form(form, next(places)) for form in forms[relation]),
                relation.func in (sp.Lt, sp.Gt),
                isinstance(relation, (sp.Eq, sp.Ne)),
            )
            for relation in relations
        }
        for relation in relations:
            leaf = self._leaves[relation]
            if relation in asked and not leaf.equation:
                faced = tuple(replace(form, faces=self._faces(form.expression, expressions)) for form in leaf.forms)
                self._leaves[relation] = replace(leaf, forms=faced)
        compiled = expressions == first
        self._functions = functions if compiled else BoxFunctions(expressions, self._coordinates, self._roots)
        # Roots have no slopes in log u here.
        tails = not self._roots and any(one.has_open_zero for one in self.variables)
        self._slopes = TailSlopes(expressions[: self._form_count], self.variables) if tails else None

    def _at(self, expression: sp.Expr) -> sp.Expr:
        return expression.subs(self._substituted).subs(self._compactified)

    def _positive(self, expression: sp.Expr) -> bool:
        return is_positive(expression.subs(self._substituted), lambda part: self._positive_over(self._at(part)))

    def _positive_over(self, expression: sp.Expr) -> bool:
        """The range of the expression over the whole box is positive; False where it has roots in it."""
        known = {one.symbol for one in self._coordinates}
        if not expression.free_symbols <= known or not _has_ranges(expression):
            return False
        return bool(BoxFunctions([expression], self._coordinates).over(self.box)[0].value[0] > 0)

    def _forms(self, differences: Sequence[sp.Expr]) -> list[sp.Expr]:
        """The differences, and each without its denominator where that is positive at every point of the domain."""
        found = dict.fromkeys(differences)
        for difference in differences:
            form = without_denominator(difference, lambda part: is_positive(part, self._positive_over))
            if form is not None and _has_ranges(form):
                found[form] = None
        return list(found)

    def _conditions_of(self, relations: Sequence[Relational]) -> dict[Relational, tuple[Relational, ...]]:
        """What both sides of each need to be defined, as far as the assumptions and the whole box do not say it."""
        positive = {one.range.symbol for one in self.variables if one.is_positive}
        positive |= {root.symbol for root in self.roots if root.symbol.is_positive}
        asked: dict[Relational, list[Relational]] = {relation: [] for relation in relations}
        for relation, found in asked.items():
            for side in sides_of(relation):
                for one in conditions_of(side.subs(self._substituted)):
                    if not (is_made_of_positives(one.lhs, positive) or is_assumed(one, self._assumptions)):
                        found.append(one)
        remaining = self._remaining(list(dict.fromkeys(itertools.chain(*asked.values()))))
        return {
            relation: tuple(dict.fromkeys(remaining[one] for one in found if one in remaining))
            for relation, found in asked.items()
        }

    def _remaining(self, conditions: Sequence[Relational]) -> dict[Relational, Relational]:
        """The conditions that neither their ranges over the whole box nor SymPy show, as the relations to be proven.

        d != 0 becomes d > 0 or d < 0 where its range is on one side, for those may have faces.
        """
        signs = {one.range.symbol: one.stand_in for one in self.variables}
        remaining = {}
        for condition, (low, high) in zip(conditions, self._whole_ranges([one.lhs for one in conditions]), strict=True):
            d, nonzero = condition.lhs.subs(signs), isinstance(condition, sp.Ne)
            weak = isinstance(condition, sp.Ge) and (low >= 0 or d.is_nonnegative)
            if low > 0 or (high < 0 and nonzero) or weak or d.is_positive or (nonzero and d.is_negative):
                continue
            one_sided = (sp.Gt if low >= 0 else sp.Lt) if nonzero and (low >= 0 or high <= 0) else condition.func
            remaining[condition] = one_sided(condition.lhs, 0, evaluate=False)
        return remaining

    def _whole_ranges(self, expressions: Sequence[sp.Expr]) -> list[Interval]:
        """Over the whole box, roots included; the whole line for what has no ranges."""
        compiled = [at if _has_ranges(at) else None for at in map(self._at, expressions)]
        ranged = [one for one in compiled if one is not None]
        found = iter(BoxFunctions(ranged, self._coordinates, self._roots).over(self.box) if ranged else [])
        return [WHOLE if one is None else next(found).value for one in compiled]

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
                if leaf.relation in self._asserted
                for form in leaf.forms
                for face in form.faces
                for one in (self.variables[face.axis],)
            }
        )

    def _faces(self, expression: sp.Expr, expressions: list[sp.Expr]) -> tuple[Face, ...]:
        found = []
        for axis, one in enumerate(self.variables):
            for low, end in ((True, one.side[0]), (False, one.side[1])):
                if not _vanishes(expression, one.coordinate.symbol, end):
                    continue
                order, derivative = 1, sp.diff(expression, one.coordinate.symbol)
                if self._roots or not _vanishes(derivative, one.coordinate.symbol, end):
                    found.append(Face(axis, end, low, 1, None))
                    continue
                while order < _ORDERS and _vanishes(derivative, one.coordinate.symbol, end):
                    order, derivative = order + 1, sp.diff(derivative, one.coordinate.symbol)
                if not _has_ranges(derivative):
                    continue
                expressions.append(derivative)
                found.append(Face(axis, end, low, order, len(expressions) - 1))
        return tuple(found)

    def examine(self, box: Box) -> Examination:
        """Decide the claims on a sub-box, or say where and how to go on."""
        ranges = self._functions.over(box)
        truths = self._truths([one.value for one in ranges])
        # Where an assumption is not defined it does not hold either, so that its conditions do not matter here.
        if any(truth_of(one, truths) is Truth.FALSE for one in self._assumptions):
            return Examination("outside")
        for relation, leaf in self._leaves.items():
            if truths[relation] is not Truth.UNKNOWN or not any(form.faces for form in leaf.forms):
                continue
            truths[relation] = self._off_the_face(leaf, box, ranges)
            on_face = self._point_on_face(leaf, box) if relation in self._asserted else None
            if on_face is not None:
                return Examination("refuted", on_face)
        if self._holds(self._defined(truths)):
            return Examination("proven")
        centre = self._middle(box)
        central = self._defined(self._truths([one.central for one in ranges]))
        if self._violates(central, centre):
            return Examination("refuted", centre)
        for relation in self._open(truths):
            found = self._at_worst_corners(self._leaves[relation], box, ranges)
            if isinstance(found, tuple):
                return Examination("refuted", found)
            truths[relation] = found
        self._decide_by_tails(truths, box)
        defined = self._defined(truths)
        if self._holds(defined):
            return Examination("proven")
        undecided = self._open(defined)
        missing = [one for relation in undecided for one in self._conditions[relation] if not _is_shown(one, truths)]
        bounds = [self._best(ranges, one) for one in undecided if truths[one] is Truth.UNKNOWN]
        worst = min((float(one.value[0]) for one in bounds), default=0.0)
        if not self._holds(central):
            # The claim fails at the middle, where only an assumption may still exclude it: the boundary is what counts.
            bounds += [
                self._best(ranges, one)
                for assumption in self._assumptions
                for one in relations_of(assumption)
                if truths[one] is Truth.UNKNOWN
            ]
        bounds += [self._best(ranges, one) for one in missing]
        return Examination("open", None, worst, self._axis(box, bounds), next(iter(missing), None))

    def _middle(self, box: Box) -> tuple[Fraction, ...]:
        return tuple(middle_of(side, one.coordinate.logarithmic) for side, one in zip(box, self.variables, strict=True))

    def _truths(self, values: Sequence[Interval]) -> dict[Relational, Truth]:
        """What enclosures of the forms say, wherever the sides are defined."""
        return {
            relation: _decided(leaf, [values[form.place] for form in leaf.forms])
            for relation, leaf in self._leaves.items()
        }

    def _defined(self, truths: Truths) -> dict[Relational, Truth]:
        """The truths, unknown for relations of which a side is not proven to be defined."""
        return {
            relation: truth
            if all(_is_shown(one, truths) for one in self._conditions.get(relation, ()))
            else Truth.UNKNOWN
            for relation, truth in truths.items()
        }

    def _best(self, ranges: Sequence[Range], relation: Relational) -> Range:
        """The range of the form with the best bound."""
        return max((ranges[form.place] for form in self._leaves[relation].forms), key=lambda one: float(one.value[0]))

    def _holds(self, truths: Truths) -> bool:
        return all(truth_of(claim, truths) is Truth.TRUE for claim in self._claims)

    def _open(self, truths: Truths) -> list[Relational]:
        """The undecided relations of claims that are not proven, and what they need to be defined."""
        claims = [claim for claim in self._claims if truth_of(claim, truths) is not Truth.TRUE]
        found = {one for claim in claims for one in relations_of(claim) if truths[one] is Truth.UNKNOWN}
        return sorted(found, key=str)

    def _violates(self, truths: Truths, point: Sequence[Fraction]) -> bool:
        """A point of the domain at which every assumption holds and a claim does not."""
        inside = not any(one.excludes(number) for one, number in zip(self.variables, point, strict=True))
        admitted = all(truth_of(one, truths) is Truth.TRUE for one in self._assumptions)
        return inside and admitted and any(truth_of(claim, truths) is Truth.FALSE for claim in self._claims)

    def _at_worst_corners(self, leaf: Leaf, box: Box, ranges: Sequence[Range]) -> Truth | tuple[Fraction, ...]:
        """What the faces say on which a form is smallest; a point of the domain that refutes a claim, if one is met."""
        for form in leaf.forms:
            corner = _worst_corner(box, ranges[form.place].gradient)
            if corner == box:
                continue
            at_corner = self._functions.over(corner)
            if leaf.truth(at_corner[form.place].value) is Truth.TRUE:
                return Truth.TRUE
            if all(low == high for low, high in corner):
                point = tuple(low for low, _ in corner)
                if self._violates(self._defined(self._truths([one.value for one in at_corner])), point):
                    return point
        return Truth.UNKNOWN

    def _decide_by_tails(self, truths: dict[Relational, Truth], box: Box) -> None:
        """The same with slopes in log u, on sub-boxes that touch an open end; also for what the sides need."""
        if self._slopes is None or not any(
            one.has_open_zero and side[0] == 0 for one, side in zip(self.variables, box, strict=True)
        ):
            return
        open_now = [one for one in self._leaves if truths[one] is Truth.UNKNOWN and not self._leaves[one].equation]
        slopes = self._slopes.over(box)
        for relation in open_now:
            leaf = self._leaves[relation]
            for form in leaf.forms:
                face, strict = infimum_at(box, slopes[form.place], self.variables)
                if face == box:
                    continue
                value = self._functions.over(face)[form.place].value
                # f > its limit on the face at every point of the domain, and that limit lies in the enclosure there.
                if value[0] > 0 or (value[0] >= 0 and (strict or not leaf.strict)):
                    truths[relation] = Truth.TRUE
                    break

    def _off_the_face(self, leaf: Leaf, box: Box, ranges: Sequence[Range]) -> Truth:
        for form in leaf.forms:
            for face in form.faces:
                touching = box[face.axis][0 if face.low else 1] == face.end
                excluded = not leaf.strict or self._excluded(face, box)
                if not (touching and excluded):
                    continue
                if face.derivative is None:
                    slope = ranges[form.place].gradient[face.axis]
                else:
                    slope = ranges[face.derivative].value
                if (slope if face.low or face.order % 2 == 0 else negative(slope))[0] > 0:
                    return Truth.TRUE
        return Truth.UNKNOWN

    def _excluded(self, face: Face, box: Box) -> bool:
        """No point of the face belongs to the domain."""
        if self.variables[face.axis].excludes(face.end):
            return True
        ranges = self._functions.over(_on(face, box))
        truths = self._truths([one.value for one in ranges])
        return any(truth_of(one, truths) is Truth.FALSE for one in self._assumptions)

    def _point_on_face(self, leaf: Leaf, box: Box) -> tuple[Fraction, ...] | None:
        """A point of the domain on a face where the sides of a strict claim are equal, which refutes it."""
        for form in leaf.forms:
            for face in form.faces:
                if not leaf.strict or box[face.axis][0 if face.low else 1] != face.end:
                    continue
                point = self._middle(_on(face, box))
                truths = self._truths(self._functions.at(point))
                truths[leaf.relation] = Truth.FALSE
                if self._violates(self._defined(truths), point):
                    return point
        return None

    def missing_roots(self, box: Box) -> list[Root]:
        """Roots whose equation has one sign at both ends of the bracket, at the middle of the box: none is there."""
        missing = self._functions.missing_roots(self._middle(box))
        return [one for one, root in zip(self.roots, self._roots, strict=True) if root in missing]

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


def _decided(leaf: Leaf, values: Iterable[Interval]) -> Truth:
    return next((truth for value in values if (truth := leaf.truth(value)) is not Truth.UNKNOWN), Truth.UNKNOWN)


def _is_shown(condition: Relational, truths: Truths) -> bool:
    return truth_of(condition, truths) is Truth.TRUE


def _worst_corner(box: Box, gradient: Sequence[Interval]) -> Box:
    """The face on which an expression is smallest, as far as the signs of its derivatives are proven."""
    return tuple(
        (side[0], side[0]) if slope[0] > 0 else (side[1], side[1]) if slope[1] < 0 else side
        for side, slope in zip(box, gradient, strict=True)
    )


def _on(face: Face, box: Box) -> Box:
    return (*box[: face.axis], (face.end, face.end), *box[face.axis + 1 :])


def _vanishes(expression: sp.Expr, symbol: sp.Symbol, end: Fraction) -> bool:
    """SymPy reduces the expression to zero on the face; False when it does not.

    False also for derivatives with jumps (of Abs, Max and Min), which have no ranges: Taylor's theorem fails there.
    """
    try:
        there = expression.subs(symbol, sp.Rational(end.numerator, end.denominator))
    except ValueError:  # from Max and Min, which take no infinite arguments
        return False
    if there.has(sp.nan, sp.zoo, sp.oo, sp.S.NegativeInfinity) or not (_has_ranges(expression) and _has_ranges(there)):
        return False
    if any(low > 0 or high < 0 for low, high in _sampled(there)):
        return False
    return there.is_zero is True or sp.expand(there).is_zero is True or cancel_exponents(there).is_zero is True


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
