"""Judging by balls: catches an equality "proved" by overlap, a decision that the balls do not force, a wrong sign."""

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp
from flint import acb, arb
from hypothesis import given
from hypothesis import strategies as st

from numerics.balls import precision
from verification import StatementError
from verification.claim import Truth, judge

a, b, c = sp.symbols("a b c", real=True)
T, U, F = Truth.TRUE, Truth.UNKNOWN, Truth.FALSE


def truth(claim: sp.Basic, digits: int = 10, **values: Any) -> Truth:
    with precision(128):
        return judge(claim, {sp.Symbol(name, real=True): value for name, value in values.items()}, digits).truth


def interval(low: float, high: float) -> arb:
    return arb(low).union(arb(high))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (2, 2, T),
        (2, 3, F),
        (Fraction(1, 2), Fraction(1, 2), T),
        (Fraction(1, 3), Fraction(1, 3), Truth.AGREES),  # 1/3 is no binary number: the balls overlap, no more
        (arb(1, 1e-30), 1, Truth.AGREES),
        (arb(1, 1e-30), arb(1, 1e-30), Truth.AGREES),
        (arb(1, 1e-5), 1, U),
        (1, arb(1, 1e-5), U),
        (arb(1, 1e-30), arb(1, 1e-5), U),
        (arb(1, 0.1), arb(1.2, 0.11), U),
        (arb(1, 1e-30), 1 + Fraction(1, 10**20), F),
        (arb(1, 0.1), arb(1.3, 0.1), F),
        (arb(0, 1e-30), 0, U),  # no digit of 0 is proven by a ball around it
        (arb(0), 0, T),
        (arb.nan(), 1, U),
        (arb.pos_inf(), 1, U),
        (1, arb(0, math.inf), U),
    ],
)
def test_equalities(left: Any, right: Any, expected: Truth) -> None:
    assert truth(sp.Eq(a, b), a=left, b=right) is expected
    assert truth(sp.Eq(b, a), a=left, b=right) is expected


@given(st.fractions(-5, 5, max_denominator=50), st.integers(1, 60), st.fractions(-5, 5, max_denominator=50), st.data())
def test_overlap_never_proves_an_equality_and_disjointness_always_refutes_it(
    left: Fraction, bits: int, right: Fraction, data: st.DataObject
) -> None:
    with precision(128):
        one = arb(left.numerator) / left.denominator + arb(0, 2.0**-bits)
        two = arb(right.numerator) / right.denominator + arb(0, 2.0 ** -data.draw(st.integers(1, 60)))
        expected = {Truth.AGREES, U} if one.overlaps(two) else {F}
        assert judge(sp.Eq(a, b), {a: one, b: two}, data.draw(st.integers(1, 15))).truth in expected


@pytest.mark.parametrize(
    ("left", "right", "below", "at_most", "above", "at_least"),
    [
        (1, 2, T, T, F, F),
        (2, 1, F, F, T, T),
        (1, 1, F, T, F, T),
        (interval(0, 1), 2, T, T, F, F),
        (interval(2, 3), 1, F, F, T, T),
        (interval(0, 1), interval(2, 3), T, T, F, F),
        (interval(0, 2), 1, U, U, U, U),
        (interval(0, 2), interval(1, 3), U, U, U, U),
        (arb.nan(), 1, U, U, U, U),
        (arb(0, math.inf), 1, U, U, U, U),
        (Fraction(1, 3), Fraction(1, 3), U, U, U, U),
    ],
)
def test_inequalities_are_decided_only_by_the_balls(
    left: Any, right: Any, below: Truth, at_most: Truth, above: Truth, at_least: Truth
) -> None:
    found = [truth(relation(a, b), a=left, b=right) for relation in (sp.Lt, sp.Le, sp.Gt, sp.Ge)]
    assert found == [below, at_most, above, at_least]


def _implies(p: Truth, q: Truth) -> Truth:
    return max(_not(p), q)


def _not(p: Truth) -> Truth:
    return {T: F, F: T}.get(p, U)


def _equivalent(p: Truth, q: Truth) -> Truth:
    return U if U in (p, q) else (T if p is q else F)


LEVELS = {T: arb(1), F: arb(-1), U: arb(0, 1)}


@pytest.mark.parametrize(
    ("connective", "kleene"),
    [
        (sp.And, lambda p, q: min(p, q)),
        (sp.Or, lambda p, q: max(p, q)),
        (sp.Implies, _implies),
        (sp.Equivalent, _equivalent),
        (lambda p, q: sp.And(p, sp.Not(q)), lambda p, q: min(p, _not(q))),
        (lambda p, q: sp.Not(sp.And(p, q), evaluate=False), lambda p, q: _not(min(p, q))),
        (
            lambda p, q: sp.Implies(sp.Or(p, q), sp.Equivalent(p, q)),
            lambda p, q: _implies(max(p, q), _equivalent(p, q)),
        ),
    ],
)
def test_connectives_are_kleenes(
    connective: Callable[[sp.Basic, sp.Basic], sp.Basic], kleene: Callable[[Truth, Truth], Truth]
) -> None:
    claim = connective(sp.Gt(a, 0), sp.Gt(b, 0))
    for p, q in itertools.product(LEVELS, repeat=2):
        assert truth(claim, a=LEVELS[p], b=LEVELS[q]) is kleene(p, q), (p, q)


def test_agreement_is_not_truth_inside_connectives() -> None:
    agrees, holds = sp.Eq(a, 1), sp.Gt(b, 0)
    near = arb(1, 1e-30)
    assert truth(sp.And(agrees, holds), a=near, b=1) is Truth.AGREES
    assert truth(sp.Or(agrees, sp.Lt(b, 0)), a=near, b=1) is Truth.AGREES
    assert truth(sp.Equivalent(agrees, holds), a=near, b=1) is U
    assert truth(sp.Implies(agrees, sp.Lt(b, 0)), a=near, b=1) is U
    assert truth(sp.Implies(agrees, holds), a=near, b=1) is T


CLAIMS = [
    sp.Eq(a, b),
    sp.Lt(a, b),
    sp.Le(a, b),
    sp.Gt(a, 1),
    sp.Ge(a, b),
    sp.And(sp.Lt(a, b), sp.Eq(b, c)),
    sp.Or(sp.Eq(a, b), sp.Ge(b, c)),
    sp.Implies(sp.Lt(a, b), sp.Lt(b, c)),
    sp.Implies(sp.Eq(a, b), sp.Lt(b, c)),
    sp.Equivalent(sp.Lt(a, b), sp.Lt(b, c)),
    sp.Equivalent(sp.Eq(a, b), sp.Lt(b, c)),
    sp.Not(sp.And(sp.Eq(a, b), sp.Lt(b, c)), evaluate=False),
]
dyadic = st.integers(-40, 40).map(lambda k: k / 16)
balls = st.builds(arb, dyadic, st.sampled_from([0, 2.0**-70, 2.0**-10, 0.25, 1.0]))


@given(st.sampled_from(CLAIMS), st.tuples(balls, balls, balls), st.tuples(balls, balls, balls), st.integers(2, 15))
def test_widening_the_balls_never_decides_anything(claim: sp.Basic, narrow: tuple, extra: tuple, digits: int) -> None:
    symbols = (a, b, c)
    with precision(128):
        before = judge(claim, dict(zip(symbols, narrow, strict=True)), digits).truth
        wide = [one.union(more) for one, more in zip(narrow, extra, strict=True)]
        assert all(one in whole for one, whole in zip(narrow, wide, strict=True))
        after = judge(claim, dict(zip(symbols, wide, strict=True)), digits).truth
    assert (
        after
        in {
            T: {T, U, Truth.AGREES},
            F: {F, U},
            Truth.AGREES: {Truth.AGREES, U},
            U: {U, Truth.AGREES},
        }[before]
    )


RATIONAL_CLAIMS = [
    (sp.Lt(a * b, 1), lambda p, q: p * q < 1),
    (sp.Gt(a**2, b), lambda p, q: p**2 > q),
    (sp.Le(a / (1 + b**2), sp.Rational(1, 3)), lambda p, q: p / (1 + q**2) <= Fraction(1, 3)),
    (sp.Eq((a + b) ** 2, a**2 + 2 * a * b + b**2), lambda p, q: True),
    (sp.Eq(a**3 * b, a * b**3), lambda p, q: p**3 * q == p * q**3),
]


@pytest.mark.parametrize(("claim", "exact"), RATIONAL_CLAIMS, ids=[str(claim) for claim, _ in RATIONAL_CLAIMS])
@given(p=st.fractions(-9, 9, max_denominator=99), q=st.fractions(-9, 9, max_denominator=99), bits=st.integers(4, 60))
def test_what_is_decided_is_right_at_any_precision(
    claim: sp.Basic, exact: Callable[[Fraction, Fraction], bool], p: Fraction, q: Fraction, bits: int
) -> None:
    with precision(bits):
        # As balls, so that rounding matters; each contains its rational.
        values = {a: arb(p.numerator) / p.denominator, b: arb(q.numerator) / q.denominator}
        found = judge(claim, values, 1).truth
    assert found is not (F if exact(p, q) else T)


def test_exact_numbers_stay_exact() -> None:
    assert truth(sp.Eq(a**2 - 2 * b, 0), a=Fraction(1, 2), b=Fraction(1, 8)) is T
    endless = sp.Symbol("m", extended_positive=True)  # SymPy would decide claims about a finite symbol by itself
    assert judge(sp.Eq(1 / endless, 0), {endless: math.inf}, 10).truth is T
    assert judge(sp.Ge(endless, 10**9), {endless: math.inf}, 10).truth is T
    assert judge(sp.Eq(1 / endless, 0), {endless: 10**9}, 10).truth is F
    assert judge(sp.Gt(1 / endless, 0), {endless: math.inf}, 10).truth is F


def test_a_value_off_the_real_axis_decides_nothing_and_one_on_it_is_real() -> None:
    assert truth(sp.Gt(a, 0), a=acb(1, 1)) is U
    assert truth(sp.Eq(a, 1), a=acb(1, 1)) is U
    assert truth(sp.Gt(a, 0), a=acb(1, 0)) is T
    assert truth(sp.Ge(sp.sqrt(a), 0), a=Fraction(-1)) is U


def test_residuals_are_relative_distances_and_zero_for_what_holds() -> None:
    with precision(128):
        near = judge(sp.Eq(a, b), {a: 1000, b: 1000 + Fraction(1, 10**6)}, 10)
        violated = judge(sp.Lt(a, b), {a: 4, b: 2}, 10)
        holds = judge(sp.Lt(a, b), {a: 2, b: 4}, 10)
        both = judge(sp.And(sp.Eq(a, b), sp.Lt(a, b)), {a: 4, b: 2}, 10)
    assert near.residual == pytest.approx(1e-9, rel=1e-6)
    assert (violated.residual, holds.residual, both.residual) == (0.5, 0.0, 0.5)


def test_constants_and_claims_that_are_not_relations() -> None:
    assert truth(sp.true) is T
    assert truth(sp.false) is F
    with pytest.raises(StatementError, match="neither an equation"):
        truth(a + 1, a=1)
    with pytest.raises(StatementError, match="neither an equation"):
        truth(sp.Xor(sp.Gt(a, 0), sp.Gt(b, 0)), a=1, b=1)


x = sp.Symbol("x", positive=True)


class TestMargins:
    """How far a claim is from failing: positive where it holds, negative where it fails, falling towards the bound."""

    def margin(self, claim: sp.Basic, value: str) -> float:
        with precision(128):
            return judge(claim, {x: Fraction(value)}, 15).margin

    @pytest.mark.parametrize("claim", [sp.Lt(x, 2), sp.Le(x, 2), sp.Gt(2, x), sp.Not(sp.Ge(x, 2)), sp.Or(x < 1, x < 2)])
    def test_it_falls_towards_the_bound_and_changes_its_sign_there(self, claim: sp.Basic) -> None:
        margins = [self.margin(claim, value) for value in ("0.5", "1", "1.5", "1.9", "1.999", "2.001", "2.5", "100")]
        assert margins == sorted(margins, reverse=True)
        assert margins[4] > 0 > margins[5]
        assert margins[4] < 1e-3

    def test_an_equation_has_no_margin_to_spare(self) -> None:
        assert self.margin(sp.Eq(x, 2), "2") == 0
        assert self.margin(sp.Eq(x, 2), "1.5") == pytest.approx(-0.25)

    def test_and_is_as_near_as_its_nearest_part_and_implication_holds_where_its_hypothesis_fails(self) -> None:
        both = sp.And(x < 2, x < 3)
        assert self.margin(both, "1.9") == self.margin(sp.Lt(x, 2), "1.9")
        implied = sp.Implies(x > 5, x > 6)
        assert self.margin(implied, "1") > 0
        assert self.margin(implied, "7") > 0
        assert self.margin(implied, "5.5") < 0

    def test_sides_many_decades_apart_are_still_steered(self) -> None:
        claim = sp.Lt(x, 10**6)
        margins = [self.margin(claim, value) for value in ("1e-6", "1e-3", "1", "1e3", "1e5")]
        assert margins == sorted(margins, reverse=True)
        assert len(set(margins)) == 5

    def test_differences_from_zero_are_measured_by_their_terms(self) -> None:
        claim = sp.Gt(x - 2, 0, evaluate=False)
        margins = [self.margin(claim, value) for value in ("1000", "10", "3", "2.1", "2.001", "1.9")]
        assert margins == sorted(margins, reverse=True)
        assert margins[-2] > 0 > margins[-1]

    @pytest.mark.parametrize("bound", [sp.Rational(1, 2), sp.Integer(0), sp.Rational(-1, 2)])
    def test_it_falls_towards_the_bound_across_zero(self, bound: sp.Rational) -> None:
        """A margin relative to the larger side rises again where one side changes its sign, and steers away."""
        claim = sp.Lt(5 - x, bound, evaluate=False)
        margins = [self.margin(claim, value) for value in ("1e6", "1000", "20", "10", "6", "5.9", "5.51", "4", "1")]
        assert margins == sorted(margins, reverse=True)
        assert len(set(margins)) == 9
        assert margins[-3] > margins[-2]

    def test_a_side_that_underflows_is_still_steered(self) -> None:
        claim = sp.Lt(sp.exp(-1000 * x), sp.Rational(1, 2))
        margins = [self.margin(claim, value) for value in ("100", "10", "9", "1", "0.1")]
        assert margins == sorted(margins, reverse=True)
        assert len(set(margins)) == 5
