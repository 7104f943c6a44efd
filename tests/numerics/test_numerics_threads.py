"""BLAS threads: catches a limit where none belongs, one that is missing, and one that outlives its block."""

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.linalg  # noqa: F401 - its own BLAS
import threadpoolctl

from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import integrate
from numerics.threads import for_workers, one_thread, threads_for


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    with threadpoolctl.threadpool_limits(2, "blas"):
        if blas_threads() != {2}:
            pytest.skip("this BLAS has one thread")
        yield


@pytest.mark.parametrize(
    ("shapes", "inside"),
    [
        ([(99, 99)], 2),
        ([(100, 100)], 1),
        ([(80, 80)] * 2, 1),
        ([(149, 149)] * 2, 1),
        ([(150, 150)], 2),
        ([(100, 100), (150, 100)], 2),
    ],
    ids=str,
)
def test_layers_of_middle_size_have_one_thread(shapes: list[tuple[int, int]], inside: int) -> None:
    with threads_for([np.empty(shape) for shape in shapes]):
        assert blas_threads() == {inside}
    assert blas_threads() == {2}


def test_threads_come_back_after_an_error_and_after_a_flow() -> None:
    with pytest.raises(ZeroDivisionError), threads_for([np.empty((120, 120))]):
        raise ZeroDivisionError
    assert blas_threads() == {2}
    integrate(MatrixCompletion(np.eye(120), np.eye(120)), [np.eye(120) / 2], residual_tolerance=1e-1)
    assert blas_threads() == {2}


def test_many_small_problems_have_one_thread_in_every_library() -> None:
    with one_thread():
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_workers_have_one_thread_and_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    handler = signal.getsignal(signal.SIGINT)
    with for_workers():
        assert (os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]) == ("1", "1")
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ
    assert signal.getsignal(signal.SIGINT) is handler
