"""Catches a wrong exponent, margin, rate of decay, path or ball, and a bound that concrete layers do not obey."""

import pytest
import sympy as sp

from theory.residual_margin import (
    centre,
    convergence_derivation,
    decay,
    difference_derivation,
    exponent,
    largest,
    length,
    margin,
    norm,
    open_set_derivation,
    radius,
    residual_derivation,
    smallest,
    smallest_derivation,
    start_margin,
)
from theory.symbols import depth, time

WRONG_EXPONENTS = [1 - 1 / depth, 2 - 1 / depth, sp.Integer(2), 2 / depth, exponent + 1]
WRONG_MARGINS = [smallest - norm**2, smallest - norm / 2, smallest - 2 * norm, largest - norm, smallest**2 - norm]


def test_every_derivation_holds():
    for derivation in (
        smallest_derivation(exponent),
        residual_derivation(exponent),
        difference_derivation(margin, exponent),
        convergence_derivation(margin, decay, length),
        open_set_derivation(centre, radius),
    ):
        assert derivation.holds, derivation.open_steps
        assert not derivation.sizes


@pytest.mark.parametrize("power", WRONG_EXPONENTS, ids=str)
def test_a_wrong_exponent_is_left_open_in_both_bounds(power):
    assert len(smallest_derivation(power).open_steps) == 1
    assert len(residual_derivation(power).open_steps) == 1


@pytest.mark.parametrize("claimed", WRONG_MARGINS, ids=str)
def test_a_wrong_margin_is_left_open(claimed):
    assert difference_derivation(claimed, exponent).open_steps


def test_any_power_of_sigma_min_cancels_in_the_difference_as_long_as_it_is_the_same():
    # The margin's monotonicity does not depend on the exponent; the two bounds do.
    assert difference_derivation(margin, sp.Integer(2)).holds
    assert difference_derivation(3 * margin, exponent).holds


@pytest.mark.parametrize(
    "claimed",
    [
        decay.subs(time, 2 * time),
        decay.subs(time, time / 2),
        decay.subs(start_margin, start_margin**2),
        2 * decay,
        decay.subs(depth, depth + 1),
    ],
    ids=str,
)
def test_a_wrong_decay_is_left_open(claimed):
    assert convergence_derivation(margin, claimed, length).open_steps


@pytest.mark.parametrize("claimed", [length / 2, length * sp.sqrt(depth), length**2], ids=str)
def test_a_wrong_path_is_left_open(claimed):
    assert convergence_derivation(margin, decay, claimed).open_steps


@pytest.mark.parametrize("bound", [smallest + norm, smallest, sp.Abs(margin), margin / 2], ids=str)
def test_a_c_that_is_not_the_margin_is_left_open(bound):
    assert len(convergence_derivation(bound, decay, length).open_steps) == 1


def test_a_ball_that_is_too_large_and_a_centre_without_a_margin_are_left_open():
    assert open_set_derivation(centre, 2 * radius).open_steps
    assert open_set_derivation(centre, -radius).open_steps
    assert open_set_derivation(sp.eye(2), radius).open_steps  # zero loss, diagonal
    assert open_set_derivation(sp.Matrix([[1, 1], [1, 1]]), radius).open_steps  # rank 1
    unequal = centre + sp.diag(sp.Rational(1, 10), 0)
    assert open_set_derivation(unequal, radius / 10).open_steps  # the formula for its singular values does not hold


def test_the_radius_of_the_ball_is_half_the_margin_of_its_centre():
    values = [sp.sqrt(value) for value in (centre.T * centre).eigenvals()]
    residual = sp.sqrt(2) * (1 - centre[0, 0])
    assert sp.simplify(min(values) - residual - 2 * radius) == 0


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_concrete_diagonal_layers_obey_both_bounds(layers):
    # Balanced layers diag(x, y), 0 < x <= y, any 2 x 2 residual: sigma = x^L; no symbolic exponent is involved.
    x, more = sp.Symbol("x", positive=True), sp.Symbol("k", nonnegative=True)
    layer = sp.diag(x, x + more)
    residual = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"r_{i}{j}", real=True))
    before, after = [layer**k for k in range(layers)], [layer ** (layers - 1 - k) for k in range(layers)]
    gradients = [b.T * residual * a.T for b, a in zip(after, before, strict=True)]
    velocity = sum((-(b * g * a) for b, g, a in zip(after, gradients, before, strict=True)), sp.zeros(2))
    bound = layers * x ** (2 * layers - 2)
    assert sp.expand(velocity[0, 0] + bound * residual[0, 0]) == 0
    squared = sum((entry**2 for gradient in gradients for entry in gradient), sp.Integer(0))
    gap = sp.Poly(sp.expand(squared - bound * sum(entry**2 for entry in residual)), *residual)
    assert all(sp.expand(coefficient).is_nonnegative for coefficient in gap.coeffs())
    assert (x**layers) ** exponent.subs(depth, layers) == x ** (2 * layers - 2)
