"""Catalogue: how often greedy low-rank learning attains the minimum rank of small random completion problems."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import sympy as sp

from numerics.binomial_interval import binomial_interval
from numerics.gradient_flow import StopReason
from numerics.random_completion import Attained, attained_rank_one
from verification.catalogue.families import frequency_ball
from verification.catalogue.sources import source
from verification.checks import Falsification, Observation, Trajectory
from verification.evidence import Series
from verification.parameters import IntegerRange, Parameters, Point
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]

_PROBLEMS = 40
_CONFIDENCE = 0.99
_OFTEN = sp.Rational(3, 5)
_OFTEN_CONNECTED = sp.Rational(4, 5)

size = sp.Symbol("n", integer=True, nonnegative=True)
frequency, connected_frequency = sp.symbols("p p_connected", nonnegative=True)


@cache
def _attained(rows: int) -> Attained:
    return attained_rank_one(rows, _PROBLEMS, 1000 * rows)


def _frequencies(point: Point, _digits: int) -> Values:
    """Balls that are the intervals of how often the minimum rank was attained."""
    found = _attained(point[size])
    return {
        frequency: frequency_ball(found.attained, found.count, _CONFIDENCE),
        connected_frequency: frequency_ball(found.connected_attained, found.connected, _CONFIDENCE),
    }


def _counted(point: Point) -> Observation:
    """The same with the counts in words."""
    found = _attained(point[size])
    low, high = binomial_interval(found.attained, found.count, _CONFIDENCE)
    share = found.attained / found.count
    series = Series(
        title=f"n = {point[size]}: {found.attained} of {found.count}, interval [{low:.3f}, {high:.3f}]; connected: "
        f"{found.connected_attained} of {found.connected}",
        axis="batch",
        quantity="frequency of the minimum rank",
        measured={"measured": ((0.0, 1.0), (share, share))},
        predicted={"low": ((0.0, 1.0), (low, low)), "high": ((0.0, 1.0), (high, high))},
    )
    return Observation([_frequencies(point, 0)], StopReason.CONVERGED, series)


def greedy_finds_minimum_rank(
    least: sp.Rational = _OFTEN, claim: Callable[[sp.Expr, sp.Expr], sp.Basic] = sp.Ge
) -> Statement:
    """greedy-finds-minimum-rank, with the stated frequency, and how the measured one is claimed to compare with it."""
    domain = Parameters((IntegerRange(size, 3, 4),))
    sample = f"{_PROBLEMS} random problems; ball: Clopper-Pearson interval of confidence {_CONFIDENCE:g}"
    return Statement(
        id="greedy-finds-minimum-rank",
        title="How often greedy low-rank learning attains the minimum rank of a small completion problem: a frequency",
        source=source("LLL", "rank minimisation", Provenance.NEW),
        parameters=domain,
        observables={
            frequency: f"probability that rank 1 is attained, from {sample}. n x n, truth u v^T with standard normal "
            "u, v, entry (1,1) and every other with probability 1/2 observed, not all",
            connected_frequency: "the same among those of the problems whose mask is connected",
        },
        clauses=(
            Clause(
                "frequency",
                f"the minimum rank, 1, is attained with a probability of at least {least}: the lower end of the "
                "measured interval is above that. It is a frequency in a sample, not a theorem: some problems fail",
                claim(frequency, least),
            ),
            Clause(
                "connected",
                f"and of at least {_OFTEN_CONNECTED} where the mask is connected",
                sp.Ge(connected_frequency, _OFTEN_CONNECTED),
            ),
        ),
        checks=(
            Falsification(
                ("frequency", "connected"),
                _frequencies,
                "a batch of random problems per size",
                domain,
                digits=6,
                flows=True,
            ),
            Trajectory(("frequency", "connected"), _counted, "the same batches, counted", domain),
        ),
        mutants=(
            Mutant(
                "always",
                "the minimum rank is always attained",
                lambda: greedy_finds_minimum_rank(sp.Integer(1), sp.Eq),
            ),
            Mutant(
                "rarely",
                "with a probability of at most 1/2",
                lambda: greedy_finds_minimum_rank(sp.Rational(1, 2), sp.Le),
            ),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (greedy_finds_minimum_rank,)
