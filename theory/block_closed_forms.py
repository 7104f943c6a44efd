"""Closed forms of the block-diagonal limit: depth 4 in radicals, infinite depth as a quadratic.

Implementation notes
    Depth 4: in y = z + D/2 the limit equation is the depressed quartic y^4 + p y^2 + r y + u = 0. Ferrari's resolvent
    cubic becomes x^3 + A x^2 + B = 0 with x = theta - n/(2 d w*), which has exactly one negative root because B > 0;
    Cardano applied to 1/x gives it with principal branches for every D > 0, so no case distinction is left.
Source
    Consequences of Shin & Yun 2026, arXiv:2603.04703, Theorem 3.3 (reconstructed; the closed forms are ours).
"""

import sympy as sp
from sympy import Expr

from theory.block_limit import limit_sum
from theory.derivation import (
    Derivation,
    argument,
    identity,
    nonnegative,
    positive,
    tends_to,
)
from theory.symbols import blocks, depth, gap, sigma_1, sigma_2, total, z

_y, _theta, _x, _v = sp.Symbol("y", real=True), sp.Symbol("theta"), sp.Symbol("x"), sp.Symbol("v")

#: Coefficients of the depressed quartic y^4 + p y^2 + r y + u.
quartic_p: Expr = -(gap**2 / 2 + blocks / total)
quartic_r: Expr = (blocks - 2) * gap / total
quartic_u: Expr = gap**4 / 16 - blocks * gap**2 / (4 * total)

#: Coefficients of the resolvent cubic x^3 + A x^2 + B.
cubic_a: Expr = blocks / (2 * total) - gap**2 / 2
cubic_b: Expr = (blocks - 1) * gap**2 / (2 * total**2)

_discriminant: Expr = 1 / (4 * cubic_b**2) + (cubic_a / (3 * cubic_b)) ** 3
_cardano: Expr = (1 / (2 * cubic_b) + sp.sqrt(_discriminant)) ** sp.Rational(1, 3)
_theta_root: Expr = 1 / (cubic_a / (3 * cubic_b * _cardano) - _cardano) + blocks / (2 * total)


def _ferrari(theta: Expr, sign: int) -> Expr:
    inner = sp.sqrt((theta + quartic_p / 2) ** 2 - quartic_u)
    outer = sp.sqrt(-2 * theta - 2 * quartic_p + 4 * inner)
    return (-sign * sp.sqrt(2 * theta) + outer) / 2 - gap / 2


#: The root z of the limit equation at L = 4, in D > 0, n and c = d w*.
depth_four_root: Expr = _ferrari(_theta_root, 1)
#: The same with the sign of one radical changed: a root of nothing.
depth_four_wrong_sign: Expr = _ferrari(_theta_root, -1)

#: Half of 1/sigma_2 - 1/sigma_1, conserved at infinite depth, and the limit in y = z + H.
half_gap = sp.Symbol("H", nonnegative=True)
infinite_depth_gap: Expr = (1 / sigma_2 - 1 / sigma_1) / 2
infinite_depth_centre: Expr = (
    blocks + sp.sqrt(blocks**2 + 4 * total * half_gap * (total * half_gap - (blocks - 2)))
) / (2 * total)


def depth_four_derivation(claimed: Expr = depth_four_root) -> Derivation:
    """The root in radicals: Ferrari's factorization, Cardano's formula, and why it is the positive root."""
    n, c, d, y = blocks, total, gap, _y
    more = sp.Symbol("nu", integer=True, nonnegative=True)
    positive_gap = sp.Symbol("D", positive=True)
    quartic = y**4 + quartic_p * y**2 + quartic_r * y + quartic_u
    root, inner, outer = sp.Symbol("T", positive=True), sp.Symbol("I", nonnegative=True), sp.Symbol("O", positive=True)
    first_factor = y**2 + root * y + quartic_p / 2 + root**2 / 2 - inner
    second_factor = y**2 - root * y + quartic_p / 2 + root**2 / 2 + inner
    cubic = _x**3 + cubic_a * _x**2 + cubic_b
    ferrari = (y**2 + quartic_p / 2 + _theta) ** 2 - 2 * _theta * (y - quartic_r / (4 * _theta)) ** 2
    resolvent = 8 * _theta * ((_theta + quartic_p / 2) ** 2 - quartic_u) - quartic_r**2
    big, coefficient, square, half = sp.symbols("C a S h")
    cardano = -big + coefficient / (3 * big)
    at_zero = cubic.subs(_x, -n / (2 * c))
    at_end = sp.factor(cubic.subs(_x, -1 / c))
    return Derivation(
        ("root",),
        (
            identity(
                "q = 2: F(z) z^2 (z + D)^2/c, with z = y - D/2, is a depressed quartic",
                sp.expand(sp.cancel((c - limit_sum(power=sp.Integer(2))) * z**2 * (z + d) ** 2 / c)).subs(z, y - d / 2),
                quartic,
            ),
            identity(
                "Ferrari: it is a difference of two squares when theta solves the resolvent cubic",
                ferrari - quartic,
                resolvent / (8 * _theta),
                sp.cancel,
            ),
            identity(
                "In x = theta - n/(2c) the resolvent cubic is 8 (x^3 + A x^2 + B)",
                resolvent.subs(_theta, _x + n / (2 * c)),
                8 * cubic,
            ),
            positive(
                "B > 0 (n = 2 + nu): by Descartes' rule the cubic has exactly one negative root",
                cubic_b.subs({n: 2 + more, d: positive_gap}),
            ),
            nonnegative("It is <= 0 at theta = 0", -sp.factor(at_zero.subs({n: 2 + more, d: positive_gap}))),
            nonnegative(
                "and >= 0 at theta = (n-2)/(2c), so 0 <= theta <= (n-2)/(2c)",
                sp.expand(at_end.subs({n: 2 + more, d: positive_gap})),
            ),
            identity(
                "For v = 1/x: v^3 + (A/B) v + 1/B = 0",
                sp.cancel(cubic.subs(_x, 1 / _v) * _v**3 / cubic_b),
                _v**3 + cubic_a / cubic_b * _v + 1 / cubic_b,
                sp.cancel,
            ),
            identity(
                "Cardano: v = -C + a/(3C) with C^3 = h + S, S^2 = h^2 + (a/3)^3 solves v^3 + a v + 2h = 0",
                cardano**3 + coefficient * cardano + 2 * half,
                sp.Integer(0),
                lambda expr: _reduce_cardano(expr, big, half, square, coefficient),
            ),
            argument(
                "1/(2B) > 0 keeps the cube root off its branch cut, and C + conj(C) is the largest |v|: "
                "v is the negative root"
            ),
            identity(
                "With T = sqrt(2 theta) and I^2 = (theta + p/2)^2 - u the two factors multiply to "
                "y^4 + p y^2 + 2 T I y + (p/2 + theta)^2 - I^2: the quartic, since the resolvent says 2 T I = r "
                "(both are 0 for n = 2)",
                first_factor * second_factor,
                y**4 + quartic_p * y**2 + 2 * root * inner * y + (quartic_p / 2 + root**2 / 2) ** 2 - inner**2,
            ),
            identity(
                "The larger root of the first factor is (-T + O)/2 with O^2 = -T^2 - 2 p + 4 I",
                first_factor.subs(y, (outer - root) / 2),
                (outer**2 - (-(root**2) - 2 * quartic_p + 4 * inner)) / 4,
            ),
            identity(
                "With T = sqrt(2 theta), the first Ferrari factor at y = D/2 minus the second is T D - r/T",
                (y**2 + root * y + quartic_p / 2 + root**2 / 2 - quartic_r / (2 * root)).subs(y, d / 2)
                - (y**2 - root * y + quartic_p / 2 + root**2 / 2 + quartic_r / (2 * root)).subs(y, d / 2),
                root * d - quartic_r / root,
            ),
            argument("which is <= 0 because 2 theta <= (n-2)/c; for n = 2 the difference is -2 I < 0"),
            identity("The quartic at y = D/2, that is z = 0, is", quartic.subs(y, d / 2), -(d**2) / c),
            argument(
                "< 0, so exactly one factor is negative there: the first, whose larger root has z > 0. "
                "F has one positive root (block-limit)"
            ),
            identity("Hence z is", claimed, _ferrari(_theta_root, 1), sp.Add),
        ),
    )


def _reduce_cardano(expression: Expr, big: Expr, half: Expr, square: Expr, coefficient: Expr) -> Expr:
    """The numerator modulo C^3 = h + S and S^2 = h^2 + (a/3)^3."""
    first = sp.rem(sp.numer(sp.together(expression)), big**3 - (half + square), big)
    return sp.expand(sp.rem(sp.expand(first), square**2 - half**2 - (coefficient / 3) ** 3, square))


def infinite_depth_derivation(claimed_half_gap: Expr, centre: Expr) -> Derivation:
    """L -> oo at fixed initial singular values: q -> 1, 1/sigma_2 - 1/sigma_1 is conserved, the limit is quadratic."""
    power = depth / (depth - 2)
    x = sp.Symbol("x", positive=True)
    y, h, n, c = _y, half_gap, blocks, total
    more = sp.Symbol("nu", integer=True, nonnegative=True)
    equation = sp.numer(sp.together(1 / (y - h) + (n - 1) / (y + h) - c))
    inside = n**2 + 4 * c * h * (c * h - (n - 2))
    inverse, ratio = sp.Symbol("p", positive=True), sp.Symbol("y", real=True)
    height = _height(inverse, ratio, sigma_1, sigma_2)
    slope = infinite_depth_slope(ratio, sigma_1, sigma_2, inverse)
    return Derivation(
        ("conserved", "root", "rate"),
        (
            tends_to("q -> 1", power, depth, sp.oo, sp.Integer(1)),
            tends_to("and sigma^(-1/q) -> 1/sigma", x ** (-(depth - 2) / depth), depth, sp.oo, 1 / x),
            identity("so half of the conserved gap is", claimed_half_gap, (1 / sigma_2 - 1 / sigma_1) / 2),
            identity(
                "With y = z + H, F = 0 at q = 1 is the quadratic",
                equation.subs(y, z + h),
                sp.numer(sp.together(limit_sum(drift=2 * h, power=sp.Integer(1)) - c)),
            ),
            identity("solved by", sp.expand(equation.subs(y, centre)), sp.Integer(0)),
            identity("whose radicand is", inside, (n - 2 - 2 * c * h) ** 2 + 4 * (n - 1)),
            positive("and its last term is positive (n = 2 + nu): the roots are real", (4 * (n - 1)).subs(n, 2 + more)),
            identity(
                "The sign at z = 0 (y = H): the quadratic opens upwards and is there",
                sp.expand(-equation.subs(y, h)),
                -2 * h,
            ),
            argument("so for H > 0 exactly one root has z > 0: the larger one, with the + sign"),
            tends_to("1/q approaches 1 at the rate 2/L", depth * (1 - 1 / power), depth, sp.oo, sp.Integer(2)),
            identity(
                "With p = 1/q the equation for y = log(sigma_2/sigma_1) is H(p, y) = 0; along its root dH/dp vanishes "
                "with the slope used here",
                sp.diff(height, inverse) + sp.diff(height, ratio) * slope,
                sp.Integer(0),
                sp.simplify,
            ),
            argument(
                "The equation for y = log(sigma_2/sigma_1) is smooth in (y, 1/q) and strictly monotone in y, so by the "
                "implicit function theorem y_L = y_oo - (2/L) dy/d(1/q) + O(1/L^2)"
            ),
        ),
    )


def _height(inverse: Expr, ratio: Expr, first: Expr, rest: Expr) -> Expr:
    """H(p, y) = log(e^(-p y) - 1) + p log((1 + (n-1) e^y)/(d w*)) - log(rest^(-p) - first^(-p)), p = 1/q."""
    return (
        sp.log(sp.exp(-inverse * ratio) - 1)
        + inverse * sp.log((1 + (blocks - 1) * sp.exp(ratio)) / total)
        - sp.log(rest ** (-inverse) - first ** (-inverse))
    )


def infinite_depth_slope(log_ratio: Expr, first: Expr, rest: Expr, at: Expr | int = 1) -> Expr:
    """dy/dp at p = `at` for y = log(sigma_2/sigma_1) of the limit, p = 1/q = 1 - 2/L, at fixed `first`, `rest`.

    Implicit differentiation of H(p, y) = 0; the limit at depth L is y(oo) - (2/L) dy/dp + O(1/L^2).
    """
    inverse, ratio = sp.Symbol("p", positive=True), sp.Symbol("y", real=True)
    height = _height(inverse, ratio, first, rest)
    slope = -sp.diff(height, inverse) / sp.diff(height, ratio)
    return slope.subs({inverse: at, ratio: log_ratio}, simultaneous=True)
