"""Accepted steps of an ordinary differential equation by SciPy's solvers, for flows in coordinates of their own."""

import warnings
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np

_STIFF_STEPS = 600


def accepted_steps(
    velocity: Callable[[float, np.ndarray], np.ndarray],
    state: np.ndarray,
    end: float,
    tolerance: float,
    *,
    first_step: float | None = None,
    longest_step: float | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """(time, state) after each accepted step from time 0 until `end`, or until the step size underflows.

    tolerance: relative and absolute. DOP853 to begin with; an equation that takes it more than 600 steps is stiff, and
    LSODA goes on, unless a longest_step is given. first_step: chosen by the solver when None. Heuristic.
    """
    from scipy.integrate import DOP853, LSODA  # a third of a second that only flows need

    longest = np.inf if longest_step is None else longest_step
    solver: DOP853 | LSODA = DOP853(
        velocity, 0.0, state, end, rtol=tolerance, atol=tolerance, first_step=first_step, max_step=longest
    )
    for step in count(1):
        # A trial step that overflows is one that the step control rejects; a solver that gives up has a status for it.
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            solver.step()
        if solver.status == "failed":
            return
        yield float(solver.t), solver.y
        if solver.status == "finished":
            return
        if step == _STIFF_STEPS and longest_step is None:
            solver = LSODA(velocity, solver.t, solver.y, end, rtol=tolerance, atol=tolerance)
