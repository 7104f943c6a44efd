"""Exact numbers from text: decimals and fractions are read as they are written, never through a float."""

import math
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from numbers import Rational

from numerics.errors import ArgumentError

#: An exact rational, or infinity where the mathematics allows it.
Exact = Fraction | float

#: Exponents of ten that a decimal argument may carry. At 100,000 a 50-digit limit point takes about 0.1 s on one core.
LARGEST_EXPONENT = 100_000


def exact(argument: str, number: object, *, infinity: bool = False) -> Exact:
    """The number as a Fraction (or `math.inf` where `infinity` allows it), without rounding.

    Accepts integers, fractions, decimals, floats (taken at their exact binary value) and text such as "0.1", "1e-300"
    or "2/3". Raises ArgumentError naming `argument` for anything else, for nan, and for exponents beyond
    `LARGEST_EXPONENT`.
    """
    expected = 'a decimal number such as "0.1" or "1e-300"' + (', or "inf"' if infinity else "")
    if isinstance(number, bool):
        raise ArgumentError(argument, number, expected)
    if isinstance(number, Rational):
        return Fraction(int(number.numerator), int(number.denominator))
    if isinstance(number, str) and "/" in number:
        parts = [exact(argument, part) for part in number.split("/", 1)]
        if not all(isinstance(part, Fraction) for part in parts) or parts[1] == 0:
            raise ArgumentError(argument, number, expected)
        return Fraction(parts[0]) / Fraction(parts[1])
    try:
        decimal = Decimal(number.strip() if isinstance(number, str) else number)  # type: ignore[arg-type]
    except (InvalidOperation, TypeError, ValueError):
        raise ArgumentError(argument, number, expected) from None
    if decimal.is_infinite() and decimal > 0 and infinity:
        return math.inf
    if not decimal.is_finite():
        raise ArgumentError(argument, number, expected)
    if decimal and abs(decimal.adjusted()) > LARGEST_EXPONENT:
        raise ArgumentError(argument, number, f"within 1e-{LARGEST_EXPONENT} and 1e{LARGEST_EXPONENT} in magnitude")
    return Fraction(decimal)


def integer(argument: str, number: object, *, minimum: int) -> int:
    """The number as an int that is at least `minimum`; raises ArgumentError otherwise (also for bool and float)."""
    expected = f"an integer of at least {minimum}"
    try:
        if isinstance(number, bool) or not (isinstance(number, str) or hasattr(number, "__index__")):
            raise ValueError
        whole = int(number)
    except ValueError:
        raise ArgumentError(argument, number, expected) from None
    if whole < minimum:
        raise ArgumentError(argument, number, expected)
    return int(whole)


def positive(argument: str, number: object) -> Fraction:
    """The number as a positive Fraction; raises ArgumentError otherwise."""
    result = exact(argument, number)
    if not isinstance(result, Fraction) or result <= 0:
        raise ArgumentError(argument, number, "a positive decimal number")
    return result


def shown(number: Exact | int) -> str:
    """Short exact text of a number: "0.05", "1e-300", "2/3", "inf"."""
    if isinstance(number, float):
        return "inf" if math.isinf(number) else repr(number)
    fraction = Fraction(number)
    denominator = fraction.denominator
    twos = (denominator & -denominator).bit_length() - 1
    odd = denominator >> twos
    fives = 0
    while odd % 5 == 0:
        odd //= 5
        fives += 1
    if odd != 1:
        return str(fraction)
    places = max(twos, fives)
    digits = fraction.numerator * 10**places // denominator
    text = format(Decimal(digits).scaleb(-places).normalize(), "g" if places > 6 or abs(fraction) >= 10**7 else "f")
    return text.replace("E", "e").replace("e+", "e")
