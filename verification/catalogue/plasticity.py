"""Catalogue: warm starts of a 2 x 2 completion, what they remember of pre-training, and what depth changes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from numerics.block_diagonal import BlockFamily, exact_layers, problem
from numerics.certified_flow import MatrixBall, Outcome
from numerics.gradient_flow import FlowLimit, GradientFlow
from numerics.plasticity import (
    certified_end,
    enclosed_residual_integral,
    extended_problem,
    pretrained,
    residual_integrals,
    warm_flow,
    warm_limit,
    worst_reason,
)
from theory import plasticity as theory
from theory.plasticity import integral
from theory.symbols import alpha, depth, m, sigma_1, sigma_2, value
from verification.catalogue.families import measured
from verification.catalogue.sources import shin_yun
from verification.checks import Enclosed, Enclosure, Observation, Symbolic, Trajectory
from verification.evidence import Series
from verification.flow_enclosure import certified, enclosed_limits, not_enclosed
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement

LABEL = "message of Proposition 4.1, Theorems 4.2 and 4.3"
_PROBLEM = "w_11 = w_22 = w* observed first, then w_12 = w* as well"

entry = sp.Symbol("w_12", positive=True)
target = sp.Symbol("w*_12", positive=True)
warm, other = (sp.symbols(f"sigma_1({at}) sigma_2({at}) w_21({at})", real=True) for at in ("alpha", "alpha/7"))
#: Digits to which pre-training is enclosed beyond the warm start, whose error begins with that of its start.
_SPARE_DIGITS = 10

later = sp.Symbol("sigma_2(t)", positive=True)
smallest, norm = sp.Symbol("sigma_min(t)", nonnegative=True), sp.Symbol("|R(t)|", nonnegative=True)


def warm_family(point: Point, layers: int | None = None, shrink: int = 1) -> BlockFamily:
    """The member at a point; `layers` in the place of its depth, alpha divided by `shrink`."""
    return BlockFamily(layers or point[depth], 2, 1, point[value], point[alpha] / shrink, point[m])


def warm_domain(
    depths: tuple[int, int], scales: tuple[str, str], ms: tuple[str, str], *, infinite_m: bool
) -> Parameters:
    """The parameters (L, w*, alpha, m) of the 2 x 2 family, in the stated ranges."""
    return Parameters(
        (
            IntegerRange(depth, *depths),
            RealRange(value, Fraction("0.5"), Fraction(2)),
            RealRange(alpha, Fraction(scales[0]), Fraction(scales[1])),
            RealRange(m, Fraction(ms[0]), Fraction(ms[1]), infinity=infinite_m),
        )
    )


def _spectrum(limit: FlowLimit, symbols: tuple[sp.Symbol, ...]) -> dict[sp.Symbol, Any]:
    """sigma_1 and sigma_2, and with a third symbol the lower left entry."""
    found = [*limit.singular_values, limit.matrix[1, 0]]
    return {symbol: measured(number, limit.error) for symbol, number in zip(symbols, found, strict=False)}


def _pretrained(point: Point) -> Observation:
    start = pretrained(warm_family(point))
    values = _spectrum(start.limit, (sigma_1, sigma_2))
    return Observation(
        [values | {entry: measured(start.limit.matrix[0, 1], start.limit.error)}], start.limit.flow.reason
    )


def pretrained_spectrum(
    cosine: sp.Expr = theory.pretrained_cosine,
    second: sp.Expr = theory.pretrained_second,
    gap: sp.Expr = theory.pretrained_gap,
    bound: sp.Expr = theory.pretrained_bound,
) -> Statement:
    """pretrained-spectrum, with the claimed w_12/w* and sigma_2 at L = 2, and D and the bound on sigma_2 at L >= 3."""
    domain = warm_domain((2, 5), ("0.1", "0.6"), ("1.5", "20"), infinite_m=True)
    two = domain.restricted(IntegerRange(depth, 2, 2))
    deep = domain.restricted(IntegerRange(depth, 3, 5), RealRange(m, Fraction("1.5"), Fraction(20)))
    power = theory.memory_exponent
    return Statement(
        id="pretrained-spectrum",
        title="Pre-training on the diagonal leaves sigma_2 of order 1 at depth 2, and of order alpha^L beyond",
        source=shin_yun(f"{LABEL}; the state after pre-training"),
        parameters=domain,
        observables={
            sigma_1: "largest singular value of W after pre-training",
            sigma_2: "second singular value of W after pre-training",
            entry: "unobserved entry after pre-training",
        },
        depends=("depth2-diagonal-limit", "block-limit", "block-small-scale"),
        clauses=(
            Clause(
                "two",
                "L = 2: w_12 = w* c, c = (2/m)/(1 + 1/m^2), sigma_2 = w* (1 - 1/m)^2/(1 + 1/m^2), for every alpha",
                sp.And(sp.Eq(entry, value * cosine), sp.Eq(sigma_1, theory.pretrained_first), sp.Eq(sigma_2, second)),
            ),
            Clause(
                "deep",
                "L >= 3: sigma_1 + sigma_2 = 2 w* and sigma_2^(-(1-2/L)) - sigma_1^(-(1-2/L)) = D",
                sp.And(sp.Eq(sigma_1 + sigma_2, 2 * value), sp.Eq(sigma_2**power - sigma_1**power, gap)),
            ),
            Clause("vanishes", "L >= 3, m < oo: sigma_2 <= alpha^L K^(-q), which tends to 0", sp.Le(sigma_2, bound)),
        ),
        checks=(
            Trajectory(("two",), _pretrained, "limit of the full matrix flow", two),
            Trajectory(("deep", "vanishes"), _pretrained, "limit of the full matrix flow", deep),
            Symbolic(
                ("two", "deep", "vanishes"),
                lambda: [theory.pretrained_derivation(cosine, second), theory.deep_derivation(gap, bound)],
            ),
        ),
        mutants=(
            Mutant(
                "cosine-2-over-m",
                "w_12 = 2 w*/m",
                lambda: pretrained_spectrum(cosine=2 / m),
            ),
            Mutant(
                "without-square",
                "sigma_2 = w* (1 - 1/m)/(1 + 1/m^2)",
                lambda: pretrained_spectrum(second=theory.pretrained_second / (1 - 1 / m)),
            ),
            Mutant("half-the-gap", "D/2 in the place of D", lambda: pretrained_spectrum(gap=theory.pretrained_gap / 2)),
            Mutant(
                "smaller-bound",
                "a tenth of the bound",
                lambda: pretrained_spectrum(bound=theory.pretrained_bound / 10),
            ),
        ),
    )


def _two_warm_starts(point: Point) -> Observation:
    """The end of a warm start, for pre-training from alpha and from alpha/7, and the first one's memory."""
    families = [warm_family(point), warm_family(point, shrink=7)]
    starts = [pretrained(family) for family in families]
    limits = [warm_limit(family, start) for family, start in zip(families, starts, strict=True)]
    flow = warm_flow(families[0], starts[0])
    total, error = (float(one[-1]) for one in residual_integrals(flow))
    values = {
        **_spectrum(limits[0], warm),
        **_spectrum(limits[1], other),
        **_spectrum(starts[0].limit, (sigma_1, sigma_2)),
        integral: measured(total, error),
    }
    return Observation([values], worst_reason([one.flow for one in (*limits, *(start.limit for start in starts))]))


def _enclosed_warm_starts(point: Point, digits: int) -> Enclosed:
    """The same of certified flows: the warm starts are all that begin where pre-training was proven to end."""
    families = [warm_family(point), warm_family(point, shrink=7)]
    before = [certified(problem(family), exact_layers(family), digits + _SPARE_DIGITS) for family in families]
    for flow in before:
        if flow.outcome is Outcome.UNDECIDED:
            return not_enclosed(flow)
    after = []
    for family, flow in zip(families, before, strict=True):
        layers, radius = certified_end(flow)
        after.append(certified(extended_problem(family), layers, digits, start_radius=radius))

    def values(end: MatrixBall, _end: MatrixBall, *limits: MatrixBall) -> Mapping[sp.Symbol, Any]:
        found = dict(zip((sigma_1, sigma_2), end.singular_values, strict=True))
        found[integral] = enclosed_residual_integral(after[0])
        for symbols, limit in zip((warm, other), limits, strict=True):
            found |= dict(zip(symbols, [*limit.singular_values, limit.entries[1, 0]], strict=True))
        return found

    return enclosed_limits([*before, *after], values)


def warm_start_keeps_rank(
    layers: int = 2, second: sp.Expr = theory.pretrained_second, moved: sp.Expr = theory.shallow_bound
) -> Statement:
    """warm-start-keeps-rank at depth `layers`, with the claimed sigma_2 before, and how far it may be moved."""
    domain = warm_domain((layers, layers), ("0.05", "0.5"), ("1.5", "20"), infinite_m=True)
    listed = domain.restricted(
        RealRange(value, Fraction(1), Fraction(1)),
        RealRange(alpha, Fraction("0.5"), Fraction("0.5")),
        RealRange(m, Fraction(2), Fraction(2)),
    )
    return Statement(
        id="warm-start-keeps-rank",
        title="At depth 2 a warm start ends at the same matrix of rank 2, however small the initialisation was",
        source=shin_yun(f"{LABEL}; the warm start at depth 2"),
        parameters=domain,
        observables={
            sigma_1: "largest singular value of W after pre-training",
            sigma_2: "second singular value of W after pre-training",
            **dict.fromkeys(warm, f"of W(oo) after {_PROBLEM}, pre-trained from alpha"),
            **dict.fromkeys(other, "the same, pre-trained from alpha/7"),
            integral: "integral of |R|_F over the warm start",
        },
        depends=("pretrained-spectrum", "end-to-end-flow", "singular-value-memory"),
        granted=("the warm start converges to zero loss, so that the integral of |R|_F is finite",),
        clauses=(
            Clause(
                "two",
                "W after pre-training does not depend on alpha: sigma_2 = w* (1 - 1/m)^2/(1 + 1/m^2)",
                sp.And(sp.Eq(sigma_1, theory.pretrained_first), sp.Eq(sigma_2, second)),
            ),
            Clause(
                "closed",
                "balanced flow is closed in W, so W(oo) does not depend on alpha either",
                sp.And(*(sp.Eq(one, another) for one, another in zip(warm, other, strict=True))),
            ),
            Clause(
                "shallow",
                "sigma_2(W(oo)) >= sigma_2 exp(-2 I), I the integral of |R|_F: for m > 1 the rank stays 2",
                sp.Ge(warm[1], sigma_2 * sp.exp(-moved)),
            ),
        ),
        checks=(
            Trajectory(("two", "closed", "shallow"), _two_warm_starts, "pre-training and warm start as flows", domain),
            Symbolic(
                ("two", "closed", "shallow"),
                lambda: [
                    theory.pretrained_derivation(theory.pretrained_cosine, second),
                    theory.closed_derivation(layers),
                    replace(theory.memory_derivation(moved, theory.deep_bound), clauses=("shallow",)),
                ],
            ),
            *(
                Enclosure(
                    clauses,
                    _enclosed_warm_starts,
                    "certified limits of pre-training and of the warm start from there",
                    listed,
                    digits=8,
                )
                for clauses in (("two", "closed"), ("shallow",))
            ),
        ),
        mutants=(
            Mutant("depth-3", "the same at L = 3", lambda: warm_start_keeps_rank(layers=3)),
            Mutant(
                "without-square",
                "sigma_2 = w* (1 - 1/m)/(1 + 1/m^2)",
                lambda: warm_start_keeps_rank(second=theory.pretrained_second / (1 - 1 / m)),
            ),
            Mutant(
                "half-the-integral",
                "I/2 in the place of 2 I",
                lambda: warm_start_keeps_rank(moved=theory.shallow_bound / 4),
            ),
        ),
    )


def _memory(point: Point) -> Observation:
    """sigma_2 and the integral of |R|_F so far, at eight moments of a warm start."""
    family = warm_family(point)
    start = pretrained(family)
    flow = warm_flow(family, start)
    totals, errors = residual_integrals(flow)
    values, error = flow.singular_values[:, 1], _flow_error(flow)
    stride = max(1, len(totals) // 8)
    snapshots = [
        {
            sigma_2: measured(values[0], error),
            later: measured(values[place], error),
            integral: measured(totals[place], errors[place]),
        }
        for place in range(stride, len(totals), stride)
    ]
    return Observation(snapshots, worst_reason([start.limit.flow, flow]))


def _flow_error(flow: GradientFlow) -> float:
    """Number of steps times the integrator's tolerance times the size of the state."""
    return len(flow.times) * flow.relative_tolerance * (1 + float(flow.singular_values.max()))


def singular_value_memory(shallow: sp.Expr = theory.shallow_bound, deep: sp.Expr = theory.deep_bound) -> Statement:
    """singular-value-memory, with the claimed bounds on how far I moves it at L = 2 and at L >= 3."""
    domain = warm_domain((2, 5), ("0.2", "0.6"), ("1.5", "20"), infinite_m=True)
    power = theory.memory_exponent
    return Statement(
        id="singular-value-memory",
        title="New data move a singular value by at most the integral of the residual, on a scale set by the depth",
        source=shin_yun(f"{LABEL}; the mechanism", Provenance.NEW),
        parameters=domain,
        observables={
            sigma_2: "a singular value when the new data come",
            later: "the same at time t",
            integral: "integral of |R|_F until then",
        },
        depends=("singular-value-dynamics",),
        clauses=(
            Clause(
                "shallow",
                "L = 2, any mask, balanced layers: |log sigma_r(t) - log sigma_r(0)| <= 2 I(t)",
                sp.Le(sp.Abs(sp.log(later) - sp.log(sigma_2)), shallow),
            ),
            Clause(
                "deep",
                "L >= 3: |sigma_r(t)^(-(1-2/L)) - sigma_r(0)^(-(1-2/L))| <= (L-2) I(t), so that a sigma_r(0) that "
                "tends to 0 takes sigma_r(t) with it while I stays bounded",
                sp.Le(sp.Abs(later**power - sigma_2**power), deep),
            ),
        ),
        checks=(
            Trajectory(
                ("shallow",), _memory, "sigma_2 along warm starts", domain.restricted(IntegerRange(depth, 2, 2))
            ),
            Trajectory(("deep",), _memory, "sigma_2 along warm starts", domain.restricted(IntegerRange(depth, 3, 5))),
            Symbolic(("shallow", "deep"), lambda: [theory.memory_derivation(shallow, deep)]),
        ),
        mutants=(
            Mutant("half-at-two", "I in the place of 2 I", lambda: singular_value_memory(shallow=integral / 2)),
            Mutant(
                "one-less", "L - 3 in the place of L - 2", lambda: singular_value_memory(deep=(depth - 3) * integral)
            ),
        ),
    )


def _margin(point: Point) -> Observation:
    """sigma_min and |R|_F along a warm start whose new entry is at w*_12."""
    family = warm_family(point)
    start = pretrained(family)
    flow = warm_flow(family, start, float(point[target]))
    norms = np.linalg.norm(np.where(flow.problem.mask, flow.products - flow.problem.targets, 0.0), axis=(1, 2))
    values, error = flow.singular_values[:, -1], _flow_error(flow)
    first = {sigma_2: measured(values[0], error), entry: measured(start.limit.matrix[0, 1], start.limit.error)}
    stride = max(1, len(values) // 8)
    snapshots = [
        {**first, smallest: measured(values[place], error), norm: measured(norms[place], error)}
        for place in range(stride, len(values), stride)
    ]
    moments = tuple(flow.times)
    series = Series(
        title=f"{family}, w*_12 = {float(point[target]):g}",
        axis="time t",
        quantity="sigma_min(W(t))",
        measured={"sigma_min": (moments, tuple(values))},
        predicted={"lower bound": (moments, tuple(values[0] - norms[0] + norms))},
    )
    return Observation(snapshots, worst_reason([start.limit.flow, flow]), series)


def warm_start_margin(sign: int = 1, share: sp.Expr = sp.S.One) -> Statement:
    """warm-start-margin, with `sign` |R(t)| added to the bound, and `share` of the new residual subtracted."""
    domain = Parameters(
        (
            *warm_domain((2, 4), ("0.1", "0.5"), ("1.5", "20"), infinite_m=True).ranges,
            RealRange(target, Fraction("0.2"), Fraction(2)),
        )
    )
    return Statement(
        id="warm-start-margin",
        title="What pre-training leaves in the smallest singular value, new data lower by no more than their residual",
        source=shin_yun(f"{LABEL}; residual-margin applied", Provenance.NEW),
        parameters=domain,
        observables={
            sigma_2: "smallest singular value after pre-training",
            entry: "w_12 after pre-training",
            smallest: "smallest singular value at time t of the warm start",
            norm: "|R|_F then",
        },
        depends=("residual-margin",),
        clauses=(
            Clause(
                "margin",
                "when w_12 is observed at w*_12: sigma_min(W(t)) - |R(t)|_F >= sigma_2 - |w*_12 - w_12|, at any depth",
                sp.Ge(smallest - sign * norm, sigma_2 - share * sp.Abs(target - entry)),
            ),
        ),
        checks=(
            Trajectory(("margin",), _margin, "sigma_min along warm starts", domain),
            Symbolic(("margin",), lambda: [theory.margin_derivation(sign, share)]),
        ),
        mutants=(
            Mutant("plus-residual", "sigma_min + |R| never decreases", lambda: warm_start_margin(sign=-1)),
            Mutant(
                "half-the-residual",
                "half of |w*_12 - w_12|",
                lambda: warm_start_margin(share=sp.Rational(1, 2)),
            ),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (
    pretrained_spectrum,
    singular_value_memory,
    warm_start_keeps_rank,
    warm_start_margin,
)
