"""The one place that knows all parts: term, engine, stopping rule, result."""

from collections.abc import Sequence

import numpy as np

from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, check_layers
from numerics.gradient_flow.engine import Engine, Moment, Tolerance
from numerics.gradient_flow.engine_chebyshev import ChebyshevEngine
from numerics.gradient_flow.engine_scipy import METHODS, ScipyEngine
from numerics.gradient_flow.engine_taylor import TaylorEngine
from numerics.gradient_flow.result import GradientFlow
from numerics.gradient_flow.stopping import Stopping, StopReason
from numerics.gradient_flow.term import Term
from numerics.threads import threads_for

ENGINES = f"scipy, scipy:METHOD with METHOD one of {', '.join(METHODS)}, taylor, or chebyshev"


def engine_named(name: str, digits: int | None = None) -> Engine:
    """The engine that the command line calls `name`. Raises ArgumentError, also for digits where there are none."""
    kind, _, method = name.partition(":")
    if name == "taylor":
        return TaylorEngine(digits)
    if digits is not None and (name == "chebyshev" or kind == "scipy"):
        raise ArgumentError("digits", digits, f"usable with the engine {name}, which works in float64; use taylor")
    if name == "chebyshev":
        return ChebyshevEngine()
    if kind == "scipy" and name != "scipy:":
        return ScipyEngine(method or "DOP853")
    raise ArgumentError("engine", name, ENGINES)


def integrate(
    problem: MatrixCompletion,
    layers: Sequence[np.ndarray],
    *,
    engine: Engine | None = None,
    residual_tolerance: float = 1e-8,
    relative_tolerance: float = 1e-10,
    max_time: float = np.inf,
    max_steps: int = 20_000,
    moments: int = 512,
) -> GradientFlow:
    """Follow gradient flow until |R|_F <= residual_tolerance |targets|_F, max_time, or max_steps.

    The engine is DOP853 unless given. The absolute tolerance is relative_tolerance times 1e-3 times the largest layer
    entry at the start. At least moments/2 and at most `moments` accepted steps are kept, the first and the last among
    them. Heuristic. Raises ArgumentError for layers that do not fit the problem and values out of range.
    """
    engine = engine or ScipyEngine()
    check_layers(problem, layers)
    if not (isinstance(moments, int) and moments >= 2):
        raise ArgumentError("moments", moments, "an integer of at least 2")
    stopping = Stopping(residual_tolerance, max_time, max_steps)
    layers = [np.asarray(layer) for layer in layers]
    largest = max(float(np.max(np.abs(layer.astype(float)))) for layer in layers) or 1.0
    tolerance = Tolerance(relative_tolerance, max(1e-3 * relative_tolerance * largest, np.finfo(float).tiny))
    scale = float(np.linalg.norm(problem.targets))
    with threads_for(layers):
        iterator = engine.moments(problem, layers, tolerance, max_time)
        current, stride, step = next(iterator), 1, 0
        kept = [(current.time, current.state.copy())]
        while (reason := stopping.reason(current.residual_norm, scale, current.time, step, current.speed)) is None:
            following = next(iterator, None)
            if following is None:
                return _result(problem, engine, layers, kept, current, step, relative_tolerance, StopReason.STEP_SIZE)
            current, step = following, step + 1
            if step % stride == 0:
                kept.append((current.time, current.state.copy()))
                if len(kept) == moments:
                    kept, stride = kept[::2], 2 * stride
        if kept[-1][0] != current.time:
            kept.append((current.time, current.state.copy()))
        return _result(problem, engine, layers, kept, current, step, relative_tolerance, reason)


def _result(
    problem: MatrixCompletion,
    engine: Engine,
    layers: Sequence[np.ndarray],
    kept: list[tuple[float, np.ndarray]],
    last: Moment,
    steps: int,
    relative_tolerance: float,
    reason: StopReason,
) -> GradientFlow:
    term = Term(problem, layers)
    states = np.stack([state.astype(float) for _, state in kept])
    return GradientFlow(
        problem=problem,
        engine=engine.name,
        times=np.array([time for time, _ in kept]),
        layers=tuple(np.stack(layer) for layer in zip(*map(term.unpack, states), strict=True)),
        released=states[:, -1],
        final_layers=term.unpack(kept[-1][1]),
        final_released=kept[-1][1][-1],
        residual_norm=last.residual_norm,
        steps=steps,
        evaluations=last.evaluations,
        relative_tolerance=relative_tolerance,
        reason=reason,
    )
