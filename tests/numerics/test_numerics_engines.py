"""Engines behind one interface: catches one that follows another flow, a NaN at exact convergence, a held-up batch."""

import sys
from itertools import zip_longest
from typing import Any

import numpy as np
import pytest
import scipy.integrate

from numerics.errors import ArgumentError, MissingExtra
from numerics.factorization import MatrixCompletion, Normalization, end_to_end, gradient, loss, residual
from numerics.gradient_flow import (
    ChebyshevEngine,
    Engine,
    ScipyEngine,
    StopReason,
    TaylorEngine,
    Term,
    Tolerance,
    engine_named,
    ensemble,
    integrate,
)
from numerics.gradient_flow.taylor_system import compiled, compiled_batch
from numerics.initialization import balanced_layers, gaussian_layers, layer_shapes

ENGINES: list[tuple[Engine, float, float]] = [
    (ScipyEngine(), 1e-11, 1e-9),
    (ScipyEngine("Radau"), 1e-9, 1e-6),
    (ScipyEngine("LSODA"), 1e-10, 1e-6),
    (ScipyEngine("RK45"), 1e-10, 1e-7),
    (TaylorEngine(), 1e-14, 1e-12),
    (TaylorEngine(25), 1e-25, 1e-12),
    (ChebyshevEngine(), 1e-8, 1e-5),
]
NAMES = [engine.name for engine, _, _ in ENGINES]
EYE = MatrixCompletion(np.eye(2), np.eye(2))


def example(depth: int = 3, normalization: Normalization = Normalization.SUM_HALF) -> tuple[Any, list[np.ndarray]]:
    random = np.random.default_rng(11)
    problem = MatrixCompletion(np.array([[1, 0, 1], [0, 1, 1]]), random.standard_normal((2, 3)), normalization)
    return problem, gaussian_layers(layer_shapes(2, 3, depth, 3), 0.4, seed=4)


def reference(problem: MatrixCompletion, layers: list[np.ndarray], time: float) -> np.ndarray:
    flow = integrate(
        problem, layers, engine=TaylorEngine(), relative_tolerance=1e-15, max_time=time, residual_tolerance=1e-15
    )
    return end_to_end(flow.final_layers)


def random_case(seed: int, depth: int) -> tuple[MatrixCompletion, list[np.ndarray]]:
    """A random mask, shape, hidden width (narrow or wide) and normalization."""
    random = np.random.default_rng([seed, depth])
    rows, columns, width = random.integers(1, 5, 3)
    mask = random.random((rows, columns)) < 0.6
    mask[0, 0] = True
    normalization = list(Normalization)[seed % 3]
    problem = MatrixCompletion(mask, random.standard_normal(mask.shape), normalization)
    shapes = layer_shapes(int(rows), int(columns), depth, int(width) + 2 * (seed % 2))
    return problem, [0.8 * random.standard_normal(shape) for shape in shapes]


def independent(problem: MatrixCompletion, layers: list[np.ndarray], time: float) -> np.ndarray:
    """W(time) by `solve_ivp` on the gradient of `numerics.factorization`, which shares nothing with the term."""
    cuts = np.cumsum([layer.size for layer in layers])[:-1]

    def unpacked(state: np.ndarray) -> list[np.ndarray]:
        return [part.reshape(layer.shape) for part, layer in zip(np.split(state, cuts), layers, strict=True)]

    found = scipy.integrate.solve_ivp(
        lambda _, state: -np.concatenate([part.ravel() for part in gradient(problem, unpacked(state))]),
        (0, time),
        np.concatenate([layer.ravel() for layer in layers]),
        method="DOP853",
        rtol=1e-12,
        atol=1e-13,
    )
    return end_to_end(unpacked(found.y[:, -1]))


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_the_term_is_minus_the_gradient_and_keeps_nothing_between_evaluations(seed: int, depth: int) -> None:
    problem, layers = random_case(seed, depth)
    term = Term(problem, layers)
    states = [term.pack(layers), term.pack([2 * layer + 0.1 for layer in layers])]
    for state in (states[0], states[1], states[0]):
        at = term.unpack(state)
        expected = gradient(problem, at)
        velocity = term.velocity(state, np.full_like(state, np.nan))
        scale = max(float(np.max(np.abs(part))) for part in expected)
        for found, part in zip(term.unpack(velocity), expected, strict=True):
            np.testing.assert_allclose(found, -part, atol=1e-13 * scale)
        squares = sum(float(np.sum(part**2)) for part in expected)
        assert velocity[-1] == pytest.approx(squares, rel=1e-12)
        assert term.speed == pytest.approx(np.sqrt(squares), rel=1e-12)
        assert term.residual_norm == pytest.approx(np.linalg.norm(residual(problem, end_to_end(at))), rel=1e-12)
    assert term.evaluations == 3


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_all_engines_agree_on_random_problems(depth: int) -> None:
    for number, (problem, layers) in enumerate([example(depth), *(random_case(seed, depth) for seed in range(4))]):
        expected = independent(problem, layers, 1.0)
        # All of these starts move: no engine agrees by standing still.
        assert np.linalg.norm(expected - end_to_end(layers)) > 1e-2
        for engine, tolerance, bound in ENGINES:
            if isinstance(engine, TaylorEngine) and (engine.digits or number > 0):
                continue  # one compilation a depth
            flow = integrate(
                problem, layers, engine=engine, relative_tolerance=tolerance, max_time=1.0, residual_tolerance=1e-15
            )
            assert flow.times[-1] == 1.0
            assert np.linalg.norm(flow.products[-1] - expected) < 10 * max(bound, 1e-10), engine.name


@pytest.mark.parametrize(("engine", "tolerance", "bound"), ENGINES, ids=NAMES)
def test_all_engines_follow_the_same_flow_and_stop_at_the_time(engine: Engine, tolerance: float, bound: float) -> None:
    problem, layers = example()
    flow = integrate(
        problem, layers, engine=engine, relative_tolerance=tolerance, max_time=1.5, residual_tolerance=1e-15
    )
    assert flow.reason is StopReason.TIME
    assert flow.times[-1] == 1.5
    assert np.linalg.norm(flow.products[-1] - reference(problem, layers, 1.5)) < bound
    assert np.max(flow.drift) < bound
    assert np.max(np.abs(flow.energy_defect)) < bound * flow.loss[0]
    assert flow.loss_increase == 0
    assert flow.warnings == ()


@pytest.mark.parametrize(("engine", "tolerance", "bound"), ENGINES, ids=NAMES)
@pytest.mark.parametrize("depth", [1, 3])
def test_all_engines_converge_where_it_is_easy(engine: Engine, tolerance: float, bound: float, depth: int) -> None:
    problem, layers = example(depth)
    flow = integrate(problem, layers, engine=engine, relative_tolerance=tolerance, residual_tolerance=1e-5)
    assert flow.converged
    assert flow.residual_norm <= 1e-5 * np.linalg.norm(problem.targets)
    assert flow.loss[-1] == pytest.approx(0.5 * flow.residual_norm**2, rel=1e-6)


@pytest.mark.parametrize("engine", [engine for engine, _, _ in ENGINES], ids=NAMES)
def test_a_start_that_fits_is_converged_at_once(engine: Engine) -> None:
    flow = integrate(EYE, [np.eye(2)] * 3, engine=engine)
    assert (flow.reason, flow.steps, flow.times[-1]) == (StopReason.CONVERGED, 0, 0.0)


@pytest.mark.parametrize("engine", [engine for engine, _, _ in ENGINES], ids=NAMES)
def test_a_stationary_start_with_residual_says_so(engine: Engine) -> None:
    flow = integrate(EYE, [np.zeros((2, 2))] * 3, engine=engine)
    assert flow.reason is StopReason.STATIONARY
    assert np.isfinite(flow.products).all()


@pytest.mark.parametrize("engine", [engine for engine, _, _ in ENGINES], ids=NAMES)
def test_a_spent_step_budget_is_a_reason(engine: Engine) -> None:
    problem, layers = example()
    flow = integrate(problem, layers, engine=engine, max_steps=3, residual_tolerance=1e-15)
    assert flow.reason is StopReason.STEPS
    assert flow.steps == 3


@pytest.mark.parametrize(("engine", "tolerance", "bound"), ENGINES, ids=NAMES)
def test_the_energy_released_is_what_the_loss_has_lost(engine: Engine, tolerance: float, bound: float) -> None:
    problem, layers = example(normalization=Normalization.MEAN_ALL)
    flow = integrate(problem, layers, engine=engine, relative_tolerance=tolerance, residual_tolerance=1e-4)
    assert flow.released[0] == 0
    assert np.all(np.diff(flow.released) > 0)
    np.testing.assert_allclose(flow.released, flow.loss[0] - flow.loss, atol=bound * flow.loss[0])
    assert float(flow.final_released) == flow.released[-1]
    # At the end nearly all of E(0) is released: the residual is below 1e-4 |targets|.
    left = 0.5 * problem.weight * (1e-4 * np.linalg.norm(problem.targets)) ** 2
    assert flow.loss[0] - flow.released[-1] <= left + bound * flow.loss[0]
    assert flow.loss[0] == loss(problem, end_to_end(layers))


@pytest.mark.parametrize("engine", [engine for engine, _, _ in ENGINES], ids=NAMES)
def test_a_time_below_the_first_step_is_hit_exactly(engine: Engine) -> None:
    problem, layers = example()
    for time in (1e-9, 1 / 3):
        flow = integrate(problem, layers, engine=engine, relative_tolerance=1e-6, max_time=time)
        assert (flow.reason, flow.times[-1]) == (StopReason.TIME, time)


@pytest.mark.parametrize("engine", [ScipyEngine(), TaylorEngine(), ChebyshevEngine()], ids=lambda engine: engine.name)
def test_zero_targets_stop_at_an_absolute_residual(engine: Engine) -> None:
    problem = MatrixCompletion(np.eye(2), np.zeros((2, 2)))
    flow = integrate(problem, [np.array([[3.0, 1.0], [1.0, 2.0]])], engine=engine, residual_tolerance=1e-3)
    assert flow.converged
    # One layer: the observed entries decay like exp(-t).
    assert flow.times[-1] >= np.log(np.sqrt(13) / 1e-3) - 1e-6
    assert flow.products[-1, 0, 1] == 1


def test_two_flows_of_one_compiled_system_do_not_disturb_each_other() -> None:
    problem, layers = example()
    other = MatrixCompletion(problem.mask, problem.targets + 1)
    starts = [(problem, layers), (other, [2 * layer for layer in layers])]

    def moments(posed: MatrixCompletion, start: list[np.ndarray]) -> Any:
        return TaylorEngine().moments(posed, start, Tolerance(1e-14, 1e-16), 1.0)

    alone = [[moment.state.copy() for moment in moments(*start)] for start in starts]
    together: list[list[np.ndarray]] = [[], []]
    for pair in zip_longest(*(moments(*start) for start in starts)):
        for states, moment in zip(together, pair, strict=True):
            if moment is not None:
                states.append(moment.state.copy())
    assert len(alone[0]) != len(alone[1])
    for found, expected in zip(together, alone, strict=True):
        assert np.array_equal(found, expected)


def test_exact_convergence_is_no_nan() -> None:
    """From here rounding ends on W = I exactly, where the velocity is 0 and heyoka alone steps to infinity."""
    for engine in (TaylorEngine(), ScipyEngine()):
        flow = integrate(EYE, [0.5 * np.eye(2)] * 2, engine=engine, residual_tolerance=1e-300, max_steps=400)
        assert flow.reason in (StopReason.CONVERGED, StopReason.STATIONARY, StopReason.STEPS)
        assert np.isfinite(flow.products).all()
        assert flow.products[-1] == pytest.approx(np.eye(2), abs=1e-9)
    batch = ensemble(EYE, [[0.5 * np.eye(2)] * 2] * 3, residual_tolerance=1e-300, max_steps=400)
    assert np.isfinite(batch.products).all()
    assert batch.products == pytest.approx(np.stack([np.eye(2)] * 3), abs=1e-12)


@pytest.mark.parametrize("normalization", [Normalization.MEAN_OBSERVED, Normalization.MEAN_ALL])
def test_a_normalization_only_rescales_time(normalization: Normalization) -> None:
    plain, layers = example()
    scaled, _ = example(normalization=normalization)
    assert scaled.weight == {"mean-observed": 2 / 4, "mean-all": 2 / 6}[normalization]
    for engine in (ScipyEngine(), TaylorEngine(), ChebyshevEngine()):
        flow = integrate(
            scaled,
            layers,
            engine=engine,
            relative_tolerance=1e-9,
            max_time=1.2 / scaled.weight,
            residual_tolerance=1e-15,
        )
        assert flow.products[-1] == pytest.approx(reference(plain, layers, 1.2), abs=1e-6)


def test_the_sign_of_the_determinant_is_watched_where_it_is_invariant() -> None:
    shapes = layer_shapes(2, 2, 3)
    balanced = balanced_layers(np.array([[0.2, 0.5], [0.4, -0.3]]), shapes, seed=1)
    assert integrate(EYE, balanced).determinant_sign_kept is True
    assert integrate(EYE, gaussian_layers(shapes, 0.5, seed=1)).determinant_sign_kept is None
    wide = MatrixCompletion(np.ones((2, 3)), np.ones((2, 3)))
    assert (
        integrate(wide, balanced_layers(np.eye(2, 3), layer_shapes(2, 3, 2), seed=1), max_steps=9).determinant_sign_kept
        is None
    )


def test_a_limit_of_rank_one_and_a_single_layer_raise_no_false_alarm() -> None:
    """Pinned: det W was rounding at a limit of rank 1, and at depth 1 its sign is no invariant."""
    equal = integrate(EYE, [np.full((2, 2), 0.1)] * 3)
    assert equal.determinant_sign_kept is True
    assert equal.warnings == ()
    full = MatrixCompletion(np.ones((2, 2)), np.array([[1.0, 2.0], [2.0, 1.0]]))
    alone = integrate(full, [np.eye(2)])
    assert np.linalg.det(alone.products[-1]) < 0 < np.linalg.det(alone.products[0])
    assert alone.determinant_sign_kept is None


def test_a_flipped_determinant_is_warned_about() -> None:
    # Balanced with det W > 0, all of W = diag(1, -1) observed: exact flow ends at a saddle with det W = 0, and only
    # errors lead on to the minimum on the other side. A coarse run takes that way; a fine one stays within its time.
    problem = MatrixCompletion(np.ones((2, 2)), np.diag([1.0, -1.0]))
    start = balanced_layers(np.array([[0.3, 0.1], [-0.05, 0.2]]), layer_shapes(2, 2, 3), seed=1)
    coarse = integrate(problem, start, engine=ChebyshevEngine(), relative_tolerance=1e-3, residual_tolerance=1e-6)
    fine = integrate(problem, start, max_time=float(coarse.times[-1]))
    assert coarse.converged
    assert coarse.determinant_sign_kept is False
    assert any("sign of det W" in text for text in coarse.warnings)
    assert fine.determinant_sign_kept is True
    assert fine.warnings == ()
    assert not fine.converged
    assert fine.loss[-1] == pytest.approx(0.5, abs=1e-3)


def test_a_coarse_run_is_warned_about() -> None:
    """The monitors are compared with the tolerance that was asked for, so a run that misses it is named."""
    problem, layers = example()
    flow = integrate(problem, layers, relative_tolerance=1e-9)
    assert flow.warnings == ()
    object.__setattr__(flow, "relative_tolerance", 1e-17)
    flow.released[-1] += 1.0
    assert any("energy identity" in text for text in flow.warnings)


def test_moments_are_thinned_and_keep_both_ends() -> None:
    problem, layers = example()
    every = integrate(problem, layers, moments=10**6)
    few = integrate(problem, layers, moments=8)
    assert len(every.times) == every.steps + 1 > 20
    assert 4 <= len(few.times) <= 9
    assert set(few.times) <= set(every.times)
    assert (few.times[0], few.times[-1]) == (every.times[0], every.times[-1])


@pytest.mark.parametrize(
    ("name", "digits", "argument"),
    [
        ("euler", None, "engine"),
        ("scipy:", None, "engine"),
        ("scipy:Euler", None, "engine"),
        ("taylor:5", None, "engine"),
        ("scipy", 30, "digits"),
        ("chebyshev", 30, "digits"),
        ("taylor", 0, "digits"),
        ("taylor", 100_000, "digits"),
    ],
)
def test_engines_that_there_are_not(name: str, digits: int | None, argument: str) -> None:
    with pytest.raises(ArgumentError) as error:
        engine_named(name, digits)
    assert error.value.argument == argument


def test_engines_by_name() -> None:
    assert engine_named("scipy") == ScipyEngine("DOP853")
    assert engine_named("scipy:BDF") == ScipyEngine("BDF")
    assert engine_named("taylor", 30) == TaylorEngine(30)
    assert engine_named("chebyshev") == ChebyshevEngine()


def test_a_missing_extra_names_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "heyoka", None)
    compiled.cache_clear()
    compiled_batch.cache_clear()
    for work in (
        lambda: integrate(EYE, [np.eye(2) / 2] * 2, engine=TaylorEngine()),
        lambda: ensemble(EYE, [[np.eye(2)]]),
    ):
        with pytest.raises(MissingExtra) as error:
            work()
        assert error.value.remedy == "pip install 'rankproof[taylor]'"


def test_layers_too_large_to_compile_name_the_engine() -> None:
    problem = MatrixCompletion(np.eye(30), np.eye(30))
    with pytest.raises(ArgumentError, match="use scipy"):
        integrate(problem, [np.eye(30)] * 3, engine=TaylorEngine())


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"max_steps": 0}, "max_steps"),
        ({"max_steps": 2.5}, "max_steps"),
        ({"moments": 1}, "moments"),
        ({"relative_tolerance": float("inf")}, "relative_tolerance"),
        ({"max_time": float("nan")}, "max_time"),
    ],
)
def test_bad_options_name_the_argument(options: dict[str, Any], argument: str) -> None:
    with pytest.raises(ArgumentError) as error:
        integrate(EYE, [np.eye(2) / 2] * 2, **options)
    assert error.value.argument == argument
