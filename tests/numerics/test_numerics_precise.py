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
from numerics.factorization import MatrixCompletion, Normalization
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


@pytest.mark.parametrize(
    "family",
    [
        BlockFamily(2, 2, 1, "0.7", "0.1", 10),  # type: ignore[arg-type]
        BlockFamily(3, 2, 1, "1.3", "0.3", "1.1"),  # type: ignore[arg-type]
        BlockFamily(3, 2, 1, 2, "1.6", 7),  # type: ignore[arg-type]
        BlockFamily(4, 2, 1, 1, "0.3", 2),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_claimed_digits_are_certified_ones(family: BlockFamily) -> None:
    proven = limit(family, 60)
    for digits in (10, 20):
        found = precise_limit(problem(family), exact_layers(family), digits=digits)
        with precision(300):
            expected = [(proven.first + proven.rest) / 2, (proven.first - proven.rest) / 2]
            gaps = [abs(found.matrix[0, j].mid() - entry.mid()) for j, entry in enumerate(expected)]
            assert max(gaps) <= found.error
            true_digits = min(float((expected[0].mid() / gap).log() / arb(10).log()) if gap else 99.0 for gap in gaps)
        assert digits <= found.digits <= true_digits


def test_a_singular_coupling_kernel_is_no_obstacle() -> None:
    # Layers that are constant on a block give its observed entries the same gradient; the flow converges all the same.
    family = BlockFamily(2, 1, 2, 3, "0.4", "inf")  # type: ignore[arg-type]
    found = precise_limit(problem(family), exact_layers(family), digits=20)
    assert found.flow.converged
    assert found.digits >= 20
    for entry in found.matrix.entries():
        assert entry.contains(3)


@pytest.mark.parametrize("kind", [int, np.float32])
def test_numbers_of_any_kind_are_exact(kind: type) -> None:
    # As for the other engines, and as fractions of the same value.
    start, targets = np.array([[1, 0], [1, 1]]), np.diag([2, 3])
    given = precise_limit(MatrixCompletion(np.eye(2), targets.astype(kind)), [start.astype(kind)] * 2, digits=20)
    layers = [np.vectorize(lambda entry: Fraction(int(entry)))(start)] * 2
    exact = precise_limit(MatrixCompletion(np.eye(2), targets.astype(object)), layers, digits=20)
    for first, second in zip(given.matrix.entries(), exact.matrix.entries(), strict=True):
        assert agreeing_digits(first, second) > 30 or abs(first - second) < 1e-25


def test_one_layer_has_its_exact_limit() -> None:
    mask = np.array([[1, 0], [1, 1]])
    start = np.array([[Fraction(1, 3), Fraction(2, 7)], [Fraction(-1, 9), Fraction(5, 11)]])
    given = MatrixCompletion(mask, np.array([[Fraction(1, 7), 0], [Fraction(2, 3), Fraction(-1, 13)]]))
    found = precise_limit(given, [start], digits=30)
    expected = iter(given.exact_targets)
    for place in np.ndindex(2, 2):
        exact = next(expected) if mask[place] else start[place]
        with precision(300):
            assert found.matrix[place].contains(arb(exact.numerator) / exact.denominator)
    assert found.digits >= 30


def test_the_limit_does_not_depend_on_the_normalization() -> None:
    family = BlockFamily(3, 2, 1, "1.3", "0.3", 2)  # type: ignore[arg-type]
    plain = precise_limit(problem(family), exact_layers(family), digits=30)
    mean = MatrixCompletion(np.eye(2), np.diag([family.value] * 2), Normalization.MEAN_ALL)
    scaled = precise_limit(mean, exact_layers(family), digits=30)
    assert scaled.flow.times[-1] == pytest.approx(2 * plain.flow.times[-1], rel=0.2)
    for first, second in zip(plain.matrix.entries(), scaled.matrix.entries(), strict=True):
        assert first.overlaps(second)
        assert agreeing_digits(first, second) >= 30


@pytest.mark.parametrize("seed", range(3))
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


@pytest.mark.parametrize(
    "layers",
    [[np.zeros((2, 2))] * 2, [np.diag([0.5, 0.0])] * 2],
    ids=["stationary", "saddle"],
)
def test_a_start_that_cannot_converge_claims_nothing(layers: list[np.ndarray]) -> None:
    # The coupling kernel is singular at both: no projection may pass for a limit.
    found = precise_limit(MatrixCompletion(np.eye(2), np.eye(2)), layers, digits=20, max_steps=100)
    assert not found.flow.converged
    assert found.digits == 0
    assert not found.error.is_finite()


def test_a_start_at_the_solution_is_its_own_limit() -> None:
    third = Fraction(1, 3)
    start = [np.array([[third, 0], [1, 1]], dtype=object), np.array([[1, 0], [0, 2]], dtype=object)]
    given = MatrixCompletion(np.eye(2), np.diag([third, Fraction(2)]))
    found = precise_limit(given, start, digits=30)
    assert found.flow.steps == 0
    assert found.digits >= 30
    with precision(300):
        assert found.matrix[1, 0].contains(2)
        assert found.matrix[0, 0].contains(arb(1) / 3)


@pytest.mark.parametrize("digits", [0, -3, 10_000, "many"])
def test_digits_out_of_range_name_the_argument(digits: Any) -> None:
    given = MatrixCompletion(np.eye(2), np.eye(2))
    with pytest.raises(ArgumentError) as error:
        precise_limit(given, [np.eye(2) / 3] * 2, digits=digits)
    assert error.value.argument == "digits"


def test_singular_values_keep_all_digits_of_a_binary_target() -> None:
    """0.1 as a float has 55 decimals; its 53 bits were once written with 22."""
    problem = MatrixCompletion(np.eye(1), np.array([[0.1]]))
    found = precise_limit(problem, [np.array([[0.5]]), np.array([[0.5]])], digits=50)
    with precision(300):
        exact = arb(Fraction(0.1).numerator) / Fraction(0.1).denominator
        assert abs(found.singular_values[0].mid() - exact) < arb(10) ** -50
