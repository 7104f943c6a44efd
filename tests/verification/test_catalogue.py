"""The catalogue itself: catches a statement whose evidence weakens, a check that vanishes, a mutant that survives."""

from dataclasses import replace

import pytest

from verification import QUICK, Verdict, catalogue
from verification.errors import UnknownStatement
from verification.verify import StatementResult, verify

BUDGET = replace(QUICK, examples=400, flow_examples=12, points=12, trajectories=2, digits=30)

PROVED = (
    "block-reduction",
    "block-eigenvalue-flow",
    "block-invariant",
    "block-limit",
    "block-limit-depth2",
    "block-limit-depth4",
    "block-limit-infinite-depth",
    "block-small-scale",
    "block-decoupled",
    "block-rank-one-iff-coupled",
    "block-monotonicity",
    "depth-strengthens-bias",
    "block-trajectory",
    "balancedness-conserved",
    "energy-identity",
    "coupling-kernel",
    "end-to-end-flow",
    "singular-value-dynamics",
    "residual-margin",
    "full-rank-open-set",
    "depth2-coupling-is-connectivity",
    "depth3-couples-unless-diagonal",
    "first-column-limit",
    "depth2-diagonal-limit",
    "depth2-diagonal-nuclear-norm",
    "connectivity",
    "nuclear-norm-counterexample",
    "deep-symmetric-flow",
    "deep-escape",
    "critical-points-are-balanced",
    "critical-points-of-low-rank",
    "b-r-keeps-balance",
    "b-r-is-absorbing",
    "b-r-is-reachable",
)
DEMANDED = dict.fromkeys(PROVED, Verdict.PROVED) | dict.fromkeys(
    ("block-stable-rank", "full-rank-beyond-margin"), Verdict.CERTIFIED
)
#: Mutants that change what is observed (a formula inside the numbers), not what is claimed of it.
CHANGE_WHAT_IS_OBSERVED = {
    ("depth-strengthens-bias", "blocks-unscaled"),
    ("coupling-kernel", "sum-of-factors"),
    ("coupling-kernel", "row-repeated"),
    ("connectivity", "isolated-counted"),
    ("connectivity", "diagonal-neighbours"),
    ("depth3-couples-unless-diagonal", "first-layer-full"),
    ("nuclear-norm-counterexample", "to-minimum-norm"),
    ("jumps-are-one-way", "slower"),
    ("full-rank-beyond-margin", "inside"),
    ("full-rank-beyond-margin", "diagonal"),
    ("full-rank-beyond-margin", "rank-one"),
    ("deep-symmetric-flow", "power-of-depth-2"),
    ("deep-symmetric-flow", "power-L"),
    ("critical-points-are-balanced", "without-weight-decay"),
    ("critical-points-of-low-rank", "any-layers"),
    ("critical-points-of-low-rank", "half-the-exponent"),
    ("b-r-keeps-balance", "transposes-swapped"),
    ("b-r-is-absorbing", "without-weight-decay"),
}
KINDS = {
    "block-reduction": {"symbolic", "falsification"},
    "block-eigenvalue-flow": {"symbolic", "trajectory"},
    "block-invariant": {"symbolic", "trajectory"},
    "block-limit-depth2": {"symbolic", "trajectory"},
    "block-decoupled": {"symbolic", "trajectory"},
    "block-limit": {"symbolic", "evaluation", "trajectory", "falsification", "certificate", "enclosure"},
    "block-small-scale": {"symbolic", "evaluation", "falsification", "certificate"},
    "block-monotonicity": {"symbolic", "evaluation", "falsification", "certificate"},
    "block-stable-rank": {"falsification", "certificate"},
    "depth-strengthens-bias": {"symbolic", "evaluation", "falsification", "certificate"},
    "block-limit-depth4": {"symbolic", "evaluation"},
    "block-limit-infinite-depth": {"symbolic", "evaluation"},
    "block-trajectory": {"symbolic", "trajectory", "evaluation"},
    "balancedness-conserved": {"symbolic", "falsification"},
    "energy-identity": {"symbolic", "falsification"},
    "coupling-kernel": {"symbolic", "falsification"},
    "end-to-end-flow": {"symbolic", "trajectory"},
    "singular-value-dynamics": {"symbolic", "trajectory"},
    "residual-margin": {"symbolic", "falsification", "trajectory", "enclosure"},
    "full-rank-open-set": {"symbolic", "trajectory", "enclosure"},
    "full-rank-beyond-margin": {"enclosure"},
    "connectivity": {"falsification"},
    "depth2-coupling-is-connectivity": {"symbolic", "falsification"},
    "depth3-couples-unless-diagonal": {"symbolic", "falsification"},
    "first-column-limit": {"symbolic", "trajectory", "enclosure"},
    "depth2-diagonal-limit": {"symbolic", "trajectory", "evaluation", "enclosure"},
    "warm-start-keeps-rank": {"symbolic", "trajectory", "enclosure"},
    "depth2-diagonal-nuclear-norm": {"symbolic", "falsification"},
    "nuclear-norm-counterexample": {"symbolic", "falsification", "trajectory"},
    "depth2-scale-exponent": {"trajectory"},
    "infinitesimal-flow-is-glrl": {"trajectory"},
    "glrl-ranks-are-critical": {"symbolic", "trajectory"},
    "greedy-finds-minimum-rank": {"falsification"},
    "deep-symmetric-flow": {"symbolic", "falsification"},
    "deep-escape": {"symbolic", "falsification"},
    "depth3-weak-scale-dependence": {"trajectory"},
    "critical-points-are-balanced": {"symbolic", "falsification"},
    "critical-points-of-low-rank": {"symbolic", "falsification"},
    "b-r-keeps-balance": {"symbolic", "falsification"},
    "b-r-is-absorbing": {"symbolic", "falsification"},
    "b-r-is-reachable": {"symbolic", "falsification"},
    "jumps-are-one-way": {"trajectory"},
}


def verified(statement_id: str) -> StatementResult:
    (found,) = verify([statement_id], BUDGET, jobs=1)
    return found


def test_the_demanded_statements_are_there() -> None:
    assert set(DEMANDED) <= set(catalogue.ids())


@pytest.mark.parametrize("statement_id", catalogue.ids())
def test_verdict_checks_and_mutants(statement_id: str) -> None:
    """One run per statement: the demanded verdict, by the demanded kinds of check, and every mutant refuted."""
    found = verified(statement_id)
    story = [(one.kind, str(one.verdict), one.summary) for one in found.evidence]
    if statement_id in DEMANDED:
        assert found.verdict is DEMANDED[statement_id], story
    assert found.verdict.passed, story

    passing = {one.kind for one in found.evidence if one.verdict.passed}
    assert passing >= KINDS.get(statement_id, set()), story
    assert not any(one.verdict in {Verdict.UNDECIDED, Verdict.VACUOUS, Verdict.ERROR} for one in found.evidence), story

    assert found.mutants, "a statement without mutants has checks that nobody has seen fail"
    for mutant in found.mutants:
        assert mutant.verdict is Verdict.REFUTED, (mutant.id, [one.summary for one in mutant.evidence])
        caught = mutant.evidence[-1]
        assert caught.verdict is Verdict.REFUTED
        assert caught.witness, mutant.id
        assert caught.worst_residual is not None
        assert caught.worst_residual > 0
    assert len({mutant.id for mutant in found.mutants}) == len(found.mutants)
    assert not found.failed

    for one in found.evidence:
        assert one.versions
        if one.kind == "falsification":
            assert one.seed is not None
        if one.kind != "symbolic":
            assert one.points > 0
            assert one.domain
            assert one.bits


@pytest.mark.parametrize("statement_id", catalogue.ids())
def test_a_statement_says_where_it_comes_from_and_what_it_claims(statement_id: str) -> None:
    statement = catalogue.statement(statement_id)
    assert statement.id == statement_id
    assert statement.source.label
    assert "arXiv" in statement.source.text
    assert all(clause.text for clause in statement.clauses)
    assert all(mutant.text for mutant in statement.mutants)
    reconstructed = {"block-limit", "block-limit-depth2", "block-small-scale", "block-decoupled"}
    if statement_id in reconstructed:
        assert statement.source.provenance == "reconstructed"
    if statement_id == "depth-strengthens-bias":
        assert statement.source.provenance == "new"


@pytest.mark.parametrize("statement_id", catalogue.ids())
def test_a_mutant_differs_from_its_statement_in_what_it_claims_or_assumes(statement_id: str) -> None:
    statement = catalogue.statement(statement_id)

    def said(one: object) -> tuple:
        names = one.clause_names  # type: ignore[attr-defined]
        return [one.claim(name) for name in names], one.assumptions, one.parameters  # type: ignore[attr-defined]

    for mutant in statement.mutants:
        variant = mutant.build()
        assert variant.id == statement.id
        if (statement_id, mutant.id) not in CHANGE_WHAT_IS_OBSERVED:
            same_quadrature = statement_id == "block-trajectory"  # differs in the observed quadrature
            assert same_quadrature or said(variant) != said(statement), mutant.id


def test_an_unknown_id_is_refused_with_the_nearest_ones() -> None:
    with pytest.raises(UnknownStatement) as error:
        catalogue.statement("block-limits")
    assert "block-limits is not a statement of the catalogue" in str(error.value)
    assert "did you mean block-limit" in str(error.value)
    with pytest.raises(UnknownStatement, match="rankproof list"):
        catalogue.statement("zzz")
