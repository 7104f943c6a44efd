"""What the documents show works: the snippets run, the commands exist, the statement of CONTRIBUTING is verified."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from verification import QUICK, Statement, Verdict, catalogue
from verification.cli import main
from verification.cli.main import _COMMANDS
from verification.observations import write_observations
from verification.statement_file import load
from verification.verify import StatementResult, run_check, run_mutant

ROOT = Path(__file__).parents[1]


def snippets(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_readme_python_snippet_runs() -> None:
    _, snippet = snippets("README.md", "python")
    names: dict[str, Any] = {}
    exec(snippet, names)
    flow, family = names["flow"], names["family"]
    assert abs(flow.singular_values[1] - float(names["limit"](family).rest)) <= flow.error < 1e-9


def test_the_greedy_snippets_run_and_reach_what_they_say() -> None:
    names: dict[str, Any] = {}
    exec(snippets("README.md", "python")[0], names)
    assert abs(names["flow"].limit - names["glrl_symmetric"](names["f"]).limit).max() < 1e-8
    for snippet in snippets("docs/greedy.md", "python"):
        exec(snippet, names)
    assert [point.rank for point in names["path"].points] == [0, 1, 2]


def test_the_jumps_snippets_run_and_chains_of_rank_one_are_in_the_region() -> None:
    names: dict[str, Any] = {}
    for snippet in snippets("docs/jumps.md", "python"):
        exec(snippet, names)
    seen = names["seen"]
    assert seen.step == 10_000
    low = seen.ratio < 1e-3
    assert 0 < low.sum() < 64
    assert (seen.margins[low][:, 1] > 0).all()
    assert (seen.margins[seen.ratio > 0.1].min(axis=1) < 0).all()


def test_the_page_on_certified_flows_runs_and_names_every_hypothesis_that_is_checked() -> None:
    names: dict[str, Any] = {}
    (snippet,) = snippets("docs/certified_flow.md", "python")
    exec(snippet, names)
    assert str(names["flow"].outcome) == "enclosed"
    page = (ROOT / "docs/certified_flow.md").read_text()
    explained = set(re.findall(r"^\| `([a-z-]+)` \|", page, flags=re.MULTILINE))
    source = "".join(path.read_text() for path in (ROOT / "numerics/certified_flow").glob("*.py"))
    assert explained == set(re.findall(r'Hypothesis\(\s*"([a-z-]+)"', source))
    assert {one.name for one in names["flow"].hypotheses} == explained - {"margin"}


def test_readme_limit_output_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    block = next(text for text in snippets("README.md", "console") if "rankproof limit" in text)
    command, printed = block.split("\n", 1)
    with pytest.raises(SystemExit) as stop:
        main(command.split()[2:])
    assert stop.value.code == 0
    assert capsys.readouterr().out == printed


def test_contributing_statement_is_certified_and_its_mutant_refuted() -> None:
    (snippet,) = snippets("CONTRIBUTING.md", "python")
    names: dict[str, Any] = {}
    exec(snippet, names)
    statement: Statement = names["trace_bound"]()
    evidence = run_check(statement, statement.checks[0], QUICK)
    assert evidence.verdict is Verdict.CERTIFIED, evidence.summary
    assert run_mutant(statement, 0, QUICK).refuted


def test_every_dependency_has_its_line_in_contributing() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    required = set(re.findall(r'^\s*"([a-z0-9-]+)>=', project, flags=re.MULTILINE)) | set(
        re.findall(r'\["([a-z]+)>=', project)
    )
    table = (ROOT / "CONTRIBUTING.md").read_text().split("## Dependencies")[1]
    required -= {"setuptools"}
    assert required
    for name in required:
        assert name in table, f"{name} has no line in CONTRIBUTING.md"


def test_every_verdict_has_a_section_that_says_what_it_means_and_what_it_does_not() -> None:
    page = (ROOT / "docs" / "verdicts.md").read_text()
    starts = {name: page.index(f"\n## {name}\n") for name in Verdict}
    ends = [found.start() for found in re.finditer(r"\n## ", page)]
    for name, start in starts.items():
        section = page[start : next(end for end in ends if end > start)]
        parts = [
            section.index(f"**{part}**") for part in ("What was done.", "What you may write.", "What it does not mean.")
        ]
        assert all(earlier < later for earlier, later in pairwise(parts)), name


def test_the_tour_visits_every_command() -> None:
    readme = (ROOT / "README.md").read_text().split("## Five minutes")[1].split("## Speed")[0]
    tour = readme + (ROOT / "docs" / "tour.md").read_text()
    assert [name for name in _COMMANDS if not re.search(rf"rankproof {name}\b", tour)] == []


def test_the_api_reference_covers_the_three_packages() -> None:
    for package in ("theory", "numerics", "verification"):
        assert f".. public-names:: {package}\n" in (ROOT / "docs" / "api" / f"{package}.rst").read_text()


def test_the_page_on_observations_reads_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (snippet,) = snippets("docs/observations.md", "python")
    statement = catalogue.statement("block-limit-depth4")
    check = next(check for check in statement.checks if check.kind == "evaluation")
    statement = replace(statement, checks=(check,))
    evidence = run_check(statement, check, QUICK)
    monkeypatch.chdir(tmp_path)
    run = {"started": "2026-01-01T00:00:00+00:00"}
    write_observations(Path("run.jsonl"), run, [StatementResult(statement, evidence.verdict, (evidence,), ())])
    names: dict[str, Any] = {}
    exec(snippet, names)
    assert names["worst"]["metadata"]["residual"] == evidence.worst_residual


def test_the_page_on_own_statements_shows_one_that_is_certified(tmp_path: Path) -> None:
    snippet, proof, _ = snippets("docs/statements.md", "python")
    names: dict[str, Any] = {}
    exec(f"{snippet}\n{proof}", names)
    assert names["proof"].holds
    file = tmp_path / "lemma.py"
    file.write_text(snippet)
    (statement,) = load(file).statements.values()
    assert [run_check(statement, check, QUICK).verdict for check in statement.checks] == [
        Verdict.CERTIFIED,
        Verdict.CONSISTENT,
    ]
    assert run_mutant(statement, 0, QUICK).refuted


def test_the_page_on_own_statements_shows_one_that_certified_flows_prove(tmp_path: Path) -> None:
    *_, snippet = snippets("docs/statements.md", "python")
    file = tmp_path / "lemma.py"
    file.write_text(snippet)
    (statement,) = load(file).statements.values()
    assert [run_check(statement, check, QUICK).verdict for check in statement.checks] == [Verdict.CERTIFIED]
    assert run_mutant(statement, 0, QUICK).refuted
