"""Evaluation check: independent evaluations, compared as balls at every point of a grid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from numerics.balls import bits_for
from verification.budget import Budget
from verification.checks.tally import GUARD_DIGITS, Tally
from verification.claim import Truth
from verification.evidence import Evidence, clause_text
from verification.parameters import Parameters, Point
from verification.statement import Statement

Observe = Callable[[Point, int], Mapping[sp.Symbol, Any]]


@dataclass(frozen=True)
class Evaluation:
    """Judge the clauses at grid points, with observables computed to the asked digits.

    observe(point, digits) returns balls that contain the truth; the sides of each claim must come from evaluations
    that share no formula, which is what `method` says in words. REFUTED is as rigorous as the observables' balls;
    agreement of narrow balls is CONSISTENT, never a proof. `digits` overrides the budget.
    """

    clauses: tuple[str, ...]
    observe: Observe
    method: str
    domain: Parameters | None = None
    digits: int | None = None
    kind: str = "evaluation"

    def run(self, statement: Statement, budget: Budget) -> Evidence:
        """Stops at the first counterexample."""
        domain = self.domain or statement.parameters
        digits = self.digits or budget.digits
        bits = bits_for(digits + GUARD_DIGITS)
        tally = Tally(digits, bits)
        claims = statement.claims(self.clauses)
        for point in domain.grid(budget.points):
            if statement.admits(point) is not Truth.TRUE:
                continue
            if tally.settle(claims, point, self.observe).truth is Truth.FALSE:
                break
        return tally.evidence(
            self.kind,
            self.clauses,
            f"{self.method}: {clause_text(self.clauses)} hold at every point, equations to {digits} digits",
            "ask for fewer digits, or raise the working precision of the observables",
            domain=str(domain),
            complete=True,
        )
