"""Limits to many digits: catches digits that are claimed and not there, and inputs that pass through a float."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import arb

from numerics.balls import precision
from numerics.block_diagonal import BlockFamily, exact_layers, problem
from numerics.block_limit import limit
from numerics.depth_two import diagonal_limit
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow import precise_limit
from numerics.initialization import gaussian_layers, layer_shapes


def agreeing_digits(first: arb, second: arb) -> float:
    """Decimal digits in which two midpoints agree."""
    with precision(600):
        gap = abs(first.mid() - second.mid())
        return float("inf") if gap == 0 else float((abs(second.mid()) / gap).log() / arb(10).log())


@pytest.mark.parametrize(
    "family",
    [
        BlockFamily(2, 2, 1, "0.7", "0.1", 10),  # type: ignore[arg-type]
        BlockFamily(3, 2, 1, "1.3", "0.3", 2),  # type: ignore[arg-type]
        BlockFamily(3, 2, 1, "0.7", "0.1", 10),  # type: ignore[arg-type]
        BlockFamily(4, 2, 1, "0.7", "0.3", "inf"),  # type: ignore[arg-type]
        BlockFamily(4, 2, 1, 1, "0.3", 2),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_fifty_digits_agree_with_the_certified_ball(family: BlockFamily) -> None:
    found = precise_limit(problem(family), exact_layers(family), digits=50)
    proven = limit(family, 80)
    assert found.digits >= 50
    for measured, certified in zip(found.singular_values, (proven.first, proven.rest), strict=True):
        assert measured.overlaps(certified)
        # Claimed digits are of the largest entry; the second singular value is within a few digits of it here.
        assert agreeing_digits(measured, certified) >= 45


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rows", "columns", "depth"), [(2, 2, 3), (2, 3, 2)])
def test_no_more_digits_are_claimed_than_there_are(seed: int, rows: int, columns: int, depth: int) -> None:
    random = np.random.default_rng(seed)
    mask = np.array([[1, 0, 1], [1, 1, 0]])[:, :columns]
    given = MatrixCompletion(mask, random.standard_normal((rows, columns)))
    layers = gaussian_layers(layer_shapes(rows, columns, depth), (1.0, 0.1)[seed % 2], seed=seed)
    coarse, fine = (precise_limit(given, layers, digits=digits) for digits in (25, 45))
    with precision(400):
        error = max(abs(a.mid() - b.mid()) for a, b in zip(coarse.matrix.entries(), fine.matrix.entries(), strict=True))
        assert error <= coarse.error
        assert fine.error < coarse.error
    assert coarse.digits >= 25


def test_depth_two_agrees_with_its_closed_form() -> None:
    first = np.array([[Fraction(1, 3), Fraction(-1, 5)], [Fraction(2, 7), Fraction(1, 2)]])
    second = np.array([[Fraction(1, 7), Fraction(1, 9)], [Fraction(-1, 4), Fraction(3, 5)]])
    targets = [Fraction(3, 10), Fraction(-7, 3)]
    given = MatrixCompletion(np.eye(2), np.diag(targets))
    found = precise_limit(given, [first, second], digits=40)
    closed = diagonal_limit(first, second, targets, digits=60)
    for i, j in np.ndindex(2, 2):
        assert agreeing_digits(found.matrix[i, j], closed[i, j]) >= 38
        assert found.matrix[i, j].overlaps(closed[i, j])


def test_fractions_are_exact_and_floats_are_the_numbers_that_they_are() -> None:
    third = Fraction(1, 3)
    layer = np.array([[third, Fraction(1, 10)], [Fraction(1, 10), third]])
    given = MatrixCompletion(np.eye(2), np.eye(2))
    exact = precise_limit(given, [layer] * 2, digits=30)
    rounded = precise_limit(given, [layer.astype(float)] * 2, digits=30)
    same = precise_limit(given, [np.vectorize(Fraction)(layer.astype(float))] * 2, digits=30)
    assert 15 < agreeing_digits(exact.matrix[0, 1], rounded.matrix[0, 1]) < 18
    assert agreeing_digits(same.matrix[0, 1], rounded.matrix[0, 1]) >= 30


def test_a_flow_that_did_not_converge_claims_nothing() -> None:
    given = MatrixCompletion(np.eye(2), np.eye(2))
    found = precise_limit(given, [np.eye(2) / 3] * 2, digits=30, max_steps=3)
    assert not found.flow.converged
    assert found.digits == 0
    assert not found.error.is_finite()


@pytest.mark.parametrize("digits", [0, -3, 10_000, "many"])
def test_digits_out_of_range_name_the_argument(digits: Any) -> None:
    given = MatrixCompletion(np.eye(2), np.eye(2))
    with pytest.raises(ArgumentError) as error:
        precise_limit(given, [np.eye(2) / 3] * 2, digits=digits)
    assert error.value.argument == "digits"
