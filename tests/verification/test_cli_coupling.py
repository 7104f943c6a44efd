"""Catches a wrong verdict or index on the command line, and bad input that is not named in one line."""

import json

import numpy as np
import pytest

from verification.cli import main
from verification.cli.problem import initial_layers_from, parse_size, shapes_from, targets_from

GOOD = {"--mask": "diagonal", "--size": "2", "--depth": "3"}


def run(capsys, **changed):
    options = GOOD | {f"--{name.replace('_', '-')}": text for name, text in changed.items()}
    with pytest.raises(SystemExit) as stop:
        main(["coupling", *(part for pair in options.items() for part in pair), "--json"])
    return stop.value.code, capsys.readouterr()


@pytest.mark.parametrize(("depth", "verdict"), [("2", "decoupled"), ("3", "coupled")])
def test_the_verdict_depends_on_depth(depth, verdict, capsys):
    code, printed = run(capsys, depth=depth)
    found = json.loads(printed.out)
    assert code == 0
    assert (found["verdict"], found["proven"]) == (verdict, True)
    assert found["components"] == [[[1, 1]], [[2, 2]]]


def test_the_text_names_the_theorem_and_isolated_lines(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["coupling", "--mask", "diagonal", "--size", "2x3", "--depth", "2"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert "depth2-coupling-is-connectivity" in text
    assert "columns without an observed entry, set aside: 3" in text


BAD = [
    *(("size", bad) for bad in ("0", "x", "2x", "2x2x2", "-1", "1e2", "99999", "9" * 5000)),
    *(("depth", bad) for bad in ("0", "x", "1.5", "99999999999")),
    *(("width", bad) for bad in ("0", "x", "999999")),
    *(("mask", bad) for bad in ("nonsense", "all-but:3,1", "missing.csv")),
    *(
        ("init", bad)
        for bad in ("nonsense", "gaussian", "gaussian:x", "identity:1", "block:1", "block:1:0.5", "block:x:2")
    ),
    ("init", "block:1e400:2"),
    *(("product_scale", bad) for bad in ("0", "-1", "x", "nan", "1e-400")),
    *(("value", bad) for bad in ("x", "nan", "inf", "1e999", "")),
    *(("targets", bad) for bad in ("rank:0:1", "rank:3:1", "rank:1", "rank:1:x", "nonsense", "missing.csv")),
]


@pytest.mark.parametrize(("name", "text"), BAD)
def test_bad_input_gets_one_line_that_names_it(name, text, capsys):
    code, printed = run(capsys, **{name: text})
    assert code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert f"--{name.replace('_', '-')}" in printed.err


@pytest.mark.parametrize(
    ("named", "changed"),
    [
        ("--init", {"init": "tied:0", "size": "2x3"}),
        ("--init", {"init": "orthogonal:0", "width": "1"}),
        ("--init", {"init": "block:1:2", "width": "3"}),
        ("--value", {"value": "1", "targets": "rank:1:0"}),
        ("--product-scale", {"init": "block:1:2", "product_scale": "1"}),
    ],
)
def test_options_that_exclude_each_other_are_named(named, changed, capsys):
    code, printed = run(capsys, **changed)
    assert code == 2
    assert named in printed.err


def test_a_file_of_another_shape_is_named(tmp_path, capsys):
    path = tmp_path / "targets.csv"
    path.write_text("1,2,3\n4,5,6\n")
    code, printed = run(capsys, targets=str(path))
    assert code == 2
    assert "--targets" in printed.err


def test_sizes_shapes_targets_and_layers():
    assert parse_size("3") == (3, 3)
    assert parse_size("2x5") == (2, 5)
    assert shapes_from(2, 3, "3", None) == [(3, 3), (3, 3), (2, 3)]
    low = targets_from(None, "rank:2:7", 4, 5)
    assert low.shape == (4, 5)
    assert np.linalg.matrix_rank(low) == 2
    assert (targets_from("-0.5", None, 2, 2) == -0.5).all()
    layers = initial_layers_from("block:0.3:inf", [(2, 2)] * 2, None)
    assert all((layer == 0.3 * np.eye(2)).all() for layer in layers)
