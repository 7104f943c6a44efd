"""A statement is data: parameters, assumptions, clauses, checks that give evidence, and mutants that must fail."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import sympy as sp

from numerics.balls import precision
from verification.budget import Budget
from verification.claim import Truth, judge
from verification.errors import StatementError
from verification.evidence import Evidence
from verification.parameters import Parameters, Point

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Provenance(StrEnum):
    """How close a statement is to its source."""

    PAPER = "paper"
    RECONSTRUCTED = "reconstructed"
    NEW = "new"


@dataclass(frozen=True)
class Source:
    """Citation key, label in the paper, and provenance; `text` is the full reference."""

    key: str
    label: str
    provenance: Provenance
    text: str

    def __str__(self) -> str:
        return f"{self.key}, {self.label} ({self.provenance})"


@dataclass(frozen=True)
class Clause:
    """One part of what is claimed: a name, words, and a SymPy relation that balls can judge.

    `claim` is None for a clause that only a derivation speaks of (that a limit exists, say). `asymptotic` says that the
    clause is about a limit: a proof proves the limit, and the relation, with the constants in it, is only how checks
    judge finite points.
    """

    name: str
    text: str
    claim: sp.Basic | None
    asymptotic: bool = False


class Check(Protocol):
    """Anything that can give evidence for some clauses of a statement."""

    @property
    def kind(self) -> str:
        """Name of the check."""

    @property
    def clauses(self) -> tuple[str, ...]:
        """The clauses it speaks of."""

    def run(self, statement: "Statement", budget: Budget) -> Evidence:
        """The evidence found within the budget; never raises for a mere failure to decide."""


@dataclass(frozen=True)
class Mutant:
    """A false variant of a statement; its checks must refute it."""

    id: str
    text: str
    build: Callable[[], "Statement"]


@dataclass(frozen=True)
class Statement:
    """A statement and everything needed to verify it. Validates itself when built.

    observables: symbols that stand for something measured (a limit's singular value, say) with their meaning;
    definitions: abbreviations that clauses use, in the order in which they are expanded (a later one may appear in an
    earlier one); granted: what a proof takes for granted, shown beside the verdict; depends: ids of the statements that
    it builds on. Raises StatementError.
    """

    id: str
    title: str
    source: Source
    parameters: Parameters
    clauses: tuple[Clause, ...]
    checks: tuple[Check, ...]
    assumptions: tuple[sp.Basic, ...] = ()
    observables: Mapping[sp.Symbol, str] | None = None
    definitions: Mapping[sp.Symbol, sp.Expr] | None = None
    granted: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    mutants: tuple[Mutant, ...] = ()

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise StatementError(f"id: {self.id!r} is not kebab-case, such as 'block-limit'")
        names = [clause.name for clause in self.clauses]
        if not names or len(set(names)) != len(names):
            raise StatementError(f"{self.id}: clauses {names} are not at least one with different names")
        declared = set(self.parameters.symbols) | set(self.observables or {})
        used = self._symbols(map(self.claim, names)) | self._symbols(self.assumptions)
        if used - declared:
            missing = ", ".join(sorted(map(str, used - declared)))
            raise StatementError(f"{self.id}: {missing} is used but not declared; add a range or an observable")
        unused = set(self.parameters.symbols) - used
        if unused and not self.observables:
            raise StatementError(
                f"{self.id}: {', '.join(sorted(map(str, unused)))} is declared but not used; remove it"
            )
        for check in self.checks:
            unknown = set(check.clauses) - set(names)
            if unknown:
                raise StatementError(f"{self.id}: the {check.kind} check names {sorted(unknown)}; clauses are {names}")
            silent = [name for name in check.clauses if self.claim(name) is None]
            if silent and check.kind != "symbolic":
                raise StatementError(f"{self.id}: {silent} has no relation that the {check.kind} check could judge")
        foreign = self._symbols(self.assumptions) - set(self.parameters.symbols)
        if foreign:
            names_of = ", ".join(sorted(map(str, foreign)))
            raise StatementError(f"{self.id}: an assumption uses {names_of}; assumptions speak of parameters only")
        covered = {name for check in self.checks for name in check.clauses}
        if covered != set(names):
            raise StatementError(f"{self.id}: no check speaks of {sorted(set(names) - covered)}")
        if not self._has_witness():
            raise StatementError(f"{self.id}: no point of the domain satisfies the assumptions; widen a range")

    @staticmethod
    def _symbols(claims: Iterable[sp.Basic | None]) -> set[sp.Symbol]:
        return set().union(*(claim.free_symbols for claim in claims if claim is not None))

    def _has_witness(self) -> bool:
        """A point of the domain that satisfies the assumptions on parameters alone."""
        return any(self.admits(point) is not Truth.FALSE for point in self.parameters.grid(200))

    def claim(self, name: str) -> sp.Basic | None:
        """The relation of a clause, with the definitions expanded."""
        claim = next(clause.claim for clause in self.clauses if clause.name == name)
        for symbol, expression in (self.definitions or {}).items():
            claim = None if claim is None else claim.subs(symbol, expression)
        return claim

    def claims(self, names: Iterable[str]) -> dict[str, sp.Basic]:
        """The relations of several clauses by name, without those that have none."""
        return {name: claim for name in names if (claim := self.claim(name)) is not None}

    def admits(self, point: Point) -> Truth:
        """Whether the assumptions hold at a point."""
        return min((self.holds(claim, point) for claim in self.assumptions), default=Truth.TRUE)

    @staticmethod
    def holds(claim: sp.Basic, values: Mapping[sp.Symbol, Any]) -> Truth:
        """Judge one assumption at 128 bits."""
        with precision(128):
            return judge(claim, values, 15).truth

    @property
    def clause_names(self) -> tuple[str, ...]:
        """Names of the clauses, in order."""
        return tuple(clause.name for clause in self.clauses)
