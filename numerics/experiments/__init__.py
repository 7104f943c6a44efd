"""The experiments, by name."""

from numerics.experiments import (
    absorption,
    certified_limits,
    connectivity_rank,
    depth_scale,
    greedy,
    jumps,
    pattern_census,
    plasticity,
)
from numerics.sweep.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        connectivity_rank,
        pattern_census,
        plasticity,
        depth_scale,
        greedy,
        jumps,
        absorption,
        certified_limits,
    )
}
