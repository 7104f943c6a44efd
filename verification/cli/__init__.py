"""The command line: `rankproof COMMAND`; each command has a file here."""

from verification.cli.main import main

__all__ = ["main"]
