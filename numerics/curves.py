"""Singular values of the limit against the initialisation scale, as a labelled data set (Figures 2 and 5 of the paper).

Source
    Shin & Yun 2026, arXiv:2603.04703, Figures 2 and 5 (layout; the data are computed here).
"""

import importlib.metadata
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import flint
import numpy as np

from numerics.balls import decimal
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import limit, limit_float64
from numerics.errors import ArgumentError
from numerics.exact import Exact, exact, integer, positive, shown
from numerics.rank import stable_rank

if TYPE_CHECKING:
    import xarray as xr


#: Points per curve. At 100,000 points, three depths and two m are drawn as png in about 2 s on one core.
MOST_POINTS = 100_000
_LARGEST_STORED = 2**31 - 1  # netCDF 3 stores 32-bit integers


def scale_grid(alpha_from: object, alpha_to: object, points: object) -> np.ndarray:
    """`points` values of alpha, equally spaced in log alpha, ends included; float64.

    Raises ArgumentError for ends that are not positive, reversed, or outside the range of float64, and for fewer than
    two points.
    """
    low, high = positive("alpha_from", alpha_from), positive("alpha_to", alpha_to)
    count = integer("points", points, minimum=2)
    if count > MOST_POINTS:
        raise ArgumentError("points", count, f"at most {MOST_POINTS}")
    for name, end in (("alpha_from", low), ("alpha_to", high)):
        if not 1e-307 < end < 1e307:
            raise ArgumentError(name, shown(end), "within 1e-307 and 1e307, the range of the float64 grid")
    if not float(low) < float(high):
        raise ArgumentError("alpha_to", shown(high), f"larger than --alpha-from = {shown(low)}")
    return np.geomspace(float(low), float(high), count)


def limit_curves(
    depths: Sequence[int],
    ms: Sequence[object],
    *,
    blocks: int,
    block_size: int,
    value: object,
    alphas: np.ndarray,
    digits: int | None = None,
) -> "xr.Dataset":
    """The limit spectrum on the grid (depth, m, alpha), one entry per distinct singular value (mode).

    Without `digits` the values are float64 (heuristic, see `limit_float64`) and `log10_singular_value` keeps what
    float64 cannot hold. With `digits` every point is certified, and `decimal` and `radius` hold its digits as text.
    alpha is the layer scale, taken as the decimal that the float prints as; `product_scale` = alpha^L belongs to
    (depth, alpha) and may underflow to 0, its logarithm does not. Raises ArgumentError for an empty or repeated depth
    or m and for values outside the family.
    """
    import xarray as xr  # a quarter of a second that only this needs

    checked = [_family(depth, m, blocks, block_size, value, 1) for depth in depths[:1] or [0] for m in ms[:1] or [0]]
    depth_list = [_family(depth, 2, blocks, block_size, value, 1).depth for depth in depths]
    m_list: list[Exact] = [exact("m", _family(2, m, blocks, block_size, value, 1).m, infinity=True) for m in ms]
    family = checked[0]
    for depth in depth_list:
        if depth > _LARGEST_STORED:
            raise ArgumentError("depth", depth, f"at most {_LARGEST_STORED} on curves")
    if family.dimension > _LARGEST_STORED:
        raise ArgumentError("blocks", family.blocks, f"such that d = n s is at most {_LARGEST_STORED} on curves")
    for name, number in [("value", family.value), *(("m", m) for m in m_list if m != math.inf)]:
        if not 1e-300 < number < 1e300:
            raise ArgumentError(name, shown(number), "within 1e-300 and 1e300 on curves")
    for name, listed in (("depth", depth_list), ("m", m_list)):
        if len(set(map(float, listed))) != len(listed):
            raise ArgumentError(name, [shown(number) for number in listed], "a list without repetitions")
    log_first, log_rest = limit_float64(
        np.array(depth_list, dtype=float)[:, None, None],
        family.blocks,
        family.block_size,
        float(family.value),
        alphas[None, None, :],
        np.array([float(m) for m in m_list])[None, :, None],
    )
    sizes = [1, family.blocks - 1, family.dimension - family.blocks]
    logs = np.stack([log_first, log_rest, np.full_like(log_first, -np.inf)], axis=-1)
    kept = [index for index, size in enumerate(sizes) if size]
    modes = [_mode_name(sizes, index) for index in kept]
    logs = logs[..., kept]
    multiplicity = np.array([sizes[index] for index in kept])
    values = np.exp(logs)
    weighted = [(values[..., index], int(times)) for index, times in enumerate(multiplicity)]
    grid = ("depth", "m", "alpha")
    log_alpha = np.log10(alphas)[None, :] * np.array(depth_list)[:, None]
    with np.errstate(under="ignore", over="ignore"):
        product_scale = 10.0**log_alpha
    dataset = xr.Dataset(
        {
            "singular_value": ((*grid, "mode"), values),
            "log10_singular_value": ((*grid, "mode"), logs / math.log(10)),
            "stable_rank": (grid, stable_rank(weighted)),
            "effective_rank": (grid, _effective_rank(weighted)),
        },
        coords={
            "depth": np.array(depth_list, dtype=np.int32),
            "m": np.array([float(m) for m in m_list]),
            "alpha": alphas,
            "mode": np.array(modes),
            "multiplicity": ("mode", multiplicity.astype(np.int32)),
            "product_scale": (("depth", "alpha"), product_scale),
            "log10_product_scale": (("depth", "alpha"), log_alpha),
        },
        attrs={
            "title": "Limit singular values of the block-diagonal family",
            "source": "Shin & Yun 2026, arXiv:2603.04703, Theorem 3.3 (reconstructed)",
            "blocks": family.blocks,
            "block_size": family.block_size,
            "value": shown(family.value),
            "evidence": "float64" if digits is None else f"Arb balls, {digits} digits certified",
            "versions": versions(),
        },
    )
    return dataset if digits is None else _certified(dataset, m_list, family, digits)


def _effective_rank(modes: list[tuple[np.ndarray, int]]) -> np.ndarray:
    """Effective rank over the grid; a mode that is zero is given the share 1, whose entropy is 0."""
    total = sum(times * value for value, times in modes)
    shares = [(np.where(value > 0, value / total, 1.0), times) for value, times in modes]
    return np.exp(-sum(times * share * np.log(share) for share, times in shares))


def _family(depth: object, m: object, blocks: object, block_size: object, value: object, alpha: object) -> BlockFamily:
    return BlockFamily(depth, blocks, block_size, value, alpha, m)  # type: ignore[arg-type]


def _mode_name(sizes: Sequence[int], index: int) -> str:
    """ "1", "2" or "2..4": which singular values the mode stands for."""
    before = sum(sizes[:index])
    return f"{before + 1}" if sizes[index] == 1 else f"{before + 1}..{before + sizes[index]}"


def _certified(dataset: "xr.Dataset", ms: Sequence[Exact], family: BlockFamily, digits: int) -> "xr.Dataset":
    shape = dataset["singular_value"].shape
    text = np.empty((*shape, 2), dtype=object)
    for i, depth in enumerate(dataset["depth"].values):
        for j, m in enumerate(ms):
            for k, alpha in enumerate(dataset["alpha"].values):
                point = _family(int(depth), m, family.blocks, family.block_size, family.value, repr(float(alpha)))
                for mode, (value, _) in enumerate(limit(point, digits).modes):
                    text[i, j, k, mode] = decimal(value, digits)
    result = dataset.assign(
        decimal=(dataset["singular_value"].dims, text[..., 0].astype(str)),
        radius=(dataset["singular_value"].dims, text[..., 1].astype(str)),
    )
    result["singular_value"] = dataset["singular_value"].copy(data=text[..., 0].astype(float))
    return result


def versions() -> str:
    """Versions of what the numbers depend on, as one line."""
    names = ("rankproof", "sympy", "mpmath", "gmpy2", "python-flint", "numpy", "scipy", "hypothesis", "heyoka", "numba")
    return ", ".join([*(f"{name} {_version(name)}" for name in names), f"flint {flint.__FLINT_VERSION__}"])


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
