"""Random networks of any shape: domains, problems, starts and flows shared by statements on the dynamics."""

import numpy as np
import sympy as sp

from numerics.dynamics import random_problem
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import GradientFlow, integrate
from numerics.initialization import balanced_layers, gaussian_layers, layer_shapes
from theory.symbols import depth
from verification.parameters import IntegerRange, Parameters, Point

rows, columns, width = sp.symbols("rows columns width", integer=True, positive=True)
seed = sp.Symbol("seed", integer=True, nonnegative=True)

#: Balanced layers of rank min(rows, columns) need hidden layers of at least that width.
WIDE = sp.Ge(width, sp.Min(rows, columns))
#: Relative tolerance of the flows, and what it may do to balancedness and to a state by the end of one.
TOLERANCE = 1e-12
DRIFT = 1e-10
_MOST_STEPS = 500


def network_domain(
    depths: tuple[int, int], *, sides: tuple[int, int] = (1, 4), hidden: tuple[int, int] = (1, 6)
) -> Parameters:
    """Depth, shape and hidden width of a network, and the seed of its mask, targets and layers."""
    return Parameters(
        (
            IntegerRange(depth, *depths),
            IntegerRange(rows, *sides),
            IntegerRange(columns, *sides),
            IntegerRange(width, *hidden),
            IntegerRange(seed, 0, 10**6),
        )
    )


def problem_at(point: Point) -> MatrixCompletion:
    """A random mask and random targets."""
    return random_problem(point[rows], point[columns], seed=point[seed])


def gaussian_at(point: Point) -> list[np.ndarray]:
    """Gaussian layers of product scale 1; not balanced."""
    shapes = layer_shapes(point[rows], point[columns], point[depth], point[width])
    return gaussian_layers(shapes, 1.0, seed=point[seed] + 1)


def balanced_at(point: Point, imbalance: float = 0.0) -> list[np.ndarray]:
    """Balanced layers with a standard normal product, plus `imbalance` times standard normal layers."""
    random = np.random.default_rng(point[seed] + 2)
    product = random.standard_normal((point[rows], point[columns]))
    shapes = layer_shapes(point[rows], point[columns], point[depth], point[width])
    layers = balanced_layers(product, shapes, seed=point[seed] + 3)
    return [layer + imbalance * random.standard_normal(layer.shape) for layer in layers]


def flow_from(point: Point, layers: list[np.ndarray]) -> GradientFlow:
    """The flow from these layers until the residual is 1e-3 of the targets."""
    return integrate(
        problem_at(point), layers, relative_tolerance=TOLERANCE, residual_tolerance=1e-3, max_steps=_MOST_STEPS
    )
