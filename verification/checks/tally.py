"""Counting what happened at the points of a check: the worst residual, the witness, what stayed open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from numerics.balls import precision
from verification.claim import Judgement, Truth, judge
from verification.evidence import Evidence, Sample, Series, clause_text
from verification.parameters import Point, point_text
from verification.verdict import Verdict

#: Digits that observables carry beyond those that a comparison asks for.
GUARD_DIGITS = 15


@dataclass
class Tally:
    """Judgements at the points of one check; `evidence` turns them into a verdict."""

    digits: int
    bits: int
    admitted: int = 0
    unknown: int = 0
    skipped: int = 0
    worst: float = -1.0
    worst_point: dict[str, str] | None = None
    witness: dict[str, str] | None = None
    witness_residual: float | None = None
    violated: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    samples: list[Sample] = field(default_factory=list)

    def judge(self, claims: Mapping[str, sp.Basic], point: Point, values: Mapping[sp.Symbol, Any]) -> Judgement:
        """Judge the claim of every clause at a point, remember the outcome and return the worst."""
        return self._remember(self._parts(claims, values), point, values)

    def _parts(self, claims: Mapping[str, sp.Basic], values: Mapping[sp.Symbol, Any]) -> dict[str, Judgement]:
        return {name: judge(claim, values, self.digits) for name, claim in claims.items()}

    def _remember(self, parts: dict[str, Judgement], point: Point, values: Mapping[sp.Symbol, Any]) -> Judgement:
        worst = Judgement(min(part.truth for part in parts.values()), max(part.residual for part in parts.values()))
        self.admitted += 1
        shown = point_text(point)
        self.axes = tuple(shown)
        self.samples.append(Sample(tuple(shown.values()), worst.truth.name.lower(), worst.residual))
        if worst.truth is Truth.UNKNOWN:
            self.unknown += 1
            return worst
        if worst.residual > self.worst:
            self.worst, self.worst_point = worst.residual, shown
        if worst.truth is Truth.FALSE:
            observed = {symbol: value for symbol, value in values.items() if symbol not in point}
            measured = {str(symbol): _short(value) for symbol, value in observed.items()}
            self.witness, self.witness_residual = shown | measured, worst.residual
            self.violated = tuple(name for name, part in parts.items() if part.truth is Truth.FALSE)
        return worst

    def settle(
        self,
        claims: Mapping[str, sp.Basic],
        point: Point,
        observe: Callable[[Point, int], Mapping[sp.Symbol, Any]],
        raises: int = 4,
    ) -> Judgement:
        """Judge a point, doubling the working precision up to `raises` times while the balls cannot say."""
        bits, digits = self.bits, self.digits + GUARD_DIGITS
        while True:
            with precision(bits):
                values = {**point, **observe(point, digits)}
                parts = self._parts(claims, values)
                truths = {part.truth for part in parts.values()}
                if not raises or Truth.UNKNOWN not in truths or Truth.FALSE in truths:
                    return self._remember(parts, point, values)
            bits, digits, raises = 2 * bits, 2 * digits, raises - 1

    def evidence(
        self,
        kind: str,
        clauses: tuple[str, ...],
        agreement: str,
        remedy: str,
        *,
        domain: str,
        seed: int | None = None,
        series: tuple[Series, ...] = (),
        complete: bool = False,
    ) -> Evidence:
        """The verdict over all points: REFUTED, VACUOUS, UNDECIDED, or CONSISTENT with `agreement` as its summary.

        A refutation speaks only of the clauses that the witness violates. `complete` demands that no point stays open.
        """
        decided = self.admitted - self.unknown
        if self.witness is not None:
            clauses, verdict = self.violated, Verdict.REFUTED
            summary = f"{clause_text(clauses)}: counterexample with relative residual {self.witness_residual:.3g}"
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
        residual = self.witness_residual if self.witness is not None else self.worst if self.worst >= 0 else None
        return Evidence(
            kind=kind,
            clauses=clauses,
            verdict=verdict,
            summary=summary,
            worst_residual=residual,
            worst_point=self.witness or self.worst_point,
            points=self.admitted,
            digits=self.digits,
            bits=self.bits,
            seed=seed,
            witness=self.witness,
            remedy=remedy if verdict is Verdict.UNDECIDED else None,
            domain=domain,
            axes=self.axes,
            samples=tuple(self.samples),
            series=series,
        )


def _short(value: Any) -> str:
    if hasattr(value, "str"):
        return str(value.str(12, radius=False)) if value.is_exact() else str(value.str(12))
    return str(value)
