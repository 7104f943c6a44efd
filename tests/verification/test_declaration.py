"""Values that are not what their symbol is declared to be: catches a claim that SymPy has rewritten for other values.

Each false claim here was once CERTIFIED, or passed the sampler, because sqrt(s**2) is s for a positive s.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp
from flint import arb
from toy_statements import BUDGET, DOMAIN, toy, x

from numerics.box_functions import Root
from verification import (
    Certificate,
    Clause,
    Evaluation,
    Falsification,
    IntegerRange,
    RealRange,
    Statement,
    StatementError,
    Verdict,
)
from verification.checks import Quantities
from verification.declaration import obligations, require_value, root_obligations
from verification.verify import run_check


def declared(**facts: bool) -> sp.Symbol:
    return sp.Symbol("s", **facts)


CONTRADICTED = [
    lambda: IntegerRange(declared(integer=True, positive=True), -9, 1),  # sqrt(n^2) <= 1 was certified
    lambda: IntegerRange(declared(even=True), 2, 4),
    lambda: IntegerRange(declared(prime=True), 2, 5),
    lambda: IntegerRange(declared(composite=True), 8, 11),
    lambda: IntegerRange(declared(integer=True, nonzero=True), -5, 5),
    lambda: RealRange(declared(integer=True), "0", "1"),  # sin(pi k) <= 0 was certified
    lambda: RealRange(declared(negative=True), "-1", "1"),  # |g| <= -g was certified
    lambda: RealRange(declared(negative=True), "-1", "0"),
    lambda: RealRange(declared(nonnegative=True), "-1", "inf"),
    lambda: RealRange(declared(nonpositive=True), "-1", "0.001"),
    lambda: RealRange(declared(nonzero=True, real=True), "-1", "1"),
    lambda: RealRange(declared(irrational=True), "0.1", "0.2"),
    lambda: RealRange(declared(rational=True), "0.1", "0.2"),
    lambda: RealRange(declared(algebraic=True), "0.1", "0.2"),
    lambda: RealRange(declared(imaginary=True), "0.1", "0.2"),
    lambda: RealRange(declared(zero=True), "0", "0.2"),
    lambda: RealRange(declared(positive=True), "0", "0"),
    lambda: RealRange(declared(positive=False, real=True), "0", "1"),
]
AGREEING = [
    lambda: IntegerRange(declared(integer=True), -9, 9),
    lambda: IntegerRange(declared(prime=True), 2, 3),
    lambda: IntegerRange(declared(odd=True), 3, 3),
    lambda: IntegerRange(declared(nonnegative=True), 0, 10**9),
    lambda: RealRange(declared(), "-1", "1"),
    lambda: RealRange(declared(positive=True), "0", "inf"),  # 0 belongs to it only as its closure
    lambda: RealRange(declared(nonnegative=True), "0", "1"),
    lambda: RealRange(declared(negative=True), "-1", "-0.5"),
    lambda: RealRange(declared(nonzero=True, real=True), "0.5", "1"),
    lambda: RealRange(declared(integer=True), "2", "2"),
]


@pytest.mark.parametrize("build", CONTRADICTED)
def test_a_range_that_reaches_beyond_the_declaration_is_refused(build: Any) -> None:
    with pytest.raises(StatementError, match=r"^s: the range .* holds .*, but the symbol is declared "):
        build()


@pytest.mark.parametrize("build", AGREEING)
def test_a_range_within_the_declaration_is_accepted(build: Any) -> None:
    build()


s = declared(positive=True)
SEEN = sp.Symbol("seen", real=True)


def with_observable(check: Any) -> Statement:
    """sqrt(s^2) <= 1e9, which SymPy writes as s <= 1e9."""
    claim = sp.Le(sp.sqrt(s**2), 10**9 + x)
    return Statement(
        id="declared",
        title="a positive symbol",
        parameters=DOMAIN,
        observables={s: "measured"},
        clauses=(Clause("claim", "about s", claim),),
        checks=(check,),
    )


@pytest.mark.parametrize("value", [lambda number: -number, lambda number: arb(-1, 0.5), lambda number: -0.25])
@pytest.mark.parametrize("check", [Evaluation, Falsification])
def test_a_measured_value_of_the_wrong_sign_is_an_error_and_not_evidence(check: Any, value: Any) -> None:
    statement = with_observable(check(("claim",), lambda point, digits: {s: value(point[x])}, "measured"))
    found = run_check(statement, statement.checks[0], BUDGET)
    assert found.verdict is Verdict.ERROR
    assert "s: " in found.summary
    assert "declared positive" in found.summary


@pytest.mark.parametrize("expression", [-x, x - 5, sp.log(x) - 1])
def test_a_quantity_of_the_wrong_sign_somewhere_is_not_certified(expression: sp.Expr) -> None:
    statement = with_observable(Certificate(("claim",), DOMAIN, lambda fixed: Quantities({s: expression})))
    found = run_check(statement, statement.checks[0], BUDGET)
    assert found.verdict is Verdict.ERROR
    assert "s: declared positive, but its value is " in found.summary


@pytest.mark.parametrize("expression", [x, x - sp.Rational(1, 2), sp.exp(-x), 1 + sp.log(x)])
def test_a_quantity_of_the_right_sign_everywhere_is(expression: sp.Expr) -> None:
    statement = with_observable(Certificate(("claim",), DOMAIN, lambda fixed: Quantities({s: expression})))
    assert run_check(statement, statement.checks[0], BUDGET).verdict is Verdict.CERTIFIED


def with_definition(expression: sp.Expr, check: Any) -> Statement:
    return toy(sp.And(sp.Ge(x, 1), sp.Le(s, 10**9 + x)), check, definitions={s: expression})


@pytest.mark.parametrize("check", [Certificate(("claim",), DOMAIN), Falsification(("claim",)), Evaluation(("claim",))])
def test_a_definition_of_the_wrong_sign_is_an_error(check: Any) -> None:
    found = with_definition(2 - x, check)
    evidence = run_check(found, check, BUDGET)
    assert evidence.verdict is Verdict.ERROR
    assert "s: declared positive, but 2 - x > 0 fails at x = " in evidence.summary
    assert run_check(with_definition(x - sp.Rational(1, 2), check), check, BUDGET).verdict.passed


def test_a_definition_that_is_no_integer_cannot_be_declared_one() -> None:
    with pytest.raises(StatementError, match="declared integer, which does not follow for x/2"):
        toy(sp.Ge(x, sp.Rational(1, 2)), Falsification(("claim",)), definitions={declared(integer=True): x / 2})


def test_what_sympy_derives_leaves_no_obligation() -> None:
    real = sp.Symbol("r", real=True)
    assert obligations({s: sp.exp(real) + x}) == []
    assert obligations({real: x - 7}) == []
    (left,) = obligations({s: x - 7})
    assert left.relation == sp.Gt(x - 7, 0, evaluate=False)


@pytest.mark.parametrize(
    ("facts", "low", "high", "left"),
    [({"positive": True}, x, 2 * x, 0), ({"positive": True}, x - 3, x, 1), ({"negative": True}, -2 * x, 3 - x, 1)],
)
def test_a_root_owes_the_sign_of_the_end_of_its_bracket(
    facts: Mapping[str, bool], low: Any, high: Any, left: int
) -> None:
    assert len(root_obligations(declared(**facts), low, high)) == left


@pytest.mark.parametrize("facts", [{"integer": True}, {"nonzero": True, "real": True}, {"irrational": True}])
def test_a_root_cannot_be_declared_what_its_bracket_does_not_show(facts: Mapping[str, bool]) -> None:
    with pytest.raises(StatementError, match="s: declared "):
        root_obligations(declared(**facts), x, 2 * x)


def test_a_root_of_the_wrong_sign_is_not_certified() -> None:
    root = declared(positive=True)
    y = sp.Symbol("y", real=True)
    quantities = Quantities({y: sp.sqrt(root**2)}, (Root(root, root + x, -20 * sp.Integer(1), sp.Integer(0)),))
    statement = Statement(
        id="root",
        title="root = -x, so that sqrt(root^2) = x and not -x",
        parameters=DOMAIN,
        observables={y: "root"},
        clauses=(Clause("claim", "y <= 0", sp.Le(y, 0 * x)),),
        checks=(Certificate(("claim",), DOMAIN, lambda fixed: quantities),),
    )
    assert not run_check(statement, statement.checks[0], BUDGET).verdict.passed


@pytest.mark.parametrize("value", [2, Fraction(5, 2), arb(1, 2), arb(0), arb("nan"), arb("inf")])
def test_a_value_that_may_be_positive_is_accepted(value: Any) -> None:
    require_value(s, value)


@pytest.mark.parametrize(
    ("facts", "value"),
    [
        ({"integer": True}, arb("0.5")),
        ({"integer": True}, Fraction(1, 2)),
        ({"even": True}, 3),
        ({"positive": True}, 0),
        ({"nonnegative": True}, arb(-1)),
        ({"nonpositive": True}, arb(1)),
        ({"zero": True}, arb(1)),
    ],
)
def test_a_value_that_contradicts_its_declaration_is_refused(facts: Mapping[str, bool], value: Any) -> None:
    with pytest.raises(StatementError, match=r"^s: "):
        require_value(declared(**facts), value)


@pytest.mark.parametrize("claim", [sp.Gt(x, 0), sp.Lt(x, -1), sp.Le(sp.Abs(s), s + x)])
def test_a_claim_that_sympy_has_already_decided_is_refused(claim: sp.Basic) -> None:
    with pytest.raises(
        StatementError, match=r"clause claim: SymPy makes it (True|False) from its symbols' assumptions"
    ):
        Clause("claim", "decided", claim)


def test_a_root_that_does_not_exist_refutes_nothing() -> None:
    """s^2 + s + x has no root in [0, 1]; its empty enclosure once refuted whatever was claimed of it."""
    root = sp.Symbol("root", real=True)
    quantities = Quantities({SEEN: root}, (Root(root, root**2 + root + x, sp.Integer(0), sp.Integer(1)),))
    statement = Statement(
        id="no-root",
        title="no root",
        parameters=DOMAIN,
        observables={SEEN: "root"},
        clauses=(Clause("claim", "seen <= 2 x", sp.Le(SEEN, 2 * x)),),
        checks=(Certificate(("claim",), DOMAIN, lambda fixed: quantities),),
    )
    found = run_check(statement, statement.checks[0], BUDGET)
    assert found.verdict is Verdict.UNDECIDED
    assert "holds no root" in (found.remedy or "")
