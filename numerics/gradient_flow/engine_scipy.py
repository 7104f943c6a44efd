"""The engine `scipy`: the explicit and implicit methods of `scipy.integrate`, DOP853 unless said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow.engine import Moment, Tolerance
from numerics.gradient_flow.term import Term

METHODS = ("DOP853", "RK45", "RK23", "Radau", "BDF", "LSODA")
#: SciPy raises smaller relative tolerances to about this value, with a warning.
_FINEST = 3e-14


@dataclass(frozen=True)
class ScipyEngine:
    """A solver class of `scipy.integrate`; float64. Raises ArgumentError for an unknown method."""

    method: str = "DOP853"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ArgumentError("engine", f"scipy:{self.method}", f"scipy: followed by one of {', '.join(METHODS)}")

    @property
    def name(self) -> str:
        """scipy:METHOD."""
        return f"scipy:{self.method}"

    def moments(
        self, problem: MatrixCompletion, layers: Sequence[np.ndarray], tolerance: Tolerance, end: float
    ) -> Iterator[Moment]:
        """See `Engine.moments`."""
        import scipy.integrate  # a third of a second that only flows need

        term = Term(problem, layers)
        start = term.pack(layers)
        velocity = np.empty_like(start)

        def moment(time: float, state: np.ndarray) -> Moment:
            term.velocity(state, velocity)
            term.evaluations -= 1
            return Moment(time, state, term.residual_norm, term.speed, term.evaluations)

        # A trial step that overflows is one that the step control rejects.
        with np.errstate(over="ignore", invalid="ignore"):
            solver = getattr(scipy.integrate, self.method)(
                lambda _time, state: term.velocity(state, np.empty_like(state)),
                0.0,
                start,
                end,
                rtol=max(tolerance.relative, _FINEST),
                atol=tolerance.absolute,
            )
        yield moment(0.0, start)
        while solver.status == "running":
            with np.errstate(over="ignore", invalid="ignore"):
                solver.step()
            if solver.status == "failed":
                return
            yield moment(solver.t, solver.y)
