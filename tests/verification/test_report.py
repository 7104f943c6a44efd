"""The report: catches broken HTML, a link to nowhere, anything fetched from a network, text unescaped or lost."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import invented_results
import pytest
import sympy as sp
from markupsafe import Markup
from toy_statements import seen, toy, x

from numerics import StopReason
from numerics.balls import ball
from theory.derivation import Derivation, argument, identity
from verification import (
    QUICK,
    Falsification,
    Mutant,
    Observation,
    Provenance,
    Series,
    Source,
    Statement,
    Symbolic,
    Trajectory,
    Verdict,
    catalogue,
)
from verification.budget import PROFILES
from verification.cli import main
from verification.report import formula, prose

SMALL = replace(QUICK, examples=8, flow_examples=2, points=3, trajectories=1, digits=20, boxes=10)
VOID = {"meta", "br", "hr", "img", "input", "link", "source", "base", "embed"}
LOADS = {"src", "srcset", "data", "poster", "action", "formaction", "background", "manifest", "cite", "ping"}


class Page(HTMLParser):
    """Elements, identifiers, references and text of a page; `wrong` lists tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.identifiers: Counter[str] = Counter()
        self.sections: dict[str, str] = {}
        self.styles = ""
        self.text = ""
        self.wrong: list[str] = []
        self._open: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()
        self.wrong += [f"<{tag}> is never closed" for tag, _ in self._open]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if "id" in attributes:
            self.identifiers[attributes["id"]] += 1
        if tag not in VOID:
            self._open.append((tag, attributes.get("id") if tag == "section" else None))

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()} closes {self._open[-1:]}")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if any(tag == "style" for tag, _ in self._open):
            self.styles += data
            return
        self.text += data
        for _, section in self._open:
            if section is not None:
                self.sections[section] = self.sections.get(section, "") + data

    def attributes(self, *names: str) -> list[str]:
        return [value for _, attributes in self.elements for name, value in attributes.items() if name in names]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def assert_self_contained(page: Page) -> None:
    """Well nested, nothing loaded, every internal reference resolved."""
    assert page.wrong == []
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "img", "image", "object", "embed", "base", "video", "audio"}
    assert page.attributes(*LOADS) == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    links = page.attributes("href", "xlink:href")
    assert links
    assert all(link.startswith("#") for link in links)
    used = page.styles + " ".join(value for _, attributes in page.elements for value in attributes.values())
    assert "@import" not in used
    painted = re.findall(r"url\(([^)]*)\)", used)
    assert all(target.startswith("#") for target in painted)
    missing = {target[1:] for target in links + painted} - set(page.identifiers)
    assert not missing
    # A clip path or a link must not find another picture's or statement's identifier first.
    assert [name for name, times in page.identifiers.items() if times > 1] == []
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all("scope" in attributes for tag, attributes in page.elements if tag == "th")
    pictures = [attributes for tag, attributes in page.elements if tag == "svg" and "role" in attributes]
    assert all(attributes["aria-label"] for attributes in pictures)


def written(directory: Path, *arguments: str) -> tuple[Page, int]:
    with pytest.raises(SystemExit) as stop:
        main(["verify", *arguments, "--jobs", "1", "--report", str(directory)])
    (path,) = directory.iterdir()
    assert path.name == "index.html"
    return Page(path.read_text(encoding="utf-8")), int(stop.value.code or 0)


@pytest.fixture(autouse=True)
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, "quick", SMALL)


def test_the_report_of_the_whole_catalogue(tmp_path: Path) -> None:
    """One page for all assertions: it takes seconds to draw."""
    page = Page(invented_results.written(tmp_path / "index.html", invented_results.of_the_catalogue()))
    assert_self_contained(page)
    assert (tmp_path / "index.html").stat().st_size < 6_000_000
    assert (page.count("html"), page.count("body"), page.count("title")) == (1, 1, 1)

    assert tuple(page.sections) == catalogue.ids()
    targets = page.attributes("href")
    for statement_id in catalogue.ids():
        statement, section = catalogue.statement(statement_id), page.sections[statement_id]
        assert f"#{statement_id}" in targets
        assert statement_id in section
        assert re.search(rf"{statement_id}\s*source", section), "the verdict stands before the id, the source after it"
        assert any(str(verdict) in section.split(statement_id)[0] for verdict in Verdict)
        assert statement.source.text in section
        assert str(statement.source.provenance) in section
        assert f"rankproof verify {statement_id}" in section
        for clause in statement.clauses:
            assert f"{clause.name}." in section
        for check in statement.checks:
            assert check.kind in section
        for mutant in statement.mutants:
            assert mutant.id in section

    assert page.count("math") > len(catalogue.ids())
    assert page.count("svg") >= 5
    assert {f"Paper-{key}" for key in ("SY", "ACHL", "BZZ", "M")} <= set(page.identifiers)
    assert {"Index", "Verdicts", "Claims", "Claims-LLL", "Graph", "Cost", "Curves"} <= set(page.identifiers)
    assert {"Figure-2", "Figure-5"} <= {attributes.get("id") for tag, attributes in page.elements if tag == "figure"}


NASTY = "<script>alert(1)</script> & \"both\" 'quotes' <b>bold</b>"


def nasty() -> Statement:
    """Refuted, with a picture, and with markup in every text it has."""

    def half(point: Any, _digits: int) -> dict:
        return {seen: point[x] / 2}

    def flow(point: Any) -> Observation:
        curve = {NASTY: ((0.0, 1.0), (1.0, 2.0))}
        picture = Series(NASTY.replace("$", ""), "time t", NASTY, measured=curve, predicted=curve)
        return Observation([{seen: ball(point[x] / 2)}], StopReason.CONVERGED, picture)

    parameters = toy(sp.Eq(seen, x), Falsification(("claim",), half, ""), observed=True).parameters
    steps = (identity(f"step {NASTY}", x + x, 2 * x), argument(f"theorem {NASTY}"))
    return toy(
        {"claim": sp.Eq(seen, x), "other": None},
        Falsification(("claim",), half, f"method {NASTY}"),
        Trajectory(("claim",), flow, f"flow {NASTY}", parameters),
        Symbolic(("other",), lambda: [Derivation(("other",), steps)]),
        observed=True,
        title=f"title {NASTY}",
        source=Source("toy", f"label {NASTY}", Provenance.NEW, f"reference {NASTY}"),
        granted=(f"granted {NASTY}",),
        assumptions=(sp.Lt(x, 10),),
        mutants=(
            Mutant(
                "nasty",
                f"mutant {NASTY}",
                lambda: toy(sp.Gt(x, 2), Falsification(("claim",), half, "")),
            ),
        ),
    )


@pytest.fixture
def in_catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Statement]:
    statement = nasty()
    monkeypatch.setattr(catalogue, "statement", lambda statement_id: statement)
    monkeypatch.setattr(catalogue, "ids", lambda: (statement.id,))
    return statement


def test_a_refuted_statement_gets_its_report_too_and_all_text_is_escaped(
    in_catalogue: Statement, tmp_path: Path
) -> None:
    page, code = written(tmp_path / "report")
    assert code == 1
    assert_self_contained(page)
    assert not {"script", "b"} & {tag for tag, _ in page.elements}
    section = page.sections["toy"]
    for where in ("title", "reference", "label", "granted", "step", "theorem", "mutant"):
        assert f"{where} {NASTY}" in section, where
    assert str(Verdict.REFUTED) in section
    assert "Failed: toy." in page.text
    assert "Nothing failed" not in page.text
    assert re.search(r"counterexample with relative residual 0\.5", section)
    assert "x = 1" in section
    classes = Counter(page.attributes("class"))
    assert classes["verdict REFUTED"] >= 2


def test_a_run_that_fails_leaves_no_report(
    in_catalogue: Statement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verification.report.page.section", lambda result: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["verify", "--jobs", "1", "--report", str(tmp_path / "report")])
    assert list((tmp_path / "report").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alpha -> 0", "α → 0"),
        ("L >= 3 and m <= oo", "L ≥ 3 and m ≤ ∞"),
        ("sigma_1", "σ<sub>1</sub>"),
        ("rho_{L+1}", "ρ<sub>L+1</sub>"),
        ("z^(-q)", "z<sup>-q</sup>"),
        ("alpha^L", "α<sup>L</sup>"),
        ("lambda_2^(2-L)", "λ<sub>2</sub><sup>2-L</sup>"),
        ("e^(2 (a+b) t)", "e<sup>2 (a+b) t</sup>"),
        ("an alphabet, a foo, a rhombus", "an alphabet, a foo, a rhombus"),
        ("e^-tau_i", "e<sup>-τ</sup><sub>i</sub>"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("a <b>", "a &lt;b&gt;"),
    ],
)
def test_prose_reads_as_mathematics_and_stays_escaped(text: str, expected: str) -> None:
    assert prose(text) == Markup(expected)


def test_formulas_parse_and_very_long_ones_are_text() -> None:
    other = sp.Symbol("rho_{L+1}", positive=True)
    for expression in (sp.Eq(x**2, other), sp.And(sp.Gt(x, 1), sp.Lt(other, 2)), sp.sqrt(x / 3)):
        found = Page(str(formula(expression)))
        assert found.wrong == []
        assert found.elements[0][0] == "math"
        assert {"mo", "mi"} & {tag for tag, _ in found.elements}
    long = Page(str(formula(sp.Add(*(other**k * x for k in range(200))))))
    assert [tag for tag, _ in long.elements] == ["code"]
    assert "rho_{L+1}**2*x" in long.text
