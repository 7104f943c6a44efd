"""Gradient flow of any deep factorization: term, engines, stopping rule, result, terminal projection, limits."""

from numerics.gradient_flow.batch import Ensemble, ensemble
from numerics.gradient_flow.engine import Engine, Tolerance
from numerics.gradient_flow.engine_chebyshev import ChebyshevEngine
from numerics.gradient_flow.engine_scipy import ScipyEngine
from numerics.gradient_flow.engine_taylor import TaylorEngine
from numerics.gradient_flow.integration import engine_named, integrate
from numerics.gradient_flow.limit import EnsembleLimit, FlowLimit, ensemble_limit, flow_limit
from numerics.gradient_flow.precise import PreciseLimit, precise_limit
from numerics.gradient_flow.projection import project
from numerics.gradient_flow.result import GradientFlow
from numerics.gradient_flow.stiff_limit import StiffLimit, stiff_limit
from numerics.gradient_flow.stopping import Stopping, StopReason
from numerics.gradient_flow.term import Term

__all__ = [
    "ChebyshevEngine",
    "Engine",
    "Ensemble",
    "EnsembleLimit",
    "FlowLimit",
    "GradientFlow",
    "PreciseLimit",
    "ScipyEngine",
    "StiffLimit",
    "StopReason",
    "Stopping",
    "TaylorEngine",
    "Term",
    "Tolerance",
    "engine_named",
    "ensemble",
    "ensemble_limit",
    "flow_limit",
    "integrate",
    "precise_limit",
    "project",
    "stiff_limit",
]
