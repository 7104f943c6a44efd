"""Catalogue: the bias towards low rank within the block-diagonal family."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import sympy as sp

from numerics.balls import ball, evaluate
from numerics.block_diagonal import coupling_kernel
from numerics.block_limit import limit, ratio_at_product_scale
from numerics.block_ratio import limit_by_ratio
from theory import block_bias as theory
from theory import block_diagonal
from theory.block_limit import limit_exponent
from theory.block_monotonicity import log_ratio, log_start_ratio, zeta
from theory.symbols import (
    alpha,
    block_size,
    blocks,
    depth,
    m,
    product_scale,
    sigma_1,
    sigma_2,
    value,
)
from verification.catalogue.families import (
    LIMIT_OBSERVABLES,
    LIMIT_ON_BOXES,
    family_at,
    family_domain,
    limit_root,
    scale_at,
    unit_box,
)
from verification.catalogue.sources import shin_yun
from verification.checks import Certificate, Evaluation, Falsification, Quantities, Symbolic
from verification.parameters import IntegerRange, Parameters, Point, RealRange
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]


error_here, error_half, error_bound = sp.symbols("delta(alpha) delta(alpha/2) beta", positive=True)
SCALE_BOX = unit_box((3, 8), RealRange(alpha, Fraction("1e-6"), Fraction(1)))
QUICK_SIZES = (IntegerRange(depth, 3, 4), IntegerRange(blocks, 2, 3))


def _two_scales(law: sp.Expr) -> Callable[[Point, int], Values]:
    """The relative error of the law at alpha and alpha/2, from the ratio coordinate."""

    def relative_error(point: Point, digits: int) -> Any:
        return abs(limit_by_ratio(family_at(point), digits).rest / ball(evaluate(law, point)) - 1)

    def observe(point: Point, digits: int) -> Values:
        halved = point | {alpha: point[alpha] / 2}
        spectrum = limit_by_ratio(family_at(point), digits)
        return {
            sigma_1: spectrum.first,
            sigma_2: spectrum.rest,
            error_here: relative_error(point, 2 * digits),
            error_half: relative_error(halved, 2 * digits),
        }

    return observe


def _law_error_on_boxes(law: sp.Expr) -> Callable[[Point], Quantities]:
    """|sigma_2/law - 1| and its bound on boxes: sigma_2/D^(-q) = (1 + z/D)^(-q), and the bound is q/D."""

    def quantities(fixed: Point) -> Quantities:
        scale, power = scale_at(fixed), limit_exponent.subs(fixed)
        y = sp.exp(zeta + scale)
        changed = sp.simplify((theory.small_scale_law / law).subs(fixed))
        error = (
            y * theory.power_quotient(y, power)
            if changed == 1
            else sp.Abs(1 - sp.exp(-power * sp.log(1 + y)) * changed)
        )
        return Quantities({error_here: error, error_bound: power * sp.exp(scale)}, (limit_root(fixed),), LIMIT_ON_BOXES)

    return quantities


def block_small_scale(law: sp.Expr = theory.small_scale_law) -> Statement:
    """block-small-scale, with the claimed law for sigma_2."""
    named = sp.Symbol("Lambda", positive=True)
    order = sp.log(error_here / error_half) / sp.log(2)
    observe = _two_scales(law)
    excess = (blocks - 1) * (sigma_2 / sigma_1) ** 2
    domain = family_domain(depths=(3, 8), scales=("1e-6", "1"), ms=("1.05", "100"), sizes=(1, 3), most_blocks=20)
    small = domain.restricted(
        IntegerRange(blocks, 2, 10),
        RealRange(alpha, Fraction("1e-6"), Fraction("1e-4")),
        RealRange(m, Fraction("1.1"), Fraction(20)),
    )
    return Statement(
        id="block-small-scale",
        title="As alpha -> 0 the second singular value falls like alpha^L and the stable rank tends to 1",
        source=shin_yun("Corollary of Theorem 3.3"),
        parameters=domain,
        observables={
            sigma_1: LIMIT_OBSERVABLES[sigma_1],
            sigma_2: LIMIT_OBSERVABLES[sigma_2],
            error_here: "|sigma_2/law - 1| at alpha",
            error_half: "|sigma_2/law - 1| at alpha/2",
        },
        granted=("the limit equation (proved in block-limit)",),
        depends=("block-limit",),
        definitions={named: law, error_bound: theory.small_scale_bound},
        clauses=(
            Clause(
                "law",
                "sigma_2/((s alpha)^L K^(-q)) -> 1 with a relative error of order alpha^(L-2); judged by the order "
                "measured between alpha and alpha/2, to 1/50",
                sp.Le(sp.Abs(order - (depth - 2)), sp.Rational(1, 50)),
                asymptotic=True,
            ),
            Clause(
                "bound",
                "|sigma_2/law - 1| <= q (s w*)^(-1/q) (s alpha)^(L-2)/K",
                sp.Le(error_here, error_bound),
            ),
            Clause(
                "rank-one",
                "stable rank - 1 <= (n-1) (law/(s w*))^2",
                sp.Le(excess, (blocks - 1) * (named / (block_size * value)) ** 2),
            ),
        ),
        checks=(
            Evaluation(("law", "bound", "rank-one"), observe, "explicit bound and measured order of the error", small),
            Falsification(("bound", "rank-one", "law"), observe, "certified sigma_2", small, digits=40),
            Certificate(("bound",), SCALE_BOX, _law_error_on_boxes(law), SCALE_BOX.restricted(*QUICK_SIZES)),
            Symbolic(
                ("law", "bound", "rank-one"),
                lambda: [theory.small_scale_derivation({"law": law, "bound": theory.small_scale_bound})],
            ),
        ),
        mutants=(
            Mutant("exponent-L-plus-1", "exponent L + 1", lambda: block_small_scale(law * block_size * alpha)),
            Mutant(
                "K-without-blocks",
                "K without (n-1)",
                lambda: block_small_scale(
                    (block_size * alpha) ** depth
                    * ((1 - 1 / m) ** (2 - depth) - (1 + 1 / m) ** (2 - depth)) ** (-limit_exponent)
                ),
            ),
        ),
    )


kernel = sp.Symbol("kernel", real=True)
ratio_here, ratio_below = sp.symbols("rho(alpha) rho(alpha/10)", real=True)
infinite = sp.Symbol("m_infinite", integer=True, nonnegative=True)
coupled, falls = sp.Gt(kernel, 0), sp.Le(ratio_below, ratio_here / 2)


def _ratios(point: Point, digits: int) -> Values:
    """The coupling kernel at t = 0, and sigma_2/sigma_1 at the limit for alpha and alpha/10."""
    family = family_at(point)
    here, below = (limit(family_at(scaled), digits) for scaled in (point, point | {alpha: point[alpha] / 10}))
    return {
        kernel: coupling_kernel(family),
        infinite: int(family.m == math.inf),
        ratio_here: here.rest / here.first,
        ratio_below: below.rest / below.first,
    }


def block_rank_one_iff_coupled(claim: sp.Basic | None = None, beyond: bool = False) -> Statement:
    """block-rank-one-iff-coupled, with the claimed relation; `beyond` drops the hypothesis m > 1."""
    claimed = sp.Equivalent(coupled, falls) if claim is None else claim
    domain = family_domain(
        depths=(2, 6), scales=("1e-4", "1e-2"), ms=("1", "20"), infinite_m=True, sizes=(1, 2), most_blocks=5
    )
    return Statement(
        id="block-rank-one-iff-coupled",
        title="As alpha -> 0 the limit is rank 1 exactly when the dynamics is coupled",
        source=shin_yun("abstract, claim (b)"),
        parameters=domain,
        assumptions=() if beyond else (sp.Gt(m, 1),),
        granted=(
            "small-scale law, decoupled and depth-2 limits (block-small-scale, block-decoupled, block-limit-depth2)",
        ),
        depends=("block-small-scale", "block-decoupled", "block-limit-depth2", "coupling-kernel"),
        observables={
            kernel: "coupling kernel between two blocks at t = 0",
            ratio_here: "sigma_2/sigma_1 at alpha",
            ratio_below: "sigma_2/sigma_1 at alpha/10",
            infinite: "1 if m = oo, else 0",
        },
        clauses=(
            Clause(
                "equivalence",
                "as alpha -> 0, sigma_2/sigma_1 -> 0 if and only if the coupling kernel is positive; judged by "
                "whether the ratio at least halves from alpha to alpha/10",
                claimed,
                asymptotic=True,
            ),
            Clause("coupled", "the kernel is 0 for all t when L = 2 or m = oo, positive for all t otherwise", None),
        ),
        checks=(
            Evaluation(("equivalence",), _ratios, "exact kernel against certified ratios", digits=30),
            Falsification(("equivalence",), _ratios, "exact kernel against certified ratios"),
            *(
                [Symbolic(("equivalence",), lambda: [theory.rank_one_derivation(strict=not beyond)])]
                if claim is None
                else []
            ),
            Symbolic(("coupled",), lambda: [block_diagonal.kernel_derivation()]),
        ),
        mutants=(
            Mutant(
                "also-depth-2",
                "rank 1 for every finite m, also at L = 2",
                lambda: block_rank_one_iff_coupled(sp.Or(sp.Ge(infinite, 1), falls)),
            ),
            Mutant(
                "m-equals-1",
                "hypothesis m > 1 dropped: m = 1, L = 2 is decoupled and rank 1",
                lambda: block_rank_one_iff_coupled(beyond=True),
            ),
        ),
    )


ratio_shallow, ratio_deep = sp.symbols("rho_L rho_{L+1}", positive=True)


def _initial_entry_at(layers: sp.Expr) -> sp.Expr:
    """w(0) at product scale p = (s alpha)^L and the given depth."""
    spread = (1 + (blocks - 1) / m) ** layers + (blocks - 1) * (1 - 1 / m) ** layers
    return product_scale * spread / (blocks * block_size)


def _ratios_at_equal_scale(scaled: bool) -> Callable[[Point, int], Values]:
    """The limit's ratio at depths L and L + 1, at equal (s alpha)^L if `scaled`, at equal alpha^L otherwise."""

    def observe(point: Point, digits: int) -> Values:
        def ratio(layers: int) -> Any:
            scale = Fraction(point[product_scale]) / point[block_size] ** (layers if scaled else point[depth])
            return ratio_at_product_scale(
                layers, point[blocks], point[block_size], point[value], scale, point[m], digits
            )

        return {ratio_shallow: ratio(point[depth]), ratio_deep: ratio(point[depth] + 1)}

    return observe


def _depth_boxes(size: int) -> list[Parameters]:
    """The box of the certificate, one part per depth so that the parts can be proven side by side."""
    scale = RealRange(product_scale, Fraction("1e-8"), Fraction(1))
    return [unit_box((layers, layers), scale, size=size) for layers in range(2, 9)]


def _ratios_on_boxes(scaled: bool) -> Callable[[Point], Quantities]:
    """The limit's ratio at depths L and L + 1 on boxes, through the logarithmic limit equation."""

    def quantities(fixed: Point) -> Quantities:
        values, roots = {}, []
        deeper = product_scale * (1 if scaled else fixed[block_size])
        for symbol, layers, p in (
            (ratio_shallow, fixed[depth], product_scale),
            (ratio_deep, fixed[depth] + 1, deeper),
        ):
            at = fixed | {depth: layers}
            if layers == 2:
                values[symbol] = sp.exp(2 * log_start_ratio.subs(at))
                continue
            root = limit_root(at, p)
            roots.append(root)
            values[symbol] = sp.exp(log_ratio(root.symbol, scale_at(at, p), limit_exponent).subs(at))
        return Quantities(values, tuple(roots), LIMIT_ON_BOXES)

    return quantities


def depth_strengthens_bias(hypothesis: bool = True, scaled: bool = True) -> Statement:
    """depth-strengthens-bias.

    `hypothesis`: w(0) <= w* is assumed at both depths; `scaled`: the product scale is (s alpha)^L, not alpha^L.
    """
    grown = 1 if scaled else block_size
    below = (
        sp.Le(_initial_entry_at(depth), value),
        sp.Le(grown * _initial_entry_at(depth + 1), value),
    )
    observe = _ratios_at_equal_scale(scaled)
    return Statement(
        id="depth-strengthens-bias",
        title="At equal product scale, one more layer lowers the limit's second singular value",
        source=shin_yun("Figure 2, sharpened", Provenance.NEW),
        parameters=Parameters(
            (
                IntegerRange(depth, 2, 8),
                IntegerRange(blocks, 2, 20),
                IntegerRange(block_size, 1, 3),
                RealRange(value, Fraction("0.01"), Fraction(2)),
                RealRange(product_scale, Fraction("1e-8"), Fraction(1)),
                RealRange(m, Fraction("1.05"), Fraction(100)),
            )
        ),
        assumptions=below if hypothesis else (),
        granted=(
            "the eigenvalue flow, and its convergence to zero loss (proved in block-eigenvalue-flow and block-limit)",
        ),
        depends=("block-eigenvalue-flow", "block-limit", "block-limit-depth2"),
        observables={
            ratio_shallow: "sigma_2/sigma_1 at depth L",
            ratio_deep: "sigma_2/sigma_1 at depth L + 1 and the same p = (s alpha)^L",
        },
        clauses=(Clause("stronger", "sigma_2/sigma_1 is smaller at depth L + 1", sp.Lt(ratio_deep, ratio_shallow)),),
        checks=(
            Evaluation(("stronger",), observe, "certified ratios", digits=30),
            Falsification(("stronger",), observe, "certified ratios"),
            *(
                Certificate(("stronger",), box, _ratios_on_boxes(scaled), box.restricted(IntegerRange(blocks, 10, 10)))
                for box in _depth_boxes(1 if scaled else 2)
            ),
            Symbolic(("stronger",), lambda: [theory.depth_derivation(sp.sympify(grown), hypothesis)]),
        ),
        mutants=(
            Mutant("no-hypothesis", "hypothesis w(0) <= w* dropped", lambda: depth_strengthens_bias(hypothesis=False)),
            Mutant(
                "blocks-unscaled",
                "equal alpha^L in place of (s alpha)^L: false for blocks of size s >= 2, though w(0) <= w*",
                lambda: depth_strengthens_bias(scaled=False),
            ),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (
    block_small_scale,
    block_rank_one_iff_coupled,
    depth_strengthens_bias,
)
