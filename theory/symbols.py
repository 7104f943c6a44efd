"""The symbols of the papers, each with its assumptions, declared once.

Every expression of `theory` is built from these objects; SymPy identifies symbols by name *and* assumptions, so a
second declaration elsewhere would silently be a different symbol.
"""

from sympy import Symbol

# Sizes and the family of initialisations (Shin & Yun 2026, Section 3).
depth = Symbol("L", integer=True, positive=True)
blocks = Symbol("n", integer=True, positive=True)
block_size = Symbol("s", integer=True, positive=True)
value = Symbol("w*", positive=True)
alpha = Symbol("alpha", positive=True)
m = Symbol("m", positive=True)
product_scale = Symbol("p", positive=True)

# State of the flow: layer eigenvalues, end-to-end singular values, the observed entry, the two clocks.
lambda_1 = Symbol("lambda_1", positive=True)
lambda_2 = Symbol("lambda_2", positive=True)
sigma_1 = Symbol("sigma_1", positive=True)
sigma_2 = Symbol("sigma_2", nonnegative=True)
observed = Symbol("w", positive=True)
time = Symbol("t", real=True)
tau = Symbol("tau", real=True)

# The limit equation in the invariant's own coordinate.
z = Symbol("z", positive=True)
gap = Symbol("D", nonnegative=True)
exponent = Symbol("q", positive=True)
total = Symbol("c", positive=True)

# Entries of a block-constant matrix, inside and outside the diagonal blocks.
inside = Symbol("a", real=True)
outside = Symbol("b", real=True)
