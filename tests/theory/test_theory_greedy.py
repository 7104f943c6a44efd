"""Catches a wrong fall of f along an escape direction, and a wrong exponent of alpha at depth 2."""

import pytest
import sympy as sp

from theory import counter_example as example
from theory import greedy as theory
from theory.greedy import best_drop, curvature, escape_derivation, rate


def test_the_derivation_of_the_escape_holds_for_every_size():
    derivation = escape_derivation(best_drop)
    assert derivation.holds
    assert derivation.sizes == ()
    assert derivation.clauses == ("orthogonal", "decrease")


@pytest.mark.parametrize("wrong", [2 * best_drop, best_drop / 2, rate / curvature, rate**2 / 2, -best_drop])
def test_a_wrong_fall_leaves_exactly_one_step_open(wrong):
    assert len(escape_derivation(wrong).open_steps) == 1


@pytest.mark.parametrize(("ratio", "expected"), [("1.1", "1.17075"), ("1.5", "0.96101"), ("2", "0.78078")])
def test_the_exponents_of_the_4_by_4_problem(ratio, expected):
    exponent = theory.limit_exponent(*example.rates).subs(example.R, sp.Rational(ratio))
    assert abs(sp.N(exponent) - sp.Float(expected)) < 1e-5
    assert sp.simplify(theory.limit_exponent(*example.rates) - 2 * theory.cross_exponent(*example.rates)) == 0
