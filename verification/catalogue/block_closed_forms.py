"""Catalogue: the limit in closed form, at depth 4 and at infinite depth."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import sympy as sp
from flint import ctx

from numerics.balls import ball
from numerics.block_limit import certified_root, conserved_gap
from numerics.block_ratio import limit_by_ratio
from theory import block_closed_forms as theory
from theory.symbols import blocks, gap, sigma_1, sigma_2, total, z
from verification.catalogue.families import Z_OBSERVABLE, family_at, family_domain
from verification.catalogue.sources import shin_yun
from verification.checks import Evaluation, Falsification, Symbolic
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]


def _depth_four(point: Point, digits: int) -> Values:
    """z from the independent ratio coordinate, with the gap D and the total d w* that the radicals need."""
    family = family_at(point)
    spectrum = limit_by_ratio(family, digits)
    return {
        z: spectrum.first ** ball(Fraction(-1, 2)),
        gap: conserved_gap(family),
        total: ball(family.total),
    }


def block_limit_depth4(root: sp.Expr = theory.depth_four_root) -> Statement:
    """block-limit-depth4, with the claimed root in radicals."""
    domain = family_domain(depths=(4, 4), scales=("1e-3", "10"), ms=("1.01", "100"))
    return Statement(
        id="block-limit-depth4",
        title="At depth 4 the limit is solved in radicals, by one formula for every m < oo",
        source=shin_yun("Theorem 3.3, L = 4"),
        parameters=domain,
        observables=Z_OBSERVABLE | {gap: "conserved gap of the invariant", total: "d w*"},
        clauses=(
            Clause(
                "root", "z is the stated expression in radicals of n, D and d w*", sp.Eq(z, sp.re(root, evaluate=False))
            ),
        ),
        checks=(
            Evaluation(("root",), _depth_four, "radicals against a sign change in log(sigma_2/sigma_1)"),
            Falsification(("root",), _depth_four, "radicals against the certified root", digits=20),
            Symbolic(("root",), lambda: [theory.depth_four_derivation(root)]),
        ),
        granted=("the limit equation (proved in block-limit)",),
        depends=("block-limit",),
        mutants=(
            Mutant(
                "radical-sign",
                "the sign of one radical changed",
                lambda: block_limit_depth4(theory.depth_four_wrong_sign),
            ),
        ),
    )


first_start, share = sp.symbols("sigma_1(0) rho_0", positive=True)
_LADDER = (10, 100, 1000, 100_000)
_at_depth = {number: sp.Symbol(f"y_{number}", real=True) for number in _LADDER}


def _ladder(point: Point, _digits: int) -> Values:
    """log(sigma_2/sigma_1) of the limit at depths 10 to 10^5, at one initial product spectrum."""
    n, c = point[blocks], ball(point[total])
    first = ball(point[first_start])
    rest = first * ball(point[share])
    found = {}
    for number, symbol in _at_depth.items():
        q = ball(Fraction(number, number - 2))
        delta = (rest ** (-1 / q) - first ** (-1 / q)) * c ** (1 / q)
        zeta = certified_root(delta, n, q, ctx.prec)
        found[symbol] = -q * (1 + delta / zeta).log()
    return found


def block_limit_infinite_depth(half_gap: sp.Expr = theory.infinite_depth_gap) -> Statement:
    """block-limit-infinite-depth, with the claimed half gap as an expression in the initial sigma_1, sigma_2."""
    initial = {sigma_1: first_start, sigma_2: share * first_start}
    half = half_gap.subs(initial, simultaneous=True)
    centre = theory.infinite_depth_centre.subs(theory.half_gap, half)
    limit = sp.log((centre - half) / (centre + half))
    slope = theory.infinite_depth_slope(limit, *initial.values())
    tolerance = 1 + sp.Abs(slope)
    return Statement(
        id="block-limit-infinite-depth",
        title="As depth grows at fixed initial singular values, the limit tends to the root of a quadratic",
        source=shin_yun("Theorem 3.3, L -> oo", Provenance.NEW),
        parameters=Parameters(
            (
                IntegerRange(blocks, 2, 10),
                RealRange(total, Fraction("0.5"), Fraction(10)),
                RealRange(first_start, Fraction("0.01"), Fraction(1)),
                RealRange(share, Fraction("0.1"), Fraction("0.95")),
            )
        ),
        observables={
            symbol: f"log(sigma_2/sigma_1) of the limit at L = {number}" for number, symbol in _at_depth.items()
        },
        clauses=(
            Clause("conserved", "1/sigma_2 - 1/sigma_1 is conserved in the limit L -> oo", None),
            Clause(
                "root",
                "log(sigma_2/sigma_1) of the limit at depth L tends to that of the quadratic's root; judged at L = 10, "
                "100, 1000 and 10^5 by |y_L - y_oo| <= 12 (1 + |dy/d(1/q)|)/L",
                sp.And(*(sp.Le(number * sp.Abs(found - limit), 12 * tolerance) for number, found in _at_depth.items())),
            ),
            Clause(
                "rate",
                "L (y_L - y_oo) tends to -2 dy/d(1/q), a 1/L rate with its constant; judged at L = 10^5 to 1/1000",
                sp.Le(sp.Abs(_LADDER[-1] * (_at_depth[_LADDER[-1]] - limit) + 2 * slope), tolerance / 1000),
                asymptotic=True,
            ),
        ),
        checks=(
            Evaluation(("root", "rate"), _ladder, "certified limits at L = 10, 100, 1000, 10^5 against the quadratic"),
            Falsification(("root", "rate"), _ladder, "certified limits at four depths"),
            Symbolic(
                ("conserved", "root", "rate"),
                lambda: [theory.infinite_depth_derivation(half_gap, theory.infinite_depth_centre)],
            ),
        ),
        granted=("the limit equation (proved in block-limit)",),
        depends=("block-invariant", "block-limit"),
        mutants=(
            Mutant(
                "whole-gap",
                "1/sigma_2 - 1/sigma_1 in place of its half",
                lambda: block_limit_infinite_depth(2 * theory.infinite_depth_gap),
            ),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (block_limit_depth4, block_limit_infinite_depth)
