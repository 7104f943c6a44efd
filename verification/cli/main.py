"""Entry point: the command group, and how errors reach the user.

Every error that a user can cause is one line on stderr that names the argument, its value and what it may be; exit
code 2, no traceback, nothing half-written.
"""

import importlib
import io
import os
import sys

import click

from numerics.errors import ArgumentError, PrecisionExhausted
from verification.errors import StatementError, UnknownStatement

BAD_USAGE = 2
INTERRUPTED = 130
_COMMANDS = {
    "list": ("statements", "list_statements", "List the statements of the catalogue."),
    "show": ("statements", "show", "Show a statement, its derivation, checks and mutants."),
    "verify": ("verify", "verify", "Verify statements of the catalogue."),
    "new": ("new", "new", "Write a template for statements of your own."),
    "check": ("verify", "check", "Check the statements of your own file."),
    "derive": ("derive", "derive", "Derive statements anew and compare with their stored forms."),
    "replay": ("replay", "replay", "Judge a stored counterexample again."),
    "limit": ("limit", "limit", "Certified singular values of the limit."),
    "trajectory": ("trajectory", "trajectory", "One gradient flow over what is predicted of it."),
    "curves": ("curves", "curves", "Singular values of the limit against the scale."),
    "coupling": ("coupling", "coupling", "Which observed entries of a problem interact."),
    "experiment": ("experiment", "experiments", "Run an experiment of the papers, or look at its store."),
}


class _Commands(click.Group):
    """Commands imported when they are called, so that `limit` does not wait for plotting and SciPy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[name]
        command: click.Command = getattr(importlib.import_module(f"verification.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rankproof")
def rankproof() -> None:
    """Verify theorems on the implicit bias of deep matrix factorization."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 well, 1 a statement failed, 2 bad usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        given = sys.argv[1:] if arguments is None else arguments
        code = rankproof.main(given, prog_name="rankproof", standalone_mode=False, obj=given)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = BAD_USAGE
    except click.ClickException as error:
        code = _complain(error.format_message())
    except ArgumentError as error:
        # Arguments are named in capitals, as in the usage line; options as they are written.
        named = error.argument if error.argument.isupper() else f"--{error.argument.replace('_', '-')}"
        code = _complain(f"{named}: {str(error).partition(': ')[2]}")
    except (PrecisionExhausted, UnknownStatement, StatementError) as error:
        code = _complain(str(error))
    except BrokenPipeError:
        # The reader (`head`, say) has what it wanted; keep the interpreter from flushing into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    sys.exit(code or 0)


def _complain(message: str) -> int:
    click.echo(f"rankproof: {' '.join(message.split())}", err=True)
    return BAD_USAGE
