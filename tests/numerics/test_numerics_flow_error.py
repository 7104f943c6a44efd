"""The flow's error estimate covers the truth at points where the plain difference of two runs did not: a review found
them, and one of them let a true theorem come back REFUTED."""

import pytest

from numerics.block_diagonal import BlockFamily, initial_layers, problem
from numerics.block_limit import limit
from numerics.gradient_flow import flow_limit


@pytest.mark.parametrize(
    "family",
    [BlockFamily(4, 3, 1, "1.65", "0.85", "16.69"), BlockFamily(3, 2, 2, "1.53", "0.434", "5.24")],
    ids=str,
)
def test_pinned_cancellations_are_covered(family: BlockFamily) -> None:
    flow = flow_limit(problem(family), initial_layers(family))
    exact = limit(family, 20)
    distance = max(abs(flow.singular_values[0] - float(exact.first)), abs(flow.singular_values[1] - float(exact.rest)))
    assert 0 < distance <= flow.error < 1e-8
