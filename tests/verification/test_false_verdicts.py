"""Verdicts that were once false, found by reviewers who attacked the suite; each stays pinned."""

from fractions import Fraction
from typing import Any

import pytest
import sympy as sp
from toy_statements import BUDGET, DOMAIN, seen, toy, x

from numerics.box_functions import Root
from theory.derivation import Derivation, nonnegative, positive
from verification import (
    Certificate,
    Evaluation,
    Evidence,
    Falsification,
    IntegerRange,
    Parameters,
    RealRange,
    StatementError,
    Symbolic,
    Verdict,
)
from verification.checks import Quantities
from verification.claim import Truth, judge
from verification.verify import run_check

u, v = sp.symbols("u v", real=True)
k = sp.Symbol("k", integer=True)
UNIT = Parameters((RealRange(u, 0, 1),))
PLANE = Parameters((RealRange(u, -2, -1), RealRange(v, 1, 3)))
LINE = Parameters((RealRange(u, -1, 10),))


def found(claim: sp.Basic, domain: Parameters, check: Any = None, **rest: Any) -> Evidence:
    check = Certificate(("claim",), domain) if check is None else check
    statement = toy(claim, check, parameters=domain, **rest)
    return run_check(statement, check, BUDGET)


@pytest.mark.parametrize(
    ("claim", "assumptions"),
    [
        (sp.Implies(sp.Gt(u, sp.Rational(3, 5)), sp.Eq(u, 1)), ()),
        (sp.Or(sp.Eq(u, 1), sp.Le(u, sp.Rational(3, 5))), ()),
        (sp.Eq(u, 1), (sp.Ge(u, sp.Rational(3, 5)),)),
    ],
)
def test_an_equation_that_holds_at_the_worst_corner_is_not_certified(claim: sp.Basic, assumptions: Any) -> None:
    assert found(claim, UNIT, assumptions=assumptions).verdict is Verdict.REFUTED


def test_an_assumption_that_has_no_value_does_not_exclude_a_sub_box() -> None:
    """u^v < 0 holds at u = -1, v = 1, where intervals, which use the logarithm of u, see a positive number."""
    evidence = found(sp.Ge(u + v, 5), PLANE, assumptions=(sp.Lt(u**v, 0),))
    assert evidence.verdict is not Verdict.CERTIFIED


def test_a_proof_about_another_symbol_of_the_same_name_proves_nothing() -> None:
    step = positive("u > 0", sp.Symbol("u", positive=True))
    domain = Parameters((RealRange(u, -1, 1),))
    check = Symbolic(("claim",), lambda: [Derivation(("claim",), (step,))])
    evidence = found(sp.Gt(u, 0), domain, check)
    assert evidence.verdict is Verdict.ERROR
    assert "u: the range [-1, 1] holds -1, but the symbol is declared positive" in evidence.summary


def test_a_true_step_is_not_refuted_at_values_that_its_symbols_never_have() -> None:
    negative = sp.Symbol("y", negative=True)
    step = nonnegative("true for y < 0", -sp.sinh(negative) + sp.exp(-negative) - 1)
    check = Symbolic(("claim",), lambda: [Derivation(("claim",), (step,))])
    assert found(sp.Ge(u, 0), UNIT, check).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("claim", "domain"),
    [
        (sp.Gt((u - 1) / (u - k), 0), Parameters((IntegerRange(k, 1, 1), RealRange(u, 0, 2)))),
        (sp.Gt(k / u**2, -1), Parameters((IntegerRange(k, 0, 0), RealRange(u, -1, 1)))),
        (sp.Ge(sp.sqrt(k) * sp.sqrt(k - 1) + 10, 0), Parameters((IntegerRange(k, -4, -1),))),
        (sp.Ne(1 / v, u + 2), Parameters((RealRange(v, 0, 0), RealRange(u, 0, 1)))),
    ],
)
def test_what_cancels_when_numbers_are_put_in_still_needs_a_value(claim: sp.Basic, domain: Parameters) -> None:
    assert found(claim, domain).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("check", [Certificate, Falsification, Evaluation])
def test_a_point_outside_the_domain_refutes_nothing(check: Any) -> None:
    wide = Parameters((RealRange(x, "0.1", "10"),))
    chosen = Certificate(("claim",), wide) if check is Certificate else check(("claim",), domain=wide)
    assert found(sp.Ge(x, 1), DOMAIN, chosen).verdict is not Verdict.REFUTED


def test_a_real_box_over_integers_refutes_nothing_between_them() -> None:
    whole = Parameters((IntegerRange(k, 1, 5),))
    check = Certificate(("claim",), Parameters((RealRange(sp.Symbol("k", real=True), 1, 5),)))
    with pytest.raises(StatementError):
        toy(sp.Ge((k - 1) * (k - 2), 0), check, parameters=whole)


@pytest.mark.parametrize("value", [None, "0.3", (1, 2), [1.0]])
@pytest.mark.parametrize("check", [Evaluation, Falsification])
def test_what_is_no_number_is_an_error(check: Any, value: Any) -> None:
    """A forgotten `return` once refuted: None was read as 0."""
    statement = toy(sp.Ge(x + seen, 2), check(("claim",), lambda point, digits: {seen: value}), observed=True)
    evidence = run_check(statement, statement.checks[0], BUDGET)
    assert evidence.verdict is Verdict.ERROR
    assert "seen: observe returned the " in evidence.summary


def test_a_bracket_without_a_root_is_not_certified_by_the_bracket_alone() -> None:
    root = sp.Symbol("r", real=True)
    quantities = Quantities({seen: root}, (Root(root, root**2 + 1, sp.Integer(0), sp.Integer(1)),))
    check = Certificate(("claim",), DOMAIN, lambda fixed: quantities)
    statement = toy(sp.Gt(seen + x, -1), check, observed=True)
    evidence = run_check(statement, check, BUDGET)
    assert evidence.verdict is Verdict.UNDECIDED
    assert "holds no root" in (evidence.remedy or "")


@pytest.mark.parametrize("claim", [sp.Ge(sp.sqrt(u) * sp.sqrt(u - 3), 0), sp.Ge(sp.log(u) ** 2, 0), sp.Gt(u**v, 0)])
def test_a_claim_is_not_false_where_it_has_no_real_value(claim: sp.Basic) -> None:
    assert judge(claim, {u: -1, v: Fraction(1, 2)}, 15).truth is not Truth.FALSE


def test_an_equation_beside_zero_has_a_slope_to_follow() -> None:
    """Relative to 0 every residual is 1; the bowl leads to its only zero, one of ten thousand points."""
    j = sp.Symbol("j", integer=True)
    domain = Parameters((IntegerRange(k, 1, 100), IntegerRange(j, 1, 100)))
    bowl = (k - 37) ** 2 + (j - 83) ** 2
    near, far = (judge(sp.Eq(bowl, 0), {k: 37, j: one}, 15).residual for one in (82, 3))
    assert near < far < 1
    evidence = found(sp.Ne(bowl, 0), domain, Falsification(("claim",)))
    assert evidence.witness == {"k": "37", "j": "83"}
