"""Warm and cold starts of a 2 x 2 completion as flows, float64; where pre-training ends, as a certified start.

Notation
    Pre-training observes the diagonal at w*, from the block family with two blocks of size 1. A warm start goes on from
    there when w_12 is observed too; a cold start begins anew, from the family's layers, with the same three entries.
Source
    Setting of Shin & Yun 2026, arXiv:2603.04703, Section 4 (reconstructed).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from flint import arb
from scipy.interpolate import PchipInterpolator

from numerics.balls import ball, precision
from numerics.block_diagonal import BlockFamily, initial_layers, problem
from numerics.certified_flow import CertifiedFlow, Outcome
from numerics.certified_flow.tail import Tail
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import FlowLimit, GradientFlow, StopReason, flow_limit, integrate, project
from numerics.residual_margin import enclosed_residual_norm

_EXTENDED = np.array([[True, True], [False, True]])
_TOLERANCE = 1e-12
#: Moments per Taylor piece of an enclosed integral: it is then known to a few percent.
_PARTS = 8


@dataclass(frozen=True)
class Pretrained:
    """Where pre-training ends: W(oo) with its error estimate, and layers at zero loss from which to go on."""

    limit: FlowLimit
    layers: list[np.ndarray]


def pretrained(family: BlockFamily) -> Pretrained:
    """Pre-training on the diagonal, followed to its limit. Heuristic. Raises ArgumentError unless n = 2 and s = 1."""
    if (family.blocks, family.block_size) != (2, 1):
        raise ArgumentError("family", str(family), "one of two blocks of size 1")
    found = flow_limit(problem(family), initial_layers(family))
    return Pretrained(found, project(problem(family), found.flow.final_layers))


def extended_problem(family: BlockFamily, entry: float | None = None) -> MatrixCompletion:
    """The diagonal at w*, and w_12 at `entry`, which is w* unless given."""
    value = family.value
    return MatrixCompletion(_EXTENDED, np.array([[value, value if entry is None else entry], [0, value]], dtype=object))


def warm_limit(family: BlockFamily, start: Pretrained) -> FlowLimit:
    """W(oo) after w_12 is observed too, from where pre-training ended; its error includes that of the start."""
    return _beside(flow_limit(extended_problem(family), start.layers), start.limit)


def cold_limit(family: BlockFamily) -> FlowLimit:
    """W(oo) with the same three entries, from the family's own layers."""
    return flow_limit(extended_problem(family), initial_layers(family))


def warm_flow(family: BlockFamily, start: Pretrained, entry: float | None = None) -> GradientFlow:
    """The trajectory of a warm start, at the finest tolerance."""
    return integrate(extended_problem(family, entry), start.layers, relative_tolerance=_TOLERANCE)


def certified_end(flow: CertifiedFlow) -> tuple[list[np.ndarray], Fraction]:
    """(layers, radius), exact: theta(oo) is within `radius` of the layers in the Frobenius norm. Rigorous.

    What a certified warm start takes as its start and its `start_radius`. Raises ArgumentError for a flow whose limit
    is not enclosed.
    """
    tail = _enclosed_tail(flow)
    return [np.vectorize(_exactly, otypes=[object])(layer) for layer in tail.layers], _exactly(tail.radius.upper())


def enclosed_residual_integral(flow: CertifiedFlow) -> arb:
    """A ball that contains the integral of |R|_F from 0 to infinity, for every start of the flow. Rigorous.

    |R|_F never increases (energy-identity), so that its values at moments bound it between them; beyond the last piece
    the integral is at most |R|_F/(c k^2), with the k of `numerics.certified_flow.tail` and the weight c of the loss.
    Raises ArgumentError for a flow whose limit is not enclosed.
    """
    tail = _enclosed_tail(flow)
    shares = [Fraction(part, _PARTS) for part in range(_PARTS)]
    moments = [before + share * (after - before) for before, after in pairwise(flow.times) for share in shares]
    with precision(flow.accuracy.ball_bits):
        norms = [enclosed_residual_norm(flow.problem, flow.product_at(time)) for time in (*moments, flow.times[-1])]
        lengths = [ball(after - before) for before, after in pairwise([*moments, flow.times[-1]])]
        least = sum((norm.lower() * length for norm, length in zip(norms[1:], lengths, strict=True)), arb(0))
        most = sum((norm.upper() * length for norm, length in zip(norms[:-1], lengths, strict=True)), arb(0))
        rest = tail.residual / (ball(flow.problem.exact_weight) * tail.rate.rate**2)
        return least.union(most + rest)


def _enclosed_tail(flow: CertifiedFlow) -> Tail:
    tail = flow.run.tail
    if flow.outcome is not Outcome.ENCLOSED or tail is None:
        raise ArgumentError("flow", f"one that is {flow.outcome}: {flow.reason}", "one whose limit is enclosed")
    return tail


def _exactly(number: arb) -> Fraction:
    mantissa, exponent = (int(part) for part in number.man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent


def residual_integrals(flow: GradientFlow) -> tuple[np.ndarray, np.ndarray]:
    """The integral of |R|_F from 0 to each time of a trajectory, and its error estimate.

    A monotone cubic through the accepted steps; the error is its largest distance so far from the
    trapezoidal rule. Heuristic.
    """
    residuals = np.where(flow.problem.mask, flow.products - flow.problem.targets, 0.0)
    norms = np.linalg.norm(residuals, axis=(1, 2))
    if len(flow.times) < 2:
        return np.zeros(1), np.zeros(1)
    cubic = PchipInterpolator(flow.times, norms).antiderivative()
    smooth = cubic(flow.times) - cubic(flow.times[0])
    straight = np.concatenate([[0.0], np.cumsum(np.diff(flow.times) * (norms[1:] + norms[:-1]) / 2)])
    return smooth, np.maximum.accumulate(np.abs(smooth - straight))


def worst_reason(flows: Sequence[GradientFlow]) -> StopReason:
    """Why the first of these flows that did not converge stopped; CONVERGED when all did."""
    return next((flow.reason for flow in flows if not flow.converged), StopReason.CONVERGED)


def _beside(limit: FlowLimit, start: FlowLimit) -> FlowLimit:
    return FlowLimit(limit.matrix, limit.error + 10 * start.error, limit.flow)
