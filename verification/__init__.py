"""Statements, evidence, verdicts, the catalogue, the report and the command line.

The names are imported when they are first used: pytest loads the plugin in this package in every run, also in those
that verify nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verification.budget import FULL, QUICK, Budget
    from verification.checks import (
        Certificate,
        Enclosed,
        Enclosure,
        Evaluation,
        Falsification,
        Observation,
        Symbolic,
        Trajectory,
    )
    from verification.errors import StatementError, UnknownStatement
    from verification.evidence import Evidence, Series
    from verification.flow_enclosure import certified, enclosed_limits
    from verification.flow_limit import limit_observation, singular_value
    from verification.parameters import IntegerRange, Parameters, RealRange
    from verification.statement import Clause, Mutant, Provenance, Source, Statement
    from verification.verdict import Verdict, combine

__all__ = [
    "FULL",
    "QUICK",
    "Budget",
    "Certificate",
    "Clause",
    "Enclosed",
    "Enclosure",
    "Evaluation",
    "Evidence",
    "Falsification",
    "IntegerRange",
    "Mutant",
    "Observation",
    "Parameters",
    "Provenance",
    "RealRange",
    "Series",
    "Source",
    "Statement",
    "StatementError",
    "Symbolic",
    "Trajectory",
    "UnknownStatement",
    "Verdict",
    "certified",
    "combine",
    "enclosed_limits",
    "limit_observation",
    "singular_value",
]

_HOMES = (
    "budget",
    "verdict",
    "errors",
    "evidence",
    "parameters",
    "statement",
    "checks",
    "flow_limit",
    "flow_enclosure",
)

if not TYPE_CHECKING:  # a type checker would otherwise take any name for granted

    def __getattr__(name: str) -> object:
        for module in _HOMES if name in __all__ else ():
            home = import_module(f"verification.{module}")
            if hasattr(home, name):
                return getattr(home, name)
        raise AttributeError(f"module 'verification' has no attribute {name!r}")
