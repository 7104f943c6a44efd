"""The objects of `theory` as numbers: balls, mpmath, float64 arrays, flows. All errors name their argument."""

from numerics.block_diagonal import BlockFamily, block_problem, coupling_kernel, exact_layers, initial_layers, problem
from numerics.block_limit import LimitSpectrum, limit, limit_float64, limit_mpmath, ranks, ratio_at_product_scale
from numerics.block_ratio import limit_by_ratio
from numerics.block_trajectory import entries_on_the_way, initial_entry, spectrum_at, time_to_reach
from numerics.certified_flow import CertifiedFlow, MatrixBall, certified_flow
from numerics.coupling import Connectivity, CouplingReport, connectivity, coupling_report, kernel_matrix
from numerics.curves import limit_curves, scale_grid
from numerics.deep_greedy import DeepPath, deep_flow, deep_glrl
from numerics.depth_two import diagonal_limit, diagonal_limit_by_clock, diagonal_limit_float64
from numerics.errors import ArgumentError, MissingExtra, PrecisionExhausted
from numerics.factorization import MatrixCompletion, Normalization, end_to_end, gradient, loss
from numerics.gradient_flow import (
    ChebyshevEngine,
    Ensemble,
    EnsembleLimit,
    FlowLimit,
    GradientFlow,
    PreciseLimit,
    ScipyEngine,
    StiffLimit,
    StopReason,
    TaylorEngine,
    ensemble,
    ensemble_limit,
    flow_limit,
    integrate,
    precise_limit,
    project,
    stiff_limit,
)
from numerics.greedy import GreedyPath, glrl_asymmetric, glrl_symmetric
from numerics.infinitesimal_flow import InfinitesimalFlow, infinitesimal_flow
from numerics.initialization import (
    balanced_layers,
    gaussian_layers,
    identity_layers,
    layer_shapes,
    orthogonal_layers,
)
from numerics.low_rank_region import Margins, Profile, Region, cubic, margins, quadratic
from numerics.mask_orbits import orbits
from numerics.masks import mask
from numerics.objective import Objective, completion, lifted, objective, sensing
from numerics.prediction import Prediction, predict
from numerics.rank import effective_rank, stable_rank
from numerics.residual_margin import margin, open_set_map
from numerics.sgd import Chains, Record, at_rates, chains_from, descent, followed, gaussian_chains, record, sgd

__all__ = [
    "ArgumentError",
    "BlockFamily",
    "CertifiedFlow",
    "Chains",
    "ChebyshevEngine",
    "Connectivity",
    "CouplingReport",
    "DeepPath",
    "Ensemble",
    "EnsembleLimit",
    "FlowLimit",
    "GradientFlow",
    "GreedyPath",
    "InfinitesimalFlow",
    "LimitSpectrum",
    "Margins",
    "MatrixBall",
    "MatrixCompletion",
    "MissingExtra",
    "Normalization",
    "Objective",
    "PreciseLimit",
    "PrecisionExhausted",
    "Prediction",
    "Profile",
    "Record",
    "Region",
    "ScipyEngine",
    "StiffLimit",
    "StopReason",
    "TaylorEngine",
    "at_rates",
    "balanced_layers",
    "block_problem",
    "certified_flow",
    "chains_from",
    "completion",
    "connectivity",
    "coupling_kernel",
    "coupling_report",
    "cubic",
    "deep_flow",
    "deep_glrl",
    "descent",
    "diagonal_limit",
    "diagonal_limit_by_clock",
    "diagonal_limit_float64",
    "effective_rank",
    "end_to_end",
    "ensemble",
    "ensemble_limit",
    "entries_on_the_way",
    "exact_layers",
    "flow_limit",
    "followed",
    "gaussian_chains",
    "gaussian_layers",
    "glrl_asymmetric",
    "glrl_symmetric",
    "gradient",
    "identity_layers",
    "infinitesimal_flow",
    "initial_entry",
    "initial_layers",
    "integrate",
    "kernel_matrix",
    "layer_shapes",
    "lifted",
    "limit",
    "limit_by_ratio",
    "limit_curves",
    "limit_float64",
    "limit_mpmath",
    "loss",
    "margin",
    "margins",
    "mask",
    "objective",
    "open_set_map",
    "orbits",
    "orthogonal_layers",
    "precise_limit",
    "predict",
    "problem",
    "project",
    "quadratic",
    "ranks",
    "ratio_at_product_scale",
    "record",
    "scale_grid",
    "sensing",
    "sgd",
    "spectrum_at",
    "stable_rank",
    "stiff_limit",
    "time_to_reach",
]
