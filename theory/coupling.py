"""Coupling of observed entries: the kernel of their gradients, and when it vanishes between them.

Definitions
    B_l = W_L ... W_{l+1}, A_l = W_{l-1} ... W_1. Kernel K[(i,j),(p,q)] = <grad w_ij, grad w_pq>, over all layer
    entries. Components of the mask are those of theory.connectivity.
Statements
    `kernel_*`         K = sum over l of (B_l B_l^T)_{ip} (A_l^T A_l)_{jq}, and dw/dt = -K r on observed entries
    `depth_two_*`      L = 2: different components never interact
    `block_kernel_*`   L >= 3: the kernel of the block family in closed form; positive for m < oo
    `diagonal_*`       diagonal layers stay diagonal, and then no two diagonal entries interact
Source
    Shin & Yun 2026, arXiv:2603.04703, Definition 2 and Proposition 3.2 (reconstructed).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import sympy as sp
from sympy import Expr, Matrix
from sympy.concrete.delta import deltasummation

from theory.block_diagonal import entries, kernel_derivation
from theory.derivation import Derivation, argument, definition, identity, positive
from theory.factorization import end_to_end, gradient, loss
from theory.symbols import block_size, blocks, depth, lambda_1, lambda_2

Entry = tuple[Expr, Expr]
Summand = Callable[[Matrix, Matrix, Entry, Entry], Expr]

_rows, _columns, _height, _width = sp.symbols("M N h k", integer=True, positive=True)
_i, _j, _p, _q, _a, _b, _c = (
    sp.Symbol(name, integer=True, nonnegative=True) for name in ("i", "j", "p", "q", "a", "b", "c")
)


def summand(after: Matrix, before: Matrix, first: Entry, second: Entry) -> Expr:
    """(B B^T)_{ip} (A^T A)_{jq}, the share of one layer in the kernel of entries (i, j) and (p, q).

    Reads SymPy matrices, matrix symbols and float arrays (there with arrays of indices) alike.
    """
    (i, j), (p, q) = first, second
    return (after @ after.T)[i, p] * (before.T @ before)[j, q]


def kernel(layers: Sequence[Matrix], first: Entry, second: Entry, share: Summand = summand) -> Expr:
    """The coupling kernel of two entries of W as an expression in the layers' entries."""
    total = sp.Integer(0)
    for index in range(len(layers)):
        before = end_to_end([sp.eye(layers[0].cols), *layers[:index]])
        after = end_to_end([*layers[index + 1 :], sp.eye(layers[-1].rows)])
        total += share(after, before, first, second)
    return total


def _places(height: int, width: int) -> list[tuple[int, int]]:
    """The entries of a matrix of this shape, in row-major order."""
    return [(i, j) for i in range(height) for j in range(width)]


def _separated(expression: Expr) -> Expr:
    """Every sum of a product over several indices as a product of sums over one, with one name for the index."""

    def split(total: sp.Sum) -> Expr:
        factors = sp.Mul.make_args(sp.expand(total.function))
        result = sp.Mul(*(one for one in factors if not one.free_symbols & set(total.variables)))
        for variable, *bounds in total.limits:
            inner = sp.Mul(*(one for one in factors if variable in one.free_symbols))
            result *= sp.Sum(inner.xreplace({variable: _c}), (_c, *bounds))
        return result

    return sp.expand(expression.replace(lambda node: isinstance(node, sp.Sum), split))


def kernel_formula_derivation(share: Summand = summand) -> Derivation:
    """The kernel, and dw/dt = -K r, for any depth, widths and mask: W is linear in one layer at a time."""
    after, before = sp.MatrixSymbol("B", _rows, _height), sp.MatrixSymbol("A", _width, _columns)
    layer, residual = sp.IndexedBase("X"), sp.IndexedBase("R")
    s, t, e, f = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("s", "t", "e", "f"))
    inner, outer = ((s, 0, _height - 1), (t, 0, _width - 1)), ((e, 0, _rows - 1), (f, 0, _columns - 1))
    both = ((_a, 0, _height - 1), (_b, 0, _width - 1))

    def surviving(expression: Expr, limits: Iterable[tuple[Expr, Expr, Expr]]) -> Expr:
        for limit in limits:
            expression = deltasummation(expression, limit, no_piecewise=True)
        return expression

    entry = after[_i, s] * layer[s, t] * before[t, _j]
    velocity = -residual[e, f] * after[e, _a] * before[_b, f]
    slope = after[_i, _a] * before[_b, _j]
    response = -after[_p, _a] * before[_b, _q]
    claimed = share(after, before, (_i, _j), (_p, _q))
    return Derivation(
        ("kernel", "flow"),
        (
            definition(
                "Fix a layer X = W_l and write B = W_L ... W_{l+1} (M x h), A = W_{l-1} ... W_1 (k x N); then",
                sp.IndexedBase("w")[_i, _j],
                sp.Sum(entry, *inner),
            ),
            identity(
                "An end-to-end entry is linear in X: of its derivative in X_ab one summand survives",
                surviving(sp.diff(entry, layer[_a, _b]), inner),
                slope,
            ),
            identity(
                "The inner product of two such derivatives over the entries of X separates into two Gram entries",
                sp.Sum(slope * slope.xreplace({_i: _p, _j: _q}), *both),
                claimed,
                _separated,
            ),
            argument("A gradient lists the derivatives in all layers, so the kernel is the sum over l of these"),
            definition(
                "Under the flow X moves with minus its gradient B^T R A^T (derived in block-reduction)",
                sp.Derivative(layer[_a, _b], sp.Symbol("t")),
                sp.Sum(velocity, *outer),
            ),
            identity(
                "whose dependence on the residual of the observed entry (p, q) is",
                surviving(sp.diff(velocity, residual[_p, _q]), outer),
                response,
            ),
            identity(
                "Chain rule: through X, the residual r_pq moves w_ij at the rate",
                sp.Sum(slope * response, *both),
                -claimed,
                _separated,
            ),
            argument("R vanishes off the mask; summing over l and over the observed (p, q): dw/dt = -K r there"),
        ),
    )


def kernel_at(sizes: Sequence[int], share: Summand = summand) -> Derivation:
    """The kernel and the flow by differentiating W and the loss in every layer entry, at one list of sizes.

    `sizes` are the widths from the input side to the output side; layers, targets and mask are symbols.
    """
    layers = [
        Matrix(after, before, lambda i, j, k=k: sp.Symbol(f"w{k + 1}_{i + 1}{j + 1}", real=True))
        for k, (after, before) in enumerate(zip(sizes[1:], sizes, strict=False))
    ]
    rows, columns = sizes[-1], sizes[0]
    mask = Matrix(rows, columns, lambda i, j: sp.Symbol(f"mask_{i + 1}{j + 1}", positive=True))
    targets = Matrix(rows, columns, lambda i, j: sp.Symbol(f"t_{i + 1}{j + 1}", real=True))
    unknowns = [symbol for layer in layers for symbol in layer]
    places = _places(rows, columns)
    whole = end_to_end(layers)
    jacobian = Matrix([[sp.diff(sp.expand(whole[place]), x) for x in unknowns] for place in places])
    claimed = Matrix(len(places), len(places), lambda m, n: kernel(layers, places[m], places[n], share))
    residual = Matrix([mask[place] * (whole[place] - targets[place]) for place in places])
    energy = loss(mask, targets, layers)
    velocity = Matrix([-sp.diff(energy, x) for x in unknowns])
    label = f"widths {' x '.join(map(str, sizes))}, L = {len(layers)}"

    def squares(difference: Matrix) -> Expr:
        return sum((sp.expand(one) ** 2 for one in difference), sp.Integer(0))

    return Derivation(
        ("kernel", "flow"),
        (
            identity(
                f"{label}: sum of squared differences between all inner products of gradients and the formula",
                squares(jacobian * jacobian.T - claimed),
                sp.Integer(0),
                lambda difference: difference,
            ),
            identity(
                f"{label}: sum of squared differences between dw/dt from the differentiated loss and -K r",
                squares(jacobian * velocity + claimed * residual),
                sp.Integer(0),
                lambda difference: difference,
            ),
        ),
        sizes=(label,),
    )


same_row, same_column = sp.symbols("delta_ip delta_jq", integer=True, nonnegative=True)
row_gram, column_gram = sp.symbols("(W_2W_2^T)_ip (W_1^TW_1)_jq", real=True)

#: The kernel at L = 2, and the values of the two deltas that say that entries differ in row and column.
depth_two_kernel: Expr = same_row * column_gram + row_gram * same_column
apart: Mapping[Expr, Expr] = {same_row: sp.Integer(0), same_column: sp.Integer(0)}


def depth_two_derivation(claimed: Expr, different: Mapping[Expr, Expr]) -> Derivation:
    """At L = 2 components of the mask never interact, for any sizes: `claimed` kernel, vanishing at `different`."""
    upper, lower = sp.MatrixSymbol("W_2", _rows, _width), sp.MatrixSymbol("W_1", _width, _columns)
    ends = (sp.Identity(_rows), sp.Identity(_columns))
    first, second = (_i, _j), (_p, _q)
    named = {
        same_row: ends[0][_i, _p],
        same_column: ends[1][_j, _q],
        row_gram: (upper @ upper.T)[_i, _p],
        column_gram: (lower.T @ lower)[_j, _q],
    }
    upper_entry, lower_entry = sp.symbols("(W_2)_ib (W_1)_bj", real=True)

    def at_values(expression: Expr) -> Expr:
        return sp.Subs(expression, tuple(different), tuple(different.values()))

    def evaluated(difference: Expr) -> Expr:
        return sp.expand(difference.doit())

    return Derivation(
        ("kernel", "apart", "separate", "generic"),
        (
            identity(
                "The two layers have (B, A) = (1, W_1) and (W_2, 1); their shares of the kernel (coupling-kernel) are",
                summand(ends[0], lower, first, second) + summand(upper, ends[1], first, second),
                claimed.subs(named),
                _separated,
            ),
            identity(
                "Entries that differ in row and in column have kernel", at_values(claimed), sp.Integer(0), evaluated
            ),
            argument("Entries of two components do: a row or column in common would link them"),
            identity(
                "Nor does a residual r_ij move with row p of W_2 or column q of W_1 then: its derivatives are",
                at_values(same_row * lower_entry + same_column * upper_entry),
                sp.Integer(0),
                evaluated,
            ),
            argument(
                "Row i of W_2 moves by -sum over observed (i, j) of r_ij (column j of W_1), column j of W_1 by -sum "
                "over observed (i, j) of r_ij (row i of W_2): those of one component solve equations of their own, the "
                "flow of the problem that observes this component only"
            ),
            identity(
                "Within a row, the kernel (W_1^T W_1)_jq is a polynomial in the layers; where all entries are 1 it is",
                sp.Sum(sp.Integer(1), (_a, 0, _width - 1)),
                _width,
                lambda difference: difference.doit(),
            ),
            positive("which is not zero; and so within a column", _width),
            argument(
                "A polynomial that is not zero vanishes on a set of measure zero only: for almost all layers "
                "neighbours interact at t = 0, and the finest decoupled parts are the components"
            ),
        ),
    )


def depth_two_at(height: int, inner: int, width: int, claimed: Expr, different: Mapping[Expr, Expr]) -> Derivation:
    """The kernel at L = 2 by differentiating W in every layer entry, at one size, for all pairs of entries."""
    lower = Matrix(inner, width, lambda a, j: sp.Symbol(f"w1_{a + 1}{j + 1}", real=True))
    upper = Matrix(height, inner, lambda i, a: sp.Symbol(f"w2_{i + 1}{a + 1}", real=True))
    whole = sp.expand(upper * lower)
    squares = crossing = sp.Integer(0)
    for (i, j), (p, q) in ((one, other) for one in _places(height, width) for other in _places(height, width)):
        found = sum((sp.diff(whole[i, j], x) * sp.diff(whole[p, q], x) for x in [*lower, *upper]), sp.Integer(0))
        here = {same_row: sp.Integer(int(i == p)), same_column: sp.Integer(int(j == q))}
        grams = {row_gram: (upper * upper.T)[i, p], column_gram: (lower.T * lower)[j, q]}
        squares += sp.expand(found - claimed.subs(here).subs(grams)) ** 2
        if all(here[delta] == value for delta, value in different.items()):
            crossing += sp.expand(found) ** 2
    label = f"{height} x {width}, width {inner}"
    return Derivation(
        ("kernel", "apart"),
        (
            identity(f"{label}: squared differences from the claimed kernel", squares, sp.Integer(0), lambda e: e),
            identity(f"{label}: squared kernel of entries said to be apart", crossing, sp.Integer(0), lambda e: e),
        ),
        sizes=(label,),
    )


_first, _rest = lambda_1**2, lambda_2**2
_mixed: Expr = _first * _rest * (_first ** (depth - 2) - _rest ** (depth - 2)) / (_first - _rest)

#: Kernel between two diagonal blocks of the block family at layers with eigenvalues lambda_1 > lambda_2.
block_kernel: Expr = ((depth - 2) * (_first ** (depth - 1) + _rest ** (depth - 1)) - 2 * _mixed) / (
    blocks * block_size
) ** 2


def block_kernel_derivation(claimed: Expr) -> Derivation:
    """The kernel between two diagonal blocks, summed over the layers, for symbolic L, n and s."""
    place = sp.Symbol("l", integer=True, positive=True)
    a, b = sp.symbols("a b", positive=True)
    squares = {lambda_1: sp.sqrt(a), lambda_2: sp.sqrt(b)}
    gram = [entries((a**k, b**k))[1] for k in (depth - place, place - 1)]
    pure, mixed = a ** (depth - 1) + b ** (depth - 1), a * b * (a ** (depth - 2) - b ** (depth - 2)) / (a - b)
    size = (blocks * block_size) ** 2

    def reduced(difference: Expr) -> Expr:
        return sp.simplify(sp.powsimp(sp.expand_power_exp(sp.expand(difference))))

    return Derivation(
        ("formula",),
        (
            argument(
                "The end layers contribute 0; for 1 < l < L the factors are outside entries of M^(2(L-l)) and "
                "M^(2(l-1)) (derivation of `coupled`). Write a = lambda_1^2, b = lambda_2^2"
            ),
            identity(
                "One layer contributes",
                gram[0] * gram[1],
                (pure - a ** (depth - place) * b ** (place - 1) - b ** (depth - place) * a ** (place - 1)) / size,
                reduced,
            ),
            argument("Let S_L be the sum over 1 < l < L of a^(L-l) b^(l-1): S_2 = 0 and S_(L+1) = a S_L + a b^(L-1)"),
            identity("A closed form with the same start", mixed.subs(depth, 2), sp.Integer(0)),
            identity("and the same step is", mixed.subs(depth, depth + 1) - a * mixed, a * b ** (depth - 1), reduced),
            argument("S_L is symmetric in a and b, by counting the layers from the other end"),
            identity(
                "Summing over the L - 2 middle layers gives",
                claimed.subs(squares),
                ((depth - 2) * pure - 2 * mixed) / size,
                reduced,
            ),
        ),
    )


def block_kernel_at(n: int, s: int, number_of_layers: int, claimed: Expr) -> Derivation:
    """The same kernel from the matrices themselves, at one size."""
    index = [block for block in range(n) for _ in range(s)]
    inner, outer = entries((lambda_1, lambda_2))
    fixed = {blocks: n, block_size: s, depth: number_of_layers}
    layer = Matrix(n * s, n * s, lambda p, q: (inner if index[p] == index[q] else outer).subs(fixed))
    found = kernel([layer] * number_of_layers, (0, 0), (s, s))
    label = f"n = {n}, s = {s}, L = {number_of_layers}"
    step = identity(f"{label}: kernel of the matrices", found, claimed.subs(fixed), sp.cancel)
    return Derivation(("formula",), (step,), sizes=(label,))


def coupled_derivation(least_depth: int) -> Derivation:
    """L >= `least_depth`: the kernel is positive on the block family, hence not zero for almost all layers."""
    more = sp.Symbol("nu", integer=True, nonnegative=True)
    place = sp.Symbol("l", integer=True, positive=True)
    ones = _width ** (2 * (depth - place) - 1) * _width ** (2 * (place - 1) - 1)
    return Derivation(
        ("coupled", "random"),
        (
            *kernel_derivation().steps,
            positive(
                f"The number of summands, for L = {least_depth} + nu, is positive",
                (depth - 2).subs(depth, least_depth + more),
            ),
            identity(
                "Layers of any shape with hidden widths k and all entries 1: a layer 1 < l < L contributes "
                "k^(2(L-l)-1) times k^(2(l-1)-1)",
                ones,
                _width ** (2 * depth - 4),
                sp.powsimp,
            ),
            argument(
                "So the kernel of two entries is a polynomial in the layers that is not zero, and it vanishes on a set "
                "of measure zero only: with probability 1 it is not zero for layers with a density"
            ),
        ),
    )


#: Weight of an off-diagonal part of W_1 in the statement on diagonal starts.
no_full_part: Expr = sp.Integer(0)


def diagonal_derivation(full: Expr) -> Derivation:
    """Diagonal layers stay diagonal and no two diagonal entries interact; W_1 has an off-diagonal part times `full`."""
    one, other = sp.IndexedBase("D"), sp.IndexedBase("G")
    product_entry = deltasummation(
        one[_i] * sp.KroneckerDelta(_i, _a) * other[_p] * sp.KroneckerDelta(_a, _p),
        (_a, 0, _rows - 1),
        no_piecewise=True,
    )
    off_diagonal = sp.Symbol("X_ip", real=True)
    return Derivation(
        ("diagonal",),
        (
            identity(
                "The product of two diagonal matrices is diagonal: its entries are zero for i != p",
                product_entry,
                one[_i] * other[_p] * sp.KroneckerDelta(_i, _p),
                sp.simplify,
            ),
            identity(
                "The layers start so: the off-diagonal part of W_1 is",
                sp.Mul(full, off_diagonal, evaluate=False),
                sp.Integer(0),
            ),
            argument(
                "So are the residual (observed on the diagonal) and the layer gradient B^T R A^T: the flow starts "
                "inside the diagonal matrices and stays there (Picard-Lindeloef)"
            ),
            argument("(B_l B_l^T)_ip = 0 for i != p, in every summand and at every t: the kernel vanishes identically"),
        ),
    )


def diagonal_at(size: int, number_of_layers: int, full: Expr) -> Derivation:
    """The off-diagonal gradient entries and the kernels across, at one size, for symbolic diagonal layers."""
    layers = [
        sp.diag(*(sp.Symbol(f"d{k + 1}_{i + 1}", real=True) for i in range(size))) for k in range(number_of_layers)
    ]
    layers[0] += Matrix(size, size, lambda i, j: 0 if i == j else full * sp.Symbol(f"x_{i + 1}{j + 1}", real=True))
    targets = sp.diag(*(sp.Symbol(f"t_{i + 1}", real=True) for i in range(size)))
    gradients = [gradient(sp.eye(size), targets, layers, index) for index in range(number_of_layers)]
    off = [(i, j) for i, j in _places(size, size) if i != j]
    leaving = sum((sp.expand(one[place]) ** 2 for one in gradients for place in off), sp.Integer(0))
    crossing = sum((sp.expand(kernel(layers, (i, i), (p, p))) ** 2 for i, p in off), sp.Integer(0))
    label = f"d = {size}, L = {number_of_layers}"
    return Derivation(
        ("diagonal",),
        (
            identity(
                f"{label}: squared off-diagonal entries of all layer gradients", leaving, sp.Integer(0), lambda e: e
            ),
            identity(
                f"{label}: squared kernels between different diagonal entries", crossing, sp.Integer(0), lambda e: e
            ),
        ),
        sizes=(label,),
    )
