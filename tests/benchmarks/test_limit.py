"""Speed of the limit, as ratios measured in one run. Off by default: `make bench`."""

import statistics
import time
from collections.abc import Callable
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from numerics.block_diagonal import BlockFamily
from numerics.block_limit import limit, limit_float64

ROUNDS = 9
POINTS = [
    BlockFamily(depth, blocks, block_size, value, alpha, m)
    for depth in (3, 4, 5, 6, 7, 8)
    for blocks, block_size, value in ((2, 1, "1"), (10, 1, "1"), (4, 3, "0.7"))
    for alpha in ("0.001", "0.01", "0.1", "0.3", "1")
    for m in ("1.5", "2", "10", "100")
]


Start = Callable[[mpmath.mpf, mpmath.mpf, int], object]


def secant(family: BlockFamily, start: Start) -> tuple[mpmath.mpf, mpmath.mpf]:
    """The same equation by mpmath's secant, 50 digits, uncertified."""
    n, total = family.blocks, _mpf(family.total)
    first, rest = map(_mpf, family.initial_eigenvalues)
    q = mpmath.mpf(family.depth) / (family.depth - 2)
    gap = rest ** (2 - family.depth) - first ** (2 - family.depth)
    z = mpmath.findroot(lambda z: z**-q + (n - 1) * (z + gap) ** -q - total, start(total, q, n))
    return z**-q, (z + gap) ** -q


STARTS: dict[str, Start] = {
    "both ends of the bracket": lambda total, q, n: (total ** (-1 / q), (total / n) ** (-1 / q)),
    "left end (mpmath's default second point)": lambda total, q, n: total ** (-1 / q),
}


def _mpf(number: Fraction) -> mpmath.mpf:
    return mpmath.mpf(number.numerator) / number.denominator


def seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


@pytest.mark.parametrize("name", STARTS)
def test_certified_limits_against_findroot(name: str) -> None:
    def plain() -> None:
        for family in POINTS:
            try:
                secant(family, STARTS[name])
            except ValueError:
                continue  # findroot gave up at this point; its time still counts

    def certified() -> None:
        for family in POINTS:
            limit(family, 50)

    with mpmath.workdps(50):
        rounds = [(seconds(plain), seconds(certified)) for _ in range(ROUNDS)]
    ratio = statistics.median(slow / fast for slow, fast in rounds)
    microseconds = [1e6 * statistics.median(column) / len(POINTS) for column in zip(*rounds, strict=True)]
    print(
        f"\n50-digit limit, per point: findroot from {name} {microseconds[0]:.0f} us, "
        f"certified {microseconds[1]:.1f} us, ratio {ratio:.1f}"
    )
    assert ratio >= 20


@pytest.mark.parametrize("depth", [3, 4, 7])
def test_float64_points_per_second(depth: int) -> None:
    count = 1_000_000
    alphas = np.geomspace(1e-8, 10, count)
    rate = statistics.median(
        count / seconds(lambda: limit_float64(depth, 5, 2, 1.5, alphas, 3.0)) for _ in range(ROUNDS)
    )
    print(f"\nfloat64 limits at L = {depth}: {rate / 1e6:.1f} million points a second on one core")
    assert rate >= 1e6
