"""Statements from a Python file of the user's own, with the same standing as those of the catalogue.

The file's `STATEMENTS` is a tuple of functions without arguments that each return a Statement. The catalogue's files
keep the same convention, so they can be given as files too.
"""

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from numerics.errors import ArgumentError
from verification import catalogue
from verification.errors import ClauseError, StatementFileError, unknown_statement
from verification.statement import Check, Statement

_NAME = "STATEMENTS"
_LONGEST = 200


class Library(Protocol):
    """Where statements come from: the catalogue, or a file."""

    def ids(self) -> tuple[str, ...]:
        """All ids, in order."""

    def statement(self, statement_id: str) -> Statement:
        """The statement with this id; raises UnknownStatement."""


@dataclass(frozen=True)
class StatementFile:
    """The statements of one file, built and validated, by id."""

    path: Path
    statements: Mapping[str, Statement]

    def ids(self) -> tuple[str, ...]:
        """All ids, in the order of the file."""
        return tuple(self.statements)

    def statement(self, statement_id: str) -> Statement:
        """The statement with this id; raises UnknownStatement, with the nearest ids, when there is none."""
        if statement_id not in self.statements:
            raise unknown_statement(statement_id, self.ids(), str(self.path), f"it holds {', '.join(self.ids())}")
        return self.statements[statement_id]


def library(file: Path | None) -> Library:
    """The catalogue, or the statements of a file. Raises StatementFileError."""
    return catalogue if file is None else load(file)


def load(path: Path) -> StatementFile:
    """The statements of a file; every builder runs, and so does every mutant's.

    A file is read again when it has changed. Whatever is wrong with it is one StatementFileError that names the line of
    the file; ArgumentError, naming FILE, when it is not a file that can be read.
    """
    if path.suffix != ".py":
        raise ArgumentError("FILE", path, "a Python file, whose name ends in .py")
    try:
        changed = path.stat().st_mtime_ns
        if not path.is_file():
            raise ArgumentError("FILE", path, "a file")
        source = path.read_bytes()
    except FileNotFoundError:
        raise ArgumentError("FILE", path, "an existing file; 'rankproof new' writes a template") from None
    except OSError as error:
        raise ArgumentError("FILE", path, f"readable ({error.strerror})") from None
    return _load(path, source, changed)


@contextmanager
def located(path: Path, line: int = 1) -> Iterator[None]:
    """Turns what is raised inside into a StatementFileError at the deepest line of the file that it came through.

    What did not touch the file gets `line`.
    """
    try:
        yield
    except StatementFileError:
        raise
    except (Exception, SystemExit) as error:
        raise StatementFileError(path, line_of(error, path) or line, _brief(error)) from None


def line_of(error: BaseException, path: Path) -> int | None:
    """The deepest line of the file in the error's traceback, or of the file's own syntax error; None if in neither."""
    found = None
    if isinstance(error, SyntaxError) and error.filename == str(path):
        found = error.lineno
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _brief(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        text = f"{type(error).__name__}: {error.msg}"
    elif type(error).__module__.partition(".")[0] in ("verification", "numerics"):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {_words_of(error)}"
        if "truth value of Relational" in text:
            text += "; write sp.And(sp.Le(1, x), sp.Le(x, 2)) for 1 <= x <= 2, sp.And, sp.Or for and, or"
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _words_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error of the user's own may not even print
        return "an error without words"


@lru_cache(maxsize=16)
def _load(path: Path, source: bytes, _changed: int) -> StatementFile:
    module, tree = _executed(path, source)
    declared = _line_of_declaration(tree, source)
    builders = getattr(module, _NAME, None)
    if builders is None:
        raise StatementFileError(path, declared, f"no {_NAME} in this file; end it with {_NAME} = (my_statement,)")
    if not isinstance(builders, tuple) or not builders or not all(map(callable, builders)):
        right = "a tuple of functions that return a Statement, such as (my_statement,)"
        raise StatementFileError(path, declared, f"{_NAME} is not {right}")
    statements: dict[str, Statement] = {}
    for build in builders:
        line = line_of_function(build, path) or declared
        statement = _built(path, tree, line, build)
        with located(path, line):
            statement.require_used()
        if statement.id in statements:
            raise StatementFileError(path, line, f"the id {statement.id} is used twice; ids must differ")
        for mutant in statement.mutants:
            place = line_of_function(mutant.build, path) or line
            _built(path, tree, place, partial(statement.variant, mutant), f"mutant {mutant.id}: ")
        statements[statement.id] = statement
    return StatementFile(path, statements)


def _executed(path: Path, source: bytes) -> tuple[ModuleType, ast.Module]:
    """The file as a module, and its source parsed.

    Its folder is on the import path while it runs, after everything else, so that it can import its neighbours. No
    bytecode is written.
    """
    module = ModuleType(f"statements_in_{path.stem}")
    module.__file__ = str(path)
    folder = str(path.resolve().parent)
    with located(path):
        try:
            tree = ast.parse(source, str(path))
            code = compile(tree, str(path), "exec")
        except ValueError as error:
            raise StatementFileError(path, 1, f"not Python source: {error}") from None
        # Dataclasses and pickles look their module up by name.
        sys.modules[module.__name__] = module
        sys.path.append(folder)
        try:
            exec(code, module.__dict__)
        finally:
            sys.path.remove(folder)
    return module, tree


def _line_of_declaration(tree: ast.Module, source: bytes) -> int:
    """The line on which `STATEMENTS` is set, the last line when it is not."""
    lines = [
        node.lineno
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and _NAME in {part.id for part in _targets(node)}
    ]
    return lines[-1] if lines else max(1, len(source.splitlines()))


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.Name]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target for target in targets if isinstance(target, ast.Name)]


def _built(path: Path, tree: ast.Module, line: int, build: Callable[[], Any], owner: str = "") -> Statement:
    """What the builder returns. An error that never touched the file gets the builder's own line."""
    try:
        statement = build()
    except ClauseError as error:
        met = line_of(error, path) or line
        raise StatementFileError(path, _line_of_clause(tree, error.clause, met) or met, owner + _brief(error)) from None
    except (Exception, SystemExit) as error:
        raise StatementFileError(path, line_of(error, path) or line, owner + _brief(error)) from None
    if not isinstance(statement, Statement):
        kind = "nothing" if statement is None else f"a {type(statement).__name__}"
        raise StatementFileError(path, line, f"{owner}the function returns {kind}, not a Statement")
    return statement


def _line_of_clause(tree: ast.Module, clause: str, line: int) -> int | None:
    """The line on which a clause of this name is built, in the function around `line` or else anywhere.

    None when it is not written there with its name, or more than once.
    """
    around = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and line in _lines_of(node)]
    for place in (*around[-1:], tree):
        found = [
            node.lineno
            for node in ast.walk(place)
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Clause")
            for name in [*node.args[:1], *(one.value for one in node.keywords if one.arg == "name")]
            if isinstance(name, ast.Constant) and name.value == clause
        ]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _lines_of(node: ast.FunctionDef) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def line_of_check(check: Check, path: Path) -> int | None:
    """The line of the first function of the file that a check calls: where to look when it returns what it must not."""
    functions = getattr(check, "__dict__", {}).values()
    lines = (line_of_function(value, path) for value in functions if callable(value))
    return next((line for line in lines if line is not None), None)


def line_of_function(function: Callable[..., Any], path: Path) -> int | None:
    """The line on which a function of the file begins; None for one of elsewhere."""
    code = getattr(function, "__code__", None)
    return code.co_firstlineno if code is not None and code.co_filename == str(path) else None
