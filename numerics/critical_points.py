"""Critical points of the loss with weight decay, in float64: found by damped Newton steps from several kinds of start.

Definitions
    E_lambda = (1/(2N)) sum over the N observed (i, j) of (w_ij - w*_ij)^2 + lambda sum_l |W_l|_F^2, whatever the
    problem's normalization is. A saddle is as good as a minimum: what is sought is a zero of the gradient.
Implementation notes
    Heuristic floating point; `gradient_norm` says how critical a point is. Rotations of the hidden spaces move a
    critical point along others, so that the Hessian is singular there: Newton steps are the least-norm ones of
    Levenberg's kind, damped by the size of the gradient, and converge quadratically all the same. The Hessian is exact
    up to rounding: the gradient is a polynomial in the layers, so that a complex step of any smallness differentiates
    it without cancellation.
Source
    Wang & Jacot 2024, arXiv:2305.16038, for the loss. Complex step: Squire & Trapp 1998, SIAM Review 40.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from numerics import factorization
from numerics.errors import ArgumentError
from numerics.factorization import Layers, MatrixCompletion, check_layers, end_to_end
from numerics.initialization import Shape, balanced_layers, gaussian_layers

_TINY = 1e-100  # of a complex step
_NEWTON_STEPS = 200
_FINISHED = 1e-15
_MOST_DAMPING = 1e6
_TRIES = 12
_CONVERGED = 1e-12
_NEGLIGIBLE = 1e-6


@dataclass(frozen=True)
class CriticalPoint:
    """Layers W_1..W_L at which the Frobenius norm of the gradient of E_lambda is `gradient_norm`."""

    layers: list[np.ndarray]
    gradient_norm: float

    def imbalance_bound(self, weight_decay: float) -> float:
        """What |W_{l+1}^T W_{l+1} - W_l W_l^T|_F is at most, by how critical the point is; rounding comes on top.

        That difference is (W_{l+1}^T g_{l+1} - g_l W_l^T)/(2 lambda) at any layers, g_l the gradients.
        """
        return float(self.gradient_norm * max(np.linalg.norm(one, 2) for one in self.layers) / weight_decay)

    @property
    def rank(self) -> int:
        """How many singular values of W are above 1e-6 of the largest one, or of 1 where that is smaller."""
        values = np.linalg.svd(end_to_end(self.layers), compute_uv=False)
        return int(np.sum(values > _NEGLIGIBLE * max(1.0, values[0])))


def penalised_gradient(problem: MatrixCompletion, layers: Layers, weight_decay: float) -> list[np.ndarray]:
    """Gradient of E_lambda in every layer; also of complex layers, of which it is a polynomial."""
    scale = 1 / (problem.weight * problem.mask.sum())
    found = factorization.gradient(problem, layers)
    return [scale * one + 2 * weight_decay * layer for one, layer in zip(found, layers, strict=True)]


def hessian(problem: MatrixCompletion, layers: Layers, weight_decay: float) -> np.ndarray:
    """Second derivatives of E_lambda (entries x entries), the entries of W_1, then of W_2, ..., row by row."""
    shapes = [layer.shape for layer in layers]
    place = _flat(layers)
    # One network per entry, which is moved there.
    moved = _shaped(place + 1j * _TINY * np.eye(place.size), shapes)
    found = _flat(penalised_gradient(problem, moved, weight_decay)).imag / _TINY
    return np.asarray((found + found.T) / 2)


def critical_point(problem: MatrixCompletion, layers: Layers, weight_decay: float) -> CriticalPoint:
    """The critical point that damped Newton steps from `layers` lead to; they stop where none helps.

    Raises ArgumentError for layers that do not fit, and for weight decay that is negative or not finite.
    """
    check_layers(problem, layers)
    if not 0 <= weight_decay < np.inf:
        raise ArgumentError("weight_decay", weight_decay, "a finite number, 0 or more")
    shapes = [layer.shape for layer in layers]

    def gradient_at(place: np.ndarray) -> np.ndarray:
        return _flat(penalised_gradient(problem, _shaped(place, shapes), weight_decay))

    best = _flat(layers)
    force = gradient_at(best)
    for _ in range(_NEWTON_STEPS):
        if np.linalg.norm(force) <= _FINISHED * (1 + np.linalg.norm(best)):
            break
        curvatures, modes = np.linalg.eigh(hessian(problem, _shaped(best, shapes), weight_decay))
        step = _accepted(gradient_at, best, force, curvatures, modes)
        if step is None:
            break
        best = best - step
        force = gradient_at(best)
    return CriticalPoint(_shaped(best, shapes), float(np.linalg.norm(force)))


def _accepted(
    gradient_at: Callable[[np.ndarray], np.ndarray],
    place: np.ndarray,
    force: np.ndarray,
    curvatures: np.ndarray,
    modes: np.ndarray,
) -> np.ndarray | None:
    """The least damped step, from the gradient's size on, that makes the gradient smaller; None where none does."""
    size = float(np.linalg.norm(force))
    damping = min(size, 1.0)
    parts = modes.T @ force
    while damping <= _MOST_DAMPING:
        step = modes @ (parts * curvatures / (curvatures**2 + damping**2))
        if np.linalg.norm(gradient_at(place - step)) < size * (1 - 1e-3):
            return np.asarray(step)
        damping *= 10
    return None


def random_critical_point(
    problem: MatrixCompletion, shapes: Sequence[Shape], weight_decay: float, *, seed: int
) -> CriticalPoint:
    """A critical point from a random start: Gaussian, trained, or trained and cut to a lower rank, as the seed draws.

    Trained: a minimum found by L-BFGS from a Gaussian start. Cut: the balanced layers of its product without its
    smallest singular values, near which saddles of lower rank are. Where Newton does not converge the next draw is
    taken; if none of 12 does, the last point comes back with its gradient's norm. Deterministic for a seed. Raises as
    `critical_point` does.
    """
    random = np.random.default_rng(seed)
    for _ in range(_TRIES):
        start = _start(problem, shapes, weight_decay, random)
        found = critical_point(problem, start, weight_decay)
        if found.gradient_norm <= _CONVERGED:
            break
    return found


def _start(
    problem: MatrixCompletion, shapes: Sequence[Shape], weight_decay: float, random: np.random.Generator
) -> list[np.ndarray]:
    kind, scale = random.integers(3), 10 ** random.uniform(-0.5, 0.7)
    gaussian = gaussian_layers(shapes, scale, seed=int(random.integers(2**31)))
    if kind == 0:
        return gaussian
    trained = _trained(problem, gaussian, weight_decay)
    if kind == 1:
        return trained
    left, values, right = np.linalg.svd(end_to_end(trained), full_matrices=False)
    # Layers of width n multiply to a rank of at most n.
    narrowest = min(side for shape in shapes for side in shape)
    values[random.integers(1, narrowest + 1) :] = 0.0
    return balanced_layers((left * values) @ right, shapes, seed=int(random.integers(2**31)))


def _trained(problem: MatrixCompletion, layers: Layers, weight_decay: float) -> list[np.ndarray]:
    from scipy.optimize import minimize  # only this needs it

    shapes = [layer.shape for layer in layers]
    scale = 1 / (problem.weight * problem.mask.sum())

    def loss_and_gradient(place: np.ndarray) -> tuple[float, np.ndarray]:
        now = _shaped(place, shapes)
        loss = scale * factorization.loss(problem, end_to_end(now)) + weight_decay * float(place @ place)
        return loss, _flat(penalised_gradient(problem, now, weight_decay))

    return _shaped(minimize(loss_and_gradient, _flat(layers), jac=True, method="L-BFGS-B").x, shapes)


def _flat(layers: Layers) -> np.ndarray:
    return np.concatenate([layer.reshape(*layer.shape[:-2], -1) for layer in layers], axis=-1)


def _shaped(place: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    ends = np.cumsum([after * before for after, before in shapes])[:-1]
    parts = np.split(place, ends, axis=-1)
    return [part.reshape(*place.shape[:-1], *shape) for part, shape in zip(parts, shapes, strict=True)]
