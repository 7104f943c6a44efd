"""The limit W(oo) of a large stiff flow, with an error estimate: Runge-Kutta-Chebyshev and terminal projections.

Error estimate (heuristic)
    A finer run is projected at residual r_1 and again at r_2 = r_1/10, a coarser one of a hundred times the relative
    tolerance at r_1 only. What separates the two projections at r_1 is the integration error of the coarser run. What
    separates the two of the finer run is the error of projecting at r_1 less that at r_2, and it falls at least
    linearly with the residual (quadratically where the coupling kernel is well conditioned): at most a ninth of the
    difference is left at r_2.
Why not `flow_limit`
    Nearly all time goes into the stiff end of the flow, where a second run would teach nothing. Measured on 100 x 100
    rank 5, depth 3, 2,000 entries, product scale 1e-3: 2 s to residual 1e-3, 4 s to 1e-4, 6 s to 1e-5, whatever the
    tolerance; relative errors of the projections there 3e-4, 3e-5 and 5e-7.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from numerics import factorization
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow.engine_chebyshev import ChebyshevEngine
from numerics.gradient_flow.integration import integrate
from numerics.gradient_flow.projection import project

_COARSER = 100.0
_EARLIER = 10.0
_ROUNDING = 1e-12


@dataclass(frozen=True)
class StiffLimit:
    """An estimate of the layers at t = oo; `coarse_layers` those of the coarser run.

    error: estimate for the product in Frobenius norm, inf when a run did not converge; residual_norm: |R|_F.
    """

    layers: list[np.ndarray]
    coarse_layers: list[np.ndarray]
    error: float
    residual_norm: float

    @property
    def matrix(self) -> np.ndarray:
        """W(oo)."""
        return factorization.end_to_end(self.layers)


def stiff_limit(
    problem: MatrixCompletion,
    layers: Sequence[np.ndarray],
    *,
    coarse_layers: Sequence[np.ndarray] | None = None,
    relative_tolerance: float = 1e-6,
    residual_tolerance: float = 1e-4,
    max_steps: int = 20_000,
) -> StiffLimit:
    """The limit of a flow by the engine `chebyshev`; see the module's text for the error estimate.

    coarse_layers: where the coarser run starts, if `layers` is itself an estimate; the error of the start is then part
    of that of the limit. Heuristic. A run that did not converge has error = inf. Raises ArgumentError like `integrate`.
    """
    tolerances = (
        (layers if coarse_layers is None else coarse_layers, _COARSER * relative_tolerance, _EARLIER),
        (layers, relative_tolerance, _EARLIER),
        (None, relative_tolerance, 1.0),
    )
    ends: list[Sequence[np.ndarray]] = []
    converged = True
    for begin, tolerance, factor in tolerances:
        run = integrate(
            problem,
            ends[-1] if begin is None else begin,
            engine=ChebyshevEngine(),
            relative_tolerance=tolerance,
            residual_tolerance=factor * residual_tolerance,
            max_steps=max_steps,
            moments=2,
        )
        ends.append(run.final_layers)
        converged &= run.converged
    coarse, early, late = (project(problem, end) for end in ends)
    products = [factorization.end_to_end(one) for one in (coarse, early, late)]
    integration, projection = (float(np.linalg.norm(products[1] - products[other])) for other in (0, 2))
    error = integration + projection / (_EARLIER - 1) + _ROUNDING * float(np.linalg.norm(products[2]))
    residual_norm = float(np.linalg.norm(factorization.residual(problem, products[2])))
    return StiffLimit(late, coarse, error if converged else np.inf, residual_norm)
