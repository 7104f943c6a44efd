"""Catches a shifted flow that does not follow the greedy stage, and a measured lag that is not the formula's."""

import numpy as np
import pytest

from numerics.counter_example import counter_example
from numerics.errors import ArgumentError
from numerics.gradient_flow import StopReason
from numerics.greedy import glrl_symmetric
from numerics.infinitesimal_flow import Outcome, infinitesimal_flow
from numerics.objective import completion
from numerics.small_start import measured_lag, stage_distance, stop_reason

PROBLEM = counter_example("1.5")
STAGE = glrl_symmetric(completion(PROBLEM)).stages[0]
TIMES = np.linspace(-2, 3, 11)


def test_the_distance_falls_by_the_predicted_factor_from_the_identity():
    far, near = (
        stage_distance(infinitesimal_flow(completion(PROBLEM), np.eye(4), alpha), STAGE, TIMES)
        for alpha in ("1e-6", "1e-7")
    )
    ratio = STAGE.start.rates[1] / STAGE.start.rates[0]
    assert far / near == pytest.approx(10 ** (2 * (1 - ratio)), rel=1e-2)


def test_without_the_shift_the_flow_is_not_the_stage():
    flow = infinitesimal_flow(completion(PROBLEM), np.eye(4), "1e-6")
    unshifted = max(np.linalg.norm(flow.matrix(time + 2.0) - STAGE.matrix(time)) for time in TIMES)
    assert unshifted > 1 > 1e3 * stage_distance(flow, STAGE, TIMES)


def test_the_measured_lag_is_the_time_shift_and_grows_as_the_start_shrinks():
    start = np.random.default_rng(3).standard_normal((4, 4))
    lags = [measured_lag(PROBLEM, alpha * start, STAGE) for alpha in (1e-5, 1e-6)]
    assert all(flow.reason is StopReason.CONVERGED for _, flow in lags)
    shift = infinitesimal_flow(completion(PROBLEM), start, 1e-6).time_shift
    assert lags[1][0] == pytest.approx(shift, abs=1e-5)
    assert lags[1][0] - lags[0][0] == pytest.approx(np.log(10) / STAGE.start.escape_rate, rel=1e-4)


def test_a_start_beyond_half_of_the_end_is_refused():
    with pytest.raises(ArgumentError, match="start"):
        measured_lag(PROBLEM, 5.0 * np.eye(4), STAGE)


def test_one_path_without_a_minimum_is_enough_to_be_no_convergence():
    assert stop_reason([Outcome.MINIMUM, Outcome.MINIMUM]) is StopReason.CONVERGED
    assert stop_reason([Outcome.MINIMUM, Outcome.NOT_SETTLED]) is StopReason.STEPS
    assert stop_reason([Outcome.NO_COLUMNS, Outcome.MINIMUM]) is StopReason.STATIONARY
