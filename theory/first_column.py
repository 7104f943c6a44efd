"""The first column of a 2 x 2 matrix observed, depth 2: three conserved facts, and the order of the limit's sigma_2.

Definitions
    W = A B with A = W_2, B = W_1 of columns b_1, b_2; w* is the observed first column of W, r its residual, and
    C = A^T A - b_1 b_1^T. The layers start at scale alpha: |C|_2 = alpha^2 c and |b_2| = alpha beta.
Statements
    `first_column_conserved`           b_2 and C never move, and det(A)^2 is a function of C and b_1
    `first_column_limit_derivation`    zero loss, and an explicit bound sigma_2(W(oo)) = O(alpha^2)
Source
    Shin & Yun 2026, arXiv:2603.04703, setting of Theorem 3.1 (reconstructed; the explicit bound is ours).
"""

import sympy as sp
from sympy import Expr, Matrix

from theory.derivation import Derivation, argument, identity, positive, tends_to
from theory.factorization import gradient
from theory.symbols import alpha

second = Matrix(2, 2, sp.symbols("a_11 a_12 a_21 a_22", real=True))
first_column = Matrix(sp.symbols("b_11 b_21", real=True))
other_column = Matrix(sp.symbols("b_12 b_22", real=True))
invariant_norm = sp.Symbol("c", nonnegative=True)
column_norm = sp.Symbol("beta", nonnegative=True)
target_norm = sp.Symbol("|w*|", positive=True)

#: C, which the flow of the first column conserves.
conserved_matrix: Matrix = second.T * second - first_column * first_column.T

# The value of C, where it is a constant of the motion and not a function of the layers.
constant = Matrix(2, 2, sp.symbols("c_11 c_12 c_12 c_22", real=True))

#: det(A)^2 as a function of b_1 and the constant C: det C + b_1^T adj(C) b_1.
conserved_determinant: Expr = sp.expand(constant.det() + (first_column.T * constant.adjugate() * first_column)[0, 0])

#: Upper bound on sigma_2(W(oo)), for every alpha.
first_column_bound: Expr = (
    alpha**2
    * column_norm
    * sp.sqrt(
        invariant_norm
        * (1 + alpha**2 * invariant_norm / target_norm)
        * (1 + 2 * alpha**2 * invariant_norm / target_norm)
    )
)

#: Upper bound on the norm of the second column of W(oo), for every alpha.
unobserved_bound: Expr = alpha * column_norm * sp.sqrt(target_norm + 2 * alpha**2 * invariant_norm)


def first_column_conserved(matrix: Matrix, determinant: Expr) -> Derivation:
    """The conserved facts from the layer gradients: b_2, the claimed `matrix`, and det(A)^2 = `determinant`."""
    errors = Matrix(sp.symbols("r_1 r_2", real=True))
    first = Matrix.hstack(first_column, other_column)
    product = second * first
    mask, targets = Matrix([[1, 0], [1, 0]]), Matrix.hstack(product[:, 0] - errors, sp.zeros(2, 1))
    first_rate, second_rate = (-gradient(mask, targets, [first, second], index) for index in (0, 1))
    states = [*second, *first_column, *other_column]
    rates = [*second_rate, *first_rate[:, 0], *first_rate[:, 1]]

    def speed(quantity: Expr) -> Expr:
        return sum((sp.diff(quantity, x) * rate for x, rate in zip(states, rates, strict=True)), sp.Integer(0))

    return Derivation(
        ("b2", "matrix", "determinant"),
        (
            argument("With r the residual of the first column, R = r e_1^T; A = W_2 and B = W_1 move by"),
            *(
                identity(f"dA/dt = -r b_1^T, entry {i + 1}{j + 1}", second_rate[i, j], -errors[i] * first_column[j])
                for i in range(2)
                for j in range(2)
            ),
            *(
                identity(f"db_1/dt = -A^T r, entry {j + 1}", first_rate[j, 0], -(second.T * errors)[j])
                for j in range(2)
            ),
            *(
                identity(f"db_2/dt = 0, entry {j + 1}, so b_2 never moves", first_rate[j, 1], sp.Integer(0))
                for j in range(2)
            ),
            *(
                identity(f"The claimed matrix is conserved, entry {i + 1}{j + 1}", speed(matrix[i, j]), sp.Integer(0))
                for i, j in ((0, 0), (0, 1), (1, 1))
            ),
            identity(
                "A^T A = C + b_1 b_1^T, so det(A)^2 is a function of C, which does not move, and b_1",
                determinant.subs({constant[i, j]: conserved_matrix[i, j] for i, j in ((0, 0), (0, 1), (1, 1))}),
                second.det() ** 2,
            ),
        ),
    )


def first_column_limit_derivation(bound: Expr, order: Expr) -> Derivation:
    """Convergence, and the claimed `bound` on sigma_2(W(oo)), of the claimed `order` in alpha."""
    scaled, more = sp.symbols("C_0 delta", positive=True)
    largest = target_norm + scaled
    size = (first_column.T * first_column)[0, 0]
    found = {scaled: alpha**2 * invariant_norm}
    determinant = sp.expand((scaled**2 + scaled * largest) * largest * (alpha * column_norm) ** 2).subs(found)
    return Derivation(
        ("convergence", "unobserved", "bound", "order"),
        (
            identity(
                "The observed column A b_1 has |A b_1|^2 = b_1^T A^T A b_1 = b_1^T C b_1 + |b_1|^4",
                _squares(second * first_column),
                (first_column.T * conserved_matrix * first_column)[0, 0] + size**2,
            ),
            argument(
                "Write C_0 = |C|_2, x = |b_1|^2. The loss never grows, so |A b_1| is bounded; with b_1^T C b_1 >= "
                "-C_0 x so is x; and |A|_F^2 = tr C + x. The flow is bounded and analytic, so it converges to a "
                "critical point (Lojasiewicz): r b_1^T = 0 and A^T r = 0"
            ),
            argument(
                "If r is not 0 there, then b_1 = 0, r = -w* and A^T w* = 0, so det A = 0 and C = A^T A is singular. "
                "Where det C(0) is not 0 (almost every start) the limit has zero loss: A b_1 = w*"
            ),
            argument("At the limit |w*|^2 = b_1^T C b_1 + x^2 >= x^2 - C_0 x (Courant-Fischer)"),
            positive(
                "A larger x = |w*| + C_0 + delta would have x^2 - C_0 x - |w*|^2 > 0, so x <= |w*| + C_0",
                sp.expand((largest + more) ** 2 - scaled * (largest + more) - target_norm**2),
            ),
            identity(
                "adj(C) has the characteristic polynomial of C, so its norm is C_0 too, and |det C| <= C_0^2",
                (constant.adjugate() - more * sp.eye(2)).det(),
                (constant - more * sp.eye(2)).det(),
            ),
            argument("Hence det(A)^2 = det C + b_1^T adj(C) b_1 <= C_0^2 + C_0 x"),
            identity(
                "det(B)^2 <= |b_1|^2 |b_2|^2, by how much",
                _squares(first_column) * _squares(other_column) - Matrix.hstack(first_column, other_column).det() ** 2,
                (first_column.T * other_column)[0, 0] ** 2,
            ),
            argument("|det W| = |det A| |det B| = sigma_1 sigma_2, and sigma_1 >= |W e_1| = |w*|"),
            identity(
                "With C_0 = alpha^2 c and |b_2| = alpha beta: sigma_2^2 <= (C_0^2 + C_0 x) x |b_2|^2/|w*|^2 at the "
                "largest x; the claimed bound squared, times |w*|^2, is",
                bound**2 * target_norm**2,
                determinant,
            ),
            tends_to(
                "It has exactly the claimed order: the limit of bound/alpha^order is",
                bound / alpha**order,
                alpha,
                sp.Integer(0),
                column_norm * sp.sqrt(invariant_norm),
            ),
            identity(
                "The second column has |A b_2|^2 = b_2^T C b_2 + (b_1.b_2)^2",
                _squares(second * other_column),
                (other_column.T * conserved_matrix * other_column)[0, 0] + (first_column.T * other_column)[0, 0] ** 2,
            ),
            identity(
                "which is at most (C_0 + x) |b_2|^2 <= (|w*| + 2 C_0) |b_2|^2",
                unobserved_bound**2,
                ((scaled + largest) * (alpha * column_norm) ** 2).subs(found),
            ),
            tends_to(
                "so it tends to 0 with alpha, and W(oo) to [[w_11*, 0], [w_21*, 0]]",
                unobserved_bound,
                alpha,
                sp.Integer(0),
                sp.Integer(0),
            ),
        ),
    )


def _squares(matrix: Matrix) -> Expr:
    """The sum of the squared entries, expanded."""
    return sum((sp.expand(entry**2) for entry in matrix), sp.Integer(0))
