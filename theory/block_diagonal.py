"""Block-diagonal observations: reduction to one entry per block, the eigenvalue flow and its invariant.

Definitions
    n diagonal blocks of size s, d = n s; every entry of the diagonal blocks is observed and equals w* > 0. Every layer
    starts with alpha inside the blocks and alpha/m outside, 1 <= m <= oo.
Statements
    `reduction_*`       block-constant layers stay block-constant; targets of the reduced problem
    `flow_*`            all layers stay equal; d lambda_i/dt = s (w* - w) lambda_i^(L-1)
    `invariant_*`       lambda_2^(2-L) - lambda_1^(2-L) (L >= 3) and lambda_2/lambda_1 (L = 2) are conserved
Implementation notes
    A block-constant matrix with `a` inside and `b` outside the blocks is the pair (a, b); such matrices multiply among
    themselves for symbolic n and s, which is what makes the general-size arguments checkable.
Source
    Shin & Yun 2026, arXiv:2603.04703, setting of Theorem 3.3 (reconstructed).
"""

from collections.abc import Mapping, Sequence

import sympy as sp
from sympy import Expr, Matrix
from sympy.polys.rings import ring

from theory.derivation import (
    Derivation,
    Step,
    argument,
    cancel_exponents,
    definition,
    identity,
    nonnegative,
    positive,
    tends_to,
)
from theory.factorization import gradient
from theory.symbols import (
    alpha,
    block_size,
    blocks,
    depth,
    inside,
    lambda_1,
    lambda_2,
    m,
    observed,
    outside,
    time,
    value,
)

Pair = tuple[Expr, Expr]

#: The formulas that the flow statements claim, by clause. A mutant is this mapping with one entry changed.
observed_entry: Expr = (lambda_1**depth + (blocks - 1) * lambda_2**depth) / (blocks * block_size)
rate_1: Expr = block_size * (value - observed) * lambda_1 ** (depth - 1)
rate_2: Expr = block_size * (value - observed) * lambda_2 ** (depth - 1)
start_1: Expr = block_size * alpha * (1 + (blocks - 1) / m)
start_2: Expr = block_size * alpha * (1 - 1 / m)
deep_invariant: Expr = lambda_2 ** (2 - depth) - lambda_1 ** (2 - depth)
shallow_invariant: Expr = lambda_2 / lambda_1
reduced_target: Expr = block_size * value

#: lambda_2/lambda_1 at the start.
start_ratio: Expr = (1 - 1 / m) / (1 + (blocks - 1) / m)


def product(left: Pair, right: Pair) -> Pair:
    """Product of two block-constant matrices given as (inside, outside), for symbolic n and s."""
    (a, b), (c, d) = left, right
    n, s = blocks, block_size
    return (s * (a * c + (n - 1) * b * d), s * (a * d + b * c + (n - 2) * b * d))


def eigenvalues(pair: Pair) -> Pair:
    """(once, n - 1 times) the eigenvalues of the block-constant matrix (inside, outside); the other d - n are 0."""
    a, b = pair
    return (block_size * (a + (blocks - 1) * b), block_size * (a - b))


def entries(spectrum: Pair) -> Pair:
    """The inverse of `eigenvalues`."""
    first, rest = spectrum
    return (
        (first + (blocks - 1) * rest) / (blocks * block_size),
        (first - rest) / (blocks * block_size),
    )


def reduction_derivation(target: Expr) -> Derivation:
    """Block-constant layers reduce to an n x n problem with diagonal observations and targets `target`, any L, n, s_i.

    `target` is the claimed reduced target of one block as an expression in its size s and value w*.
    """
    embed, back, first, second, core = sp.symbols("P P^T X Y rho", commutative=False)
    entry = sp.Symbol("X_ii", real=True)
    total = sp.Symbol("a", integer=True)

    def orthonormal(expression: Expr) -> Expr:
        return sp.expand(sp.expand(expression).subs(back * embed, 1))

    return Derivation(
        ("invariance", "targets"),
        (
            argument(
                "Let P be the d x n matrix whose column i is 1/sqrt(s_i) on block i and 0 elsewhere. Block-constant "
                "matrices are exactly the matrices P X P^T with X of size n x n"
            ),
            identity(
                "The columns of P are orthonormal (different blocks do not overlap)",
                sp.Sum((1 / sp.sqrt(block_size)) ** 2, (total, 1, block_size)),
                sp.Integer(1),
                lambda difference: difference.doit(),
            ),
            identity(
                "that is P^T P = 1, so the map X -> P X P^T respects products",
                embed * first * back * embed * second * back,
                embed * first * second * back,
                orthonormal,
            ),
            identity(
                "On an observed entry of block i the residual is X_ii/s_i - w*_i, and it is the entry of "
                "P diag(X_ii - target_i) P^T there",
                (entry - target) / block_size,
                entry / block_size - value,
            ),
            identity(
                "Off the diagonal blocks both vanish. The layer gradient B^T R A^T of a block-constant point is "
                "therefore the image of the reduced one",
                embed * first * back * embed * core * back * embed * second * back,
                embed * first * core * second * back,
                orthonormal,
            ),
            argument(
                "The map is an isometry, so gradients and time are not rescaled; by uniqueness of solutions "
                "(Picard-Lindeloef) the flow from a block-constant start is the image of the n x n flow"
            ),
        ),
    )


def embedding(sizes: Sequence[int]) -> Matrix:
    """P: d x n, column i equal to 1/sqrt(s_i) on block i."""
    rows = [i for i, size in enumerate(sizes) for _ in range(size)]
    return Matrix(len(rows), len(sizes), lambda r, i: 1 / sp.sqrt(sizes[i]) if rows[r] == i else 0)


def reduction_at(sizes: Sequence[int], number_of_layers: int, target: Expr) -> Derivation:
    """The reduction at concrete block sizes: every layer gradient, entry by entry, for symbolic block entries."""
    n = len(sizes)
    lift = embedding(sizes)
    values = [sp.Symbol(f"w*_{i + 1}", positive=True) for i in range(n)]
    reduced = [
        Matrix(n, n, lambda i, j, k=k: sp.Symbol(f"x{k + 1}_{i + 1}{j + 1}", real=True))
        for k in range(number_of_layers)
    ]
    layers = [lift * layer * lift.T for layer in reduced]
    rows = [i for i, size in enumerate(sizes) for _ in range(size)]
    mask = Matrix(len(rows), len(rows), lambda p, q: int(rows[p] == rows[q]))
    targets = Matrix(len(rows), len(rows), lambda p, q: values[rows[p]] * mask[p, q])
    claimed = sp.diag(*(target.subs({block_size: size, value: w}) for size, w in zip(sizes, values, strict=True)))
    steps = []
    for index in range(number_of_layers):
        full = gradient(mask, targets, layers, index)
        image = lift * gradient(sp.eye(n), claimed, reduced, index) * lift.T
        steps.append(
            identity(
                f"s = {tuple(sizes)}, L = {number_of_layers}, layer {index + 1}: squared distance of the full gradient "
                "from the image of the reduced one",
                (full - image).applyfunc(sp.expand).norm() ** 2,
                sp.Integer(0),
            )
        )
    label = f"s = {tuple(sizes)}, L = {number_of_layers}"
    return Derivation(("invariance", "targets"), tuple(steps), sizes=(label,))


def flow_derivation(claims: Mapping[str, Expr]) -> Derivation:
    """The eigenvalue flow for symbolic L, n, s: claims "observed", "rate-1", "rate-2", "start-1", "start-2"."""
    a, b = inside, outside
    c, d = sp.symbols("c e", real=True)
    left, right, both = eigenvalues((a, b)), eigenvalues((c, d)), eigenvalues(product((a, b), (c, d)))
    powers = (lambda_1**depth, lambda_2**depth)
    pull = eigenvalues((observed - value, sp.Integer(0)))
    k = sp.Symbol("l", integer=True, positive=True)

    def layer_rate(rate: Expr, eigenvalue: Expr) -> Expr:
        return -rate * eigenvalue ** (depth - k) * eigenvalue ** (k - 1)

    return Derivation(
        ("observed", "rate-1", "rate-2", "start-1", "start-2", "equal-layers", "spectrum"),
        (
            argument("A block-constant matrix (a inside, b outside) acts on block-constant vectors; it has rank <= n"),
            identity("Its eigenvalue on the all-ones vector is multiplicative", both[0], sp.expand(left[0] * right[0])),
            identity("and so is its eigenvalue on block vectors of sum 0", both[1], sp.expand(left[1] * right[1])),
            identity("Entries from eigenvalues, inside", entries(left)[0], a, sp.cancel),
            identity("Entries from eigenvalues, outside", entries(left)[1], b, sp.cancel),
            argument("By induction M^L has eigenvalues lambda_1^L (once), lambda_2^L (n - 1 times), 0 (d - n times)"),
            identity("so the observed entry is", claims["observed"], entries(powers)[0], sp.cancel),
            identity("The residual (w - w* inside, 0 outside), eigenvalue 1", pull[0], block_size * (observed - value)),
            identity("and eigenvalue 2", pull[1], block_size * (observed - value)),
            identity(
                "With all layers equal to the symmetric M, minus the gradient of layer l has eigenvalue 1",
                claims["rate-1"],
                layer_rate(pull[0], lambda_1),
                cancel_exponents,
            ),
            identity("and eigenvalue 2", claims["rate-2"], layer_rate(pull[1], lambda_2), cancel_exponents),
            argument("Neither depends on l: equal layers stay equal (uniqueness of solutions)"),
            identity(
                "The start (alpha inside, alpha/m outside)", claims["start-1"], eigenvalues((alpha, alpha / m))[0]
            ),
            identity("has eigenvalues", claims["start-2"], eigenvalues((alpha, alpha / m))[1]),
            argument(
                "lambda = 0 solves the scalar equation for L >= 2, so lambda_i >= 0 for all t: M is positive "
                "semidefinite and the singular values of W = M^L are lambda_i^L"
            ),
        ),
    )


def flow_at(n: int, s: int, number_of_layers: int, claims: Mapping[str, Expr]) -> Derivation:
    """The flow at one concrete size, by differentiating the loss in every entry of every layer.

    Each entry (i, j) of each layer l is moved by e: the loss is a polynomial in a, b, w* and e, and its derivative at
    e = 0 must be the block-constant matrix with the claimed eigenvalues, the same for every l.
    """
    symbols = (inside, outside, value, sp.Symbol("e"))
    polynomials, a, b, target, e = ring(symbols, sp.QQ)
    size = n * s
    block = [p // s for p in range(size)]
    zero, one = polynomials.zero, polynomials.one
    base = [[a if block[p] == block[q] else b for q in range(size)] for p in range(size)]
    powers = [[[one if p == q else zero for q in range(size)] for p in range(size)]]
    for _ in range(number_of_layers):
        powers.append(
            [[sum((row[r] * base[r][q] for r in range(size)), zero) for q in range(size)] for row in powers[-1]]
        )

    def drift(layer: int, i: int, j: int) -> Expr:
        after, before = powers[number_of_layers - layer], powers[layer - 1]
        energy = zero
        for p in range(size):
            for q in range(size):
                if block[p] == block[q]:
                    energy += (powers[number_of_layers][p][q] + e * after[p][i] * before[j][q] - target) ** 2
        return -energy.diff(e).evaluate(e, 0) / 2

    drifts = {
        is_inside: {
            drift(layer, i, j)
            for layer in range(1, number_of_layers + 1)
            for i in range(size)
            for j in range(size)
            if (block[i] == block[j]) is is_inside
        }
        for is_inside in (True, False)
    }
    pair = tuple(min(drifts[is_inside], key=str).as_expr(*symbols[:3]) for is_inside in (True, False))
    concrete = {blocks: n, block_size: s, depth: number_of_layers}
    state = {lambda_1: s * (inside + (n - 1) * outside), lambda_2: s * (inside - outside)}

    def claimed(name: str) -> Expr:
        return claims[name].subs(observed, claims["observed"]).subs(concrete).subs(state)

    label = f"n = {n}, s = {s}, L = {number_of_layers}"
    steps: list[Step] = [
        identity(
            f"{label}: number of different values that the {number_of_layers * size**2} entry derivatives take, "
            "inside and outside the blocks, over all layers",
            sp.Integer(len(drifts[True]) + len(drifts[False])),
            sp.Integer(2),
        )
    ]
    for name, found in zip(("rate-1", "rate-2"), eigenvalues(pair), strict=True):
        steps.append(identity(f"{label}: {name} from the differentiated loss", claimed(name), found.subs(concrete)))
    return Derivation(("observed", "rate-1", "rate-2", "equal-layers"), tuple(steps), sizes=(label,))


def invariant_derivation(invariant: Expr, clause: str, fixed_depth: int | None = None) -> Derivation:
    """`invariant`, an expression in lambda_1, lambda_2 and L, is constant along the eigenvalue flow."""
    fix = {} if fixed_depth is None else {depth: sp.Integer(fixed_depth)}
    rates = {lambda_1: rate_1.subs(fix), lambda_2: rate_2.subs(fix)}
    claimed = invariant.subs(fix)
    derivative = sum((sp.diff(claimed, state) * rate for state, rate in rates.items()), sp.Integer(0))
    first, rest, named = (sp.Function(name) for name in ("lambda_1", "lambda_2", "I"))
    along = {lambda_1: first(time), lambda_2: rest(time)}
    return Derivation(
        (clause,),
        (
            definition("The rates", sp.Derivative(first(time), time), rates[lambda_1]),
            definition("and", sp.Derivative(rest(time), time), rates[lambda_2]),
            definition("The claimed invariant along the flow", named(time), claimed.subs(along)),
            argument("By the chain rule its derivative is the gradient in (lambda_1, lambda_2) times the rates"),
            identity("which is zero", derivative, sp.Integer(0), cancel_exponents),
        ),
    )


def convergence_derivation() -> Derivation:
    """The flow converges to zero loss from every start of the family, for every L >= 2: the limit exists."""
    rate = sp.diff(observed_entry, lambda_1) * rate_1 + sp.diff(observed_entry, lambda_2) * rate_2
    more = sp.Symbol("nu", integer=True, nonnegative=True)
    squares = lambda_1 ** (2 * depth - 2) + (blocks - 1) * lambda_2 ** (2 * depth - 2)
    speed = depth / blocks * squares
    return Derivation(
        ("convergence",),
        (
            identity(
                "The observed entry moves towards w* at the rate",
                rate,
                (value - observed) * speed,
                cancel_exponents,
            ),
            nonnegative("The second part of the rate is not negative (n = 1 + nu)", speed.subs(blocks, 1 + more)),
            positive("and the first is positive, since lambda_1(0) > 0", depth / blocks * lambda_1 ** (2 * depth - 2)),
            argument(
                "lambda_1 and lambda_2 solve the same scalar equation x' = c(t) x^(L-1), so lambda_1 >= lambda_2 >= 0 "
                "is kept and w <= lambda_1^L/s"
            ),
            argument(
                "While w <= w*, lambda_1 does not decrease; while w >= w*, lambda_1^L >= s w >= s w*. Hence lambda_1 "
                "stays above min(lambda_1(0), (s w*)^(1/L)) and |w - w*| decays exponentially (Groenwall)"
            ),
            argument("Both eigenvalues are then of bounded variation, so the limit exists and has zero loss"),
        ),
    )


def kernel_derivation() -> Derivation:
    """Coupling kernel between two diagonal blocks along the family: 0 at L = 2 or m = oo, positive otherwise."""
    more, k = sp.Symbol("nu", integer=True, positive=True), sp.Symbol("k", integer=True, positive=True)
    spread = sp.Symbol("delta", positive=True)
    power = sp.Symbol("mu", positive=True)
    off = entries((lambda_1**k, lambda_2**k))[1]
    growth = sp.expand((lambda_2 + spread) ** 2 - lambda_2**2)
    return Derivation(
        ("coupled",),
        (
            argument(
                "The kernel between an entry (i, j) of one block and (p, q) of another is the sum over l of "
                "(W_{L:l+1} W_{L:l+1}^T)_{ip} (W_{l-1:1}^T W_{l-1:1})_{jq}; rows and columns differ, so l = L and "
                "l = 1 contribute identity entries off the diagonal: 0"
            ),
            argument("L = 2 has no other summand: the dynamics is decoupled"),
            identity(
                "For 1 < l < L each factor is an outside entry of M^k",
                off,
                (lambda_1**k - lambda_2**k) / (blocks * block_size),
            ),
            positive(
                "with lambda_1 > lambda_2 for m < oo; for k = 2 and lambda_1 = lambda_2 + delta, n = 1 + nu",
                growth / ((1 + more) * block_size),
            ),
            positive("and in general x -> x^k increases on x > 0", sp.diff(power**k, power)),
            tends_to(
                "m = oo starts with lambda_1 = lambda_2, which the flow keeps: every outside entry is 0",
                start_1 - start_2,
                m,
                sp.oo,
                sp.Integer(0),
            ),
        ),
    )
