"""A certified flow as a labelled dataset: singular values of W(t) with proven radii, beside the proven limit."""

import json
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr
from flint import arb

from numerics.certified_flow import CertifiedFlow
from numerics.errors import ArgumentError
from numerics.factorization import loss
from numerics.prediction import Prediction
from verification.trajectory import with_prediction

#: About so many moments are drawn, and at least two of every piece.
_MOMENTS = 240


def certified_dataset(flow: CertifiedFlow, predicted: Prediction | None) -> xr.Dataset:
    """Values in float64, and radii that cover the enclosure and the rounding to float64; rigorous, the loss apart.

    singular_value and radius (time, mode); limit and limit_radius (mode), where the limit is enclosed; tube_radius
    (time): of all layers together; loss (time): of the centre; the hypotheses as JSON in the attributes.
    """
    times = _moments(flow)
    if not times:
        raise ArgumentError("out", "a picture or table of this flow", f"possible: {flow.reason}; the knob: {flow.knob}")
    spectra, tubes, losses = [], [], []
    for time in times:
        ball = flow.product_at(time)
        spectra.append(_rounded(ball.singular_values))
        tubes.append(_above(flow.layers_at(time)[1]))
        centre = np.array([[float(entry.mid()) for entry in row] for row in ball.centre.tolist()])
        losses.append(loss(flow.problem, centre))
    values, radii = np.array(spectra).transpose(1, 0, 2)
    modes = np.arange(1, values.shape[1] + 1)
    data = xr.Dataset(
        {
            "singular_value": (("time", "mode"), values),
            "radius": (("time", "mode"), radii),
            "tube_radius": ("time", tubes),
            "loss": ("time", losses),
            "mask": (("row", "column"), flow.problem.mask.astype(np.int8)),
            "target": (("row", "column"), flow.problem.targets),
        },
        {"time": [float(time) for time in times], "mode": modes},
        {
            "engine": "certified",
            "depth": len(flow.run.steps[0].piece.layers),
            "normalization": str(flow.problem.normalization),
            "stopped": str(flow.outcome),
            "digits": flow.digits,
            "hypotheses": json.dumps([_written(one) for one in flow.hypotheses]),
        },
    )
    if flow.limit is not None:
        centres, around = _rounded(flow.limit.singular_values)
        data["limit"], data["limit_radius"] = ("mode", centres), ("mode", around)
        data = data.assign_attrs(proven_within=flow.limit.radius.str(2, radius=False))
    return with_prediction(data, predicted)


def _moments(flow: CertifiedFlow) -> list[Fraction]:
    """Evenly over every piece that holds, the ends of the pieces among them."""
    pieces = [step.piece for step in flow.run.proven]
    each = max(2, _MOMENTS // max(1, len(pieces)))
    inner = [piece.start + piece.length * part / each for piece in pieces for part in range(each)]
    return [*inner, pieces[-1].end] if pieces else []


def _rounded(balls: list[Any]) -> tuple[list[float], list[float]]:
    """The float64 next to each ball's middle, and how far the truth is from that, at most."""
    values = [float(ball.mid()) for ball in balls]
    return values, [_above(abs(ball - arb(value))) for ball, value in zip(balls, values, strict=True)]


def _above(number: Any) -> float:
    """A float64 that is not below the ball."""
    return float(np.nextafter(float(number.upper()), np.inf))


def _written(one: Any) -> dict[str, Any]:
    sides = {name: getattr(one, name).str(6, radius=False) for name in ("value", "bound")}
    return {"name": one.name, "sentence": one.sentence, "holds": one.holds, **sides}
