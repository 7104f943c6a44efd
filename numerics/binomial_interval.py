"""What a frequency in a sample says of a probability.

Source
    Clopper & Pearson 1934, The use of confidence or fiducial limits.
"""

from numerics.errors import ArgumentError


def binomial_interval(successes: int, count: int, confidence: float = 0.99) -> tuple[float, float]:
    """The Clopper-Pearson interval of a probability with `successes` of `count` trials seen.

    It misses the probability with probability at most 1 - confidence, whatever that probability is. Raises
    ArgumentError.
    """
    if not 0 <= successes <= count:
        raise ArgumentError("successes", successes, f"within 0 and the count {count}")
    if not 0 < confidence < 1:
        raise ArgumentError("confidence", confidence, "within 0 and 1")
    from scipy.special import betaincinv  # only this needs it

    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, count - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, count - successes, 1 - tail)) if successes < count else 1.0
    return low, high
