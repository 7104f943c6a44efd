"""Falsification check: Hypothesis searches the domain for a counterexample, steered towards the worst residual."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sympy as sp
from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis.errors import FlakyFailure, Unsatisfiable

from numerics.balls import bits_for
from verification.budget import Budget
from verification.checks.tally import GUARD_DIGITS, Tally
from verification.claim import Truth
from verification.evidence import Evidence, clause_text
from verification.parameters import Parameters, Point
from verification.statement import Statement

Observe = Callable[[Point, int], Mapping[sp.Symbol, Any]]


class _CounterexampleFound(Exception):
    """Raised inside the search so that Hypothesis shrinks the point."""


@dataclass(frozen=True)
class Falsification:
    """Judge the clauses at points that Hypothesis draws, steered by the logarithm of the residual.

    observe(point, digits) returns balls: rigorous ones, or ones as wide as an error estimate. `flows` says that each
    point costs an integrated flow. A counterexample is shrunk and reported with its residual; the worst residual met
    is reported in any case.
    """

    clauses: tuple[str, ...]
    observe: Observe
    method: str
    domain: Parameters | None = None
    digits: int = 15
    flows: bool = False
    kind: str = "falsification"

    def run(self, statement: Statement, budget: Budget) -> Evidence:
        """Deterministic for a given seed."""
        domain = self.domain or statement.parameters
        bits = bits_for(self.digits + GUARD_DIGITS)
        tally = Tally(self.digits, bits)
        claims = statement.claims(self.clauses)
        examples = budget.flow_examples if self.flows else budget.examples

        def try_point(point: Point) -> None:
            point = {symbol: point[symbol] for symbol in domain.symbols}
            if statement.admits(point) is not Truth.TRUE:
                return
            judged = tally.settle(claims, point, self.observe, raises=0 if self.flows else 4)
            if judged.truth is Truth.FALSE:
                raise _CounterexampleFound
            if 0 < judged.residual < math.inf:
                target(max(-400.0, math.log10(judged.residual)), label="log10 residual")

        search = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.target, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )(seed(budget.seed)(given(domain.strategy())(try_point)))
        # The tally knows: Hypothesis replays its minimal example last, so the last witness is the shrunk one.
        with suppress(_CounterexampleFound, FlakyFailure, Unsatisfiable):
            search()
        return tally.evidence(
            self.kind,
            self.clauses,
            f"{self.method}: no counterexample to {clause_text(self.clauses)} in {tally.admitted} examples",
            "ask for fewer digits, or raise the precision of the observables",
            domain=str(domain),
            seed=budget.seed,
        )
