"""When an integration ends, and what to do about it when it ended too early."""

import math
from dataclasses import dataclass
from enum import StrEnum

from numerics.errors import ArgumentError


class StopReason(StrEnum):
    """Why an integration ended; `remedy` says what to change when it did not converge."""

    CONVERGED = "residual below tolerance"
    TIME = "time limit reached"
    STEPS = "step budget spent"
    STEP_SIZE = "step size underflow"
    STATIONARY = "stationary point with residual"

    @property
    def remedy(self) -> str:
        """One sentence for the user."""
        return {
            StopReason.CONVERGED: "nothing to do",
            StopReason.TIME: "raise max_time",
            StopReason.STEPS: "raise max_steps, loosen residual_tolerance, or use the engine chebyshev if it is stiff",
            StopReason.STEP_SIZE: "loosen relative_tolerance, or rescale the problem",
            StopReason.STATIONARY: "start elsewhere: the velocity is zero here, though the residual is not",
        }[self]


@dataclass(frozen=True)
class Stopping:
    """Residual, time and step budget.

    residual: stop when |R|_F <= residual times |targets|_F (times 1 where all targets are 0). Raises ArgumentError
    for a value that is not positive.
    """

    residual: float
    time: float
    steps: int

    def __post_init__(self) -> None:
        for name, value in (("residual_tolerance", self.residual), ("max_time", self.time)):
            if not value > 0:
                raise ArgumentError(name, value, "a positive number")
        if not (isinstance(self.steps, int) and self.steps > 0):
            raise ArgumentError("max_steps", self.steps, "a positive integer")

    def reason(self, residual: float, scale: float, time: float, steps: int, speed: float) -> StopReason | None:
        """Why to stop now, or None; `speed` is the norm of the velocity, nan where it is not known."""
        if residual <= self.residual * (scale or 1.0):
            return StopReason.CONVERGED
        if speed == 0.0:
            return StopReason.STATIONARY
        if time >= self.time or math.isclose(time, self.time, rel_tol=1e-14):
            return StopReason.TIME
        return StopReason.STEPS if steps >= self.steps else None
