"""Relations near an end that belongs to a range only as its closure: infinity, and the end 0 of a positive symbol.

There the sides may grow without bound, so that the range of their difference says nothing. Two remedies keep the sign.

- Another form: the difference without its denominator, where that is proven positive for every point of the domain.
- Slopes in the logarithm of the coordinate u, which are u times the slopes in u: they stay bounded where those do not,
  and have their signs for u > 0.
"""

from collections.abc import Callable, Sequence

import sympy as sp
from sympy.polys.polyerrors import PolynomialError

from numerics.box_functions import Box
from numerics.intervals import ONE, ZERO, Interval, interval, log
from numerics.jets import Jet, compiled_jets
from verification.coordinates import Variable

_MOST_OPERATIONS = 150  # longer expressions are not rewritten, for SymPy may take minutes


def without_denominator(expression: sp.Expr, positive: Callable[[sp.Expr], bool]) -> sp.Expr | None:
    """The numerator of the expression over one denominator, if that is proven positive; None if it is not.

    Cancelling changes nothing where the expression is defined, and dividing by a positive number keeps the sign.
    """
    if sp.count_ops(expression) > _MOST_OPERATIONS:
        return None
    try:
        by_exponentials = expression.replace(sp.tanh, lambda x: (sp.exp(2 * x) - 1) / (sp.exp(2 * x) + 1))
        numerator, denominator = sp.fraction(sp.cancel(sp.together(by_exponentials)))
        factored = sp.factor(numerator)
    except (PolynomialError, NotImplementedError):
        return None
    if positive(denominator):
        return factored
    return -factored if positive(-denominator) else None


class TailSlopes:
    """Enclosures of the derivatives of expressions, in log u for the coordinates u that have an open end at 0."""

    def __init__(self, expressions: Sequence[sp.Expr], variables: Sequence[Variable]) -> None:
        self._variables = tuple(variables)
        logarithmic = [one.coordinate.symbol for one in variables if one.coordinate.logarithmic or one.has_open_zero]
        self._logarithmic = frozenset(logarithmic)
        self._jets = compiled_jets(expressions, len(self._variables), logarithmic)

    def over(self, box: Box) -> list[tuple[Interval, ...]]:
        """The gradient of every expression, at every point of the box with u > 0."""
        jets: dict[sp.Basic, Jet] = {}
        size = range(len(self._variables))
        for index, (one, side) in enumerate(zip(self._variables, box, strict=True)):
            symbol, value = one.coordinate.symbol, interval(*side)
            measured = symbol in self._logarithmic
            own = value if measured else ONE
            jets[symbol] = value, tuple(own if place == index else None for place in size)
            if measured:
                jets[sp.log(symbol)] = log(value), tuple(ONE if place == index else None for place in size)
        return [tuple(ZERO if one is None else one for one in gradient) for _, gradient in self._jets(jets)]


def infimum_at(box: Box, slopes: Sequence[Interval], variables: Sequence[Variable]) -> tuple[Box, bool]:
    """(face, strict): the face of the box next to which an expression with these slopes is smallest.

    strict: the expression is larger than its limit on the face at every point of the domain, for the face lies at an
    open end towards which the expression falls strictly.
    """
    strict = False
    sides = []
    for side, slope, one in zip(box, slopes, variables, strict=True):
        if slope[1] <= 0:
            strict = strict or bool(slope[1] < 0 and side[0] < side[1] and one.excludes(side[1]))
            sides.append((side[1], side[1]))
        elif slope[0] >= 0:
            strict = strict or bool(slope[0] > 0 and side[0] < side[1] and one.excludes(side[0]))
            sides.append((side[0], side[0]))
        else:
            sides.append(side)
    return tuple(sides), strict
