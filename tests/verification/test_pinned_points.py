"""Points at which a check once refuted a true statement, because the error of what it measured was taken too small."""

import pytest

from numerics.balls import precision
from verification import catalogue
from verification.checks import Falsification, Trajectory
from verification.claim import Truth, judge
from verification.parameters import Point
from verification.statement import Statement


def point_of(statement: Statement, values: dict[str, int]) -> Point:
    return {symbol: values[str(symbol)] for symbol in statement.parameters.symbols if str(symbol) in values}


def test_a_singular_value_near_a_crossing() -> None:
    """Sixth-order differences of a singular value that bends within the stencil (full profile, seed 7)."""
    statement = catalogue.statement("singular-value-dynamics")
    check = next(check for check in statement.checks if isinstance(check, Falsification))
    point = point_of(statement, {"L": 4, "rows": 4, "columns": 4, "width": 4, "seed": 980317, "r": 1})
    with precision(128):
        claim = statement.claim("rate")
        assert claim is not None
        assert judge(claim, {**point, **check.observe(point, 20)}, 6).truth is not Truth.FALSE


@pytest.mark.parametrize("seed", [915107])
def test_a_stencil_that_starts_near_a_saddle(seed: int) -> None:
    """All speeds are small there, and the stencil once reached past the end of the flow (full profile, seed 7)."""
    statement = catalogue.statement("end-to-end-flow")
    check = next(check for check in statement.checks if isinstance(check, Trajectory))
    point = point_of(statement, {"L": 2, "rows": 2, "columns": 2, "width": 5, "seed": seed})
    with precision(128):
        claim = statement.claim("flow")
        assert claim is not None
        snapshots = check.observe(point).snapshots
        assert snapshots
        assert all(judge(claim, {**point, **values}, 6).truth is not Truth.FALSE for values in snapshots)
