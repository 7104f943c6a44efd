"""The engine `chebyshev`: second-order Runge-Kutta-Chebyshev with error control, for stiff plateaus of large problems.

Why our own
    Near the zero-loss set and on rank plateaus the flow is stiff with a real spectrum, which is what stabilised
    explicit methods are for: s evaluations are stable over 0.65 s^2 explicit steps. Measured on 100 x 100, depth 3,
    from start to mean-square error 1e-8: extensisq's SSV2stab needs as many evaluations but nine times the time of one
    outside the right-hand side; CVODE (BDF, matrix-free GMRES, scikit-SUNDAE) as many again and 15 times; the official
    bindings of ARKODE, which has such a method, are not installable on every Python that rankproof supports.
Error control
    In the Frobenius norm of all layers together, relative to that of the state: the flow does not change when the hidden
    spaces are rotated, so single entries have no scale of their own.
Accuracy
    Second order: choose it for relative tolerances of 1e-7 and above, and `scipy` or `taylor` for finer ones.
Source
    Sommeijer, Shampine & Verwer 1998, J. Comput. Appl. Math. 88, 315-326: the error estimate (2.11), and the spectral
    radius by a nonlinear power method.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from numerics.factorization import MatrixCompletion
from numerics.gradient_flow.chebyshev import coefficients, stability_interval, stages_for
from numerics.gradient_flow.engine import Moment, Tolerance
from numerics.gradient_flow.term import Term

_ORDER = 2
_SAFETY = 0.8
_SLOWEST, _FASTEST = 0.1, 4.0
#: Steps after which the spectral radius is estimated anew.
_RADIUS_AGE = 25
_RADIUS_MARGIN = 1.1
_RADIUS_TOLERANCE = 0.02
_POWER_ITERATIONS = 60
_ROUNDING = float(np.finfo(float).eps)


@dataclass(frozen=True)
class ChebyshevEngine:
    """Runge-Kutta-Chebyshev of order 2; float64."""

    name: str = "chebyshev"

    def moments(
        self, problem: MatrixCompletion, layers: Sequence[np.ndarray], tolerance: Tolerance, end: float
    ) -> Iterator[Moment]:
        """See `Engine.moments`."""
        term = Term(problem, layers)
        run = _Run(term, term.pack(layers))
        # Rounding in the recurrence grows like the square of the number of stages (Section 3.2 of the source).
        most_stages = max(2, math.isqrt(int(tolerance.relative / (10 * _ROUNDING))))
        time, radius, age = 0.0, run.spectral_radius(), 0
        step = min(1 / radius, end) if radius > 0 else min(1.0, end)
        yield run.moment(time)
        while time < end:
            if age >= _RADIUS_AGE:
                radius, age = run.spectral_radius(), 0
            step = min(step, stability_interval(most_stages) / radius) if radius > 0 else step
            last = time + step >= end * (1 - 4 * _ROUNDING)
            step = end - time if last else step
            error = run.attempt(step, stages_for(step * radius), tolerance.relative)
            if error <= 1:
                run.accept()
                time = end if last else time + step
                age += 1
                yield run.moment(time)
            else:
                radius, age = run.spectral_radius(), 0
            factor = _SAFETY / max(error, 1e-10) ** (1 / (_ORDER + 1)) if math.isfinite(error) else _SLOWEST
            step *= min(_FASTEST, max(_SLOWEST, factor))
            if step <= _ROUNDING * time:
                return


class _Run:
    """The vectors of one integration; every product of a step is written into one of them."""

    def __init__(self, term: Term, state: np.ndarray) -> None:
        from scipy.linalg.blas import daxpy, dgemv  # a third of a second that only flows need

        self.term = term
        self._daxpy, self._dgemv = daxpy, dgemv
        #: Rows: velocity of the last stage, velocity at the start of the step, state at the start of the step.
        self._rows = np.empty((3, state.size))
        self._rows[2] = state
        self._current, self._previous = np.empty_like(state), np.empty_like(state)
        self._direction = np.random.default_rng(0).standard_normal(state.size)
        term.velocity(state, self._rows[1])
        self._observed = term.residual_norm, term.speed

    @property
    def state(self) -> np.ndarray:
        return self._rows[2]

    def moment(self, time: float) -> Moment:
        residual_norm, speed = self._observed
        return Moment(time, self.state, residual_norm, speed, self.term.evaluations)

    def attempt(self, step: float, stages: int, relative_tolerance: float) -> float:
        """One step from `state`, its result left in `_current`; the error in units of the tolerance."""
        last, start, state = self._rows
        first, others = coefficients(stages)
        with np.errstate(over="ignore", invalid="ignore"):
            np.multiply(start, first * step, out=self._current)
            self._current += state
            before = 0.0
            for current, previous, velocity, drift in others:
                self.term.velocity(self._current, last)
                # Two stages back is the state itself at first, later a vector of its own.
                base = 1 - current - previous if before else 1 - current
                self._combine(np.array([step * velocity, step * drift, base]), before and previous, current)
                self._current, self._previous = self._previous, self._current
                before = 1.0
            self.term.velocity(self._current, last)
            self._combine(np.array([0.4 * step, 0.4 * step, 0.8]), 0.0, -0.8)
            size = max(_norm(state), _norm(self._current))
            error = _norm(self._previous) / (relative_tolerance * size)
        return error if math.isfinite(error) else math.inf

    def accept(self) -> None:
        """Make the result of the last attempt the state."""
        self._rows[1] = self._rows[0]
        self._rows[2] = self._current
        self._observed = self.term.residual_norm, self.term.speed

    def _combine(self, weights: np.ndarray, previous: float, current: float) -> None:
        """_previous := previous _previous + weights . rows + current _current, in place."""
        if previous == 0.0:
            self._previous.fill(0.0)
        self._dgemv(1.0, self._rows.T, weights, beta=previous, y=self._previous, overwrite_y=1)
        self._daxpy(self._current, self._previous, a=current)

    def spectral_radius(self) -> float:
        """Of the Jacobian at `state`, by power iteration on differences of velocities; heuristic, 10% above."""
        start, state = self._rows[1], self._rows[2]
        distance = math.sqrt(_ROUNDING) * (_norm(state) or 1.0)
        direction, image = self._direction, self._previous
        direction *= distance / np.linalg.norm(direction)
        radius = 0.0
        for _ in range(_POWER_ITERATIONS):
            np.add(state, direction, out=self._current)
            self.term.velocity(self._current, image)
            np.subtract(image, start, out=direction)
            # The released energy does not act back on the layers.
            direction[-1] = 0.0
            grown = float(np.linalg.norm(direction))
            if grown == 0.0 or not math.isfinite(grown):
                direction[...] = np.random.default_rng(0).standard_normal(state.size)
                return radius
            direction *= distance / grown
            converged = abs(grown / distance - radius) <= _RADIUS_TOLERANCE * radius
            radius = grown / distance
            if converged:
                break
        return _RADIUS_MARGIN * radius


def _norm(state: np.ndarray) -> float:
    """Of the layers, without the released energy."""
    return math.sqrt(np.vdot(state[:-1], state[:-1]))
