"""Catalogue: greedy low-rank learning: the flow that follows its first stage, and the points that it passes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from numerics.balls import ball
from numerics.counter_example import counter_example
from numerics.coupling import connectivity
from numerics.factorization import MatrixCompletion
from numerics.first_column import fitted_order
from numerics.gradient_flow import StopReason
from numerics.greedy import GreedyPath, certified_gradient_norm, certified_rank, glrl_asymmetric, glrl_symmetric
from numerics.infinitesimal_flow import infinitesimal_flow
from numerics.objective import Objective, completion
from numerics.random_completion import FINE, diagonal_problem, lifted_problem
from numerics.saddles import CriticalPoint, natural_size
from numerics.small_start import measured_lag, stage_distance, stop_reason
from theory import counter_example as example
from theory import greedy as theory
from theory.counter_example import R
from verification.catalogue.counter_example import CERTAINTY, TESTED, seed
from verification.catalogue.families import measured
from verification.catalogue.sources import source
from verification.checks import Observation, Symbolic, Trajectory
from verification.evidence import Series
from verification.parameters import IntegerRange, Parameters, Point
from verification.statement import Clause, Mutant, Provenance, Statement

_TIMES = tuple(np.linspace(-2.0, 3.0, 26))
#: What a flow leaves out when it leaves a plateau.
_UNRESOLVED = 1e-10
_LADDERS = {"identity": tuple(10 ** (-5 - step / 2) for step in range(5)), "generic": (1e-8, 1e-9, 1e-10, 1e-11, 1e-12)}
_DIRECT = 1e-6
_SMALLEST = "1e-100"
_ROUNDING = 1e-12
_NEAR = sp.Rational(1, 10**8)
_CRITICAL = sp.Rational(1, 10**9)
_PARTED = 143  # a seed

order, generic_order, cross = sp.symbols("order order_generic cos_12", real=True)
farthest, lag, lag_error, second_size = sp.symbols("D lag lag_formula beta_2", real=True)


def _shadows(point: Point) -> Observation:
    """Slopes of the largest distance from the stage against alpha, and the lag by a direct integration."""
    problem = counter_example(point[R])
    f = completion(problem)
    stage = glrl_symmetric(f).stages[0]
    generic = np.random.default_rng(point[seed]).standard_normal((4, 4))
    outcomes, values, curves = [], dict[sp.Symbol, Any](), {}
    for symbol, name, start in ((order, "identity", np.eye(4)), (generic_order, "generic", generic)):
        flows = [infinitesimal_flow(f, start, scale) for scale in _LADDERS[name]]
        distances = [stage_distance(flow, stage, _TIMES) for flow in flows]
        fit = fitted_order(_LADDERS[name], distances, [_UNRESOLVED] * len(flows))
        values[symbol] = measured(fit.slope, CERTAINTY * fit.standard_error)
        outcomes += [flow.outcome for flow in flows]
        curves[f"{name}: slope {fit.slope:.5f}, standard error {fit.standard_error:.1e}"] = (
            tuple(np.log10(_LADDERS[name])),
            tuple(distances),
        )
    tiny = infinitesimal_flow(f, generic, _SMALLEST)
    found, direct = measured_lag(problem, _DIRECT * generic, stage)
    first, second = stage.start.rates[:2]
    parts = stage.start.directions[:, :2].T @ generic
    squares = _DIRECT**2 * np.sum(parts**2, axis=1)
    shift = infinitesimal_flow(f, generic, _DIRECT).time_shift
    values |= {
        cross: measured(parts[0] @ parts[1] / np.sqrt(np.sum(parts[0] ** 2) * np.sum(parts[1] ** 2)), _ROUNDING),
        farthest: measured(stage_distance(tiny, stage, _TIMES), _UNRESOLVED),
        lag: measured(found, 1e-9),
        lag_error: measured(shift, _ROUNDING * shift),
        second_size: measured(squares[1] * squares[0] ** (-second / first), _ROUNDING),
    }
    series = Series(
        title=f"R = {float(point[R]):g}, start {point[seed]}: lag {found:.9f}, formula {shift:.9f}",
        axis="log10 alpha",
        quantity="largest distance from the greedy stage",
        measured=curves,
        predicted={},
    )
    reason = stop_reason((*outcomes, tiny.outcome))
    return Observation([values], direct.reason if reason is StopReason.CONVERGED else reason, series)


def infinitesimal_flow_is_glrl(
    exponents: tuple[sp.Expr, sp.Expr] = (theory.limit_exponent(*example.rates), theory.cross_exponent(*example.rates)),
    shift: sp.Expr = lag_error,
) -> Statement:
    """infinitesimal-flow-is-glrl, with the claimed exponents for U_0 = I and for generic U_0, and the claimed lag."""
    domain = Parameters((TESTED, IntegerRange(seed, 0, 10**6)))
    within = [sp.Rational(1, 50) * one for one in exponents]
    return Statement(
        id="infinitesimal-flow-is-glrl",
        title="From an infinitesimal start the flow is the greedy stage, later by (1/(2 mu_1)) log(1/<u_1, W(0) u_1>)",
        source=source("LLL", "depth 2", Provenance.RECONSTRUCTED),
        parameters=domain,
        observables={
            order: "slope of log D against log alpha from U(0) = alpha I, D the largest |W(t + lag) - W_GLRL(t)|_F "
            f"over {len(_TIMES)} times t from {_TIMES[0]:g} to {_TIMES[-1]:g}, {_LADDERS['identity'][0]:g} down to "
            f"{_LADDERS['identity'][-1]:g}; ball of {CERTAINTY:g} standard errors",
            generic_order: "the same from U(0) = alpha U_0, U_0 of independent standard normal entries, "
            f"{_LADDERS['generic'][0]:g} down to {_LADDERS['generic'][-1]:g}",
            cross: "cosine between U_0^T u_1 and U_0^T u_2",
            farthest: f"D from {_SMALLEST} U_0",
            lag: f"how much later <u_1, W u_1> passes half its final value from {_DIRECT:g} U_0 than in the greedy "
            "stage, by direct integration of the layers U^T and U",
            lag_error: "(1/(2 mu_1)) log(1/<u_1, W(0) u_1>) there",
            second_size: "size of the second column of U, squared, when the first is of size 1: b_2 b_1^(-mu_2/mu_1), "
            "b_i = |U(0)^T u_i|^2",
        },
        clauses=(
            Clause(
                "identity",
                "on the problem of nuclear-norm-counterexample, D is of the order alpha^(2 (1 - mu_2/mu_1)) from alpha "
                "I; measured within 1/50 of that exponent, not proved",
                sp.Le(sp.Abs(order - exponents[0]), within[0]),
                asymptotic=True,
            ),
            Clause(
                "generic",
                "of the order alpha^(1 - mu_2/mu_1), by the cross terms u_1 u_2^T, from a generic U_0; measured within "
                "1/50 where |cos_12| >= 1/10",
                sp.Or(
                    sp.Lt(sp.Abs(cross), sp.Rational(1, 10)),
                    sp.Le(sp.Abs(generic_order - exponents[1]), within[1]),
                ),
                asymptotic=True,
            ),
            Clause("follows", f"D is below 1e-8 at alpha = {_SMALLEST}", sp.Le(farthest, _NEAR), asymptotic=True),
            Clause(
                "lag",
                "the measured lag is the formula's, up to beta_2, which is of the order alpha^(2 (1 - mu_2/mu_1))",
                sp.Le(sp.Abs(lag - shift), second_size),
                asymptotic=True,
            ),
        ),
        checks=(
            Trajectory(
                ("identity", "generic", "follows", "lag"),
                _shadows,
                "flows through their plateaus, and one integrated directly",
                domain,
            ),
        ),
        mutants=(
            Mutant("equal-exponents", "no cross terms from a generic U_0", lambda: _with_exponents(0, 0)),
            Mutant("cross-from-identity", "cross terms from U_0 = I", lambda: _with_exponents(1, 1)),
            Mutant(
                "lag-without-half",
                "lag (1/mu_1) log(1/<u_1, W(0) u_1>)",
                lambda: infinitesimal_flow_is_glrl(shift=2 * lag_error),
            ),
            Mutant("no-lag", "no lag", lambda: infinitesimal_flow_is_glrl(shift=sp.S.Zero)),
        ),
    )


def _with_exponents(identity: int, generic: int) -> Statement:
    both = (theory.limit_exponent(*example.rates), theory.cross_exponent(*example.rates))
    return infinitesimal_flow_is_glrl((both[identity], both[generic]))


size, symmetric = sp.symbols("n symmetric", integer=True, nonnegative=True)
rank, stage_number, components = sp.symbols("rank r components", integer=True, nonnegative=True)
gradient, leak, scale, apart = sp.symbols("g h s d", nonnegative=True)
drop, zero_value = sp.symbols("Delta f(0)", real=True)
escape = sp.Symbol("mu_r", real=True)
curved = sp.Symbol("kappa", positive=True)


def _greedy(problem: MatrixCompletion, is_symmetric: bool) -> GreedyPath:
    f = completion(problem)
    return glrl_symmetric(f, tolerance=FINE) if is_symmetric else glrl_asymmetric(f, tolerance=FINE)


def _stages(point: Point) -> Observation:
    """One snapshot per stage of greedy low-rank learning on a random problem."""
    random_problem = diagonal_problem(point[size], bool(point[symmetric]), point[seed])
    path = _greedy(random_problem, bool(point[symmetric]))
    problem = random_problem if point[symmetric] else lifted_problem(random_problem)
    f = completion(problem)
    start = np.random.default_rng(point[seed]).standard_normal(problem.mask.shape)
    flow = infinitesimal_flow(f, start, _SMALLEST)
    parts = len(connectivity(problem.mask if point[symmetric] else random_problem.mask).components)
    first = path.start.escape_rate
    snapshots, together = [], True
    for number, end in enumerate(path.points[1:], start=1):
        passed = flow.points[number] if number < len(flow.points) else None
        together = together and passed is not None and passed.rank == end.rank
        distance = 0.0
        if together and passed is not None:
            distance = float(np.linalg.norm(passed.matrix - end.matrix) / np.linalg.norm(end.matrix))
        snapshots.append(
            {
                rank: certified_rank(end.factor),
                stage_number: number,
                components: parts,
                gradient: certified_gradient_norm(problem, end.factor),
                scale: measured(first * float(np.linalg.norm(end.factor)), _ROUNDING * first),
                apart: measured(distance, _ROUNDING),
                **_escape(f, end, first),
            }
        )
    return Observation(snapshots, stop_reason((path.outcome, flow.outcome)))


def _escape(f: Objective, end: CriticalPoint, first: float) -> dict[sp.Symbol, Any]:
    """Of the top eigenvector v of G: its rate, |U^T v|, and how much of f the best column removes."""
    at_zero = f.value(np.zeros(f.shape))
    zero = measured(at_zero, _ROUNDING * at_zero)
    direction = end.escape_direction
    overlap = float(np.linalg.norm(end.factor.T @ direction))
    if end.escape_rate <= FINE * first:
        return {escape: ball(0), leak: measured(overlap, _ROUNDING), curved: ball(1), drop: ball(0), zero_value: zero}
    outer = np.outer(direction, direction)
    curvature = float(np.sum(outer * f.derivative(end.matrix, outer)))
    fallen = f.value(end.matrix) - f.value(end.matrix + natural_size(f, end) * outer)
    return {
        escape: measured(end.escape_rate, _ROUNDING * abs(float(end.rates[-1]))),
        leak: measured(overlap, _ROUNDING * float(np.linalg.norm(end.factor))),
        curved: measured(curvature, _ROUNDING * curvature),
        drop: measured(fallen, _ROUNDING * at_zero),
        zero_value: zero,
    }


def glrl_ranks_are_critical(
    fall: sp.Expr = theory.best_drop, extra: int = 0, bound: sp.Expr = _CRITICAL, connected: bool = True
) -> Statement:
    """glrl-ranks-are-critical, with the claimed fall of f, a number added to the claimed rank, the bound on gradients.

    connected: whether the flow's own points are claimed for connected masks only.
    """
    domain = Parameters((IntegerRange(size, 2, 4), IntegerRange(symmetric, 0, 1), IntegerRange(seed, 0, 10**6)))
    best = fall.subs({theory.rate: escape, theory.curvature: curved})
    near = sp.Le(apart, _NEAR)
    return Statement(
        id="glrl-ranks-are-critical",
        title="Each stage of greedy low-rank learning ends at a critical point of its rank, left along an eigenvector",
        source=source("LLL", "algorithm", Provenance.RECONSTRUCTED),
        parameters=domain,
        observables={
            stage_number: "number of the stage, from 1; n x n problems, the diagonal and random other entries observed",
            rank: "columns of U after it that are certified independent (by balls)",
            gradient: "|grad f(U U^T) U|_F there, of the lifted f where it is not symmetric, certified by balls",
            scale: "lambda_max(-grad f(0)) |U|_F",
            escape: "lambda_max(-grad f(W_r)), its unit eigenvector v; 0 where the algorithm stops",
            leak: "|U^T v|",
            curved: "kappa = second derivative of f along v v^T",
            drop: "f(W_r) - f(W_r + (mu_r/kappa) v v^T)",
            zero_value: "value of f at 0",
            components: "components of the mask",
            apart: f"relative distance to the point where the flow from {_SMALLEST} U_0, U_0 random, rests at that "
            "rank; 0 once it has passed over a rank",
        },
        clauses=(
            Clause("rank", "stage r ends at rank r", sp.Eq(rank, stage_number + extra)),
            Clause(
                "critical",
                "at a critical point of E(U) = f(U U^T)/2: its gradient is certified to be at most 1e-9 of the scale",
                sp.Le(gradient, bound * scale),
            ),
            Clause(
                "orthogonal",
                "where G = -grad f has an eigenvector v with eigenvalue mu > 0, mu |U^T v| <= |G U|_F: at a critical "
                "point v is orthogonal to every column of U; judged with 1e-11 of the scale",
                sp.Le(escape * leak, gradient + sp.Rational(1, 10**11) * scale),
            ),
            Clause(
                "decrease",
                "appending sqrt(epsilon) v lowers f at first order, at the rate mu, for no direction at a larger one; "
                "at best by mu^2/(2 kappa), judged to 1e-10 f(0)",
                sp.Le(sp.Abs(drop - best), sp.Rational(1, 10**10) * zero_value),
            ),
            Clause(
                "passed",
                f"the flow from {_SMALLEST} rests at the same points, as long as it rests at every rank, where the "
                "mask is connected. Where it is not, parts of the matrix do not wait for each other, and the part that "
                "has grown longer may escape before the one that escapes faster",
                sp.Implies(sp.Eq(components, 1), near) if connected else near,
                asymptotic=True,
            ),
        ),
        checks=(
            Trajectory(
                ("rank", "critical", "orthogonal", "decrease", "passed"),
                _stages,
                "stages of greedy low-rank learning, and a flow from an infinitesimal start",
                domain,
            ),
            Trajectory(
                ("passed",), _stages, "a disconnected mask, where the flow goes elsewhere", _disconnected(domain)
            ),
            Symbolic(("orthogonal", "decrease"), lambda: [theory.escape_derivation(fall)]),
        ),
        mutants=(
            Mutant("one-more-rank", "stage r ends at rank r + 1", lambda: glrl_ranks_are_critical(extra=1)),
            Mutant("exactly-critical", "a gradient of exactly zero", lambda: glrl_ranks_are_critical(bound=sp.S.Zero)),
            Mutant(
                "twice-the-fall",
                "f falls by mu^2/kappa",
                lambda: glrl_ranks_are_critical(fall=2 * theory.best_drop),
            ),
            Mutant(
                "disconnected-too",
                "the flow's points are those of greedy low-rank learning for disconnected masks as well",
                lambda: glrl_ranks_are_critical(connected=False),
            ),
        ),
    )


def _disconnected(domain: Parameters) -> Parameters:
    """A problem of 4 x 4 in two parts, where the flow escapes along another direction than the algorithm."""
    return domain.restricted(
        IntegerRange(size, 4, 4), IntegerRange(symmetric, 1, 1), IntegerRange(seed, _PARTED, _PARTED)
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (
    infinitesimal_flow_is_glrl,
    glrl_ranks_are_critical,
)
