"""The limit W(oo) to many digits: a Taylor trajectory in MPFR arithmetic and terminal projections in balls.

Error estimate (heuristic)
    Projecting from residual r leaves an error C r^2. The flow is stopped twice, at r_1 and at r_2 < r_1; the two
    projections differ by C r_1^2 at leading order, so the second one is off by the difference times (r_2/r_1)^2. What
    truncation and rounding add is measured by what exact flow conserves: balancedness, and loss plus energy released
    (relative to the loss at the start). All carry a safety factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import mpmath
import numpy as np
from flint import arb, arb_mat

from numerics.balls import ball, middle, precision
from numerics.errors import ArgumentError
from numerics.exact import integer
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow.engine_taylor import GUARD_DIGITS, MOST_DIGITS, TaylorEngine
from numerics.gradient_flow.integration import integrate
from numerics.gradient_flow.precise_numbers import balls, reals, rounded
from numerics.gradient_flow.projection import project_precisely, ridge
from numerics.gradient_flow.result import GradientFlow

_SAFETY = 100
#: Ratio of the two residuals at which the flow is projected, at most.
_SHRINK = 1e-2


@dataclass(frozen=True)
class PreciseLimit:
    """W(oo) as balls whose radius is the error estimate (heuristic); the trajectory behind it; the digits claimed."""

    matrix: arb_mat
    error: arb
    flow: GradientFlow
    bits: int

    @property
    def digits(self) -> int:
        """Decimal digits of the largest entry that the error estimate leaves; 0 when the flow did not converge."""
        largest = float(np.max(np.abs(rounded(self.matrix))))
        if not self.error.is_finite() or largest == 0:
            return 0
        return max(0, int(-float((self.error / largest).log()) / np.log(10)))

    @property
    def singular_values(self) -> list[arb]:
        """Descending; each as wide as the error estimate, by Weyl's inequality. Heuristic."""
        rows, columns = self.matrix.nrows(), self.matrix.ncols()
        with mpmath.workprec(self.bits), precision(self.bits):
            entries = [[middle(self.matrix[i, j]) for j in range(columns)] for i in range(rows)]
            found = mpmath.svd_r(mpmath.matrix(entries), compute_uv=False)
            return [arb(mpmath.nstr(value, int(self.bits / 3))).mid() + arb(0, self.error) for value in found]


def precise_limit(
    problem: MatrixCompletion, layers: Sequence[np.ndarray], *, digits: int = 50, max_steps: int = 20_000
) -> PreciseLimit:
    """W(oo) to about `digits` digits; targets and layers given as fractions are exact, floats count as exact too.

    Raises ArgumentError for digits out of range, layers too large to compile, or without heyoka.
    """
    digits = integer("digits", digits, minimum=1)
    if digits > MOST_DIGITS:
        raise ArgumentError("digits", digits, f"at most {MOST_DIGITS}")
    engine = TaylorEngine(digits + GUARD_DIGITS)
    options = {"engine": engine, "relative_tolerance": 2.0**-engine.bits, "max_steps": max_steps}
    near = 10.0 ** -(digits / 2)
    first = integrate(problem, layers, residual_tolerance=near, **options)  # type: ignore[arg-type]
    scale = float(np.linalg.norm(problem.targets)) or 1.0
    nearer = max(_SHRINK * first.residual_norm / scale, np.finfo(float).tiny)
    second = integrate(problem, first.final_layers, residual_tolerance=nearer, **options)  # type: ignore[arg-type]
    bits = engine.bits
    start = [balls(reals(layer.ravel(), bits).reshape(layer.shape), bits) for layer in map(np.asarray, layers)]
    ends = [[balls(layer, bits) for layer in run.final_layers] for run in (first, second)]
    # Twice the precision: a kernel that is singular up to rounding costs half of the digits.
    coarse, fine = (_product(project_precisely(problem, end, 2 * bits), 2 * bits) for end in ends)
    with precision(bits):
        if not (first.converged and second.converged):
            return PreciseLimit(fine, arb.pos_inf(), first, bits)
        shrunk = (arb(second.residual_norm) / arb(first.residual_norm)) ** 2 if first.residual_norm else arb(0)
        balances = zip(_balances(start), _balances(ends[1]), strict=True)
        drift = max((_size(after - before) for before, after in balances), default=arb(0))
        rounding = arb(2) ** (10 - bits) * _size(fine) + ridge(2 * bits) * _size(fine - _product(ends[1], bits))
        energy = _energy_defect(problem, start, ends[0], first, bits) * _size(fine)
        error = (_SAFETY * (_size(fine - coarse) * shrunk + drift + energy) + rounding).mid()
        return PreciseLimit(_widened(fine, error), error, first, bits)


def _product(layers: Sequence[arb_mat], bits: int) -> arb_mat:
    with precision(bits):
        return reduce(lambda product, layer: layer * product, layers).mid()


def _balances(layers: Sequence[arb_mat]) -> list[arb_mat]:
    return [after.transpose() * after - before * before.transpose() for before, after in pairwise(layers)]


def _squared_residual(problem: MatrixCompletion, product: arb_mat) -> arb:
    errors = [
        entry - ball(target)
        for entry, target in zip([product[place] for place in problem.observed], problem.exact_targets, strict=True)
    ]
    return sum((error * error for error in errors), arb(0)).mid()


def _energy_defect(
    problem: MatrixCompletion, start: Sequence[arb_mat], end: Sequence[arb_mat], flow: GradientFlow, bits: int
) -> arb:
    """|E(0) - E(t) - released| / E(0) at the end of a flow; 0 where E(0) = 0."""
    weight = ball(problem.exact_weight)
    before, after = (weight * _squared_residual(problem, _product(layers, bits)) / 2 for layers in (start, end))
    released = balls(np.array([[flow.final_released]]), bits)[0, 0]
    return (abs(before - after - released) / before).mid() if before > 0 else arb(0)


def _size(matrix: arb_mat) -> arb:
    """Frobenius norm."""
    return sum((entry.mid() * entry.mid() for entry in matrix.entries()), arb(0)).mid().sqrt().mid()


def _widened(matrix: arb_mat, error: arb) -> arb_mat:
    entries = [entry.mid() + arb(0, error) for entry in matrix.entries()]
    return arb_mat(matrix.nrows(), matrix.ncols(), entries)
