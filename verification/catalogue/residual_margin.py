"""Catalogue: the residual margin of balanced layers never decreases, along flows and on certified ones."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp

from numerics.certified_flow import MatrixBall
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import GradientFlow, flow_limit, integrate
from numerics.initialization import balanced_layers, layer_shapes
from numerics.residual_margin import enclosed_residual_norm, margin_rates, margins, residual_norms
from theory import residual_margin as theory
from theory.residual_margin import largest, norm, rate_bound, smallest
from theory.symbols import depth
from verification.catalogue.families import measured
from verification.catalogue.sources import source
from verification.checks import Enclosed, Enclosure, Falsification, Observation, Symbolic, Trajectory
from verification.evidence import Series
from verification.flow_enclosure import certified, enclosed_limits
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]

ROUNDING = 1e-13
MOST_STEPS = 400
#: How far float64 layers may be from balanced ones; what certified flows prove holds for all starts so near.
BALANCED_WITHIN = Fraction(1, 10**12)
_FEW_STEPS = 20
_MOMENTS = 6

size, extra = sp.Symbol("d", integer=True, positive=True), sp.Symbol("extra", integer=True, nonnegative=True)
missing = sp.Symbol("columns-rows", integer=True, nonnegative=True)
scale, tilt, gain = sp.symbols("scale tilt gain", positive=True)
seed = sp.Symbol("seed", integer=True, nonnegative=True)
smallest_rate, largest_rate, norm_rate = sp.symbols("sigma_min' sigma_max' |R|'", real=True)
smallest_later, largest_later, norm_later = sp.symbols("sigma_min(later) sigma_max(later) |R(later)|", nonnegative=True)
smallest_limit, largest_limit = sp.symbols("sigma_min(oo) sigma_max(oo)", nonnegative=True)

_STATE = {
    smallest: "smallest singular value of W",
    largest: "largest singular value of W",
    norm: "|R|_F",
}
_RATES = {smallest: smallest_rate, largest: largest_rate, norm: norm_rate}
_LATER = {smallest: smallest_later, largest: largest_later, norm: norm_later}
_LIMIT = {smallest: smallest_limit, largest: largest_limit, norm: sp.Integer(0)}


def start_domain(
    depths: tuple[int, int], sizes: tuple[int, int], scales: tuple[str, str], *, lacking: int, most_gain: int
) -> Parameters:
    """Depth, columns and rows of W, hidden units beyond them, size and direction of the residual, imbalance, seed.

    What layer 1 gains in each hidden direction, up to the factor `gain`, layer 2 loses: balanced layers have gain 1.
    """
    return Parameters(
        (
            IntegerRange(depth, *depths),
            IntegerRange(size, *sizes),
            IntegerRange(missing, lacking, lacking),
            IntegerRange(extra, 0, 2),
            RealRange(scale, Fraction(scales[0]), Fraction(scales[1])),
            RealRange(tilt, Fraction("0.01"), Fraction(2)),
            RealRange(gain, Fraction(1), Fraction(most_gain)),
            IntegerRange(seed, 0, 10**6),
        )
    )


def random_matrix(rows: int, columns: int, *, low: float, high: float, seed: int) -> np.ndarray:
    """Random singular vectors; singular values uniform between `low` and `high`."""
    random = np.random.default_rng(seed)
    left, _, right = np.linalg.svd(random.standard_normal((rows, columns)), full_matrices=False)
    return (left * random.uniform(low, high, min(rows, columns))) @ right


def random_start(point: Point) -> tuple[MatrixCompletion, list[np.ndarray]]:
    """Layers with singular values of W(0) between 0.3 and 1.5, a random mask, and targets around W(0)."""
    rows, columns = point[size] - point[missing], point[size]
    product = random_matrix(rows, columns, low=0.3, high=1.5, seed=point[seed])
    random = np.random.default_rng(point[seed] + 1)
    mask = random.random((rows, columns)) < random.uniform(0.4, 1.4)
    mask[random.integers(rows), random.integers(columns)] = True
    left, _, right = np.linalg.svd(product, full_matrices=False)
    # Both bounds are sharp for a residual along the last singular pair: the draws stray from it by `tilt`.
    offset = np.outer(left[:, -1], right[-1]) + float(point[tilt]) * random.standard_normal((rows, columns))
    problem = MatrixCompletion(mask, product - float(point[scale]) * offset)
    width = columns + point[extra]
    layers = balanced_layers(product, layer_shapes(rows, columns, point[depth], width), seed=point[seed] + 2)
    turn = np.linalg.qr(random.standard_normal((width, width)))[0]
    gains = float(point[gain]) ** random.uniform(-1, 1, width)
    return problem, [(turn * gains) @ turn.T @ layers[0], layers[1] @ (turn / gains) @ turn.T, *layers[2:]]


def _rates(point: Point, _digits: int) -> Values:
    """The derivatives at the start, from the layers by the chain rule."""
    found = margin_rates(*random_start(point))
    rounding = ROUNDING * (1 + found.largest + found.norm)
    return {
        smallest: measured(found.smallest, rounding),
        largest: measured(found.largest, rounding),
        norm: measured(found.norm, rounding),
        smallest_rate: measured(found.smallest_rate, found.error),
        largest_rate: measured(found.largest_rate, found.error),
        norm_rate: measured(found.norm_rate, found.error),
    }


def _states(flow: GradientFlow, index: int, error: float, names: Mapping[sp.Symbol, sp.Symbol]) -> Values:
    """Singular values and residual at one moment of a trajectory, under the given names."""
    values, norms = flow.singular_values[index], residual_norms(flow)
    return {
        names[smallest]: measured(values[-1], error),
        names[largest]: measured(values[0], error),
        names[norm]: measured(norms[index], error),
    }


def flow_error(flow: GradientFlow, tolerance: float) -> float:
    """Number of steps times the integrator's tolerance times the size of the state, and the balance that was lost."""
    return len(flow.times) * tolerance * (1 + float(flow.singular_values.max())) + float(flow.drift.max())


_NOW = {smallest: smallest, largest: largest, norm: norm}


def _short_flow(point: Point, _digits: int) -> Values:
    """The state at the start and after a short flow, at most as long as |R|_F needs to fall by a fifth."""
    problem, layers = random_start(point)
    tolerance = 1e-10
    found = margin_rates(problem, layers)
    duration = 0.2 * found.norm / abs(found.norm_rate)
    flow = integrate(problem, layers, relative_tolerance=tolerance, max_time=duration, max_steps=_FEW_STEPS)
    error = flow_error(flow, tolerance)
    return {**_states(flow, 0, error, _NOW), **_states(flow, -1, error, _LATER)}


def moments(flow: GradientFlow) -> list[int]:
    """Indices of moments between which |R|_F falls, while it is above a hundredth of its start."""
    norms = residual_norms(flow)
    early = np.flatnonzero(norms > 1e-2 * norms[0])
    return [int(index) for index in early[:: max(1, len(early) // _MOMENTS)]]


def _margin_moments(point: Point) -> Observation:
    """The state at pairs of successive moments of the flow, and the extreme singular values of its limit."""
    tolerance = 1e-11
    limit = flow_limit(*random_start(point), relative_tolerance=tolerance, max_steps=MOST_STEPS)
    flow, indices = limit.flow, moments(limit.flow)
    error = flow_error(flow, tolerance)
    ends = {
        smallest_limit: measured(limit.singular_values[-1], limit.error),
        largest_limit: measured(limit.singular_values[0], limit.error),
    }
    snapshots = [
        {**_states(flow, before, error, _NOW), **_states(flow, after, error, _LATER), **ends}
        for before, after in pairwise(indices)
    ]
    return Observation(snapshots, flow.reason, _margin_series(point, flow))


def _enclosed_moments(point: Point, digits: int) -> Enclosed:
    """The state at the start, at t = 1/4 and at infinity, for every start that is balanced up to rounding."""
    problem, layers = random_start(point)
    flow = certified(problem, layers, digits, start_radius=BALANCED_WITHIN)

    def values(limit: MatrixBall) -> Values:
        return {
            **_enclosed_state(problem, flow.product_at(0), _NOW),
            **_enclosed_state(problem, flow.product_at(Fraction(1, 4)), _LATER),
            smallest_limit: limit.singular_values[-1],
            largest_limit: limit.singular_values[0],
        }

    return enclosed_limits([flow], values)


def _enclosed_state(problem: MatrixCompletion, product: MatrixBall, names: Mapping[sp.Symbol, sp.Symbol]) -> Values:
    """Singular values and residual of every matrix in a ball, under the given names."""
    values = product.singular_values
    return {
        names[smallest]: values[-1],
        names[largest]: values[0],
        names[norm]: enclosed_residual_norm(problem, product),
    }


def _margin_series(point: Point, flow: GradientFlow) -> Series:
    """The margin against time, raised by |R(0)|_F so that it is positive, over its start; sigma_min may fall."""
    raised = margins(flow) + residual_norms(flow)[0]
    x = tuple(flow.times)
    return Series(
        title=f"{point[size]} x {point[size]}, L = {point[depth]}, {int(flow.problem.mask.sum())} entries observed",
        axis="time t",
        quantity="margin + |R(0)|, and sigma_min",
        measured={"margin": (x, tuple(raised)), "sigma_min": (x, tuple(flow.singular_values[:, -1]))},
        predicted={"lower bound": (x, (float(raised[0]),) * len(x))},
    )


def _rate_of(claimed: sp.Expr) -> sp.Expr:
    """The derivative of the claimed margin by the chain rule, in the observed rates."""
    return sum((sp.diff(claimed, state) * rate for state, rate in _RATES.items()), sp.Integer(0))


def residual_margin(
    claimed: sp.Expr = theory.margin, power: sp.Expr = theory.exponent, *, lacking: int = 0, most_gain: int = 1
) -> Statement:
    """residual-margin, with the claimed margin and the claimed power of sigma_min in the two bounds.

    The hypotheses are `lacking` = 0 (W is square) and `most_gain` = 1 (the layers are balanced).
    """
    listed = start_domain((2, 3), (2, 3), ("0.3", "0.3"), lacking=lacking, most_gain=most_gain).restricted(
        IntegerRange(extra, 0, 0),
        RealRange(tilt, Fraction("0.1"), Fraction("0.1")),
        RealRange(gain, Fraction(most_gain), Fraction(most_gain)),
        IntegerRange(seed, 0, 3),
    )
    return Statement(
        id="residual-margin",
        title="Balanced layers of a square W: sigma_min(W(t)) - |R(t)|_F never decreases, for any depth and mask",
        source=source("M", "Section 14.1 asks what it answers", Provenance.NEW),
        parameters=start_domain((2, 6), (2, 5), ("0.1", "3"), lacking=lacking, most_gain=most_gain),
        observables={
            **_STATE,
            smallest_rate: "d sigma_min/dt",
            largest_rate: "d sigma_max/dt",
            norm_rate: "d |R|_F/dt",
            smallest_later: "sigma_min at a later time",
            largest_later: "sigma_max at a later time",
            norm_later: "|R|_F at a later time",
            smallest_limit: "sigma_min(W(oo))",
            largest_limit: "sigma_max(W(oo))",
        },
        granted=("balance is conserved (balancedness-conserved)", "dE/dt = -sum_l |grad_l E|_F^2 (energy-identity)"),
        clauses=(
            Clause(
                "smallest",
                "d sigma_min/dt >= -L sigma_min^(2-2/L) |R|_F",
                sp.Ge(smallest_rate, rate_bound(smallest, power)),
            ),
            Clause(
                "residual", "d |R|_F/dt <= -L sigma_min^(2-2/L) |R|_F", sp.Le(norm_rate, rate_bound(smallest, power))
            ),
            Clause("rate", "the derivative of the margin is not negative", sp.Ge(_rate_of(claimed), 0)),
            Clause("margin", "the margin never decreases", sp.Ge(claimed.subs(_LATER, simultaneous=True), claimed)),
            Clause(
                "limit",
                "sigma_min(W(oo)) >= sigma_min(W(t)) - |R(t)|_F for every t, t = 0 among them",
                sp.Ge(claimed.subs(_LIMIT, simultaneous=True), claimed),
            ),
        ),
        checks=(
            Falsification(("margin",), _short_flow, "short flows from random starts", digits=4, flows=True),
            Falsification(
                ("smallest", "residual", "rate"),
                _rates,
                "derivatives at random starts, float64 with its rounding",
                digits=4,
            ),
            Trajectory(
                ("margin", "limit"),
                _margin_moments,
                "margin along integrated flows, and their limits",
                start_domain((2, 4), (2, 3), ("0.2", "1"), lacking=lacking, most_gain=most_gain),
                digits=4,
            ),
            Symbolic(
                ("smallest", "residual", "rate", "margin", "limit"),
                lambda: [
                    theory.smallest_derivation(power),
                    theory.residual_derivation(power),
                    theory.difference_derivation(claimed, power),
                ],
            ),
            Enclosure(
                ("margin", "limit"),
                _enclosed_moments,
                "margin at the start, at t = 1/4 and at infinity of certified flows",
                listed,
                part=listed.restricted(IntegerRange(depth, 2, 2), IntegerRange(size, 2, 2), IntegerRange(seed, 0, 1)),
                digits=4,
            ),
        ),
        depends=("balancedness-conserved", "energy-identity"),
        mutants=(
            Mutant("squared-residual", "sigma_min - |R|_F^2", lambda: residual_margin(claimed=smallest - norm**2)),
            Mutant("unbalanced", "layers that are not balanced", lambda: residual_margin(most_gain=10)),
            Mutant("largest", "sigma_max in place of sigma_min", lambda: residual_margin(claimed=largest - norm)),
            Mutant("exponent", "sigma_min^(1-1/L) in both bounds", lambda: residual_margin(power=1 - 1 / depth)),
            Mutant("rectangular", "one row less than columns", lambda: residual_margin(lacking=1)),
        ),
    )


STATEMENTS = (residual_margin,)
