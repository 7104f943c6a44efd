"""BLAS threads: one where a second one costs more than it brings; signals and threads of worker processes."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
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


@contextmanager
def one_thread() -> Iterator[None]:
    """One BLAS thread inside the block, of NumPy's library and of SciPy's: many small problems, one after the other."""
    import scipy.linalg  # noqa: F401 - its library is limited only when it is there
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield


@contextmanager
def for_workers() -> Iterator[None]:
    """Processes started inside use one BLAS thread, and ignore Ctrl-C: the terminal sends it to them too."""
    before = {name: os.environ.get(name) for name in _THREADS}
    main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if main:
            signal.signal(signal.SIGINT, handler)


@cache
def _controller() -> "ThreadpoolController":
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
