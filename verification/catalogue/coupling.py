"""Catalogue: which observed entries interact: the coupling kernel, depth 2, and depth at least 3."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from numerics import factorization
from numerics.block_diagonal import initial_layers
from numerics.coupling import (
    connectivity as components_of,
)
from numerics.coupling import (
    kernel_entry,
    kernel_matrix,
    kernel_rounding,
    layer_factors,
    linked_parts,
    relative_kernel,
)
from numerics.factorization import Layers, MatrixCompletion
from numerics.gradient_flow import StopReason, integrate
from theory import coupling as theory
from theory.block_diagonal import start_1, start_2
from theory.connectivity import columns, components, rows
from theory.symbols import alpha, block_size, blocks, depth, lambda_1, lambda_2, m, value
from verification.catalogue.families import family_at, measured
from verification.catalogue.networks import gaussian_at, network_domain, problem_at, seed, width
from verification.catalogue.sources import shin_yun
from verification.checks import Falsification, Observation, Symbolic, Trajectory
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Statement

Values = Mapping[sp.Symbol, Any]

_TOLERANCE = sp.Rational(1, 10**9)
_SIZES = [(2, 2, 2), (2, 3, 1), (2, 2, 2, 2), (1, 2, 2, 3), (2, 1, 2, 1, 2)]

kernel_defect, flow_defect = sp.symbols("kernel_defect flow_defect", nonnegative=True)


def _jacobian(layers: Layers, observed: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Derivatives of the observed entries in every layer entry: W is affine in each, so steps of 1 are exact."""
    base = factorization.end_to_end(layers)[observed]
    parts = []
    for index, layer in enumerate(layers):
        moved = layer + np.eye(layer.size).reshape(layer.size, *layer.shape)
        whole = np.broadcast_to(
            factorization.end_to_end([*layers[:index], moved, *layers[index + 1 :]]),
            (layer.size, len(layers[-1]), layers[0].shape[1]),
        )
        parts.append(whole[:, *observed] - base)
    return np.concatenate(parts).T


def _velocity_of_product(layers: Layers, velocities: Layers) -> np.ndarray:
    """dW/dt from dW_l/dt: the polynomial W(t) of degree L at L + 1 roots of unity, without the product rule."""
    points = len(layers) + 1
    units = np.exp(2j * np.pi * np.arange(points) / points)
    moved = [layer + units[:, None, None] * velocity[None] for layer, velocity in zip(layers, velocities, strict=True)]
    return np.asarray(np.tensordot(units.conj(), factorization.end_to_end(moved), axes=1).real / points)


def _kernel_defects(point: Point, share: theory.Summand) -> Values:
    """Relative distance of the claimed kernel from the inner products of gradients, and of -K r from dw/dt."""
    problem, layers = problem_at(point), gaussian_at(point)
    i, j = np.nonzero(problem.mask)
    observed = (i, j)
    first, second = (i[:, None], j[:, None]), (i[None, :], j[None, :])
    claimed = sum(share(after, before, first, second) for after, before in layer_factors(layers))
    jacobian = _jacobian(layers, observed)
    gram = jacobian @ jacobian.T
    velocities = [-gradient for gradient in factorization.gradient(problem, layers)]
    found = _velocity_of_product(layers, velocities)[observed]
    residual = (factorization.end_to_end(layers) - problem.targets)[observed]
    scale = 1 + float(np.linalg.norm(gram))
    moving = scale * (1 + float(np.linalg.norm(residual)))
    return {
        kernel_defect: measured(float(np.linalg.norm(claimed - gram)) / scale, 1e-12),
        flow_defect: measured(float(np.linalg.norm(found + claimed @ residual)) / moving, 1e-12),
    }


def _sum_of_factors(after: Any, before: Any, first: theory.Entry, second: theory.Entry) -> Any:
    (i, j), (p, q) = first, second
    return (after @ after.T)[i, p] + (before.T @ before)[j, q]


def _row_repeated(after: Any, before: Any, first: theory.Entry, second: theory.Entry) -> Any:
    (i, j), (_, q) = first, second
    return (after @ after.T)[i, i] * (before.T @ before)[j, q]


def coupling_kernel(share: theory.Summand = theory.summand) -> Statement:
    """coupling-kernel, with the claimed share of one layer."""
    both = ("kernel", "flow")
    return Statement(
        id="coupling-kernel",
        title="The kernel of two entries is a sum of products of Gram entries, and drives the observed entries",
        source=shin_yun("Definition 2"),
        parameters=network_domain((1, 5)),
        observables={
            kernel_defect: "relative distance of the formula from the inner products of differentiated entries",
            flow_defect: "relative distance of -K r from dw/dt under the flow",
        },
        clauses=(
            Clause(
                "kernel",
                "<grad w_ij, grad w_pq> = sum over l of (B_l B_l^T)_ip (A_l^T A_l)_jq, for any depth, widths and mask",
                sp.Le(kernel_defect, _TOLERANCE),
            ),
            Clause("flow", "dw/dt = -K r on the observed entries", sp.Le(flow_defect, _TOLERANCE)),
        ),
        checks=(
            Falsification(
                both, lambda point, _: _kernel_defects(point, share), "differences of W, random masks", digits=6
            ),
            Symbolic(both, lambda: [theory.kernel_formula_derivation(share)]),
            Symbolic(both, lambda: [theory.kernel_at(sizes, share) for sizes in _SIZES]),
        ),
        depends=("block-reduction",),
        mutants=(
            Mutant("sum-of-factors", "the two Gram entries added", lambda: coupling_kernel(_sum_of_factors)),
            Mutant("row-repeated", "(B B^T)_ii in place of (B B^T)_ip", lambda: coupling_kernel(_row_repeated)),
        ),
    )


same_row, same_column = theory.same_row, theory.same_column
found_kernel, cross = sp.Symbol("kernel", real=True), sp.Symbol("cross", nonnegative=True)
parts = sp.Symbol("parts", integer=True, positive=True)
_SIDE = 4
_lines = sp.symbols("i j p q", integer=True, nonnegative=True)


def _depth_two_pair(point: Point, _digits: int) -> Values:
    """The kernel of two entries from differences of W, the two Gram entries, and whether they share a row or column."""
    random = np.random.default_rng(point[seed])
    lower = random.standard_normal((point[width], _SIDE))
    upper = random.standard_normal((_SIDE, point[width]))
    i, j, p, q = (point[line] for line in _lines)
    slopes = _jacobian([lower, upper], (np.array([i, p]), np.array([j, q])))
    lengths = np.linalg.norm(slopes, axis=1)
    error = 1e-12 * (1 + float(lengths.max())) ** 2
    inner = float(slopes[0] @ slopes[1])
    # Slopes on disjoint sets of layer entries have no product that could round.
    overlap = bool((slopes[0] * slopes[1]).any())
    return {
        found_kernel: measured(inner, error if overlap else 0.0),
        cross: measured(abs(inner) / (1e-3 + float(lengths[0] * lengths[1])), 1e-10),
        theory.row_gram: measured((upper @ upper.T)[i, p], error),
        theory.column_gram: measured((lower.T @ lower)[j, q], error),
        same_row: int(i == p),
        same_column: int(j == q),
    }


def _count_of_parts(point: Point, different: Mapping[sp.Expr, sp.Expr]) -> Values:
    """Classes of the entries of a random mask that are not apart, and parts linked at Gaussian layers."""
    mask = problem_at(point).mask
    by_row = int(mask.any(axis=1).sum())
    return {
        components: len(components_of(mask).components) if same_column in different else by_row,
        parts: len(linked_parts(mask, gaussian_at(point))),
    }


def _restricted(point: Point, different: Mapping[sp.Expr, sp.Expr]) -> Observation:
    """One part of the observed entries at the end of the flow of all of them, and of the flow that observes only it.

    The part is a component of the mask, or the first row where entries are said to be apart when their rows differ.
    """
    random = np.random.default_rng(point[seed])
    mask = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=bool)
    targets = random.uniform(0.5, 2, (3, 3))
    layers = [random.standard_normal(shape) for shape in ((point[width], 3), (3, point[width]))]
    entries = components_of(mask).components[0] if same_column in different else ((0, 0), (0, 1))
    own = np.zeros_like(mask)
    own[tuple(np.array(entries).T)] = True
    moment = 1.0
    whole, alone = (
        integrate(
            MatrixCompletion(observed, targets),
            layers,
            relative_tolerance=1e-10,
            residual_tolerance=1e-12,
            max_time=moment,
        )
        for observed in (mask, own)
    )
    ends = [factorization.end_to_end(flow.final_layers)[own] for flow in (whole, alone)]
    reached = all(flow.reason in (StopReason.TIME, StopReason.CONVERGED) for flow in (whole, alone))
    distance = float(np.linalg.norm(ends[0] - ends[1])) / (1 + float(np.linalg.norm(ends[1])))
    return Observation([{cross: measured(distance, 1e-8)}], StopReason.CONVERGED if reached else whole.reason)


def depth2_coupling_is_connectivity(
    kernel: sp.Expr = theory.depth_two_kernel, different: Mapping[sp.Expr, sp.Expr] = theory.apart
) -> Statement:
    """depth2-coupling-is-connectivity, with the claimed kernel and what it means for entries to be apart."""
    pair = ("kernel", "apart")
    lines = tuple(IntegerRange(line, 0, _SIDE - 1) for line in _lines)
    small = IntegerRange(width, 1, 4)
    seeds = IntegerRange(seed, 0, 10**6)
    pairs = Parameters((*lines, small, seeds))
    shapes = network_domain((2, 2))
    together = Parameters((*lines, *shapes.ranges))
    return Statement(
        id="depth2-coupling-is-connectivity",
        title="At depth 2 entries interact along rows and columns only: coupling is connectivity",
        source=shin_yun("Proposition 3.2 (depth 2)"),
        parameters=together,
        observables={
            found_kernel: "inner product of the gradients of entries (i, j) and (p, q), from differences of W",
            cross: "relative size of what one side of a split does to the other",
            theory.row_gram: "Gram entry of rows i and p of W_2",
            theory.column_gram: "Gram entry of columns j and q of W_1",
            same_row: "1 when i = p, otherwise 0",
            same_column: "1 when j = q, otherwise 0",
            components: "classes of observed entries that are not apart: components of the mask",
            parts: "parts of the observed entries that the kernel links at Gaussian layers",
        },
        granted=("the kernel's formula (proved in coupling-kernel)",),
        clauses=(
            Clause("kernel", "K = delta_ip (W_1^T W_1)_jq + (W_2 W_2^T)_ip delta_jq", sp.Eq(found_kernel, kernel)),
            Clause(
                "apart",
                "K = 0 for all t when rows differ and columns differ, as they do across components",
                sp.Or(*(sp.Ne(delta, sp.Integer(0)) for delta in different), sp.Le(cross, _TOLERANCE)),
            ),
            Clause(
                "separate",
                "a component moves as if it alone were observed",
                sp.Le(cross, sp.Rational(1, 10**6)),
            ),
            Clause(
                "generic",
                "for almost all layers the finest decoupled parts are the components",
                sp.Eq(parts, components),
            ),
        ),
        checks=(
            Falsification(("kernel",), _depth_two_pair, "differences of W", pairs, digits=4),
            Falsification(("apart",), _depth_two_pair, "differences of W", pairs, digits=4),
            Falsification(
                ("generic",),
                lambda point, _: _count_of_parts(point, different),
                "kernel above rounding at Gaussian layers",
                shapes,
            ),
            Trajectory(
                ("separate",),
                lambda point: _restricted(point, different),
                "flow of all entries against flow of one part",
                Parameters((small, seeds)),
            ),
            Symbolic(
                ("kernel", "apart", "separate", "generic"), lambda: [theory.depth_two_derivation(kernel, different)]
            ),
            Symbolic(
                pair,
                lambda: [
                    theory.depth_two_at(height, inner, wide, kernel, different)
                    for height, inner, wide in ((2, 2, 2), (3, 2, 2), (2, 1, 3))
                ],
            ),
        ),
        depends=("coupling-kernel", "connectivity"),
        mutants=(
            Mutant(
                "deltas-swapped",
                "delta_jq with the columns of W_1, delta_ip with the rows of W_2",
                lambda: depth2_coupling_is_connectivity(
                    same_column * theory.column_gram + theory.row_gram * same_row, different
                ),
            ),
            Mutant(
                "rows-suffice",
                "apart when rows differ, whatever the columns",
                lambda: depth2_coupling_is_connectivity(kernel, {same_row: sp.Integer(0)}),
            ),
        ),
    )


margin, off = sp.symbols("margin off", nonnegative=True)


def _block_kernel(point: Point, _digits: int) -> Values:
    """The kernel between the first entries of two blocks, from the matrices of the family in float64."""
    family = family_at(point | {value: Fraction(1)})
    layers = initial_layers(family)
    mask = np.zeros((family.dimension, family.dimension), dtype=bool)
    mask[0, 0] = mask[family.block_size, family.block_size] = True
    return {
        found_kernel: measured(
            kernel_entry(layers, (0, 0), (family.block_size, family.block_size)), kernel_rounding(mask, layers)[0, 1]
        )
    }


def _random_margin(point: Point, _digits: int) -> Values:
    """The smallest kernel between two diagonal entries, in units of its rounding bound; 0 where both vanish."""
    layers = gaussian_at(point | {columns: point[rows]})
    mask = np.eye(point[rows], dtype=bool)
    different = ~mask
    kernels, bounds = np.abs(kernel_matrix(mask, layers))[different], kernel_rounding(mask, layers)[different]
    ratios = np.divide(kernels, bounds, out=np.zeros_like(kernels), where=bounds > 0)
    return {margin: measured(ratios.min(), 0)}


def _diagonal_moments(point: Point, full: sp.Expr) -> Observation:
    """Relative kernels across, and off-diagonal layer entries, along the flow from diagonal layers."""
    random = np.random.default_rng(point[seed])
    size = point[rows]
    layers = [np.diag(random.uniform(0.3, 1, size)) for _ in range(point[depth])]
    layers[0] += float(full) * 0.3 * random.uniform(0.5, 1, (size, size)) * ~np.eye(size, dtype=bool)
    problem = MatrixCompletion(np.eye(size), np.diag(random.uniform(0.5, 2, size)))
    flow = integrate(problem, layers, residual_tolerance=1e-6, relative_tolerance=1e-9, max_steps=2_000)
    worst = 0.0
    different = ~np.eye(size, dtype=bool)
    for index in range(0, len(flow.times), max(1, len(flow.times) // 8)):
        here = [layer[index] for layer in flow.layers]
        relative = relative_kernel(kernel_matrix(problem.mask, here))
        worst = max(worst, float(np.abs(relative[different]).max()), *(np.abs(one[different]).max() for one in here))
    return Observation([{off: measured(worst, 0)}], flow.reason)


def depth3_couples_unless_diagonal(
    kernel: sp.Expr = theory.block_kernel, least_depth: int = 3, full: sp.Expr = theory.no_full_part
) -> Statement:
    """depth3-couples-unless-diagonal: the kernel of the family, the least depth, and the off-diagonal part of W_1."""
    start = {lambda_1: start_1, lambda_2: start_2}
    ranges = (
        IntegerRange(depth, least_depth, 6),
        IntegerRange(blocks, 2, 4),
        IntegerRange(block_size, 1, 3),
        RealRange(alpha, Fraction("0.01"), Fraction(2)),
        RealRange(m, Fraction(1), Fraction(1000)),
    )
    drawn = (IntegerRange(rows, 2, 5), IntegerRange(width, 1, 5), IntegerRange(seed, 0, 10**6))
    return Statement(
        id="depth3-couples-unless-diagonal",
        title="From depth 3 on diagonal observations are coupled, unless every layer starts diagonal",
        source=shin_yun("Proposition 3.2"),
        parameters=Parameters((*ranges, *drawn)),
        observables={
            found_kernel: "kernel at t = 0 between diagonal entries of two blocks of the family",
            margin: "smallest kernel between two diagonal entries, in units of its rounding bound",
            off: "largest relative kernel between diagonal entries, and off-diagonal layer entry, along the flow",
        },
        granted=("the kernel's formula (proved in coupling-kernel)",),
        clauses=(
            Clause(
                "formula",
                "kernel of the block family: ((L-2)(a^(L-1) + b^(L-1)) - 2 a b (a^(L-2) - b^(L-2))/(a-b))/d^2 with "
                "a = lambda_1^2, b = lambda_2^2",
                sp.Eq(found_kernel, kernel.subs(start)),
            ),
            Clause(
                "coupled",
                f"it is positive for L >= {least_depth} and 1 <= m < oo",
                sp.Gt(found_kernel, 0),
            ),
            Clause(
                "random",
                f"L >= {least_depth}: layers with a density couple every two diagonal entries with probability 1",
                sp.Gt(margin, 1),
            ),
            Clause(
                "diagonal",
                "layers that start diagonal stay diagonal, and the kernel across is zero for all t",
                sp.Le(off, _TOLERANCE),
            ),
        ),
        checks=(
            Falsification(
                ("formula", "coupled"), _block_kernel, "matrices of the family", Parameters(ranges), digits=6
            ),
            Falsification(
                ("random",), _random_margin, "Gaussian layers, any hidden width", Parameters((ranges[0], *drawn))
            ),
            Trajectory(
                ("diagonal",),
                lambda point: _diagonal_moments(point, full),
                "flow from random diagonal layers",
                Parameters((IntegerRange(depth, 3, 5), IntegerRange(rows, 2, 4), drawn[-1])),
            ),
            Symbolic(("coupled", "random"), lambda: [theory.coupled_derivation(least_depth)]),
            Symbolic(("formula",), lambda: [theory.block_kernel_derivation(kernel)]),
            Symbolic(
                ("formula",),
                lambda: [
                    theory.block_kernel_at(n, s, layers, kernel)
                    for n, s, layers in ((2, 1, 3), (2, 1, 4), (3, 1, 3), (2, 2, 3), (2, 1, 5))
                ],
            ),
            Symbolic(("diagonal",), lambda: [theory.diagonal_derivation(full)]),
            Symbolic(
                ("diagonal",), lambda: [theory.diagonal_at(d, layers, full) for d, layers in ((2, 3), (3, 3), (2, 4))]
            ),
        ),
        depends=("coupling-kernel",),
        mutants=(
            Mutant(
                "from-depth-2",
                "L = 2 couples as well",
                lambda: depth3_couples_unless_diagonal(kernel, 2, full),
            ),
            Mutant(
                "end-layers-counted",
                "L summands in place of L - 2",
                lambda: depth3_couples_unless_diagonal(
                    kernel
                    + 2 * (lambda_1 ** (2 * depth - 2) + lambda_2 ** (2 * depth - 2)) / (blocks * block_size) ** 2,
                    least_depth,
                    full,
                ),
            ),
            Mutant(
                "first-layer-full",
                "only W_2, ..., W_L start diagonal",
                lambda: depth3_couples_unless_diagonal(kernel, least_depth, sp.Integer(1)),
            ),
        ),
    )


STATEMENTS = (coupling_kernel, depth2_coupling_is_connectivity, depth3_couples_unless_diagonal)
