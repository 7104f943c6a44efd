"""Domains: catches a strategy or a grid that leaves its range, repeats points or changes when it grows."""

import itertools
import math
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_statements import n, x

from verification import IntegerRange, Parameters, RealRange, StatementError, catalogue
from verification.parameters import point_text

y = sp.Symbol("y", positive=True)
u = sp.Symbol("u", real=True)
whole = sp.Symbol("k", integer=True)
RANGES = [
    IntegerRange(n, 1, 1),
    IntegerRange(whole, -3, 4),
    IntegerRange(whole, 0, 10**6),
    RealRange(x, "1", "1"),
    RealRange(x, "1.01", "1000"),
    RealRange(x, "1e-300", "1e300", infinity=True),
    RealRange(x, "0.15", "0.9"),
    RealRange(x, "2/3", "5/7"),
    RealRange(x, "1e-6", "1e-4", infinity=True),
    RealRange(x, "1.05", "inf"),
    RealRange(x, "1.05", "inf", infinity=True),
    RealRange(x, "0", "1"),
    RealRange(x, "0", "inf"),
    RealRange(u, "-1", "1"),
    RealRange(u, "-3", "-2/3"),
    RealRange(u, "0", "0"),
]


def domains(statement_id: str) -> list[Parameters]:
    """The domains that a statement and its checks draw from."""
    statement = catalogue.statement(statement_id)
    own = [getattr(check, name, None) for check in statement.checks for name in ("domain", "box")]
    return [statement.parameters, *(domain for domain in own if domain is not None)]


@pytest.mark.parametrize("statement_id", catalogue.ids())
@settings(max_examples=60)
@given(data=st.data())
def test_what_the_strategy_draws_satisfies_contains(statement_id: str, data: st.DataObject) -> None:
    for domain in domains(statement_id):
        point = data.draw(domain.strategy())
        assert set(point) == set(domain.symbols)
        assert domain.contains(point)


@pytest.mark.parametrize("statement_id", catalogue.ids())
def test_grid_points_are_contained_distinct_and_a_shorter_grid_begins_a_longer_one(statement_id: str) -> None:
    for domain in domains(statement_id):
        points = list(domain.grid(150))
        assert points
        assert all(domain.contains(point) for point in points)
        assert len({tuple(point.items()) for point in points}) == len(points) <= 150
        for count in (1, 7, 60):
            shorter = list(domain.grid(count))
            assert len(shorter) <= count
            assert shorter == points[: len(shorter)]


@pytest.mark.parametrize("one", RANGES, ids=str)
@given(data=st.data())
def test_a_range_contains_what_it_draws_and_the_value_at_every_fraction(one: Any, data: st.DataObject) -> None:
    assert one.contains(data.draw(one.strategy()))
    assert one.contains(one.at(data.draw(st.floats(0, 1, exclude_max=True))))


@pytest.mark.parametrize("one", RANGES, ids=str)
def test_with_many_digits_every_fraction_is_met_and_the_ends_are_values(one: Any) -> None:
    """Where the range has a value near: integers and ranges of one number have few."""
    assert one.contains(one.at(0.0, 15))
    assert one.contains(one.at(1.0, 15))
    for index in range(1, 90):
        value = one.at(index / 100, 15)
        assert one.contains(value)
        if isinstance(one, RealRange) and one.low < one.high:
            assert one.fraction(value) == pytest.approx(index / 100, abs=1e-10)
        else:
            assert one.at(one.fraction(value), 15) == value


@pytest.mark.parametrize("one", RANGES, ids=str)
def test_values_are_exact_and_never_floats_except_infinity(one: Any) -> None:
    values = [one.at(i / 97) for i in range(97)]
    assert all(isinstance(value, (int, Fraction)) or value == math.inf for value in values)
    if isinstance(one, RealRange):
        assert (math.inf in values) == one.infinity


def test_a_range_knows_its_ends_and_what_lies_outside() -> None:
    whole, real = IntegerRange(n, 2, 5), RealRange(x, "0.1", "10")
    assert [value for value in range(8) if whole.contains(value)] == [2, 3, 4, 5]
    assert not whole.contains(Fraction(5, 2))
    assert not whole.contains(3.0)
    assert real.contains(Fraction(1, 10))
    assert real.contains(10)
    assert not real.contains(Fraction(1, 10) - Fraction(1, 10**30))
    assert not real.contains(Fraction(10) + Fraction(1, 10**30))
    for wrong in (0.5, math.inf, math.nan, "1", None):
        assert not real.contains(wrong)
    endless = RealRange(x, "0.1", "10", infinity=True)
    assert endless.contains(math.inf)
    assert not endless.contains(-math.inf)
    assert not endless.contains(11)


def test_the_end_zero_of_a_positive_symbol_is_never_drawn_and_that_of_a_real_one_is() -> None:
    positive, real = RealRange(x, "0", "1"), RealRange(u, "0", "1")
    assert not positive.contains(0)
    assert real.contains(0)
    assert positive.at(0.0) > 0
    assert real.at(0.0) == 0
    assert (str(positive), str(real)) == ("x in (0, 1]", "u in [0, 1]")


def test_a_half_infinite_range_contains_everything_above_its_end_and_draws_up_to_its_horizon() -> None:
    endless = RealRange(x, "1.05", "inf")
    assert endless.contains(Fraction(10**30))
    assert not endless.contains(math.inf)
    assert max(endless.at(i / 50) for i in range(50)) > 10**11
    assert endless.at(1.0) == endless.horizon
    assert Parameters((endless,)).drawn == "x in [1.05, oo); x drawn up to 1.05e12"
    assert Parameters((RealRange(x, "0", "inf"),)).drawn == "x in (0, oo); x drawn from 0.000001 up to 1e12"
    assert Parameters((RealRange(x, "1", "2"),)).drawn == "x in [1, 2]"
    assert RealRange(u, "0", "inf").at(0.0) == 0
    assert str(endless) == "x in [1.05, oo)"
    assert str(RealRange(x, "1.05", "inf", infinity=True)) == "x in [1.05, oo]"


def test_a_narrow_range_is_drawn_between_its_ends() -> None:
    """Three significant digits would leave only the ends."""
    narrow = RealRange(x, "1000", "1001")
    assert len({narrow.at(i / 100) for i in range(100)}) > 90
    drawn = set()

    @settings(database=None)
    @given(narrow.strategy())
    def draw(value: Fraction) -> None:
        drawn.add(value)

    draw()
    assert len(drawn) > 30


def test_a_grid_of_another_seed_has_other_points() -> None:
    domain = Parameters((RealRange(x, "1", "100"), RealRange(u, "-1", "1")))
    grids = [[tuple(point.values()) for point in domain.grid(50, seed)] for seed in (None, 1, 2, 1)]
    assert grids[1] == grids[3]
    assert len({*grids[0], *grids[1], *grids[2]}) > 140


def test_a_linear_range_is_covered_evenly() -> None:
    values = [RealRange(u, "-1", "1").at(i / 100) for i in range(100)]
    assert values == sorted(values)
    assert max(abs(Fraction(value) - Fraction(2 * i - 100, 100)) for i, value in enumerate(values)) <= Fraction(1, 1000)


def test_integers_reach_both_ends_and_reals_come_within_a_decade_of_both() -> None:
    assert {IntegerRange(n, 2, 5).at(i / 20) for i in range(20)} == {2, 3, 4, 5}
    values = [RealRange(x, "1e-6", "10").at(i / 50) for i in range(50)]
    assert min(values) == Fraction(1, 10**6)
    assert max(values) > 1
    assert values == sorted(values)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: IntegerRange(n, 3, 2), "n: the range 3..2 is empty"),
        (lambda: RealRange(x, "2", "1"), r"x: \[2, 1\] is empty; low must not exceed high"),
        (lambda: RealRange(x, "-1", "1"), r"x: the range \[-1, 1\] holds -1, but the symbol is declared positive"),
        (lambda: RealRange(x, "0", "0"), r"x: the range \[0, 0\] holds 0, but the symbol is declared positive"),
        (lambda: RealRange(x, "one", "2"), "x: low: one is not a decimal number"),
        (lambda: RealRange(x, "1", "nan"), "x: high: nan is not a decimal number"),
        (lambda: RealRange(x, "inf", "inf"), "x: low: inf is not a decimal number"),
        (lambda: Parameters(()), "none declared"),
        (lambda: Parameters((RealRange(x, "1", "2"), IntegerRange(x, 1, 2))), "x is declared twice"),
        (lambda: Parameters((RealRange(x, "1", "2"),)).restricted(IntegerRange(n, 1, 2)), "n.* is not declared"),
    ],
)
def test_range_errors_name_the_symbol(build: Any, message: str) -> None:
    with pytest.raises(StatementError, match=message):
        build()


def test_restricted_replaces_named_ranges_and_keeps_order_and_original() -> None:
    whole = Parameters((IntegerRange(n, 1, 9), RealRange(x, "1", "2"), RealRange(y, "1", "2")))
    part = whole.restricted(RealRange(x, "1.5", "1.6"), IntegerRange(n, 2, 2))
    assert part.symbols == whole.symbols == (n, x, y)
    assert part.ranges[2] is whole.ranges[2]
    assert str(part) == "n = 2, x in [1.5, 1.6], y in [1, 2]"
    assert str(whole).startswith("n = 1..9, x in [1, 2]")
    assert all(whole.contains(point) for point in part.grid(30))
    assert whole.restricted() == whole


def test_contains_needs_every_symbol() -> None:
    domain = Parameters((IntegerRange(n, 1, 9), RealRange(x, "1", "2")))
    assert domain.contains({n: 3, x: Fraction(3, 2)})
    assert not domain.contains({n: 3})
    assert not domain.contains({n: 3, x: Fraction(3)})


def test_the_grid_of_a_small_domain_is_exhaustive_and_stops() -> None:
    domain = Parameters((IntegerRange(n, 1, 3), IntegerRange(sp.Symbol("k", integer=True), 0, 1)))
    points = {tuple(point.values()) for point in domain.grid(500)}
    assert points == set(itertools.product((1, 2, 3), (0, 1)))


def test_point_text_is_exact() -> None:
    point = {n: 3, x: Fraction("0.05"), y: math.inf, sp.Symbol("u"): Fraction(2, 3)}
    assert point_text(point) == {"n": "3", "x": "0.05", "y": "inf", "u": "2/3"}
