"""Catches wrong observed entries, completions that do not fit, and a ratio at which the problem is another one."""

from fractions import Fraction

import numpy as np
import pytest

from numerics.counter_example import counter_example, norm_completion, rank_completion
from numerics.errors import ArgumentError


def test_the_problem_is_the_one_of_the_paper():
    found = counter_example(2)
    expected = np.array([[0, 0, 1, 2], [0, 0, 2, 0], [1, 2, 0, 0], [2, 0, 0, 0]])
    assert (found.targets == expected).all()
    assert (found.mask == (expected != 0)).all()


@pytest.mark.parametrize("ratio", ["1.1", "3/2", 2, "1e3"])
def test_both_completions_fit_exactly_and_have_ranks_one_and_two(ratio):
    problem = counter_example(ratio)
    for matrix, rank in ((rank_completion(ratio), 1), (norm_completion(ratio), 2)):
        assert matrix[problem.mask].tolist() == problem.exact_targets
        assert (matrix == matrix.T).all()
        assert np.linalg.matrix_rank(matrix.astype(float)) == rank
    assert norm_completion(ratio).trace() == 4 * Fraction(str(ratio))


@pytest.mark.parametrize("ratio", [1, "0.5", -2, "two"])
@pytest.mark.parametrize("build", [counter_example, rank_completion, norm_completion])
def test_a_ratio_of_at_most_one_is_refused_by_name(build, ratio):
    with pytest.raises(ArgumentError, match="ratio"):
        build(ratio)
