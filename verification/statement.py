"""A statement is data: parameters, assumptions, clauses, checks that give evidence, and mutants that must fail."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

import sympy as sp
from sympy.logic import boolalg

from numerics.balls import precision
from verification.budget import Budget
from verification.claim import Judgement, Truth, judge, together
from verification.declaration import Obligation, obligations
from verification.errors import ClauseError, StatementError
from verification.evidence import Evidence
from verification.parameters import Parameters, Point
from verification.requirements import (
    brief,
    listed,
    require,
    require_evaluable,
    require_function,
    require_relation,
    require_tuple,
)

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_ID = 100
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
        require("clause", "its name", self.name, str, "a string")
        require(f"clause {self.name}", "its text", self.text, str, "a string")
        if self.claim is not None:
            require_relation(f"clause {self.name}", self.claim)
            if isinstance(self.claim, boolalg.BooleanAtom):
                raise StatementError(
                    f"clause {self.name}: SymPy makes it {self.claim} from its symbols' assumptions alone, so that "
                    "nothing is left to judge; declare the symbols with fewer assumptions"
                )


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


@runtime_checkable
class Fitted(Protocol):
    """A check that does not fit every statement."""

    def require_fit(self, statement: "Statement") -> None:
        """Raise StatementError, saying why, unless the check can judge its clauses of this statement."""


@dataclass(frozen=True)
class Mutant:
    """A false variant of a statement; its checks must refute it."""

    id: str
    text: str
    build: Callable[[], "Statement"]

    def __post_init__(self) -> None:
        require("mutant", "its id", self.id, str, "a string")
        require(f"mutant {self.id}", "its text", self.text, str, "a string")
        if not callable(self.build):
            right = "a function without arguments that builds the variant; write lambda: ..."
            raise StatementError(f"mutant {self.id}: {brief(self.build)} is not {right}")
        require_function(f"mutant {self.id}", "its function", self.build)


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
        if len(self.id) > _LONGEST_ID:
            raise StatementError(
                f"id: {self.id[:20]}... has {len(self.id)} letters; at most {_LONGEST_ID}, for it names files"
            )
        names = [clause.name for clause in self.clauses]
        if not names or len(set(names)) != len(names):
            raise StatementError(f"{self.id}: clauses {names} are not at least one with different names")
        declared = set(self.parameters.symbols) | set(self.observables or {})
        both = set(self.parameters.symbols) & set(self.observables or {})
        if both:
            raise StatementError(f"{self.id}: {listed(both)} declared twice, by a range and as an observable")
        for name in names:
            undeclared = self._undeclared(self._symbols([self.claim(name)]), declared)
            if undeclared:
                raise ClauseError(self.id, name, undeclared)
        undeclared = self._undeclared(self._symbols(self.assumptions), declared)
        if undeclared:
            raise StatementError(f"{self.id}: an assumption: {undeclared}")
        for check in self.checks:
            unknown = set(check.clauses) - set(names)
            if unknown:
                raise StatementError(f"{self.id}: the {check.kind} check names {sorted(unknown)}; clauses are {names}")
            spoken = self._symbols((*map(self.claim, check.clauses), *self.assumptions)) & set(self.parameters.symbols)
            own = getattr(check, "domain", None)
            if own is not None and spoken - set(own.symbols):
                missing = listed(spoken - set(own.symbols))
                raise StatementError(f"{self.id}: {missing} not in the domain of the {check.kind} check; add a range")
            if isinstance(check, Fitted):
                check.require_fit(self)
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
            raise StatementError(
                f"{self.id}: none of {_WITNESSES} points of the domain satisfies the assumptions; widen a range, or "
                "solve an equation for a parameter and define it"
            )

    def _require_types(self) -> None:
        require("statement", "id", self.id, str, "a string such as 'block-limit'")
        require(self.id, "title", self.title, str, "a string")
        require(self.id, "source", self.source, Source, "a Source")
        require(self.id, "parameters", self.parameters, Parameters, "Parameters((range, ...))")
        require_tuple(self.id, "clauses", self.clauses, Clause, "Clause")
        require_tuple(self.id, "checks", self.checks, object, "checks")
        require_tuple(self.id, "assumptions", self.assumptions, object, "equations and inequalities")
        require_tuple(self.id, "granted", self.granted, str, "strings")
        require_tuple(self.id, "depends", self.depends, str, "ids")
        require_tuple(self.id, "mutants", self.mutants, Mutant, "Mutant")
        for name, given in (("observables", self.observables), ("definitions", self.definitions)):
            require(self.id, name, given or {}, Mapping, "a mapping from symbols")
            for symbol in given or {}:
                require(self.id, f"a key of {name}", symbol, sp.Symbol, "a SymPy symbol")
        for assumption in self.assumptions:
            require_relation(f"{self.id}: assumption", assumption)
        for symbol, expression in (self.definitions or {}).items():
            require(self.id, f"the definition of {symbol}", expression, sp.Expr, "a SymPy expression")
            require_evaluable(f"{self.id}: the definition of {symbol}", expression)
        for check in self.checks:
            if not all(hasattr(check, name) for name in ("kind", "clauses", "run")):
                raise StatementError(f"{self.id}: {brief(check)} is not a check, such as Falsification(...)")
            require_tuple(self.id, f"clauses of the {check.kind} check", check.clauses, str, "names of clauses")

    @staticmethod
    def _undeclared(used: set[sp.Symbol], declared: set[sp.Symbol]) -> str:
        """Which symbols are used but not declared, and what to do; empty when all are declared."""
        missing = used - declared
        if not missing:
            return ""
        twin = set(map(str, missing)) & set(map(str, declared))
        hint = f"; the {' and '.join(sorted(twin))} declared has other assumptions" if twin else ""
        return f"{listed(missing)} used but not declared; add a range or an observable{hint}"

    def require_used(self) -> None:
        """Raise StatementError unless every parameter is used. Libraries ask this of statements.

        Not asked of mutants: one that drops a term keeps the parameters. Observables depend on parameters unseen.
        """
        unused = set(self.parameters.symbols) - self._symbols((*map(self.claim, self.clause_names), *self.assumptions))
        if unused and not self.observables:
            raise StatementError(f"{self.id}: {listed(unused)} declared but not used; remove what is not needed")

    def variant(self, mutant: Mutant) -> "Statement":
        """The false variant that a mutant builds; raises StatementError when that is another statement."""
        variant = mutant.build()
        if not isinstance(variant, Statement):
            kind = "nothing" if variant is None else f"a {type(variant).__name__}"
            raise StatementError(f"the function returns {kind}, not a Statement")
        if variant.id != self.id:
            raise StatementError(f"{variant.id} is another statement, not a variant of {self.id}; keep the id")
        foreign = [name for name in variant.clause_names if name not in self.clause_names]
        if foreign:
            raise StatementError(f"the variant's clauses {foreign} are not among those of {self.id}")
        return variant

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
        """The assumptions judged together at a point, at 128 bits; false outside the domain."""
        if not self.has(point):
            return Judgement(Truth.FALSE, 1.0, -math.inf)
        with precision(128):
            return together([judge(claim, point, 15) for claim in self.assumptions])

    def has(self, point: Point) -> bool:
        """True when every parameter that the point speaks of is in its range."""
        return all(one.contains(point[one.symbol]) for one in self.parameters.ranges if one.symbol in point)

    @property
    def clause_names(self) -> tuple[str, ...]:
        """Names of the clauses, in order."""
        return tuple(clause.name for clause in self.clauses)
