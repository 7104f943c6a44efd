"""Sweeps: the points of an experiment, computed once each, in whatever process, and kept in one file."""

from numerics.sweep.experiment import Experiment, Parameters, Result, Setting, Settings

__all__ = ["Experiment", "Parameters", "Result", "Setting", "Settings"]
