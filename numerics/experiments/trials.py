"""Trials of an experiment: seeds that depend on the trial's number alone, blocks of trials, means with intervals."""

from collections.abc import Iterator, Sequence

import numpy as np

from numerics.gradient_flow import EnsembleLimit
from numerics.sweep.experiment import Result

_RESAMPLES = 2_000
_COVERAGE = 95.0


def seed_of(*numbers: int) -> int:
    """A seed made from several numbers below 2^32.

    As many other numbers, or the same in another order, give an independent stream. A larger number counts as two, and
    zeros at the end as nothing: [2^32 + 5, 0] is [5, 1], and [5, 0] is [5].
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def rank_one_truth(size: int, seed: int) -> np.ndarray:
    """u v^T (size x size) with independent standard normal entries of u and v."""
    left, right = np.random.default_rng(seed).standard_normal((2, size))
    return np.outer(left, right)


def blocks(trials: int, size: int) -> Iterator[tuple[int, int]]:
    """(first trial, number of trials) of consecutive blocks of at most `size`.

    Trials are told apart by their number, so a larger number of trials leaves all full blocks as they are.
    """
    for first in range(0, trials, size):
        yield first, min(size, trials - first)


def as_json(limits: EnsembleLimit) -> Result:
    """Singular values and error estimates of every trial as plain JSON; an error of null did not converge."""
    errors = [float(error) if np.isfinite(error) else None for error in limits.error]
    return {"singular_values": limits.singular_values.tolist(), "errors": errors}


def singular_values(
    results: Sequence[Result | None], sizes: Sequence[int], modes: int
) -> tuple[np.ndarray, np.ndarray]:
    """The trials of consecutive blocks of the given sizes: singular values (N, modes) and errors (N,).

    Where a trial did not converge, the singular values are nan and the error is inf; where a block is missing, both
    are nan.
    """
    values, errors = [], []
    for result, size in zip(results, sizes, strict=True):
        if result is None:
            values.append(np.full((size, modes), np.nan))
            errors.append(np.full(size, np.nan))
            continue
        error = np.array([np.inf if one is None else one for one in result["errors"]])
        values.append(np.where(np.isfinite(error)[:, None], result["singular_values"], np.nan))
        errors.append(error)
    return np.concatenate(values), np.concatenate(errors)


def mean_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the last axis without nan, and the ends of its 95% interval by a percentile bootstrap.

    The resamples are the same in every run. nan where no value is left.
    """
    means = np.full((3, *values.shape[:-1]), np.nan)
    for place in np.ndindex(values.shape[:-1]):
        kept = values[place][~np.isnan(values[place])]
        if kept.size:
            drawn = np.random.default_rng(0).integers(kept.size, size=(_RESAMPLES, kept.size))
            ends = np.percentile(kept[drawn].mean(axis=1), [50 - _COVERAGE / 2, 50 + _COVERAGE / 2])
            means[(slice(None), *place)] = kept.mean(), *ends
    return means[0], means[1], means[2]
