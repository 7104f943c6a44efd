"""Statements validate themselves: catches a malformed statement that is accepted, or an error that names nothing."""

from fractions import Fraction

import pytest
import sympy as sp
from toy_statements import BUDGET, DOMAIN, n, nothing, seen, toy, x

from verification import (
    Falsification,
    IntegerRange,
    Mutant,
    Parameters,
    Provenance,
    RealRange,
    Source,
    StatementError,
    Symbolic,
)
from verification.claim import Truth

y = sp.Symbol("y", positive=True)
CHECK = Falsification(("claim",), nothing, "nothing")
TRUE = sp.Gt(x, sp.Rational(1, 2))
WORDS = Symbolic(("word",), lambda: [])


def test_a_clause_without_a_relation_is_refused_by_checks_that_judge() -> None:
    with pytest.raises(StatementError, match="no relation"):
        toy({"claim": TRUE, "word": None}, Falsification(("word", "claim"), nothing, "nothing"))


def test_an_assumption_on_an_observable_is_refused() -> None:
    with pytest.raises(StatementError, match="assumptions speak of parameters only"):
        toy(TRUE, CHECK, observed=True, assumptions=(sp.Gt(seen, 1),))


def test_a_well_formed_statement_is_accepted_and_answers_for_its_clauses() -> None:
    statement = toy({"claim": TRUE, "word": None}, CHECK, WORDS)
    assert statement.clause_names == ("claim", "word")
    assert statement.claim("claim") == TRUE
    assert statement.claims(["claim", "word"]) == {"claim": TRUE}
    assert statement.checks[0].run(statement, BUDGET).verdict.passed


@pytest.mark.parametrize("bad", ["", "Block-limit", "block_limit", "block limit", "-block", "block-", "a--b", "bläck"])
def test_an_id_that_is_not_kebab_case_is_refused(bad: str) -> None:
    with pytest.raises(StatementError, match="is not kebab-case, such as"):
        toy(TRUE, CHECK, id=bad)


@pytest.mark.parametrize("good", ["a", "block-limit", "block-limit-depth4", "2x2"])
def test_kebab_case_ids_are_accepted(good: str) -> None:
    assert toy(TRUE, CHECK, id=good).id == good


def test_an_undeclared_symbol_is_named() -> None:
    with pytest.raises(StatementError, match="toy: clause claim: y is used but not declared; add a range or an obs"):
        toy(sp.Gt(x, y), CHECK)
    with pytest.raises(StatementError, match="clause claim: w and y are used but not declared"):
        toy(sp.Gt(x * sp.Symbol("w"), y), CHECK)
    with pytest.raises(StatementError, match="toy: an assumption: y is used but not declared"):
        toy(TRUE, CHECK, assumptions=(sp.Gt(y, 0, evaluate=False),))
    with pytest.raises(StatementError, match="seen is used but not declared"):
        toy(sp.Gt(x, seen), CHECK)
    assert toy(sp.Gt(x, seen), CHECK, observed=True).observables


def test_a_symbol_of_the_same_name_and_other_assumptions_is_another_symbol() -> None:
    with pytest.raises(StatementError, match="x is used but not declared"):
        toy(sp.Gt(sp.Symbol("x", real=True), 0), CHECK)


def test_definitions_are_expanded_in_claims_and_what_they_use_must_be_declared() -> None:
    short, shorter = sp.symbols("Q R", positive=True)
    claim = sp.Gt(short + 1, x)
    statement = toy(claim, CHECK, definitions={short: x * shorter, shorter: x**2})
    assert statement.claim("claim") == sp.Gt(x**3 + 1, x)
    assert statement.checks[0].run(statement, BUDGET).verdict.passed
    false = toy(claim, CHECK, definitions={short: x / shorter, shorter: x**2})
    assert false.checks[0].run(false, BUDGET).verdict.failed
    with pytest.raises(StatementError, match="y is used but not declared"):
        toy(claim, CHECK, definitions={short: x * y})
    with pytest.raises(StatementError, match="Q is used but not declared"):
        toy(claim, CHECK)


def test_an_unused_parameter_is_named() -> None:
    wide = Parameters((RealRange(x, "1", "10"), IntegerRange(n, 1, 2)))
    with pytest.raises(StatementError, match="toy: n is declared but not used; remove what is not needed"):
        toy(TRUE, CHECK, parameters=wide).require_used()
    wider = Parameters((*wide.ranges, RealRange(y, "1", "2")))
    with pytest.raises(StatementError, match="toy: n and y are declared but not used"):
        toy(TRUE, CHECK, parameters=wider).require_used()
    toy(sp.Gt(x, n - 2), CHECK, parameters=wide).require_used()
    toy(TRUE, CHECK, parameters=wide, assumptions=(sp.Lt(n, 3),)).require_used()
    toy(TRUE, CHECK, parameters=wide, observed=True).require_used()


def test_a_mutant_may_drop_a_term_but_is_the_same_statement() -> None:
    wide = Parameters((RealRange(x, "1", "10"), IntegerRange(n, 1, 2)))
    statement = toy(sp.Gt(x, n - 2), CHECK, parameters=wide)
    dropped = toy(sp.Gt(x, 2), CHECK, parameters=wide)
    assert statement.variant(Mutant("dropped", "2 in the place of n - 2", lambda: dropped)) is dropped
    two = toy({"claim": TRUE, "word": None}, CHECK, WORDS)
    assert two.variant(Mutant("one", "one clause of two", lambda: dropped)) is dropped
    for variant, words in (
        (toy(TRUE, CHECK, id="other"), "other is another statement, not a variant of toy; keep the id"),
        (toy({"word": TRUE}, Falsification(("word",))), r"the variant's clauses \['word'\] are not among those of toy"),
        (None, "the function returns nothing, not a Statement"),
    ):
        with pytest.raises(StatementError, match=words):
            statement.variant(Mutant("m", "another", lambda variant=variant: variant))


def test_a_domain_of_a_check_has_every_parameter_that_its_clauses_speak_of() -> None:
    wide = Parameters((RealRange(x, "1", "10"), IntegerRange(n, 1, 2)))
    narrow = Falsification(("claim",), domain=DOMAIN)
    with pytest.raises(StatementError, match="toy: n is not in the domain of the falsification check; add a range"):
        toy(sp.Gt(x, n - 2), narrow, parameters=wide)
    with pytest.raises(StatementError, match="n is not in the domain"):
        toy(TRUE, narrow, parameters=wide, assumptions=(sp.Lt(n, 3),))
    assert toy(TRUE, narrow, parameters=wide).checks == (narrow,)


def test_a_check_that_names_an_unknown_clause_is_refused() -> None:
    with pytest.raises(StatementError, match=r"the falsification check names \['clam'\]; clauses are \['claim'\]"):
        toy(TRUE, CHECK, Falsification(("clam",), nothing, "nothing"))


def test_a_clause_that_no_check_speaks_of_is_named() -> None:
    with pytest.raises(StatementError, match=r"no check speaks of \['other'\]"):
        toy({"claim": TRUE, "other": TRUE}, CHECK)
    with pytest.raises(StatementError, match=r"no check speaks of \['claim'\]"):
        toy(TRUE)


def test_clauses_are_needed_and_have_different_names() -> None:
    with pytest.raises(StatementError, match=r"clauses \[\] are not at least one"):
        toy({})
    statement = toy(TRUE, CHECK)
    with pytest.raises(StatementError, match="with different names"):
        type(statement)(
            id="twice",
            title="twice the same clause",
            source=Source("toy", "Lemma 0", Provenance.NEW, "made by hand"),
            parameters=DOMAIN,
            clauses=statement.clauses * 2,
            checks=statement.checks,
        )


def test_a_domain_without_a_point_that_satisfies_the_assumptions_is_refused() -> None:
    with pytest.raises(StatementError, match="none of 2000 points of the domain satisfies the assumptions"):
        toy(TRUE, CHECK, assumptions=(sp.Gt(x, 11),))
    with pytest.raises(StatementError, match="none of 2000 points"):
        toy(TRUE, CHECK, assumptions=(sp.Gt(x, 5), sp.Lt(x, 5)))
    assert toy(TRUE, CHECK, assumptions=(sp.Gt(x, 9),))


def test_admits_is_the_worst_of_the_assumptions_on_parameters() -> None:
    statement = toy(TRUE, CHECK, assumptions=(sp.Gt(x, 2), sp.Lt(x**2, 16)))
    judged = {value: statement.admits({x: Fraction(value)}) for value in (1, 2, 3, 4, 5)}
    assert judged == {1: Truth.FALSE, 2: Truth.FALSE, 3: Truth.TRUE, 4: Truth.FALSE, 5: Truth.FALSE}
    assert toy(TRUE, CHECK).admits({x: Fraction(1)}) is Truth.TRUE
    # Exactly on an irrational boundary no ball decides.
    edge = toy(TRUE, CHECK, assumptions=(sp.Ge(sp.sqrt(2) * sp.sqrt(x) * sp.sqrt(3), sp.sqrt(36, evaluate=False)),))
    assert edge.admits({x: Fraction(7)}) is Truth.TRUE
    assert edge.admits({x: Fraction(6)}) is not Truth.FALSE


def test_sources_show_their_provenance() -> None:
    assert str(Source("SY", "Theorem 3.3", Provenance.RECONSTRUCTED, "a paper")) == "SY, Theorem 3.3 (reconstructed)"
