"""Catches a wrong clock, eigenvalue curve or logistic law, and a time density that does not belong to the flow."""

import pytest
import sympy as sp

from theory.block_diagonal import observed_entry, rate_1
from theory.block_limit import limit_exponent, limit_sum
from theory.block_trajectory import (
    clock_rate,
    eigenvalue_in_tau,
    initial_entry,
    logistic,
    logistic_derivation,
    start,
    time_density,
    trajectory_derivation,
)
from theory.derivation import identity, split_powers
from theory.symbols import block_size, blocks, depth, gap, lambda_1, lambda_2, observed, tau, time, value, z

CLAIMS = {"clock": clock_rate, "eigenvalue": eigenvalue_in_tau}
MUTANTS = {
    "clock without s": ({"clock": value - observed}, 1),
    "clock reversed": ({"clock": -clock_rate}, 1),
    "clock with the factor L": ({"clock": depth * clock_rate}, 1),
    "clock of the observed entry": ({"clock": clock_rate * observed}, 1),
    "curve with L - 1": (
        {"eigenvalue": (start ** (1 - depth) - (depth - 1) * tau) ** (-1 / (depth - 1))},
        1,
    ),
    "curve with plus": ({"eigenvalue": (start ** (2 - depth) + (depth - 2) * tau) ** (-1 / (depth - 2))}, 1),
    "curve without L - 2": ({"eigenvalue": (start ** (2 - depth) - tau) ** (-1 / (depth - 2))}, 1),
    "curve that starts at twice lambda(0)": ({"eigenvalue": eigenvalue_in_tau.subs(start, 2 * start)}, 1),
    "constant curve": ({"eigenvalue": start}, 1),
}
LOGISTIC_MUTANTS = {
    "rate s": value / (1 + (value / initial_entry - 1) * sp.exp(-block_size * value * time)),
    "rate 2": value / (1 + (value / initial_entry - 1) * sp.exp(-2 * value * time)),
    "rate 2 s / w*": value / (1 + (value / initial_entry - 1) * sp.exp(-2 * block_size * time / value)),
    "backwards": logistic.subs(time, -time),
    "from another start": logistic.subs(initial_entry, initial_entry / 2),
    "exponential": value - (value - initial_entry) * sp.exp(-2 * block_size * value * time),
}


def test_the_trajectory_holds():
    assert trajectory_derivation(CLAIMS).holds


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_trajectory_is_left_open(mutant):
    change, open_steps = MUTANTS[mutant]
    assert len(trajectory_derivation(CLAIMS | change).open_steps) == open_steps


def test_the_logistic_law_holds():
    assert logistic_derivation(logistic).holds
    assert sp.limit(logistic.subs({initial_entry: 1, value: 3, block_size: 2}), time, sp.oo) == 3


@pytest.mark.parametrize("mutant", LOGISTIC_MUTANTS)
def test_a_wrong_logistic_law_is_left_open(mutant):
    assert logistic_derivation(LOGISTIC_MUTANTS[mutant]).open_steps


def test_the_logistic_law_is_for_depth_two_only(monkeypatch):
    from theory import block_trajectory

    monkeypatch.setattr(block_trajectory, "observed_entry", observed_entry.subs(depth, 3 * depth / 2))
    assert logistic_derivation(logistic).open_steps


@pytest.mark.parametrize("layers", [3, 4, 5])
def test_the_curve_in_tau_solves_its_equation_at_concrete_depths(layers):
    curve = eigenvalue_in_tau.subs(depth, layers)
    # Independent of the reducers: the series in tau agrees with Picard iteration of x' = x^(L-1).
    x = start
    for _ in range(3):
        x = start + sp.integrate(sp.expand(sp.series(x ** (layers - 1), tau, 0, 3).removeO()), (tau, 0, tau))
    assert sp.simplify(sp.series(curve, tau, 0, 4).removeO() - sp.expand(x)) == 0


def test_the_time_density_is_the_reciprocal_of_the_flow_in_z():
    state = {z: lambda_1 ** (2 - depth), gap: lambda_2 ** (2 - depth) - lambda_1 ** (2 - depth)}
    speed = -sp.diff(lambda_1 ** (2 - depth), lambda_1) * rate_1
    entry = limit_sum(power=limit_exponent) / (blocks * block_size)
    assert identity("", entry.subs(state, simultaneous=True), observed_entry, split_powers).holds
    assert identity("", speed, ((depth - 2) * clock_rate), split_powers).holds
    assert sp.simplify(time_density(clock_rate) * (depth - 2) * clock_rate.subs(observed, entry)) == 1
    assert sp.simplify(time_density(2 * clock_rate) / time_density(clock_rate)) == sp.Rational(1, 2)
