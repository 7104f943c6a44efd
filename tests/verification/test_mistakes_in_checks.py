"""Mistakes in ranges, claims and checks of a file: catches one that runs, or a message without the line at fault."""

from pathlib import Path

import pytest
from test_statement_file import END, HEAD, MINE, written
from toy_statements import BUDGET

from verification import Verdict
from verification.errors import StatementFileError
from verification.statement_file import load
from verification.verify import Task, perform

MORE = """from theory.derivation import Derivation, argument, identity
from verification import Evaluation, Observation, Symbolic, Trajectory
from verification.checks import Quantities
from numerics.gradient_flow import StopReason
seen = sp.Symbol("seen", real=True)
STEP = identity("x = x", x, x)
"""
SUPPORTED = "use rationals, symbols, pi, E, + - * / **, exp, log, sin, cos, sinh, cosh, tanh, Abs, Max, Min"

#: One line that is refused when the file is loaded, and words of the message.
REFUSED: dict[str, tuple[str, list[str]]] = {
    "a range without its comma": (
        "Parameters(RealRange(x, '1', '2'))",
        ["parameters: ranges is x in [1, 2], not a tuple of IntegerRange or RealRange; one alone is written (one,)"],
    ),
    "a symbol in the place of a range": (
        "Parameters((x,))",
        ["an entry of ranges is x, not IntegerRange or RealRange"],
    ),
    "an integer range of a float": ("IntegerRange(x, 1.5, 10)", ["x: low is 1.5, not an integer, such as 2"]),
    "an integer range of text": ("IntegerRange(x, 1, '10')", ["x: high is '10', not an integer"]),
    "an integer range of a bool": ("IntegerRange(x, True, 3)", ["x: low is True, not an integer"]),
    "a word for a symbol": ("RealRange('x', '1', '2')", ["range: its symbol is 'x', not a SymPy symbol"]),
    "a word for an integer symbol": ("IntegerRange('n', 1, 2)", ["range: its symbol is 'n', not a SymPy symbol"]),
    "a float for a bound": (
        "RealRange(x, 0.1, '2')",
        ['x: low is the float 0.1; write it exactly, as "0.1"'],
    ),
    "a float for the other bound": (
        "RealRange(x, '1', 1e300)",
        ['x: high is the float 1e+300; write it exactly, as "1e+300"'],
    ),
    "nan": ("RealRange(x, '1', float('nan'))", ["x: high: nan is not"]),
    "a word for infinity": ("RealRange(x, '1', 'inf', 'yes')", ["x: infinity is 'yes', not True or False"]),
    "an observable that is a parameter": (
        "build(observables={x: 'words'})",
        ["mine: x is declared twice, by a range and as an observable"],
    ),
    "no clauses": ("Falsification(())", ["falsification check: clauses is (), which names none; name at least one"]),
    "an undefined function": (
        "Clause('c', 'w', sp.Gt(sp.Function('f')(x), 1))",
        ["clause c: balls cannot evaluate f(x)", SUPPORTED],
    ),
    "Piecewise": (
        "Clause('c', 'w', sp.Gt(sp.Piecewise((x, x > 2), (1, True)), 1))",
        ["clause c: balls cannot evaluate Piecewise((x, x > 2), (1, True)); use"],
    ),
    "tan": ("Clause('c', 'w', sp.Gt(x + sp.tan(x) * 2, 1))", ["clause c: balls cannot evaluate tan(x); use"]),
    "gamma": ("Clause('c', 'w', sp.And(sp.Lt(x, 2), sp.Eq(sp.gamma(x), 1)))", ["balls cannot evaluate gamma(x); use"]),
    "a float in a claim": (
        "Clause('c', 'w', sp.Gt(x, 0.1))",
        ["clause c: 0.1 is a float; write it exactly, as sp.Rational('0.1')"],
    ),
    "a function that balls cannot evaluate in an assumption": (
        "build(assumptions=(sp.Gt(sp.tan(x), 1),))",
        ["mine: assumption: balls cannot evaluate tan(x)"],
    ),
    "a function that balls cannot evaluate in a definition": (
        "build(definitions={seen: sp.gamma(x)})",
        ["mine: the definition of seen: balls cannot evaluate gamma(x)"],
    ),
    "a number for a definition": (
        "build(definitions={seen: 1})",
        ["mine: the definition of seen is 1, not a SymPy expression"],
    ),
    "clauses without their comma": (
        "Falsification('claim')",
        ["falsification check: clauses is 'claim', not a tuple of names of clauses; one alone is written (one,)"],
    ),
    "a clause for the name of one": (
        "Evaluation((Clause('claim', 'words', sp.Gt(x, 1)),))",
        ["evaluation check: an entry of clauses is Clause("],
    ),
    "a list for a box": ("Certificate(('b',), [1])", ["certificate check: box is [1], not Parameters((range, ...))"]),
    "a range for a box": (
        "Certificate(('b',), DOMAIN.ranges[0])",
        ["certificate check: box is x in [1, 10], not Parameters"],
    ),
    "quantities that are no function": (
        "Certificate(('b',), DOMAIN, {x: 1})",
        ["certificate check: quantities is {x: 1}, not a function of (integers)"],
    ),
    "a part that is no box": (
        "Certificate(('b',), DOMAIN, part='half')",
        ["certificate check: part is 'half', not Parameters"],
    ),
    "a part of another box": (
        "Certificate(('b',), DOMAIN, part=Parameters((RealRange(y, '1', '2'),)))",
        ["certificate check: part is y in [1, 2], not a part of the box, x in [1, 10]"],
    ),
    "values for observe": (
        "Falsification(('claim',), {seen: 1})",
        ["observe is {seen: 1}, not a function of (point, digits)"],
    ),
    "observe with one argument": (
        "Falsification(('claim',), lambda point: {})",
        ["falsification check: observe is a function of (point), not a function of (point, digits)"],
    ),
    "observe with three arguments": (
        "Evaluation(('claim',), lambda point, digits, seed: {})",
        ["evaluation check: observe is a function of (point, digits, seed), not a function of (point, digits)"],
    ),
    "observe of a flow with two arguments": (
        "Trajectory(('claim',), lambda point, digits: {}, 'words', DOMAIN)",
        ["trajectory check: observe is a function of (point, digits), not a function of (point)"],
    ),
    "refine with one argument": (
        "Falsification(('claim',), refine=lambda point: {})",
        ["falsification check: refine is a function of (point), not a function of (point, digits)"],
    ),
    "no words for the method": (
        "Falsification(('claim',), lambda p, d: {}, DOMAIN)",
        ["method is x in [1, 10], not words"],
    ),
    "a range for a domain": (
        "Evaluation(('claim',), domain=DOMAIN.ranges[0])",
        ["domain is x in [1, 10], not Parameters"],
    ),
    "no digits": ("Falsification(('claim',), digits=0)", ["digits is 0, not an integer of at least 1"]),
    "digits as text": ("Evaluation(('claim',), digits='15')", ["digits is '15', not an integer of at least 1"]),
    "flows as a number": ("Falsification(('claim',), flows=3)", ["flows is 3, not True or False"]),
    "no flows": (
        "Trajectory(('claim',), lambda point: {}, 'words', DOMAIN, most_flows=0)",
        ["trajectory check: most_flows is 0, not an integer of at least 1"],
    ),
    "a derivation for derive": (
        "Symbolic(('claim',), [Derivation(('claim',), (STEP,))])",
        ["symbolic check: derive is [Derivation(", "not a function of ()"],
    ),
    "derive with an argument": (
        "Symbolic(('claim',), lambda depth: [])",
        ["symbolic check: derive is a function of (depth), not a function of ()"],
    ),
}


@pytest.mark.parametrize(("line", "words"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_argument_is_refused_at_its_line(line: str, words: list[str], tmp_path: Path) -> None:
    text = f"{HEAD}{MORE}BAD = {line}{END}"
    path = written(tmp_path, text)
    at = text.splitlines().index(f"BAD = {line}") + 1
    if line.startswith("build("):
        at = text.splitlines().index("    return Statement(**given | changed)") + 1
    with pytest.raises(StatementFileError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{at}: ")
    for word in words:
        assert word in message
    assert "\n" not in message


def test_infinity_and_integers_of_sympy_are_legal_bounds_and_callables_of_c_are_believed(tmp_path: Path) -> None:
    good = "COUNT = IntegerRange(x, sp.Integer(1), 2)\nWIDE = RealRange(x, '1', float('inf'))\n"
    good += "BELIEVED = Falsification(('claim',), dict.fromkeys)\n"
    assert load(written(tmp_path, f"{HEAD}{good}{END}")).ids() == ("mine",)


#: A check that fails when it runs, on the line HERE, and words of the message.
AT_RUN_TIME: dict[str, tuple[str, list[str]]] = {
    "a derivation in the place of a list": (
        "Symbolic(('claim',), lambda: Derivation(('claim',), (STEP,)))  # HERE",
        ["symbolic check: what derive returns is Derivation(", "not a list of Derivation; one alone is written [one]"],
    ),
    "nothing derived": ("Symbolic(('claim',), lambda: None)  # HERE", ["what derive returns is None, not a list"]),
    "steps in the place of derivations": (
        "Symbolic(('claim',), lambda: [STEP])  # HERE",
        ["an entry of what derive returns"],
    ),
    "a derivation of a string": (
        "Symbolic(('claim',), lambda: [Derivation('claim', (STEP,))])  # HERE",
        ["clauses of a derivation is 'claim', not a tuple"],
    ),
    "a derivation of a single step": (
        "Symbolic(('claim',), lambda: [Derivation(('claim',), STEP)])  # HERE",
        ["steps of a derivation is Step(", "one alone is written (one,)"],
    ),
    "a derivation without a checked step": (
        "Symbolic(('claim',), lambda: [Derivation(('claim',), (argument('clear'),))])  # HERE",
        ["symbolic check: a derivation without a checked step proves nothing; add an identity"],
    ),
    "a derivation of another clause": (
        "Symbolic(('claim',), lambda: [Derivation(('other',), (STEP,))])  # HERE",
        ["symbolic check: derivations speak of ['other'], not of its clauses ['claim']"],
    ),
    "nothing measured": (
        "Falsification(('claim',), lambda point, digits: None)  # HERE",
        ["what observe returns is None, not a mapping from observables to values"],
    ),
    "an observable that is not measured": (
        "Evaluation(('claim',), lambda point, digits: {})  # HERE",
        ["nothing was measured for seen; return a value for each observable"],
    ),
    "quantities of another type": (
        "Certificate(('claim',), DOMAIN, lambda integers: {seen: x})  # HERE",
        ["certificate check: what quantities returns is {seen: x}, not Quantities({symbol: expression, ...})"],
    ),
    "a quantity that is a float": (
        "Certificate(('claim',), DOMAIN, lambda integers: Quantities({seen: 0.5}))  # HERE",
        ["quantities: the value of seen is 0.5, not a SymPy expression"],
    ),
    "an observation of another type": (
        "Trajectory(('claim',), lambda point: {seen: 1}, 'words', DOMAIN)  # HERE",
        ["trajectory check: what observe returns is {seen: 1}, not an Observation"],
    ),
    "one snapshot in the place of a list": (
        "Trajectory(('claim',), lambda point: Observation({seen: 1}, StopReason.CONVERGED), 'words', DOMAIN)  # HERE",
        ["observation: snapshots is {seen: 1}, not a list of mappings"],
    ),
}


@pytest.mark.parametrize(("check", "words"), AT_RUN_TIME.values(), ids=AT_RUN_TIME)
def test_what_a_function_of_the_file_returns_is_an_error_at_its_line(
    check: str, words: list[str], tmp_path: Path
) -> None:
    build = "build(sp.Gt(x + seen, 0), observables={seen: 'words'}, checks=(WRONG, CHECK))"
    text = f"{HEAD}{MORE}WRONG = {check}\n{MINE}{build}\nSTATEMENTS = (mine,)\n"
    path = written(tmp_path, text)
    (at,) = [number for number, line in enumerate(text.splitlines(), 1) if "# HERE" in line]
    evidence = perform(Task("mine", check=0, file=path), BUDGET)
    assert evidence.verdict is Verdict.ERROR
    assert isinstance(evidence.summary, str)
    assert evidence.summary.startswith(f"{path}:{at}: ")
    for word in words:
        assert word in evidence.summary
    assert "\n" not in evidence.summary


def test_what_is_said_to_be_supported_is_accepted_by_balls_and_intervals_and_documented(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "statements.md").read_text()
    functions = SUPPORTED.partition("**, ")[2].split(", ")
    assert len(functions) == 10
    for function in functions:
        assert f"`sp.{function}`" in text
        claim = f"sp.Gt(sp.{function}({'x / 3, ' if function[0] == 'M' else ''}x), -sp.pi - sp.E, evaluate=False)"
        checks = "checks=(CHECK, Certificate(('claim',), DOMAIN))"
        path = written(tmp_path, f"{HEAD}{MINE}build({claim}, {checks})\nSTATEMENTS = (mine,)\n")
        assert load(path).ids() == ("mine",)
