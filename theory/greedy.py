"""Greedy low-rank learning at depth 2: how it escapes critical points, and how far a small start is from it.

Notation
    f convex, W = U U^T, dU/dt = G U, G = -grad f(W); mu_1 > mu_2 the largest eigenvalues of G at W = 0, with unit
    eigenvectors u_1, u_2; U(0) = alpha U_0. At a critical point G U = 0.
Statements
    `escape_derivation`  positive eigenvectors of G are orthogonal to U, and how much of f a column along them removes
Heuristic, of the exponents (they are measured, not proved)
    While W is small, U = alpha (e^(mu_1 t) u_1 u_1^T + e^(mu_2 t) u_2 u_2^T + ...) U_0. At the shifted time t + shift
    the first term is that of the greedy stage at t, and e^(mu_i (t + shift)) is of order alpha^(-mu_i/mu_1). So W has,
    beside the stage's e^(2 mu_1 t) u_1 u_1^T, cross terms u_1 u_2^T of order alpha^(1 - mu_2/mu_1), times
    u_1^T U_0 U_0^T u_2, and terms u_2 u_2^T of order alpha^(2 (1 - mu_2/mu_1)). The climb multiplies both by numbers
    that do not depend on alpha. U_0 = I has no cross terms. Cross terms turn the first column at the beginning of the
    stage, which forgets that by its end, an isolated critical point; so the limit is at a distance of the order of the
    squared second column, alpha^(2 (1 - mu_2/mu_1)), from any U_0. This is for mu_2 > 0 and one stage only.
Source
    Li, Luo & Lyu 2021, arXiv:2012.09839 (reconstructed); the exponents are ours.
"""

import sympy as sp
from sympy import Expr

from theory.derivation import Derivation, argument, definition, identity, positive

#: f(W) - f(W + c v v^T) at the best c, for the escape rate mu along v and the curvature of f there.
rate, curvature = sp.symbols("mu kappa", positive=True)
best_drop: Expr = rate**2 / (2 * curvature)


def limit_exponent(first: Expr, second: Expr) -> Expr:
    """Of alpha in the distance between W(oo) and the greedy limit; `first` > `second` > 0 the largest rates."""
    return 2 * (1 - second / first)


def cross_exponent(first: Expr, second: Expr) -> Expr:
    """Of alpha in the distance between the shifted flow and the greedy stage, for U_0 with cross terms."""
    return 1 - second / first


def escape_derivation(drop: Expr) -> Derivation:
    """At W = U U^T with G v = mu v, mu > 0: mu |U^T v| <= |G U|_F, and the best column along v lowers f by `drop`."""
    step, residual, weight, direction = sp.symbols("epsilon r omega q", real=True)
    overlap, moved = sp.symbols("v.u_j (G*u_j).v", real=True)
    size = rate / curvature
    along = -rate * step + curvature * step**2 / 2
    return Derivation(
        ("orthogonal", "decrease"),
        (
            argument("G is symmetric, so v^T G u_j is both (G v)^T u_j = mu v.u_j and v^T (G u_j), u_j a column of U"),
            identity("so v.u_j is the second over mu", (moved / rate).subs(moved, rate * overlap), overlap),
            positive("mu > 0, so that", rate),
            argument(
                "mu |U^T v| = |U^T G v| = |(G U)^T v| <= |G U|_F for a unit vector v; at a critical point G U = 0, and "
                "v is orthogonal to every column of U"
            ),
            argument("Appending the column sqrt(epsilon) v to U adds epsilon v v^T to W"),
            identity(
                "f is half the sum of omega r^2 over the entries, r the residual, q = v_i v_j: each one becomes",
                weight * (residual + step * direction) ** 2 / 2,
                weight * residual**2 / 2 + step * weight * residual * direction + step**2 * weight * direction**2 / 2,
            ),
            definition(
                "Their sum, with sum of omega r q = -v^T G v = -mu, kappa = sum of omega q^2",
                sp.Symbol("change"),
                along,
            ),
            identity("is -mu to first order: the slope at epsilon = 0", along.diff(step).subs(step, 0), -rate),
            argument("No unit vector has a larger v^T G v than the top eigenvector: no other column lowers f faster"),
            identity("It is least at epsilon = mu/kappa", along.diff(step).subs(step, size), sp.S.Zero),
            identity("where f has fallen by", drop, -along.subs(step, size)),
        ),
    )
