"""`rankproof new`: a commented template for statements of the user's own."""

import os
import shlex
from importlib.resources import files
from pathlib import Path

import click

from numerics.errors import ArgumentError
from verification.files import whole_file

_TEMPLATE = "statement_template.py.txt"


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def new(file: Path) -> None:
    """Write a commented template for statements of your own to FILE; 'rankproof check FILE' runs it as it is.

    A file that exists is never overwritten.
    """
    if file.suffix != ".py":
        raise ArgumentError("FILE", file, "the name of a Python file, which ends in .py")
    if os.path.lexists(file):
        raise ArgumentError("FILE", file, "a new file; it exists already and is left as it is")
    with whole_file("FILE", file) as temporary:
        temporary.write_text(files("verification").joinpath(_TEMPLATE).read_text(encoding="utf-8"), encoding="utf-8")
    click.echo(f"{file}: check it with: rankproof check {shlex.quote(str(file))}")
