"""One point measured, in whatever process: its result as text, or the error it failed with."""

import json
import sysconfig
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from threadpoolctl import threadpool_limits

from numerics.sweep.experiment import Parameters, Result

#: Where code of libraries comes from; "<" is code that is in no file.
_FOREIGN = ("<", *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))


@dataclass(frozen=True)
class Outcome:
    """What became of a point: a result as JSON text, or an error; seconds: how long it took, None if nobody knows."""

    result: str | None
    error: str | None
    seconds: float | None


def measured(measure: Callable[[Parameters], Result], parameters: Parameters) -> Outcome:
    """Measure one point; any exception, also from a result that is not plain JSON, becomes the outcome's error.

    Runs with one BLAS thread, in the process pool and on a cluster alike: sums in another order are other numbers.
    """
    _one_blas_thread()
    begin = time.perf_counter()
    try:
        result, error = json.dumps(measure(parameters), sort_keys=True, allow_nan=False), None
    except (Exception, SystemExit) as raised:  # a point may fail in any way; the sweep must say so and go on
        result, error = None, told(raised)
    return Outcome(result, error, time.perf_counter() - begin)


def told(error: BaseException) -> str:
    """An exception as one line: type, message, and the last line of code that is not a library's."""
    message = " ".join(f"{type(error).__name__}: {error}".split())
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_FOREIGN)]
    if not own:
        return message
    path = Path(own[-1].filename)
    return f"{message} ({path.parent.name}/{path.name}:{own[-1].lineno})"


@cache
def _one_blas_thread() -> None:
    """For the rest of the process: points may share it, and one that ends must not free the threads of another."""
    threadpool_limits(1, user_api="blas")
