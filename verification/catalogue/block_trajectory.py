"""Catalogue: the trajectory of the block-diagonal flow in closed form, and the time it takes."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from numerics.block_clock import time_from_clock
from numerics.block_diagonal import BlockFamily, initial_layers, problem
from numerics.block_trajectory import entries_on_the_way, spectrum_at, time_to_reach, times
from numerics.gradient_flow import GradientFlow, integrate
from theory import block_diagonal
from theory import block_trajectory as theory
from theory.symbols import (
    alpha,
    block_size,
    blocks,
    depth,
    lambda_1,
    lambda_2,
    m,
    observed,
    tau,
    time,
    value,
)
from verification.catalogue.families import family_at, flow_domain, measured, observed_entries
from verification.catalogue.sources import shin_yun
from verification.checks import Evaluation, Observation, Symbolic, Trajectory
from verification.evidence import Series
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Statement

Values = Mapping[sp.Symbol, Any]

elapsed = sp.Symbol("T", positive=True)
quadrature = sp.Symbol("T_claimed", real=True)
fraction = sp.Symbol("phi", positive=True)
_TOLERANCE = 1e-12


def _claimed_time(family: BlockFamily, entry: Fraction, clock: sp.Expr, digits: int) -> arb:
    """The time to reach `entry` when tau runs at the claimed rate `clock`, by the second quadrature."""
    fixed = {block_size: family.block_size, value: sp.Rational(family.value.numerator, family.value.denominator)}
    return time_from_clock(family, entry, sp.lambdify(observed, clock.subs(fixed), "mpmath"), digits)


def _two_times(clock: sp.Expr) -> Callable[[Point, int], Values]:
    def observe(point: Point, digits: int) -> Values:
        family = family_at(point)
        entry = point[fraction] * family.value
        return {
            elapsed: time_to_reach(family, entry, digits),
            quadrature: _claimed_time(family, entry, clock, digits),
        }

    return observe


def _timed_flow(point: Point) -> tuple[BlockFamily, GradientFlow, np.ndarray, np.ndarray]:
    """The flow, its observed entries, and the indices of moments at which the entry is on its way."""
    family = family_at(point)
    flow = integrate(problem(family), initial_layers(family), relative_tolerance=_TOLERANCE)
    entries = observed_entries(flow, family)
    way = (entries - entries[0]) / (float(family.value) - entries[0])
    moments = np.flatnonzero((way > 0.05) & (way < 0.98))
    return family, flow, entries, moments[:: max(1, len(moments) // 5)]


def _series(family: BlockFamily, flow: GradientFlow, entries: np.ndarray) -> Series:
    """Singular values of the flow, over the curve whose times come from the quadrature alone."""
    chosen = entries_on_the_way(family, 60)
    clock = tuple(times(family, chosen, 8))
    first, rest = spectrum_at(family, chosen)
    shown = flow.times <= 1.15 * clock[-1]
    x = tuple(flow.times[shown])
    return Series(
        title=str(family),
        axis="time t",
        quantity="singular values of W(t)",
        measured={
            "sigma_1": (x, tuple(flow.singular_values[shown, 0])),
            "sigma_2": (x, tuple(flow.singular_values[shown, 1])),
        },
        predicted={"sigma_1": (clock, tuple(first)), "sigma_2": (clock, tuple(rest))},
    )


def _flow_against_quadrature(clock: sp.Expr) -> Callable[[Point], Observation]:
    """Moments of the flow: its time against the claimed quadrature, lambda_2 against the claimed curve in tau.

    Error estimate: steps times tolerance, carried from the entry to the time through dt = dw/(dw/dt).
    """

    def observe(point: Point) -> Observation:
        family, flow, entries, moments = _timed_flow(point)
        power = 2 - family.depth
        start, _ = (float(x) for x in family.initial_eigenvalues)
        snapshots = []
        for index in moments:
            relative = len(flow.times) * _TOLERANCE
            first = float(np.linalg.norm(flow.layers[0][index], 2))
            rest = np.linalg.svd(flow.layers[0][index], compute_uv=False)[1]
            distance = abs(float(family.value) - entries[index])
            reached = _claimed_time(family, Fraction(float(entries[index])), clock, 15)
            time_error = 30 * relative * (float(flow.times[index]) + 1 / (family.block_size * distance))
            now = (start**power - first**power) / (family.depth - 2)
            snapshots.append(
                {
                    elapsed: measured(flow.times[index], time_error),
                    quadrature: reached,
                    lambda_2: measured(rest, 30 * relative * first),
                    tau: measured(now, 30 * relative * (start**power + first**power)),
                }
            )
        return Observation(snapshots, flow.reason, _series(family, flow, entries))

    return observe


def _shallow_flow(point: Point) -> Observation:
    """Moments of a depth-2 flow: its time and its observed entry."""
    family, flow, entries, moments = _timed_flow(point)
    error = 30 * len(flow.times) * _TOLERANCE
    snapshots = [
        {
            time: measured(flow.times[index], 1e-15),
            observed: measured(entries[index], error * float(family.value)),
        }
        for index in moments
    ]
    return Observation(snapshots, flow.reason)


def block_trajectory(clock: sp.Expr = theory.clock_rate) -> Statement:
    """block-trajectory, with the claimed rate of the clock d tau/dt."""
    curve = theory.eigenvalue_in_tau.subs(theory.start, block_diagonal.start_2)
    begin = block_diagonal.observed_entry.subs(
        {lambda_1: block_diagonal.start_1, lambda_2: block_diagonal.start_2}, simultaneous=True
    )
    shallow = theory.logistic.subs(theory.initial_entry, begin.subs(depth, 2))
    family = flow_domain((3, 5))
    domain = Parameters((*family.ranges, RealRange(fraction, Fraction("0.3"), Fraction("0.99"))))
    shallow_domain = domain.restricted(IntegerRange(depth, 2, 2))
    example = Parameters(
        (
            IntegerRange(depth, 3, 3),
            IntegerRange(blocks, 3, 3),
            IntegerRange(block_size, 2, 2),
            RealRange(value, Fraction("1.5"), Fraction("1.5")),
            RealRange(alpha, Fraction("0.05"), Fraction("0.05")),
            RealRange(m, Fraction(4), Fraction(4)),
            RealRange(fraction, Fraction("0.99"), Fraction("0.99")),
        )
    )
    return Statement(
        id="block-trajectory",
        title="The whole trajectory is one quadrature; at depth 2 the observed entry is logistic",
        source=shin_yun("setting of Theorem 3.3"),
        parameters=domain.restricted(IntegerRange(depth, 2, 5), RealRange(alpha, Fraction("0.05"), Fraction("0.9"))),
        assumptions=(sp.Lt(begin, fraction * value * sp.Rational(99, 100)),),
        observables={
            elapsed: "time at which the observed entry reaches phi w*",
            quadrature: "the same from the claimed clock",
            lambda_2: "second eigenvalue of the layers",
            tau: "the clock, from lambda_1",
            observed: "observed entry at depth 2",
            time: "time at depth 2",
        },
        granted=("the eigenvalue flow (proved in block-eigenvalue-flow)",),
        clauses=(
            Clause("clock", "dt = d tau/(s (w* - w)): the time is one quadrature", sp.Eq(elapsed, quadrature)),
            Clause(
                "eigenvalue",
                "lambda_i = (lambda_i(0)^(2-L) - (L-2) tau)^(-1/(L-2))",
                sp.Eq(lambda_2, curve),
            ),
            Clause("logistic", "L = 2: w = w*/(1 + (w*/w_0 - 1) e^(-2 s w* t))", sp.Eq(observed, shallow)),
        ),
        checks=(
            Evaluation(
                ("clock",),
                _two_times(clock),
                "Arb quadrature in log z against mpmath quadrature in lambda_1",
                domain=domain,
                digits=50,
            ),
            Evaluation(("clock",), _two_times(clock), "both quadratures at the printed example", domain=example),
            Trajectory(
                ("clock", "eigenvalue"),
                _flow_against_quadrature(clock),
                "time and eigenvalues of the full matrix flow",
                domain,
            ),
            Trajectory(("logistic",), _shallow_flow, "observed entry of the full matrix flow", shallow_domain),
            Symbolic(
                ("eigenvalue", "clock"),
                lambda: [theory.trajectory_derivation({"clock": clock, "eigenvalue": theory.eigenvalue_in_tau})],
            ),
            Symbolic(("logistic",), lambda: [theory.logistic_derivation(theory.logistic)]),
        ),
        depends=("block-eigenvalue-flow",),
        mutants=(
            Mutant(
                "clock-inverted",
                "(w* - w) inverted",
                lambda: block_trajectory(block_size / (value - observed)),
            ),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (block_trajectory,)
