"""Objectives of one's own: catches a wrong gradient, derivative or lifting, and an f that is not convex."""

from collections.abc import Callable

import numpy as np
import pytest

from numerics import ArgumentError, MatrixCompletion, Objective, completion, glrl_symmetric, lifted, objective, sensing
from numerics.objective import require_range, require_symmetric

SHAPE = (3, 4)


def some_completion(normalization: str) -> Objective:
    random = np.random.default_rng(0)
    mask = random.random(SHAPE) < 0.6
    return completion(MatrixCompletion(mask, random.standard_normal(SHAPE), normalization))  # type: ignore[arg-type]


def some_sensing() -> Objective:
    random = np.random.default_rng(1)
    return sensing(random.standard_normal((5, *SHAPE)), random.standard_normal(5))


def softplus() -> Objective:
    """sum log(1 + e^w): convex, not quadratic."""
    return objective(SHAPE, lambda w: float(np.sum(np.logaddexp(0, w))), lambda w: 1 / (1 + np.exp(-w)))


OBJECTIVES = {
    "sum/2": lambda: some_completion("sum/2"),
    "mean-observed": lambda: some_completion("mean-observed"),
    "mean-all": lambda: some_completion("mean-all"),
    "sensing": some_sensing,
    "softplus": softplus,
    "lifted": lambda: lifted(some_sensing()),
}


def symmetric(random: np.random.Generator, f: Objective) -> np.ndarray:
    found = random.standard_normal(f.shape)
    return found + found.T if f.shape[0] == f.shape[1] else found


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_gradient_and_its_derivative_are_those_of_the_value(name: str) -> None:
    f = OBJECTIVES[name]()
    random = np.random.default_rng(2)
    for _ in range(5):
        here, direction = (symmetric(random, f) for _ in range(2))
        step = 1e-4
        ahead, behind = here + step * direction, here - step * direction
        slope = (f.value(ahead) - f.value(behind)) / (2 * step)
        assert np.sum(f.gradient(here) * direction) == pytest.approx(slope, rel=1e-6, abs=1e-7)
        bend = (f.gradient(ahead) - f.gradient(behind)) / (2 * step)
        assert f.derivative(here, direction) == pytest.approx(bend, rel=1e-6, abs=1e-7)


def test_values_against_sums_by_hand() -> None:
    mask, targets, here = np.array([[1, 0], [1, 1]]), np.array([[1.0, 9.0], [2.0, -1.0]]), np.array([[3.0, 5], [2, 2]])
    assert completion(MatrixCompletion(mask, targets)).value(here) == pytest.approx((4 + 0 + 9) / 2)
    matrices = np.array([[[1.0, 2], [0, 0]], [[0, 0], [0, -1]]])
    assert sensing(matrices, np.array([3.0, 1.0])).value(here) == pytest.approx(((3 + 10 - 3) ** 2 + (-2 - 1) ** 2) / 2)


def test_the_lifting_of_f_is_f_of_one_corner_and_of_the_other() -> None:
    f = some_sensing()
    random = np.random.default_rng(3)
    left, right = random.standard_normal((3, 2)), random.standard_normal((4, 2))
    stacked = np.vstack([left, right])
    corner, found = left @ right.T, lifted(f).gradient(stacked @ stacked.T)
    assert lifted(f).value(stacked @ stacked.T) == pytest.approx(2 * f.value(corner))
    assert found[:3, 3:] == pytest.approx(f.gradient(corner))
    assert found[3:, :3] == pytest.approx(f.gradient(corner).T)
    assert not found[:3, :3].any()
    assert not found[3:, 3:].any()


def quadratic(weight: float) -> Callable[[np.ndarray], float]:
    return lambda w: weight * float(np.sum(w * w)) / 2


WRONG = {
    "concave": (quadratic(-1), lambda w: -w, "convex"),
    "saddle": (
        lambda w: float(np.sum(w[0] ** 2) - np.sum(w[1] ** 2)),
        lambda w: np.array([2 * w[0], -2 * w[1]]),
        "conv",
    ),
    "wave": (lambda w: float(np.sum(np.cos(w))), lambda w: -np.sin(w), "convex"),
    "factor": (quadratic(1), lambda w: 1.001 * w, "that of f"),
    "transposed": (lambda w: float(w[0] @ w[1] + 2 * np.sum(w * w)), lambda w: 4 * w.T + w[::-1], "that of f"),
    "sign": (quadratic(1), lambda w: -w, "that of f"),
    "nan in the value": (lambda w: float("nan"), lambda w: w, "finite"),
    "nan in the gradient": (quadratic(1), lambda w: np.full_like(w, np.nan), "finite"),
    "nan somewhere": (lambda w: float(np.sum(np.sqrt(np.maximum(w, 0)) * np.nan)), lambda w: w, "finite"),
    "shape": (quadratic(1), lambda w: w.ravel(), r"one to the shape \(2, 2\)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_convex_or_has_another_gradient_is_refused(name: str) -> None:
    value, gradient, message = WRONG[name]
    with pytest.raises(ArgumentError, match=message) as caught:
        objective((2, 2), value, gradient)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e6])
def test_the_check_of_a_wrong_gradient_does_not_depend_on_the_units_of_f(scale: float) -> None:
    with pytest.raises(ArgumentError, match="that of f"):
        objective((2, 2), quadratic(scale), lambda w: 1.5 * scale * w)
    with pytest.raises(ArgumentError, match="convex"):
        objective((2, 2), quadratic(-scale), lambda w: -scale * w)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_convex_functions_pass_the_checks_in_all_units(scale: float) -> None:
    objective((2, 3), quadratic(scale), lambda w: scale * w)
    objective((2, 3), lambda w: scale * float(np.sum(w)), lambda w: np.full_like(w, scale))
    objective((2, 3), lambda w: scale * float(np.sum(w**4)), lambda w: 4 * scale * w**3)


def completion_of(mask: list[list[int]], targets: list[list[float]]) -> Objective:
    return completion(MatrixCompletion(np.array(mask), np.array(targets)))


NOT_SYMMETRIC = {
    "mask": lambda: completion_of([[1, 1], [0, 1]], [[1, 2], [0, 1]]),
    "targets": lambda: completion_of([[1, 1], [1, 1]], [[1, 2], [3, 1]]),
    "targets by little": lambda: completion_of([[1, 1], [1, 1]], [[1, 2], [2 + 1e-6, 1]]),
    "small targets": lambda: completion_of([[0, 1], [1, 0]], [[0, 1e-20], [2e-20, 0]]),
    "shape": lambda: completion_of([[1, 1, 1], [1, 1, 1]], [[1, 2, 3], [2, 1, 2]]),
    "measurements": lambda: sensing(np.array([[[1.0, 2], [0, 1]]]), np.array([1.0])),
    "measurements with zero values": lambda: sensing(np.array([[[1.0, 2], [0, 1]]]), np.array([0.0])),
}


@pytest.mark.parametrize("name", NOT_SYMMETRIC)
def test_what_is_not_symmetric_is_refused_in_one_line(name: str) -> None:
    f = NOT_SYMMETRIC[name]()
    for refuse in (require_symmetric, glrl_symmetric):
        with pytest.raises(ArgumentError, match="asymmetric algorithm") as caught:
            refuse(f)
        assert "\n" not in str(caught.value)


def test_the_entry_that_is_not_symmetric_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"tells entry \((1,3)\) from \((3,1)\)|tells entry \(3,1\) from \(1,3\)"):
        require_symmetric(completion_of([[1, 0, 1], [0, 1, 0], [1, 0, 0]], [[1, 0, 2], [0, 1, 0], [3, 0, 0]]))


def test_symmetric_objectives_pass() -> None:
    require_symmetric(completion_of([[1, 1], [1, 0]], [[1, 2], [2, 0]]))
    require_symmetric(sensing(np.array([[[1.0, 2], [2, 1]]]), np.array([1.0])))
    # A pair of measurements that are transposes of each other with equal values.
    require_symmetric(sensing(np.array([[[1.0, 2], [0, 1]], [[1.0, 0], [2, 1]]]), np.array([1.0, 1.0])))
    require_symmetric(lifted(some_sensing()))


@pytest.mark.parametrize("scale", [1e-150, 1e-60, 1e60, 1e150, 1e300])
def test_sizes_beyond_float64_are_refused_in_one_line(scale: float) -> None:
    with pytest.raises(ArgumentError, match="change units"):
        require_range(completion_of([[1]], [[scale]]))
    if scale < 1e100:
        with pytest.raises(ArgumentError, match="curvature"):
            require_range(sensing(np.array([[[np.sqrt(scale)]]]), np.array([1 / np.sqrt(scale)])))


@pytest.mark.parametrize(
    ("measurements", "values", "message"),
    [
        (np.ones((2, 2)), np.ones(2), "stack"),
        (np.ones((0, 2, 2)), np.ones(0), "stack"),
        (np.ones((2, 2, 2)), np.ones(3), "one per measurement"),
        (np.full((2, 2, 2), np.nan), np.ones(2), "finite"),
        (np.ones((2, 2, 2)), np.full(2, np.inf), "finite"),
        ([["a"]], [1], "numbers"),
        ([[[1.0]]], ["a"], "numbers"),
    ],
)
def test_bad_measurements_are_named(measurements: object, values: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        sensing(measurements, values)  # type: ignore[arg-type]
