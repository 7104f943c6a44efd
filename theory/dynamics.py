"""Gradient flow of any deep factorization: what it conserves, what it dissipates, and how W and its spectrum move.

Definitions
    B_l = W_L ... W_{l+1}, A_l = W_{l-1} ... W_1, R = mask * (W - W*), G_l = B_l^T R A_l^T, dW_l/dt = -G_l. Layers are
    balanced when W_{l+1}^T W_{l+1} = W_l W_l^T for l = 1..L-1. The power 0 of a matrix is the identity.
Statements
    `balance_*`          W_{l+1}^T W_{l+1} - W_l W_l^T is constant, for every mask, depth and width
    `energy_*`           dE/dt = - sum_l |G_l|_F^2
    `end_to_end_*`       balanced: dW/dt = - sum_l (W W^T)^((L-l)/L) R (W^T W)^((l-1)/L)
    `singular_value_*`   balanced: d sigma_r/dt = -L sigma_r^(2-2/L) u_r^T R v_r
Implementation notes
    General arguments are matrix algebra: MatrixSymbols of symbolic shapes, for one layer of any network. A hypothesis
    H = 0 enters an identity as left - right = (...) H (...), so that no step rests on a substitution.
Source
    Arora, Cohen, Hu & Luo 2019, arXiv:1905.13655 (Theorem 3 for the singular values).
"""

from collections.abc import Callable, Mapping, Sequence

import sympy as sp
from sympy import Expr, Matrix, MatrixExpr
from sympy.matrices.expressions.matexpr import MatrixElement

from theory.derivation import Derivation, Step, argument, cancel_exponents, definition, identity
from theory.factorization import gradient, gradient_derivation, loss
from theory.symbols import depth

#: Two Gram matrices of (W_{l+1}, W_l), written with .T and @, so that they can be had of any kind of matrix.
Grams = Callable[[Matrix, Matrix], tuple[Matrix, Matrix]]

layer = sp.Symbol("l", integer=True, positive=True)
sigma = sp.Symbol("sigma", positive=True)
dissipation = sp.Symbol("S", real=True)
last_dissipation = sp.Symbol("S_L", real=True)

#: The formulas that the statements claim. A mutant puts another expression in their place.
balance_factor: Expr = sp.Integer(1)
energy_loss: Expr = dissipation
left_power: Expr = (depth - layer) / depth
right_power: Expr = (layer - 1) / depth
no_imbalance: Expr = sp.Integer(0)
singular_value_speed: Expr = depth * sigma ** (2 - 2 / depth)

_rows, _columns, _next, _height, _width = sp.symbols("M N g h k", integer=True, positive=True)
_move = sp.Symbol("eps", real=True)
_after = sp.MatrixSymbol("B", _rows, _next)
_upper = sp.MatrixSymbol("Y", _next, _height)
_lower = sp.MatrixSymbol("X", _height, _width)
_before = sp.MatrixSymbol("A", _width, _columns)
_residual = sp.MatrixSymbol("R", _rows, _columns)
_over = sp.MatrixSymbol("B", _rows, _height)
_gradient = sp.MatrixSymbol("G", _height, _width)
_layer_gradient = _over.T @ _residual @ _before.T
_upper_velocity = sp.MatrixSymbol("U", _next, _height)
_lower_velocity = sp.MatrixSymbol("V", _height, _width)


def grams(upper: Matrix, lower: Matrix) -> tuple[Matrix, Matrix]:
    """W_{l+1}^T W_{l+1} and W_l W_l^T, from W_{l+1} and W_l."""
    return upper.T @ upper, lower @ lower.T


def _expanded(difference: Expr) -> Expr:
    """Zero when the matrix or trace expands to zero; otherwise its value at shapes 2 x 2, squared and summed.

    A matrix identity claims something for every shape, so a non-zero value at one shape is a counterexample.
    """
    found = sp.expand(difference.doit())
    if found == 0 or isinstance(found, sp.ZeroMatrix):
        return sp.Integer(0)
    small = found.subs(dict.fromkeys((_rows, _columns, _next, _height, _width), 2))
    if isinstance(small, MatrixExpr):
        value = sum((entry**2 for entry in small.as_explicit()), sp.Integer(0))
    else:
        value = small.replace(sp.Trace, lambda inner: inner.as_explicit().trace())
    names = {
        entry: sp.Symbol(f"{entry.parent}_{entry.i + 1}{entry.j + 1}", real=True)
        for entry in value.atoms(MatrixElement)
    }
    return value.xreplace(names)


def matrix_identity(text: str, left: Expr, right: Expr, where: Mapping[Expr, Expr] | None = None) -> Step:
    """left = right for matrices of symbolic shapes, decided by expanding both; `where` says what names stand for."""
    return identity(text, left, right, lambda difference: _expanded(difference.subs(where or {})))


def _rate(expression: MatrixExpr) -> MatrixExpr:
    """The derivative at eps = 0 of a matrix expression in which layers move by eps times their velocity."""
    return expression.diff(_move).subs(_move, 0).doit()


def balance_derivation(factor: Expr = balance_factor, claimed: Grams = grams) -> Derivation:
    """First minus `factor` times second of the claimed Gram matrices is constant, for every mask, depth and width."""
    upper_gradient = _after.T @ _residual @ (_lower @ _before).T
    lower_gradient = (_after @ _upper).T @ _residual @ _before.T
    first, second = claimed(_upper + _move * _upper_velocity, _lower + _move * _lower_velocity)
    rate = _rate(first - factor * second)
    return Derivation(
        ("conserved",),
        (
            *gradient_derivation().steps,
            argument(
                "Now fix two neighbouring layers X = W_l and Y = W_{l+1}, and write B = W_L ... W_{l+2}, "
                "A = W_{l-1} ... W_1 (an empty product is the identity). R is any matrix: the mask does not matter"
            ),
            definition("Y has B above it and X A below it: dY/dt is", _upper_velocity, -upper_gradient),
            definition("X has B Y above it and A below it: dX/dt is", _lower_velocity, -lower_gradient),
            matrix_identity(
                "The two velocities share a product",
                _upper.T @ _upper_velocity,
                _lower_velocity @ _lower.T,
                {_upper_velocity: -upper_gradient, _lower_velocity: -lower_gradient},
            ),
            matrix_identity(
                "so by the product rule the derivative of the claimed quantity is zero",
                rate,
                sp.ZeroMatrix(*rate.shape),
                {_upper_velocity: -upper_gradient, _lower_velocity: -lower_gradient},
            ),
            argument("A quantity whose derivative is zero for all t is constant; l = 1..L-1 was arbitrary"),
        ),
    )


def _symbols(name: str, shape: tuple[int, int], **assumptions: bool) -> Matrix:
    return Matrix(*shape, lambda i, j: sp.Symbol(f"{name}_{i + 1}{j + 1}", **assumptions))


def _differentiated(widths: Sequence[int]) -> tuple[list[Matrix], list[Matrix], Matrix, Matrix]:
    """Layers of shapes n_l x n_{l-1}, minus the loss's derivative in each, mask and targets; all entries symbols."""
    layers = [_symbols(f"w{k}", (widths[k], widths[k - 1]), real=True) for k in range(1, len(widths))]
    mask = _symbols("mask", (widths[-1], widths[0]), positive=True)
    targets = _symbols("t", (widths[-1], widths[0]), real=True)
    energy = loss(mask, targets, layers)
    return layers, [one.applyfunc(lambda entry: -sp.diff(energy, entry)) for one in layers], mask, targets


def balance_by_differentiation(
    widths: Sequence[int], factor: Expr = balance_factor, claimed: Grams = grams
) -> Derivation:
    """The same for layers n_l x n_{l-1}, widths = (n_0, ..., n_L), from the loss differentiated in each entry."""
    layers, velocities, _, _ = _differentiated(widths)
    label = f"widths {tuple(widths)}, L = {len(layers)}"
    moved = [one + _move * velocity for one, velocity in zip(layers, velocities, strict=True)]
    steps = []
    for number in range(1, len(layers)):
        first, second = claimed(moved[number], moved[number - 1])
        rate = (first - factor * second).diff(_move).subs(_move, 0).applyfunc(sp.expand)
        steps.append(
            identity(
                f"{label}: squared norm of the derivative of the claimed quantity of layers {number} and {number + 1}",
                sum((entry**2 for entry in rate), sp.Integer(0)),
                sp.Integer(0),
                lambda squares: squares,
            )
        )
    return Derivation(("conserved",), tuple(steps), sizes=(label,))


def energy_by_differentiation(widths: Sequence[int], claimed: Expr = energy_loss) -> Derivation:
    """dE/dt at concrete shapes: the loss differentiated in every entry, against the layer gradients in closed form."""
    layers, velocities, mask, targets = _differentiated(widths)
    label = f"widths {tuple(widths)}, L = {len(layers)}"
    rate = sum((entry**2 for velocity in velocities for entry in velocity), sp.Integer(0))
    squares = [
        sum((entry**2 for entry in gradient(mask, targets, layers, index)), sp.Integer(0))
        for index in range(len(layers))
    ]
    lost = claimed.subs({dissipation: sum(squares, sp.Integer(0)), last_dissipation: squares[-1]})
    return Derivation(
        ("energy",), (identity(f"{label}: dE/dt by the chain rule and as claimed", -rate, -lost),), sizes=(label,)
    )


def _one_layer_moves() -> tuple[Step, ...]:
    """How W = B X A moves with one layer, and with all of them."""
    return (
        definition(
            "Fix a layer X = W_l, with B = W_L ... W_{l+1}, A = W_{l-1} ... W_1; its gradient is",
            _gradient,
            _layer_gradient,
        ),
        matrix_identity(
            "When X moves with velocity V and the others rest, W moves with",
            _rate(_over @ (_lower + _move * _lower_velocity) @ _before),
            _over @ _lower_velocity @ _before,
        ),
        argument("By the product rule dW/dt is the sum over l of these, with V = dW_l/dt = -G_l"),
    )


def energy_derivation(claimed: Expr = energy_loss) -> Derivation:
    """dE/dt = -claimed; `claimed` is linear in S = sum_l |G_l|_F^2 and S_L = |G_L|_F^2."""
    square = sp.Trace(_gradient.T @ _gradient)
    along = {_lower_velocity: -_layer_gradient, _gradient: _layer_gradient}
    return Derivation(
        ("energy",),
        (
            *gradient_derivation().steps,
            *_one_layer_moves(),
            argument(
                "E = 1/2 |R|_F^2 and R vanishes off the mask, where alone it differs from W - W*: dE/dt = tr(R^T dW/dt)"
            ),
            argument("The trace is cyclic, so layer l contributes tr(R^T B V A) = tr((A R^T B) V)"),
            matrix_identity("where A R^T B is the gradient again", _before @ _residual.T @ _over, _gradient.T, along),
            matrix_identity(
                "With V = -G_l a layer below the last contributes what is claimed of it",
                sp.Trace(_gradient.T @ _lower_velocity),
                -claimed.subs({dissipation: square, last_dissipation: 0}),
                along,
            ),
            matrix_identity(
                "and so does the last",
                sp.Trace(_gradient.T @ _lower_velocity),
                -claimed.subs({dissipation: square, last_dissipation: square}),
                along,
            ),
            argument("tr(G^T G) = |G|_F^2; the sum over l = 1..L is dE/dt"),
        ),
    )


def _gram_steps(imbalance: Expr) -> tuple[Step, ...]:
    """B_l B_l^T = P^(L-l) and A_l^T A_l = Q^(l-1) for balanced layers, P = W_L W_L^T, Q = W_1^T W_1, by induction."""
    outer, inner = sp.MatrixSymbol("P", _rows, _rows), sp.MatrixSymbol("Q", _columns, _columns)
    last, first = sp.MatrixSymbol("Z", _rows, _height), sp.MatrixSymbol("Z", _width, _columns)
    below = sp.MatrixSymbol("S", _width, _next)
    above_gram, below_gram = sp.MatrixSymbol("C", _height, _height), sp.MatrixSymbol("C", _width, _width)
    above = {above_gram: _upper.T @ _upper - imbalance * sp.MatrixSymbol("D", _height, _height)}
    under = {below_gram: below @ below.T + imbalance * sp.MatrixSymbol("D", _width, _width)}
    carried_above = _over @ _upper.T @ _upper - outer @ _over
    carried_below = below @ below.T @ _before - _before @ inner
    return (
        argument("Balanced layers stay balanced: W_{l+1}^T W_{l+1} = W_l W_l^T for all t (balancedness-conserved)"),
        argument(
            "Let P = W_L W_L^T. Going down from l = L - 1, suppose that B Y^T Y = P B for B = W_L ... W_{l+1} and "
            "Y = W_{l+1}. It holds for the last layer, B = Y = Z = W_L"
        ),
        matrix_identity("since", last @ last.T @ last, outer @ last, {outer: last @ last.T}),
        definition("Balance says of X = W_l that C = X X^T is", above_gram, above[above_gram]),
        matrix_identity(
            "The next product is B X, and what it leaves of the hypothesis is a multiple of what B leaves",
            _over @ above_gram @ _lower - outer @ _over @ _lower,
            carried_above @ _lower,
            above,
        ),
        matrix_identity(
            "Its Gram matrix B X X^T B^T is P times that of B",
            _over @ above_gram @ _over.T - outer @ _over @ _over.T,
            carried_above @ _over.T,
            above,
        ),
        argument("By induction B_l B_l^T = P^(L-l) for l = L, ..., 0; at l = 0 this is W W^T = P^L"),
        argument(
            "Let Q = W_1^T W_1. Going up from l = 2, suppose that S S^T A = A Q for A = W_{l-1} ... W_1 and "
            "S = W_{l-1}. It holds for the first layer, A = S = Z = W_1"
        ),
        matrix_identity("since", first @ first.T @ first, first @ inner, {inner: first.T @ first}),
        definition("Balance says of X = W_l that C = X^T X is", below_gram, under[below_gram]),
        matrix_identity(
            "The next product is X A, with the hypothesis kept",
            _lower @ below_gram @ _before - _lower @ _before @ inner,
            _lower @ carried_below,
            under,
        ),
        matrix_identity(
            "Its Gram matrix A^T X^T X A is that of A times Q",
            _before.T @ below_gram @ _before - _before.T @ _before @ inner,
            _before.T @ carried_below,
            under,
        ),
        argument("By induction A_l^T A_l = Q^(l-1) for l = 1, ..., L + 1; at l = L + 1 this is W^T W = Q^L"),
    )


def end_to_end_derivation(
    left: Expr = left_power, right: Expr = right_power, imbalance: Expr = no_imbalance
) -> Derivation:
    """dW/dt from W and R alone: `left`, `right` are the claimed exponents of W W^T and W^T W in summand l.

    `imbalance` multiplies an arbitrary matrix D in the hypothesis W_{l+1}^T W_{l+1} - W_l W_l^T = imbalance D; layers
    are balanced when it is 0. Any rank and rectangular layers: no inverse is taken.
    """
    eigenvalue = sp.Symbol("p", positive=True)
    return Derivation(
        ("summand", "flow"),
        (
            *_one_layer_moves(),
            matrix_identity(
                "so layer l contributes",
                _over @ _lower_velocity @ _before,
                -(_over @ _over.T) @ _residual @ (_before.T @ _before),
                {_lower_velocity: -_layer_gradient},
            ),
            *_gram_steps(imbalance),
            argument(
                "P is positive semidefinite, so it is the only such L-th root of W W^T = P^L and has the same "
                "eigenvectors: where P has the eigenvalue p, a power of W W^T has that power of p^L. For p > 0"
            ),
            identity(
                "the claimed power of W W^T is B_l B_l^T",
                sp.Pow(eigenvalue**depth, left, evaluate=False),
                eigenvalue ** (depth - layer),
                cancel_exponents,
            ),
            identity(
                "and that of W^T W, in the same way, A_l^T A_l",
                sp.Pow(eigenvalue**depth, right, evaluate=False),
                eigenvalue ** (layer - 1),
                cancel_exponents,
            ),
            argument(
                "For p = 0 both are 0, or both are 1 when the exponent is 0 (l = L on the left, l = 1 on the right)"
            ),
            argument(
                "So layer l contributes -(W W^T)^a R (W^T W)^b with the claimed powers: between singular vectors u_r "
                "and v_q of W, -sigma_r^(2a) sigma_q^(2b) u_r^T R v_q. The sum over l is dW/dt"
            ),
        ),
    )


def singular_value_derivation(speed: Expr = singular_value_speed) -> Derivation:
    """d sigma_r/dt = -speed u_r^T R v_r for balanced layers, at a simple singular value sigma_r > 0."""
    matrix, matrix_rate = (sp.MatrixSymbol(name, _rows, _columns) for name in ("W", "W'"))
    left, left_rate = (sp.MatrixSymbol(name, _rows, 1) for name in ("u", "u'"))
    right, right_rate = (sp.MatrixSymbol(name, _columns, 1) for name in ("v", "v'"))
    rate = _rate((left + _move * left_rate).T @ (matrix + _move * matrix_rate) @ (right + _move * right_rate))
    onto_left = matrix @ right - sigma * left
    onto_right = matrix.T @ left - sigma * right
    summand = sigma ** (2 * left_power) * sigma ** (2 * right_power)
    return Derivation(
        ("rate",),
        (
            argument(
                "sigma_r^2 is a simple eigenvalue of W^T W, and the flow is analytic in t: sigma_r and unit vectors "
                "u, v with W v = sigma u, W^T u = sigma v are differentiable by the implicit function theorem"
            ),
            matrix_identity(
                "The derivative of sigma = u^T W v differs from u^T W' v by multiples of what vanishes",
                rate - left.T @ matrix_rate @ right,
                left_rate.T @ onto_left
                + onto_right.T @ right_rate
                + sigma * (left_rate.T @ left + right.T @ right_rate),
            ),
            matrix_identity(
                "and of u'^T u, v^T v', which vanish because |u| = |v| = 1: the derivative of u^T u is",
                _rate((left + _move * left_rate).T @ (left + _move * left_rate)),
                left_rate.T @ left + (left_rate.T @ left).T,
            ),
            argument("Hence d sigma/dt = u^T (dW/dt) v, with dW/dt as proved in end-to-end-flow"),
            matrix_identity(
                "u is an eigenvector of W W^T with eigenvalue sigma^2",
                matrix @ matrix.T @ left - sigma**2 * left,
                matrix @ onto_right + sigma * onto_left,
            ),
            matrix_identity(
                "and v of W^T W",
                matrix.T @ matrix @ right - sigma**2 * right,
                matrix.T @ onto_left + sigma * onto_right,
            ),
            argument("so the powers of W W^T and W^T W in summand l act on u and v as powers of sigma^2"),
            identity("whose product does not depend on l", summand, sigma ** (2 - 2 / depth), cancel_exponents),
            identity(
                "The sum over l is the claimed speed",
                sp.Sum(sigma ** (2 - 2 / depth), (layer, 1, depth)),
                speed,
                lambda difference: cancel_exponents(difference.doit()),
            ),
            argument("d sigma_r/dt = -speed u_r^T R v_r"),
        ),
    )
