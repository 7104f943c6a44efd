"""Flows at depth L >= 3 in the spectrum of W^(2/L): catches a wrong equation (against the layers' own flow), a plateau
that is left too late, eigenvalues that lose digits, starts taken for limits, and paths that miss critical points."""

import numpy as np
import pytest

from numerics import flow_limit, integrate
from numerics.counter_example import counter_example, rank_completion
from numerics.deep_greedy import DeepPath, deep_flow, deep_glrl
from numerics.errors import ArgumentError
from numerics.factorization import MatrixCompletion, end_to_end
from numerics.infinitesimal_flow import Outcome
from numerics.objective import Objective, completion

R = "1.5"
PROBLEM = counter_example(R)
F = completion(PROBLEM)
LIMIT = rank_completion(R).astype(float)


def positive_truth(size: int, rank: int, seed: int) -> MatrixCompletion:
    random = np.random.default_rng(seed)
    factor = random.standard_normal((size, rank))
    upper = np.triu(random.random((size, size)) < 0.75, 1)
    return MatrixCompletion(upper | upper.T | np.eye(size, dtype=bool), factor @ factor.T / size)


@pytest.mark.parametrize(("depth", "alpha"), [(3, 0.3), (3, 0.1), (4, 0.3), (4, 0.1), (5, 0.2)])
def test_the_limit_is_that_of_the_layers_own_flow(depth: int, alpha: float) -> None:
    layers = flow_limit(PROBLEM, [alpha * np.eye(4)] * depth)
    found = deep_flow(F, depth, repr(alpha))
    assert found.outcome is Outcome.MINIMUM
    assert layers.error < 1e-8
    # The last Newton step is not orthogonal in the flow's metric: first order in the residual that it removes.
    assert np.linalg.norm(found.limit - layers.matrix) < 1e-5 * np.linalg.norm(layers.matrix - LIMIT) + layers.error


@pytest.mark.parametrize("depth", [3, 4])
def test_the_path_is_that_of_the_layers_own_flow(depth: int) -> None:
    start = [0.1 * np.eye(4)] * depth
    found = deep_flow(F, depth, "0.1")
    for index in np.linspace(1, len(found.phases[-1].times) - 1, 5).astype(int):
        time = float(found.starts[-1] + found.phases[-1].times[index])
        own = integrate(PROBLEM, start, max_time=time, residual_tolerance=1e-14, relative_tolerance=1e-12)
        matrix = end_to_end(own.final_layers)
        assert own.times[-1] == pytest.approx(time)
        assert np.linalg.norm(found.phases[-1].matrices[index] - matrix) < 1e-7 * np.linalg.norm(matrix)


@pytest.mark.parametrize("depth", [3, 4, 5])
def test_small_starts_cost_no_accuracy(depth: int) -> None:
    """alpha = 1e-40: the first eigenvalue is followed over more than a hundred orders."""
    found = deep_flow(F, depth, "1e-40")
    assert found.outcome is Outcome.MINIMUM
    assert [point.rank for point in found.points] == [0, 1]
    assert np.linalg.norm(found.limit - LIMIT) < 1e-8
    first = found.phases[0].log_values[0]
    np.testing.assert_allclose(first, -40 * depth * np.log(10), rtol=1e-12)


def test_a_tiny_eigenvalue_keeps_its_digits_through_a_plateau() -> None:
    """The memories w^(-(1-2/L)) of two eigenvalues fall at speeds in the ratio of their rates, to 1e-8."""
    depth, alpha = 3, 1e-20
    logs = deep_flow(F, depth, repr(alpha)).phases[0].log_values
    rates = deep_flow(F, depth, repr(alpha)).points[0].rates
    exponent = -(1 - 2 / depth)
    memory = np.exp(exponent * (logs - logs[0]))
    fallen = 1 - memory[1:, :2]
    np.testing.assert_allclose(fallen[:, 1] / fallen[:, 0], rates[1] / rates[0], rtol=1e-7)


@pytest.mark.parametrize("depth", [3, 4, 8])
def test_the_smallest_scales_are_within_float64(depth: int) -> None:
    """|W(0)| = 1e-300: squares of its powers underflow."""
    f = completion(positive_truth(4, 1, 1))
    found = deep_flow(f, depth, repr(1e-300 ** (1 / depth)), tolerance=1e-4)
    assert found.outcome is Outcome.MINIMUM
    assert np.linalg.norm(found.limit - deep_glrl(f, depth, tolerance=1e-4).limit) < 1e-8


@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize(("target", "free"), [(-1.0, False), (0.0, False), (-1.0, True)])
def test_a_flow_that_does_not_leave_zero_shrinks_where_it_has_to(depth: int, target: float, free: bool) -> None:
    """Its start is no limit: W_11 tends to 0 when its target is not positive; W_22 is not observed when free."""
    mask = np.diag([True, not free])
    problem = MatrixCompletion(mask, np.diag([target, target]))
    found = deep_flow(completion(problem), depth, "0.5")
    assert found.outcome is Outcome.MINIMUM
    assert abs(found.limit[0, 0]) < 1e-7
    assert abs(found.limit[1, 1] - (0.5**depth if free else 0.0)) < 1e-6


def ranks(path: DeepPath) -> list[int]:
    return [point.rank for point in path.points]


@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_flow_passes_the_greedy_critical_points(depth: int, seed: int) -> None:
    f = completion(positive_truth(5, 2, seed))
    greedy = deep_glrl(f, depth, tolerance=1e-4)
    flow = deep_flow(f, depth, "1e-12", tolerance=1e-4)
    assert greedy.outcome is flow.outcome is Outcome.MINIMUM
    assert ranks(greedy)[:3] == ranks(flow)[:3] == [0, 1, 2]
    for one, other in zip(greedy.points, flow.points, strict=False):
        assert one.gradient_norm < 1e-12
        assert np.linalg.norm(one.matrix - other.matrix) < 1e-8


def test_eigenvalues_that_meet_do_not_stop_the_flow() -> None:
    """A truth of rank 1 with everything observed: the other eigenvalues fall together."""
    truth = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]) / 10
    found = deep_flow(completion(MatrixCompletion(np.ones((4, 4)), truth)), 3, "0.2", tolerance=1e-4)
    assert found.outcome is Outcome.MINIMUM
    assert np.linalg.norm(found.limit - truth) < 1e-4


def test_greedy_paths_say_why_they_stop() -> None:
    f = completion(positive_truth(4, 2, 3))
    assert deep_glrl(f, 3, max_rank=1).outcome is Outcome.RANKS
    assert deep_glrl(f, 3, max_steps=5).outcome is Outcome.NOT_SETTLED
    assert deep_flow(f, 3, "0.1", max_steps=5).outcome is Outcome.NOT_SETTLED
    nothing = completion(MatrixCompletion(np.eye(3), -np.eye(3)))
    assert ranks(deep_flow(nothing, 3, "0.1")) == ranks(deep_glrl(nothing, 3)) == [0]


@pytest.mark.parametrize("eps", ["1e-6", "1e-9"])
def test_the_greedy_limit_does_not_depend_on_eps(eps: str) -> None:
    f = completion(positive_truth(5, 2, 0))
    assert np.linalg.norm(deep_glrl(f, 3, eps=eps).limit - deep_glrl(f, 3, eps="1e-12").limit) < 10 * float(eps)


ONE_SIDED = Objective((2, 2), lambda w: float(w[0, 1] ** 2), lambda w: np.diag([2 * w[0, 1]], 1), lambda _w, z: z)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: deep_flow(F, 2, "0.1"), "depth: 2 is not an integer of at least 3"),
        (lambda: deep_flow(F, 17, "0.1"), "depth: 17 is not at most 16"),
        (lambda: deep_flow(F, 3, "0"), "alpha: 0 is not a positive decimal number"),
        (lambda: deep_flow(F, 3, "1e-110"), "alpha: 1e-110 is not within 1e-305 and 1e100 when raised to the depth 3"),
        (lambda: deep_flow(F, 3, "0.1", max_steps=0), "max_steps: 0 is not an integer of at least 1"),
        (lambda: deep_flow(F, 3, "0.1", tolerance=0.0), "tolerance: 0.0 is not a positive decimal number"),
        (lambda: deep_glrl(F, 3, eps="-1"), "eps: -1 is not a positive decimal number"),
        (lambda: deep_glrl(F, 3, eps="0.1"), "eps: 0.1 is not within 1e-15 and 1e-3"),
        (lambda: deep_glrl(F, 3, max_steps=0), "max_steps: 0 is not an integer of at least 1"),
        (lambda: deep_glrl(F, 3, max_rank=0), "max_rank: 0 is not an integer of at least 1"),
        (lambda: deep_flow(ONE_SIDED, 3, "0.1"), "f: .* is not symmetric"),
    ],
)
def test_bad_input_is_named(call: object, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        call()  # type: ignore[operator]
