"""Catches random problems that are not what they say, and a lifting that is another problem."""

import numpy as np
import pytest

from numerics.factorization import MatrixCompletion
from numerics.greedy import certified_gradient_norm, certified_rank, glrl_asymmetric
from numerics.objective import completion, lifted
from numerics.random_completion import (
    attained_rank_one,
    attains_rank_one,
    diagonal_problem,
    lifted_problem,
    rank_one_problem,
)


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_diagonal_is_observed_and_a_symmetric_problem_is_symmetric(symmetric):
    problems = [diagonal_problem(4, symmetric, seed) for seed in range(20)]
    assert all(problem.mask.diagonal().all() for problem in problems)
    assert all((problem.mask == problem.mask.T).all() for problem in problems) == symmetric
    assert all((problem.targets == problem.targets.T).all() for problem in problems) == symmetric


def test_a_rank_one_problem_is_of_rank_one_and_leaves_something_out():
    random = np.random.default_rng(0)
    problems = [rank_one_problem(3, random) for _ in range(30)]
    for problem in problems:
        seen = np.where(problem.mask, problem.targets, np.nan)
        minors = np.einsum("ij,kl->ijkl", seen, seen) - np.einsum("il,kj->ijkl", seen, seen)
        assert np.nanmax(np.abs(minors)) < 1e-12
    assert all(problem.mask[0, 0] and not problem.mask.all() for problem in problems)
    assert len({problem.mask.tobytes() for problem in problems}) > 5


def test_the_lifted_problem_has_the_lifted_objective():
    problem = diagonal_problem(3, False, 5)
    one, other = lifted(completion(problem)), completion(lifted_problem(problem))
    matrix = np.random.default_rng(1).standard_normal((6, 6))
    matrix = matrix + matrix.T
    assert one.value(matrix) == pytest.approx(other.value(matrix))
    assert np.allclose(one.gradient(matrix), other.gradient(matrix))


def test_the_gradient_of_an_asymmetric_stage_is_certified_small_and_its_rank_certified():
    problem = diagonal_problem(3, False, 2)
    path = glrl_asymmetric(completion(problem))
    assert len(path.points) > 1
    for point in path.points:
        assert certified_gradient_norm(lifted_problem(problem), point.factor) < 1e-12
        assert certified_rank(point.factor) == point.rank


def test_a_column_that_is_a_multiple_of_another_adds_no_certified_rank():
    column = np.array([[1.0], [2.0], [3.0]])
    assert certified_rank(np.hstack([column, 2 * column])) == 1
    assert certified_rank(np.hstack([column, column + 1e-6 * np.eye(3)[:, :1]])) == 2


def test_a_disconnected_mask_misses_rank_one_and_a_full_row_and_column_attain_it():
    truth = np.outer([1.0, 2.0, 1.5], [1.0, -1.0, 2.0])
    cross = np.zeros((3, 3), dtype=bool)
    cross[0], cross[:, 0] = True, True
    for mask, attained in ((np.eye(3, dtype=bool), False), (cross, True)):
        problem = MatrixCompletion(mask, truth)
        assert attains_rank_one(problem, glrl_asymmetric(completion(problem))) is attained


def test_counts_are_those_of_the_same_problems_for_a_seed():
    found = attained_rank_one(3, 4, 7)
    assert found == attained_rank_one(3, 4, 7)
    assert found.connected_attained <= min(found.attained, found.connected) <= found.count == 4
