"""The limit of the block-diagonal flow: one scalar equation in the invariant's own coordinate.

Definitions
    L >= 3: q = L/(L-2), z = lambda_1^(2-L), D = lambda_2^(2-L) - lambda_1^(2-L) at the start, and
    F(z) = z^(-q) + (n-1) (z + D)^(-q) - d w*. Then sigma_1 = z^(-q), sigma_2 = (z + D)^(-q).
Statements
    `limit_equation_derivation`  zero loss and the invariant are F(z) = 0
    `uniqueness_derivation`      F is completely monotone: the root is unique, Newton from the left increases to it
    `bracket_derivation`         the root lies in [(d w*)^(-1/q), (d w*/n)^(-1/q)]
    `depth_two_derivation`, `decoupled_derivation`  the limit at L = 2 and at m = oo
Source
    Shin & Yun 2026, arXiv:2603.04703, Theorem 3.3 and its corollary (reconstructed).
"""

from collections.abc import Mapping

import sympy as sp
from sympy import Expr

from theory import block_diagonal
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
    sigma_1,
    total,
    value,
    z,
)

#: q, the exponent of the limit equation, and its limit-side quantities in the parameters of the family.
limit_exponent: Expr = depth / (depth - 2)
observed_total: Expr = blocks * block_size * value
depth_two_ratio: Expr = block_diagonal.start_ratio**2

#: D = (s alpha)^(2-L) K.
gap_constant: Expr = (1 - 1 / m) ** (2 - depth) - (1 + (blocks - 1) / m) ** (2 - depth)
initial_gap: Expr = (block_size * alpha) ** (2 - depth) * gap_constant


def limit_sum(at: Expr = z, drift: Expr = gap, power: Expr = exponent) -> Expr:
    """z^(-q) + (n-1) (z + D)^(-q), the sum of the singular values; F is this minus d w*."""
    return at ** (-power) + (blocks - 1) * (at + drift) ** (-power)


def limit_sum_derivative(order: int, first: Expr, rest: Expr) -> Expr:
    """The `order`-th derivative of `limit_sum` in z, given first = z^(-q) and rest = (z + D)^(-q).

    Every derivative is a rational function of the two powers: (-1)^k (q)_k [z^(-q)/z^k + (n-1) (z+D)^(-q)/(z+D)^k].
    """
    rising = sp.expand_func(sp.rf(exponent, order))
    return (-1) ** order * rising * (first / z**order + (blocks - 1) * rest / (z + gap) ** order)


def limit_equation_derivation(claims: Mapping[str, Expr]) -> Derivation:
    """Zero loss and the conserved gap give the claimed sum, total and singular values.

    claims: "total" (the sum of the singular values), "first" and "rest" (sigma_1 and sigma_2 in z) and "gap" (D in
    the parameters).
    """
    coordinate = lambda_1 ** (2 - depth)
    other = lambda_2 ** (2 - depth)
    state = {z: coordinate, gap: other - coordinate, exponent: limit_exponent}
    invariant = block_diagonal.deep_invariant
    loss_total = block_diagonal.observed_entry * blocks * block_size
    start = {lambda_1: block_diagonal.start_1, lambda_2: block_diagonal.start_2}
    return Derivation(
        ("root", "spectrum"),
        (
            definition("Coordinate of the invariant", z, coordinate),
            identity(
                "Zero loss, w = w*: the singular values sum to",
                claims["total"],
                sp.solve(block_diagonal.observed_entry - value, lambda_1**depth)[0] + (blocks - 1) * lambda_2**depth,
            ),
            identity(
                "since the sum is d times the observed entry",
                loss_total,
                lambda_1**depth + (blocks - 1) * lambda_2**depth,
            ),
            identity(
                "The invariant at the start is",
                claims["gap"],
                invariant.subs(start, simultaneous=True),
                split_powers,
            ),
            identity(
                "sigma_1 = lambda_1^L in the coordinate z",
                claims["first"].subs(state),
                lambda_1**depth,
                cancel_exponents,
            ),
            identity(
                "sigma_2 = lambda_2^L, since z + D = lambda_2^(2-L)",
                claims["rest"].subs(state),
                lambda_2**depth,
                cancel_exponents,
            ),
        ),
    )


def uniqueness_derivation() -> Derivation:
    """F is strictly decreasing and convex on z > 0, with a sign change: one root; Newton from the left increases."""
    more = sp.Symbol("nu", integer=True, nonnegative=True)
    order = sp.Symbol("k", integer=True, nonnegative=True)
    here = limit_sum().subs(blocks, 1 + more)
    general = z ** (-exponent - order)
    return Derivation(
        ("unique",),
        (
            definition("F without its constant, n = 1 + nu", sp.Function("S")(z), here),
            positive("-F' > 0: F decreases", -sp.diff(here, z)),
            positive("F'' > 0: F is convex", sp.diff(here, z, 2)),
            identity(
                "All derivatives alternate: differentiating once more multiplies by -(q + k)/z",
                sp.diff(general, z),
                -(exponent + order) * z ** (-exponent - order - 1),
                cancel_exponents,
            ),
            tends_to(
                "F -> oo at 0+, as its first term does (reciprocal)", z**exponent, z, sp.Integer(0), sp.Integer(0)
            ),
            tends_to("and F + d w* -> 0 at oo", z ** (-exponent), z, sp.oo, sp.Integer(0)),
            argument("Intermediate value theorem and strict monotonicity: exactly one root"),
            argument(
                "Newton on a decreasing convex function from a point with F >= 0 increases monotonically to the root"
            ),
        ),
    )


def bracket_derivation() -> Derivation:
    """F >= 0 at the left end and <= 0 at the right end of the bracket, for every D >= 0."""
    more = sp.Symbol("nu", integer=True, nonnegative=True)
    left = total ** (-1 / exponent)
    right = (total / blocks) ** (-1 / exponent)
    here = limit_sum() - total
    return Derivation(
        ("bracket", "bracket-sign"),
        (
            identity(
                "Left end, z^(-q) = d w*: F there is",
                here.subs(z, left),
                (blocks - 1) * (left + gap) ** (-exponent),
                cancel_exponents,
            ),
            nonnegative(
                "which is not negative (n = 1 + nu)", (more * (left + gap) ** (-exponent)).subs(blocks, 1 + more)
            ),
            identity(
                "Right end, n z^(-q) = d w*: F there vanishes at D = 0",
                here.subs(gap, 0).subs(z, right),
                sp.Integer(0),
                cancel_exponents,
            ),
            nonnegative("and decreases in D", -sp.diff(limit_sum().subs(blocks, 1 + more), gap)),
            argument("so F <= 0 at the right end for every D >= 0, and the root lies between"),
        ),
    )


def depth_two_derivation(claims: Mapping[str, Expr]) -> Derivation:
    """L = 2: the ratio of the singular values is the squared ratio of the initial eigenvalues, for every alpha.

    claims: "ratio" (sigma_2/sigma_1) and "first" (sigma_1).
    """
    ratio = sp.Symbol("rho", positive=True)
    shallow = {depth: 2}
    spectrum = {lambda_1: sp.sqrt(sigma_1), lambda_2: sp.sqrt(ratio * sigma_1)}
    initial = block_diagonal.start_2 / block_diagonal.start_1
    zero_loss = block_diagonal.observed_entry.subs(shallow).subs(spectrum, simultaneous=True)
    return Derivation(
        ("ratio", "first"),
        (
            *block_diagonal.invariant_derivation(block_diagonal.shallow_invariant, "ratio", 2).steps,
            identity(
                "sigma_i = lambda_i^2, so sigma_2/sigma_1 keeps its initial value",
                claims["ratio"],
                initial**2,
                sp.cancel,
            ),
            identity(
                "alpha has cancelled: derivative of the ratio in alpha",
                sp.diff(initial**2, alpha),
                sp.Integer(0),
                sp.cancel,
            ),
            identity(
                "Zero loss at that ratio gives sigma_1",
                claims["first"],
                sp.solve(zero_loss - value, sigma_1)[0].subs(ratio, initial**2),
                sp.cancel,
            ),
        ),
    )


def decoupled_derivation(limit: Expr) -> Derivation:
    """m = oo: D = 0 and all n singular values equal `limit`, for every L and alpha."""
    equal = sp.solve(block_diagonal.observed_entry.subs(lambda_2, lambda_1) - value, lambda_1**depth)[0]
    return Derivation(
        ("equal", "value"),
        (
            tends_to(
                "m = oo starts with lambda_1 = lambda_2",
                block_diagonal.start_1 - block_diagonal.start_2,
                m,
                sp.oo,
                sp.Integer(0),
            ),
            argument("Both solve the same scalar equation: lambda_1 = lambda_2 for all t, for every L >= 2"),
            identity("Zero loss with equal eigenvalues: lambda^L is", limit, equal, sp.cancel),
        ),
    )
