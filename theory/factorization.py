"""Deep matrix factorization: the loss, and its gradient with respect to each layer.

Definitions
    W = W_L ... W_1, E = 1/2 sum over observed (i, j) of (w_ij - w*_ij)^2, R = mask * (W - W*).
Statements
    grad_l E = (W_L ... W_{l+1})^T R (W_{l-1} ... W_1)^T, for every depth, width and mask.
Source
    Shin & Yun 2026, arXiv:2603.04703, Section 2 (setting).
"""

from collections.abc import Sequence
from functools import reduce

import sympy as sp
from sympy import Expr, Matrix
from sympy.concrete.delta import deltasummation

from theory.derivation import Derivation, argument, definition, identity


def end_to_end(layers: Sequence[Matrix]) -> Matrix:
    """W_L ... W_1 for layers given in the order W_1, ..., W_L."""
    return reduce(lambda product, layer: layer * product, layers)


def loss(mask: Matrix, targets: Matrix, layers: Sequence[Matrix]) -> Expr:
    """E = 1/2 sum over observed entries of the squared error, as an expression in the layers' entries."""
    product = end_to_end(layers)
    return sum(
        (
            mask[i, j] * (product[i, j] - targets[i, j]) ** 2
            for i in range(product.rows)
            for j in range(product.cols)
            if mask[i, j] != 0
        ),
        sp.Integer(0),
    ) / sp.Integer(2)


def gradient(mask: Matrix, targets: Matrix, layers: Sequence[Matrix], index: int) -> Matrix:
    """grad_l E = (W_L ... W_{l+1})^T R (W_{l-1} ... W_1)^T, for l = index + 1."""
    product = end_to_end(layers)
    residual = mask.multiply_elementwise(product - targets)
    before = end_to_end([sp.eye(layers[0].cols), *layers[:index]])
    after = end_to_end([*layers[index + 1 :], sp.eye(layers[-1].rows)])
    return after.T * residual * before.T


def symbolic_layers(depth: int, size: int) -> list[Matrix]:
    """`depth` square layers of the given size whose entries are independent real symbols."""
    return [
        Matrix(size, size, lambda i, j, k=k: sp.Symbol(f"w{k + 1}_{i + 1}{j + 1}", real=True)) for k in range(depth)
    ]


def gradient_derivation() -> Derivation:
    """The layer gradient for any depth, width and mask: W is linear in one layer at a time."""
    rows, columns, height, width = sp.symbols("M N h k", integer=True, positive=True)
    p, q, i, j, a, b = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("p", "r", "i", "j", "a", "b"))
    layer, after, before, residual = (sp.IndexedBase(name) for name in ("X", "B", "A", "R"))
    entry = sp.Sum(after[p, a] * layer[a, b] * before[b, q], (a, 0, height - 1), (b, 0, width - 1))
    # The only summand whose derivative survives is (a, b) = (i, j).
    derivative = sp.diff(entry.function, layer[i, j])
    derivative = deltasummation(derivative, (a, 0, height - 1), no_piecewise=True)
    derivative = deltasummation(derivative, (b, 0, width - 1), no_piecewise=True)
    chain = sp.Sum(residual[p, q] * after[p, i] * before[j, q], (p, 0, rows - 1), (q, 0, columns - 1))
    return Derivation(
        ("gradient",),
        (
            definition(
                "Fix a layer X = W_l and write B = W_L ... W_{l+1}, A = W_{l-1} ... W_1; an end-to-end entry is",
                sp.IndexedBase("w")[p, q],
                entry,
            ),
            identity("It is linear in X, so its derivative is", derivative, after[p, i] * before[j, q]),
            argument("Chain rule on E = 1/2 sum R^2: the gradient entry is (B^T R A^T)_ij", chain),
        ),
    )


def gradient_by_differentiation(depth: int, size: int) -> Derivation:
    """The same gradient, obtained by differentiating the loss in every layer entry at one concrete size.

    All entries of the layers, the targets and the mask are symbols.
    """
    layers = symbolic_layers(depth, size)
    mask = Matrix(size, size, lambda i, j: sp.Symbol(f"mask_{i + 1}{j + 1}", positive=True))
    targets = Matrix(size, size, lambda i, j: sp.Symbol(f"t_{i + 1}{j + 1}", real=True))
    energy = loss(mask, targets, layers)
    steps = []
    for index, layer in enumerate(layers):
        formula = gradient(mask, targets, layers, index)
        difference = sum(
            (sp.expand(sp.diff(energy, layer[i, j]) - formula[i, j]) ** 2 for i in range(size) for j in range(size)),
            sp.Integer(0),
        )
        steps.append(
            identity(
                f"d = {size}, L = {depth}: sum of squared differences over the entries of layer {index + 1}",
                difference,
                sp.Integer(0),
            )
        )
    return Derivation(("gradient",), tuple(steps), sizes=(f"d = {size}, L = {depth}",))
