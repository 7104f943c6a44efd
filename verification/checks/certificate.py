"""Certificate check: ball arithmetic with subdivision proves inequalities on a whole box."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from numerics.balls import ball, precision
from verification.budget import Budget
from verification.claim import Truth, judge, spread
from verification.errors import StatementError
from verification.evidence import Evidence, clause_text
from verification.parameters import IntegerRange, Parameters, Point, RealRange, point_text
from verification.statement import Statement
from verification.verdict import Verdict

_BITS = 128
Box = tuple[tuple[Fraction, Fraction], ...]


@dataclass(frozen=True)
class Certificate:
    """Prove the clauses on `box`: integers are enumerated, real ranges bisected in the logarithm.

    Rigorous: CERTIFIED means that finitely many sub-boxes cover the box, and on each the balls satisfy the claims or
    contradict an assumption; REFUTED comes with a point that satisfies the assumptions, judged on its
    own. UNDECIDED names the number of sub-boxes left. Claims are inequalities in the declared parameters only.
    """

    clauses: tuple[str, ...]
    box: Parameters
    kind: str = "certificate"

    def __post_init__(self) -> None:
        endless = [str(one.symbol) for one in self.box.ranges if isinstance(one, RealRange) and one.infinity]
        if endless:
            raise StatementError(f"certificate: the range of {endless} includes oo; a box has finite sides")

    def run(self, statement: Statement, budget: Budget) -> Evidence:
        """At most `budget.boxes` sub-boxes for each choice of the integers."""
        claims = list(statement.claims(self.clauses).values())
        foreign = set().union(*(claim.free_symbols for claim in claims)) - set(self.box.symbols)
        if foreign:
            raise StatementError(f"{statement.id}: {sorted(map(str, foreign))} in a certificate is not in its box")
        integers = [one for one in self.box.ranges if isinstance(one, IntegerRange)]
        reals = [one for one in self.box.ranges if isinstance(one, RealRange)]
        proven = open_boxes = 0
        found: dict[str, Any] = {
            "kind": self.kind,
            "clauses": self.clauses,
            "bits": _BITS,
            "domain": str(self.box),
        }
        with precision(_BITS):
            for choice in itertools.product(*(range(one.low, one.high + 1) for one in integers)):
                fixed: Point = dict(zip((one.symbol for one in integers), choice, strict=True))
                stack: list[Box] = [tuple((one.low, one.high) for one in reals)]
                used = 0
                while stack and used < budget.boxes:
                    part = stack.pop()
                    used += 1
                    values = fixed | {one.symbol: _ball(side) for one, side in zip(reals, part, strict=True)}
                    outside = any(judge(one, values, 1).truth is Truth.FALSE for one in statement.assumptions)
                    if outside or all(judge(claim, values, 1).truth is Truth.TRUE for claim in claims):
                        proven += 1
                        continue
                    centre: Point = fixed | {one.symbol: _middle(side) for one, side in zip(reals, part, strict=True)}
                    admitted = all(judge(one, centre, 1).truth is Truth.TRUE for one in statement.assumptions)
                    if admitted and any(judge(claim, centre, 1).truth is Truth.FALSE for claim in claims):
                        witness = point_text(centre)
                        return Evidence(
                            **found,
                            verdict=Verdict.REFUTED,
                            summary="a point of the box violates the claim",
                            points=proven + 1,
                            worst_point=witness,
                            worst_residual=max(judge(claim, centre, 1).residual for claim in claims),
                            witness=witness,
                        )
                    if all(low == high for low, high in part):
                        open_boxes += 1
                        continue
                    stack.extend(_halves(part, _widest(part, reals, values, claims)))
                open_boxes += len(stack)
        if open_boxes:
            return Evidence(
                **found,
                verdict=Verdict.UNDECIDED,
                summary=f"{proven} sub-boxes proven, {open_boxes} left",
                points=proven,
                remedy="raise the budget's boxes (profile full), or shrink the box",
            )
        summary = f"{clause_text(self.clauses)} proven on {proven} sub-boxes that cover the box"
        return Evidence(**found, verdict=Verdict.CERTIFIED, summary=summary, points=proven)


def _ball(side: tuple[Fraction, Fraction]) -> Any:
    low, high = side
    return ball(low) if low == high else ball(low).union(ball(high))


def _middle(side: tuple[Fraction, Fraction]) -> Fraction:
    """The geometric middle, to five significant digits where that stays inside the side."""
    low, high = side
    if low == high:
        return low
    exact = Fraction(math.exp((math.log(low) + math.log(high)) / 2))
    short = Fraction(f"{float(exact):.5g}")
    return short if low < short < high else min(high, max(low, exact))


def _widest(part: Box, reals: Sequence[RealRange], values: Point, claims: Sequence[sp.Basic]) -> int:
    """The side whose bisection narrows the claims most, found by shrinking each side in turn to its middle."""

    def remaining(axis: int) -> tuple[float, float]:
        shrunk = values | {reals[axis].symbol: _middle(part[axis])}
        return sum(spread(claim, shrunk) for claim in claims), -float(part[axis][1] / part[axis][0])

    return min((axis for axis, (low, high) in enumerate(part) if low < high), key=remaining, default=0)


def _halves(part: Box, axis: int) -> Iterator[Box]:
    """The two halves of the box across one side."""
    low, high = part[axis]
    middle = _middle((low, high))
    for side in ((low, middle), (middle, high)):
        yield (*part[:axis], side, *part[axis + 1 :])
