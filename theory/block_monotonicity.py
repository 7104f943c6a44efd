"""How the limit of the block-diagonal flow moves with its parameters, for L >= 3 and 1 < m < oo.

Definitions
    In units where s w* = 1: zeta = log z, which lies in [-log(n)/q, 0], and lam = -log D. Both are finite at every
    scale, and the singular values are smooth functions of them that involve no difference of large numbers:
    log(sigma_2/sigma_1) = -q log(1 + e^(-zeta - lam)), and the limit equation is G(zeta, lam) = 0.
    y = e^(zeta + lam) = z/D and rho = (n-1) sigma_2/sigma_1 are positive.
Statements
    `monotonicity_derivation`  sigma_2/sigma_1, hence the stable rank, increases with alpha and with m
Source
    Shin & Yun 2026, arXiv:2603.04703, Theorem 3.3 (reconstructed; the coordinates and the rates are ours).
"""

from collections.abc import Mapping

import sympy as sp
from sympy import Expr

from theory.block_limit import initial_gap, limit_exponent, limit_sum
from theory.derivation import Derivation, argument, cancel_exponents, definition, identity, positive, split_powers
from theory.symbols import alpha, block_size, blocks, depth, exponent, gap, m, product_scale, value, z

zeta = sp.Symbol("zeta", real=True)
lam = sp.Symbol("lam", real=True)

#: log of the initial eigenvalue ratio lambda_2/lambda_1.
log_start_ratio: Expr = -sp.log(1 + blocks / (m - 1))

#: lam at the product scale p = (s alpha)^L, with m in as few places as possible.
log_scale: Expr = (
    sp.log(product_scale / (block_size * value)) / limit_exponent
    + (depth - 2) * sp.log(1 - 1 / m)
    - sp.log(1 - sp.exp((depth - 2) * log_start_ratio))
)


def log_ratio(at: Expr = zeta, scale: Expr = lam, power: Expr = exponent) -> Expr:
    """log(sigma_2/sigma_1) at the limit."""
    return -power * sp.log(1 + sp.exp(-at - scale))


def log_equation(at: Expr = zeta, scale: Expr = lam, power: Expr = exponent) -> Expr:
    """G, which vanishes at the limit: log of sigma_1 + (n-1) sigma_2 in units of n s w*; decreasing in zeta."""
    return sp.log(1 + (blocks - 1) * sp.exp(log_ratio(at, scale, power))) - power * at - sp.log(blocks)


def scale_rate(y: Expr, rho: Expr) -> Expr:
    """d log sigma_2 / d log alpha."""
    return depth / (1 + y + rho * y)


def spread_rate(y: Expr, rho: Expr) -> Expr:
    """d log(sigma_2/sigma_1) / d m."""
    growth = sp.exp((depth - 2) * log_start_ratio)
    own = 1 / (m * (m - 1)) + blocks / ((m - 1) * (m + blocks - 1)) * growth / (1 - growth)
    return limit_exponent * (1 + rho) / (1 + y + rho * y) * (depth - 2) * own


def monotonicity_derivation(claims: Mapping[str, Expr]) -> Derivation:
    """Both rates by implicit differentiation, and their signs; claims: "scale" and "spread" in y and rho."""
    y, rho = sp.symbols("y rho", positive=True)
    steps_in = sp.Symbol("mu", positive=True)
    more = sp.Symbol("nu", integer=True, positive=True)
    ratio = sp.Symbol("r", positive=True)
    growth, grown = sp.Symbol("g", positive=True), sp.Symbol("gamma", positive=True)
    unit = (block_size * value) ** (-1 / exponent)
    # The expressions of the coordinates in y and rho: e^(-zeta-lam) = 1/y and (n-1) r = rho.
    in_y = {sp.exp(-zeta - lam): 1 / y, sp.exp(zeta + lam): y}

    def rewritten(expression: Expr) -> Expr:
        plain = expression.subs(log_ratio(), sp.log(rho / (blocks - 1))).subs(sp.exp(-zeta - lam), 1 / y)
        powers = plain.subs((1 + 1 / y) ** (-exponent), rho / (blocks - 1))
        return sp.simplify(powers.subs(in_y))

    slope, across = rewritten(sp.diff(log_equation(), zeta)), rewritten(sp.diff(log_equation(), lam))
    share = rho / ((1 + rho) * (1 + y))
    moved = share / (1 - share)
    by_scale = exponent * (1 + rho) / (1 + y + rho * y)
    own = sp.diff(log_scale, m)
    named = (depth - 2) * (1 / (m * (m - 1)) + blocks / ((m - 1) * (m + blocks - 1)) * growth / (1 - growth))
    claimed_spread = claims["spread"].subs(sp.exp((depth - 2) * log_start_ratio), growth)
    return Derivation(
        ("scale", "spread"),
        (
            identity(
                "With z and D in units of (s w*)^(-1/q) the limit equation loses s and w*: F/(s w*) =",
                (limit_sum(z * unit, unit * (z + gap) - z * unit) - blocks * block_size * value) / (block_size * value),
                limit_sum() - blocks,
                split_powers,
            ),
            definition("In these units the coordinate is", zeta, sp.log(z)),
            definition("and the scale", lam, -sp.log(gap)),
            identity(
                "sigma_2/sigma_1 = ((z + D)/z)^(-q) in them",
                sp.exp(log_ratio()).subs({zeta: sp.log(z), lam: -sp.log(gap)}),
                ((z + gap) / z) ** (-exponent),
                lambda expression: sp.simplify(sp.expand_log(expression, force=True)),
            ),
            identity(
                "The limit equation F = 0 reads z^(-q) (1 + (n-1) r) = n: its left side is",
                limit_sum().subs(z + gap, z * ratio ** (-1 / exponent)),
                z ** (-exponent) * (1 + (blocks - 1) * ratio),
                lambda expression: cancel_exponents(sp.expand_power_base(expression, force=True)),
            ),
            argument(
                "Its logarithm is G(zeta, lam) = log(1 + (n-1) r) - q zeta - log n = 0",
                sp.Eq(log_equation(), 0, evaluate=False),
            ),
            identity(
                "lam in the parameters: e^(-lam) is the gap D of block-limit, in its unit",
                sp.exp(-sp.expand_log(log_scale.subs(product_scale, (block_size * alpha) ** depth))),
                initial_gap / unit.subs(exponent, limit_exponent),
                _powers_of_starts,
            ),
            definition("Write", y, sp.exp(zeta + lam)),
            definition("and", rho, (blocks - 1) * sp.exp(log_ratio())),
            identity("dG/dzeta =", slope, -exponent * (1 - share), sp.simplify),
            identity("dG/dlam =", across, exponent * share, sp.simplify),
            positive("The slope has one sign: -dG/dzeta =", sp.factor(exponent * (1 - share))),
            identity("so the limit moves by dzeta/dlam =", -across / slope, moved, sp.simplify),
            identity(
                "d log(sigma_2/sigma_1)/dlam = q/(1 + y) (1 + dzeta/dlam) =",
                exponent / (1 + y) * (1 + moved),
                by_scale,
                sp.simplify,
            ),
            identity(
                "sigma_1 = z^(-q), hence d log sigma_2/dlam =",
                by_scale - exponent * moved,
                exponent / (1 + y + rho * y),
                sp.simplify,
            ),
            identity(
                "alpha enters through lam only, with dlam/d log alpha = L - 2; q (L - 2) = L gives the rate",
                (exponent * (depth - 2) / (1 + y + rho * y)).subs(exponent, limit_exponent),
                claims["scale"],
                sp.simplify,
            ),
            positive("which is positive", claims["scale"]),
            argument("sigma_1 = d w* - (n-1) sigma_2 falls as sigma_2 rises, so sigma_2/sigma_1 increases as well"),
            identity(
                "dlam/dm, with g = (lambda_2(0)/lambda_1(0))^(L-2)",
                own.subs(sp.exp((depth - 2) * log_start_ratio), growth),
                named,
                sp.simplify,
            ),
            identity(
                "so d log(sigma_2/sigma_1)/dm =",
                claimed_spread,
                (by_scale * named).subs(exponent, limit_exponent),
                sp.simplify,
            ),
            positive(
                "where 0 < g < 1, since -log g = (m = 1 + mu, L - 2 = k)",
                (-(depth - 2) * log_start_ratio)
                .subs(depth, 2 + sp.Symbol("k", integer=True, positive=True))
                .subs(m, 1 + steps_in),
            ),
            positive(
                "With g = 1/(1 + gamma), m = 1 + mu, n = 1 + nu and L - 2 = k it is positive",
                sp.simplify(
                    claimed_spread.subs(growth, 1 / (1 + grown))
                    .subs(depth, 2 + sp.Symbol("k", integer=True, positive=True))
                    .subs({m: 1 + steps_in, blocks: 1 + more})
                ),
            ),
            argument("The stable rank 1 + (n-1) (sigma_2/sigma_1)^2 increases with the ratio, hence with m"),
        ),
    )


def _powers_of_starts(expression: Expr) -> Expr:
    """Write 1 - 1/m and 1 + (n-1)/m by two positive symbols a, b with m and n eliminated, and expand."""
    first, rest = sp.symbols("lambda_1 lambda_2", positive=True)
    # m = 1/(1 - b) and n = (a - b)/(1 - b).
    plain = expression.subs({blocks: (first - rest) / (1 - rest), m: 1 / (1 - rest)}, simultaneous=True)
    return split_powers(sp.simplify(sp.expand_log(sp.expand(sp.simplify(plain)), force=True)))
