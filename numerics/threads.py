"""BLAS threads: one where a second one costs more than it brings."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

#: OpenBLAS works on vectors of this length with one thread by itself.
_SHORT = 10_000
#: Sides from which two threads beat one on products of square matrices: between 100 and 200 where measured.
_LARGE_SIDE = 150


def threads_for(layers: Sequence[np.ndarray]) -> AbstractContextManager[object]:
    """One BLAS thread inside the block for layers of middle size; on a busy machine two of them wait for each other.

    Smaller layers never start a second thread, and larger ones profit from it.
    """
    sides = [side for layer in layers for side in np.shape(layer)]
    if max(sides) >= _LARGE_SIDE or sum(np.size(layer) for layer in layers) < _SHORT:
        return nullcontext()
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> "ThreadpoolController":
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
