"""Sweeps: the points of an experiment, computed once each, in whatever process, and kept in one file."""

from numerics.sweep.claims import Claims, Point, Runner, joined, runners
from numerics.sweep.collection import collected
from numerics.sweep.executors import Workers, dask_cluster, process_pool
from numerics.sweep.experiment import Checkpoint, Experiment, Parameters, Result, Setting, Settings, in_stretches
from numerics.sweep.measurement import Outcome
from numerics.sweep.runner import run
from numerics.sweep.store import (
    Counts,
    Description,
    Failure,
    Store,
    counts,
    description,
    failures,
    kept_aside,
    measuring_seconds,
)

__all__ = [
    "Checkpoint",
    "Claims",
    "Counts",
    "Description",
    "Experiment",
    "Failure",
    "Outcome",
    "Parameters",
    "Point",
    "Result",
    "Runner",
    "Setting",
    "Settings",
    "Store",
    "Workers",
    "collected",
    "counts",
    "dask_cluster",
    "description",
    "failures",
    "in_stretches",
    "joined",
    "kept_aside",
    "measuring_seconds",
    "process_pool",
    "run",
    "runners",
]
