"""A statement is data: parameters, assumptions, clauses, checks that give evidence, and mutants that must fail."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic import boolalg

from numerics.balls import precision
from verification.budget import Budget
from verification.claim import Judgement, Truth, judge, together
from verification.declaration import Obligation, obligations
from verification.errors import StatementError
from verification.evidence import Evidence
from verification.parameters import Parameters, Point

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CONNECTIVES = (boolalg.And, boolalg.Or, boolalg.Not, boolalg.Equivalent, boolalg.Implies)
#: Points of the domain of which one must satisfy the assumptions.
_WITNESSES = 2_000


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


OWN = Source("own statement", "unpublished", Provenance.NEW, "a statement of its author's own, without a reference")


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

    def __post_init__(self) -> None:
        _require("clause", "its name", self.name, str, "a string")
        _require(f"clause {self.name}", "its text", self.text, str, "a string")
        if self.claim is not None:
            require_relation(f"clause {self.name}", self.claim)
            if isinstance(self.claim, boolalg.BooleanAtom):
                raise StatementError(
                    f"clause {self.name}: SymPy makes it {self.claim} from its symbols' assumptions alone, so that "
                    "nothing is left to judge; declare the symbols with fewer assumptions"
                )


def require_relation(owner: str, claim: object) -> None:
    """Raise StatementError, naming `owner`, unless balls can judge the claim: equations, inequalities, or both."""
    if isinstance(claim, (Relational, boolalg.BooleanAtom)):
        return
    if isinstance(claim, _CONNECTIVES):
        for part in claim.args:
            require_relation(owner, part)
        return
    right = "an equation or an inequality, such as sp.Eq(left, right) or sp.Le(left, right)"
    if isinstance(claim, bool):
        right += "; Python's == compares at once and keeps no formula"
    raise StatementError(f"{owner}: {_brief(claim)} is not {right}")


def _require(owner: str, name: str, value: object, kind: type, right: str) -> None:
    if not isinstance(value, kind):
        raise StatementError(f"{owner}: {name} is {_brief(value)}, not {right}")


def _require_tuple(owner: str, name: str, value: object, kind: type, of: str) -> None:
    """`value` is a tuple of `kind`; one thing without its comma is the mistake that everybody makes."""
    right = f"a tuple of {of}; one alone is written (one,)"
    _require(owner, name, value, tuple, right)
    for one in value if isinstance(value, tuple) else ():
        _require(owner, f"an entry of {name}", one, kind, of)


def _brief(value: object) -> str:
    shown = repr(value) if isinstance(value, (str, bool)) else str(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."


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


@runtime_checkable
class Replayable(Protocol):
    """A check that can judge one point again."""

    def at(self, statement: "Statement", point: Point, budget: Budget) -> Evidence:
        """The evidence of that point alone; REFUTED when a claim is violated there."""


@dataclass(frozen=True)
class Mutant:
    """A false variant of a statement; its checks must refute it."""

    id: str
    text: str
    build: Callable[[], "Statement"]

    def __post_init__(self) -> None:
        _require("mutant", "its id", self.id, str, "a string")
        _require(f"mutant {self.id}", "its text", self.text, str, "a string")
        if not callable(self.build):
            right = "a function without arguments that builds the variant; write lambda: ..."
            raise StatementError(f"mutant {self.id}: {_brief(self.build)} is not {right}")


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
    source: Source = field(default=OWN, kw_only=True)
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
        self._require_types()
        if not _ID.fullmatch(self.id):
            raise StatementError(f"id: {self.id!r} is not kebab-case, such as 'block-limit'")
        names = [clause.name for clause in self.clauses]
        if not names or len(set(names)) != len(names):
            raise StatementError(f"{self.id}: clauses {names} are not at least one with different names")
        declared = set(self.parameters.symbols) | set(self.observables or {})
        used = self._symbols(map(self.claim, names)) | self._symbols(self.assumptions)
        if used - declared:
            missing = ", ".join(sorted(map(str, used - declared)))
            twin = set(map(str, used - declared)) & set(map(str, declared))
            hint = f"; the {' and '.join(sorted(twin))} declared has other assumptions" if twin else ""
            raise StatementError(f"{self.id}: {missing} is used but not declared; add a range or an observable{hint}")
        unused = set(self.parameters.symbols) - used
        if unused and not self.observables:
            names_of = ", ".join(sorted(map(str, unused)))
            raise StatementError(f"{self.id}: {names_of} is declared but not used; remove it")
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
        if len({mutant.id for mutant in self.mutants}) != len(self.mutants):
            raise StatementError(f"{self.id}: mutants {[mutant.id for mutant in self.mutants]} have one id twice")
        self.obligations()
        if not self._has_witness():
            raise StatementError(f"{self.id}: no point of the domain satisfies the assumptions; widen a range")

    def _require_types(self) -> None:
        _require("statement", "id", self.id, str, "a string such as 'block-limit'")
        _require(self.id, "title", self.title, str, "a string")
        _require(self.id, "source", self.source, Source, "a Source")
        _require(self.id, "parameters", self.parameters, Parameters, "Parameters((range, ...))")
        _require_tuple(self.id, "clauses", self.clauses, Clause, "Clause")
        _require_tuple(self.id, "checks", self.checks, object, "checks")
        _require_tuple(self.id, "assumptions", self.assumptions, object, "equations and inequalities")
        _require_tuple(self.id, "granted", self.granted, str, "strings")
        _require_tuple(self.id, "depends", self.depends, str, "ids")
        _require_tuple(self.id, "mutants", self.mutants, Mutant, "Mutant")
        for name, given in (("observables", self.observables), ("definitions", self.definitions)):
            _require(self.id, name, given or {}, Mapping, "a mapping from symbols")
            for symbol in given or {}:
                _require(self.id, f"a key of {name}", symbol, sp.Symbol, "a SymPy symbol")
        for assumption in self.assumptions:
            require_relation(f"{self.id}: assumption", assumption)
        for check in self.checks:
            if not all(hasattr(check, name) for name in ("kind", "clauses", "run")):
                raise StatementError(f"{self.id}: {_brief(check)} is not a check, such as Falsification(...)")
            _require_tuple(self.id, f"clauses of the {check.kind} check", check.clauses, str, "names of clauses")

    @staticmethod
    def _symbols(claims: Iterable[sp.Basic | None]) -> set[sp.Symbol]:
        return set().union(*(claim.free_symbols for claim in claims if claim is not None))

    def _has_witness(self) -> bool:
        """A point of the domain that satisfies the assumptions on parameters alone."""
        return any(self.admits(point) is not Truth.FALSE for point in self.parameters.grid(_WITNESSES))

    def claim(self, name: str, kept: Collection[sp.Symbol] = ()) -> sp.Basic | None:
        """The relation of a clause, with the definitions expanded except those that are `kept`."""
        claim = next(clause.claim for clause in self.clauses if clause.name == name)
        for symbol, expression in (self.definitions or {}).items():
            claim = claim if claim is None or symbol in kept else claim.subs(symbol, expression)
        return claim

    def claims(self, names: Iterable[str], kept: Collection[sp.Symbol] = ()) -> dict[str, sp.Basic]:
        """The relations of several clauses by name, without those that have none."""
        return {name: claim for name in names if (claim := self.claim(name, kept)) is not None}

    def obligations(self, kept: Collection[sp.Symbol] = ()) -> list[Obligation]:
        """What must hold of the definitions, except those `kept`, so that they are what their symbols declare."""
        definitions = {symbol: one for symbol, one in (self.definitions or {}).items() if symbol not in kept}
        values = {}
        for symbol, expression in definitions.items():
            for other, inner in definitions.items():
                expression = expression.subs(other, inner)
            values[symbol] = expression
        return obligations(values)

    def admits(self, point: Point) -> Truth:
        """Whether the assumptions hold at a point."""
        return self.admission(point).truth

    def admission(self, point: Point) -> Judgement:
        """The assumptions judged together at a point, at 128 bits."""
        with precision(128):
            return together([judge(claim, point, 15) for claim in self.assumptions])

    @property
    def clause_names(self) -> tuple[str, ...]:
        """Names of the clauses, in order."""
        return tuple(clause.name for clause in self.clauses)
