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
from numerics.intervals import WHOLE, Interval, negative
from verification.claim import Truth
from verification.contact import contact_of, has_ranges
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

Truths = Mapping[Relational, Truth]


@dataclass(frozen=True)
class Examination:
    """What became of a sub-box; for an open one the worst lower bound met, the side to bisect, and what is not defined.

    undefined: a condition without which a side has no value, and which is not proven here; by_equality: SymPy shows
    that the sides of a strict claim are equal at the point, which balls cannot.
    """

    state: str
    point: tuple[Fraction, ...] | None = None
    by_equality: bool = False
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
        """One form for each relation."""
        self._asked = asked
        self._expressions = [difference_of(relation, self._at, self._positive)[0] for relation in relations]
        self._leaves: dict[Relational, Leaf] = {}
        for place, relation in enumerate(relations):
            strict, equation = relation.func in (sp.Lt, sp.Gt), isinstance(relation, (sp.Eq, sp.Ne))
            faces = () if equation or relation not in asked else self._faces(self._expressions[place])
            self._leaves[relation] = Leaf(relation, (Form(self._expressions[place], place, faces),), strict, equation)
        self._functions = BoxFunctions(self._expressions, self._coordinates, self._roots)
        self._slopes: TailSlopes | None = None

    def add_forms(self) -> bool:
        """More forms for relations that no bisection would decide by the first, if there are any.

        It takes SymPy a while, so that it is left until the whole box is seen to stay open. Of roots nothing is known
        that SymPy could use.
        """
        if self._roots or not any(one.excludes(end) for one in self.variables for end in one.side):
            return False
        for relation, leaf in self._leaves.items():
            if relation not in self._asked or leaf.equation or not self._is_hopeless(leaf):
                continue
            forms = list(leaf.forms)
            for other in self._other_forms(relation):
                self._expressions.append(other)
                forms.append(Form(other, len(self._expressions) - 1, self._faces(other)))
            self._leaves[relation] = replace(leaf, forms=tuple(forms))
        self._functions = BoxFunctions(self._expressions, self._coordinates)
        self._slopes = TailSlopes(self._expressions, self.variables)
        return True

    def _is_hopeless(self, leaf: Leaf) -> bool:
        """No bisection would decide the only form: it has no lower bound, or an open end leaves it undecided."""
        (form,) = leaf.forms
        if not self._functions.over(self.box)[form.place].value[0].is_finite():
            return True
        ends = [
            (*self.box[:axis], (end, end), *self.box[axis + 1 :])
            for axis, one in enumerate(self.variables)
            for end in one.side
            if one.excludes(end)
        ]
        return any(leaf.truth(self._functions.over(end)[form.place].value) is Truth.UNKNOWN for end in ends)

    def _at(self, expression: sp.Expr) -> sp.Expr:
        return expression.subs(self._substituted).subs(self._compactified)

    def _positive(self, expression: sp.Expr) -> bool:
        return is_positive(expression.subs(self._substituted), lambda part: self._positive_over(self._at(part)))

    def _positive_over(self, expression: sp.Expr) -> bool:
        """The range of the expression over the whole box is positive; False where it has roots in it."""
        known = {one.symbol for one in self._coordinates}
        if not expression.free_symbols <= known or not has_ranges(expression):
            return False
        return bool(BoxFunctions([expression], self._coordinates).over(self.box)[0].value[0] > 0)

    def _other_forms(self, relation: Relational) -> list[sp.Expr]:
        """Further expressions of the same sign: without denominators in the parameters, then in the coordinates.

        One that is positive at every point of the domain is 1, so that no rounding hides it.
        """
        signs = {one.range.symbol: one.stand_in for one in self.variables}
        back = {dummy: symbol for symbol, dummy in signs.items()}
        small, large = (side.subs(self._substituted) for side in sides_of(relation))
        differences = difference_of(relation, self._at, self._positive)
        candidates = list(differences)
        plain = without_denominator((large - small).subs(signs), lambda part: is_positive(part, lambda one: False))
        if plain is not None:
            if is_positive(plain, lambda one: False):
                return [sp.Integer(1)]
            candidates.append(self._at(plain.subs(back)))
        found: dict[sp.Expr, None] = {}
        for candidate in candidates:
            found[candidate] = found[sp.expand(candidate)] = None
            numerator = without_denominator(candidate, lambda part: is_positive(part, self._positive_over))
            if numerator is not None:
                found[numerator] = None
        return [one for one in found if one != differences[0] and has_ranges(one)]

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
        compiled = [at if has_ranges(at) else None for at in map(self._at, expressions)]
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

    @property
    def is_rewritten(self) -> bool:
        """SymPy's further forms were there to decide by."""
        return any(len(leaf.forms) > 1 for leaf in self._leaves.values())

    def _faces(self, expression: sp.Expr) -> tuple[Face, ...]:
        found = []
        for axis, one in enumerate(self.variables):
            for low, end in ((True, one.side[0]), (False, one.side[1])):
                touched = contact_of(expression, one.coordinate.symbol, end, has_roots=bool(self._roots))
                if touched is None:
                    continue
                order, derivative = touched
                if derivative is not None:
                    self._expressions.append(derivative)
                place = None if derivative is None else len(self._expressions) - 1
                found.append(Face(axis, end, low, order, place))
        return tuple(found)

    def examine(self, box: Box) -> Examination:
        """Decide the claims on a sub-box, or say where and how to go on."""
        ranges = self._functions.over(box)
        truths = self._truths([one.value for one in ranges])
        if self._fails(self._defined(truths)):
            return Examination("outside")
        for relation, leaf in self._leaves.items():
            if truths[relation] is not Truth.UNKNOWN or not any(form.faces for form in leaf.forms):
                continue
            truths[relation] = self._off_the_face(leaf, box, ranges)
            on_face = self._point_on_face(leaf, box) if relation in self._asserted else None
            if on_face is not None:
                return Examination("refuted", on_face, by_equality=True)
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
        self._decide_by_tails(truths, box, ranges)
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
        return Examination("open", worst=worst, axis=self._axis(box, bounds), undefined=next(iter(missing), None))

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

    def _fails(self, truths: Truths) -> bool:
        """An assumption that is defined fails, so that nothing is claimed."""
        return any(truth_of(one, truths) is Truth.FALSE for one in self._assumptions)

    def _holds(self, truths: Truths) -> bool:
        return all(truth_of(claim, truths) is Truth.TRUE for claim in self._claims)

    def _open(self, truths: Truths) -> list[Relational]:
        """The undecided relations of claims that are not proven."""
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
            # The smallest value decides an inequality; of an equation it says nothing about the rest.
            if not leaf.equation and leaf.truth(at_corner[form.place].value) is Truth.TRUE:
                return Truth.TRUE
            if all(low == high for low, high in corner):
                point = tuple(low for low, _ in corner)
                if self._violates(self._defined(self._truths([one.value for one in at_corner])), point):
                    return point
        return Truth.UNKNOWN

    def _decide_by_tails(self, truths: dict[Relational, Truth], box: Box, ranges: Sequence[Range]) -> None:
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
                signed = [
                    plain if plain[0] > 0 or plain[1] < 0 else scaled
                    for plain, scaled in zip(ranges[form.place].gradient, slopes[form.place], strict=True)
                ]
                face, strict = infimum_at(box, signed, self.variables)
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
        return self._fails(self._defined(self._truths([one.value for one in ranges])))

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
