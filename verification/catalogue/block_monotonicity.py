"""Catalogue: how the limit of the block-diagonal flow moves with alpha and m, and where it is nearly of rank 1."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import sympy as sp

from numerics.balls import ball
from numerics.block_limit import limit
from theory import block_monotonicity as theory
from theory.block_limit import limit_exponent
from theory.block_monotonicity import log_ratio, zeta
from theory.symbols import alpha, blocks, depth, m
from verification.budget import Budget
from verification.catalogue.families import LIMIT_ON_BOXES, family_at, family_domain, limit_root, scale_at, unit_box
from verification.catalogue.sources import shin_yun
from verification.checks import Certificate, Evaluation, Falsification, Quantities, Symbolic
from verification.errors import StatementError
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement
from verification.verdict import Verdict

Values = Mapping[sp.Symbol, Any]

rate_in_scale, rate_in_m = sp.symbols("dlog(sigma_2)/dlog(alpha) dlog(sigma_2/sigma_1)/dm", real=True)
stable_rank = sp.Symbol("stable_rank", positive=True)
_STEP = Fraction(101, 100)


def _rates(point: Point, digits: int) -> Values:
    """Chords over one percent, which are means of the rates: positive when the rates are."""
    here = limit(family_at(point), digits)
    scaled = limit(family_at(point | {alpha: _STEP * point[alpha]}), digits)
    spread = limit(family_at(point | {m: _STEP * point[m]}), digits)
    return {
        rate_in_scale: (scaled.rest / here.rest).log() / ball(_STEP).log(),
        rate_in_m: (spread.rest / spread.first / (here.rest / here.first)).log() / ball((_STEP - 1) * point[m]),
    }


def _rates_on_boxes(fixed: Point) -> Quantities:
    """The rates by implicit differentiation; at L = 2 sigma_2 does not depend on alpha."""
    if fixed[depth] == 2:
        return Quantities({rate_in_scale: sp.Integer(0), rate_in_m: 2 * sp.diff(theory.log_start_ratio.subs(fixed), m)})
    y = sp.exp(zeta + scale_at(fixed))
    rho = (blocks - 1) * sp.exp(log_ratio(zeta, scale_at(fixed), limit_exponent))
    rates = {rate_in_scale: theory.scale_rate(y, rho), rate_in_m: theory.spread_rate(y, rho)}
    values = {symbol: rate.subs(fixed) for symbol, rate in rates.items()}
    return Quantities(values, (limit_root(fixed),), LIMIT_ON_BOXES)


def block_monotonicity(shallowest: int = 3, sign: int = 1) -> Statement:
    """block-monotonicity, for depths from `shallowest` on; `sign` = -1 claims that the ratio falls with m."""
    y, rho = sp.symbols("y rho", positive=True)
    claims = {"scale": theory.scale_rate(y, rho), "spread": sign * theory.spread_rate(y, rho)}
    box = unit_box((shallowest, 8), RealRange(alpha, Fraction("1e-8"), Fraction(1)))
    return Statement(
        id="block-monotonicity",
        title="The limit's stable rank increases with the scale alpha and with m",
        source=shin_yun("Theorem 3.3 and Figure 2", Provenance.NEW),
        parameters=family_domain(depths=(shallowest, 8), scales=("1e-8", "1"), ms=("1.05", "100"), most_blocks=20),
        observables={
            rate_in_scale: "d log sigma_2/d log alpha (sampled as its mean over one percent of alpha)",
            rate_in_m: "d log(sigma_2/sigma_1)/dm (sampled as its mean over one percent of m)",
        },
        granted=("the limit equation (proved in block-limit)",),
        depends=("block-limit",),
        clauses=(
            Clause(
                "scale",
                "L >= 3: sigma_2, hence sigma_2/sigma_1 and the stable rank, increases strictly with alpha",
                sp.Gt(rate_in_scale, 0),
            ),
            Clause(
                "spread",
                "L >= 3: sigma_2/sigma_1, hence the stable rank, increases strictly with m",
                sp.Gt(sign * rate_in_m, 0),
            ),
        ),
        checks=(
            Certificate(
                ("scale", "spread"),
                box,
                _rates_on_boxes,
                box.restricted(IntegerRange(depth, shallowest, 4), IntegerRange(blocks, 2, 3)),
            ),
            Evaluation(("scale", "spread"), _rates, "chords between certified limits", digits=30),
            Falsification(("scale", "spread"), _rates, "chords between certified limits", digits=30),
            *(
                [Symbolic(("scale", "spread"), lambda: [theory.monotonicity_derivation(claims)])]
                if shallowest > 2
                else []
            ),
        ),
        mutants=(
            Mutant("also-depth-2", "the same at L = 2, where alpha plays no part", lambda: block_monotonicity(2)),
            Mutant("falls-with-m", "the stable rank falls with m", lambda: block_monotonicity(sign=-1)),
        ),
    )


#: The largest alpha of three digits, per depth, for which `block-stable-rank` is certified: `largest_scale` finds them.
LARGEST_SCALES: dict[int, Fraction] = {
    3: Fraction("0.0282"),
    4: Fraction("0.137"),
    5: Fraction("0.247"),
    6: Fraction("0.34"),
    7: Fraction("0.417"),
    8: Fraction("0.481"),
}


def _stable_rank(point: Point, digits: int) -> Values:
    spectrum = limit(family_at(point), 2 * digits)
    return {stable_rank: 1 + (point[blocks] - 1) * (spectrum.rest / spectrum.first) ** 2}


def _stable_rank_on_boxes(fixed: Point) -> Quantities:
    ratio = sp.exp(2 * log_ratio(zeta, scale_at(fixed), limit_exponent)).subs(fixed)
    return Quantities({stable_rank: 1 + (fixed[blocks] - 1) * ratio}, (limit_root(fixed),), LIMIT_ON_BOXES)


def stable_rank_box(depths: tuple[int, int], largest: Fraction) -> Parameters:
    """The box of the certificate: every alpha down to 0."""
    return unit_box(depths, RealRange(alpha, Fraction(0), largest), ("1.1", "10"))


def block_stable_rank(growth: Fraction = Fraction(1)) -> Statement:
    """block-stable-rank, with the claimed scales times `growth`."""
    scales = {layers: growth * largest for layers, largest in LARGEST_SCALES.items()}
    box = stable_rank_box((3, 8), max(scales.values()))
    within = sp.Or(*(sp.And(sp.Eq(depth, layers), sp.Le(alpha, sp.Rational(top))) for layers, top in scales.items()))
    return Statement(
        id="block-stable-rank",
        title="Below an explicit scale the limit has stable rank 1 to one part in a million",
        source=shin_yun("Corollary of Theorem 3.3, quantified", Provenance.NEW),
        parameters=unit_box((3, 8), RealRange(alpha, Fraction("1e-9"), max(scales.values())), ("1.1", "10")),
        assumptions=(within,),
        observables={stable_rank: "stable rank of W(oo)"},
        granted=("the limit equation (proved in block-limit)",),
        depends=("block-limit",),
        clauses=(
            Clause(
                "nearly-one",
                "stable rank <= 1 + 1e-6 for s = 1, w* = 1, n <= 20, 1.1 <= m <= 10 and alpha <= "
                + ", ".join(f"{float(top):g} (L = {layers})" for layers, top in scales.items()),
                sp.Le(stable_rank, 1 + sp.Rational(1, 10**6)),
            ),
        ),
        checks=(
            Certificate(("nearly-one",), box, _stable_rank_on_boxes),
            Falsification(("nearly-one",), _stable_rank, "certified limit", digits=30),
        ),
        mutants=(
            Mutant("larger-scales", "the scales ten percent larger", lambda: block_stable_rank(Fraction(11, 10))),
        ),
    )


def largest_scale(layers: int, budget: Budget) -> Fraction:
    """The largest three-digit alpha below 1 at which the certificate of `block-stable-rank` holds, by bisection.

    Certified at the returned alpha and not at the next decimal; in between nothing is claimed. Raises StatementError
    when not even the smallest, 0.001, is certified.
    """

    def certified(thousandths: int) -> bool:
        box = stable_rank_box((layers, layers), Fraction(thousandths, 10_000))
        check = Certificate(("nearly-one",), box, _stable_rank_on_boxes)
        return (
            check.run(replace(block_stable_rank(), parameters=box, assumptions=()), budget).verdict is Verdict.CERTIFIED
        )

    low, high = 10, 10_000
    if not certified(low):
        raise StatementError(f"depth: no scale from 0.001 on is certified at L = {layers}")
    while high - low > (1 if low < 1000 else 10):
        middle = (low + high) // 2 if low < 1000 else 10 * ((low + high) // 20)
        low, high = (middle, high) if certified(middle) else (low, middle)
    return Fraction(low, 10_000)


STATEMENTS: tuple[Callable[[], Statement], ...] = (block_monotonicity, block_stable_rank)
