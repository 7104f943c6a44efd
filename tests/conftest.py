"""Precision state is reset around every test, and a test that leaks it fails; versions head every run."""

from collections.abc import Iterator

import flint
import mpmath
import pytest
from hypothesis import HealthCheck, settings

from verification.evidence import environment

pytest_plugins = ["pytester"]

settings.register_profile("rankproof", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rankproof")


def pytest_report_header() -> str:
    return environment()


@pytest.fixture(autouse=True)
def precision_does_not_leak() -> Iterator[None]:
    before = (flint.ctx.prec, mpmath.mp.prec)
    yield
    after = (flint.ctx.prec, mpmath.mp.prec)
    flint.ctx.prec, mpmath.mp.prec = before
    assert after == before, f"precision leaked: {before} became {after}"
