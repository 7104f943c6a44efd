"""Diagonal observations at depth 2 with positive targets: the limit's law at small scale, and its nuclear norm.

Definitions
    T = sum of the targets w_i* > 0, p_i = a_i + b_i and q_i = a_i - b_i at the start, epsilon_i = |p_i| |q_i|; the law
    of W(oo) has entries sqrt(w_i* w_j*) cos angle(p_i, p_j).
Statements
    `nuclear_limit_derivation`  the law, with an explicit bound of the order of the scale's square
    `nuclear_norm_derivation`   the law's matrix is positive semidefinite of trace T, the minimum nuclear norm
    `nuclear_gap_derivation`    T <= |W(oo)|_* <= sum of sqrt(w_i*^2 + epsilon_i^2/4), at every scale
    `full_rank_derivation`      the law's matrix has full rank for almost every start
Source
    Bai, Zhao & Zhang 2024, arXiv:2405.13721 (reconstructed; the explicit bounds are ours).
"""

import sympy as sp
from sympy import Expr, Matrix

from theory.depth_two import dots, inner_product
from theory.derivation import Derivation, Step, argument, identity, nonnegative, tends_to

target_1, target_2 = sp.symbols("w*_1 w*_2", positive=True)
product_1, product_2 = sp.symbols("epsilon_1 epsilon_2", positive=True)
cosine = sp.Symbol("cos(p_1,p_2)", real=True)
trace = sp.Symbol("T", positive=True)

# Inner products of two vectors u, v.
_left, _right = sp.symbols("|u|^2 |v|^2", positive=True)
_both = sp.Symbol("u.v", real=True)
_gram = ((_left, _both), (_both, _right))

#: The law of W_12(oo) as the scale tends to 0.
small_scale_entry: Expr = sp.sqrt(target_1 * target_2) * cosine

#: |W_12(oo) - law| is at most this, at every scale.
small_scale_distance: Expr = sp.sqrt((target_1 + product_1) * (target_2 + product_2)) - sp.sqrt(target_1 * target_2)

#: |W(oo)|_* is at most the sum over i of this, at every scale.
nuclear_share: Expr = sp.sqrt(target_1**2 + product_1**2 / 4)


def nuclear_limit_derivation(law: Expr, distance: Expr) -> Derivation:
    """|W_12(oo) - law| <= distance for targets w_i* > 0, and the distance is of the order of the scale's square."""
    pairs = ((target_1, product_1), (target_2, product_2))
    spreads = [sp.sqrt(4 * w**2 + product**2) for w, product in pairs]
    long_1, short_1, long_2, short_2 = sp.symbols("P_1 Q_1 P_2 Q_2", positive=True)
    others = [sp.Symbol(f"cos({pair})", real=True) for pair in ("p_1,q_2", "q_1,p_2", "q_1,q_2")]
    cosines = ((cosine, others[0]), (others[1], others[2]))
    found = inner_product((long_1 / 2, short_1 / 2), (long_2 / 2, -short_2 / 2), cosines)
    parts = (long_1 * short_2, short_1 * long_2, short_1 * short_2)
    rest = (-parts[0] * others[0] + parts[1] * others[1] - parts[2] * others[2]) / 4
    lead = long_1 * long_2 / 4 - sp.sqrt(target_1 * target_2)
    scale = sp.Symbol("x", positive=True)
    slopes = sp.symbols("e_1 e_2", positive=True)
    small = {product: slope * scale for (_, product), slope in zip(pairs, slopes, strict=True)}
    steps: list[Step] = [
        argument(
            "Write P_i = |e^tau_i p_i| and Q_i = |e^-tau_i q_i| at the limit: P_i^2 = s_i + 2 w_i*, Q_i^2 = "
            "s_i - 2 w_i*, s_i = sqrt(4 w_i*^2 + epsilon_i^2), epsilon_i = |p_i| |q_i| (depth2-diagonal-limit)"
        ),
    ]
    for (w, product), spread in zip(pairs, spreads, strict=True):
        steps += [
            identity("P^2 Q^2 = epsilon^2", (spread + 2 * w) * (spread - 2 * w), product**2),
            nonnegative("P^2 - 4 w* = Q^2 = epsilon^2/P^2 >= 0", product**2 / (spread + 2 * w)),
            identity(
                "s <= 2 w* + epsilon, since the squares differ by",
                (2 * w + product) ** 2 - spread**2,
                4 * w * product,
            ),
        ]
    steps += [
        identity(
            "W_12 = (P_1 p_1^ + Q_1 q_1^).(P_2 p_2^ - Q_2 q_2^)/4 in unit vectors; it differs from the law by",
            found - law,
            lead * cosine + rest,
        ),
        argument("Every cosine is at most 1 in modulus and P_i >= 2 sqrt(w_i*), so the modulus of that is at most"),
        identity(
            "the same sum with every cosine replaced by 1 and every sign by plus",
            lead + sum(parts) / 4,
            (long_1 + short_1) * (long_2 + short_2) / 4 - sp.sqrt(target_1 * target_2),
        ),
        identity(
            "(P + Q)^2 = P^2 + Q^2 + 2 P Q = 2 s + 2 epsilon, at most (with s <= 2 w* + epsilon)",
            2 * (2 * target_1 + product_1) + 2 * product_1,
            4 * (target_1 + product_1),
        ),
        identity(
            "so the distance is at most",
            distance,
            sp.sqrt((target_1 + product_1) * (target_2 + product_2)) - sp.sqrt(target_1 * target_2),
        ),
        tends_to(
            "With epsilon_i = x e_i, x the square of the scale, it is of order x: the limit of distance/x is",
            distance.subs(small) / scale,
            scale,
            sp.Integer(0),
            (slopes[0] * target_2 / 2 + slopes[1] * target_1 / 2) / sp.sqrt(target_1 * target_2),
        ),
    ]
    return Derivation(("limit",), tuple(steps))


def nuclear_norm_derivation(law: Expr, norm: Expr) -> Derivation:
    """The law's matrix is positive semidefinite with trace T = sum w_i*, and `norm` is claimed as its nuclear norm.

    No matrix with the diagonal w_1*, ..., w_n* has a smaller one: the identity is a dual certificate.
    """
    inner = dots[0][0]
    length_1, length_2 = sp.symbols("|p_1| |p_2|", positive=True)
    squared = inner_product((1, -1), (1, -1), _gram)
    return Derivation(
        ("semidefinite", "minimum"),
        (
            identity(
                "With v_i = sqrt(w_i*) p_i/|p_i| the law's entries are v_1.v_2",
                law.subs(cosine, inner / (length_1 * length_2)),
                sp.sqrt(target_1) / length_1 * sp.sqrt(target_2) / length_2 * inner,
            ),
            identity("and w_i* on the diagonal", law.subs({target_2: target_1, cosine: 1}), target_1),
            argument(
                "The matrix of the law is V V^T, so x^T V V^T x = |V^T x|^2 >= 0: positive semidefinite, its singular "
                "values are its eigenvalues, and its nuclear norm is its trace T = sum w_i*"
            ),
            identity("which is the claimed norm", norm, trace),
            identity(
                "Unit vectors have 1 - u.v = |u - v|^2/2 >= 0",
                (squared / 2).subs({_left: 1, _right: 1}),
                1 - _both,
            ),
            argument(
                "Any Z = sum sigma_r u_r v_r^T with that diagonal has T = tr Z = sum sigma_r u_r.v_r <= sum sigma_r, "
                "which is |Z|_*"
            ),
        ),
    )


def nuclear_gap_derivation(share: Expr) -> Derivation:
    """T <= |W(oo)|_* <= sum of `share` over i, at every scale and for every n and width."""
    spread = sp.sqrt(4 * target_1**2 + product_1**2)
    halves = ((spread + 2 * target_1, _both), (_both, spread - 2 * target_1))
    lengths = inner_product((1, 1), (1, 1), halves) / 4 + inner_product((1, -1), (1, -1), halves) / 4
    return Derivation(
        ("gap",),
        (
            argument("W(oo) has the diagonal w_i*, so T <= |W(oo)|_* (the dual certificate again)"),
            identity(
                "Arithmetic and geometric mean: (|u|^2 + |v|^2)/2 - u.v = |u - v|^2/2",
                (_left + _right) / 2 - _both,
                inner_product((1, -1), (1, -1), _gram) / 2,
            ),
            argument(
                "With singular vectors u_r, v_r of W = W_2 W_1: |W|_* = sum (W_2^T u_r).(W_1 v_r) "
                "<= sum (|W_2^T u_r|^2 + |W_1 v_r|^2)/2 <= (|W_2|_F^2 + |W_1|_F^2)/2 (Bessel)"
            ),
            identity("At the limit |a_i|^2 + |b_i|^2 = (P_i^2 + Q_i^2)/2 = s_i, whatever p_i.q_i is", lengths, spread),
            identity("so pair i contributes s_i/2, the claimed share; its square is", share**2, spread**2 / 4),
            nonnegative(
                "It exceeds w_i* by at most epsilon_i^2/(8 w_i*): the squares differ by",
                sp.expand((target_1 + product_1**2 / (8 * target_1)) ** 2 - nuclear_share**2),
            ),
        ),
    )


def full_rank_derivation() -> Derivation:
    """The matrix of the law has the rank of (p_1, ..., p_n): min(n, width) for almost every start."""
    sine = sp.Symbol("theta", real=True)
    gram = Matrix([[target_1, small_scale_entry], [small_scale_entry, target_2]]).subs(cosine, sp.cos(sine))
    return Derivation(
        ("full-rank",),
        (
            argument(
                "V V^T has the rank of V, whose rows are positive multiples of p_1, ..., p_n. A minor of order "
                "min(n, width) of the matrix of the p_i is a polynomial in its entries that is 1 at p_i = e_i, so it "
                "vanishes only on a set of measure zero. Rank is lower semicontinuous, so at small scale W(oo) has at "
                "least that rank"
            ),
            identity(
                "n = 2, to see it: the determinant is w_1* w_2* sin^2 of the angle between p_1 and p_2",
                gram.det(),
                target_1 * target_2 * sp.sin(sine) ** 2,
                lambda difference: sp.trigsimp(sp.expand(difference)),
            ),
        ),
    )
