"""Claims of the papers: catches a claim without its statement, a statement nobody claims, a standing typed by hand."""

import pytest

from verification import Provenance, Verdict, catalogue
from verification.errors import StatementError
from verification.papers import PAPERS, PaperClaim, Standing, standing

STATEMENTS = [catalogue.statement(name) for name in catalogue.ids()]
CLAIMS = [(paper.key, claim) for paper in PAPERS for claim in paper.claims]


def test_every_statement_that_a_claim_names_exists_and_carries_its_provenance() -> None:
    for key, claim in CLAIMS:
        for name in claim.statements:
            assert catalogue.statement(name).source.provenance is claim.provenance, (key, claim.label, name)


def test_every_statement_is_named_by_a_claim_or_marked_new() -> None:
    named = {name for _, claim in CLAIMS for name in claim.statements}
    for statement in STATEMENTS:
        assert statement.id in named or statement.source.provenance is Provenance.NEW, statement.id


def test_a_statement_is_named_by_a_claim_of_the_paper_that_it_cites() -> None:
    keys = {paper.key for paper in PAPERS}
    for statement in STATEMENTS:
        assert statement.source.key in keys
        if statement.source.provenance is not Provenance.NEW:
            owners = {key for key, claim in CLAIMS if statement.id in claim.statements}
            assert statement.source.key in owners, statement.id


def test_reference_and_identifier_are_those_of_the_catalogue() -> None:
    papers = {paper.key: paper for paper in PAPERS}
    for statement in STATEMENTS:
        paper = papers[statement.source.key]
        assert statement.source.text == f"{paper.authors}, {paper.title}, {paper.identifier}"


def test_labels_are_different_within_a_paper_and_keys_among_papers() -> None:
    assert len({paper.key for paper in PAPERS}) == len(PAPERS)
    for paper in PAPERS:
        assert len({claim.label for claim in paper.claims}) == len(paper.claims)


def claim(*statements: str, missing: str = "") -> PaperClaim:
    return PaperClaim("Lemma 1", "a lemma", "abstract", statements, Provenance.NEW if statements else None, missing)


@pytest.mark.parametrize(
    ("verdicts", "missing", "expected"),
    [
        ("PROVED PROVED", "", Standing.VERIFIED),
        ("PROVED PROVED", "a case", Standing.PARTLY),
        ("PROVED CERTIFIED", "", Standing.PARTLY),
        ("PROVED PROVED_FOR_SIZES", "", Standing.PARTLY),
        ("PROVED CONSISTENT", "", Standing.PARTLY),
        ("PROVED UNDECIDED", "", Standing.PARTLY),
        ("PROVED -", "", Standing.PARTLY),
        ("UNDECIDED -", "", Standing.UNDECIDED),
        ("PROVED REFUTED", "", Standing.FAILED),
        ("VACUOUS UNDECIDED", "", Standing.FAILED),
        ("UNSOUND PROVED", "a case", Standing.FAILED),
        ("ERROR PROVED", "", Standing.FAILED),
        ("- -", "", Standing.NOT_RUN),
    ],
)
def test_how_far_a_claim_is_verified_follows_from_the_verdicts(verdicts: str, missing: str, expected: Standing) -> None:
    run = {name: Verdict(word) for name, word in zip("ab", verdicts.split(), strict=True) if word != "-"}
    found, reasons = standing(claim("a", "b", missing=missing), run)
    assert found is expected
    assert bool(reasons) == (expected is not Standing.VERIFIED)
    assert not missing or missing in reasons
    for name, verdict in run.items():
        assert any(f"{name} is {verdict}" in reason for reason in reasons) == (verdict is not Verdict.PROVED)


def test_a_claim_without_statements_is_not_yet_verified_whatever_was_run() -> None:
    assert standing(claim(missing="all of it"), {"a": Verdict.PROVED}) == (Standing.NOT_YET, ("all of it",))


def test_a_claim_says_what_is_missing_and_whose_provenance_it_has() -> None:
    with pytest.raises(StatementError, match="provenance"):
        PaperClaim("Lemma 1", "a lemma", "abstract", ("a",))
    with pytest.raises(StatementError, match="provenance"):
        PaperClaim("Lemma 1", "a lemma", "abstract", (), Provenance.NEW, "all")
    with pytest.raises(StatementError, match="missing"):
        PaperClaim("Lemma 1", "a lemma", "abstract")


def test_what_statements_build_on_exists_and_never_runs_in_a_circle() -> None:
    below = {statement.id: statement.depends for statement in STATEMENTS}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name in below, f"{above[-1]} builds on {name}, which does not exist"
        assert name not in above, f"{' -> '.join((*above, name))} is a circle"
        if name not in done:
            for one in below[name]:
                visit(one, (*above, name))
            done.add(name)

    for name in below:
        visit(name, ())


def test_what_a_proof_grants_from_another_statement_is_among_what_it_builds_on() -> None:
    for statement in STATEMENTS:
        for other in catalogue.ids():
            words = " ".join(statement.granted).replace(",", " ").replace("(", " ").replace(")", " ").split()
            assert other not in words or other in statement.depends, f"{statement.id} grants {other}"
