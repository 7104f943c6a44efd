"""Run the checks of statements and of their mutants, in one process or several; results do not depend on which."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context
from pathlib import Path

from numerics.errors import MissingExtra
from numerics.threads import for_workers, one_thread
from verification.budget import Budget
from verification.coverage import verdict_of
from verification.evidence import Evidence
from verification.replay import replay_stored
from verification.statement import Check, Statement
from verification.statement_file import library, line_of, line_of_check
from verification.verdict import Verdict


@dataclass(frozen=True)
class Task:
    """One check of a statement (`check` is its index), or all checks of one of its mutants.

    The statement is one of the catalogue, or of a file, which the process that does the work loads for itself.
    """

    statement: str
    check: int | None = None
    mutant: int | None = None
    file: Path | None = None


@dataclass(frozen=True)
class MutantResult:
    """What became of a false variant; anything but REFUTED fails the run."""

    id: str
    text: str
    verdict: Verdict
    evidence: tuple[Evidence, ...]

    @property
    def refuted(self) -> bool:
        """True when the mutant was caught."""
        return self.verdict is Verdict.REFUTED


@dataclass(frozen=True)
class StatementResult:
    """The evidence for one statement, its combined verdict, and its mutants."""

    statement: Statement
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    mutants: tuple[MutantResult, ...]

    @property
    def failed(self) -> bool:
        """True when the run must exit with 1: a failing verdict or a surviving mutant."""
        return self.verdict.failed or not all(mutant.refuted for mutant in self.mutants)

    @property
    def undecided(self) -> bool:
        """True when some check could not decide, whatever the others found."""
        return any(one.verdict is Verdict.UNDECIDED for one in self.evidence)

    @property
    def seconds(self) -> float:
        """Processor seconds of the checks, mutants included."""
        return sum(one.seconds for one in self.evidence) + sum(
            one.seconds for mutant in self.mutants for one in mutant.evidence
        )

    def to_json(self) -> dict[str, object]:
        """The JSON object of DESIGN.md; keys are a contract."""
        return {
            "id": self.statement.id,
            "title": self.statement.title,
            "source": str(self.statement.source),
            "provenance": str(self.statement.source.provenance),
            "verdict": str(self.verdict),
            "checks": [one.to_json() for one in self.evidence],
            "mutants": [
                {
                    "id": mutant.id,
                    "text": mutant.text,
                    "verdict": str(mutant.verdict),
                    "witness": next((one.witness for one in mutant.evidence if one.witness), None),
                }
                for mutant in self.mutants
            ],
        }


def tasks(statement: Statement, file: Path | None = None) -> list[Task]:
    """The independent pieces of work of one statement, of the catalogue or of a file."""
    return [Task(statement.id, check=index, file=file) for index in range(len(statement.checks))] + [
        Task(statement.id, mutant=index, file=file) for index in range(len(statement.mutants))
    ]


def run_check(statement: Statement, check: Check, budget: Budget, file: Path | None = None) -> Evidence:
    """One check, timed; an exception inside it becomes evidence of verdict ERROR, which names its line of the file."""
    return attempted(check, file, lambda: check.run(statement, budget))


def attempted(check: Check, file: Path | None, judge: Callable[[], Evidence]) -> Evidence:
    """What `judge`, which asks a check of a file, finds; timed, and an exception becomes evidence of verdict ERROR."""
    begin = time.perf_counter()
    try:
        evidence = judge()
    except MissingExtra as error:
        evidence = Evidence(check.kind, check.clauses, Verdict.UNDECIDED, str(error), remedy=error.remedy)
    except (Exception, SystemExit) as error:  # a check may fail in any way; the run must say so and go on
        line = None if file is None else line_of(error, file) or line_of_check(check, file)
        where = "" if line is None else f"{file}:{line}: "
        evidence = Evidence(check.kind, check.clauses, Verdict.ERROR, f"{where}{type(error).__name__}: {error}")
    return replace(evidence, seconds=time.perf_counter() - begin)


def run_mutant(statement: Statement, index: int, budget: Budget, file: Path | None = None) -> MutantResult:
    """The checks of a mutant, stopping at the first that refutes it."""
    mutant = statement.mutants[index]
    variant = statement.variant(mutant)
    evidence: list[Evidence] = []
    for number, check in enumerate(variant.checks):
        evidence.append(run_check(variant, check, budget.for_task(statement.id, mutant.id, str(number)), file))
        if evidence[-1].verdict is Verdict.REFUTED:
            break
    verdict = verdict_of(variant, evidence)
    return MutantResult(mutant.id, mutant.text, verdict, tuple(evidence))


def perform(task: Task, budget: Budget) -> Evidence | MutantResult:
    """Carry out one task, stored witnesses of a statement's own check first; runs in a worker process."""
    statement = library(task.file).statement(task.statement)
    if task.mutant is not None:
        return run_mutant(statement, task.mutant, budget, task.file)
    if task.check is None:
        raise ValueError("task: neither a check nor a mutant is not a task; name one of them")
    budget = budget.for_task(statement.id, str(task.check))
    place, check = task.check, statement.checks[task.check]

    def judge() -> Evidence:
        found, replayed = replay_stored(statement, place, task.file, budget)
        return replace(found or check.run(statement, budget), replayed=replayed)

    return attempted(check, task.file, judge)


def verify(
    ids: Sequence[str],
    budget: Budget,
    *,
    jobs: int,
    file: Path | None = None,
    progress: Callable[[Task], None] = lambda task: None,
) -> Iterator[StatementResult]:
    """Verify statements of the catalogue, or of a file, yielding each as soon as all of its tasks are done.

    `progress` is called after every task. The results do not depend on `jobs`: every task has its own seed.
    """
    statements = {statement_id: library(file).statement(statement_id) for statement_id in ids}
    work = [task for statement in statements.values() for task in tasks(statement, file)]
    done: dict[Task, Evidence | MutantResult] = {}
    left = {statement_id: len(tasks(statement)) for statement_id, statement in statements.items()}
    for task, outcome in _outcomes(work, budget, jobs):
        done[task] = outcome
        left[task.statement] -= 1
        progress(task)
        if not left[task.statement]:
            yield _gather(statements[task.statement], done, file)


def _outcomes(work: Sequence[Task], budget: Budget, jobs: int) -> Iterator[tuple[Task, Evidence | MutantResult]]:
    if jobs == 1:
        for task in work:
            with one_thread():
                outcome = perform(task, budget)
            yield task, outcome
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        with for_workers():
            futures = {pool.submit(perform, task, budget): task for task in work}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            # An interrupted run must not wait for the work that is left.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children():
                child.terminate()
            raise


def _gather(statement: Statement, done: dict[Task, Evidence | MutantResult], file: Path | None) -> StatementResult:
    outcomes = [done[task] for task in tasks(statement, file)]
    evidence = tuple(one for one in outcomes if isinstance(one, Evidence))
    mutants = tuple(one for one in outcomes if isinstance(one, MutantResult))
    verdict = verdict_of(statement, evidence)
    return StatementResult(statement, verdict, evidence, mutants)
