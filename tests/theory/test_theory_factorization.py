"""Catches a wrong layer gradient (order, transposes, sign, mask), also for rectangular layers, and a derivation that
would accept one."""

import pytest
import sympy as sp

from theory import factorization
from theory.factorization import (
    end_to_end,
    gradient,
    gradient_by_differentiation,
    gradient_derivation,
    loss,
    symbolic_layers,
)

SIZES = [(1, 2), (2, 2), (3, 2), (2, 3)]


def split(layers, index):
    before = end_to_end([sp.eye(layers[0].cols), *layers[:index]])
    after = end_to_end([*layers[index + 1 :], sp.eye(layers[-1].rows)])
    return before, after


def residual_of(mask, targets, layers):
    return mask.multiply_elementwise(end_to_end(layers) - targets)


def transposes_dropped(mask, targets, layers, index):
    before, after = split(layers, index)
    return after * residual_of(mask, targets, layers) * before


def sides_swapped(mask, targets, layers, index):
    before, after = split(layers, index)
    return before.T * residual_of(mask, targets, layers) * after.T


def mask_forgotten(mask, targets, layers, index):
    before, after = split(layers, index)
    return after.T * (end_to_end(layers) - targets) * before.T


def sign_reversed(mask, targets, layers, index):
    return -gradient(mask, targets, layers, index)


def twice(mask, targets, layers, index):
    return 2 * gradient(mask, targets, layers, index)


def test_the_gradient_for_any_depth_and_width_holds():
    derivation = gradient_derivation()
    assert derivation.holds
    assert derivation.sizes == ()
    assert len(derivation.arguments) == 1


@pytest.mark.parametrize(("depth", "size"), SIZES)
def test_the_gradient_by_differentiation_holds_and_lists_its_size(depth, size):
    derivation = gradient_by_differentiation(depth, size)
    assert derivation.holds
    assert derivation.sizes == (f"d = {size}, L = {depth}",)
    assert len(derivation.steps) == depth
    assert derivation.arguments == ()


@pytest.mark.parametrize("wrong", [transposes_dropped, sides_swapped, mask_forgotten, sign_reversed, twice])
def test_a_wrong_gradient_leaves_open_steps(monkeypatch, wrong):
    monkeypatch.setattr(factorization, "gradient", wrong)
    assert gradient_by_differentiation(2, 2).open_steps


def test_one_wrong_layer_is_the_one_that_is_open(monkeypatch):
    monkeypatch.setattr(
        factorization,
        "gradient",
        lambda mask, targets, layers, index: (1 + (index == 1)) * gradient(mask, targets, layers, index),
    )
    (open_step,) = gradient_by_differentiation(3, 2).open_steps
    assert "layer 2" in open_step.text


def rectangular(shapes):
    return [
        sp.Matrix(rows, columns, lambda i, j, k=k: sp.Symbol(f"x{k}_{i}{j}", real=True))
        for k, (rows, columns) in enumerate(shapes)
    ]


@pytest.mark.parametrize("shapes", [[(2, 3)], [(3, 2), (1, 3)], [(2, 1), (3, 2), (2, 3)]])
def test_rectangular_layers_have_the_gradient_of_the_loss(shapes):
    layers = rectangular(shapes)
    rows, columns = layers[-1].rows, layers[0].cols
    mask = sp.Matrix(rows, columns, lambda i, j: (i + j) % 2)
    mask[0, 0] = 1
    targets = sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"t_{i}{j}", real=True))
    energy = loss(mask, targets, layers)
    for index, layer in enumerate(layers):
        differentiated = layer.applyfunc(lambda entry: sp.diff(energy, entry))
        assert sp.expand(differentiated - gradient(mask, targets, layers, index)) == sp.zeros(*layer.shape)


def test_end_to_end_multiplies_the_first_layer_first():
    first, second = symbolic_layers(2, 2)
    assert end_to_end([first, second]) == second * first
    assert sp.expand(end_to_end([first, second]) - first * second) != sp.zeros(2)


def test_balancedness_is_conserved_along_the_gradient():
    # d/dt (W_{l+1}^T W_{l+1} - W_l W_l^T) = 0 is W_{l+1}^T grad_{l+1} = grad_l W_l^T, symmetrised.
    layers = symbolic_layers(3, 2)
    mask = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"mask_{i}{j}", positive=True))
    targets = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"t_{i}{j}", real=True))
    gradients = [gradient(mask, targets, layers, index) for index in range(3)]
    for index in range(2):
        difference = layers[index + 1].T * gradients[index + 1] - gradients[index] * layers[index].T
        assert sp.expand(difference) == sp.zeros(2)


def test_the_loss_ignores_targets_outside_the_mask_and_is_half_the_squared_residual():
    layers = symbolic_layers(1, 2)
    mask = sp.Matrix([[1, 0], [0, 1]])
    energy = loss(mask, sp.Matrix(2, 2, sp.symbols("a b c d")), layers)
    a, d = sp.symbols("a d")
    assert sp.expand(energy - ((layers[0][0, 0] - a) ** 2 + (layers[0][1, 1] - d) ** 2) / 2) == 0
