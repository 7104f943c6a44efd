"""Symmetric flows at depth L: catches a step that does not hold, mutants of each derivation, and a law of the escape
that is not what the equation does."""

import mpmath
import pytest
import sympy as sp

from theory import deep_greedy as theory
from theory.derivation import Derivation
from theory.symbols import depth

DERIVATIONS = {
    "flow": theory.flow_derivation,
    "escape": lambda: theory.escape_derivation(theory.escape_law, theory.escape_end),
    "shallow": lambda: theory.shallow_derivation(theory.shallow_law),
}
FALSE = {
    "power L": lambda: theory.flow_derivation(depth),
    "power 1": lambda: theory.flow_derivation(sp.Integer(1)),
    "law of depth 2": lambda: theory.escape_derivation(theory.shallow_law, theory.escape_end),
    "end at the start": lambda: theory.escape_derivation(theory.escape_law, theory.initial),
    "squared": lambda: theory.shallow_derivation(theory.shallow_law**2),
}


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_step_holds(name: str) -> None:
    derivation: Derivation = DERIVATIONS[name]()
    assert [step.text for step in derivation.open_steps] == []


@pytest.mark.parametrize("name", FALSE)
def test_a_false_formula_leaves_a_step_open(name: str) -> None:
    assert not FALSE[name]().holds


@pytest.mark.parametrize("layers", [3, 4, 6])
def test_the_law_is_what_two_eigenvalues_do_by_quadrature(layers: int) -> None:
    """The time in which w grows from w_0 is an integral; the law must give the same time for both eigenvalues."""
    rates, start, end = (mpmath.mpf(2), mpmath.mpf("0.8")), mpmath.mpf("1e-3"), mpmath.mpf("0.7")
    known = {depth: layers, theory.initial: start, theory.first: end, theory.ratio: rates[1] / rates[0]}
    second = mpmath.mpf(sp.N(theory.escape_law.subs(known), 30))

    def duration(rate: mpmath.mpf, last: mpmath.mpf) -> mpmath.mpf:
        # dw/dt = L mu w^(2 - 2/L), from dM/dt = 2 mu M^(L/2) and w = M^(L/2).
        return mpmath.quad(lambda w: 1 / (layers * rate * w ** (2 - mpmath.mpf(2) / layers)), [start, last])

    times = [duration(rate, last) for rate, last in zip(rates, (end, second), strict=True)]
    assert mpmath.almosteq(*times, rel_eps=mpmath.mpf("1e-12"))
    assert second < sp.N(theory.escape_end.subs(known), 30)
