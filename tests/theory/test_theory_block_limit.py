"""Catches a wrong limit equation (total, exponent, gap, spectrum), a bracket or uniqueness argument that would accept
another function, and a wrong limit at L = 2 or m = oo."""

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from numerics.balls import ball, compiled, precision
from theory import block_limit
from theory.block_diagonal import start_1, start_2, start_ratio
from theory.block_limit import (
    bracket_derivation,
    decoupled_derivation,
    depth_two_derivation,
    depth_two_ratio,
    gap_constant,
    initial_gap,
    limit_equation_derivation,
    limit_exponent,
    limit_sum,
    limit_sum_derivative,
    observed_total,
    uniqueness_derivation,
)
from theory.derivation import cancel_exponents, identity, split_powers
from theory.symbols import alpha, block_size, blocks, depth, exponent, gap, lambda_1, lambda_2, m, total, value, z

EQUATION = {"total": observed_total, "gap": initial_gap, "first": z ** (-exponent), "rest": (z + gap) ** (-exponent)}
EQUATION_MUTANTS = {
    "total n w*": {"total": blocks * value},
    "total s w*": {"total": block_size * value},
    "total d^2 w*": {"total": observed_total * blocks * block_size},
    "gap with plus": {"gap": start_2 ** (2 - depth) + start_1 ** (2 - depth)},
    "gap with the other sign": {"gap": -initial_gap},
    "gap with exponent 1 - L": {"gap": start_2 ** (1 - depth) - start_1 ** (1 - depth)},
    "gap without s": {"gap": initial_gap * block_size ** (depth - 2)},
    "gap without n - 1": {
        "gap": (block_size * alpha) ** (2 - depth) * ((1 - 1 / m) ** (2 - depth) - (1 + 1 / m) ** (2 - depth))
    },
    "first with 1/q": {"first": z ** (-1 / exponent)},
    "first with +q": {"first": z**exponent},
    "rest with D twice": {"rest": (z + 2 * gap) ** (-exponent)},
    "rest with minus D": {"rest": (z - gap) ** (-exponent)},
    "singular values swapped": {"first": EQUATION["rest"], "rest": EQUATION["first"]},
}
SHALLOW = {"ratio": depth_two_ratio, "first": observed_total / (1 + (blocks - 1) * depth_two_ratio)}
SHALLOW_MUTANTS = {
    "ratio not squared": {"ratio": start_ratio},
    "ratio depends on alpha": {"ratio": depth_two_ratio * alpha},
    "ratio with n in place of n - 1": {"ratio": ((m - 1) / (m + blocks)) ** 2},
    "ratio inverted": {"ratio": 1 / depth_two_ratio},
    "first with n modes": {"first": observed_total / (1 + blocks * depth_two_ratio)},
    "first of the ratio not squared": {"first": observed_total / (1 + (blocks - 1) * start_ratio)},
    "first from n w*": {"first": blocks * value / (1 + (blocks - 1) * depth_two_ratio)},
}


def test_the_limit_equation_holds():
    derivation = limit_equation_derivation(EQUATION)
    assert derivation.holds
    assert derivation.sizes == ()


@pytest.mark.parametrize("mutant", EQUATION_MUTANTS)
def test_a_wrong_limit_equation_is_left_open(mutant):
    change = EQUATION_MUTANTS[mutant]
    assert len(limit_equation_derivation(EQUATION | change).open_steps) == len(change)


def test_the_gap_is_the_scale_times_its_constant():
    assert identity("", initial_gap, (block_size * alpha) ** (2 - depth) * gap_constant, split_powers).holds
    assert gap_constant.subs(m, 1 + sp.Symbol("mu", positive=True)).subs({blocks: 1, depth: 3}).is_positive


def test_the_root_is_unique_and_the_proof_rests_on_the_function(monkeypatch):
    assert uniqueness_derivation().holds
    with monkeypatch.context() as patch:  # increasing in z
        patch.setattr(block_limit, "limit_sum", lambda: z**exponent + (blocks - 1) * (z + gap) ** exponent)
        assert uniqueness_derivation().open_steps
    with monkeypatch.context() as patch:  # no sign: one term increases
        patch.setattr(block_limit, "limit_sum", lambda: z ** (-exponent) - (blocks - 1) * (z + gap) ** (-exponent))
        assert uniqueness_derivation().open_steps


def test_the_bracket_holds_and_rests_on_the_function(monkeypatch):
    assert bracket_derivation().holds
    for wrong in (
        lambda: z ** (-exponent) + blocks * (z + gap) ** (-exponent),
        lambda: 2 * z ** (-exponent) + (blocks - 1) * (z + gap) ** (-exponent),
        lambda: z ** (-exponent) + (blocks - 1) * (z + gap) ** exponent,
    ):
        with monkeypatch.context() as patch:
            patch.setattr(block_limit, "limit_sum", wrong)
            assert bracket_derivation().open_steps


def test_the_depth_two_limit_holds():
    assert depth_two_derivation(SHALLOW).holds
    assert identity("", depth_two_ratio, ((m - 1) / (m + blocks - 1)) ** 2, sp.cancel).holds


@pytest.mark.parametrize("mutant", SHALLOW_MUTANTS)
def test_a_wrong_depth_two_limit_is_left_open(mutant):
    assert len(depth_two_derivation(SHALLOW | SHALLOW_MUTANTS[mutant]).open_steps) == 1


def test_decoupled_blocks_all_reach_their_own_target():
    assert decoupled_derivation(block_size * value).holds


@pytest.mark.parametrize(
    "wrong", [value, sp.sqrt(block_size * value), observed_total, block_size * value / blocks, value / block_size]
)
def test_a_wrong_decoupled_limit_is_left_open(wrong):
    assert len(decoupled_derivation(wrong).open_steps) == 1


CLAIMED = [limit_sum_derivative(order, z ** (-exponent), (z + gap) ** (-exponent)) for order in range(6)]


@pytest.mark.parametrize("order", range(5))
def test_limit_sum_derivative_is_the_derivative(order):
    derivative = sp.diff(limit_sum(), z, order)
    assert identity("", derivative, CLAIMED[order], cancel_exponents).holds
    assert not identity("", derivative, -CLAIMED[order], cancel_exponents).holds
    assert not identity("", derivative, CLAIMED[order + 1], cancel_exponents).holds


@pytest.mark.parametrize("order", range(7))
def test_the_limit_sum_is_completely_monotone(order):
    more = sp.Symbol("nu", integer=True, nonnegative=True)
    assert ((-1) ** order * sp.diff(limit_sum().subs(blocks, 1 + more), z, order)).is_positive


FAST = [compiled(expression) for expression in CLAIMED]


@given(
    st.integers(0, 4),
    st.integers(1, 30),
    st.fractions("1/100", 3),
    st.fractions("1/100", 100),
    st.fractions(0, 1000),
)
def test_derivatives_alternate_and_grow_at_a_rate_between_those_of_the_two_terms(order, n, power, at, drift):
    values = {blocks: n, exponent: power, z: at, gap: drift}
    with precision(200):
        here, beyond = (ball(FAST[k](values)) for k in (order, order + 1))
        assert (-1) ** order * here > 0
        growth = -beyond / here
        # Equal at D = 0 or n = 1, so the balls may touch; a factor off by more than 1e-50 would show.
        assert not growth < ball((power + order) / (at + drift))
        assert not growth > ball((power + order) / at)


def test_the_limit_exponent_turns_depth_four_into_a_quartic_and_depth_three_into_a_sextic():
    assert [limit_exponent.subs(depth, layers) for layers in (3, 4, 6)] == [3, 2, sp.Rational(3, 2)]
    for layers, degree in ((3, 6), (4, 4)):
        equation = sp.numer(sp.together(limit_sum(power=limit_exponent.subs(depth, layers)) - total))
        assert sp.degree(equation, z) == degree


def test_zero_loss_in_the_coordinates_of_the_flow():
    # Substituting z = lambda_1^(2-L), z + D = lambda_2^(2-L) turns the limit sum into the trace of W.
    state = {z: lambda_1 ** (2 - depth), gap: lambda_2 ** (2 - depth) - lambda_1 ** (2 - depth)}
    trace = limit_sum(power=limit_exponent).subs(state, simultaneous=True)
    assert identity("", trace, lambda_1**depth + (blocks - 1) * lambda_2**depth, split_powers).holds
