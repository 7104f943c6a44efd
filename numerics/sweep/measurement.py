"""One point measured, or a stretch of it, in whatever process: its result as text, an error, or a checkpoint."""

import json
import sysconfig
import time
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from threadpoolctl import threadpool_limits

from numerics.sweep.experiment import Checkpoint, Parameters, Stretch

#: Where code of libraries comes from; "<" is code that is in no file.
_FOREIGN = ("<", *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))


@dataclass(frozen=True)
class Outcome:
    """What became of a point: a result as JSON text, an error, or the state of a checkpoint from which it goes on.

    seconds: how long it took, or its last stretch, None if nobody knows.
    """

    result: str | None
    error: str | None
    seconds: float | None
    state: bytes | None = None


def measured(stretch: Stretch, parameters: Parameters, state: bytes | None) -> Outcome:
    """Measure one stretch of a point; an exception, also from a result that is not plain JSON, becomes an error.

    Runs with one BLAS thread, in the process pool and on a cluster alike: sums in another order are other numbers.
    """
    _one_blas_thread()
    begin = time.perf_counter()
    result, error, reached = None, None, None
    try:
        found = stretch(parameters, state)
        if isinstance(found, Checkpoint):
            reached = found.state
        else:
            result = json.dumps(found, sort_keys=True, allow_nan=False)
    except (Exception, SystemExit) as raised:  # a point may fail in any way; the sweep must say so and go on
        error = told(raised)
    return Outcome(result, error, time.perf_counter() - begin, reached)


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
