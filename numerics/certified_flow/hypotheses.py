"""Hypotheses of a proof as data: what is claimed, the two numbers that decide it, and whether it holds."""

from collections.abc import Iterable
from dataclasses import dataclass

from flint import arb


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis: `sentence` says in words that `value` is at most `bound`; both are balls."""

    name: str
    sentence: str
    value: arb
    bound: arb

    @property
    def holds(self) -> bool:
        """True when the comparison is proven; overlapping balls prove nothing, and nor does what is not finite."""
        return bool(self.value.is_finite() and self.bound.is_finite() and self.value <= self.bound)


def tightest(hypotheses: Iterable[Hypothesis]) -> tuple[Hypothesis, ...]:
    """Of each name one hypothesis: a failed one if there is any, otherwise the one with the largest value/bound."""
    found: dict[str, Hypothesis] = {}
    for one in hypotheses:
        other = found.setdefault(one.name, one)
        if not other.holds:
            continue
        if not one.holds or one.value.mid() * other.bound.mid() > other.value.mid() * one.bound.mid():
            found[one.name] = one
    return tuple(found.values())
