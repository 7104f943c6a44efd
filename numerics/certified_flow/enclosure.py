"""The rigorous enclosure of one flow from its start to infinity, for any mask, depth, widths and start.

Theorem
    Let p_0, p_1, ... be polynomial pieces on consecutive intervals, each starting exactly where the one before ends,
    and e_0 >= |theta(0) - p_0(0)|. If on piece k the defect is at most d_k, the integral of the logarithmic norm over
    the tube of radius rho_k around it at most g_k, and e_{k+1} = exp(g_k) (e_k + d_k) <= rho_k/2, then
    |theta - p_k| <= e_{k+1} on that whole interval: while it holds the flow is in the tube where g_k was taken, so it
    cannot be the first time at which it fails. From the last end point `numerics.certified_flow.tail` goes to infinity.
Hypotheses
    start, contact, defect-at-end, small-defect, tube, and those of the tail; each is checked as a comparison of two
    numbers (`Hypothesis`) on every piece, and the result keeps the tightest of each name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import ceil, log2, prod
from typing import Any

import numpy as np
from flint import arb, arb_mat

from numerics.balls import ball, precision
from numerics.certified_flow.defect import observed_residual
from numerics.certified_flow.hypotheses import Hypothesis, tightest
from numerics.certified_flow.pieces import fixed_point
from numerics.certified_flow.singular_values import frobenius
from numerics.certified_flow.steps import Accuracy, Step, advance, next_scale
from numerics.certified_flow.tail import Tail, tail
from numerics.errors import ArgumentError
from numerics.exact import exact
from numerics.factorization import MatrixCompletion, check_layers, end_to_end

ExactLayers = list[list[list[Fraction]]]

#: Taylor order per working digit: the order at which the steps times their squared order cost least is ln(10)/2.
_ORDER_PER_DIGIT = 1.15
_LEAST_ORDER = 12
_BITS_PER_DIGIT = log2(10)
#: Most that the layers' largest entries may multiply to, so that no bound of a derivative overflows in float64.
_LARGEST_START = 1e40


@dataclass(frozen=True)
class Run:
    """One pass at one precision: the steps, the last tail that was tried, and why it fell short and what helps."""

    steps: tuple[Step, ...]
    start: Hypothesis
    tail: Tail | None
    reason: str
    knob: str

    @cached_property
    def proven(self) -> tuple[Step, ...]:
        """The pieces on which the enclosure is a theorem: those before the first that fails or leaves a gap."""
        found: list[Step] = []
        for step in self.steps:
            if not step.holds or not all(contact(before, step).holds for before in found[-1:]):
                break
            found.append(step)
        return tuple(found)

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """Of every name the tightest that was met."""
        found = [self.start, *(contact(one, other) for one, other in pairwise(self.steps))]
        for step in self.steps:
            found.extend(step.hypotheses)
        return tightest([*found, *(self.tail.rate.hypotheses if self.tail else ())])


def exact_start(problem: MatrixCompletion, layers: Sequence[Any]) -> ExactLayers:
    """The layers as exact fractions; floats are the binary numbers they are. Raises ArgumentError."""
    arrays = [_exact_array(layer) for layer in layers]
    sizes = prod(max([1, *map(abs, array.ravel())]) for array in arrays)
    if sizes > _LARGEST_START:
        raise ArgumentError(
            "layers", "a list with large entries", f"at most {_LARGEST_START:.0e}, the largest entries multiplied"
        )
    check_layers(problem, arrays)
    return [array.tolist() for array in arrays]


def _exact_array(layer: Any) -> np.ndarray:
    try:
        given = np.array(layer, dtype=object)
    except ValueError:
        raise ArgumentError("layers", "a list with ragged rows", "a list of matrices") from None
    if given.ndim != 2:
        raise ArgumentError("layers", f"a list with an entry of shape {given.shape}", "a list of matrices")
    entries = [Fraction(exact("layers", entry)) for entry in given.ravel().tolist()]
    return np.array(entries, dtype=object).reshape(given.shape)


def is_balanced(layers: ExactLayers) -> bool:
    """True when W_{l+1}^T W_{l+1} = W_l W_l^T for all l in exact arithmetic, and all layers are square."""
    size = len(layers[0])
    if any(len(layer) != size or len(layer[0]) != size for layer in layers):
        return False
    arrays = [np.array(layer, dtype=object) for layer in layers]
    return all(np.array_equal(after.T @ after, before @ before.T) for before, after in pairwise(arrays))


def is_stationary(problem: MatrixCompletion, layers: ExactLayers) -> bool:
    """True when grad E is zero at the layers, in exact arithmetic."""
    arrays = [np.array(layer, dtype=object) for layer in layers]
    product = end_to_end(arrays)
    back = product * 0
    for place, target in zip(problem.observed, problem.exact_targets, strict=True):
        back[place] = product[place] - target
    for index in range(len(arrays) - 1, -1, -1):
        gradient = back @ end_to_end(arrays[:index]).T if index else back
        if any(entry != 0 for entry in gradient.ravel()):
            return False
        back = arrays[index].T @ back
    return True


def needed_radius(found: Tail, asked: arb) -> arb:
    """What the radius of W(oo) must not exceed: the asked one, and the one above which the ball says nothing."""
    return min(asked, found.telling)


def accuracy_for(working_digits: int, order: int | None) -> Accuracy:
    """Order and precision for defects of 10^-working_digits a step."""
    chosen = max(_LEAST_ORDER, ceil(_ORDER_PER_DIGIT * working_digits)) if order is None else order
    return Accuracy(chosen, ceil((working_digits + 3) * _BITS_PER_DIGIT) + 10, 10.0**-working_digits)


def run(
    problem: MatrixCompletion, start: ExactLayers, start_error: Fraction, asked: arb, accuracy: Accuracy, max_steps: int
) -> Run:
    """Follow the flow until the tail proves the asked radius, or something does not hold."""
    with precision(accuracy.ball_bits):
        state: Any = [[[fixed_point(entry, accuracy.bits) for entry in row] for row in layer] for layer in start]
        rounding = _rounding(start, state, accuracy.bits)
        error = (rounding + ball(start_error)).upper()
        opening = Hypothesis("start", "the given start is within the first error of the first piece", rounding, error)
        balanced = start_error == 0 and is_balanced(start)
        time, scale, found = Fraction(0), Fraction(1), None
        steps: list[Step] = []

        def stopped(reason: str, knob: str) -> Run:
            return Run(tuple(steps), opening, found, reason, knob)

        while len(steps) < max_steps:
            step = advance(problem, state, error, time, scale, accuracy)
            steps.append(step)
            if not all(contact(one, step).holds for one in steps[-2:-1]):
                return stopped(f"at time {float(time):.4g}: contact does not hold", "none: a defect of the code")
            if not step.holds:
                failed = next(one for one in step.hypotheses if not one.holds)
                return stopped(f"at time {float(time):.4g}: {failed.name} does not hold", "digits")
            state, error, time, scale = step.piece.end_state, step.error, step.piece.end, next_scale(step.piece)
            layers = step.piece.at(1)
            residual = frobenius(arb_mat(observed_residual(problem, end_to_end(layers)).tolist()))
            if residual * residual < asked:
                found = tail(problem, layers, error, balanced)
                if found.matrix_radius <= needed_radius(found, asked):
                    return stopped("", "")
                if found.floor > needed_radius(found, asked) / 2:
                    grown = arb(sum(one.growth for one in steps)).exp() * ball(start_error)
                    knob = "start_radius" if 2 * grown > error else "digits"
                    if found.floor > asked / 2:
                        return stopped(f"the error at time {float(time):.4g} alone is above the asked radius", knob)
                    return stopped("the ball is wider than 1e-3 of the limit", knob)
            if state == step.piece.start_state:
                if is_stationary(problem, start):
                    left = ", with residual" if residual > 0 else ""
                    return stopped(f"the flow stands still{left}", "layers: start elsewhere")
                return stopped(f"at time {float(time):.4g} no entry moves by a unit of fixed point", "digits")
        found = tail(problem, layers, error, balanced)
        if found.matrix_radius <= needed_radius(found, asked):
            return stopped("", "")
        return stopped(f"{max_steps} steps did not reach a time from which the rest is provably short", "max_steps")


def _rounding(start: ExactLayers, state: Any, bits: int) -> arb:
    """|theta(0) - p(0)|, at most, from exact differences."""
    squares = Fraction(0)
    for layer, integers in zip(start, state, strict=True):
        for row, others in zip(layer, integers, strict=True):
            squares += sum((entry - Fraction(other, 1 << bits)) ** 2 for entry, other in zip(row, others, strict=True))
    return ball(squares).nonnegative_part().sqrt().upper()


def contact(before: Step, after: Step) -> Hypothesis:
    """The next piece starts at the time and, to the last bit, in the state where this one ends."""
    apart = before.piece.end != after.piece.start or before.piece.end_state != after.piece.start_state
    return Hypothesis("contact", "each piece starts exactly where the one before ends", arb(int(apart)), arb(0))
