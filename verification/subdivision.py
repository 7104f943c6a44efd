"""Branch and bound: sub-boxes on which interval arithmetic decides the claims, worst first.

Sub-boxes with a lower bound and those without take turns, so that neither waits for the other.
"""

import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from sympy.core.relational import Relational

from numerics.box_functions import Box, middle_of
from verification.box_problem import Problem
from verification.parameters import Point


@dataclass(frozen=True)
class Part:
    """A sub-box and what became of it: "proven", "outside", "refuted" or "open".

    unbounded: an open one on which the sides' difference has no lower bound; undefined: a condition that it lacks.
    """

    state: str
    box: Box
    unbounded: bool = False
    undefined: Relational | None = None


@dataclass
class Outcome:
    """The sub-boxes of one problem, and a counterexample (a point of the coordinates) if one was met.

    by_equality: SymPy shows that the sides of a strict claim are equal there, which balls cannot.
    """

    parts: list[Part] = field(default_factory=list)
    counterexample: tuple[Fraction, ...] | None = None
    by_equality: bool = False

    def count(self, state: str) -> int:
        """Number of sub-boxes in a state."""
        return sum(part.state == state for part in self.parts)


class _Queue:
    """Open sub-boxes: of those with a lower bound the worst first, of those without the oldest first, in turns."""

    def __init__(self) -> None:
        self._order = itertools.count()
        self._bounded: list[tuple[float, int, Part, int]] = []
        self._unbounded: deque[tuple[Part, int]] = deque()
        self._turn = False

    def __bool__(self) -> bool:
        return bool(self._bounded or self._unbounded)

    def push(self, part: Part, worst: float, axis: int) -> None:
        if part.unbounded:
            self._unbounded.append((part, axis))
        else:
            heapq.heappush(self._bounded, (worst, next(self._order), part, axis))

    def pop(self) -> tuple[Part, int]:
        self._turn = not self._turn
        if self._unbounded and (self._turn or not self._bounded):
            return self._unbounded.popleft()
        _, _, part, axis = heapq.heappop(self._bounded)
        return part, axis

    def rest(self) -> list[Part]:
        return [*(part for _, _, part, _ in self._bounded), *(part for part, _ in self._unbounded)]


def subdivide(problem: Problem, most_boxes: int) -> Outcome:
    """Examine at most `most_boxes` sub-boxes, stopping at a counterexample."""
    outcome = Outcome()
    waiting = _Queue()

    def visit(box: Box) -> bool:
        seen = problem.examine(box)
        if seen.state == "open" and box == problem.box and problem.add_forms():
            seen = problem.examine(box)
        if seen.state == "open":
            part = Part("open", box, not math.isfinite(seen.worst), seen.undefined)
            if any(low < high for low, high in box):
                waiting.push(part, seen.worst, seen.axis)
            else:
                outcome.parts.append(part)
        else:
            outcome.parts.append(Part(seen.state, box))
        outcome.counterexample, outcome.by_equality = seen.point, seen.by_equality
        return seen.state != "refuted"

    if not visit(problem.box):
        return outcome
    for _ in range((most_boxes - 1) // 2):
        if not waiting:
            break
        part, axis = waiting.pop()
        if not all(visit(half) for half in _halves(part.box, axis, problem.variables[axis].coordinate.logarithmic)):
            return outcome
    outcome.parts.extend(waiting.rest())
    return outcome


def _halves(box: Box, axis: int, logarithmic: bool) -> Iterable[Box]:
    low, high = box[axis]
    middle = middle_of((low, high), logarithmic)
    for side in ((low, middle), (middle, high)):
        yield (*box[:axis], side, *box[axis + 1 :])


def point_of(problem: Problem, point: Sequence[Fraction]) -> Point:
    """The parameters at a point of the coordinates."""
    return {one.range.symbol: one.value(number) for one, number in zip(problem.variables, point, strict=True)}


def sides_of(problem: Problem, box: Box) -> list[tuple[Fraction | float, Fraction | float]]:
    """The sides of a sub-box in the parameters themselves."""
    return [
        tuple(sorted((one.value(low), one.value(high))))  # type: ignore[misc]
        for (low, high), one in zip(box, problem.variables, strict=True)
    ]
