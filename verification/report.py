"""The HTML report: one self-contained page that needs no network and no script."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sympy as sp
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from sympy.printing.mathml import mathml

from numerics.curves import limit_curves, scale_grid
from theory.derivation import Derivation
from verification.checks import Symbolic
from verification.evidence import Evidence
from verification.figures import curves_figure, inline_svg, residual_figure, series_figure
from verification.files import whole_file
from verification.verdict import Verdict
from verification.verify import StatementResult

_FIGURES = (
    ("figure-2", "Diagonal observations (s = 1), the setting of Figure 2 of Shin & Yun 2026", 1, ("2", "10", "inf")),
    (
        "figure-5",
        "Block-diagonal observations (s = 2), the setting of Figure 5 of Shin & Yun 2026",
        2,
        ("2", "10", "inf"),
    ),
)
_LARGEST_FORMULA = 400  # nodes; a longer formula (Cardano's, say) is shown as text in a scrolling line


def write_report(path: Path, run: dict[str, Any], results: Sequence[StatementResult]) -> None:
    """Write the report; it appears whole or not at all. Raises ArgumentError when it cannot be written."""
    environment = Environment(
        loader=PackageLoader("verification", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    page = environment.get_template("report.html.j2").render(
        run=run,
        verdicts=list(Verdict),
        pictures=[_limit_curves(*figure) for figure in _FIGURES],
        statements=[_section(result) for result in results],
    )
    with whole_file("report", path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _limit_curves(name: str, title: str, block_size: int, ms: tuple[str, ...]) -> dict[str, Any]:
    dataset = limit_curves(
        [2, 3, 4, 5], ms, blocks=3, block_size=block_size, value="1", alphas=scale_grid("1e-4", "2", 160)
    )
    figure = curves_figure(dataset, "product-scale")
    return {"name": name, "title": title, "svg": Markup(inline_svg(figure, name))}


def _section(result: StatementResult) -> dict[str, Any]:
    statement = result.statement
    definitions = statement.definitions or {}
    pictures = [
        Markup(inline_svg(series_figure(series), f"{statement.id}-{number}"))
        for number, series in enumerate(series for one in result.evidence for series in one.series)
    ]
    residuals = residual_figure(result.evidence)
    if residuals is not None:
        pictures.append(Markup(inline_svg(residuals, f"{statement.id}-residuals")))
    return {
        "result": result,
        "statement": statement,
        "provenance": _PROVENANCE[str(statement.source.provenance)],
        "assumptions": [formula(assumption) for assumption in statement.assumptions],
        "clauses": [(clause, None if clause.claim is None else formula(clause.claim)) for clause in statement.clauses],
        "definitions": [formula(sp.Eq(symbol, meaning, evaluate=False)) for symbol, meaning in definitions.items()],
        "observables": [(str(symbol), meaning) for symbol, meaning in (statement.observables or {}).items()],
        "derivations": [_derivation(one) for one in _derivations(result)],
        "evidence": [_row(one) for one in result.evidence],
        "mutants": [(mutant, _witness(mutant.evidence)) for mutant in result.mutants],
        "pictures": pictures,
    }


_PROVENANCE = {
    "paper": "wording seen in the paper",
    "reconstructed": "the paper has the theorem; this form and its proof are ours",
    "new": "ours, not in the paper",
}


def _derivations(result: StatementResult) -> list[Derivation]:
    """The general derivations; those at listed sizes are in the evidence as the list of their sizes."""
    pairs = zip(result.statement.checks, result.evidence, strict=True)
    return [
        derivation
        for check, evidence in pairs
        if isinstance(check, Symbolic) and not evidence.sizes
        for derivation in check.derive()
    ]


def _derivation(derivation: Derivation) -> dict[str, Any]:
    return {
        "clauses": ", ".join(derivation.clauses),
        "steps": [(step, None if step.relation is None else formula(step.relation)) for step in derivation.steps],
    }


def _row(one: Evidence) -> dict[str, Any]:
    return {
        "evidence": one,
        "residual": "" if one.worst_residual is None else f"{one.worst_residual:.2g}",
        "where": "" if not one.worst_point else _point(one.worst_point),
    }


def _witness(evidence: Sequence[Evidence]) -> tuple[str, str]:
    """(kind of the check that caught a mutant, its witness)."""
    caught = [one for one in evidence if one.verdict is Verdict.REFUTED]
    return (caught[0].kind, _point(caught[0].witness or {})) if caught else ("", "")


def _point(point: dict[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in point.items())


_GREEK = {"alpha": "α", "lambda": "λ", "sigma": "σ", "tau": "τ", "theta": "θ", "rho": "ρ", "delta": "δ", "phi": "φ"}
_SIGNS = {"->": "→", "<=": "≤", ">=": "≥", "!=": "≠", "+/-": "±"}


def prose(text: object) -> Markup:
    """Words with mathematics in them, as HTML: Greek letters, signs, subscripts and superscripts."""
    written = str(text)
    for plain, sign in _SIGNS.items():
        written = written.replace(plain, sign)
    written = str(escape(written))
    written = re.sub(r"\boo\b", "∞", written)
    written = re.sub(rf"\b({'|'.join(_GREEK)})(?![a-z])", lambda found: _GREEK[found[1]], written)
    written = re.sub(r"_\{([^}]*)\}|_([A-Za-z0-9∞]+)", lambda found: f"<sub>{found[1] or found[2]}</sub>", written)
    raised = r"\^\(((?:[^()]|\([^()]*\))*)\)|\^([A-Za-z0-9∞]+)"
    return Markup(re.sub(raised, lambda found: f"<sup>{found[1] or found[2]}</sup>", written))


def formula(expression: sp.Basic) -> Markup:
    """The expression as presentation MathML; very long ones as text in a scrolling line."""
    unsafe = any(set("<>&") & set(str(symbol)) for symbol in expression.free_symbols)
    if unsafe or sum(1 for _ in sp.preorder_traversal(expression)) > _LARGEST_FORMULA:
        return Markup('<code class="formula">{}</code>').format(str(expression))
    text = mathml(expression, printer="presentation").replace("<mo>-</mo>", "<mo>−</mo>")
    return Markup('<math display="block" xmlns="http://www.w3.org/1998/Math/MathML">' + text + "</math>")
