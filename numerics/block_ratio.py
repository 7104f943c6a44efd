"""The block-diagonal limit from the ratio of its singular values: a second, independent evaluation.

Notation
    t = log((sigma_1/sigma_2)^(1/q) - 1). Eliminating sigma_1 through zero loss turns the invariant into
    H(t) = t + (1/q) log((1 + (n-1) r)/(d w*)) - log D = 0 with r = sigma_2/sigma_1 = (1 + e^t)^(-q).
    H increases strictly: its slope is 1 - [(n-1) r/(1 + (n-1) r)] [e^t/(1 + e^t)], and both brackets are below 1.
Source
    Shin & Yun 2026, arXiv:2603.04703, Theorem 3.3 (reconstructed; this coordinate is ours).
"""

from fractions import Fraction

from flint import arb

from numerics.balls import ball, bits_for, is_narrow, precision
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import LimitSpectrum, conserved_gap
from numerics.errors import PrecisionExhausted


def limit_by_ratio(family: BlockFamily, digits: int = 50) -> LimitSpectrum:
    """The limit spectrum as Arb balls, by a sign change of H at the ends of a tiny interval.

    Rigorous: H is continuous and strictly increasing, so a sign change encloses its only root. Raises
    PrecisionExhausted when no interval narrow enough shows one.
    """
    bits = bits_for(digits)
    for _ in range(8):
        with precision(bits):
            ratio = _ratio(family, bits)
            first = ball(family.total) / (1 + (family.blocks - 1) * ratio)
            if is_narrow(first, digits) and is_narrow(ratio, digits + 1):
                return LimitSpectrum(family, first, first * ratio)
        bits *= 2
    raise PrecisionExhausted(f"the limit at {family}", bits // 2, "digits")


def _ratio(family: BlockFamily, bits: int) -> arb:
    first, rest = family.initial_eigenvalues
    if rest == 0 or first == rest:
        return arb(rest == first)
    if family.depth == 2:
        return ball((rest / first) ** 2)
    gap = conserved_gap(family)
    q = ball(Fraction(family.depth, family.depth - 2))
    if not gap > 0:
        return arb(0).union(arb(1))
    return (1 + _root(gap, family.blocks, ball(family.total), q, bits).exp()) ** -q


def _root(gap: arb, n: int, total: arb, q: arb, bits: int) -> arb:
    """The root of H, enclosed by a sign change; the whole line when none is found at this precision."""

    def height(t: arb) -> arb:
        return t + ((1 + (n - 1) * (1 + t.exp()) ** -q) / total).log() / q - gap.log()

    def slope(t: arb) -> arb:
        growth = t.exp()
        others = (n - 1) * (1 + growth) ** -q
        return 1 - others / (1 + others) * growth / (1 + growth)

    t = (gap * total ** (1 / q)).log().mid()
    for _ in range(60):
        step = (height(t) / slope(t)).mid()
        t = (t - step).mid()
        if not abs(step) > (abs(t) + 1) * arb(2) ** (-bits // 2):
            break
    radius = (abs(t) + 1) * arb(2) ** (8 - bits)
    for _ in range(bits // 8):
        if height(t - radius) < 0 and height(t + radius) > 0:
            return (t - radius).union(t + radius)
        radius *= 16
    return arb.neg_inf().union(arb.pos_inf())
