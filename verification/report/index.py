"""What stands before the statements: the index by paper and by verdict, the claims of the papers, the cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from verification.papers import PAPERS, Paper, PaperClaim, Standing, standing
from verification.verdict import Verdict
from verification.verify import StatementResult

OWN = "Statements of your own"


@dataclass(frozen=True)
class Group:
    """Statements under one heading, with the anchor that links lead to."""

    anchor: str
    heading: str
    results: tuple[StatementResult, ...]

    @property
    def counts(self) -> str:
        """How many statements have which verdict."""
        return ", ".join(f"{n} {v}" for v in Verdict if (n := sum(one.verdict is v for one in self.results)))


def by_paper(results: Sequence[StatementResult]) -> list[Group]:
    """One group per known paper that a statement cites, in the order of `PAPERS`, then those that cite none of them."""
    groups = [
        Group(f"Paper-{paper.key}", f"{paper.authors}, {paper.title}, {paper.identifier}", _citing(results, paper.key))
        for paper in PAPERS
    ]
    known = {paper.key for paper in PAPERS}
    own = tuple(one for one in results if one.statement.source.key not in known)
    return [group for group in [*groups, Group("Own", OWN, own)] if group.results]


def by_verdict(results: Sequence[StatementResult]) -> list[Group]:
    """One group per verdict that occurs, strongest first."""
    groups = [
        Group(f"Verdict-{verdict}", str(verdict), tuple(one for one in results if one.verdict is verdict))
        for verdict in Verdict
    ]
    return [group for group in groups if group.results]


def _citing(results: Sequence[StatementResult], key: str) -> tuple[StatementResult, ...]:
    return tuple(one for one in results if one.statement.source.key == key)


@dataclass(frozen=True)
class ClaimRow:
    """A claim with how far this run verifies it, and what keeps it from more."""

    claim: PaperClaim
    standing: Standing
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class PaperClaims:
    """The claims of one paper."""

    paper: Paper
    rows: tuple[ClaimRow, ...]

    @property
    def counts(self) -> str:
        """How many claims stand how."""
        return ", ".join(f"{n} {s}" for s in Standing if (n := sum(row.standing is s for row in self.rows)))


def claims(results: Sequence[StatementResult], *, catalogue: bool = True) -> list[PaperClaims]:
    """The claims of the papers of which a statement was run; of all papers when everything they name was run.

    `catalogue` says that the statements are those of the catalogue: one of somebody's own file verifies no claim,
    whatever its id.
    """
    verdicts = {one.statement.id: one.verdict for one in results} if catalogue else {}
    cited = {one.statement.source.key for one in results}
    named = {name for paper in PAPERS for claim in paper.claims for name in claim.statements}
    return [
        PaperClaims(paper, tuple(ClaimRow(claim, *standing(claim, verdicts)) for claim in paper.claims))
        for paper in PAPERS
        if paper.key in cited or named <= set(verdicts)
    ]


@dataclass(frozen=True)
class Cost:
    """Seconds of one statement, and the lengths of its bars in per cent of the dearest statement."""

    result: StatementResult
    checks: float
    mutants: float
    checks_share: float
    mutants_share: float


def costs(results: Sequence[StatementResult]) -> list[Cost]:
    """The statements by cost, dearest first."""
    pairs = [(one, sum(piece.seconds for piece in one.evidence)) for one in results]
    pairs.sort(key=lambda pair: pair[0].seconds, reverse=True)
    scale = 100 / max((one.seconds for one in results), default=0.0) if any(one.seconds for one in results) else 0.0
    return [
        Cost(one, checks, one.seconds - checks, checks * scale, (one.seconds - checks) * scale) for one, checks in pairs
    ]


def cost_by_kind(results: Sequence[StatementResult]) -> list[tuple[str, float, float]]:
    """(kind of check, seconds on statements, seconds on mutants), dearest first."""
    on_statements: dict[str, float] = {}
    on_mutants: dict[str, float] = {}
    for result in results:
        for one in result.evidence:
            on_statements[one.kind] = on_statements.get(one.kind, 0.0) + one.seconds
        for mutant in result.mutants:
            for one in mutant.evidence:
                on_mutants[one.kind] = on_mutants.get(one.kind, 0.0) + one.seconds
    kinds = {**on_statements, **on_mutants}
    rows = [(kind, on_statements.get(kind, 0.0), on_mutants.get(kind, 0.0)) for kind in kinds]
    return sorted(rows, key=lambda row: row[1] + row[2], reverse=True)
