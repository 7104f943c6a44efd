"""Formulas compared in meaning: harmless rewrites are recognised, planted changes are seen."""

import pytest
import sympy as sp

from theory.symbols import alpha, depth, m
from verification.form_comparison import Outcome, compare

x, y = sp.symbols("x y", positive=True)
r = sp.Symbol("r", real=True)
k = sp.Symbol("k", integer=True, positive=True)


@pytest.mark.parametrize(
    ("stored", "current"),
    [
        ((x + y) ** 2, x**2 + 2 * x * y + y**2),
        (x ** (k / (k - 1)), x * x ** (1 / (k - 1))),
        ((alpha * (1 + 1 / m)) ** depth, alpha**depth * (m + 1) ** depth / m**depth),
        (1 / x - 1 / (x + 1), 1 / (x * (x + 1))),
        (sp.Gt(x, y), sp.Lt(y, x, evaluate=False)),
        (sp.Ge(x, y), sp.Ge(x - y, 0)),
        (sp.Eq(x, y), sp.Eq(y, x, evaluate=False)),
        (sp.Eq(x, y), sp.Eq(x - y, 0, evaluate=False)),
        (sp.And(sp.Gt(x, y), sp.Eq((x + y) ** 2, r)), sp.And(sp.Eq(x**2 + 2 * x * y + y**2, r), sp.Gt(x, y))),
        (sp.Sum(x**k, (k, 1, 5)), sp.Sum(x ** sp.Symbol("j"), (sp.Symbol("j"), 1, 5))),
    ],
)
def test_a_harmless_rewrite_is_recognised(stored: sp.Basic, current: sp.Basic) -> None:
    assert stored != current or stored.args != current.args
    assert compare(stored, current).outcome in (Outcome.REWRITTEN, Outcome.SAME)


@pytest.mark.parametrize(
    ("stored", "current"),
    [
        (x + y, x - y),
        (x**k, x ** (k - 1)),
        (sp.Eq(x**2 - y**2, (x - y) * (x + y), evaluate=False), sp.Eq(x**2 + y**2, (x - y) * (x + y), evaluate=False)),
        (x, x + sp.Rational(1, 10**30)),
        # Two different truths are two different steps, though both differences are zero.
        (
            sp.Eq((x + 1) ** 2, x**2 + 2 * x + 1, evaluate=False),
            sp.Eq((x - 1) ** 2, x**2 - 2 * x + 1, evaluate=False),
        ),
        (sp.Gt(x, y), sp.Gt(x, 2 * y)),
    ],
)
def test_a_change_of_meaning_comes_with_a_point(stored: sp.Basic, current: sp.Basic) -> None:
    change = compare(stored, current)
    assert change.outcome is Outcome.CHANGED
    assert change.point is not None
    before, _, after = change.text.rpartition(": ")[2].partition(" against ")
    assert before != after


@pytest.mark.parametrize(
    ("stored", "current", "said"),
    [
        (sp.Lt(x, y), sp.Le(x, y), "< has become <="),
        (sp.Lt(x, y), sp.Gt(x, y), "direction"),
        (sp.Eq(x, y), sp.Le(x, y), "== has become <="),
        (sp.Symbol("v", positive=True) ** 2, sp.Symbol("v", real=True) ** 2, "symbol v was positive and is real"),
    ],
)
def test_a_change_without_a_point_is_told_in_words(stored: sp.Basic, current: sp.Basic, said: str) -> None:
    change = compare(stored, current)
    assert change.outcome is Outcome.CHANGED
    assert said in change.text


def test_what_sympy_cannot_reduce_is_left_to_balls() -> None:
    nested = sp.sqrt(5 + 2 * sp.sqrt(6), evaluate=False) * x
    change = compare(nested, (sp.sqrt(2) + sp.sqrt(3)) * x)
    assert change.outcome is Outcome.REWRITTEN_BY_EVALUATION
    assert "probably" in change.text


def test_a_long_expansion_is_not_tried() -> None:
    power = (x + y + r + k + 1) ** 60
    change = compare(power * (x + 1), power * x + power)
    assert change.harmless
    assert compare(power * (x + 1), power * x - power).outcome is Outcome.CHANGED


def test_a_matrix_or_sum_that_cannot_be_evaluated_is_never_passed() -> None:
    a, b = (sp.MatrixSymbol(name, 2, 2) for name in "AB")
    assert compare(a * b + a, a + a * b).harmless
    assert compare(a * b, b * a).outcome is Outcome.UNDECIDED
    assert compare(sp.Sum(x**k, (k, 1, r)), sp.Sum(-(x**k), (k, 1, r))).outcome is Outcome.UNDECIDED


def test_the_same_seed_finds_the_same_point() -> None:
    first, again, other = (compare(x, x + y, seed=seed).point for seed in (1, 1, 2))
    assert first == again
    assert first != other
