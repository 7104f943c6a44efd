"""Planted counterexamples of measure 1e-4 of the domain: steering must find them, plain sampling beside it does not."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
import sympy as sp

from verification import QUICK, Clause, Falsification, Parameters, RealRange, Statement, Verdict
from verification.claim import Truth, judge
from verification.verify import run_check

x, y, z = sp.symbols("x y z", positive=True)
SEEDS = range(10)


@dataclass(frozen=True)
class Rare:
    """A claim that is false on about 1e-4 of its domain in the domain's own (logarithmic) measure."""

    claim: sp.Basic
    domain: Parameters

    def statement(self) -> Statement:
        return Statement(
            id="rare",
            title="false on a ten thousandth of the domain",
            parameters=self.domain,
            clauses=(Clause("claim", "planted", self.claim),),
            checks=(Falsification(("claim",)),),
        )

    def false_at(self, fractions: list[float]) -> bool:
        point = {one.symbol: one.at(place) for one, place in zip(self.domain.ranges, fractions, strict=True)}
        return judge(self.claim, point, 15).truth is Truth.FALSE

    def sampled(self, seed: int, count: int) -> int:
        """Counterexamples among plain random points."""
        draws = random.Random(seed)
        return sum(self.false_at([draws.random() for _ in self.domain.ranges]) for _ in range(count))


PLANE = Parameters((RealRange(x, "0.01", "100"), RealRange(y, "0.01", "100")))
SPACE = Parameters((*PLANE.ranges, RealRange(z, "0.01", "100")))
DEEP = sp.log(x / 7) ** 2 + sp.log(y * 3) ** 2
RARE: Mapping[str, Rare] = {
    "a small disc at the bottom of a smooth slope": Rare(sp.Gt(DEEP, sp.Rational(31, 10_000)), PLANE),
    "the end of a thin curved ridge": Rare(
        sp.Gt(
            100 * (sp.log(y) - sp.log(x) ** 2 / 5) ** 2 + (sp.log(x) - 3) ** 2,
            sp.Rational(27, 1000),
        ),
        PLANE,
    ),
    "a corner": Rare(sp.Lt(x * y * z, 470_000), SPACE),
}


@pytest.mark.parametrize("name", RARE)
def test_the_counterexamples_are_rare(name: str) -> None:
    """Dense sampling in the domain's measure: two million points."""
    rare = RARE[name]
    exponents = np.random.default_rng(0).uniform(-2, 2, (len(rare.domain.symbols), 2_000_000))
    holds = sp.lambdify(rare.domain.symbols, rare.claim, "numpy")(*10**exponents)
    assert 0.9e-4 < 1 - holds.mean() < 1.1e-4


@pytest.mark.parametrize("name", RARE)
def test_steering_refutes_in_nine_of_ten_seeds_and_plain_sampling_does_not(name: str) -> None:
    rare, statement = RARE[name], RARE[name].statement()
    steered = [
        run_check(statement, statement.checks[0], replace(QUICK, seed=seed)).verdict is Verdict.REFUTED
        for seed in SEEDS
    ]
    plain = [rare.sampled(seed, QUICK.examples) > 0 for seed in SEEDS]
    assert sum(steered) >= 9
    assert sum(plain) <= 3
