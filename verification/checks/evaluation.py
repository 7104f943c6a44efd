"""Evaluation check: independent evaluations, compared as balls at every point of a grid."""

from dataclasses import dataclass

from numerics.balls import bits_for
from verification.budget import Budget
from verification.checks.fields import owner_of, require_check, require_measuring
from verification.checks.tally import GUARD_DIGITS, Observe, Tally, nothing_observed
from verification.claim import Truth
from verification.evidence import Evidence, clause_text
from verification.parameters import Parameters, Point
from verification.requirements import require_count
from verification.statement import Statement

_REMEDY = "ask for fewer digits, or raise the working precision of the observables"


@dataclass(frozen=True)
class Evaluation:
    """Judge the clauses at grid points, with observables computed to the asked digits.

    observe(point, digits) returns balls that contain the truth; the sides of each claim must come from evaluations
    that share no formula, which is what `method` says in words. REFUTED is as rigorous as the observables' balls;
    agreement of narrow balls is CONSISTENT, never a proof. `digits` overrides the budget. Plain floats are taken as
    balls of relative radius 1e-9 (heuristic); `refine`, which returns balls, is asked where they are not clear-cut.
    """

    clauses: tuple[str, ...]
    observe: Observe = nothing_observed
    method: str = "evaluated points"
    domain: Parameters | None = None
    digits: int | None = None
    refine: Observe | None = None
    kind: str = "evaluation"

    def __post_init__(self) -> None:
        require_check(self)
        require_measuring(self, self.observe, self.refine)
        if self.digits is not None:
            require_count(owner_of(self), "digits", self.digits)

    def run(self, statement: Statement, budget: Budget) -> Evidence:
        """Stops at the first counterexample."""
        domain = self.domain or statement.parameters
        digits = self.digits or budget.digits
        tally = Tally(digits, bits_for(digits + GUARD_DIGITS), statement.obligations())
        claims = statement.claims(self.clauses)
        for point in domain.grid(budget.points):
            if statement.admits(point) is not Truth.TRUE:
                continue
            parts = tally.settle(claims, point, self.observe, refine=self.refine)
            if any(part.truth is Truth.FALSE for part in parts.values()):
                break
        return tally.evidence(
            self.kind,
            self.clauses,
            f"{self.method}: {clause_text(self.clauses)} hold at every point, equations to {digits} digits",
            _REMEDY,
            statement=statement,
            domain=str(domain),
            complete=True,
        )

    def at(self, statement: Statement, point: Point, budget: Budget) -> Evidence:
        """The claims judged at one point."""
        digits = self.digits or budget.digits
        tally = Tally(digits, bits_for(digits + GUARD_DIGITS), statement.obligations())
        if statement.admits(point) is Truth.TRUE:
            tally.settle(statement.claims(self.clauses), point, self.observe, refine=self.refine)
        return tally.evidence(
            self.kind,
            self.clauses,
            "the claim holds at this point",
            _REMEDY,
            statement=statement,
            domain="one point",
        )
