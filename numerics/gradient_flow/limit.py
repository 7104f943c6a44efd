"""The limit W(oo) of float64 flows, with an error estimate: two tolerances, one terminal projection each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from numerics import factorization
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow.batch import ensemble
from numerics.gradient_flow.engine import Engine
from numerics.gradient_flow.engine_scipy import ScipyEngine
from numerics.gradient_flow.integration import integrate
from numerics.gradient_flow.projection import project, project_each
from numerics.gradient_flow.result import GradientFlow

_SAFETY = 30.0
_ROUNDING = 1e-12
#: Steps of an explicit Taylor series after which a small flow counts as stiff.
_STIFF_STEPS = 1_500
_STIFF_TOLERANCE, _STIFF_RESIDUAL = 1e-8, 1e-5


@dataclass(frozen=True)
class FlowLimit:
    """An estimate of W(oo): `matrix`, an `error` estimate in Frobenius norm, and the finer trajectory behind it."""

    matrix: np.ndarray
    error: float
    flow: GradientFlow

    @property
    def singular_values(self) -> np.ndarray:
        """Descending; each within `error` of the flow's by Weyl's inequality, as far as `error` is right."""
        return np.linalg.svd(self.matrix, compute_uv=False)

    @property
    def digits(self) -> int:
        """Decimal digits of |W(oo)|_F that the error estimate leaves; 0 when the flow did not converge."""
        if not np.isfinite(self.error):
            return 0
        return max(0, int(-np.log10(self.error / (float(np.linalg.norm(self.matrix)) or 1.0))))


def flow_limit(
    problem: MatrixCompletion,
    layers: Sequence[np.ndarray],
    *,
    engine: Engine | None = None,
    relative_tolerance: float = 1e-11,
    residual_tolerance: float = 1e-7,
    max_steps: int = 20_000,
) -> FlowLimit:
    """W(oo) by two integrations and a terminal projection each; error = 30 times their difference plus rounding.

    The two tolerances differ by a factor 100; the value returned is that of the finer one. Over 2,608 random flows of
    the block family the plain difference fell below the true error twice, by a factor of at most 4.9, because the
    errors of the two runs can cancel; hence the factor.

    Heuristic. A run that did not converge has error = inf: it is never compared as if it had.
    """
    runs = [
        integrate(
            problem,
            layers,
            engine=engine,
            relative_tolerance=tolerance,
            residual_tolerance=residual_tolerance,
            max_steps=max_steps,
        )
        for tolerance in (100 * relative_tolerance, relative_tolerance)
    ]
    coarse, fine = (factorization.end_to_end(project(problem, run.final_layers)) for run in runs)
    if not all(run.converged for run in runs):
        return FlowLimit(fine, np.inf, runs[1])
    rounding = _ROUNDING * float(np.linalg.norm(fine))
    return FlowLimit(fine, _SAFETY * float(np.linalg.norm(fine - coarse)) + rounding, runs[1])


@dataclass(frozen=True)
class EnsembleLimit:
    """Estimates of W(oo) of many flows, in the order of the starts.

    matrices (N, rows, columns); error (N,): estimates in Frobenius norm, inf for a flow that did not converge.
    """

    matrices: np.ndarray
    error: np.ndarray

    @property
    def singular_values(self) -> np.ndarray:
        """(N, min(rows, columns)), descending; each within its `error`, as far as that is right."""
        return np.linalg.svd(self.matrices, compute_uv=False)


def ensemble_limit(
    problems: MatrixCompletion | Sequence[MatrixCompletion],
    starts: Sequence[Sequence[np.ndarray]],
    *,
    relative_tolerance: float = 1e-14,
    residual_tolerance: float = 1e-9,
) -> EnsembleLimit:
    """W(oo) of many small flows as in `flow_limit`, by `ensemble`, with the same estimate of the error.

    The coarser run stops at a residual 100 times as large, too. A flow that takes more than 1,500 steps is stiff: LSODA
    follows it to residual 1e-5, and what the projection moves there is added to the error, for where the limit has to
    be singular the residual falls like a power of the time and a projection does not square it. Each result is the
    same whatever the other flows are. Heuristic. Raises ArgumentError like `ensemble`.
    """
    coarse, fine = (
        ensemble(
            problems,
            starts,
            relative_tolerance=factor * relative_tolerance,
            residual_tolerance=factor * residual_tolerance,
            max_steps=_STIFF_STEPS,
        )
        for factor in (100, 1)
    )
    before, matrices = (factorization.end_to_end(project_each(run.problems, run.layers)) for run in (coarse, fine))
    size, difference = (np.linalg.norm(part, axis=(1, 2)) for part in (matrices, matrices - before))
    error = _SAFETY * difference + _ROUNDING * size
    for number in np.flatnonzero(~(coarse.converged & fine.converged)):
        stiff = flow_limit(
            fine.problems[number],
            starts[int(number)],
            engine=ScipyEngine("LSODA"),
            relative_tolerance=_STIFF_TOLERANCE,
            residual_tolerance=_STIFF_RESIDUAL,
        )
        matrices[number] = stiff.matrix
        moved = stiff.matrix - factorization.end_to_end(stiff.flow.final_layers)
        error[number] = stiff.error + float(np.linalg.norm(moved))
    return EnsembleLimit(matrices, error)
