"""The experiments, by name."""

from numerics.sweep.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {}
