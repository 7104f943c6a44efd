"""Certificates on less than the domain: catches one that counts for all of it, an alarm over what none has claimed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from toy_statements import BUDGET, DOMAIN, n, toy, x

from verification import Certificate, Falsification, IntegerRange, Parameters, RealRange, Statement, Verdict
from verification.cli import main
from verification.coverage import covers, verdict_of
from verification.verify import run_check

HALF = Parameters((RealRange(x, "1", "5"),))
WHOLE = Parameters((IntegerRange(n, 2, 4), RealRange(x, "1", "10")))
BOUND = {5: sp.Le(x, 5), 10: sp.Le(x, 10)}


def verdict(statement: Statement, **budget: Any) -> Verdict:
    chosen = replace(BUDGET, **budget)
    return verdict_of(statement, [run_check(statement, check, chosen) for check in statement.checks])


def test_a_certificate_on_a_smaller_box_does_not_certify_the_statement() -> None:
    assert verdict(toy(BOUND[10], Certificate(("claim",), DOMAIN))) is Verdict.CERTIFIED
    assert verdict(toy(BOUND[10], Certificate(("claim",), HALF))) is Verdict.CONSISTENT


def test_the_part_of_a_quick_run_does_not_certify_the_statement() -> None:
    statement = toy(BOUND[10], Certificate(("claim",), DOMAIN, part=HALF))
    assert verdict(statement, whole_boxes=False) is Verdict.CONSISTENT
    assert verdict(statement, whole_boxes=True) is Verdict.CERTIFIED


def test_a_counterexample_outside_the_box_is_no_alarm_and_one_inside_is() -> None:
    """x <= 5 holds on the box [1, 5] and fails on the domain [1, 10]."""
    assert verdict(toy(BOUND[5], Certificate(("claim",), HALF), Falsification(("claim",)))) is Verdict.REFUTED
    statement = toy(BOUND[5], Certificate(("claim",), HALF), Falsification(("claim",)))
    certified, refuted = (run_check(statement, check, BUDGET) for check in statement.checks)
    inside = replace(refuted, witness={"x": "3"})
    assert verdict_of(statement, [certified, inside]) is Verdict.UNSOUND
    assert verdict_of(statement, [certified, replace(refuted, witness=None)]) is Verdict.UNSOUND
    assert verdict_of(statement, [certified, replace(refuted, witness={"x": "5.0001"})]) is Verdict.REFUTED


def test_certificates_for_each_integer_cover_together() -> None:
    each = [WHOLE.restricted(IntegerRange(n, number, number)) for number in (2, 3, 4)]
    assert covers(each, WHOLE)
    assert not covers(each[:2], WHOLE)
    checks = [Certificate(("claim",), box) for box in each]
    assert verdict(toy(sp.Le(x, 5 * n), *checks, parameters=WHOLE)) is Verdict.CERTIFIED
    assert verdict(toy(sp.Le(x, 5 * n), *checks[1:], parameters=WHOLE)) is Verdict.CONSISTENT


@pytest.mark.parametrize(
    ("box", "domain", "covered"),
    [
        (RealRange(x, "0", "10"), RealRange(x, "1e-9", "10"), True),
        (RealRange(x, "1", "inf"), RealRange(x, "1", "10"), True),
        (RealRange(x, "1", "inf"), RealRange(x, "1", "inf"), True),
        (RealRange(x, "1", "10"), RealRange(x, "1", "inf"), False),
        (RealRange(x, "1", "inf"), RealRange(x, "1", "10", infinity=True), False),
        (RealRange(x, "1.0001", "10"), RealRange(x, "1", "10"), False),
        (RealRange(n, "2", "2"), IntegerRange(n, 2, 2), True),
        (RealRange(n, "2", "2"), IntegerRange(n, 2, 3), False),
        (IntegerRange(n, 2, 3), RealRange(n, "2", "2"), True),
        (IntegerRange(sp.Symbol("k"), 2, 3), RealRange(sp.Symbol("k"), "2", "3"), False),
        (RealRange(x, "1", "10"), IntegerRange(n, 2, 2), False),
    ],
)
def test_one_box(box: Any, domain: Any, covered: bool) -> None:
    assert covers([Parameters((box,))], Parameters((domain,))) is covered


def test_many_integers_are_covered_by_one_box_and_not_counted_one_by_one() -> None:
    many = Parameters((IntegerRange(n, 1, 10**12),))
    assert covers([many], many)
    assert not covers([Parameters((IntegerRange(n, 1, 10**12 - 1),))], many)


FILE = """
import sympy as sp
from verification import Certificate, Clause, Falsification, Parameters, RealRange, Statement
x = sp.Symbol("x", positive=True)
def mine():
    return Statement(id="mine", title="t", parameters=Parameters((RealRange(x, "1", "10"),)),
        clauses=(Clause("bound", "x <= 10", sp.Le(x, 10)),),
        checks=(Certificate(("bound",), Parameters((RealRange(x, "1", "5"),))), Falsification(("bound",))))
STATEMENTS = (mine,)
"""


def test_the_command_line_says_on_what_part_a_certificate_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    with pytest.raises(SystemExit, match="0"):
        main(["check", str(path), "--jobs", "1"])
    shown = capsys.readouterr().out
    assert "CONSISTENT" in shown
    assert "certificate: CERTIFIED for x in [1, 5] only" in shown
