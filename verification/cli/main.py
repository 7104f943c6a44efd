"""Entry point: the command group, and how errors reach the user.

Every error that a user can cause is one line on stderr that names the argument, its value and what it may be; exit
code 2, no traceback, nothing half-written.
"""

import sys

import click

from numerics.errors import ArgumentError, PrecisionExhausted
from verification.cli.curves import curves
from verification.cli.limit import limit
from verification.cli.statements import list_statements, show
from verification.cli.verify import verify
from verification.errors import StatementError, UnknownStatement

BAD_USAGE = 2
INTERRUPTED = 130


@click.group(
    commands={"list": list_statements, "show": show, "verify": verify, "limit": limit, "curves": curves},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="rankproof")
def rankproof() -> None:
    """Verify theorems on the implicit bias of deep matrix factorization."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 well, 1 a statement failed, 2 bad usage."""
    try:
        code = rankproof.main(arguments, prog_name="rankproof", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = BAD_USAGE
    except click.ClickException as error:
        code = _complain(error.format_message())
    except ArgumentError as error:
        code = _complain(f"--{error.argument.replace('_', '-')}: {str(error).partition(': ')[2]}")
    except (PrecisionExhausted, UnknownStatement, StatementError) as error:
        code = _complain(str(error))
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    sys.exit(code)


def _complain(message: str) -> int:
    click.echo(f"rankproof: {' '.join(message.split())}", err=True)
    return BAD_USAGE
