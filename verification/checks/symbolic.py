"""Symbolic check: SymPy reduces every step of a derivation, or an open step is evaluated as a ball to refute it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from numerics.balls import evaluate, precision
from numerics.errors import ArgumentError
from theory.derivation import Derivation, Kind, Step
from verification.budget import Budget
from verification.checks.fields import owner_of, require_check
from verification.claim import Truth
from verification.declaration import fits, require_integers, require_reals
from verification.errors import StatementError
from verification.evidence import Evidence
from verification.parameters import IntegerRange, Point, RealRange, point_text
from verification.requirements import require, require_function, require_tuple
from verification.statement import Statement
from verification.verdict import Verdict

_BITS = 256
_TRIES = 12
_CHECKED = (Kind.IDENTITY, Kind.SIGN)


@dataclass(frozen=True)
class Symbolic:
    """Derivations that together speak of `clauses`.

    PROVED when every step holds for symbolic parameters; PROVED_FOR_SIZES when the derivations were carried out at
    listed sizes; REFUTED when the residual of a step excludes zero at a point; UNDECIDED otherwise.
    """

    clauses: tuple[str, ...]
    derive: Callable[[], Sequence[Derivation]]
    kind: str = "symbolic"

    def __post_init__(self) -> None:
        require_check(self)
        require_function(owner_of(self), "derive", self.derive)

    def derivations(self) -> tuple[Derivation, ...]:
        """What `derive` returns; raises StatementError unless it is derivations that together prove the clauses."""
        owner, found = owner_of(self), self.derive()
        right = "a list of Derivation; one alone is written [one]"
        require(owner, "what derive returns", found, list | tuple, right)
        for one in found:
            require(owner, "an entry of what derive returns", one, Derivation, right)
            require_tuple(owner, "clauses of a derivation", one.clauses, str, "names of clauses")
            require_tuple(owner, "steps of a derivation", one.steps, Step, "Step")
        spoken = list(dict.fromkeys(clause for one in found for clause in one.clauses))
        if set(spoken) != set(self.clauses):
            raise StatementError(f"{owner}: derivations speak of {spoken}, not of its clauses {list(self.clauses)}")
        if not all(any(step.kind in _CHECKED for step in one.steps) for one in found):
            raise StatementError(f"{owner}: a derivation without a checked step proves nothing; add an identity")
        return tuple(found)

    def run(self, statement: Statement, budget: Budget) -> Evidence:
        """Carry out the derivations; independent of the budget."""
        derivations = self.derivations()
        steps = [step for derivation in derivations for step in derivation.steps]
        sizes = tuple(size for derivation in derivations for size in derivation.sizes)
        checked = [step for step in steps if step.kind in _CHECKED]
        rests_on = tuple(step.text for step in steps if step.kind is Kind.ARGUMENT)
        found: dict[str, Any] = {"kind": self.kind, "points": len(checked), "sizes": sizes}
        for derivation in derivations:
            for step in derivation.open_steps:
                witness = _counterexample(step, statement)
                if witness is not None:
                    point, residual = witness
                    return Evidence(
                        **found,
                        clauses=derivation.clauses,
                        verdict=Verdict.REFUTED,
                        summary=f"false step: {step.text}",
                        worst_residual=residual,
                        worst_point=point,
                        witness=point,
                        bits=_BITS,
                    )
        found["clauses"] = self.clauses
        open_steps = [step for step in checked if not step.holds]
        if open_steps:
            return Evidence(
                **found,
                verdict=Verdict.UNDECIDED,
                summary=f"SymPy could not reduce: {open_steps[0].text}",
                remedy="give the step a reduction that fits it",
            )
        _require_subject(statement, derivations)
        _require_same_symbols(statement, steps)
        verdict = Verdict.PROVED_FOR_SIZES if sizes else Verdict.PROVED
        where = f"at {len(sizes)} sizes" if sizes else "for symbolic parameters"
        summary = f"{len(checked)} steps reduced by SymPy {where}; {len(rests_on)} arguments shown, not checked"
        return Evidence(**found, verdict=verdict, summary=summary, rests_on=rests_on)


def _require_subject(statement: Statement, derivations: Sequence[Derivation]) -> None:
    """Raise StatementError when no derivation of a claim in the parameters alone speaks of any of them.

    That the steps imply the claim is for a reader to judge; a proof of 1 = 1 is not left to that.
    """
    parameters = set(statement.parameters.symbols)
    for name, claim in statement.claims({name for one in derivations for name in one.clauses}).items():
        relations = [step.relation for one in derivations if name in one.clauses for step in one.steps]
        spoken = {str(symbol) for relation in relations if relation is not None for symbol in relation.free_symbols}
        own = {str(symbol) for symbol in claim.free_symbols}
        if claim.free_symbols <= parameters and not own & spoken:
            names = ", ".join(sorted(own))
            raise StatementError(
                f"{statement.id}: the derivation of {name} speaks of none of {names}, which its claim is about; "
                "add the steps that lead to the claim"
            )


def _require_same_symbols(statement: Statement, steps: Sequence[Step]) -> None:
    """Raise StatementError when a step has a parameter's name for a symbol that is declared to be less.

    SymPy tells symbols apart by their assumptions too: a positive x of a derivation is not the real x of a claim.
    """
    ranges = {str(one.symbol): one for one in statement.parameters.ranges}
    relations = [step.relation for step in steps if step.relation is not None]
    for symbol in sorted(set().union(*(relation.free_symbols for relation in relations)), key=str):
        one = ranges.get(str(symbol))
        if isinstance(one, IntegerRange) and symbol != one.symbol:
            require_integers(symbol, one.low, one.high)
        elif isinstance(one, RealRange) and symbol != one.symbol:
            require_reals(symbol, one.low, one.high if isinstance(one.high, Fraction) else None)


def _counterexample(step: Step, statement: Statement) -> tuple[dict[str, str], float] | None:
    """A point at which the open step is false by balls, with the size of its residual there."""
    residual = step.residual
    if residual is None:
        return None
    symbols = sorted(residual.free_symbols, key=str)
    admitted = (point for point in statement.parameters.grid(_TRIES) if statement.admits(point) is Truth.TRUE)
    for number, drawn in enumerate(admitted):
        point: Point = {}
        for index, symbol in enumerate(symbols):
            invented = Fraction(3 + 2 * ((index + number) % 7), 2 + number)
            candidates = (2 + number, -2 - number, 0) if symbol.is_integer else (invented, -invented, Fraction(0))
            point[symbol] = drawn.get(symbol, next((one for one in candidates if fits(symbol, one)), None))
        if None in point.values():
            continue
        with precision(_BITS):
            try:
                value = evaluate(residual, point)
                false = not value.contains(0) if step.kind is Kind.IDENTITY else bool(value < 0)
            except (ArgumentError, TypeError, ZeroDivisionError, OverflowError):
                continue
            if value.is_finite() and false:
                return point_text(point), float(value.abs_upper())
    return None
