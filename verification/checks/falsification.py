"""Falsification check: a search of the domain for a counterexample, steered towards the worst point."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis.errors import FlakyFailure, Unsatisfiable

from numerics.balls import bits_for
from verification.budget import Budget
from verification.checks.fields import owner_of, require_check, require_measuring
from verification.checks.hunt import VIOLATED, climb, danger, hunt, refusal, remembered, simplified
from verification.checks.tally import GUARD_DIGITS, Observe, Tally, Violation, nothing_observed
from verification.claim import Truth
from verification.evidence import Evidence, clause_text
from verification.parameters import Parameters, Point
from verification.requirements import require, require_count
from verification.statement import Statement

_REMEDY = "ask for fewer digits, or raise the precision of the observables"
_HUNTED = 2  # one in so many of the budget's examples is kept for climbing from the worst points
_SPREAD = 2  # one in so many evaluations of the climb is spread over the domain
_WORSE = 10  # one in so many, once there is a counterexample


class _CounterexampleFound(Exception):
    """Raised inside the search so that Hypothesis shrinks the point."""


@dataclass(frozen=True)
class Falsification:
    """Judge the clauses at points that are drawn by Hypothesis and steered towards failure.

    Steering follows, for each clause, the logarithm of the residual of an equation or of the margin of an inequality,
    and the margin of assumptions that fail. Then points are spread over the domain, and climbs in its own measure start
    from the worst of all that are not near each other, until one violates. Claims in the parameters alone cost little,
    and get more points.
    observe(point, digits) returns balls: rigorous ones, or ones as wide as an error estimate. Plain floats are taken as
    balls of relative radius 1e-9 (heuristic), and `refine`, which returns balls, is asked where they are not clear-cut.
    `flows` says that each point costs an integrated flow. The witness is shrunk; the worst residual is that of the
    whole search, which goes on past the first violation.
    """

    clauses: tuple[str, ...]
    observe: Observe = nothing_observed
    method: str = "sampled points"
    domain: Parameters | None = None
    digits: int = 15
    flows: bool = False
    refine: Observe | None = None
    kind: str = "falsification"

    def __post_init__(self) -> None:
        require_check(self)
        require_measuring(self, self.observe, self.refine)
        require_count(owner_of(self), "digits", self.digits)
        require(owner_of(self), "flows", self.flows, bool, "True or False")

    def run(self, statement: Statement, budget: Budget) -> Evidence:
        """Deterministic for a given seed."""
        domain = self.domain or statement.parameters
        tally = self._tally(statement)
        examples = budget.flow_examples if self.flows else budget.examples
        scores: dict[str, list[tuple[float, Point]]] = {name: [] for name in self.clauses}
        look = self._look(statement, tally, scores)

        def try_point(point: Point) -> None:
            point = {symbol: point[symbol] for symbol in domain.symbols}
            found = look(point)
            for name, score in found.items():
                if score >= VIOLATED:
                    raise _CounterexampleFound
                target(score, label=name)

        search = settings(
            max_examples=examples - examples // _HUNTED,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.target, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )(seed(budget.seed)(given(domain.strategy())(try_point)))
        # The tally knows: Hypothesis replays its minimal example last, so the last witness is the shrunk one.
        with suppress(_CounterexampleFound, FlakyFailure, Unsatisfiable):
            search()
        shrunk = tally.found
        if shrunk is None:
            cheap = self.observe is nothing_observed and not self.flows
            self._hunt(domain, scores, look, budget.cheap_examples if cheap else examples // _HUNTED, budget.seed)
        if tally.found is not None:
            shrunk = shrunk or self._shrunk(domain, tally, look)
            self._worsen(domain, scores, look, examples // _WORSE)
            tally.found = shrunk
        return tally.evidence(
            self.kind,
            self.clauses,
            f"{self.method}: no counterexample to {clause_text(self.clauses)} in {tally.admitted} examples",
            _REMEDY,
            statement=statement,
            domain=domain.drawn,
            seed=budget.seed,
        )

    def at(self, statement: Statement, point: Point, budget: Budget) -> Evidence:
        """The claims judged at one point."""
        tally = self._tally(statement)
        self._look(statement, tally, {name: [] for name in self.clauses})(point)
        return tally.evidence(
            self.kind, self.clauses, "the claim holds at this point", _REMEDY, statement=statement, domain="one point"
        )

    def _tally(self, statement: Statement) -> Tally:
        return Tally(self.digits, bits_for(self.digits + GUARD_DIGITS), statement.obligations())

    def _look(
        self, statement: Statement, tally: Tally, scores: dict[str, list[tuple[float, Point]]]
    ) -> Callable[[Point], dict[str, float]]:
        """A function that judges a point and remembers how near each clause is to failing there."""
        claims = statement.claims(self.clauses)

        def look(point: Point) -> dict[str, float]:
            admission = statement.admission(point)
            if admission.truth is Truth.TRUE:
                raises = 0 if self.flows else 4
                parts = tally.settle(claims, point, self.observe, raises=raises, refine=self.refine)
                found = {name: danger(parts, name) for name in self.clauses}
            else:
                found = dict.fromkeys(self.clauses, refusal(admission))
            for name, score in found.items():
                scores[name].append((score, point))
            return found

        return look

    def _hunt(
        self,
        domain: Parameters,
        scores: dict[str, list[tuple[float, Point]]],
        look: Callable[[Point], dict[str, float]],
        evaluations: int,
        seed: int,
    ) -> None:
        """Look at points spread over the domain, then climb for every clause until one is violated."""
        spread = evaluations // _SPREAD
        for point in domain.grid(spread, seed):
            if max(look(point).values()) >= VIOLATED:
                return
        each = (evaluations - spread) // len(self.clauses)
        for name in self.clauses:
            hunt(partial(_score, look, name), domain, scores[name], each)
            if max(score for score, _ in scores[name]) >= VIOLATED:
                return

    def _worsen(
        self,
        domain: Parameters,
        scores: dict[str, list[tuple[float, Point]]],
        look: Callable[[Point], dict[str, float]],
        evaluations: int,
    ) -> None:
        """Climb from the worst violation of every clause, to report how bad it gets."""
        for name in self.clauses:
            score, worst = max(scores[name], key=lambda one: one[0])
            if score >= VIOLATED:
                value = remembered(partial(_score, look, name), domain)
                start = np.array(domain.place(worst))
                deque(islice(climb(value, domain, start), evaluations // len(self.clauses)), maxlen=0)

    def _shrunk(self, domain: Parameters, tally: Tally, look: Callable[[Point], dict[str, float]]) -> Violation:
        """A simpler counterexample in the place of the one that the climb found."""
        assert tally.found is not None
        best = tally.found

        def violates(point: Point) -> bool:
            nonlocal best
            if max(look(point).values()) < VIOLATED or tally.found is None:
                return False
            best = tally.found
            return True

        simplified(best.point, domain, violates, 200)
        return best


def _score(look: Callable[[Point], dict[str, float]], clause: str, point: Point) -> float:
    return look(point)[clause]
