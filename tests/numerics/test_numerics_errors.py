"""Catches an error message that does not name its argument, the value and what would be right."""

import pickle

import pytest

from numerics.errors import ArgumentError, PrecisionExhausted


def test_an_argument_error_names_argument_value_and_expectation():
    error = ArgumentError("alpha", "-1", "a positive decimal number")
    assert str(error) == "alpha: -1 is not a positive decimal number"
    assert (error.argument, error.expected) == ("alpha", "a positive decimal number")
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(("length", "cut"), [(60, False), (61, True), (10_000, True)])
def test_long_values_are_cut_to_one_line(length, cut):
    message = str(ArgumentError("x", "7" * length, "short"))
    assert ("..." in message) is cut
    assert message.count("7") == (57 if cut else length)


def test_exhausted_precision_names_the_quantity_the_bits_and_the_knob():
    error = PrecisionExhausted("sigma_2", 128, "max_bits")
    assert isinstance(error, ArithmeticError)
    assert not isinstance(error, ValueError)
    for part in ("sigma_2", "128 bits", "raise max_bits"):
        assert part in str(error)


@pytest.mark.parametrize(
    "error", [ArgumentError("alpha", -1, "a positive number"), PrecisionExhausted("the limit", 128, "max_bits")]
)
def test_errors_cross_process_boundaries(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
