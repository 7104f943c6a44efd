"""Hand-made statements, small enough to know their verdict beforehand."""

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from verification import Budget, Clause, Parameters, Provenance, RealRange, Source, Statement
from verification.parameters import Point
from verification.statement import Check

x = sp.Symbol("x", positive=True)
n = sp.Symbol("n", integer=True, positive=True)
seen = sp.Symbol("seen", real=True)

DOMAIN = Parameters((RealRange(x, "1", "10"),))
BUDGET = Budget("toy", examples=100, flow_examples=10, points=20, trajectories=4, digits=20, boxes=200, seed=1)


def nothing(_point: Point, _digits: int) -> Mapping[sp.Symbol, Any]:
    """No observable beyond the parameters."""
    return {}


def toy(
    claims: sp.Basic | Mapping[str, sp.Basic | None],
    *checks: Check,
    parameters: Parameters = DOMAIN,
    observed: bool = False,
    **rest: Any,
) -> Statement:
    """A statement with the given claims (one clause called "claim" for a single relation)."""
    clauses: Sequence[tuple[str, sp.Basic | None]]
    clauses = list(claims.items()) if isinstance(claims, Mapping) else [("claim", claims)]
    return Statement(
        id=rest.pop("id", "toy"),
        title=rest.pop("title", "a toy"),
        source=rest.pop("source", Source("toy", "Lemma 0", Provenance.NEW, "made by hand")),
        parameters=parameters,
        clauses=tuple(Clause(name, f"about {name}", claim) for name, claim in clauses),
        checks=checks,
        observables={seen: "something measured"} if observed else None,
        **rest,
    )
