"""`rankproof limit`: the certified limit spectrum at one point of the family."""

import json

import click

from numerics.balls import bits_for, decimal, is_narrow, precision
from numerics.block_diagonal import BlockFamily
from numerics.block_limit import limit as limit_spectrum
from numerics.block_limit import ranks
from numerics.errors import ArgumentError, PrecisionExhausted
from numerics.exact import integer

#: At 100,000 digits a point takes about 1 s on one core.
MOST_DIGITS = 100_000


@click.command()
@click.option("--depth", required=True, metavar="L", help="Number of layers, at least 2.")
@click.option("--blocks", required=True, metavar="n", help="Number of diagonal blocks.")
@click.option("--block-size", default="1", show_default=True, metavar="s", help="Size of each block.")
@click.option("--value", default="1", show_default=True, metavar="w*", help="Observed value, an exact decimal.")
@click.option("--alpha", required=True, metavar="A", help="Layer entries inside the blocks, an exact decimal.")
@click.option("--m", required=True, metavar="M", help='Entries outside are alpha/m; at least 1, or "inf".')
@click.option("--digits", default="20", show_default=True, metavar="D", help="Significant digits to prove.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def limit(depth: str, blocks: str, block_size: str, value: str, alpha: str, m: str, digits: str, as_json: bool) -> None:
    """Singular values of the limit, each with a proven radius.

    Numbers are read as exact decimals (or fractions such as 2/3), never through a float.
    """
    family = BlockFamily(depth, blocks, block_size, value, alpha, m)  # type: ignore[arg-type]
    asked = integer("digits", digits, minimum=1)
    if asked > MOST_DIGITS:
        raise ArgumentError("digits", asked, f"at most {MOST_DIGITS}")
    result = summary(family, asked)
    if as_json:
        click.echo(json.dumps(result))
        return
    click.echo(str(family))
    for mode in result["singular_values"]:
        times = f"  x {mode['multiplicity']}" if mode["multiplicity"] > 1 else ""
        click.echo(f"  sigma = {mode['value']}  +/- {mode['radius']}{times}")
    click.echo(f"  stable rank    = {result['stable_rank']}")
    click.echo(f"  effective rank = {result['effective_rank']}")


def summary(family: BlockFamily, digits: int) -> dict:
    """The JSON object of `limit`: all numbers proven to `digits` digits. Raises PrecisionExhausted."""
    working = digits + 5
    for _ in range(6):
        spectrum = limit_spectrum(family, working)
        with precision(bits_for(working)):
            stable, effective = ranks(spectrum)
            if is_narrow(stable, digits) and is_narrow(effective, digits):
                modes = [(decimal(value, digits), multiplicity) for value, multiplicity in spectrum.modes]
                return {
                    "singular_values": [
                        {"value": value, "radius": radius, "multiplicity": multiplicity}
                        for (value, radius), multiplicity in modes
                    ],
                    "stable_rank": decimal(stable, digits)[0],
                    "effective_rank": decimal(effective, digits)[0],
                }
        working *= 2
    raise PrecisionExhausted(f"the ranks at {family}", bits_for(working), "--digits")
