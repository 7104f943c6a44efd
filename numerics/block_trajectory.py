"""The time that the block-diagonal flow takes, by rigorous quadrature in the invariant's own coordinate.

Notation
    In units where d w* = 1 (see `numerics.block_limit`) the flow moves zeta at the rate dzeta/dt proportional to
    S(zeta) - 1, so the time between two values is an integral of d zeta/(S - 1); with v = log zeta the integrand stays
    tame over the hundreds of orders of magnitude that a small alpha puts between start and limit.
Source
    Shin & Yun 2026, arXiv:2603.04703, setting of Theorem 3.3 (reconstructed); `theory.block_trajectory`.
"""

from fractions import Fraction

import numpy as np
from flint import acb, arb

from numerics.balls import ball, bits_for, is_narrow, precision
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import certified_root, conserved_gap, float_root
from numerics.errors import ArgumentError, PrecisionExhausted
from numerics.exact import integer, positive, shown


def initial_entry(family: BlockFamily) -> Fraction:
    """w(0), the observed entry at the start; exact."""
    first, rest = family.initial_eigenvalues
    return (first**family.depth + (family.blocks - 1) * rest**family.depth) / family.dimension


def time_to_reach(family: BlockFamily, entry: object, digits: int = 15) -> arb:
    """The time at which the observed entry equals `entry`, as a ball that proves `digits` digits.

    Rigorous: the end point is a certified root and the integral is `acb.integral` with its own error bound. Time is
    that of the flow of the sum/2 loss. Raises ArgumentError unless `entry` lies strictly between w(0) and w*, or
    equals w(0) (time 0); PrecisionExhausted when the ball stays wide.
    """
    target = positive("entry", entry)
    digits = integer("digits", digits, minimum=1)
    begin = initial_entry(family)
    if target == begin:
        return arb(0)
    if not min(begin, family.value) < target < max(begin, family.value):
        low, high = sorted((begin, family.value))
        raise ArgumentError("entry", shown(target), f"between w(0) and w* = {float(low):.6g} and {float(high):.6g}")
    bits = bits_for(digits)
    for _ in range(6):
        with precision(bits):
            elapsed = _logistic_time(family, begin, target) if family.depth == 2 else _quadrature(family, target, bits)
            if is_narrow(elapsed, digits):
                return elapsed
        bits *= 2
    raise PrecisionExhausted(f"the time to reach w = {shown(target)} at {family}", bits // 2, "digits")


def _logistic_time(family: BlockFamily, begin: Fraction, target: Fraction) -> arb:
    value = family.value
    odds = (value / begin - 1) / (value / target - 1)
    return ball(odds).log() / ball(2 * family.block_size * value)


def _quadrature(family: BlockFamily, target: Fraction, bits: int) -> arb:
    n, size, depth = family.blocks, family.block_size, family.depth
    total, q = ball(family.total), arb(depth) / (depth - 2)
    power = 2 - depth
    unit = total ** (1 / q)
    first, rest = (ball(eigenvalue) for eigenvalue in family.initial_eigenvalues)
    start = unit * first**power
    if rest == 0:
        n, delta = 1, arb(0)
    else:
        delta = unit * conserved_gap(family)
    # The end point solves S(zeta) = target/w*: a root in the units where d target = 1, brought back to those of w*.
    share = ball(target / family.value) ** (1 / q)
    end = certified_root(delta * share, n, q, bits) / share

    def integrand(v: acb, analytic: bool) -> acb:
        zeta = v.exp()
        entry = (-q * v).exp()
        if n > 1:
            entry += (n - 1) * (-q * (zeta + delta).log(analytic=analytic)).exp()
        return zeta / (1 - entry)

    span = acb.integral(integrand, end.log(), start.log())
    # dt = -d zeta / ((L-2) s (w* - w)) * (d w*)^(-1/q) and w* - w = w* (1 - S).
    return span.real / ((depth - 2) * size * ball(family.value) * unit)


def spectrum_at(family: BlockFamily, entries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(sigma_1, sigma_2) of the end-to-end matrix when the observed entry is `entries`; float64, heuristic.

    The entries lie between w(0) and w*. Built on the same scalar equation as the limit: at every time the spectrum is
    the limit spectrum of the problem whose target is the present entry.
    """
    first_start, rest_start = family.initial_eigenvalues
    n, dimension = family.blocks, family.dimension
    entries = np.asarray(entries, dtype=float)
    if rest_start == 0:
        return dimension * entries, np.zeros_like(entries)
    if family.depth == 2:
        ratio = float(rest_start / first_start) ** 2
        first = dimension * entries / (1 + (n - 1) * ratio)
        return first, ratio * first
    q = family.depth / (family.depth - 2)
    # The gap cancels as many digits as m is large.
    with precision(4096 if family.m > 1e300 else 64 + 4 * int(family.m).bit_length()):
        gap = conserved_gap(family)
        deltas = [float(gap * ball(float(dimension * w)) ** (1 / arb(q))) for w in entries]
    zeta = np.array([float_root(delta, n, q) for delta in deltas])
    share = np.array([float((n - 1) * (z + delta) ** -q) for z, delta in zip(zeta, deltas, strict=True)])
    return dimension * entries * (1 - share), dimension * entries * share / max(n - 1, 1)


def entries_on_the_way(family: BlockFamily, count: int) -> np.ndarray:
    """`count` observed entries from w(0) to within 1/500 of w*, dense where the trajectory bends; float64.

    Equally spaced in the logarithm of w/|w* - w|, in which the trajectory of depth 2 is linear in time.
    """
    begin, value = float(initial_entry(family)), float(family.value)
    odds = np.geomspace(begin / abs(value - begin) * (1 + 1e-9), 500.0, count)
    return value * odds / (odds + (1 if begin < value else -1))


def times(family: BlockFamily, entries: np.ndarray, digits: int = 12) -> np.ndarray:
    """Times at which the observed entry passes `entries` (float64, each between w(0) and w*), from the quadrature."""
    return np.array([float(time_to_reach(family, Fraction(float(entry)), digits)) for entry in entries])
