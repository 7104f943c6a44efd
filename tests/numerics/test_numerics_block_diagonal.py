"""Catches a family whose matrices, spectrum or coupling kernel are not those of its definition (by brute force on the
matrices), parameters read inexactly, and illegal ones that are accepted."""

import math
from dataclasses import FrozenInstanceError
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from family_strategies import families, ordinary
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.balls import ball, evaluate
from numerics.block_diagonal import (
    BlockFamily,
    block_index,
    block_problem,
    coupling_kernel,
    initial_layers,
    problem,
    reduced_family,
)
from numerics.errors import ArgumentError
from numerics.gradient_flow import flow_limit
from theory.block_diagonal import start_1, start_2
from theory.symbols import alpha, block_size, blocks, m

small = ordinary | {"depth": st.integers(2, 4), "blocks": st.integers(1, 3), "block_size": st.integers(1, 2)}


def exact_layer(family):
    """The layer as an array of Fractions."""
    block = [p // family.block_size for p in range(family.dimension)]
    entry = (family.outside, family.alpha)
    return np.array([[entry[p == q] for q in block] for p in block], dtype=object)


@given(families(**ordinary))
def test_initial_eigenvalues_are_those_of_the_layer(family):
    first, rest = (float(number) for number in family.initial_eigenvalues)
    zeros = family.dimension - family.blocks
    expected = sorted([first, *[rest] * (family.blocks - 1), *[0.0] * zeros])
    layers = initial_layers(family)
    assert len(layers) == family.depth
    np.testing.assert_allclose(np.linalg.eigvalsh(layers[0]), expected, atol=1e-12 * first)
    assert all(np.array_equal(layer, layers[0]) for layer in layers)
    assert len({id(layer) for layer in layers}) == family.depth
    np.testing.assert_allclose(layers[0], exact_layer(family).astype(float), rtol=1e-15)


@given(families())
def test_initial_eigenvalues_are_exactly_those_of_theory(family):
    values = {blocks: family.blocks, block_size: family.block_size, alpha: family.alpha, m: family.m}
    for formula, number in zip((start_1, start_2), family.initial_eigenvalues, strict=True):
        assert isinstance(number, Fraction)
        assert evaluate(formula, values).overlaps(ball(number))
    # Exactly: the sum of the eigenvalues is the trace, the sum of all entries is d times the first.
    first, rest = family.initial_eigenvalues
    assert first + (family.blocks - 1) * rest == family.dimension * family.alpha
    inside, across = family.block_size * family.alpha, (family.dimension - family.block_size) * family.outside
    assert first == inside + across


@given(families())
def test_the_sizes_and_the_total_belong_together(family):
    assert family.dimension == family.blocks * family.block_size
    assert family.total == family.dimension * family.value
    assert 0 <= family.outside <= family.alpha
    assert (family.outside == 0) == (family.m == math.inf)


@given(families(**small))
def test_the_problem_observes_exactly_the_diagonal_blocks(family):
    posed = problem(family)
    block = np.arange(family.dimension) // family.block_size
    assert np.array_equal(posed.mask, np.equal.outer(block, block))
    assert np.array_equal(posed.targets, np.where(posed.mask, float(family.value), 0.0))


def test_blocks_of_unequal_sizes_have_their_own_values():
    posed = block_problem((2, 1, 3), (1.0, 2.0, 3.0))
    assert list(block_index((2, 1, 3))) == [0, 0, 1, 2, 2, 2]
    assert posed.mask.sum() == 4 + 1 + 9
    assert np.array_equal(np.diag(posed.targets), [1, 1, 2, 3, 3, 3])
    assert np.array_equal(posed.targets, posed.targets.T)


def entry_gradient(layers, i, j):
    """d w_ij / d (every entry of every layer), by exact differences: w_ij is linear in one entry."""

    def end(stack):
        result = stack[0]
        for layer in stack[1:]:
            result = layer.dot(result)
        return result[i, j]

    base, parts = end(layers), []
    for index, layer in enumerate(layers):
        for entry in np.ndindex(layer.shape):
            moved = layer.copy()
            moved[entry] += 1
            parts.append(end([*layers[:index], moved, *layers[index + 1 :]]) - base)
    return parts


@settings(max_examples=15)
@given(families(**small), st.data())
def test_the_coupling_kernel_is_the_inner_product_of_entry_gradients(family, data):
    layers = [exact_layer(family)] * family.depth
    if family.blocks == 1:
        assert coupling_kernel(family) == 0
        return
    s = family.block_size
    i, j = (data.draw(st.integers(0, s - 1)) for _ in range(2))
    p, q = (data.draw(st.integers(s, family.dimension - 1)) for _ in range(2))
    q = p - p % s + q % s  # the same block as p
    one, other = entry_gradient(layers, i, j), entry_gradient(layers, p, q)
    assert coupling_kernel(family) == sum(a * b for a, b in zip(one, other, strict=True))


@given(families(depth=st.integers(2, 8)))
def test_the_kernel_is_positive_exactly_when_coupled(family):
    coupled = family.depth > 2 and family.m < math.inf and family.blocks > 1
    assert (coupling_kernel(family) > 0) == coupled
    assert coupling_kernel(family) >= 0


@pytest.mark.parametrize("layers", [3, 5, 20])
def test_the_kernel_is_positive_for_huge_m_where_floats_see_none(layers):
    assert coupling_kernel(BlockFamily(layers, 2, 1, 1, 1, "1e300")) > 0


SPELLINGS = [
    BlockFamily(3, 2, 1, "1.5", "0.1", "2"),
    BlockFamily("3", "2", "1", "3/2", "1/10", 2),
    BlockFamily(np.int64(3), 2, 1, Fraction(3, 2), Fraction(1, 10), 2.0),
    BlockFamily(3, 2, 1, 1.5, "1e-1", "4/2"),
]


def test_every_spelling_of_the_parameters_is_the_same_family():
    assert len(set(SPELLINGS)) == 1
    assert {str(family) for family in SPELLINGS} == {"L = 3, n = 2, s = 1, w* = 1.5, alpha = 0.1, m = 2"}
    assert BlockFamily(3, 2, 1, 1, "0.1", 2) != BlockFamily(3, 2, 1, 1, 0.1, 2)  # the float is not one tenth
    assert BlockFamily(3, 2, 1, 1, 1, "inf") == BlockFamily(3, 2, 1, 1, 1, math.inf)


def test_a_family_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        SPELLINGS[0].alpha = 1


LEGAL = {"depth": 3, "blocks": 2, "block_size": 1, "value": 1, "alpha": "0.1", "m": 2}
ILLEGAL = {
    "depth": [1, 0, -2, 2.0, "2.5", True, None, "x", math.inf],
    "blocks": [0, -1, 1.5, False, ""],
    "block_size": [0, -1, "1/2", None],
    "value": [0, -1, "0", "nan", "inf", math.inf, True, "", "abc", "1/0", "1e1000000"],
    "alpha": [0, "-0.1", math.nan, math.inf, None, "1/0", "1e-1000000"],
    "m": [0, "0.999999999999999999999999", Fraction(1, 2), -1, "-inf", math.nan, "nan", True, "1/0"],
}


@pytest.mark.parametrize(("name", "wrong"), [(name, wrong) for name in ILLEGAL for wrong in ILLEGAL[name]])
def test_an_illegal_parameter_is_refused_by_name(name, wrong):
    BlockFamily(**LEGAL)
    with pytest.raises(ArgumentError) as caught:
        BlockFamily(**LEGAL | {name: wrong})
    assert caught.value.argument == name


@pytest.mark.parametrize(
    ("layers", "n", "s", "w", "scale", "off"),
    list(product((2, 1000), (1, 3), (1, 2), ("2/3",), ("1e-300", "1e300"), (1, "inf", "2/1"))),
)
def test_every_corner_of_the_domain_is_legal(layers, n, s, w, scale, off):
    family = BlockFamily(layers, n, s, w, scale, off)
    assert family.value == Fraction(2, 3)
    first, rest = family.initial_eigenvalues
    assert first >= rest >= 0
    assert (rest == 0) == (family.m == 1)


def test_the_flow_of_the_reduced_member_ends_at_the_same_singular_values():
    family = BlockFamily(3, 2, 2, Fraction(3, 4), Fraction(1, 2), 2)
    reduced = reduced_family(family)
    assert (reduced.block_size, reduced.dimension, reduced.total) == (1, 2, family.total)
    whole, small = (flow_limit(problem(one), initial_layers(one)).singular_values for one in (family, reduced))
    assert whole == pytest.approx([*small, 0, 0], abs=1e-8)
