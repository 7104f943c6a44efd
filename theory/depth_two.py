"""Diagonal observations at depth 2, W = W_2 W_1: the limit from any start.

Definitions
    W is n x n with w_ii observed, the inner width is arbitrary; a_i are the rows of W_2, b_i the columns of W_1,
    p_i = a_i + b_i, q_i = a_i - b_i, r_i = w_ii - w_i*, and tau_i is the clock d tau_i = -r_i dt.
Statements
    `diagonal_flow_derivation`   each pair (a_i, b_i) turns hyperbolically by tau_i; the observed entry at tau_i
    `diagonal_root_derivation`   zero loss, at the only root e^(2 tau_i), and how fast
    `diagonal_limit_derivation`  the unobserved entries of W(oo)
Implementation notes
    The flow closes on each pair (a_i, b_i), and pairs meet only through inner products, so the scalars |a|^2, |b|^2,
    a.b stand for vectors of any width, and one pair of indices stands for any n.
Source
    Ours; it contains the state after pre-training on a diagonal at depth 2 of Shin & Yun 2026, arXiv:2603.04703,
    Section 4.
"""

from collections.abc import Sequence

import sympy as sp
from sympy import Expr
from sympy.concrete.delta import deltasummation

from theory.derivation import Derivation, argument, definition, identity, positive
from theory.symbols import tau

# Diagonal: one pair (a, b), and the inner products between two pairs.
row_square, column_square = sp.symbols("|a|^2 |b|^2", positive=True)
row_column = sp.Symbol("a.b", real=True)
sum_square, difference_square = sp.symbols("|p|^2 |q|^2", positive=True)
target = sp.Symbol("w*_i", real=True)
growth_1, growth_2 = sp.symbols("y_1 y_2", positive=True)
dots: tuple[tuple[sp.Symbol, sp.Symbol], tuple[sp.Symbol, sp.Symbol]] = (
    sp.symbols("p_1.p_2 p_1.q_2", real=True),
    sp.symbols("q_1.p_2 q_1.q_2", real=True),
)

#: The observed entry w_ii at clock tau.
diagonal_entry: Expr = sp.sinh(2 * tau) * (row_square + column_square) / 2 + sp.cosh(2 * tau) * row_column

#: e^(2 tau_i) at the limit.
diagonal_root: Expr = (2 * target + sp.sqrt(4 * target**2 + sum_square * difference_square)) / sum_square

#: W_12(oo) from y_i = e^(2 tau_i) and the inner products of the starting vectors.
unobserved_entry: Expr = (
    sp.sqrt(growth_1 * growth_2) * dots[0][0]
    - sp.sqrt(growth_1 / growth_2) * dots[0][1]
    + sp.sqrt(growth_2 / growth_1) * dots[1][0]
    - dots[1][1] / sp.sqrt(growth_1 * growth_2)
) / 4


def diagonal_flow_derivation(entry: Expr) -> Derivation:
    """Each pair (a_i, b_i) turns hyperbolically, for any n and any width; `entry` is the claimed w_ii at clock tau."""
    width = sp.Symbol("h", integer=True, positive=True)
    o, i, j, k = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("o", "i", "j", "k"))
    rows, columns = sp.IndexedBase("a"), sp.IndexedBase("b")
    observed = sp.Sum(rows[o, k] * columns[k, o], (k, 0, width - 1))
    row_rate, column_rate = (
        deltasummation(sp.diff(observed.function, entry_of), (k, 0, width - 1), no_piecewise=True)
        for entry_of in (rows[i, j], columns[j, i])
    )
    own = sp.KroneckerDelta(i, o)
    a, b = sp.symbols("a b", real=True)
    cosh, sinh = sp.cosh(tau), sp.sinh(tau)
    row, column = a * cosh + b * sinh, a * sinh + b * cosh
    return Derivation(
        ("rows", "entry"),
        (
            definition("An observed entry", sp.IndexedBase("w")[o, o], observed),
            identity("Its derivative in an entry of row a_i", row_rate, columns[j, o] * own),
            identity("and in an entry of column b_i", column_rate, rows[o, j] * own),
            argument(
                "Chain rule on E = 1/2 sum r_i^2: da_i/dt = -r_i b_i and db_i/dt = -r_i a_i. No other pair enters. "
                "With the clock d tau_i = -r_i dt, tau_i(0) = 0: da_i/d tau_i = b_i, db_i/d tau_i = a_i"
            ),
            identity("a cosh tau + b sinh tau solves the first equation", sp.diff(row, tau), column),
            identity("with b(tau) = a sinh tau + b cosh tau, which solves the second", sp.diff(column, tau), row),
            identity("and they start at a", row.subs(tau, 0), a),
            identity("and b; solutions are unique (Picard-Lindeloef)", column.subs(tau, 0), b),
            identity("The sum p = a + b grows by e^tau", row + column, sp.exp(tau) * (a + b), _by_exponentials),
            identity(
                "The difference q = a - b decays by e^-tau", row - column, sp.exp(-tau) * (a - b), _by_exponentials
            ),
            identity(
                "The observed entry a(tau).b(tau), expanded in |a|^2, |b|^2, a.b",
                entry,
                inner_product((cosh, sinh), (sinh, cosh), ((row_square, row_column), (row_column, column_square))),
                _by_exponentials,
            ),
        ),
    )


def diagonal_root_derivation(root: Expr) -> Derivation:
    """The flow reaches zero loss, at the claimed `root` e^(2 tau_i), from every start with p_i and q_i nonzero."""
    growth, below = sp.symbols("y u", positive=True)
    spread = sp.sqrt(4 * target**2 + sum_square * difference_square)
    in_growth = (sum_square * growth - difference_square / growth) / 4
    speed = (sum_square * growth + difference_square / growth) / 2
    squares = {
        row_square: (sum_square + difference_square) / 2 - column_square,
        row_column: (sum_square - difference_square) / 4,
    }
    plus = inner_product((1, 1), (1, 1), ((row_square, row_column), (row_column, column_square)))
    minus = inner_product((1, -1), (1, -1), ((row_square, row_column), (row_column, column_square)))
    return Derivation(
        ("root", "convergence"),
        (
            identity("|p|^2 + |q|^2 = 2 (|a|^2 + |b|^2)", plus + minus, 2 * (row_square + column_square)),
            identity("and |p|^2 - |q|^2 = 4 a.b", plus - minus, 4 * row_column),
            identity(
                "so in y = e^(2 tau) the observed entry is",
                diagonal_entry.subs(squares).rewrite(sp.exp).subs(tau, sp.log(growth) / 2),
                in_growth,
            ),
            identity("Its derivative in tau is", 2 * growth * sp.diff(in_growth, growth), speed),
            positive("which is positive", speed),
            argument(
                "The entry increases from -oo (y -> 0) to oo (y -> oo), so exactly one y has w_ii = w_i* "
                "(intermediate value theorem)"
            ),
            identity(
                "The claimed root solves |p|^2 y^2 - 4 w* y - |q|^2 = 0",
                sum_square * root**2 - 4 * target * root - difference_square,
                sp.Integer(0),
            ),
            positive("It is positive for w* = u >= 0", root.subs(target, below)),
            identity("and for w* = -u, where it is |q|^2 over", root * (spread - 2 * target), difference_square),
            positive("a positive number", (spread - 2 * target).subs(target, -below)),
            identity(
                "d tau/dt = w* - w_ii moves tau towards the root at the rate |a|^2 + |b|^2 at clock tau, which exceeds "
                "|p| |q| by",
                speed - sp.sqrt(sum_square * difference_square),
                (sp.sqrt(sum_square * growth) - sp.sqrt(difference_square / growth)) ** 2 / 2,
            ),
            argument("so |r_i(t)| <= |r_i(0)| exp(-|p_i| |q_i| t) (Groenwall): zero loss, and tau_i converges"),
        ),
    )


def diagonal_limit_derivation(entry: Expr) -> Derivation:
    """The claimed entry W_12(oo) for any two pairs; and the same in unit vectors, without a growth factor."""
    first, rest = sp.sqrt(growth_1), sp.sqrt(growth_2)
    root = diagonal_root
    spread = sp.sqrt(4 * target**2 + sum_square * difference_square)
    return Derivation(
        ("limit",),
        (
            argument(
                "At the limit a_1 = (e^tau_1 p_1 + e^-tau_1 q_1)/2 and b_2 = (e^tau_2 p_2 - e^-tau_2 q_2)/2, with "
                "y_i = e^(2 tau_i)"
            ),
            identity(
                "so W_12 = a_1.b_2 is",
                entry,
                inner_product((first / 2, 1 / first / 2), (rest / 2, -1 / rest / 2), dots),
            ),
            identity("The length of e^tau p, squared, is s + 2 w*", root * sum_square, spread + 2 * target),
            identity(
                "and that of e^-tau q is s - 2 w*, with s = sqrt(4 w*^2 + |p|^2 |q|^2)",
                (spread - 2 * target) * root,
                difference_square,
            ),
        ),
    )


def _by_exponentials(expression: Expr) -> Expr:
    return sp.expand(sp.expand(expression).rewrite(sp.exp))


def inner_product(left: Sequence[Expr], right: Sequence[Expr], products: Sequence[Sequence[Expr]]) -> Expr:
    """The inner product of two linear combinations of two vectors each, from the vectors' inner products."""
    return sum((x * y * products[i][j] for i, x in enumerate(left) for j, y in enumerate(right)), sp.Integer(0))
