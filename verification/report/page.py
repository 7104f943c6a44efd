"""The page as a whole: one self-contained HTML file that needs no network and no script."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from numerics.curves import limit_curves, scale_grid
from verification.figures import curves_figure, inline_svg
from verification.files import whole_file
from verification.papers import PAPERS
from verification.report.graph import HEIGHT, WIDTH, layout
from verification.report.index import by_paper, by_verdict, claims, cost_by_kind, costs
from verification.report.residuals import BOTTOM, LEFT, MOST_POINTS, RIGHT, SHAPES, TOP, ZERO
from verification.report.section import section
from verification.report.words import plain, prose
from verification.verdict import Verdict
from verification.verify import StatementResult

#: A mark for each verdict beside its colour; any other verdict would have none.
MARKS = {
    Verdict.PROVED: "■",
    Verdict.PROVED_FOR_SIZES: "▤",
    Verdict.CERTIFIED: "◆",
    Verdict.CONSISTENT: "○",
    Verdict.UNDECIDED: "?",
    Verdict.VACUOUS: "∅",
    Verdict.ERROR: "!",
    Verdict.REFUTED: "✕",
    Verdict.UNSOUND: "‼",
}
_FIGURES = (
    ("Figure-2", "Diagonal observations (s = 1), the setting of Figure 2 of Shin & Yun 2026", 1),
    ("Figure-5", "Block-diagonal observations (s = 2), the setting of Figure 5 of Shin & Yun 2026", 2),
)
#: The limit curves are drawn when one of these was run.
_OF_THE_FAMILY = "block-"


def write_report(path: Path, run: Mapping[str, Any], results: Sequence[StatementResult]) -> None:
    """Write the report; it appears whole or not at all. Raises ArgumentError when it cannot be written.

    `run` is what the command line says about the run; its "file" names the file that the statements come from, and is
    None for those of the catalogue.
    """
    file = run["file"]
    page = (
        _environment()
        .get_template("page.html.j2")
        .render(
            run=run,
            verdicts=list(Verdict),
            marks=MARKS,
            papers=by_paper(results),
            by_verdict=by_verdict(results),
            claims=claims(results, catalogue=file is None),
            reproduce=shlex.join(["rankproof", "verify"] if file is None else ["rankproof", "check", file]),
            keys={paper.key for paper in PAPERS},
            run_ids={one.statement.id for one in results},
            graph=_graph(results),
            node_width=WIDTH,
            node_height=HEIGHT,
            costs=costs(results),
            kinds=cost_by_kind(results),
            frame={"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM, "zero": ZERO, "most": MOST_POINTS},
            shapes=SHAPES,
            curves=_limit_curves() if any(_is_of_the_family(one) for one in results) else [],
            statements=[section(result) for result in results],
        )
    )
    with whole_file("report", path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("verification.report", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    environment.filters["plain"] = plain
    return environment


def _is_of_the_family(result: StatementResult) -> bool:
    return result.statement.source.key == "SY" and result.statement.id.startswith(_OF_THE_FAMILY)


def _graph(results: Sequence[StatementResult]) -> dict[str, Any]:
    """The layout, the verdict of every node (None where it was not run), and the statements that stand alone."""
    drawn = layout({one.statement.id: one.statement.depends for one in results})
    placed = {node.id for node in drawn.nodes} if drawn else set()
    return {
        "layout": drawn,
        "verdicts": {one.statement.id: one.verdict for one in results},
        "alone": [one for one in results if one.statement.id not in placed],
    }


def _limit_curves() -> list[dict[str, Any]]:
    pictures = []
    for name, title, block_size in _FIGURES:
        dataset = limit_curves(
            [2, 3, 4, 5],
            ("2", "10", "inf"),
            blocks=3,
            block_size=block_size,
            value="1",
            alphas=scale_grid("1e-4", "2", 160),
        )
        svg = inline_svg(curves_figure(dataset, "product-scale"), name)
        pictures.append({"name": name, "title": title, "svg": Markup(svg)})
    return pictures
