"""The engine `taylor`: adaptive Taylor series by heyoka, in float64, or in MPFR arithmetic to any number of digits.

The right-hand side is compiled once per layer shapes, mask, precision and tolerance, and reused: the first flow of a
kind waits for the compiler, the next do not.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numerics.balls import bits_for
from numerics.errors import ArgumentError
from numerics.exact import integer
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow.engine import Moment, Tolerance
from numerics.gradient_flow.precise_numbers import exact_layers, reals
from numerics.gradient_flow.taylor_system import compiled, system_key
from numerics.gradient_flow.term import Term

#: Residuals are compared in float64; the square of one at 10^-150 is still a number there.
MOST_DIGITS = 300
#: Digits that a limit carries beyond those that are asked for.
GUARD_DIGITS = 6
#: A step is never longer: from a point where the velocity is exactly 0, heyoka would step to infinity.
LONGEST_STEP = 1e6


@dataclass(frozen=True)
class TaylorEngine:
    """heyoka's Taylor integrator: float64 when `digits` is None, else MPFR with room for that many decimal digits.

    Raises ArgumentError for digits out of range; when used, for layers too large to compile, or without heyoka.
    """

    digits: int | None = None

    def __post_init__(self) -> None:
        if self.digits is not None and integer("digits", self.digits, minimum=1) > MOST_DIGITS + GUARD_DIGITS:
            raise ArgumentError("digits", self.digits, f"at most {MOST_DIGITS + GUARD_DIGITS}")

    @property
    def name(self) -> str:
        """taylor, or taylor:DIGITS."""
        return "taylor" if self.digits is None else f"taylor:{self.digits}"

    @property
    def bits(self) -> int:
        """Working precision."""
        return 53 if self.digits is None else bits_for(self.digits)

    def moments(
        self, problem: MatrixCompletion, layers: Sequence[np.ndarray], tolerance: Tolerance, end: float
    ) -> Iterator[Moment]:
        """See `Engine.moments`; states are float64 or heyoka.real. The absolute tolerance has no use here."""
        term = Term(problem, layers)
        integrator = copy.copy(compiled(*system_key(problem, term.shapes), self.bits, tolerance.relative))
        if self.digits is None:
            targets = problem.targets[problem.mask]
            integrator.pars[:] = np.append(targets, np.full(len(targets), problem.weight))
            integrator.state[:] = term.pack(layers)
            observe = _observer(term)
        else:
            exact = problem.exact_targets
            integrator.pars[:] = reals([*exact, *[problem.exact_weight] * len(exact)], self.bits)
            integrator.state[:] = reals([*exact_layers(layers), 0], self.bits)
            observe = _precise_observer(term, problem, self.bits)
        steps = 0
        yield _moment(integrator, observe, 0, end)
        while float(integrator.time) < end:
            outcome, taken = integrator.step(_number(min(LONGEST_STEP, end - float(integrator.time)), integrator.time))
            if not math.isfinite(float(taken)) or float(taken) == 0.0 or "err" in str(outcome):
                return
            steps += 1
            yield _moment(integrator, observe, steps, end)


def _moment(integrator: Any, observe: Callable[[np.ndarray], tuple[float, float]], steps: int, end: float) -> Moment:
    residual_norm, speed = observe(integrator.state)
    # The sum of the steps may pass the end by a rounding.
    return Moment(min(float(integrator.time), end), integrator.state, residual_norm, speed, steps)


def _number(value: float, like: Any) -> Any:
    """`value` in the number system of `like`."""
    return value if isinstance(like, float) else type(like)(value, like.prec)


def _observer(term: Term) -> Any:
    velocity = np.empty(term.size + 1)

    def observe(state: np.ndarray) -> tuple[float, float]:
        term.velocity(state, velocity)
        return term.residual_norm, term.speed

    return observe


def _precise_observer(term: Term, problem: MatrixCompletion, bits: int) -> Any:
    """|R|_F and |grad E| in the precision of the state, rounded to float64 at the end."""
    shape = problem.mask.shape
    weights = reals([int(seen) for seen in problem.mask.ravel()], bits).reshape(shape)
    exact = iter(problem.exact_targets)
    targets = reals([next(exact) if seen else 0 for seen in problem.mask.ravel()], bits).reshape(shape)

    def observe(state: np.ndarray) -> tuple[float, float]:
        layers = term.unpack(state)
        prefixes = [layers[0]]
        for layer in layers[1:]:
            prefixes.append(layer @ prefixes[-1])
        back = weights * (prefixes[-1] - targets)
        residual = float(np.sqrt((back * back).sum()))
        squares = []
        for index in range(len(layers) - 1, 0, -1):
            velocity = back @ prefixes[index - 1].T
            squares.append((velocity * velocity).sum())
            back = layers[index].T @ back
        squares.append((back * back).sum())
        return residual, problem.weight * float(np.sqrt(np.array(squares).sum()))

    return observe
