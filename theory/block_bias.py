"""The bias towards low rank within the block-diagonal family: the small-scale law, and rank 1 if and only if coupled.

Definitions
    K = (1 - 1/m)^(2-L) - (1 + (n-1)/m)^(2-L), so that the gap of the limit equation is D = (s alpha)^(2-L) K.
Statements
    `small_scale_derivation`  explicit two-sided bounds around sigma_2 ~ (s alpha)^L K^(-q) as alpha -> 0
    `rank_one_derivation`     rank 1 is reached as alpha -> 0 exactly when the dynamics is coupled
Source
    Shin & Yun 2026, arXiv:2603.04703, corollary of Theorem 3.3 and abstract, claim (b) (reconstructed).
"""

from collections.abc import Mapping

import sympy as sp
from sympy import Expr

from theory.block_diagonal import start_ratio
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
from theory.symbols import alpha, block_size, blocks, depth, exponent, gap, m, value, z

#: sigma_2 ~ (s alpha)^L K^(-q) as alpha -> 0.
small_scale_law: Expr = (block_size * alpha) ** depth * gap_constant ** (-limit_exponent)

#: Explicit bound on |sigma_2/law - 1|, of order alpha^(L-2).
small_scale_bound: Expr = (
    limit_exponent * (block_size * value) ** (-1 / limit_exponent) * (block_size * alpha) ** (depth - 2) / gap_constant
)


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
