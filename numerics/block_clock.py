"""The time of the block-diagonal flow from any clock d tau/dt, by mpmath in lambda_1: a second, independent evaluation.

Notation
    dt = d lambda_1/(lambda_1^(L-1) d tau/dt), with lambda_2 from the conserved gap. It shares no formula with the
    quadrature in log z of `numerics.block_trajectory`.
Source
    Shin & Yun 2026, arXiv:2603.04703, setting of Theorem 3.3 (reconstructed); `theory.block_trajectory`.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
from flint import arb

from numerics.block_diagonal import BlockFamily

_INTERVALS = 8


def time_from_clock(family: BlockFamily, entry: Fraction, rate: Callable[[Any], Any], digits: int) -> arb:
    """The time at which the observed entry equals `entry`, L >= 3, when d tau/dt = rate(w) with w an mpf.

    Heuristic: the radius is mpmath's own error estimate of the quadrature plus a relative 10^-(digits+3); the end
    point is a root found without a certificate.
    """
    with mpmath.workdps(digits + 15):
        first, rest = (mpmath.mpf(x.numerator) / x.denominator for x in family.initial_eigenvalues)
        power = 2 - family.depth
        drift = (rest**power - first**power) if rest else mpmath.inf

        def entry_at(x: Any) -> Any:
            other = (x**power + drift) ** (mpmath.mpf(1) / power)
            return (x**family.depth + (family.blocks - 1) * other**family.depth) / family.dimension

        target = mpmath.mpf(entry.numerator) / entry.denominator
        bounds = sorted((first, (family.dimension * target) ** (mpmath.mpf(1) / family.depth)))
        end = mpmath.findroot(lambda x: entry_at(x) - target, bounds, solver="illinois", maxsteps=400, verify=False)
        result, error = mpmath.quad(
            lambda x: 1 / (x ** (family.depth - 1) * rate(entry_at(x))),
            mpmath.linspace(first, end, _INTERVALS + 1),
            error=True,
        )
        radius = abs(error) + abs(result) * mpmath.mpf(10) ** -(digits + 3)
        low, high = (arb(mpmath.nstr(bound, digits + 12)) for bound in (result - radius, result + radius))
        return low.union(high)
