"""Convex objectives f of a matrix, given by value and gradient, for greedy low-rank learning; float64.

Notation
    D grad f(W)[Z] is the derivative of the gradient at W in the direction Z. The lifting of f(W), W (p x q), to
    symmetric matrices of size p + q is f'(X) = f(X_12) + f(X_21^T): its gradient is [[0, grad f], [grad f^T, 0]] at
    X = [[., W], [W^T, .]], so that X = U U^T, U = [A; B], has W = A B^T.
Source
    Li, Luo & Lyu 2021, arXiv:2012.09839, Sections 2 and 4 (reconstructed).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion

Map = Callable[[np.ndarray], np.ndarray]

_PROBES = 40
_GRADIENT_ERROR = 1e-5
_ROUNDING = 1e-9
_SIZES = (0.1, 1.0, 10.0)
_LARGEST = 1e50


@dataclass(frozen=True)
class Objective:
    """f with its gradient, and D grad f: all maps of float64 matrices of one `shape`.

    The constructor takes the maps on trust; `objective` checks them.
    """

    shape: tuple[int, int]
    value: Callable[[np.ndarray], float]
    gradient: Map
    derivative: Callable[[np.ndarray, np.ndarray], np.ndarray]


def objective(
    shape: tuple[int, int], value: Callable[[np.ndarray], float], gradient: Map, *, seed: int = 0
) -> Objective:
    """A convex f of one's own, checked at random matrices; D grad f is taken by central differences.

    Checked with matrices of norms about 0.1, 1 and 10: that the gradient is that of the value, to 1e-5, and that f lies
    above its tangents. Heuristic: an f that is not convex elsewhere passes. Raises ArgumentError.
    """
    random = np.random.default_rng(seed)
    for probe in range(_PROBES):
        here, there = (_SIZES[probe % 3] * random.standard_normal(shape) for _ in range(2))
        _check_probe(here, there, value, gradient)

    def derivative(matrix: np.ndarray, direction: np.ndarray) -> np.ndarray:
        size = float(np.linalg.norm(direction))
        if size == 0:
            return np.zeros(shape)
        step = 1e-5 * (1 + float(np.linalg.norm(matrix))) / size
        return (gradient(matrix + step * direction) - gradient(matrix - step * direction)) / (2 * step)

    return Objective(shape, value, gradient, derivative)


def completion(problem: MatrixCompletion) -> Objective:
    """f(W) = c/2 sum over observed entries of (w_ij - w*_ij)^2, c the weight of the problem's normalization."""
    weights = problem.weight * problem.mask

    def value(matrix: np.ndarray) -> float:
        return 0.5 * float(np.sum(weights * (matrix - problem.targets) ** 2))

    return Objective(
        problem.mask.shape,
        value,
        lambda matrix: weights * (matrix - problem.targets),
        lambda _matrix, direction: weights * direction,
    )


def sensing(measurements: np.ndarray, values: np.ndarray) -> Objective:
    """f(W) = 1/2 sum_k (<X_k, W> - y_k)^2 for measurements X (K x p x q) and values y (K). Raises ArgumentError."""
    matrices, targets = numbers("measurements", measurements), numbers("values", values)
    if matrices.ndim != 3 or min(matrices.shape) < 1:
        raise ArgumentError("measurements", f"array of shape {matrices.shape}", "a stack (K, rows, columns), K >= 1")
    if targets.shape != matrices.shape[:1]:
        raise ArgumentError("values", f"array of shape {targets.shape}", f"one per measurement: ({len(matrices)},)")
    if not (np.isfinite(matrices).all() and np.isfinite(targets).all()):
        raise ArgumentError("measurements", "an array with nan or inf, or with such values", "finite")
    shape = matrices.shape[1:]
    flat = matrices.reshape(len(matrices), -1)

    def errors(matrix: np.ndarray) -> np.ndarray:
        return flat @ matrix.ravel() - targets

    return Objective(
        (shape[0], shape[1]),
        lambda matrix: 0.5 * float(np.sum(errors(matrix) ** 2)),
        lambda matrix: (errors(matrix) @ flat).reshape(shape),
        lambda _matrix, direction: ((flat @ direction.ravel()) @ flat).reshape(shape),
    )


def numbers(name: str, given: object) -> np.ndarray:
    """The array in float64. Raises ArgumentError for what is not an array of real numbers."""
    try:
        found = np.asarray(given)
        if found.dtype.kind != "c":
            return found.astype(float)
    except (TypeError, ValueError):
        pass
    raise ArgumentError(name, f"{type(given).__name__} of something else", "an array of real numbers")


def lifted(f: Objective) -> Objective:
    """The lifting of f to symmetric matrices of size rows + columns; see the module's text."""
    rows, columns = f.shape
    size = rows + columns

    def spread(corner: np.ndarray) -> np.ndarray:
        matrix = np.zeros((size, size))
        matrix[:rows, rows:] = corner
        matrix[rows:, :rows] = corner.T
        return matrix

    return Objective(
        (size, size),
        lambda matrix: f.value(matrix[:rows, rows:]) + f.value(matrix[rows:, :rows].T),
        lambda matrix: spread(f.gradient(matrix[:rows, rows:])),
        lambda matrix, direction: spread(f.derivative(matrix[:rows, rows:], direction[:rows, rows:])),
    )


def require_symmetric(f: Objective, *, seed: int = 0) -> None:
    """Raise ArgumentError unless f is of square matrices and its gradient at symmetric ones is symmetric.

    Tried at W = 0 and three random symmetric matrices: what fails is proved not symmetric, what passes is not proved.
    """
    expected = "symmetric, f(W) = f(W^T); for any other use the asymmetric algorithm"
    if f.shape[0] != f.shape[1]:
        raise ArgumentError("f", f"an objective of {f.shape[0]} x {f.shape[1]} matrices", expected)
    random = np.random.default_rng(seed)
    largest = 0.0
    # Size 0 tells targets apart that are far smaller than the other probes.
    for size in (0.0, *_SIZES):
        square = size * random.standard_normal(f.shape)
        found = f.gradient(square + square.T)
        largest = max(largest, float(np.abs(found).max()))
        worst = np.unravel_index(int(np.argmax(np.abs(found - found.T))), f.shape)
        if not abs(found[worst] - found.T[worst]) <= _ROUNDING * largest:
            row, column = (int(part) + 1 for part in worst)
            raise ArgumentError("f", f"an objective that tells entry ({row},{column}) from ({column},{row})", expected)


def require_range(f: Objective) -> None:
    """Raise ArgumentError unless grad f(0) and the curvature along it are 0 or of sizes between 1e-50 and 1e50.

    Beyond, squares of the float64 numbers of a flow overflow or vanish.
    """
    zero = np.zeros(f.shape)
    pull = f.gradient(zero)
    largest = float(np.abs(pull).max())
    curvature = float(np.abs(f.derivative(zero, pull / largest)).max()) if largest > 0 else 0.0
    for name, number in (("gradient at 0", largest), ("curvature at 0", curvature)):
        if not (number == 0 or 1 / _LARGEST <= number <= _LARGEST):
            raise ArgumentError(
                "f", f"an objective with a {name} of {number:.3g}", "within 1e-50 and 1e50: change units"
            )


def _check_probe(here: np.ndarray, there: np.ndarray, value: Callable[[np.ndarray], float], gradient: Map) -> None:
    """Raise ArgumentError when f is seen not to be convex, or its gradient not to be its gradient, at two points."""
    slope = np.asarray(gradient(here))
    if slope.shape != here.shape:
        raise ArgumentError("gradient", f"a map to shape {slope.shape}", f"one to the shape {here.shape}")
    low, high = float(value(here)), float(value(there))
    if not (np.isfinite(slope).all() and np.isfinite([low, high]).all()):
        raise ArgumentError("f", "a function with a value or gradient that is not finite", "finite everywhere")
    rise = there - here
    tangent = float(np.sum(slope * rise))
    step = 1e-5
    measured = (float(value(here + step * rise)) - float(value(here - step * rise))) / (2 * step)
    scale = abs(low) + abs(high) + abs(tangent) + float(np.linalg.norm(slope))
    if abs(measured - tangent) > _GRADIENT_ERROR * scale:
        raise ArgumentError("gradient", f"a map with slope {tangent:.6g} where f has {measured:.6g}", "that of f")
    if high < low + tangent - _ROUNDING * scale:
        raise ArgumentError("f", f"a function with value {high:.6g} below its tangent's {low + tangent:.6g}", "convex")
