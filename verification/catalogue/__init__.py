"""The catalogue: every statement that rankproof ships, by its permanent id."""

from collections.abc import Callable
from functools import cache

from verification.catalogue import (
    block_bias,
    block_closed_forms,
    block_diagonal,
    block_limit,
    block_monotonicity,
    block_trajectory,
    cold_starts,
    connectivity,
    counter_example,
    coupling,
    critical_points,
    deep_greedy,
    depth_two,
    dynamics,
    first_column,
    full_rank,
    greedy,
    jumps,
    low_rank_region,
    nuclear_norm,
    plasticity,
    random_completion,
    reachability,
    residual_margin,
)
from verification.errors import unknown_statement
from verification.statement import Statement

_BUILDERS: dict[str, Callable[[], Statement]] = {
    build.__name__.replace("_", "-"): build
    for module in (
        block_diagonal,
        block_limit,
        block_bias,
        block_monotonicity,
        block_closed_forms,
        block_trajectory,
        dynamics,
        connectivity,
        coupling,
        residual_margin,
        full_rank,
        first_column,
        depth_two,
        nuclear_norm,
        plasticity,
        cold_starts,
        counter_example,
        greedy,
        random_completion,
        deep_greedy,
        critical_points,
        low_rank_region,
        reachability,
        jumps,
    )
    for build in module.STATEMENTS
}


def ids() -> tuple[str, ...]:
    """All ids, in the order of the paper."""
    return tuple(_BUILDERS)


@cache
def statement(statement_id: str) -> Statement:
    """The statement with this id; raises UnknownStatement, with the nearest ids, when there is none."""
    if statement_id not in _BUILDERS:
        raise unknown_statement(statement_id, _BUILDERS, "the catalogue", "'rankproof list' shows all ids")
    found = _BUILDERS[statement_id]()
    found.require_used()
    return found
