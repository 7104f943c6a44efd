"""Catalogue: cold starts of a 2 x 2 completion beside warm ones; both are measured, not proved."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import sympy as sp

from numerics.first_column import fitted_order
from numerics.plasticity import cold_limit, pretrained, warm_limit, worst_reason
from theory.symbols import alpha, depth, m, value
from verification.catalogue.families import measured
from verification.catalogue.plasticity import LABEL, warm_domain, warm_family
from verification.catalogue.sources import shin_yun
from verification.checks import Observation, Trajectory
from verification.evidence import Series
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Statement

_LADDER = tuple(10 ** (-3 - step / 4) for step in range(5))
_CERTAINTY = 3.0  # standard errors on either side of a fitted slope
#: 2 (1 - mu_2/mu_1), mu_1 and mu_2 the singular values of the observed entries [[1, 1], [0, 1]].
_COLD_ORDER = sp.sqrt(5) - 1

order = sp.Symbol("order", real=True)
cold_here, cold_half, warm_here, warm_half = sp.symbols(
    "cold(alpha) cold(alpha/2) warm(alpha) warm(alpha/2)", positive=True
)


def _cold_order(point: Point) -> Observation:
    """The slope of log sigma_2 against log alpha over cold starts at L = 2; radius: three standard errors."""
    family = warm_family(point)
    limits = [cold_limit(replace(family, alpha=Fraction(scale))) for scale in _LADDER]
    values = [float(one.singular_values[1]) for one in limits]
    fit = fitted_order(_LADDER, values, [one.error for one in limits])
    logarithms, middle = np.log10(_LADDER), len(_LADDER) // 2
    predicted = values[middle] * (np.array(_LADDER) / _LADDER[middle]) ** float(_COLD_ORDER)
    series = Series(
        title=f"m = {point[m]}: slope {fit.slope:.5f}, standard error {fit.standard_error:.1e}",
        axis="log10 alpha",
        quantity="sigma_2(W(oo)), cold start, L = 2",
        measured={"sigma_2": (tuple(logarithms), tuple(values))},
        predicted={"slope sqrt(5) - 1": (tuple(logarithms), tuple(predicted))},
    )
    slope = measured(fit.slope, _CERTAINTY * fit.standard_error)
    return Observation([{order: slope}], worst_reason([one.flow for one in limits]), series)


def _halved(point: Point) -> Observation:
    """sigma_2 of cold and warm starts at alpha and at alpha/2."""
    families = [warm_family(point), warm_family(point, shrink=2)]
    starts = [pretrained(family) for family in families]
    colds = [cold_limit(family) for family in families]
    warms = [warm_limit(family, start) for family, start in zip(families, starts, strict=True)]
    ends = zip((cold_here, cold_half, warm_here, warm_half), (*colds, *warms), strict=True)
    flows = [one.flow for one in (*colds, *warms, *(start.limit for start in starts))]
    return Observation(
        [{symbol: measured(limit.singular_values[1], limit.error) for symbol, limit in ends}], worst_reason(flows)
    )


_HALVED = {
    cold_here: "sigma_2(W(oo)) of the cold start from alpha",
    cold_half: "the same from alpha/2",
    warm_here: "sigma_2(W(oo)) of the warm start, pre-trained from alpha",
    warm_half: "the same, pre-trained from alpha/2",
}


def _small() -> Parameters:
    """Scales at which the orders in alpha show, and sigma_2 is well above the flows' errors."""
    return warm_domain((2, 4), ("0.02", "0.05"), ("1.5", "3"), infinite_m=False)


def cold_start_loses_rank(slope: sp.Expr = _COLD_ORDER, shallowest: int = 3) -> Statement:
    """cold-start-loses-rank, with the claimed order at L = 2, and the least depth of which the rest is claimed."""
    shallow = sp.Lt(depth, shallowest)
    two = Parameters(
        (
            IntegerRange(depth, 2, 2),
            RealRange(value, Fraction(1), Fraction(1)),
            RealRange(alpha, Fraction("1e-3"), Fraction("1e-3")),
            RealRange(m, Fraction("1.5"), Fraction(20)),
        )
    )
    return Statement(
        id="cold-start-loses-rank",
        title="A cold start tends to rank 1 with the scale at every depth, and a warm start does so beyond depth 2",
        source=shin_yun(f"{LABEL}; the cold start, and deep warm starts"),
        parameters=warm_domain((2, 4), ("1e-4", "0.05"), ("1.5", "20"), infinite_m=False),
        observables={
            **_HALVED,
            order: f"slope of log sigma_2 against log alpha, {len(_LADDER)} scales from {_LADDER[0]:g} down to "
            f"{_LADDER[-1]:g}; ball of {_CERTAINTY:g} standard errors",
        },
        depends=("pretrained-spectrum", "singular-value-memory"),
        clauses=(
            Clause(
                "cold-two",
                "L = 2, cold: sigma_2(W(oo)) = O(alpha^(sqrt(5) - 1)) as alpha -> 0; the exponent is "
                "2 (1 - mu_2/mu_1) of Li, Luo & Lyu's rate, and measured here within 1/100, not proved",
                sp.Le(sp.Abs(order - slope), sp.Rational(1, 100)),
                asymptotic=True,
            ),
            Clause(
                "cold-deep",
                "L >= 3, cold: sigma_2 falls by a factor of at least 4 when alpha is halved",
                sp.Or(shallow, sp.Le(4 * cold_half, cold_here)),
                asymptotic=True,
            ),
            Clause(
                "warm-deep",
                "L >= 3, m < oo, warm: the same",
                sp.Or(shallow, sp.Le(4 * warm_half, warm_here)),
                asymptotic=True,
            ),
        ),
        checks=(
            Trajectory(("cold-two",), _cold_order, "power law fitted to limits of the flow", two),
            Trajectory(("cold-deep", "warm-deep"), _halved, "cold and warm starts as flows", _small()),
        ),
        mutants=(
            Mutant("order-2", "order alpha^2 at L = 2", lambda: cold_start_loses_rank(slope=sp.Integer(2))),
            Mutant("also-depth-2", "what is claimed for L >= 3 at L = 2", lambda: cold_start_loses_rank(shallowest=2)),
        ),
    )


def plasticity_needs_depth_two(shallow: int = 2, shallowest: int = 3) -> Statement:
    """plasticity-needs-depth-two, with the depth of the first clause and the least depth of the second."""
    grown, before = warm_half / cold_half, warm_here / cold_here
    return Statement(
        id="plasticity-needs-depth-two",
        title="At equal scale, a warm start's second singular value leaves the cold one behind only at depth 2",
        source=shin_yun(f"{LABEL}; warm against cold"),
        parameters=_small(),
        observables=_HALVED,
        depends=("warm-start-keeps-rank", "cold-start-loses-rank"),
        clauses=(
            Clause(
                "two",
                "L = 2: sigma_2(warm)/sigma_2(cold) at least doubles when alpha is halved, and so has no bound",
                sp.Implies(sp.Eq(depth, shallow), sp.Ge(grown, 2 * before)),
                asymptotic=True,
            ),
            Clause(
                "deep",
                "L >= 3, m < oo: it grows by a tenth at most; that it stays bounded is suggested by this, not shown",
                sp.Or(sp.Lt(depth, shallowest), sp.Le(grown, sp.Rational(11, 10) * before)),
                asymptotic=True,
            ),
        ),
        checks=(Trajectory(("two", "deep"), _halved, "cold and warm starts as flows", _small()),),
        mutants=(
            Mutant("two-at-depth-3", "the first half at L = 3", lambda: plasticity_needs_depth_two(shallow=3)),
            Mutant("deep-at-depth-2", "the second half at L = 2", lambda: plasticity_needs_depth_two(shallowest=2)),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (cold_start_loses_rank, plasticity_needs_depth_two)
