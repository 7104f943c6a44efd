"""Symmetric flows at depth L: the equation of M = W^(2/L), and the second eigenvalue while the first one grows.

Definitions
    f of symmetric matrices, f(W) = f(W^T); G = -grad f(W), symmetric. Layers are balanced and W = W_L ... W_1 is
    symmetric positive semidefinite. Escape from W = 0: G is G(0), with eigenvalues mu_1 > mu_2, and W(0) = w_0 times
    the identity; w_1, w_2 are the eigenvalues of W along the two eigenvectors.
Statements
    `flow_derivation`    dM/dt = G W + W G, W = M^(L/2)
    `escape_derivation`  L >= 3: w_2^(-(1-2/L)) = (1 - r) w_0^(-(1-2/L)) + r w_1^(-(1-2/L)), r = mu_2/mu_1: w_2 is
                         linear in w_0 however large w_1 is
    `shallow_derivation` L = 2: w_2 = w_0^(1-r) w_1^r
Source
    The equation: Li, Luo & Lyu 2021, arXiv:2012.09839, Section 6 (reconstructed). The law of the escape is ours.
"""

import sympy as sp
from sympy import Expr

from theory.derivation import (
    Derivation,
    argument,
    cancel_exponents,
    definition,
    identity,
    positive,
    split_powers,
    tends_to,
)
from theory.dynamics import matrix_identity
from theory.symbols import depth, time

first, second, initial = sp.symbols("w_1 w_2 w_0", positive=True)
#: mu_2/mu_1.
ratio = sp.Symbol("r", positive=True)

#: W as a power of M.
power: Expr = depth / 2
#: The exponent in which the escape is linear, and the law of w_2.
exponent: Expr = -(1 - 2 / depth)
escape_law: Expr = ((1 - ratio) * initial**exponent + ratio * first**exponent) ** (1 / exponent)
#: What becomes of w_2 when w_1 grows without bound.
escape_end: Expr = initial * (1 - ratio) ** (1 / exponent)
#: The law at L = 2.
shallow_law: Expr = initial ** (1 - ratio) * first**ratio

_size, _width = sp.symbols("n h", integer=True, positive=True)
_move = sp.Symbol("eps", real=True)
_pull = sp.MatrixSymbol("G", _size, _size)
_over = sp.MatrixSymbol("B", _size, _width)
_layer = sp.MatrixSymbol("X", _width, _size)
_velocity = sp.MatrixSymbol("V", _width, _size)


def flow_derivation(claimed: Expr = power) -> Derivation:
    """dM/dt = G M^p + M^p G with p = `claimed`, for balanced layers and a symmetric positive semidefinite W."""
    sigma = sp.Symbol("sigma", positive=True)
    gram = (_layer + _move * _velocity).T @ (_layer + _move * _velocity)
    return Derivation(
        ("flow",),
        (
            argument("Write X = W_1 and B = W_L ... W_2, so that W = B X (theory.factorization: dW_1/dt = B^T G)"),
            definition("dX/dt is", _velocity, _over.T @ _pull),
            matrix_identity(
                "By the product rule d(X^T X)/dt is",
                gram.diff(_move).subs(_move, 0).doit(),
                _pull.T @ (_over @ _layer) + (_over @ _layer).T @ _pull,
                {_velocity: _over.T @ _pull},
            ),
            argument(
                "W stays symmetric, for W^T moves by the same equation (end-to-end-flow), which has one solution: the "
                "rank of W is constant, since no singular value reaches or leaves 0 (singular-value-memory, forwards "
                "and backwards in time), and the powers in that equation are smooth among matrices of one rank"
            ),
            argument("G and W are symmetric, so that the above is G W + W G"),
            argument(
                "Balanced layers have W^T W = (X^T X)^L (end-to-end-flow), and W^T W = W^2. W stays positive "
                "semidefinite, for no eigenvalue changes its sign, so that X^T X is W^(2/L) = M"
            ),
            identity(
                "W is the claimed power of M: where W has the eigenvalue sigma, M has sigma^(2/L)",
                (sigma ** (2 / depth)) ** claimed,
                sigma,
                cancel_exponents,
            ),
        ),
    )


def escape_derivation(law: Expr, end: Expr) -> Derivation:
    """w_2 as a function of w_1 while G is G(0), and its limit as w_1 -> oo; L >= 3."""
    more = sp.Symbol("k", positive=True)
    rate, start, clock = sp.symbols("mu m_0 y", positive=True)
    memory = start ** (-more / 2) - more * rate * time
    fast, low = sp.symbols("A A_0", positive=True)
    bare = {depth: more + 2}
    margin = sp.Symbol("d", positive=True)
    return Derivation(
        ("escape", "end"),
        (
            argument(
                "G(0) and M(0) commute, so by the equation above each eigenvalue m of M along an "
                "eigenvector of G(0) moves on its own, dm/dt = 2 mu m^(L/2). Write L = 2 + k"
            ),
            definition("y =", clock, memory),
            identity(
                "m = y^(-2/k) solves it: dm/dt = (dm/dy) (dy/dt) is",
                sp.diff(clock ** (-2 / more), clock) * sp.diff(memory, time),
                2 * rate * (clock ** (-2 / more)) ** ((more + 2) / 2),
                cancel_exponents,
            ),
            identity("and m = m_0 at t = 0, where y is", memory.subs(time, 0), start ** (-more / 2)),
            identity(
                "w = m^(L/2) has w^(-(1-2/L)) = y, the memory of singular-value-memory",
                ((clock ** (-2 / more)) ** ((more + 2) / 2)) ** exponent.subs(bare),
                clock,
                cancel_exponents,
            ),
            argument("Both memories start at A_0 = w_0^(-(1-2/L)) and fall at the speeds k mu_1 and k mu_2"),
            identity(
                "so when the first is A, the second is",
                low - ratio * (low - fast),
                (1 - ratio) * low + ratio * fast,
            ),
            identity(
                "which is the claim: with y for that of w_0 and w_1, w_2^(-(1-2/L)) of the law is",
                (law.subs((1 - ratio) * initial**exponent + ratio * first**exponent, clock) ** exponent).subs(bare),
                clock,
                cancel_exponents,
            ),
            positive("It is positive, so that w_2 exists", margin * low + ratio * fast),
            tends_to(
                "As w_1 -> oo its memory A tends to 0, and the second's to",
                (1 - ratio) * low + ratio * fast,
                fast,
                sp.Integer(0),
                low - ratio * low,
            ),
            identity(
                "whose w_2 is the claimed end, linear in w_0",
                end.subs(ratio, 1 - margin),
                (margin * initial**exponent) ** (1 / exponent),
                split_powers,
            ),
        ),
    )


def shallow_derivation(law: Expr) -> Derivation:
    """The same at L = 2, where w_2 keeps only a power of w_0."""
    rate_1, rate_2 = sp.symbols("mu_1 mu_2", positive=True)
    grown = {first: initial * sp.exp(2 * rate_1 * time), ratio: rate_2 / rate_1}
    return Derivation(
        ("end",),
        (
            argument("At L = 2, M = W: each eigenvalue is w_0 e^(2 mu t) (dw/dt = 2 mu w)"),
            identity(
                "and with w_1 = w_0 e^(2 mu_1 t) the law is w_2 =",
                law.subs(grown),
                initial * sp.exp(2 * rate_2 * time),
                lambda difference: sp.simplify(sp.powdenest(sp.expand_power_base(difference, force=True), force=True)),
            ),
        ),
    )
