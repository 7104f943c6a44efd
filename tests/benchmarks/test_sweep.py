"""What the sweep runner costs, as ratios measured in one run. Off by default: `make bench`. Takes a minute or two.

Points are 10 ms of processor time. They are measured in turn by bare processes, which only share them out beforehand,
and by the runner in a pool that is up already; medians of repetitions, because machines are shared.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from toy_experiments import defaults, measure, toy

from numerics.sweep import Store, Workers, joined, process_pool, run

POINTS, MILLISECONDS, REPETITIONS = 400, 10, 7


def share(trials: list[int]) -> int:
    for trial in trials:
        measure({"kind": "plain", "trial": trial, "seed": 0, "milliseconds": MILLISECONDS})
    return len(trials)


def bare_seconds(workers: Workers, count: int) -> float:
    begin = time.perf_counter()
    parts = [list(range(part, POINTS, count)) for part in range(count)]
    assert sum(call.result() for call in [workers.executor.submit(share, part) for part in parts]) == POINTS
    return time.perf_counter() - begin


def sweep_seconds(workers: Workers, path: Path) -> float:
    @contextmanager
    def ready() -> Iterator[Workers]:
        yield workers

    start: AbstractContextManager[Workers] = ready()
    with (
        Store(path, create=True) as store,
        joined(store, toy(), defaults(trials=POINTS, milliseconds=MILLISECONDS)) as claims,
    ):
        begin = time.perf_counter()
        assert run(claims, toy(), lambda: start).done == POINTS
        return time.perf_counter() - begin


@pytest.fixture(scope="module")
def seconds(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], list[float]]:
    """Times of bare processes and of the runner, with one worker and with two, taken in turn."""
    folder = tmp_path_factory.mktemp("stores")
    found: dict[tuple[str, int], list[float]] = {(way, count): [] for way in ("bare", "sweep") for count in (1, 2)}
    with process_pool(1) as one, process_pool(2) as two:
        for repetition in range(-1, REPETITIONS):
            for count, workers in ((1, one), (2, two)):
                bare = bare_seconds(workers, count)
                sweep = sweep_seconds(workers, folder / f"{count}-{repetition}.sqlite")
                # The first time, workers import what they measure with.
                if repetition >= 0:
                    found["bare", count].append(bare)
                    found["sweep", count].append(sweep)
    return found


@pytest.mark.parametrize("count", [1, 2])
def test_the_runner_costs_less_than_a_twentieth(seconds: dict[tuple[str, int], list[float]], count: int) -> None:
    ratios = [sweep / bare for sweep, bare in zip(seconds["sweep", count], seconds["bare", count], strict=True)]
    print(f"{count} workers: runner / bare processes {statistics.median(ratios):.3f}, {sorted(ratios)}")
    assert statistics.median(ratios) < 1.05


def test_two_workers_are_nearly_twice_as_fast_as_one(seconds: dict[tuple[str, int], list[float]]) -> None:
    for way in ("bare", "sweep"):
        ratios = [one / two for one, two in zip(seconds[way, 1], seconds[way, 2], strict=True)]
        print(f"{way}: speed-up on two workers {statistics.median(ratios):.3f}, {sorted(ratios)}")
    assert statistics.median(ratios) >= 1.7
