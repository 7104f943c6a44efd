"""Domains and observations shared by the statements on the block-diagonal family."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from numerics.binomial_interval import binomial_interval
from numerics.block_diagonal import BlockFamily, exact_layers, initial_layers, problem
from numerics.block_trajectory import spectrum_at
from numerics.box_functions import Root
from numerics.gradient_flow import FlowLimit, GradientFlow, flow_limit, precise_limit
from theory import symbols
from theory.block_limit import limit_exponent
from theory.block_monotonicity import log_equation, log_scale, zeta
from theory.symbols import alpha, block_size, blocks, depth, m, product_scale, sigma_1, sigma_2, value
from verification.checks import Observation
from verification.evidence import Series
from verification.parameters import IntegerRange, Parameters, Point, RealRange

sigma_n = sp.Symbol("sigma_n", nonnegative=True)

#: Digits asked of a Taylor trajectory, and how many of them a statement must agree with.
PRECISE_DIGITS = 50
AGREEING_DIGITS = 45
PRECISE_METHOD = f"limit of a Taylor trajectory at {PRECISE_DIGITS} digits, to {AGREEING_DIGITS}"
#: A flow at 50 digits takes 0.1 to 0.8 s.
PRECISE_FLOWS = 4


def family_domain(
    *,
    depths: tuple[int, int] = (3, 12),
    sizes: tuple[int, int] = (1, 4),
    scales: tuple[str, str] = ("1e-6", "10"),
    ms: tuple[str, str] = ("1.01", "1000"),
    infinite_m: bool = False,
    most_blocks: int = 12,
) -> Parameters:
    """The parameters (L, n, s, w*, alpha, m) of the family, in the stated ranges."""
    return Parameters(
        (
            IntegerRange(depth, *depths),
            IntegerRange(blocks, 2, most_blocks),
            IntegerRange(block_size, *sizes),
            RealRange(value, Fraction("0.1"), Fraction(10)),
            RealRange(alpha, Fraction(scales[0]), Fraction(scales[1])),
            RealRange(m, Fraction(ms[0]), Fraction(ms[1]), infinity=infinite_m),
        )
    )


def flow_domain(depths: tuple[int, int] = (3, 5), *, infinite_m: bool = False) -> Parameters:
    """The part of the family that float64 flows resolve: small matrices, sigma_2 well above rounding."""
    return Parameters(
        (
            IntegerRange(depth, *depths),
            IntegerRange(blocks, 2, 3),
            IntegerRange(block_size, 1, 2),
            RealRange(value, Fraction("0.5"), Fraction(2)),
            RealRange(alpha, Fraction("0.15"), Fraction("0.9")),
            RealRange(m, Fraction("1.5"), Fraction(20), infinity=infinite_m),
        )
    )


def unit_box(
    depths: tuple[int, int], scale: RealRange, ms: tuple[str, str] = ("1.05", "100"), *, size: int = 1
) -> Parameters:
    """The box (L, n = 2..20, s, w* = 1, scale, m) of a certificate; `scale` is the range of alpha or of (s alpha)^L."""
    return Parameters(
        (
            IntegerRange(depth, *depths),
            IntegerRange(blocks, 2, 20),
            IntegerRange(block_size, size, size),
            RealRange(value, Fraction(1), Fraction(1)),
            scale,
            RealRange(m, Fraction(ms[0]), Fraction(ms[1])),
        )
    )


def family_at(point: Point) -> BlockFamily:
    """The member of the family at a point."""
    return BlockFamily(*(point[symbol] for symbol in (depth, blocks, block_size, value, alpha, m)))


#: What certificates on boxes take for granted of the limit.
LIMIT_ON_BOXES = ("the root of the limit equation lies in its bracket (proved in block-limit)",)


def scale_at(fixed: Point, scale: sp.Expr | None = None) -> sp.Expr:
    """-log of the gap D in units of s w* at fixed integers; `scale` stands for (s alpha)^L, which is the default."""
    p = (block_size * alpha) ** depth if scale is None else scale
    logarithm = depth * sp.log(block_size * alpha) if scale is None else sp.log(p)
    written = log_scale.subs(sp.log(product_scale / (block_size * value)), logarithm - sp.log(block_size * value))
    return sp.expand_log(written.subs(fixed))


def limit_root(fixed: Point, scale: sp.Expr | None = None) -> Root:
    """zeta = log z of the limit at fixed integers with L >= 3, as the root of the logarithmic limit equation."""
    own = sp.Symbol(f"zeta_{fixed[depth]}", real=True) if scale is not None else zeta
    equation = log_equation(own, scale_at(fixed, scale), limit_exponent).subs(fixed)
    return Root(own, equation, (-sp.log(blocks) / limit_exponent).subs(fixed), sp.Integer(0))


def measured(number: float, error: float) -> arb:
    """A float with an error estimate, as a ball (heuristic radius)."""
    return arb(float(number), float(error))


def frequency_ball(successes: int, count: int, confidence: float) -> arb:
    """The Clopper-Pearson interval of a probability, from a frequency, as a ball."""
    low, high = binomial_interval(successes, count, confidence)
    return measured((low + high) / 2, (high - low) / 2)


def flow_spectrum(limit: FlowLimit, family: BlockFamily) -> dict[sp.Symbol, Any]:
    """sigma_1, sigma_2 and sigma_n of the flow's limit, as wide as its error estimate."""
    found = limit.singular_values
    return {
        sigma_1: measured(found[0], limit.error),
        sigma_2: measured(found[1], limit.error),
        sigma_n: measured(found[family.blocks - 1], limit.error),
    }


def limit_of_flow(point: Point) -> FlowLimit:
    """W(oo) of the full d x d matrix flow at a point."""
    family = family_at(point)
    return flow_limit(problem(family), initial_layers(family))


def observe_flow_limit(point: Point) -> Observation:
    """One trajectory of the full matrix flow: its limit spectrum, and the picture of its singular values."""
    limit = limit_of_flow(point)
    family = family_at(point)
    return Observation([flow_spectrum(limit, family)], limit.flow.reason, spectrum_series(family, limit.flow))


def precise_domain(depths: tuple[int, int], *, infinite_m: bool = False) -> Parameters:
    """The 2 x 2 members of `flow_domain`, whose flows take less than a second to 50 digits."""
    ranges = flow_domain(depths, infinite_m=infinite_m).ranges
    sizes = {blocks: IntegerRange(blocks, 2, 2), block_size: IntegerRange(block_size, 1, 1)}
    return Parameters(tuple(sizes.get(one.symbol, one) for one in ranges))


def observe_precise_limit(point: Point) -> Observation:
    """The limit of one Taylor trajectory in MPFR arithmetic, to PRECISE_DIGITS digits; balls as wide as its error."""
    family = family_at(point)
    found = precise_limit(problem(family), exact_layers(family), digits=PRECISE_DIGITS)
    first, *rest = found.singular_values
    spectrum = {sigma_1: first, sigma_2: rest[0], sigma_n: rest[-1]}
    return Observation([spectrum], found.flow.reason)


def observe_flow(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
    """The same as observables for a falsification; balls of infinite radius where the flow did not converge."""
    return flow_spectrum(limit_of_flow(point), family_at(point))


def observed_entries(flow: GradientFlow, family: BlockFamily) -> np.ndarray:
    """Mean observed entry at every time of a trajectory."""
    products = flow.layers[0]
    for layer in flow.layers[1:]:
        products = layer @ products
    return products[:, flow.problem.mask].mean(axis=1)


def spectrum_series(family: BlockFamily, flow: GradientFlow) -> Series:
    """Singular values against time, measured and predicted from the closed form at the same observed entry."""
    entries = observed_entries(flow, family)
    first, rest = spectrum_at(family, entries)
    x = tuple(flow.times)
    return Series(
        title=str(family),
        axis="time t",
        quantity="singular values of W(t)",
        measured={
            "sigma_1": (x, tuple(flow.singular_values[:, 0])),
            "sigma_2": (x, tuple(flow.singular_values[:, 1])),
        },
        predicted={"sigma_1": (x, tuple(first)), "sigma_2": (x, tuple(rest))},
    )


LIMIT_OBSERVABLES = {
    sigma_1: "largest singular value of W(oo)",
    sigma_2: "second singular value of W(oo)",
    sigma_n: "n-th singular value of W(oo)",
}
Z_OBSERVABLE = {symbols.z: "sigma_1^(-1/q), the root of F"}
