"""Warm starts: what pre-training leaves in the singular values, and how far new data can move them.

Definitions
    Pre-training: a 2 x 2 matrix, its diagonal observed at w*, layers alpha on and alpha/m off the diagonal. Then more
    entries are observed. R is the residual of the new problem, I(t) the integral of |R|_F from 0 to t. The memory of a
    singular value is log sigma at L = 2 and sigma^(-(1-2/L)) at L >= 3.
Statements
    `pretrained_derivation`  L = 2: W = w* [[1, c], [c, 1]], c = (2/m)/(1 + 1/m^2), for every alpha
    `deep_derivation`        L >= 3: the two equations of the singular values, and sigma_2 = O(alpha^L)
    `closed_derivation`      L = 2: balanced flow is closed in W, so what comes later does not depend on alpha either
    `memory_derivation`      any depth, any data: the memory of a singular value moves by at most a multiple of I(t)
    `margin_derivation`      any depth: sigma_min falls by at most the residual of one new entry
Source
    The message of Shin & Yun 2026, arXiv:2603.04703, Proposition 4.1 and Theorems 4.2, 4.3, whose text was not
    available; statements and proofs are ours.
"""

import sympy as sp
from sympy import Expr

from theory import depth_two, dynamics
from theory.block_bias import small_scale_law
from theory.block_limit import depth_two_ratio, initial_gap, limit_exponent, limit_sum
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

#: I, the integral of |R|_F.
integral = sp.Symbol("I", nonnegative=True)

#: The unobserved entries after pre-training at L = 2, in units of w*; written so that m = oo is no exception.
pretrained_cosine: Expr = 2 / m / (1 + 1 / m**2)
#: The singular values after pre-training at L = 2.
pretrained_first: Expr = value * (1 + 1 / m) ** 2 / (1 + 1 / m**2)
pretrained_second: Expr = value * (1 - 1 / m) ** 2 / (1 + 1 / m**2)
#: D and the bound on sigma_2 after pre-training at L >= 3: two blocks of size 1.
pretrained_gap: Expr = initial_gap.subs({blocks: 2, block_size: 1})
pretrained_bound: Expr = small_scale_law.subs({blocks: 2, block_size: 1})

#: How far I moves the memory, at L = 2 and at L >= 3, and its exponent there.
shallow_bound: Expr = 2 * integral
deep_bound: Expr = (depth - 2) * integral
memory_exponent: Expr = -(1 - 2 / depth)


def pretrained_derivation(cosine: Expr, second: Expr) -> Derivation:
    """W after pre-training at L = 2: its unobserved entries in units of w*, and its second singular value."""
    row, turned = sp.Matrix([1, 1 / m]), sp.Matrix([1 / m, 1])
    square = alpha**2 * row.dot(row)
    matrix = value * sp.Matrix([[1, cosine], [cosine, 1]])
    even, odd = sp.Matrix([1, 1]), sp.Matrix([1, -1])
    root = depth_two.diagonal_root.subs(
        {depth_two.difference_square: 0, depth_two.target: value, depth_two.sum_square: 4 * square}
    )
    (sums, mixed), (mixed_too, differences) = depth_two.dots
    parallel = {
        depth_two.growth_1: root,
        depth_two.growth_2: root,
        sums: 4 * alpha**2 * row.dot(turned),
        mixed: 0,
        mixed_too: 0,
        differences: 0,
    }
    return Derivation(
        ("two",),
        (
            argument(
                "The first row of W_2 and the first column of W_1 are the same vector a = alpha (1, 1/m), the second "
                "ones alpha (1/m, 1): in depth2-diagonal-limit q = 0 and p = 2 a"
            ),
            definition("so that |p|^2 =", depth_two.sum_square, 4 * square),
            argument("There, with q = 0, w_ii = |p|^2 y/4 increases from 0 to oo in y = e^(2 tau): zero loss at one y"),
            identity("which is the root of the formula there: w_ii =", square * root, value, sp.simplify),
            identity(
                "The unobserved entry is as claimed, for every alpha",
                depth_two.unobserved_entry.subs(parallel),
                value * cosine,
                sp.simplify,
            ),
            identity(
                "W (1, 1) is the first singular value times (1, 1): the square of the difference",
                _square(matrix @ even - pretrained_first * even),
                sp.Integer(0),
                sp.simplify,
            ),
            identity(
                "W (1, -1) is the second one times (1, -1)",
                _square(matrix @ odd - second * odd),
                sp.Integer(0),
                sp.simplify,
            ),
            identity(
                "Their quotient is that of block-limit-depth2",
                second / pretrained_first,
                depth_two_ratio.subs(blocks, 2),
                sp.simplify,
            ),
            positive("The second is positive for m = 1 + mu", second.subs(m, 1 + sp.Symbol("mu", positive=True))),
            tends_to("At m = oo it is w*", second, m, sp.oo, value),
        ),
    )


def deep_derivation(drift: Expr, bound: Expr) -> Derivation:
    """The singular values after pre-training at L >= 3, with the claimed D and the claimed bound on sigma_2."""
    first, rest = z**-exponent, (z + gap) ** -exponent
    scale, constant = sp.symbols("x Lambda", positive=True)
    return Derivation(
        ("deep", "vanishes"),
        (
            argument("block-limit with n = 2, s = 1: sigma_1 = z^(-q), sigma_2 = (z + D)^(-q), and F(z) = 0"),
            identity(
                "F at n = 2 is sigma_1 + sigma_2 - 2 w*",
                limit_sum().subs(blocks, 2) - 2 * value,
                first + rest - 2 * value,
            ),
            identity("-1/q is the exponent -(1 - 2/L)", -1 / limit_exponent, memory_exponent, sp.simplify),
            identity(
                "and sigma_2^(-1/q) - sigma_1^(-1/q) =",
                rest ** (-1 / exponent) - first ** (-1 / exponent),
                gap,
                sp.simplify,
            ),
            identity("D is as claimed", drift, pretrained_gap, sp.simplify),
            nonnegative("sigma_2 falls as z > 0 grows, so it is at most D^(-q): -d sigma_2/dz =", -sp.diff(rest, z)),
            identity("which is the bound", bound, pretrained_gap**-limit_exponent, _in_powers),
            tends_to(
                "Lambda x^L tends to 0 with x = alpha", constant * scale**depth, scale, sp.Integer(0), sp.Integer(0)
            ),
        ),
    )


def closed_derivation(layers: int = 2) -> Derivation:
    """At L = 2 balanced flow is closed in W, so no alpha is left; `layers` is what is said to be the depth."""
    outer, inner, residual = (sp.Symbol(name, commutative=False) for name in ("(W W^T)^(1/2)", "(W^T W)^(1/2)", "R"))
    summand = outer ** (2 * dynamics.left_power) * residual * inner ** (2 * dynamics.right_power)
    speed = sum((summand.subs({depth: layers, dynamics.layer: place}) for place in range(1, layers + 1)), sp.Integer(0))
    return Derivation(
        ("closed",),
        (
            argument("All layers of the family are equal and symmetric, hence balanced, and they stay balanced"),
            identity(
                "so dW/dt is minus what end-to-end-flow says at L = 2",
                speed,
                outer * residual + residual * inner,
            ),
            argument("By pretrained-spectrum W after pre-training is w* [[1, c], [c, 1]], and c has no alpha in it"),
            argument(
                "R depends on W and the new data alone. For m > 1 this W is nonsingular and stays so (singular-value-"
                "memory), and there both square roots are smooth in W: by Picard-Lindeloef one W has one flow"
            ),
        ),
    )


def memory_derivation(shallow: Expr, deep: Expr) -> Derivation:
    """|R|_F bounds the speed at which the memory of a singular value moves, whatever is observed."""
    speed, sigma = dynamics.singular_value_speed, dynamics.sigma
    pull = sp.Symbol("pull", real=True)
    small = sp.Symbol("x", positive=True)
    more = sp.Symbol("k", integer=True, positive=True)
    left = 1 - more * integral * small
    return Derivation(
        ("shallow", "deep"),
        (
            argument(
                "singular-value-dynamics: d sigma/dt = -L sigma^(2-2/L) pull, where pull = u^T R v and, by "
                "Cauchy-Schwarz, |pull| <= |R|_F"
            ),
            identity(
                "At L = 2, d log sigma/dt =",
                (-speed * pull / sigma).subs(depth, 2),
                -sp.diff(shallow, integral) * pull,
                cancel_exponents,
            ),
            identity(
                "At L >= 3, d sigma^(-(1-2/L))/dt =",
                -sp.diff(sigma**memory_exponent, sigma) * speed * pull,
                sp.diff(deep, integral) * pull,
                cancel_exponents,
            ),
            argument(
                "The flow is analytic in t, so a singular value is simple except at isolated times, or follows an "
                "analytic branch. Integrated, the memory moves by at most the bound; it is finite while I is, so "
                "sigma > 0 stays"
            ),
            identity(
                "L = 2 + k, x = sigma(0)^(1-2/L): the new memory is at least (1 - k I x)/x, since sigma(0)'s is 1/x",
                1 / small - deep.subs(depth, 2 + more),
                left / small,
            ),
            tends_to(
                "so new data multiply sigma(0) by at most this, which tends to 1 as sigma(0) tends to 0",
                left ** (-(2 + more) / more),
                small,
                sp.Integer(0),
                sp.Integer(1),
            ),
        ),
    )


def margin_derivation(sign: int, share: Expr) -> Derivation:
    """residual-margin for a warm start with one new entry; `sign`, `share`: of |R(t)| and of the new residual."""
    now, before, norm = (
        sp.Symbol("sigma_min(t)", positive=True),
        sp.Symbol("sigma_2", nonnegative=True),
        sp.Symbol("|R(t)|"),
    )
    jump = sp.Symbol("jump", real=True)
    return Derivation(
        ("margin",),
        (
            argument("When the new entry comes only its residual is not zero: |R(0)|_F = |w*_12 - w_12|"),
            identity(
                "since the Frobenius norm of a matrix with one entry is",
                sp.Matrix([[0, jump], [0, 0]]).norm(),
                sp.Abs(jump),
            ),
            argument("residual-margin: sigma_min(W) - |R|_F never decreases, so its value at t is at least that at 0"),
            identity("which is the claim: its left side", now - sign * norm, now - norm),
            identity("and its right side", before - share * sp.Abs(jump), before - sp.Abs(jump)),
        ),
    )


def _in_powers(difference: Expr) -> Expr:
    """Zero by splitting powers of products, with K, which is positive for m > 1, named first."""
    named = difference.subs(sp.expand(pretrained_gap / alpha ** (2 - depth)), sp.Symbol("K", positive=True))
    return split_powers(named)


def _square(vector: sp.Matrix) -> Expr:
    return sum((entry**2 for entry in vector), sp.Integer(0))
