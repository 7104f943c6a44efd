"""Files of statements: catches a mistake that passes, a message without its line, a catalogue that is privileged."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from toy_statements import BUDGET

from numerics.errors import ArgumentError
from verification import Statement, StatementError, UnknownStatement, Verdict, catalogue
from verification.errors import StatementFileError
from verification.statement_file import library, load
from verification.verify import Task, perform, verify

HEAD = """import sympy as sp
from verification import Certificate, Clause, Falsification, IntegerRange, Mutant, Parameters, RealRange, Statement
x, y = sp.symbols("x y", positive=True)
DOMAIN = Parameters((RealRange(x, "1", "10"),))
CHECK = Falsification(("claim",), lambda point, digits: {}, "sampled points")
def build(claim=sp.Gt(x, sp.Rational(1, 2)), **changed):
    clauses = (Clause("claim", "words", claim),)
    given = dict(id="mine", title="mine", parameters=DOMAIN, clauses=clauses, checks=(CHECK,))
    return Statement(**given | changed)
"""
END = "\nSTATEMENTS = (build,)\n"
MINE = "def mine():\n    return "


def written(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


#: What follows HEAD, with HERE on the line that is at fault, and words of the message.
MISTAKES: dict[str, tuple[str, list[str]]] = {
    "syntax": ("STATEMENTS = (build,  # HERE\n", ["SyntaxError", "never closed"]),
    "import": ("import nonsense_package  # HERE" + END, ["ModuleNotFoundError", "nonsense_package"]),
    "import a name": ("from verification import Statment  # HERE" + END, ["ImportError", "Statment"]),
    "name": ("z = undefined  # HERE" + END, ["NameError", "undefined"]),
    "exit": ("import sys\nsys.exit(3)  # HERE" + END, ["SystemExit"]),
    "undeclared symbol": (
        MINE + "Statement(\n        id='mine', title='mine', parameters=DOMAIN,\n"
        "        clauses=(\n            Clause('claim', 'words', sp.Gt(x, y)),  # HERE\n        ), checks=(CHECK,))\n"
        "STATEMENTS = (mine,)\n",
        ["mine: clause claim: y is used but not declared", "add a range or an observable"],
    ),
    "undeclared symbol in the second clause": (
        MINE + "Statement(\n        id='mine', title='mine', parameters=DOMAIN, checks=(CHECK,),\n        clauses=(\n"
        "            Clause('claim', 'words', sp.Gt(x, 2)),\n"
        "            Clause(name='second', text='words', claim=sp.Gt(x, y)),  # HERE\n        ))\n"
        "STATEMENTS = (mine,)\n",
        ["mine: clause second: y is used but not declared"],
    ),
    "undeclared symbol in a clause that is built elsewhere": (
        "CLAUSE = Clause('outside', 'words', sp.Gt(x * y, sp.Symbol('z')))  # HERE\n"
        + MINE
        + "build(clauses=(CLAUSE,))\nSTATEMENTS = (mine,)\n",
        ["mine: clause outside: y and z are used but not declared"],
    ),
    "undeclared symbol in an assumption": (
        MINE + "Statement(  # HERE\n        id='mine', title='mine', parameters=DOMAIN, assumptions=(sp.Gt(y, 1),),\n"
        "        clauses=(Clause('claim', 'words', sp.Gt(x, 2)),), checks=(CHECK,))\nSTATEMENTS = (mine,)\n",
        ["mine: an assumption: y is used but not declared"],
    ),
    "other assumptions": (
        "z = sp.Symbol('x', real=True)\ndef mine():\n    return Statement(\n"
        "        id='mine', title='mine', parameters=DOMAIN,\n"
        "        clauses=(Clause('claim', 'words', sp.Gt(z, 0)),), checks=(CHECK,))  # HERE\nSTATEMENTS = (mine,)\n",
        ["x is used but not declared", "the x declared has other assumptions"],
    ),
    "empty real range": ("EMPTY = RealRange(x, '2', '1')  # HERE" + END, ["x: [2, 1]", "low"]),
    "empty integer range": ("EMPTY = IntegerRange(x, 2, 1)  # HERE" + END, ["x: the range 2..1 is empty"]),
    "range of a word": ("EMPTY = RealRange(x, 'one', '2')  # HERE" + END, ["one"]),
    "assumptions that no point satisfies": (
        MINE + "Statement(  # HERE\n        id='mine', title='mine', parameters=DOMAIN, assumptions=(sp.Gt(x, 11),),\n"
        "        clauses=(Clause('claim', 'words', sp.Gt(x, 1)),), checks=(CHECK,))\nSTATEMENTS = (mine,)\n",
        ["none of 2000 points of the domain satisfies the assumptions"],
    ),
    "an expression for a claim": (
        MINE + "build(clauses=(\n        Clause('claim', 'words', x**2),  # HERE\n    ))\nSTATEMENTS = (mine,)\n",
        ["clause claim: x**2 is not an equation or an inequality", "sp.Eq"],
    ),
    "a symbol for a claim": ("CLAUSE = Clause('claim', 'words', x)  # HERE" + END, ["x is not an equation"]),
    "a Python bool for a claim": (
        "CLAUSE = Clause('claim', 'words', x == 1)  # HERE" + END,
        ["clause claim: False is not an equation", "== compares at once"],
    ),
    "a number for a claim": ("CLAUSE = Clause('claim', 'words', 1.0)  # HERE" + END, ["1.0 is not an equation"]),
    "a string for a claim": ("CLAUSE = Clause('claim', 'words', 'x > 1')  # HERE" + END, ["'x > 1' is not"]),
    "part of a claim": (
        "CLAUSE = Clause('claim', 'words', sp.And(sp.Gt(x, 1), sp.Symbol('flag')))  # HERE" + END,
        ["flag is not an equation"],
    ),
    "a chain of comparisons": ("CLAIM = 1 <= x <= 2  # HERE" + END, ["TypeError", "truth value"]),
    "clause without words": ("CLAUSE = Clause('claim', None, sp.Gt(x, 1))  # HERE" + END, ["its text is None"]),
    "a string for parameters": (
        MINE + "Statement(id='mine', title='t', parameters='x in [1, 10]', clauses=(), checks=())  # HERE\n"
        "STATEMENTS = (mine,)\n",
        ["mine: parameters is 'x in [1, 10]', not Parameters"],
    ),
    "a clause without its comma": (
        MINE + "Statement(  # HERE\n        id='mine', title='t', parameters=DOMAIN, checks=(CHECK,),\n"
        "        clauses=(Clause('claim', 'words', sp.Gt(x, 1))))\nSTATEMENTS = (mine,)\n",
        ["mine: clauses is Clause(", "a tuple of Clause", "(one,)"],
    ),
    "missing fields": (MINE + "Statement(id='mine')  # HERE\nSTATEMENTS = (mine,)\n", ["TypeError", "'title'"]),
    "no mutant's function": ("BAD = Mutant('m', 'words', build())  # HERE" + END, ["mutant m", "write lambda: ..."]),
    "a mutant that raises": (
        MINE + "build(mutants=(Mutant('m', 'words', lambda: build(1 / 0)),))  # HERE\nSTATEMENTS = (mine,)\n",
        ["mutant m: ZeroDivisionError"],
    ),
    "a mutant that is not well formed": (
        "def variant():\n    return build(\n        id='Mine')\ndef mine():\n"
        "    return build(mutants=(Mutant('m', 'words', variant),))\nSTATEMENTS = (mine,)\n",
        ["mutant m: id: 'Mine' is not kebab-case"],
    ),
    "a mutant that returns nothing": (
        "NOTHING = lambda: None  # HERE\n"
        + MINE
        + "build(mutants=(Mutant('m', 'words', NOTHING),))\nSTATEMENTS = (mine,)\n",
        ["mutant m: the function returns nothing, not a Statement"],
    ),
    "a mutant that is another statement": (
        MINE
        + "build(mutants=(\n        Mutant('m', 'words', lambda: build(id='other')),  # HERE\n    ))\n"
        + "STATEMENTS = (mine,)\n",
        ["mutant m: other is another statement, not a variant of mine; keep the id"],
    ),
    "a mutant's function with an argument": (
        "BAD = Mutant('m', 'words', lambda bound: build())  # HERE" + END,
        ["mutant m: its function is a function of (bound), not a function of ()"],
    ),
    "a parameter that is not used": (
        "def mine():  # HERE\n    wide = Parameters((*DOMAIN.ranges, RealRange(y, '1', '2')))\n"
        "    return build(parameters=wide)\nSTATEMENTS = (mine,)\n",
        ["mine: y is declared but not used"],
    ),
    "one id twice": (
        "def mine():  # HERE\n    return build()\nSTATEMENTS = (build, mine)\n",
        ["the id mine is used twice"],
    ),
    "no STATEMENTS": ("ANOTHER = (build,)  # HERE\n", ["no STATEMENTS", "STATEMENTS = (my_statement,)"]),
    "STATEMENTS without its comma": ("STATEMENTS = (build)  # HERE\n", ["STATEMENTS is not a tuple of functions"]),
    "STATEMENTS that are statements": ("STATEMENTS = (build(),)  # HERE\n", ["STATEMENTS is not a tuple of functions"]),
    "no statement in STATEMENTS": ("STATEMENTS = ()  # HERE\n", ["STATEMENTS is not a tuple of functions"]),
    "a missing return": (
        "def mine():  # HERE\n    build()\nSTATEMENTS = (mine,)\n",
        ["returns nothing, not a Statement"],
    ),
    "another type": ("def mine():  # HERE\n    return 1\nSTATEMENTS = (mine,)\n", ["returns a int, not a Statement"]),
    "a builder that raises": (
        "def mine():\n    return [][1]  # HERE\nSTATEMENTS = (mine,)\n",
        ["IndexError"],
    ),
    "a builder with an argument": (
        "def mine(bound):  # HERE\n    return build()\nSTATEMENTS = (mine,)\n",
        ["TypeError", "bound"],
    ),
}
_IN_BUILD = HEAD.splitlines().index("    return Statement(**given | changed)") + 1


@pytest.mark.parametrize(("text", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_message_with_its_line(text: str, words: list[str], tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + text)
    marked = [number for number, line in enumerate((HEAD + text).splitlines(), 1) if "# HERE" in line]
    with pytest.raises(StatementFileError) as caught:
        load(path)
    (line,) = marked or [_IN_BUILD]  # the deepest line: that of the call that refuses
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    for word in words:
        assert word in message
    assert "\n" not in message
    assert len(message) - len(str(path)) < 250


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("checks=(3,)", ["mine: 3 is not a check"]),
        ("title=3", ["title is 3, not a string"]),
        ("source='a paper'", ["source is 'a paper', not a Source"]),
        ("assumptions=(x,)", ["assumption: x is not an equation"]),
        ("assumptions=sp.Gt(x, 2)", ["assumptions is x > 2, not a tuple"]),
        ("granted='this'", ["granted is 'this', not a tuple of strings"]),
        ("observables=('seen',)", ["observables is ('seen',), not a mapping from symbols"]),
        ("observables={'seen': 'words'}", ["a key of observables is 'seen', not a SymPy symbol"]),
        ("mutants=(Mutant('m', 't', build), Mutant('m', 'u', build))", ["mutants ['m', 'm'] have one id twice"]),
        ("id='Mine'", ["id: 'Mine' is not kebab-case"]),
        ("id=7", ["id is 7, not a string"]),
    ],
)
def test_a_wrong_field_is_named_at_the_line_of_the_statement(changed: str, words: list[str], tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEAD}{MINE}build({changed})\nSTATEMENTS = (mine,)\n")
    with pytest.raises(StatementFileError) as caught:
        load(path)
    for word in [f"{path}:{_IN_BUILD}: ", *words]:
        assert word in str(caught.value)


def test_a_claim_that_sympy_has_decided_is_named_at_the_line_of_its_clause(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEAD}{MINE}build(claim=sp.Gt(x, 0))\nSTATEMENTS = (mine,)\n")
    line = next(n for n, text in enumerate(HEAD.splitlines(), 1) if "Clause(" in text)
    with pytest.raises(StatementFileError, match="SymPy makes it True from its symbols' assumptions alone") as caught:
        load(path)
    assert f"{path}:{line}: clause " in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"), [(b"x = 1\x00", "null bytes"), (b"x = '\xff'\n", "utf-8"), (b"", "no STATEMENTS")]
)
def test_bytes_that_are_no_program(source: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_bytes(source)
    with pytest.raises(StatementFileError, match=words) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:1: ")


def test_what_is_no_file_names_the_argument(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    for name, words in (
        ("missing.py", "an existing file; 'rankproof new' writes a template"),
        ("folder.py", "is not a file"),
        ("mine.txt", "ends in .py"),
        ("missing/mine.py", "existing"),
        ("x" * 300 + ".py", "readable"),
    ):
        with pytest.raises(ArgumentError, match=words) as caught:
            load(tmp_path / name)
        assert caught.value.argument == "FILE"


def test_an_error_deep_in_a_library_gets_the_deepest_line_of_the_file(tmp_path: Path) -> None:
    inner = "def inner():\n    return sp.Matrix([1, 2]).inv()\n"
    text = f"{HEAD}{inner}{MINE}inner()\nSTATEMENTS = (mine,)\n"
    path = written(tmp_path, text)
    line = text.splitlines().index("    return sp.Matrix([1, 2]).inv()") + 1
    with pytest.raises(StatementFileError, match="NonSquareMatrixError") as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_a_neighbour_can_be_imported_and_its_errors_get_the_line_of_the_import(tmp_path: Path) -> None:
    written(tmp_path, "bound = 11\n", "their_bounds.py")
    path = written(
        tmp_path, f"from their_bounds import bound\n{HEAD}{MINE}build(sp.Lt(x, bound))\nSTATEMENTS = (mine,)\n"
    )
    before = list(sys.path)
    assert load(path).statement("mine").claim("claim") == sp.Lt(sp.Symbol("x", positive=True), 11)
    assert sys.path == before
    written(tmp_path, "raise OSError('no licence')\n", "broken_bounds.py")
    path = written(tmp_path, f"\nfrom broken_bounds import bound\n{HEAD}{END}", "second.py")
    with pytest.raises(StatementFileError, match=r"second\.py:2: OSError: no licence"):
        load(path)


def test_loading_leaves_nothing_behind_and_sees_a_changed_file(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + END)
    assert load(path).ids() == ("mine",)
    assert load(path) is load(path)
    path.write_text(f"{HEAD}{MINE}build(id='other')\nSTATEMENTS = (mine,)\n")
    assert load(path).ids() == ("other",)
    assert [one.name for one in tmp_path.iterdir()] == ["mine.py"]


def test_an_unknown_id_gets_the_nearest_or_all(tmp_path: Path) -> None:
    found = load(written(tmp_path, HEAD + END))
    with pytest.raises(UnknownStatement, match=r"ID: mien is not a statement of .*mine.py; did you mean mine\?"):
        found.statement("mien")
    with pytest.raises(UnknownStatement, match="it holds mine"):
        found.statement("zzzzzz")
    with pytest.raises(UnknownStatement, match="'rankproof list' shows all ids"):
        library(None).statement("zzzzzz")


def without_seconds(found: Statement | Any) -> Any:
    return [(one.verdict, one.summary, one.seed, one.witness, one.samples) for one in found]


def test_nothing_in_the_catalogue_is_privileged() -> None:
    """A file of the catalogue, given as a file, holds the same statements with the same evidence."""
    path = Path(catalogue.block_closed_forms.__file__)
    found = load(path)
    assert set(found.ids()) <= set(catalogue.ids())
    assert len(found.ids()) == len(catalogue.block_closed_forms.STATEMENTS)
    (shipped,) = verify(["block-limit-depth4"], BUDGET, jobs=1)
    (own,) = verify(["block-limit-depth4"], BUDGET, jobs=1, file=path)
    assert own.verdict is shipped.verdict is Verdict.PROVED
    assert without_seconds(own.evidence) == without_seconds(shipped.evidence)
    assert [one.verdict for one in own.mutants] == [one.verdict for one in shipped.mutants]


def test_an_error_while_measuring_is_evidence_that_names_the_line(tmp_path: Path) -> None:
    measured = "def measured(point, digits):\n    return {seen: 1 / (point[x] - point[x])}\n"
    changed = "observables={seen: 'words'}, checks=(Falsification(('claim',), measured, 's'),)"
    text = (
        f"{HEAD}seen = sp.Symbol('seen', real=True)\n{measured}"
        f"{MINE}build(sp.Eq(seen, 1), {changed})\nSTATEMENTS = (mine,)\n"
    )
    path = written(tmp_path, text)
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "1 / (point" in one)
    evidence = perform(Task("mine", check=0, file=path), BUDGET)
    assert evidence.verdict is Verdict.ERROR
    assert isinstance(evidence.summary, str)
    assert evidence.summary.startswith(f"{path}:{line}: ZeroDivisionError")


def test_errors_cross_process_boundaries() -> None:
    import pickle

    error = StatementFileError(Path("mine.py"), 3, "words")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (StatementFileError, "mine.py:3: words")
    assert isinstance(again, StatementError)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + END)
    path.chmod(0)
    with pytest.raises(ArgumentError, match="readable"):
        load(path)
