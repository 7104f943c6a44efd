"""SGD with L2: catches a step that is not the update of the slides, a compiled step that is not the plain one, a chain
that depends on its neighbours or on where it was stopped, and a record that measures something else."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest

from numerics import sgd_kernel
from numerics.errors import ArgumentError, MissingExtra
from numerics.factorization import MatrixCompletion, Normalization, end_to_end, gradient
from numerics.initialization import layer_shapes
from numerics.low_rank_region import Region, imbalance, margins, quadratic
from numerics.sgd import (
    BLOCK,
    NOTHING,
    Chains,
    at_rates,
    chains_from,
    check_rates,
    descent,
    descent_step,
    followed,
    gaussian_chains,
    picks,
    record,
    sgd,
    sgd_step,
)

E = 0.25
PROBLEM = MatrixCompletion(np.array([[1, 0], [1, 1]]), np.array([[1, 0], [E, 1]]))
COMPLETION = np.array([[1, 1 / E], [E, 1]])
WIDE = MatrixCompletion(np.array([[1, 0, 1], [0, 1, 1]]), np.array([[1.0, 0, -0.5], [0, 0.25, 2]]))
SHAPES = layer_shapes(2, 2, 3, 4)


def network(shapes: list[tuple[int, int]], seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [0.6 * random.standard_normal(shape) for shape in shapes]


def some(count: int = 3, problem: MatrixCompletion = PROBLEM) -> Chains:
    return gaussian_chains(problem, layer_shapes(*problem.mask.shape, 3, 4), 0.5, range(5, 5 + count))


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_a_step_is_the_update_of_the_slides(depth: int) -> None:
    """By the gradient of the loss half the sum of squares, which is that of (A*_ij - A_ij)^2 / 2, on one entry."""
    layers, eta, decay = network(layer_shapes(2, 3, depth, 4)), 0.3, 0.02
    mask = np.zeros((2, 3))
    mask[1, 2] = 1
    one = gradient(MatrixCompletion(mask, np.full((2, 3), 2.0)), layers)
    for found, layer, slope in zip(sgd_step(layers, (1, 2), 2.0, eta, decay), layers, one, strict=True):
        np.testing.assert_allclose(found, (1 - 2 * eta * decay) * layer - eta / 2 * (2 * slope), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_descent_goes_down_the_gradient_of_the_regularised_loss(depth: int) -> None:
    """Mean of squares has twice the slope of the slides' 1/(2N) sum."""
    layers, eta, decay = network(layer_shapes(2, 3, depth, 4)), 0.3, 0.02
    mean = gradient(MatrixCompletion(WIDE.mask, WIDE.targets, Normalization.MEAN_OBSERVED), layers)
    for found, layer, slope in zip(descent_step(WIDE, layers, eta, decay), layers, mean, strict=True):
        np.testing.assert_allclose(found, layer - eta * (slope / 2 + 2 * decay * layer), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("problem", [PROBLEM, WIDE], ids=["square", "wide"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("width", [1, 2, 7])
def test_the_compiled_steps_are_the_plain_ones(problem: MatrixCompletion, depth: int, width: int) -> None:
    steps, eta, decay = 40, 0.1, 0.05
    shapes = layer_shapes(*problem.mask.shape, depth, width)
    chains = gaussian_chains(problem, shapes, 0.7 / np.sqrt(width), [3, 8])
    for number, seed in enumerate(chains.seeds):
        plain = control = [layer[number] for layer in chains.layers]
        for pick in picks(seed, 0, steps, len(problem.observed)):
            entry = problem.observed[pick]
            plain = sgd_step(plain, entry, problem.targets[entry], eta, decay)
            control = descent_step(problem, control, eta, decay)
        for rule, expected in ((sgd, plain), (descent, control)):
            found = rule(chains, steps, eta, decay)
            assert found.step == steps
            for layers, layer in zip(found.layers, expected, strict=True):
                np.testing.assert_allclose(layers[number], layer, rtol=0, atol=1e-13)


def test_layers_of_different_widths_are_laid_out_as_they_are_read() -> None:
    shapes = [(3, 2), (5, 3), (4, 5), (2, 4)]
    chains = chains_from(PROBLEM, [network(shapes)], [1])
    expected = network(shapes)
    for pick in picks(1, 0, 9, 3):
        entry = PROBLEM.observed[pick]
        expected = sgd_step(expected, entry, PROBLEM.targets[entry], 0.2, 0.1)
    for found, layer in zip(sgd(chains, 9, 0.2, 0.1).layers, expected, strict=True):
        np.testing.assert_allclose(found[0], layer, rtol=0, atol=1e-14)


def test_a_chain_depends_on_its_seed_alone_and_seeds_differ() -> None:
    together = sgd(some(4), 5000, 0.1, 0.02)
    for number in range(4):
        alone = sgd(some(4).chosen(np.array([number])), 5000, 0.1, 0.02)
        assert np.array_equal(alone.parameters[0], together.parameters[number])
    turned = sgd(some(4).chosen(np.array([2, 0])), 5000, 0.1, 0.02)
    assert np.array_equal(turned.parameters, together.parameters[[2, 0]])
    same_start = chains_from(PROBLEM, [network(SHAPES)] * 2, [1, 2])
    assert not np.array_equal(*sgd(same_start, 10, 0.1, 0.02).parameters)


@pytest.mark.parametrize("rule", [sgd, descent])
def test_where_a_chain_is_stopped_saved_and_read_back_makes_no_difference(rule: Callable[..., Chains]) -> None:
    whole = rule(some(), 2 * BLOCK + 100, 0.1, 0.02)
    parts = some()
    for length in (0, 1, BLOCK - 1, 17, BLOCK, 83):
        parts = rule(Chains(PROBLEM, parts.shapes, parts.seeds, parts.parameters.copy(), parts.step), length, 0.1, 0.02)
    assert parts.step == whole.step
    assert parts.parameters.tobytes() == whole.parameters.tobytes()


def test_entries_are_seen_equally_often_and_independently() -> None:
    drawn = picks(0, 0, 200_000, 3)
    pairs = np.bincount(3 * drawn[:-1] + drawn[1:], minlength=9) / len(drawn)
    # Five standard deviations of a frequency of 1/9.
    assert np.abs(pairs - 1 / 9).max() < 5 * np.sqrt(8 / 81 / len(drawn))
    assert np.array_equal(picks(0, 12_345, 678, 3), drawn[12_345:13_023])
    assert len(picks(0, 7, 0, 3)) == 0
    agreeing = np.mean(picks(1, 0, 200_000, 3) == drawn)
    assert abs(agreeing - 1 / 3) < 5 * np.sqrt(2 / 9 / len(drawn))


def test_the_average_of_sgd_over_the_entries_is_descent() -> None:
    layers = network(SHAPES)
    steps = [sgd_step(layers, entry, PROBLEM.targets[entry], 0.2, 0.03) for entry in PROBLEM.observed]
    for parts, expected in zip(zip(*steps, strict=True), descent_step(PROBLEM, layers, 0.2, 0.03), strict=True):
        np.testing.assert_allclose(np.mean(parts, axis=0), expected, rtol=1e-13)


def test_an_offshoot_goes_on_from_a_kept_step_with_other_rates() -> None:
    kept = list(followed(some(), at_rates(sgd, 0.2, 0.02), [100, 300]))
    assert [one.step for one in kept] == [100, 300]
    offshoot = sgd(kept[0].chosen(np.array([1])), 200, 0.02, 0.002)
    expected = [layer[1] for layer in kept[0].layers]
    for pick in picks(6, 100, 200, 3):
        entry = PROBLEM.observed[pick]
        expected = sgd_step(expected, entry, PROBLEM.targets[entry], 0.02, 0.002)
    np.testing.assert_allclose(end_to_end([layer[0] for layer in offshoot.layers]), end_to_end(expected), atol=1e-13)


def test_a_record_measures_what_it_says() -> None:
    chains, region = some(), Region(1, 0.1, 0.2, 9.0, quadratic(0.5))
    found = record(chains, COMPLETION, region)
    for number in range(3):
        layers = [layer[number] for layer in chains.layers]
        product = end_to_end(layers)
        values = np.linalg.svd(product, compute_uv=False)
        assert found.ratio[number] == pytest.approx(values[1] / values[0], rel=1e-12)
        squares = (product - COMPLETION) ** 2
        assert found.train_error[number] == pytest.approx((squares[0, 0] + squares[1, 0] + squares[1, 1]) / 3)
        assert found.test_error[number] == pytest.approx(squares[0, 1])
        assert found.imbalance[number] == pytest.approx(float(imbalance(layers)))
        np.testing.assert_allclose(found.margins[number], list(vars(margins(layers, region)).values()))
    assert np.isnan(record(chains, COMPLETION).margins).all()


def test_chains_that_diverge_are_recorded_as_nan_and_spare_the_others() -> None:
    far = chains_from(PROBLEM, [network(SHAPES), [40 * layer for layer in network(SHAPES)]], [0, 1])
    calm = sgd(far.chosen(np.array([0])), 200, 0.1, 0.02)
    both = sgd(far, 200, 0.1, 0.02)
    assert np.array_equal(both.parameters[0], calm.parameters[0])
    found = record(both, COMPLETION, Region(1, 0.1, 0.2, 9.0, quadratic(0.5)))
    assert np.isnan(found.ratio).tolist() == np.isnan(found.margins).any(axis=1).tolist() == [False, True]
    huge = chains_from(PROBLEM, [[np.full(shape, 1e150) for shape in SHAPES]], [0])
    assert np.isnan(record(huge, COMPLETION).ratio).all()


def test_chains_that_shrink_to_nothing_are_zero_wherever_they_are_stopped() -> None:
    tiny = chains_from(PROBLEM, [[NOTHING * layer for layer in network(SHAPES)]], [0])
    whole = sgd(tiny, BLOCK, 0.4, 0.2)
    assert not whole.parameters.any()
    assert record(whole, COMPLETION).ratio.tolist() == [0]
    parts = list(followed(tiny, at_rates(sgd, 0.4, 0.2), [10, BLOCK, BLOCK]))
    assert parts[0].parameters.any()
    assert not parts[-1].parameters.any()


@pytest.mark.parametrize(
    ("eta", "decay", "line"),
    [
        (0.0, 0.1, "eta: 0.0 is not a positive number"),
        (-1.0, 0.1, "eta: -1.0 is not a positive number"),
        (np.nan, 0.1, "eta: nan is not a positive number"),
        (0.1, -0.1, "weight_decay: -0.1 is not a number of at least 0"),
        (2.0, 0.25, r"weight_decay: 0.25 is not less than 1/\(2 eta\) = 0.25"),
        (0.1, np.inf, "weight_decay: inf is not a number of at least 0"),
    ],
)
def test_rates_out_of_range_are_one_line(eta: float, decay: float, line: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: sgd_step(network(SHAPES), (0, 0), 1.0, eta, decay),
        lambda: descent_step(PROBLEM, network(SHAPES), eta, decay),
        lambda: sgd(some(), 1, eta, decay),
        lambda: descent(some(), 1, eta, decay),
        lambda: at_rates(sgd, eta, decay),
    ]
    for call in calls:
        with pytest.raises(ArgumentError, match=line) as error:
            call()
        assert "\n" not in str(error.value)


def test_lemmas_need_a_positive_weight_decay() -> None:
    check_rates(0.1, 0.0)
    with pytest.raises(ArgumentError, match=r"weight_decay: 0.0 is not a positive number"):
        check_rates(0.1, 0.0, positive=True)


BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: sgd_step(network(SHAPES), (0, 2), 1.0, 0.1, 0.1), r"entry: \(0, 2\) is not an entry of a matrix"),
    (lambda: sgd_step(network(SHAPES), (-1, 0), 1.0, 0.1, 0.1), r"entry: \(-1, 0\) is not an entry"),
    (lambda: sgd(some(), -1, 0.1, 0.1), "steps: -1 is not an integer of at least 0"),
    (lambda: chains_from(PROBLEM, [network(SHAPES)], [1, 2]), "seeds: a list of 2 is not one for each of the 1"),
    (lambda: chains_from(PROBLEM, [], []), "seeds: a list of 0 is not one for each"),
    (
        lambda: chains_from(PROBLEM, [network(SHAPES), network([(3, 2), (2, 3)])], [1, 2]),
        "networks: a list with shapes",
    ),
    (lambda: chains_from(WIDE, [network(SHAPES)], [1]), "layers: a list of shapes"),
    (lambda: gaussian_chains(PROBLEM, SHAPES, 0.0, [1]), "deviation: 0.0 is not a positive number"),
    (lambda: gaussian_chains(PROBLEM, SHAPES, 1.0, [-1]), "seeds: -1 is not an integer of at least 0"),
    (lambda: Chains(PROBLEM, tuple(SHAPES), (1,), np.zeros((1, 3))), r"parameters: an array of shape \(1, 3\)"),
    (lambda: Chains(PROBLEM, tuple(SHAPES), (1.5,), np.zeros((1, 32))), "seeds: 1.5 is not"),  # type: ignore[arg-type]
    (lambda: Chains(PROBLEM, tuple(SHAPES), (1,), np.zeros((1, 32)), -1), "step: -1 is not an integer of at least 0"),
    (lambda: record(some(), np.eye(3)), "completion: an array of shape"),
    (lambda: list(followed(some(), at_rates(sgd, 0.1, 0.1), [5, 4])), r"steps: \[5, 4\] is not in increasing order"),
    (lambda: list(followed(sgd(some(), 9, 0.1, 0.1), at_rates(sgd, 0.1, 0.1), [5])), "increasing order from 9"),
]


@pytest.mark.parametrize(("call", "line"), BAD)
def test_bad_input_is_one_line(call: Callable[[], object], line: str) -> None:
    with pytest.raises(ArgumentError, match=line):
        call()


def test_numba_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numerics.sgd_kernel", None)
    monkeypatch.delattr("numerics.sgd_kernel", raising=False)
    with pytest.raises(MissingExtra) as error:
        sgd(some(), 1, 0.1, 0.1)
    assert error.value.remedy == "pip install 'rankproof[sgd]'"


def test_where_compiled_code_cannot_be_kept_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = numba.njit
    kept = []

    def nowhere(**options: bool) -> Any:
        if options.pop("cache", False):
            kept.append(options)
            raise RuntimeError("cannot cache function: no locator available")
        return compiler(**options)

    start = gaussian_chains(PROBLEM, layer_shapes(2, 2, 2, 2), 0.5, [7])
    expected = sgd(start, 100, 0.1, 0.01).parameters
    monkeypatch.setattr(numba, "njit", nowhere)
    monkeypatch.delitem(sys.modules, "numerics.sgd_kernel")
    monkeypatch.delattr("numerics.sgd_kernel")
    np.testing.assert_array_equal(sgd(start, 100, 0.1, 0.01).parameters, expected)
    assert len(kept) == 2


def test_a_batch_that_diverges_as_a_whole_is_recorded_with_a_region() -> None:
    lost = sgd(some(), 200, 40.0, 1e-3)
    seen = record(lost, COMPLETION, Region(1, 0.1, 0.5, 3.0, quadratic(0.1)))
    assert np.isnan(seen.ratio).all()
    assert np.isnan(seen.margins).all()
    assert seen.margins.shape == (3, 3)


def test_no_chains_stay_none_and_numbers_of_numpy_are_numbers() -> None:
    nobody = some().chosen(np.zeros(3, dtype=bool))
    assert sgd(nobody, 10, 0.1, 0.01).step == 10
    assert sgd(some(), np.int64(10), 0.1, 0.01).step == 10  # type: ignore[arg-type]
    few = gaussian_chains(PROBLEM, SHAPES, 0.5, list(np.arange(2)))
    assert few.seeds == (0, 1)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: sgd(some(), 5, "0.1", 0.1), "eta: 0.1 is not a positive number"),
        (lambda: sgd(some(), 5, 0.1, None), "weight_decay: None is not a number of at least 0"),
        (lambda: sgd_step([], (0, 0), 1.0, 0.1, 0.1), "layers: an empty list"),
        (lambda: picks(1, -5, 3, 3), "step: -5 is not an integer of at least 0"),
        (lambda: picks(1, 5, -3, 3), "count: -3 is not an integer of at least 0"),
    ],
)
def test_what_is_no_number_is_one_line(call: Callable[[], object], line: str) -> None:
    with pytest.raises(ArgumentError, match=line):
        call()


def test_a_network_with_an_unused_unit_moves_as_the_one_without_it() -> None:
    """Also across the end of a block, where what has shrunk is put to 0: entries that are 0 are not the whole."""
    narrow = network(layer_shapes(2, 2, 3, 3))
    first, middle, last = (np.zeros(shape) for shape in SHAPES)
    first[:3], middle[:3, :3], last[:, :3] = narrow
    before = BLOCK - 10
    moved = []
    for layers in (narrow, [first, middle, last]):
        start = chains_from(PROBLEM, [layers], [4])
        moved.append(sgd(Chains(PROBLEM, start.shapes, (4,), start.parameters, before), 20, 0.1, 0.02).layers)
    product, expected = (end_to_end([layer[0] for layer in layers]) for layers in reversed(moved))
    np.testing.assert_allclose(product, expected, rtol=1e-12)
    assert not moved[1][0][0, 3].any()


@pytest.mark.parametrize("scale", [1e-4, 1e-30, 1e-140])
def test_small_chains_shrink_by_weight_decay_and_are_not_put_to_zero(scale: float) -> None:
    """Depth 3: the loss pulls at small layers with the square of their size, weight decay with the size itself."""
    small = gaussian_chains(PROBLEM, SHAPES, scale, [1, 2])
    start = Chains(PROBLEM, small.shapes, small.seeds, small.parameters, BLOCK - 5)
    factor = (1 - 2 * 0.1 * 0.02) ** 10
    found = sgd(start, 10, 0.1, 0.02)
    np.testing.assert_allclose(found.parameters, factor * small.parameters, rtol=0, atol=100 * scale**2 + 1e-12 * scale)


def test_a_thousand_seeds_see_a_thousand_sequences() -> None:
    seen = {picks(seed, 0, 100, 3).tobytes() for seed in range(1000)}
    assert len(seen) == 1000


def test_chains_keep_parameters_of_their_own() -> None:
    given = some().parameters.copy()
    kept = Chains(PROBLEM, some().shapes, some().seeds, given)
    given[:] = 0
    assert np.array_equal(kept.parameters, some().parameters)
    kept.parameters[:] = 1
    assert not given.any()


def test_a_product_whose_square_is_no_float_is_recorded_as_diverged() -> None:
    """1e70 in every entry: the product is finite, its squared errors are not."""
    far = chains_from(PROBLEM, [[np.full(shape, 1e70) for shape in SHAPES], network(SHAPES)], [0, 1])
    assert np.isfinite(end_to_end(far.layers)).all()
    found = record(far, COMPLETION, Region(1, 0.1, 0.2, 9.0, quadratic(0.5)))
    for values in (found.ratio, found.train_error, found.test_error, found.imbalance, found.margins[:, 0]):
        assert np.isnan(values).tolist() == [True, False]


def test_a_chain_of_huge_layers_with_a_small_product_has_diverged() -> None:
    huge = [np.array([[1e100, 0.0], [0.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 0.0]])]
    seen = record(chains_from(PROBLEM, [huge], [0]), COMPLETION)
    assert np.isnan([seen.ratio[0], seen.imbalance[0]]).all()


@pytest.mark.parametrize("depth", [1, 3])
def test_chains_of_several_blocks_and_of_a_rest_are_those_alone(depth: int) -> None:
    count = 2 * sgd_kernel.LANES + 3
    chains = gaussian_chains(WIDE, layer_shapes(2, 3, depth, 3), 0.5, range(count))
    parameters = chains.parameters.copy()
    parameters[70] = np.inf
    chains = replace(chains, parameters=parameters)
    together = sgd(chains, 50, 0.1, 0.01).parameters
    assert not np.isfinite(together[70]).any()
    for number in (0, 63, 64, 69, 71, 127, 128, count - 1):
        alone = sgd(chains.chosen(np.array([number])), 50, 0.1, 0.01).parameters[0]
        np.testing.assert_array_equal(together[number], alone)
