"""The 4 x 4 completion problem at depth 2 whose flow goes to rank 1 and not to the minimum nuclear norm.

Definitions
    Observed: M_13 = 1, M_14 = M_23 = R > 1 and the same transposed; f(W) = half the sum of squared errors.
    M_rank = u u^T, u = (1, R, 1, R). M_norm = (R+1)/2 c c^T + (R-1)/2 d d^T, c = (1, 1, 1, 1), d = (1, -1, -1, 1).
Statements
    `completions_derivation`  both are completions and positive semidefinite, of rank 1 and 2, with their nuclear norms
    `minimum_derivation`      no completion has a smaller nuclear norm than M_norm: the exchange matrix certifies it
    `rates_derivation`        the four eigenvalues of -grad f(0)
    `greedy_end_derivation`   greedy low-rank learning ends at M_rank, after one stage
    `small_start_derivation`  so does the flow from alpha I as alpha -> 0, where it follows the greedy stage
Source
    Li, Luo & Lyu 2021, arXiv:2012.09839 (reconstructed; the proof that the greedy stage ends at M_rank is ours).
"""

import sympy as sp
from sympy import Expr, Matrix

from theory.derivation import Derivation, Step, argument, definition, identity, nonnegative, positive

R = sp.Symbol("R", positive=True)

#: The observed places, counted from 0.
OBSERVED = frozenset({(0, 2), (2, 0), (0, 3), (3, 0), (1, 2), (2, 1)})

_u = Matrix([1, R, 1, R])
_c, _d = Matrix([1, 1, 1, 1]), Matrix([1, -1, -1, 1])
rank_completion: Matrix = _u * _u.T
norm_completion: Matrix = ((R + 1) / 2 * _c * _c.T + (R - 1) / 2 * _d * _d.T).expand()

rank_norm: Expr = 2 * R**2 + 2
least_norm: Expr = 4 * R

_root = sp.sqrt(1 + 4 * R**2)
#: Eigenvalues of -grad f(0), which are these and their negatives.
rates: tuple[Expr, Expr] = ((_root + 1) / 2, (_root - 1) / 2)

#: The observed entries and zeros elsewhere, which is -grad f(0).
observed: Matrix = Matrix(4, 4, lambda i, j: rank_completion[i, j] if (i, j) in OBSERVED else 0)
_given: Matrix = Matrix([[0, 0, 1, R], [0, 0, R, 0], [1, R, 0, 0], [R, 0, 0, 0]])
_exchange: Matrix = Matrix(4, 4, lambda i, j: int(i + j == 3))


def completions_derivation(first_norm: Expr, second_norm: Expr) -> Derivation:
    """Both matrices complete the observed entries; their nuclear norms are the two claimed, the second smaller."""
    excess = sp.Symbol("R - 1", positive=True)
    return Derivation(
        ("feasible", "norms"),
        (
            _same("M_rank = u u^T has the observed entries", _masked(rank_completion), _given),
            _same("so has M_norm", _masked(norm_completion), _given),
            argument(
                "A sum of v v^T with positive coefficients is positive semidefinite: its nuclear norm is its trace"
            ),
            identity("|M_rank|_* = |u|^2, M_rank of rank 1", first_norm, (_u.T * _u)[0]),
            identity("c and d are orthogonal,", (_c.T * _d)[0], sp.S.Zero),
            _same("so M_norm c = 2 (R + 1) c", norm_completion * _c, 2 * (R + 1) * _c),
            _same(
                "and M_norm d = 2 (R - 1) d, its other eigenvalues 0: rank 2", norm_completion * _d, 2 * (R - 1) * _d
            ),
            positive("for R > 1: 2 (R - 1) > 0", 2 * excess),
            identity("|M_norm|_* is the sum of both", second_norm, 2 * (R + 1) + 2 * (R - 1)),
            identity("The difference of the nuclear norms", first_norm - second_norm, 2 * (R - 1) ** 2),
            positive("is positive for R > 1", 2 * excess**2),
        ),
    )


def minimum_derivation(least: Expr) -> Derivation:
    """No matrix with the observed entries, symmetric or not, has a nuclear norm below `least`."""
    any_one = Matrix(4, 4, lambda i, j: _given[i, j] if (i, j) in OBSERVED else sp.Symbol(f"z_{i + 1}{j + 1}"))
    pairing = sum((_exchange[i, j] * any_one[i, j] for i in range(4) for j in range(4)), sp.S.Zero)
    return Derivation(
        ("minimum",),
        (
            _same("The exchange matrix J is supported on observed places", _masked(_exchange), _exchange),
            _same(
                "J^T J = I, so all its singular values are 1 and its spectral norm is 1",
                _exchange.T * _exchange,
                sp.eye(4),
            ),
            identity("With any Z that has the observed entries, <J, Z> is the claimed least norm", pairing, least),
            argument("|<J, Z>| <= |J|_2 |Z|_* (duality of spectral and nuclear norm), so |Z|_* >= 4 R"),
            identity("which is |M_norm|_*, its trace", sp.trace(norm_completion), least),
        ),
    )


def rates_derivation(first: Expr, second: Expr) -> Derivation:
    """-grad f(0) has the eigenvalues `first`, `second` and their negatives."""
    steps: list[Step] = [_same("At W = 0, -grad f is the matrix of the observed entries", observed, _given)]
    for value, name in ((first, "mu_1"), (-second, "-mu_2")):
        half = Matrix([value, R])
        for sign, which in ((1, name), (-1, f"-({name})")):
            vector = Matrix([*half, *(sign * half)])
            steps.append(
                _same(f"eigenvalue {which}, eigenvector its multiple", observed * vector, sign * value * vector)
            )
    steps += [
        identity("The four vectors are independent, for mu_1 is not -mu_2: their sum is", first + second, _root),
        identity("The largest eigenvalue is simple: mu_1 - mu_2", first - second, sp.S.One),
        positive("and mu_1 > 0", rates[0]),
    ]
    return Derivation(("rates",), tuple(steps))


def greedy_end_derivation(end: Matrix) -> Derivation:
    """Greedy low-rank learning stops after one stage, at the matrix `end`, for every R > 0 and small eps."""
    x, y, below, more = sp.symbols("x y k s", positive=True)
    state = Matrix([x, y, x, y])
    force = (_given - _masked(state * state.T)) * state
    energy = (x**2 - 1) ** 2 / 4 + (x * y - R) ** 2 / 2
    velocity_x, velocity_y = -(x**2 - 1) * x - (x * y - R) * y, -(x * y - R) * x
    level = 1 / (1 + more)
    return Derivation(
        ("greedy",),
        (
            argument("The stage starts at a small multiple of (mu_1, R, mu_1, R), both numbers positive"),
            _same("u = (x, y, x, y) stays such: -grad f(u u^T) u", force, Matrix([velocity_x, velocity_y] * 2)),
            identity("This is gradient flow of h = (x^2 - 1)^2/4 + (x y - R)^2/2: dx/dt", velocity_x, -energy.diff(x)),
            identity("and dy/dt", velocity_y, -energy.diff(y)),
            definition("For 0 < m < 1 the set x >= m, 0 <= y <= R/m is never left: write", sp.Symbol("m"), level),
            identity(
                "on x = m, with R = m y + k, k >= 0: dx/dt",
                velocity_x.subs(R, x * y + below).subs(x, level),
                level * (1 - level**2) + below * y,
                lambda difference: sp.cancel(sp.expand(difference)),
            ),
            nonnegative("not negative", level * more * (2 + more) * level**2 + below * y),
            identity(
                "on y = R/m, x = m + k: dy/dt",
                velocity_y.subs(y, R / level).subs(x, level + below),
                -R * below * (level + below) / level,
                lambda difference: sp.cancel(sp.expand(difference)),
            ),
            nonnegative("not positive: its negative", R * below * (level + below) / level),
            identity("and on y = 0, dy/dt", velocity_y.subs(y, 0), R * x),
            argument(
                "A start with x y <= R is in the set for m = x. h falls, so x stays bounded, and the flow converges to "
                "its critical points in the set (it is the gradient flow of a polynomial); there x > 0, so dy/dt = 0 is"
            ),
            identity("x y = R; and then dx/dt", velocity_x.subs(y, R / x), x * (1 - x**2)),
            argument("so that x = 1, y = R is the only one: the stage ends at u = (1, R, 1, R)"),
            _same("which has u u^T = the claimed end", _u * _u.T, end),
            _same("There -grad f = 0: no eigenvalue is positive, and the algorithm stops", _given, _masked(end)),
        ),
    )


def small_start_derivation(end: Matrix) -> Derivation:
    """W(oo) from U(0) = alpha I tends to `end` as alpha -> 0, where up to any fixed time the flow follows the stage."""
    top = Matrix([rates[0], R, rates[0], R])
    return Derivation(
        ("flow",),
        (
            identity("mu_1 is simple: mu_1 - mu_2", rates[0] - rates[1], sp.S.One),
            positive("and the start has a part along u_1: |U(0)^T u_1|^2 is a positive multiple of", (top.T * top)[0]),
            argument(
                "So, for every T, the flow shifted in time tends to the greedy stage at T as alpha -> 0 (granted). "
                "That stage, the limit eps -> 0, is itself a curve of u = (x, y, x, y), early on small with x, y > 0, "
                "so by the same argument it tends to M_rank as T grows (greedy)"
            ),
            _same("M_rank minimises f, f = 0", _masked(end), _given),
            argument(
                "E is a polynomial in U and zero, its minimum, on the compact set U U^T = M_rank; by the inequality of "
                "Lojasiewicz a flow that comes near that set converges to a zero of E near it. So |W(oo) - M_rank| "
                "is as small as wished once T is large and then alpha small"
            ),
        ),
    )


def _masked(matrix: Matrix) -> Matrix:
    """The entries at observed places, zeros elsewhere."""
    return Matrix(4, 4, lambda i, j: matrix[i, j] if (i, j) in OBSERVED else 0)


def _same(text: str, left: Matrix, right: Matrix) -> Step:
    """left = right for real matrices: the squares of the differences add up to zero."""
    differences = (left - right).applyfunc(sp.expand)
    return identity(f"{text} (sum of squared differences)", sum((one**2 for one in differences), sp.S.Zero), sp.S.Zero)
