"""Catches a wrong small-scale law or bound: open steps for every natural wrong one, and the true ones checked against
certified limits (two-sided bound, measured order in alpha)."""

from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from numerics.balls import ball, compiled, precision
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import limit, ranks
from theory import block_bias
from theory.block_bias import rank_one_derivation, small_scale_bound, small_scale_derivation, small_scale_law
from theory.block_diagonal import start_ratio
from theory.block_limit import depth_two_ratio, gap_constant, limit_exponent
from theory.derivation import Kind
from theory.symbols import alpha, block_size, blocks, depth, m, value

CLAIMS = {"law": small_scale_law, "bound": small_scale_bound}
SCALE = block_size * alpha
K_WITHOUT_BLOCKS = (1 - 1 / m) ** (2 - depth) - (1 + 1 / m) ** (2 - depth)
MUTANTS = {
    "law with exponent L + 1": {"law": small_scale_law * SCALE},
    "law with exponent L - 2": {"law": small_scale_law / SCALE**2},
    "law without s": {"law": small_scale_law / block_size**depth},
    "law with K^q": {"law": SCALE**depth * gap_constant**limit_exponent},
    "law with K^(-1/q)": {"law": SCALE**depth * gap_constant ** (-1 / limit_exponent)},
    "K without n - 1": {"law": SCALE**depth * K_WITHOUT_BLOCKS ** (-limit_exponent)},
    "law with n modes in one": {"law": (blocks - 1) * small_scale_law},
    "bound without q": {"bound": small_scale_bound / limit_exponent},
    "bound of order L - 1": {"bound": small_scale_bound * SCALE},
    "bound of order L": {"bound": small_scale_bound * SCALE**2},
    "bound from the left end of the bracket": {"bound": small_scale_bound * blocks ** (-1 / limit_exponent)},
    "bound without K": {"bound": small_scale_bound * gap_constant},
}


def values_of(family):
    return {
        depth: family.depth,
        blocks: family.blocks,
        block_size: family.block_size,
        value: family.value,
        alpha: family.alpha,
        m: family.m,
    }


LAW, BOUND = compiled(small_scale_law), compiled(small_scale_bound)


def relative_error(family):
    """1 - sigma_2/law as a ball, and the claimed bound on it."""
    with precision(1000):
        values = values_of(family)
        return 1 - limit(family, 200).rest / ball(LAW(values)), ball(BOUND(values))


def test_the_small_scale_law_holds():
    derivation = small_scale_derivation(CLAIMS)
    assert derivation.holds
    assert derivation.sizes == ()


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_law_or_bound_is_left_open(mutant):
    assert len(small_scale_derivation(CLAIMS | MUTANTS[mutant]).open_steps) == 1


@given(
    st.integers(3, 8),
    st.integers(1, 20),
    st.integers(1, 4),
    st.fractions("1/100", 100),
    st.integers(0, 12),
    st.fractions("11/10", 1000),
)
def test_the_bound_encloses_the_certified_second_singular_value(layers, n, s, w, magnitude, off):
    # Not only for small alpha: the two bounds are inequalities at every scale.
    family = BlockFamily(layers, n, s, w, Fraction(1, 10**magnitude), off)
    error, bound = relative_error(family)
    assert error > 0
    assert error < bound


@pytest.mark.parametrize("layers", [3, 4, 5, 7])
def test_the_error_of_the_law_has_order_exactly_depth_minus_two(layers):
    coarse, fine = (relative_error(BlockFamily(layers, 3, 2, "1.5", scale, "5/2"))[0] for scale in ("1e-8", "0.5e-8"))
    with precision(200):
        order = (coarse / fine).log() / (coarse * 0 + 2).log()
    assert float(order) == pytest.approx(layers - 2, abs=1e-6)


@pytest.mark.parametrize("n", [2, 5])
def test_the_bound_is_sharp_up_to_the_bracket(n):
    # error/bound -> (z/right end of the bracket) -> n^(-1/q) as alpha -> 0, because z -> (d w*)^(-1/q).
    error, bound = relative_error(BlockFamily(4, n, 1, 1, "1e-12", 3))
    assert float(error / bound) == pytest.approx(n**-0.5, rel=1e-12)


def test_the_stable_rank_tends_to_one_only_when_coupled():
    def excess(layers, off):
        with precision(300):
            return [float(ranks(limit(BlockFamily(layers, 4, 1, 1, s, off), 50))[0] - 1) for s in ("1e-2", "1e-4")]

    coupled, shallow, decoupled = excess(3, 2), excess(2, 2), excess(3, "inf")
    # (n-1) (sigma_2/sigma_1)^2 falls like alpha^(2L).
    assert coupled[1] / coupled[0] == pytest.approx(1e-12, rel=0.1)
    assert shallow[0] == shallow[1] == pytest.approx(3 * 0.2**4, rel=1e-14)
    assert decoupled == [3, 3]


def test_rank_one_holds_under_the_hypothesis_that_m_exceeds_one_and_only_then():
    assert rank_one_derivation().holds
    assert rank_one_derivation().sizes == ()
    # m = 1, L = 2 is decoupled and rank 1: the sign of the ratio is what the hypothesis buys.
    (open_step,) = rank_one_derivation(strict=False).open_steps
    assert open_step.kind is Kind.SIGN
    mu, nu = sp.Symbol("mu", nonnegative=True), sp.Symbol("nu", integer=True, positive=True)
    assert sp.cancel(open_step.residual - (mu / (mu + nu + 1)) ** 2) == 0


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("depth_two_ratio", depth_two_ratio * alpha),
        ("depth_two_ratio", -depth_two_ratio),
        ("start_ratio", start_ratio / 2),
        ("start_ratio", 1 / m),
    ],
)
def test_rank_one_rests_on_both_ratios(monkeypatch, name, wrong):
    monkeypatch.setattr(block_bias, name, wrong)
    assert len(rank_one_derivation().open_steps) == 1


@pytest.mark.parametrize(("grown", "hypothesis"), [(1, True), (sp.Rational(1, 2), True)])
def test_depth_strengthens_the_bias_under_its_hypothesis(grown, hypothesis):
    derivation = block_bias.depth_derivation(sp.sympify(grown), hypothesis)
    assert derivation.holds
    assert derivation.sizes == ()


@pytest.mark.parametrize(("grown", "hypothesis"), [(1, False), (block_size, True), (2, True), (1 + 2 / (m - 1), True)])
def test_without_its_hypothesis_or_with_a_growing_scale_the_depth_comparison_stays_open(grown, hypothesis):
    assert not block_bias.depth_derivation(sp.sympify(grown), hypothesis).holds


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("rate_2", 2 * block_bias.rate_2), ("rate_1", -block_bias.rate_1), ("rate_2", block_bias.rate_1)],
)
def test_the_depth_comparison_rests_on_both_rates(monkeypatch, name, wrong):
    monkeypatch.setattr(block_bias, name, wrong)
    assert not block_bias.depth_derivation(sp.Integer(1), hypothesis=True).holds


@given(st.integers(1, 7), st.integers(1, 7), st.fractions("1/1000", 100))
def test_the_quotient_of_powers_is_its_closed_form_and_q_at_zero(a, b, y):
    power = sp.Rational(a, b)
    y_symbol = sp.Symbol("y", positive=True)
    with precision(200):
        found = ball(compiled(block_bias.power_quotient(y_symbol, power))({y_symbol: y}))
        expected = (1 - (1 + ball(y)) ** -ball(Fraction(a, b))) / ball(y)
        assert abs(found - expected) < 1e-40
    assert sp.simplify(block_bias.power_quotient(sp.Integer(0), power) - power) == 0
