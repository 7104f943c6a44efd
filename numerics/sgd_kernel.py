"""The compiled steps of `numerics.sgd`: many networks, a block of them side by side, each through all its steps.

Layout
    parameters: (chains, P) float64; layer l = 0, ..., L - 1 is (widths[l + 1], widths[l]), row by row from offsets[l].
    Scratch is given, so that nothing is allocated inside.
Implementation notes
    Compiled by numba on first use, and kept for later processes where there is a place for it. Without fast-math: sums
    are in the order written, so that the numbers are those of any machine with IEEE arithmetic. In a block one
    instruction works on several chains, and no chain's sums know of the others. Rows are taken out before they are
    gone through, which makes it nearly twice as fast. `numerics.sgd.sgd_step` and `descent_step` are the same steps in
    NumPy.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

#: Chains side by side: enough for the instructions, few enough for the cache.
LANES = 64


def _compiled(kernel: Callable[..., None]) -> Any:
    try:
        return numba.njit(nogil=True, cache=True)(kernel)
    except RuntimeError:  # there is no place to keep it: neither this directory nor the user's may be written to
        return numba.njit(nogil=True)(kernel)


@_compiled
def sgd(
    parameters: np.ndarray,
    widths: np.ndarray,
    offsets: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    picks: np.ndarray,
    eta: float,
    shrink: float,
) -> None:
    """picks.shape[1] steps of every chain in place; picks[c, t] is the number of the entry that chain c sees."""
    depth, (count, size) = len(widths) - 1, parameters.shape
    last, inputs, first = depth - 1, widths[0], widths[1]
    inner, top = widths[last], offsets[last]
    lanes = min(LANES, count)
    p = np.zeros((size, lanes))
    activations = np.zeros((depth, widths.max(), lanes))
    back, below = np.zeros((widths.max(), lanes)), np.zeros((widths.max(), lanes))
    force, wanted = np.zeros(lanes), np.zeros(lanes)
    i, j = np.zeros(lanes, dtype=np.int64), np.zeros(lanes, dtype=np.int64)
    # Lanes that the last block leaves over go on with what is in them, and nobody reads it.
    for begin in range(0, count, max(lanes, 1)):
        used = min(lanes, count - begin)
        for c in range(used):
            for k in range(size):
                p[k, c] = parameters[begin + c, k]
        for step in range(picks.shape[1]):
            for c in range(used):
                pick = picks[begin + c, step]
                i[c], j[c], wanted[c] = rows[pick], columns[pick], values[pick]
            if depth == 1:
                for c in range(lanes):
                    force[c] = eta * (wanted[c] - p[i[c] * inputs + j[c], c])
                for k in range(size):
                    for c in range(lanes):
                        p[k, c] *= shrink
                for c in range(lanes):
                    p[i[c] * inputs + j[c], c] += force[c]
                continue
            # Column j of each prefix product is all that the entry depends on.
            for a in range(first):
                for c in range(lanes):
                    activations[1, a, c] = p[a * inputs + j[c], c]
            for layer in range(1, last):
                width = widths[layer]
                activation, following = activations[layer], activations[layer + 1]
                for a in range(widths[layer + 1]):
                    row = p[offsets[layer] + a * width : offsets[layer] + (a + 1) * width]
                    total = following[a]
                    for c in range(lanes):
                        total[c] = 0.0
                    for b in range(width):
                        for c in range(lanes):
                            total[c] += row[b, c] * activation[b, c]
            activation = activations[last]
            for c in range(lanes):
                force[c] = 0.0
            for b in range(inner):
                for c in range(lanes):
                    force[c] += p[top + i[c] * inner + b, c] * activation[b, c]
            for c in range(lanes):
                force[c] = eta * (wanted[c] - force[c])
            for b in range(inner):
                for c in range(lanes):
                    back[b, c] = force[c] * p[top + i[c] * inner + b, c]
            for k in range(top, size):
                for c in range(lanes):
                    p[k, c] *= shrink
            for b in range(inner):
                for c in range(lanes):
                    p[top + i[c] * inner + b, c] += force[c] * activation[b, c]
            for layer in range(last - 1, 0, -1):
                width = widths[layer]
                activation = activations[layer]
                for b in range(width):
                    for c in range(lanes):
                        below[b, c] = 0.0
                for a in range(widths[layer + 1]):
                    row = p[offsets[layer] + a * width : offsets[layer] + (a + 1) * width]
                    weight = back[a]
                    for b in range(width):
                        for c in range(lanes):
                            entry = row[b, c]
                            below[b, c] += weight[c] * entry
                            row[b, c] = shrink * entry + weight[c] * activation[b, c]
                for b in range(width):
                    for c in range(lanes):
                        back[b, c] = below[b, c]
            for k in range(offsets[1]):
                for c in range(lanes):
                    p[k, c] *= shrink
            for a in range(first):
                for c in range(lanes):
                    p[a * inputs + j[c], c] += back[a, c]
        for c in range(used):
            for k in range(size):
                parameters[begin + c, k] = p[k, c]


@_compiled
def descent(
    parameters: np.ndarray,
    widths: np.ndarray,
    offsets: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    steps: int,
    eta: float,
    shrink: float,
) -> None:
    """`steps` steps of full-batch descent on the mean over the entries, of every chain in place."""
    depth = len(widths) - 1
    inputs = widths[0]
    rate = eta / len(values)
    # prefixes[l] = W_l ... W_1, and prefixes[0] = I; back = (W_L ... W_(l+1))^T R.
    prefixes = np.zeros((depth + 1, widths.max(), inputs))
    for j in range(inputs):
        prefixes[0, j, j] = 1.0
    back = np.zeros((widths.max(), inputs))
    below = np.zeros((widths.max(), inputs))
    for chain in range(parameters.shape[0]):
        p = parameters[chain]
        for _ in range(steps):
            for layer in range(depth):
                width = widths[layer]
                for a in range(widths[layer + 1]):
                    start = offsets[layer] + a * width
                    for j in range(inputs):
                        total = 0.0
                        for b in range(width):
                            total += p[start + b] * prefixes[layer, b, j]
                        prefixes[layer + 1, a, j] = total
            back[:] = 0.0
            for k in range(len(values)):
                back[rows[k], columns[k]] = rate * (values[k] - prefixes[depth, rows[k], columns[k]])
            for layer in range(depth - 1, -1, -1):
                width = widths[layer]
                below[:width] = 0.0
                for a in range(widths[layer + 1]):
                    start = offsets[layer] + a * width
                    for b in range(width):
                        weight = p[start + b]
                        total = 0.0
                        for j in range(inputs):
                            below[b, j] += weight * back[a, j]
                            total += back[a, j] * prefixes[layer, b, j]
                        p[start + b] = shrink * weight + total
                for b in range(width):
                    for j in range(inputs):
                        back[b, j] = below[b, j]
