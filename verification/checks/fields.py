"""The fields that several checks share, validated when a check is built; each function raises StatementError."""

from collections.abc import Callable
from typing import Any

from verification.errors import StatementError
from verification.parameters import Parameters
from verification.requirements import require, require_function, require_tuple
from verification.statement import Check


def owner_of(check: Check) -> str:
    """The check, as messages name it."""
    return f"{check.kind} check"


def require_check(check: Check) -> None:
    """Clauses, and where the check has them `method` and `domain`, are of their types."""
    owner = owner_of(check)
    require_tuple(owner, "clauses", check.clauses, str, "names of clauses")
    if not check.clauses:
        raise StatementError(f"{owner}: clauses is (), which names none; name at least one")
    require(owner, "method", getattr(check, "method", ""), str, "words that say how it is measured")
    require(owner, "domain", getattr(check, "domain", None), Parameters | None, "Parameters((range, ...))")


def require_measuring(check: Check, observe: Callable[..., Any], refine: Callable[..., Any] | None) -> None:
    """Both are functions of a point and a number of digits."""
    require_function(owner_of(check), "observe", observe, "point", "digits")
    if refine is not None:
        require_function(owner_of(check), "refine", refine, "point", "digits")
