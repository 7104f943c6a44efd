"""What the equation is: d theta/dt = -grad E(theta) with all layers in one flat vector, and the energy released.

Implementation notes
    One evaluation costs 3(L-1) matrix products: the prefixes W_l ... W_1 forwards, then the gradients and the suffixes
    applied to the residual backwards. Every product is written into a buffer made once, so an evaluation allocates
    nothing. The last component of the state is Q with dQ/dt = |grad E|^2, so that the energy identity
    E(0) - E(t) = Q(t) is integrated with the flow's own accuracy.
Source
    grad_l E = c W_{L:l+1}^T R W_{l-1:1}^T, checked against `theory.factorization` by a test.
"""

import math
from collections.abc import Sequence

import numpy as np

from numerics.factorization import MatrixCompletion, check_layers


class Term:
    """The velocity of gradient flow for one problem and one list of layer shapes, in float64.

    After each evaluation, `residual_norm` is |R|_F and `speed` is |grad E| at the state that was evaluated;
    `evaluations` counts. Buffers are the term's own, so one term serves one integration at a time. Raises
    ArgumentError for layers that do not fit the problem.
    """

    def __init__(self, problem: MatrixCompletion, layers: Sequence[np.ndarray]) -> None:
        check_layers(problem, layers)
        self.shapes = [layer.shape for layer in layers]
        self.size = sum(layer.size for layer in layers)
        self.evaluations = 0
        self.residual_norm = np.inf
        self.speed = np.inf
        self._ends = np.cumsum([layer.size for layer in layers])
        self._observed = np.flatnonzero(problem.mask)
        self._targets = problem.targets.ravel()[self._observed]
        self._errors = np.empty(len(self._observed))
        self._weight = problem.weight
        columns = self.shapes[0][1]
        self._prefixes = [np.empty((rows, columns)) for rows, _ in self.shapes]
        self._transposed = [np.empty((columns, before)) for _, before in self.shapes]
        #: Zero off the mask, always.
        self._residual = np.zeros(problem.mask.shape)
        self._suffixes = [np.empty((before, columns)) for _, before in self.shapes]

    def pack(self, layers: Sequence[np.ndarray]) -> np.ndarray:
        """Layers W_1, ..., W_L at time 0 as a new state."""
        return np.concatenate([*(np.asarray(layer, dtype=float).ravel() for layer in layers), [0.0]])

    def unpack(self, state: np.ndarray) -> list[np.ndarray]:
        """The layers in a state, as views; works for any number system."""
        return [
            state[end - rows * columns : end].reshape(rows, columns)
            for end, (rows, columns) in zip(self._ends, self.shapes, strict=True)
        ]

    def velocity(self, state: np.ndarray, out: np.ndarray) -> np.ndarray:
        """The time derivative of a state, written into `out`, which must not overlap it."""
        return self.velocity_of(self.unpack(state), out, self.unpack(out))

    def velocity_of(self, layers: Sequence[np.ndarray], out: np.ndarray, gradients: Sequence[np.ndarray]) -> np.ndarray:
        """`velocity` for a caller that keeps the views `layers` of its state and `gradients` of `out`."""
        self.evaluations += 1
        before = layers[0]
        for layer, product in zip(layers[1:], self._prefixes[1:], strict=True):
            before = np.matmul(layer, before, out=product)
        back, errors = self._residual, self._errors
        before.ravel().take(self._observed, out=errors, mode="clip")
        np.subtract(self._targets, errors, out=errors)
        self.residual_norm = math.sqrt(np.vdot(errors, errors))
        back.ravel()[self._observed] = errors if self._weight == 1.0 else self._weight * errors
        for index in range(len(layers) - 1, 0, -1):
            # A product with a transposed right factor takes half as long again as a copy and a plain product.
            np.copyto(self._transposed[index], (self._prefixes[index - 1] if index > 1 else layers[0]).T)
            np.matmul(back, self._transposed[index], out=gradients[index])
            back = np.matmul(layers[index].T, back, out=self._suffixes[index] if index > 1 else gradients[0])
        if len(layers) == 1:
            gradients[0][...] = back
        released = float(np.vdot(out[:-1], out[:-1]))
        out[-1] = released
        self.speed = math.sqrt(released)
        return out
