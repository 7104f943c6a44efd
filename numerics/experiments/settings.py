"""Settings of experiments, read from text: counts, lists of depths, scales, ratios and seeds, yes or no."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar

from numerics.errors import ArgumentError
from numerics.exact import exact, integer, positive, shown
from numerics.sweep.experiment import Setting

_Value = TypeVar("_Value")

#: Trials, depths, scales or seeds that one experiment may have.
MOST = 100_000


def count(name: str, default: int, meaning: str, *, minimum: int = 1, most: int = MOST) -> tuple[str, Setting]:
    """A whole number from `minimum` to `most`."""

    def read(text: str) -> int:
        return _at_most(name, integer(name, text.strip(), minimum=minimum), most)

    return name, Setting(default, meaning, read)


def whole_numbers(name: str, default: list[int], meaning: str, *, minimum: int, most: int) -> tuple[str, Setting]:
    """Different whole numbers from `minimum` to `most`, separated by commas."""
    return name, Setting(
        default,
        meaning,
        lambda text: _listed(name, text, lambda part: _at_most(name, integer(name, part, minimum=minimum), most)),
    )


def scales(name: str, default: list[float], meaning: str) -> tuple[str, Setting]:
    """Different positive decimals within the range of float64, separated by commas; kept as floats."""
    return name, Setting(default, meaning, lambda text: _listed(name, text, lambda part: _scale(name, part)))


def scale(name: str, default: float, meaning: str) -> tuple[str, Setting]:
    """One positive decimal within the range of float64; kept as a float."""
    return name, Setting(default, meaning, lambda text: _scale(name, text.strip()))


def ratios(name: str, default: list[str], meaning: str) -> tuple[str, Setting]:
    """Decimals or fractions of at least 1, or inf, that differ as floats, separated by commas; kept as exact text."""

    def ratio(part: str) -> str:
        value = exact(name, part, infinity=True)
        if not 1 <= value <= 10**12 and value != math.inf:
            raise ArgumentError(name, part, "within 1 and 1e12, or inf")
        return shown(value)

    def as_float(found: str) -> float:
        return float(exact(name, found, infinity=True))

    return name, Setting(default, meaning, lambda text: _listed(name, text, ratio, as_float))


def decades(last: int) -> list[float]:
    """1, 0.1, ..., 10^-last: the floats that their decimals are read as, so that both have one address."""
    return [float(f"1e-{power}") for power in range(last + 1)]


def yes_or_no(name: str, default: str, meaning: str) -> tuple[str, Setting]:
    """yes or no, as text."""

    def read(text: str) -> str:
        if text.strip() not in ("yes", "no"):
            raise ArgumentError(name, text, "yes or no")
        return text.strip()

    return name, Setting(default, meaning, read)


def seed() -> tuple[str, Setting]:
    """The seed of all random numbers of an experiment; every trial's own comes from it and from the trial's number."""
    return count("seed", 0, "seed of truths and initial layers", minimum=0, most=2**32 - 1)


def _scale(name: str, text: str) -> float:
    value = positive(name, text)
    if not Fraction("1e-300") <= value <= 1000:
        raise ArgumentError(name, text, "within 1e-300 and 1000")
    return float(value)


def _at_most(name: str, value: int, most: int) -> int:
    if value > most:
        raise ArgumentError(name, value, f"at most {most}")
    return value


def _listed(
    name: str, text: str, read: Callable[[str], _Value], label: Callable[[_Value], Any] = lambda value: value
) -> list[_Value]:
    """The parts of a list, whose labels differ."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise ArgumentError(name, text, "a list separated by commas")
    values = [read(part) for part in parts]
    if len(set(map(label, values))) != len(values):
        raise ArgumentError(name, text, "a list without repetitions")
    return values
