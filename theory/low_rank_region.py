"""One step of SGD with weight decay from B_r: its imbalance, size and rank, and constants for which B_r is not left.

Definitions
    step: W_l' = rho W_l - eta e G_l, rho = 1 - 2 eta lambda > 0, for one observed entry (i, j): e = A_ij - A*_ij,
    A = W_L ... W_1, G_l = b_l a_l^T its derivative in W_l, b_l = (W_L ... W_{l+1})^T e_i, a_l = W_{l-1} ... W_1 e_j.
    B_r: for all l, |D_l|_F^2 <= eps_1 with D_l = W_{l+1}^T W_{l+1} - W_l W_l^T (l < L), |W_l|_F^2 <= C, and
    sum_i f(s_i(W_l^T W_l)) <= r + eps_2, here with f(x) = 1 - (1 - x/a)^2 on [0, a] and 1 beyond.
    M: the largest |A*_ij| observed; n: the largest width; E = C^(L/2) + M, which bounds |e| in B_r.
Statements
    `imbalance_derivation`  D_l' = rho^2 D_l + eta^2 e^2 (...) exactly: the first order cancels
    `balance_derivation`    so |D_l'|_F <= rho^2 |D_l|_F + eta^2 K, K = sqrt(2) E^2 C^(L-1)
    `size_derivation`       |W_l'|_F^2 <= rho^2 |W_l|_F^2 + eta rho^2 M^2/(2 rho - eta C^(L-1))
    `rank_derivation`       L >= 3: the sum of f grows by at most eta (2 n nu sqrt(eps_1)/a - mu t (1 - t)) from r + t
Source
    Wang & Jacot 2024, arXiv:2305.16038 (slides: the claim that B_r is closed under SGD). Constants and proofs are ours.
"""

import sympy as sp
from sympy import Expr

from theory.critical_points import decay
from theory.derivation import Derivation, argument, definition, identity, nonnegative
from theory.dynamics import Grams, grams, matrix_identity
from theory.symbols import depth

eta = sp.Symbol("eta", positive=True)
bound = sp.Symbol("C", positive=True)
target = sp.Symbol("M", positive=True)
a = sp.Symbol("a", positive=True)
widest = sp.Symbol("n", integer=True, positive=True)
root_eps_1 = sp.Symbol("sqrt(eps_1)", positive=True)
eps_2 = sp.Symbol("eps_2", positive=True)
excess = sp.Symbol("t", real=True)

#: What the statements claim, with everything written out. A mutant puts another expression in its place.
shrink: Expr = 1 - 2 * eta * decay
error_bound: Expr = bound ** (depth / 2) + target
noise: Expr = sp.sqrt(2) * error_bound**2 * bound ** (depth - 1)
loss_of_size: Expr = 4 * decay * (1 - eta * decay)
curvature: Expr = 2 * shrink - eta * bound ** (depth - 1)
size_gain: Expr = shrink**2 * target**2 / curvature
pull: Expr = shrink * error_bound * sp.sqrt(a) * bound ** ((depth - 3) / sp.Integer(2))
jolt: Expr = eta * error_bound**2 * bound ** (depth - 2)
mu: Expr = loss_of_size - 2 * pull - jolt
nu: Expr = 4 * pull + jolt
rank_growth: Expr = 2 * widest * nu * root_eps_1 / a - mu * excess * (1 - excess)

_rows, _columns, _next, _height, _width = sp.symbols("M N g h k", integer=True, positive=True)
_after = sp.MatrixSymbol("B", _rows, _next)
_upper = sp.MatrixSymbol("Y", _next, _height)
_lower = sp.MatrixSymbol("X", _height, _width)
_before = sp.MatrixSymbol("A", _width, _columns)
_row, _column = sp.MatrixSymbol("e_i", _rows, 1), sp.MatrixSymbol("e_j", _columns, 1)
_above = sp.MatrixSymbol("b", _next, 1)
_below = sp.MatrixSymbol("a", _width, 1)
_upper_gradient = sp.MatrixSymbol("G_Y", _next, _height)
_lower_gradient = sp.MatrixSymbol("G_X", _height, _width)
_rho = sp.Symbol("rho", real=True)
_e = sp.Symbol("e", real=True)


def imbalance_derivation(factor: Expr = _rho**2, claimed: Grams = grams) -> Derivation:
    """D_l' = factor D_l + eta^2 e^2 (...), for the claimed Gram matrices; every mask, depth and width."""
    upper_gradient = (_after.T @ _row) @ (_lower @ _before @ _column).T
    lower_gradient = ((_after @ _upper).T @ _row) @ (_before @ _column).T
    stepped = claimed(_rho * _upper - eta * _e * _upper_gradient, _rho * _lower - eta * _e * _lower_gradient)
    now, second = claimed(_upper, _lower), claimed(_upper_gradient, _lower_gradient)
    where = {_upper_gradient: upper_gradient, _lower_gradient: lower_gradient}
    return Derivation(
        ("imbalance",),
        (
            argument(
                "A_ij is linear in each layer. For Y = W_{l+1} over X = W_l, with B above Y and A below X (empty "
                "products are identities), its derivative in a layer is the outer product of what stands on both sides"
            ),
            definition("in Y", _upper_gradient, upper_gradient),
            definition("in X", _lower_gradient, lower_gradient),
            matrix_identity(
                "Both share a product, so the first order in eta cancels",
                _upper.T @ _upper_gradient,
                _lower_gradient @ _lower.T,
                where,
            ),
            matrix_identity(
                "D' is the claimed multiple of D, and the second order",
                stepped[0] - stepped[1],
                factor * (now[0] - now[1]) + eta**2 * _e**2 * (second[0] - second[1]),
                where,
            ),
        ),
    )


def balance_derivation(claimed: Expr = noise) -> Derivation:
    """|D_l'|_F <= rho^2 |D_l|_F + eta^2 times `claimed`, and when that keeps |D_l|_F <= sqrt(eps_1)."""
    weight = _above.T @ _above
    upper_gradient, lower_gradient = _above @ (_lower @ _below).T, (_upper.T @ _above) @ _below.T
    slack, first, second = sp.symbols("x p q", nonnegative=True)
    error = sp.Symbol("E", positive=True)
    kept = sp.Symbol("room", nonnegative=True)
    return Derivation(
        ("balance",),
        (
            argument("With b = B^T e_i and a = A e_j, the second order has the Gram matrices"),
            matrix_identity(
                "of Y's derivative: |b|^2 times an outer square, of norm |b|^2 |X a|^2",
                upper_gradient.T @ upper_gradient,
                (_lower @ _below) @ weight @ (_lower @ _below).T,
            ),
            matrix_identity(
                "and of X's: |a|^2 times one, of norm |a|^2 |Y^T b|^2",
                lower_gradient @ lower_gradient.T,
                (_upper.T @ _above) @ (_below.T @ _below) @ (_upper.T @ _above).T,
            ),
            argument(
                "|b| and |a| are at most the products of the norms of the layers they consist of: times e^2 both norms "
                "p, q are at most x = e^2 C^(L-1). Both matrices are positive semidefinite, so their inner product is "
                "not negative, and |P - Q|_F^2 <= p^2 + q^2"
            ),
            nonnegative(
                "at most 2 x^2: with x = p + ... = q + ..., the difference 2 x^2 - p^2 - q^2 is the sum of both",
                ((first + slack) ** 2 - first**2).expand() + ((second + slack) ** 2 - second**2).expand(),
            ),
            argument("|A_ij| <= prod |W_l| <= C^(L/2), so |e| <= C^(L/2) + M = E"),
            identity(
                "The claimed constant is sqrt(2) E^2 C^(L-1)",
                claimed,
                sp.sqrt(2) * (error**2 * bound ** (depth - 1)).subs(error, error_bound),
            ),
            identity("Weight decay takes 1 - rho^2 =", 1 - shrink**2, eta * loss_of_size),
            identity(
                "so sqrt(eps_1) exceeds rho^2 sqrt(eps_1) + eta^2 K by eta times the room 4 lambda (1 - eta lambda) "
                "sqrt(eps_1) - eta K",
                root_eps_1 - shrink**2 * root_eps_1 - eta**2 * claimed,
                eta * (loss_of_size * root_eps_1 - eta * claimed),
            ),
            nonnegative("which is not negative where the room is not", eta * kept),
        ),
    )


def size_derivation(claimed: Expr = size_gain) -> Derivation:
    """|W_l'|_F^2 <= rho^2 |W_l|_F^2 + eta times `claimed`, for every l, and when that keeps |W_l|_F^2 <= C."""
    gradient = _above @ _below.T
    layer = sp.MatrixSymbol("X", _next, _width)
    wanted = sp.Symbol("A*_ij", real=True)
    steep, q = sp.Symbol("k", positive=True), sp.Symbol("q", positive=True)
    lowered = -2 * _rho * _e * (_e + wanted) + q * _e**2
    room = sp.Symbol("room", nonnegative=True)
    return Derivation(
        ("size",),
        (
            matrix_identity(
                "Let X = W_l, G = b a^T. The step has the Gram matrix",
                (_rho * layer - eta * _e * gradient).T @ (_rho * layer - eta * _e * gradient),
                _rho**2 * layer.T @ layer
                - eta * _rho * _e * (layer.T @ gradient + gradient.T @ layer)
                + eta**2 * _e**2 * gradient.T @ gradient,
            ),
            argument(
                "Traces: tr(X^T G) = b^T X a = A_ij = e + A*_ij, and |G|_F^2 = |b|^2 |a|^2 <= C^(L-1). So "
                "|W_l'|_F^2 <= rho^2 |W_l|_F^2 + eta (-2 rho e (e + A*_ij) + q e^2), q = eta C^(L-1)"
            ),
            identity(
                "With 2 rho - q = k > 0 the bracket is what is left of a square",
                lowered.subs(q, 2 * _rho - steep),
                _rho**2 * wanted**2 / steep - steep * (_e + _rho * wanted / steep) ** 2,
            ),
            nonnegative("of which the square is taken away", steep * (_e + _rho * wanted / steep) ** 2),
            argument("and |A*_ij| <= M: at most rho^2 M^2/k"),
            identity("which is the claimed gain", claimed, shrink**2 * target**2 / curvature, sp.simplify),
            identity("Weight decay takes (1 - rho^2) C =", (1 - shrink**2) * bound, eta * loss_of_size * bound),
            identity(
                "so C exceeds rho^2 C + eta gain by eta times the room 4 lambda (1 - eta lambda) C - gain",
                bound - shrink**2 * bound - eta * claimed,
                eta * (loss_of_size * bound - claimed),
            ),
            nonnegative("which is not negative where the room is not", eta * room),
        ),
    )


def _passed_on() -> tuple[Expr, Expr, Expr, Expr]:
    """|Y u|^2 and |Z Y u|^2 for layers Z over Y over X, and what they are when X X^T u = s u, by the imbalances."""
    third = sp.MatrixSymbol("Z", _rows, _next)
    vector = sp.MatrixSymbol("u", _height, 1)
    value = sp.Symbol("s", nonnegative=True)
    low, high = _upper.T @ _upper - _lower @ _lower.T, third.T @ third - _upper @ _upper.T
    left_over = _lower @ _lower.T @ vector - value * vector
    moved = _upper.T @ _upper @ vector
    once = vector.T @ _upper.T @ _upper @ vector
    twice = (_upper @ vector).T @ third.T @ third @ (_upper @ vector)
    return (
        once,
        value * vector.T @ vector + vector.T @ low @ vector + vector.T @ left_over,
        twice,
        moved.T @ moved + (_upper @ vector).T @ high @ (_upper @ vector),
    )


def rank_derivation(claimed: Expr = rank_growth) -> Derivation:
    """L >= 3: from sum f = r + t, 0 <= t < 1, sum f grows by at most eta times `claimed`; when r + eps_2 is kept."""
    s, delta, jump = sp.symbols("s delta J", nonnegative=True)
    y = sp.Symbol("y", nonnegative=True)
    half = sp.Symbol("Q", nonnegative=True)  # rho E sqrt(a) C^((L-3)/2)
    once, once_found, twice, twice_found = _passed_on()
    per_value = -loss_of_size * s + 2 * half * (s + 2 * delta) + jump * (s + delta)
    first, second = sp.symbols("f_i f_k", positive=True)
    moved = sp.Symbol("h", real=True)
    spread = (first + moved) * (1 - first - moved) + (second - moved) * (1 - second + moved)
    return Derivation(
        ("rank",),
        (
            argument(
                "Let X = W_l, l < L, P = X X^T with eigenvalues s_i and eigenvectors u_i, X^T u_i = sqrt(s_i) v_i (for "
                "l = L take X^T X and v_i instead: all below holds with both ends of the chain exchanged). f is "
                "concave and once differentiable, so by Klein's inequality sum f after the step is at most sum f + "
                "sum_i f'(s_i) u_i^T (P' - P) u_i, where P' - P = -(1 - rho^2) P - rho eta e (X G^T + G X^T) + eta^2 "
                "e^2 G G^T, G = b a^T. Only s_i < a count: f' = 0 beyond. Write delta = sqrt(eps_1)"
            ),
            argument(
                "So the i-th term is f'(s) (-(1 - rho^2) s - 2 rho eta e sqrt(s) (u.b)(a.v) + eta^2 e^2 |a|^2 (u.b)^2)"
            ),
            matrix_identity(
                "Small directions are passed on small: X X^T u = s u gives |Y u|^2 = s + u^T D u for the layer Y above",
                once,
                once_found,
            ),
            matrix_identity("and |Z Y u|^2 = |Y^T Y u|^2 + (Y u)^T D (Y u) for the next", twice, twice_found),
            argument(
                "with |Y^T Y u| = |s u + D u| <= s + delta: so |Y u|^2 <= s + delta and |Z Y u|^2 <= (s + delta)^2 + "
                "delta (s + delta). The same holds downwards for v"
            ),
            nonnegative(
                "which is at most (s + 2 delta)^2: the difference",
                sp.expand((s + 2 * delta) ** 2 - (s + delta) ** 2 - delta * (s + delta)),
            ),
            argument(
                "Hence (u.b)^2 <= (s + delta) C^(L-l-1), and |(u.b)(a.v)| <= (s + 2 delta) C^((L-3)/2): one layer on "
                "each side for 1 < l < L, two on one side for l = 1. |a|^2 <= C^(l-1), |e| <= E, sqrt(s) <= sqrt(a)"
            ),
            identity(
                "so with Q = rho E sqrt(a) C^((L-3)/2), J = eta E^2 C^(L-2) the i-th bracket over eta is at most",
                per_value,
                -(loss_of_size - 2 * half - jump) * s + (4 * half + jump) * delta,
            ),
            identity(
                "where the factor of -s is mu:", mu, (loss_of_size - 2 * half - jump).subs({half: pull, jump: jolt})
            ),
            identity("and that of delta is nu:", nu, (4 * half + jump).subs({half: pull, jump: jolt})),
            argument(
                "f' <= 2/a, n terms: the delta parts add up to at most 2 n nu delta/a. If mu >= 0, take f' s next"
            ),
            identity(
                "with y = 1 - s/a: f' s =",
                (sp.diff(1 - (1 - s / a) ** 2, s) * s).subs(s, a * (1 - y)),
                2 * y * (1 - y),
            ),
            identity(
                "which exceeds f (1 - f), f = 1 - y^2, by",
                2 * y * (1 - y) - (1 - y**2) * y**2,
                y * (1 - y) ** 2 * (2 + y),
            ),
            nonnegative("not negative", y * (1 - y) ** 2 * (2 + y)),
            identity(
                "sum f_i (1 - f_i) with the sum of f_i given: moving h from f_k to f_i changes it by a concave "
                "function of h, of second derivative",
                sp.diff(spread, moved, 2),
                sp.Integer(-4),
            ),
            argument(
                "so it is least where all but one f_i are 0 or 1: at least t (1 - t) when the sum is r + t, 0 <= t < 1"
            ),
            identity(
                "The claimed growth over eta",
                claimed,
                2 * widest * nu * root_eps_1 / a - mu * excess * (1 - excess),
            ),
            argument(
                "Keeping r + eps_2, eps_2 < 1, where 4 n nu sqrt(eps_1) <= a mu eps_2 (1 - eps_2). For eps_2/2 <= t <= "
                "eps_2, t (1 - t) >= eps_2/2 (1 - eps_2): no growth. For t < eps_2/2 (also below 0) growth is at most "
                "eta mu eps_2/2 (1 - eps_2)"
            ),
            identity(
                "which is at most eps_2/2, since eta mu <= 1 - rho^2 =",
                eta * loss_of_size,
                1 - shrink**2,
            ),
            nonnegative("no more than 1: rho^2 =", _rho**2),
        ),
    )
