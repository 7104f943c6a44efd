"""How SGD with weight decay comes into B_r: an event of T steps, its probability, and where it leaves the layers.

Definitions
    step: as in `theory.low_rank_region`, entries drawn independently, uniformly from the observed ones, d_out x d_in.
    event: T steps see entries of r chosen columns alone (or of r chosen rows); chosen are those with most entries.
Statements
    `column_derivation`    a column of W_1 that no step sees is multiplied by exactly rho^T (a row of W_L likewise)
    `share_derivation`     r of d lines with most entries hold r/d of them: P(event) >= (r/min(d_in, d_out))^T
    `landing_derivation`   on the event s_(r+1)(W_l^T W_l) <= rho^(2T) |W_1(0)|_F^2 + (l - 1) max_k |D_k(T)|_F
Source
    Wang & Jacot 2024, arXiv:2305.16038 (slides: P >= O(r^T)); the constant, the proof and the landing are ours.
"""

import sympy as sp
from sympy import Expr

from theory.derivation import Derivation, argument, identity, nonnegative
from theory.dynamics import matrix_identity
from theory.low_rank_region import eta, shrink

steps = sp.Symbol("T", integer=True, nonnegative=True)
rank = sp.Symbol("r", integer=True, positive=True)
rows_out, columns_in = sp.symbols("d_out d_in", integer=True, positive=True)
start = sp.Symbol("c", nonnegative=True)
imbalance = sp.Symbol("delta", nonnegative=True)
layer = sp.Symbol("l", integer=True, positive=True)

#: What the statements claim. A mutant puts another expression in its place.
column_factor: Expr = shrink**steps
least_share: Expr = rank / sp.Min(rows_out, columns_in)
small_value: Expr = shrink ** (2 * steps) * start + (layer - 1) * imbalance

_columns, _width = sp.symbols("N k", integer=True, positive=True)


def column_derivation(claimed: Expr = column_factor) -> Derivation:
    """Columns of W_1 that are not seen in T steps are multiplied by `claimed`."""
    first = sp.MatrixSymbol("X", _width, _columns)
    above = sp.MatrixSymbol("b", _width, 1)
    seen, other = sp.MatrixSymbol("e_j", _columns, 1), sp.MatrixSymbol("e_k", _columns, 1)
    error, rho = sp.symbols("e rho", real=True)
    stepped = (rho * first - eta * error * above @ seen.T) @ other
    return Derivation(
        ("decay",),
        (
            argument(
                "At l = 1 nothing stands below: the derivative of A_ij in W_1 is b e_j^T, b = (W_L ... W_2)^T e_i"
            ),
            matrix_identity(
                "so column k of W_1 after the step is rho times it before, and a multiple of e_j^T e_k",
                stepped,
                rho * first @ other - eta * error * above @ (seen.T @ other),
            ),
            argument("which is 0 for k other than j. In W_L the derivative is e_i a^T: its rows obey the same"),
            identity(
                "By induction T such steps multiply it by the claimed power: one more by rho",
                claimed.subs(steps, steps + 1),
                shrink * claimed,
                sp.expand,
            ),
            identity("and none by 1", claimed.subs(steps, 0), sp.S.One),
        ),
    )


def share_derivation(claimed: Expr = least_share) -> Derivation:
    """r lines (columns or rows, whichever are fewer) hold at least `claimed` of the entries, whatever the mask."""
    count, more, less = sp.symbols("c x y", nonnegative=True)
    rest = sp.Symbol("d - r", integer=True, nonnegative=True)
    top, bottom = rank * count + more, rest * count - less
    lines = rank + rest
    return Derivation(
        ("share", "probability"),
        (
            argument(
                "Order d lines by their entries, c the r-th count. The first r hold r c + x of them, x >= 0, and the "
                "others (d - r) c - y, y >= 0"
            ),
            identity(
                "d times what the first hold exceeds r times all by",
                lines * top - rank * (top + bottom),
                rest * more + rank * less,
            ),
            nonnegative("not negative, so that they hold a share of at least r/d", rest * more + rank * less),
            identity(
                "With columns where d_in <= d_out and rows otherwise this is the claimed share",
                claimed,
                rank / sp.Min(rows_out, columns_in),
            ),
            argument(
                "T independent uniform draws are all among them with probability share^T >= (r/min(d_in, d_out))^T"
            ),
        ),
    )


def landing_derivation(claimed: Expr = small_value) -> Derivation:
    """On the event of columns, s_(r+1)(W_l^T W_l) is at most `claimed`, c = |W_1(0)|_F^2, delta = max |D_k(T)|_F."""
    return Derivation(
        ("lands",),
        (
            argument(
                "W_1(T) is a matrix of r columns plus one whose columns are rho^T times those at the start: by Eckart "
                "and Young its singular value r + 1 is at most rho^T |W_1(0)|_F, squared"
            ),
            identity("as claimed for l = 1", claimed.subs(layer, 1), (shrink**steps) ** 2 * start, sp.powdenest),
            argument(
                "W_{l+1}^T W_{l+1} = W_l W_l^T + D_l, whose first part has the eigenvalues of W_l^T W_l: by Weyl "
                "s_(r+1) rises by at most |D_l|"
            ),
            identity("as claimed for l + 1", claimed.subs(layer, layer + 1) - claimed, imbalance),
            argument(
                "So with b-r-keeps-balance and its conditions, which make |D_l(T)|_F <= rho^(2T) |D_l(0)|_F + (1 - "
                "rho^(2T)) eta K/(4 lambda (1 - eta lambda)) and keep |W_l|_F^2 <= C, all of B_r holds at T when that "
                "is at most sqrt(eps_1) and (n - r) f_a of the claimed value at l = L is at most eps_2. For rows count "
                "layers from the other end"
            ),
        ),
    )
