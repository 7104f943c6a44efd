"""From a late time to infinity: where the flow goes from a ball, when it provably cannot leave a larger one.

Notation
    th: exact layers; e: a bound of |theta(T) - th|; r: the observed residuals; J = D r, its smallest singular value
    sigma at th; Lambda >= |D^2 W| on the ball B(th, rho), so that J is Lipschitz there with constant Lambda.
Theorem (path length)
    While the flow is in B(th, rho), |J^T r| >= k |r| with k = sigma - Lambda rho. As |r|' = -c |J^T r|^2/|r| and
    |theta'| = c |J^T r|, the path that remains is at most |r(T)|/k. If D = |r(T)|/k satisfies D + e <= rho the flow
    never leaves, has a limit with zero loss, and |theta(oo) - th| <= D + e.
Theorem (residual margin)
    For exactly balanced square layers sigma_min(W(t)) - |R(t)|_F never decreases; with its value m > 0 at T,
    |J^T r|^2 >= L m^(2-2/L) |r|^2 from then on, so k = sqrt(L) m^(1-1/L), and no ball is needed.
Theorem (projection)
    With y = c int r dt over the rest, |y| <= |r(T)|/k^2. Then theta(oo) - th = eta - J^T y + eps_1 with |eta| <= e and
    |eps_1| <= Lambda (D + e) |y|, and 0 = r(th) + J (theta(oo) - th) + eps_2 with |eps_2| <= Lambda (D + e)^2/2. Split
    along the row space of J and its complement: theta* = th - J^+ r(th) satisfies
    |theta(oo) - theta*|^2 <= (e + |eps_1|)^2 + (|eps_2|/sigma)^2.
Source
    The margin: `residual-margin` of the catalogue. Rigorous: balls, and float64 with `norms.raised`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat

from numerics.balls import ball
from numerics.certified_flow import growth
from numerics.certified_flow.defect import observed_residual
from numerics.certified_flow.hypotheses import Hypothesis
from numerics.certified_flow.norms import operator_norm, product_derivative_norms, raised
from numerics.certified_flow.singular_values import frobenius, singular_values
from numerics.factorization import MatrixCompletion, end_to_end

#: The ball that the flow must not leave, relative to the length of path that is expected.
ROOM = 2
#: A ball wider than this, relative to the largest entry of what it encloses, says nothing.
_TELLING = 1e-3


@dataclass(frozen=True)
class Rate:
    """k with |J^T r| >= k |r| for the rest of the flow, the bound D of its path, and what that rests on."""

    name: str
    rate: arb
    distance: arb
    hypotheses: tuple[Hypothesis, ...]

    @property
    def holds(self) -> bool:
        """True when every hypothesis does."""
        return all(one.holds for one in self.hypotheses)


@dataclass(frozen=True)
class Tail:
    """The limit theta(oo): within `radius` of `layers`, and the path from T on within `reach` of `start`, those at T.

    `matrix`: W at `layers` with the targets at the observed entries, as W(oo) has them, which narrows the ball and
    never widens it; `matrix_radius`: |W(oo) - matrix|_F; `floor`: the part of it that the error at T alone
    causes, which no later T removes. `rate`: which theorem closed; matrix is None where none did.
    """

    rate: Rate
    residual: arb
    start: list[np.ndarray]
    layers: list[np.ndarray]
    radius: arb
    reach: arb
    matrix: arb_mat | None
    matrix_radius: arb
    floor: arb

    @property
    def telling(self) -> arb:
        """The largest radius that says something of W(oo): 1e-3 of the largest entry; 0 where no theorem closed."""
        if self.matrix is None:
            return arb(0)
        return (max(abs(entry).lower() for entry in self.matrix.entries()) * _TELLING).lower()


def norms_around(layers: Sequence[np.ndarray], radius: arb) -> list[float]:
    """Upper bounds of the layers' operator norms over the ball of this radius around exact layers."""
    reach = upper_float(radius)
    found = []
    for layer in layers:
        middle, error = nearest_floats(layer)
        found.append(raised(operator_norm(middle) + error + reach))
    return found


def upper_float(number: arb) -> float:
    """A float64 at least as large as the ball's upper end, for a nonnegative one."""
    return raised(float(number.upper()))


def nearest_floats(matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """Midpoints in float64 and a bound of the Frobenius distance of all that the balls contain from them."""
    middle = np.array([[float(entry.mid()) for entry in row] for row in matrix])
    pairs = zip(matrix.ravel(), middle.ravel().tolist(), strict=True)
    errors = [abs(entry - arb(number)).upper() for entry, number in pairs]
    return middle, upper_float(sum((error * error for error in errors), arb(0)).sqrt())


def jacobian(problem: MatrixCompletion, layers: Sequence[np.ndarray]) -> arb_mat:
    """d w_ij / d theta for the observed entries, one row each, in balls."""
    columns, rows = layers[0].shape[1], layers[-1].shape[0]
    before, after = [_identity(columns)], [_identity(rows)]
    for layer in layers[:-1]:
        before.append(layer @ before[-1])
    for layer in reversed(layers[1:]):
        after.append(after[-1] @ layer)
    lines = [
        [
            left[i, a] * right[b, j]
            for left, right in zip(reversed(after), before, strict=True)
            for a in range(left.shape[1])
            for b in range(right.shape[0])
        ]
        for i, j in problem.observed
    ]
    return arb_mat(lines)


def smallest_singular_value(jac: arb_mat) -> arb:
    """A lower bound of sigma_min(J) for a wide J, 0 where none is found; through the smallest eigenvalue of J J^T."""
    kernel = jac * jac.transpose()
    middle, error = nearest_floats(np.array(kernel.tolist(), dtype=object))
    lowest = -float(growth.largest_eigenvalues(-middle[None], np.array([error]))[0])
    return arb(lowest).sqrt().lower() if lowest > 0 else arb(0)


def rate_in_ball(norms: Sequence[float], sigma: arb, jac: arb_mat, residual: arb, error: arb, radius: arb) -> Rate:
    """k = sigma - Lambda rho, for layers of the given norms on the ball of radius rho = `radius`."""
    bend = arb(product_derivative_norms(norms)[2])
    rate = kernel_rate(sigma, bend * radius)
    distance = (residual / rate).upper() if rate > 0 else arb.pos_inf()
    return Rate(
        "kernel",
        rate,
        distance,
        (
            Hypothesis("regular-kernel", "Lambda rho is at most sigma_min(J)", (bend * radius).upper(), sigma),
            _rayleigh(rate, jac, bend * error),
            Hypothesis(
                "trapped", "the path that remains and the error stay in the ball", (distance + error).upper(), radius
            ),
        ),
    )


def kernel_rate(sigma: arb, bend: arb) -> arb:
    """k, a lower bound of sigma_min(J) where J has moved by at most `bend`; 0 where there is none."""
    rate = (sigma - bend).lower()
    return rate if rate > 0 else arb(0)


def rate_by_margin(
    layers: Sequence[np.ndarray], norms: Sequence[float], jac: arb_mat, residual: arb, error: arb
) -> Rate:
    """k = sqrt(L) m^(1-1/L) from the residual margin m, for the flow of exactly balanced square layers."""
    first, second = product_derivative_norms(norms)[1:3]
    smallest = singular_values(arb_mat(end_to_end(layers).tolist()))[-1].lower()
    lost = (residual + arb(first) * error).upper()
    margin = (smallest - lost).lower()
    depth = len(layers)
    rate = (arb(depth).sqrt() * margin ** (1 - arb(1) / depth)).lower() if margin > 0 else arb(0)
    return Rate(
        "residual margin",
        rate,
        (residual / rate).upper() if rate > 0 else arb.pos_inf(),
        (
            Hypothesis("margin", "the residual and the error are at most sigma_min(W)", lost, smallest),
            _rayleigh(rate, jac, arb(second) * error),
        ),
    )


def _rayleigh(rate: arb, jac: arb_mat, slack: arb) -> Hypothesis:
    """Any lower bound k of |J^T v|/|v| must be below the value at one v; tried at the worst one that float64 finds."""
    kernel = np.array([[float(entry.mid()) for entry in row] for row in (jac * jac.transpose()).tolist()])
    vector = arb_mat([[arb(float(entry))] for entry in np.linalg.eigh(kernel)[1][:, 0]])
    quotient = frobenius(jac.transpose() * vector) / frobenius(vector) + slack
    return Hypothesis("rate-below-rayleigh", "k is at most |J^T v|/|v| at a worst v", rate, quotient)


def tail(problem: MatrixCompletion, layers: Sequence[np.ndarray], error: arb, balanced: bool) -> Tail:
    """What the layers at T, exact, and the error there prove of the limit; hypotheses that fail are in the result."""
    layers = list(layers)
    jac = jacobian(problem, layers)
    values = observed_residual(problem, end_to_end(layers))
    offsets = arb_mat([[values[place]] for place in problem.observed])
    residual = (frobenius(offsets) + arb(product_derivative_norms(norms_around(layers, error))[1]) * error).upper()
    sigma = smallest_singular_value(jac)
    radius = (ROOM * (residual / sigma + error)).upper() if sigma > 0 else (error * ROOM).upper()
    rates = [rate_in_ball(norms_around(layers, radius), sigma, jac, residual, error, radius)]
    if balanced:
        rates.append(rate_by_margin(layers, norms_around(layers, error), jac, residual, error))
    closed = [one for one in rates if one.holds]
    if not closed:
        infinite = arb.pos_inf()
        return Tail(rates[0], residual, layers, layers, infinite, infinite, None, infinite, arb(0))
    rate = min(closed, key=lambda one: float(one.distance.upper()))
    return _limit(problem, layers, error, rate, residual, sigma, jac, offsets)


def _limit(
    problem: MatrixCompletion,
    layers: list[np.ndarray],
    error: arb,
    rate: Rate,
    residual: arb,
    sigma: arb,
    jac: arb_mat,
    offsets: arb_mat,
) -> Tail:
    reach = (rate.distance + error).upper()
    bend = arb(product_derivative_norms(norms_around(layers, reach))[2])
    target, radius = layers, reach
    if sigma > 0:
        step = jac.transpose() * (jac * jac.transpose()).solve(offsets)
        projected = _moved(layers, step)
        along, across = projection_errors(error, bend, reach, residual, rate.rate, sigma)
        rounding = _distance(projected, [_middle(layer) for layer in projected])
        sharper = ((along * along + across * across).nonnegative_part().sqrt() + rounding).upper()
        if sharper < reach:
            target, radius = [_middle(layer) for layer in projected], sharper
    lipschitz = arb(product_derivative_norms(norms_around(target, radius))[1])
    product = end_to_end(target)
    middle = _middle(product)
    matrix_radius = (lipschitz * radius + _distance([product], [middle])).upper()
    for place, known in zip(problem.observed, problem.exact_targets, strict=True):
        middle[place] = ball(known)
    floor = (lipschitz * error).upper()
    return Tail(rate, residual, layers, target, radius, reach, arb_mat(middle.tolist()), matrix_radius, floor)


def projection_errors(error: arb, bend: arb, reach: arb, residual: arb, rate: arb, sigma: arb) -> tuple[arb, arb]:
    """Bounds of the parts of theta(oo) - theta* in the complement of the row space of J and in it."""
    return error + bend * reach * residual / rate**2, bend * reach**2 / (2 * sigma)


def _moved(layers: Sequence[np.ndarray], step: arb_mat) -> list[np.ndarray]:
    """layers - step."""
    entries = step.entries()
    moved, used = [], 0
    for layer in layers:
        part = np.array(entries[used : used + layer.size], dtype=object).reshape(layer.shape)
        moved.append(layer - part)
        used += layer.size
    return moved


def _middle(matrix: np.ndarray) -> np.ndarray:
    return np.array([[entry.mid() for entry in row] for row in matrix], dtype=object)


def _distance(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> arb:
    """The Frobenius distance over all layers, at most."""
    differences = (
        a - b for one, other in zip(first, second, strict=True) for a, b in zip(one.ravel(), other.ravel(), strict=True)
    )
    return sum((difference * difference for difference in differences), arb(0)).nonnegative_part().sqrt().upper()


def _identity(size: int) -> np.ndarray:
    return np.array([[arb(int(i == j)) for j in range(size)] for i in range(size)], dtype=object)
