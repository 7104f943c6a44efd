"""The compiled steps of `numerics.sgd`: many networks, one after the other, each through all its steps.

Layout
    parameters: (chains, P) float64; layer l = 0, ..., L - 1 is (widths[l + 1], widths[l]), row by row from offsets[l].
    Scratch is given, so that nothing is allocated inside.
Implementation notes
    Compiled by numba on first use, and kept for later processes where there is a place for it. Without fast-math: sums
    are in the order written, so that the numbers are those of any machine with IEEE arithmetic. Rows are taken out
    before they are gone through, which makes it nearly twice as fast. `numerics.sgd.sgd_step` and `descent_step` are
    the same steps in NumPy.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np


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
    depth = len(widths) - 1
    last = depth - 1
    inner = widths[last]
    columns_of_first, first = widths[0], widths[1]
    activations = np.zeros((depth, widths.max()))
    back = np.zeros(widths.max())
    below = np.zeros(widths.max())
    for chain in range(parameters.shape[0]):
        p = parameters[chain]
        for step in range(picks.shape[1]):
            pick = picks[chain, step]
            i, j = rows[pick], columns[pick]
            if depth == 1:
                force = eta * (values[pick] - p[i * columns_of_first + j])
                for k in range(p.size):
                    p[k] *= shrink
                p[i * columns_of_first + j] += force
                continue
            # Column j of each prefix product is all that the entry depends on.
            for a in range(first):
                activations[1, a] = p[a * columns_of_first + j]
            for layer in range(1, last):
                width = widths[layer]
                activation = activations[layer]
                for a in range(widths[layer + 1]):
                    row = p[offsets[layer] + a * width : offsets[layer] + (a + 1) * width]
                    total = 0.0
                    for b in range(width):
                        total += row[b] * activation[b]
                    activations[layer + 1, a] = total
            start = offsets[last] + i * inner
            entry = 0.0
            for b in range(inner):
                entry += p[start + b] * activations[last, b]
            force = eta * (values[pick] - entry)
            for b in range(inner):
                back[b] = force * p[start + b]
            for k in range(offsets[last], p.size):
                p[k] *= shrink
            for b in range(inner):
                p[start + b] += force * activations[last, b]
            for layer in range(last - 1, 0, -1):
                width = widths[layer]
                activation = activations[layer]
                for b in range(width):
                    below[b] = 0.0
                for a in range(widths[layer + 1]):
                    row = p[offsets[layer] + a * width : offsets[layer] + (a + 1) * width]
                    weight = back[a]
                    for b in range(width):
                        entry_before = row[b]
                        below[b] += weight * entry_before
                        row[b] = shrink * entry_before + weight * activation[b]
                for b in range(width):
                    back[b] = below[b]
            for k in range(offsets[1]):
                p[k] *= shrink
            for a in range(first):
                p[a * columns_of_first + j] += back[a]


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
