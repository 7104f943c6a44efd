"""What a proof costs: certified flows beside plain `taylor` runs to the same digits, as ratios measured in one run.

Off by default: `make bench`. Seconds are printed, beside those that were asked for at each size.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from numerics.certified_flow import Outcome, certified_flow
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import precise_limit

DIGITS, SCALE, STARTS = 40, 0.1, 3
#: Regular flows take a hundred; what takes more than this is stiff.
MOST_STEPS = 300
#: (size, L, digits, seconds asked for on one core).
SIZES = ((2, 2, 40, 20), (2, 3, 40, 20), (2, 4, 40, 20), (3, 3, 30, 120), (5, 3, 12, 600))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.process_time()
    found = work()
    return found, time.process_time() - begin


def gaussian(size: int, depth: int, *, diagonal: bool, seed: int) -> tuple[MatrixCompletion, list[np.ndarray]]:
    """Gaussian targets of standard deviation 1, Gaussian layers of SCALE; the diagonal or all but the last observed."""
    random = np.random.default_rng(seed)
    observed = np.eye(size, dtype=bool)
    if not diagonal:
        observed = np.ones((size, size), dtype=bool)
        observed[-1, -1] = False
    targets = random.standard_normal((size, size))
    return MatrixCompletion(observed, targets), list(SCALE * random.standard_normal((depth, size, size)))


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_a_proof_costs_less_than_ten_plain_runs(depth: int) -> None:
    """Both to 40 digits; the plain run's are estimates, its code is compiled before. Stiff flows are left out."""
    ratios, plains, proofs = [], [], []
    for diagonal in (True, False):
        for seed in range(STARTS):
            problem, layers = gaussian(2, depth, diagonal=diagonal, seed=seed)
            proof, proven = timed(partial(certified_flow, problem, layers, digits=DIGITS, max_steps=MOST_STEPS))
            if proof.outcome is not Outcome.ENCLOSED:
                assert proof.knob == "max_steps"
                continue
            precise_limit(problem, layers, digits=DIGITS)
            estimate, plain = timed(partial(precise_limit, problem, layers, digits=DIGITS))
            assert estimate.digits >= DIGITS
            assert not proof.limit.excludes(estimate.matrix)
            ratios.append(proven / plain)
            plains.append(plain)
            proofs.append(proven)
    ratio, plain, proven = map(statistics.median, (ratios, plains, proofs))
    print(
        f"\n2x2, L = {depth}, {DIGITS} digits, {len(ratios)} of {2 * STARTS} flows closed: "
        f"taylor {plain:.2f} s, certified {proven:.2f} s ({max(proofs):.1f} s at most); "
        f"ratio {ratio:.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
    )
    assert len(ratios) > STARTS
    assert ratio <= 10


@pytest.mark.parametrize(("size", "depth", "digits", "asked"), SIZES)
@pytest.mark.parametrize("diagonal", [True, False])
def test_seconds_by_size(size: int, depth: int, digits: int, asked: int, diagonal: bool) -> None:
    """The first seeds, whatever they are: a stiff flow is UNDECIDED after 2000 steps, and its line says so."""
    observed = "the diagonal" if diagonal else "all but one"
    for seed in range(STARTS):
        problem, layers = gaussian(size, depth, diagonal=diagonal, seed=seed)
        proof, took = timed(partial(certified_flow, problem, layers, digits=digits))
        radius = "no ball" if proof.limit is None else f"radius {float(proof.limit.radius.upper()):.1e}"
        print(
            f"\n{size}x{size}, L = {depth}, {observed}, seed {seed}: {proof.outcome}, {radius} in {took:.1f} s "
            f"(asked: {asked} s), {len(proof.run.steps)} steps, {proof.digits_eaten:.1f} digits eaten"
        )
        assert proof.outcome is Outcome.ENCLOSED or proof.knob == "max_steps"
        assert proof.outcome is Outcome.UNDECIDED or proof.limit.radius <= 10.0**-digits
