"""The bias towards low rank within the block-diagonal family: the small-scale law, and rank 1 if and only if coupled.

Definitions
    K = (1 - 1/m)^(2-L) - (1 + (n-1)/m)^(2-L), so that the gap of the limit equation is D = (s alpha)^(2-L) K.
Statements
    `small_scale_derivation`  explicit two-sided bounds around sigma_2 ~ (s alpha)^L K^(-q) as alpha -> 0
    `rank_one_derivation`     rank 1 is reached as alpha -> 0 exactly when the dynamics is coupled
    `depth_derivation`        at equal product scale one more layer lowers sigma_2/sigma_1 at the limit
Source
    Shin & Yun 2026, arXiv:2603.04703, corollary of Theorem 3.3 and abstract, claim (b) (reconstructed); Figure 2,
    sharpened (the hypothesis and its proof are ours).
"""

from collections.abc import Mapping

import sympy as sp
from sympy import Expr

from theory.block_diagonal import rate_1, rate_2, start_ratio
from theory.block_limit import depth_two_ratio, gap_constant, limit_exponent
from theory.derivation import (
    Derivation,
    argument,
    cancel_exponents,
    definition,
    identity,
    nonnegative,
    positive,
    split_powers,
    tends_to,
)
from theory.symbols import (
    alpha,
    block_size,
    blocks,
    depth,
    exponent,
    gap,
    lambda_1,
    lambda_2,
    m,
    product_scale,
    value,
    z,
)

#: sigma_2 ~ (s alpha)^L K^(-q) as alpha -> 0.
small_scale_law: Expr = (block_size * alpha) ** depth * gap_constant ** (-limit_exponent)

#: Explicit bound on |sigma_2/law - 1|, of order alpha^(L-2).
small_scale_bound: Expr = (
    limit_exponent * (block_size * value) ** (-1 / limit_exponent) * (block_size * alpha) ** (depth - 2) / gap_constant
)


def power_quotient(y: Expr, power: sp.Rational) -> Expr:
    """(1 - (1 + y)^(-q))/y for a rational q = a/b, by geometric sums: no cancellation, and q at y = 0."""
    a, b = int(power.p), int(power.q)
    root = sp.exp(-sp.log(1 + y) / b)
    return root**b * sp.Add(*(root**i for i in range(a))) / sp.Add(*(root**i for i in range(b)))


def small_scale_derivation(claims: Mapping[str, Expr]) -> Derivation:
    """Two-sided explicit bounds on sigma_2 around its small-scale law; claims: "law" and "bound"."""
    small = sp.Symbol("x", nonnegative=True)
    k = sp.Symbol("K", positive=True)
    scale = block_size * alpha
    ratio = (1 + small) ** (-exponent)
    end = (block_size * value) ** (-1 / exponent)
    return Derivation(
        ("law", "bound", "rank-one"),
        (
            definition("Write the gap as D = (s alpha)^(2-L) K", k, gap_constant),
            identity(
                "so D^(-q) is the law",
                claims["law"].subs(gap_constant, k),
                (scale ** (2 - depth) * k) ** (-limit_exponent),
                split_powers,
            ),
            argument(
                "sigma_2 = (z + D)^(-q) = D^(-q) (1 + x)^(-q) with x = z/D >= 0",
                sp.Eq(sp.Symbol("x"), z / gap, evaluate=False),
            ),
            nonnegative("(1 + x)^(-q) decreases: sigma_2/law <= 1", -sp.diff(ratio, small)),
            identity(
                "Bernoulli: (1 + x)^(-q) - 1 + q x vanishes at x = 0",
                (ratio - 1 + exponent * small).subs(small, 0),
                sp.Integer(0),
            ),
            identity(
                "together with its derivative",
                sp.diff(ratio - 1 + exponent * small, small).subs(small, 0),
                sp.Integer(0),
            ),
            nonnegative("and is convex, hence sigma_2/law >= 1 - q x", sp.diff(ratio, small, 2)),
            tends_to(
                "The error is of that order exactly: (1 - (1 + x)^(-q))/x",
                (1 - ratio) / small,
                small,
                sp.Integer(0),
                exponent,
            ),
            argument("and x = z/D with D = (s alpha)^(2-L) K, z -> (d w*)^(-1/q) > 0: the order is alpha^(L-2)"),
            identity(
                "The bracket's right end bounds z, so |sigma_2/law - 1| is at most",
                claims["bound"].subs(gap_constant, k),
                (exponent * end * scale ** (depth - 2) / k).subs(exponent, limit_exponent),
                cancel_exponents,
            ),
            argument(
                "For L >= 3 and 1 < m < oo the law tends to 0 with alpha while sigma_1 >= s w*: the stable rank "
                "1 + (n-1) (sigma_2/sigma_1)^2 tends to 1"
            ),
        ),
    )


def rank_one_derivation(strict: bool = True) -> Derivation:
    """Within the family, rank 1 is reached as alpha -> 0 exactly when the dynamics is coupled.

    strict: m > 1, as the theorem assumes; with m >= 1 the sign step at L = 2 stays open.
    """
    spread = sp.Symbol("mu", positive=True) if strict else sp.Symbol("mu", nonnegative=True)
    more = sp.Symbol("nu", integer=True, positive=True)
    ratio = sp.factor(depth_two_ratio.subs({m: 1 + spread, blocks: 1 + more}))
    scale = sp.Symbol("x", positive=True)
    bound = scale**depth * sp.Symbol("Lambda_1", positive=True) / (block_size * value)
    return Derivation(
        ("equivalence",),
        (
            argument(
                "L >= 3, 1 < m < oo is coupled; sigma_2 <= (s alpha)^L Lambda_1 and sigma_1 >= s w* (block-small-scale)"
            ),
            tends_to("so sigma_2/sigma_1 -> 0 with the scale x = s alpha", bound, scale, sp.Integer(0), sp.Integer(0)),
            positive("L = 2, m < oo (m = 1 + mu) is decoupled; sigma_2/sigma_1 is a positive constant", ratio),
            identity("in alpha", sp.diff(ratio, alpha), sp.Integer(0)),
            tends_to(
                "m = oo is decoupled; the initial ratio is 1, and it stays 1", start_ratio, m, sp.oo, sp.Integer(1)
            ),
        ),
    )


def depth_derivation(grown: Expr, hypothesis: bool) -> Derivation:
    """One more layer at equal scale lowers the limit's ratio r = sigma_2/sigma_1; any L >= 2, n >= 2 and 1 < m < oo.

    grown: the factor by which (s alpha)^(L+1) at depth L + 1 exceeds (s alpha)^L at depth L (1 at equal (s alpha)^L);
    hypothesis: w(0) <= w* at depth L + 1. The two flows are compared as curves r over log sigma_1.
    """
    first, rest = sp.symbols("a b", positive=True)
    ratio, sigma = sp.symbols("r sigma_1", positive=True)
    more = sp.Symbol("nu", integer=True, positive=True)
    spread = sp.Symbol("mu", positive=True)
    layers = sp.Symbol("k", integer=True, nonnegative=True) + 2
    here, above = 1 - 2 / layers, 1 - 2 / (layers + 1)
    starts = {first: 1 + (blocks - 1) / m, rest: 1 - 1 / m}
    entry = product_scale * (first**depth + (blocks - 1) * rest**depth) / (blocks * block_size)
    deeper = entry.subs(depth, depth + 1)
    slack = sp.Symbol("h", nonnegative=True) if hypothesis else sp.Symbol("h", real=True)
    fall = sp.Symbol("c", nonnegative=True)
    curve = sp.Function("r")(sigma)
    total = sigma * (1 + more * curve)
    slope = -curve * (1 - curve**fall) / sigma
    return Derivation(
        ("stronger",),
        (
            identity(
                "Along the flow d log lambda_2/d log lambda_1 is",
                (rate_2 / lambda_2) / (rate_1 / lambda_1),
                (lambda_2 / lambda_1) ** (depth - 2),
                lambda difference: cancel_exponents(sp.expand_power_base(difference, force=True)),
            ),
            identity(
                "that is, with sigma_i = lambda_i^L and c = 1 - 2/L, d log sigma_2/d log sigma_1 = r^c",
                (ratio ** (1 / depth)) ** (depth - 2),
                ratio ** (1 - 2 / depth),
                cancel_exponents,
            ),
            argument(
                "so r(log sigma_1) solves d log r/d log sigma_1 = -(1 - r^c), 0 < r < 1: it never increases, and falls "
                "by less than any interval of log sigma_1 is long"
            ),
            definition("It starts at sigma_1 = p a^L, r = (b/a)^L, with p = (s alpha)^L and a =", first, starts[first]),
            definition("and b =", rest, starts[rest]),
            positive("a > 1 (n = 1 + nu)", (starts[first] - 1).subs(blocks, 1 + more)),
            positive("b < 1", 1 - starts[rest]),
            identity(
                "w(0) at depth L + 1 exceeds w(0) at depth L; with a - 1 = (n-1)/m and 1 - b = 1/m, by",
                (deeper - entry)
                .subs(first ** (depth + 1), first**depth * starts[first])
                .subs(rest ** (depth + 1), rest**depth * starts[rest]),
                product_scale * (blocks - 1) / m * (first**depth - rest**depth) / (blocks * block_size),
                lambda difference: sp.expand(sp.powsimp(sp.expand(difference))),
            ),
            positive("where a^L > 1, since log a^L =", (depth * sp.log(starts[first])).subs(blocks, 1 + more)),
            positive("and b^L < 1, since -log b^L =", (-depth * sp.log(starts[rest])).subs(m, 1 + spread)),
            argument("so w(0) <= w* at depth L + 1 implies it at depth L"),
            identity(
                "Depth L + 1 starts at sigma_1 = p a^(L+1) (times the growth of the scale), where the curve of depth L "
                "is above (b/a)^L/a: the ratio of that to the start (b/a)^(L+1) is",
                (rest / first) ** depth / (grown * first) / (rest / first) ** (depth + 1),
                1 / (grown * rest),
                lambda difference: sp.simplify(sp.powsimp(sp.expand_power_base(difference, force=True))),
            ),
            positive(
                "which is above 1: 1 - b times the growth of the scale (m = 1 + mu)",
                sp.factor((1 - grown * starts[rest]).subs(m, 1 + spread)),
            ),
            positive("c grows with the depth (L = 2 + k): its increase is", sp.factor(above - here)),
            argument(
                "For equal r the deeper curve falls faster, as r^c falls with c: by comparison of scalar equations it "
                "stays below the curve of depth L for every larger sigma_1"
            ),
            identity(
                "On each curve sigma_1 + (n-1) sigma_2 = sigma_1 (1 + (n-1) r) increases: its derivative in sigma_1 is",
                sp.diff(total, sigma).subs(sp.Derivative(curve, sigma), slope).subs(curve, ratio),
                1 + more * ratio ** (1 + fall),
                lambda difference: sp.expand(sp.powsimp(sp.expand(difference))),
            ),
            positive("which is positive", 1 + more * ratio ** (1 + fall)),
            definition("Hypothesis: w(0) <= w* at depth L + 1, that is, w* = w(0) + h", value, grown * deeper + slack),
            nonnegative(
                "so both limits, where the sum is d w*, lie ahead of their starts: that of depth L + 1 by",
                sp.expand(blocks * block_size * (grown * deeper + slack))
                - sp.expand(blocks * block_size * grown * deeper),
            ),
            argument(
                "If the limit of depth L has sigma_1 >= p a^(L+1): there the deeper sum is smaller, so its limit lies "
                "further on, where its ratio is smaller still. Otherwise the curve of depth L at its limit is above "
                "its value at p a^(L+1), hence above the start of depth L + 1, hence above its limit"
            ),
        ),
    )
