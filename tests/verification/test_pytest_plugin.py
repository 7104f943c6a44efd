"""The pytest plugin: catches a test that is not collected, a failure that passes, an alarm that nobody hears."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

# Imported here, and not first inside a run of pytester, which forgets what such a run imports.
import verification
from verification import catalogue, pytest_plugin
from verification.budget import QUICK
from verification.statement_file import load
from verification.verify import tasks, verify

HEAD = """import sympy as sp
from theory.derivation import Derivation, identity
from verification import Clause, Falsification, Mutant, Parameters, RealRange, Statement, Symbolic
x = sp.Symbol("x", positive=True)
def careless():
    return [Derivation(("claim",), (identity("x/2 = x", x / 2, x, reduce=lambda residual: sp.Integer(0)),))]
def build(id, bound, *checks, mutants=()):
    sampled = Falsification(("claim",), lambda point, digits: {}, "sampled points")
    return Statement(
        id=id, title=id, parameters=Parameters((RealRange(x, "1", "10"),)), mutants=mutants,
        clauses=(Clause("claim", "x is below a bound", sp.Lt(x, bound)),), checks=(*checks, sampled),
    )
def true():
    return build("true", 11, mutants=(Mutant("small", "a small bound", lambda: build("true", 5)),))
def false():
    return build("false", 5)
def unsound():
    return build("unsound", 5, Symbolic(("claim",), careless))
def survivor():
    return build("survivor", 11, mutants=(Mutant("same", "no change", lambda: build("survivor", 11)),))
def undecided():
    open_step = identity("x = x + 0", x, x + sp.Symbol("hidden", positive=True), reduce=lambda residual: sp.nan)
    return build("undecided", 11, Symbolic(("claim",), lambda: [Derivation(("claim",), (open_step,))]))
def broken():
    return build("broken", 11, Falsification(("claim",), lambda point, digits: 1 / 0, "broken"))
"""
NAMES = ("true", "false", "unsound", "survivor", "undecided", "broken")
_COMBINED = re.compile(r"^([A-Z_]+) +mine[.]py (\S+)", re.MULTILINE)


@pytest.fixture
def mine(pytester: pytest.Pytester) -> pytest.Pytester:
    """A directory with an ini file that names a file of statements."""
    pytester.makeini("[pytest]\nrankproof_files = mine.py\n")
    write(pytester, *NAMES)
    return pytester


def write(pytester: pytest.Pytester, *names: str) -> None:
    (pytester.path / "mine.py").write_text(f"{HEAD}STATEMENTS = ({', '.join(names)},)\n")


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Only the statements of the file, in this process."""
    return pytester.runpytest_inprocess("--rankproof", "-k", "mine.py", "-p", "no:cacheprovider", "-rs", *arguments)


def run_apart(pytester: pytest.Pytester, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "--rankproof", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=False)


def test_the_installed_distribution_has_the_entry_point() -> None:
    (found,) = importlib.metadata.entry_points(group="pytest11", name="rankproof")
    assert found.value == pytest_plugin.__name__


def test_names_that_are_imported_late_are_all_there() -> None:
    assert all(getattr(verification, name) is not None for name in verification.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Statment'"):
        _ = verification.Statment


def test_without_the_option_nothing_is_collected_and_nothing_is_imported(mine: pytest.Pytester) -> None:
    mine.makepyfile(
        test_own="""
        import sys
        def test_own():
            heavy = {"sympy", "numpy", "flint", "hypothesis.core", "verification.catalogue"}
            assert not heavy & set(sys.modules)
        """
    )
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:hypothesispytest", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=mine.path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert "rankproof::" not in done.stdout


def test_every_check_and_mutant_of_the_catalogue_and_of_files_is_one_test(mine: pytest.Pytester) -> None:
    found = mine.runpytest_inprocess("--rankproof", "--collect-only", "-q", "-p", "no:cacheprovider")
    assert found.ret == 0
    names = [line for line in found.outlines if line.startswith("rankproof::")]
    statements = [catalogue.statement(statement_id) for statement_id in catalogue.ids()]
    shipped = [name for name in names if not name.startswith("rankproof::mine.py::")]
    assert len(shipped) == sum(len(tasks(statement)) for statement in statements)
    assert len(set(names)) == len(names)
    for statement in statements:
        for number, check in enumerate(statement.checks):
            assert f"rankproof::{statement.id}::{check.kind}[{number}]" in names
        for mutant in statement.mutants:
            assert f"rankproof::{statement.id}::mutant[{mutant.id}]" in names
    assert names[len(shipped) :] == [
        "rankproof::mine.py::true::falsification[0]",
        "rankproof::mine.py::true::mutant[small]",
        "rankproof::mine.py::false::falsification[0]",
        "rankproof::mine.py::unsound::symbolic[0]",
        "rankproof::mine.py::unsound::falsification[1]",
        "rankproof::mine.py::survivor::falsification[0]",
        "rankproof::mine.py::survivor::mutant[same]",
        "rankproof::mine.py::undecided::symbolic[0]",
        "rankproof::mine.py::undecided::falsification[1]",
        "rankproof::mine.py::broken::falsification[0]",
        "rankproof::mine.py::broken::falsification[1]",
    ]


def test_statements_stand_beside_the_tests_of_the_repository(mine: pytest.Pytester) -> None:
    mine.makepyfile(test_own="def test_own(): pass")
    write(mine, "true")
    found = run(mine, "-v")
    found.assert_outcomes(passed=2, deselected=len(catalogue_tasks()) + 1)
    everything = mine.runpytest_inprocess("--rankproof", "-k", "own or mine.py", "-p", "no:cacheprovider")
    everything.assert_outcomes(passed=3, deselected=len(catalogue_tasks()))
    marked = mine.runpytest_inprocess("--rankproof", "-m", "not rankproof", "-p", "no:cacheprovider")
    marked.assert_outcomes(passed=1, deselected=len(catalogue_tasks()) + 2)


def catalogue_tasks() -> list[object]:
    return [task for statement_id in catalogue.ids() for task in tasks(catalogue.statement(statement_id))]


def test_each_verdict_becomes_what_it_must(mine: pytest.Pytester) -> None:
    found = run(mine, "-v")
    assert found.ret == 1
    outcome = {}
    for line in found.outlines:
        name, _, word = line.partition(" ")
        if name.startswith("rankproof::mine.py::"):
            outcome[name.removeprefix("rankproof::mine.py::")] = word.split()[0]
    assert outcome == {
        "true::falsification[0]": "PASSED",
        "true::mutant[small]": "PASSED",
        "false::falsification[0]": "FAILED",
        "unsound::symbolic[0]": "PASSED",
        "unsound::falsification[1]": "FAILED",
        "survivor::falsification[0]": "PASSED",
        "survivor::mutant[same]": "FAILED",
        "undecided::symbolic[0]": "SKIPPED",
        "undecided::falsification[1]": "PASSED",
        "broken::falsification[0]": "FAILED",
        "broken::falsification[1]": "PASSED",
    }
    combined = dict(reversed(pair) for pair in _COMBINED.findall(found.stdout.str()))
    path = mine.path / "mine.py"
    budget = QUICK
    verified = {one.statement.id: str(one.verdict) for one in verify(load(path).ids(), budget, jobs=1, file=path)}
    assert combined == verified
    assert verified["unsound"] == "UNSOUND"


def test_a_failure_shows_witness_reason_and_the_command_that_repeats_it(mine: pytest.Pytester) -> None:
    text = run(mine, "--rankproof-seed", "3").stdout.str()
    line = next(number for number, one in enumerate(HEAD.splitlines(), 1) if "1 / 0" in one)
    for words in (
        "falsification: REFUTED: claim: counterexample with relative residual",
        "  at x = ",
        "repeat: rankproof check mine.py false --profile quick --seed 3",
        "mutant same is CONSISTENT; it must be REFUTED: no change",
        "falsification: ERROR: ",
        f"mine.py:{line}: ZeroDivisionError",
        "SymPy could not reduce: x = x + 0; give the step a reduction that fits it",
        "The same clause was proved and refuted",
    ):
        assert words in text, words
    assert "Traceback" not in text


def test_the_repeating_command_finds_the_same(mine: pytest.Pytester) -> None:
    text = run(mine, "-k", "mine.py and false").stdout.str()
    (command,) = re.findall("repeat: (rankproof .*)", text)
    (witness,) = re.findall("  at (x = .*)", text)
    program, *arguments = command.split()
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments, "--jobs", "1"],
        cwd=mine.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"at {witness}" in done.stdout


def test_selection_and_stopping_at_the_first_failure(mine: pytest.Pytester) -> None:
    run(mine, "-k", "mine.py and true").assert_outcomes(passed=2, deselected=len(catalogue_tasks()) + 9)
    run(mine, "-k", "mutant and mine.py").assert_outcomes(passed=1, failed=1, deselected=len(catalogue_tasks()) + 9)
    stopped = run(mine, "-x")
    stopped.assert_outcomes(passed=2, failed=1, deselected=len(catalogue_tasks()))
    assert "stopping after 1 failures" in stopped.stdout.str()
    partial = run(mine, "-k", "mine.py and unsound and symbolic")
    assert partial.ret == 0
    partial.stdout.fnmatch_lines(["PROVED * unsound *(1 of 2 checks ran)"])


def test_strict_makes_an_undecided_check_a_failure_and_says_so_in_the_command(mine: pytest.Pytester) -> None:
    write(mine, "undecided")
    assert run(mine).ret == 0
    strict = run(mine, "--rankproof-strict")
    assert strict.ret == 1
    assert {name: strict.parseoutcomes()[name] for name in ("passed", "failed")} == {"passed": 1, "failed": 1}
    strict.stdout.fnmatch_lines(
        ["*SymPy could not reduce: x = x + 0*", "repeat: rankproof check mine.py undecided * --strict"]
    )


@pytest.mark.parametrize("option", ["--seed", "--rankproof-seed"])
def test_the_seed_changes_the_draws_and_repeats_them(option: str, mine: pytest.Pytester) -> None:
    (mine.path / "conftest.py").write_text(
        "import pytest\n"
        "@pytest.hookimpl(wrapper=True)\n"
        "def pytest_runtest_call(item):\n"
        "    from verification import verify\n"
        "    run = verify.attempted\n"
        "    def told(*arguments):\n"
        "        found = run(*arguments)\n"
        "        print('drawn', found.seed, found.samples)\n"
        "        return found\n"
        "    verify.attempted = told\n"
        "    try:\n"
        "        return (yield)\n"
        "    finally:\n"
        "        verify.attempted = run\n"
    )

    def drawn(seed: str) -> list[str]:
        found = run(mine, "-k", "mine.py and true and falsification", "-s", option, seed)
        assert found.ret == 0
        return [line[line.index("drawn") :] for line in found.outlines if "drawn" in line]

    assert len(drawn("1")) == 1
    assert drawn("1") == drawn("1")
    assert drawn("1") != drawn("2")


def test_a_seed_option_of_somebody_else_stays_theirs(mine: pytest.Pytester) -> None:
    mine.makeconftest("def pytest_addoption(parser):\n    parser.addoption('--seed', default='theirs')\n")
    mine.makepyfile(test_own="def test_own(pytestconfig): assert pytestconfig.getoption('--seed') == 'theirs'")
    write(mine, "true")
    for arguments in (["--rankproof"], []):
        found = mine.runpytest_inprocess(*arguments, "-k", "own or mine.py", "-p", "no:cacheprovider")
        assert found.ret == 0, found.stdout.str()


def test_workers_of_xdist_find_the_same_and_the_alarm_is_raised(mine: pytest.Pytester) -> None:
    done = run_apart(mine, "-n", "2", "-k", "mine.py")
    assert done.returncode == 1
    assert "4 failed, 6 passed, 1 skipped" in done.stdout
    assert dict(reversed(pair) for pair in _COMBINED.findall(done.stdout)) == {
        "true": "CONSISTENT",
        "false": "REFUTED",
        "unsound": "UNSOUND",
        "survivor": "CONSISTENT",
        "undecided": "CONSISTENT",
        "broken": "ERROR",
    }
    assert "repeat: rankproof check mine.py false --profile quick --seed 0" in done.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_alarm_fails_the_run_also_where_failures_are_expected(
    workers: tuple[str, ...], mine: pytest.Pytester
) -> None:
    mine.makeconftest(
        "import pytest\n"
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        "        item.add_marker(pytest.mark.xfail(strict=False))\n"
    )
    write(mine, "true", "false")
    assert run(mine).ret == 0
    write(mine, "true", "unsound")
    alarmed = run_apart(mine, "-k", "mine.py", *workers)
    assert alarmed.returncode == 1
    assert "xfailed" in alarmed.stdout
    assert "UNSOUND           mine.py unsound" in alarmed.stdout


@pytest.mark.parametrize(
    ("ini", "arguments", "words"),
    [
        ("rankproof_files = missing.py", [], ["rankproof_files: ", "missing.py is not an existing file"]),
        ("rankproof_files = mine.py syntax.py", [], ["syntax.py:2: SyntaxError"]),
        ("rankproof_files = folder", [], ["rankproof_files: ", "folder is not a Python file"]),
        ("", ["--rankproof-seed", "x"], ["--rankproof-seed: x is not"]),
        ("", ["--seed", "-1"], ["--rankproof-seed: -1 is not"]),
        ("rankproof_files = syntax.py", ["-n", "2"], ["syntax.py:2: SyntaxError"]),
    ],
)
def test_a_bad_file_or_option_is_one_error_and_nothing_runs(
    ini: str, arguments: list[str], words: list[str], mine: pytest.Pytester
) -> None:
    mine.makeini(f"[pytest]\n{ini}\n")
    (mine.path / "syntax.py").write_text("\nSTATEMENTS = (\n")
    (mine.path / "folder").mkdir()
    done = run_apart(mine, *arguments)
    assert done.returncode == 4
    errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1
    for word in words:
        assert word in errors[0]
    assert "Traceback" not in done.stdout + done.stderr
    assert "passed" not in done.stdout


def test_a_profile_that_does_not_exist(mine: pytest.Pytester) -> None:
    done = run_apart(mine, "--rankproof-profile", "slow")
    assert done.returncode == 4
    assert "--rankproof-profile" in done.stderr
