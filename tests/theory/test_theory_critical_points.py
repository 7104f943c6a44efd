"""Critical points with weight decay: catches a step that does not hold, and natural false variants of each proof."""

import pytest
import sympy as sp

from theory import critical_points as theory
from theory.symbols import depth

FALSE = {
    "no weight decay": lambda: theory.balance_derivation(sp.S.Zero),
    "transposes swapped": lambda: theory.balance_derivation(
        claimed=lambda upper, lower: (upper @ upper.T, lower.T @ lower)
    ),
    "twice one side": lambda: theory.balance_derivation(
        claimed=lambda upper, lower: (upper.T @ upper, 2 * lower @ lower.T)
    ),
    "exponent 1/L": lambda: theory.spectrum_derivation(1 / depth),
    "exponent 2": lambda: theory.spectrum_derivation(sp.Integer(2)),
    "exponent 2/(L-1)": lambda: theory.rank_derivation(2 / (depth - 1)),
    "f(0) = 1": lambda: theory.rank_derivation(at_zero=sp.S.One),
}


def test_every_step_holds_for_every_shape_and_depth() -> None:
    for derivation in (theory.balance_derivation(), theory.spectrum_derivation(), theory.rank_derivation()):
        assert [step.text for step in derivation.open_steps] == []
        assert derivation.sizes == ()


@pytest.mark.parametrize("name", FALSE)
def test_a_false_claim_leaves_a_step_open(name: str) -> None:
    assert not FALSE[name]().holds
