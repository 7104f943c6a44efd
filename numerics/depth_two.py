"""W(oo) at depth 2 with diagonal observations, from any start: float64, balls, and a second evaluation by the clock.

Notation
    a_i are the rows of W_2, b_i the columns of W_1, p_i = a_i + b_i, q_i = a_i - b_i. At the limit |e^tau_i p_i| is
    P_i = sqrt(s_i + 2 w_i*) and |e^-tau_i q_i| is Q_i = sqrt(s_i - 2 w_i*), s_i = sqrt(4 w_i*^2 + |p_i|^2 |q_i|^2):
    W_ij = (P_i p_i/|p_i| + Q_i q_i/|q_i|).(P_j p_j/|p_j| - Q_j q_j/|q_j|)/4.
Implementation notes
    No growth factor e^tau appears in that form, so that tiny starts neither overflow nor cancel. The evaluation by the
    clock uses neither p, q nor a square root: it encloses the root tau_i of
    1/2 sinh(2 tau) (|a_i|^2 + |b_i|^2) + cosh(2 tau) a_i.b_i = w_i* and turns the rows by cosh and sinh.
Source
    Ours; `theory.depth_two`.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath
import numpy as np
from flint import arb

from numerics.balls import ball, bits_for, precision
from numerics.errors import ArgumentError, PrecisionExhausted
from numerics.exact import exact, integer

Matrix = Sequence[Sequence[Any]] | np.ndarray
Vector = Sequence[Any] | np.ndarray

_GUARD_DIGITS = 10
_NEAR = 1e-3  # clocks this close to the root start Newton


class Pair(NamedTuple):
    """One observed entry: row a of W_2, column b of W_1 (exact), and the target."""

    row: list[Fraction]
    column: list[Fraction]
    target: Fraction

    @property
    def sums(self) -> list[Fraction]:
        """p = a + b."""
        return [a + b for a, b in zip(self.row, self.column, strict=True)]

    @property
    def differences(self) -> list[Fraction]:
        """q = a - b."""
        return [a - b for a, b in zip(self.row, self.column, strict=True)]


def diagonal_limit(first: Matrix, second: Matrix, targets: Vector, digits: int = 50) -> np.ndarray:
    """W(oo) (n x n, an object array of Arb balls) from W_1 (k x n), W_2 (n x k) and the n observed diagonal entries.

    Rigorous: entries of the start are exact numbers (floats are taken at their binary value). The radius of entry
    (i, j) is below 10^-digits |a_i(oo)| |b_j(oo)|. Raises ArgumentError for shapes that do not fit, and for a start
    with p_i or q_i zero.
    """
    pairs = _pairs(first, second, targets)
    with precision(bits_for(integer("digits", digits, minimum=1) + _GUARD_DIGITS)):
        sums, differences = (
            [_balls(v) for v in part] for part in zip(*((p.sums, p.differences) for p in pairs), strict=True)
        )
        return _limit(sums, differences, [ball(pair.target) for pair in pairs], _norm, lambda x: x.sqrt())


def diagonal_limit_float64(first: np.ndarray, second: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The same in float64 (n x n). Heuristic: rounding only, a few units in the last place of |a_i(oo)| |b_j(oo)|.

    Raises ArgumentError like `diagonal_limit`.
    """
    first, second, targets = (np.asarray(part, dtype=float) for part in (first, second, targets))
    _check_shapes(first.shape, second.shape, targets.shape)
    sums, differences = second + first.T, second - first.T
    for size, p, q in zip(targets, sums, differences, strict=True):
        _check_start(size, p.any(), q.any())
    return _limit(list(sums), list(differences), list(targets), lambda v: math.hypot(*v), math.sqrt)


def _limit(
    sums: Sequence[Any],
    differences: Sequence[Any],
    targets: Sequence[Any],
    norm: Callable[[Any], Any],
    root: Callable[[Any], Any],
) -> np.ndarray:
    """The closed form on arrays of any number system, with its norm of a vector and its square root."""
    left, right = [], []
    for p, q, target in zip(sums, differences, targets, strict=True):
        size_p, size_q = norm(p), norm(q)
        long, short = _lengths(target, size_p * size_q, norm, root)
        left.append(p / size_p * long + q / size_q * short)
        right.append(p / size_p * long - q / size_q * short)
    return np.array(left) @ np.array(right).T / 4


def _lengths(target: Any, product: Any, norm: Callable[[Any], Any], root: Callable[[Any], Any]) -> tuple[Any, Any]:
    """(P, Q) with P Q = |p| |q| = product; the larger from its own formula, the smaller by division."""
    spread = norm([2 * target, product])
    if target >= 0:
        long = root(spread + 2 * target)
        return long, product / long
    short = root(spread - 2 * target)
    return product / short, short


def diagonal_clocks(first: Matrix, second: Matrix, targets: Vector, digits: int = 50) -> list[Any]:
    """tau_i(oo) as Arb balls, from W_1 (k x n), W_2 (n x k) and the n observed diagonal entries.

    Rigorous: the entry increases strictly with tau, so a sign change encloses the only root; the radius is about
    10^-digits (1 + |tau|). Raises ArgumentError like `diagonal_limit`, PrecisionExhausted when no interval narrow
    enough shows a sign change.
    """
    pairs = _pairs(first, second, targets)
    digits = integer("digits", digits, minimum=1) + _GUARD_DIGITS
    bits = bits_for(digits)
    with precision(bits):
        return [_clock(pair, digits, bits) for pair in pairs]


def diagonal_limit_by_clock(first: Matrix, second: Matrix, targets: Vector, digits: int = 50) -> np.ndarray:
    """W(oo) (n x n, an object array of Arb balls) by hyperbolic turns of the rows and columns through their clocks.

    Rigorous, and independent of `diagonal_limit`. Raises like `diagonal_clocks`.
    """
    pairs = _pairs(first, second, targets)
    clocks = diagonal_clocks(first, second, targets, digits)
    with precision(bits_for(digits + _GUARD_DIGITS)):
        rows, columns = [], []
        for pair, tau in zip(pairs, clocks, strict=True):
            row, column = _balls(pair.row), _balls(pair.column)
            rows.append(row * tau.cosh() + column * tau.sinh())
            columns.append(row * tau.sinh() + column * tau.cosh())
        return np.array(rows) @ np.array(columns).T


def _clock(pair: Pair, digits: int, bits: int) -> arb:
    squares = sum((x * x for x in pair.row + pair.column), Fraction(0))
    inner = sum((a * b for a, b in zip(pair.row, pair.column, strict=True)), Fraction(0))
    with mpmath.workdps(digits):
        half, along, target = (mpmath.mpf(x.numerator) / x.denominator for x in (squares / 2, inner, pair.target))

        def height(tau: Any) -> Any:
            return half * mpmath.sinh(2 * tau) + along * mpmath.cosh(2 * tau) - target

        low, found, high = mpmath.mpf(-1), mpmath.mpf(0), mpmath.mpf(1)
        while height(low) > 0:
            low *= 2
        while height(high) < 0:
            high *= 2
        while high - low > _NEAR:
            found = (low + high) / 2
            low, high = (found, high) if height(found) < 0 else (low, found)
        # Over so short an interval the logarithmic slope barely changes, so each step doubles the digits.
        for _ in range(digits.bit_length()):
            found -= height(found) / (2 * half * mpmath.cosh(2 * found) + 2 * along * mpmath.sinh(2 * found))
        middle = arb(mpmath.nstr(found, digits + 5))

    def enclosure(tau: arb) -> arb:
        return ball(squares / 2) * (2 * tau).sinh() + ball(inner) * (2 * tau).cosh() - ball(pair.target)

    radius = (abs(middle) + 1) * arb(10) ** (3 - digits)
    for _ in range(bits // 8):
        if enclosure(middle - radius) < 0 and enclosure(middle + radius) > 0:
            return (middle - radius).union(middle + radius)
        radius *= 16
    raise PrecisionExhausted(f"the clock of the entry with target {float(pair.target)}", bits, "digits")


def _pairs(first: Matrix, second: Matrix, targets: Vector) -> list[Pair]:
    """The start as exact pairs, validated."""
    _check_shapes(np.shape(first), np.shape(second), np.shape(targets))
    columns = [[_finite("first", row[i]) for row in first] for i in range(len(targets))]
    rows = [[_finite("second", entry) for entry in row] for row in second]
    pairs = [
        Pair(row, column, _finite("targets", target))
        for row, column, target in zip(rows, columns, targets, strict=True)
    ]
    for pair in pairs:
        _check_start(pair.target, any(pair.sums), any(pair.differences))
    return pairs


def _finite(argument: str, number: object) -> Fraction:
    return Fraction(exact(argument, number))


def _check_shapes(first: tuple[int, ...], second: tuple[int, ...], targets: tuple[int, ...]) -> None:
    if len(second) != 2 or 0 in second:
        raise ArgumentError("second", f"array of shape {second}", "a matrix W_2 of shape (n, k)")
    if first != second[::-1]:
        raise ArgumentError("first", f"array of shape {first}", f"W_1 of shape {second[::-1]}, to fit W_2")
    if targets != second[:1]:
        raise ArgumentError("targets", f"array of shape {targets}", f"of shape {second[:1]}, one per row of W_2")


def _check_start(target: object, has_sum: bool, has_difference: bool) -> None:
    if not (has_sum and has_difference):
        raise ArgumentError(
            "second",
            f"the row with target {target}",
            "different from its column in W_1 and from minus that column, as the limit's formula needs",
        )


def _balls(vector: Sequence[Fraction]) -> np.ndarray:
    return np.array([ball(entry) for entry in vector], dtype=object)


def _norm(vector: Sequence[Any]) -> Any:
    return sum((x * x for x in vector), arb(0)).sqrt()
