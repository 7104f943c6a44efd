"""Warm starts: catches a step that does not hold, a closed form that is not W, and mutants of each derivation."""

import itertools

import pytest
import sympy as sp

from theory import plasticity as theory
from theory.derivation import Derivation, Kind
from theory.symbols import alpha, depth, m, value

DERIVATIONS = {
    "pretrained": lambda: theory.pretrained_derivation(theory.pretrained_cosine, theory.pretrained_second),
    "deep": lambda: theory.deep_derivation(theory.pretrained_gap, theory.pretrained_bound),
    "closed": theory.closed_derivation,
    "memory": lambda: theory.memory_derivation(theory.shallow_bound, theory.deep_bound),
    "margin": lambda: theory.margin_derivation(1, sp.Integer(1)),
}
FALSE = {
    "cosine": lambda: theory.pretrained_derivation(2 / m, theory.pretrained_second),
    "second": lambda: theory.pretrained_derivation(theory.pretrained_cosine, theory.pretrained_first),
    "gap": lambda: theory.deep_derivation(2 * theory.pretrained_gap, theory.pretrained_bound),
    "bound": lambda: theory.deep_derivation(theory.pretrained_gap, alpha * theory.pretrained_bound),
    "closed at depth 3": lambda: theory.closed_derivation(3),
    "shallow": lambda: theory.memory_derivation(theory.integral, theory.deep_bound),
    "deep": lambda: theory.memory_derivation(theory.shallow_bound, (depth - 1) * theory.integral),
    "margin plus": lambda: theory.margin_derivation(-1, sp.Integer(1)),
    "margin half": lambda: theory.margin_derivation(1, sp.Rational(1, 2)),
}


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_step_holds(name: str) -> None:
    derivation: Derivation = DERIVATIONS[name]()
    assert [step.text for step in derivation.open_steps] == []


@pytest.mark.parametrize("name", FALSE)
def test_a_false_formula_leaves_a_step_open(name: str) -> None:
    assert not FALSE[name]().holds


def test_no_identity_of_the_closed_flow_holds_whatever_is_claimed() -> None:
    assert not theory.pretrained_cosine.has(alpha)
    relations = [step.relation for step in theory.closed_derivation().steps if step.kind is Kind.IDENTITY]
    assert relations
    assert all(relation.free_symbols for relation in relations if relation is not None)


@pytest.mark.parametrize("spread", [sp.Rational(3, 2), 2, 20])
def test_the_spectrum_after_pretraining_is_that_of_the_matrix(spread: sp.Rational) -> None:
    """W = w* [[1, c], [c, 1]]: trace and determinant, which the closed forms never mention."""
    first, second, cosine = (
        one.subs({m: spread, value: 3})
        for one in (theory.pretrained_first, theory.pretrained_second, theory.pretrained_cosine)
    )
    assert first + second == 6
    assert sp.simplify(first * second - 9 * (1 - cosine**2)) == 0


def test_the_numbers_of_the_published_example() -> None:
    assert theory.pretrained_first.subs({m: 2, value: 1}) == sp.Rational(9, 5)
    assert theory.pretrained_second.subs({m: 2, value: 1}) == sp.Rational(1, 5)


@pytest.mark.parametrize(("layers", "spread"), list(itertools.product((3, 4, 7), (2, 10))))
def test_the_bound_after_pretraining_is_the_power_of_the_gap(layers: int, spread: int) -> None:
    at = {depth: layers, m: spread, alpha: sp.Rational(1, 10)}
    q = sp.Rational(layers, layers - 2)
    assert abs(sp.N((theory.pretrained_bound - theory.pretrained_gap**-q).subs(at), 30)) < 1e-25
