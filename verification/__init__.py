"""Statements, evidence, verdicts, the catalogue, the report and the command line."""

from verification.budget import FULL, QUICK, Budget
from verification.checks import Certificate, Evaluation, Falsification, Observation, Symbolic, Trajectory
from verification.errors import StatementError, UnknownStatement
from verification.evidence import Evidence, Series
from verification.parameters import IntegerRange, Parameters, RealRange
from verification.statement import Clause, Mutant, Provenance, Source, Statement
from verification.verdict import Verdict, combine

__all__ = [
    "FULL",
    "QUICK",
    "Budget",
    "Certificate",
    "Clause",
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
    "combine",
]
