"""Runs in several processes: catches a result that depends on how many there are, or on nothing but the clock."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from verification import QUICK, catalogue
from verification.verify import Task, tasks, verify

SCRIPT = """
import json
import sys
from dataclasses import replace

from verification import QUICK
from verification.verify import verify

if __name__ == "__main__":
    jobs, seed = int(sys.argv[1]), int(sys.argv[2])
    budget = replace(QUICK, examples=120, flow_examples=6, points=8, trajectories=2, seed=seed)
    found = verify(["block-limit-depth4", "block-rank-one-iff-coupled"], budget, jobs=jobs)
    print(json.dumps({one.statement.id: one.to_json() for one in found}, sort_keys=True))
"""


def without_seconds(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: without_seconds(value) for key, value in found.items() if key != "seconds"}
    if isinstance(found, list):
        return [without_seconds(value) for value in found]
    return found


def test_results_do_not_depend_on_the_number_of_workers_but_on_the_seed(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)

    def run(jobs: int, seed: int) -> dict:
        command = [sys.executable, str(script), str(jobs), str(seed)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return without_seconds(json.loads(done.stdout))

    alone, shared, other = run(1, 5), run(2, 5), run(1, 6)
    assert alone == shared
    assert set(alone) == {"block-limit-depth4", "block-rank-one-iff-coupled"}

    def drawn(found: dict) -> list:
        return [
            (check["seed"], check["worst_point"])
            for one in found.values()
            for check in one["checks"]
            if check["kind"] == "falsification"
        ]

    seeds = {seed for seed, _ in drawn(alone)} | {seed for seed, _ in drawn(other)}
    assert len(seeds) == 4, "every check of every run has its own seed"
    assert all(here != there for here, there in zip(drawn(alone), drawn(other), strict=True))
    assert {one["verdict"] for one in alone.values()} == {one["verdict"] for one in other.values()}


def test_every_task_has_its_own_seed_and_the_run_seed_changes_all() -> None:
    statements = [catalogue.statement(statement_id) for statement_id in catalogue.ids()]
    names = [(one.statement, str(one.check), str(one.mutant)) for each in statements for one in tasks(each)]
    for_run = {seed: [replace(QUICK, seed=seed).for_task(*name).seed for name in names] for seed in (0, 1)}
    assert len(set(for_run[0])) == len(names)
    assert not set(for_run[0]) & set(for_run[1])
    assert for_run[0] == [QUICK.for_task(*name).seed for name in names]


def test_progress_is_told_every_task_once_and_each_statement_comes_when_it_is_done() -> None:
    budget = replace(QUICK, examples=5, flow_examples=1, points=2, trajectories=1)
    chosen = ["block-invariant", "block-limit-depth2"]
    told: list[Task] = []
    counts = []
    for result in verify(chosen, budget, jobs=1, progress=told.append):
        counts.append((result.statement.id, len(told)))
    expected = [task for one in chosen for task in tasks(catalogue.statement(one))]
    assert told == expected
    assert counts == [(chosen[0], len(tasks(catalogue.statement(chosen[0])))), (chosen[1], len(expected))]
