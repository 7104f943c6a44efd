"""Critical points: catches a Newton step that is not one, a saddle that is not one, and escape rates that are off."""

import numpy as np
import pytest

from numerics import MatrixCompletion, Objective, completion, glrl_symmetric, infinitesimal_flow, objective
from numerics.infinitesimal_flow import Outcome
from numerics.saddles import critical_point, force, largest_rate, natural_size


def full(targets: np.ndarray) -> Objective:
    """All entries observed: the critical points are sums of eigenpairs of the targets."""
    return completion(MatrixCompletion(np.ones(targets.shape), targets))


def rotation(size: int, seed: int) -> np.ndarray:
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0])


BASIS = rotation(4, 0)
TARGETS = BASIS @ np.diag([3.0, 2.0, 1.0, -1.0]) @ BASIS.T


@pytest.mark.parametrize("kept", [[], [0], [1], [0, 2], [0, 1, 2]])
def test_all_critical_points_of_full_observation(kept: list[int]) -> None:
    """W = sum of kept eigenpairs; -grad f = the others, so the escape rate is the largest eigenvalue left out."""
    values = np.array([3.0, 2.0, 1.0, -1.0])
    exact = BASIS[:, kept] * np.sqrt(values[kept])
    noise = 1e-4 * np.random.default_rng(1).standard_normal(exact.shape)
    found = critical_point(full(TARGETS), exact + noise)
    assert found.rank == len(kept)
    assert found.matrix == pytest.approx(exact @ exact.T, abs=1e-12)
    assert found.gradient_norm < 1e-13
    left = sorted([value for place, value in enumerate(values) if place not in kept] + [0.0] * len(kept), reverse=True)
    assert found.rates == pytest.approx(left, abs=1e-12)
    if left[0] > 0:
        assert abs(found.escape_direction @ BASIS[:, values.tolist().index(left[0])]) == pytest.approx(1, abs=1e-12)


def test_newton_squares_the_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step from distance d: of order d^2, with one constant over three decades."""
    import numerics.saddles

    monkeypatch.setattr(numerics.saddles, "_NEWTON_STEPS", 1)
    exact = BASIS[:, :2] * np.sqrt([3.0, 2.0])
    noise = np.random.default_rng(2).standard_normal(exact.shape)
    # Only a horizontal error, for rotations along the orbit are none.
    sizes = np.array([1e-2, 1e-3, 1e-4, 1e-5])
    errors = []
    for size in sizes:
        found = critical_point(full(TARGETS), exact + size * noise)
        errors.append(float(np.linalg.norm(found.matrix - exact @ exact.T)))
    slopes = np.diff(np.log(errors)) / np.diff(np.log(sizes))
    assert np.all(slopes > 1.8)


def test_rates_are_eigenvalues_against_a_plain_power_of_the_gradient() -> None:
    mask = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]])
    targets = np.array([[1.0, 2, 0], [2, 0, 1], [0, 1, 3]])
    point = critical_point(completion(MatrixCompletion(mask, targets)), np.zeros((3, 0)))
    assert point.rates == pytest.approx(np.sort(np.linalg.eigvals(mask * targets).real)[::-1], abs=1e-12)
    assert mask * targets @ point.escape_direction == pytest.approx(point.escape_rate * point.escape_direction)
    assert np.all(np.diff(point.rates) <= 0)


def test_what_is_rotated_stays_rotated() -> None:
    """Newton moves U the least: it does not turn the columns of a factor that is critical already."""
    turned = (BASIS[:, :2] * np.sqrt([3.0, 2.0])) @ rotation(2, 3)
    found = critical_point(full(TARGETS), turned + 1e-6)
    assert found.factor == pytest.approx(turned, abs=1e-5)


def test_steps_that_do_not_help_are_not_taken() -> None:
    """Far from any critical point the force must not grow."""
    f = full(TARGETS)
    random = np.random.default_rng(4)
    for _ in range(20):
        start = 10 * random.standard_normal((4, 2))
        assert critical_point(f, start).gradient_norm <= np.linalg.norm(force(f, start))


def test_force_is_the_descent_direction_of_half_of_f() -> None:
    f = full(TARGETS)
    random = np.random.default_rng(5)
    factor, direction = random.standard_normal((2, 4, 3))
    ahead, behind = factor + 1e-5 * direction, factor - 1e-5 * direction
    slope = (f.value(ahead @ ahead.T) - f.value(behind @ behind.T)) / (4e-5)
    assert -np.sum(force(f, factor) * direction) == pytest.approx(slope, rel=1e-7)


def test_the_natural_size_minimises_f_along_the_escape() -> None:
    mask = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 0]])
    targets = np.array([[1.0, 2, 0], [2, 3, 1], [0, 1, 0]])
    f = completion(MatrixCompletion(mask, targets))
    point = critical_point(f, np.zeros((3, 0)))
    size, outer = natural_size(f, point), np.outer(point.escape_direction, point.escape_direction)
    values = [f.value(share * size * outer) for share in (0.99, 1.0, 1.01)]
    assert values[1] < min(values[0], values[2])


def test_the_natural_size_of_a_linear_f_is_a_number() -> None:
    f = objective((2, 2), lambda w: -float(np.trace(w)), lambda w: -np.eye(2))
    assert natural_size(f, critical_point(f, np.zeros((2, 0)))) == 1.0


def test_the_largest_rate_counts_negative_eigenvalues() -> None:
    assert largest_rate(full(np.diag([1.0, -5.0])), np.zeros((2, 2))) == pytest.approx(5)


@pytest.mark.parametrize("seed", range(8))
def test_the_last_point_satisfies_the_conditions_of_a_minimum_over_psd_matrices(seed: int) -> None:
    """W psd, S = grad f(W) psd, S W = 0: for convex f, W is a minimum then; and no psd matrix tried is better."""
    random = np.random.default_rng(seed)
    upper = np.triu(random.random((6, 6)) < 0.6) | np.eye(6, dtype=bool)  # with the diagonal, f has a minimum
    targets = random.standard_normal((6, 6))
    f = completion(MatrixCompletion(upper | upper.T, targets + targets.T))
    path = glrl_symmetric(f)
    assert path.outcome is Outcome.MINIMUM
    slack = f.gradient(path.limit)
    assert np.linalg.eigvalsh(path.limit)[0] > -1e-12
    assert np.linalg.eigvalsh(slack)[0] > -1e-12
    assert np.linalg.norm(slack @ path.limit) < 1e-12
    for _ in range(100):
        size = 10.0 ** random.integers(-4, 1)
        factor = path.points[-1].factor + size * random.standard_normal(path.points[-1].factor.shape)
        other = factor @ factor.T
        assert f.value(other) >= f.value(path.limit) - 1e-12


def test_a_saddle_of_rank_zero_needs_no_steps() -> None:
    point = critical_point(full(TARGETS), np.zeros((4, 0)))
    assert (point.rank, point.gradient_norm) == (0, 0.0)
    assert point.matrix.shape == (4, 4)


def test_a_flow_that_goes_to_infinity_ever_more_slowly_is_not_said_to_have_reached_a_minimum() -> None:
    """w_11 = 0, w_12 = 1: f > 0 for psd matrices, and f -> 0 as w_22 -> infinity."""
    f = completion(MatrixCompletion(np.array([[1, 1], [1, 0]]), np.array([[0.0, 1.0], [1.0, 0.0]])))
    assert glrl_symmetric(f).outcome is Outcome.NOT_SETTLED
    assert infinitesimal_flow(f, np.eye(2), "1e-6").outcome is Outcome.NOT_SETTLED
