"""Certified flows as observables, for claims that an enclosure check judges; each flow is enclosed once a process."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from numerics.balls import precision
from numerics.certified_flow import CertifiedFlow, Outcome, certified_flow
from numerics.exact import exact
from numerics.factorization import MatrixCompletion, Normalization, check_layers
from verification.checks.enclosure import Enclosed

#: Digits asked of a flow beyond those that a claim compares: quantities smaller than W lose some of them.
_SPARE_DIGITS = 5
_KEPT_FLOWS = 64

Rows = tuple[tuple[Any, ...], ...]


def certified(problem: MatrixCompletion, layers: Sequence[Any], digits: int, *, start_radius: Any = 0) -> CertifiedFlow:
    """The certified flow from these layers, the same object whenever it is asked for again.

    layers: exact numbers, or floats as the binary numbers they are; start_radius: how far, in the Frobenius norm, the
    starts spread for which the enclosure holds. W(oo) is asked for to five more than `digits`. A statement and its
    mutants share what they enclose. Rigorous where its outcome is ENCLOSED. Raises ArgumentError.
    """
    arrays = [np.asarray(layer) for layer in layers]
    check_layers(problem, arrays)
    return _certified(
        _rows(problem.mask),
        tuple(problem.exact_targets),
        problem.normalization,
        tuple(_rows(array, Fraction) for array in arrays),
        digits + _SPARE_DIGITS,
        Fraction(exact("start_radius", start_radius)),
    )


@lru_cache(maxsize=_KEPT_FLOWS)
def _certified(
    mask: Rows,
    targets: tuple[Fraction, ...],
    normalization: Normalization,
    layers: tuple[Rows, ...],
    digits: int,
    start_radius: Fraction,
) -> CertifiedFlow:
    observed: np.ndarray = np.array(mask)
    entries = np.full(observed.shape, Fraction(0), dtype=object)
    entries[observed] = targets
    problem = MatrixCompletion(observed, entries, normalization)
    return certified_flow(problem, layers, digits=digits, start_radius=start_radius)


def _rows(array: np.ndarray, convert: Callable[[Any], Any] = bool) -> Rows:
    return tuple(tuple(convert(entry) for entry in row) for row in array.tolist())


def enclosed_limits(flows: Sequence[CertifiedFlow], values: Callable[..., Mapping[sp.Symbol, Any]]) -> Enclosed:
    """What `values` makes of the enclosed limits, one `MatrixBall` for every flow, as balls.

    Rigorous: `values` is asked at the flows' precision, and only when every W(oo) is enclosed; otherwise the reason and
    the knob of the first that is not come back.
    """
    limits = []
    for flow in flows:
        if flow.outcome is not Outcome.ENCLOSED or flow.limit is None:
            return not_enclosed(flow)
        limits.append(flow.limit)
    with precision(max(flow.accuracy.ball_bits for flow in flows)):
        found = values(*limits)
    return Enclosed(found, hypotheses=tuple(dict.fromkeys(one.name for flow in flows for one in flow.hypotheses)))


def not_enclosed(flow: CertifiedFlow) -> Enclosed:
    """No values, and in one phrase why the flow was not enclosed and which argument to change."""
    reason = flow.reason or "W(oo) is too small for the radius that was asked"
    return Enclosed(None, f"{reason}; the knob is {flow.knob or 'digits'}")
