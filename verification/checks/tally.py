"""Counting what happened at the points of a check: the worst residual, the witness, what stayed open."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any

import sympy as sp
from flint import acb, arb

from numerics.balls import precision
from verification.claim import Judgement, Truth, judge, together
from verification.declaration import Obligation, require_value
from verification.errors import StatementError
from verification.evidence import Evidence, Sample, Series, clause_text
from verification.parameters import Point, point_text
from verification.requirements import require
from verification.statement import Statement
from verification.substitution import substituted
from verification.verdict import Verdict

#: Digits that observables carry beyond those that a comparison asks for.
GUARD_DIGITS = 15
#: The relative error that a plain float is taken to have; heuristic, about the square root of float64's rounding.
FLOAT_ERROR = 1e-9

_FLOATS_REMEDY = "return balls, such as flint.arb(value, error), or give refine"

Observe = Callable[[Point, int], Mapping[sp.Symbol, Any]]


def nothing_observed(_point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
    """For claims in the parameters alone."""
    return {}


@dataclass(frozen=True)
class Violation:
    """A point at which claims are false: exact parameters, everything measured there, and which clauses fail."""

    point: Point
    values: Mapping[sp.Symbol, Any]
    clauses: tuple[str, ...]
    residual: float
    bits: int
    floats: bool

    @property
    def texts(self) -> dict[str, str]:
        """Parameters exactly, observables to 12 digits."""
        observed = {symbol: value for symbol, value in self.values.items() if symbol not in self.point}
        return point_text(self.point) | {str(symbol): _short(value) for symbol, value in observed.items()}


@dataclass
class Tally:
    """Judgements at the points of one check; `evidence` turns them into a verdict.

    Plain floats (also NumPy's) that were measured count as balls of relative radius `FLOAT_ERROR`, so that they decide
    nothing near a bound; far from it they may agree, and never refute, since nobody answers for their error. Integers,
    fractions and infinity are exact. Raises StatementError for a value that contradicts
    what its symbol, or a definition, is declared to be (`obligations`).
    """

    digits: int
    bits: int
    obligations: Sequence[Obligation] = ()
    admitted: int = 0
    unknown: int = 0
    skipped: int = 0
    worst: float = -1.0
    worst_point: dict[str, str] | None = None
    worst_violation: Violation | None = None
    found: Violation | None = None
    axes: tuple[str, ...] = ()
    samples: list[Sample] = field(default_factory=list)

    def judge(
        self, claims: Mapping[str, sp.Basic], point: Point, observed: Mapping[sp.Symbol, Any]
    ) -> dict[str, Judgement]:
        """Judge the claim of every clause at a point, at the working precision, and remember the outcome."""
        values = _merged(point, observed)
        return self._remember(self._parts(claims, values), point, values, self.bits, has_floats(observed))

    def _parts(self, claims: Mapping[str, sp.Basic], values: Mapping[sp.Symbol, Any]) -> dict[str, Judgement]:
        try:
            for one in self.obligations:
                one.require(values)
            return {name: judge(claim, values, self.digits) for name, claim in claims.items()}
        except KeyError as error:
            raise StatementError(
                f"nothing was measured for {error.args[0]}; return a value for each observable"
            ) from None

    def _remember(
        self,
        parts: dict[str, Judgement],
        point: Point,
        values: Mapping[sp.Symbol, Any],
        bits: int,
        floats: bool,
    ) -> dict[str, Judgement]:
        all_of_them = together(list(parts.values()))
        self.admitted += 1
        shown = point_text(point)
        self.axes = tuple(shown)
        self.samples.append(Sample(tuple(shown.values()), all_of_them.truth.name.lower(), all_of_them.residual))
        if all_of_them.truth is Truth.UNKNOWN:
            self.unknown += 1
        elif all_of_them.truth is Truth.FALSE:
            false = tuple(name for name, part in parts.items() if part.truth is Truth.FALSE)
            violation = Violation(point, values, false, all_of_them.residual, bits, floats)
            if self.found is None or self.found.floats or not floats:
                self.found = violation
            if self.worst_violation is None or violation.residual > self.worst_violation.residual:
                self.worst_violation = violation
        elif all_of_them.residual > self.worst:
            self.worst, self.worst_point = all_of_them.residual, shown
        return parts

    def settle(
        self,
        claims: Mapping[str, sp.Basic],
        point: Point,
        observe: Observe,
        raises: int = 4,
        refine: Observe | None = None,
    ) -> dict[str, Judgement]:
        """Judge a point, doubling the working precision up to `raises` times while the balls cannot say.

        More precision does not narrow plain floats: what they leave open, or contradict, is asked of `refine` where
        given, and is otherwise returned as undecided.
        """
        bits, digits = self.bits, self.digits + GUARD_DIGITS
        while True:
            with precision(bits):
                observed = observe(point, digits)
                require("check", "what observe returns", observed, Mapping, "a mapping from observables to values")
                floats = has_floats(observed)
                values = _merged(point, observed)
                parts = self._parts(claims, values)
                truths = {part.truth for part in parts.values()}
                if floats and refine is not None and truths & {Truth.UNKNOWN, Truth.FALSE}:
                    observe, refine = refine, None
                    continue
                if floats or not raises or Truth.UNKNOWN not in truths or Truth.FALSE in truths:
                    found = self._remember(parts, point, values, bits, floats)
                    return {name: _suspected(part) for name, part in found.items()} if floats else found
            bits, digits, raises = 2 * bits, 2 * digits, raises - 1

    def evidence(
        self,
        kind: str,
        clauses: tuple[str, ...],
        agreement: str,
        remedy: str,
        *,
        statement: Statement,
        domain: str,
        seed: int | None = None,
        series: tuple[Series, ...] = (),
        complete: bool = False,
    ) -> Evidence:
        """The verdict over all points: REFUTED, VACUOUS, UNDECIDED, or CONSISTENT with `agreement` as its summary.

        A refutation, or the suspicion that plain floats raise, speaks only of the clauses that the last violation
        violates; the worst residual is that of the worst one. `complete` demands that no point stays open.
        """
        decided = self.admitted - self.unknown
        witness = self.found
        residual = self.worst if self.worst >= 0 else None
        worst_point = self.worst_point
        lines: tuple[str, ...] = ()
        if witness is not None and self.worst_violation is not None:
            clauses = witness.clauses
            residual, worst_point = self.worst_violation.residual, self.worst_violation.texts
            if witness.floats:
                verdict, summary, remedy = Verdict.UNDECIDED, _suspicion(witness), _FLOATS_REMEDY
            else:
                verdict, summary = Verdict.REFUTED, _refutation(witness, residual)
            with precision(witness.bits):
                lines = substituted(statement, witness.values, clauses)
        elif self.admitted + self.skipped == 0:
            verdict, summary = Verdict.VACUOUS, "no point satisfied the assumptions"
        elif decided == 0 or (complete and self.unknown):
            verdict, summary = (
                Verdict.UNDECIDED,
                f"{self.unknown + self.skipped} points could not be decided",
            )
        else:
            verdict, summary = Verdict.CONSISTENT, agreement
        if verdict is Verdict.CONSISTENT and (self.unknown or self.skipped):
            summary += f"; {self.unknown + self.skipped} more points stayed open"
        return Evidence(
            kind=kind,
            clauses=clauses,
            verdict=verdict,
            summary=summary,
            worst_residual=residual,
            worst_point=worst_point,
            points=self.admitted,
            digits=self.digits,
            bits=self.bits,
            seed=seed,
            witness=witness.texts if witness is not None and verdict is Verdict.REFUTED else None,
            remedy=remedy if verdict is Verdict.UNDECIDED else None,
            domain=domain,
            axes=self.axes,
            samples=tuple(self.samples),
            series=series,
            substituted=lines,
        )


def _refutation(witness: Violation, worst: float) -> str:
    summary = f"{clause_text(witness.clauses)}: counterexample with relative residual {witness.residual:.3g}"
    if worst > witness.residual:
        summary += f"; the worst one met has {worst:.3g}"
    return summary


def _suspected(part: Judgement) -> Judgement:
    """What plain floats show: a violation is none, but steers like one."""
    return replace(part, truth=Truth.UNKNOWN) if part.truth is Truth.FALSE else part


def _suspicion(violation: Violation) -> str:
    place = ", ".join(f"{name} = {text}" for name, text in violation.texts.items())
    return f"{clause_text(violation.clauses)}: plain floats contradict it at {place}, but carry no bound on their error"


def _merged(point: Point, observed: Mapping[sp.Symbol, Any]) -> dict[sp.Symbol, Any]:
    """The point and what was measured there. Raises StatementError for a value of a parameter."""
    for symbol in observed:
        if symbol in point:
            raise StatementError(f"{symbol}: observe returned a value for a parameter, which the point gives")
    return {**point, **observed_balls(observed)}


def has_floats(observed: Mapping[sp.Symbol, Any]) -> bool:
    """True when something finite was measured as a plain float."""
    return any(_is_float(value) for value in observed.values())


def observed_balls(observed: Mapping[sp.Symbol, Any]) -> dict[sp.Symbol, Any]:
    """What was measured, plain floats as balls of relative radius `FLOAT_ERROR` and NumPy's integers as integers.

    Raises StatementError for a value that is not what its symbol is declared to be.
    """
    balls = {symbol: _honest(symbol, value) for symbol, value in observed.items()}
    for symbol, value in balls.items():
        require_value(symbol, value)
    return balls


def _is_float(value: Any) -> bool:
    """A rounded number of whatever library: also mpmath's, gmpy2's and SymPy's carry no bound on their error."""
    return isinstance(value, Real) and not isinstance(value, Rational) and not math.isinf(value)


def _honest(symbol: sp.Symbol, value: Any) -> Any:
    if _is_float(value):
        return arb(float(value), abs(float(value)) * FLOAT_ERROR)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, Real):  # infinity, of whatever library
        return float(value)
    if not isinstance(value, (Rational, Real, arb, acb)):
        shown = f"{type(value).__name__} {value!r}" if len(repr(value)) <= 40 else type(value).__name__
        raise StatementError(
            f"{symbol}: observe returned the {shown}, not a number or a ball such as flint.arb(2, 1e-9)"
        )
    return value


def _short(value: Any) -> str:
    if hasattr(value, "str"):
        return str(value.str(12, radius=False)) if value.is_exact() else str(value.str(12))
    return str(value)
