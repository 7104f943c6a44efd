"""Speed of gradient flow, as ratios measured in one run. Off by default: `make bench`. Takes a quarter of an hour.

Most of it is DOP853 on the stiff problem, which is what the ratio there is about.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from numerics.block_diagonal import BlockFamily, exact_layers, problem
from numerics.block_limit import limit
from numerics.factorization import MatrixCompletion, end_to_end
from numerics.gradient_flow import ChebyshevEngine, ScipyEngine, ensemble, flow_limit, integrate, precise_limit, project
from numerics.gradient_flow.term import Term
from numerics.initialization import gaussian_layers, layer_shapes
from numerics.threads import threads_for

SIZE, RANK, NORM, OBSERVED, SCALE = 100, 5, 100.0, 2_000, 1e-3
#: Until about here the flow of the large problem is not stiff.
EARLY = 12.0


@pytest.fixture(autouse=True)
def one_blas_thread() -> Iterator[None]:
    """For the plain ways too."""
    with threads_for([np.empty((SIZE, SIZE))] * 2):
        yield


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def large(depth: int) -> tuple[MatrixCompletion, list[np.ndarray]]:
    """100 x 100, rank 5, |W*|_F = 100, 2000 observed entries, Gaussian layers of product scale 1e-3."""
    random = np.random.default_rng(1)
    truth = random.standard_normal((SIZE, RANK)) @ random.standard_normal((RANK, SIZE))
    mask = np.zeros(SIZE * SIZE, dtype=bool)
    mask[random.choice(SIZE * SIZE, OBSERVED, replace=False)] = True
    shape = (SIZE, SIZE)
    found = MatrixCompletion(mask.reshape(shape), NORM / np.linalg.norm(truth) * truth)
    return found, gaussian_layers(layer_shapes(SIZE, SIZE, depth), SCALE, seed=2)


def residual_for(found: MatrixCompletion, mean_square: float) -> float:
    """The relative residual at a mean-square error on the observed entries."""
    return float(np.sqrt(mean_square * OBSERVED) / np.linalg.norm(found.targets))


def distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first - second) / np.linalg.norm(second))


def gemm_seconds() -> float:
    left, right, out = np.ones((3, SIZE, SIZE))

    def products() -> None:
        for _ in range(1000):
            np.matmul(left, right, out=out)

    return statistics.median(seconds(products) for _ in range(7)) / 1000


# ---- 300 random 2 x 2 trajectories of depth 4 ----


def plain_trajectory(found: MatrixCompletion, layers: list[np.ndarray]) -> list[np.ndarray]:
    """solve_ivp with DOP853 and a NumPy right-hand side; at looser tolerances it stalls above the loss."""
    depth = len(layers)

    def products(state: np.ndarray) -> list[np.ndarray]:
        prefixes = [state[0]]
        for layer in state[1:]:
            prefixes.append(layer @ prefixes[-1])
        return prefixes

    def velocity(_time: float, state: np.ndarray) -> np.ndarray:
        stacked = state.reshape(depth, 2, 2)
        prefixes = products(stacked)
        back = found.mask * (found.targets - prefixes[-1])
        out = np.empty_like(stacked)
        for index in range(depth - 1, 0, -1):
            out[index] = back @ prefixes[index - 1].T
            back = stacked[index].T @ back
        out[0] = back
        return out.ravel()

    def small(_time: float, state: np.ndarray) -> float:
        error = found.mask * (found.targets - products(state.reshape(depth, 2, 2))[-1])
        return 0.5 * float(np.sum(error * error)) - 1e-20

    small.terminal = True  # type: ignore[attr-defined]
    solution = solve_ivp(velocity, (0, 1e4), np.ravel(layers), method="DOP853", rtol=1e-10, atol=1e-14, events=small)
    return list(solution.y[:, -1].reshape(depth, 2, 2))


def test_three_hundred_small_trajectories() -> None:
    random = np.random.default_rng(0)
    found = MatrixCompletion(np.array([[1, 0], [1, 1]]), random.standard_normal((2, 2)))
    starts = [[0.5 * random.standard_normal((2, 2)) for _ in range(4)] for _ in range(300)]
    options = {"residual_tolerance": float(np.sqrt(2e-20) / np.linalg.norm(found.targets)), "relative_tolerance": 1e-14}
    compile_seconds = seconds(lambda: ensemble(found, starts[:1], **options))
    plain = statistics.median(seconds(lambda layers=layers: plain_trajectory(found, layers)) for layers in starts[:60])
    ours = statistics.median(seconds(lambda: ensemble(found, starts, **options)) for _ in range(5)) / 300
    batch = ensemble(found, starts, **options)
    assert batch.converged.all()
    errors: list[tuple[float, float]] = []
    for number in range(0, 60, 3):
        exact = precise_limit(found, starts[number], digits=30)
        reference = np.array([[float(exact.matrix[i, j].mid()) for j in range(2)] for i in range(2)])
        ends = (plain_trajectory(found, starts[number]), [layer[number] for layer in batch.layers])
        errors.append(tuple(distance(end_to_end(project(found, end)), reference) for end in ends))  # type: ignore[arg-type]
    worst = np.max(errors, axis=0)
    print(
        f"\n300 random 2x2 depth-4 trajectories to loss 1e-20, each: solve_ivp {plain * 1e3:.2f} ms, "
        f"error {worst[0]:.1e}; ensemble {ours * 1e6:.0f} us, error {worst[1]:.1e}; ratio {plain / ours:.0f}; "
        f"compiled once in {compile_seconds:.1f} s; reference: 20 MPFR trajectories"
    )
    assert worst[1] <= worst[0]
    assert plain / ours >= 80


def test_fifty_digit_trajectories() -> None:
    for depth in (2, 3, 4):
        family = BlockFamily(depth, 2, 1, "0.7", "0.1", 10)  # type: ignore[arg-type]
        compile_seconds = seconds(lambda family=family: precise_limit(problem(family), exact_layers(family), digits=50))
        begin = time.perf_counter()
        found = precise_limit(problem(family), exact_layers(family), digits=50)
        took = time.perf_counter() - begin
        proven = limit(family, 70)
        pairs = zip(found.singular_values, (proven.first, proven.rest), strict=True)
        digits = min(-np.log10(float(abs(a.mid() - b.mid()) / b.mid()) or 1e-70) for a, b in pairs)
        print(f"\n50 digits, 2x2, L = {depth}: {digits:.1f} agree in {took:.2f} s; first {compile_seconds:.2f} s")
        assert digits >= 45
        assert took < 1


# ---- 100 x 100 ----


def test_the_right_hand_side_and_the_run_are_mostly_matrix_products() -> None:
    found, layers = large(3)
    term = Term(found, layers)
    state = term.pack(layers)
    out = np.empty_like(state)

    def evaluations() -> None:
        for _ in range(300):
            term.velocity(state, out)

    integrate(found, layers, engine=ChebyshevEngine(), max_time=0.1, moments=2)
    rows = []
    for _ in range(9):
        products = 3 * 2 * gemm_seconds()
        evaluation = seconds(evaluations) / 300
        begin = time.perf_counter()
        flow = integrate(
            found,
            layers,
            engine=ChebyshevEngine(),
            relative_tolerance=1e-3,
            residual_tolerance=residual_for(found, 1e-6),
            moments=2,
        )
        run = (time.perf_counter() - begin) / flow.evaluations
        rows.append((products / evaluation, products / run))
    evaluation_share, run_share = np.median(rows, axis=0)
    print(
        f"\n100x100, depth 3, to mean-square error 1e-6: matrix products are {evaluation_share:.0%} of one evaluation "
        f"and {run_share:.0%} of the run per evaluation ({flow.evaluations} evaluations)"
    )
    assert evaluation_share >= 0.75
    assert run_share >= 0.60


@pytest.mark.parametrize("depth", [3, 4])
def test_the_stiff_end_against_dop853(depth: int) -> None:
    """From the start to mean-square error 1e-8; errors at one common time.

    Reference: DOP853 at 1e-11 while it is not stiff, chebyshev at 3e-8 after that.
    """
    found, layers = large(depth)
    begin = time.perf_counter()
    plain = integrate(
        found,
        layers,
        engine=ScipyEngine(),
        relative_tolerance=1e-6,
        residual_tolerance=residual_for(found, 1e-8),
        max_steps=10**7,
        moments=2,
    )
    plain_seconds = time.perf_counter() - begin
    end = float(plain.times[-1])

    forever: Any = {"residual_tolerance": 1e-12, "max_steps": 10**7, "moments": 2}
    early = integrate(found, layers, engine=ScipyEngine(), relative_tolerance=1e-11, max_time=EARLY, **forever)

    def chebyshev(tolerance: float, start: list[np.ndarray], span: float) -> np.ndarray:
        flow = integrate(found, start, engine=ChebyshevEngine(), relative_tolerance=tolerance, max_time=span, **forever)
        return end_to_end(flow.final_layers)

    reference = chebyshev(3e-8, early.final_layers, end - EARLY)
    begin = time.perf_counter()
    mine = chebyshev(1e-7, layers, end)
    mine_seconds = time.perf_counter() - begin
    errors = [distance(matrix, reference) for matrix in (end_to_end(plain.final_layers), mine)]
    print(
        f"\n100x100, depth {depth}, to mean-square error 1e-8 (t = {end:.0f}): DOP853 {plain_seconds:.1f} s, "
        f"{plain.evaluations} evaluations, error {errors[0]:.1e}; chebyshev {mine_seconds:.2f} s, "
        f"error {errors[1]:.1e}; ratio {plain_seconds / mine_seconds:.0f}"
    )
    assert errors[1] <= errors[0]
    assert plain_seconds / mine_seconds >= 25


# ---- against gradient descent ----


def descend(
    found: MatrixCompletion, layers: list[np.ndarray], rate: float, mean_square: float
) -> tuple[float, int, np.ndarray] | None:
    """Seconds, steps and end point of gradient descent on the sum/2 loss; None where it diverges."""
    term = Term(found, layers)
    state, step = term.pack(layers), np.empty(term.size + 1)
    bound, begin = np.sqrt(mean_square * OBSERVED), time.perf_counter()
    for count in range(1, 1_000_000):
        term.velocity(state, step)
        if term.residual_norm <= bound:
            return time.perf_counter() - begin, count, end_to_end(term.unpack(state))
        if not term.residual_norm < 1e3 * NORM:
            return None
        step *= rate
        state += step
    return None


def fastest_descent(
    found: MatrixCompletion, layers: list[np.ndarray], mean_square: float
) -> tuple[float, tuple[float, int, np.ndarray]]:
    """The rate, on a ladder of 5%, at which descent takes the fewest steps."""
    runs = {rate: descend(found, layers, rate, mean_square) for rate in 0.017 * 0.95 ** np.arange(8)}
    best = min((rate for rate in runs if runs[rate] is not None), key=lambda rate: runs[rate][1])  # type: ignore[index]
    return float(best), runs[best]  # type: ignore[return-value]


def test_against_descent_at_depth_two_and_equal_distance_from_the_limit() -> None:
    found, layers = large(2)
    exact = flow_limit(found, layers, relative_tolerance=1e-10, residual_tolerance=1e-5)
    assert exact.error < 1e-4
    rate = 0.02
    while True:
        run = descend(found, layers, rate, 1e-8)
        if run is not None and distance(run[2], exact.matrix) <= 1e-3:
            break
        rate /= 1.5
    begin = time.perf_counter()
    flow = integrate(
        found, layers, engine=ChebyshevEngine(), relative_tolerance=1e-4, residual_tolerance=1e-4, moments=2
    )
    took = time.perf_counter() - begin
    reached = distance(end_to_end(flow.final_layers), exact.matrix)
    print(
        f"\ndepth 2, within 1e-3 of the flow's limit: descent {run[0]:.2f} s ({run[1]} steps at rate {rate:.2g}), "
        f"chebyshev {took:.3f} s at distance {reached:.1e}; ratio {run[0] / took:.0f}"
    )
    assert reached <= 1e-3
    assert run[0] / took >= 10


def flow_at(found: MatrixCompletion, layers: list[np.ndarray], end: float) -> np.ndarray:
    """W(end) of the flow: DOP853 at 1e-9 while it is not stiff, chebyshev at 1e-6 after that."""
    forever: Any = {"residual_tolerance": 1e-12, "max_steps": 10**7, "moments": 2}
    early = integrate(
        found, layers, engine=ScipyEngine(), relative_tolerance=1e-9, max_time=min(end, EARLY), **forever
    ).final_layers
    if end <= EARLY:
        return end_to_end(early)
    late = integrate(found, early, engine=ChebyshevEngine(), relative_tolerance=1e-6, max_time=end - EARLY, **forever)
    return end_to_end(late.final_layers)


@pytest.mark.parametrize(("mean_square", "tolerance", "asked"), [(1e-8, 3e-3, 10.0), (1e-6, 3e-3, 1.0)])
def test_against_the_fastest_descent_at_depth_three(mean_square: float, tolerance: float, asked: float) -> None:
    """Distances are from the flow at each way's own time, which for descent is steps times rate."""
    found, layers = large(3)
    options: Any = {"residual_tolerance": residual_for(found, mean_square), "moments": 2, "max_steps": 10**6}
    rate, run = fastest_descent(found, layers, mean_square)
    plain, mine = [], []
    for _ in range(3 if mean_square < 1e-7 else 15):
        again = descend(found, layers, rate, mean_square)
        assert again is not None
        plain.append(again[0])
        begin = time.perf_counter()
        flow = integrate(found, layers, engine=ChebyshevEngine(), relative_tolerance=tolerance, **options)
        mine.append(time.perf_counter() - begin)
    ratio = statistics.median(plain) / statistics.median(mine)
    gaps = [
        distance(run[2], flow_at(found, layers, rate * run[1])),
        distance(end_to_end(flow.final_layers), flow_at(found, layers, float(flow.times[-1]))),
    ]
    print(
        f"\ndepth 3, to mean-square error {mean_square:g}: descent {statistics.median(plain):.3f} s ({run[1]} steps at "
        f"{rate:.2g}), {gaps[0]:.1e} from the flow; chebyshev {statistics.median(mine):.3f} s "
        f"({flow.evaluations} evaluations), {gaps[1]:.1e}; ratio {ratio:.2f}"
    )
    assert gaps[1] <= 1e-3
    assert ratio >= asked
