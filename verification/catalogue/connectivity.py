"""Catalogue: connectivity of an observation mask, counted in several ways on every small mask."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from numerics.coupling import connectivity as components_of
from theory import connectivity as graph
from theory.connectivity import columns, components, rows, used
from verification.catalogue.sources import source
from verification.checks import Evaluation, Falsification, Symbolic
from verification.parameters import IntegerRange, Parameters, Point
from verification.statement import Clause, Mutant, Provenance, Statement

Values = Mapping[sp.Symbol, Any]

pattern = sp.Symbol("mask", integer=True, nonnegative=True)
searched, split_count = sp.symbols("classes splits", integer=True, positive=True)
_touching_diagonally = graph.shared_line * (
    (graph.row_of_first - graph.row_of_second) ** 2 + (graph.column_of_first - graph.column_of_second) ** 2 - 2
)


def _counts(mask: graph.Mask, height: int, wide: int, touching: sp.Expr) -> Values:
    """Components by SciPy's graph search, classes by the search of `theory`, rank by SVD, and splits by trying all."""
    array = np.zeros((height, wide), dtype=bool)
    array[tuple(np.array(sorted(mask)).T)] = True
    found = components_of(array)
    lines = np.array(np.nonzero(array)).T
    matrix = np.zeros((len(lines), height + wide))
    matrix[np.arange(len(lines)), lines[:, 0]] = matrix[np.arange(len(lines)), height + lines[:, 1]] = 1
    return {
        components: len(found.components),
        used: height + wide - len(found.isolated_rows) - len(found.isolated_columns),
        graph.rank: int(np.linalg.matrix_rank(matrix)),
        searched: graph.classes(mask, touching),
        split_count: graph.splits(mask, height),
    }


def _mask_numbered(point: Point) -> graph.Mask:
    """The mask whose binary digits are the number, folded into the range of this shape and never empty."""
    places = [(i, j) for i in range(point[rows]) for j in range(point[columns])]
    number = point[pattern] % (2 ** len(places) - 1) + 1
    return frozenset(place for bit, place in enumerate(places) if number >> bit & 1)


def connectivity(touching: sp.Expr = graph.shared_line, vertices: sp.Expr = used) -> Statement:
    """connectivity, with the claimed neighbours (zeros of `touching`) and the claimed number of vertices."""
    three = ("search", "rank", "splits")
    sides = (IntegerRange(rows, 1, 3), IntegerRange(columns, 1, 3))
    count = {"search": sp.Eq(components, searched), "rank": sp.Eq(components, vertices - graph.rank)}
    count["splits"] = sp.Eq(split_count, 2**components)

    def observe(point: Point, _digits: int) -> Values:
        return _counts(_mask_numbered(point), point[rows], point[columns], touching)

    def worst_mask(point: Point, digits: int) -> Values:
        """The counts of a mask that violates most of the claims, over all masks of the shape."""
        height, wide = point[rows], point[columns]

        def violated(values: Values) -> int:
            number = values[components]
            rank_says = vertices.subs({rows: height, columns: wide, used: values[used]}) - values[graph.rank]
            return sum((values[searched] != number, rank_says != number, values[split_count] != 2**number))

        return max((_counts(mask, height, wide, touching) for mask in graph.masks(height, wide)), key=violated)

    return Statement(
        id="connectivity",
        title="A mask is connected when its observed entries form one component",
        source=source("BZZ", "connectivity of the observed entries; SY Definition 1", Provenance.RECONSTRUCTED),
        parameters=Parameters((*sides, IntegerRange(pattern, 0, 2**9 - 2))),
        observables={
            components: "components of the bipartite graph, isolated rows and columns set aside (scipy.sparse.csgraph)",
            searched: "classes of observed entries that chains of neighbours link, by search",
            graph.rank: "rank of the incidence matrix of rows and columns with observed entries",
            used: "rows and columns with an observed entry",
            split_count: "two-colourings of the rows and columns in use that no observed entry crosses, by trying all",
        },
        clauses=(
            Clause("search", "components are the classes of entries linked by shared rows or columns", count["search"]),
            Clause("rank", "components = rows and columns in use - rank of the incidence matrix", count["rank"]),
            Clause("splits", "the mask splits in two in 2^components ways; connected: only trivially", count["splits"]),
        ),
        checks=(
            Falsification(three, observe, "brute-force search on masks up to 3 x 3"),
            Evaluation(
                ("search", "rank", "splits"), worst_mask, "all masks of each shape", Parameters(sides), digits=15
            ),
            Symbolic(three, lambda: [graph.connectivity_derivation(touching, vertices)]),
            Symbolic(
                three,
                lambda: [
                    graph.connectivity_at(height, wide, touching, vertices)
                    for height in (1, 2, 3)
                    for wide in range(1, height + 1)
                ],
            ),
        ),
        mutants=(
            Mutant(
                "isolated-counted", "isolated rows and columns counted", lambda: connectivity(touching, rows + columns)
            ),
            Mutant(
                "diagonal-neighbours",
                "diagonal neighbours linked",
                lambda: connectivity(_touching_diagonally, vertices),
            ),
        ),
    )


STATEMENTS = (connectivity,)
