"""Where points are measured: a pool of processes on this machine, or an existing dask.distributed cluster."""

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait

from numerics.errors import ArgumentError, MissingExtra
from numerics.threads import for_workers

#: How long a scheduler may take to answer.
SCHEDULER_SECONDS = 5


@dataclass(frozen=True)
class Workers:
    """An executor that is ready, and how many points it measures at once; asked anew, because clusters grow."""

    executor: Executor
    count: Callable[[], int]


@contextmanager
def process_pool(workers: int) -> Iterator[Workers]:
    """A pool of fresh processes, each with one BLAS thread; they end with the process that started them.

    A block that ends with an error does not wait for the points that are being measured. Raises ArgumentError when
    the processes cannot be started.
    """
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        with for_workers():
            # The pool starts a process for every call that finds none idle.
            calls = [pool.submit(os.getpid) for _ in range(workers)]
        _require_started(workers, calls)
        yield Workers(pool, lambda: workers)
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise


def _require_started(workers: int, calls: Sequence[Future[int]]) -> None:
    try:
        for call in calls:
            call.result()
    except BrokenExecutor as error:
        raise ArgumentError("workers", workers, f"possible here: its processes do not start ({error})") from None


@contextmanager
def dask_cluster(address: str) -> Iterator[Workers]:
    """The workers of the scheduler at `address`, which must be able to import the experiment.

    Raises MissingExtra without dask.distributed, and ArgumentError when the scheduler is not reached or is lost.
    """
    try:
        import distributed
        from distributed.comm import get_address_host_port
    except ImportError:
        raise MissingExtra("scheduler", address, "usable: run: pip install 'rankproof[cluster]'") from None
    try:
        # A client that cannot make sense of its address is never closed: it complains when the process ends.
        get_address_host_port(address)
        client = distributed.Client(address, timeout=SCHEDULER_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, ImportError):
        raise ArgumentError(
            "scheduler", address, f"the address of a dask scheduler that answers within {SCHEDULER_SECONDS} s"
        ) from None
    executor = client.get_executor(pure=False)

    def threads() -> int:
        if client.status != "running":
            raise ConnectionError
        return sum(client.nthreads().values())

    # What they would complain of is said below, in one line.
    with _silent("distributed.client", "tornado.application"):
        try:
            yield Workers(executor, threads)
        except ArgumentError:
            raise
        except Exception as error:
            if client.status == "running" and not isinstance(error, CancelledError | OSError):
                raise
            raise ArgumentError(
                "scheduler", address, "answering any more; finished points are kept, the same command goes on"
            ) from None
        finally:
            executor.shutdown(wait=False)
            client.close(timeout=SCHEDULER_SECONDS)


@contextmanager
def _silent(*names: str) -> Iterator[None]:
    """Nothing is logged under these names inside."""
    loggers = {logger: logger.level for logger in map(logging.getLogger, names)}
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in loggers.items():
            logger.setLevel(level)


def _begin() -> None:
    """Tie the life of a worker to that of its parent; one that is killed cannot tell its workers to stop."""
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
