"""The engine `chebyshev`: second-order Runge-Kutta-Chebyshev with error control, for stiff plateaus of large problems.

Why our own
    Near the zero-loss set and on rank plateaus the flow is stiff with a real spectrum, which is what stabilised
    explicit methods are for: s evaluations are stable over 0.65 s^2 explicit steps. Measured on 100 x 100, depth 3,
    from start to mean-square error 1e-8: extensisq's SSV2stab needs as many evaluations but nine times the time of one
    outside the right-hand side; CVODE (BDF, matrix-free GMRES, scikit-SUNDAE) as many again and 15 times; the official
    bindings of ARKODE, which has such a method, are not installable on every Python that rankproof supports.
Error control
    In the Frobenius norm of all layers together, relative to that of the state: the flow does not change when the
    hidden spaces are rotated, so single entries have no scale of their own.
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
#: Errors below this one say nothing about the next step.
_SMALLEST_ERROR = 1e-10
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
        time, radius, age, rejected = 0.0, run.spectral_radius(), 0, 0
        before: tuple[float, float] | None = None
        step = min(1 / radius, end) if radius > 0 else min(1.0, end)
        yield run.moment(time)
        while time < end:
            if age >= _RADIUS_AGE or rejected > 1:
                radius, age, rejected = run.spectral_radius(), 0, 0
            step = min(step, stability_interval(most_stages) / radius) if radius > 0 else step
            last = time + step >= end * (1 - 4 * _ROUNDING)
            step = end - time if last else step
            error = max(run.attempt(step, stages_for(step * radius), tolerance.relative), _SMALLEST_ERROR)
            if error <= 1:
                run.accept()
                time = end if last else time + step
                age, rejected = age + 1, 0
                yield run.moment(time)
                factor, before = _next_step(error, step, before), (error, step)
            else:
                rejected += 1
                factor = _next_step(error, step, None)
            step *= factor
            if step <= _ROUNDING * time:
                return


def _next_step(error: float, step: float, before: tuple[float, float] | None) -> float:
    """Factor for the next step; with the accepted step `before`, the trend of the error is continued.

    Source: Gustafsson 1994, Control-theoretic techniques for stepsize selection, ACM TOMS 20, 496-517.
    """
    power = 1 / (_ORDER + 1)
    factor = _SAFETY * error**-power
    if before is not None:
        factor *= (before[0] / error) ** power * step / before[1]
    return min(_FASTEST, max(_SLOWEST, factor))


class _Run:
    """The vectors of one integration; every product of a step is written into one of them."""

    def __init__(self, term: Term, state: np.ndarray) -> None:
        from scipy.linalg.blas import dgemv  # a third of a second that only flows need

        self.term = term
        self._dgemv = dgemv
        #: Rows 0 and 4: the last two stages, in turn. Rows 1 and 2: velocity at the last stage and at the start of the
        #: step, in turn. Row 3: the state at the start. So a new stage is one product with four rows, in place.
        self._rows = np.zeros((5, state.size))
        self._rows[3] = state
        self._layers = [term.unpack(row) for row in self._rows]
        self._direction = _arbitrary(state.size)
        self._start, self._last = 2, 1
        term.velocity(state, self._rows[self._start])
        self._observed = term.residual_norm, term.speed
        self._size = _norm(state)
        self._end, self._end_size = 0, self._size

    @property
    def state(self) -> np.ndarray:
        return self._rows[3]

    def moment(self, time: float) -> Moment:
        residual_norm, speed = self._observed
        return Moment(time, self.state, residual_norm, speed, self.term.evaluations)

    def attempt(self, step: float, stages: int, relative_tolerance: float) -> float:
        """One step from `state`, its result left in row `_end`; the error in units of the tolerance."""
        rows = self._rows
        first, others = coefficients(stages)
        with np.errstate(over="ignore", invalid="ignore"):
            np.multiply(rows[self._start], first * step, out=rows[0])
            rows[0] += rows[3]
            now, before = 0, 4
            for number, (current, previous, velocity, drift) in enumerate(others):
                self._evaluate(now)
                # Two stages before the second one lies the state itself, which row 3 holds already.
                held, base = (previous, 1 - current - previous) if number else (0.0, 1 - current)
                self._combine(now, before, current, (step * velocity, step * drift, base), held)
                now, before = before, now
            self._evaluate(now)
            self._combine(now, before, -0.8, (0.4 * step, 0.4 * step, 0.8), 0.0)
            self._end, self._end_size = now, _norm(rows[now])
            error = _norm(rows[before]) / (relative_tolerance * max(self._size, self._end_size))
        if not math.isfinite(error):
            # 0 times inf is not 0 in the next combination.
            rows[0], rows[self._last], rows[4] = 0.0, 0.0, 0.0
            return math.inf
        return error

    def accept(self) -> None:
        """Make the result of the last attempt the state."""
        self._start, self._last = self._last, self._start
        self._rows[3] = self._rows[self._end]
        self._size = self._end_size
        self._observed = self.term.residual_norm, self.term.speed

    def _evaluate(self, row: int) -> None:
        """The velocity at a row, into row `_last`."""
        self.term.velocity_of(self._layers[row], self._rows[self._last], self._layers[self._last])

    def _combine(
        self, now: int, before: int, current: float, weights: tuple[float, float, float], previous: float
    ) -> None:
        """Row before := previous (row before) + current (row now) + weights . (rows _last, _start and 3), in place."""
        last, start, state = weights if self._last == 1 else (weights[1], weights[0], weights[2])
        rows = self._rows[:4] if now == 0 else self._rows[1:]
        factors = np.array((current, last, start, state) if now == 0 else (last, start, state, current))
        self._dgemv(1.0, rows.T, factors, beta=previous, y=self._rows[before], overwrite_y=1)

    def spectral_radius(self) -> float:
        """Of the Jacobian at `state`, by power iteration on differences of velocities; heuristic, 10% above."""
        start, state, direction, image = self._rows[self._start], self._rows[3], self._direction, self._rows[4]
        distance = math.sqrt(_ROUNDING) * (_norm(state) or 1.0)
        direction *= distance / np.linalg.norm(direction)
        radius = 0.0
        for _ in range(_POWER_ITERATIONS):
            np.add(state, direction, out=self._rows[0])
            self.term.velocity(self._rows[0], image)
            np.subtract(image, start, out=direction)
            # The released energy does not act back on the layers.
            direction[-1] = 0.0
            grown = float(np.linalg.norm(direction))
            if grown == 0.0 or not math.isfinite(grown):
                direction[...] = _arbitrary(state.size)
                return radius
            direction *= distance / grown
            converged = abs(grown / distance - radius) <= _RADIUS_TOLERANCE * radius
            radius = grown / distance
            if converged:
                break
        return _RADIUS_MARGIN * radius


def _arbitrary(size: int) -> np.ndarray:
    """A vector that no symmetry of a problem makes orthogonal to an eigenvector."""
    return np.resize(np.random.default_rng(0).standard_normal(997), size)


def _norm(state: np.ndarray) -> float:
    """Of the layers, without the released energy."""
    return math.sqrt(np.vdot(state[:-1], state[:-1]))
