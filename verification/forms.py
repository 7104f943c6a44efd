"""Stored forms: what a statement claims and how it is derived, kept as text so that a change of meaning is noticed.

A form has sections. The section "claims" holds the assumptions, what is granted, and the clauses with definitions
expanded; then there is one section per derivation with its steps. Of derivations at listed sizes the steps are kept
without their formulas, which are long and follow from the general ones.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import sympy as sp

from numerics.errors import ArgumentError
from theory.derivation import Derivation, Kind
from verification.checks import Symbolic
from verification.files import whole_file
from verification.form_comparison import Change, Outcome, compare
from verification.form_notation import meanings, names_of, read, table_of, without_dummies, written
from verification.parameters import Parameters
from verification.statement import Statement

FOLDER = Path(__file__).parent / "stored_forms"
_CLAIMS = "claims"
#: Entries whose words are what they say; the words of the others only lead to a formula.
_IN_WORDS = (Kind.ARGUMENT, "granted")
#: Entries of which one more means that more is taken for granted or claimed.
_WEIGHTY = (*_IN_WORDS, "assumption", "clause")


@dataclass(frozen=True)
class Entry:
    """One assumption, clause or step; `formula` is None for what is said in words only."""

    kind: str
    text: str
    formula: sp.Basic | None


@dataclass(frozen=True)
class Form:
    """What a statement claims and how it is derived; `sections` in order, each with its entries."""

    statement: str
    sections: dict[str, tuple[Entry, ...]]

    def __reduce__(self) -> tuple[Callable[[str], "Form"], tuple[str]]:
        """Between processes a form travels as its text: unpickling would evaluate what was left unevaluated."""
        return form_from, (text_of(self),)


@dataclass(frozen=True)
class Difference:
    """A change, and the entry or section that it happened to."""

    where: str
    change: Change

    def __str__(self) -> str:
        return f"{self.where}: {self.change.text}"


def derivations_of(statement: Statement) -> tuple[Derivation, ...]:
    """All derivations of the statement's symbolic checks, derived anew."""
    return tuple(one for check in statement.checks if isinstance(check, Symbolic) for one in check.derivations())


def form_of(statement: Statement, derivations: Sequence[Derivation]) -> Form:
    """The present form of a statement with these derivations."""
    claims = [
        *(Entry("assumption", "", without_dummies(relation)) for relation in statement.assumptions),
        *(Entry("granted", text, None) for text in statement.granted),
        *(_clause(name, statement.claim(name)) for name in statement.clause_names),
    ]
    sections = {_CLAIMS: tuple(claims)}
    for derivation in derivations:
        at = f" at {', '.join(derivation.sizes)}" if derivation.sizes else ""
        title = f"derivation of {', '.join(derivation.clauses)}{at}"
        known = sum(name == title or name.startswith(f"{title} (") for name in sections)
        steps = (
            Entry(step.kind, step.text, _formula(None if derivation.sizes else step.relation))
            for step in derivation.steps
        )
        sections[f"{title} ({known + 1})" if known else title] = tuple(steps)
    return Form(statement.id, sections)


def _clause(name: str, claim: sp.Basic | None) -> Entry:
    return Entry("clause", name, _formula(claim))


def _formula(relation: sp.Basic | None) -> sp.Basic | None:
    return None if relation is None else without_dummies(relation)


def text_of(form: Form) -> str:
    """The form as JSON, one line for each thing that a reader of a diff may want to see change."""
    entries = (entry for section in form.sections.values() for entry in section)
    names = names_of(entry.formula for entry in entries if entry.formula is not None)
    sections = {
        title: [
            {"kind": str(entry.kind), "text": entry.text}
            | ({} if entry.formula is None else {"formula": written(entry.formula, names)})
            for entry in section
        ]
        for title, section in form.sections.items()
    }
    document = {"statement": form.statement, "symbols": table_of(names), "sections": sections}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def form_from(text: str) -> Form:
    """The form that was written. Raises ArgumentError, naming `form`, for anything else."""
    try:
        document = json.loads(text)
        known = meanings(document["symbols"])
        sections = {
            title: tuple(
                Entry(entry["kind"], entry["text"], read(entry["formula"], known) if "formula" in entry else None)
                for entry in entries
            )
            for title, entries in document["sections"].items()
        }
        return Form(document["statement"], sections)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArgumentError(
            "form", text[:40], f"a stored form ({error}); 'rankproof derive --write' makes one"
        ) from None


def stored_form(statement_id: str, folder: Path = FOLDER) -> Form | None:
    """The stored form of a statement, or None when there is none. Raises ArgumentError."""
    path = folder / f"{statement_id}.json"
    return form_from(path.read_text(encoding="utf-8")) if path.is_file() else None


def store(form: Form, folder: Path = FOLDER) -> Path:
    """Write the form to its file, whole or not at all; returns the file."""
    path = folder / f"{form.statement}.json"
    text = text_of(form)
    with whole_file("write", path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def differences(stored: Form, current: Form, domain: Parameters | None = None, seed: int = 0) -> list[Difference]:
    """Everything in which the current form differs from the stored one, in order; empty when they are the same.

    Steps are matched by their words, then by their place. What is removed or moved, and an argument, an assumption or
    a clause that is added or said in other words, is a change of meaning; another checked step or definition is not.
    """

    def judge(before: sp.Basic, after: sp.Basic) -> Change:
        return compare(before, after, domain, seed)

    found: list[Difference] = []
    for title, entries in stored.sections.items():
        if title in current.sections:
            found += _in_section(title, entries, current.sections[title], judge)
        else:
            found.append(Difference(title, Change(Outcome.CHANGED, "is removed")))
    for title, entries in current.sections.items():
        if title not in stored.sections:
            weighty = any(entry.kind in _WEIGHTY for entry in entries)
            found.append(Difference(title, Change(Outcome.CHANGED if weighty else Outcome.REWRITTEN, "is added")))
    return found


def _in_section(
    title: str,
    stored: Sequence[Entry],
    current: Sequence[Entry],
    judge: Callable[[sp.Basic, sp.Basic], Change],
) -> Iterator[Difference]:
    pairs = _matched(stored, current)
    moved = _out_of_order(pairs)
    for before, after in pairs:
        place = stored if before is not None else current
        number = before if before is not None else after
        if number is None:
            continue
        entry = place[number]
        where = f"{title}, {entry.kind} {number + 1}" + (f" ({entry.text})" if entry.text else "")
        if after is None:
            yield Difference(where, Change(Outcome.CHANGED, "is removed"))
        elif before is None:
            outcome = Outcome.CHANGED if entry.kind in _WEIGHTY else Outcome.REWRITTEN
            yield Difference(where, Change(outcome, "is added"))
        else:
            if (before, after) in moved:
                yield Difference(where, Change(Outcome.CHANGED, f"has moved to place {after + 1}"))
            yield from (Difference(where, change) for change in _in_entry(entry, current[after], judge))


def _matched(stored: Sequence[Entry], current: Sequence[Entry]) -> list[tuple[int | None, int | None]]:
    """Pairs of places: entries with the same words first, in order; the rest by their place between those."""
    before, after = list(range(len(stored))), list(range(len(current)))
    words = SequenceMatcher(None, [one.text for one in stored], [one.text for one in current], autojunk=False)
    pairs: list[tuple[int | None, int | None]] = []
    rest: list[tuple[list[int], list[int]]] = []
    for tag, low, high, start, end in words.get_opcodes():
        if tag == "equal":
            pairs += zip(before[low:high], after[start:end], strict=True)
        else:
            rest.append((before[low:high], after[start:end]))
    for here, there in _with_moves(rest, stored, current, pairs):
        pairs += zip(here, there, strict=False)
        pairs += [(number, None) for number in here[len(there) :]]
        pairs += [(None, number) for number in there[len(here) :]]
    return sorted(pairs, key=lambda pair: (pair[0] if pair[0] is not None else pair[1] or 0, pair[0] is None))


def _with_moves(
    rest: list[tuple[list[int], list[int]]],
    stored: Sequence[Entry],
    current: Sequence[Entry],
    pairs: list[tuple[int | None, int | None]],
) -> list[tuple[list[int], list[int]]]:
    """`rest` without the entries that stand elsewhere in the same words; those are put among `pairs`."""
    for here, _ in rest:
        for number in list(here):
            same = (there for _, there in rest if any(current[one].text == stored[number].text for one in there))
            there = next(same, None)
            if there is not None:
                twin = next(one for one in there if current[one].text == stored[number].text)
                pairs.append((number, twin))
                here.remove(number)
                there.remove(twin)
    return rest


def _out_of_order(pairs: Sequence[tuple[int | None, int | None]]) -> set[tuple[int, int]]:
    """The matched pairs that stand on the other side of a pair before them."""
    moved, furthest = set(), -1
    for before, after in pairs:
        if before is None or after is None:
            continue
        if after < furthest:
            moved.add((before, after))
        furthest = max(furthest, after)
    return moved


def _in_entry(stored: Entry, current: Entry, judge: Callable[[sp.Basic, sp.Basic], Change]) -> Iterator[Change]:
    if stored.kind != current.kind:
        yield Change(Outcome.CHANGED, f"{stored.kind} has become {current.kind}")
    if stored.text != current.text:
        said = stored.kind in _IN_WORDS or stored.formula is None or stored.kind == "clause"
        yield Change(Outcome.CHANGED if said else Outcome.REWRITTEN, f"now reads: {current.text}")
    formulas: Any = (stored.formula, current.formula)
    if (stored.formula is None) != (current.formula is None):
        yield Change(Outcome.CHANGED, "has lost its formula" if current.formula is None else "has gained a formula")
    elif stored.formula is not None:
        change = judge(*formulas)
        if change.outcome is not Outcome.SAME:
            yield change
