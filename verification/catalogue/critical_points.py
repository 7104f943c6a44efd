"""Catalogue: critical points of the loss with weight decay: balanced layers, and the lemma on low rank in B_r."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from numerics.critical_points import CriticalPoint, random_critical_point
from numerics.factorization import end_to_end
from numerics.initialization import gaussian_layers, layer_shapes
from numerics.low_rank_region import Profile, cubic, quadratic
from theory import critical_points as theory
from theory.critical_points import decay
from theory.symbols import depth
from verification.catalogue.families import measured
from verification.catalogue.networks import columns, problem_at, rows, seed, width
from verification.catalogue.sources import source
from verification.checks import Falsification, Symbolic
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]
Layers = list[np.ndarray]

_ROUNDING = 1e-13
_PROFILES: tuple[Callable[[float], Profile], ...] = (quadratic, cubic)
_METHOD = "critical points found by Newton from random, trained and cut starts"

above, below = sp.symbols("gram_above gram_below", real=True)
gram = sp.Symbol("s_i(W_l^T W_l)", real=True)
singular_value = sp.Symbol("s_i(W)", real=True)
scale = sp.Symbol("a", positive=True)
kind = sp.Symbol("profile", integer=True, nonnegative=True)
rank = sp.Symbol("r", integer=True, nonnegative=True)
tolerance = sp.Symbol("eps_2", positive=True)
product_sum, layer_sum = sp.symbols("f(W) f(W_l)", real=True)


def _domain(*more: IntegerRange | RealRange) -> Parameters:
    return Parameters(
        (
            IntegerRange(depth, 2, 4),
            IntegerRange(rows, 1, 3),
            IntegerRange(columns, 1, 3),
            IntegerRange(width, 3, 4),
            RealRange(decay, Fraction("0.0005"), Fraction("0.03")),
            IntegerRange(seed, 0, 10**6),
            *more,
        )
    )


def _found(point: Point, share: float) -> CriticalPoint:
    """A critical point of the loss with `share` times the weight decay of the point."""
    shapes = layer_shapes(point[rows], point[columns], point[depth], point[width])
    return random_critical_point(problem_at(point), shapes, share * float(point[decay]), seed=point[seed] + 1)


def _precision(found: CriticalPoint, point: Point) -> float:
    """Error of a Gram matrix of a layer: how critical the point is, by the exact identity, and rounding."""
    size = max(float(np.sum(one**2)) for one in found.layers)
    return 2 * found.imbalance_bound(float(point[decay])) + _ROUNDING * (1 + size)


def _balance(point: Point, share: float, claimed: theory.Grams) -> Values:
    """Inner products of both Gram matrices with random matrices; one singular value of a layer and of the product."""
    found = _found(point, share)
    random = np.random.default_rng(point[seed] + 2)
    error, sums, pairings = _precision(found, point), np.zeros(2), 0.0
    for lower, upper in pairwise(found.layers):
        pair = claimed(upper, lower)
        pairing = random.standard_normal(pair[0].shape)
        sums += [float(np.sum(pairing * one)) for one in pair]
        pairings += float(np.linalg.norm(pairing))
    product = end_to_end(found.layers)
    values = np.linalg.svd(product, compute_uv=False)
    layer, index = random.integers(len(found.layers)), random.integers(len(values))
    own = np.linalg.svd(found.layers[layer], compute_uv=False)[index] ** 2
    sizes = np.prod([1 + float(np.linalg.norm(one, 2)) for one in found.layers])
    return {
        above: measured(sums[0], error * pairings),
        below: measured(sums[1], error * pairings),
        gram: measured(own, point[depth] * error),
        singular_value: measured(values[index], point[depth] * error * float(sizes)),
    }


def critical_points_are_balanced(
    share: int = 1, claimed: theory.Grams = theory.grams, exponent: sp.Expr = theory.spectrum_exponent
) -> Statement:
    """critical-points-are-balanced with `share` times the weight decay, the claimed Gram matrices and exponent."""
    square = claimed is not theory.grams
    domain = _domain()
    if square:
        domain = domain.restricted(IntegerRange(rows, 3, 3), IntegerRange(columns, 3, 3), IntegerRange(width, 3, 3))
    return Statement(
        id="critical-points-are-balanced",
        title="With weight decay the layers of every critical point are balanced and share the product's spectrum",
        source=source("WJ", "lemma, first half", Provenance.RECONSTRUCTED),
        parameters=domain,
        observables={
            above: "inner products of W_{l+1}^T W_{l+1} with random C_l, summed over l = 1..L-1, at a critical point "
            "of the mean squared error (halved) plus lambda |theta|^2; ball by the norm of the gradient there",
            below: "the same of W_l W_l^T, with the same C_l",
            gram: "s_i(W_l^T W_l), with l and i drawn by the seed",
            singular_value: "s_i(W)",
        },
        clauses=(
            Clause(
                "balanced",
                "W_{l+1}^T W_{l+1} = W_l W_l^T for l = 1..L-1, for every lambda > 0; 1 is added, so that 0 = 0 counts",
                sp.Eq(1 + above, 1 + below),
            ),
            Clause(
                "spectrum",
                "s_i(W_l^T W_l) = s_i(W)^(2/L) for every l and i up to the rank of W, beyond which both are 0; judged "
                "as 1 + s_i(W_l^T W_l)^L = 1 + s_i(W)^2, which is the same and does not blow up rounding at 0",
                sp.Eq(1 + gram**depth, 1 + singular_value ** sp.simplify(exponent * depth)),
            ),
        ),
        checks=(
            Falsification(
                ("balanced", "spectrum"),
                lambda point, _digits: _balance(point, share, claimed),
                _METHOD,
                digits=6,
                flows=True,
            ),
            Symbolic(
                ("balanced", "spectrum"),
                lambda: [theory.balance_derivation(share * decay, claimed), theory.spectrum_derivation(exponent)],
            ),
        ),
        mutants=(
            Mutant("without-weight-decay", "lambda = 0", lambda: critical_points_are_balanced(share=0)),
            Mutant(
                "transposes-swapped",
                "W_{l+1} W_{l+1}^T = W_l^T W_l, for square layers",
                lambda: critical_points_are_balanced(claimed=lambda upper, lower: (upper @ upper.T, lower.T @ lower)),
            ),
            Mutant(
                "half-the-exponent",
                "s_i(W)^(1/L)",
                lambda: critical_points_are_balanced(exponent=theory.spectrum_exponent / 2),
            ),
        ),
    )


def _between(profile: Profile, low: np.ndarray, high: np.ndarray) -> arb:
    """sum_i f(x_i) for x_i between `low` and `high` (heuristic): f increases."""
    ends = [float(np.sum(profile.value(np.maximum(x, 0.0)))) for x in (low, high)]
    return measured(sum(ends) / 2, (ends[1] - ends[0]) / 2 + _ROUNDING)


def _sums(point: Point, critical: bool, exponent: sp.Expr) -> Values:
    """sum f(s_i(W)^exponent), and the largest over l of sum f(s_i(W_l^T W_l))."""
    profile = _PROFILES[point[kind]](float(point[scale]))
    found = _found(point, 1.0)
    layers, error = found.layers, _precision(found, point)
    if not critical:
        shapes = [layer.shape for layer in layers]
        layers, error = gaussian_layers(shapes, 0.3, seed=point[seed] + 3), _ROUNDING
    values = np.linalg.svd(end_to_end(layers), compute_uv=False)
    blur = point[depth] * error * float(np.prod([1 + np.linalg.norm(one, 2) for one in layers]))
    power = float(exponent.subs(depth, point[depth]))
    spectra = [np.linalg.svd(layer, compute_uv=False) ** 2 for layer in layers]
    sums = [_between(profile, one - error, one + error) for one in spectra]
    return {
        product_sum: _between(profile, np.maximum(values - blur, 0.0) ** power, (values + blur) ** power),
        layer_sum: max(sums, key=lambda one: float(one.mid())),
    }


def critical_points_of_low_rank(critical: bool = True, exponent: sp.Expr = theory.spectrum_exponent) -> Statement:
    """critical-points-of-low-rank with the claimed exponent, of critical points or else of any layers."""
    return Statement(
        id="critical-points-of-low-rank",
        title="A critical point in B_r has low rank, counted by f of the singular values of the product",
        source=source("WJ", "lemma", Provenance.PAPER),
        parameters=_domain(
            RealRange(scale, Fraction("0.05"), Fraction("5")),
            IntegerRange(kind, 0, len(_PROFILES) - 1),
            IntegerRange(rank, 0, 3),
            RealRange(tolerance, Fraction("0.01"), Fraction("0.5")),
        ),
        observables={
            product_sum: "sum_i f_a(s_i(W)^(2/L)) at a critical point, f_a(x) on [0, a]: 1 - (1 - x/a)^2 (profile 0), "
            "1 - (1 - x/a)^3 (profile 1)",
            layer_sum: "sum_i f_a(s_i(W_l^T W_l)), the largest over l: B_r asks that it is at most r + eps_2",
        },
        depends=("critical-points-are-balanced",),
        granted=("f_a(0) = 0, as in the definition of B_r; nothing else of f_a is used",),
        clauses=(
            Clause(
                "low-rank",
                "if sum_i f_a(s_i(W_l^T W_l)) <= r + eps_2 for all l, then sum_i f_a(s_i(W)^(2/L)) <= r + eps_2: both "
                "sums are the same",
                sp.And(
                    sp.Eq(1 + product_sum, 1 + layer_sum),
                    sp.Or(sp.Gt(layer_sum, rank + tolerance), sp.Le(product_sum, rank + tolerance)),
                ),
            ),
        ),
        checks=(
            Falsification(
                ("low-rank",),
                lambda point, _digits: _sums(point, critical, exponent),
                _METHOD,
                digits=3,
                flows=True,
            ),
            Symbolic(("low-rank",), lambda: [theory.rank_derivation(exponent)]),
        ),
        mutants=(
            Mutant(
                "any-layers",
                "layers of B_r that are no critical point",
                lambda: critical_points_of_low_rank(critical=False),
            ),
            Mutant(
                "half-the-exponent",
                "s_i(W)^(1/L)",
                lambda: critical_points_of_low_rank(exponent=theory.spectrum_exponent / 2),
            ),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (critical_points_are_balanced, critical_points_of_low_rank)
