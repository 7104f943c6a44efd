"""The dependency graph of statements as a picture: layers from left to right, each node under what it builds on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 250, 44  # of a node
_COLUMN, _ROW = 310, 60  # from one node to the next
_MARGIN = 8
_WAYPOINT = " "  # begins the name of a place that an edge passes through; no id does


@dataclass(frozen=True)
class Node:
    """A statement in the picture: its id and the left upper corner of its box."""

    id: str
    x: int
    y: int


@dataclass(frozen=True)
class Layout:
    """Nodes, the paths of edges (from what is built on to what builds on it), and the size of the picture."""

    nodes: tuple[Node, ...]
    edges: tuple[str, ...]
    width: int
    height: int


def layers(depends: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Ids by the length of the longest chain below them.

    Ids that occur only among the dependencies are included. An edge that would close a cycle is not followed.
    """
    names = list(dict.fromkeys([*depends, *(name for below in depends.values() for name in below)]))
    depth: dict[str, int] = {}

    def measure(name: str, above: tuple[str, ...]) -> int:
        if name not in depth:
            below = [one for one in depends.get(name, ()) if one != name and one not in above]
            depth[name] = 1 + max((measure(one, (*above, name)) for one in below), default=-1)
        return depth[name]

    for name in names:
        measure(name, ())
    return [[name for name in names if depth[name] == level] for level in range(max(depth.values(), default=-1) + 1)]


def ordered(columns: Sequence[Sequence[str]], depends: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The same layers, each sorted by the mean height of its neighbours, so that fewer edges cross."""
    result = [list(column) for column in columns]
    above: dict[str, list[str]] = {}
    for name, below in depends.items():
        for one in below:
            above.setdefault(one, []).append(name)
    for sweep in range(6):
        height = {name: row - len(column) / 2 for column in result for row, name in enumerate(column)}
        neighbours = depends if sweep % 2 == 0 else above
        for column in result:
            means = {
                name: sum(height[one] for one in near) / len(near)
                if (near := neighbours.get(name, ()))
                else height[name]
                for name in column
            }
            column.sort(key=lambda name: means[name])
    return result


def layout(depends: Mapping[str, Sequence[str]]) -> Layout | None:
    """The picture of all statements that depend on others or are depended on; None when there are none.

    Edges that follow from others are left out.
    """
    linked = {name for name, below in depends.items() if below} | {one for below in depends.values() for one in below}
    if not linked:
        return None
    edges = reduced({name: below for name, below in depends.items() if name in linked})
    columns, chains = _with_waypoints(layers(edges), edges)
    columns = ordered(columns, _steps(chains))
    tallest = max(map(len, columns))
    place = {
        name: Node(name, _MARGIN + level * _COLUMN, round(_MARGIN + (row + (tallest - len(column)) / 2) * _ROW))
        for level, column in enumerate(columns)
        for row, name in enumerate(column)
    }
    return Layout(
        tuple(node for name, node in place.items() if not name.startswith(_WAYPOINT)),
        tuple(_path([place[name] for name in chain]) for chain in chains),
        2 * _MARGIN + (len(columns) - 1) * _COLUMN + WIDTH,
        2 * _MARGIN + (tallest - 1) * _ROW + HEIGHT,
    )


def reduced(depends: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The dependencies without those that follow from others, and without a statement's dependency on itself."""

    def reaches(start: str, end: str, seen: set[str]) -> bool:
        seen.add(start)
        below = depends.get(start, ())
        return end in below or any(reaches(one, end, seen) for one in below if one not in seen)

    return {
        name: tuple(
            one
            for one in below
            if one != name and not any(reaches(other, one, {name}) for other in below if other not in (one, name))
        )
        for name, below in depends.items()
    }


def _with_waypoints(
    columns: Sequence[Sequence[str]], depends: Mapping[str, Sequence[str]]
) -> tuple[list[list[str]], list[list[str]]]:
    """The layers with a free place for every edge that passes through, and each edge as a chain of places."""
    level = {name: index for index, column in enumerate(columns) for name in column}
    filled = [list(column) for column in columns]
    chains = []
    for name, below in depends.items():
        for one in below:
            passed = range(level[one] + 1, level[name])
            chain = [one, *(f"{_WAYPOINT}{one} {name} {index}" for index in passed), name]
            for index, place in zip(passed, chain[1:-1], strict=True):
                filled[index].append(place)
            chains.append(chain)
    return filled, chains


def _steps(chains: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """What each place on a chain comes after."""
    steps: dict[str, list[str]] = {}
    for chain in chains:
        for before, after in pairwise(chain):
            steps.setdefault(after, []).append(before)
    return steps


def _path(places: Sequence[Node]) -> str:
    """A curve from the right side of the first place to the left side of the last, straight through those between."""
    middle = HEIGHT // 2
    path = f"M{places[0].x + WIDTH} {places[0].y + middle}"
    for before, after in pairwise(places):
        last = after is places[-1]
        x, to_x = before.x + WIDTH, after.x - (6 if last else 0)
        bend = max(30, (to_x - x) // 2)
        path += f"C{x + bend} {before.y + middle} {to_x - bend} {after.y + middle} {to_x} {after.y + middle}"
        path += "" if last else f"H{after.x + WIDTH}"
    return path
