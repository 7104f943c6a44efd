"""Words and formulas of the report as HTML: prose with mathematics in it, MathML, points."""

import re
from collections.abc import Mapping

import sympy as sp
from markupsafe import Markup, escape
from sympy.printing.mathml import mathml

_LARGEST_FORMULA = 400  # nodes; a longer formula (Cardano's, say) is shown as text in a scrolling line
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
    raised = r"\^\(((?:[^()]|\([^()]*\))*)\)|\^(-?[A-Za-z0-9∞α-ω]+)"
    return Markup(re.sub(raised, lambda found: f"<sup>{found[1] or found[2]}</sup>", written))


def plain(text: object) -> str:
    """The same words without markup, for labels inside a picture."""
    return Markup(re.sub(r"</?su[bp]>", "", str(prose(text)))).unescape()


def formula(expression: sp.Basic) -> Markup:
    """The expression as presentation MathML; very long ones as text in a scrolling line."""
    unsafe = any(set("<>&") & set(str(symbol)) for symbol in expression.free_symbols)
    if unsafe or sum(1 for _ in sp.preorder_traversal(expression)) > _LARGEST_FORMULA:
        return Markup('<code class="formula">{}</code>').format(str(expression))
    text = mathml(expression, printer="presentation").replace("<mo>-</mo>", "<mo>−</mo>")
    text = re.sub(r"<mi>\{([^{}]*)\}</mi>", r"<mi>\1</mi>", text)
    return Markup('<math display="block" xmlns="http://www.w3.org/1998/Math/MathML">' + text + "</math>")


def point_words(point: Mapping[str, str]) -> str:
    """A point as one phrase."""
    return ", ".join(f"{name} = {value}" for name, value in point.items())
