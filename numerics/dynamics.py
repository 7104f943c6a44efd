"""Velocities of layers, of the end-to-end matrix and of its spectrum, in float64, each by a route of its own.

Statements
    `end_to_end_velocity`  dW/dt carried forward through the layers by the product rule (forward mode).
    `gram_velocity`        - sum_l (W W^T)^a_l R (W^T W)^b_l, from W and R alone.
    `flow_stencils`        seven states of the integrated flow, equally spaced in time, after each of several points.
    `line_stencil`         the same on a straight line along the flow's velocity.
    `derivative`           the derivative in time at the middle of seven such values, with an error estimate.
Implementation notes
    Everything here is heuristic floating point; errors are estimates.
Source
    Arora, Cohen, Hu & Luo 2019, arXiv:1905.13655, for the closed form of balanced layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from numerics import factorization
from numerics.factorization import Layers, MatrixCompletion
from numerics.gradient_flow import GradientFlow, integrate

_SPAN = 1.5e-3
_NUDGE = 1e-5  # of the fastest change, to measure how fast the velocity changes
_TOLERANCE = 1e-13
_BLUR = 1e-12  # rounding and integration error of a value, relative


def random_problem(rows: int, columns: int, *, seed: int) -> MatrixCompletion:
    """A mask that observes each entry with probability 1/2, and at least one; standard normal targets."""
    random = np.random.default_rng(seed)
    mask = random.random((rows, columns)) < 0.5
    mask[random.integers(rows), random.integers(columns)] = True
    return MatrixCompletion(mask, random.standard_normal((rows, columns)))


def velocities(problem: MatrixCompletion, layers: Layers) -> list[np.ndarray]:
    """dW_l/dt = -grad_l E for every layer."""
    return [-gradient for gradient in factorization.gradient(problem, layers)]


def end_to_end_velocity(layers: Layers, rates: Layers) -> np.ndarray:
    """dW/dt when layer l moves with rates[l], by the product rule from the first layer to the last."""
    product, moving = layers[0], rates[0]
    for layer, rate in zip(layers[1:], rates[1:], strict=True):
        product, moving = layer @ product, rate @ product + layer @ moving
    return moving


def gram_velocity(product: np.ndarray, residual: np.ndarray, powers: Sequence[tuple[float, float]]) -> np.ndarray:
    """- sum over (a, b) in `powers` of (W W^T)^a R (W^T W)^b, with the power 0 the identity."""
    left, values, right = np.linalg.svd(product)
    rows, columns = product.shape
    onto_left = np.concatenate([values, np.zeros(rows - len(values))])
    onto_right = np.concatenate([values, np.zeros(columns - len(values))])
    core = left.T @ residual @ right.T
    weights = sum(np.outer(onto_left ** (2 * a), onto_right ** (2 * b)) for a, b in powers)
    return -left @ (weights * core) @ right


@dataclass(frozen=True)
class Stencil:
    """Seven states W_1, ..., W_L, equally spaced in time by `step`: of the flow, or of a line along its velocity."""

    states: tuple[list[np.ndarray], ...]
    step: float

    @property
    def layers(self) -> list[np.ndarray]:
        """The state in the middle, where `derivative` holds."""
        return self.states[3]


def line_stencil(problem: MatrixCompletion, layers: Layers) -> Stencil:
    """Seven states on the straight line through `layers` along the flow's velocity, `layers` in the middle.

    Functions of the layers have the same derivative there as along the flow. Same step as `flow_stencils`.
    """
    rates, step = velocities(problem, layers), _step(problem, layers)
    shifts = [step * number for number in range(-3, 4)]
    return Stencil(tuple([w + shift * v for w, v in zip(layers, rates, strict=True)] for shift in shifts), step)


def flow_stencils(flow: GradientFlow, count: int) -> list[Stencil]:
    """Seven states from each of at most `count` points of a flow on, while the loss is above 1e-3 of its start.

    h is 1.5e-3 of the time in which the residual, the fastest layer or the velocity would move by its own size.
    """
    early = np.flatnonzero(flow.loss > 1e-3 * flow.loss[0])
    chosen = early[np.linspace(0, len(early) - 1, min(count, len(early))).astype(int)]
    return [_flow_stencil(flow.problem, [layer[index] for layer in flow.layers]) for index in chosen]


def _step(problem: MatrixCompletion, layers: Layers) -> float:
    rates = velocities(problem, layers)
    residual = factorization.residual(problem, factorization.end_to_end(layers))
    moving = problem.mask * end_to_end_velocity(layers, rates)
    pairs = [(moving, residual), *zip(rates, layers, strict=True)]
    fastest = max(float(np.linalg.norm(rate)) / float(np.linalg.norm(size)) for rate, size in pairs)
    # Near a saddle all of these are slow, but the velocity itself grows at a rate of its own.
    ahead = velocities(problem, [w + _NUDGE / fastest * v for w, v in zip(layers, rates, strict=True)])
    grown = np.sqrt(sum(np.sum((new - old) ** 2) for new, old in zip(ahead, rates, strict=True)))
    speed = np.sqrt(sum(np.sum(rate**2) for rate in rates))
    return _SPAN / max(fastest, float(grown / speed) * fastest / _NUDGE)


def _flow_stencil(problem: MatrixCompletion, layers: list[np.ndarray]) -> Stencil:
    step, states = _step(problem, layers), [layers]
    for _ in range(6):
        leg = integrate(
            problem, states[-1], max_time=step, relative_tolerance=_TOLERANCE, residual_tolerance=np.finfo(float).tiny
        )
        states.append(leg.final_layers)
    return Stencil(tuple(states), step)


def derivative(values: Sequence[float], step: float) -> tuple[float, float]:
    """(derivative at the middle of seven equally spaced values, error estimate).

    Sixth order; the error is the distance from the fourth-order formula plus rounding, so an overestimate. Heuristic.
    """
    near, mid, far = ((values[3 + k] - values[3 - k]) / (2 * k * step) for k in (1, 2, 3))
    sixth, fourth = (15 * near - 6 * mid + far) / 10, (4 * near - mid) / 3
    rounding = _BLUR * max(map(abs, values)) / step
    return sixth, abs(sixth - fourth) + rounding
