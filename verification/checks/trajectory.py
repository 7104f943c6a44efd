"""Trajectory check: integrated gradient flow against the claim, within the flow's own error estimate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from numerics.balls import bits_for, precision
from numerics.gradient_flow import StopReason
from verification.budget import Budget
from verification.checks.fields import owner_of, require_check
from verification.checks.tally import GUARD_DIGITS, Tally
from verification.claim import Truth
from verification.evidence import Evidence, Series, clause_text
from verification.parameters import Parameters, Point
from verification.requirements import require, require_count, require_function
from verification.statement import Statement

_FEWEST_BITS = 96
_REMEDY = "tighten the flow's relative_tolerance, or raise its max_steps"


@dataclass(frozen=True)
class Observation:
    """What one trajectory showed: values at one or more moments, why it stopped, and curves for a picture.

    The values are balls whose radius is the trajectory's error estimate (heuristic).
    """

    snapshots: Sequence[Mapping[sp.Symbol, Any]]
    stopped: StopReason
    series: Series | None = None

    def __post_init__(self) -> None:
        require("observation", "snapshots", self.snapshots, Sequence, "a list of mappings from symbols to values")
        for values in self.snapshots:
            require("observation", "a snapshot", values, Mapping, "a mapping from symbols to values")
        require("observation", "stopped", self.stopped, StopReason, "a StopReason")
        require("observation", "series", self.series, Series | None, "a Series")


@dataclass(frozen=True)
class Trajectory:
    """Judge the clauses on integrated flows.

    Heuristic: the balls are as wide as the flow's error estimate, and `digits` of them must be narrow for an equation
    to count as agreement. A flow that did not converge is counted as open, never compared. `most_flows` caps the
    budget where one flow takes long.
    """

    clauses: tuple[str, ...]
    observe: Callable[[Point], Observation]
    method: str
    domain: Parameters
    digits: int = 6
    most_flows: int | None = None
    kind: str = "trajectory"

    def __post_init__(self) -> None:
        require_check(self)
        require_function(owner_of(self), "observe", self.observe, "point")
        require_count(owner_of(self), "digits", self.digits)
        if self.most_flows is not None:
            require_count(owner_of(self), "most_flows", self.most_flows)

    def run(self, statement: Statement, budget: Budget) -> Evidence:
        """Stops at the first counterexample."""
        bits = max(_FEWEST_BITS, bits_for(self.digits + GUARD_DIGITS))
        flows = min(budget.trajectories, self.most_flows or budget.trajectories)
        tally = Tally(self.digits, bits, statement.obligations())
        claims = statement.claims(self.clauses)
        series: list[Series] = []
        with precision(bits):
            for point in self.domain.grid(flows):
                if statement.admits(point) is not Truth.TRUE:
                    continue
                seen = self._seen(point)
                if seen.series is not None:
                    series.append(seen.series)
                if seen.stopped is not StopReason.CONVERGED:
                    tally.skipped += 1
                    continue
                if self._judge(tally, claims, point, seen):
                    break
        return tally.evidence(
            self.kind,
            self.clauses,
            f"{self.method}: {clause_text(self.clauses)} hold within the flow's own error estimate",
            _REMEDY,
            statement=statement,
            domain=str(self.domain),
            series=tuple(series[:2]),
        )

    def at(self, statement: Statement, point: Point, budget: Budget) -> Evidence:
        """The claims judged on the flow of one point."""
        bits = max(_FEWEST_BITS, bits_for(self.digits + GUARD_DIGITS))
        tally = Tally(self.digits, bits, statement.obligations())
        if statement.admits(point) is Truth.TRUE:
            with precision(bits):
                seen = self._seen(point)
                if seen.stopped is StopReason.CONVERGED:
                    self._judge(tally, statement.claims(self.clauses), point, seen)
                else:
                    tally.skipped += 1
        return tally.evidence(
            self.kind,
            self.clauses,
            "the claim holds on this flow",
            _REMEDY,
            statement=statement,
            domain="one point",
        )

    def _seen(self, point: Point) -> Observation:
        seen = self.observe(point)
        require(owner_of(self), "what observe returns", seen, Observation, "an Observation")
        return seen

    @staticmethod
    def _judge(tally: Tally, claims: Mapping[str, sp.Basic], point: Point, seen: Observation) -> bool:
        """Judge every snapshot; True when one violates a claim."""
        parts = [tally.judge(claims, point, values) for values in seen.snapshots]
        return any(part.truth is Truth.FALSE for found in parts for part in found.values())
