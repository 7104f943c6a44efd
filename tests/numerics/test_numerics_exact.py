"""Catches a number read through a float, bad input that is accepted or answered without naming its argument, and text
that does not read back as the number it shows."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from numerics.errors import ArgumentError
from numerics.exact import LARGEST_EXPONENT, LARGEST_INTEGER, exact, integer, positive, shown

SAME = [
    ("0.1", Fraction(1, 10)),
    ("1e-300", Fraction(1, 10**300)),
    ("2/3", Fraction(2, 3)),
    ("-2/3", Fraction(-2, 3)),
    (" 0.5/1.5 ", Fraction(1, 3)),
    (" 1 / 3 ", Fraction(1, 3)),
    ("+.5", Fraction(1, 2)),
    ("1E3", Fraction(1000)),
    ("-0", Fraction(0)),
    (7, Fraction(7)),
    (Fraction(5, 9), Fraction(5, 9)),
    (Decimal("0.1"), Fraction(1, 10)),
    (0.5, Fraction(1, 2)),
    (0.1, Fraction(3602879701896397, 36028797018963968)),
    (np.int32(4), Fraction(4)),
    (np.float64(0.25), Fraction(1, 4)),
    (f"1e{LARGEST_EXPONENT}", Fraction(10**LARGEST_EXPONENT)),
    (f"1e-{LARGEST_EXPONENT}", Fraction(1, 10**LARGEST_EXPONENT)),
    ("0e999999", Fraction(0)),
]
NEVER = [
    "",
    " ",
    "abc",
    "1/0",
    "0/0",
    "1/",
    "/2",
    "1/x",
    "inf/2",
    "2/inf",
    "nan",
    "sNaN",
    "-inf",
    "1,5",
    "0x10",
    "1e",
    "1.2.3",
    "1 2",
    "1_000",
    "1e1000000",
    "1e-1000000",
    f"1e{LARGEST_EXPONENT + 1}",
    "1e99999999999999999999",
    "1e1000000/3",
    math.nan,
    -math.inf,
    np.nan,
    Decimal("nan"),
    True,
    False,
    None,
    1j,
    b"1",
    [],
    {},
    ...,
]


@pytest.mark.parametrize(("written", "number"), SAME)
def test_numbers_are_read_as_they_are_written(written, number):
    read = exact("x", written)
    assert isinstance(read, Fraction)
    assert type(read.numerator) is int
    assert read == number


@pytest.mark.parametrize("wrong", [np.array([1.0, 2.0]), *NEVER], ids=lambda wrong: repr(wrong)[:30])
@pytest.mark.parametrize("infinity", [False, True])
def test_anything_else_is_refused_by_name(wrong, infinity):
    with pytest.raises(ArgumentError, match=r"^alpha: ") as caught:
        exact("alpha", wrong, infinity=infinity)
    assert caught.value.argument == "alpha"


@pytest.mark.parametrize("written", ["inf", "Infinity", " inf ", "+inf", math.inf, np.inf, Decimal("inf")])
def test_infinity_is_a_number_only_where_the_mathematics_allows_it(written):
    assert exact("m", written, infinity=True) == math.inf
    with pytest.raises(ArgumentError, match=r"^m: "):
        exact("m", written)
    with pytest.raises(ArgumentError, match=r"^m: "):
        positive("m", written)


def test_the_message_says_what_may_be_written_and_mentions_infinity_only_where_it_is_legal():
    for infinity in (False, True):
        with pytest.raises(ArgumentError) as caught:
            exact("m", "abc", infinity=infinity)
        assert ('"inf"' in str(caught.value)) is infinity


@pytest.mark.parametrize("wrong", [0, "0", "-1", "-1e-300", -0.0, Fraction(-1, 3), *NEVER], ids=lambda x: repr(x)[:30])
def test_positive_refuses_zero_negatives_and_what_is_no_number(wrong):
    with pytest.raises(ArgumentError, match=r"^value: "):
        positive("value", wrong)


@pytest.mark.parametrize(("written", "number"), [pair for pair in SAME if pair[1] > 0])
def test_positive_is_exact(written, number):
    assert positive("x", written) == number


@pytest.mark.parametrize(
    ("written", "number"),
    [(3, 3), ("3", 3), (" 12 ", 12), (np.int64(5), 5), (LARGEST_INTEGER, LARGEST_INTEGER), ("0", 0), ("-2", -2)],
)
def test_integers_are_read(written, number):
    read = integer("n", written, minimum=-2)
    assert type(read) is int
    assert read == number


@pytest.mark.parametrize(
    "wrong",
    [1.0, "1.0", "2/1", "1e3", Fraction(2), True, np.True_, None, math.nan, math.inf, *NEVER],
    ids=lambda x: repr(x)[:30],
)
def test_integer_refuses_what_is_not_written_as_one(wrong):
    with pytest.raises(ArgumentError, match=r"^n: "):
        integer("n", wrong, minimum=0)


@pytest.mark.parametrize("wrong", [LARGEST_INTEGER + 1, str(LARGEST_INTEGER + 1), 10**400, "9" * 5000])
def test_integers_that_float64_may_not_represent_are_refused(wrong):
    with pytest.raises(ArgumentError, match=r"^n: "):
        integer("n", wrong, minimum=0)


@given(st.integers(-50, 50), st.integers(-50, 50))
def test_integer_enforces_its_minimum_and_says_it(number, minimum):
    if number >= minimum:
        assert integer("n", number, minimum=minimum) == integer("n", str(number), minimum=minimum) == number
    else:
        with pytest.raises(ArgumentError, match=f"at least {minimum}$"):
            integer("n", number, minimum=minimum)


@given(st.fractions())
@example(Fraction(2, 3))
@example(Fraction(0))
@example(Fraction(10**59, 3))
@example(Fraction(1, 2**60))
# Read back wrong while `shown` rounded to the 28 digits of the default decimal context.
@example(Fraction("0.12345678901234567890123456789012345"))
@example(Fraction(10**30 + 1))
@example(Fraction(0.1))
def test_shown_text_reads_back_as_the_same_number(number):
    assert exact("x", shown(number)) == number


@given(st.integers(-(10**59), 10**59), st.integers(-400, 400))
@example(1, -300)
@example(-25, -1)
def test_shown_decimals_read_back_as_the_same_number(digits, power):
    number = digits * Fraction(10) ** power
    assert exact("x", shown(number)) == number


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_decimals_are_read_exactly_from_text(number):
    assert exact("x", str(number)) == Fraction(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_taken_at_their_binary_value(number):
    assert exact("x", number) == Fraction(number)
    assert float(exact("x", repr(number))) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0.05", "0.05"),
        ("1e-300", "1e-300"),
        ("1.5e-30", "1.5e-30"),
        ("2/3", "2/3"),
        ("10", "10"),
        ("0.0001", "0.0001"),
        ("-2.5", "-2.5"),
        ("1e300", "1e300"),
        ("0", "0"),
    ],
)
def test_shown_text_is_short(number, text):
    assert shown(exact("x", number)) == text
    assert shown(math.inf) == "inf"


@pytest.mark.parametrize("number", [Fraction(1, 3**5000), Fraction(10**5000 + 1), Fraction(1, 7 * 10**5000)])
def test_shown_text_of_huge_numbers_is_shortened_and_says_so(number):
    assert len(shown(number)) < 100
    assert "..." in shown(number)
