"""The residual margin sigma_min(W) - |R|_F of balanced square layers never decreases, and what follows from it.

Definitions
    W = W_L ... W_1 of size d x d, hidden layers of width d or more; R = mask * (W - W*); E = |R|_F^2/2; balanced:
    W_{l+1}^T W_{l+1} = W_l W_l^T for every l. With B_l = W_L ... W_{l+1} and A_l = W_{l-1} ... W_1 balanced layers have
    B_l B_l^T = (W W^T)^((L-l)/L) and A_l^T A_l = (W^T W)^((l-1)/L).
Statements
    `smallest_derivation`     d sigma_min/dt >= -L sigma_min^(2-2/L) |R|_F (right derivative), any mask, L >= 1
    `residual_derivation`     d |R|_F/dt <= -L sigma_min^(2-2/L) |R|_F
    `difference_derivation`   their difference: the margin never decreases, so sigma_min(W(oo)) is at least the margin
    `convergence_derivation`  margin c > 0 at the start: |R|_F decays at least like exp(-L c^(2-2/L) t), the layers
                              move at most |R(0)|_F / sqrt(L c^(2-2/L)), and the limit has zero loss and full rank
    `open_set_derivation`     a ball of starts of the 2 x 2 problem with w_11 = w_22 = 1 observed
Implementation notes
    W has to be square. For an M x N matrix with M < N the gradients of the layers l >= 2 do not see the part of R
    outside the row space of W, and at L >= 3 the margin can fall.
Source
    New. The question on the 2 x 2 problem: Menon 2024, arXiv:2411.09004, Section 14.1.
"""

import sympy as sp
from sympy import Expr, Matrix, Rational

from theory.derivation import (
    Derivation,
    Step,
    argument,
    cancel_exponents,
    definition,
    identity,
    nonnegative,
    positive,
)
from theory.symbols import depth, time

#: State of the flow: extreme singular values of W, and the Frobenius norm of the residual.
smallest = sp.Symbol("sigma_min", positive=True)
largest = sp.Symbol("sigma_max", positive=True)
norm = sp.Symbol("|R|", positive=True)

#: At the start: the norm of the residual, and the margin sigma_min - |R|_F.
start_norm = sp.Symbol("|R(0)|", positive=True)
start_margin = sp.Symbol("c", positive=True)

#: The formulas that the statements claim. A mutant is one of them changed.
margin: Expr = smallest - norm
exponent: Expr = 2 - 2 / depth
decay: Expr = start_norm * sp.exp(-depth * start_margin**exponent * time)
length: Expr = start_norm / sp.sqrt(depth * start_margin**exponent)

#: A start of the 2 x 2 problem with w_11 = w_22 = 1 observed, and the radius of a ball around it (`open_set`).
centre = Matrix([[Rational(4, 5), Rational(-2, 5)], [Rational(4, 5), Rational(4, 5)]])
radius: Expr = (4 - sp.sqrt(2)) / 10

_layer = sp.Symbol("l", integer=True, positive=True)


def rate_bound(singular_value: Expr, power: Expr) -> Expr:
    """-L sigma^power |R|_F, which bounds d sigma/dt from below and, at sigma_min, d |R|_F/dt from above."""
    return -depth * singular_value**power * norm


def _over_layers(summand: Expr) -> Expr:
    """Sum over the layers l = 1..L, left as it is."""
    return sp.Sum(summand, (_layer, 1, depth))


def _added_up(difference: Expr) -> Expr:
    """Merge the exponents inside sums over the layers, then evaluate the sums."""
    return cancel_exponents(
        difference.replace(sp.Sum, lambda summand, limits: sp.Sum(cancel_exponents(summand), limits).doit())
    )


def smallest_derivation(power: Expr) -> Derivation:
    """d sigma_min/dt >= -L sigma_min^power |R|_F, the claimed power of the smallest singular value."""
    after, before, tail, tail_back = sp.symbols("W_{l+1} W_l B B^T", commutative=False)
    after_back, before_back = sp.symbols("W_{l+1}^T W_l^T", commutative=False)
    factor = sp.Symbol("sigma", positive=True)
    excess = sp.Symbol("e", nonnegative=True)
    others = sp.Symbol("h", real=True)

    def balanced(expression: Expr) -> Expr:
        return sp.expand(sp.expand(expression).subs(before * before_back, after_back * after))

    return Derivation(
        ("smallest",),
        (
            identity(
                "Balanced layers, W_l W_l^T = W_{l+1}^T W_{l+1}: in B_{l-1} B_{l-1}^T, with B_l = B W_{l+1}, the inner "
                "pair is replaced by one of the next layer",
                tail * after * before * before_back * after_back * tail_back,
                tail * (after * after_back) ** 2 * tail_back,
                balanced,
            ),
            argument(
                "Repeated up to the last layer: B_l B_l^T = (W_L W_L^T)^(L-l). For l = 0 this is W W^T = (W_L "
                "W_L^T)^L, so B_l B_l^T = (W W^T)^((L-l)/L), the positive semidefinite root being unique; in the same "
                "way A_l^T A_l = (W^T W)^((l-1)/L). Balance is conserved, so this holds at every time"
            ),
            argument(
                "W' = sum_l B_l W_l' A_l with W_l' = -B_l^T R A_l^T, hence W' = -sum_l (W W^T)^((L-l)/L) R "
                "(W^T W)^((l-1)/L). The flow is polynomial in the layers, so W(t) is smooth"
            ),
            argument(
                "Let sigma be a singular value and u, v any pair of unit vectors with W v = sigma u, W^T u = sigma v. "
                "Then (W W^T)^p u = sigma^(2p) u and (W^T W)^p v = sigma^(2p) v, and u^T W' v = -u^T R v times the sum"
            ),
            identity(
                "over the layers",
                _over_layers((factor**2) ** ((depth - _layer) / depth) * (factor**2) ** ((_layer - 1) / depth)),
                depth * factor**power,
                _added_up,
            ),
            nonnegative(
                "In orthonormal bases that begin with u and v, |R|_F^2 is (u^T R v)^2 plus the squares h^2 of the "
                "other entries, so |u^T R v| <= |R|_F: the difference of the squares is",
                others**2,
            ),
            nonnegative(
                "For every such pair u^T W' v is therefore at least -L sigma^(2-2/L) |R|_F: with |R|_F = u^T R v + e, "
                "e >= 0, it exceeds that by",
                depth * factor**power * excess,
            ),
            argument(
                "sigma_min(W) = min over unit v of |W v|, a minimum over a compact set. Where sigma_min > 0, |W(t) v| "
                "is smooth in t near every minimiser, and by Danskin's theorem the right derivative of sigma_min "
                "exists and is the least u^T W' v over all minimisers v, u = W v / sigma_min: this covers multiple and "
                "crossing singular values"
            ),
            argument(
                "Where sigma_min = 0 the lower right derivative is not negative if L >= 2, since sigma_min >= 0, and "
                "the bound is 0; if L = 1 it is at least -|W'| = -|R|_F, by Weyl's inequality"
            ),
        ),
    )


def residual_derivation(power: Expr) -> Derivation:
    """d |R|_F/dt <= -L sigma_min^power |R|_F for square W, the claimed power of the smallest singular value."""
    left, right = sp.symbols("delta_i delta_j", nonnegative=True)
    earlier, later = sp.symbols("j_1 j_2", integer=True, nonnegative=True)
    row, column = smallest * sp.exp(left), smallest * sp.exp(right)
    weight = row ** (2 * (depth - _layer) / depth) * column ** (2 * (_layer - 1) / depth)
    growth = 2 * left * (depth - _layer) / depth + 2 * right * (_layer - 1) / depth
    # l = 1 + j_1 and L = l + j_2 run over all layers.
    sizes = {_layer: 1 + earlier, depth: 1 + earlier + later}
    norm_along = sp.Function("rho")(time)

    return Derivation(
        ("residual",),
        (
            argument("dE/dt = -sum_l |B_l^T R A_l^T|_F^2, and |B_l^T R A_l^T|_F^2 = trace(B_l B_l^T R A_l^T A_l R^T)"),
            argument(
                "W is square, so its singular vectors are full bases. With r_ij = u_i^T R v_j, and |R|_F^2 = sum "
                "r_ij^2, the trace is the sum over i, j of r_ij^2 times sigma_i^(2(L-l)/L) sigma_j^(2(l-1)/L). If "
                "sigma_min = 0 the claimed rate is 0 at L >= 2 and dE/dt <= 0 suffices; at L = 1 dE/dt = -|R|_F^2. Let "
                "sigma_i = sigma_min exp(delta_i), delta_i >= 0"
            ),
            identity(
                "The logarithm of that weight is the one of sigma_min^(2-2/L) plus a growth",
                sp.log(weight),
                exponent * sp.log(smallest) + growth,
                lambda difference: sp.simplify(sp.expand_log(difference, force=True)),
            ),
            nonnegative(
                "and the growth is not negative (l = 1 + j_1, L = l + j_2): no weight is below that of sigma_min",
                growth.subs(sizes, simultaneous=True),
            ),
            identity(
                "whose sum over the layers is",
                _over_layers(smallest ** (2 * (depth - _layer) / depth) * smallest ** (2 * (_layer - 1) / depth)),
                depth * smallest**power,
                _added_up,
            ),
            argument("so dE/dt <= -L sigma_min^(2-2/L) |R|_F^2"),
            identity(
                "E = |R|_F^2/2, so that dE/dt is |R|_F times d |R|_F/dt",
                sp.diff(norm_along**2 / 2, time),
                norm_along * sp.diff(norm_along, time),
            ),
            identity("and dividing by |R|_F", -depth * smallest**power * norm**2 / norm, rate_bound(smallest, power)),
            argument(
                "Where |R|_F > 0 it is smooth. R = 0 is a stationary point: by uniqueness of solutions "
                "(Picard-Lindeloef) |R|_F is either positive at all times or 0 at all times, and then nothing moves"
            ),
        ),
    )


def difference_derivation(claimed: Expr, power: Expr) -> Derivation:
    """The claimed margin, an expression in sigma_min (or sigma_max) and |R|_F, never decreases.

    Rests on the two bounds of `smallest_derivation` and `residual_derivation`, with the same power. The bound of
    `smallest_derivation` was derived for every singular value, so it holds for sigma_max too.
    """
    steps: list[Step] = []
    parts: list[Expr] = []
    for state in (smallest, largest):
        if claimed.has(state):
            steps.append(positive(f"The margin increases with {state}", sp.diff(claimed, state)))
            parts.append(sp.diff(claimed, state) * rate_bound(state, power))
    parts.append(sp.diff(claimed, norm) * rate_bound(smallest, power))
    return Derivation(
        ("rate", "margin", "limit"),
        (
            *steps,
            positive("and decreases with |R|_F", -sp.diff(claimed, norm)),
            identity(
                "so by the chain rule its right derivative is at least the following combination of the two bounds, "
                "which vanishes",
                sp.Add(*parts, evaluate=False),
                sp.Integer(0),
                lambda difference: sp.expand(difference.doit()),
            ),
            argument(
                "A continuous function whose lower right derivative is nowhere negative does not decrease (Dini), so "
                "the margin at any time is at least that at any earlier one"
            ),
            nonnegative(
                "The margin is at most sigma_min (sigma_max): the difference is not negative",
                sp.expand(claimed.subs(norm, 0) - claimed),
            ),
            argument(
                "By continuity the bound sigma_min(W) >= margin(0) passes to the limit W(oo), where it exists, and to "
                "every limit point of W(t)"
            ),
        ),
    )


def convergence_derivation(bound: Expr, claimed_decay: Expr, claimed_length: Expr) -> Derivation:
    """A margin c > 0 at the start gives zero loss at an exponential rate, a finite path and a limit of full rank.

    bound is the claimed c, in sigma_min and |R|_F at the start; claimed_decay bounds |R(t)|_F, claimed_length the path
    of all layers together, both in |R(0)|_F, c, L (and t).
    """
    more = sp.Symbol("nu", integer=True, nonnegative=True)
    slack = sp.Symbol("delta", nonnegative=True)
    speed = sp.Symbol("|theta'|", positive=True)
    rate = depth * start_margin**exponent
    return Derivation(
        ("rate", "length", "full-rank", "zero-loss"),
        (
            identity("c is the margin at the start", bound, margin),
            argument("and the margin never decreases (residual-margin): sigma_min - |R|_F = c + delta with delta >= 0"),
            nonnegative("hence sigma_min - c = |R|_F + delta is not negative", norm + slack),
            nonnegative(
                "x^(2-2/L) does not decrease on x > 0 (L = 1 + nu)",
                sp.factor(sp.diff(smallest**exponent, smallest).subs(depth, 1 + more)),
            ),
            argument("so d |R|_F/dt <= -L sigma_min^(2-2/L) |R|_F <= -L c^(2-2/L) |R|_F"),
            identity(
                "The claimed bound solves the equation with equality",
                sp.diff(claimed_decay, time),
                -rate * claimed_decay,
                cancel_exponents,
            ),
            identity("and starts at |R(0)|_F", claimed_decay.subs(time, 0), start_norm),
            argument("so it bounds |R(t)|_F (Groenwall), and the loss tends to 0"),
            argument(
                "Path of all layers theta: |theta'|^2 = -dE/dt = -|R|_F d |R|_F/dt, and |theta'|^2 >= L c^(2-2/L) "
                "|R|_F^2, so that |R|_F/|theta'| <= 1/sqrt(L c^(2-2/L)) and |theta'| = (|theta'|^2)/|theta'| <= "
                "-(d |R|_F/dt)/sqrt(L c^(2-2/L))"
            ),
            identity(
                "with |theta'|^2 = L c^(2-2/L) |R|_F^2 at the worst",
                (norm / speed).subs(speed, sp.sqrt(rate * norm**2)),
                1 / sp.sqrt(rate),
                cancel_exponents,
            ),
            identity(
                "Integrated from |R(0)|_F down to 0",
                sp.Integral(1 / sp.sqrt(rate), (norm, 0, start_norm)),
                claimed_length,
                lambda difference: cancel_exponents(difference.doit()),
            ),
            argument(
                "A path of finite length stays bounded, so the flow exists at all times, and it converges: W(oo) "
                "exists and has zero loss"
            ),
            positive("sigma_min(W(oo)) >= c, which is positive: full rank", start_margin),
        ),
    )


def open_set_derivation(start: Matrix, claimed_radius: Expr) -> Derivation:
    """Every balanced start with |W(0) - start|_F < claimed_radius has a margin, positive loss and is not diagonal.

    2 x 2, w_11 = w_22 = 1 observed.
    """
    p, q, x = sp.symbols("p q x", real=True)
    turned, mirrored = sp.sqrt(x**2 + q**2), sp.Abs(p)
    general = Matrix([[x, p - q], [p + q, x]])
    at = {
        x: start[0, 0],
        p: (start[0, 1] + start[1, 0]) / 2,
        q: (start[1, 0] - start[0, 1]) / 2,
    }
    singular_value = sp.Abs(turned - mirrored)
    residual = (start - sp.eye(2)).multiply_elementwise(sp.eye(2)).norm()
    aside = start.multiply_elementwise(sp.ones(2) - sp.eye(2)).norm()
    return Derivation(
        ("open-set",),
        (
            definition("A matrix with equal diagonal entries", sp.Symbol("W"), general),
            identity(
                "has the squared Frobenius norm of singular values sqrt(x^2 + q^2) +- |p|",
                (turned + mirrored) ** 2 + (turned - mirrored) ** 2,
                sum((entry**2 for entry in general), sp.Integer(0)),
            ),
            identity("and their product up to sign as its determinant", turned**2 - mirrored**2, general.det()),
            identity("The start is such a matrix", (general.subs(at) - start).norm(), sp.Integer(0)),
            positive("Its margin is positive", singular_value.subs(at) - residual),
            nonnegative(
                "and not less than twice the radius. The margin is Lipschitz in W with constant 2 (Weyl), so it stays "
                "positive in the open ball",
                sp.expand(singular_value.subs(at) - residual - 2 * claimed_radius),
            ),
            positive("|R|_F stays positive in the ball", residual - claimed_radius),
            positive("and so does the off-diagonal part", aside - claimed_radius),
            positive("The ball is not empty", claimed_radius),
            argument(
                "So every balanced start in the ball converges to a minimiser of full rank (clauses rate, full-rank "
                "and zero-loss), at every depth"
            ),
        ),
    )
