"""A true statement on where a gradient flow ends: the first column of a 3 x 3 matrix is observed.

Expect CONSISTENT: the flows that were integrated agree with both clauses within their own error estimate, which is no
proof. One clause is a formula in singular values, the other a yes-or-no question to the limit. Exit code 0.

    rankproof check notebooks/statements/end_of_a_flow.py
"""

import numpy as np
import sympy as sp

from numerics import MatrixCompletion, flow_limit, gaussian_layers, layer_shapes, mask
from verification import (
    Clause,
    IntegerRange,
    Mutant,
    Parameters,
    RealRange,
    Statement,
    Trajectory,
    limit_observation,
    singular_value,
)

scale = sp.Symbol("p", positive=True)
seed, low_rank = sp.symbols("seed low_rank", integer=True, nonnegative=True)
sigma_1, sigma_2 = singular_value(1), singular_value(2)


def looks_like_rank_one(matrix):
    return np.linalg.matrix_rank(matrix, tol=0.5) == 1


def first_column_observed(point):
    problem = MatrixCompletion(mask("first-column", 3, 3), np.outer([1, 1, 2], [1, 0, 0]))
    layers = gaussian_layers(layer_shapes(3, 3, depth=3), float(point[scale]), seed=point[seed])
    return limit_observation(flow_limit(problem, layers), {low_rank: looks_like_rank_one})


def first_column_limit(ratio=sp.Rational(1, 5)):
    starts = Parameters((RealRange(scale, "1e-3", "1e-1"), IntegerRange(seed, 0, 999)))
    return Statement(
        id="first-column-nearly-rank-one",
        title="First column observed, three layers from a small start: the limit is nearly of rank one",
        parameters=starts,
        observables={
            sigma_1: "sigma_1 of W(oo)",
            sigma_2: "sigma_2 of W(oo)",
            low_rank: "1 if one singular value of W(oo) is above 1/2",
        },
        clauses=(
            Clause("ratio", "sigma_2 <= sigma_1 / 5", sp.Le(sigma_2, ratio * sigma_1)),
            Clause("rank", "only one singular value is above 1/2", sp.Eq(low_rank, 1)),
        ),
        checks=(Trajectory(("ratio", "rank"), first_column_observed, "flows from Gaussian starts", starts),),
        mutants=(Mutant("thousand", "a thousandth", lambda: first_column_limit(sp.Rational(1, 1000))),),
    )


STATEMENTS = (first_column_limit,)
