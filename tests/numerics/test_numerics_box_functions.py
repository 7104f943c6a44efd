"""Catches a range over a box that misses a value: roots against the certified limit, brackets without one root."""

import math
import random
from fractions import Fraction

import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.balls import ball, evaluate, precision
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import limit
from numerics.box_functions import BoxFunctions, Coordinate, Root, length_of, middle_of
from theory.block_limit import limit_exponent
from theory.block_monotonicity import log_equation, log_ratio, log_scale, zeta
from theory.symbols import alpha, block_size, blocks, depth, m, product_scale, value

x = sp.Symbol("x", real=True)
r = sp.Symbol("r", real=True)
p = sp.Symbol("p", positive=True)


@pytest.mark.parametrize("logarithmic", [True, False])
@given(st.fractions("1/1000", 1000), st.fractions("1/1000", 1000), st.integers(-600, 600))
def test_the_middle_lies_inside_at_any_magnitude(logarithmic, one, other, magnitude):
    low, high = sorted(number * Fraction(10) ** magnitude for number in (one, other))
    middle = middle_of((low, high), logarithmic)
    assert low <= middle <= high
    if high > low * Fraction(1001, 1000):
        assert low < middle < high
        assert length_of((low, high), logarithmic) > 0 or not logarithmic


def limit_functions(layers, n):
    at = {depth: layers, blocks: n, block_size: 1, value: 1}
    scale = log_scale.subs(product_scale, alpha**depth).subs(at)
    equation = log_equation(zeta, scale, limit_exponent).subs(at)
    root = Root(zeta, equation, (-sp.log(n) / limit_exponent).subs(at), sp.Integer(0))
    outputs = [-limit_exponent.subs(at) * zeta, log_ratio(zeta, scale, limit_exponent).subs(at)]
    return BoxFunctions(outputs, [Coordinate(alpha, True), Coordinate(m, True)], [root])


@settings(max_examples=40)
@given(st.integers(3, 8), st.sampled_from([2, 5, 20]), st.integers(0, 10**6))
def test_the_limit_and_its_derivatives_are_enclosed_on_boxes(layers, n, seed):
    rng = random.Random(seed)
    low = [Fraction(rng.randint(100, 999), 1000) / 10 ** rng.randint(0, 7), 1 + Fraction(rng.randint(50, 9000), 1000)]
    growth = [1 + Fraction(rng.choice([0, 1, 30, 900]), 1000) for _ in low]
    box = tuple((one, one * by) for one, by in zip(low, growth, strict=True))
    with precision(64):
        first, ratio = limit_functions(layers, n).over(box)

    def certified(point):
        found = limit(BlockFamily(layers, n, 1, 1, *point), 60)
        with precision(250):
            return found.first.log(), (found.rest / found.first).log()

    def inside():
        return [one + Fraction(rng.randint(0, 16), 16) * (end - one) for one, end in box]

    here = inside()
    for found, number in zip((first, ratio), certified(here), strict=True):
        assert found.value[0] <= number
        assert number <= found.value[1]
    for axis in (0, 1):
        there = list(here)
        there[axis] = inside()[axis]
        if there[axis] == here[axis]:
            continue
        with precision(250):
            step = ball(there[axis] / here[axis]).log()
            chords = [(b - a) / step for a, b in zip(certified(here), certified(there), strict=True)]
        for found, chord in zip((first, ratio), chords, strict=True):
            assert found.gradient[axis][0] <= chord
            assert chord <= found.gradient[axis][1]


def cube_root(low, high, equation=r**3 - x):
    return BoxFunctions([r], [Coordinate(x, False)], [Root(r, equation, sp.sympify(low), sp.sympify(high))])


def test_a_root_is_found_to_the_precision_wherever_the_equation_is_monotone():
    with precision(64):
        found = cube_root(1, 3).at([Fraction(8)])[0]
        assert found[0] <= 2 <= found[1]
        assert float(found[1] - found[0]) < 1e-15
        (at_end,) = cube_root(2, 3).at([Fraction(8)])
        assert at_end[0] <= 2 <= at_end[1]
        ends = cube_root(1, 3).over(((Fraction(1), Fraction(27)),))[0]
    assert ends.value[0] <= 1
    assert ends.value[1] >= 3
    assert not ends.gradient[0][0] > arb(1) / 27
    assert not ends.gradient[0][1] < arb(1) / 3


def test_an_equation_that_is_not_monotone_keeps_its_whole_bracket():
    # r^3 - r = 0 has three roots in [-2, 2]; a vanishing slope at the root r = 0 of r^3 = x.
    with precision(64):
        (three,) = cube_root(-2, 2, r**3 - r - x).at([Fraction(0)])
        flat = cube_root(-2, 2).over(((Fraction(-1), Fraction(1)),))[0]
    assert (three[0], three[1]) == (-2, 2)
    assert flat.value[0] <= -1
    assert flat.value[1] >= 1
    assert flat.gradient[0][1] == arb.pos_inf()


@pytest.mark.parametrize("equation", [sp.exp(r) + 1 - x, sp.sqrt(r) - x - 7, sp.log(r) - 9])
def test_a_bracket_without_a_root_gives_no_interval_upside_down(equation):
    with precision(64):
        functions = cube_root(1, 2, equation)
        for low, high in (functions.at([Fraction(1)])[0], functions.over(((Fraction(0), Fraction(1)),))[0].value):
            assert low <= high


@given(st.integers(-20, 20), st.integers(0, 30))
def test_ranges_hold_at_points_and_are_narrow_for_narrow_boxes(start, length):
    expression = x**3 - 2 * x + sp.exp(-(x**2))
    low = Fraction(start, 10)
    high = low + Fraction(length, 1000)
    with precision(64):
        found = BoxFunctions([expression], [Coordinate(x, False)]).over(((low, high),))[0]
    for share in range(5):
        number = evaluate(expression, {x: low + Fraction(share, 4) * (high - low)})
        assert not number < found.value[0]
        assert not number > found.value[1]
    # The mean-value form is of second order: |f''| <= 15 on these boxes.
    spread = float(found.value[1] - found.value[0])
    slope = max(abs(float(end)) for end in found.gradient[0])
    assert spread <= slope * length / 1000 * 1.01 + 1e-15


def test_a_logarithmic_coordinate_measures_derivatives_by_the_logarithm():
    with precision(64):
        found = BoxFunctions([3 * sp.log(p), p**2], [Coordinate(p, True)]).over(((Fraction(1), Fraction(9)),))
    assert found[0].gradient == ((arb(3), arb(3)),)
    assert found[1].gradient[0] == (arb(2), arb(162))
    assert float(found[0].value[1]) == pytest.approx(3 * math.log(9))
