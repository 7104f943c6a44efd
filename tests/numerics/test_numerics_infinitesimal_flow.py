"""Flows from any smallness against direct integration: catches a plateau, a clock or a tiny column that is off."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from numerics import (
    ArgumentError,
    InfinitesimalFlow,
    MatrixCompletion,
    Objective,
    ScipyEngine,
    completion,
    end_to_end,
    flow_limit,
    glrl_symmetric,
    infinitesimal_flow,
    integrate,
    lifted,
    objective,
    sensing,
)
from numerics.coupling import connectivity
from numerics.infinitesimal_flow import Climb, Outcome, Plateau
from numerics.random_completion import diagonal_problem

RATIOS = [1.1, 1.5, 2.0]


def counterexample(ratio: float, normalization: str = "sum/2") -> MatrixCompletion:
    targets = np.zeros((4, 4))
    for row, column, target in ((0, 2, 1.0), (0, 3, ratio), (1, 2, ratio)):
        targets[row, column] = targets[column, row] = target
    return MatrixCompletion(targets != 0, targets, normalization)  # type: ignore[arg-type]


def rank_one(ratio: float) -> np.ndarray:
    column = np.array([1.0, ratio, 1.0, ratio])
    return np.outer(column, column)


def rank_three(size: int, seed: int) -> tuple[MatrixCompletion, np.ndarray]:
    """A rank-3 truth whose diagonal is observed, and a generic start."""
    random = np.random.default_rng(seed)
    columns = random.standard_normal((size, 3)) * [2.0, 1.0, 0.5]
    upper = np.triu(random.random((size, size)) < 0.8) | np.eye(size, dtype=bool)
    return MatrixCompletion(upper | upper.T, columns @ columns.T), random.standard_normal((size, size))


def gap(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first - second) / np.linalg.norm(second))


def directly(problem: MatrixCompletion, start: np.ndarray, alpha: float, times: np.ndarray) -> list[np.ndarray]:
    """W at the times by `integrate`, one leg after another; W_2 = U, W_1 = U^T."""
    layers, found = [alpha * start.T, alpha * start], []
    for leg in np.diff(times, prepend=0.0):
        flow = integrate(
            problem,
            layers,
            engine=ScipyEngine(),
            relative_tolerance=1e-12,
            residual_tolerance=1e-15,
            max_time=float(leg),
            max_steps=10**6,
            moments=2,
        )
        layers = list(flow.final_layers)
        found.append(flow.products[-1])
    return found


@pytest.mark.parametrize("alpha", ["1e-3", "1e-6"])
@pytest.mark.parametrize("columns", [2, 4, 7])
@pytest.mark.parametrize("normalization", ["sum/2", "mean-all"])
def test_the_counterexample_at_all_times_against_direct_integration(
    alpha: str, columns: int, normalization: str
) -> None:
    problem = counterexample(1.5, normalization)
    start = np.random.default_rng(columns).standard_normal((4, columns))
    found = infinitesimal_flow(completion(problem), start, alpha)
    times = np.linspace(0.2, 0.95, 9) * float(found.times[-1])
    for time, exact in zip(times, directly(problem, start, float(alpha), times), strict=True):
        assert gap(found.matrix(time), exact) < 1e-7


@pytest.mark.parametrize("size", [6, 8])
@pytest.mark.parametrize("alpha", ["1e-3", "1e-6"])
def test_several_plateaus_against_direct_integration(size: int, alpha: str) -> None:
    problem, start = rank_three(size, 1)
    found = infinitesimal_flow(completion(problem), start, alpha)
    assert found.outcome is Outcome.MINIMUM
    # Direct integration of the slow end takes a minute and more.
    times = np.linspace(0.1, 0.95, 12) * min(float(found.times[-1]), 60.0)
    for time, exact in zip(times, directly(problem, start, float(alpha), times), strict=True):
        assert gap(found.matrix(time), exact) < 1e-6


@pytest.mark.parametrize("alpha", ["1e-3", "1e-6"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_the_limit_is_that_of_the_flow(alpha: str, ratio: float) -> None:
    problem = counterexample(ratio)
    exact = flow_limit(problem, [float(alpha) * np.eye(4)] * 2, relative_tolerance=1e-12, residual_tolerance=1e-8)
    found = infinitesimal_flow(completion(problem), np.eye(4), alpha)
    assert gap(found.limit, exact.matrix) < 1e-9 + exact.error


@pytest.mark.parametrize("alpha", ["1e-100", "1e-280", 1e-100, Fraction(1, 10**100)])
@pytest.mark.parametrize("ratio", RATIOS)
def test_from_a_hundred_digits_below_to_the_greedy_limit(ratio: float, alpha: object) -> None:
    problem = completion(counterexample(ratio))
    found = infinitesimal_flow(problem, np.eye(4), alpha)
    assert found.outcome is Outcome.MINIMUM
    assert [point.rank for point in found.points] == [0, 1]
    assert gap(found.limit, rank_one(ratio)) < 1e-10
    assert gap(found.limit, glrl_symmetric(problem).limit) < 1e-10


def clock(flow: InfinitesimalFlow) -> float:
    return float(flow.times[-1])


def test_the_time_shift_is_what_the_flow_lags_by() -> None:
    """Twice the logarithm, twice the lag: times at which the first plateau ends differ by the shifts' difference."""
    ends, shifts = [], []
    for alpha in ("1e-50", "1e-100", "1e-200"):
        found = infinitesimal_flow(completion(counterexample(1.5)), np.eye(4), alpha)
        ends.append(found.phases[0].end)
        shifts.append(found.time_shift)
    assert np.diff(ends) == pytest.approx(np.diff(shifts), rel=1e-12)
    rate = (np.sqrt(1 + 4 * 1.5**2) + 1) / 2
    # u_1 is a unit vector, U_0 = I.
    assert shifts == pytest.approx(np.log([1e50, 1e100, 1e200]) / rate, rel=1e-12)


def test_the_shifted_flow_is_the_greedy_stage() -> None:
    f = completion(counterexample(1.5))
    flow, stage = infinitesimal_flow(f, np.eye(4), "1e-100"), glrl_symmetric(f).stages[0]
    for time in np.linspace(-3.0, 6.0, 10):
        assert gap(flow.matrix(time + flow.time_shift), stage.matrix(time)) < 1e-8


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_local_exponent_of_the_distance_down_to_a_billionth(ratio: float) -> None:
    """|W - M_rank| ~ alpha^{2(1 - mu_2/mu_1)}: the slope between neighbours approaches it as alpha -> 0."""
    root = np.sqrt(1 + 4 * ratio**2)
    exponent = 2 * (1 - (root - 1) / (root + 1))
    logarithms = np.array([-5.0, -6, -7, -8, -9, -10, -11])
    distances = np.array(
        [
            gap(infinitesimal_flow(completion(counterexample(ratio)), np.eye(4), f"1e{int(k)}").limit, rank_one(ratio))
            for k in logarithms
        ]
    )
    kept = (distances > 1e-9) & (distances < 1e-3)
    slopes = np.diff(np.log10(distances[kept])) / np.diff(logarithms[kept])
    assert len(slopes) >= 2
    assert slopes == pytest.approx(exponent, rel=5e-3)
    assert abs(slopes[-1] - exponent) < 2e-4


def exact_factors(alpha: str, ratio: str, steps: int, step: str) -> list[mpmath.matrix]:
    """U after each step for U_0 = I: Taylor steps of order 30 with mpmath at 50 digits."""
    targets = mpmath.matrix(4, 4)
    for row, column, target in ((0, 2, "1"), (0, 3, ratio), (1, 2, ratio)):
        targets[row, column] = targets[column, row] = mpmath.mpf(target)
    observed = [(i, j) for i in range(4) for j in range(4) if targets[i, j]]
    found = [mpmath.mpf(alpha) * mpmath.eye(4)]
    for _ in range(steps):
        columns, pulls = [found[-1]], list[mpmath.matrix]()
        for order in range(30):
            pull = mpmath.matrix(4, 4)
            for i, j in observed:
                products = (columns[k][i, m] * columns[order - k][j, m] for k in range(order + 1) for m in range(4))
                pull[i, j] = (targets[i, j] if order == 0 else 0) - mpmath.fsum(products)
            pulls.append(pull)
            moved = mpmath.matrix(4, 4)
            for k in range(order + 1):
                moved += pulls[k] * columns[order - k]
            columns.append(moved / (order + 1))
        state = mpmath.matrix(4, 4)
        for coefficient in reversed(columns):
            state = state * mpmath.mpf(step) + coefficient
        found.append(state)
    return found


def test_a_tiny_column_keeps_its_digits() -> None:
    """sigma_2(U) at alpha = 1e-8 beside 50 digits; sigma_2(W) is 1e-8 of sigma_1 and less."""
    found = infinitesimal_flow(completion(counterexample(1.5)), np.eye(4), "1e-8")
    with mpmath.workdps(50):
        exact = exact_factors("1e-8", "1.5", 64, "0.15625")
        for count in (20, 40, 56, 64):
            second = sorted(mpmath.svd_r(exact[count], compute_uv=False))[-2]
            measured = np.linalg.svd(found.factor(count * 0.15625), compute_uv=False)[1]
            assert measured == pytest.approx(float(second), rel=1e-8)


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_second_value_scales_with_alpha_down_to_hundreds_of_digits(ratio: float) -> None:
    """sigma_2 ~ alpha^{2(1 - mu_2/mu_1)} at the end, with equal constants; at 1e-270 its root is below 1e-154."""
    root = np.sqrt(1 + 4 * ratio**2)
    exponent = 2 * (1 - (root - 1) / (root + 1))
    constants = []
    for digits in (20, 60, 100, 270):
        found = infinitesimal_flow(completion(counterexample(ratio)), np.eye(4), f"1e-{digits}")
        lengths = np.sort(np.hypot.reduce(found.factor(clock(found)), axis=0))
        constants.append(2 * np.log10(lengths[-2]) + exponent * digits)
    assert constants == pytest.approx([constants[0]] * 4, abs=1e-6)


def test_what_neither_grows_nor_decays_is_part_of_the_limit() -> None:
    """Row 2 is pulled to 0, row 3 is not observed: its square stays what it was."""
    mask = np.ones((3, 3))
    mask[2], mask[:, 2] = 0, 0
    f = completion(MatrixCompletion(mask, np.diag([1.0, -1.0, 0.0])))
    limit = infinitesimal_flow(f, np.eye(3), "1e-7").limit
    assert limit[0, 0] == pytest.approx(1)
    assert limit[1, 1] == pytest.approx(0, abs=1e-25)
    assert limit[2, 2] == pytest.approx(1e-14, rel=1e-9, abs=0)


def test_columns_of_any_ratio_of_sizes_keep_their_determinant() -> None:
    """On a plateau det U(t) = det U(0) e^(t tr G), whatever the order of the columns."""
    turn = np.linalg.qr(np.random.default_rng(9).standard_normal((4, 4)))[0]
    start = np.random.default_rng(10).standard_normal((4, 4))
    sizes = np.array([1e-40, 1.0, 1e-20, 1e-60])
    found = infinitesimal_flow(full(turn @ np.diag([3.0, 2.0, 1.0, -1.0]) @ turn.T), start * sizes, "1e-50")
    plateau = found.phases[0]
    for time in np.linspace(0, plateau.end, 5):
        factor = plateau.factor(time)
        lengths = np.hypot.reduce(factor, axis=0)
        logarithm = np.linalg.slogdet(factor / lengths)[1] + np.sum(np.log(lengths))
        exact = np.linalg.slogdet(start)[1] + np.sum(np.log(sizes * 1e-50)) + 5.0 * time
        assert logarithm == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("alpha", ["1e-3", "1e-100"])
def test_a_rotation_of_the_start_changes_nothing(alpha: str) -> None:
    problem, start = rank_three(6, 1)
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((6, 6)))[0]
    first, second = (infinitesimal_flow(completion(problem), matrix, alpha) for matrix in (start, start @ turn))
    assert first.time_shift == pytest.approx(second.time_shift, rel=1e-12)
    for time in np.linspace(0.4, 0.99, 8) * min(clock(first), clock(second)):
        assert gap(first.matrix(time), second.matrix(time)) < 2e-6
    assert gap(first.limit, second.limit) < 1e-9


def test_phases_join() -> None:
    problem, start = rank_three(6, 1)
    found = infinitesimal_flow(completion(problem), start, "1e-40")
    assert [type(phase) for phase in found.phases] == [Plateau, Climb] * (len(found.phases) // 2)
    assert [point.rank for point in found.points] == [0, 1, 2, 3]
    for before, after in zip(found.phases, found.phases[1:], strict=False):
        assert before.end == after.begin
        assert gap(before.factor(before.end) @ before.factor(before.end).T, found.matrix(after.begin)) < 1e-6
    assert np.all(np.diff(found.times) >= 0)
    assert gap(found.matrix(0.0) * 1e80, start @ start.T) < 1e-12
    ranks = [
        np.linalg.matrix_rank(found.matrix(phase.end), tol=1e-6) for phase in found.phases if isinstance(phase, Climb)
    ]
    assert ranks == [1, 2, 3]


@pytest.mark.parametrize("time", [-1.0, 1e9, float("nan")])
def test_times_outside_are_refused(time: float) -> None:
    found = infinitesimal_flow(completion(counterexample(1.5)), np.eye(4), "1e-6")
    with pytest.raises(ArgumentError, match="time"):
        found.matrix(time)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("alpha", {"alpha": 0}),
        ("alpha", {"alpha": "-1e-3"}),
        ("alpha", {"alpha": float("inf")}),
        ("alpha", {"alpha": float("nan")}),
        ("alpha", {"alpha": "1e-300"}),
        ("alpha", {"alpha": "1e300"}),
        ("alpha", {"alpha": "small"}),
        ("alpha", {"alpha": None}),
        ("start", {"start": np.eye(3)}),
        ("start", {"start": np.ones(4)}),
        ("start", {"start": np.ones((4, 0))}),
        ("start", {"start": np.zeros((4, 4))}),
        ("start", {"start": np.full((4, 4), np.nan)}),
        ("start", {"start": "eye"}),
        ("start", {"start": np.eye(4) * 1j}),
        ("tolerance", {"tolerance": 0}),
        ("tolerance", {"tolerance": 1}),
        ("tolerance", {"tolerance": float("nan")}),
        ("tolerance", {"tolerance": "little"}),
        ("max_steps", {"max_steps": 0}),
        ("f", {"f": completion(MatrixCompletion(np.triu(np.ones((4, 4))), np.ones((4, 4))))}),
        ("f", {"f": completion(MatrixCompletion(np.ones((2, 4)), np.ones((2, 4))))}),
        ("f", {"f": completion(MatrixCompletion(np.eye(4), 1e150 * np.eye(4)))}),
    ],
)
def test_bad_input_gets_one_line(name: str, changed: dict[str, object]) -> None:
    arguments = {"f": completion(counterexample(1.5)), "start": np.eye(4), "alpha": "1e-6"} | changed
    with pytest.raises(ArgumentError) as caught:
        infinitesimal_flow(**arguments)  # type: ignore[arg-type]
    assert caught.value.argument == name
    assert "\n" not in str(caught.value)


def full(targets: np.ndarray) -> Objective:
    return completion(MatrixCompletion(np.ones(targets.shape), targets))


@pytest.mark.parametrize("alpha", ["1e-100", "1e-3", "0.5", "100"])
@pytest.mark.parametrize("eigenvalues", [[3.0, 1, -1], [1, 1, 1], [2, 2, 0.5], [1, 0, 0], [-1, -2, -3]])
def test_full_observation_against_the_psd_part(alpha: str, eigenvalues: list[float]) -> None:
    """All entries observed: the limit is the positive part of the targets, also from large starts."""
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((3, 3)))[0]
    start = np.random.default_rng(6).standard_normal((3, 3))
    exact = turn @ np.diag(np.maximum(eigenvalues, 0)) @ turn.T
    found = infinitesimal_flow(full(turn @ np.diag(eigenvalues) @ turn.T), start, alpha)
    assert found.outcome is Outcome.MINIMUM
    assert np.linalg.norm(found.limit - exact) < 1e-6
    assert np.isfinite(found.matrix(clock(found))).all()


@pytest.mark.parametrize("alpha", ["1e-100", "1e-6", "1"])
@pytest.mark.parametrize("target", [1.0, -1.0, 0.0, 1e30, 1e-30])
def test_one_by_one(target: float, alpha: str) -> None:
    """w' = 2 w (t - w) from alpha^2."""
    found = infinitesimal_flow(full(np.array([[target]])), np.eye(1), alpha)
    assert found.outcome in (Outcome.MINIMUM, Outcome.NOT_SETTLED)
    if found.outcome is Outcome.MINIMUM and target > 0:
        assert found.limit[0, 0] == pytest.approx(target, rel=1e-12)
        shift = np.log(target) / (2 * target) - np.log(float(alpha)) / target
        if abs(target) == 1:
            assert found.matrix(shift)[0, 0] == pytest.approx(1 / (2 - float(alpha) ** 2), rel=1e-9)


def test_nothing_to_follow() -> None:
    """Targets of zeros or of a negative definite matrix: W = 0 is the minimum, and a tiny flow is there already."""
    for targets in (np.zeros((2, 2)), -np.eye(2)):
        found = infinitesimal_flow(full(targets), np.eye(2), "1e-100")
        assert found.outcome is Outcome.MINIMUM
        assert np.abs(found.limit).max() <= 1e-199
        assert found.times.tolist() == [0.0]
        assert found.time_shift == np.inf
        assert np.abs(found.matrix(0.0)).max() <= 1.1e-200


def test_rounding_in_a_rate_of_zero_is_not_an_escape() -> None:
    """-v v^T has rates 0, 0, -1 up to rounding."""
    column = np.random.default_rng(0).standard_normal((5, 1))
    found = infinitesimal_flow(full(-column @ column.T), np.eye(5), "1e-100")
    assert (found.outcome, len(found.points)) == (Outcome.MINIMUM, 1)


def test_too_few_columns_are_said_to_be_too_few() -> None:
    found = infinitesimal_flow(full(np.diag([3.0, 2.0, 1.0])), np.random.default_rng(1).standard_normal((3, 2)), "1e-9")
    assert found.outcome is Outcome.NO_COLUMNS
    assert found.limit == pytest.approx(np.diag([3.0, 2.0, 0.0]), abs=1e-9)


def test_a_start_off_the_escape_goes_to_another_critical_point() -> None:
    found = infinitesimal_flow(full(np.diag([3.0, 2.0])), np.array([[0.0], [1.0]]), "1e-9")
    assert found.outcome is Outcome.NO_COLUMNS
    assert found.limit == pytest.approx(np.diag([0.0, 2.0]), abs=1e-9)
    assert found.time_shift == np.inf


def test_rows_that_nobody_observes_stay_where_they_were() -> None:
    targets = np.zeros((4, 4))
    targets[:2, :2] = [[2, 1], [1, 1]]
    mask = np.zeros((4, 4))
    mask[:2, :2] = 1
    found = infinitesimal_flow(completion(MatrixCompletion(mask, targets)), np.eye(4), "1e-50")
    assert found.outcome is Outcome.MINIMUM
    assert found.limit == pytest.approx(targets, abs=1e-9)


def test_an_objective_without_a_minimum_says_so() -> None:
    linear = objective((2, 2), lambda w: -float(np.trace(w)), lambda w: -np.eye(2))
    assert infinitesimal_flow(linear, np.eye(2), "1e-6").outcome is Outcome.DIVERGED


def test_running_out_of_steps_is_said() -> None:
    problem, start = rank_three(6, 1)
    found = infinitesimal_flow(completion(problem), start, "1e-100", max_steps=20)
    assert found.outcome is Outcome.NOT_SETTLED
    assert np.isfinite(found.limit).all()


def test_an_asymmetric_problem_by_its_lifting() -> None:
    """W = A B^T with A and B small and different; beside direct integration of the two layers."""
    random = np.random.default_rng(7)
    problem = MatrixCompletion(np.ones((3, 2)), random.standard_normal((3, 2)))
    start = random.standard_normal((5, 3))
    found = infinitesimal_flow(lifted(completion(problem)), start, "1e-5")
    layers = [1e-5 * start[3:].T, 1e-5 * start[:3]]
    end = 0.7 * clock(found)
    flow = integrate(
        problem,
        layers,
        engine=ScipyEngine(),
        relative_tolerance=1e-12,
        residual_tolerance=1e-15,
        max_time=end,
        moments=2,
    )
    assert gap(found.matrix(end)[:3, 3:], flow.products[-1]) < 1e-7


def test_sensing_recovers_a_matrix_of_rank_two() -> None:
    random = np.random.default_rng(8)
    columns = random.standard_normal((6, 2))
    matrices = random.standard_normal((18, 6, 6))
    matrices = matrices + matrices.transpose(0, 2, 1)
    truth = columns @ columns.T
    f = sensing(matrices / 6, np.einsum("kij,ij->k", matrices / 6, truth))
    found = infinitesimal_flow(f, random.standard_normal((6, 6)), "1e-60")
    assert found.outcome is Outcome.MINIMUM
    assert gap(found.limit, truth) < 1e-8


def test_a_column_that_settled_in_one_part_of_the_mask_still_grows_in_another() -> None:
    """Pinned: the closed form of a plateau once dropped what a settled column holds in the other part, seed 143."""
    problem = diagonal_problem(4, True, 143)
    assert len(connectivity(problem.mask).components) == 2
    start = np.random.default_rng(143).standard_normal((4, 4))
    flow = infinitesimal_flow(completion(problem), start, "1e-12")
    layers = [1e-12 * start.T, 1e-12 * start]
    for time in (40.0, 55.0, 70.0, 90.0):
        own = integrate(problem, layers, max_time=time, residual_tolerance=1e-14, relative_tolerance=1e-12)
        matrix = end_to_end(own.final_layers)
        assert own.times[-1] == pytest.approx(time)
        assert np.linalg.norm(flow.matrix(time) - matrix) < 1e-7
    # What is not observed between the parts is not zero, as it would be in greedy low-rank learning.
    assert abs(flow.matrix(90.0)[0, 1:]).max() > 0.1
