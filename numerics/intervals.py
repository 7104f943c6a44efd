"""Intervals with exact ends, rounded outwards by Arb.

Notation
    An interval is a pair (low, high) of exact Arb numbers, ends possibly infinite.
Implementation notes
    Arb's own balls widen a number by their radius; over boxes that are a fraction of the domain the ends matter, so
    every operation works on the two ends and rounds outwards. What is undefined inside an interval is the whole line
    there; what is undefined at an end of it only is enclosed next to that end.
Everything here is rigorous: the true range lies in the returned interval.
"""

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from flint import arb

from numerics.balls import ball, precision

Interval = tuple[arb, arb]

_EXPONENT_BITS = 256

WHOLE: Interval = (arb.neg_inf(), arb.pos_inf())
ZERO: Interval = (arb(0), arb(0))
ONE: Interval = (arb(1), arb(1))


def interval(low: Any, high: Any) -> Interval:
    """The interval between two exact numbers or balls, outwards to the working precision."""
    return outwards(ball(low), ball(high))


def outwards(low: arb, high: arb) -> Interval:
    """The interval from the lowest number of one ball to the highest of another; the whole line if one is no number."""
    if low.is_nan() or high.is_nan():
        return WHOLE
    return low.lower(), high.upper()


def intersection(left: Interval, right: Interval) -> Interval:
    """What two enclosures of one number have in common; if nothing, one of them is wrong: the whole line."""
    low, high = (left[0] if left[0] > right[0] else right[0]), (left[1] if left[1] < right[1] else right[1])
    return WHOLE if low > high else (low, high)


def hull(left: Interval, right: Interval) -> Interval:
    """The smallest interval that contains both."""
    return (left[0] if left[0] < right[0] else right[0]), (left[1] if left[1] > right[1] else right[1])


def middle(one: Interval) -> arb:
    """An exact point inside a bounded interval, near its middle."""
    return ((one[0] + one[1]) / 2).mid()


def width(one: Interval) -> float:
    """high - low as a float, for heuristics."""
    return float(one[1] - one[0]) if one[0].is_finite() and one[1].is_finite() else math.inf


def add(left: Interval, right: Interval) -> Interval:
    """left + right."""
    return outwards(left[0] + right[0], left[1] + right[1])


def subtract(left: Interval, right: Interval) -> Interval:
    """left - right."""
    return outwards(left[0] - right[1], left[1] - right[0])


def negative(one: Interval) -> Interval:
    """-one."""
    return -one[1], -one[0]


def multiply(left: Interval, right: Interval) -> Interval:
    """left * right."""
    if left[0] >= 0:
        if right[0] >= 0:
            return outwards(left[0] * right[0], left[1] * right[1])
        if right[1] <= 0:
            return outwards(left[1] * right[0], left[0] * right[1])
    elif left[1] <= 0 and right[0] >= 0:
        return outwards(left[0] * right[1], left[1] * right[0])
    products = [x * y for x in left for y in right]
    if any(one.is_nan() for one in products):
        return WHOLE
    lows, highs = [one.lower() for one in products], [one.upper() for one in products]
    low, high = lows[0], highs[0]
    for other in lows[1:]:
        low = other if other < low else low
    for other in highs[1:]:
        high = other if other > high else high
    return low, high


def divide(left: Interval, right: Interval) -> Interval:
    """left / right; the whole line when right contains 0."""
    return multiply(left, power(right, Fraction(-1)))


def power(base: Interval, exponent: Fraction) -> Interval:
    """base^exponent; for an exponent that is not an integer the base must not be negative."""
    return raiser(exponent)(base)


@functools.lru_cache(maxsize=4096)
def raiser(exponent: Fraction) -> Callable[[Interval], Interval]:
    """x -> x^exponent with everything that depends on the exponent alone decided."""
    whole, rising, even = exponent.denominator == 1, exponent > 0, exponent.denominator == 1 and exponent % 2 == 0
    number = _exponent(exponent)

    def monotone(low: arb, high: arb) -> Interval:
        """On 0 <= low <= high."""
        if rising:
            return outwards(
                low if low == 0 else low**number, high if high == 0 or not high.is_finite() else high**number
            )
        if high == 0:
            return WHOLE
        top = arb.pos_inf() if low == 0 else low**number
        return outwards(high**number if high.is_finite() else arb(0), top)

    def run(base: Interval) -> Interval:
        low, high = base
        if low >= 0:
            return monotone(low, high)
        if not whole or (high > 0 and not rising):
            return WHOLE
        if high <= 0:
            mirrored = monotone(-high, -low)
            return mirrored if even else negative(mirrored)
        below, above = monotone(arb(0), -low), monotone(arb(0), high)
        return hull(below, above) if even else hull(negative(below), above)

    return run if exponent not in (0, 1) else (lambda base: base if exponent == 1 else ONE)


def _exponent(exponent: Fraction) -> int | arb:
    """An integer, or a ball that contains the fraction at any working precision that is used on boxes."""
    if exponent.denominator == 1:
        return int(exponent)
    with precision(_EXPONENT_BITS):
        return ball(exponent)


def exp(one: Interval) -> Interval:
    """e^one."""
    return outwards(one[0].exp(), one[1].exp())


def log(one: Interval) -> Interval:
    """The natural logarithm; the whole line where it is undefined."""
    if one[0] < 0 or one[1] <= 0:
        return WHOLE
    return outwards(arb.neg_inf() if one[0] == 0 else one[0].log(), one[1].log() if one[1].is_finite() else one[1])


def absolute(one: Interval) -> Interval:
    """|one|."""
    if one[0] >= 0:
        return one
    if one[1] <= 0:
        return negative(one)
    return arb(0), (one[1] if one[1] > -one[0] else -one[0])
