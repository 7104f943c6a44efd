"""The experiment of proved limits in small: catches an enclosure that misses a closed form, decimals that are narrower
than their ball, a start without a proof that is shown as proved, and starts that depend on each other."""

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import xarray as xr
from flint import arb, arb_mat
from hypothesis import given
from hypothesis import strategies as st

from numerics.balls import precision
from numerics.certified_flow.singular_values import singular_values
from numerics.depth_two import diagonal_limit
from numerics.errors import ArgumentError
from numerics.experiments import EXPERIMENTS
from numerics.experiments.certified_limits import ENCLOSED, MISSING, UNDECIDED, enclosure_text, problem_and_layers
from numerics.sweep.experiment import Parameters, Result

EXPERIMENT = EXPERIMENTS["certified-limits"]
DEFAULTS = {name: one.default for name, one in EXPERIMENT.settings.items()}
#: Few steps, so that some starts stay without a proof.
SETTINGS: dict[str, Any] = DEFAULTS | {"starts": 3, "depths": [2, 3], "digits": 12, "steps": 64}
POINTS = EXPERIMENT.points(SETTINGS)
PARTS = ("centre", "radius")


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return [EXPERIMENT.measure(point) for point in POINTS]


@pytest.fixture(scope="module")
def found(results: list[Result]) -> xr.Dataset:
    return EXPERIMENT.dataset(SETTINGS, POINTS, results)


def place(point: Parameters) -> dict[str, Any]:
    return {name: point[name] for name in ("depth", "mask", "start")}


def test_disconnected_limits_at_depth_two_are_those_of_the_closed_form(found: xr.Dataset) -> None:
    for point in POINTS:
        if (point["depth"], point["mask"]) != (2, "disconnected"):
            continue
        problem, layers = problem_and_layers(point)
        first, second = (np.array([[Fraction(entry) for entry in row] for row in layer]) for layer in layers)
        with precision(200):
            closed = singular_values(arb_mat(diagonal_limit(first, second, list(problem.exact_targets), 30).tolist()))
            shown = found.sel(place(point))
            for known, mode in zip(closed, (1, 2), strict=True):
                centre, radius = (arb(str(shown[f"singular_value_{part}"].sel(mode=mode).values)) for part in PARTS)
                assert abs(known - centre) <= radius
                assert radius < arb(10) ** -12


def test_what_is_not_proved_is_undecided_with_a_reason_and_a_knob(found: xr.Dataset) -> None:
    outcome = found["outcome"].values
    assert {UNDECIDED, ENCLOSED} == set(np.unique(outcome))
    undecided = outcome == UNDECIDED
    assert set(found["knob"].values[undecided]) == {"max_steps"}
    assert all("64 steps" in reason for reason in found["reason"].values[undecided])
    assert set(found["reason"].values[~undecided]) == {""}
    assert (found["steps"].values[undecided] == 64).all()
    assert not found["missing"].any()


def test_numbers_are_there_where_there_is_a_ball_and_nowhere_else(found: xr.Dataset) -> None:
    ball = np.isfinite(found["radius"].values)
    assert ball[found["outcome"].values == ENCLOSED].all()
    assert (found["radius"].values[found["outcome"].values == ENCLOSED] <= 1e-12).all()
    assert (np.isfinite(found["singular_value"].values) == ball[..., None]).all()
    assert ((found["rank"].values >= 0) == ball).all()
    positive = (found["singular_value_centre"].values[ball] != "0").sum(axis=-1)
    assert (positive == found["rank"].values[ball]).all()
    assert ((found["singular_value_centre"].values != "") == ball[..., None]).all()
    values = found["singular_value"].values[ball]
    assert (values[:, 0] >= values[:, 1]).all()


def test_more_steps_close_what_fewer_did_not_and_change_nothing_that_was_closed(
    found: xr.Dataset, results: list[Result]
) -> None:
    number = next(one for one, result in enumerate(results) if result["outcome"] == "undecided")
    assert EXPERIMENT.measure({**POINTS[number], "steps": 200})["outcome"] == "enclosed"
    number = next(one for one, result in enumerate(results) if result["outcome"] == "enclosed")
    assert EXPERIMENT.measure({**POINTS[number], "steps": 200}) == results[number]


def test_results_are_plain_json(results: list[Result]) -> None:
    assert json.loads(json.dumps(results, allow_nan=False))[0]["outcome"] == results[0]["outcome"]


def test_starts_are_their_own_and_do_not_change_with_their_number() -> None:
    drawn = [problem_and_layers(point) for point in POINTS]
    assert len({problem.targets[0, 0] for problem, _ in drawn}) == len(POINTS)
    assert len({layers[0][0, 0] for _, layers in drawn}) == len(POINTS)
    more = EXPERIMENT.points(SETTINGS | {"starts": 5, "depths": [3, 4]})
    assert [point for point in POINTS if point["depth"] == 3 and point not in more] == []


def test_layers_have_the_standard_deviation_asked_for() -> None:
    points = EXPERIMENT.points(SETTINGS | {"starts": 100, "scale": 0.3})
    entries = np.concatenate([np.ravel(layers) for _, layers in map(problem_and_layers, points)])
    assert entries.std() == pytest.approx(0.3, rel=0.05)
    ranks = [np.linalg.matrix_rank(problem.targets) for problem, _ in map(problem_and_layers, points[:100])]
    # Disconnected: the unobserved zeros make a diagonal of the truth.
    assert set(ranks) == {2}


def test_what_is_not_computed_is_neither_proved_nor_undecided(results: list[Result]) -> None:
    drawn = EXPERIMENT.dataset(SETTINGS, POINTS, [results[0], *[None] * (len(POINTS) - 1)])
    assert drawn["outcome"].values.ravel().tolist() == [ENCLOSED, *[MISSING] * (len(POINTS) - 1)]
    assert int(drawn["missing"].sum()) == len(POINTS) - 1


def test_a_hundred_starts_by_default() -> None:
    assert 100 <= len(EXPERIMENT.points(DEFAULTS)) <= 110


@given(st.fractions(0, 3), st.integers(-60, 2), st.integers(24, 200))
def test_decimals_contain_their_ball_and_hardly_more(centre: Fraction, exponent: int, bits: int) -> None:
    with precision(bits):
        middle = arb(centre.numerator) / centre.denominator
        value = (middle + arb(0, arb(10) ** exponent)).nonnegative_part()
        shown, radius = map(arb, enclosure_text(value))
    with precision(400):
        around = shown + arb(0, radius.upper())
        assert around.contains(value)
        if value > 0:
            assert shown > 0
            assert radius < arb("1.1") * value.rad()
        else:
            assert radius <= arb("1.05") * value.upper()


def test_a_ball_that_holds_zero_is_an_upper_bound() -> None:
    with precision(100):
        assert enclosure_text(arb(0, arb("1e-30")).nonnegative_part()) == ("0", "1.01e-30")


@pytest.mark.parametrize(
    ("name", "text"),
    [("digits", "2"), ("digits", "151"), ("starts", "0"), ("depths", "1"), ("scale", "-1"), ("steps", "0")],
)
def test_bad_settings_are_one_line_that_names_them(name: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{name}: {text} is not") as error:
        EXPERIMENT.settings[name].read(text)
    assert "\n" not in str(error.value)
