"""Catalogue: reduction, eigenvalue flow and invariant of the block-diagonal family."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from numerics import factorization
from numerics.block_diagonal import BlockFamily, block_index, block_problem, initial_layers, problem
from numerics.gradient_flow import integrate
from theory import block_diagonal as theory
from theory.factorization import gradient_by_differentiation, gradient_derivation
from theory.symbols import block_size, depth, lambda_1, lambda_2, observed, value
from verification.catalogue.families import family_at, flow_domain, measured, spectrum_series
from verification.catalogue.sources import shin_yun
from verification.checks import Falsification, Observation, Symbolic, Trajectory
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Statement

_TOLERANCE = sp.Rational(1, 10**9)
_FLOW_SIZES = [(n, s, layers) for n in (2, 3, 4) for s in (1, 2) for layers in (2, 3, 4, 5)]

defect = sp.Symbol("defect", nonnegative=True)
seed = sp.Symbol("seed", integer=True, nonnegative=True)
rate_1, rate_2 = sp.symbols("lambda_1' lambda_2'", real=True)
start_1, start_2 = sp.symbols("lambda_1(0) lambda_2(0)", real=True)
_sizes = sp.symbols("s_1 s_2", integer=True, positive=True)
_values = sp.symbols("w*_1 w*_2", positive=True)
_targets = sp.symbols("T_1 T_2", real=True)


def _reduced(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
    """Block-constant layers with random blocks: how far their gradients are from block-constant, and the targets.

    The reduced target of block i is read off the full problem: X_ii minus the reduced residual.
    """
    sizes = [point[size] for size in _sizes]
    full = block_problem(sizes, [float(point[w]) for w in _values])
    index = block_index(sizes)
    lift = (index[:, None] == np.arange(2)[None, :]) / np.sqrt(np.array(sizes))
    random = np.random.default_rng(point[seed])
    layers = [lift @ random.standard_normal((2, 2)) @ lift.T for _ in range(point[depth])]
    gradients = factorization.gradient(full, layers)
    product = factorization.end_to_end(layers)
    residual = factorization.residual(full, product)
    spread = max(float(np.linalg.norm(g - lift @ (lift.T @ g @ lift) @ lift.T)) for g in gradients)
    scale = 1 + float(np.linalg.norm(product)) + max(float(np.linalg.norm(g)) for g in gradients)
    found = np.diag(lift.T @ (product - residual) @ lift)
    error = 1e-12 * scale
    return {
        defect: measured(spread / scale, 1e-14),
        _targets[0]: measured(found[0], error),
        _targets[1]: measured(found[1], error),
    }


def block_reduction(target: sp.Expr = theory.reduced_target) -> Statement:
    """block-reduction, with the claimed reduced target of a block of size s and value w*."""
    claimed = [target.subs({block_size: size, value: w}) for size, w in zip(_sizes, _values, strict=True)]
    return Statement(
        id="block-reduction",
        title="Block-constant layers reduce to one row and column per block",
        source=shin_yun("setting of Theorem 3.3"),
        parameters=Parameters(
            (
                IntegerRange(depth, 2, 5),
                *(IntegerRange(size, 1, 4) for size in _sizes),
                *(RealRange(w, Fraction("0.1"), Fraction(10)) for w in _values),
                IntegerRange(seed, 0, 10**6),
            )
        ),
        observables={
            defect: "relative distance of the layer gradients from block-constant matrices",
            _targets[0]: "reduced target of block 1",
            _targets[1]: "reduced target of block 2",
        },
        clauses=(
            Clause("invariance", "block-constant layers have block-constant gradients", sp.Le(defect, _TOLERANCE)),
            Clause(
                "targets",
                "the reduced problem is n x n with diagonal observations s_i w*_i",
                sp.And(*(sp.Eq(found, want) for found, want in zip(_targets, claimed, strict=True))),
            ),
            Clause("gradient", "the gradient of layer l is (W_L...W_{l+1})^T R (W_{l-1}...W_1)^T", None),
        ),
        checks=(
            Falsification(
                ("invariance", "targets"), _reduced, "full gradients, unequal blocks, random layers", digits=6
            ),
            Symbolic(("invariance", "targets"), lambda: [theory.reduction_derivation(target)]),
            Symbolic(
                ("invariance", "targets"),
                lambda: [
                    theory.reduction_at(sizes, layers, target)
                    for sizes in ((1, 2), (2, 3), (1, 1, 2))
                    for layers in (2, 3)
                    if len(sizes) == 2 or layers == 2
                ],
            ),
            Symbolic(("gradient",), lambda: [gradient_derivation()]),
            Symbolic(("gradient",), lambda: [gradient_by_differentiation(layers, 2) for layers in (2, 3)]),
        ),
        mutants=(Mutant("targets-unscaled", "targets w*_i in place of s_i w*_i", lambda: block_reduction(value)),),
    )


def _flow_moments(point: Point) -> Observation:
    """Eigenvalues of the layers and of their velocity at moments of the full matrix flow before it settles.

    Error estimate: the distance of the layers from one common block-constant matrix, which is 0 for exact flow.
    """
    family = family_at(point)
    flow = integrate(problem(family), initial_layers(family), relative_tolerance=1e-11)
    ones, other = _block_vectors(family)
    early = np.flatnonzero(flow.loss > 1e-3 * flow.loss[0])
    snapshots = []
    for index in early[:: max(1, len(early) // 6)]:
        layers = [layer[index] for layer in flow.layers]
        mean = sum(layers) / len(layers)
        gradients = factorization.gradient(flow.problem, layers)
        spread = max(float(np.abs(layer - mean).max()) for layer in layers)
        scale = float(np.abs(gradients[0]).max()) + float(np.abs(mean).max())
        error = 50 * spread * (1 + scale) + 1e-12 * scale
        product = factorization.end_to_end(layers)
        snapshots.append(
            {
                lambda_1: measured(ones @ mean @ ones, error),
                lambda_2: measured(other @ mean @ other, error),
                rate_1: measured(-(ones @ gradients[0] @ ones), error),
                rate_2: measured(-(other @ gradients[-1] @ other), error),
                observed: measured(float(product[flow.problem.mask].mean()), error),
                start_1: measured(ones @ flow.layers[0][0] @ ones, 1e-14),
                start_2: measured(other @ flow.layers[0][0] @ other, 1e-14),
                defect: measured(max(spread, float(np.abs(gradients[0] - gradients[-1]).max())) / scale, 1e-14),
            }
        )
    return Observation(snapshots, flow.reason, spectrum_series(family, flow))


def block_eigenvalue_flow(first_rate: sp.Expr = theory.rate_1, rest_rate: sp.Expr = theory.rate_2) -> Statement:
    """block-eigenvalue-flow, with the claimed rates of the two eigenvalues."""
    claims = {
        "observed": theory.observed_entry,
        "rate-1": first_rate,
        "rate-2": rest_rate,
        "start-1": theory.start_1,
        "start-2": theory.start_2,
    }
    general = ("observed", "rate-1", "rate-2", "start-1", "start-2", "equal-layers", "spectrum")
    return Statement(
        id="block-eigenvalue-flow",
        title="All layers stay equal, and their eigenvalues solve two scalar equations",
        source=shin_yun("setting of Theorem 3.3"),
        parameters=flow_domain((2, 5)),
        observables={
            lambda_1: "eigenvalue on the all-ones vector",
            lambda_2: "eigenvalue on block vectors of sum 0",
            rate_1: "d lambda_1/dt",
            rate_2: "d lambda_2/dt",
            observed: "observed entry of W(t)",
            start_1: "lambda_1 at t = 0",
            start_2: "lambda_2 at t = 0",
            defect: "relative difference between layers, and between their gradients",
        },
        clauses=(
            Clause("observed", "w = (lambda_1^L + (n-1) lambda_2^L)/d", sp.Eq(observed, theory.observed_entry)),
            Clause("rate-1", "d lambda_1/dt = s (w* - w) lambda_1^(L-1)", sp.Eq(rate_1, first_rate)),
            Clause("rate-2", "d lambda_2/dt = s (w* - w) lambda_2^(L-1)", sp.Eq(rate_2, rest_rate)),
            Clause("start-1", "lambda_1(0) = s alpha (1 + (n-1)/m)", sp.Eq(start_1, theory.start_1)),
            Clause("start-2", "lambda_2(0) = s alpha (1 - 1/m)", sp.Eq(start_2, theory.start_2)),
            Clause("equal-layers", "all layers stay equal", sp.Le(defect, sp.Rational(1, 10**6))),
            Clause("spectrum", "the singular values of W are lambda_1^L, lambda_2^L (n - 1 times) and 0", None),
        ),
        checks=(
            Trajectory(general[:-1], _flow_moments, "velocity of the full matrix flow", flow_domain((2, 5)), digits=4),
            Symbolic(general, lambda: [theory.flow_derivation(claims)]),
            Symbolic(
                ("observed", "rate-1", "rate-2", "equal-layers"),
                lambda: [theory.flow_at(n, s, layers, claims) for n, s, layers in _FLOW_SIZES],
            ),
        ),
        depends=("block-reduction",),
        mutants=(
            Mutant(
                "exponent-L",
                "exponent L in place of L - 1",
                lambda: block_eigenvalue_flow(first_rate * lambda_1, rest_rate * lambda_2),
            ),
            Mutant(
                "no-factor-s",
                "factor s dropped",
                lambda: block_eigenvalue_flow(first_rate / block_size, rest_rate / block_size),
            ),
        ),
    )


def _block_vectors(family: BlockFamily) -> tuple[np.ndarray, np.ndarray]:
    """Unit eigenvectors of the layers: all ones, and a block vector of sum 0."""
    size = family.block_size
    ones = np.ones(family.dimension) / np.sqrt(family.dimension)
    other = np.concatenate([np.ones(size), -np.ones(size), np.zeros((family.blocks - 2) * size)]) / np.sqrt(2 * size)
    return ones, other


def _invariant_moments(point: Point) -> Observation:
    """Eigenvalues along the flow; error estimate: number of steps times the integrator's tolerance."""
    tolerance = 1e-12
    family = family_at(point)
    flow = integrate(problem(family), initial_layers(family), relative_tolerance=tolerance)
    ones, other = _block_vectors(family)
    stride = max(1, len(flow.times) // 8)
    snapshots = []
    for layer in flow.layers[0][stride::stride]:
        drift = len(flow.times) * tolerance * float(ones @ layer @ ones)
        snapshots.append(
            {lambda_1: measured(ones @ layer @ ones, drift), lambda_2: measured(other @ layer @ other, drift)}
        )
    return Observation(snapshots, flow.reason)


def block_invariant(invariant: sp.Expr = theory.deep_invariant) -> Statement:
    """block-invariant, with the claimed invariant for L >= 3."""
    start = {lambda_1: theory.start_1, lambda_2: theory.start_2}

    def conserved(quantity: sp.Expr) -> sp.Basic:
        return sp.Eq(quantity, quantity.subs(start, simultaneous=True))

    return Statement(
        id="block-invariant",
        title="A power difference of the eigenvalues is conserved; their ratio at depth 2",
        source=shin_yun("Theorem 3.3"),
        parameters=flow_domain((2, 5)),
        observables={lambda_1: "eigenvalue on the all-ones vector", lambda_2: "eigenvalue on block vectors of sum 0"},
        clauses=(
            Clause(
                "deep",
                "L >= 3: lambda_2^(2-L) - lambda_1^(2-L) is constant",
                sp.Or(sp.Le(depth, 2), conserved(invariant)),
            ),
            Clause(
                "shallow",
                "L = 2: lambda_2/lambda_1 is constant",
                sp.Or(sp.Ge(depth, 3), conserved(theory.shallow_invariant)),
            ),
        ),
        checks=(
            Trajectory(
                ("deep", "shallow"), _invariant_moments, "drift along the full matrix flow", flow_domain((2, 5))
            ),
            Symbolic(("deep",), lambda: [theory.invariant_derivation(invariant, "deep")]),
            Symbolic(("shallow",), lambda: [theory.invariant_derivation(theory.shallow_invariant, "shallow", 2)]),
        ),
        depends=("block-eigenvalue-flow",),
        mutants=(
            Mutant(
                "exponent-one-minus-L",
                "exponent 1 - L in place of 2 - L",
                lambda: block_invariant(lambda_2 ** (1 - depth) - lambda_1 ** (1 - depth)),
            ),
        ),
    )


STATEMENTS = (block_reduction, block_eigenvalue_flow, block_invariant)
