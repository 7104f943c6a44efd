"""Stored forms: what was stored reads back exactly, and the catalogue still means what it meant."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sympy as sp
from toy_statements import toy, x

from numerics.errors import ArgumentError
from theory.derivation import Derivation, Kind, Step, argument, identity, positive
from verification import catalogue
from verification.checks import Symbolic
from verification.form_comparison import Outcome
from verification.forms import (
    Difference,
    Form,
    derivations_of,
    differences,
    form_from,
    form_of,
    store,
    stored_form,
    text_of,
)

_STATEMENT = toy(sp.Gt(x**2, x - 1), Symbolic(("claim",), lambda: []), granted=("flow converges",))
_STEPS = (
    identity("a square", (x + 1) ** 2, x**2 + 2 * x + 1),
    positive("the value", x**2 + x),
    argument("so the value is not zero"),
)


def _form(*steps: Step, sizes: tuple[str, ...] = ()) -> Form:
    return form_of(_STATEMENT, [Derivation(("claim",), steps, sizes)])


def _found(*steps: Step) -> list[Difference]:
    return differences(_form(*_STEPS), _form(*steps))


@pytest.mark.parametrize("statement_id", catalogue.ids())
def test_the_catalogue_means_what_is_stored(statement_id: str) -> None:
    statement = catalogue.statement(statement_id)
    current = form_of(statement, derivations_of(statement))
    assert form_from(text_of(current)) == current
    stored = stored_form(statement_id)
    assert stored is not None, f"store it with: rankproof derive --write {statement_id}"
    changed = [str(one) for one in differences(stored, current, statement.parameters) if not one.change.harmless]
    assert not changed


def test_a_form_crosses_processes_unevaluated() -> None:
    """`derive --write` once stored "true" for signs that a pickle had evaluated."""
    statement = catalogue.statement("block-limit")
    form = form_of(statement, derivations_of(statement))
    assert pickle.loads(pickle.dumps(form)) == form


def test_every_stored_form_belongs_to_a_statement() -> None:
    from verification.forms import FOLDER

    assert {path.stem for path in FOLDER.glob("*.json")} <= set(catalogue.ids())


def test_nothing_differs_from_itself() -> None:
    assert _found(*_STEPS) == []


def test_a_rewritten_step_is_harmless_and_said() -> None:
    _, value, conclusion = _STEPS
    found = _found(identity("a square", sp.expand((x + 1) ** 2), (x + 1) ** 2), value, conclusion)
    assert [one.change.outcome for one in found] == [Outcome.REWRITTEN]
    assert "identity 1 (a square)" in str(found[0])


def _planted(change: Callable[[Step, Step, Step], tuple[Step, ...]]) -> tuple[Step, ...]:
    return change(*_STEPS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a, b, c: (a, c), "sign 2 (the value): is removed"),
        (lambda a, b, c: (argument(a.text, a.relation), b, c), "identity has become argument"),
        (lambda a, b, c: (a, b, c, argument("and so on")), "argument 4 (and so on): is added"),
        (lambda a, b, c: (a, b, argument("so the value is 1")), "now reads: so the value is 1"),
        (lambda a, b, c: (c, a, b), "has moved"),
        (lambda a, b, c: (identity("a square", (x - 1) ** 2, x**2 - 2 * x + 1), b, c), "at x = "),
        (lambda a, b, c: (a, positive("the value", x**2 - x), c), " against "),
    ],
)
def test_a_changed_proof_is_told(change: Callable[[Step, Step, Step], tuple[Step, ...]], said: str) -> None:
    found = _found(*_planted(change))
    assert any(said in str(one) and one.change.outcome is Outcome.CHANGED for one in found)


def test_one_more_checked_step_is_harmless_and_one_reworded_is_too() -> None:
    square, value, conclusion = _STEPS
    found = _found(replace(square, text="the square"), value, positive("another", x), conclusion)
    assert [one.change.outcome for one in found] == [Outcome.REWRITTEN] * 2


def test_claims_assumptions_and_what_is_granted_are_kept() -> None:
    stored = _form(*_STEPS)
    assumed = replace(_STATEMENT, assumptions=(sp.Gt(x, 2),), granted=("loss falls",))
    found = differences(stored, form_of(assumed, [Derivation(("claim",), _STEPS)]))
    assert {str(one).rpartition(": ")[2] for one in found} >= {"is added"}
    assert any("loss falls" in str(one) for one in found)
    assert all(one.change.outcome is Outcome.CHANGED for one in found)


def test_a_derivation_removed_is_a_change_and_so_is_one_added_that_takes_something_for_granted() -> None:
    checked = tuple(step for step in _STEPS if step.kind is not Kind.ARGUMENT)
    for steps, outcome in ((checked, Outcome.REWRITTEN), (_STEPS, Outcome.CHANGED)):
        one, two = (form_of(_STATEMENT, [Derivation(("claim",), steps)] * count) for count in (1, 2))
        assert [found.change.outcome for found in differences(two, one)] == [Outcome.CHANGED]
        assert [found.change.outcome for found in differences(one, two)] == [outcome]


def test_of_listed_sizes_the_steps_are_kept_without_formulas() -> None:
    form = _form(*_STEPS, sizes=("n = 2",))
    assert [entry.formula for entry in form.sections["derivation of claim at n = 2"]] == [None] * 3


@pytest.mark.parametrize(
    "formula",
    [
        sp.Mul(2, x + 1, evaluate=False),
        sp.Add(x, sp.Add(1, x, evaluate=False), evaluate=False),
        sp.Pow(sp.Pow(x, 2, evaluate=False), -1, evaluate=False),
        -(x ** sp.Rational(-2, 3)) / 7 - 1,
        sp.Symbol("rho_{L+1}", nonnegative=True) / sp.Symbol("w*", positive=True) - sp.Symbol("I"),
        sp.Symbol("lambda_1'", real=True) * sp.Symbol("lambda_1", real=True) + sp.Symbol("lambda_1", positive=True),
        sp.Symbol("lambda", even=True) ** sp.Function("f", positive=True)(x),
        sp.Limit(sp.exp(-x), x, sp.oo),
        sp.Sum(sp.IndexedBase("A")[sp.Symbol("i"), 1], (sp.Symbol("i"), 0, 3)),
        sp.Trace(sp.MatrixSymbol("A", 2, 3) * sp.MatrixSymbol("A", 2, 3).T),
    ],
)
def test_a_formula_reads_back_exactly(formula: sp.Basic) -> None:
    form = _form(argument("", sp.Eq(formula, 0, evaluate=False)))
    read = form_from(text_of(form))
    assert read == form
    assert read.sections["derivation of claim"][0].formula.lhs == formula


def test_what_is_stored_is_read_and_bad_files_are_named(tmp_path: Path) -> None:
    form = _form(*_STEPS)
    path = store(form, tmp_path)
    assert stored_form("toy", tmp_path) == form
    assert stored_form("another", tmp_path) is None
    for text in ("", "{}", "[]", path.read_text().replace("x**2", "open(x)"), path.read_text().replace("x**2", "((")):
        path.write_text(text)
        with pytest.raises(ArgumentError, match="form"):
            stored_form("toy", tmp_path)
