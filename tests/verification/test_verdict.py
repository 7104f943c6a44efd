"""How verdicts combine: catches a failure that is outvoted, an undecided clause that passes, a missed alarm."""

import itertools

import pytest

from verification.verdict import FAILURES, STRENGTH, Verdict, combine

PROOFS = {Verdict.PROVED, Verdict.PROVED_FOR_SIZES, Verdict.CERTIFIED}
CLAUSES = ("a", "b")
PARTS = (("a",), ("b",), ("a", "b"))
ONE_CHECK = [(names, verdict) for names in PARTS for verdict in Verdict]
SMALL_CASES = [case for size in (0, 1, 2) for case in itertools.product(ONE_CHECK, repeat=size)]


def about(clause: str, case: tuple) -> set[Verdict]:
    return {verdict for names, verdict in case if clause in names}


def test_every_verdict_passes_fails_or_is_undecided() -> None:
    assert set(STRENGTH) | set(FAILURES) | {Verdict.UNDECIDED} == set(Verdict)
    for verdict in Verdict:
        assert verdict.passed == (verdict in STRENGTH)
        assert verdict.failed == (verdict in FAILURES)
        assert verdict.meaning.endswith(".")
    assert not Verdict.UNDECIDED.passed
    assert not Verdict.UNDECIDED.failed
    assert not set(STRENGTH) & set(FAILURES)
    assert len({verdict.meaning for verdict in Verdict}) == len(Verdict)


def test_a_proof_and_a_refutation_of_one_clause_are_an_alarm_and_of_two_clauses_are_not() -> None:
    for case in SMALL_CASES:
        clash = any(Verdict.REFUTED in about(name, case) and about(name, case) & PROOFS for name in CLAUSES)
        given = any(verdict is Verdict.UNSOUND for _, verdict in case)
        assert (combine(CLAUSES, case) is Verdict.UNSOUND) == (clash or given), case


def test_a_failure_anywhere_wins_worst_first() -> None:
    worst_first = (Verdict.UNSOUND, Verdict.REFUTED, Verdict.ERROR, Verdict.VACUOUS)
    for case in SMALL_CASES:
        failures = [failure for failure in worst_first if any(verdict is failure for _, verdict in case)]
        combined = combine(CLAUSES, case)
        assert combined.failed == bool(failures), case
        if failures and combined is not Verdict.UNSOUND:
            assert combined is failures[0], case


def test_a_statement_passes_exactly_when_every_clause_does_with_the_strength_of_the_weakest() -> None:
    ranks = {
        Verdict.PROVED: 4,
        Verdict.PROVED_FOR_SIZES: 3,
        Verdict.CERTIFIED: 2,
        Verdict.CONSISTENT: 1,
    }
    for case in SMALL_CASES:
        if any(verdict.failed for _, verdict in case):
            continue
        strengths = [max((ranks.get(verdict, 0) for verdict in about(name, case)), default=0) for name in CLAUSES]
        weakest = min(strengths)
        combined = combine(CLAUSES, case)
        assert ranks.get(combined, 0) == weakest, case
        assert (combined is Verdict.UNDECIDED) == (weakest == 0), case


def test_order_and_repetition_of_the_evidence_do_not_matter() -> None:
    for case in SMALL_CASES:
        assert combine(CLAUSES, case) is combine(CLAUSES, case[::-1]) is combine(CLAUSES, case + case), case


def test_more_evidence_in_favour_never_weakens_and_an_undecided_check_changes_nothing() -> None:
    order = [*STRENGTH, Verdict.UNDECIDED]
    for case in SMALL_CASES:
        before = combine(CLAUSES, case)
        assert combine(CLAUSES, (*case, (CLAUSES, Verdict.UNDECIDED))) is before
        if before in order:
            after = combine(CLAUSES, (*case, (("a",), Verdict.CONSISTENT)))
            assert order.index(after) <= order.index(before)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ([], Verdict.UNDECIDED),
        ([(("a",), Verdict.PROVED)], Verdict.UNDECIDED),
        ([(("a", "b"), Verdict.UNDECIDED)], Verdict.UNDECIDED),
        ([(("a",), Verdict.PROVED), (("b",), Verdict.CONSISTENT)], Verdict.CONSISTENT),
        ([(("a",), Verdict.PROVED), (("b",), Verdict.CERTIFIED), (("b",), Verdict.CONSISTENT)], Verdict.CERTIFIED),
        ([(("a", "b"), Verdict.PROVED), (("b",), Verdict.REFUTED)], Verdict.UNSOUND),
        ([(("a", "b"), Verdict.CERTIFIED), (("b",), Verdict.REFUTED)], Verdict.UNSOUND),
        ([(("a",), Verdict.PROVED), (("b",), Verdict.REFUTED)], Verdict.REFUTED),
        ([(("a", "b"), Verdict.CONSISTENT), (("b",), Verdict.REFUTED)], Verdict.REFUTED),
        ([(("a", "b"), Verdict.PROVED), (("b",), Verdict.VACUOUS)], Verdict.VACUOUS),
        ([(("a", "b"), Verdict.PROVED), (("b",), Verdict.ERROR)], Verdict.ERROR),
        ([(("a",), Verdict.PROVED), (("b",), Verdict.PROVED_FOR_SIZES)], Verdict.PROVED_FOR_SIZES),
    ],
)
def test_the_table_by_hand(case: list, expected: Verdict) -> None:
    assert combine(CLAUSES, case) is expected
