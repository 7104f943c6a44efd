"""What is true, and why: SymPy expressions and derivations. No floats, no input or output."""
