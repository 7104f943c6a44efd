"""The sweep itself: points are claimed, measured in some executor, and kept as they come.

Only as many points are in flight as keep the workers busy, so that a kill costs little and two runners share evenly.
A worker process that dies takes every point in flight with it, and nobody knows which of them it died of: they are
measured again one at a time, and one whose worker dies twice while it is alone has failed.
A long point waits again after each stretch, to go on from the checkpoint that is kept then: a kill costs one stretch.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, Future
from contextlib import AbstractContextManager, suppress
from queue import Empty, SimpleQueue

from numerics.errors import ArgumentError
from numerics.sweep.claims import HEARTBEAT_SECONDS, Claims, Point
from numerics.sweep.executors import Workers
from numerics.sweep.experiment import Experiment, Stretch
from numerics.sweep.measurement import Outcome, measured, told
from numerics.sweep.store import Counts, counts

#: Results are gathered for at most so long before they are written, and only while the workers have something to do.
_GATHER_SECONDS = 0.1
#: Work in flight for each worker: two points, or where they are short so many seconds, but at most so many points.
_AHEAD_SECONDS, _MOST_AHEAD = 0.3, 100
#: How often a runner without points looks whether those of others have come free.
_POLL_SECONDS = 0.5
#: How often progress is told.
_TELL_SECONDS = 0.5

_DIED = Outcome(None, "death of the worker process, twice, while it measured this point alone (out of memory?)", None)

#: Points that a worker may have died of, and how often one died while it measured that point alone.
Doubtful = deque[tuple[Point, int]]


def run(
    claims: Claims,
    experiment: Experiment,
    start: Callable[[], AbstractContextManager[Workers]],
    tell: Callable[[Counts], None] = lambda found: None,
) -> Counts:
    """Measure every point of the store that waits, in the workers that `start` brings up, until all are finished.

    Points that other runners have claimed are waited for, and measured here when those runners die. A point that fails
    is kept with its error. `tell` hears of progress now and then. On an exception, Ctrl-C too, what was measured is
    kept. Raises ArgumentError when the store or the workers cannot be used.
    """
    doubtful: Doubtful = deque()
    told_at = -math.inf

    def tell_seldom() -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _TELL_SECONDS:
            tell(counts(claims.store))
            told_at = time.monotonic()

    while doubtful or _any_waits(claims, tell_seldom):
        # Workers of which one has died are of no use any more; the next ones begin with what is in doubt.
        with suppress(BrokenExecutor), start() as workers:
            flight = _Flight(workers, experiment.next_stretch)
            _measure_alone(claims, flight, doubtful, tell_seldom)
            _measure_together(claims, flight, doubtful, tell_seldom)
    return counts(claims.store)


def _any_waits(claims: Claims, tell: Callable[[], None]) -> bool:
    """Whether a point waits; as long as none does but other runners hold claims, wait for those."""
    while not (found := counts(claims.store)).waiting and found.left:
        tell()
        time.sleep(_POLL_SECONDS)
        claims.beat()
    return found.waiting > 0


class _Flight:
    """The points that some workers are measuring."""

    def __init__(self, workers: Workers, stretch: Stretch) -> None:
        self.workers, self.stretch = workers, stretch
        self.points: dict[Future[Outcome], Point] = {}
        self.landed: SimpleQueue[Future[Outcome]] = SimpleQueue()
        self.sent_again: set[str] = set()
        self.seconds = math.inf

    def room(self) -> int:
        """How many more points to send so that the workers stay busy."""
        ahead = min(_MOST_AHEAD, max(2, math.ceil(_AHEAD_SECONDS / max(self.seconds, 1e-6))))
        return max(0, ahead * max(1, self.workers.count()) - len(self.points))

    def send(self, points: Iterable[Point]) -> None:
        """Have the points measured; where the workers are of no use any more they land at once."""
        for point in points:
            try:
                future = self.workers.executor.submit(measured, self.stretch, point.parameters, point.state)
            except BrokenExecutor as error:
                future = Future()
                future.set_exception(error)
            self.points[future] = point
            future.add_done_callback(self.landed.put)

    def gather(self) -> list[tuple[Point, Outcome | None]]:
        """What was measured since the last time, waiting for the first; None where a worker died.

        Empty when nothing lands for as long as a runner may be silent. Raises CancelledError when the executor drops a
        point.
        """
        due = time.monotonic() + _GATHER_SECONDS
        futures = []
        with suppress(Empty):
            futures.append(self.landed.get(timeout=HEARTBEAT_SECONDS))
            enough = max(1, self.workers.count())
            while len(self.points) - len(futures) > enough and (left := due - time.monotonic()) > 0:
                futures.append(self.landed.get(timeout=left))
        while not self.landed.empty():
            futures.append(self.landed.get())
        errors = {future: future.exception() for future in futures}
        again = [future for future, error in errors.items() if error is not None and self._once_more(future, error)]
        if again:
            # Raises if the workers are gone: the next attempt would be in vain.
            self.workers.count()
        landed = {future: self.points.pop(future) for future in futures}
        self.send(landed.pop(future) for future in again)
        found = [(point, _outcome(future)) for future, point in landed.items()]
        if times := [one.seconds for _, one in found if one is not None and one.seconds is not None]:
            self.seconds = sum(times) / len(times)
        return found

    def _once_more(self, future: Future[Outcome], error: BaseException) -> bool:
        """Whether a point that came back without an outcome is to be sent again: the transport is at fault, once."""
        address = self.points[future].address
        first = address not in self.sent_again and not isinstance(error, BrokenExecutor)
        self.sent_again.add(address)
        return first


def _outcome(future: Future[Outcome]) -> Outcome | None:
    """The outcome of a point, or of the transport where that is at fault; None when a worker died."""
    error = future.exception()
    if isinstance(error, BrokenExecutor):
        return None
    return future.result() if error is None else Outcome(None, told(error), None)


def _measure_alone(claims: Claims, flight: _Flight, doubtful: Doubtful, tell: Callable[[], None]) -> None:
    """Measure one doubtful point after the other. Raises BrokenExecutor when a worker dies."""
    while doubtful:
        point, deaths = doubtful.popleft()
        flight.send([point])
        while not (found := flight.gather()):
            claims.beat()
        ((_, outcome),) = found
        if outcome is None and not deaths:
            doubtful.appendleft((point, 1))
        else:
            claims.exchange([(point, outcome or _DIED)], 0)
        tell()
        if outcome is None:
            raise BrokenExecutor


def _measure_together(claims: Claims, flight: _Flight, doubtful: Doubtful, tell: Callable[[], None]) -> None:
    """Measure what waits. Raises BrokenExecutor when a worker dies; what was in flight is in doubt then."""
    ready: list[tuple[Point, Outcome]] = []
    try:
        while True:
            flight.send(claims.exchange(ready, flight.room()))
            ready = []
            tell()
            if not flight.points:
                return
            found = flight.gather()
            if any(outcome is None for _, outcome in found):
                while flight.points:
                    found += flight.gather()
            ready = [(point, outcome) for point, outcome in found if outcome is not None]
            doubtful.extend((point, 0) for point, outcome in found if outcome is None)
            if doubtful:
                claims.exchange(ready, 0)
                raise BrokenExecutor
    except BrokenExecutor:
        raise
    except BaseException:
        landed = [
            (future, point) for future, point in flight.points.items() if future.done() and not future.cancelled()
        ]
        kept = [(point, future.result()) for future, point in landed if future.exception() is None]
        # When the store itself is what failed, these are measured again.
        with suppress(ArgumentError):
            claims.exchange(ready + kept, 0)
        raise
