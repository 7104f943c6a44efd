"""The trajectory of the block-diagonal flow in closed form, up to one quadrature for the time.

Definitions
    tau, the clock in which the eigenvalues decouple: d tau = s (w* - w) dt.
Statements
    lambda_i(tau) = (lambda_i(0)^(2-L) - (L-2) tau)^(-1/(L-2)) for L >= 3; w is logistic for L = 2; and, with
    z = lambda_1^(2-L), the time to go from z_0 to z_1 is d/((L-2) s) times the integral of dz/(-F) from z_1 to z_0.
Source
    Shin & Yun 2026, arXiv:2603.04703, setting of Theorem 3.3 (reconstructed; the quadrature is ours).
"""

from collections.abc import Mapping

import sympy as sp
from sympy import Expr

from theory.block_diagonal import observed_entry, rate_1
from theory.block_limit import limit_exponent, limit_sum
from theory.derivation import Derivation, argument, cancel_exponents, definition, identity
from theory.symbols import block_size, blocks, depth, lambda_1, lambda_2, observed, tau, time, value

start = sp.Symbol("lambda_0", positive=True)
initial_entry = sp.Symbol("w_0", positive=True)

#: d tau/dt, lambda_i as a function of tau, and the observed entry at depth 2.
clock_rate: Expr = block_size * (value - observed)
eigenvalue_in_tau: Expr = (start ** (2 - depth) - (depth - 2) * tau) ** (-1 / (depth - 2))
logistic: Expr = value / (1 + (value / initial_entry - 1) * sp.exp(-2 * block_size * value * time))


def time_density(clock: Expr) -> Expr:
    """dt/dz for z = lambda_1^(2-L) decreasing, when d tau/dt = `clock` (an expression in s, w*, w)."""
    entry = limit_sum(power=limit_exponent) / (blocks * block_size)
    return 1 / ((depth - 2) * clock.subs(observed, entry))


def trajectory_derivation(claims: Mapping[str, Expr]) -> Derivation:
    """The eigenvalues in tau and the clock together solve the eigenvalue flow; claims: "clock" and "eigenvalue"."""
    shape = claims["eigenvalue"]
    limit = sp.limit(sp.log(start * (1 - (depth - 2) * tau * start ** (depth - 2)) ** (-1 / (depth - 2))), depth, 2)
    return Derivation(
        ("eigenvalue", "clock"),
        (
            identity("At tau = 0 the claimed curve starts at lambda(0)", shape.subs(tau, 0), start, cancel_exponents),
            identity(
                "and satisfies d lambda/d tau = lambda^(L-1)",
                sp.diff(shape, tau),
                shape ** (depth - 1),
                cancel_exponents,
            ),
            definition(
                "Chain rule: d lambda/dt = lambda^(L-1) d tau/dt, with the clock",
                sp.Derivative(tau, time),
                claims["clock"],
            ),
            identity(
                "which must be the eigenvalue flow", lambda_1 ** (depth - 1) * claims["clock"], rate_1, cancel_exponents
            ),
            identity(
                "As L -> 2 the curve tends to lambda(0) e^tau (logarithms)", limit, sp.log(start) + tau, sp.expand_log
            ),
            argument("tau is monotone in t (its rate keeps its sign), so t is the integral of d tau over its rate"),
            identity(
                "z = lambda_1^(2-L) falls at the rate L - 2 in tau",
                sp.diff(lambda_1 ** (2 - depth), lambda_1) * lambda_1 ** (depth - 1),
                -(depth - 2),
                cancel_exponents,
            ),
        ),
    )


def logistic_derivation(curve: Expr) -> Derivation:
    """L = 2: the observed entry solves dw/dt = 2 s w (w* - w), whose solution from w_0 is `curve`."""
    shallow = {depth: 2}
    rate = block_size * (value - observed)
    entry = observed_entry.subs(shallow)
    growth = sum((sp.diff(entry, x) * rate * x for x in (lambda_1, lambda_2)), sp.Integer(0))
    return Derivation(
        ("logistic",),
        (
            identity(
                "At L = 2 the observed entry grows at the rate", growth, 2 * block_size * (value - observed) * entry
            ),
            identity("The claimed curve starts at w_0", curve.subs(time, 0), initial_entry, sp.cancel),
            identity(
                "and solves the equation",
                sp.diff(curve, time),
                2 * block_size * curve * (value - curve),
                lambda expr: sp.cancel(sp.together(expr)),
            ),
        ),
    )
