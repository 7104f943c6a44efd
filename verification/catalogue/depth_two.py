"""Catalogue: diagonal observations at depth 2: the limit from any start."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from flint import arb

from numerics.balls import ball
from numerics.certified_flow import MatrixBall
from numerics.depth_two import diagonal_clocks, diagonal_limit_by_clock
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import flow_limit, integrate
from theory import depth_two as theory
from theory.symbols import alpha, blocks, tau, time
from verification.catalogue.families import measured
from verification.catalogue.sources import shin_yun
from verification.checks import Enclosed, Enclosure, Evaluation, Observation, Symbolic, Trajectory
from verification.flow_enclosure import certified, enclosed_limits
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]

_ROUNDING = 1e-12

width = sp.Symbol("k", integer=True, positive=True)
seed = sp.Symbol("seed", integer=True, nonnegative=True)
signs = sp.symbols("e_1 e_2", integer=True, nonnegative=True)
sizes = sp.symbols("v_1 v_2", positive=True)
sum_squares = sp.symbols("p_1.p_1 p_2.p_2", positive=True)
difference_squares = sp.symbols("q_1.q_1 q_2.q_2", positive=True)
unobserved = sp.Symbol("W_12", real=True)
reached = sp.Symbol("y", positive=True)
grown, decayed = sp.symbols("g h", positive=True)
stray = sp.Symbol("stray", nonnegative=True)
entry_now = sp.Symbol("w_11", real=True)
residual_now, residual_start = sp.symbols("r_1 r_1(0)", real=True)


class DiagonalStart(NamedTuple):
    """An exact start: W_1 (k x n), W_2 (n x k), the targets (n), and p_i, q_i as rows."""

    first: np.ndarray
    second: np.ndarray
    targets: list[Fraction]

    @property
    def sums(self) -> np.ndarray:
        """p_i as rows."""
        return self.second + self.first.T

    @property
    def differences(self) -> np.ndarray:
        """q_i as rows."""
        return self.second - self.first.T

    @property
    def layers(self) -> list[np.ndarray]:
        """W_1, W_2 in float64."""
        return [self.first.astype(float), self.second.astype(float)]

    @property
    def problem(self) -> MatrixCompletion:
        """The diagonal observed, its targets exact."""
        return MatrixCompletion(np.eye(len(self.targets)), np.diag(np.array(self.targets, dtype=object)))


def start_at(point: Point) -> DiagonalStart:
    """Random directions at scale alpha; the first two targets from the point, the others random between 1/2 and 2.

    Entries of W_2 are even and those of W_1 odd multiples of alpha/50, so that no p_i or q_i is zero.
    """
    random = np.random.default_rng(point[seed])
    n, k = point[blocks], point[width]
    unit = Fraction(point[alpha]) / 50
    second = 2 * random.integers(-40, 41, (n, k)).astype(object) * unit
    first = (2 * random.integers(-40, 40, (k, n)).astype(object) + 1) * unit
    given = [(1 - 2 * point.get(sign, 0)) * Fraction(point[size]) for sign, size in zip(signs, sizes, strict=True)]
    return DiagonalStart(
        first, second, given + [Fraction(int(drawn), 100) for drawn in random.integers(50, 201, n - 2)]
    )


def inner_products(start: DiagonalStart) -> dict[sp.Symbol, Any]:
    """The exact inner products of the starting vectors p_1, p_2, q_1, q_2."""
    vectors = (start.sums, start.differences)
    found: dict[sp.Symbol, Any] = {}
    for symbols, part in zip((sum_squares, difference_squares), vectors, strict=True):
        found |= {symbol: row @ row for symbol, row in zip(symbols, part, strict=False)}
    for row, left in zip(theory.dots, vectors, strict=True):
        found |= {symbol: left[0] @ right[1] for symbol, right in zip(row, vectors, strict=True)}
    return found


def diagonal_domain(scales: tuple[str, str], widths: int = 4, most: int = 4) -> Parameters:
    """n, the width k, the scale, the first two targets (sign and size), and the seed."""
    return Parameters(
        (
            IntegerRange(blocks, 2, most),
            IntegerRange(width, 1, widths),
            RealRange(alpha, Fraction(scales[0]), Fraction(scales[1])),
            *(IntegerRange(sign, 0, 1) for sign in signs),
            *(RealRange(size, Fraction("0.2"), Fraction(5)) for size in sizes),
            IntegerRange(seed, 0, 10**6),
        )
    )


def _by_clock(point: Point, digits: int) -> Values:
    """W_12 and e^(2 tau_1) from certified clocks and hyperbolic turns."""
    start = start_at(point)
    clocks = diagonal_clocks(start.first, start.second, start.targets, digits)
    limit = diagonal_limit_by_clock(start.first, start.second, start.targets, digits)
    return inner_products(start) | {unobserved: limit[0, 1], reached: (2 * clocks[0]).exp()}


def _limit_of_flow(point: Point) -> Observation:
    """W_12 at the limit of the full matrix flow, and e^(2 tau_1) from the growth of p_1 up to its end."""
    start = start_at(point)
    limit = flow_limit(start.problem, start.layers)
    first, second = limit.flow.final_layers
    p, squares = start.sums[0].astype(float), float(np.sum(second[0] ** 2) + np.sum(first[:, 0] ** 2))
    growth = float((second[0] + first[:, 0]) @ p / (p @ p)) ** 2
    missing = abs(float(second[0] @ first[:, 0]) - float(start.targets[0]))
    # The clock still has residual/(|a|^2 + |b|^2) to go.
    error = growth * (4 * missing / squares + 1e-8)
    values = {unobserved: measured(limit.matrix[0, 1], limit.error), reached: measured(growth, error)}
    return Observation([inner_products(start) | values], limit.flow.reason)


def _enclosed_limit(point: Point, digits: int) -> Enclosed:
    """W_12(oo) of the certified flow from the exact start."""
    start = start_at(point)
    flow = certified(start.problem, [start.first, start.second], digits)
    return enclosed_limits([flow], lambda limit: inner_products(start) | {unobserved: limit.entries[0, 1]})


def _enclosed_moment(point: Point, digits: int) -> Enclosed:
    """p_1, q_1 and w_11 at one moment of the certified flow from the exact start."""
    start = start_at(point)
    flow = certified(start.problem, [start.first, start.second], digits)
    moment = Fraction(1, 5)

    def values(_limit: MatrixBall) -> Values:
        layers, radius = flow.layers_at(moment)
        spread = arb(0, radius.upper())
        row, column = layers[1][0] + spread, layers[0][:, 0] + spread
        p, q = (np.array([ball(entry) for entry in vectors[0]]) for vectors in (start.sums, start.differences))
        growth, decay = (row + column) @ p / (p @ p), (row - column) @ q / (q @ q)
        off = _length(row + column - growth * p) + _length(row - column - decay * q)
        entry, target = flow.product_at(moment).entries[0, 0], ball(start.targets[0])
        return _pair_squares(start) | {
            grown: growth,
            decayed: decay,
            stray: off / (_length(row) + _length(column)),
            entry_now: entry,
            residual_now: entry - target,
            residual_start: start.second[0] @ start.first[:, 0] - start.targets[0],
            time: moment,
        }

    return enclosed_limits([flow], values)


def _length(vector: np.ndarray) -> Any:
    return (vector @ vector).nonnegative_part().sqrt()


def _moments(point: Point) -> Observation:
    """p_1, q_1 and w_11 along the flow, while the residual is above 1e-4 of its start.

    Error estimate: number of steps times the integrator's tolerance.
    """
    tolerance = 1e-11
    start = start_at(point)
    flow = integrate(start.problem, start.layers, relative_tolerance=tolerance)
    p, q, target = start.sums[0].astype(float), start.differences[0].astype(float), float(start.targets[0])
    squares = _pair_squares(start)
    observed = np.einsum("tk,tk->t", flow.layers[1][:, 0, :], flow.layers[0][:, :, 0])
    residuals = observed - target
    early = np.flatnonzero(np.abs(residuals) > 1e-4 * abs(residuals[0]))[1:]
    snapshots = []
    for index in early[:: max(1, len(early) // 6)]:
        row, column = flow.layers[1][index, 0], flow.layers[0][index, :, 0]
        growth, decay = float((row + column) @ p / (p @ p)), float((row - column) @ q / (q @ q))
        size = float(np.linalg.norm(row) + np.linalg.norm(column))
        off = float(np.linalg.norm(row + column - growth * p) + np.linalg.norm(row - column - decay * q)) / size
        error = len(flow.times) * tolerance * size
        spread = error * size
        snapshots.append(
            squares
            | {
                grown: measured(growth, error / float(np.linalg.norm(p))),
                decayed: measured(decay, error / float(np.linalg.norm(q))),
                stray: measured(off, _ROUNDING),
                entry_now: measured(observed[index], spread),
                residual_now: measured(residuals[index], spread),
                residual_start: measured(residuals[0], _ROUNDING),
                time: measured(flow.times[index], 0),
            }
        )
    return Observation(snapshots, flow.reason)


def _pair_squares(start: DiagonalStart) -> dict[sp.Symbol, Any]:
    """|a_1|^2, |b_1|^2 and a_1.b_1 of the start, and the inner products of the p_i and q_i; exact."""
    row, column = start.second[0], start.first[:, 0]
    found = {theory.row_square: row @ row, theory.column_square: column @ column, theory.row_column: row @ column}
    return found | inner_products(start)


def depth2_diagonal_limit(
    root: sp.Expr = theory.diagonal_root,
    entry: sp.Expr = theory.diagonal_entry,
    limit: sp.Expr = theory.unobserved_entry,
) -> Statement:
    """depth2-diagonal-limit, with the claimed root e^(2 tau), entry at clock tau, and unobserved entry W_12(oo)."""

    def root_of(pair: int) -> sp.Expr:
        values = {
            theory.target: (1 - 2 * signs[pair]) * sizes[pair],
            theory.sum_square: sum_squares[pair],
            theory.difference_square: difference_squares[pair],
        }
        return root.subs(values, simultaneous=True)

    moving = ("rows", "entry", "convergence")
    flows = diagonal_domain(("0.1", "2"), widths=3, most=3)
    listed = Parameters(
        (
            IntegerRange(blocks, 2, 3),
            IntegerRange(width, 2, 3),
            RealRange(alpha, Fraction("0.5"), Fraction("0.5")),
            *(IntegerRange(sign, 0, 1) for sign in signs),
            *(RealRange(size, Fraction(rank), Fraction(rank)) for rank, size in enumerate(sizes, 1)),
            IntegerRange(seed, 1, 2),
        )
    )
    few = (
        IntegerRange(blocks, 2, 2),
        IntegerRange(width, 2, 2),
        IntegerRange(signs[0], 0, 0),
        IntegerRange(seed, 1, 1),
    )
    rate = sp.sqrt(sum_squares[0] * difference_squares[0])
    return Statement(
        id="depth2-diagonal-limit",
        title="At depth 2 with diagonal observations the limit is explicit, from any start",
        source=shin_yun("pre-trained state of Section 4, from any start", Provenance.NEW),
        parameters=diagonal_domain(("1e-6", "10")),
        observables={
            unobserved: "W_12(oo)",
            reached: "e^(2 tau_1) at the limit",
            grown: "p_1(t).p_1/|p_1|^2",
            decayed: "q_1(t).q_1/|q_1|^2",
            stray: "relative distance of p_1(t), q_1(t) from the lines of p_1, q_1",
            entry_now: "observed entry w_11(t)",
            residual_now: "w_11(t) - w_1*",
            residual_start: "w_11(0) - w_1*",
            time: "time",
            theory.row_square: "|a_1(0)|^2",
            theory.column_square: "|b_1(0)|^2",
            theory.row_column: "a_1(0).b_1(0)",
            **dict.fromkeys(
                (*sum_squares, *difference_squares), "squared length, p_i = a_i(0) + b_i(0), q_i = a_i(0) - b_i(0)"
            ),
            **dict.fromkeys((*theory.dots[0], *theory.dots[1]), "inner product of starting vectors"),
        },
        definitions={theory.growth_1: root_of(0), theory.growth_2: root_of(1), tau: sp.log(grown)},
        clauses=(
            Clause(
                "rows",
                "p_i(t) = e^tau_i p_i and q_i(t) = e^-tau_i q_i with one clock tau_i for each pair: a_i(t) = "
                "a_i cosh tau_i + b_i sinh tau_i, b_i(t) = a_i sinh tau_i + b_i cosh tau_i",
                sp.And(sp.Eq(grown * decayed, 1), sp.Le(stray, sp.Rational(1, 10**8))),
            ),
            Clause(
                "entry", "w_ii = 1/2 sinh(2 tau_i) (|a_i|^2 + |b_i|^2) + cosh(2 tau_i) a_i.b_i", sp.Eq(entry_now, entry)
            ),
            Clause(
                "root",
                "at the limit e^(2 tau_i) = (2 w_i* + sqrt(4 w_i*^2 + |p_i|^2 |q_i|^2))/|p_i|^2, the only solution of "
                "w_ii = w_i*; p_i and q_i nonzero, w_i* = (1 - 2 e_i) v_i of any sign",
                sp.Eq(reached, root_of(0)),
            ),
            Clause(
                "limit",
                "W_ij(oo) = (e^tau_i p_i + e^-tau_i q_i).(e^tau_j p_j - e^-tau_j q_j)/4",
                sp.Eq(unobserved, limit),
            ),
            Clause(
                "convergence",
                "the flow reaches zero loss, |r_i(t)| <= |r_i(0)| exp(-|p_i| |q_i| t)",
                sp.Le(sp.Abs(residual_now), sp.Abs(residual_start) * sp.exp(-rate * time)),
            ),
        ),
        checks=(
            Evaluation(
                ("root", "limit"), _by_clock, "explicit root against certified clocks and turns by cosh and sinh"
            ),
            Trajectory(("root", "limit"), _limit_of_flow, "limit of the full matrix flow", flows),
            Trajectory(moving, _moments, "rows, columns and residual along the full matrix flow", flows),
            Symbolic(
                ("rows", "entry", "root", "convergence", "limit"),
                lambda: [
                    theory.diagonal_flow_derivation(entry),
                    theory.diagonal_root_derivation(root),
                    theory.diagonal_limit_derivation(limit),
                ],
            ),
            Enclosure(
                ("limit",), _enclosed_limit, "certified limit of the matrix flow", listed, part=listed.restricted(*few)
            ),
            Enclosure(
                moving,
                _enclosed_moment,
                "rows, columns and residual of the certified flow at t = 1/5",
                listed,
                part=listed.restricted(*few),
            ),
        ),
        mutants=(
            Mutant(
                "no-factor-2",
                "w* in place of 2 w* in the root",
                lambda: depth2_diagonal_limit(root.subs(theory.target, theory.target / 2)),
            ),
            Mutant(
                "sums-and-differences-swapped",
                "|q|^2 in place of |p|^2",
                lambda: depth2_diagonal_limit(
                    root.subs(
                        {theory.sum_square: theory.difference_square, theory.difference_square: theory.sum_square},
                        simultaneous=True,
                    )
                ),
            ),
            Mutant(
                "q-sign",
                "q_i of the opposite sign in W_ij, which is the entry W_ji",
                lambda: depth2_diagonal_limit(
                    limit=limit.subs({dot: -dot for dot in (theory.dots[0][1], theory.dots[1][0])}, simultaneous=True)
                ),
            ),
            Mutant(
                "single-angle",
                "sinh(tau) and cosh(tau) in place of sinh(2 tau) and cosh(2 tau)",
                lambda: depth2_diagonal_limit(entry=entry.subs(tau, tau / 2)),
            ),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (depth2_diagonal_limit,)
