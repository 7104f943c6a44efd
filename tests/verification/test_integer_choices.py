"""Integers of a box: catches a formula that has no real value at one of them, and counts as proven or breaks the check.

1/n != 5 was once certified for n = 0..3, since SymPy's 1/0 differs from 5.
"""

from fractions import Fraction
from typing import Any

import pytest
import sympy as sp
from toy_statements import BUDGET, toy

from verification import Certificate, IntegerRange, Parameters, RealRange, Verdict
from verification.integer_choices import Undefined, choices_of, claim_at, value_at
from verification.verify import run_check

k = sp.Symbol("k", integer=True)
u = sp.Symbol("u", real=True)


def certify(claim: sp.Basic, low: int, high: int, *, assumptions: tuple[sp.Basic, ...] = ()) -> Any:
    box = Parameters((IntegerRange(k, low, high), *([RealRange(u, "0", "1")] if u in claim.free_symbols else [])))
    statement = toy(claim, Certificate(("claim",), box), parameters=box, assumptions=assumptions)
    return run_check(statement, statement.checks[0], BUDGET)


@pytest.mark.parametrize(
    ("claim", "low", "high", "undefined"),
    [
        (sp.Ne(1 / k, 5), 0, 3, "k = 0"),
        (sp.Not(sp.Eq(sp.log(k), 7)), 0, 3, "k = 0"),
        (sp.Le(1 / k, 2), -1, 3, "k = 0"),
        (sp.Ge(sp.sqrt(k) * u, -1), -2, 2, "k = -2"),
        (sp.Ge(sp.Max(1 / k, u), -1), 0, 2, "k = 0"),
        (sp.Le(sp.log(k) + u, 9), -1, 3, "k = -1"),
        (sp.Or(sp.Ge(k, 0), sp.Ne(1 / k, 5)), 0, 2, "k = 0"),
    ],
)
def test_a_claim_without_a_value_at_an_integer_is_undecided_there(
    claim: sp.Basic, low: int, high: int, undefined: str
) -> None:
    found = certify(claim, low, high)
    assert found.verdict is Verdict.UNDECIDED, found.summary
    assert found.open_boxes[0] == undefined
    assert f"has no real value at {undefined}; leave it out" in (found.remedy or "")


@pytest.mark.parametrize("assumption", [sp.Ne(k, 0), sp.Gt(k, sp.Rational(1, 2)), sp.Ne(1 / k, 7)])
def test_integers_at_which_an_assumption_fails_or_has_no_value_are_outside(assumption: sp.Basic) -> None:
    found = certify(sp.Le(1 / k, 1), 0, 3, assumptions=(assumption,))
    assert found.verdict is Verdict.CERTIFIED, found.summary
    assert "1 where an assumption fails" in found.summary


def test_a_counterexample_is_found_beside_an_integer_without_a_value() -> None:
    found = certify(sp.Le(1 / k, sp.Rational(1, 3)), 0, 3)
    assert found.verdict is Verdict.REFUTED
    assert found.witness == {"k": "1"}


def test_values_and_claims_at_numbers() -> None:
    assert value_at(1 / k + u, {k: sp.Integer(2)}) == u + sp.Rational(1, 2)
    assert claim_at(sp.And(sp.Le(k * u, 3), sp.Ge(u, k)), {k: sp.Integer(1)}) == sp.And(sp.Le(u, 3), sp.Ge(u, 1))
    for expression in (1 / k, sp.log(k), (k - 1) ** sp.Rational(1, 3), sp.sqrt(k - 1)):
        with pytest.raises(Undefined):
            value_at(expression, {k: sp.Integer(0)})


def test_every_choice_once() -> None:
    box = Parameters((IntegerRange(k, -1, 1), RealRange(u, "1/2", "1/2")))
    assert [choice[k] for choice in choices_of(box)] == [-1, 0, 1]
    assert {choice[u] for choice in choices_of(box)} == {Fraction(1, 2)}
