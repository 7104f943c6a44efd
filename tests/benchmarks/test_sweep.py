"""What the sweep runner costs, as ratios measured in one run. Off by default: `make bench`. Takes a few minutes.

Points are 10 ms of processor time. They are measured in turn by bare processes, which only share them out beforehand,
and by the runner in a pool that is up already; medians of repetitions, because machines are shared. On a machine with
other work the processor time of all processes together says more than the clock.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from toy_experiments import defaults, measure, toy

from numerics.sweep import Store, Workers, joined, process_pool, run

POINTS, MILLISECONDS, REPETITIONS = 600, 10, 5

#: (way, workers, "clock" or "processor") to seconds, one per repetition.
Seconds = dict[tuple[str, int, str], list[float]]


def share(trials: list[int]) -> int:
    for trial in trials:
        measure({"kind": "plain", "trial": trial, "seed": 0, "milliseconds": MILLISECONDS})
    return len(trials)


def bare(workers: Workers, count: int) -> None:
    parts = [list(range(part, POINTS, count)) for part in range(count)]
    assert sum(call.result() for call in [workers.executor.submit(share, part) for part in parts]) == POINTS


def sweep(workers: Workers, path: Path, **changed: Any) -> None:
    @contextmanager
    def ready() -> Iterator[Workers]:
        yield workers

    settings = defaults(trials=POINTS) | (changed or {"milliseconds": MILLISECONDS})
    with Store(path, create=True) as store, joined(store, toy(), settings) as claims:
        assert run(claims, toy(), ready).done == POINTS


def processor_seconds() -> float:
    """Of this process and its children."""
    times = [psutil.Process(one.pid).cpu_times() for one in multiprocessing.active_children() if one.pid is not None]
    return time.process_time() + sum(one.user + one.system for one in times)


def spent(work: Callable[[], None]) -> dict[str, float]:
    clock, processor = time.perf_counter(), processor_seconds()
    work()
    return {"clock": time.perf_counter() - clock, "processor": processor_seconds() - processor}


@pytest.fixture(scope="module")
def seconds(tmp_path_factory: pytest.TempPathFactory) -> Seconds:
    """What bare processes and the runner spent, with one worker and with two, taken in turn."""
    folder = tmp_path_factory.mktemp("stores")
    found: Seconds = {}
    with process_pool(1) as one, process_pool(2) as two:
        for repetition in range(-1, REPETITIONS):
            for count, workers in ((1, one), (2, two)):
                path = folder / f"{count}-{repetition}.sqlite"
                ways: dict[str, Callable[[], None]] = {
                    "bare": lambda workers=workers, count=count: bare(workers, count),
                    "sweep": lambda workers=workers, path=path: sweep(workers, path),
                }
                for way, work in ways.items():
                    for kind, value in spent(work).items():
                        # The first time, workers import what they measure with.
                        if repetition >= 0:
                            found.setdefault((way, count, kind), []).append(value)
    return found


def ratio(name: str, above: list[float], below: list[float]) -> float:
    ratios = sorted(one / other for one, other in zip(above, below, strict=True))
    middle = statistics.median(ratios)
    print(f"{name}: {middle:.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")
    return middle


@pytest.mark.parametrize("kind", ["clock", "processor"])
@pytest.mark.parametrize("count", [1, 2])
def test_the_runner_costs_less_than_a_twentieth(seconds: Seconds, count: int, kind: str) -> None:
    name = f"workers {count}, {kind}: runner / bare processes"
    assert ratio(name, seconds["sweep", count, kind], seconds["bare", count, kind]) < 1.05


def test_two_workers_are_nearly_twice_as_fast_as_one(seconds: Seconds) -> None:
    """1.7 times where bare processes are twice as fast; less where other work leaves them less than two processors."""
    bare = ratio("bare processes, one worker / two", seconds["bare", 1, "clock"], seconds["bare", 2, "clock"])
    assert ratio("runner, one worker / two", seconds["sweep", 1, "clock"], seconds["sweep", 2, "clock"]) >= 0.85 * bare


def test_two_workers_are_kept_busy(tmp_path: Path) -> None:
    """With points that wait and need no processor, so that other work on the machine does not matter."""
    times: dict[int, list[float]] = {1: [], 2: []}
    with process_pool(1) as one, process_pool(2) as two:
        for repetition in range(-1, REPETITIONS):
            for count, workers in ((1, one), (2, two)):
                path = tmp_path / f"{count}-{repetition}.sqlite"
                found = spent(lambda workers=workers, path=path: sweep(workers, path, kinds=["nap"]))
                if repetition >= 0:
                    times[count].append(found["clock"])
    assert ratio("waiting points, one worker / two", times[1], times[2]) >= 1.7
