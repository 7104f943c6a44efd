"""Catalogue: symmetric flows at depth L, and why depth >= 3 depends on the scale of the start so little."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from numerics.balls import ball
from numerics.counter_example import counter_example, rank_completion
from numerics.deep_greedy import deep_flow
from numerics.dynamics import random_problem, velocities
from numerics.factorization import MatrixCompletion, end_to_end, residual
from numerics.first_column import fitted_order
from numerics.initialization import balanced_layers, layer_shapes
from numerics.objective import completion
from numerics.small_start import stop_reason
from theory import deep_greedy as theory
from theory.counter_example import R, rates
from theory.symbols import alpha, depth
from verification.catalogue.families import measured
from verification.catalogue.networks import rows, seed, width
from verification.catalogue.sources import source
from verification.checks import Falsification, Observation, Symbolic, Trajectory
from verification.evidence import Series
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]

_ROUNDING = 1e-11
#: Integrated to 1e-11; over the many steps of a plateau a logarithm is right to this.
_INTEGRATED = 1e-8
#: |W(0)|: five scales at which the distances are far above rounding.
_LADDER = tuple(10 ** (-5 - step / 2) for step in range(5))
_CERTAINTY = 3.0  # standard errors on either side of a fitted slope
#: The last Newton step's share in a distance; see `numerics.deep_greedy`.
_DISTANCE_ERROR = 1e-4
_UNRESOLVED = 1e-12
_LINEAR = sp.Integer(1)

speed, closed_form = sp.symbols("speed G.W", real=True)
order = sp.Symbol("order", real=True)

_NETWORKS = Parameters(
    (
        IntegerRange(depth, 2, 6),
        IntegerRange(rows, 1, 4),
        IntegerRange(width, 4, 6),
        IntegerRange(seed, 0, 10**6),
    )
)
_ESCAPES = Parameters(
    (
        IntegerRange(depth, 3, 6),
        RealRange(R, Fraction("1.1"), Fraction(2)),
        RealRange(alpha, Fraction("1e-12"), Fraction("1e-3")),
    )
)


def _rates_of_gram(point: Point, claimed: sp.Expr) -> Values:
    """<C, d(W_1^T W_1)/dt> by the layers' own velocity, and <C, G M^p + M^p G>, for a random matrix C."""
    random = np.random.default_rng(point[seed] + 7)
    size = point[rows]
    factor = random.standard_normal((size, size))
    product = factor @ factor.T
    drawn = random_problem(size, size, seed=point[seed])
    problem = MatrixCompletion(drawn.mask | drawn.mask.T, drawn.targets + drawn.targets.T)
    layers = balanced_layers(product, layer_shapes(size, size, point[depth], point[width]), seed=point[seed] + 8)
    moving = velocities(problem, layers)[0]
    rate = moving.T @ layers[0] + layers[0].T @ moving
    values, vectors = np.linalg.eigh(layers[0].T @ layers[0])
    exponent = float(claimed.subs(depth, point[depth]))
    grown = (vectors * np.maximum(values, 0.0) ** exponent) @ vectors.T
    pull = -residual(problem, end_to_end(layers))
    found = pull @ grown + grown @ pull
    pairing = random.standard_normal((size, size))
    error = _ROUNDING * float(np.linalg.norm(pairing)) * (float(np.linalg.norm(rate)) + float(np.linalg.norm(found)))
    return {
        speed: measured(np.sum(pairing * rate), error),
        closed_form: measured(np.sum(pairing * found), error),
    }


def _escape(point: Point, _digits: int) -> Values:
    """The two largest eigenvalues of W at the end of the first plateau, from alpha I."""
    layers, scale = point[depth], point[alpha]
    flow = deep_flow(completion(counter_example(point[R])), layers, scale)
    logs = flow.phases[0].log_values[-1]
    start = layers * ball(scale).log()
    return {
        theory.first: measured(logs[0], _INTEGRATED).exp(),
        theory.second: measured(logs[1], _INTEGRATED).exp(),
        theory.initial: start.exp(),
    }


def _orders(point: Point) -> Observation:
    """The slope of log |W(oo) - M_rank|_F against log |W(0)|; radius: three standard errors."""
    layers = point[depth]
    f, limit = completion(counter_example(point[R])), rank_completion(point[R]).astype(float)
    flows = [deep_flow(f, layers, repr(scale ** (1 / layers))) for scale in _LADDER]
    distances = [float(np.linalg.norm(flow.limit - limit)) for flow in flows]
    fit = fitted_order(_LADDER, distances, [_DISTANCE_ERROR * one + _UNRESOLVED for one in distances])
    logarithms, middle = tuple(np.log10(_LADDER)), len(_LADDER) // 2
    straight = tuple(distances[middle] * np.array(_LADDER) / _LADDER[middle])
    series = Series(
        title=f"L = {layers}, R = {float(point[R]):.4g}: slope {fit.slope:.4f}, error {fit.standard_error:.1e}",
        axis="log10 |W(0)|_2",
        quantity="|W(oo) - M_rank|_F",
        measured={"distance": (logarithms, tuple(distances))},
        predicted={"slope 1": (logarithms, straight)},
    )
    slope = measured(fit.slope, _CERTAINTY * fit.standard_error)
    return Observation([{order: slope}], stop_reason([flow.outcome for flow in flows]), series)


def deep_symmetric_flow(claimed: sp.Expr = theory.power) -> Statement:
    """deep-symmetric-flow, with the claimed power of M that W is."""
    return Statement(
        id="deep-symmetric-flow",
        title="A balanced network with a symmetric positive semidefinite product moves as M = W^(2/L)",
        source=source("LLL", "flow of M = W^(2/L), depth L", Provenance.RECONSTRUCTED),
        parameters=_NETWORKS,
        observables={
            speed: "<C, d(W_1^T W_1)/dt> along the layers' velocity, C random",
            closed_form: "<C, G M^(L/2) + M^(L/2) G>, M = W_1^T W_1, G = -grad f(W)",
        },
        granted=("balanced layers, a symmetric f, and a symmetric positive semidefinite W(0)",),
        depends=("end-to-end-flow", "singular-value-memory"),
        clauses=(Clause("flow", "dM/dt = G W + W G with W = M^(L/2) and M = W_1^T W_1", sp.Eq(speed, closed_form)),),
        checks=(
            Falsification(
                ("flow",), lambda point, _digits: _rates_of_gram(point, claimed), "random balanced networks", digits=9
            ),
            Symbolic(("flow",), lambda: [theory.flow_derivation(claimed)]),
        ),
        mutants=(
            Mutant("power-of-depth-2", "dM/dt = G M + M G at every depth", lambda: deep_symmetric_flow(sp.Integer(1))),
            Mutant("power-L", "W = M^L", lambda: deep_symmetric_flow(depth)),
        ),
    )


def deep_escape(law: sp.Expr = theory.escape_law, end: sp.Expr = theory.escape_end) -> Statement:
    """deep-escape, with the claimed law of w_2 and its end."""
    mu_1, mu_2 = rates
    share = mu_2 / mu_1
    return Statement(
        id="deep-escape",
        title="At depth L >= 3 the second eigenvalue stays of the order of the start while the first grows",
        source=source("LLL", "weak dependence on the scale, depth L >= 3; explicit law", Provenance.NEW),
        parameters=_ESCAPES,
        observables={
            theory.first: "first eigenvalue of W when the plateau around W = 0 ends, R the parameter of the problem of "
            "nuclear-norm-counterexample",
            theory.second: "second eigenvalue of W there",
            theory.initial: "w_0 = alpha^L",
        },
        granted=("G = G(0), which is what a plateau is",),
        depends=("deep-symmetric-flow", "nuclear-norm-counterexample"),
        clauses=(
            Clause(
                "escape",
                "w_2^(-(1-2/L)) = (1 - mu_2/mu_1) w_0^(-(1-2/L)) + (mu_2/mu_1) w_1^(-(1-2/L)), from W(0) = w_0 I; "
                "judged to 1e-6",
                sp.Le(sp.Abs(theory.second - law.subs(theory.ratio, share)), sp.Rational(1, 10**6) * theory.second),
            ),
            Clause(
                "end",
                "so w_2 < (1 - mu_2/mu_1)^(-L/(L-2)) w_0, its limit as w_1 -> oo: linear in |W(0)|; at L = 2 it is "
                "w_0^(1 - mu_2/mu_1) w_1^(mu_2/mu_1) without a bound",
                sp.Lt(theory.second, end.subs(theory.ratio, share)),
            ),
        ),
        checks=(
            Falsification(("escape", "end"), _escape, "the plateau around W = 0, integrated", digits=6, flows=True),
            Symbolic(
                ("escape", "end"),
                lambda: [theory.escape_derivation(law, end), theory.shallow_derivation(theory.shallow_law)],
            ),
        ),
        mutants=(
            Mutant(
                "law-of-depth-2",
                "w_0^(1-r) w_1^r at L >= 3",
                lambda: deep_escape(law=theory.shallow_law),
            ),
            Mutant("stays-at-w0", "w_2 < w_0", lambda: deep_escape(end=theory.initial)),
        ),
    )


def depth3_weak_scale_dependence(slope: sp.Expr = _LINEAR) -> Statement:
    """depth3-weak-scale-dependence, with the claimed exponent of |W(0)|."""
    domain = Parameters((IntegerRange(depth, 3, 4), RealRange(R, Fraction("1.1"), Fraction(2))))
    return Statement(
        id="depth3-weak-scale-dependence",
        title="At depth 3 and 4 the distance from the greedy limit is linear in the scale of the start",
        source=source("LLL", "weak dependence on the scale, depth L >= 3", Provenance.RECONSTRUCTED),
        parameters=domain,
        observables={
            order: f"slope of log |W(oo) - M_rank|_F against log |W(0)|, {len(_LADDER)} scales from {_LADDER[0]:.1g} "
            f"down to {_LADDER[-1]:.1g}; ball of {_CERTAINTY:g} standard errors"
        },
        depends=("deep-escape", "nuclear-norm-counterexample"),
        clauses=(
            Clause(
                "linear",
                "W_l(0) = alpha I: |W(oo) - M_rank|_F is of order |W(0)|_2 = alpha^L; the exponent is measured within "
                "1/20",
                sp.Le(sp.Abs(order - slope), sp.Rational(1, 20)),
                asymptotic=True,
            ),
        ),
        checks=(Trajectory(("linear",), _orders, "power law fitted to limits of the flow", domain),),
        mutants=(
            Mutant(
                "exponent-of-depth-2",
                "1 - mu_2/mu_1, the exponent of |W(0)| at depth 2",
                lambda: depth3_weak_scale_dependence(1 - rates[1] / rates[0]),
            ),
            Mutant("quadratic", "order |W(0)|^2", lambda: depth3_weak_scale_dependence(sp.Integer(2))),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (deep_symmetric_flow, deep_escape, depth3_weak_scale_dependence)
