"""Evidence: what one check found, as plain data that travels between processes and into JSON."""

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from numerics.curves import versions
from verification.parameters import Parameters
from verification.verdict import Verdict


@cache
def environment() -> str:
    """Versions of Python and of what the numbers depend on, as one line."""
    return f"python {platform.python_version()}, {versions()}"


@dataclass(frozen=True)
class Series:
    """Curves for a picture: measured values over a prediction, each as (abscissae, ordinates)."""

    title: str
    axis: str
    quantity: str
    measured: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]
    predicted: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]


@dataclass(frozen=True)
class Sample:
    """One judged point: exact values in the order of the evidence's `axes`, the name of its truth, its residual."""

    point: tuple[str, ...]
    truth: str
    residual: float


@dataclass(frozen=True)
class BoxMap:
    """The sub-boxes of a certificate for one choice of its integers, drawn over one or two of its real parameters.

    axes: the parameters drawn; logarithmic: per axis; parts: (state, one (low, high) per axis), where the state is
    "proven", "outside" (an assumption fails there), "refuted" or "open".
    """

    title: str
    axes: tuple[str, ...]
    logarithmic: tuple[bool, ...]
    parts: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]


@dataclass(frozen=True)
class Evidence:
    """The outcome of one check.

    worst_residual: the largest relative residual met (None where there is none), at `worst_point`; points: how many
    points were judged; digits: proven by the comparison; bits: working precision; witness: a counterexample;
    remedy: which knob to turn when undecided; axes and samples: every judged point, for pictures and records;
    box: where a certificate holds; boxes: pictures of its sub-boxes; open_boxes: some that an undecided one has left;
    substituted: assumptions and claims with the witness's values; replayed: stored witnesses that were judged first;
    replay: the command that judges the stored witness again.
    """

    kind: str
    clauses: tuple[str, ...]
    verdict: Verdict
    summary: str
    worst_residual: float | None = None
    worst_point: dict[str, str] | None = None
    points: int = 0
    digits: int | None = None
    bits: int | None = None
    seed: int | None = None
    seconds: float = 0.0
    witness: dict[str, str] | None = None
    remedy: str | None = None
    domain: str | None = None
    rests_on: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    series: tuple[Series, ...] = ()
    box: Parameters | None = None
    boxes: tuple[BoxMap, ...] = ()
    open_boxes: tuple[str, ...] = ()
    substituted: tuple[str, ...] = ()
    replayed: int = 0
    replay: str | None = None
    versions: str = field(default_factory=environment)

    def to_json(self) -> dict[str, object]:
        """The evidence without its pictures; keys are a contract."""
        return {
            "kind": self.kind,
            "clauses": list(self.clauses),
            "verdict": str(self.verdict),
            "summary": self.summary,
            "worst_residual": self.worst_residual
            if self.worst_residual is not None and math.isfinite(self.worst_residual)
            else None,
            "worst_point": self.worst_point,
            "points": self.points,
            "digits": self.digits,
            "precision": self.bits,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "witness": self.witness,
            "remedy": self.remedy,
            "domain": self.domain,
            "rests_on": list(self.rests_on),
            "sizes": list(self.sizes),
            "open_boxes": list(self.open_boxes),
            "substituted": list(self.substituted),
            "replayed": self.replayed,
            "replay": self.replay,
            "versions": self.versions,
        }


def clause_text(clauses: Sequence[str]) -> str:
    """Clauses as one phrase."""
    return ", ".join(clauses)
