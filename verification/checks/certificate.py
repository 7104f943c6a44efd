"""Certificate check: interval arithmetic with subdivision proves inequalities on a whole box."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import sympy as sp
from flint import arb

from numerics.balls import precision
from numerics.box_functions import BoxFunctions, Root
from numerics.exact import shown
from verification.box_problem import Problem
from verification.budget import Budget
from verification.checks.fields import owner_of, require_check
from verification.claim import Truth, judge
from verification.coordinates import Variable, variable
from verification.declaration import Obligation, obligations, require_value, root_obligations
from verification.errors import StatementError
from verification.evidence import BoxMap, Evidence, clause_text
from verification.integer_choices import (
    Undefined,
    choices_of,
    claim_at,
    count_of,
    lost_conditions,
    numbers_at,
    value_at,
)
from verification.parameters import IntegerRange, Parameters, Point, RealRange, point_text
from verification.remedies import missing_root_text, remedy_of
from verification.requirements import (
    listed,
    require,
    require_evaluable_on_boxes,
    require_function,
    require_tuple,
    sides_of_relation,
)
from verification.statement import Statement
from verification.subdivision import Outcome, point_of, sides_of, subdivide
from verification.substitution import substituted
from verification.verdict import Verdict

_DOUBTED = "a sub-box refutes the claim at a point at which balls cannot say"
_OUTSIDE_DOMAIN = "a point of the box outside the statement's domain violates the claim"
_SHRINK = "shrink the box to the statement's domain"
_MOST_CHOICES = 1_000_000
_LEAVE_OUT = "leave it out of the range, or assume what makes it real"
_BITS = 64
_POINT_BITS = 128
_LISTED = 12  # open sub-boxes that an undecided certificate names
_DRAWN = 4000  # sub-boxes in a picture
_TINY = Fraction("1e-300")  # numbers below it, or above its inverse, are not drawn


@dataclass(frozen=True)
class Quantities:
    """What observables and definitions of a statement are on a box: expressions in the parameters and in roots.

    granted: what the certificate takes for granted (that the roots exist, say), shown beside the verdict.
    """

    values: Mapping[sp.Symbol, sp.Expr]
    roots: tuple[Root, ...] = ()
    granted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require("quantities", "values", self.values, Mapping, "a mapping from symbols to expressions")
        for symbol, expression in self.values.items():
            require("quantities", "a key of values", symbol, sp.Symbol, "a SymPy symbol")
            require("quantities", f"the value of {symbol}", expression, sp.Expr, "a SymPy expression")
        require_tuple("quantities", "roots", self.roots, Root, "Root")
        require_tuple("quantities", "granted", self.granted, str, "strings")


@dataclass(frozen=True)
class Certificate:
    """Prove the clauses on `box`: integers are enumerated, real ranges bisected, half-infinite ones compactified.

    Rigorous: CERTIFIED means that finitely many sub-boxes cover the box, and on each the enclosures satisfy the claims
    or contradict an assumption; REFUTED comes with a point that satisfies the assumptions, evaluated as a ball.
    UNDECIDED lists sub-boxes that are left. `quantities` gives the observables at fixed integers; without it, claims
    are in the declared parameters only. `part` is the smaller box that a quick run proves, and says so. Where the sides
    of a claim agree on a face of the box, SymPy shows that, and the rest is certified by a derivative; the summary says
    so.
    """

    clauses: tuple[str, ...]
    box: Parameters
    quantities: Callable[[Point], Quantities] | None = None
    part: Parameters | None = None
    kind: str = "certificate"

    def __post_init__(self) -> None:
        require_check(self)
        owner, right = owner_of(self), "Parameters((range, ...))"
        require(owner, "box", self.box, Parameters, right)
        if self.quantities is not None:
            require_function(owner, "quantities", self.quantities, "integers")
        if self.part is not None:
            require(owner, "part", self.part, Parameters, right)
            if set(self.part.symbols) != set(self.box.symbols):
                raise StatementError(f"{owner}: part is {self.part}, not a part of the box, {self.box}")

    def run(self, statement: Statement, budget: Budget) -> Evidence:
        """At most `budget.boxes` sub-boxes for each choice of the integers."""
        box = self.box_within(budget)
        proven = outside = 0
        left: list[str] = []
        remedy, rewritten = "", False
        tight: set[str] = set()
        granted: tuple[str, ...] = ()
        largest: tuple[int, BoxMap | None] = (0, None)
        undecided = 0
        with precision(_BITS):
            for fixed in choices_of(box):
                quantities = self._quantities(fixed)
                granted = quantities.granted
                try:
                    problem = self._problem(statement, box, fixed, quantities)
                except Undefined as error:
                    undecided, remedy = undecided + 1, remedy or f"{error} at {_choice_text(fixed)}; {_LEAVE_OUT}"
                    left.append(_choice_text(fixed))
                    continue
                if problem is None:
                    outside += 1
                    continue
                missing = missing_root_text(problem)
                if missing is not None:
                    undecided, remedy = undecided + 1, remedy or missing
                    left.append(_box_text(problem, problem.box, fixed))
                    continue
                outcome = subdivide(problem, budget.boxes)
                proven, outside = proven + outcome.count("proven"), outside + outcome.count("outside")
                tight |= set(problem.tight_faces)
                rewritten = rewritten or problem.is_rewritten
                if outcome.counterexample is not None:
                    picture = _picture(problem, outcome, fixed)
                    point = {**_anywhere(box), **fixed, **point_of(problem, outcome.counterexample)}
                    again = self.at(statement, point, budget)
                    elsewhere = again.verdict is Verdict.VACUOUS and not statement.has(point)
                    if elsewhere or (again.verdict is Verdict.UNDECIDED and not outcome.by_equality):
                        doubted = Outcome([replace(outcome.parts[-1], state="open")])
                        return replace(
                            again,
                            verdict=Verdict.UNDECIDED,
                            summary=_OUTSIDE_DOMAIN if elsewhere else _DOUBTED,
                            points=proven + outside + 1,
                            domain=str(box),
                            remedy=_SHRINK if elsewhere else remedy_of(problem, doubted),
                        )
                    return self._refuted(statement, box, again, proven + outside + 1, picture)
                undecided += outcome.count("open")
                if outcome.count("open") and not remedy:
                    remedy = remedy_of(problem, outcome)
                left += [_box_text(problem, part.box, fixed) for part in outcome.parts if part.state == "open"]
                if len(outcome.parts) > largest[0]:
                    largest = len(outcome.parts), _picture(problem, outcome, fixed)
        found: dict[str, Any] = {
            "kind": self.kind,
            "clauses": self.clauses,
            "bits": _BITS,
            "domain": str(box),
            "points": proven + outside,
            "box": box,
            "boxes": () if largest[1] is None else (largest[1],),
            "rests_on": granted,
        }
        split = f"; the sides agree on {', '.join(sorted(tight))} (SymPy), and differ off it by a signed derivative"
        if undecided:
            return Evidence(
                **found,
                verdict=Verdict.UNDECIDED,
                summary=f"{clause_text(self.clauses)}: {proven} sub-boxes proven, {outside} outside the assumptions, "
                f"{undecided} left",
                remedy=remedy,
                open_boxes=tuple(dict.fromkeys(left))[:_LISTED],
            )
        summary = f"{clause_text(self.clauses)} proven on {proven} sub-boxes that cover the box"
        summary += f", with {outside} where an assumption fails" if outside else ""
        summary += "; the sides were also compared without denominators (SymPy)" if rewritten else ""
        return Evidence(**found, verdict=Verdict.CERTIFIED, summary=summary + (split if tight else ""))

    def box_within(self, budget: Budget) -> Parameters:
        """The box that is proven within a budget."""
        return self.box if budget.whole_boxes or self.part is None else self.part

    def require_fit(self, statement: Statement) -> None:
        """Raise StatementError unless the claims and assumptions speak of the box, and intervals can evaluate them."""
        owner = f"{statement.id}: {owner_of(self)}"
        claims = statement.claims(self.clauses).values()
        known = set(self.box.symbols) | (set(statement.observables or {}) if self.quantities else set())
        foreign = set().union(*(claim.free_symbols for claim in (*claims, *statement.assumptions))) - known
        if foreign:
            raise StatementError(f"{owner}: {listed(foreign)} not in its box; add a range, or quantities")
        endless = [one.symbol for one in self.box.ranges if isinstance(one, RealRange) and one.infinity]
        if endless:
            raise StatementError(f"{owner}: the range of {endless[0]} includes oo itself; write high='inf' instead")
        if count_of(self.box) > _MOST_CHOICES:
            raise StatementError(
                f"{owner}: {count_of(self.box)} choices of its integers are more than {_MOST_CHOICES}; shrink the box"
            )
        for spoken in (*statement.claims(self.clauses, statement.definitions or {}).values(), *statement.assumptions):
            for side in sides_of_relation(owner, spoken):
                require_evaluable_on_boxes(owner, side)

    def _quantities(self, fixed: Point) -> Quantities:
        found = self.quantities(fixed) if self.quantities else Quantities({})
        require(owner_of(self), "what quantities returns", found, Quantities, "Quantities({symbol: expression, ...})")
        return found

    def _problem(self, statement: Statement, box: Parameters, fixed: Point, quantities: Quantities) -> Problem | None:
        """What is to be proven at a choice of the integers; None where an assumption fails. Raises Undefined."""
        numbers = numbers_at(fixed)
        try:
            assumptions = [claim_at(one, numbers) for one in statement.assumptions]
        except Undefined:
            return None
        if sp.false in assumptions:
            return None
        spoken = [*statement.claims(self.clauses, quantities.values).values()]
        spoken += [one.relation for one in self._obligations(statement, quantities)]
        claims = [claim_at(one, numbers) for one in spoken]
        claims += itertools.chain.from_iterable(lost_conditions(one, numbers) for one in spoken)
        values = {symbol: value_at(expression, numbers) for symbol, expression in quantities.values.items()}
        roots = [
            Root(one.symbol, *(value_at(part, numbers) for part in (one.equation, one.low, one.high)))
            for one in quantities.roots
        ]
        formulas = [*claims, *assumptions, *values.values()]
        formulas += [part for one in roots for part in (one.equation, one.low, one.high)]
        used = set().union(*(one.free_symbols for one in formulas))
        # To bisect what nothing depends on would only cost.
        variables = [variable(one) for one in box.ranges if isinstance(one, RealRange) and one.symbol in used]
        return Problem(claims, assumptions, variables, values, roots)

    def _obligations(self, statement: Statement, quantities: Quantities) -> list[Obligation]:
        """What must hold on the box so that quantities, roots and definitions are what their symbols declare."""
        known = {*self.box.symbols, *quantities.values}
        return [
            *(one for one in statement.obligations(quantities.values) if one.relation.free_symbols <= known),
            *obligations(quantities.values),
            *(found for one in quantities.roots for found in root_obligations(one.symbol, one.low, one.high)),
        ]

    def at(self, statement: Statement, point: Point, budget: Budget) -> Evidence:
        """The claims judged as balls at one point of the box."""
        chosen = {one.symbol for one in self.box.ranges if isinstance(one, IntegerRange) or one.low == one.high}
        fixed = {symbol: value for symbol, value in point.items() if symbol in chosen}
        quantities = self._quantities(fixed)
        with precision(_POINT_BITS):
            values = {**point, **_observed(point, quantities)}
            for one in statement.obligations(quantities.values):
                one.require(values)
            claims = statement.claims(self.clauses, quantities.values)
            parts = {name: judge(claim, values, 1) for name, claim in claims.items()}
            violated = tuple(name for name, one in parts.items() if one.truth is Truth.FALSE)
            admission = statement.admits(point)
            lines = substituted(statement, values, violated, quantities.values)
            measured = {str(symbol): value.str(12) for symbol, value in values.items() if symbol not in point}
        found = Evidence(
            kind=self.kind,
            clauses=violated or self.clauses,
            verdict=Verdict.CONSISTENT,
            summary="the claim holds at this point",
            worst_residual=max(one.residual for one in parts.values()),
            worst_point=point_text(point) | measured,
            points=1,
            bits=_POINT_BITS,
            domain="one point",
        )
        if admission is not Truth.TRUE:
            return replace(found, verdict=Verdict.VACUOUS, summary="no point satisfied the assumptions")
        if violated:
            return replace(
                found,
                verdict=Verdict.REFUTED,
                summary=f"the point violates {clause_text(violated)}",
                witness=found.worst_point,
                substituted=lines,
            )
        if any(one.truth is Truth.UNKNOWN for one in parts.values()):
            return replace(found, verdict=Verdict.UNDECIDED, summary="the balls at this point cannot say")
        return found

    @staticmethod
    def _refuted(
        statement: Statement, box: Parameters, found: Evidence, points: int, picture: BoxMap | None
    ) -> Evidence:
        """The counterexample, as it was judged once more with balls at a higher precision.

        Balls cannot show that two sides are equal, which refutes a strict claim: there SymPy has.
        """
        if found.verdict in (Verdict.CONSISTENT, Verdict.VACUOUS):
            witness = ", ".join(f"{name} = {value}" for name, value in (found.worst_point or {}).items())
            raise ArithmeticError(f"{statement.id}: a sub-box refutes the claim at {witness}, balls there do not")
        return replace(
            found,
            verdict=Verdict.REFUTED,
            summary=f"a point of the box violates {clause_text(found.clauses)}",
            worst_residual=found.worst_residual or 1.0,
            witness=found.worst_point,
            points=points,
            domain=str(box),
            boxes=() if picture is None else (picture,),
        )


def _observed(point: Point, quantities: Quantities) -> dict[sp.Symbol, arb]:
    """The observables at a point, as balls."""
    if not quantities.values:
        return {}
    exact = numbers_at(point)
    roots = [
        Root(one.symbol, one.equation.subs(exact), one.low.subs(exact), one.high.subs(exact))
        for one in quantities.roots
    ]
    functions = BoxFunctions([value.subs(exact) for value in quantities.values.values()], (), roots)
    observed = {
        symbol: low.union(high) for symbol, (low, high) in zip(quantities.values, functions.at(()), strict=True)
    }
    for symbol, value in observed.items():
        require_value(symbol, value)
    return observed


def _anywhere(box: Parameters) -> Point:
    """A point of the box, for the parameters that nothing depends on."""
    return {one.symbol: one.at(0.5) for one in box.ranges}


def _choice_text(fixed: Point) -> str:
    return ", ".join(f"{symbol} = {shown(value)}" for symbol, value in fixed.items())


def _box_text(problem: Problem, box: Any, fixed: Point) -> str:
    sides = (one.words(side) for one, side in zip(problem.variables, box, strict=True))
    return ", ".join([*([_choice_text(fixed)] if fixed else []), *sides])


def _picture(problem: Problem, outcome: Outcome, fixed: Point) -> BoxMap | None:
    """The sub-boxes over the two parameters that were bisected most; None where there is nothing to draw."""
    axes = _bisected(outcome, problem.variables)
    if not axes or len(outcome.parts) > _DRAWN:
        return None
    parts = []
    for part in outcome.parts:
        sides = sides_of(problem, part.box)
        if any(_beyond_floats(end) for axis in axes for end in sides[axis]):
            return None
        parts.append((part.state, tuple((float(sides[axis][0]), float(sides[axis][1])) for axis in axes)))
    return BoxMap(
        title=_choice_text(fixed),
        axes=tuple(str(problem.variables[axis].range.symbol) for axis in axes),
        logarithmic=tuple(problem.variables[axis].range.logarithmic for axis in axes),
        parts=tuple(parts),
    )


def _beyond_floats(end: Fraction | float) -> bool:
    return isinstance(end, Fraction) and end != 0 and not _TINY < abs(end) < 1 / _TINY


def _bisected(outcome: Outcome, variables: Sequence[Variable]) -> list[int]:
    sizes = {axis: len({part.box[axis] for part in outcome.parts}) for axis in range(len(variables))}
    return sorted(sorted(sizes, key=lambda axis: -sizes[axis])[:2])
