"""Planted false statements must be refuted with the smallest witness there is, true ones beside them must not be."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
import sympy as sp
from flint import arb

from numerics import BlockFamily, flow_limit, initial_layers, limit, problem
from numerics.balls import ball
from theory.symbols import alpha, block_size, blocks, depth, m, sigma_1, sigma_2, value
from verification import (
    QUICK,
    Clause,
    Evidence,
    Falsification,
    IntegerRange,
    Parameters,
    Provenance,
    RealRange,
    Source,
    Statement,
    Verdict,
)
from verification.parameters import Point
from verification.verify import run_check

n, k = sp.symbols("n k", integer=True, positive=True)
x, y = sp.symbols("x y", positive=True)
seen = sp.Symbol("seen", real=True)
SEEDS = (0, 1)


@dataclass(frozen=True)
class Plant:
    """A claim on a domain; `smallest` is the witness that a reader would want, None for a true claim."""

    claim: sp.Basic
    domain: Parameters
    smallest: Mapping[str, str] | None = None
    observe: Callable[[Point, int], Mapping[sp.Symbol, Any]] = lambda point, digits: {}
    flows: bool = False
    examples: int = 400
    digits: int = 15

    def attacked(self, seed: int) -> Evidence:
        """The evidence of a falsification with this seed."""
        free = self.claim.free_symbols - set(self.domain.symbols)
        check = Falsification(("claim",), self.observe, "planted", digits=self.digits, flows=self.flows)
        statement = Statement(
            id="planted",
            title="planted",
            source=Source("quality", "none", Provenance.NEW, "planted"),
            parameters=self.domain,
            clauses=(Clause("claim", "planted", self.claim),),
            checks=(check,),
            observables=dict.fromkeys(free | {seen}, "measured"),
        )
        budget = replace(QUICK, examples=self.examples, flow_examples=self.examples, seed=seed)
        return run_check(statement, check, budget)


def integers(*ranges: IntegerRange) -> Parameters:
    return Parameters((*ranges, RealRange(x, "0.01", "100")))


SPREAD = Parameters((RealRange(x, "1", "9.99"), RealRange(y, "1", "9.99")))


def regions(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
    """Regions of a disk cut by all chords between n points: 1 + chords + crossings, counted one by one."""
    points = range(point[n])
    return {seen: 1 + sum(1 for _ in combinations(points, 2)) + sum(1 for _ in combinations(points, 4))}


def pronic(offset: int) -> Callable[[Point, int], Mapping[sp.Symbol, Any]]:
    return lambda point, digits: {seen: sum(j * (j + 1) for j in range(1, point[n] + 1 - offset))}


def nearly_root(error: Fraction, first: int) -> Callable[[Point, int], Mapping[sp.Symbol, Any]]:
    """sqrt(x) by exp and log, off by a relative error from n = first on."""

    def observe(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
        return {seen: (ball(point[x]).log() / 2).exp() * ball(1 + (error if point[n] >= first else 0))}

    return observe


def family(point: Point) -> BlockFamily:
    return BlockFamily(
        point[depth], point[blocks], point.get(block_size, 1), point.get(value, 1), point[alpha], point[m]
    )


def at_the_limit(point: Point, digits: int) -> Mapping[sp.Symbol, Any]:
    spectrum = limit(family(point), digits)
    return {sigma_1: spectrum.first, sigma_2: spectrum.rest}


def at_the_end_of_the_flow(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
    one = family(point)
    end = flow_limit(problem(one), initial_layers(one))
    return {sigma_1: arb(end.singular_values[0], end.error), sigma_2: arb(end.singular_values[1], end.error)}


def small_family(deepest: int, *, infinite: bool = False) -> Parameters:
    return Parameters(
        (
            IntegerRange(depth, 2 if not infinite else 3, deepest),
            IntegerRange(blocks, 2, 6),
            RealRange(value, "0.5", "2"),
            RealRange(alpha, "0.001", "0.1"),
            RealRange(m, "1.5", "20", infinity=infinite),
        )
    )


FLOWING = Parameters(
    (
        IntegerRange(depth, 2, 4),
        IntegerRange(blocks, 2, 3),
        RealRange(alpha, "0.5", "0.5"),
        RealRange(m, "2", "2"),
    )
)
SHALLOW_RATIO = sp.Eq(sigma_2, ((m - 1) / (m + blocks - 1)) ** 2 * sigma_1)
REGIONS = sum(sp.ff(n - 1, j) / sp.factorial(j) for j in range(5))
GROWTH = sp.Le(x * 2**n, 1000 * x * n**2)
CORNER = sp.Or(sp.Lt(x * n, 40 * x), sp.Lt(k, 45))
TENTH = sp.Rational(31, 10)
NINTH = Fraction(1, 10**9)

FALSE: dict[str, Plant] = {
    "an inequality false only beyond a threshold": Plant(
        GROWTH, integers(IntegerRange(n, 1, 60)), {"n": "19", "x": "1"}
    ),
    "an inequality false only in a corner of the domain": Plant(
        CORNER,
        integers(IntegerRange(n, 1, 50), IntegerRange(k, 1, 50)),
        {"n": "40", "k": "45", "x": "1"},
        examples=800,
    ),
    "a pattern that breaks at the sixth case": Plant(
        sp.Eq(seen, 2 ** (n - 1)), integers(IntegerRange(n, 1, 40)), {"n": "6", "x": "1"}, regions
    ),
    "a sum whose last term is missing": Plant(
        sp.Eq(seen, n * (n + 1) * (n + 2) / 3), integers(IntegerRange(n, 1, 200)), {"n": "1", "x": "1"}, pronic(1)
    ),
    "an identity with an index off by one": Plant(
        sp.Eq(n**2 - k**2, (n - k) * (n + k + 1)),
        integers(IntegerRange(n, 1, 50), IntegerRange(k, 1, 50)),
        {"n": "1", "k": "2", "x": "1"},
    ),
    "false at m = oo only": Plant(
        sp.Le(sigma_2, sigma_1 * sp.Rational(99, 100)),
        small_family(6, infinite=True),
        {"L": "3", "n": "2", "w*": "1", "alpha": "0.1", "m": "inf"},
        at_the_limit,
    ),
    "false on a thin strip": Plant(sp.Ge(sp.Abs(x - y), x / 100), SPREAD, {"x": "1", "y": "1"}, examples=1500),
    "false on four values out of nine hundred": Plant(
        sp.Gt((x - TENTH) * (x - TENTH - sp.Rational(3, 100)), 0),
        Parameters((RealRange(x, "1", "9.99"),)),
        {"x": "3.1"},
        examples=1500,
    ),
    "an equality false by 1e-9": Plant(
        sp.Eq(seen, sp.sqrt(x)), integers(IntegerRange(n, 1, 9)), {"n": "1", "x": "1"}, nearly_root(NINTH, 1)
    ),
    "an equality false by 1e-9 from the seventh case on": Plant(
        sp.Eq(seen, sp.sqrt(x)), integers(IntegerRange(n, 1, 20)), {"n": "7", "x": "1"}, nearly_root(NINTH, 7)
    ),
    "the law of depth 2 at every depth": Plant(
        SHALLOW_RATIO, small_family(5), {"L": "3", "n": "2", "w*": "1", "alpha": "0.1", "m": "1.5"}, at_the_limit
    ),
    "the law of depth 2 at every depth, seen by the matrix flow": Plant(
        SHALLOW_RATIO,
        FLOWING,
        {"L": "3", "n": "2", "alpha": "0.5", "m": "2"},
        at_the_end_of_the_flow,
        flows=True,
        examples=12,
        digits=6,
    ),
    "sqrt(s w*) in place of s w*": Plant(
        sp.Eq(sigma_1, sp.sqrt(block_size * value)),
        Parameters((IntegerRange(block_size, 1, 4), RealRange(value, "1", "1"))),
        {"s": "2", "w*": "1"},
        lambda point, digits: {sigma_1: limit(BlockFamily(3, 2, point[block_size], 1, "0.1", "inf"), digits).first},
    ),
}

TRUE: dict[str, Plant] = {
    "the inequality below its threshold": Plant(GROWTH, integers(IntegerRange(n, 1, 18))),
    "the corner just out of reach": Plant(CORNER, integers(IntegerRange(n, 1, 50), IntegerRange(k, 1, 44))),
    "the pattern with its right formula": Plant(
        sp.Eq(seen, sp.expand_func(REGIONS)), integers(IntegerRange(n, 1, 40)), None, regions
    ),
    "the sum with its last term": Plant(
        sp.Eq(seen, n * (n + 1) * (n + 2) / 3), integers(IntegerRange(n, 1, 200)), None, pronic(0)
    ),
    "the identity with the right index": Plant(
        sp.Eq(n**2 - k**2, (n - k) * (n + k)), integers(IntegerRange(n, 1, 50), IntegerRange(k, 1, 50))
    ),
    "the same for finite m": Plant(
        sp.Le(sigma_2, sigma_1 * sp.Rational(99, 100)),
        small_family(6).restricted(IntegerRange(depth, 3, 6)),
        None,
        at_the_limit,
    ),
    "the strip closed": Plant(sp.Ge(sp.Abs(x - y), -x / 100, evaluate=False), SPREAD),
    "the dip allowed for": Plant(
        sp.Ge((x - TENTH) * (x - TENTH - sp.Rational(3, 100)), -sp.Rational(225, 10**6)),
        Parameters((RealRange(x, "1", "9.99"),)),
    ),
    "the equality itself": Plant(
        sp.Eq(seen, sp.sqrt(x)), integers(IntegerRange(n, 1, 20)), None, nearly_root(Fraction(0), 1)
    ),
    "the law of depth 2 at depth 2": Plant(SHALLOW_RATIO, small_family(2), None, at_the_limit),
    "the law of depth 2 at depth 2, seen by the matrix flow": Plant(
        SHALLOW_RATIO,
        FLOWING.restricted(IntegerRange(depth, 2, 2)),
        None,
        at_the_end_of_the_flow,
        flows=True,
        examples=6,
        digits=6,
    ),
    "s w*": Plant(
        sp.Eq(sigma_1, block_size * value),
        Parameters((IntegerRange(block_size, 1, 4), RealRange(value, "1", "1"))),
        None,
        lambda point, digits: {sigma_1: limit(BlockFamily(3, 2, point[block_size], 1, "0.1", "inf"), digits).first},
    ),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", FALSE)
def test_a_false_statement_is_refuted_with_its_smallest_witness(name: str, seed: int) -> None:
    plant = FALSE[name]
    found = plant.attacked(seed)
    assert found.verdict is Verdict.REFUTED, found.summary
    assert found.witness is not None
    assert {symbol: found.witness[symbol] for symbol in map(str, plant.domain.symbols)} == plant.smallest
    assert found.seed == seed


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", TRUE)
def test_a_true_statement_is_not_refuted(name: str, seed: int) -> None:
    plant = TRUE[name]
    found = replace(plant, examples=min(plant.examples, 150)).attacked(seed)
    assert found.verdict is Verdict.CONSISTENT, found.summary
    assert found.points > 0


def test_every_expected_witness_lies_in_its_domain() -> None:
    assert len(FALSE) >= 5
    assert all(plant.smallest is None for plant in TRUE.values())
    for plant in FALSE.values():
        assert plant.smallest is not None
        texts = {str(symbol): symbol for symbol in plant.domain.symbols}
        point = {
            texts[name]: math.inf if text == "inf" else int(text) if texts[name].is_integer else Fraction(text)
            for name, text in plant.smallest.items()
        }
        assert plant.domain.contains(point)


def test_an_error_below_the_digits_asked_for_is_not_seen_and_more_digits_see_it() -> None:
    """What CONSISTENT does not say: an error of 1e-40 hides from 15 digits, not from 60."""
    hidden = Plant(
        sp.Eq(seen, sp.sqrt(x)),
        integers(IntegerRange(n, 1, 9)),
        None,
        nearly_root(Fraction(1, 10**40), 1),
    )
    assert hidden.attacked(0).verdict is Verdict.CONSISTENT
    found = replace(hidden, digits=60).attacked(0)
    assert found.verdict is Verdict.REFUTED
    assert found.worst_residual == pytest.approx(1e-40, rel=1e-6)


def test_the_search_is_steered_to_the_worst_residual() -> None:
    """A residual that peaks at one point among 900^4: chance alone stays 15% and more below it, steering finds it."""
    symbols = sp.symbols("x_1:5", positive=True)
    peak = (3.14, 2.72, 8.15, 6.02)

    def observe(point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
        distance = sum(abs(math.log10(float(point[one]) / top)) for one, top in zip(symbols, peak, strict=True))
        return {seen: arb(1) + arb(10 ** (-12 - distance)) + arb(0, 1e-10)}

    domain = Parameters(tuple(RealRange(one, "1", "9.99") for one in symbols))
    plant = Plant(sp.Eq(seen, 1), domain, None, observe, examples=500, digits=8)
    for seed in SEEDS:
        found = plant.attacked(seed)
        assert found.verdict is Verdict.CONSISTENT
        assert found.worst_point == {str(one): str(top) for one, top in zip(symbols, peak, strict=True)}
        assert found.worst_residual == pytest.approx(1e-12, rel=1e-6)
