"""A statement that is false on purpose: lowering one singular value does not always lower the effective rank.

Expect REFUTED, with a witness that was shrunk to round numbers, and exit code 1: halving the larger of two singular
values can make them more equal, and the effective rank is largest when they are equal.

    rankproof check notebooks/statements/false_on_purpose.py
"""

import sympy as sp

from verification import Clause, Falsification, Parameters, RealRange, Statement

a, b = sp.symbols("a b", positive=True)


def entropy(*values):
    """The logarithm of the effective rank."""
    return -sum(value / sum(values) * sp.log(value / sum(values)) for value in values)


def smaller_value_smaller_rank():
    return Statement(
        id="smaller-value-smaller-rank",
        title="Halving sigma_1 = a of a matrix with singular values a and b lowers its effective rank",
        parameters=Parameters((RealRange(a, "1", "1000"), RealRange(b, "1", "1000"))),
        clauses=(Clause("lower", "erank(a/2, b) < erank(a, b)", sp.Lt(entropy(a / 2, b), entropy(a, b))),),
        checks=(Falsification(("lower",)),),
    )


STATEMENTS = (smaller_value_smaller_rank,)
