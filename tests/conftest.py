"""Precision state is reset around every test, and a test that leaks it fails; versions head every run."""

from collections.abc import Iterator
from pathlib import Path

import flint
import mpmath
import pytest
from hypothesis import HealthCheck, settings

from numerics.threads import one_thread
from verification.evidence import environment
from verification.witness import VARIABLE

pytest_plugins = ["pytester"]

settings.register_profile("rankproof", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rankproof")


def pytest_report_header() -> str:
    return environment()


@pytest.fixture(scope="session", autouse=True)
def workers_of_the_tests_do_not_wait_for_each_other() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(autouse=True)
def witnesses_of_the_tests_go_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "witnesses-of-the-test"))


@pytest.fixture(autouse=True)
def precision_does_not_leak() -> Iterator[None]:
    before = (flint.ctx.prec, mpmath.mp.prec)
    yield
    after = (flint.ctx.prec, mpmath.mp.prec)
    flint.ctx.prec, mpmath.mp.prec = before
    assert after == before, f"precision leaked: {before} became {after}"
