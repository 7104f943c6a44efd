"""`rankproof trajectory`: catches a picture without its prediction, data that differ from the flow, and bad usage."""

import csv
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from numerics.block_diagonal import BlockFamily
from numerics.block_limit import limit
from verification.cli import main
from verification.trajectory import trajectory_figure

FAMILY = ["--mask", "diagonal", "--size", "2", "--depth", "3", "--init", "block:0.25:8"]
EXACT = limit(BlockFamily(3, 2, 1, 1, "0.25", 8), 30)  # type: ignore[arg-type]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["trajectory", *arguments])
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def value_of(text: str, name: str) -> float:
    line = next(line for line in text.splitlines() if line.strip().startswith(f"{name} ="))
    return float(line.split("=")[1].split()[0])


@pytest.mark.parametrize("engine", ["scipy", "scipy:Radau", "taylor", "chebyshev"])
def test_every_engine_ends_at_the_certified_limit(capsys: pytest.CaptureFixture[str], engine: str) -> None:
    code, out, _ = run(capsys, *FAMILY, "--engine", engine)
    assert code == 0
    claimed = int(out.split("digits claimed:")[1].split()[0])
    assert claimed >= (2 if engine == "chebyshev" else 8)
    tolerance = float(EXACT.first) * 10.0**-claimed
    assert abs(value_of(out, "sigma_1") - float(EXACT.first)) < tolerance
    assert abs(value_of(out, "sigma_2") - float(EXACT.rest)) < tolerance
    assert "predicted by block-limit" in out
    assert "warning" not in out


def test_digits_are_printed_and_true(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, *FAMILY, "--digits", "28")
    assert code == 0
    assert out.startswith("taylor")
    for name, proven in (("sigma_1", EXACT.first), ("sigma_2", EXACT.rest)):
        line = next(line for line in out.splitlines() if line.strip().startswith(f"{name} ="))
        digits = line.split("=")[1].split()[0]
        assert digits[:27] == proven.mid().str(28, radius=False)[:27]


def test_the_dataset_holds_the_flow_and_the_prediction(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "flow.nc"
    assert run(capsys, *FAMILY, "--out", str(path))[0] == 0
    with xr.open_dataset(path, engine="scipy") as data:
        assert data.attrs["predicted_by"] == "block-limit"
        assert data["predicted_limit"].values == pytest.approx([float(EXACT.first), float(EXACT.rest)], rel=1e-12)
        # The predicted curve is a quadrature in time; the flow is integrated. They share no formula.
        for mode in (0, 1):
            along = np.interp(
                data["predicted_time"].values, data["time"].values, np.log(data["singular_value"].values[:, mode])
            )
            assert np.max(np.abs(np.exp(along) / data["predicted_singular_value"].values[:, mode] - 1)) < 0.02
        products, values = data["end_to_end"].values, data["singular_value"].values
        assert np.linalg.norm(products, axis=(1, 2)) == pytest.approx(np.linalg.norm(values, axis=1))
        loss = 0.5 * np.sum(np.where(data["mask"], products - data["target"].values, 0) ** 2, axis=(1, 2))
        assert data["loss"].values == pytest.approx(loss)


def test_the_table_has_measured_and_predicted_rows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "flow.csv"
    assert run(capsys, *FAMILY, "--out", str(path))[0] == 0
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["series"] for row in rows} == {"measured", "predicted"}
    assert rows[-1]["time"] == "inf"
    assert float(rows[-1]["singular_value_1"]) == pytest.approx(float(EXACT.first), rel=1e-12)
    last = [row for row in rows if row["series"] == "measured"][-1]
    assert float(last["singular_value_2"]) == pytest.approx(float(EXACT.rest), rel=1e-5)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_pictures_appear_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"flow.{ending}"
    assert run(capsys, *FAMILY, "--out", str(path))[0] == 0
    assert path.stat().st_size > 5_000
    assert list(tmp_path.iterdir()) == [path]


def test_the_picture_names_its_axes_and_its_prediction(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "flow.nc"
    run(capsys, *FAMILY, "--out", str(path), "--normalization", "mean-observed")
    with xr.open_dataset(path, engine="scipy") as data:
        figure = trajectory_figure(data)
    top, bottom = figure.axes
    assert "singular values" in top.get_ylabel()
    assert bottom.get_ylabel() == "loss (mean-observed)"
    assert "time" in bottom.get_xlabel()
    legend = top.get_legend()
    assert legend is not None
    assert "predicted\n(block-limit)" in [text.get_text() for text in legend.get_texts()]


def test_depth_two_from_any_start_is_predicted(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, "--mask", "diagonal", "--size", "3", "--depth", "2", "--width", "5", "--init", "gaussian:4"
    )
    assert code == 0
    assert "predicted by depth2-diagonal-limit" in out
    for number in (1, 2, 3):
        line = next(line for line in out.splitlines() if line.strip().startswith(f"sigma_{number} ="))
        measured, predicted = line.split("=")[1].split("predicted")
        assert float(measured) == pytest.approx(float(predicted), abs=1e-8)


def test_no_theorem_no_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--mask", "all-but:2,2", "--size", "2", "--depth", "3")
    assert code == 0
    assert "predicted" not in out


def test_a_normalization_rescales_the_predicted_time_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    times = []
    for normalization in ("sum/2", "mean-all"):
        path = tmp_path / "flow.nc"
        run(capsys, *FAMILY, "--normalization", normalization, "--out", str(path))
        with xr.open_dataset(path, engine="scipy") as data:
            times.append((float(data["time"][-1]), float(data["predicted_time"][-1])))
    # Four entries: the mean over all entries runs at 2/4 of the speed of sum/2.
    assert times[1][1] == pytest.approx(2 * times[0][1])
    assert times[1][0] == pytest.approx(2 * times[0][0], rel=0.05)


def test_an_early_end_says_what_to_change(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, *FAMILY, "--max-steps", "3")
    assert code == 0
    assert "not converged: raise max_steps" in out
    assert "digits claimed: 0" in out
    code, out, _ = run(capsys, *FAMILY, "--max-time", "0.5")
    assert code == 0
    assert "at t = 0.5" in out
    assert "singular values of W(t)" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--engine", "scipy", "--digits", "20"], ["--digits", "taylor"]),
        (["--engine", "euler"], ["--engine", "euler", "chebyshev"]),
        (["--engine", "scipy:Euler"], ["--engine", "DOP853"]),
        (["--digits", "0"], ["--digits"]),
        (["--digits", "1000"], ["--digits", "at most"]),
        (["--digits", "20", "--residual", "1e-3"], ["--residual", "--digits"]),
        (["--tolerance", "0"], ["--tolerance", "positive"]),
        (["--residual", "-1"], ["--residual", "positive"]),
        (["--max-time", "nan"], ["--max-time"]),
        (["--max-steps", "many"], ["--max-steps"]),
        (["--out", "flow.txt"], ["--out", ".png"]),
    ],
)
def test_bad_usage_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]) -> None:
    code, out, err = run(capsys, *FAMILY, *arguments)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert all(word in err for word in words), err


def test_a_missing_extra_is_one_line_with_the_remedy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "heyoka", None)
    code, out, err = run(capsys, "--mask", "full", "--size", "2x3", "--depth", "2", "--engine", "taylor")
    assert (code, out) == (2, "")
    assert "pip install 'rankproof[taylor]'" in err
