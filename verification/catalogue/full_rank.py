"""Catalogue: limits of full rank: an open set of starts, and listed starts outside of it whose flows are certified."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from flint import arb, arb_mat

from numerics.balls import ball
from numerics.certified_flow import MatrixBall
from numerics.dynamics import random_problem
from numerics.factorization import MatrixCompletion, end_to_end
from numerics.gradient_flow import GradientFlow, flow_limit
from numerics.initialization import balanced_layers, layer_shapes
from numerics.residual_margin import enclosed_residual_norm, margin, margins, residual_norm, residual_norms
from theory import residual_margin as theory
from theory.residual_margin import norm, smallest, start_margin, start_norm
from theory.symbols import depth, time
from verification.catalogue.families import measured
from verification.catalogue.residual_margin import (
    BALANCED_WITHIN,
    MOST_STEPS,
    ROUNDING,
    flow_error,
    moments,
    random_matrix,
    seed,
    size,
    smallest_limit,
)
from verification.catalogue.sources import source
from verification.checks import Enclosed, Enclosure, Falsification, Observation, Symbolic, Trajectory
from verification.evidence import Series
from verification.flow_enclosure import certified, enclosed_limits
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]

share, distance = sp.symbols("share distance", positive=True)
norm_now, elapsed, path = sp.symbols("|R(t)| elapsed path", nonnegative=True)
ball_margin, ball_norm, ball_aside = sp.symbols("c_ball |R|_ball offdiagonal_ball", real=True)


def _start_with_margin(point: Point) -> tuple[MatrixCompletion, list[np.ndarray]]:
    """Balanced layers, and targets at the given share of sigma_min(W(0)) from W(0) on a random mask."""
    d = point[size]
    product = random_matrix(d, d, low=0.4, high=1.0, seed=point[seed] + 1)
    drawn = random_problem(d, d, seed=point[seed])
    offset = np.where(drawn.mask, drawn.targets, 0.0)
    least = np.linalg.svd(product, compute_uv=False)[-1]
    targets = product - float(point[share]) * least / np.linalg.norm(offset) * offset
    return MatrixCompletion(drawn.mask, targets), balanced_layers(product, layer_shapes(d, d, point[depth]), seed=1)


def _decay_moments(point: Point) -> Observation:
    """|R|_F at moments of the flow, the path of all layers, and sigma_min of the limit."""
    tolerance = 1e-11
    problem, layers = _start_with_margin(point)
    limit = flow_limit(problem, layers, relative_tolerance=tolerance, max_steps=MOST_STEPS)
    flow, norms = limit.flow, residual_norms(limit.flow)
    error = flow_error(flow, tolerance)
    # Chords are no longer than the path, so a bound on the path covers them.
    steps = np.sqrt(sum(np.sum(np.diff(layer, axis=0) ** 2, axis=(1, 2)) for layer in flow.layers))
    snapshots = [
        {
            smallest: measured(flow.singular_values[0, -1], ROUNDING),
            norm: measured(norms[0], ROUNDING),
            elapsed: measured(flow.times[index], 0.0),
            norm_now: measured(norms[index], error),
            path: measured(float(np.sum(steps)), error),
            smallest_limit: measured(limit.singular_values[-1], limit.error),
        }
        for index in moments(flow)[1:]
    ]
    return Observation(snapshots, flow.reason, _decay_series(point, flow))


def _enclosed_decay(point: Point, digits: int) -> Enclosed:
    """sigma_min and |R|_F at the start, at t = 1/4 and at infinity, for every start balanced up to rounding."""
    problem, layers = _start_with_margin(point)
    flow = certified(problem, layers, digits, start_radius=BALANCED_WITHIN)
    moment = Fraction(1, 4)

    def values(limit: MatrixBall) -> Values:
        start, later = flow.product_at(0), flow.product_at(moment)
        return {
            smallest: start.singular_values[-1],
            norm: enclosed_residual_norm(problem, start),
            elapsed: moment,
            norm_now: enclosed_residual_norm(problem, later),
            smallest_limit: limit.singular_values[-1],
        }

    return enclosed_limits([flow], values)


def _decay_series(point: Point, flow: GradientFlow) -> Series:
    """|R(t)|_F under its exponential bound, and sigma_min(W(t)) above c."""
    c, norms = float(margins(flow)[0]), residual_norms(flow)
    layers = point[depth]
    x = tuple(flow.times)
    return Series(
        title=f"{point[size]} x {point[size]}, L = {layers}, |R(0)| = {float(point[share]):g} sigma_min(W(0))",
        axis="time t",
        quantity="residual and sigma_min of W(t)",
        measured={"|R|": (x, tuple(norms)), "sigma_min": (x, tuple(flow.singular_values[:, -1]))},
        predicted={
            "|R| bound": (x, tuple(norms[0] * np.exp(-layers * c ** (2 - 2 / layers) * flow.times))),
            "sigma_min bound": (x, (c,) * len(x)),
        },
    )


def _near_centre(point: Point, _digits: int) -> Values:
    """A start of the 2 x 2 problem at the given distance from the centre of the ball, in a random direction."""
    problem = MatrixCompletion(np.eye(2), np.eye(2))
    direction = np.random.default_rng(point[seed]).standard_normal((2, 2))
    centre = np.array(theory.centre.tolist(), dtype=float)
    start = centre + float(point[distance]) / np.linalg.norm(direction) * direction
    return {
        ball_margin: measured(margin(problem, start), ROUNDING),
        ball_norm: measured(residual_norm(problem, start), ROUNDING),
        ball_aside: measured(float(np.linalg.norm(start - np.diag(np.diag(start)))), ROUNDING),
    }


def full_rank_open_set(
    bound: sp.Expr = theory.margin,
    decay: sp.Expr = theory.decay,
    length: sp.Expr = theory.length,
    radius: sp.Expr = theory.radius,
    *,
    largest_share: Fraction = Fraction(19, 20),
) -> Statement:
    """full-rank-open-set, with the claimed c, bounds on |R(t)|_F and on the path, and radius of the ball of starts.

    `largest_share` bounds |R(0)|_F/sigma_min(W(0)); the hypothesis of the statement is that it is below 1.
    """
    domain = Parameters(
        (
            IntegerRange(depth, 2, 4),
            IntegerRange(size, 2, 4),
            RealRange(share, Fraction(1, 20), largest_share),
            RealRange(distance, Fraction(1, 100), Fraction(3, 5)),
            IntegerRange(seed, 0, 10**6),
        )
    )
    listed = domain.restricted(
        IntegerRange(depth, 2, 3),
        IntegerRange(size, 2, 3),
        RealRange(share, largest_share / 2, largest_share / 2),
        RealRange(distance, Fraction(1, 10), Fraction(1, 10)),
        IntegerRange(seed, 0, 1),
    )
    return Statement(
        id="full-rank-open-set",
        title="|R(0)|_F < sigma_min(W(0)), balanced: zero loss at an exponential rate, and a limit of full rank",
        source=source("M", "Section 14.1, second question", Provenance.NEW),
        parameters=domain,
        assumptions=(sp.Lt(share, 1),) if largest_share < 1 else (),
        observables={
            smallest: "sigma_min(W(0))",
            norm: "|R(0)|_F",
            norm_now: "|R(t)|_F",
            elapsed: "t",
            path: "length of the path of all layers",
            smallest_limit: "sigma_min(W(oo))",
            ball_margin: "margin of a start in the ball",
            ball_norm: "|R(0)|_F of a start in the ball",
            ball_aside: "norm of the off-diagonal part of a start in the ball",
        },
        definitions={start_margin: bound, start_norm: norm},
        granted=("the margin never decreases (residual-margin)", "dE/dt = -sum_l |grad_l E|_F^2 (energy-identity)"),
        clauses=(
            Clause("rate", "|R(t)|_F <= |R(0)|_F exp(-L c^(2-2/L) t)", sp.Le(norm_now, decay.subs(time, elapsed))),
            Clause("length", "the layers together move at most |R(0)|_F / sqrt(L c^(2-2/L))", sp.Le(path, length)),
            Clause("full-rank", "sigma_min(W(oo)) >= c > 0", sp.Ge(smallest_limit, start_margin)),
            Clause("zero-loss", "W(oo) exists and has zero loss", None),
            Clause(
                "open-set",
                "2 x 2, w_11 = w_22 = 1 observed: every balanced start with |W(0) - [[4/5, -2/5], [4/5, 4/5]]|_F < "
                "(4 - sqrt(2))/10 has c > 0, positive loss and off-diagonal entries",
                sp.Or(
                    sp.Ge(distance, radius), sp.And(sp.Gt(ball_margin, 0), sp.Gt(ball_norm, 0), sp.Gt(ball_aside, 0))
                ),
            ),
        ),
        checks=(
            Trajectory(
                ("rate", "length", "full-rank"),
                _decay_moments,
                "integrated flows from starts with a margin",
                domain,
                digits=4,
            ),
            Falsification(
                ("open-set",),
                _near_centre,
                "random starts in and around the ball",
                digits=4,
            ),
            Symbolic(
                ("rate", "length", "full-rank", "zero-loss"),
                lambda: [theory.convergence_derivation(bound, decay, length)],
            ),
            Symbolic(("open-set",), lambda: [theory.open_set_derivation(theory.centre, radius)]),
            Enclosure(
                ("rate", "full-rank"),
                _enclosed_decay,
                "certified flows from starts with a margin, at t = 1/4 and at infinity",
                listed,
                part=listed.restricted(IntegerRange(depth, 2, 2), IntegerRange(size, 2, 2)),
                digits=4,
            ),
        ),
        depends=("residual-margin", "energy-identity"),
        mutants=(
            Mutant(
                "no-margin",
                "|R(0)|_F up to 10 sigma_min(W(0)), c replaced by its absolute value",
                lambda: full_rank_open_set(bound=sp.Abs(theory.margin), largest_share=Fraction(10)),
            ),
            Mutant(
                "rate-doubled",
                "twice the rate of decay",
                lambda: full_rank_open_set(decay=theory.decay.subs(time, 2 * time)),
            ),
            Mutant("sum", "c = sigma_min(W(0)) + |R(0)|_F", lambda: full_rank_open_set(bound=smallest + norm)),
            Mutant("length-halved", "half the path", lambda: full_rank_open_set(length=theory.length / 2)),
            Mutant("ball-doubled", "twice the radius", lambda: full_rank_open_set(radius=2 * theory.radius)),
        ),
    )


listed_start = sp.Symbol("start", integer=True, nonnegative=True)
imbalance, aside_square = sp.symbols("imbalance |offdiagonal(0)|^2", nonnegative=True)
norm_limit = sp.Symbol("|R(oo)|", nonnegative=True)

#: A floor of sigma_min(W(oo)) at all listed starts; the smallest that is enclosed is 0.0048.
_FLOOR = sp.Rational(1, 1000)


class BalancedStart(NamedTuple):
    """Exactly balanced layers S Q, S, ..., S, Q' S: S = [[a, b], [b, c]], Q and Q' rotations by 2 arctan of `turns`."""

    factor: tuple[str, str, str]
    turns: tuple[str, str] = ("0", "0")

    def __str__(self) -> str:
        return f"({', '.join(self.factor)}; {', '.join(self.turns)})"

    def layers(self, layers: int) -> list[np.ndarray]:
        """W_1, ..., W_L with exact entries, for L >= 2."""
        a, b, c = map(Fraction, self.factor)
        middle = np.array([[a, b], [b, c]], dtype=object)
        before, after = map(_rotation, self.turns)
        return [middle @ before, *[middle] * (layers - 2), after @ middle]


def _rotation(turn: str) -> np.ndarray:
    t = Fraction(turn)
    cosine, sine = (1 - t**2) / (1 + t**2), 2 * t / (1 + t**2)
    return np.array([[cosine, -sine], [sine, cosine]], dtype=object)


BEYOND_MARGIN = (
    BalancedStart(("3/10", "1/5", "2/5")),
    BalancedStart(("1/2", "1/4", "1/2")),
    BalancedStart(("1/2", "3/4", "1/4")),
    BalancedStart(("1", "1/2", "1/2"), ("1/3", "-1/2")),
    BalancedStart(("1/4", "1/5", "-1/4"), ("1/4", "1/3")),
    BalancedStart(("3/2", "1/2", "1"), ("1/3", "0")),
)


def _enclosed_rank(layers: list[np.ndarray], digits: int) -> Enclosed:
    """The exact start and the certified limit, where w_11 = w_22 = 1 is observed."""
    problem = MatrixCompletion(np.eye(2), np.eye(2))
    flow = certified(problem, layers, digits)
    product = end_to_end(layers)
    unbalanced = sum(((after.T @ after - before @ before.T) ** 2).sum() for before, after in pairwise(layers))

    def values(limit: MatrixBall) -> Values:
        start = MatrixBall(arb_mat([[ball(entry) for entry in row] for row in product]), arb(0), limit.bits)
        return {
            imbalance: unbalanced,
            smallest: start.singular_values[-1],
            norm: enclosed_residual_norm(problem, start),
            aside_square: product[0, 1] ** 2 + product[1, 0] ** 2,
            smallest_limit: limit.singular_values[-1],
            norm_limit: enclosed_residual_norm(problem, flow.product_at(math.inf)),
        }

    return enclosed_limits([flow], values)


def full_rank_beyond_margin(starts: tuple[BalancedStart, ...] = BEYOND_MARGIN, floor: sp.Expr = _FLOOR) -> Statement:
    """full-rank-beyond-margin, for the given starts and the claimed lower bound on sigma_min(W(oo))."""
    domain = Parameters((IntegerRange(depth, 2, 3), IntegerRange(listed_start, 0, len(starts) - 1)))
    clauses = (
        Clause(
            "balanced",
            "W_1 = S Q, W_L = Q' S, layers between are S = [[a, b], [b, c]]; Q and Q' turn by 2 arctan of t and t'; "
            f"(a, b, c; t, t') = {', '.join(map(str, starts))}: W_(l+1)^T W_(l+1) = W_l W_l^T, exactly",
            sp.Eq(imbalance, 0),
        ),
        Clause(
            "outside",
            "|R(0)|_F > sigma_min(W(0)), so that the margin at the start says nothing of the limit, and W(0) is not "
            "diagonal",
            sp.And(sp.Gt(norm, smallest), sp.Gt(aside_square, 0)),
        ),
        Clause("full-rank", f"sigma_min(W(oo)) >= {floor}", sp.Ge(smallest_limit, floor)),
        Clause(
            "zero-loss",
            "W(oo) exists: |R(oo)|_F <= 10^-6 by the tube around the trajectory, and 0 by the theorem on its tail",
            sp.Le(norm_limit, sp.Rational(1, 10**6)),
        ),
    )
    return Statement(
        id="full-rank-beyond-margin",
        title="2 x 2, w_11 = w_22 = 1 observed: listed starts with |R(0)|_F > sigma_min(W(0)) and a limit of full rank",
        source=source("M", "Section 14.1, second question", Provenance.NEW),
        parameters=domain,
        observables={
            imbalance: "sum over l of |W_(l+1)^T W_(l+1) - W_l W_l^T|_F^2 at the start",
            smallest: "sigma_min(W(0))",
            norm: "|R(0)|_F",
            aside_square: "sum of squares of the off-diagonal entries of W(0)",
            smallest_limit: "sigma_min(W(oo))",
            norm_limit: "|R(oo)|_F",
        },
        clauses=clauses,
        checks=(
            Enclosure(
                tuple(one.name for one in clauses),
                lambda point, digits: _enclosed_rank(starts[point[listed_start]].layers(point[depth]), digits),
                "certified flows from exact starts",
                domain,
                digits=8,
            ),
        ),
        depends=("full-rank-open-set",),
        mutants=(
            Mutant(
                "larger-floor",
                "a tenth in the place of a thousandth",
                lambda: full_rank_beyond_margin(floor=100 * _FLOOR),
            ),
            Mutant(
                "inside",
                "a start with |R(0)|_F < sigma_min(W(0))",
                lambda: full_rank_beyond_margin((BalancedStart(("1", "1/10", "1")),)),
            ),
            Mutant(
                "diagonal", "a diagonal start", lambda: full_rank_beyond_margin((BalancedStart(("1/2", "0", "1/3")),))
            ),
            Mutant(
                "rank-one",
                "a start of rank 1, which stays of rank 1",
                lambda: full_rank_beyond_margin((BalancedStart(("1/2", "1/4", "1/8")),)),
            ),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (full_rank_open_set, full_rank_beyond_margin)
