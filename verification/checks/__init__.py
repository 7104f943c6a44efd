"""The checks: each gives one kind of evidence for named clauses of a statement."""

from verification.checks.certificate import Certificate, Quantities
from verification.checks.enclosure import Enclosed, Enclosure
from verification.checks.evaluation import Evaluation
from verification.checks.falsification import Falsification
from verification.checks.symbolic import Symbolic
from verification.checks.trajectory import Observation, Trajectory

__all__ = [
    "Certificate",
    "Enclosed",
    "Enclosure",
    "Evaluation",
    "Falsification",
    "Observation",
    "Quantities",
    "Symbolic",
    "Trajectory",
]
