"""Coupling of observed entries in float64: connectivity of a mask, the kernel of the gradients, and a report.

Definitions
    Entries are (row, column), counted from 0, in row-major order. Kernel K[a, b] = <grad w_a, grad w_b> over all layer
    entries; the relative kernel K[a, b]/sqrt(K[a, a] K[b, b]) is the cosine of the two gradients.
    Decoupled: the observed entries split into parts with zero kernel across parts for all t.
Statements
    `connectivity`     components of the bipartite graph of a mask
    `kernel_matrix`    the kernel by its formula (theory.coupling)
    `invariant_parts`  parts that never interact, proven from where the layers are zero
    `coupling`         the report: components, kernel between them along the flow, parts, verdict
Source
    Shin & Yun 2026, arXiv:2603.04703, Definitions 1 and 2; connectivity from Bai, Zhao & Zhang 2024, arXiv:2405.13721.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from numerics import factorization
from numerics.errors import ArgumentError
from numerics.factorization import Layers, MatrixCompletion
from numerics.gradient_flow import StopReason, integrate
from theory.coupling import summand

Entry = tuple[int, int]
Part = tuple[Entry, ...]

#: Observed entries that a report may have: its kernels are square in their number.
MOST_ENTRIES = 1_000

_SAMPLES = 50
_INTEGRATION_TOLERANCE = 1e-9
#: Relative kernel on the way above which an integrated flow shows coupling; far above its accumulated error.
_SHOWN = 1e-6


@dataclass(frozen=True)
class Connectivity:
    """The components of a mask's bipartite graph, as lists of observed entries.

    Rows and columns without an observed entry are vertices without an edge. They are set aside, in `isolated_rows` and
    `isolated_columns`, and count as no component.
    """

    components: tuple[Part, ...]
    isolated_rows: tuple[int, ...]
    isolated_columns: tuple[int, ...]

    @property
    def connected(self) -> bool:
        """True when the observed entries form one component."""
        return len(self.components) == 1


def connectivity(mask: np.ndarray) -> Connectivity:
    """Components of the bipartite graph: rows and columns are vertices, observed entries are edges.

    Raises ArgumentError for an empty mask. Shin & Yun 2026, Definition 1, from Bai, Zhao & Zhang 2024.
    """
    mask = np.asarray(mask, dtype=bool)
    if mask.ndim != 2 or not mask.any():
        raise ArgumentError("mask", f"an array of shape {mask.shape}", "a matrix with at least one observed entry")
    rows, columns = np.nonzero(mask)
    vertices = sum(mask.shape)
    graph = coo_array((np.ones(len(rows)), (rows, mask.shape[0] + columns)), shape=(vertices, vertices))
    label = connected_components(graph, directed=False)[1]
    return Connectivity(
        _grouped(mask, label[rows]),
        tuple(map(int, np.flatnonzero(~mask.any(axis=1)))),
        tuple(map(int, np.flatnonzero(~mask.any(axis=0)))),
    )


def layer_factors(layers: Layers) -> list[tuple[np.ndarray, np.ndarray]]:
    """(B_l, A_l) = (W_L ... W_{l+1}, W_{l-1} ... W_1) for l = 1, ..., L; empty products are identities."""
    before = [np.eye(layers[0].shape[1], dtype=layers[0].dtype)]
    for layer in layers[:-1]:
        before.append(layer @ before[-1])
    after = [np.eye(layers[-1].shape[0], dtype=layers[-1].dtype)]
    for layer in reversed(layers[1:]):
        after.append(after[-1] @ layer)
    return list(zip(reversed(after), before, strict=True))


def kernel_entry(layers: Layers, first: Entry, second: Entry) -> float:
    """<grad w_ij, grad w_pq> of two entries of W, for the sum/2 loss's variables (no weight)."""
    return float(sum(summand(after, before, first, second) for after, before in layer_factors(layers)))


def kernel_matrix(mask: np.ndarray, layers: Layers) -> np.ndarray:
    """The kernel (N, N) between all N observed entries, in row-major order. Symmetric, positive semidefinite.

    Along the flow of a loss of weight c: dw/dt = -c K r on the observed entries.
    """
    rows, columns = np.nonzero(mask)
    first, second = (rows[:, None], columns[:, None]), (rows[None, :], columns[None, :])
    total = np.zeros((len(rows), len(rows)))
    for after, before in layer_factors(layers):
        total += summand(after, before, first, second)
    return total


def kernel_rounding(mask: np.ndarray, layers: Layers) -> np.ndarray:
    """A bound (N, N) on the rounding error of `kernel_matrix`, entry by entry.

    The standard bound for products in floating point, with absolute values in every product: rigorous for the given
    layers while nothing underflows, and 0 where every summand has a factor 0.
    """
    operations = 2 * sum(sum(layer.shape) for layer in layers) + 2 * len(layers) + 8
    magnitude = kernel_matrix(mask, [np.abs(layer) for layer in layers])
    return np.asarray(2 * operations * np.finfo(float).eps * magnitude)


def linked_parts(mask: np.ndarray, layers: Layers) -> tuple[Part, ...]:
    """The finest split of the observed entries with no kernel across above its rounding bound, at these layers."""
    return _parts(mask, _links(mask, layers))


def _links(mask: np.ndarray, layers: Layers) -> np.ndarray:
    return np.asarray(np.abs(kernel_matrix(mask, layers)) > kernel_rounding(mask, layers))


def invariant_parts(mask: np.ndarray, layers: Layers) -> tuple[Part, ...]:
    """The finest split of the observed entries that the zeros of the layers prove to be decoupled for all t.

    Rigorous, and exact for the given layers: the zero pattern of the layers is widened until the gradient has no entry
    outside it, whatever the residual on the mask; the flow then stays inside it (uniqueness of solutions), and so does
    the kernel. Contains depth2-coupling-is-connectivity and the diagonal part of depth3-couples-unless-diagonal.
    """
    mask = np.asarray(mask, dtype=bool)
    pattern = [np.asarray(layer) != 0 for layer in layers]
    while True:
        gradients = [after.T @ mask @ before.T for after, before in layer_factors(pattern)]
        wider = [one | gradient for one, gradient in zip(pattern, gradients, strict=True)]
        if all(np.array_equal(one, other) for one, other in zip(pattern, wider, strict=True)):
            break
        pattern = wider
    rows, columns = np.nonzero(mask)
    first, second = (rows[:, None], columns[:, None]), (rows[None, :], columns[None, :])
    meets = np.zeros((len(rows), len(rows)), dtype=bool)
    for after, before in layer_factors(pattern):
        meets |= summand(after, before, first, second)
    return _parts(mask, meets)


class Verdict(StrEnum):
    """Whether the observed entries split into parts that never interact."""

    COUPLED = "coupled"
    DECOUPLED = "decoupled"


@dataclass(frozen=True)
class CouplingReport:
    """What couples with what in one problem, from given layers and along their flow.

    kernel_start (N, N) over the observed entries in row-major order; times (T,) sampled along the flow; between
    (T, C, C): per time and pair of components of the mask, the largest absolute relative kernel (its diagonal: between
    different entries of one component); parts: the finest split with no kernel across above rounding (at the start)
    or above 1e-6 relative (later, where the integrator's error counts); proven_parts: a split proven for all t.
    `parts` is heuristic when it is finer than `proven_parts` and was seen at sampled times only.
    """

    connectivity: Connectivity
    kernel_start: np.ndarray
    times: np.ndarray
    between: np.ndarray
    parts: tuple[Part, ...]
    proven_parts: tuple[Part, ...]
    coupled_at_start: bool
    depth: int
    stopped: StopReason

    @property
    def verdict(self) -> Verdict:
        """Decoupled when there is more than one part."""
        return Verdict.COUPLED if len(self.parts) == 1 else Verdict.DECOUPLED

    @property
    def proven(self) -> bool:
        """True when the verdict rests on a proof rather than on sampled times."""
        return self.coupled_at_start if self.verdict is Verdict.COUPLED else len(self.proven_parts) > 1

    @property
    def across(self) -> np.ndarray:
        """(T,) the largest absolute relative kernel between different components; 0 for a connected mask."""
        different = ~np.eye(self.between.shape[1], dtype=bool)
        return np.asarray(np.max(self.between, axis=(1, 2), where=different[None], initial=0.0))

    @property
    def reason(self) -> str:
        """Why the verdict holds, in one sentence."""
        if self.verdict is Verdict.COUPLED:
            if self.coupled_at_start:
                return "the kernel at the start is above its rounding bound and links all observed entries"
            return "the kernel links all observed entries at the sampled times, above 1e-6 of its scale"
        if not self.proven:
            return "no kernel above 1e-6 of its scale between the parts at the sampled times"
        if self.depth == 2 and not self.connectivity.connected:
            return "depth 2 and a disconnected mask: proven by depth2-coupling-is-connectivity"
        return "zeros of the layers that the flow keeps make the kernel vanish identically"


def coupling_report(
    problem: MatrixCompletion, layers: Sequence[np.ndarray], *, max_steps: int = 5_000, max_time: float = np.inf
) -> CouplingReport:
    """The report for a problem and its initial layers, with the flow integrated to residual 1e-6.

    Raises ArgumentError for layers that do not fit and for more than 1,000 observed entries.
    """
    layers = [np.asarray(layer, dtype=float) for layer in layers]
    factorization.check_layers(problem, layers)
    observed = int(problem.mask.sum())
    if observed > MOST_ENTRIES:
        raise ArgumentError("mask", f"a mask with {observed} observed entries", f"one with at most {MOST_ENTRIES}")
    flow = integrate(
        problem,
        layers,
        residual_tolerance=1e-6,
        relative_tolerance=_INTEGRATION_TOLERANCE,
        max_steps=max_steps,
        max_time=max_time,
    )
    found = connectivity(problem.mask)
    start = kernel_matrix(problem.mask, layers)
    meets = _links(problem.mask, layers)
    at_start = len(_parts(problem.mask, meets)) == 1
    chosen = np.unique(np.linspace(0, len(flow.times) - 1, _SAMPLES).round().astype(int))
    between = []
    for index in chosen:
        relative = np.abs(relative_kernel(kernel_matrix(problem.mask, [layer[index] for layer in flow.layers])))
        between.append(_largest(problem.mask, relative, found.components))
        meets = meets | (relative > _SHOWN)
    return CouplingReport(
        found,
        start,
        flow.times[chosen],
        np.stack(between),
        _parts(problem.mask, meets),
        invariant_parts(problem.mask, layers),
        at_start,
        len(layers),
        flow.reason,
    )


def relative_kernel(kernel: np.ndarray) -> np.ndarray:
    """K[a, b]/sqrt(K[a, a] K[b, b]) (N, N), at most 1 in size; 0 where a gradient vanishes."""
    length = np.sqrt(np.diag(kernel))
    unit = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    return np.asarray(unit[:, None] * kernel * unit[None, :])


def _grouped(mask: np.ndarray, label: np.ndarray) -> tuple[Part, ...]:
    """The observed entries by label, groups in the order of their first entry."""
    groups: dict[int, list[Entry]] = {}
    for row, column, one in zip(*np.nonzero(mask), label, strict=True):
        groups.setdefault(int(one), []).append((int(row), int(column)))
    return tuple(tuple(group) for group in groups.values())


def _parts(mask: np.ndarray, meets: np.ndarray) -> tuple[Part, ...]:
    """The components of the graph on observed entries in which `meets` (N, N) says which pairs are linked."""
    return _grouped(mask, connected_components(coo_array(meets), directed=False)[1])


def _largest(mask: np.ndarray, relative: np.ndarray, components: Sequence[Part]) -> np.ndarray:
    """(C, C): the largest entry of the relative kernel between two components, an entry with itself left out."""
    place = {entry: number for number, entry in enumerate(zip(*map(np.ndarray.tolist, np.nonzero(mask)), strict=True))}
    label = np.empty(len(place), dtype=int)
    for number, component in enumerate(components):
        label[[place[entry] for entry in component]] = number
    found = np.zeros((len(components), len(components)))
    np.maximum.at(found, (label[:, None], label[None, :]), relative - np.diag(np.diag(relative)))
    return found
