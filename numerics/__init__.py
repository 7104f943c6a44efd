"""The objects of `theory` as numbers: balls, mpmath, float64 arrays, flows. All errors name their argument."""

from numerics.block_diagonal import BlockFamily, block_problem, coupling_kernel, initial_layers, problem
from numerics.block_limit import LimitSpectrum, limit, limit_float64, limit_mpmath, ranks, ratio_at_product_scale
from numerics.block_ratio import limit_by_ratio
from numerics.block_trajectory import entries_on_the_way, initial_entry, spectrum_at, time_to_reach
from numerics.curves import limit_curves, scale_grid
from numerics.errors import ArgumentError, PrecisionExhausted
from numerics.factorization import MatrixCompletion, end_to_end, gradient, loss
from numerics.gradient_flow import FlowLimit, GradientFlow, StopReason, flow_limit, integrate, project
from numerics.rank import effective_rank, stable_rank

__all__ = [
    "ArgumentError",
    "BlockFamily",
    "FlowLimit",
    "GradientFlow",
    "LimitSpectrum",
    "MatrixCompletion",
    "PrecisionExhausted",
    "StopReason",
    "block_problem",
    "coupling_kernel",
    "effective_rank",
    "end_to_end",
    "entries_on_the_way",
    "flow_limit",
    "gradient",
    "initial_entry",
    "initial_layers",
    "integrate",
    "limit",
    "limit_by_ratio",
    "limit_curves",
    "limit_float64",
    "limit_mpmath",
    "loss",
    "problem",
    "project",
    "ranks",
    "ratio_at_product_scale",
    "scale_grid",
    "spectrum_at",
    "stable_rank",
    "time_to_reach",
]
