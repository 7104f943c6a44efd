"""Many small trajectories at once: heyoka's batch mode, with lanes refilled as trajectories end.

A trajectory that is stuck keeps one lane busy until its step budget is spent, and never the others; one that converges
exactly stands still and is counted as converged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numerics import factorization
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, check_layers
from numerics.gradient_flow.engine_taylor import LONGEST_STEP
from numerics.gradient_flow.stopping import Stopping, StopReason
from numerics.gradient_flow.taylor_system import compiled_batch, system_key
from numerics.gradient_flow.term import Term

#: Lanes of the batch: twice the widest vector registers hide the latency of their arithmetic.
LANES = 8
#: Steps between two looks at the residuals.
_CHUNK = 8


@dataclass(frozen=True)
class Ensemble:
    """End points of many flows, float64, in the order of the starts.

    problems: one per flow; layers: per layer an array (N, rows, columns); residual_norm (N,): |R|_F; times (N,), up to
    8 steps after the tolerance was reached; reasons: why each stopped.
    """

    problems: tuple[MatrixCompletion, ...]
    layers: tuple[np.ndarray, ...]
    residual_norm: np.ndarray
    times: np.ndarray
    reasons: tuple[StopReason, ...]

    @property
    def converged(self) -> np.ndarray:
        """Booleans (N,)."""
        return np.array([reason is StopReason.CONVERGED for reason in self.reasons])

    @property
    def products(self) -> np.ndarray:
        """End-to-end matrices (N, rows, columns)."""
        return factorization.end_to_end(self.layers)

    @property
    def singular_values(self) -> np.ndarray:
        """(N, min(rows, columns)), descending."""
        return np.linalg.svd(self.products, compute_uv=False)


def ensemble(
    problems: MatrixCompletion | Sequence[MatrixCompletion],
    starts: Sequence[Sequence[np.ndarray]],
    *,
    residual_tolerance: float = 1e-10,
    relative_tolerance: float = 1e-14,
    max_steps: int = 20_000,
) -> Ensemble:
    """Follow the flow from every start, of one problem for all or of one problem each; see `integrate` for tolerances.

    Problems may differ in mask, targets and normalization, not in shape. Heuristic. Results do not depend on the order
    or number of the starts beyond rounding. Raises ArgumentError for no start, starts or problems of different shapes,
    not one problem per start, layers too large to compile, or without heyoka.
    """
    if len(starts) == 0:
        raise ArgumentError("starts", "an empty list", "a list of at least one list of layers")
    each = (problems,) * len(starts) if isinstance(problems, MatrixCompletion) else tuple(problems)
    if len(each) != len(starts):
        raise ArgumentError(
            "problems", f"a list of {len(each)}", f"one problem, or one for each of {len(starts)} starts"
        )
    for problem, layers in zip(each, starts, strict=True):
        check_layers(problem, layers)
    shapes = [[np.shape(layer) for layer in layers] for layers in starts]
    if any(shape != shapes[0] for shape in shapes):
        raise ArgumentError("starts", "a list of layers of different shapes", "a list of layers of the same shapes")
    stopping = Stopping(residual_tolerance, np.inf, max_steps)
    term = Term(each[0], starts[0])
    states = np.stack([term.pack(layers) for layers in starts])
    batch = compiled_batch(system_key(each[0], term.shapes)[0], LANES, relative_tolerance)
    times, norms, reasons = _follow(each, term, stopping, states, batch)
    ends = tuple(np.stack(layer) for layer in zip(*map(term.unpack, states), strict=True))
    return Ensemble(each, ends, norms, times, tuple(reasons))


def _follow(
    problems: Sequence[MatrixCompletion], term: Term, stopping: Stopping, states: np.ndarray, batch: Any
) -> tuple[np.ndarray, np.ndarray, list[StopReason]]:
    """Replace every start in `states` by its end point; times, residual norms and reasons."""
    count = len(states)
    masks, targets = (np.stack([getattr(problem, name) for problem in problems]) for name in ("mask", "targets"))
    scales = np.linalg.norm(targets, axis=(1, 2))
    weights = masks * np.array([problem.weight for problem in problems])[:, None, None]
    parameters = np.concatenate([targets.reshape(count, -1), weights.reshape(count, -1)], axis=1)
    times, norms = np.zeros(count), np.full(count, np.inf)
    reasons = [StopReason.STEPS] * count
    waiting = iter(range(count))
    trajectory = [next(waiting, None) for _ in range(LANES)]
    steps = np.zeros(LANES, dtype=int)
    # Which problem's observations a lane has; those of an idle lane do not matter.
    followed = np.array([number or 0 for number in trajectory])
    batch.state[:], batch.pars[:] = states[followed].T, parameters[followed].T
    batch.set_time(0.0)
    never, longest = [np.finfo(float).max] * LANES, [LONGEST_STEP] * LANES
    while any(number is not None for number in trajectory):
        clock = batch.time.copy()
        looked = False
        while not looked:
            seen, looked = _residual_norms(masks[followed], targets[followed], term, batch.state), True
            for lane, number in enumerate(trajectory):
                if number is None:
                    # At 0 an idle lane stands still.
                    batch.state[:, lane], clock[lane] = 0.0, 0.0
                    continue
                if np.isfinite(seen[lane]):
                    reason = stopping.reason(seen[lane], scales[number], clock[lane], int(steps[lane]), np.nan)
                    states[number], times[number], norms[number] = batch.state[:, lane], clock[lane], seen[lane]
                else:
                    # What was last seen of this trajectory stays in its place.
                    reason = StopReason.STEP_SIZE
                if reason is None:
                    continue
                reasons[number] = reason
                trajectory[lane] = following = next(waiting, None)
                if following is None:
                    batch.state[:, lane] = 0.0
                else:
                    batch.state[:, lane], batch.pars[:, lane] = states[following], parameters[following]
                    followed[lane] = following
                # A start may fit as it is, so it is looked at before its first step.
                clock[lane], steps[lane], looked = 0.0, 0, False
        batch.set_time(clock)
        # A lane that fails ends the call for all lanes; the loop above takes it out.
        batch.propagate_until(never, max_steps=_CHUNK, max_delta_t=longest)
        steps += _CHUNK
    return times, norms, reasons


def _residual_norms(masks: np.ndarray, targets: np.ndarray, term: Term, lanes: np.ndarray) -> np.ndarray:
    """|R|_F of every lane of a state (size, lanes)."""
    contiguous = lanes.T
    ends = np.cumsum([rows * columns for rows, columns in term.shapes])
    layers = [
        contiguous[:, end - rows * columns : end].reshape(-1, rows, columns)
        for end, (rows, columns) in zip(ends, term.shapes, strict=True)
    ]
    errors = np.where(masks, factorization.end_to_end(layers) - targets, 0.0)
    return np.sqrt(np.einsum("kij,kij->k", errors, errors))
