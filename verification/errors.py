"""Errors of statements and their domains; each names what is wrong and what would be right."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class StatementError(ValueError):
    """A statement is not well formed. Says nothing about whether what it claims is true."""


class ClauseError(StatementError):
    """A clause does not fit its statement; `clause` is its name."""

    def __init__(self, statement: str, clause: str, problem: str) -> None:
        super().__init__(f"{statement}: clause {clause}: {problem}")
        self.parts = (statement, clause, problem)
        self.clause = clause

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        """Errors cross process boundaries."""
        return type(self), self.parts


class UnknownStatement(KeyError):
    """No statement has this id. Does not mean that the theorem is unknown: `rankproof list` shows what there is."""

    def __str__(self) -> str:
        return str(self.args[0])


def unknown_statement(statement_id: str, known: Iterable[str], where: str, otherwise: str) -> UnknownStatement:
    """The error for an id that `where` does not hold, with the nearest ids, or `otherwise` when none is near."""
    near = get_close_matches(statement_id, list(known), n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else otherwise
    return UnknownStatement(f"ID: {statement_id} is not a statement of {where}; {hint}")


class StatementFileError(StatementError):
    """A file of statements cannot be used; names the file, the line and what would be right."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.parts = (path, line, message)

    def __reduce__(self) -> tuple[type, tuple[Path, int, str]]:
        """Errors cross process boundaries."""
        return type(self), self.parts
