"""Catches a symbol declared twice (SymPy would treat it as another one) and assumptions that exclude legal values."""

import sympy as sp

from theory import symbols

DECLARED = {name: symbol for name, symbol in vars(symbols).items() if isinstance(symbol, sp.Symbol)}


def test_every_symbol_has_a_name_of_its_own():
    names = [symbol.name for symbol in DECLARED.values()]
    assert len(DECLARED) >= 20
    assert len(set(names)) == len(names)


def test_every_symbol_is_real_so_that_conjugates_and_branches_never_appear():
    assert all(symbol.is_extended_real for symbol in DECLARED.values())


def test_assumptions_leave_room_for_the_edges_of_the_domain():
    # D = 0 is m = oo, sigma_2 = 0 is m = 1: "positive" would let SymPy prove what is false there.
    assert symbols.gap.is_zero is None
    assert symbols.sigma_2.is_zero is None
    for sign_free in (symbols.inside, symbols.outside, symbols.tau, symbols.time):
        assert sign_free.is_positive is None
    assert symbols.depth.is_integer
    assert symbols.depth.is_positive
