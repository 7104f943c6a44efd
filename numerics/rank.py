"""Effective rank and stable rank of a spectrum given as (value, multiplicity) pairs, in any number system.

Source
    Effective rank: Roy & Vetterli 2007, Definition 2. Stable rank: |W|_F^2 / |W|_2^2.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Modes = Sequence[tuple[Any, int]]


def stable_rank(modes: Modes) -> Any:
    """|W|_F^2/|W|_2^2; the first mode is the largest. On floats, arrays, mpf and balls; as rigorous as they are."""
    largest = modes[0][0]
    return sum(multiplicity * (value / largest) ** 2 for value, multiplicity in modes)


def effective_rank(modes: Modes, log: Callable[[Any], Any], exp: Callable[[Any], Any]) -> Any:
    """exp of the natural-log entropy of sigma/sum(sigma); `log` and `exp` are those of the number system.

    Modes that are exactly zero contribute nothing, by the convention 0 log 0 = 0.
    """
    total = sum(multiplicity * value for value, multiplicity in modes)
    shares = [(value / total, multiplicity) for value, multiplicity in modes if not _is_zero(value)]
    return exp(-sum(multiplicity * share * log(share) for share, multiplicity in shares))


def effective_rank_of(singular_values: np.ndarray) -> np.ndarray:
    """Effective rank of float64 singular values along the last axis; nan where all of them are zero."""
    total = singular_values.sum(axis=-1, keepdims=True)
    share = np.divide(singular_values, total, out=np.full_like(singular_values, np.nan), where=total > 0)
    entropy = -np.sum(np.where(share > 0, share * np.log(np.where(share > 0, share, 1.0)), share), axis=-1)
    return np.exp(entropy)


def stable_rank_of(singular_values: np.ndarray) -> np.ndarray:
    """Stable rank of float64 singular values along the last axis, largest first; nan where all are zero."""
    largest = singular_values[..., :1]
    share = np.divide(singular_values, largest, out=np.full_like(singular_values, np.nan), where=largest > 0)
    return np.sum(share**2, axis=-1)


def nuclear_norm_of(singular_values: np.ndarray) -> np.ndarray:
    """Sum of float64 singular values along the last axis."""
    return np.sum(singular_values, axis=-1)


def _is_zero(value: Any) -> bool:
    return bool(np.ndim(value) == 0 and value == 0)
