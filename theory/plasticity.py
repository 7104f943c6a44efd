"""Warm starts: what pre-training leaves in the singular values, and how far new data can move them.

Definitions
    Pre-training: a 2 x 2 matrix, its diagonal observed at w*, layers alpha on and alpha/m off the diagonal. Then more
    entries are observed. R is the residual of the new problem, I(t) = integral of |R|_F from 0 to t.
    memory of a singular value: log sigma at L = 2, sigma^(-(1-2/L)) at L >= 3.
Statements
    `pretrained_derivation`   at L = 2: W = w* [[1, c], [c, 1]], c = 2m/(m^2+1), for every alpha
    `closed_derivation`       at L = 2 balanced flow is closed in W, so what comes after does not depend on alpha either
    `memory_derivation`       the memory of a singular value moves by no more than a multiple of I(t), at any depth
Source
    The message of Shin & Yun 2026, arXiv:2603.04703, Proposition 4.1 and Theorems 4.2, 4.3, whose text was not
    available; statements and proofs are ours.
"""

import sympy as sp
from sympy import Expr

from theory import dynamics
from theory.block_limit import depth_two_ratio
from theory.depth_two import diagonal_root, difference_square, dots, growth_1, growth_2, sum_square, target
from theory.depth_two import unobserved_entry
from theory.derivation import Derivation, argument, cancel_exponents, definition, identity, positive, tends_to
from theory.symbols import alpha, blocks, depth, m, value

sigma = sp.Symbol("sigma", positive=True)
start_sigma = sp.Symbol("sigma(0)", positive=True)
integral = sp.Symbol("I", nonnegative=True)

#: The unobserved entries after pre-training at L = 2, in units of w*.
pretrained_cosine: Expr = 2 * m / (m**2 + 1)
#: The singular values after pre-training at L = 2.
pretrained_first: Expr = value * (m + 1) ** 2 / (m**2 + 1)
pretrained_second: Expr = value * (m - 1) ** 2 / (m**2 + 1)

#: The bounds on how far I moves the memory: of log sigma, and of sigma^(-(1-2/L)).
shallow_bound: Expr = 2 * integral
deep_bound: Expr = (depth - 2) * integral
memory_exponent: Expr = -(1 - 2 / depth)


def pretrained_derivation(cosine: Expr, second: Expr) -> Derivation:
    """W after pre-training at L = 2: its unobserved entries in units of w*, and its second singular value."""
    length = sp.Symbol("a", positive=True)
    row, column = sp.Matrix([[1, 1 / m]]), sp.Matrix([1, 1 / m])
    turned = sp.Matrix([1 / m, 1])
    square = length**2 * (row @ row.T)[0, 0]
    matrix = value * sp.Matrix([[1, cosine], [cosine, 1]])
    along = sp.Matrix([1, 1]), sp.Matrix([1, -1])
    root = diagonal_root.subs({difference_square: 0, target: value, sum_square: 4 * square})
    parallel = {
        growth_1: root,
        growth_2: root,
        dots[0][0]: 4 * length**2 * (row @ turned)[0, 0],
        dots[0][1]: 0,
        dots[1][0]: 0,
        dots[1][1]: 0,
    }
    return Derivation(
        ("pretrained",),
        (
            definition("The first row of W_2, a = alpha, is a times", length * row, length * row),
            identity("The first column of W_1 is the same vector, so q = a_1 - b_1 = 0", (row.T - column).norm(), 0),
            identity("and |p|^2 = |a_1 + b_1|^2 is", 4 * square, 4 * length**2 * (1 + 1 / m**2), sp.expand),
            argument(
                "depth2-diagonal-limit with q = 0: w_ii = |p|^2 y/4 increases from 0 to oo in y = e^(2 tau), so for "
                "w* > 0 the flow converges, to the root of the formula there"
            ),
            identity("which is", sum_square.subs(sum_square, 4 * square) * root / 4, value, sp.simplify),
            identity("The unobserved entry is as claimed, for every alpha", unobserved_entry.subs(parallel),
                     value * cosine, sp.simplify),
            identity("W has the eigenvector (1, 1); what W leaves of it beside the first singular value is",
                     _square_norm(matrix @ along[0] - pretrained_first * along[0]), sp.Integer(0), sp.simplify),
            identity("and (1, -1), beside the second",
                     _square_norm(matrix @ along[1] - second * along[1]), sp.Integer(0), sp.simplify),
            identity("in the ratio of block-limit-depth2", second / pretrained_first,
                     depth_two_ratio.subs(blocks, 2), sp.simplify),
            positive("The second is positive for m = 1 + mu", second.subs(m, 1 + sp.Symbol("mu", positive=True))),
            tends_to("At m = oo both are w*: the second", second, m, sp.oo, value),
            tends_to("and the first", pretrained_first, m, sp.oo, value),
        ),
    )


def closed_derivation(left: Expr = dynamics.left_power, right: Expr = dynamics.right_power) -> Derivation:
    """At L = 2 the balanced flow is closed in W: no alpha is left; `left`, `right`: the powers of W W^T and W^T W."""
    outer, inner, residual = (sp.Symbol(name, commutative=False) for name in ("(W W^T)^(1/2)", "(W^T W)^(1/2)", "R"))
    layer = dynamics.layer
    summand = outer ** (2 * left) * residual * inner ** (2 * right)
    speed = sum((summand.subs(layer, number).subs(depth, 2) for number in (1, 2)), sp.Integer(0))
    return Derivation(
        ("closed",),
        (
            argument("Layers of the family are equal and symmetric, hence balanced: W_2^T W_2 = W_1 W_1^T. They stay so"),
            identity("end-to-end-flow at L = 2: dW/dt is minus", speed, outer * residual + residual * inner),
            identity("and W(0) after pre-training does not move with alpha", sp.diff(pretrained_second, alpha),
                     sp.Integer(0)),
            argument(
                "R depends on W and the new data alone. W(0) is positive definite for m > 1 and stays nonsingular "
                "(memory), where (W W^T)^(1/2) and (W^T W)^(1/2) are smooth in W: one W(0) has one flow "
                "(Picard-Lindeloef), whatever alpha was"
            ),
        ),
    )


def memory_derivation(shallow: Expr, deep: Expr) -> Derivation:
    """|R|_F moves the memory of a singular value at a bounded speed, whatever is observed; I = integral of |R|_F."""
    speed = dynamics.singular_value_speed
    pull = sp.Symbol("pull", real=True)
    small, constant = sp.Symbol("x", positive=True), sp.Symbol("Lambda", positive=True)
    more = sp.Symbol("k", integer=True, positive=True)
    kept = (1 - more * integral * small) ** (-(2 + more) / more)
    return Derivation(
        ("shallow", "deep"),
        (
            argument(
                "singular-value-dynamics: d sigma/dt = -L sigma^(2-2/L) pull, pull = u^T R v, where sigma > 0 is simple. "
                "By Cauchy-Schwarz |pull| <= |R|_F"
            ),
            identity("At L = 2, d log sigma/dt =", (-speed * pull / dynamics.sigma).subs(depth, 2),
                     -sp.diff(shallow, integral) * pull, cancel_exponents),
            identity("At L >= 3, d sigma^(-(1-2/L))/dt =",
                     sp.diff(dynamics.sigma**memory_exponent, dynamics.sigma) * -speed * pull,
                     sp.diff(deep, integral) * pull, cancel_exponents),
            argument(
                "Flows are analytic in t, so sigma_r is simple up to isolated times or coincides with another throughout, "
                "where the bound holds for an analytic branch; integrating from 0 to t gives both bounds, and sigma > 0 "
                "for as long as I is finite"
            ),
            identity(
                "From sigma(0) = Lambda alpha^L and x = Lambda^(-1) ... a new sigma of at most (sigma(0)^(-(1-2/L)) - "
                "(L-2) I)^(-L/(L-2)); over sigma(0), with L = 2 + k and x = sigma(0)^(1-2/L), this is",
                ((1 / small - deep.subs(depth, 2 + more)) * small) ** (-(2 + more) / more), kept,
                lambda difference: sp.simplify(sp.expand(difference)) if difference != 0 else difference,
            ),
            tends_to("which tends to 1 with alpha: new data do not lift sigma", kept, small, sp.Integer(0), sp.Integer(1)),
        ),
    )


def _square_norm(vector: sp.Matrix) -> Expr:
    return sum((entry**2 for entry in vector), sp.Integer(0))
