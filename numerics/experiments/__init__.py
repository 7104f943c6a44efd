"""The experiments, by name."""

from numerics.experiments import connectivity_rank
from numerics.sweep.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in (connectivity_rank.EXPERIMENT,)}
