"""Catalogue: one step of SGD with weight decay from B_r: imbalance and size; constants for which B_r is not left."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from numerics.absorption import Setting, boundary_layers, constants, searched_step, worst_step
from numerics.factorization import end_to_end
from numerics.initialization import gaussian_layers, layer_shapes
from numerics.low_rank_region import Region, imbalance
from numerics.sgd import sgd_step
from theory import low_rank_region as theory
from theory.critical_points import decay
from theory.dynamics import Grams, grams
from theory.low_rank_region import a, bound, eps_2, eta, root_eps_1, target, widest
from theory.symbols import depth
from verification.catalogue.families import measured
from verification.catalogue.networks import columns, problem_at, rows, seed, width
from verification.catalogue.sources import source
from verification.checks import Falsification, Symbolic
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]

_ROUNDING = 1e-14
#: eta lambda has to stay below 1/2.
_FASTEST = 0.45

shrunk, second_order, stepped = sp.symbols("D second_order D'", real=True)
unbalance, new_unbalance = sp.symbols("|D| |D'|", nonnegative=True)
size, new_size = sp.symbols("|W_l|^2 |W_l'|^2", nonnegative=True)
spread = sp.Symbol("spread", positive=True)
rank = sp.Symbol("r", integer=True, nonnegative=True)
balance_use, rank_use, size_use = sp.symbols("use_balance use_rank use_size", nonnegative=True)


def _step(point: Point, claimed: Grams) -> Values:
    """Imbalance and size before and after one step on a random observed entry, at random layers."""
    problem = problem_at(point)
    random = np.random.default_rng(point[seed] + 1)
    shapes = layer_shapes(point[rows], point[columns], point[depth], point[width])
    layers = gaussian_layers(shapes, 10 ** random.uniform(-1.5, 0.5), seed=point[seed] + 2)
    entry = problem.observed[random.integers(len(problem.observed))]
    wanted = float(problem.targets[entry])
    rate, penalty = float(point[eta]), float(point[decay])
    after = sgd_step(layers, entry, wanted, rate, penalty)
    error = float(end_to_end(layers)[entry]) - wanted
    slopes = [((1 - 2 * rate * penalty) * w - v) / rate for w, v in zip(layers, after, strict=True)]
    sums = np.zeros(3)
    for number, (lower, upper) in enumerate(pairwise(layers)):
        gaps = [
            np.subtract(*claimed(*pair))
            for pair in (
                (upper, lower),
                (slopes[number + 1], slopes[number]),
                (after[number + 1], after[number]),
            )
        ]
        pairing = random.standard_normal(gaps[0].shape)
        sums += [float(np.sum(pairing * gap)) for gap in gaps]
    squares = [[float(np.sum(w**2)) for w in one] for one in (layers, after)]
    largest = int(np.argmax(squares[1]))
    blur = _ROUNDING * 100 * (1 + abs(error)) ** 2 * (1 + max(map(max, squares))) ** point[depth]
    return {
        shrunk: measured(float(sums[0]), blur),
        second_order: measured(float(sums[1]), blur / rate),
        stepped: measured(float(sums[2]), blur),
        unbalance: measured(float(imbalance(layers)), blur),
        new_unbalance: measured(float(imbalance(after)), blur),
        bound: measured(max(squares[0]), _ROUNDING * max(squares[0])),
        target: arb(abs(wanted)),
        size: measured(squares[0][largest], blur),
        new_size: measured(squares[1][largest], blur),
    }


def b_r_keeps_balance(
    factor: sp.Expr = theory.shrink**2,
    claimed: Grams = grams,
    noise: sp.Expr = theory.noise,
    gain: sp.Expr = theory.size_gain,
    square: bool = False,
) -> Statement:
    """b-r-keeps-balance, with the claimed factor of D_l, Gram matrices, noise K and gain of size; `square` layers."""
    sides = (2, 2) if square else (1, 3)
    rho = sp.Symbol("rho", real=True)
    return Statement(
        id="b-r-keeps-balance",
        title="A step of SGD with weight decay shrinks imbalance and size, up to noise that is bounded",
        source=source("WJ", "B_r is closed: balance and size", Provenance.NEW),
        parameters=Parameters(
            (
                IntegerRange(depth, 2, 4),
                IntegerRange(rows, *sides),
                IntegerRange(columns, *sides),
                IntegerRange(width, *(sides if square else (1, 4))),
                RealRange(eta, Fraction("0.0001"), Fraction("0.4")),
                RealRange(decay, Fraction("0.001"), Fraction(1)),
                IntegerRange(seed, 0, 10**6),
            )
        ),
        observables={
            shrunk: "inner products of D_l = W_{l+1}^T W_{l+1} - W_l W_l^T with random C_l, summed over l < L",
            second_order: "the same of the matrices made of the derivatives of (A*_ij - A_ij)^2/2 in the layers",
            stepped: "the same after one step on a random observed entry",
            unbalance: "largest |D_l|_F",
            new_unbalance: "the same after the step",
            bound: "largest |W_l|_F^2",
            target: "|A*_ij|",
            size: "|W_l|_F^2 of the layer that is largest after the step",
            new_size: "what it is then",
        },
        clauses=(
            Clause(
                "imbalance",
                "D_l' = (1 - 2 eta lambda)^2 D_l + eta^2 (G_{l+1}^T G_{l+1} - G_l G_l^T), every mask, depth and width",
                sp.Eq(1 + stepped, 1 + factor * shrunk + eta**2 * second_order),
            ),
            Clause(
                "balance",
                "|D_l'|_F <= (1 - 2 eta lambda)^2 |D_l|_F + eta^2 K, K = sqrt(2) (C^(L/2) + M)^2 C^(L-1): sqrt(eps_1) "
                "is kept where eta K <= 4 lambda (1 - eta lambda) sqrt(eps_1)",
                sp.Le(new_unbalance, factor * unbalance + eta**2 * noise),
            ),
            Clause(
                "size",
                "where eta C^(L-1) < 2 rho, rho = 1 - 2 eta lambda: |W_l'|_F^2 <= rho^2 |W_l|_F^2 + eta rho^2 M^2/(2 "
                "rho - eta C^(L-1)); C is kept where that gain over eta is at most 4 lambda (1 - eta lambda) C",
                sp.Or(
                    sp.Le(theory.curvature, 0),
                    sp.Le(new_size, theory.shrink**2 * size + eta * gain),
                ),
            ),
        ),
        checks=(
            Falsification(
                ("imbalance", "balance", "size"),
                lambda point, _digits: _step(point, claimed),
                "one step at random layers",
                digits=6,
            ),
            Symbolic(
                ("imbalance", "balance", "size"),
                lambda: [
                    theory.imbalance_derivation(rho ** (2 if factor == theory.shrink**2 else 1), claimed),
                    theory.balance_derivation(noise),
                    theory.size_derivation(gain),
                ],
            ),
        ),
        mutants=(
            Mutant("shrinks-once", "1 - 2 eta lambda, not squared", lambda: b_r_keeps_balance(factor=theory.shrink)),
            Mutant(
                "transposes-swapped",
                "W_{l+1} W_{l+1}^T - W_l^T W_l, square layers",
                lambda: b_r_keeps_balance(claimed=lambda upper, lower: (upper @ upper.T, lower.T @ lower), square=True),
            ),
            Mutant(
                "targets-forgotten",
                "K = sqrt(2) C^(2L-1)",
                lambda: b_r_keeps_balance(noise=sp.sqrt(2) * bound ** (2 * depth - 1)),
            ),
            Mutant("no-gain", "size gains a hundredth", lambda: b_r_keeps_balance(gain=theory.size_gain / 100)),
        ),
    )


def _setting(point: Point, haste: int) -> tuple[Setting, Region]:
    found = constants(
        max(point[depth], 3),
        max(point[width], 2),
        float(point[decay]),
        float(point[target]),
        rank=point[rank],
        eps_2=float(point[eps_2]),
        spread=float(point[spread]),
    )
    setting, region = found
    rate = min(haste * setting.eta, setting.eta if haste == 1 else _FASTEST / setting.weight_decay)
    return Setting(point[depth], setting.widest, setting.weight_decay, rate, setting.target), region


def _entries(point: Point) -> list[tuple[tuple[int, int], float]]:
    """The slides' problem: 1 on the diagonal and 1/4 below it, times M."""
    largest = float(point[target])
    return [((0, 0), largest), ((1, 0), largest / 4), ((1, 1), largest)]


def _uses(point: Point, haste: int, penalty: int, search: bool) -> Values:
    """Uses after one step, the worst over every observed entry: at a boundary point, or the worst that SLSQP finds."""
    setting, region = _setting(point, haste)
    shapes = layer_shapes(2, 2, point[depth], point[width])
    given = (setting.eta, penalty * setting.weight_decay)
    if search:
        seen = searched_step(_entries(point), region, shapes, *given, seed=point[seed])
    else:
        seen = worst_step(boundary_layers(region, shapes, seed=point[seed]), _entries(point), region, *given)
    blur = _ROUNDING / 10 * (1 + region.bound)
    balance, sums, sizes = seen.after
    return {
        eta: arb(setting.eta),
        bound: arb(region.bound),
        a: arb(region.profile.a),
        root_eps_1: arb(float(np.sqrt(region.eps_1))),
        widest: setting.widest,
        balance_use: measured(balance, blur / float(np.sqrt(region.eps_1))),
        rank_use: measured(sums, blur / region.profile.a),
        size_use: measured(sizes, blur / region.bound),
    }


def b_r_is_absorbing(layers: tuple[int, int] = (3, 4), haste: int = 1, penalty: int = 1) -> Statement:
    """b-r-is-absorbing at depths `layers`, for `haste` times the rate that is proved and `penalty` times the decay."""
    domain = Parameters(
        (
            IntegerRange(depth, *layers),
            IntegerRange(width, 2, 3),
            RealRange(decay, Fraction("0.1"), Fraction(1)),
            RealRange(target, Fraction("0.1"), Fraction(1)),
            IntegerRange(rank, 0, 1),
            RealRange(eps_2, Fraction("0.05"), Fraction("0.9")),
            RealRange(spread, Fraction("0.8"), Fraction(2)),
            IntegerRange(seed, 0, 10**6),
        )
    )
    conditions = (
        sp.Le(eta * theory.noise, theory.loss_of_size * root_eps_1),
        sp.And(sp.Gt(theory.curvature, 0), sp.Le(theory.size_gain, theory.loss_of_size * bound)),
        sp.And(
            sp.Lt(eta * decay, sp.Rational(1, 2)),
            sp.Ge(theory.mu, 0),
            sp.Le(4 * widest * theory.nu * root_eps_1, a * theory.mu * eps_2 * (1 - eps_2)),
        ),
    )
    asked = conditions if haste == 1 else (sp.Gt(eta, 0), sp.Gt(bound, 0), sp.Gt(a, 0))
    names = ("balance", "rank", "size")
    return Statement(
        id="b-r-is-absorbing",
        title="For constants that are written out, no step of SGD with weight decay leaves B_r, whatever entry it sees",
        source=source("WJ", "B_r is closed", Provenance.RECONSTRUCTED),
        parameters=domain,
        observables={
            eta: "rate: half of the largest for which our conditions hold",
            bound: "C = spread 3 M^2/(16 lambda)",
            a: "a, below which singular values of W_l^T W_l count in part, f_a(x) = 1 - (1 - x/a)^2: a quarter of what "
            "weight decay can hold",
            root_eps_1: "sqrt(eps_1): half of the largest for which our conditions hold",
            widest: "largest width",
            balance_use: "after one step from B_r: largest |D_l|_F over sqrt(eps_1), the worst over every observed "
            "entry of M [[1, *], [1/4, 1]]",
            rank_use: "largest sum_i f_a(s_i(W_l^T W_l)) over r + eps_2",
            size_use: "largest |W_l|_F^2 over C",
        },
        depends=("b-r-keeps-balance",),
        granted=(
            "the constants of the paper are not in its slides: these are the constants found here",
            "they are small: such a B_r holds the completion of rank 1 only for lambda < 0.072 M^(4/3) spread, with "
            "rates below 1e-9; elsewhere it says what a step cannot do, not where SGD ends",
        ),
        clauses=(
            Clause(
                "balance",
                "in B_r and with eta K <= 4 lambda (1 - eta lambda) sqrt(eps_1), K = sqrt(2) E^2 C^(L-1), E = C^(L/2) "
                "+ M, a step on any entry with |A*_ij| <= M keeps |D_l|_F^2 <= eps_1",
                sp.Or(sp.Not(asked[0]), sp.Le(balance_use, 1)),
            ),
            Clause(
                "rank",
                "L >= 3, eps_2 < 1, eta lambda < 1/2, E = C^(L/2) + M, Q = rho E sqrt(a) C^((L-3)/2), J = eta E^2 "
                "C^(L-2): with mu = 4 lambda (1 - eta lambda) - 2 Q - J >= 0 and 4 n (4 Q + J) sqrt(eps_1) <= a mu "
                "eps_2 (1 - eps_2) it keeps sum_i f_a(s_i(W_l^T W_l)) <= r + eps_2",
                sp.Or(sp.Not(asked[2]), sp.Le(rank_use, 1)),
            ),
            Clause(
                "size",
                "with eta C^(L-1) < 2 rho and rho^2 M^2/(2 rho - eta C^(L-1)) <= 4 lambda (1 - eta lambda) C it keeps "
                "|W_l|_F^2 <= C",
                sp.Or(sp.Not(asked[1]), sp.Le(size_use, 1)),
            ),
        ),
        checks=(
            Falsification(
                names,
                lambda point, _digits: _uses(point, haste, penalty, False),
                "one step from random points on the boundary of B_r, every entry",
                digits=6,
                flows=True,
            ),
            Falsification(
                names,
                lambda point, _digits: _uses(point, haste, penalty, True),
                "the worst step that SLSQP finds in B_r, every entry",
                domain.restricted(IntegerRange(depth, layers[0], layers[0]), IntegerRange(width, 2, 2)),
                digits=6,
                flows=True,
            ),
            Symbolic(names, lambda: [theory.balance_derivation(), theory.rank_derivation(), theory.size_derivation()]),
        ),
        mutants=(
            Mutant("without-weight-decay", "lambda = 0 in the step", lambda: b_r_is_absorbing(penalty=0)),
            Mutant("two-layers", "L = 2, where small values grow", lambda: b_r_is_absorbing(layers=(2, 2))),
            Mutant("too-fast", "a rate 1000 times as large", lambda: b_r_is_absorbing(haste=1000)),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (b_r_keeps_balance, b_r_is_absorbing)
