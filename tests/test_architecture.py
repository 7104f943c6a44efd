"""The house: imports run verification -> numerics -> theory, and theory has no floats and no input or output."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "theory": {"theory"},
    "numerics": {"numerics", "theory"},
    "verification": {"verification", "numerics", "theory"},
}
FILES = [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    forbidden = imported(path) & set(ALLOWED) - ALLOWED[package]
    assert not forbidden, f"{path.name} imports {forbidden}"


@pytest.mark.parametrize("path", sorted((ROOT / "theory").rglob("*.py")), ids=lambda path: path.name)
def test_theory_has_no_floats_and_imports_only_sympy(path: Path) -> None:
    tree = ast.parse(path.read_text())
    floats = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, float)]
    assert floats == []
    assert imported(path) <= {"theory", "sympy", "collections", "dataclasses", "enum", "functools"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450
