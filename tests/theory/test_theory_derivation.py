"""Catches a derivation that claims more than it checked: an unreduced identity, a sign SymPy did not decide, a wrong
reducer that would turn different expressions into equal ones."""

import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from theory.derivation import (
    Derivation,
    Kind,
    argument,
    cancel_exponents,
    definition,
    identity,
    nonnegative,
    positive,
    split_powers,
    tends_to,
)
from theory.symbols import depth

x, y = sp.symbols("x y", positive=True)
free, least = sp.Symbol("u", real=True), sp.Symbol("v", nonnegative=True)

HOLDING = {
    "expanded identity": identity("", (x + y) ** 2, x**2 + 2 * x * y + y**2),
    "identity with its own reducer": identity("", sp.sin(free) ** 2 + sp.cos(free) ** 2, sp.Integer(1), sp.simplify),
    "zero residual of a sum": identity("", x - x, sp.Integer(0)),
    "positive": positive("", x * y + 1),
    "nonnegative at its edge": nonnegative("", least),
    "limit": tends_to("", (x + 1) / x, x, sp.oo, sp.Integer(1)),
    "limit from above": tends_to("", sp.exp(-1 / free), free, sp.Integer(0), sp.Integer(0)),
}
OPEN = {
    "off by one": identity("", x + 1, x),
    "true, but this reducer cannot show it": identity("", sp.sin(free) ** 2 + sp.cos(free) ** 2, sp.Integer(1)),
    "true for u >= 0 only": identity("", sp.sqrt(free**2), free),
    "undefined": identity("", sp.nan, sp.Integer(0)),
    "a symbol of unknown value": identity("", free, sp.Integer(0)),
    "nonnegative is not positive": positive("", least),
    "of either sign": positive("", free),
    "negative": positive("", -x),
    "zero": positive("", sp.Integer(0)),
    "square minus square": nonnegative("", x - y),
    "negative constant": nonnegative("", sp.Integer(-1)),
    "other limit": tends_to("", (x + 1) / x, x, sp.oo, sp.Integer(2)),
    "no limit": tends_to("", sp.sin(x), x, sp.oo, sp.Integer(0)),
    "divergent": tends_to("", 1 / x, x, sp.Integer(0), sp.oo),
}


@pytest.mark.parametrize("name", HOLDING)
def test_a_decided_step_holds(name):
    assert HOLDING[name].holds


@pytest.mark.parametrize("name", OPEN)
def test_an_undecided_or_false_step_is_open(name):
    assert not OPEN[name].holds


def test_the_residual_of_a_false_identity_is_the_difference_of_its_sides():
    assert identity("", x + 1, x).residual == 1
    assert identity("", (x + 1) ** 2, x**2).residual == 2 * x + 1


def test_relations_keep_both_sides_as_written():
    step = identity("", (x + y) ** 2, (x + y) ** 2)
    assert step.relation.lhs == step.relation.rhs == (x + y) ** 2
    assert positive("", sp.Integer(1)).relation.lhs == 1
    assert tends_to("", 1 / x, x, sp.oo, sp.Integer(0)).relation.lhs == sp.Limit(1 / x, x, sp.oo)


def test_kinds_tell_how_a_step_is_known():
    steps = (identity("", x, x), positive("", x), nonnegative("", x), definition("", x, y), argument("theorem"))
    assert [step.kind for step in steps] == [Kind.IDENTITY, Kind.SIGN, Kind.SIGN, Kind.DEFINITION, Kind.ARGUMENT]


def test_definitions_and_arguments_claim_nothing_and_have_no_residual():
    # A false relation inside them holds by convention, which is why arguments are listed to the reader.
    for step in (definition("", x, x + 1), argument("", sp.Eq(x, x + 1, evaluate=False)), argument("words only")):
        assert step.holds
        assert step.residual is None
    assert argument("words only").relation is None


def test_one_open_step_opens_the_derivation_and_is_named():
    good, bad, said = identity("good", x, x), identity("bad", x, y), argument("said")
    assert Derivation(("a",), (good, said)).holds
    broken = Derivation(("a",), (good, bad, said, OPEN["negative"]))
    assert not broken.holds
    assert broken.open_steps == (bad, OPEN["negative"])
    assert broken.arguments == (said,)
    assert Derivation(("a",), (good,)).arguments == ()


SMALL = settings(max_examples=20)  # one example is some 50 ms of SymPy
exponents = st.builds(
    lambda a, b, c: (a * depth + b) / (c * depth + 1), st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 2)
)
monomials = st.builds(lambda b, c, e: x**b * y**c * (x ** (depth - 2)) ** e, *[exponents] * 3)
POINT = {x: sp.Rational(7, 5), y: sp.Rational(3, 11), depth: sp.Integer(5)}


@SMALL
@given(monomials, monomials)
def test_cancel_exponents_keeps_the_value(left, right):
    # A sum of two powers at 60 digits: 1e-50 leaves no doubt that the two sides are equal.
    before, after = (left - 2 * right).subs(POINT), cancel_exponents(left - 2 * right).subs(POINT)
    assert abs(sp.N(before - after, 60)) <= 1e-50 * (1 + abs(sp.N(left.subs(POINT), 20)))


@SMALL
@given(monomials, monomials)
def test_cancel_exponents_never_identifies_different_powers(left, right):
    assume(abs(sp.N((left - right).subs(POINT), 60)) > 1e-30)
    assert not identity("", left, right, cancel_exponents).holds


@SMALL
@given(exponents, exponents)
def test_cancel_exponents_proves_the_laws_of_exponents(first, second):
    assert identity("", x**first * x**second, x ** sp.together(first + second), cancel_exponents).holds
    assert identity("", (x**first) ** second, x ** sp.together(first * second), cancel_exponents).holds


@SMALL
@given(exponents)
def test_split_powers_proves_the_power_of_a_product(power):
    both = ((x + 1) * y) ** power
    assert identity("", both, (x + 1) ** power * y**power, split_powers).holds
    assert not identity("", both, (x + 1) ** power * y**power + 1, split_powers).holds
