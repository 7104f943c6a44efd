"""Speed of SGD chains, as ratios measured in one run; chain-steps a second are printed. Off by default: `make bench`.

The NumPy way steps all chains at once by products of stacked matrices, with no check and no record.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest

from numerics.experiments.jumps import problem
from numerics.factorization import end_to_end
from numerics.initialization import layer_shapes
from numerics.sgd import Chains, gaussian_chains, picks, sgd

ETA, DECAY, REPETITIONS = 0.1, 0.025, 7


def seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def start(width: int, count: int) -> Chains:
    return gaussian_chains(problem(0.25), layer_shapes(2, 2, 3, width), 0.7 / np.sqrt(width), range(count))


def stacked(chains: Chains, steps: int) -> list[np.ndarray]:
    """The layers after so many steps, all chains at once in NumPy; depth 3."""
    first, second, third = (layer.copy() for layer in chains.layers)
    observed = chains.problem.observed
    rows, columns = np.array(observed).T
    values = chains.problem.targets[rows, columns]
    drawn = np.stack([picks(seed, 0, steps, len(observed)) for seed in chains.seeds])
    every, shrink = np.arange(len(first)), 1 - 2 * ETA * DECAY
    for pick in drawn.T:
        i, j = rows[pick], columns[pick]
        below = first[every, :, j]
        middle = np.matmul(second, below[:, :, None])[:, :, 0]
        top = third[every, i]
        force = ETA * (values[pick] - np.einsum("cw,cw->c", top, middle))
        back = force[:, None] * top
        under = np.matmul(back[:, None, :], second)[:, 0]
        second *= shrink
        second += back[:, :, None] * below[:, None, :]
        third *= shrink
        third[every, i] += force[:, None] * middle
        first *= shrink
        first[every, :, j] += under
    return [first, second, third]


@pytest.mark.parametrize("width", [2, 10])
def test_compiled_chains_are_five_times_as_fast_as_stacked_products(width: int) -> None:
    ratios, rates = [], []
    sgd(start(width, 2), 4096, ETA, DECAY)
    for count, steps in ((64, 1000), (1024, 100)):
        chains = start(width, count)
        plain, compiled = stacked(chains, 50), sgd(chains, 50, ETA, DECAY).layers
        np.testing.assert_allclose(end_to_end(compiled), end_to_end(plain), atol=1e-10)
        for _ in range(REPETITIONS):
            slow = seconds(lambda chains=chains, steps=steps: stacked(chains, steps)) / (count * steps)
            fast = seconds(lambda: sgd(start(width, 64), 2 * 4096, ETA, DECAY)) / (64 * 2 * 4096)
            ratios.append(slow / fast)
            rates.append((1e-6 / slow, 1e-6 / fast))
        middle = statistics.median(ratios[-REPETITIONS:])
        numpy, numba = (statistics.median(one) for one in zip(*rates[-REPETITIONS:], strict=True))
        print(
            f"width {width}, {count} chains stacked: NumPy / compiled {middle:.1f} "
            f"({min(ratios[-REPETITIONS:]):.1f} to {max(ratios[-REPETITIONS:]):.1f}); "
            f"{numpy:.2f} and {numba:.2f} million chain-steps a second"
        )
        assert middle >= 5
