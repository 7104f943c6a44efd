"""Catches quantities on boxes that are not the observables they stand for, false boxes that pass, and stale scales."""

import random
from dataclasses import replace
from fractions import Fraction

import pytest
import sympy as sp
from flint import arb

from numerics.balls import evaluate, precision
from numerics.block_limit import limit, ratio_at_product_scale
from numerics.block_ratio import limit_by_ratio
from theory.block_bias import small_scale_bound, small_scale_law
from theory.symbols import alpha, block_size, blocks, depth, m, product_scale, value
from verification import Certificate, IntegerRange, Statement, Verdict
from verification.budget import QUICK
from verification.catalogue import block_bias, block_limit, block_monotonicity
from verification.catalogue.families import family_at
from verification.checks.certificate import _observed
from verification.claim import Truth
from verification.parameters import Parameters, Point
from verification.verify import run_check

DIGITS = 40


def certificates(statement: Statement) -> list[Certificate]:
    return [check for check in statement.checks if isinstance(check, Certificate)]


def points(box: Parameters, count: int, rng: random.Random) -> list[Point]:
    """Random points, the excluded end 0 among the reals left out."""
    drawn = []
    for _ in range(count):
        point: Point = {}
        for one in box.ranges:
            share = Fraction(rng.randint(1, 2**20 - 1), 2**20)
            if isinstance(one, IntegerRange):
                point[one.symbol] = rng.randint(one.low, one.high)
            elif one.logarithmic and one.low < one.high:
                power = float(one.high / one.low) ** float(share)
                point[one.symbol] = min(Fraction(one.high), one.low * Fraction(f"{power:.9g}"))
            else:
                point[one.symbol] = one.low + share * (one.high - one.low)
        drawn.append(point)
    return drawn


def seen_on_boxes(check: Certificate, point: Point) -> dict[sp.Symbol, arb]:
    """What the certificate puts for the observables, at one point."""
    assert check.quantities is not None
    with precision(200):
        fixed = {symbol: number for symbol, number in point.items() if symbol not in (alpha, m, product_scale)}
        return _observed(point, check.quantities(fixed))


def agree(found: arb, expected: arb) -> bool:
    """Balls that overlap, and that both prove at least fifteen digits."""
    narrow = [one.rel_accuracy_bits() > 50 or bool(abs(one) < 1e-40) for one in (found, expected)]
    return bool(found.overlaps(expected)) and all(narrow)


def test_the_law_error_on_boxes_is_that_of_certified_limits() -> None:
    (check,) = certificates(block_bias.block_small_scale())
    for point in points(check.box, 60, random.Random(1)):
        found = seen_on_boxes(check, point)
        with precision(800):
            law, bound = (evaluate(one, point) for one in (small_scale_law, small_scale_bound))
            error = abs(limit_by_ratio(family_at(point), 150).rest / law - 1)
            assert agree(found[block_bias.error_here], error), point
            assert agree(found[block_bias.error_bound], bound), point


@pytest.mark.parametrize("scaled", [True, False])
def test_the_ratios_on_boxes_are_those_of_certified_limits(scaled: bool) -> None:
    checks = certificates(block_bias.depth_strengthens_bias(scaled=scaled))
    observe = block_bias._ratios_at_equal_scale(scaled)
    rng = random.Random(2)
    for check in checks:
        for point in points(check.box, 12, rng):
            found, expected = seen_on_boxes(check, point), observe(point, DIGITS)
            for symbol in (block_bias.ratio_shallow, block_bias.ratio_deep):
                assert agree(found[symbol], expected[symbol]), (symbol, point)


def test_the_stable_rank_on_boxes_is_that_of_certified_limits() -> None:
    rng = random.Random(3)
    for check in certificates(block_monotonicity.block_stable_rank()):
        for point in points(check.box, 12, rng):
            (found,) = seen_on_boxes(check, point).values()
            assert agree(found, block_monotonicity._stable_rank(point, 60)[block_monotonicity.stable_rank]), point


@pytest.mark.parametrize("shallowest", [2, 3])
def test_the_rates_on_boxes_are_differences_of_certified_limits(shallowest: int) -> None:
    (check,) = certificates(block_monotonicity.block_monotonicity(shallowest))
    step = Fraction(1, 10**30)

    def logarithms(at: Point) -> tuple[arb, arb]:
        found = limit(family_at(at), 120)
        return found.rest.log(), (found.rest / found.first).log()

    for point in points(check.box, 40, random.Random(4)):
        found = seen_on_boxes(check, point)
        with precision(500):
            up, down = (logarithms(point | {alpha: point[alpha] * (1 + sign * step)}) for sign in (1, -1))
            by_scale = (up[0] - down[0]) / (2 * arb(step.numerator) / step.denominator)
            up, down = (logarithms(point | {m: point[m] + sign * step}) for sign in (1, -1))
            by_m = (up[1] - down[1]) / (2 * arb(step.numerator) / step.denominator)
            for symbol, chord in (
                (block_monotonicity.rate_in_scale, by_scale),
                (block_monotonicity.rate_in_m, by_m),
            ):
                # A central difference misses the derivative by the square of its step.
                assert abs(found[symbol] - chord) < arb("1e-25") * (1 + abs(chord)), (symbol, point)


MUTANTS = [
    (block_bias.block_small_scale, "exponent-L-plus-1"),
    (block_bias.block_small_scale, "K-without-blocks"),
    (block_bias.depth_strengthens_bias, "no-hypothesis"),
    (block_bias.depth_strengthens_bias, "blocks-unscaled"),
    (block_monotonicity.block_monotonicity, "also-depth-2"),
    (block_monotonicity.block_monotonicity, "falls-with-m"),
    (block_monotonicity.block_stable_rank, "larger-scales"),
    (block_limit.block_limit, "exponent-negated"),
]


@pytest.mark.parametrize(("build", "mutant"), MUTANTS, ids=lambda one: one if isinstance(one, str) else one.__name__)
def test_a_false_box_is_refuted_by_a_point_of_it(build, mutant) -> None:
    (false,) = [one.build() for one in build().mutants if one.id == mutant]
    for check in certificates(false):
        found = run_check(false, check, QUICK)
        assert found.verdict is not Verdict.ERROR, found.summary
        if found.verdict is not Verdict.REFUTED:
            continue
        box = check.part or check.box
        point = {
            one.symbol: int(found.witness[str(one.symbol)])
            if isinstance(one, IntegerRange)
            else Fraction(found.witness[str(one.symbol)])
            for one in box.ranges
        }
        assert box.contains(point), point
        assert false.admits(point) is Truth.TRUE, point
        return
    pytest.fail(f"{mutant}: no certificate of it is REFUTED")


@pytest.mark.parametrize("layers", [3, 8])
def test_the_largest_scales_are_those_that_are_found(layers: int) -> None:
    """At n = 2 to 20 the stated scale is certified, and the next decimal is not."""
    stated = block_monotonicity.LARGEST_SCALES[layers]
    next_one = stated + Fraction(1, 10_000 if stated < Fraction(1, 10) else 1_000)
    for scale, verdict in ((stated, Verdict.CERTIFIED), (next_one, Verdict.REFUTED)):
        box = block_monotonicity.stable_rank_box((layers, layers), scale)
        check = Certificate(("nearly-one",), box, block_monotonicity._stable_rank_on_boxes)
        statement = replace(block_monotonicity.block_stable_rank(), parameters=box, assumptions=())
        found = run_check(statement, check, QUICK)
        assert found.verdict is verdict, found.summary


def test_depth_two_needs_no_root() -> None:
    point = {depth: 2, blocks: 3, block_size: 1, value: Fraction(1), product_scale: Fraction(1, 9), m: Fraction(5, 2)}
    check = certificates(block_bias.depth_strengthens_bias())[0]
    found = seen_on_boxes(check, point)[block_bias.ratio_shallow]
    assert agree(found, ratio_at_product_scale(2, 3, 1, Fraction(1), Fraction(1, 9), Fraction(5, 2), DIGITS))
