"""What comes back: one integrated trajectory, its monitors, and why it stopped."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from numerics import factorization
from numerics.factorization import MatrixCompletion
from numerics.gradient_flow.stopping import StopReason
from numerics.rank import effective_rank_of, nuclear_norm_of, stable_rank_of

if TYPE_CHECKING:
    import xarray as xr

#: A start counts as balanced when W_{l+1}^T W_{l+1} - W_l W_l^T is this small relative to the layers' Gram matrices.
_BALANCED = 1e-10
#: Smallest over largest singular value below which the sign of a determinant is rounding.
_SINGULAR = 1e-12
#: Monitors above this multiple of the local tolerance are worth a warning.
_SUSPICIOUS = 1e4


@dataclass(frozen=True)
class GradientFlow:
    """One integrated trajectory, in float64; heuristic throughout.

    times (T,); layers: per layer an array (T, rows, columns); released (T,): the integral of |grad E|^2 so far;
    final_layers, final_released: W_1, ..., W_L and the released energy at the last time, in the engine's number system;
    residual_norm: |R|_F there; steps,
    evaluations of the right-hand side, relative_tolerance, and the reason for stopping. Everything else is computed
    from these when it is asked for.
    """

    problem: MatrixCompletion
    engine: str
    times: np.ndarray
    layers: tuple[np.ndarray, ...]
    released: np.ndarray
    final_layers: list[np.ndarray]
    final_released: Any
    residual_norm: float
    steps: int
    evaluations: int
    relative_tolerance: float
    reason: StopReason

    @property
    def converged(self) -> bool:
        """True when the residual fell below the tolerance."""
        return self.reason is StopReason.CONVERGED

    @cached_property
    def products(self) -> np.ndarray:
        """End-to-end matrices (T, rows, columns)."""
        return factorization.end_to_end(self.layers)

    @cached_property
    def singular_values(self) -> np.ndarray:
        """Of the end-to-end matrix, (T, min(rows, columns)), descending."""
        return np.linalg.svd(self.products, compute_uv=False)

    @cached_property
    def loss(self) -> np.ndarray:
        """E, in the problem's normalization (T,)."""
        residuals = np.where(self.problem.mask, self.products - self.problem.targets, 0.0)
        return 0.5 * self.problem.weight * np.sum(residuals**2, axis=(1, 2))

    @cached_property
    def effective_rank(self) -> np.ndarray:
        """Exponential of the entropy of the normalised singular values (T,)."""
        return effective_rank_of(self.singular_values)

    @cached_property
    def stable_rank(self) -> np.ndarray:
        """|W|_F^2 / |W|_2^2 (T,)."""
        return stable_rank_of(self.singular_values)

    @cached_property
    def nuclear_norm(self) -> np.ndarray:
        """Sum of the singular values (T,)."""
        return nuclear_norm_of(self.singular_values)

    @cached_property
    def drift(self) -> np.ndarray:
        """Largest Frobenius norm over l of the change of W_{l+1}^T W_{l+1} - W_l W_l^T; 0 for exact flow (T,)."""
        found = np.zeros(len(self.times))
        for balance in self._balances():
            found = np.maximum(found, np.linalg.norm(balance - balance[0], axis=(1, 2)))
        return found

    @cached_property
    def energy_defect(self) -> np.ndarray:
        """E(0) - E(t) minus the energy released; 0 for exact flow (T,)."""
        return self.loss[0] - self.loss - self.released

    @property
    def loss_increase(self) -> float:
        """The largest increase of E between recorded times, relative to E(0); 0 for exact flow."""
        return max(0.0, float(np.max(np.diff(self.loss), initial=0.0))) / (float(self.loss[0]) or 1.0)

    @cached_property
    def determinant_sign_kept(self) -> bool | None:
        """Whether sign det W stayed; None where it is not an invariant (one layer, W not square, layers not balanced).

        Moments at which W is singular up to rounding have no sign.
        """
        sizes = [float(np.sum(layer[0] ** 2)) for layer in self.layers]
        unbalance = max((float(np.linalg.norm(balance[0])) for balance in self._balances()), default=0.0)
        rows, columns = self.products.shape[1:]
        if len(self.layers) < 2 or rows != columns or unbalance > _BALANCED * max(sizes):
            return None
        regular = self.singular_values[:, -1] > _SINGULAR * self.singular_values[:, 0]
        signs = np.linalg.slogdet(self.products[regular])[0]
        return bool(np.all(signs == signs[:1]))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the monitors found suspicious, one sentence each."""
        allowed = _SUSPICIOUS * max(self.relative_tolerance, float(np.finfo(float).eps))
        size = max(float(np.max(np.sum(layer**2, axis=(1, 2)))) for layer in self.layers)
        energy = float(np.max(np.abs(self.energy_defect))) / (float(self.loss[0]) or 1.0)
        found = {
            f"balancedness drifted by {np.max(self.drift):.1e}": float(np.max(self.drift)) > allowed * (size or 1.0),
            f"the energy identity is off by {energy:.1e} of E(0)": energy > allowed,
            f"the loss rose by {self.loss_increase:.1e} of E(0)": self.loss_increase > allowed,
            "the sign of det W flipped, which exact flow keeps": self.determinant_sign_kept is False,
        }
        return tuple(f"{text}; lower relative_tolerance" for text, present in found.items() if present)

    def to_xarray(self) -> "xr.Dataset":
        """The trajectory with named dimensions time, mode, row and column."""
        import xarray as xr  # a quarter of a second that only this needs

        modes = np.arange(1, self.singular_values.shape[1] + 1)
        return xr.Dataset(
            {
                "singular_value": (("time", "mode"), self.singular_values),
                "loss": ("time", self.loss),
                "effective_rank": ("time", self.effective_rank),
                "stable_rank": ("time", self.stable_rank),
                "nuclear_norm": ("time", self.nuclear_norm),
                "balancedness_drift": ("time", self.drift),
                "energy_defect": ("time", self.energy_defect),
                "end_to_end": (("time", "row", "column"), self.products),
                "mask": (("row", "column"), self.problem.mask.astype(np.int8)),
                "target": (("row", "column"), self.problem.targets),
            },
            coords={"time": self.times, "mode": modes},
            attrs={
                "engine": self.engine,
                "depth": len(self.layers),
                "normalization": str(self.problem.normalization),
                "relative_tolerance": self.relative_tolerance,
                "stopped": str(self.reason),
                "remedy": self.reason.remedy,
            },
        )

    def _balances(self) -> list[np.ndarray]:
        return [
            after.transpose(0, 2, 1) @ after - before @ before.transpose(0, 2, 1)
            for before, after in pairwise(self.layers)
        ]
