"""Catalogue: the first column of a 2 x 2 matrix observed at depth 2, and the order of the limit's sigma_2."""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from flint import arb_mat

from numerics.balls import ball
from numerics.certified_flow import MatrixBall
from numerics.certified_flow.singular_values import singular_values
from numerics.factorization import MatrixCompletion
from numerics.first_column import conserved_matrix, fitted_order, small_scale_coefficient
from numerics.gradient_flow import flow_limit, integrate
from numerics.masks import mask
from theory import first_column as theory
from theory.symbols import alpha, sigma_2
from verification.catalogue.families import measured
from verification.catalogue.sources import shin_yun
from verification.checks import Enclosed, Enclosure, Observation, Symbolic, Trajectory
from verification.evidence import Series
from verification.flow_enclosure import certified, enclosed_limits
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Statement

_LADDER = tuple(10 ** (-1.5 - step / 4) for step in range(5))
_CERTAINTY = 3.0  # standard errors on either side of a fitted slope
_ORDER = sp.Integer(2)
_ENTRIES = ((0, 0), (0, 1), (1, 1))

seed = sp.Symbol("seed", integer=True, nonnegative=True)
targets = sp.symbols("w*_11 w*_21", positive=True)
slope = sp.Symbol("slope", real=True)
second_column = sp.Symbol("|w_2|", nonnegative=True)
_states = (*theory.second, *theory.first_column, *theory.other_column)
_starts = {state: sp.Symbol(f"{state}(0)", real=True) for state in _states}


def _problem(point: Point) -> MatrixCompletion:
    entries = np.full((2, 2), Fraction(0), dtype=object)
    entries[:, 0] = [Fraction(point[target]) for target in targets]
    return MatrixCompletion(mask("first-column", 2, 2), entries)


def _directions(point: Point) -> list[np.ndarray]:
    """W_1 and W_2 at scale 1: independent standard normal entries."""
    random = np.random.default_rng(point[seed])
    return [random.standard_normal((2, 2)) for _ in range(2)]


def _moments(point: Point) -> Observation:
    """The layers' entries along the flow; error estimate: number of steps times the integrator's tolerance."""
    tolerance = 1e-12
    start = [float(point[alpha]) * layer for layer in _directions(point)]
    flow = integrate(_problem(point), start, relative_tolerance=tolerance)
    stride = max(1, len(flow.times) // 8)
    snapshots = []
    for first, second in zip(*(layer[stride::stride] for layer in flow.layers), strict=True):
        error = len(flow.times) * tolerance * max(float(np.abs(first).max()), float(np.abs(second).max()))
        now = [*second.ravel(), *first[:, 0], *first[:, 1]]
        before = [*start[1].ravel(), *start[0][:, 0], *start[0][:, 1]]
        snapshots.append(
            {state: measured(value, error) for state, value in zip(_states, now, strict=True)}
            | {state: measured(value, 0) for state, value in zip(_starts.values(), before, strict=True)}
        )
    return Observation(snapshots, flow.reason)


def _sizes(layers: list[np.ndarray]) -> dict[sp.Symbol, Any]:
    """c and beta of the start at scale 1."""
    first, second = layers
    return {
        theory.invariant_norm: measured(float(np.linalg.norm(conserved_matrix(first, second), 2)), 1e-13),
        theory.column_norm: measured(float(np.linalg.norm(first[:, 1])), 1e-14),
    }


def _limit(point: Point) -> Observation:
    """sigma_2 and the second column's norm at the limit, and the sizes that their bounds are made of."""
    layers = _directions(point)
    limit = flow_limit(_problem(point), [float(point[alpha]) * layer for layer in layers])
    found = {
        sigma_2: measured(limit.singular_values[1], limit.error),
        second_column: measured(float(np.linalg.norm(limit.matrix[:, 1])), limit.error),
    }
    return Observation([found | _sizes(layers)], limit.flow.reason)


def _enclosed_limit(point: Point, digits: int) -> Enclosed:
    """The same of the certified flow; the directions are the binary numbers that were drawn, the layers exact."""
    first, second = (np.vectorize(Fraction, otypes=[object])(layer) for layer in _directions(point))
    flow = certified(_problem(point), [Fraction(point[alpha]) * layer for layer in (first, second)], digits)

    def values(limit: MatrixBall) -> Mapping[sp.Symbol, Any]:
        conserved = arb_mat([[ball(entry) for entry in row] for row in conserved_matrix(first, second)])
        return {
            sigma_2: limit.singular_values[1],
            second_column: _length(limit.entries[i, 1] for i in range(2)),
            theory.invariant_norm: singular_values(conserved)[0],
            theory.column_norm: _length(first[:, 1]),
        }

    return enclosed_limits([flow], values)


def _length(vector: Iterable[Any]) -> Any:
    return ball(sum(entry * entry for entry in vector)).nonnegative_part().sqrt()


def _order(point: Point) -> Observation:
    """The slope of log sigma_2 against log alpha; radius: three standard errors, and what the flows' errors move."""
    layers, problem = _directions(point), _problem(point)
    limits = [flow_limit(problem, [scale * layer for layer in layers]) for scale in _LADDER]
    values = [float(limit.singular_values[1]) for limit in limits]
    fit = fitted_order(_LADDER, values, [limit.error for limit in limits])
    law = small_scale_coefficient(layers[0], layers[1], problem.targets[:, 0])
    logarithms = tuple(np.log10(_LADDER))
    series = Series(
        title=f"start {point[seed]}: slope {fit.slope:.6f}, standard error {fit.standard_error:.1e}",
        axis="log10 alpha",
        quantity="sigma_2(W(oo))",
        measured={"sigma_2": (logarithms, tuple(values))},
        predicted={"sigma_2": (logarithms, tuple(law * scale**2 for scale in _LADDER))},
    )
    worst = next((limit.flow.reason for limit in limits if not limit.flow.converged), limits[0].flow.reason)
    return Observation([{slope: measured(fit.slope, _CERTAINTY * fit.standard_error)}], worst, series)


def first_column_limit(
    matrix: sp.Matrix = theory.conserved_matrix,
    determinant: sp.Expr = theory.conserved_determinant,
    bound: sp.Expr = theory.first_column_bound,
    order: sp.Expr = _ORDER,
) -> Statement:
    """first-column-limit, with the claimed conserved matrix, det(A)^2, bound on sigma_2, and its order in alpha."""
    length = sp.sqrt(targets[0] ** 2 + targets[1] ** 2)
    at_start = {theory.constant[i, j]: matrix[i, j].subs(_starts) for i, j in _ENTRIES}
    domain = Parameters(
        (
            RealRange(alpha, Fraction("0.01"), Fraction(1)),
            *(RealRange(target, Fraction("0.2"), Fraction(3)) for target in targets),
            IntegerRange(seed, 0, 10**6),
        )
    )
    large = domain.restricted(RealRange(alpha, Fraction("0.2"), Fraction(1)))
    listed = Parameters(
        (
            RealRange(alpha, Fraction("0.1"), Fraction("0.1")),
            *(RealRange(target, Fraction(1, rank), Fraction(1, rank)) for rank, target in enumerate(targets, 1)),
            IntegerRange(seed, 1, 12),
        )
    )
    ladder = Parameters(
        (
            *(RealRange(target, Fraction(1, rank), Fraction(1, rank)) for rank, target in enumerate(targets, 1)),
            IntegerRange(seed, 1, 4),
        )
    )
    return Statement(
        id="first-column-limit",
        title="With the first column of a 2 x 2 matrix observed, depth 2 tends to rank 1 like alpha^2",
        source=shin_yun("setting of Theorem 3.1"),
        parameters=domain,
        observables={
            **dict.fromkeys(_states, "entry of the layers A = W_2 and B = W_1 at time t"),
            **dict.fromkeys(_starts.values(), "the same at t = 0"),
            sigma_2: "second singular value of W(oo)",
            second_column: "norm of the second column of W(oo)",
            theory.invariant_norm: "|C|_2/alpha^2, C = A^T A - b_1 b_1^T",
            theory.column_norm: "|b_2|/alpha",
            slope: f"slope of log sigma_2 against log alpha, {len(_LADDER)} scales from {_LADDER[0]:.4f} down to "
            f"{_LADDER[-1]:.5f}; ball of {_CERTAINTY:g} standard errors",
        },
        definitions={theory.target_norm: length},
        clauses=(
            Clause(
                "b2",
                "the second column b_2 of W_1 never moves",
                sp.And(*(sp.Eq(state, _starts[state]) for state in theory.other_column)),
            ),
            Clause(
                "matrix",
                "C = A^T A - b_1 b_1^T is conserved",
                sp.And(*(sp.Eq(matrix[i, j], matrix[i, j].subs(_starts)) for i, j in _ENTRIES)),
            ),
            Clause(
                "determinant",
                "det(A)^2 = det C + b_1^T adj(C) b_1 for all t, with C as it was at t = 0",
                sp.Eq(theory.second.det() ** 2, determinant.subs(at_start)),
            ),
            Clause("convergence", "if det C is not 0, the flow converges to zero loss", None),
            Clause(
                "bound",
                "at zero loss sigma_2 <= alpha^2 beta sqrt(c (1 + alpha^2 c/|w*|) (1 + 2 alpha^2 c/|w*|)), for every "
                "alpha; c = |C|_2/alpha^2 and beta = |b_2|/alpha are the start's, at scale 1",
                sp.Le(sigma_2, bound),
            ),
            Clause(
                "unobserved",
                "the second column of W(oo) is at most alpha beta sqrt(|w*| + 2 alpha^2 c): W(oo) tends to "
                "[[w_11*, 0], [w_21*, 0]], of rank 1",
                sp.Le(second_column, theory.unobserved_bound),
            ),
            Clause(
                "order",
                f"sigma_2(W(oo)) = O(alpha^{order}) as alpha -> 0; that it is no smaller is measured, not proved: the "
                f"slope of log sigma_2 against log alpha is within 1/50 of {order}",
                sp.Le(sp.Abs(slope - order), sp.Rational(1, 50)),
                asymptotic=True,
            ),
        ),
        checks=(
            Trajectory(("b2", "matrix", "determinant"), _moments, "entries of the layers along the flow", large),
            Trajectory(("bound", "unobserved"), _limit, "limit of the full matrix flow", domain),
            Trajectory(("order",), _order, "power law fitted to limits of the flow, random directions", ladder),
            Symbolic(("b2", "matrix", "determinant"), lambda: [theory.first_column_conserved(matrix, determinant)]),
            Symbolic(
                ("convergence", "bound", "unobserved", "order"),
                lambda: [theory.first_column_limit_derivation(bound, order)],
            ),
            Enclosure(
                ("bound", "unobserved"),
                _enclosed_limit,
                "certified limit of the matrix flow",
                listed,
                part=listed.restricted(IntegerRange(seed, 1, 2)),
                digits=10,
            ),
        ),
        mutants=(
            Mutant(
                "matrix-plus",
                "A^T A + b_1 b_1^T conserved",
                lambda: first_column_limit(matrix + 2 * theory.first_column * theory.first_column.T),
            ),
            Mutant(
                "determinant-minus",
                "det C - b_1^T adj(C) b_1 in place of the sum",
                lambda: first_column_limit(determinant=2 * theory.constant.det() - determinant),
            ),
            Mutant("bound-cubic", "the bound times alpha", lambda: first_column_limit(bound=bound * alpha)),
            Mutant("order-1", "order alpha in place of alpha^2", lambda: first_column_limit(order=sp.Integer(1))),
            Mutant("order-3", "order alpha^3", lambda: first_column_limit(order=sp.Integer(3))),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (first_column_limit,)
