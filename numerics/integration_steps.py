"""Accepted steps of an ordinary differential equation by SciPy's solvers, for flows in coordinates of their own."""

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np

_STIFF_STEPS = 600


def accepted_steps(
    velocity: Callable[[float, np.ndarray], np.ndarray], state: np.ndarray, end: float, tolerance: float
) -> Iterator[tuple[float, np.ndarray]]:
    """(time, state) after each accepted step from time 0 until `end`, or until the step size underflows.

    tolerance: relative and absolute. DOP853 to begin with; an equation that takes it more than 600 steps is stiff, and
    LSODA goes on. Heuristic.
    """
    from scipy.integrate import DOP853, LSODA  # a third of a second that only flows need

    # A trial step that overflows is one that the step control rejects.
    with np.errstate(over="ignore", invalid="ignore"):
        solver: DOP853 | LSODA = DOP853(velocity, 0.0, state, end, rtol=tolerance, atol=tolerance)
        for step in count(1):
            if solver.status != "running":
                return
            solver.step()
            if solver.status == "failed":
                return
            yield float(solver.t), solver.y
            if step == _STIFF_STEPS and solver.status == "running":
                solver = LSODA(velocity, solver.t, solver.y, end, rtol=tolerance, atol=tolerance)
