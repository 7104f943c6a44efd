"""Catalogue: how SGD with weight decay comes into B_r: a lower bound of the probability, and how often it does."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from numerics.dynamics import random_problem
from numerics.factorization import MatrixCompletion
from numerics.initialization import balanced_layers, gaussian_layers, layer_shapes
from numerics.low_rank_region import Region, quadratic
from numerics.reachability import Arrivals, arrivals, fullest_share
from theory import reachability as theory
from theory.critical_points import decay
from theory.low_rank_region import eta
from theory.reachability import columns_in, rank, rows_out, start, steps
from theory.symbols import depth
from verification.catalogue.families import frequency_ball, measured
from verification.catalogue.networks import seed
from verification.catalogue.sources import source
from verification.checks import Falsification, Symbolic
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]

_CHAINS = 300
_CONFIDENCE = 0.999
_ROUNDING = 1e-13

column = sp.Symbol("column factor", nonnegative=True)
share = sp.Symbol("share", nonnegative=True)
small = sp.Symbol("s_(r+1)", real=True)
event_frequency, frequency = sp.symbols("p_event p", nonnegative=True)


def _arrived(point: Point) -> Arrivals:
    """Chains on M = [[1, *], [1/4, 1]] from rank 2, half a step farther out than T unseen steps lead in.

    The small direction is that of the second column, and its weight decay is slower than what a step on that column
    puts there: the chains that arrive are those that do not see it.
    """
    problem = MatrixCompletion(np.array([[1, 0], [1, 1]]), np.array([[1.0, 0.0], [0.25, 1.0]]))
    rate, penalty, layers = float(point[eta]), float(point[decay]), point[depth]
    region = Region(1, 1.0, 0.2, 4.0, quadratic(1.0))
    threshold = region.profile.a * (1 - np.sqrt(1 - region.eps_2))
    second = threshold * (1 - 2 * rate * penalty) ** (1 - 2 * point[steps])
    product = np.diag(np.array([1.3, second]) ** (layers / 2))
    networks = balanced_layers(product, layer_shapes(2, 2, layers, 2), seed=point[seed])
    return arrivals(
        problem,
        networks,
        region,
        steps=point[steps],
        eta=rate,
        weight_decay=penalty,
        count=_CHAINS,
        seed=point[seed],
    )


def _frequencies(point: Point) -> Values:
    found = _arrived(point)
    return {
        event_frequency: frequency_ball(found.events, _CHAINS, _CONFIDENCE),
        frequency: frequency_ball(found.inside, _CHAINS, _CONFIDENCE),
    }


def _on_the_event(point: Point) -> Values:
    """A random problem and Gaussian layers; every step sees an entry of the r fullest columns."""
    given = random_problem(point[rows_out], point[columns_in], seed=point[seed])
    chosen = np.argsort(-given.mask.sum(axis=0), kind="stable")[: point[rank]]
    mask = np.zeros_like(given.mask)
    mask[:, chosen] = given.mask[:, chosen]
    seen = MatrixCompletion(mask, given.targets)
    width = max(point[rows_out], point[columns_in])
    shapes = layer_shapes(point[rows_out], point[columns_in], point[depth], width)
    layers = gaussian_layers(shapes, 1.0, seed=point[seed] + 1)
    region = Region(point[rank], 1.0, 0.2, 4.0, quadratic(0.1))
    rate, penalty, count = float(point[eta]), float(point[decay]), point[steps]
    given_rates = {"eta": rate, "weight_decay": penalty}
    found = arrivals(seen, layers, region, steps=count, count=1, seed=point[seed], **given_rates)
    factor = (1 - 2 * rate * penalty) ** count
    held, total = fullest_share(given.mask, point[rank])
    return {
        column: measured(factor * (1 + found.column_error), _ROUNDING * factor),
        share: arb(held) / total,
        small: measured(found.small_value, _ROUNDING * 100),
        start: measured(float(np.sum(layers[0] ** 2)), _ROUNDING),
    }


def b_r_is_reachable(
    factor: sp.Expr = theory.column_factor,
    least: sp.Expr = theory.least_share,
    landed: sp.Expr = theory.small_value,
    power: sp.Expr = steps,
) -> Statement:
    """b-r-is-reachable with the claimed decay of unseen columns, share of entries, s_(r+1) and exponent."""
    domain = Parameters(
        (
            IntegerRange(depth, 2, 4),
            IntegerRange(rows_out, 2, 4),
            IntegerRange(columns_in, 2, 4),
            IntegerRange(rank, 1, 3),
            IntegerRange(steps, 1, 5),
            RealRange(eta, Fraction("0.003"), Fraction("0.1")),
            RealRange(decay, Fraction("0.02"), Fraction(1)),
            IntegerRange(seed, 0, 10**6),
        )
    )
    small_problem = domain.restricted(
        IntegerRange(depth, 3, 3),
        IntegerRange(rows_out, 2, 2),
        IntegerRange(columns_in, 2, 2),
        IntegerRange(rank, 1, 1),
        RealRange(eta, Fraction("0.003"), Fraction("0.01")),
        RealRange(decay, Fraction("0.03"), Fraction("0.1")),
    )
    names = ("decay", "share", "lands")
    chains = f"{_CHAINS} chains on [[1, *], [1/4, 1]], L = 3, from rank 2 just outside B_1 (eps_2 = 0.2, a = 1)"
    return Statement(
        id="b-r-is-reachable",
        title="With a probability of at least (r/min(d_in, d_out))^T, T steps of SGD see few columns, and lead to B_r",
        source=source("WJ", "B_r is reachable", Provenance.RECONSTRUCTED),
        parameters=domain,
        assumptions=(sp.Lt(rank, sp.Min(rows_out, columns_in)),),
        observables={
            column: "what T steps on entries of r columns multiply the others of W_1 by (the entry farthest off)",
            share: "share of the observed entries in the r fullest columns, or rows where those are fewer",
            small: "largest s_(r+1)(W_l^T W_l) - (l - 1) max_k |D_k|_F over l, after these steps",
            start: "|W_1(0)|_F^2",
            event_frequency: f"probability that all T entries are in the fullest column: {chains}; interval of "
            f"confidence {_CONFIDENCE:g}",
            frequency: "probability that the chain is in B_1 after T steps, in the same way",
        },
        depends=("b-r-keeps-balance",),
        granted=("entries are drawn independently and uniformly from the observed ones",),
        clauses=(
            Clause(
                "decay",
                "columns of W_1 that T steps do not see are multiplied by exactly (1 - 2 eta lambda)^T",
                sp.Eq(column, factor),
            ),
            Clause(
                "share",
                "r columns (rows, where those are fewer) hold at least r/min(d_in, d_out) of the entries of any mask",
                sp.Ge(share, least),
            ),
            Clause(
                "lands",
                "after T steps on entries of r columns s_(r+1)(W_l^T W_l) <= (1 - 2 eta lambda)^(2T) |W_1(0)|_F^2 + "
                "(l - 1) max_k |D_k(T)|_F for every l (for r rows: |W_L(0)|_F^2 and L - l, of W_l W_l^T); in B_r once "
                "(n - r) f_a of that is at most eps_2 and balance and size are kept",
                sp.Le(small, landed.subs(theory.layer, 1)),
            ),
            Clause(
                "probability",
                "so P(theta_(t+T) in B_r) >= (r/min(d_in, d_out))^T for such T, from layers with |W_l|_F^2 <= C and "
                "under the conditions of b-r-keeps-balance; from larger layers steps of a fixed rate may diverge. "
                "Neither frequency measured is below; those chains have milder constants than the conditions ask",
                sp.And(sp.Ge(event_frequency, least**power), sp.Ge(frequency, least**power)),
            ),
        ),
        checks=(
            Falsification(
                names, lambda point, _digits: _on_the_event(point), "steps on the event from random layers", digits=8
            ),
            Falsification(
                ("probability",),
                lambda point, _digits: _frequencies(point),
                "frequencies among chains",
                small_problem,
                digits=4,
                flows=True,
            ),
            Symbolic(
                (*names, "probability"),
                lambda: [
                    theory.column_derivation(factor),
                    theory.share_derivation(least),
                    theory.landing_derivation(landed),
                ],
            ),
        ),
        mutants=(
            Mutant("one-step-more", "(1 - 2 eta lambda)^(T+1)", lambda: b_r_is_reachable(factor=_later)),
            Mutant(
                "larger-share",
                "(r + 1)/min(d_in, d_out)",
                lambda: b_r_is_reachable(least=theory.least_share * (rank + 1) / rank),
            ),
            Mutant(
                "squared-once-more",
                "(1 - 2 eta lambda)^(8T) in the place of (2T)",
                lambda: b_r_is_reachable(landed=theory.small_value.subs(steps, 4 * steps)),
            ),
            Mutant("one-of-T", "(r/min(d_in, d_out))^(T/8)", lambda: b_r_is_reachable(power=steps / 8)),
        ),
    )


_later = theory.column_factor.subs(steps, steps + 1)

STATEMENTS: tuple[Callable[[], Statement], ...] = (b_r_is_reachable,)
