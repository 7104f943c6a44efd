"""Hypothesis strategies over the whole legal domain of the block-diagonal family, edges included."""

import math
from fractions import Fraction

from hypothesis import strategies as st

from numerics.block_diagonal import BlockFamily

depths = st.one_of(st.integers(2, 12), st.sampled_from([50, 1000]))
block_counts = st.one_of(st.integers(1, 12), st.sampled_from([1000, 10**6]))
block_sizes = st.one_of(st.integers(1, 5), st.just(1000))
magnitudes = st.one_of(
    st.sampled_from([Fraction(2, 3), Fraction(1), Fraction("1e-300"), Fraction("1e300"), Fraction("0.1")]),
    st.fractions("1/1000", 1000),
    st.builds(lambda digits, power: digits * Fraction(10) ** power, st.integers(1, 999), st.integers(-40, 40)),
)
ms = st.one_of(
    st.sampled_from([Fraction(1), math.inf, Fraction(2), 1 + Fraction("1e-30"), Fraction("1e30"), Fraction("1e300")]),
    st.fractions(1, 1000),
)


def families(**parts: st.SearchStrategy) -> st.SearchStrategy[BlockFamily]:
    """Members of the family; `parts` replaces the strategy of a parameter."""
    chosen = {
        "depth": depths,
        "blocks": block_counts,
        "block_size": block_sizes,
        "value": magnitudes,
        "alpha": magnitudes,
        "m": ms,
    } | parts
    return st.builds(BlockFamily, **chosen)


ordinary = {
    "depth": st.integers(2, 6),
    "blocks": st.integers(1, 5),
    "block_size": st.integers(1, 3),
    "value": st.fractions("1/10", 10),
    "alpha": st.fractions("1/50", 2),
    "m": st.one_of(st.just(Fraction(1)), st.just(math.inf), st.fractions("21/20", 100)),
}
