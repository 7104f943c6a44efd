"""Catalogue: what gradient flow of any deep factorization conserves and dissipates, and how its spectrum moves."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp

from numerics import factorization
from numerics.dynamics import (
    Stencil,
    derivative,
    end_to_end_velocity,
    flow_stencils,
    gram_velocity,
    line_stencil,
    velocities,
)
from numerics.factorization import MatrixCompletion
from theory import dynamics as theory
from theory.dynamics import dissipation, last_dissipation, layer, sigma
from theory.symbols import depth
from verification.catalogue.families import measured
from verification.catalogue.networks import (
    DRIFT,
    TOLERANCE,
    WIDE,
    balanced_at,
    columns,
    flow_from,
    gaussian_at,
    network_domain,
    problem_at,
    rows,
    seed,
)
from verification.catalogue.sources import source
from verification.checks import Falsification, Observation, Symbolic, Trajectory
from verification.parameters import IntegerRange, Parameters, Point
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]
Matrices = list[np.ndarray]

_ROUNDING = 1e-13
_POINTS = 4
_WIDTHS = ((2, 2, 2), (2, 3, 1), (3, 1, 2), (1, 3, 2, 1), (2, 2, 2, 2))
_FLOWS = network_domain((2, 4), sides=(2, 3), hidden=(3, 5))

mode = sp.Symbol("r", integer=True, positive=True)
imbalance = sp.Symbol("imbalance", integer=True, nonnegative=True)
above_change, below_change = sp.symbols("Delta_above Delta_below", real=True)
energy_rate = sp.Symbol("E'", real=True)
share, velocity, closed_form = sp.symbols("share v_W v_R", real=True)
sigma_q = sp.Symbol("sigma_q", positive=True)
sigma_rate, pull = sp.symbols("sigma' pull", real=True)


@dataclass(frozen=True)
class Shapes:
    """Where a claim on layers is examined: random networks, integrated flows, and widths of exact derivations."""

    networks: Parameters
    flows: Parameters
    widths: tuple[tuple[int, ...], ...]


_ANY_SHAPE = Shapes(network_domain((2, 6)), _FLOWS, _WIDTHS)
_SQUARE = Shapes(
    network_domain((2, 6), sides=(3, 3), hidden=(3, 3)),
    network_domain((2, 4), sides=(3, 3), hidden=(3, 3)),
    ((2, 2, 2),),
)


def _paired(point: Point, layers: Matrices, claimed: theory.Grams) -> np.ndarray:
    """Sums over l of the inner products of the two Gram matrices with a random matrix C_l each: an array of two."""
    random = np.random.default_rng(point[seed] + 4)
    total = np.zeros(2)
    for lower, upper in pairwise(layers):
        found = claimed(upper, lower)
        pairing = random.standard_normal(found[0].shape)
        total += [np.sum(pairing * gram) for gram in found]
    return total


def _size(layers: Matrices) -> float:
    return float(sum(np.sum(one**2) for one in layers))


def _rates_of_grams(point: Point, claimed: theory.Grams) -> Values:
    """Rates of the two Gram matrices along the layers' velocity, at random layers.

    A central difference of any step is exact for a quadratic form; this one is of the size of the layers.
    """
    layers = gaussian_at(point)
    rates = velocities(problem_at(point), layers)
    step = np.sqrt(_size(layers) / max(_size(rates), np.finfo(float).tiny))
    ahead, behind = ([w + sign * step * v for w, v in zip(layers, rates, strict=True)] for sign in (1, -1))
    found = _paired(point, ahead, claimed) - _paired(point, behind, claimed)
    error = 100 * _ROUNDING * _size(layers)
    return {above_change: measured(found[0], error), below_change: measured(found[1], error)}


def _changes_of_grams(point: Point, claimed: theory.Grams) -> Observation:
    """Changes of the two Gram matrices since the start of a flow; error: its number of steps times its tolerance."""
    flow = flow_from(point, gaussian_at(point))
    start = _paired(point, [one[0] for one in flow.layers], claimed)
    snapshots = []
    for index in np.linspace(0, len(flow.times) - 1, _POINTS + 1).astype(int)[1:]:
        layers = [one[index] for one in flow.layers]
        found = _paired(point, layers, claimed) - start
        error = 10 * index * TOLERANCE * _size(layers)
        snapshots.append({above_change: measured(found[0], error), below_change: measured(found[1], error)})
    return Observation(snapshots, flow.reason)


def balancedness_conserved(
    factor: sp.Expr = theory.balance_factor, claimed: theory.Grams = theory.grams, shapes: Shapes = _ANY_SHAPE
) -> Statement:
    """balancedness-conserved: the first minus `factor` times the second of the claimed Gram matrices is conserved."""
    return Statement(
        id="balancedness-conserved",
        title="Gradient flow conserves the imbalance of neighbouring layers, for every mask, depth and width",
        source=source("ACHL", "balancedness", Provenance.PAPER),
        parameters=shapes.networks,
        observables={
            above_change: "rate of W_{l+1}^T W_{l+1}, or change from t = 0: inner products with random C_l, summed",
            below_change: "the same of W_l W_l^T, with the same C_l",
        },
        clauses=(
            Clause(
                "conserved", "W_{l+1}^T W_{l+1} - W_l W_l^T is constant", sp.Eq(above_change, factor * below_change)
            ),
        ),
        checks=(
            Falsification(
                ("conserved",),
                lambda point, _digits: _rates_of_grams(point, claimed),
                "rates at random layers of random networks",
                digits=8,
            ),
            Trajectory(
                ("conserved",),
                lambda point: _changes_of_grams(point, claimed),
                "change along integrated flows",
                shapes.flows,
            ),
            Symbolic(("conserved",), lambda: [theory.balance_derivation(factor, claimed)]),
            Symbolic(
                ("conserved",),
                lambda: [theory.balance_by_differentiation(widths, factor, claimed) for widths in shapes.widths],
            ),
        ),
        mutants=(
            Mutant("plus", "plus in place of minus", lambda: balancedness_conserved(sp.Integer(-1))),
            Mutant("weighted", "W_{l+1}^T W_{l+1} - 2 W_l W_l^T", lambda: balancedness_conserved(sp.Integer(2))),
            Mutant(
                "transposes-swapped",
                "W_{l+1} W_{l+1}^T - W_l^T W_l, for square layers",
                lambda: balancedness_conserved(
                    claimed=lambda upper, lower: (upper @ upper.T, lower.T @ lower), shapes=_SQUARE
                ),
            ),
        ),
    )


def _dissipated(problem: MatrixCompletion, layers: Matrices, error: float) -> Values:
    squares = [float(np.sum(gradient**2)) for gradient in factorization.gradient(problem, layers)]
    return {dissipation: measured(sum(squares), error), last_dissipation: measured(squares[-1], error)}


def _energy_rate(point: Point, _digits: int) -> Values:
    """dE/dt by the product rule from the first layer to the last (forward mode), against the layer gradients."""
    problem, layers = problem_at(point), gaussian_at(point)
    rates = velocities(problem, layers)
    residual = factorization.residual(problem, factorization.end_to_end(layers))
    found = float(np.sum(residual * end_to_end_velocity(layers, rates)))
    # What the same sums add up to without cancellation bounds what rounding can do to them.
    uncancelled = np.abs(residual) * end_to_end_velocity(list(map(np.abs, layers)), list(map(np.abs, rates)))
    error = _ROUNDING * float(np.sum(uncancelled))
    return {energy_rate: measured(found, error), **_dissipated(problem, layers, error)}


def _energy_along_flow(point: Point) -> Observation:
    """Derivative in time of the loss of an integrated flow, against the layer gradients on the way."""
    flow = flow_from(point, gaussian_at(point))
    snapshots = []
    for stencil in flow_stencils(flow, _POINTS):
        losses = [factorization.loss(flow.problem, factorization.end_to_end(state)) for state in stencil.states]
        rate, error = derivative(losses, stencil.step)
        snapshots.append(
            {
                energy_rate: measured(rate, error),
                **_dissipated(flow.problem, stencil.layers, _ROUNDING * abs(rate)),
            }
        )
    return Observation(snapshots, flow.reason)


def energy_identity(claimed: sp.Expr = theory.energy_loss) -> Statement:
    """energy-identity, with the claimed rate of loss in terms of S and of its summand S_L."""
    return Statement(
        id="energy-identity",
        title="The loss falls at the rate of the squared layer gradients, for every mask, depth and width",
        source=source("ACHL", "gradient flow", Provenance.RECONSTRUCTED),
        parameters=network_domain((1, 6)),
        observables={
            energy_rate: "dE/dt",
            dissipation: "sum_l |(W_L...W_{l+1})^T R (W_{l-1}...W_1)^T|_F^2",
            last_dissipation: "the summand l = L",
        },
        clauses=(
            Clause(
                "energy",
                "dE/dt = -sum_l |(W_L...W_{l+1})^T R (W_{l-1}...W_1)^T|_F^2",
                sp.Eq(energy_rate, -claimed),
            ),
        ),
        checks=(
            Falsification(
                ("energy",), _energy_rate, "forward against reverse differentiation of random networks", digits=9
            ),
            Trajectory(("energy",), _energy_along_flow, "time derivative of the loss", _FLOWS),
            Symbolic(("energy",), lambda: [theory.energy_derivation(claimed)]),
            Symbolic(("energy",), lambda: [theory.energy_by_differentiation(widths, claimed) for widths in _WIDTHS]),
        ),
        mutants=(
            Mutant("factor-two", "factor 2 before the sum", lambda: energy_identity(2 * dissipation)),
            Mutant("last-layer-missing", "sum over l < L", lambda: energy_identity(dissipation - last_dissipation)),
        ),
    )


def _powers(left: sp.Expr, right: sp.Expr, number_of_layers: int) -> list[tuple[float, float]]:
    levels = [{layer: number, depth: number_of_layers} for number in range(1, number_of_layers + 1)]
    return [(float(left.subs(level)), float(right.subs(level))) for level in levels]


def _pairing(point: Point) -> np.ndarray:
    """A random matrix C: an equation of matrices is tested by its inner product with C."""
    return np.random.default_rng(point[seed] + 4).standard_normal((point[rows], point[columns]))


def _velocities_of_product(point: Point, left: sp.Expr, right: sp.Expr) -> Values:
    """dW/dt from the layers and from W alone, and one layer's share of it between two singular vectors of W.

    The layer and the two vectors are drawn by the seed. Rounding grows with the condition number of W.
    """
    problem, layers, pairing = problem_at(point), balanced_at(point, float(point[imbalance])), _pairing(point)
    rates, product = velocities(problem, layers), factorization.end_to_end(layers)
    residual = factorization.residual(problem, product)
    found = end_to_end_velocity(layers, rates)
    claimed = gram_velocity(product, residual, _powers(left, right, len(layers)))
    vectors, values, covectors = np.linalg.svd(product, full_matrices=False)
    random = np.random.default_rng(point[seed] + 5)
    number, first, second = random.integers(len(layers)), random.integers(len(values)), random.integers(len(values))
    moved = factorization.end_to_end([*layers[:number], rates[number], *layers[number + 1 :]])
    precision = _ROUNDING * float(values[0] / values[-1])
    size = float(np.sqrt(_size([found, claimed, moved, residual])))
    error = precision * size * (1 + float(np.linalg.norm(pairing)))
    return {
        velocity: measured(float(np.sum(pairing * found)), error),
        closed_form: measured(float(np.sum(pairing * claimed)), error),
        layer: int(number) + 1,
        sigma: measured(values[first], precision * values[first]),
        sigma_q: measured(values[second], precision * values[second]),
        pull: measured(float(vectors[:, first] @ residual @ covectors[second]), error),
        share: measured(float(vectors[:, first] @ moved @ covectors[second]), error),
    }


def _product_along_flow(point: Point, left: sp.Expr, right: sp.Expr, start: int) -> Observation:
    """Derivative in time of W along an integrated flow, against W and R on the way."""
    flow, pairing = flow_from(point, balanced_at(point, float(start))), _pairing(point)
    snapshots = []
    for stencil in flow_stencils(flow, _POINTS):
        paired = [float(np.sum(pairing * factorization.end_to_end(state))) for state in stencil.states]
        rate, error = derivative(paired, stencil.step)
        product = factorization.end_to_end(stencil.layers)
        residual = factorization.residual(flow.problem, product)
        claimed = gram_velocity(product, residual, _powers(left, right, len(stencil.layers)))
        rounding = DRIFT * float(np.linalg.norm(pairing) * np.linalg.norm(claimed))
        snapshots.append(
            {velocity: measured(rate, error), closed_form: measured(float(np.sum(pairing * claimed)), rounding)}
        )
    return Observation(snapshots, flow.reason)


def end_to_end_flow(
    left: sp.Expr = theory.left_power, right: sp.Expr = theory.right_power, start: int = 0
) -> Statement:
    """end-to-end-flow, with the claimed exponents of W W^T and W^T W, and the imbalance of the layers at the start."""
    exact = IntegerRange(imbalance, start, start)
    return Statement(
        id="end-to-end-flow",
        title="With balanced layers the end-to-end matrix follows a flow of its own, at every depth",
        source=source("ACHL", "end-to-end dynamics", Provenance.PAPER),
        parameters=Parameters((*network_domain((1, 6)).ranges, exact)),
        assumptions=(WIDE,),
        observables={
            velocity: "inner product of dW/dt, from the layers, with a random matrix",
            closed_form: "inner product of the sum, from W and R alone, with the same matrix",
            share: "u_r^T (W_L...W_{l+1}) (dW_l/dt) (W_{l-1}...W_1) v_q, for l, r, q drawn by the seed",
            layer: "the layer drawn",
            sigma: "sigma_r, a singular value of W with vector u_r",
            sigma_q: "another, with vector v_q",
            pull: "u_r^T R v_q",
        },
        granted=("the layer gradient, and that balanced layers stay balanced (proved in balancedness-conserved)",),
        clauses=(
            Clause(
                "summand",
                "layer l moves W by -(W W^T)^((L-l)/L) R (W^T W)^((l-1)/L), here between singular vectors of W",
                sp.Eq(share, -(sigma ** (2 * left)) * sigma_q ** (2 * right) * pull),
            ),
            Clause(
                "flow",
                "balanced layers: dW/dt = -sum_l (W W^T)^((L-l)/L) R (W^T W)^((l-1)/L)",
                sp.Eq(velocity, closed_form),
            ),
        ),
        checks=(
            Falsification(
                ("summand", "flow"),
                lambda point, _digits: _velocities_of_product(point, left, right),
                "layers' velocities against the closed form at random balanced layers",
                digits=8,
            ),
            Trajectory(
                ("flow",),
                lambda point: _product_along_flow(point, left, right, start),
                "time derivative of W",
                _FLOWS,
            ),
            Symbolic(("summand", "flow"), lambda: [theory.end_to_end_derivation(left, right, sp.Integer(start))]),
        ),
        depends=("balancedness-conserved",),
        mutants=(
            Mutant(
                "exponent-shifted",
                "(L-l+1)/L in place of (L-l)/L",
                lambda: end_to_end_flow(left=(depth - layer + 1) / depth),
            ),
            Mutant("unbalanced", "layers that are not balanced at the start", lambda: end_to_end_flow(start=1)),
        ),
    )


def _spectrum_at(problem: MatrixCompletion, stencil: Stencil, index: int) -> Values:
    """sigma_r, its derivative in time by differences of singular values, and u_r^T R v_r, in a stencil's middle."""
    spectra = [np.linalg.svd(factorization.end_to_end(state), compute_uv=False) for state in stencil.states]
    rate, error = derivative([spectrum[index] for spectrum in spectra], stencil.step)
    product = factorization.end_to_end(stencil.layers)
    left, values, right = np.linalg.svd(product, full_matrices=False)
    residual = factorization.residual(problem, product)
    others = np.abs(np.delete(np.append(values, 0.0), index) - values[index])
    size = float(np.linalg.norm(residual))
    turned = DRIFT * float(values[0] / others.min())
    # Near a crossing the singular value bends within the stencil. It is analytic in time while W moves by less than
    # half the gap, so by Cauchy's estimate its seventh derivative, and with it the error h^6/140 of the formula, obeys:
    speed = float(np.linalg.norm(end_to_end_velocity(stencil.layers, velocities(problem, stencil.layers))))
    bent = 720 / 140 * speed * (2 * stencil.step * speed / float(others.min())) ** 6
    return {
        sigma: measured(values[index], DRIFT * values[0]),
        sigma_rate: measured(rate, error + bent),
        pull: measured(float(left[:, index] @ residual @ right[index]), turned * size),
    }


def _spectrum_on_line(point: Point, _digits: int) -> Values:
    problem = problem_at(point)
    return _spectrum_at(problem, line_stencil(problem, balanced_at(point)), point[mode] - 1)


def _spectrum_along_flow(point: Point) -> Observation:
    flow = flow_from(point, balanced_at(point))
    snapshots = [_spectrum_at(flow.problem, stencil, point[mode] - 1) for stencil in flow_stencils(flow, _POINTS)]
    return Observation(snapshots, flow.reason)


def singular_value_dynamics(speed: sp.Expr = theory.singular_value_speed) -> Statement:
    """singular-value-dynamics, with the claimed factor of -u_r^T R v_r."""
    domain = Parameters((*network_domain((1, 6)).ranges, IntegerRange(mode, 1, 4)))
    flows = Parameters((*_FLOWS.ranges, IntegerRange(mode, 1, 2)))
    return Statement(
        id="singular-value-dynamics",
        title="With balanced layers each singular value moves at a speed that grows with its own size",
        source=source("ACHL", "Theorem 3", Provenance.PAPER),
        parameters=domain,
        assumptions=(WIDE, sp.Le(mode, sp.Min(rows, columns))),
        observables={
            sigma: "r-th singular value of W",
            sigma_rate: "its derivative in time",
            pull: "u_r^T R v_r, with its singular vectors",
        },
        granted=("the flow of the end-to-end matrix (proved in end-to-end-flow)",),
        clauses=(
            Clause(
                "rate",
                "balanced layers: d sigma_r/dt = -L sigma_r^(2-2/L) u_r^T R v_r where sigma_r > 0 is simple",
                sp.Eq(sigma_rate, -speed * pull),
            ),
        ),
        checks=(
            Falsification(
                ("rate",), _spectrum_on_line, "differences of singular values at random balanced layers", digits=6
            ),
            Trajectory(("rate",), _spectrum_along_flow, "time derivative of the singular values", flows),
            Symbolic(("rate",), lambda: [theory.singular_value_derivation(speed)]),
        ),
        depends=("end-to-end-flow",),
        mutants=(
            Mutant(
                "exponent-two-minus-one-over-L",
                "exponent 2 - 1/L in place of 2 - 2/L",
                lambda: singular_value_dynamics(depth * sigma ** (2 - 1 / depth)),
            ),
            Mutant(
                "factor-L-minus-one",
                "factor L - 1 in place of L",
                lambda: singular_value_dynamics((depth - 1) * sigma ** (2 - 2 / depth)),
            ),
        ),
    )


STATEMENTS = (balancedness_conserved, energy_identity, end_to_end_flow, singular_value_dynamics)
