"""What the documents show works: the snippets run, the commands exist, the statement of CONTRIBUTING is verified."""

import re
from pathlib import Path
from typing import Any

import pytest

from verification import QUICK, Statement, Verdict
from verification.cli import main
from verification.verify import run_check, run_mutant

ROOT = Path(__file__).parents[1]


def snippets(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_readme_python_snippet_runs() -> None:
    (snippet,) = snippets("README.md", "python")
    names: dict[str, Any] = {}
    exec(snippet, names)
    flow, family = names["flow"], names["family"]
    assert abs(flow.singular_values[1] - float(names["limit"](family).rest)) <= flow.error < 1e-9


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
