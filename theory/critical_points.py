"""Critical points of the loss with weight decay: their layers are balanced, and share the spectrum of the product.

Definitions
    E_lambda = (1/(2N)) sum over the N observed (i, j) of (w_ij - w*_ij)^2 + lambda sum_l |W_l|_F^2, lambda > 0, layers
    W_1..W_L of any shapes, W = W_L ... W_1. At a critical point the gradient in every layer is zero.
Statements
    `balance_derivation`   at a critical point W_{l+1}^T W_{l+1} = W_l W_l^T, for every mask, depth and width
    `spectrum_derivation`  hence W_1^T W_1 = (W^T W)^(1/L), and s_i(W_l^T W_l) = s_i(W)^(2/L) for every l
    `rank_derivation`      hence in B_r sum_i f(s_i(W)^(2/L)) <= r + eps_2, for every f with f(0) = 0
Conventions
    The slides of the source write |W_l^T W_l - W_{l-1} W_{l-1}^T| for all l. Ours are the same L - 1 conditions,
    numbered l = 1..L-1 by their lower layer; W_0 does not exist.
Implementation notes
    A hypothesis H = 0 enters an identity as left - right = (...) H (...), as in `theory.dynamics`.
Source
    Wang & Jacot 2024, arXiv:2305.16038 (slides; reconstructed).
"""

import sympy as sp
from sympy import Expr

from theory.derivation import Derivation, argument, cancel_exponents, definition, identity, positive
from theory.dynamics import Grams, grams, matrix_identity
from theory.factorization import gradient_derivation
from theory.symbols import depth

decay = sp.Symbol("lambda", positive=True)
weight = sp.Symbol("1/N", positive=True)

#: The formulas that the statements claim. A mutant puts another expression in their place.
spectrum_exponent: Expr = 2 / depth

_rows, _columns, _next, _height, _width = sp.symbols("M N g h k", integer=True, positive=True)
_after = sp.MatrixSymbol("B", _rows, _next)
_upper = sp.MatrixSymbol("Y", _next, _height)
_lower = sp.MatrixSymbol("X", _height, _width)
_before = sp.MatrixSymbol("A", _width, _columns)
_residual = sp.MatrixSymbol("R", _rows, _columns)
_upper_gradient = sp.MatrixSymbol("G_Y", _next, _height)
_lower_gradient = sp.MatrixSymbol("G_X", _height, _width)
_eigenvalue = sp.Symbol("p", positive=True)


def balance_derivation(penalty: Expr = decay, claimed: Grams = grams) -> Derivation:
    """The two claimed Gram matrices are equal where the gradient of the loss with weight decay `penalty` is zero."""
    upper_gradient = weight * _after.T @ _residual @ (_lower @ _before).T + 2 * penalty * _upper
    lower_gradient = weight * (_after @ _upper).T @ _residual @ _before.T + 2 * penalty * _lower
    first, second = claimed(_upper, _lower)
    return Derivation(
        ("balanced",),
        (
            *gradient_derivation().steps,
            argument(
                "Divide that loss by N, half of it being counted already, and add lambda |W_l|_F^2, of derivative "
                "2 lambda W_l. Fix neighbouring layers X = W_l and Y = W_{l+1}, with B = W_L ... W_{l+2} and "
                "A = W_{l-1} ... W_1. R is any matrix: the mask does not matter"
            ),
            definition("The gradient in Y is", _upper_gradient, upper_gradient),
            definition("and in X", _lower_gradient, lower_gradient),
            matrix_identity(
                "The loss cancels, and weight decay alone is left",
                _upper.T @ _upper_gradient - _lower_gradient @ _lower.T,
                2 * penalty * (first - second),
                {_upper_gradient: upper_gradient, _lower_gradient: lower_gradient},
            ),
            argument("At a critical point both gradients are zero, and so is the left side"),
            positive("lambda > 0, so that one may divide by", 2 * penalty),
            argument("Hence the Gram matrices are equal; l = 1..L-1 was arbitrary"),
        ),
    )


def spectrum_derivation(exponent: Expr = spectrum_exponent) -> Derivation:
    """s_i(W_l^T W_l) = s_i(W)^exponent for every l, from balance alone."""
    inner = sp.MatrixSymbol("Q", _columns, _columns)
    first = sp.MatrixSymbol("Z", _width, _columns)
    carried = _lower.T @ _lower @ _before - _before @ inner
    imbalance = _upper.T @ _upper - _lower @ _lower.T
    return Derivation(
        ("spectrum",),
        (
            argument(
                "Let Q = W_1^T W_1. Going up from l = 1, suppose that X^T X A = A Q for X = W_l, A = W_{l-1} ... W_1. "
                "At l = 1, A is the identity and X^T X = Q"
            ),
            matrix_identity(
                "The hypothesis passes to Y = W_{l+1} and X A: what is left is a multiple of the imbalance, which is "
                "zero, and of what the hypothesis leaves",
                _upper.T @ _upper @ _lower @ _before - _lower @ _before @ inner,
                imbalance @ _lower @ _before + _lower @ carried,
            ),
            matrix_identity(
                "By it the Gram matrix of X A is that of A times Q",
                (_lower @ _before).T @ (_lower @ _before) - _before.T @ _before @ inner,
                _before.T @ carried,
            ),
            matrix_identity(
                "which starts with that of W_1: Q times the identity",
                first.T @ first,
                sp.Identity(_columns) @ inner,
                {inner: first.T @ first},
            ),
            argument(
                "By induction (W_l ... W_1)^T (W_l ... W_1) = Q^l, and W^T W = Q^L. Q is positive semidefinite, so it "
                "is the only such L-th root of W^T W and has the same eigenvectors: an eigenvalue p of Q is one p^L of "
                "W^T W, whose root is the singular value of W. For p > 0"
            ),
            identity(
                "the claimed power of the singular value of W is p",
                sp.Pow(_eigenvalue ** (depth / 2), exponent, evaluate=False),
                _eigenvalue,
                cancel_exponents,
            ),
            argument(
                "W_{l+1}^T W_{l+1} = W_l W_l^T has the nonzero eigenvalues of W_l^T W_l, with multiplicities. So all "
                "W_l^T W_l share those of Q, rank W many, and their other eigenvalues are zero, as are those of W"
            ),
        ),
    )


def rank_derivation(exponent: Expr = spectrum_exponent, at_zero: Expr = sp.S.Zero) -> Derivation:
    """sum_i f(s_i(W)^exponent) <= r + eps_2 at a critical point of B_r; `at_zero` is f(0)."""
    f = sp.Function("f")
    rank, size = sp.symbols("k n_l", integer=True, nonnegative=True)
    index = sp.Symbol("i", integer=True, positive=True)
    eigenvalues = sp.IndexedBase("p")
    layer_sum = sp.Sum(f(eigenvalues[index]), (index, 1, rank)) + (size - rank) * at_zero
    product_sum = sp.Sum(f(sp.Pow(_eigenvalue ** (depth / 2), exponent)), (index, 1, rank))
    return Derivation(
        ("low-rank",),
        (
            argument(
                "By the spectrum of a critical point, W_l^T W_l, of size n_l, has k = rank W positive eigenvalues p_i, "
                "the same for every l, and n_l - k zeros. With f(0) = 0"
            ),
            identity(
                "the zeros add nothing: sum_i f(s_i(W_l^T W_l)) is",
                layer_sum,
                sp.Sum(f(eigenvalues[index]), (index, 1, rank)),
                sp.simplify,
            ),
            identity(
                "The positive singular values of W are p_i^(L/2): sum_i f of the claimed power is the same sum",
                product_sum.subs(_eigenvalue, eigenvalues[index]),
                sp.Sum(f(eigenvalues[index]), (index, 1, rank)),
                sp.simplify,
            ),
            argument("In B_r that sum is at most r + eps_2 for every l, and so for one: the lemma"),
        ),
    )
