"""The limit of a gradient flow as observables, for claims about where a flow ends."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from numerics.gradient_flow import FlowLimit
from verification.checks.trajectory import Observation

_SAFETY = 2.0


def singular_value(index: int) -> sp.Symbol:
    """The symbol sigma_index of a singular value of the limit, counted from 1; it may be zero."""
    return sp.Symbol(f"sigma_{index}", nonnegative=True)


def limit_observation(
    limit: FlowLimit, measure: Mapping[sp.Symbol, Callable[[np.ndarray], float]] | None = None
) -> Observation:
    """The singular values of W(oo), and what `measure` makes of W(oo), as balls.

    A singular value moves by no more than the matrix does, so its ball is as wide as the flow's error estimate. A
    function of `measure` (rows x columns -> a number, or a bool that counts as 1 or 0) is evaluated again with each
    entry moved by that error; its ball is twice as wide as the differences say to first order, so that a yes-or-no
    answer which the error could change is undecided. A flow that did not converge gives an observation that says so.

    Heuristic, as the error estimate is. What can be written as a formula in singular values belongs into the claim,
    where ball arithmetic carries the error along.
    """
    values = {singular_value(index): value for index, value in enumerate(limit.singular_values, 1)}
    balls: dict[sp.Symbol, Any] = {symbol: arb(float(value), limit.error) for symbol, value in values.items()}
    for symbol, function in (measure or {}).items():
        balls[symbol] = _measured(limit, function)
    return Observation([balls], limit.flow.reason)


def _measured(limit: FlowLimit, function: Callable[[np.ndarray], float]) -> Any:
    if not np.isfinite(limit.error):
        return arb(0, np.inf)
    value = float(function(limit.matrix.copy()))
    squares = 0.0
    for entry in np.ndindex(limit.matrix.shape):
        differences = []
        for step in (-limit.error, limit.error):
            moved = limit.matrix.copy()
            moved[entry] += step
            differences.append(abs(float(function(moved)) - value))
        squares += max(differences) ** 2
    return arb(value, _SAFETY * math.sqrt(squares))
