"""B_r: catches a margin of the wrong layer, power or sign, an inadmissible profile that passes, unclear refusals."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.errors import ArgumentError
from numerics.initialization import balanced_layers, layer_shapes
from numerics.low_rank_region import (
    Margins,
    Profile,
    Region,
    cubic,
    imbalance,
    inside,
    margins,
    quadratic,
    stacked_margins,
)

REGION = Region(1, 0.1, 0.2, 9.0, quadratic(0.5))
PROFILES = [quadratic, cubic]


def network(seed: int, depth: int = 3, width: int = 4) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape) for shape in layer_shapes(2, 3, depth, width)]


def test_each_margin_is_its_bound_minus_the_quantity_of_the_worst_layer() -> None:
    # Two layers by hand: W_1 = diag(2, 0.1), W_2 = diag(1, 0.5).
    layers = [np.diag([2.0, 0.1]), np.diag([1.0, 0.5])]
    found = margins(layers, REGION)
    assert found.balance == pytest.approx(0.1 - (3.0**2 + 0.24**2))
    # f(4) + f(0.01) = 1 + (1 - 0.98^2) and f(1) + f(0.25) = 1 + 0.75.
    assert found.rank == pytest.approx(1.2 - 1.75)
    assert found.size == pytest.approx(9.0 - 4.01)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_balanced_layers_of_a_rank_one_matrix_are_inside_and_perturbed_ones_are_not(depth: int) -> None:
    matrix = np.outer([1.0, 0.25], [1.0, 4.0])
    layers = balanced_layers(matrix, layer_shapes(2, 2, depth, 5), seed=1)
    root = np.linalg.norm(matrix) ** (2 / depth)
    found = margins(layers, Region(1, 0.1, 0.2, 20.0, quadratic(0.5)))
    # Singular values of 1e-16 in the product are 1e-3 in five layers.
    assert found == Margins(pytest.approx(0.1), pytest.approx(0.2, abs=1e-5), pytest.approx(20 - root))
    assert inside(layers, Region(1, 0.1, 0.2, root * (1 + 1e-5), quadratic(0.5)))
    assert not inside(layers, Region(1, 0.1, 0.2, root * (1 - 1e-5), quadratic(0.5)))
    assert not inside(layers, Region(0, 0.1, 0.2, 20.0, quadratic(0.5)))
    if depth > 1:
        layers[0] = 2 * layers[0]
        assert margins(layers, Region(1, 0.1, 0.2, 99.0, quadratic(0.5))).balance < 0


@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 3.0), depth=st.integers(1, 5))
def test_margins_do_not_change_with_the_bases_of_the_layers(seed: int, scale: float, depth: int) -> None:
    layers = [scale * layer for layer in network(seed, depth)]
    random = np.random.default_rng(seed + 1)
    bases = [np.linalg.qr(random.standard_normal((size, size)))[0] for size in [3, *(len(layer) for layer in layers)]]
    turned = [after @ layer @ before.T for before, layer, after in zip(bases[:-1], layers, bases[1:], strict=True)]
    for found, expected in zip(
        vars(margins(turned, REGION)).values(), vars(margins(layers, REGION)).values(), strict=True
    ):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_stacked_margins_are_those_of_each_network_alone() -> None:
    networks = [network(seed) for seed in range(6)]
    stacked = [np.stack(parts).reshape(2, 3, *parts[0].shape) for parts in zip(*networks, strict=True)]
    found = stacked_margins(stacked, REGION).reshape(6, 3)
    for row, layers in zip(found, networks, strict=True):
        np.testing.assert_allclose(row, list(vars(margins(layers, REGION)).values()), rtol=1e-13)
        assert margins(layers, REGION).balance == pytest.approx(0.1 - float(imbalance(layers)) ** 2)


@pytest.mark.parametrize("make", PROFILES)
@given(x=st.floats(0, 3), step=st.floats(1e-3, 3), a=st.floats(1e-3, 1e3))
def test_shipped_profiles_are_concave_increasing_and_count_what_is_large(
    make: Callable[[float], Profile], x: float, step: float, a: float
) -> None:
    profile = make(a)
    low, middle, high = profile.value(a * np.array([x, x + step / 2, x + step]))
    assert low <= middle <= high <= 1
    assert low + high <= 2 * middle + 1e-14
    assert profile.value(np.array([0.0, a, 7 * a])).tolist() == [0.0, 1.0, 1.0]
    # A concave function lies under its tangents.
    slope = float(profile.derivative(np.array([a * x]))[0])
    assert high <= low + slope * a * step + 1e-12


def test_the_two_profiles_differ_and_the_rank_margin_uses_the_one_given() -> None:
    x = np.array([0.25])
    assert (quadratic(0.5).value(x)[0], cubic(0.5).value(x)[0]) == (0.75, 0.875)
    other = Region(1, 0.1, 0.2, 9.0, cubic(0.5))
    assert margins([np.diag([1.0, 0.5])], other).rank == pytest.approx(1.2 - 1.875)


def test_a_profile_of_ones_own_may_have_a_kink() -> None:
    own = Profile("linear", 0.5, lambda x: np.minimum(x / 0.5, 1), lambda x: np.where(x < 0.5, 2.0, 0.0))
    assert margins([np.diag([1.0, 0.5])], Region(1, 1, 1, 9, own)).rank == pytest.approx(2 - 1.5)


def ones(x: np.ndarray) -> np.ndarray:
    return np.where(x < 1, 1.0, 0.0)


INADMISSIBLE = {
    "it is concave": (lambda x: np.minimum(x, 1) ** 2, lambda x: 2 * np.minimum(x, 1)),
    "it is 0 at 0, not 0.5": (lambda x: np.minimum(0.5 + x, 1), ones),
    "it is 1 from a on, not 0.5 at 1": (lambda x: np.minimum(x / 2, 1), lambda x: np.where(x < 2, 0.5, 0.0)),
    "it is 1 from a on, not 2 at 2": (lambda x: np.minimum(x, 2), ones),
    "it increases": (lambda x: np.where(x < 0.5, 4 * x, np.maximum(3 - 2 * x, 1)), lambda x: np.where(x < 0.5, 4, -2)),
    "its derivative": (lambda x: np.minimum(x, 1), lambda x: 2 * ones(x)),
    "its derivative, not": (lambda x: 1 - np.maximum(1 - x, 0) ** 2, lambda x: np.maximum(1 - x, 0)),
    "it is finite": (lambda x: np.log(np.where(x > 0, x, np.nan)), ones),
    "arrays of the same shape": (lambda x: np.float64(1.0), ones),
    "it is finite, and so": (lambda x: np.where(x > 1, np.nan, x), lambda x: np.where(x < 1, 1.0, 0.0)),
    "it is 1 from a on, not 3 at 1.49": (
        lambda x: np.where(np.abs(x - 1.5) < 0.01, 3.0, np.minimum(x, 1)),
        lambda x: np.where(x < 1, 1.0, 0.0),
    ),
    "do not raise ValueError": (lambda x: x if x < 1 else 1.0, ones),
    "do not raise TypeError": (0.5, ones),
    "its derivative is 0 beyond a": (lambda x: np.minimum(x, 1), lambda x: np.where(x < 1, 1.0, 7.0)),
}


@pytest.mark.parametrize("fault", INADMISSIBLE)
def test_a_profile_that_is_not_admissible_is_refused_with_its_fault(fault: str) -> None:
    with pytest.raises(ArgumentError, match=f"profile: own is not admissible: .*{fault}") as error:
        Profile("own", 1.0, *INADMISSIBLE[fault])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"rank": -1}, "rank: -1 is not an integer of at least 0"),
        ({"rank": 1.5}, "rank: 1.5 is not an integer"),
        ({"eps_1": 0.0}, "eps_1: 0.0 is not a positive number"),
        ({"eps_2": -0.1}, "eps_2: -0.1 is not a positive number"),
        ({"eps_2": np.nan}, "eps_2: nan is not a positive number"),
        ({"bound": np.inf}, "bound: inf is not a positive number"),
        ({"profile": lambda x: x}, "profile: .* is not a Profile"),
    ],
)
def test_a_region_validates_itself(arguments: dict[str, object], line: str) -> None:
    right = {"rank": 1, "eps_1": 0.1, "eps_2": 0.1, "bound": 9.0, "profile": quadratic(0.5)}
    with pytest.raises(ArgumentError, match=line):
        Region(**(right | arguments))  # type: ignore[arg-type]


@pytest.mark.parametrize("a", [1e-306, 1e300])
def test_a_is_within_what_floats_hold(a: float) -> None:
    with pytest.raises(ArgumentError, match=r"a: .* is not within 1e-100 and 1e\+100"):
        quadratic(a)


def test_no_networks_have_no_margins() -> None:
    assert stacked_margins(
        [np.empty((0, 3, 2)), np.empty((0, 2, 3))], Region(1, 0.1, 0.1, 9.0, quadratic(1))
    ).shape == (
        0,
        3,
    )


@pytest.mark.parametrize("make", PROFILES)
@pytest.mark.parametrize("a", [0.0, -1.0, np.inf, np.nan])
def test_a_must_be_positive(make: Callable[[float], Profile], a: float) -> None:
    with pytest.raises(ArgumentError, match=r"a: .* is not a positive number"):
        make(a)


@pytest.mark.parametrize(
    ("layers", "line"),
    [
        ([], "layers: a list of shapes"),
        ([np.ones((2, 3)), np.ones((2, 3))], "layers: .* is not a chain"),
        ([np.ones(3)], "layers: .* is not a list of matrices"),
        ([np.ones((4, 2, 3))], "layers: .* is not a list of matrices"),
        ([np.full((2, 2), np.nan)], "layers: a list with nan or inf entries is not finite"),
    ],
)
def test_layers_that_are_no_network_are_refused(layers: list[np.ndarray], line: str) -> None:
    with pytest.raises(ArgumentError, match=line):
        margins(layers, REGION)


def test_a_rank_above_the_widths_is_refused() -> None:
    assert isinstance(margins(network(0), Region(2, 1, 1, 1, quadratic(1))), Margins)
    with pytest.raises(ArgumentError, match="rank: 3 is not at most 2, the smallest width of the layers"):
        margins(network(0), Region(3, 1, 1, 1, quadratic(1)))


def test_a_ripple_between_few_samples_is_not_concave() -> None:
    """64 waves of which multiples of 1/64 show nothing, neither in the values nor in the slopes."""
    with pytest.raises(ArgumentError, match="profile: own is not admissible: it is concave"):
        Profile(
            "own",
            1.0,
            lambda x: np.where(x < 1, x + 1e-3 * np.sin(64 * np.pi * x) ** 2, 1.0),
            lambda x: np.where(x < 1, 1 + 0.064 * np.pi * np.sin(128 * np.pi * x), 0.0),
        )


@pytest.mark.parametrize(("start", "end"), [(1.5, np.inf), (1e6, np.inf), (1.5, 3.0), (1.0001, 1.5)])
def test_a_profile_that_departs_from_one_beyond_a_is_refused(start: float, end: float) -> None:
    with pytest.raises(ArgumentError, match="profile: own is not admissible: it is 1 from a on"):
        Profile("own", 1.0, lambda x: np.minimum(x, 1) + 0.5 * ((x > start) & (x < end)), ones)


@pytest.mark.parametrize("slope", [np.nan, np.inf])
@pytest.mark.parametrize("where", [0.0, 0.5])
def test_a_derivative_that_is_no_number_somewhere_is_refused(slope: float, where: float) -> None:
    with pytest.raises(ArgumentError, match="profile: own is not admissible: it is finite"):
        Profile("own", 1.0, lambda x: np.minimum(x, 1), lambda x: np.where(x == where, slope, ones(x)))


@pytest.mark.parametrize("batches", [((1,), (4,)), ((), (4,)), ((2,), (3,)), ((2, 3), (3,))])
def test_layers_of_different_numbers_of_networks_are_refused(batches: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Also where arrays of these shapes could be multiplied: one layer is not shared by many networks."""
    layers = [np.ones((*batch, 2, 2)) for batch in batches]
    with pytest.raises(ArgumentError, match="layers: a list of shapes"):
        stacked_margins(layers, REGION)


@pytest.mark.parametrize(("slope", "line"), [(np.nan, "it is finite"), (0.5, "its derivative is 0 beyond a")])
@pytest.mark.parametrize("where", [1.5, 1e6])
def test_a_derivative_that_is_not_zero_beyond_a_is_refused(slope: float, line: str, where: float) -> None:
    with pytest.raises(ArgumentError, match=f"profile: own is not admissible: {line}"):
        Profile("own", 1.0, lambda x: np.minimum(x, 1), lambda x: np.where(x > where, slope, ones(x)))
