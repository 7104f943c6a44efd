"""Coefficients of the second-order Runge-Kutta-Chebyshev method with s stages.

Source
    Sommeijer, Shampine & Verwer 1998, RKC: an explicit solver for parabolic PDEs, J. Comput. Appl. Math. 88, 315-326,
    equations (2.2) to (2.5), (2.10).
Implementation notes
    The stability function is a_s + b_s T_s(w_0 + w_1 z): on [-stability_interval(s), 0] it stays below 1 in magnitude,
    and its value and first two derivatives at 0 are 1 (a test expands it).
"""

import math
from functools import lru_cache
from typing import NamedTuple

DAMPING = 2 / 13


class Stage(NamedTuple):
    """Y_j = (1 - current - previous) y + current Y_{j-1} + previous Y_{j-2} + h (velocity F_{j-1} + start F_0)."""

    current: float
    previous: float
    velocity: float
    start: float


def stability_interval(stages: int) -> float:
    """Length of the real interval on which s stages are stable: 2/3 (s^2 - 1)(1 - 2 DAMPING/15), equation (2.10)."""
    return 2 / 3 * (stages * stages - 1) * (1 - 2 / 15 * DAMPING)


def stages_for(stiffness: float) -> int:
    """The fewest stages, at least 2, that are stable for step size times spectral radius = `stiffness`."""
    return max(2, math.ceil(math.sqrt(1 + stiffness / (2 / 3 * (1 - 2 / 15 * DAMPING)))))


@lru_cache(maxsize=4096)
def coefficients(stages: int) -> tuple[float, tuple[Stage, ...]]:
    """mu_1 of Y_1 = y + h mu_1 F_0, and the stages 2..s."""
    centre = 1 + DAMPING / stages**2
    values, slopes, curvatures = [1.0, centre], [0.0, 1.0], [0.0, 0.0]
    for _ in range(2, stages + 1):
        curvatures.append(4 * slopes[-1] + 2 * centre * curvatures[-1] - curvatures[-2])
        slopes.append(2 * values[-1] + 2 * centre * slopes[-1] - slopes[-2])
        values.append(2 * centre * values[-1] - values[-2])
    stretch = slopes[stages] / curvatures[stages]
    b = [curvatures[j] / slopes[j] ** 2 for j in range(2, stages + 1)]
    b = [b[0], b[0], *b]
    found = []
    for j in range(2, stages + 1):
        velocity = 2 * b[j] * stretch / b[j - 1]
        start = -(1 - b[j - 1] * values[j - 1]) * velocity
        found.append(Stage(2 * b[j] * centre / b[j - 1], -b[j] / b[j - 2], velocity, start))
    return b[1] * stretch, tuple(found)
