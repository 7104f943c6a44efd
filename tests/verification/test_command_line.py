"""The command line at work: catches wrong digits, a radius that does not cover, keys that move, a wrong file."""

import csv
import io
import itertools
import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import xarray as xr

from verification import catalogue
from verification.cli import main

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command that must succeed, in this process; returns what it printed."""

    def succeed(*arguments: object, code: int = 0) -> str:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert stop.value.code == code, printed.err
        assert printed.err == ""
        return printed.out

    return succeed


def limit_options(depth: Any, blocks: Any, block_size: Any, value: Any, alpha: Any, m: Any) -> list[str]:
    pairs = {
        "--depth": depth,
        "--blocks": blocks,
        "--block-size": block_size,
        "--value": value,
        "--alpha": alpha,
        "--m": m,
    }
    return [str(part) for pair in pairs.items() for part in pair]


def limit_json(run: Run, *family: Any, digits: int = 20) -> dict:
    return json.loads(run("limit", *limit_options(*family), "--digits", digits, "--json"))


# (L, n, s, w*, alpha, m), sigma_1, sigma_2: THEORY.md, section 3
PRINTED = [
    ((3, 2, 1, "1", "0.1", "2"), "1.99964531508817", "3.54684911827437e-4"),
    ((3, 3, 2, "1.5", "0.05", "4"), "8.99452272009315", "2.73863995342649e-3"),
    ((4, 2, 3, "0.7", "0.1", "10"), "4.16039625787579", "3.96037421242098e-2"),
    ((5, 4, 1, "1", "0.3", "1.5"), "3.99996995311823", "1.00156272582903e-5"),
    ((6, 2, 2, "2", "0.4", "50"), "6.24152020156154", "1.75847979843846"),
]


@pytest.mark.parametrize(("family", "first", "second"), PRINTED)
def test_limit_agrees_with_the_printed_values(family: tuple, first: str, second: str, run: Run) -> None:
    found = limit_json(run, *family)["singular_values"]
    for mode, printed in zip(found, (first, second), strict=False):
        assert abs(Decimal(mode["value"]) / Decimal(printed) - 1) < Decimal("1e-14")
    blocks, size = family[1], family[2]
    expected = [1, blocks - 1] + ([blocks * (size - 1)] if size > 1 else [])
    assert [mode["multiplicity"] for mode in found] == expected


def truth(family: tuple, digits: int) -> list[mpmath.mpf]:
    """sigma_1 and sigma_2 by mpmath alone, from conservation of lambda_2^(2-L) - lambda_1^(2-L) and the trace.

    The unknown is lambda_2/lambda_1, which the package solves for in no place.
    """
    depth, n, s, value, alpha, m = family
    with mpmath.workdps(digits):
        value, alpha = (mpmath.mpf(Fraction(x).numerator) / Fraction(x).denominator for x in (value, alpha))
        total = n * s * value
        if m == "inf":
            return [total / n, total / n]
        m = mpmath.mpf(Fraction(m).numerator) / Fraction(m).denominator
        first, rest = s * alpha * (1 + (n - 1) / m), s * alpha * (1 - 1 / m)
        if depth == 2:
            ratio = rest / first
        else:
            gap = rest ** (2 - depth) - first ** (2 - depth)

            def excess(logarithm: mpmath.mpf) -> mpmath.mpf:
                ratio = mpmath.exp(logarithm)
                largest = (total / (1 + (n - 1) * ratio**depth)) ** (mpmath.mpf(1) / depth)
                return mpmath.log((ratio ** (2 - depth) - 1) / gap) - (depth - 2) * mpmath.log(largest)

            # excess falls from +oo at ratio = 0 to -oo at ratio = 1: bisect in the logarithm, then polish.
            low, high = mpmath.mpf(-(10**6)), mpmath.mpf(0)
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (middle, high) if excess(middle) > 0 else (low, middle)
            polished = mpmath.findroot(excess, (low, high), solver="illinois", maxsteps=500, verify=False)
            ratio = mpmath.exp(polished)
        largest = total / (1 + (n - 1) * ratio**depth)
        return [largest, largest * ratio**depth]


FAMILIES = [
    *(family for family, _, _ in PRINTED),
    (2, 3, 2, "2", "1e-5", "7/3"),
    (2, 2, 1, "1", "5", "1.001"),
    (3, 2, 1, "1", "1e-12", "2"),
    (4, 7, 1, "10", "3", "1000"),
    (8, 3, 1, "0.1", "2", "1.01"),
    (12, 2, 4, "1", "0.5", "3"),
    (3, 2, 2, "2/3", "0.7", "inf"),
]


@pytest.mark.parametrize("family", FAMILIES, ids=str)
@pytest.mark.parametrize("digits", [3, 20, 60])
def test_radius_covers_the_truth_and_proves_the_digits(family: tuple, digits: int, run: Run) -> None:
    found = limit_json(run, *family, digits=digits)
    exact = truth(family, digits + 40)
    with mpmath.workdps(digits + 40):
        for mode, value in zip(found["singular_values"], exact, strict=False):
            shown, radius = mpmath.mpf(mode["value"]), mpmath.mpf(mode["radius"])
            assert abs(shown - value) <= radius
            assert radius <= value * mpmath.mpf(10) ** (1 - digits)
            assert len(re.sub(r"e.*|[.]|^0[.]0*", "", mode["value"])) >= digits
        multiplicity = [mode["multiplicity"] for mode in found["singular_values"]]
        squares = sum(k * (x / exact[0]) ** 2 for k, x in zip(multiplicity, exact, strict=False))
        shares = [
            (k, x / sum(j * y for j, y in zip(multiplicity, exact, strict=False)))
            for k, x in zip(multiplicity, exact, strict=False)
        ]
        entropy = -sum(k * share * mpmath.log(share) for k, share in shares)
        for name, rank in (("stable_rank", squares), ("effective_rank", mpmath.exp(entropy))):
            assert abs(mpmath.mpf(found[name]) / rank - 1) < mpmath.mpf(10) ** (1 - digits)


def test_limit_json_has_exactly_its_keys_and_everything_is_text(run: Run) -> None:
    found = limit_json(run, 3, 3, 2, "1.5", "0.05", "4", digits=30)
    assert set(found) == {"singular_values", "stable_rank", "effective_rank"}
    for mode in found["singular_values"]:
        assert set(mode) == {"value", "radius", "multiplicity"}
        assert isinstance(mode["multiplicity"], int)
        assert isinstance(mode["value"], str)
        Decimal(mode["radius"])
    assert found["singular_values"][-1] == {"value": "0", "radius": "0", "multiplicity": 3}
    assert sum(mode["multiplicity"] for mode in found["singular_values"]) == 6


def test_limit_at_infinite_m_is_decoupled_at_every_depth_and_scale(run: Run) -> None:
    for depth, alpha, size in itertools.product((2, 3, 7), ("1e-9", "0.1", "4"), (1, 3)):
        modes = limit_json(run, depth, 4, size, "0.3", alpha, "inf")["singular_values"]
        for mode in modes[:2]:
            assert abs(Decimal(mode["value"]) - size * Decimal("0.3")) <= Decimal(mode["radius"])
        assert modes[0]["value"] == modes[1]["value"]


def test_limit_at_extreme_inputs(run: Run) -> None:
    # sigma_2 ~ alpha^3 (1 - 1/m)^-1...: K = (1/2)^(-1) - (3/2)^(-1) = 4/3, q = 3, so 27/64 alpha^3 up to alpha.
    tiny = limit_json(run, 3, 2, 1, 1, "1e-300", 2)["singular_values"]
    assert abs(Decimal(tiny[1]["value"]) / Decimal("0.421875e-900") - 1) < Decimal("1e-19")
    assert abs(Decimal(tiny[0]["value"]) - 2) <= Decimal(tiny[0]["radius"])

    deep = limit_json(run, 1000, 2, 1, 1, "0.1", 2)["singular_values"]
    with mpmath.workdps(60):
        gap = mpmath.mpf("0.5") ** -998 - mpmath.mpf("1.5") ** -998
        law = mpmath.mpf("0.1") ** 1000 * gap ** (-mpmath.mpf(1000) / 998)
        assert abs(mpmath.mpf(deep[1]["value"]) / law - 1) < mpmath.mpf(10) ** -19

    both = limit_json(run, 1000, 2, 1, 1, "1e-300", 2)["singular_values"]
    with mpmath.workdps(60):
        law = mpmath.mpf("1e-300") ** 1000 * gap ** (-mpmath.mpf(1000) / 998)
        assert abs(mpmath.mpf(both[1]["value"]) / law - 1) < mpmath.mpf(10) ** -19

    rank_one = limit_json(run, 5, 3, 1, 2, "0.1", 1)
    assert rank_one["singular_values"] == [
        {"value": rank_one["singular_values"][0]["value"], "radius": "0", "multiplicity": 1},
        {"value": "0", "radius": "0", "multiplicity": 2},
    ]
    assert Decimal(rank_one["singular_values"][0]["value"]) == 6
    assert Decimal(rank_one["stable_rank"]) == Decimal(rank_one["effective_rank"]) == 1


def test_numbers_are_read_as_they_are_written_never_through_a_float(run: Run) -> None:
    """Two alphas, and two m, that are one float."""
    near = [limit_json(run, 3, 2, 1, 1, alpha, 2, digits=40) for alpha in ("0.1", "0.1000000000000000000001")]
    assert near[0] != near[1]
    assert limit_json(run, 3, 2, 1, 1, "1/10", 2, digits=40) == near[0]
    near = [limit_json(run, 3, 2, 1, 1, "0.1", m, digits=40) for m in ("3", "3.0000000000000000000001")]
    assert near[0] != near[1]


def test_limit_as_text_shows_the_family_every_mode_and_both_ranks(run: Run) -> None:
    options = limit_options(3, 3, 2, "1.5", "0.05", "4")
    text = run("limit", *options, "--digits", 15)
    found = json.loads(run("limit", *options, "--digits", 15, "--json"))
    assert "L = 3, n = 3, s = 2, w* = 1.5, alpha = 0.05, m = 4" in text
    for mode in found["singular_values"]:
        assert f"{mode['value']}  +/- {mode['radius']}" in text
    assert found["stable_rank"] in text
    assert found["effective_rank"] in text
    assert "x 2" in text


GRID = [
    "--depth",
    2,
    "--depth",
    3,
    "--m",
    2,
    "--m",
    "inf",
    "--m",
    10,
    "--blocks",
    3,
    "--block-size",
    2,
    "--value",
    "1.5",
]
CURVES = ["curves", *GRID, "--alpha-from", "1e-3", "--alpha-to", "1", "--points", 4]


def opened(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="scipy") as dataset:
        return dataset.load()


def test_curves_as_netcdf_have_named_dimensions_and_the_limit_in_them(run: Run, tmp_path: Path) -> None:
    run(*CURVES, "--out", tmp_path / "out.nc")
    dataset = opened(tmp_path / "out.nc")
    assert dict(dataset.sizes) == {"depth": 2, "m": 3, "alpha": 4, "mode": 3}
    assert dataset["singular_value"].dims == ("depth", "m", "alpha", "mode")
    assert dataset["depth"].values.tolist() == [2, 3]
    assert dataset["m"].values.tolist() == [2.0, math.inf, 10.0]
    np.testing.assert_allclose(dataset["alpha"].values, [1e-3, 1e-2, 1e-1, 1], rtol=1e-12)
    np.testing.assert_allclose((dataset["singular_value"] * dataset["multiplicity"]).sum("mode"), 9, rtol=1e-12)
    for depth, m, alpha in itertools.product((2, 3), (2.0, math.inf, 10.0), dataset["alpha"].values):
        family = (depth, 3, 2, "1.5", Fraction(float(alpha)), "inf" if math.isinf(m) else Fraction(m))
        found = dataset["singular_value"].sel(depth=depth, m=m, alpha=alpha).values
        np.testing.assert_allclose(found[:2], [float(x) for x in truth(family, 30)], rtol=1e-11)
        assert found[2] == 0
    assert (dataset.attrs["blocks"], dataset.attrs["block_size"], dataset.attrs["value"]) == (3, 2, "1.5")
    assert dataset.attrs["evidence"] == "float64"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_curves_as_csv_parse_and_agree_with_the_netcdf(run: Run, tmp_path: Path) -> None:
    run(*CURVES, "--out", tmp_path / "out.csv")
    run(*CURVES, "--out", tmp_path / "out.nc")
    rows, dataset = table(tmp_path / "out.csv"), opened(tmp_path / "out.nc")
    assert len(rows) == 2 * 3 * 4 * 3
    assert list(rows[0])[:7] == ["depth", "m", "alpha", "product_scale", "mode", "multiplicity", "singular_value"]
    for row in rows:
        here = dataset.sel(depth=int(row["depth"]), m=float(row["m"]), alpha=float(row["alpha"]), mode=row["mode"])
        assert float(row["singular_value"]) == float(here["singular_value"])
        assert int(row["multiplicity"]) == int(here["multiplicity"])
        assert math.isclose(float(row["product_scale"]), float(row["alpha"]) ** int(row["depth"]), rel_tol=1e-12)
        if float(row["singular_value"]):
            assert math.isclose(10 ** float(row["log10_singular_value"]), float(row["singular_value"]), rel_tol=1e-12)


def test_curves_with_digits_are_certified_at_every_point(run: Run, tmp_path: Path) -> None:
    run(*CURVES, "--digits", 25, "--out", tmp_path / "out.csv")
    rows = table(tmp_path / "out.csv")
    assert "radius" in rows[0]
    for row in rows:
        if row["mode"] not in ("1", "2..3"):
            assert (row["singular_value"], row["radius"]) == ("0", "0")
            continue
        m = "inf" if row["m"] == "inf" else Fraction(float(row["m"]))
        exact = truth((int(row["depth"]), 3, 2, "1.5", Fraction(row["alpha"]), m), 60)[row["mode"] != "1"]
        with mpmath.workdps(60):
            assert abs(mpmath.mpf(row["singular_value"]) - exact) <= mpmath.mpf(row["radius"])
            assert mpmath.mpf(row["radius"]) < exact * mpmath.mpf(10) ** -24
    run(*CURVES, "--digits", 25, "--out", tmp_path / "out.nc")
    dataset = opened(tmp_path / "out.nc")
    assert {"decimal", "radius"} <= set(dataset.variables)
    assert "25 digits certified" in dataset.attrs["evidence"]


@pytest.mark.parametrize("against", ["alpha", "product-scale"])
@pytest.mark.parametrize("ending", ["png", "svg", "pdf", "PNG"])
def test_curves_as_pictures(ending: str, against: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / f"out.{ending}"
    assert str(path.name) in run(*CURVES, "--against", against, "--out", path)
    content = path.read_bytes()
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    if ending.lower() == "png":
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = (int.from_bytes(content[start : start + 4], "big") for start in (16, 20))
        assert min(width, height) > 400
    elif ending == "pdf":
        assert content.startswith(b"%PDF-")
        assert content.rstrip().endswith(b"%%EOF")
    else:
        root = ET.parse(io.BytesIO(content)).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 20


@pytest.mark.parametrize("ending", ["csv", "nc", "png", "svg", "pdf"])
def test_the_same_curves_are_the_same_bytes_and_replace_the_old_file(ending: str, run: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.{ending}").write_text("old")
        run(*CURVES, "--out", tmp_path / f"{name}.{ending}")
    assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_curves_where_float64_underflows(run: Run, tmp_path: Path) -> None:
    """alpha^L is far below the smallest float: the logarithms stay right, and the picture is drawn."""
    extreme = [
        "curves",
        "--depth",
        3,
        "--m",
        2,
        "--m",
        1,
        "--blocks",
        2,
        "--alpha-from",
        "1e-300",
        "--alpha-to",
        "1e-200",
    ]
    run(*extreme, "--points", 3, "--out", tmp_path / "out.csv")
    logs = [float(row["log10_singular_value"]) for row in table(tmp_path / "out.csv") if row["m"] == "2.0"]
    law = math.log10(27 / 64)
    np.testing.assert_allclose(logs[1::2], [-900 + law, -750 + law, -600 + law], rtol=1e-12)
    np.testing.assert_allclose(logs[::2], math.log10(2), rtol=1e-12)
    for ending in ("png", "svg"):
        run(*extreme, "--points", 3, "--out", tmp_path / f"out.{ending}")
        assert (tmp_path / f"out.{ending}").stat().st_size > 1000


def test_list_names_every_statement_with_provenance_and_title(run: Run) -> None:
    lines = [line.split("\t") for line in run("list").splitlines()]
    assert tuple(line[0] for line in lines) == catalogue.ids()
    for name, provenance, title in lines:
        statement = catalogue.statement(name)
        assert (provenance, title) == (str(statement.source.provenance), statement.title)


@pytest.mark.parametrize("statement_id", catalogue.ids())
def test_show_tells_everything_about_a_statement(statement_id: str, run: Run) -> None:
    statement = catalogue.statement(statement_id)
    text = run("show", statement_id)
    assert text.startswith(f"{statement_id}  {statement.title}\n")
    assert str(statement.source) in text
    for one in statement.parameters.ranges:
        assert str(one) in text
    for clause in statement.clauses:
        assert clause.name in text
        assert clause.text in text
    for check in statement.checks:
        assert re.search(rf"^  {check.kind} +{', '.join(check.clauses)}$", text, flags=re.MULTILINE)
    for mutant in statement.mutants:
        assert mutant.id in text
        assert mutant.text in text
    for granted in statement.granted:
        assert granted in text
    assert f"rankproof verify {statement_id}" in text
    assert "NOT REDUCED" not in text
    assert "\x1b[" not in text  # colours only on a terminal


def test_verify_prints_writes_json_and_exits_with_0(run: Run, tmp_path: Path) -> None:
    chosen = ["block-invariant", "block-rank-one-iff-coupled"]
    text = run("verify", *chosen, chosen[0], "--jobs", 1, "--seed", 3, "--json", tmp_path / "all.json")
    assert len(text.splitlines()) == 4
    assert text.splitlines()[-1] == f"json: {tmp_path / 'all.json'}"
    assert "2 statements: 2 PROVED; 3 of 3 mutants refuted" in text
    found = json.loads((tmp_path / "all.json").read_text())
    assert set(found) == {"run", "statements"}
    assert [one["id"] for one in found["statements"]] == chosen
    for one in found["statements"]:
        assert set(one) == {"id", "title", "source", "provenance", "verdict", "checks", "mutants"}
        statement = catalogue.statement(one["id"])
        assert (one["title"], one["provenance"]) == (statement.title, str(statement.source.provenance))
        assert statement.source.label in one["source"]
        assert one["verdict"] == "PROVED"
        assert [check["kind"] for check in one["checks"]] == [check.kind for check in statement.checks]
        for check in one["checks"]:
            assert set(check) >= {"kind", "verdict", "worst_residual", "points", "digits", "seconds"}
            assert set(check) >= {"clauses", "precision", "seed", "versions", "witness", "remedy", "domain"}
            assert check["seconds"] >= 0
            assert check["worst_residual"] is None or 0 <= check["worst_residual"] < 1
        assert [mutant["id"] for mutant in one["mutants"]] == [mutant.id for mutant in statement.mutants]
        for mutant in one["mutants"]:
            assert set(mutant) >= {"id", "verdict"}
            assert mutant["verdict"] == "REFUTED"
    run_facts = found["run"]
    assert (run_facts["seed"], run_facts["profile"], run_facts["jobs"]) == (3, "quick", 1)
    assert run_facts["ok"] is True
    assert run_facts["failed"] == []
    assert "sympy" in run_facts["versions"]


def test_help_and_version(run: Run) -> None:
    text = run("--help")
    for command in ("list", "show", "verify", "limit", "curves", "trajectory", "coupling"):
        assert re.search(rf"^  {command} ", text, flags=re.MULTILINE)
        assert "--help" in run(command, "-h")
    assert re.fullmatch(r"rankproof, version \d+\.\d+\.\d+\n", run("--version"))


def test_a_reader_that_stops_early_sees_no_traceback() -> None:
    command = Path(sys.executable).with_name("rankproof")
    with subprocess.Popen([command, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaint = process.stderr.read()
    assert "Error" not in complaint
