"""B_r and one step of SGD: catches a step that does not hold, natural false constants, and a bound that is none."""

import itertools

import pytest
import sympy as sp

from theory import low_rank_region as theory
from theory import reachability
from theory.low_rank_region import bound, eta, target
from theory.symbols import depth

RHO = sp.Symbol("rho", real=True)
TRUE = {
    "imbalance": theory.imbalance_derivation,
    "balance": theory.balance_derivation,
    "size": theory.size_derivation,
    "rank": theory.rank_derivation,
    "column": reachability.column_derivation,
    "share": reachability.share_derivation,
    "landing": reachability.landing_derivation,
}
FALSE = {
    "shrinks once": lambda: theory.imbalance_derivation(RHO),
    "transposes": lambda: theory.imbalance_derivation(claimed=lambda upper, lower: (upper @ upper.T, lower.T @ lower)),
    "noise without root": lambda: theory.balance_derivation(theory.noise / sp.sqrt(2)),
    "noise of depth - 2": lambda: theory.balance_derivation(theory.noise / bound),
    "half the gain": lambda: theory.size_derivation(theory.size_gain / 2),
    "gain without target": lambda: theory.size_derivation(theory.size_gain / target),
    "n forgotten": lambda: theory.rank_derivation(theory.rank_growth.subs(theory.widest, 1)),
    "nu halved": lambda: theory.rank_derivation(theory.rank_growth.subs(theory.root_eps_1, theory.root_eps_1 / 2)),
    "column later": lambda: reachability.column_derivation(theory.shrink ** (reachability.steps + 1)),
    "larger share": lambda: reachability.share_derivation(2 * reachability.least_share),
    "other lines": lambda: reachability.share_derivation(
        reachability.rank / sp.Max(reachability.rows_out, reachability.columns_in)
    ),
    "no imbalance": lambda: reachability.landing_derivation(reachability.small_value.subs(reachability.imbalance, 0)),
}


@pytest.mark.parametrize("name", TRUE)
def test_every_step_holds(name: str) -> None:
    found = TRUE[name]()
    assert [step.text for step in found.open_steps] == []
    assert found.sizes == ()


@pytest.mark.parametrize("name", FALSE)
def test_a_false_claim_leaves_a_step_open(name: str) -> None:
    assert not FALSE[name]().holds


def test_share_times_one_less_than_share_is_least_at_vertices() -> None:
    """The argument that the sum of f (1 - f) is at least t (1 - t), on a grid of three values."""
    grid = [sp.Rational(number, 12) for number in range(13)]
    for values in itertools.product(grid, repeat=3):
        excess = sum(values) - sp.floor(sum(values))
        assert sum(one * (1 - one) for one in values) >= excess * (1 - excess)


def test_the_size_bound_is_attained_for_one_entry() -> None:
    """L = 1, d = 1, W = x: the gain is exact at the worst x, so that no smaller constant serves every layer."""
    x = sp.Symbol("x", real=True)
    given = {depth: 1, eta: sp.Rational(1, 3), theory.decay: sp.Rational(1, 4), target: 1}
    rho = theory.shrink.subs(given)
    after = (rho * x - given[eta] * (x + 1)) ** 2 - rho**2 * x**2
    gain = (given[eta] * theory.size_gain).subs(given)
    best = sp.solve(sp.diff(after, x), x)[0]
    assert sp.simplify(after.subs(x, best) - gain) == 0
