"""A true statement with a proof and a certificate: the stable rank of a block-diagonal limit.

Expect PROVED: SymPy reduces every step of the derivation, ball arithmetic certifies the same clause over the whole box,
sampling finds no counterexample, and both mutants are refuted. Exit code 0.

    rankproof check notebooks/statements/certified_and_proved.py
"""

import sympy as sp

from theory.derivation import Derivation, definition, identity, nonnegative
from verification import (
    Certificate,
    Clause,
    Falsification,
    IntegerRange,
    Mutant,
    Parameters,
    RealRange,
    Statement,
    Symbolic,
)

n = sp.Symbol("n", integer=True, positive=True)
r = sp.Symbol("r", positive=True)


def proof(bound):
    """With 1 <= n and 0 < r <= 1: what is left of the bound is a product of factors that are not negative."""
    excess, gap = sp.symbols("n-1 1-r", nonnegative=True)
    left = (bound - 1 - (n - 1) * r**2).subs({n: excess + 1}).subs(r, 1 - gap)
    return Derivation(
        ("bound",),
        (
            definition("by 1 <= n and r <= 1", n, 1 + excess),
            definition("and", r, 1 - gap),
            identity("bound minus stable rank = (n-1) r (1-r)", left, excess * (1 - gap) * gap),
            nonnegative("its factor n-1 is not negative", excess),
            nonnegative("its factor 1-r is not negative, and r > 0", gap),
        ),
    )


def stable_rank_bound(bound=1 + (n - 1) * r):
    box = Parameters((IntegerRange(n, 1, 8), RealRange(r, "1e-6", "1")))
    return Statement(
        id="stable-rank-bound",
        title="sigma_2 = ... = sigma_n = r sigma_1 with r <= 1: the stable rank is at most 1 + (n-1) r",
        parameters=box,
        clauses=(Clause("bound", "1 + (n-1) r^2 <= 1 + (n-1) r", sp.Le(1 + (n - 1) * r**2, bound)),),
        checks=(
            Symbolic(("bound",), lambda: [proof(bound)]),
            Certificate(("bound",), box.restricted(RealRange(r, "1e-6", "0.999"))),
            Falsification(("bound",)),
        ),
        mutants=(
            Mutant("cubed", "1 + (n-1) r^3", lambda: stable_rank_bound(1 + (n - 1) * r**3)),
            Mutant("one-block-less", "1 + (n-2) r", lambda: stable_rank_bound(1 + (n - 2) * r)),
        ),
    )


STATEMENTS = (stable_rank_bound,)
