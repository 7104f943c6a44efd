"""Enclosure check: a gradient flow that is proven to stay in a tube, against the claim, at every point of a list."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from numerics.balls import bits_for, precision
from verification.budget import Budget
from verification.checks.fields import owner_of, require_check
from verification.checks.tally import GUARD_DIGITS, Tally, has_floats
from verification.claim import Truth
from verification.errors import StatementError
from verification.evidence import Evidence, clause_text
from verification.integer_choices import choices_of, count_of
from verification.parameters import Parameters, Point, RealRange
from verification.requirements import require, require_count, require_function, require_tuple
from verification.statement import Statement
from verification.verdict import Verdict

_MOST_POINTS = 1_000


@dataclass(frozen=True)
class Enclosed:
    """What the flow of one point is proven to do: balls that contain the truth; or why it was not enclosed.

    values: observables as balls, None where the enclosure did not close; reason: in that case, with the knob to turn;
    hypotheses: the names of the hypotheses of the theorem behind the enclosure, each of which was checked.
    """

    values: Mapping[sp.Symbol, Any] | None
    reason: str = ""
    hypotheses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require("enclosure", "values", self.values, Mapping | None, "a mapping from symbols to balls, or None")
        require("enclosure", "reason", self.reason, str, "words that say why it did not close")
        require_tuple("enclosure", "hypotheses", self.hypotheses, str, "names of hypotheses")
        if self.values is None and not self.reason:
            raise StatementError("enclosure: values is None; say why it did not close in reason")
        if self.values is not None and has_floats(self.values):
            raise StatementError("enclosure: values has a float, which bounds nothing; return balls and exact numbers")


@dataclass(frozen=True)
class Enclosure:
    """Judge the clauses on certified flows, one for every point of `domain`.

    enclose(point, digits) -> Enclosed, whose balls contain the truth; `domain` has integers and single numbers only.
    Rigorous: CERTIFIED means that the balls prove every claim at every point of the domain, and nothing about other
    points; an equation is proven only between exact numbers, and counts as CONSISTENT where balls agree to `digits`.
    REFUTED comes with the point at which the balls exclude the claim. A flow that was not enclosed leaves the check
    UNDECIDED, with its reason. `part` is the smaller domain of a quick run.
    """

    clauses: tuple[str, ...]
    enclose: Callable[[Point, int], Enclosed]
    method: str
    domain: Parameters
    part: Parameters | None = None
    digits: int = 20
    kind: str = "enclosure"

    def __post_init__(self) -> None:
        require_check(self)
        owner = owner_of(self)
        require_function(owner, "enclose", self.enclose, "point", "digits")
        require_count(owner, "digits", self.digits)
        require(owner, "part", self.part, Parameters | None, "Parameters((range, ...))")
        for name, domain in (("domain", self.domain), ("part", self.part)):
            if domain is not None:
                _require_list(owner, name, domain)

    def run(self, statement: Statement, budget: Budget) -> Evidence:
        """Stops at the first counterexample."""
        domain = self.domain_within(budget)
        found = self._over(statement, choices_of(domain))
        return replace(found, domain=str(domain), box=domain)

    def at(self, statement: Statement, point: Point, budget: Budget) -> Evidence:
        """The claims judged on the certified flow of one point."""
        return replace(self._over(statement, [point]), domain="one point")

    def domain_within(self, budget: Budget) -> Parameters:
        """The points that are enclosed within a budget."""
        return self.domain if budget.whole_boxes or self.part is None else self.part

    def _over(self, statement: Statement, points: Iterable[Point]) -> Evidence:
        bits = bits_for(self.digits + GUARD_DIGITS)
        tally = Tally(self.digits, bits, statement.obligations())
        claims = statement.claims(self.clauses)
        truths: set[Truth] = set()
        reasons: list[str] = []
        checked: dict[str, None] = {}
        for point in points:
            admitted = statement.admits(point)
            if admitted is Truth.FALSE:
                continue
            if admitted is not Truth.TRUE:
                tally.skipped += 1
                reasons.append("balls do not tell whether an assumption holds there; leave that point out")
                continue
            enclosed = self.enclose(point, self.digits)
            require(owner_of(self), "what enclose returns", enclosed, Enclosed, "an Enclosed")
            if enclosed.values is None:
                tally.skipped += 1
                reasons.append(enclosed.reason)
                continue
            checked |= dict.fromkeys(enclosed.hypotheses)
            with precision(bits):
                parts = tally.judge(claims, point, enclosed.values)
            truths |= {part.truth for part in parts.values()}
            if Truth.FALSE in truths:
                break
        proof = f"; hypotheses checked: {', '.join(checked)}" if checked else ""
        evidence = tally.evidence(
            self.kind,
            self.clauses,
            f"{self.method}: {clause_text(self.clauses)} hold at every point, equations to {self.digits} digits{proof}",
            "; ".join(dict.fromkeys(reasons)) or "ask for more digits: the balls are too wide to say",
            statement=statement,
            domain="",
            complete=True,
        )
        if tally.skipped and evidence.verdict is Verdict.CONSISTENT:
            return replace(
                evidence,
                verdict=Verdict.UNDECIDED,
                summary=f"{tally.skipped} of {tally.admitted + tally.skipped} flows were not enclosed",
                remedy="; ".join(dict.fromkeys(reasons)),
            )
        if truths == {Truth.TRUE} and evidence.verdict is Verdict.CONSISTENT:
            summary = (
                f"{self.method}: {clause_text(self.clauses)} proven at {tally.admitted} points, and only there{proof}"
            )
            return replace(evidence, verdict=Verdict.CERTIFIED, summary=summary)
        return evidence


def _require_list(owner: str, name: str, domain: Parameters) -> None:
    wide = [one for one in domain.ranges if isinstance(one, RealRange) and (one.low != one.high or one.infinity)]
    if wide:
        raise StatementError(f"{owner}: {name} has {wide[0]}, endlessly many points; use RealRange(symbol, a, a)")
    if (count := count_of(domain)) > _MOST_POINTS:
        raise StatementError(f"{owner}: {name} has {count} points; at most {_MOST_POINTS} are enclosed one by one")
