"""Verdicts, what each one means, and how the verdicts of checks combine into the verdict of a statement."""

from collections.abc import Iterable, Sequence
from enum import StrEnum


class Verdict(StrEnum):
    """What kind of evidence a check or a statement has."""

    PROVED = "PROVED"
    PROVED_FOR_SIZES = "PROVED_FOR_SIZES"
    CERTIFIED = "CERTIFIED"
    CONSISTENT = "CONSISTENT"
    UNDECIDED = "UNDECIDED"
    VACUOUS = "VACUOUS"
    ERROR = "ERROR"
    REFUTED = "REFUTED"
    UNSOUND = "UNSOUND"

    @property
    def meaning(self) -> str:
        """One sentence: what the verdict says, and no more."""
        return _MEANING[self]

    @property
    def passed(self) -> bool:
        """True for evidence in favour; UNDECIDED is not."""
        return self in STRENGTH

    @property
    def failed(self) -> bool:
        """True for the verdicts that make a run exit with 1."""
        return self in FAILURES


_MEANING = {
    Verdict.PROVED: "Every step was reduced by SymPy for symbolic parameters, or is an argument that is shown.",
    Verdict.PROVED_FOR_SIZES: "The same, for symbolic entries at each of the listed sizes.",
    Verdict.CERTIFIED: "Enclosures in Arb arithmetic proved the claim on the whole stated box, or at listed points.",
    Verdict.CONSISTENT: "No disagreement was found at the points tried; this is not a proof.",
    Verdict.UNDECIDED: "Budget or precision ran out before anything was decided; not a pass.",
    Verdict.VACUOUS: "No point tried satisfied the assumptions, so nothing was tested.",
    Verdict.ERROR: "The check itself failed; nothing was decided.",
    Verdict.REFUTED: "A counterexample was found; its balls exclude the claim.",
    Verdict.UNSOUND: "The same clause was proved and refuted: the suite itself is wrong somewhere.",
}

#: Passing verdicts, strongest first.
STRENGTH = (Verdict.PROVED, Verdict.PROVED_FOR_SIZES, Verdict.CERTIFIED, Verdict.CONSISTENT)
#: Failing verdicts, worst first.
FAILURES = (Verdict.UNSOUND, Verdict.REFUTED, Verdict.ERROR, Verdict.VACUOUS)
_PROOFS = (Verdict.PROVED, Verdict.PROVED_FOR_SIZES, Verdict.CERTIFIED)


def combine(clauses: Sequence[str], evidence: Iterable[tuple[Sequence[str], Verdict]]) -> Verdict:
    """The verdict of a statement with the given clauses, from (clauses it speaks of, verdict) of each check.

    =====================================================  =================
    the checks                                             the statement
    =====================================================  =================
    a clause both proved (or certified) and REFUTED        UNSOUND
    otherwise, any UNSOUND, REFUTED, ERROR or VACUOUS      the worst of them
    otherwise, a clause without any passing check          UNDECIDED
    otherwise                                              the weakest, over the clauses, of the strongest verdict
                                                           that each clause has
    =====================================================  =================

    An UNDECIDED check neither passes nor fails: it leaves its clauses to the other checks.
    """
    found: dict[str, set[Verdict]] = {clause: set() for clause in clauses}
    everything: set[Verdict] = set()
    for names, verdict in evidence:
        everything.add(verdict)
        for name in names:
            found[name].add(verdict)
    if any(Verdict.REFUTED in verdicts and verdicts & set(_PROOFS) for verdicts in found.values()):
        return Verdict.UNSOUND
    for failure in FAILURES:
        if failure in everything:
            return failure
    best = []
    for verdicts in found.values():
        passing = [verdict for verdict in STRENGTH if verdict in verdicts]
        if not passing:
            return Verdict.UNDECIDED
        best.append(passing[0])
    return max(best, key=STRENGTH.index)
