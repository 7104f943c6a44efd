"""The limit of the block-diagonal flow as numbers: float64 arrays, mpmath, and certified Arb balls.

Notation
    In units where d w* = 1 the limit equation is S(zeta) = 1 with S(zeta) = zeta^(-q) + (n-1) (zeta + delta)^(-q) and
    delta = D (d w*)^(1/q); its root lies in [1, n^(1/q)], whatever alpha, m and L are.
Implementation notes
    `sums` is the one place that knows S; it runs on floats, arrays, mpf and balls alike. S^(-1/q) is a CES mean of
    (zeta, zeta + delta): concave, increasing and nearly linear, so Newton applied to it from the left end increases
    monotonically and needs about five steps in float64. Balls finish with one interval step of order 4.
Source
    Shin & Yun 2026, arXiv:2603.04703, Theorem 3.3 (reconstructed); `theory.block_limit`.
"""

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import mpmath
import numpy as np
from flint import arb, ctx

from numerics.balls import ball, bits_for, is_narrow, precision
from numerics.block_diagonal import BlockFamily
from numerics.errors import ArgumentError, PrecisionExhausted
from numerics.exact import Exact, integer
from numerics.rank import effective_rank, stable_rank

_EXTRA_BITS = 2**20  # more than the digits that the largest legal m can cancel
_REMAINDER = arb(0, 150_000)
_CLOSE = arb("0.018")
_FLOAT_BITS = 49  # proven accuracy that the float64 start is trusted with; a worse start only costs another step
_QUADRATIC = 1e-9  # a Newton increment this small relative to zeta leaves an error of its square
_CHUNK = 8192  # points that stay in cache together


def sums(zeta: Any, delta: Any, n: Any, power: Any) -> tuple[Any, Any]:
    """(S, -S'/q) at zeta, in any number system; power = -q."""
    other = zeta + delta
    first, rest = zeta**power, (n - 1) * other**power
    return first + rest, first / zeta + rest / other


def _mean_step(zeta: Any, delta: Any, n: Any, power: Any) -> Any:
    """The Newton increment for S^(-1/q) = 1: positive on the left of the root; power = -q."""
    total, slope = sums(zeta, delta, n, power)
    return (total ** (-1 / power) - 1) * total / slope


class LimitSpectrum(NamedTuple):
    """Singular values of W(oo): `first` once, `rest` n - 1 times, and 0 d - n times, in the number system asked for."""

    family: BlockFamily
    first: Any
    rest: Any

    @property
    def modes(self) -> list[tuple[Any, int]]:
        """(value, multiplicity), largest first, without modes of multiplicity 0."""
        family = self.family
        modes = [
            (self.first, 1),
            (self.rest, family.blocks - 1),
            (self.first * 0, family.dimension - family.blocks),
        ]
        return [mode for mode in modes if mode[1] > 0]


def limit(family: BlockFamily, digits: int = 50, max_bits: int | None = None) -> LimitSpectrum:
    """The limit spectrum as Arb balls that prove `digits` significant digits of every singular value.

    Rigorous: `certified_root` proves existence, uniqueness is `theory.block_limit.uniqueness_derivation`.
    Raises PrecisionExhausted when `max_bits` (by default enough for every legal input) does not suffice, ArgumentError
    for digits < 1.
    """
    if digits.__class__ is not int or digits < 1:
        digits = integer("digits", digits, minimum=1)
    bits = bits_for(digits)
    ceiling = max_bits if max_bits is not None else 64 * bits + _EXTRA_BITS
    outside, needed = ctx.prec, bits - 22
    try:
        while bits <= ceiling:
            ctx.prec = bits
            first, rest = _limit_balls(family, bits)
            if min(first.rel_accuracy_bits(), rest.rel_accuracy_bits()) >= needed:
                return LimitSpectrum(family, first, rest)
            bits *= 2
    finally:
        ctx.prec = outside
    raise PrecisionExhausted(f"the limit at {family}", ceiling, "max_bits")


@lru_cache(maxsize=256)
def _units(depth: int, dimension: int, numerator: int, denominator: int, bits: int) -> tuple[arb, arb, arb]:
    """(d w*, q, (d w*)^(1/q)) as balls: what all points of one curve share; `bits` is the working precision."""
    total = arb(dimension * numerator) / denominator
    q = arb(depth) / (depth - 2)
    return total, q, total ** (1 / q)


def _limit_balls(family: BlockFamily, bits: int) -> tuple[arb, arb]:
    n, value, alpha, m = family.blocks, family.value, family.alpha, family.m
    if family.depth > 2 and m != 1:
        return _deep_limit(family, arb(alpha.numerator) / alpha.denominator, bits)
    share = arb(0) if isinstance(m, float) else arb(m.denominator) / m.numerator
    total = arb(family.dimension * value.numerator) / value.denominator
    ratio = ((1 - share) / (1 + (n - 1) * share)) ** 2
    first = total / (1 + (n - 1) * ratio)
    return first, ratio * first


def _deep_limit(family: BlockFamily, alpha: arb, bits: int) -> tuple[arb, arb]:
    """(sigma_1, sigma_2) for L >= 3 and m > 1, at layer scale `alpha` (a ball; `family.alpha` is not used)."""
    n, value, m = family.blocks, family.value, family.m
    share = None if isinstance(m, float) else arb(m.denominator) / m.numerator
    total, q, unit = _units(family.depth, family.dimension, value.numerator, value.denominator, bits)
    delta = unit * _gap(family, alpha, share)
    rest = (certified_root(delta, n, q, bits) + delta) ** -q
    # At the root itself S = 1, which gives sigma_1 without a second power.
    return total * (1 - (n - 1) * rest), total * rest


def _gap(family: BlockFamily, alpha: arb, share: arb | None) -> arb:
    """D = lambda_2(0)^(2-L) - lambda_1(0)^(2-L) for L >= 3 and m > 1; share = 1/m, None for m = oo, where D is 0."""
    if share is None:
        return arb(0)
    power, scale = 2 - family.depth, family.block_size * alpha
    return (scale * (1 - share)) ** power - (scale * (1 + (family.blocks - 1) * share)) ** power


def conserved_gap(family: BlockFamily) -> arb:
    """The conserved gap D of the family, L >= 3 and m > 1, as a ball at the working precision; exactly 0 at m = oo."""
    share = None if family.m == math.inf else 1 / ball(family.m)
    return _gap(family, ball(family.alpha), share)


def ratio_at_product_scale(
    depth: int, blocks: int, block_size: int, value: Fraction, product_scale: Fraction, m: Exact, digits: int
) -> arb:
    """sigma_2/sigma_1 at the limit for layers of scale product_scale^(1/L), as a ball that proves `digits` digits.

    Rigorous, like `limit`; alpha itself is irrational and enters as a ball. Raises ArgumentError for parameters outside
    the family, PrecisionExhausted when the ball stays wide.
    """
    family = BlockFamily(depth, blocks, block_size, value, product_scale, m)
    bits = bits_for(digits)
    for _ in range(8):
        with precision(bits):
            if family.depth == 2 or family.m == 1:
                first, rest = _limit_balls(family, bits)
            else:
                alpha = ball(family.alpha) ** (1 / arb(family.depth))
                first, rest = _deep_limit(family, alpha, bits)
            ratio = rest / first
            if is_narrow(ratio, digits):
                return ratio
        bits *= 2
    raise PrecisionExhausted(f"sigma_2/sigma_1 at {family}", bits // 2, "digits")


def certified_root(delta: arb, n: int, q: arb, bits: int) -> arb:
    """A ball that provably contains the root of S(zeta) = 1, for any delta >= 0 in the given ball, 1 < q <= 3.

    Rigorous: `_root_from` encloses the root from any point close enough to it. The float64 start and the steps before
    the last are heuristic; they only decide how narrow the result is. Returns the bracket [1, n^(1/q)] when the start
    is not close enough, which callers see as missing digits. Leaves the working precision at `bits`.
    """
    zeta, accuracy = arb(float_root(float(delta), n, float(q))), _FLOAT_BITS
    while 4 * accuracy - 18 < bits - 20:
        ctx.prec = 4 * accuracy
        zeta = _root_from(zeta, delta, n, q).mid()
        accuracy = 4 * accuracy - 18
    ctx.prec = bits
    return _root_from(zeta, delta, n, q)


def _root_from(zeta: arb, delta: arb, n: int, q: arb) -> arb:
    """The root of S = 1 by the inverse function's Taylor series of order 3 at zeta >= 1, with a proven remainder.

    With t the Newton increment and h the distance to the root, h = t + c2 t^2 + (2 c2^2 - c3) t^3 + R. On |h| <= 1/8
    every term of S' stays within a factor (8/7)^4 - 1 < 0.706 of its value at zeta, so S is injective there, its
    inverse is analytic for |t| < 0.294/8, and Cauchy's estimate gives |R| <= 150000 t^4 for |t| <= 0.018.
    """
    other, power = zeta + delta, -q
    first, rest = zeta**power, (n - 1) * other**power
    one, two = first / zeta, rest / other
    slope = one + two
    t = (first + rest - 1) / (q * slope)
    if not abs(t) < _CLOSE:
        return arb(1).union(arb(n) ** (1 / q))
    one, two = one / zeta, two / other
    c2 = (q + 1) / 2 * (one + two) / slope
    c3 = (q + 1) * (q + 2) / 6 * (one / zeta + two / other) / slope
    return zeta + t * (1 + t * (c2 + t * (2 * c2 * c2 - c3 + t * _REMAINDER)))


def float_root(delta: float, n: int, q: float) -> float:
    """The root of S(zeta) = 1 in float64; heuristic, relative error of a few units in the last place."""
    zeta, power, others, root = 1.0, -q, n - 1, 1 / q
    for _ in range(60):
        # `_mean_step` written out: on plain floats its calls cost more than its arithmetic.
        other = zeta + delta
        first, rest = zeta**power, others * other**power
        total = first + rest
        step = (total**root - 1) * total / (first / zeta + rest / other)
        zeta += step
        if step <= _QUADRATIC * zeta:
            break
    return zeta


def limit_mpmath(family: BlockFamily, digits: int = 50) -> LimitSpectrum:
    """The limit spectrum in mpmath at `digits` digits and ten guard digits; heuristic (no certificate).

    The gap is computed through expm1, so no digits are lost for m close to 1 or large. Raises ArgumentError.
    """
    digits = integer("digits", digits, minimum=1)
    with mpmath.workdps(digits + 10):
        n, total = family.blocks, _mpf(family.total)
        first_start, rest_start = family.initial_eigenvalues
        if rest_start == 0:
            return LimitSpectrum(family, total, mpmath.mpf(0))
        ratio = rest_start / first_start
        drop = mpmath.log(_mpf(ratio)) if 2 * ratio < 1 else mpmath.log1p(-_mpf(1 - ratio))
        if family.depth == 2:
            square = mpmath.exp(2 * drop)
            first = total / (1 + (n - 1) * square)
            return LimitSpectrum(family, first, square * first)
        q = mpmath.mpf(family.depth) / (family.depth - 2)
        gap = -mpmath.expm1((family.depth - 2) * drop) * _mpf(rest_start) ** (2 - family.depth)
        delta = gap * total ** (1 / q)
        zeta = mpmath.mpf(float_root(float(delta), n, float(q)))
        for _ in range(max(1, math.ceil(math.log2(mpmath.mp.prec / _FLOAT_BITS)))):
            s, slope = sums(zeta, delta, n, -q)
            zeta += (s - 1) / (q * slope)
        return LimitSpectrum(family, total * zeta**-q, total * (zeta + delta) ** -q)


def _mpf(number: Fraction) -> mpmath.mpf:
    return mpmath.mpf(number.numerator) / number.denominator


def limit_float64(
    depth: Any, blocks: Any, block_size: Any, value: Any, alpha: Any, m: Any
) -> tuple[np.ndarray, np.ndarray]:
    """(log sigma_1, log sigma_2) as float64 arrays; all arguments broadcast against each other.

    Heuristic: absolute error of a few times 1e-16 max(1, |log sigma|, |log(d w*)|). Logarithms, so that no legal
    input under- or overflows; -inf for an exact zero (m = 1). Arguments must be finite floats
    (m may be inf) with depth >= 2, blocks and block_size >= 1, value and alpha > 0, m >= 1. Raises ArgumentError.
    """
    arrays = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (depth, blocks, block_size, value, alpha, m)))
    names = ("depth", "blocks", "block_size", "value", "alpha", "m")
    for name, array, least in zip(names, arrays, (2.0, 1.0, 1.0, 0.0, 0.0, 1.0), strict=True):
        legal = (array >= least) & ((array > 0) & (np.isfinite(array) | (name == "m")))
        if not legal.all():
            wrong = array[~legal].flat[0]
            at_least = f"of at least {least:g}" if least else "positive"
            raise ArgumentError(name, wrong, f"{at_least} and finite" + (" (or inf)" if name == "m" else ""))
    shape = arrays[0].shape
    flat = [np.ascontiguousarray(array).ravel() for array in arrays]
    first, rest = np.empty(flat[0].size), np.empty(flat[0].size)
    for low in range(0, first.size, _CHUNK):
        part = slice(low, low + _CHUNK)
        first[part], rest[part] = _limit_chunk(*(array[part] for array in flat))
    return first.reshape(shape), rest.reshape(shape)


def _limit_chunk(depth: Any, n: Any, s: Any, value: Any, alpha: Any, m: Any) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
        total = np.log(n) + np.log(s) + np.log(value)
        # (m-1)/m and (m-1)/(m+n-1), each from the side on which it does not cancel.
        inner = np.where(m < 2, np.log(m - 1) - np.log(m), np.log1p(-1 / m))
        drop = np.where(m < n + 1, np.log(m - 1) - np.log(m + n - 1), np.log1p(-n / (m + n - 1)))
        rest_start = np.log(s) + np.log(alpha) + inner
        deep = depth > 2
        inverse_q = (depth - 2) / depth
        log_gap = (2 - depth) * rest_start + np.log(-np.expm1((depth - 2) * drop))
        log_delta = np.where(deep, log_gap + inverse_q * total, -np.inf)
        q = np.where(deep, depth / (depth - 2), 1.0)
        delta = np.exp(log_delta)
        zeta = np.ones_like(total)
        for _ in range(60):
            step = _mean_step(zeta, delta, n, -q)
            zeta += step
            if not np.any(step > _QUADRATIC * zeta):
                break
        first = -q * np.log(zeta)
        rest = -q * np.logaddexp(np.log(zeta), log_delta)
        ratio = 2 * drop
        shallow = -np.log1p((n - 1) * np.exp(ratio))
        first, rest = np.where(deep, first, shallow), np.where(deep, rest, shallow + ratio)
        decayed = m == 1
        return total + np.where(decayed, 0.0, first), np.where(decayed, -np.inf, total + rest)


def ranks(spectrum: LimitSpectrum) -> tuple[Any, Any]:
    """(stable rank, effective rank) of a certified spectrum, as balls at the working precision."""
    modes = [(ball(value), multiplicity) for value, multiplicity in spectrum.modes]
    return stable_rank(modes), effective_rank(modes, lambda x: x.log(), lambda x: x.exp())
