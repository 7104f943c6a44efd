"""Stored counterexamples judged again: before a check draws anything, and by `rankproof replay`."""

from dataclasses import replace
from pathlib import Path
from shlex import join

from numerics.errors import ArgumentError
from verification.budget import Budget
from verification.evidence import Evidence
from verification.parameters import Parameters, Point
from verification.statement import Check, Replayable, Statement
from verification.verdict import Verdict
from verification.witness import Witness, from_evidence, point_from, store, stored


def domain_of(check: Check, statement: Statement) -> Parameters:
    """The domain from which a check takes its points."""
    own = getattr(check, "box", None) or getattr(check, "domain", None)
    return own or statement.parameters


def found_by(statement: Statement, witness: Witness) -> tuple[Replayable, Point]:
    """The check of a statement that found a witness, and the witness's point.

    Raises ArgumentError when the statement has no such check any more, or the point lies outside its domain.
    """
    check = statement.checks[witness.check] if 0 <= witness.check < len(statement.checks) else None
    if check is None or check.kind != witness.kind:
        there = ", ".join(f"{place}: {one.kind}" for place, one in enumerate(statement.checks))
        given = f"check {witness.check} ({witness.kind})"
        raise ArgumentError("WITNESS", given, f"a check of {statement.id} any more ({there})")
    if not isinstance(check, Replayable):
        raise ArgumentError("WITNESS", witness.kind, "of a kind that judges points")
    foreign = [name for name in witness.clauses if name not in check.clauses]
    if foreign:
        right = f"a clause that check {witness.check} of {statement.id} speaks of ({', '.join(check.clauses)})"
        raise ArgumentError("WITNESS", ", ".join(foreign), right)
    return check, point_from(witness.point, domain_of(check, statement))


def judge_again(statement: Statement, witness: Witness, budget: Budget) -> Evidence:
    """The check that found a witness, at its point alone: REFUTED as long as the point violates the claim.

    Raises ArgumentError when the witness is not one of the statement any more.
    """
    check, point = found_by(statement, witness)
    return check.at(statement, point, budget)


def replay_stored(statement: Statement, index: int, file: Path | None, budget: Budget) -> tuple[Evidence | None, int]:
    """Judge the stored witnesses of one check: evidence of the first that still violates, and how many were judged."""
    count = 0
    for path, witness in stored(statement.id, None if file is None else str(file)):
        if witness is None or witness.check != index:
            continue
        try:
            evidence = judge_again(statement, witness, budget)
        except ArgumentError:  # the statement has changed since; `rankproof replay` says how
            continue
        count += 1
        if evidence.verdict is Verdict.REFUTED:
            summary = f"a stored witness still violates the claim: {evidence.summary}"
            return replace(evidence, summary=summary, replayed=count, replay=command_for(path)), count
    return None, count


def keep(statement: Statement, index: int, file: Path | None, evidence: Evidence, command: str) -> Evidence:
    """Store the witness of a refutation, if it has one, and name the command that judges it again."""
    if evidence.verdict is not Verdict.REFUTED or evidence.replay is not None:
        return evidence
    domain = domain_of(statement.checks[index], statement)
    witness = from_evidence(statement.id, domain, None if file is None else str(file), index, evidence, command)
    return evidence if witness is None else replace(evidence, replay=command_for(store(witness)))


def command_for(path: Path) -> str:
    """The command that judges a stored witness again."""
    return join(["rankproof", "replay", str(path)])
