"""Symbolic checks: catches an open step that counts as proved, a false step that is not refuted, sizes that vanish."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import pytest
import sympy as sp
from toy_statements import BUDGET, toy, x

from theory.derivation import Derivation, Step, argument, definition, identity, nonnegative, positive
from verification import Evidence, Symbolic, Verdict
from verification.verify import run_check

CLAIM = sp.Ge((x + 1) ** 2, 4 * x)
u = sp.Symbol("u", real=True)
k = sp.Symbol("k", integer=True, positive=True)
SQUARE = identity("completing the square", (x + 1) ** 2 - 4 * x, (x - 1) ** 2)


def unreduced(expression: sp.Expr) -> sp.Expr:
    return expression


def derive(*steps: Step, sizes: tuple[str, ...] = (), more: Sequence[Derivation] = ()) -> Evidence:
    derivations = [Derivation(("claim",), steps, sizes), *more]
    statement = toy(CLAIM, Symbolic(("claim",), lambda: derivations))
    return run_check(statement, statement.checks[0], BUDGET)


def test_steps_that_sympy_reduces_are_a_proof_and_what_it_rests_on_is_shown() -> None:
    found = derive(
        SQUARE,
        definition("a name", sp.Symbol("g"), x - 1),
        nonnegative("a square", u**2),
        positive("a sum", x + 1),
        argument("by the intermediate value theorem"),
    )
    assert found.verdict is Verdict.PROVED
    assert found.points == 3  # identities and signs; a definition and an argument prove nothing
    assert found.rests_on == ("by the intermediate value theorem",)
    assert found.sizes == ()


def test_steps_at_listed_sizes_prove_for_these_sizes_only() -> None:
    found = derive(SQUARE, sizes=("n = 2", "n = 3"))
    assert (found.verdict, found.sizes) == (Verdict.PROVED_FOR_SIZES, ("n = 2", "n = 3"))
    assert "2 sizes" in found.summary


def test_one_derivation_at_sizes_among_general_ones_is_a_proof_for_sizes() -> None:
    found = derive(SQUARE, more=[Derivation(("claim",), (SQUARE,), ("n = 2",))])
    assert (found.verdict, found.sizes) == (Verdict.PROVED_FOR_SIZES, ("n = 2",))


@pytest.mark.parametrize(
    ("step", "residual"),
    [
        (identity("false everywhere", (x + 1) ** 2, x**2 + 2 * x), lambda x: Fraction(1)),
        (identity("true at x = 2 only", x**2 - x, x), lambda x: x**2 - 2 * x),
        (identity("off by a factor", sp.log(x**2), 3 * sp.log(x)), None),
        (positive("negative", -x), lambda x: -x),
        (nonnegative("negative on part of the domain", x - 3), lambda x: x - 3),
    ],
)
def test_a_false_step_is_refuted_with_a_point_at_which_it_is_false(
    step: Step, residual: Callable[[Fraction], Fraction] | None
) -> None:
    found = derive(SQUARE, step)
    assert found.verdict is Verdict.REFUTED
    assert found.witness is not None
    assert step.text in found.summary
    assert found.worst_residual is not None
    assert found.worst_residual > 0
    if residual is not None:
        value = residual(Fraction(found.witness.get("x", "1")))
        assert float(abs(value)) == pytest.approx(found.worst_residual)
        assert value != 0 if "true at" in step.text or "false" in step.text else value < 0


@pytest.mark.parametrize(
    "step",
    [
        identity("true, but not expanded", (x + 1) ** 2, x**2 + 2 * x + 1, unreduced),
        identity("true, but not simplified", sp.sin(x) ** 2 + sp.cos(x) ** 2, sp.Integer(1)),
        nonnegative("true, but SymPy does not see it", (x - 1) ** 2 * (u**2 - 2 * u + 1)),
        positive("true, but SymPy does not see it", u**2 - 2 * u + 2),
    ],
)
def test_a_true_step_that_sympy_does_not_reduce_is_undecided_with_a_remedy(step: Step) -> None:
    assert not step.holds
    found = derive(SQUARE, step)
    assert found.verdict is Verdict.UNDECIDED
    assert not found.verdict.passed
    assert found.remedy
    assert step.text in found.summary


def test_a_refutation_speaks_of_the_clauses_of_its_own_derivation() -> None:
    derivations = [
        Derivation(("good",), (SQUARE,)),
        Derivation(("bad", "worse"), (identity("wrong", x, 2 * x),)),
    ]
    claims = {"good": CLAIM, "bad": CLAIM, "worse": CLAIM}
    statement = toy(claims, Symbolic(("good", "bad", "worse"), lambda: derivations))
    found = run_check(statement, statement.checks[0], BUDGET)
    assert (found.verdict, found.clauses) == (Verdict.REFUTED, ("bad", "worse"))


def test_symbols_that_are_no_parameters_are_tried_at_admissible_values() -> None:
    """An integer symbol gets integers, at which a false formula must fail."""
    found = derive(identity("the sum of the first k integers", k * (k + 1) / 2, k**2))
    assert found.verdict is Verdict.REFUTED
    assert found.witness is not None
    value = Fraction(found.witness["k"])
    assert value.denominator == 1
    assert value * (value + 1) / 2 != value**2


def test_derivations_that_speak_of_other_clauses_are_an_error() -> None:
    for clauses in (("other",), ("claim", "other")):
        statement = toy(CLAIM, Symbolic(("claim",), lambda clauses=clauses: [Derivation(clauses, (SQUARE,))]))
        found = run_check(statement, statement.checks[0], BUDGET)
        assert found.verdict is Verdict.ERROR
        assert "speak of" in found.summary


def test_a_derivation_that_raises_is_an_error() -> None:
    def broken() -> Sequence[Derivation]:
        raise RecursionError("too deep")

    statement = toy(CLAIM, Symbolic(("claim",), broken))
    found = run_check(statement, statement.checks[0], BUDGET)
    assert (found.verdict, found.summary) == (Verdict.ERROR, "RecursionError: too deep")


def test_a_derivation_that_never_speaks_of_the_claim_proves_nothing() -> None:
    """1 = 1 once proved everything."""
    trivial = identity("1 = 1", sp.Integer(1), sp.Integer(1))
    for steps in ((trivial,), (trivial, nonnegative("a square", u**2))):
        found = derive(*steps)
        assert found.verdict is Verdict.ERROR
        assert "the derivation of claim speaks of none of x, which its claim is about" in found.summary
    assert derive(trivial, definition("a name", sp.Symbol("g"), x - 1)).verdict is Verdict.PROVED
