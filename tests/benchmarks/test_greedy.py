"""Speed of flows from infinitesimal starts, as ratios measured in one run. Off by default: `make bench`. A minute.

The counter-example to minimum nuclear norm, 4 x 4, R = 1.5. Descent is U <- U + rate G(U U^T) U in plain NumPy. At a
finite rate it ends beside the limit of the flow, at a distance of the order of the rate; so the smaller the distance
asked for, the smaller the largest rate that comes so near, and the larger the ratio.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest

from numerics import MatrixCompletion, completion, flow_limit, infinitesimal_flow

RATIO, ALPHA, REPETITIONS = 1.5, "1e-6", 5
COLUMN = np.array([1.0, RATIO, 1.0, RATIO])
#: Times at which descent is looked at; by the last it rests.
MOMENTS = np.arange(5.0, 151.0, 1.0)


def problem() -> MatrixCompletion:
    targets = np.zeros((4, 4))
    for row, column, target in ((0, 2, 1.0), (0, 3, RATIO), (1, 2, RATIO)):
        targets[row, column] = targets[column, row] = target
    return MatrixCompletion(targets != 0, targets)


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def flow_seconds(alpha: str) -> float:
    """The median, of more repetitions than descent has, for it is short."""
    f = completion(problem())
    infinitesimal_flow(f, np.eye(4), alpha)
    return statistics.median(seconds(lambda: infinitesimal_flow(f, np.eye(4), alpha)) for _ in range(5 * REPETITIONS))


def descend(rate: float, target: np.ndarray, distance: float) -> tuple[float, float]:
    """Seconds until |W - target|_F <= distance, infinite if never; and the distance at the end."""
    found = problem()
    observed, targets = found.mask.astype(float), found.targets
    factor, steps, spent = float(ALPHA) * np.eye(4), 0, 0.0
    for moment in MOMENTS:
        begin = time.perf_counter()
        while steps * rate < moment:
            factor = factor + rate * ((observed * (targets - factor @ factor.T)) @ factor)
            steps += 1
        spent += time.perf_counter() - begin
        reached = float(np.linalg.norm(factor @ factor.T - target))
        if reached <= distance:
            return spent, reached
    return float("inf"), reached


@pytest.fixture(scope="module")
def limit() -> np.ndarray:
    """The limit of the flow from 1e-6, which two independent ways agree upon."""
    found = infinitesimal_flow(completion(problem()), np.eye(4), ALPHA).limit
    exact = flow_limit(problem(), [float(ALPHA) * np.eye(4)] * 2, relative_tolerance=1e-12)
    assert exact.error < 1e-9
    assert np.linalg.norm(found - exact.matrix) < 1e-10
    return found


def test_a_hundred_digits_below_cost_what_three_do() -> None:
    near, far = flow_seconds("1e-3"), flow_seconds("1e-100")
    gap = np.linalg.norm(
        infinitesimal_flow(completion(problem()), np.eye(4), "1e-100").limit - np.outer(COLUMN, COLUMN)
    )
    print(
        f"\nflow from 1e-100: {far * 1e3:.1f} ms, {far / near:.2f} times as long as from 1e-3, "
        f"{1 / far:.0f} in a second; {gap:.1e} from the greedy limit"
    )
    assert gap < 1e-8
    assert far / near < 2
    assert far < 1


@pytest.mark.parametrize(("distance", "asked"), [(1e-5, None), (1e-6, None), (1e-7, 50.0)])
def test_against_the_largest_rate_of_descent_that_comes_as_near(
    limit: np.ndarray, distance: float, asked: float | None
) -> None:
    power = 1
    while not np.isfinite(descend(10 ** (-power / 2), limit, distance)[0]):
        power += 1
    rate = 10 ** (-power / 2)
    plain = statistics.median(descend(rate, limit, distance)[0] for _ in range(3))
    mine = flow_seconds(ALPHA)
    print(
        f"\nto {distance:g} of the limit from 1e-6: descent at its largest rate {rate:.1e} {plain:.3f} s, "
        f"flow {mine * 1e3:.1f} ms; ratio {plain / mine:.1f}"
    )
    assert asked is None or plain / mine >= asked


@pytest.mark.parametrize("rate", [1e-2, 1e-3, 1e-4])
def test_against_descent_at_small_rates_to_a_hundredth(rate: float) -> None:
    """To |W - M_rank| <= |M_rank|/100, which is coarse: no ratio is asked for, and at 1e-2 descent is faster."""
    target = np.outer(COLUMN, COLUMN)
    distance = 0.01 * float(np.linalg.norm(target))
    plain = statistics.median(descend(rate, target, distance)[0] for _ in range(3))
    mine = flow_seconds(ALPHA)
    print(
        f"\nto 1% of M_rank: descent at rate {rate:g} {plain:.3f} s, flow {mine * 1e3:.1f} ms; ratio {plain / mine:.1f}"
    )
    assert np.isfinite(plain)
