"""Catalogue: diagonal observations at depth 2 with positive targets: minimum nuclear norm at small scale."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from numerics.balls import ball, compiled
from numerics.depth_two import diagonal_limit, diagonal_limit_float64
from numerics.gradient_flow import flow_limit
from theory import nuclear_norm as theory
from theory.depth_two import dots
from theory.symbols import alpha, blocks
from verification.catalogue.depth_two import (
    DiagonalStart,
    diagonal_domain,
    difference_squares,
    inner_products,
    seed,
    signs,
    sizes,
    start_at,
    sum_squares,
    unobserved,
    width,
)
from verification.catalogue.families import measured
from verification.catalogue.sources import source
from verification.checks import Evaluation, Falsification, Observation, Symbolic, Trajectory
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]

_ROUNDING = 1e-12
_SLACK = sp.Rational(1, 10**9)
_COMPLETIONS = 20
_SHARE = compiled(theory.nuclear_share)

difference_cosine = sp.Symbol("cos(q_1,q_2)", real=True)
law_norm, lowest, other, rank = sp.symbols("N lambda_min N_other rank", real=True)
flow_norm = sp.Symbol("N_W", positive=True)
shares = sp.Symbol("S", nonnegative=True)


def _law_and_completions(point: Point, _digits: int) -> Values:
    """Spectrum of the law's matrix, and the least nuclear norm of random matrices with the same diagonal."""
    start = start_at(point)
    targets = np.array([float(target) for target in start.targets])
    rows = start.sums.astype(float)
    rows *= (np.sqrt(targets) / np.linalg.norm(rows, axis=1))[:, None]
    total = float(targets.sum())
    values = np.linalg.eigvalsh(rows @ rows.T)
    singular = np.linalg.svd(rows @ rows.T, compute_uv=False)
    random = np.random.default_rng(point[seed] + 1)
    noise = random.standard_normal((_COMPLETIONS, len(targets), len(targets)))
    noise *= np.sqrt(np.outer(targets, targets)) * np.exp(random.uniform(-3, 1, (_COMPLETIONS, 1, 1)))
    others = np.where(np.eye(len(targets), dtype=bool), np.diag(targets), noise)
    least = float(np.linalg.svd(others, compute_uv=False).sum(axis=1).min())
    return {
        theory.trace: ball(sum(start.targets, Fraction(0))),
        lowest: measured(values[0], _ROUNDING * total),
        law_norm: measured(float(singular.sum()), _ROUNDING * total),
        other: measured(least, _ROUNDING * least),
        rank: int((singular > 1e-13 * total).sum()),
    }


def _angles(start: DiagonalStart) -> dict[sp.Symbol, Any]:
    """cos angle(p_1, p_2), cos angle(q_1, q_2), epsilon_1 and epsilon_2, as balls."""
    products = inner_products(start)
    lengths = {symbol: ball(products[symbol]).sqrt() for symbol in (*sum_squares, *difference_squares)}
    (p_1, p_2), (q_1, q_2) = ([lengths[symbol] for symbol in part] for part in (sum_squares, difference_squares))
    return {
        theory.cosine: ball(products[dots[0][0]]) / (p_1 * p_2),
        difference_cosine: ball(products[dots[1][1]]) / (q_1 * q_2),
        theory.product_1: p_1 * q_1,
        theory.product_2: p_2 * q_2,
    }


def _explicit_entry(point: Point, digits: int) -> Values:
    """W_12 from the explicit limit, and the angles of the start; balls."""
    start = start_at(point)
    return _angles(start) | {unobserved: diagonal_limit(start.first, start.second, start.targets, digits)[0, 1]}


def _norms(start: DiagonalStart, matrix: np.ndarray, error: float) -> dict[sp.Symbol, Any]:
    """T, the nuclear norm of `matrix`, and the shares of the pairs beyond the second."""
    beyond = ball(0)
    for p, q, target in list(zip(start.sums, start.differences, start.targets, strict=True))[2:]:
        beyond += _SHARE({theory.target_1: target, theory.product_1: ball((p @ p) * (q @ q)).sqrt()})
    found = float(np.linalg.svd(matrix, compute_uv=False).sum())
    # The nuclear norm of the error is at most sqrt(n) times its Frobenius norm.
    radius = error * np.sqrt(len(matrix)) + _ROUNDING * found
    return {
        theory.trace: ball(sum(start.targets, Fraction(0))),
        flow_norm: measured(found, radius),
        shares: beyond,
    }


def _closed_form(point: Point, _digits: int) -> Values:
    """The norms of the explicit limit in float64."""
    start = start_at(point)
    targets = np.array([float(target) for target in start.targets])
    return _angles(start) | _norms(start, diagonal_limit_float64(start.layers[0], start.layers[1], targets), 0.0)


def _flow(point: Point) -> Observation:
    """W_12 and the norms of the full flow's limit."""
    start = start_at(point)
    limit = flow_limit(start.problem, start.layers)
    values = _angles(start) | _norms(start, limit.matrix, limit.error)
    return Observation([values | {unobserved: measured(limit.matrix[0, 1], limit.error)}], limit.flow.reason)


def depth2_diagonal_nuclear_norm(
    law: sp.Expr = theory.small_scale_entry,
    norm: sp.Expr = theory.trace,
    share: sp.Expr = theory.nuclear_share,
) -> Statement:
    """depth2-diagonal-nuclear-norm, with the claimed law of W_12, norm of the law's matrix, and share of each pair."""
    named = dict(zip((theory.target_1, theory.target_2), sizes, strict=True))
    domain = Parameters(
        tuple(one for one in diagonal_domain(("1e-6", "1"), widths=6).ranges if one.symbol not in signs)
    )
    flows = domain.restricted(RealRange(alpha, Fraction("0.02"), Fraction(1)), IntegerRange(blocks, 2, 3))
    second_pair = {theory.target_1: theory.target_2, theory.product_1: theory.product_2}
    both = (share + share.subs(second_pair, simultaneous=True)).subs(named)
    return Statement(
        id="depth2-diagonal-nuclear-norm",
        title="At depth 2 with positive diagonal observations, small scale leads to minimum nuclear norm and full rank",
        source=source("BZZ", "disconnected observations, depth 2", Provenance.RECONSTRUCTED),
        parameters=domain,
        observables={
            unobserved: "W_12(oo)",
            theory.cosine: "cosine of the angle between p_1 and p_2, p_i = a_i(0) + b_i(0)",
            difference_cosine: "cosine of the angle between q_1 and q_2, q_i = a_i(0) - b_i(0)",
            theory.product_1: "|p_1| |q_1|, of the order of alpha^2",
            theory.product_2: "|p_2| |q_2|",
            theory.trace: "sum of the w_i*",
            law_norm: "nuclear norm of the law's matrix",
            lowest: "its smallest eigenvalue",
            rank: "its numerical rank (singular values above 1e-13 T)",
            other: f"least nuclear norm of {_COMPLETIONS} random matrices with the same diagonal",
            flow_norm: "nuclear norm of W(oo)",
            shares: "sum of sqrt(w_i*^2 + epsilon_i^2/4) over i >= 3",
        },
        granted=("the limit at every scale (proved in depth2-diagonal-limit)",),
        clauses=(
            Clause(
                "limit",
                "W_ij(oo) -> sqrt(w_i* w_j*) cos angle(p_i, p_j) as the scale tends to 0: at every scale the distance "
                "is at most sqrt((w_i* + epsilon_i) (w_j* + epsilon_j)) - sqrt(w_i* w_j*), epsilon_i = |p_i| |q_i|",
                sp.Le(sp.Abs(unobserved - law.subs(named)), theory.small_scale_distance.subs(named)),
            ),
            Clause(
                "semidefinite",
                "the matrix of the law is positive semidefinite with trace T = sum w_i*; judged to 1e-9 T",
                sp.Ge(lowest, -_SLACK * theory.trace),
            ),
            Clause(
                "minimum",
                "its nuclear norm is T, and no matrix with the diagonal w_i* has a smaller one; judged to 1e-9",
                sp.And(sp.Eq(law_norm, norm), sp.Le(norm, (1 + _SLACK) * other)),
            ),
            Clause(
                "gap",
                "at every scale T <= |W(oo)|_* <= sum of sqrt(w_i*^2 + epsilon_i^2/4), which is at most "
                "T + sum of epsilon_i^2/(8 w_i*); judged to 1e-9",
                sp.And(sp.Le(theory.trace, (1 + _SLACK) * flow_norm), sp.Le(flow_norm, (1 + _SLACK) * (both + shares))),
            ),
            Clause(
                "full-rank",
                "for almost every start the matrix of the law has rank min(n, k), full when the width k is at least n",
                sp.Eq(rank, sp.Min(blocks, width)),
            ),
        ),
        checks=(
            Evaluation(("limit",), _explicit_entry, "law and its bound against the certified limit"),
            Falsification(
                ("semidefinite", "minimum", "full-rank"),
                _law_and_completions,
                "spectrum of the law's matrix, and random completions",
                digits=9,
            ),
            Falsification(("gap",), _closed_form, "explicit limit in float64", digits=9),
            Trajectory(("limit", "gap"), _flow, "limit of the full matrix flow", flows),
            Symbolic(
                ("limit", "semidefinite", "minimum", "gap", "full-rank"),
                lambda: [
                    theory.nuclear_limit_derivation(law, theory.small_scale_distance),
                    theory.nuclear_norm_derivation(law, norm),
                    theory.nuclear_gap_derivation(share),
                    theory.full_rank_derivation(),
                ],
            ),
        ),
        depends=("depth2-diagonal-limit",),
        mutants=(
            Mutant(
                "angle-of-differences",
                "angle between q_i and q_j in place of p_i and p_j",
                lambda: depth2_diagonal_nuclear_norm(law.subs(theory.cosine, difference_cosine)),
            ),
            Mutant(
                "no-root",
                "w_i* w_j* in place of its square root",
                lambda: depth2_diagonal_nuclear_norm(theory.target_1 * theory.target_2 * theory.cosine),
            ),
            Mutant(
                "norm-below-trace",
                "nuclear norm 0.9 T",
                lambda: depth2_diagonal_nuclear_norm(norm=sp.Rational(9, 10) * theory.trace),
            ),
            Mutant(
                "no-gap",
                "nuclear norm T at every scale",
                lambda: depth2_diagonal_nuclear_norm(share=theory.target_1),
            ),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (depth2_diagonal_nuclear_norm,)
