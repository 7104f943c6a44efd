"""Exact numbers from text: decimals and fractions are read as they are written, never through a float."""

import math
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from numbers import Rational

from numerics.errors import ArgumentError

#: An exact rational, or infinity where the mathematics allows it.
Exact = Fraction | float

#: Integers that an argument may carry: those in the range of float64, in which a start for Newton is sought.
LARGEST_INTEGER = 10**300
_EXACT = Context(prec=100)

#: Exponents of ten that a decimal argument may carry. At 100,000 a 20-digit `limit` takes under half a second.
LARGEST_EXPONENT = 100_000


def exact(argument: str, number: object, *, infinity: bool = False) -> Exact:
    """The number as a Fraction (or `math.inf` where `infinity` allows it), without rounding.

    Accepts integers, fractions, decimals, floats (taken at their exact binary value) and text such as "0.1", "1e-300"
    or "2/3"; with `infinity` also "inf" or "oo". Raises ArgumentError naming `argument` for anything else, for nan, and
    for exponents beyond `LARGEST_EXPONENT`.
    """
    expected = 'a decimal number such as "0.1" or "1e-300"' + (', or "inf"' if infinity else "")
    if isinstance(number, str) and number == "oo" and infinity:
        return math.inf
    if isinstance(number, bool):
        raise ArgumentError(argument, number, expected)
    if isinstance(number, Rational):
        return Fraction(int(number.numerator), int(number.denominator))
    if isinstance(number, str) and number.count("/") == 1:
        parts = [exact(argument, part) for part in number.split("/", 1)]
        if not all(isinstance(part, Fraction) for part in parts) or parts[1] == 0:
            raise ArgumentError(argument, number, expected)
        return Fraction(parts[0]) / Fraction(parts[1])
    try:
        if isinstance(number, str) and "_" in number:
            raise ValueError
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
        if isinstance(number, str) and "_" in number:
            raise ValueError
    except ValueError:
        raise ArgumentError(argument, number, expected) from None
    if whole < minimum:
        raise ArgumentError(argument, number, expected)
    if whole > LARGEST_INTEGER:
        raise ArgumentError(argument, number, "at most 10^300")
    return int(whole)


def positive(argument: str, number: object) -> Fraction:
    """The number as a positive Fraction; raises ArgumentError otherwise."""
    result = exact(argument, number)
    if not isinstance(result, Fraction) or result <= 0:
        raise ArgumentError(argument, number, "a positive decimal number")
    return result


def shown(number: Exact | int) -> str:
    """Exact text of a number, read back by `exact` as the same number: "0.05", "1e-300", "2/3", "inf".

    Numbers of more than 60 digits are shortened with an ellipsis.
    """
    if isinstance(number, float):
        return "inf" if math.isinf(number) else repr(number)
    fraction = Fraction(number)
    twos, odd = _valuation(fraction.denominator, 2)
    fives, rest = _valuation(odd, 5)
    if rest != 1:
        return _shortened(fraction.numerator) + "/" + _shortened(fraction.denominator)
    places = max(twos, fives)
    tens, digits = _valuation(abs(fraction.numerator) * 2 ** (places - twos) * 5 ** (places - fives), 10)
    sign, exponent = "-" if fraction < 0 else "", tens - places
    if digits == 0:
        return "0"
    text = _shortened(digits)
    if text.isdigit() and -7 < exponent + len(text) <= 15 and exponent <= 6:
        return sign + format(Decimal(digits).scaleb(exponent, _EXACT), "f")
    leading, following = text[0], text[1:]
    scale = exponent + len(text) - 1 if text.isdigit() else exponent
    point = f".{following}" if following else ""
    return f"{sign}{leading}{point}e{scale}" if text.isdigit() else f"{sign}{text}e{scale}"


def _valuation(number: int, factor: int) -> tuple[int, int]:
    """(k, rest) with number = factor^k rest and factor not dividing rest; by squaring, for numbers of any length."""
    if number == 0:
        return 0, 0
    powers = [factor]
    while number % powers[-1] == 0 and powers[-1] <= number:
        powers.append(powers[-1] ** 2)
    count = 0
    for index in reversed(range(len(powers))):
        if number % powers[index] == 0:
            number //= powers[index]
            count += 1 << index
    return count, number


def _shortened(number: int) -> str:
    """The digits of an integer; the first 20 and an ellipsis when there are more than 60."""
    if abs(number) < 10**60:
        return str(number)
    length = int(abs(number).bit_length() * math.log10(2))
    return f"{abs(number) // 10 ** (length - 20)}..."
