"""Catches a certified flow that misses what a statement proves, and a mutant that no enclosure can exclude."""

import pytest
import sympy as sp

from verification import QUICK, Enclosure, Verdict, catalogue
from verification.catalogue.full_rank import imbalance
from verification.evidence import Evidence
from verification.statement import Statement

#: Statements with certified flows, and the mutants that claim something else of what these enclose.
EXCLUDED = {
    "block-limit": {"total-n", "inverse-q", "exponent-negated", "invariant-plus"},
    "depth2-diagonal-limit": {"no-factor-2", "sums-and-differences-swapped", "q-sign", "single-angle"},
    "residual-margin": {"squared-residual", "unbalanced"},
    "full-rank-open-set": {"no-margin", "rate-doubled", "sum"},
    "full-rank-beyond-margin": {"larger-floor", "inside", "diagonal", "rank-one"},
    "first-column-limit": {"bound-cubic"},
    "warm-start-keeps-rank": {"depth-3", "without-square", "half-the-integral"},
}

#: Exactly balanced is a claim about the exact numbers of the start.
EXACT = {sp.Eq(imbalance, 0)}


def on_certified_flows(statement: Statement) -> list[Evidence]:
    return [check.run(statement, QUICK) for check in statement.checks if isinstance(check, Enclosure)]


@pytest.mark.parametrize("statement_id", EXCLUDED)
def test_certified_flows_agree_with_the_statement_and_exclude_its_mutants(statement_id: str) -> None:
    statement = catalogue.statement(statement_id)
    found = on_certified_flows(statement)
    assert found
    assert all(one.verdict.passed and one.points for one in found), [(one.summary, one.remedy) for one in found]
    excluded = {
        mutant.id
        for mutant in statement.mutants
        if Verdict.REFUTED in {one.verdict for one in on_certified_flows(mutant.build())}
    }
    assert excluded == EXCLUDED[statement_id]


@pytest.mark.parametrize("statement_id", EXCLUDED)
def test_flows_of_inequalities_are_certified_and_those_of_equations_consistent(statement_id: str) -> None:
    """CERTIFIED is for claims that balls prove; an equation of anything but exact numbers is not."""
    statement = catalogue.statement(statement_id)
    for one in on_certified_flows(statement):
        equations = any(claim.atoms(sp.Eq) - EXACT for claim in statement.claims(one.clauses).values())
        assert (one.verdict is Verdict.CERTIFIED) is not equations, one.summary
