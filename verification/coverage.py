"""What certificates cover: a box that is smaller than the domain proves nothing about the rest of it."""

import itertools
import math
from collections.abc import Iterable, Sequence

from numerics.errors import ArgumentError
from verification.evidence import Evidence
from verification.parameters import IntegerRange, Parameters, RealRange
from verification.statement import Statement
from verification.verdict import Verdict, combine
from verification.witness import point_from

_MOST_CHOICES = 10_000  # choices of a domain's integers that are looked at


def verdict_of(statement: Statement, evidence: Sequence[Evidence]) -> Verdict:
    """The verdict of a statement: that of `combine`, where a certificate counts for as much as it covers.

    A clause whose certificates do not cover the statement's domain is CONSISTENT on it, and a counterexample outside
    their boxes contradicts none of them.
    """
    return combine(statement.clause_names, _weighed(statement, evidence))


def covers(boxes: Iterable[Parameters], domain: Parameters) -> bool:
    """Every choice of the domain's integers, with all of its real numbers, lies in one of the boxes.

    False, which claims less, also where only several boxes together hold the real ranges, and for domains of more than
    ten thousand choices of the integers that no single box holds.
    """
    known = list(boxes)
    integers = [one for one in domain.ranges if isinstance(one, IntegerRange)]
    if any(_holds(box, domain) for box in known):
        return True
    if not integers or math.prod(one.high - one.low + 1 for one in integers) > _MOST_CHOICES:
        return False
    for choice in itertools.product(*(range(one.low, one.high + 1) for one in integers)):
        fixed = (IntegerRange(one.symbol, value, value) for one, value in zip(integers, choice, strict=True))
        there = domain.restricted(*fixed)
        if not any(_holds(box, there) for box in known):
            return False
    return True


def _holds(box: Parameters, domain: Parameters) -> bool:
    ranges = {one.symbol: one for one in box.ranges}
    return all(one.symbol in ranges and _within(one, ranges[one.symbol]) for one in domain.ranges)


def _within(inner: IntegerRange | RealRange, outer: IntegerRange | RealRange) -> bool:
    endless = isinstance(inner, RealRange) and inner.infinity
    if isinstance(inner, RealRange) and isinstance(outer, IntegerRange) and inner.low != inner.high:
        return False
    return outer.low <= inner.low and inner.high <= outer.high and not endless


def _weighed(statement: Statement, evidence: Sequence[Evidence]) -> list[tuple[Sequence[str], Verdict]]:
    """(clause, verdict) pairs, a certificate's weakened where it does not cover and nothing contradicts it."""
    weighed: list[tuple[Sequence[str], Verdict]] = []
    for one in evidence:
        for clause in one.clauses:
            verdict = one.verdict
            if verdict is Verdict.CERTIFIED and one.box is not None:
                about = [other for other in evidence if clause in other.clauses]
                boxes = [other.box for other in about if other.verdict is verdict and other.box is not None]
                if not covers(boxes, statement.parameters) and not any(_contradicts(other, one.box) for other in about):
                    verdict = Verdict.CONSISTENT
            weighed.append(((clause,), verdict))
    return weighed


def _contradicts(evidence: Evidence, box: Parameters) -> bool:
    """A refutation whose witness lies in the box, or that has none."""
    if evidence.verdict is not Verdict.REFUTED:
        return False
    try:
        point_from(evidence.witness or {}, box)
    except ArgumentError:
        return not evidence.witness
    return True
