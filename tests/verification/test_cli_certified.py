"""`rankproof trajectory --certified`: catches digits that are not proven, data whose radii do not cover the flow, a
start that is not the one of the decimals, and options that say nothing here."""

import csv
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from flint import arb

from numerics.balls import precision
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import limit
from numerics.certified_flow import certified_flow
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, Normalization
from verification.certified_trajectory import certified_dataset
from verification.cli import main
from verification.cli.problem import exact_layers_from, problem_and_layers
from verification.trajectory import trajectory_figure

# alpha = 0.1, m = 3 and w* = 0.7 are no binary numbers.
FAMILY = ["--mask", "diagonal", "--size", "2", "--depth", "3", "--init", "block:0.1:3", "--value", "0.7"]
EXACT = limit(BlockFamily(3, 2, 1, "0.7", "0.1", 3), 40)  # type: ignore[arg-type]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["trajectory", "--certified", *arguments])
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def shown(out: str, name: str) -> tuple[arb, arb]:
    line = next(line for line in out.splitlines() if line.strip().startswith(f"{name} ="))
    value, radius = line.split("=")[1].split("predicted")[0].split("+/-")
    return arb(value.strip()), arb(radius.strip())


@pytest.mark.parametrize("digits", [12, 25])
def test_printed_balls_contain_the_closed_form_and_are_as_narrow_as_asked(
    capsys: pytest.CaptureFixture[str], digits: int
) -> None:
    code, out, _ = run(capsys, *FAMILY, "--digits", str(digits))
    assert code == 0
    assert out.startswith("certified: enclosed")
    assert "rank of W(oo): at least 2, proven" in out
    assert "FAILS" not in out
    with precision(200):
        for name, proven in (("sigma_1", EXACT.first), ("sigma_2", EXACT.rest)):
            value, radius = shown(out, name)
            assert abs(value - proven) <= radius
            assert radius < arb(10) ** -digits * arb("1.1")


def test_an_undecided_flow_says_why_and_what_to_change_and_shows_no_limit(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, *FAMILY, "--max-steps", "3")
    assert code == 0
    assert out.startswith("certified: undecided, 3 Taylor pieces")
    assert "the knob: max_steps" in out
    assert "sigma_1" not in out


def test_radii_in_the_data_cover_the_enclosure_and_the_rounding(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "flow.nc"
    assert run(capsys, *FAMILY, "--out", str(path))[0] == 0
    with xr.open_dataset(path, engine="scipy") as data:
        found = data.load()
    assert found.attrs["stopped"] == "enclosed"
    assert all(one["holds"] for one in json.loads(found.attrs["hypotheses"]))
    for value, radius, proven in zip(found["limit"], found["limit_radius"], (EXACT.first, EXACT.rest), strict=True):
        assert abs(arb(float(value)) - proven) <= float(radius)
        assert float(radius) < 1e-15
    assert found["singular_value"].shape == found["radius"].shape
    # The start is exact: lambda = 0.1 (1 +- 1/3), and W(0) its cube.
    for value, radius, root in zip(
        found["singular_value"][0], found["radius"][0], (Fraction(2, 15), Fraction(1, 15)), strict=True
    ):
        assert abs(Fraction(float(value)) - root**3) <= Fraction(float(radius)) < Fraction(1, 10**15)
    # The predicted curve is a quadrature in time; they share no formula.
    inner = np.interp(found["predicted_time"], found["time"], found["singular_value"][:, 0])
    np.testing.assert_allclose(inner, found["predicted_singular_value"][:, 0], rtol=5e-3)
    legend = trajectory_figure(found).axes[0].get_legend()
    assert legend is not None
    assert any("limit, proven" in text.get_text() for text in legend.get_texts())


def test_the_table_says_what_is_proven(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "flow.csv"
    assert run(capsys, *FAMILY, "--digits", "12", "--out", str(path))[0] == 0
    with path.open() as file:
        rows = list(csv.DictReader(file))
    proven = [row for row in rows if row["series"] == "proven"]
    assert proven[-1]["time"] == "inf"
    assert abs(float(proven[-1]["singular_value_2"]) - float(EXACT.rest)) <= float(proven[-1]["radius_2"])
    assert {row["series"] for row in rows} == {"proven", "predicted"}


def test_values_and_block_layers_are_read_as_exact_decimals() -> None:
    given = {"mask": "diagonal", "size": "2", "value": "0.7", "targets": None, "depth": "3", "width": None}
    problem, layers = problem_and_layers(**given, init="block:0.1:3", product_scale=None)  # type: ignore[arg-type]
    assert problem.exact_targets == [Fraction(7, 10)] * 2
    assert problem.normalized(Normalization.MEAN_ALL).exact_targets == [Fraction(7, 10)] * 2
    exact = exact_layers_from("block:0.1:3", layers)
    assert exact[0].tolist() == [[Fraction(1, 10), Fraction(1, 30)], [Fraction(1, 30), Fraction(1, 10)]]
    _, gaussian = problem_and_layers(**given, init="gaussian:1", product_scale="0.1")  # type: ignore[arg-type]
    assert exact_layers_from("gaussian:1", gaussian)[0] is gaussian[0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--engine", "scipy"], "--engine: scipy is not usable together with --certified"),
        (["--residual", "1e-3"], "--residual: 1e-3 is not usable together with --certified"),
        (["--tolerance", "1e-3"], "--tolerance: 1e-3 is not usable together with --certified"),
        (["--max-time", "3"], "--max-time: 3 is not usable together with --certified"),
        (["--digits", "2"], "--digits: 2 is not an integer of at least 3"),
        (["--digits", "1000"], "--digits: 1000 is not at most 150"),
        (["--max-steps", "0"], "--max-steps: 0 is not an integer of at least 1"),
    ],
)
def test_bad_usage_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str, tmp_path: Path
) -> None:
    path = tmp_path / "flow.png"
    code, out, err = run(capsys, *FAMILY, *arguments, "--out", str(path))
    assert (code, out) == (2, "")
    assert line in err
    assert err.count("\n") == 1
    assert not path.exists()


def test_a_flow_without_a_piece_that_holds_has_no_picture() -> None:
    problem, layers = MatrixCompletion(np.eye(2), np.eye(2)), [np.eye(2)] * 2
    found = certified_flow(problem, layers, digits=5)
    with pytest.raises(ArgumentError, match="out: a picture or table of this flow is not possible"):
        certified_dataset(replace(found, run=replace(found.run, steps=())), None)


def test_decimals_in_a_file_are_exact_and_so_is_the_rank_that_they_have(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As floats 0.1, 0.3, 0.7 and 2.1 make a matrix of rank 2."""
    path = tmp_path / "rank_one.csv"
    path.write_text("0.1,0.3\n0.7,2.1\n")
    arguments = ["--mask", "full", "--size", "2", "--depth", "2", "--targets", str(path), "--digits", "20"]
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert "rank of W(oo): at least 1, proven" in out
    value, radius = shown(out, "sigma_2")
    assert value == 0
    assert radius < arb(10) ** -20
    assert "w_2,2 = 2.1\n" in out


def test_entries_that_are_not_observed_are_printed_with_proven_radii(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, *FAMILY, "--digits", "20")
    assert code == 0
    # W(oo) = (sigma_1 + sigma_2)/2 I + (sigma_1 - sigma_2)/2 (ones - I).
    with precision(200):
        value, radius = shown(out, "w_1,2")
        assert abs(value - (EXACT.first - EXACT.rest) / 2) <= radius < arb(10) ** -19
    assert "w_1,1 = 0.7" in out
