"""What is true, and why: SymPy expressions and derivations. No floats, no input or output.

One file per subject: `symbols`, `derivation`, `factorization`, `block_diagonal`, `block_limit`, `block_bias`,
`block_closed_forms`, `block_trajectory`. Each exports expressions and functions that return a `Derivation`.
"""

from theory.derivation import Derivation, Kind, Step

__all__ = ["Derivation", "Kind", "Step"]
