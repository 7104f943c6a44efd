"""What a theorem predicts: catches a theorem that is applied where it does not speak, and a curve in the wrong time."""

from fractions import Fraction

import numpy as np
import pytest

from numerics.block_diagonal import BlockFamily, block_problem, initial_layers, problem
from numerics.factorization import MatrixCompletion, Normalization
from numerics.gradient_flow import flow_limit, integrate
from numerics.initialization import gaussian_layers, layer_shapes
from numerics.prediction import predict

EYE = MatrixCompletion(np.eye(2), np.eye(2))


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("m", [1, 3, "inf"])
def test_the_family_is_recognised_and_its_limit_is_the_flow_s(depth: int, m: object) -> None:
    family = BlockFamily(depth, 3, 1, "0.8", "0.4", m)  # type: ignore[arg-type]
    found = predict(problem(family), initial_layers(family))
    assert found is not None
    assert found.statement == ("block-limit-depth2" if depth == 2 else "block-limit")
    flow = flow_limit(problem(family), initial_layers(family))
    assert found.limit == pytest.approx(flow.singular_values, abs=max(flow.error, 1e-9))


@pytest.mark.parametrize("depth", [2, 3])
def test_the_curve_is_the_flow_at_its_times(depth: int) -> None:
    family = BlockFamily(depth, 2, 1, 1, "0.2", 4)  # type: ignore[arg-type]
    found = predict(problem(family), initial_layers(family))
    assert found is not None
    for time, spectrum in list(zip(found.times, found.singular_values, strict=True))[5::15]:
        flow = integrate(problem(family), initial_layers(family), max_time=float(time), residual_tolerance=1e-14)
        assert flow.times[-1] == time
        assert flow.singular_values[-1] == pytest.approx(spectrum, rel=1e-7)


def test_time_runs_with_the_weight_of_the_loss() -> None:
    family = BlockFamily(3, 2, 1, 1, "0.2", 4)  # type: ignore[arg-type]
    plain = predict(problem(family), initial_layers(family))
    slow = predict(MatrixCompletion(np.eye(2), problem(family).targets, Normalization.MEAN_ALL), initial_layers(family))
    assert plain is not None
    assert slow is not None
    assert slow.times == pytest.approx(2 * plain.times)


def test_depth_two_with_diagonal_observations_needs_no_family() -> None:
    layers = gaussian_layers([(4, 2), (2, 4)], 0.3, seed=5)
    found = predict(EYE, layers)
    assert found is not None
    assert found.statement == "depth2-diagonal-limit"
    assert found.times.size == 0
    flow = flow_limit(EYE, layers)
    assert found.limit == pytest.approx(flow.singular_values, abs=flow.error)


@pytest.mark.parametrize(
    ("given", "layers"),
    [
        (EYE, gaussian_layers(layer_shapes(2, 2, 3), 0.3, seed=1)),
        (
            MatrixCompletion(np.ones((2, 2)), np.ones((2, 2))),
            initial_layers(BlockFamily(3, 2, 1, 1, Fraction(1, 5), 4)),
        ),
        (EYE, [np.array([[0.1, 0.3], [0.3, 0.1]])] * 3),
        (EYE, [np.array([[0.3, -0.1], [-0.1, 0.3]])] * 3),
        (EYE, [np.array([[0.3, 0.1], [0.2, 0.3]])] * 3),
        (EYE, [np.array([[0.3, 0.1], [0.1, 0.3]]), np.array([[0.3, 0.1], [0.1, 0.3]]), np.eye(2)]),
        (MatrixCompletion(np.eye(2), -np.eye(2)), [np.array([[0.3, 0.1], [0.1, 0.3]])] * 3),
        (MatrixCompletion(np.eye(2), np.diag([1.0, 2.0])), [np.array([[0.3, 0.1], [0.1, 0.3]])] * 3),
        (block_problem([2, 2], [1.0, 1.0]), gaussian_layers(layer_shapes(4, 4, 2), 0.3, seed=1)),
        (EYE, [np.eye(2), np.eye(2)[::-1] @ np.eye(2)[::-1] * -1.0]),
    ],
)
def test_no_theorem_speaks_of_these(given: MatrixCompletion, layers: list[np.ndarray]) -> None:
    assert predict(given, layers) is None
