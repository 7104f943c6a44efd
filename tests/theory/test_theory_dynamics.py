"""Dynamics of deep factorizations: the derivations hold, exact examples agree, and false claims leave open steps."""

import pytest
import sympy as sp

from numerics.balls import evaluate, precision
from theory import dynamics
from theory.derivation import Kind
from theory.dynamics import layer, sigma
from theory.factorization import end_to_end, gradient
from theory.symbols import depth

GENERAL = [
    dynamics.balance_derivation,
    dynamics.energy_derivation,
    dynamics.end_to_end_derivation,
    dynamics.singular_value_derivation,
]
WIDTHS = [(2, 2), (2, 1, 3), (1, 3, 2), (1, 2, 3, 1)]


@pytest.mark.parametrize("derive", GENERAL)
def test_the_general_arguments_hold_at_every_size(derive):
    derivation = derive()
    assert derivation.holds
    assert derivation.sizes == ()
    assert sum(step.kind is Kind.IDENTITY for step in derivation.steps) >= 3


@pytest.mark.parametrize("widths", WIDTHS[1:])
def test_balance_is_conserved_by_the_differentiated_loss(widths):
    derivation = dynamics.balance_by_differentiation(widths)
    assert derivation.holds
    assert len(derivation.steps) == len(widths) - 2
    assert derivation.sizes == (f"widths {widths}, L = {len(widths) - 1}",)


@pytest.mark.parametrize("widths", WIDTHS)
def test_the_energy_identity_by_the_differentiated_loss(widths):
    derivation = dynamics.energy_by_differentiation(widths)
    assert derivation.holds
    assert derivation.sizes == (f"widths {widths}, L = {len(widths) - 1}",)


def swapped(upper, lower):
    return upper @ upper.T, lower.T @ lower


SUM, LAST = dynamics.dissipation, dynamics.last_dissipation
FALSE = {
    "balance with plus": lambda: dynamics.balance_derivation(sp.Integer(-1)),
    "balance of one layer": lambda: dynamics.balance_derivation(sp.Integer(0)),
    "balance with plus, differentiated": lambda: dynamics.balance_by_differentiation((1, 2, 1), sp.Integer(-1)),
    "balance with swapped transposes": lambda: dynamics.balance_by_differentiation((2, 2, 2), claimed=swapped),
    "energy twice": lambda: dynamics.energy_derivation(2 * SUM),
    "energy twice, differentiated": lambda: dynamics.energy_by_differentiation((1, 2, 1), 2 * SUM),
    "energy without a layer": lambda: dynamics.energy_derivation(SUM - LAST),
    "energy without a layer, differentiated": lambda: dynamics.energy_by_differentiation((1, 2, 1), SUM - LAST),
    "left exponent shifted": lambda: dynamics.end_to_end_derivation(left=(depth - layer + 1) / depth),
    "right exponent shifted": lambda: dynamics.end_to_end_derivation(right=layer / depth),
    "exponents over L - 1": lambda: dynamics.end_to_end_derivation(left=(depth - layer) / (depth - 1)),
    "imbalance": lambda: dynamics.end_to_end_derivation(imbalance=sp.Rational(1, 10)),
    "speed 2 - 1/L": lambda: dynamics.singular_value_derivation(depth * sigma ** (2 - 1 / depth)),
    "speed factor L - 1": lambda: dynamics.singular_value_derivation((depth - 1) * sigma ** (2 - 2 / depth)),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_false_claim_leaves_a_step_that_a_ball_refutes(name):
    step = FALSE[name]().open_steps[0]
    values = {symbol: 3 + index for index, symbol in enumerate(sorted(step.residual.free_symbols, key=str))}
    if {depth, layer} <= set(values):
        values |= {depth: 5, layer: 2}
    with precision(256):
        assert not evaluate(step.residual, values).contains(0)


def rotation(numerator):
    """A rational rotation of the plane, from half of its angle's tangent."""
    t = sp.Rational(numerator, 7)
    return sp.Matrix([[1 - t**2, -2 * t], [2 * t, 1 - t**2]]) / (1 + t**2)


def balanced(number_of_layers, diagonal):
    """Balanced 2 x 2 layers Q_l S Q_(l-1)^T, and the rotations Q_0, ..., Q_L."""
    rotations = [rotation(2 * k + 1) for k in range(number_of_layers + 1)]
    return [rotations[k + 1] * diagonal * rotations[k].T for k in range(number_of_layers)], rotations


def velocity(mask, targets, layers):
    """dW/dt, summed over the layers that move."""
    total = sp.zeros(layers[-1].rows, layers[0].cols)
    for index in range(len(layers)):
        moved = [*layers[:index], -gradient(mask, targets, layers, index), *layers[index + 1 :]]
        total += end_to_end(moved)
    return total


MASK, TARGETS = sp.Matrix([[1, 0], [1, 1]]), sp.Matrix([[3, 0], [-1, sp.Rational(1, 2)]])


@pytest.mark.parametrize("number_of_layers", [1, 2, 3, 4])
@pytest.mark.parametrize("diagonal", [sp.diag(2, 1), sp.diag(sp.Rational(3, 2), 0)])
def test_exact_balanced_layers_move_as_claimed(number_of_layers, diagonal):
    """W W^T = Q_L S^(2L) Q_L^T, so its claimed powers are exact: S^(2L a), with the power 0 the identity."""
    layers, rotations = balanced(number_of_layers, diagonal)
    residual = MASK.multiply_elementwise(end_to_end(layers) - TARGETS)
    claimed = sp.zeros(2)
    for number in range(1, number_of_layers + 1):
        level = {layer: number, depth: number_of_layers}
        left, right = (
            2 * number_of_layers * power.subs(level) for power in (dynamics.left_power, dynamics.right_power)
        )
        claimed -= (
            rotations[-1]
            * diagonal**left
            * rotations[-1].T
            * residual
            * rotations[0]
            * diagonal**right
            * rotations[0].T
        )
    assert velocity(MASK, TARGETS, layers) == claimed


@pytest.mark.parametrize("number_of_layers", [1, 2, 3, 4])
def test_exact_singular_values_move_at_the_claimed_speed(number_of_layers):
    roots = (2, 1)
    layers, rotations = balanced(number_of_layers, sp.diag(*roots))
    residual = MASK.multiply_elementwise(end_to_end(layers) - TARGETS)
    moving = velocity(MASK, TARGETS, layers)
    for mode, root in enumerate(roots):
        left, right = rotations[-1][:, mode], rotations[0][:, mode]
        speed = dynamics.singular_value_speed.subs({depth: number_of_layers, sigma: root**number_of_layers})
        assert (left.T * moving * right)[0] == -speed * (left.T * residual * right)[0]


def test_one_unbalanced_layer_breaks_the_gram_powers():
    layers, _ = balanced(3, sp.diag(2, 1))
    outer = layers[-1] * layers[-1].T
    above = layers[2] * layers[1]
    assert above * above.T == outer**2
    above = layers[2] * (layers[1] + sp.diag(1, 0))
    assert above * above.T != outer**2


def test_the_claims_are_those_of_the_literature():
    layers, _ = balanced(2, sp.diag(2, 1))
    upper, lower = dynamics.grams(layers[1], layers[0])
    assert upper == lower == layers[1].T * layers[1]
    terms = [dynamics.left_power.subs({layer: k, depth: 4}) for k in range(1, 5)]
    assert terms == [sp.Rational(3, 4), sp.Rational(1, 2), sp.Rational(1, 4), 0]
    assert [dynamics.right_power.subs({layer: k, depth: 4}) for k in range(1, 5)] == terms[::-1]
    assert dynamics.singular_value_speed.subs(depth, 2) == 2 * sigma


def test_the_layer_that_energy_forgets_is_the_one_that_is_open():
    (open_step,) = dynamics.energy_derivation(SUM - LAST).open_steps
    assert open_step.text == "and so does the last"


def test_each_wrong_exponent_opens_its_own_side():
    left = dynamics.end_to_end_derivation(left=(depth - layer + 1) / depth).open_steps
    right = dynamics.end_to_end_derivation(right=layer / depth).open_steps
    assert [step.text for step in left] == ["the claimed power of W W^T is B_l B_l^T"]
    assert [step.text for step in right] == ["and that of W^T W, in the same way, A_l^T A_l"]
