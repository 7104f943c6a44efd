"""`rankproof curves`: singular values of the limit against the initialisation scale."""

from pathlib import Path

import click

from numerics.curves import limit_curves, scale_grid
from numerics.errors import ArgumentError
from numerics.exact import integer
from verification.cli.limit import MOST_DIGITS
from verification.export import FORMATS, save_curves
from verification.files import require_writable


@click.command()
@click.option("--depth", "depths", multiple=True, required=True, metavar="L", help="Repeatable.")
@click.option("--m", "ms", multiple=True, required=True, metavar="M", help='Repeatable; at least 1, or "inf".')
@click.option("--blocks", required=True, metavar="n", help="Number of diagonal blocks.")
@click.option("--block-size", default="1", show_default=True, metavar="s", help="Size of each block.")
@click.option("--value", default="1", show_default=True, metavar="w*", help="Observed value, an exact decimal.")
@click.option("--alpha-from", required=True, metavar="A", help="Smallest layer scale alpha.")
@click.option("--alpha-to", required=True, metavar="B", help="Largest layer scale alpha.")
@click.option("--points", default="200", show_default=True, metavar="N", help="Points per curve.")
@click.option(
    "--against",
    type=click.Choice(["alpha", "product-scale"]),
    default="alpha",
    show_default=True,
    help="Quantity on the horizontal axis: the layer scale, or alpha^L.",
)
@click.option("--digits", default=None, metavar="D", help="Certify every point to D digits (default: float64).")
@click.option("--out", required=True, metavar="FILE", help=f"Output file: {', '.join(FORMATS)}.")
def curves(
    depths: tuple[str, ...],
    ms: tuple[str, ...],
    blocks: str,
    block_size: str,
    value: str,
    alpha_from: str,
    alpha_to: str,
    points: str,
    against: str,
    digits: str | None,
    out: str,
) -> None:
    """Draw or export singular values of the limit against alpha (Figures 2 and 5 of the paper)."""
    path = Path(out)
    if path.suffix.lower() not in FORMATS:
        raise ArgumentError("out", out, f"a file name that ends in {', '.join(FORMATS)}")
    alphas = scale_grid(alpha_from, alpha_to, points)
    proven = None if digits is None else integer("digits", digits, minimum=1)
    if proven is not None and proven > MOST_DIGITS:
        raise ArgumentError("digits", proven, f"at most {MOST_DIGITS}")
    require_writable("out", path)
    dataset = limit_curves(
        depths,  # type: ignore[arg-type]
        ms,
        blocks=blocks,  # type: ignore[arg-type]
        block_size=block_size,  # type: ignore[arg-type]
        value=value,
        alphas=alphas,
        digits=proven,
    )
    save_curves(dataset, path, against)
    click.echo(f"wrote {path}")
