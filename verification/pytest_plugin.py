"""pytest plugin: `pytest --rankproof` runs every check and every mutant of statements as a test of its own.

Collected are the catalogue and the files that the ini option `rankproof_files` names, as `rankproof::ID::KIND[N]` and
`rankproof::ID::mutant[NAME]` (`rankproof::FILE::ID::...` for those of a file), all with the marker `rankproof`. A check
passes with evidence in favour and fails when it is REFUTED, VACUOUS or in ERROR. UNDECIDED is skipped with its reason:
it never counts as passed, and it does not fail a run of `rankproof verify` either; `--rankproof-strict` makes it a
failure, as `rankproof verify --strict` does. A mutant passes when it is REFUTED.
Evidence that is UNSOUND together fails the run, whatever became of the tests.

Seeds and results are those of `rankproof verify` and `rankproof check`, in one process or several.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Everything else of rankproof is imported when a run asks for it.
if TYPE_CHECKING:
    from verification.budget import Budget
    from verification.evidence import Evidence
    from verification.statement import Statement
    from verification.verdict import Verdict
    from verification.verify import Task

_PROPERTY = "rankproof"
_BUDGET: pytest.StashKey["Budget"] = pytest.StashKey()
_FILES: pytest.StashKey[list[Path]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options that no other plugin has; `--seed` is added later, if nobody else has it."""
    group = parser.getgroup("rankproof", "statements on deep matrix factorization")
    group.addoption("--rankproof", action="store_true", help="run the checks and mutants of statements as tests")
    group.addoption(
        "--rankproof-profile", choices=("quick", "full"), default="quick", help="how much work (default: quick)"
    )
    group.addoption(
        "--rankproof-seed",
        default="0",
        metavar="N",
        help="seed of every random draw (default: 0); with --rankproof also --seed, unless another plugin has it",
    )
    group.addoption("--rankproof-strict", action="store_true", help="an UNDECIDED check fails, and is not skipped")
    parser.addini("rankproof_files", "files of statements, besides the catalogue", type="paths", default=[])


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser
) -> Generator[None, object, object]:
    """Add `--seed` after all plugins and conftest files had their say, and only to runs that ask for statements."""
    result = yield
    if early_config.known_args_namespace.rankproof:
        # ValueError: somebody else has it, and --rankproof-seed must do.
        with suppress(ValueError):
            parser.addoption("--seed", dest="rankproof_seed", default="0", metavar="N", help="same as --rankproof-seed")
    return result


def pytest_configure(config: pytest.Config) -> None:
    """Read options and files at once, so that a mistake in them is one line before anything runs."""
    config.addinivalue_line("markers", "rankproof: a check or a mutant of a statement, collected by --rankproof")
    if not config.option.rankproof:
        return
    from numerics.errors import ArgumentError
    from numerics.exact import integer
    from verification.budget import PROFILES
    from verification.errors import StatementError
    from verification.statement_file import load

    try:
        seed = integer("--rankproof-seed", config.option.rankproof_seed, minimum=0)
    except ArgumentError as error:
        raise pytest.UsageError(str(error)) from None
    files = list(dict.fromkeys(config.getini("rankproof_files")))
    for file in files:
        try:
            load(file)
        except ArgumentError as error:
            name = os.path.relpath(file, config.rootpath)
            raise pytest.UsageError(f"rankproof_files: {name} is not {error.expected}") from None
        except StatementError as error:
            raise pytest.UsageError(str(error)) from None
    config.stash[_BUDGET] = replace(PROFILES[config.option.rankproof_profile], seed=seed)
    config.stash[_FILES] = files
    config.pluginmanager.register(Verdicts(config), "rankproof-verdicts")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Hang the statements beside the directories of the session's own tests."""
    report = yield
    if isinstance(collector, pytest.Session) and collector.config.option.rankproof and report.passed:
        report.result = [
            *report.result,
            RankproofCollector.from_parent(collector, name="rankproof", nodeid="rankproof"),
        ]
    return report


class RankproofCollector(pytest.Collector):
    """The statements of the catalogue, then those of each file."""

    def collect(self) -> Iterator[pytest.Collector]:
        """One collector per statement of the catalogue, and one per file."""
        yield from _statements(self, None)
        for file in self.config.stash[_FILES]:
            name = os.path.relpath(file, self.config.rootpath)
            yield FileCollector.from_parent(self, name=name, path=file)


class FileCollector(pytest.Collector):
    """The statements of one file."""

    def collect(self) -> Iterator[pytest.Collector]:
        """One collector per statement."""
        return _statements(self, self.path)


def _statements(parent: pytest.Collector, file: Path | None) -> Iterator[pytest.Collector]:
    from verification.statement_file import library

    statements = library(file)
    for statement_id in statements.ids():
        yield StatementCollector.from_parent(parent, name=statement_id, file=file)


class StatementCollector(pytest.Collector):
    """The checks and the mutants of one statement."""

    def __init__(self, *, file: Path | None, **rest: Any) -> None:
        super().__init__(**rest)
        self.file = file

    def collect(self) -> Iterator[pytest.Item]:
        """One item per check, then one per mutant."""
        from verification.statement_file import library
        from verification.verify import tasks

        statement = library(self.file).statement(self.name)
        names = [f"{check.kind}[{number}]" for number, check in enumerate(statement.checks)]
        names += [f"mutant[{mutant.id}]" for mutant in statement.mutants]
        for name, task in zip(names, tasks(statement, self.file), strict=True):
            yield StatementItem.from_parent(self, name=name, task=task)


class StatementItem(pytest.Item):
    """One check of a statement, or one of its mutants, as a test."""

    def __init__(self, *, task: "Task", **rest: Any) -> None:
        super().__init__(**rest)
        self.task = task
        self.add_marker("rankproof")

    def runtest(self) -> None:
        """Carry out the task; its evidence travels with the test's report."""
        from verification.evidence import Evidence
        from verification.failure import failure_lines
        from verification.replay import keep
        from verification.statement_file import library
        from verification.verdict import Verdict
        from verification.verify import perform

        outcome = perform(self.task, self.config.stash[_BUDGET])
        if isinstance(outcome, Evidence):
            if self.task.check is not None:
                statement = library(self.task.file).statement(self.task.statement)
                outcome = keep(statement, self.task.check, self.task.file, outcome, "pytest --rankproof")
            self.user_properties.append((_PROPERTY, _record(self.task, outcome)))
            strict = self.config.option.rankproof_strict
            if outcome.verdict is Verdict.UNDECIDED and not strict:
                pytest.skip("; ".join([self.task.statement, *(line.strip() for line in failure_lines(outcome))]))
            if outcome.verdict.failed or outcome.verdict is Verdict.UNDECIDED:
                raise StatementFailure(failure_lines(outcome))
        elif not outcome.refuted:
            found = [line for one in outcome.evidence for line in failure_lines(one)]
            lines = [f"mutant {outcome.id} is {outcome.verdict}; it must be REFUTED: {outcome.text}"]
            raise StatementFailure(lines + [f"  {line}" for line in found])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the check found, and the command that repeats it, in place of a traceback."""
        if isinstance(excinfo.value, StatementFailure):
            return "\n".join([*excinfo.value.lines, f"repeat: {self._command()}"])
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the statement comes from, and the name of the test."""
        return self.path, None, f"{self.task.statement}: {self.name}"

    def _command(self) -> str:
        budget = self.config.stash[_BUDGET]
        source = "verify" if self.task.file is None else f"check {os.path.relpath(self.task.file)}"
        strict = " --strict" if self.config.option.rankproof_strict else ""
        return f"rankproof {source} {self.task.statement} --profile {budget.profile} --seed {budget.seed}{strict}"


class StatementFailure(Exception):
    """A check failed or a mutant survived; `lines` say how. No defect of the test itself."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(lines[0])
        self.lines = lines


def _record(task: "Task", outcome: Any) -> dict[str, Any]:
    """What the combined verdict needs, in plain types that cross from the processes of xdist."""
    return {
        "statement": task.statement,
        "file": None if task.file is None else str(task.file),
        "check": task.check,
        "clauses": list(outcome.clauses),
        "verdict": str(outcome.verdict),
        "witness": outcome.witness,
    }


def _evidence(record: dict[str, Any], statement: "Statement", budget: "Budget") -> "Evidence":
    """As much of a check's evidence as its record tells."""
    from verification.checks import Certificate
    from verification.evidence import Evidence
    from verification.verdict import Verdict

    check = statement.checks[record["check"]]
    return Evidence(
        check.kind,
        tuple(record["clauses"]),
        Verdict(record["verdict"]),
        summary="",
        witness=record["witness"],
        box=check.box_within(budget) if isinstance(check, Certificate) else None,
    )


class Verdicts:
    """The combined verdict of each statement, from the reports of all processes, and the alarm that it may raise."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.found: dict[tuple[str | None, str], list[dict[str, Any]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the outcome of a check; called where the run is reported, for every process."""
        if report.when == "call":
            for name, record in report.user_properties:
                if name == _PROPERTY and isinstance(record, dict):
                    key = (record["file"], record["statement"])
                    self.found.setdefault(key, []).append(record)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Proved and refuted at once fails the run, also where the tests were expected to fail."""
        unsound = any(verdict.name == "UNSOUND" for _, verdict, _, _ in self._combined())
        if unsound and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """One line per statement: what its checks say together, and how many of them ran."""
        if self.found:
            terminalreporter.ensure_newline()
            terminalreporter.section("statements")
        for name, verdict, ran, checks in self._combined():
            part = "" if ran == checks else f"  ({ran} of {checks} checks ran)"
            colour = {"red": verdict.failed, "yellow": not verdict.passed and not verdict.failed}
            terminalreporter.write_line(f"{verdict:17} {name}{part}", **colour)
            if verdict.name == "UNSOUND":
                terminalreporter.write_line(f"  {verdict.meaning}", red=True)

    def _combined(self) -> Iterator[tuple[str, "Verdict", int, int]]:
        """(name, verdict of the checks that ran, their number, number of all checks) of each statement."""
        from verification.coverage import verdict_of
        from verification.statement_file import library

        budget = self.config.stash[_BUDGET]
        for (file, statement_id), records in self.found.items():
            statement = library(None if file is None else Path(file)).statement(statement_id)
            evidence = [_evidence(record, statement, budget) for record in records]
            name = statement_id if file is None else f"{os.path.relpath(file, self.config.rootpath)} {statement_id}"
            yield name, verdict_of(statement, evidence), len(evidence), len(statement.checks)
