"""Catalogue: SGD with L2 leaves rank 2 for rank 1 and does not come back: counted over many chains, not proved."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from numerics.gradient_flow import StopReason
from numerics.sgd import JUMPED, RETURNED
from verification.catalogue.families import frequency_ball, measured
from verification.catalogue.sources import source
from verification.checks import Observation, Trajectory
from verification.evidence import Series
from verification.parameters import IntegerRange, Parameters, Point
from verification.statement import Clause, Mutant, Provenance, Statement

_CHAINS, _STEPS, _EVERY = 1_000, 20_000, 100
_ETA, _DECAY = 0.4, 0.025
_CONFIDENCE = 0.99
_SHOWN = 100

seed = sp.Symbol("seed", integer=True, nonnegative=True)
returned = sp.Symbol("returned", integer=True, nonnegative=True)
rate, jumped, control = sp.symbols("rate p_jumped ratio_control", nonnegative=True)


@cache
def _cell(eta: float, start: int) -> dict[str, Any]:
    from numerics.experiments.jumps import EXPERIMENT  # xarray, a quarter of a second that only experiments need

    rates = {"etas": [eta], "weight_decays": [_DECAY], "eta": eta, "weight_decay": _DECAY}
    defaults = {name: setting.default for name, setting in EXPERIMENT.settings.items()}
    counts = {"chains": _CHAINS, "steps": _STEPS, "every": _EVERY, "seed": start}
    _, cell = EXPERIMENT.points(defaults | rates | counts)
    return dict(EXPERIMENT.measure(cell))


def _counted(point: Point, eta: float) -> Observation:
    """Jumps, returns and the control of one batch of chains."""
    found = _cell(eta, point[seed])
    times = np.array([math.inf if one is None else one for one in found["jumped"]])
    done = np.isfinite(times)
    watched = float(np.sum(_STEPS - times[done]))
    # No return in so many steps has probability 1 - confidence at this rate, if steps are independent.
    bound = -math.log(1 - _CONFIDENCE) / watched if watched else math.inf
    axis = np.linspace(0, _STEPS, _SHOWN)
    share = tuple(float(np.mean(times > step)) for step in axis)
    median = float(np.median(times))
    series = Series(
        title=f"eta = {eta:g}: {int(done.sum())} of {_CHAINS} jumped, median {median:g} steps",
        axis="steps after the warm-up",
        quantity="share of chains of rank 2",
        measured={"SGD": (tuple(axis), share)},
        predicted={},
    )
    values = {
        jumped: frequency_ball(int(done.sum()), _CHAINS, _CONFIDENCE),
        returned: int(np.sum(np.array(found["highest"])[done] >= RETURNED)),
        rate: measured(bound / 2, bound / 2),
        control: measured(min(found["control_ratio"]), 1e-9),
    }
    return Observation([values], StopReason.CONVERGED, series)


def jumps_are_one_way(
    eta: float = _ETA, back: Callable[[sp.Expr], sp.Basic] = lambda count: sp.Eq(count, 0), stays: bool = True
) -> Statement:
    """jumps-are-one-way, with the rate eta, what is claimed of the number of returns, and whether descent stays."""
    domain = Parameters((IntegerRange(seed, 0, 0),))
    kept = sp.Ge(control, sp.Rational(1, 5))
    return Statement(
        id="jumps-are-one-way",
        title="SGD with L2 jumps from rank 2 to rank 1 where descent stays, and was not seen to come back",
        source=source("WJ", "experiments, one-way jumps", Provenance.RECONSTRUCTED),
        parameters=domain,
        observables={
            jumped: f"probability that sigma_2/sigma_1 falls below {JUMPED:g} within {_STEPS} steps, from {_CHAINS} "
            f"chains; ball: Clopper-Pearson interval of confidence {_CONFIDENCE:g}",
            returned: f"chains that have jumped and are seen again with a ratio of at least {RETURNED:g}, in records "
            f"of every {_EVERY} steps",
            rate: "returns per step: from 0 to the upper confidence bound after a run without any, steps taken as "
            "independent",
            control: "smallest sigma_2/sigma_1 where full-batch descent ends after as many steps, from the starts of "
            "the first eight chains",
        },
        clauses=(
            Clause(
                "jump",
                f"2 x 2, e = 0.25, L = 3, width 10, eta = {eta:g}, lambda = {_DECAY:g}: a chain jumps within {_STEPS} "
                "steps with a probability of at least 9/10",
                sp.Ge(jumped, sp.Rational(9, 10)),
            ),
            Clause(
                "no-return",
                f"no chain was seen to come back to a ratio of {RETURNED:g} in the whole run, looked at every {_EVERY} "
                f"steps. That is evidence, and no proof: what it bounds, with confidence {_CONFIDENCE:g}, is the rate "
                "of such returns, at most 10^-6 per step",
                sp.And(back(returned), sp.Le(rate, sp.Rational(1, 10**6))),
            ),
            Clause(
                "control",
                "full-batch descent at the same rates, from the starts of the first eight chains, ends with "
                "sigma_2/sigma_1 of at least 1/5",
                kept if stays else sp.Not(kept),
            ),
        ),
        checks=(
            Trajectory(
                ("jump", "no-return", "control"),
                lambda point: _counted(point, eta),
                f"{_CHAINS} chains of SGD, and descent from the same starts",
                domain,
            ),
        ),
        mutants=(
            Mutant("slower", "the same jumps at eta = 0.05", lambda: jumps_are_one_way(0.05)),
            Mutant("some-return", "some chain comes back", lambda: jumps_are_one_way(back=lambda count: count > 0)),
            Mutant("descent-jumps", "descent leaves rank 2 as well", lambda: jumps_are_one_way(stays=False)),
        ),
    )


STATEMENTS: tuple[Callable[[], Statement], ...] = (jumps_are_one_way,)
