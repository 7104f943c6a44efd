"""Components of an observation mask, counted in three ways.

Definitions
    A mask is a bipartite graph: rows and columns are vertices, observed entries are edges; rows and columns without an
    observed entry are set aside. It is connected when its edges form one component.
Statements
    Observed entries are neighbours when they share a row or a column, and components are the classes that chains of
    neighbours link; components = vertices in use - rank of the incidence matrix; a mask has 2^components splits.
Source
    Shin & Yun 2026, arXiv:2603.04703, Definition 1, from Bai, Zhao & Zhang 2024, arXiv:2405.13721 (reconstructed).
"""

from functools import cache

import sympy as sp
from sympy import Expr, Matrix

from theory.derivation import Derivation, argument, identity

Mask = frozenset[tuple[int, int]]

used = sp.Symbol("V", integer=True, positive=True)
rank = sp.Symbol("rank", integer=True, positive=True)
components = sp.Symbol("components", integer=True, positive=True)
rows, columns = sp.symbols("rows columns", integer=True, positive=True)
row_of_first, column_of_first, row_of_second, column_of_second = (
    sp.Symbol(name, integer=True, nonnegative=True) for name in ("i", "j", "p", "q")
)

#: Zero exactly when the entries (i, j) and (p, q) share a row or a column.
shared_line: Expr = (row_of_first - row_of_second) * (column_of_first - column_of_second)


def connectivity_derivation(touching: Expr, vertices: Expr) -> Derivation:
    """Components from the rank of the incidence matrix, and the number of splits, for every mask.

    `touching` vanishes when two entries are neighbours; `vertices` counts those of the graph.
    """
    x_i, x_p, y_j, y_q = sp.symbols("x_i x_p y_j y_q", real=True)
    number = sp.Symbol("number", integer=True, positive=True)
    return Derivation(
        ("search", "rank", "splits"),
        (
            identity(
                "An observed entry (i, j) is the edge from row i to column j. Two edges share a vertex exactly when "
                "i = p or j = q, at the zeros of",
                touching,
                shared_line,
            ),
            argument(
                "Chains of neighbouring entries are the walks of the graph, so the classes of observed entries that "
                "chains link are the components with an edge"
            ),
            argument(
                "The incidence matrix has one line per observed entry, with 1 at its row and at its column. A null "
                "vector has a number x_i per row and y_j per column in use, with x_i + y_j = 0 on observed entries"
            ),
            identity("Two observed entries of one column: their rows have equal x", x_i + y_j - (x_p + y_j), x_i - x_p),
            identity("two observed entries of one row: their columns too", x_i + y_j - (x_i + y_q), y_j - y_q),
            argument(
                "So a null vector is one free number on each component, with opposite signs on rows and columns: the "
                "null space has one dimension for each component, and rank = V - components"
            ),
            identity("Hence the number of components is", vertices - (used - components), components),
            argument("A split in two that no observed entry crosses gives one of two colours to each component"),
            identity(
                "so there are as many splits as",
                sp.Product(sp.Integer(2), (number, 1, components)),
                2**components,
                lambda difference: difference.doit(),
            ),
        ),
    )


def incidence(mask: Mask, height: int, width: int) -> Matrix:
    """One line per observed entry, with 1 at its row and at its column."""
    return Matrix([[int(v in (i, height + j)) for v in range(height + width)] for i, j in sorted(mask)])


def masks(height: int, width: int) -> list[Mask]:
    """All masks of this shape with at least one observed entry."""
    places = [(i, j) for i in range(height) for j in range(width)]
    return [
        frozenset(place for bit, place in enumerate(places) if number >> bit & 1)
        for number in range(1, 2 ** len(places))
    ]


def classes(mask: Mask, touching: Expr) -> int:
    """How many classes chains of neighbouring observed entries form, by search."""
    unseen, found = set(mask), 0
    while unseen:
        frontier = [unseen.pop()]
        found += 1
        while frontier:
            here = frontier.pop()
            near = {place for place in unseen if _vanishes(touching, here, place)}
            unseen -= near
            frontier.extend(near)
    return found


@cache
def _vanishes(touching: Expr, first: tuple[int, int], second: tuple[int, int]) -> bool:
    lines = (row_of_first, column_of_first, row_of_second, column_of_second)
    return bool(touching.subs(dict(zip(lines, (*first, *second), strict=True))) == 0)


def splits(mask: Mask, height: int) -> int:
    """In how many ways two colours fit the rows and columns in use so that no observed entry has both."""
    edges = [(i, height + j) for i, j in mask]
    vertices = sorted({vertex for edge in edges for vertex in edge})
    place = {vertex: number for number, vertex in enumerate(vertices)}
    return sum(
        all(colours >> place[i] & 1 == colours >> place[j] & 1 for i, j in edges)
        for colours in range(2 ** len(vertices))
    )


def connectivity_at(height: int, width: int, touching: Expr, vertices: Expr) -> Derivation:
    """The three counts of components on every mask of one shape, in exact integer arithmetic."""
    wrong_rank = wrong_splits = 0
    everything = masks(height, width)
    for mask in everything:
        searched = classes(mask, touching)
        in_use = len({i for i, _ in mask}) + len({j for _, j in mask})
        count = vertices.subs({rows: height, columns: width, used: in_use})
        wrong_rank += count - incidence(mask, height, width).rank() != searched
        wrong_splits += splits(mask, height) != 2**searched
    label = f"{height} x {width}"
    counted = f"{label}, all {len(everything)} masks: those in which the classes found by search are not"
    return Derivation(
        ("search", "rank", "splits"),
        (
            identity(f"{counted} vertices minus rank", sp.Integer(wrong_rank), sp.Integer(0)),
            identity(f"{counted} the binary logarithm of the splits", sp.Integer(wrong_splits), sp.Integer(0)),
        ),
        sizes=(label,),
    )
