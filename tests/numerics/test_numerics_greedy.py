"""GLRL: catches a stage that starts off the unstable direction, a rank that jumps, and a stop that is not a minimum."""

from fractions import Fraction

import flint
import numpy as np
import pytest

from numerics import (
    ArgumentError,
    MatrixCompletion,
    Objective,
    completion,
    glrl_asymmetric,
    glrl_symmetric,
    integrate,
    objective,
    sensing,
)
from numerics.balls import precision
from numerics.greedy import certified_gradient_norm
from numerics.infinitesimal_flow import Outcome

RATIOS = [1.1, 1.5, 2.0]


def counterexample(ratio: float) -> MatrixCompletion:
    targets = np.zeros((4, 4))
    for row, column, target in ((0, 2, 1.0), (0, 3, ratio), (1, 2, ratio)):
        targets[row, column] = targets[column, row] = target
    return MatrixCompletion(targets != 0, targets)


def full(targets: np.ndarray) -> Objective:
    return completion(MatrixCompletion(np.ones(targets.shape), targets))


def rotation(size: int, seed: int) -> np.ndarray:
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0])


def rank_three(size: int, seed: int) -> MatrixCompletion:
    random = np.random.default_rng(seed)
    columns = random.standard_normal((size, 3))
    upper = np.triu(random.random((size, size)) < 0.85) | np.eye(size, dtype=bool)
    return MatrixCompletion(upper | upper.T, columns @ columns.T)


def gap(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first - second) / np.linalg.norm(second))


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_counterexample_goes_to_the_matrix_of_minimum_rank(ratio: float) -> None:
    path = glrl_symmetric(completion(counterexample(ratio)))
    column = np.array([1.0, ratio, 1.0, ratio])
    root = np.sqrt(1 + 4 * ratio**2)
    assert (path.outcome, path.rank, path.ambiguous) == (Outcome.MINIMUM, 1, ())
    assert gap(path.limit, np.outer(column, column)) < 1e-12
    assert path.start.rates[:2] == pytest.approx([(root + 1) / 2, (root - 1) / 2])


@pytest.mark.parametrize("size", [5, 7])
def test_full_observation_takes_the_eigenpairs_one_by_one(size: int) -> None:
    values = np.arange(size, 0, -1.0) - 2.0
    basis = rotation(size, 1)
    path = glrl_symmetric(full(basis @ np.diag(values) @ basis.T))
    positive = values[values > 0]
    assert path.outcome is Outcome.MINIMUM
    assert [point.rank for point in path.points] == list(range(len(positive) + 1))
    for rank, point in enumerate(path.points):
        assert point.matrix == pytest.approx(basis[:, :rank] @ np.diag(values[:rank]) @ basis[:, :rank].T, abs=1e-10)
        assert point.gradient_norm < 1e-11
    rates = [point.escape_rate for point in path.points]
    assert rates == pytest.approx([*positive, 0.0], abs=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_ranks_grow_by_one_from_saddle_to_saddle(seed: int) -> None:
    problem = rank_three(7, seed)
    path = glrl_symmetric(completion(problem))
    assert path.outcome is Outcome.MINIMUM
    assert [point.rank for point in path.points] == list(range(len(path.points)))
    values = [completion(problem).value(point.matrix) for point in path.points]
    assert np.all(np.diff(values) < 0)
    for stage in path.stages:
        assert np.linalg.matrix_rank(stage.end.matrix, tol=1e-8) == stage.start.rank + 1
        assert float(certified_gradient_norm(problem, stage.end.factor)) < 1e-11


@pytest.mark.parametrize("seed", range(3))
def test_a_stage_starts_on_the_unstable_direction_and_is_the_flow(seed: int) -> None:
    problem = rank_three(6, seed)
    for stage in glrl_symmetric(completion(problem)).stages:
        rate, direction = stage.start.escape_rate, stage.start.escape_direction
        early = stage.path.begin - 1.0
        grown = stage.matrix(early) - stage.start.matrix
        assert grown == pytest.approx(np.exp(2 * rate * early) * np.outer(direction, direction), rel=1e-9, abs=1e-15)
        begin = stage.path.factors[0]
        assert np.abs(begin[:, -1] @ direction) == pytest.approx(np.linalg.norm(begin[:, -1]), rel=1e-12)
        assert np.linalg.norm(begin[:, -1]) ** 2 == pytest.approx(np.exp(2 * rate * stage.path.begin), rel=1e-9)
        span = 0.5 * (stage.path.end - stage.path.begin)
        flow = integrate(
            problem, [begin.T, begin], relative_tolerance=1e-12, residual_tolerance=1e-14, max_time=span, moments=2
        )
        assert gap(stage.matrix(stage.path.begin + span), flow.products[-1]) < 1e-8


@pytest.mark.parametrize("seed", range(3))
def test_nothing_depends_on_eps(seed: int) -> None:
    f = completion(rank_three(6, seed))
    paths = [glrl_symmetric(f, eps=eps) for eps in ("1e-6", "1e-9", 1e-12, Fraction(1, 10**14), "1e-16")]
    for path in paths[:-1]:
        assert [point.rank for point in path.points] == [point.rank for point in paths[-1].points]
        for mine, other in zip(path.points, paths[-1].points, strict=True):
            assert np.linalg.norm(mine.matrix - other.matrix) < 1e-8
    # Times are those after the shift, and do not depend on eps either: the error falls like eps.
    stages = [path.stages[0] for path in paths]
    time = np.log(stages[0].path.factors[-1][:, 0] @ stages[0].path.factors[-1][:, 0]) / stages[0].start.escape_rate / 2
    errors = [gap(stage.matrix(time), stages[-1].matrix(time)) for stage in stages[:-1]]
    assert errors[0] < 1e-4
    assert errors[1] < errors[0] / 100
    assert max(errors[2:]) < 1e-8


def test_the_largest_rank_asked_for_is_kept_to() -> None:
    f = full(np.diag([3.0, 2.0, 1.0]))
    path = glrl_symmetric(f, max_rank=2)
    assert (path.outcome, path.rank) == (Outcome.RANKS, 2)
    assert path.points[-1].escape_rate == pytest.approx(1.0)
    assert glrl_symmetric(f, max_rank=3).outcome is Outcome.MINIMUM


def test_running_out_of_steps_is_said_and_no_stage_is_made_up() -> None:
    path = glrl_symmetric(full(np.diag([3.0, 2.0])), max_steps=5)
    assert (path.outcome, path.stages, path.rank) == (Outcome.NOT_SETTLED, (), 0)


def test_a_choice_between_equal_directions_is_reported() -> None:
    assert glrl_symmetric(full(np.diag([2.0, 2.0, 1.0]))).ambiguous == (1,)
    assert glrl_symmetric(full(np.diag([3.0, 1.0, 1.0]))).ambiguous == (2,)
    assert glrl_symmetric(full(np.diag([2.0, 2.0, 1.0]))).limit == pytest.approx(np.diag([2.0, 2.0, 1.0]), abs=1e-10)
    # Lifted, the symmetric problem's mu_1 is double: -mu_1 is an eigenvalue too.
    assert glrl_asymmetric(completion(counterexample(1.5))).ambiguous == (1,)


def test_the_minimum_over_psd_matrices_where_targets_have_negative_eigenvalues() -> None:
    basis = rotation(3, 2)
    path = glrl_symmetric(full(basis @ np.diag([2.0, -1.0, -3.0]) @ basis.T))
    assert path.limit == pytest.approx(2 * np.outer(basis[:, 0], basis[:, 0]), abs=1e-10)
    assert path.rank == 1


@pytest.mark.parametrize("targets", [np.zeros((3, 3)), -np.eye(3), -np.ones((3, 3)), np.diag([-1.0, -2.0, 0.0])])
def test_zero_is_already_optimal(targets: np.ndarray) -> None:
    path = glrl_symmetric(full(targets))
    assert (path.outcome, path.rank, path.stages) == (Outcome.MINIMUM, 0, ())
    assert not path.limit.any()


@pytest.mark.parametrize("shape", [(5, 5), (6, 4), (3, 7)])
def test_asymmetric_full_observation_takes_the_singular_pairs_one_by_one(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(3)
    targets = random.standard_normal(shape)
    left, values, right = np.linalg.svd(targets, full_matrices=False)
    path = glrl_asymmetric(full(targets))
    assert path.outcome is Outcome.MINIMUM
    for rank, matrix in enumerate(path.matrices):
        assert matrix.shape == shape
        assert matrix == pytest.approx((left[:, :rank] * values[:rank]) @ right[:rank], abs=1e-9)
    assert path.rank == min(shape)
    assert path.matrices[1] == pytest.approx(values[0] * np.outer(left[:, 0], right[0]), abs=1e-9)


def test_an_asymmetric_start_is_balanced() -> None:
    """A^T A = B^T B all along: the column starts on (u, v)/sqrt(2)."""
    path = glrl_asymmetric(full(np.random.default_rng(4).standard_normal((4, 3))))
    for stage in path.stages:
        for factor in stage.path.factors:
            above, below = factor[:4], factor[4:]
            assert np.linalg.norm(above.T @ above - below.T @ below) < 1e-8


@pytest.mark.parametrize("symmetric", [True, False])
def test_sensing_recovers_a_matrix_of_low_rank(symmetric: bool) -> None:
    random = np.random.default_rng(5)
    columns, rows = random.standard_normal((2, 6, 2))
    truth = columns @ (columns if symmetric else rows).T
    matrices = random.standard_normal((30, 6, 6)) / 6
    matrices = (matrices + matrices.transpose(0, 2, 1)) / 2 if symmetric else matrices
    f = sensing(matrices, np.einsum("kij,ij->k", matrices, truth))
    path = (glrl_symmetric if symmetric else glrl_asymmetric)(f)
    assert (path.outcome, path.rank) == (Outcome.MINIMUM, 2)
    assert gap(path.limit, truth) < 1e-8


def test_an_objective_that_is_not_quadratic() -> None:
    """f = sum of log cosh of the errors: minimum at the targets."""
    targets = rotation(3, 6) @ np.diag([2.0, 1.0, 0.5]) @ rotation(3, 6).T

    def value(matrix: np.ndarray) -> float:
        errors = np.abs(matrix - targets)
        return float(np.sum(errors + np.log1p(np.exp(-2 * errors)) - np.log(2)))

    path = glrl_symmetric(objective((3, 3), value, lambda matrix: np.tanh(matrix - targets)))
    assert path.outcome is Outcome.MINIMUM
    assert path.limit == pytest.approx(targets, abs=1e-7)


@pytest.mark.parametrize("target", [1.0, 1e-30, 1e30])
def test_one_by_one(target: float) -> None:
    path = glrl_symmetric(full(np.array([[target]])))
    assert (path.outcome, path.rank) == (Outcome.MINIMUM, 1)
    assert path.limit[0, 0] == pytest.approx(target, rel=1e-12)
    assert glrl_symmetric(full(np.array([[-target]]))).rank == 0
    assert glrl_asymmetric(full(np.array([[-target]]))).limit[0, 0] == pytest.approx(-target, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
def test_units_change_nothing(scale: float) -> None:
    problem = rank_three(5, 2)
    scaled = MatrixCompletion(problem.mask, scale * problem.targets)
    mine, other = glrl_symmetric(completion(scaled)), glrl_symmetric(completion(problem))
    assert (mine.outcome, mine.rank) == (other.outcome, other.rank)
    assert gap(mine.limit / scale, other.limit) < 1e-9


def test_an_objective_without_a_minimum_says_so() -> None:
    linear = objective((2, 2), lambda w: -float(np.trace(w)), lambda w: -np.eye(2))
    assert glrl_symmetric(linear).outcome is Outcome.DIVERGED


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("eps", {"eps": 0}),
        ("eps", {"eps": "-1e-9"}),
        ("eps", {"eps": "0.1"}),
        ("eps", {"eps": "1e-17"}),
        ("eps", {"eps": float("nan")}),
        ("eps", {"eps": "tiny"}),
        ("eps", {"eps": None}),
        ("tolerance", {"tolerance": 0}),
        ("tolerance", {"tolerance": 2}),
        ("tolerance", {"tolerance": "tiny"}),
        ("max_rank", {"max_rank": 0}),
        ("max_rank", {"max_rank": 1.5}),
        ("max_steps", {"max_steps": 0}),
        ("max_steps", {"max_steps": "many"}),
    ],
)
@pytest.mark.parametrize("algorithm", [glrl_symmetric, glrl_asymmetric])
def test_bad_input_gets_one_line(algorithm: object, name: str, changed: dict[str, object]) -> None:
    with pytest.raises(ArgumentError) as caught:
        algorithm(full(np.eye(2)), **changed)  # type: ignore[operator]
    assert caught.value.argument == name
    assert "\n" not in str(caught.value)


def exact_number(number: flint.arb) -> Fraction:
    mantissa, exponent = number.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def rational_square(problem: MatrixCompletion, factor: np.ndarray) -> Fraction:
    """|grad f(U U^T) U|_F^2 in rational numbers."""
    rows = [[Fraction(entry) for entry in row] for row in factor.tolist()]
    size, columns, total = len(rows), len(rows[0]), Fraction(0)
    targets = dict(zip(problem.observed, problem.exact_targets, strict=True))
    for i in range(size):
        for k in range(columns):
            entry = Fraction(0)
            for j in range(size):
                if (i, j) in targets:
                    product = sum((rows[i][m] * rows[j][m] for m in range(columns)), Fraction(0))
                    entry += problem.exact_weight * (product - targets[i, j]) * rows[j][k]
            total += entry**2
    return total


@pytest.mark.parametrize("normalization", ["sum/2", "mean-observed", "mean-all"])
@pytest.mark.parametrize("near", [True, False])
def test_the_certified_gradient_norm_is_a_ball_with_the_rational_one_in_it(near: bool, normalization: str) -> None:
    plain = counterexample(1.1)
    problem = MatrixCompletion(plain.mask, plain.targets, normalization)  # type: ignore[arg-type]
    noise = np.random.default_rng(7).standard_normal((4, 2))
    factor = glrl_symmetric(completion(problem)).points[-1].factor if near else noise
    found, square = certified_gradient_norm(problem, factor), rational_square(problem, factor)
    with precision(128):
        low, high = (exact_number(part) for part in (found.lower(), found.upper()))
    assert (low**2 if low > 0 else 0) <= square <= high**2
    assert high - low <= Fraction(1, 10**30)
    measured = float(np.linalg.norm(completion(problem).gradient(factor @ factor.T) @ factor))
    assert float(found.mid()) == pytest.approx(measured, rel=1e-12, abs=1e-14)


def test_the_certified_gradient_norm_leaves_the_precision_alone() -> None:
    before = flint.ctx.prec
    certified_gradient_norm(counterexample(1.5), np.ones((4, 1)))
    assert flint.ctx.prec == before
