"""The command line: `rankproof list | show | verify | limit | curves`."""

from verification.cli.main import main

__all__ = ["main"]
