"""What would decide a certificate that is left open, in words that fit the sub-boxes that are left."""

from numerics.box_functions import Root, length_of
from verification.box_problem import Problem
from verification.subdivision import Outcome, Part

_SMALL = 1e-3


def missing_root_text(problem: Problem) -> str | None:
    """What to correct when a bracket holds no root at the middle of the whole box; None when nothing is missing."""
    missing = problem.missing_roots(problem.box)
    return _root_text(problem, Part("open", problem.box), missing[0]) if missing else None


def remedy_of(problem: Problem, outcome: Outcome) -> str:
    """What to do about the open sub-boxes: first what no larger budget would change."""
    left = [part for part in outcome.parts if part.state == "open"]
    undefined = next((part for part in left if part.undefined is not None), None)
    for part in left[:1]:
        missing = problem.missing_roots(part.box)
        if missing:
            return _root_text(problem, part, missing[0])
    if undefined is not None:
        return (
            f"a side is not shown to be defined where {_box_text(problem, undefined)}: that needs "
            f"{_condition_text(undefined)}; leave out where it fails, or assume it"
        )
    if any(part.unbounded for part in left):
        ends = [
            f"{one.range.symbol} = {'oo' if one.shift is not None else '0'}"
            for axis, one in enumerate(problem.variables)
            if one.has_open_zero and any(part.unbounded and part.box[axis][0] == 0 for part in left)
        ]
        where = f" at {' and '.join(ends)}" if ends else ""
        return (
            f"the difference of the sides has no bound{where}, which more boxes may not change; "
            "state the claim as a quotient of its sides or multiply it by a positive factor that keeps them bounded, "
            "or split the range at a finite number"
        )
    if left and all(_is_small(problem, part) for part in left):
        return (
            f"the sides seem to be equal near {_box_text(problem, left[0])}, where boxes show no inequality; write "
            "their difference as a square or a product, or leave the point out of the box"
        )
    return "raise the budget's boxes (profile full), or shrink the box"


def _is_small(problem: Problem, part: Part) -> bool:
    """Every side has been cut to a thousandth of the box's."""
    return all(
        length_of(side, one.coordinate.logarithmic) <= _SMALL * length_of(one.side, one.coordinate.logarithmic)
        for side, one in zip(part.box, problem.variables, strict=True)
    )


def _root_text(problem: Problem, part: Part, root: Root) -> str:
    return (
        f"the bracket [{root.low}, {root.high}] of {root.symbol} holds no root of {root.equation} where "
        f"{_box_text(problem, part)}, at its middle at least: the equation has one sign at both ends; "
        "correct the bracket"
    )


def _box_text(problem: Problem, part: Part) -> str:
    return ", ".join(one.words(side) for one, side in zip(problem.variables, part.box, strict=True))


def _condition_text(part: Part) -> str:
    assert part.undefined is not None
    left, right = part.undefined.lhs, part.undefined.rhs
    return f"{left} {part.undefined.rel_op} {right}"
