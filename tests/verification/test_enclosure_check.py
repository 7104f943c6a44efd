"""The enclosure check: catches an equation that counts as proved, a point that counts for others, a flow that did not
close and counts, and a claim that the balls exclude."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import gmpy2
import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb

from verification import (
    QUICK,
    Clause,
    Enclosed,
    Enclosure,
    IntegerRange,
    Parameters,
    Provenance,
    RealRange,
    Source,
    Statement,
    StatementError,
    Verdict,
)
from verification.budget import FULL
from verification.coverage import verdict_of

n = sp.Symbol("n", integer=True, positive=True)
seen = sp.Symbol("seen", real=True)
SMALL, LARGE = Parameters((IntegerRange(n, 1, 3),)), Parameters((IntegerRange(n, 1, 9),))


def square(error: float = 0.0) -> Any:
    return lambda point, digits: Enclosed({seen: arb(point[n] ** 2, error)})


def statement(claim: sp.Basic, check: Enclosure, domain: Parameters = SMALL) -> Statement:
    return Statement(
        id="toy",
        title="a toy",
        source=Source("T", "1", Provenance.NEW, "a test"),
        parameters=domain,
        clauses=(Clause("claim", "the claim", claim),),
        observables={seen: "n squared"},
        checks=(check,),
    )


def run(claim: sp.Basic, enclose: Any) -> tuple[Any, Verdict]:
    check = Enclosure(("claim",), enclose, "squares", SMALL)
    found = statement(claim, check)
    evidence = check.run(found, QUICK)
    return evidence, verdict_of(found, [evidence])


def test_an_inequality_that_balls_prove_at_every_point_is_certified_there() -> None:
    evidence, verdict = run(sp.Ge(seen, n - sp.Rational(1, 2)), square(1e-30))
    assert (evidence.verdict, verdict, evidence.points) == (Verdict.CERTIFIED, Verdict.CERTIFIED, 3)
    assert "only there" in evidence.summary
    assert str(evidence.box) == "n = 1..3"


def test_the_hypotheses_of_the_proof_are_named() -> None:
    evidence, _ = run(sp.Ge(seen, 0), lambda point, digits: Enclosed({seen: arb(1)}, hypotheses=("tube", "trapped")))
    assert evidence.summary.endswith("hypotheses checked: tube, trapped")


def test_a_point_whose_assumption_balls_cannot_decide_is_not_certified() -> None:
    check = Enclosure(("claim",), square(), "squares", SMALL)
    found = statement(sp.Ge(seen, 0), check)
    # sqrt(n)^2 = n for every n, and no ball tells.
    doubtful = replace(found, assumptions=(sp.Le(sp.sqrt(n) * sp.sqrt(n + 1), sp.sqrt(n**2 + n), evaluate=False),))
    assert check.run(doubtful, QUICK).verdict is Verdict.UNDECIDED
    assert check.run(replace(found, assumptions=(sp.Gt(n, 1),)), QUICK).points == 2


def test_points_say_nothing_of_the_rest_of_the_domain() -> None:
    check = Enclosure(("claim",), square(), "squares", SMALL)
    found = statement(sp.Ge(seen, n), check, LARGE)
    evidence = check.run(found, QUICK)
    assert evidence.verdict is Verdict.CERTIFIED
    assert verdict_of(found, [evidence]) is Verdict.CONSISTENT


def test_an_equation_is_never_certified_and_needs_narrow_balls() -> None:
    assert run(sp.Eq(seen, n**2), square(1e-30))[0].verdict is Verdict.CONSISTENT
    evidence, _ = run(sp.Eq(seen, n**2), square(1e-3))
    assert (evidence.verdict, evidence.remedy is not None) == (Verdict.UNDECIDED, True)


def test_a_claim_that_the_balls_exclude_is_refuted_with_its_point() -> None:
    evidence, verdict = run(sp.Lt(seen, 3 * n - sp.Rational(1, 2)), square(1e-30))
    assert (evidence.verdict, verdict) == (Verdict.REFUTED, Verdict.REFUTED)
    assert evidence.witness["n"] == "3"
    assert run(sp.Eq(seen, n**2 + sp.Rational(1, 10**20)), square(1e-30))[0].verdict is Verdict.REFUTED


@pytest.mark.parametrize("claim", [sp.Ge(seen, n), sp.Eq(seen, n**2)])
def test_one_flow_that_did_not_close_leaves_the_check_undecided_with_its_reason(claim: sp.Basic) -> None:
    def enclose(point: Any, digits: int) -> Enclosed:
        return Enclosed(None, "the tube is too small; raise digits") if point[n] == 2 else square()(point, digits)

    evidence, verdict = run(claim, enclose)
    assert (evidence.verdict, verdict) == (Verdict.UNDECIDED, Verdict.UNDECIDED)
    assert evidence.remedy == "the tube is too small; raise digits"


def test_a_refutation_stands_beside_flows_that_did_not_close() -> None:
    def enclose(point: Any, digits: int) -> Enclosed:
        return Enclosed(None, "no") if point[n] == 1 else square()(point, digits)

    assert run(sp.Lt(seen, 4), enclose)[0].verdict is Verdict.REFUTED


def test_a_proven_inequality_does_not_certify_an_equation_beside_it() -> None:
    check = Enclosure(("claim", "other"), square(1e-30), "squares", SMALL)
    found = Statement(
        id="toy",
        title="a toy",
        source=Source("T", "1", Provenance.NEW, "a test"),
        parameters=SMALL,
        clauses=(Clause("claim", "an inequality", sp.Gt(seen, 0)), Clause("other", "an equation", sp.Eq(seen, n**2))),
        observables={seen: "n squared"},
        checks=(check,),
    )
    assert check.run(found, QUICK).verdict is Verdict.CONSISTENT


def test_one_point_with_wide_balls_leaves_the_check_undecided() -> None:
    def enclose(point: Any, digits: int) -> Enclosed:
        return square(100 if point[n] == 3 else 1e-30)(point, digits)

    assert run(sp.Gt(seen, 0), enclose)[0].verdict is Verdict.UNDECIDED


def test_points_outside_the_assumptions_are_not_enclosed() -> None:
    check = Enclosure(("claim",), square(), "squares", SMALL)
    found = replace(statement(sp.Gt(seen, 3), check), assumptions=(sp.Gt(n, 1),))
    evidence = check.run(found, QUICK)
    assert (evidence.verdict, evidence.points) == (Verdict.CERTIFIED, 2)


def test_wide_balls_decide_nothing() -> None:
    assert run(sp.Gt(seen, 0), square(100))[0].verdict is Verdict.UNDECIDED


def test_a_quick_run_encloses_its_part_and_says_so() -> None:
    check = Enclosure(("claim",), square(), "squares", LARGE, part=SMALL)
    found = statement(sp.Ge(seen, n), check, LARGE)
    quick, full = check.run(found, QUICK), check.run(found, FULL)
    assert (quick.points, quick.domain) == (3, "n = 1..3")
    assert (full.points, full.domain) == (9, "n = 1..9")
    assert verdict_of(found, [quick]) is Verdict.CONSISTENT
    assert verdict_of(found, [full]) is Verdict.CERTIFIED


def test_a_witness_is_judged_again_at_its_point() -> None:
    check = Enclosure(("claim",), square(), "squares", SMALL)
    found = statement(sp.Lt(seen, 3 * n), check)
    assert check.at(found, {n: 3}, QUICK).verdict is Verdict.REFUTED
    assert check.at(found, {n: 1}, QUICK).verdict is Verdict.CERTIFIED


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (
            lambda: Enclosure(("claim",), square(), "x", Parameters((RealRange(seen, Fraction(1), Fraction(2)),))),
            "endlessly many points",
        ),
        (
            lambda: Enclosure(("claim",), square(), "x", Parameters((IntegerRange(n, 1, 10**6),))),
            "at most 1000 are enclosed",
        ),
        (lambda: Enclosed(None), "say why it did not close"),
        *(
            (lambda number=number: Enclosed({seen: number}), "has a float, which bounds nothing")  # type: ignore[misc]
            for number in (0.5, np.float32(0.5), mpmath.mpf("0.1"), sp.Float("0.1"), gmpy2.mpfr("0.1"))
        ),
        (lambda: run(sp.Gt(n, 5), lambda point, digits: Enclosed({n: arb(7), seen: 1})), "a value for a parameter"),
        (lambda: Enclosure(("claim",), lambda point: None, "x", SMALL), "enclose"),
        (lambda: run(sp.Ge(seen, n), lambda point, digits: {seen: 1}), "an Enclosed"),
    ],
)
def test_mistakes_are_named(make: Any, line: str) -> None:
    with pytest.raises(StatementError, match=line):
        make()
