"""Catalogue: the limit theorem of the block-diagonal family and its consequences."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import sympy as sp

from numerics.balls import ball
from numerics.block_diagonal import exact_layers, problem, reduced_family
from numerics.block_limit import limit
from numerics.block_ratio import limit_by_ratio
from numerics.certified_flow import MatrixBall
from theory import block_diagonal
from theory import block_limit as theory
from theory.symbols import (
    alpha,
    block_size,
    blocks,
    depth,
    gap,
    m,
    sigma_1,
    sigma_2,
    value,
    z,
)
from theory.symbols import total as sum_of_values
from verification.catalogue.families import (
    AGREEING_DIGITS,
    LIMIT_OBSERVABLES,
    PRECISE_FLOWS,
    PRECISE_METHOD,
    Z_OBSERVABLE,
    family_at,
    family_domain,
    flow_domain,
    observe_flow,
    observe_flow_limit,
    observe_precise_limit,
    precise_domain,
    sigma_n,
    unit_box,
)
from verification.catalogue.sources import shin_yun
from verification.checks import (
    Certificate,
    Enclosed,
    Enclosure,
    Evaluation,
    Falsification,
    Observation,
    Symbolic,
    Trajectory,
)
from verification.flow_enclosure import certified, enclosed_limits
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Statement

Values = Mapping[sp.Symbol, Any]


def _with_z(values: dict[sp.Symbol, Any], point: Point) -> dict[sp.Symbol, Any]:
    """Add z = sigma_1^((2-L)/L), which is lambda_1^(2-L) for whatever the claim says about q."""
    return values | {z: values[sigma_1] ** ball(Fraction(2 - point[depth], point[depth]))}


def _two_limits(point: Point, digits: int) -> Values:
    """z from the certified root of F; the singular values from the independent ratio coordinate."""
    family = family_at(point)
    other = limit_by_ratio(family, digits)
    newton = _with_z({sigma_1: limit(family, digits).first}, point)
    return {z: newton[z], sigma_1: other.first, sigma_2: other.rest, sigma_n: other.rest}


def _flow_with_z(point: Point, digits: int) -> Values:
    return _with_z(dict(observe_flow(point, digits)), point)


def _flow_limit_with_z(point: Point) -> Observation:
    seen = observe_flow_limit(point)
    return Observation([_with_z(dict(values), point) for values in seen.snapshots], seen.stopped, seen.series)


def _precise_limit_with_z(point: Point) -> Observation:
    seen = observe_precise_limit(point)
    return Observation([_with_z(dict(values), point) for values in seen.snapshots], seen.stopped)


def _enclosed_limit_with_z(point: Point, digits: int) -> Enclosed:
    """The n x n flow to which the blocks reduce: with s = 1 the flow itself, beyond that a kernel that is regular."""
    family = reduced_family(family_at(point))
    flow = certified(problem(family), exact_layers(family), digits)

    def spectrum(limit: MatrixBall) -> Values:
        first, *rest = limit.singular_values
        return _with_z({sigma_1: first, sigma_2: rest[0], sigma_n: rest[-1]}, point)

    return enclosed_limits([flow], spectrum)


def _precise(clauses: tuple[str, ...], observe: Callable[[Point], Observation], domain: Parameters) -> Trajectory:
    return Trajectory(clauses, observe, PRECISE_METHOD, domain, digits=AGREEING_DIGITS, most_flows=PRECISE_FLOWS)


_BRACKET_BOX = Parameters(
    (
        IntegerRange(depth, 3, 6),
        IntegerRange(blocks, 2, 5),
        IntegerRange(block_size, 1, 2),
        RealRange(value, Fraction("0.5"), Fraction(2)),
        RealRange(alpha, Fraction("0.01"), Fraction(1)),
        RealRange(m, Fraction("1.1"), math.inf),
    )
)
#: Units s w* = 1: the bracket of every n <= 20 and q >= 1 lies in [1/20, 1].
_UNIQUENESS_BOX = Parameters(
    (
        *unit_box((3, 8), RealRange(alpha, Fraction("1e-8"), Fraction(1))).ranges,
        RealRange(z, Fraction("0.05"), Fraction(1)),
    )
)
#: Blocks of size 2 too: there n w* and d w* differ.
_ENCLOSED_POINTS = Parameters(
    (
        IntegerRange(depth, 3, 4),
        IntegerRange(blocks, 2, 3),
        IntegerRange(block_size, 1, 2),
        RealRange(value, Fraction("0.75"), Fraction("0.75")),
        RealRange(alpha, Fraction("0.5"), Fraction("0.5")),
        RealRange(m, Fraction(2), Fraction(2)),
    )
)


def block_limit(
    total: sp.Expr = theory.observed_total,
    power: sp.Expr = theory.limit_exponent,
    drift: sp.Expr = theory.initial_gap,
) -> Statement:
    """block-limit, with the claimed total, exponent q and gap D of the limit equation."""
    claims = {"total": total, "gap": drift, "first": z**-power, "rest": (z + gap) ** -power}
    q = sp.Symbol("q", real=True)  # that of a false variant may be negative
    total_at, bracket = theory.limit_sum(power=q), sum_of_values ** (-1 / q)
    right = theory.limit_sum(blocks ** (1 / q), gap * sum_of_values ** (1 / q), q)
    return Statement(
        id="block-limit",
        title="The limit of the block-diagonal flow is the root of one scalar equation",
        source=shin_yun("Theorem 3.3"),
        parameters=family_domain(infinite_m=True),
        observables=LIMIT_OBSERVABLES | Z_OBSERVABLE,
        granted=("the eigenvalue flow and its invariant (proved in block-eigenvalue-flow, block-invariant)",),
        definitions={gap: drift, sum_of_values: total, q: power},
        clauses=(
            Clause("convergence", "the flow converges to zero loss from every start of the family", None),
            Clause(
                "root",
                "z solves F(z) = z^(-q) + (n-1) (z + D)^(-q) - d w* = 0",
                sp.Eq(total_at, sum_of_values),
            ),
            Clause(
                "spectrum",
                "sigma_1 = z^(-q), sigma_2 = ... = sigma_n = (z + D)^(-q)",
                sp.And(sp.Eq(sigma_1, z**-q), sp.Eq(sigma_2, (z + gap) ** -q), sp.Eq(sigma_n, (z + gap) ** -q)),
            ),
            Clause(
                "unique",
                "F is strictly decreasing and convex on z > 0, so the root is unique",
                sp.And(
                    sp.Lt(sp.diff(total_at, z), 0),
                    sp.Gt(sp.diff(total_at, z, 2), 0),
                ),
            ),
            Clause(
                "bracket",
                "the root lies in [(d w*)^(-1/q), (d w*/n)^(-1/q)]",
                sp.And(sp.Le(bracket, z), sp.Le(z, bracket * blocks ** (1 / q))),
            ),
            Clause("bracket-sign", "F <= 0 at the right end of the bracket", sp.Le(right, 1)),
        ),
        checks=(
            Evaluation(
                ("root", "spectrum"),
                _two_limits,
                "interval Newton on F against a sign change in log(sigma_2/sigma_1)",
            ),
            Evaluation(
                ("bracket",),
                _two_limits,
                "certified root between the ends",
                domain=family_domain(depths=(3, 8), scales=("1e-3", "1")),
            ),
            Certificate(("bracket-sign",), _BRACKET_BOX),
            Certificate(("unique",), _UNIQUENESS_BOX, part=_UNIQUENESS_BOX.restricted(IntegerRange(blocks, 2, 3))),
            Trajectory(("root", "spectrum"), _flow_limit_with_z, "limit of the full matrix flow", flow_domain()),
            _precise(("root", "spectrum"), _precise_limit_with_z, precise_domain((3, 4))),
            Falsification(
                ("root", "spectrum"),
                _flow_with_z,
                "full matrix flow",
                domain=flow_domain(infinite_m=True),
                digits=5,
                flows=True,
            ),
            Symbolic(
                ("convergence", "root", "spectrum", "unique", "bracket", "bracket-sign"),
                lambda: [
                    block_diagonal.convergence_derivation(),
                    theory.limit_equation_derivation(claims),
                    theory.uniqueness_derivation(),
                    theory.bracket_derivation(),
                ],
            ),
            Enclosure(
                ("root", "spectrum"),
                _enclosed_limit_with_z,
                "certified limit of the n x n flow (block-reduction)",
                _ENCLOSED_POINTS,
                part=_ENCLOSED_POINTS.restricted(IntegerRange(depth, 3, 3), IntegerRange(blocks, 2, 2)),
            ),
        ),
        depends=("block-reduction", "block-eigenvalue-flow", "block-invariant"),
        mutants=(
            Mutant("total-n", "total n w* in place of d w*", lambda: block_limit(total=blocks * value)),
            Mutant("inverse-q", "q = (L-2)/L in place of L/(L-2)", lambda: block_limit(power=(depth - 2) / depth)),
            Mutant(
                "exponent-negated",
                "-q in place of q: F increases",
                lambda: block_limit(power=-theory.limit_exponent),
            ),
            Mutant(
                "invariant-plus",
                "plus in place of minus in the invariant",
                lambda: block_limit(drift=theory.initial_gap + 2 * block_diagonal.start_1 ** (2 - depth)),
            ),
        ),
    )


def block_limit_depth2(ratio: sp.Expr = theory.depth_two_ratio) -> Statement:
    """block-limit-depth2, with the claimed ratio sigma_2/sigma_1."""
    first = theory.observed_total / (1 + (blocks - 1) * ratio)
    return Statement(
        id="block-limit-depth2",
        title="At depth 2 the limit's singular-value ratio does not depend on the initialisation scale",
        source=shin_yun("Theorem 3.3, L = 2"),
        parameters=flow_domain((2, 2), infinite_m=True),
        observables=LIMIT_OBSERVABLES,
        clauses=(
            Clause("ratio", "sigma_2/sigma_1 = ((m-1)/(m+n-1))^2 for every alpha", sp.Eq(sigma_2, ratio * sigma_1)),
            Clause("first", "sigma_1 = d w*/(1 + (n-1) sigma_2/sigma_1)", sp.Eq(sigma_1, first)),
        ),
        checks=(
            Trajectory(("ratio", "first"), observe_flow_limit, "limit of the full matrix flow", flow_domain((2, 2))),
            _precise(("ratio", "first"), observe_precise_limit, precise_domain((2, 2))),
            Falsification(
                ("ratio", "first"),
                observe_flow,
                "full matrix flow",
                digits=6,
                flows=True,
                domain=flow_domain((2, 2), infinite_m=True),
            ),
            Symbolic(("ratio", "first"), lambda: [theory.depth_two_derivation({"ratio": ratio, "first": first})]),
        ),
        granted=("convergence to zero loss (proved in block-limit)",),
        depends=("block-invariant", "block-limit"),
        mutants=(
            Mutant("not-squared", "ratio not squared", lambda: block_limit_depth2(block_diagonal.start_ratio)),
            Mutant("depends-on-alpha", "ratio times alpha", lambda: block_limit_depth2(ratio * alpha)),
        ),
    )


def block_decoupled(limit_value: sp.Expr = block_size * value) -> Statement:
    """block-decoupled, with the claimed common singular value."""
    ranges = tuple(one for one in flow_domain((2, 5)).ranges if one.symbol != m)

    def flow_at_infinite_m(point: Point) -> Observation:
        return observe_flow_limit(point | {m: float("inf")})

    def precise_flow_at_infinite_m(point: Point) -> Observation:
        return observe_precise_limit(point | {m: float("inf")})

    return Statement(
        id="block-decoupled",
        title="Diagonal starts decouple the blocks: all n singular values agree, at every depth and scale",
        source=shin_yun("Theorem 3.3, m = oo"),
        parameters=Parameters(ranges),
        observables=LIMIT_OBSERVABLES,
        clauses=(
            Clause("equal", "sigma_1 = ... = sigma_n", sp.Eq(sigma_1, sigma_n)),
            Clause("value", "sigma_1 = s w* for every L and alpha", sp.Eq(sigma_1, limit_value)),
        ),
        checks=(
            Trajectory(("equal", "value"), flow_at_infinite_m, "limit of the full matrix flow", Parameters(ranges)),
            _precise(
                ("equal", "value"),
                precise_flow_at_infinite_m,
                Parameters(tuple(one for one in precise_domain((2, 4)).ranges if one.symbol != m)),
            ),
            Falsification(
                ("equal", "value"),
                lambda point, digits: observe_flow(point | {m: float("inf")}, digits),
                "full matrix flow",
                digits=6,
                flows=True,
            ),
            Symbolic(("equal", "value"), lambda: [theory.decoupled_derivation(limit_value)]),
        ),
        granted=("convergence to zero loss (proved in block-limit)",),
        depends=("block-invariant", "block-limit"),
        mutants=(
            Mutant(
                "root-s-w", "sqrt(s w*), as in a third-party note", lambda: block_decoupled(sp.sqrt(block_size * value))
            ),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (block_limit, block_limit_depth2, block_decoupled)
