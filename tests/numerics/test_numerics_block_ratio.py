"""Catches a ratio coordinate that disagrees with its own equation, or balls that claim more digits than they prove."""

import math

import pytest
from family_strategies import families
from flint import arb, ctx
from hypothesis import assume, example, given
from hypothesis import strategies as st

from numerics.balls import ball, is_narrow, precision
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import limit
from numerics.block_ratio import limit_by_ratio
from numerics.errors import PrecisionExhausted


@given(families(depth=st.integers(3, 30)), st.sampled_from([20, 60]))
@example(BlockFamily(3, 2, 1, 1, "1e-300", "1e30"), 20)
def test_the_ratio_solves_the_conserved_gap_without_sigma_one(family, digits):
    # sigma_2^(-1/q) - sigma_1^(-1/q) is lambda_2^(2-L) - lambda_1^(2-L), unchanged since the start.
    assume(family.m not in (1, math.inf))
    spectrum = limit_by_ratio(family, digits)
    assert is_narrow(spectrum.first, digits)
    with precision(8000):
        power = ball(family.depth - 2) / family.depth
        first, rest = (ball(number) for number in family.initial_eigenvalues)
        before = rest ** (2 - family.depth) - first ** (2 - family.depth)
        terms = [number.mid() ** -power for number in (spectrum.rest, spectrum.first)]
        # Relative to the larger term: for large m the two nearly cancel.
        assert abs(terms[0] - terms[1] - before) < terms[0] * arb(10) ** (3 - digits) * family.depth
        trace = spectrum.first + (family.blocks - 1) * spectrum.rest
        assert abs(trace / ball(family.total) - 1) < arb(10) ** (2 - digits)


@given(families(), st.integers(1, 100))
def test_the_balls_prove_their_digits_and_meet_the_certified_root(family, digits):
    spectrum, other = limit_by_ratio(family, digits), limit(family, 2 * digits)
    for mine, theirs in ((spectrum.first, other.first), (spectrum.rest, other.rest)):
        assert is_narrow(mine, digits)
        assert mine.overlaps(theirs)


@pytest.mark.parametrize(("off", "first", "rest"), [(1, 6, 0), ("inf", 2, 2)])
@pytest.mark.parametrize("layers", [2, 3, 1000])
def test_the_ends_of_the_coupling_are_exact(layers, off, first, rest):
    spectrum = limit_by_ratio(BlockFamily(layers, 3, 2, 1, "1e-300", off), 30)
    assert spectrum.first == first
    assert spectrum.rest == rest


def test_precision_exhausts_instead_of_guessing():
    before = ctx.prec
    with pytest.raises(PrecisionExhausted, match="raise digits"):
        limit_by_ratio(BlockFamily(3, 2, 1, 1, "0.1", "1e20000"), 40)
    assert ctx.prec == before
