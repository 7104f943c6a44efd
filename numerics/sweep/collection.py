"""The dataset of a store: what was measured, with labelled coordinates and where it comes from."""

import json

import xarray as xr

from numerics.curves import versions
from numerics.sweep.experiment import Experiment
from numerics.sweep.store import Store, description, require_same


def collected(store: Store, experiment: Experiment) -> xr.Dataset:
    """The experiment's dataset, missing and failed points as the experiment marks them.

    A function of the finished points alone: not of the order in which they came, who measured them, or the time. Its
    attributes say which experiment it is, in which version and with which settings, and name the packages. Raises
    ArgumentError when the store holds another experiment, or other settings or another version of this one than the
    installed experiment has.
    """
    held = description(store)
    require_same(store, held, experiment)
    if held.version < experiment.version:
        raise store.unusable(f"of version {experiment.version} of {held.name}, but of {held.version}: run it again")
    if set(held.settings) != set(experiment.settings):
        raise store.unusable(f"run with the settings that {held.name} has by now: run it again")
    points = experiment.points(held.settings)
    done = dict(store.rows("SELECT address, result FROM points WHERE state = 'done' AND place IS NOT NULL"))
    found = [done.get(experiment.address(parameters)) for parameters in points]
    dataset = experiment.dataset(held.settings, points, [None if one is None else json.loads(one) for one in found])
    return dataset.assign_attrs(
        experiment=experiment.name,
        title=experiment.title,
        source=experiment.source,
        version=experiment.version,
        precision=experiment.precision,
        settings=json.dumps(held.settings, sort_keys=True),
        differs="\n".join(experiment.differs),
        points=len(points),
        missing=found.count(None),
        packages=versions(),
    )
