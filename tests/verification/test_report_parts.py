"""Parts of the report: catches lost or misplaced points, crossing layers, wrong groups and costs, weak contrast."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
import sympy as sp
from invented_results import BOX, STRIP, invented, summary, written
from test_report import Page, assert_self_contained
from toy_statements import nothing, toy, x

from verification import Evidence, Falsification, Provenance, Source, Statement, Verdict, catalogue
from verification.evidence import Sample
from verification.papers import Standing
from verification.report import write_report
from verification.report.graph import HEIGHT, WIDTH, Node, layers, layout, reduced
from verification.report.index import OWN, by_paper, by_verdict, claims, cost_by_kind, costs
from verification.report.residuals import MOST_POINTS, Judged, Residuals, number, residuals, thinned
from verification.report.section import MOST_BOXES, chosen
from verification.report.words import formula, plain


def judged(*points: tuple[str, float], kind: str = "evaluation", truth: str = "agrees") -> Evidence:
    samples = tuple(Sample((value,), truth, residual) for value, residual in points)
    return Evidence(kind, ("claim",), Verdict.CONSISTENT, "fine", axes=("alpha",), samples=samples)


def drawn(*evidence: Evidence) -> Residuals:
    found = residuals(evidence)
    assert found is not None
    return found


def places(path: str) -> list[tuple[float, float]]:
    return [(float(across), float(up)) for across, up in re.findall(r"M([\d.]+) ([\d.]+)", path)]


def test_a_point_is_drawn_higher_for_a_larger_residual_and_further_right_for_a_larger_value() -> None:
    (panel,) = drawn(judged(("1", 1e-9), ("2", 1e-6), ("3", 1e-3))).panels
    ((_, path),) = panel.paths
    across, up = zip(*places(path), strict=True)
    assert list(across) == sorted(across)
    assert list(up) == sorted(up, reverse=True)
    assert up[0] - up[1] == pytest.approx(up[1] - up[2], abs=0.2)  # logarithmic in the residual
    assert across[1] - across[0] == pytest.approx(across[2] - across[1], abs=0.2)  # linear in a short range
    assert not panel.logarithmic


def test_a_long_range_of_values_is_logarithmic_and_infinity_stands_beyond_its_end() -> None:
    (panel,) = drawn(judged(("1e-400", 1e-3), ("1e-200", 1e-3), ("1", 1e-3), ("inf", 1e-3))).panels
    assert panel.logarithmic
    ((_, path),) = panel.paths
    across = [one for one, _ in places(path)]
    assert across[1] - across[0] == pytest.approx(across[2] - across[1], abs=0.2)
    assert across[3] > across[2] + 10
    assert panel.x_ticks[-1] == (pytest.approx(across[3]), "∞")


def test_zero_residuals_have_a_row_of_their_own_and_infinite_ones_the_top() -> None:
    found = drawn(judged(("1", 0.0), ("2", 5e-324), ("3", 1.0), ("4", math.inf)))
    (panel,) = found.panels
    ((_, path),) = panel.paths
    up = [height for _, height in places(path)]
    assert up == sorted(up, reverse=True)
    assert len(set(up)) == 4
    labels = {label: height for height, label in panel.y_ticks}
    assert labels["0"] == up[0]
    assert labels["∞"] == up[3]
    assert found.zeros


def test_every_kind_has_its_own_shape_and_a_refuting_point_its_ring() -> None:
    found = drawn(judged(("1", 1e-9), ("2", 1e-8)), judged(("3", 0.5), kind="falsification", truth="false"))
    assert found.kinds == ("evaluation", "falsification")
    (panel,) = found.panels
    shapes = {path.split("M")[1].partition(" ")[2].lstrip("0123456789.") for _, path in panel.paths}
    assert len(shapes) == 2
    assert places(panel.rings) == places(dict(panel.paths)[1])
    assert found.rings


def test_undecided_points_are_counted_and_not_drawn() -> None:
    found = drawn(judged(("1", 1e-9), ("2", 1e-8)), judged(("3", 0.5), truth="unknown"))
    assert found.undecided == 1
    assert found.panels[0].points == 2


def test_there_is_no_panel_for_what_does_not_vary_for_a_name_or_for_the_seed() -> None:
    samples = tuple(Sample((str(k), "3", "red", str(k)), "agrees", 1e-3) for k in range(4))
    one = Evidence("evaluation", ("claim",), Verdict.CONSISTENT, "", axes=("m", "n", "colour", "seed"), samples=samples)
    assert [panel.parameter for panel in drawn(one).panels] == ["m"]
    assert residuals([]) is None
    assert residuals([judged(("1", 0.0), ("2", 0.0))]) is None
    assert residuals([judged(("1", 1.0), ("2", 1.0), truth="unknown")]) is None


def test_thinning_keeps_the_worst_points_and_spreads_the_rest() -> None:
    points = [Judged("evaluation", Fraction(k), "agrees", 1e-9 if k % 50 else 1e-2) for k in range(5000)]
    points[777] = replace(points[777], truth="false", residual=0.0)
    kept = thinned(points)
    assert len(kept) == len(set(map(id, kept))) == MOST_POINTS
    assert points[777] in kept
    assert sum(point.residual == 1e-2 for point in kept) >= 99
    rest = sorted(float(point.value) for point in kept if point.residual == 1e-9)
    assert max(after - before for before, after in pairwise(rest)) < 60
    assert thinned(points[:MOST_POINTS]) == points[:MOST_POINTS]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1/3", Fraction(1, 3)), ("0.05", Fraction(1, 20)), ("inf", math.inf), ("-inf", -math.inf), ("red", None)],
)
def test_values_are_read_from_their_exact_text(text: str, expected: Fraction | float | None) -> None:
    assert number(text) == expected


DIAMOND = {"top": ("left", "right", "root"), "left": ("root",), "right": ("root",), "alone": (), "orphan": ("absent",)}


def test_layers_put_a_statement_after_everything_that_it_builds_on() -> None:
    columns = layers(DIAMOND)
    level = {name: index for index, column in enumerate(columns) for name in column}
    assert set(level) == {"top", "left", "right", "root", "alone", "orphan", "absent"}
    for name, below in DIAMOND.items():
        assert all(level[one] < level[name] for one in below)


def test_a_circle_does_not_hang_the_picture() -> None:
    found = layout({"a": ("b",), "b": ("a",), "c": ("c",)})
    assert found is not None
    assert {node.id for node in found.nodes} == {"a", "b", "c"}


def overlaps(one: Node, other: Node) -> bool:
    return abs(one.x - other.x) < WIDTH and abs(one.y - other.y) < HEIGHT


def test_the_picture_shows_every_linked_statement_once_without_overlap_and_every_edge() -> None:
    depends = {name: catalogue.statement(name).depends for name in catalogue.ids()}
    found = layout(depends)
    assert found is not None
    names = [node.id for node in found.nodes]
    assert len(names) == len(set(names))
    assert set(names) == {name for name, below in depends.items() if below} | {
        one for below in depends.values() for one in below
    }
    assert len(found.edges) == sum(map(len, reduced(depends).values()))
    for index, one in enumerate(found.nodes):
        assert 0 <= one.x <= found.width - WIDTH
        assert 0 <= one.y <= found.height - HEIGHT
        assert not any(overlaps(one, other) for other in found.nodes[index + 1 :])


def test_dependencies_that_follow_from_others_are_not_drawn_and_no_other_is_lost() -> None:
    assert reduced(DIAMOND)["top"] == ("left", "right")
    assert reduced({"a": ("b", "c"), "b": ("c",), "c": ("c",)}) == {"a": ("b",), "b": ("c",), "c": ()}

    def below(depends: Mapping[str, Sequence[str]], name: str) -> set[str]:
        return {one for near in depends.get(name, ()) for one in (near, *below(depends, near))}

    depends = {name: catalogue.statement(name).depends for name in catalogue.ids()}
    for name in depends:
        assert below(reduced(depends), name) == below(depends, name)


def test_an_edge_past_a_layer_runs_clear_of_its_nodes() -> None:
    depends = {
        "a": ("base",),
        "b": ("base",),
        "far": ("a", "over"),
        "over": ("b",),
        "top": ("far", "c"),
        "c": ("base",),
    }
    found = layout(depends)
    assert found is not None
    passing = [path for path in found.edges if "H" in path]
    assert passing
    for path in passing:
        for across, height in re.findall(r"([\d.]+) ([\d.]+)H", path):
            column = [node for node in found.nodes if node.x == int(across)]
            assert column
            assert all(not node.y <= float(height) <= node.y + HEIGHT for node in column)


def test_there_is_no_graph_without_dependencies() -> None:
    assert layout({"a": (), "b": ()}) is None
    assert layout({}) is None


def own(**rest: object) -> Statement:
    source = Source("me", "Lemma 7", Provenance.NEW, "my notes")
    return toy(sp.Gt(x, sp.Rational(1, 2)), Falsification(("claim",), nothing, ""), source=source, **rest)


def test_statements_of_unknown_papers_are_grouped_as_the_users_own() -> None:
    results = [invented(own()), invented(catalogue.statement("connectivity"))]
    groups = by_paper(results)
    assert [group.anchor for group in groups] == ["Paper-BZZ", "Own"]
    assert groups[-1].heading == OWN
    assert [one.statement.id for one in groups[-1].results] == ["toy"]


def test_every_statement_stands_in_one_group_of_each_index() -> None:
    results = [invented(catalogue.statement(name)) for name in catalogue.ids()[:6]] + [invented(own())]
    for groups in (by_paper(results), by_verdict(results)):
        assert sorted(one.statement.id for group in groups for one in group.results) == sorted(
            one.statement.id for one in results
        )
        assert all(group.counts for group in groups)


def test_claims_are_of_the_papers_that_were_run_and_of_all_when_all_was() -> None:
    one = [invented(catalogue.statement("connectivity"))]
    assert [group.paper.key for group in claims(one)] == ["BZZ"]
    assert claims([invented(own())]) == []
    everything = [invented(catalogue.statement(name)) for name in catalogue.ids()]
    assert {"LLL", "WJ", "K"} <= {group.paper.key for group in claims(everything)}


def test_costs_add_up_and_the_dearest_statement_fills_the_bar() -> None:
    results = [invented(catalogue.statement(name)) for name in ("connectivity", "residual-margin")]
    rows = costs(results)
    assert [row.result.seconds for row in rows] == sorted((one.seconds for one in results), reverse=True)
    for row in rows:
        assert row.checks + row.mutants == pytest.approx(row.result.seconds)
    assert rows[0].checks_share + rows[0].mutants_share == pytest.approx(100)
    assert sum(a + b for _, a, b in cost_by_kind(results)) == pytest.approx(sum(one.seconds for one in results))
    free = tuple(replace(one, seconds=0.0) for one in results[0].evidence)
    assert [row.checks_share for row in costs([replace(results[0], evidence=free, mutants=())])] == [0.0]
    assert costs([]) == []


def test_boxes_with_something_refuted_or_open_are_drawn_before_others_and_in_order() -> None:
    quiet = replace(BOX, parts=BOX.parts[1:3])
    maps = [quiet] * 10 + [STRIP] + [quiet] * 3 + [BOX]
    shown = chosen(maps)
    assert len(shown) == MOST_BOXES
    assert shown == sorted(shown)
    assert {10, 14} <= set(shown)
    assert chosen([]) == []


def test_a_run_of_own_statements_has_no_claims_and_no_limit_curves(tmp_path: Path) -> None:
    text = written(tmp_path / "page.html", [invented(own(depends=("block-limit",)))], "my lemmas.py")
    page = Page(text)
    assert_self_contained(page)
    assert OWN in page.text
    assert not {"Claims", "Curves"} & set(page.identifiers)
    assert "block-limit" in page.sections["toy"]
    assert "not in this run" in page.text
    assert "rankproof check 'my lemmas.py' toy" in page.sections["toy"]


def test_a_statement_of_ones_own_verifies_no_claim_even_under_an_id_of_the_catalogue() -> None:
    results = [invented(catalogue.statement("connectivity"))]
    standings = {
        own: {
            row.standing for group in claims(results, catalogue=not own) for row in group.rows if row.claim.statements
        }
        for own in (True, False)
    }
    assert standings[True] == {Standing.NOT_RUN}
    assert standings[False] > {Standing.NOT_RUN}


def test_a_refuted_statement_shows_its_witness_its_rings_and_its_boxes(tmp_path: Path) -> None:
    statement = next(
        one
        for one in map(catalogue.statement, catalogue.ids())
        if any(check.kind == "certificate" for check in one.checks)
    )
    page = Page(written(tmp_path / "page.html", [invented(statement, Verdict.REFUTED)]))
    assert_self_contained(page)
    section = page.sections[statement.id]
    assert "Counterexample" in section
    assert "1 outside, 2 proven, 1 open, 1 refuted" in section
    assert "A ring marks a point that refutes." in section
    assert any(attributes.get("class") == "ring" for _, attributes in page.elements)


def test_an_empty_run_still_has_a_page(tmp_path: Path) -> None:
    write_report(tmp_path / "page.html", summary([]), [])
    page = Page((tmp_path / "page.html").read_text())
    assert page.wrong == []
    assert "rankproof report" in page.text


def test_labels_in_pictures_are_plain_text_and_braces_do_not_reach_formulas() -> None:
    assert plain("w*_{11} <= sigma_1") == "w*11 ≤ σ1"
    assert plain("a < b") == "a < b"
    assert "{" not in formula(sp.Symbol("rho_{L+1}"))


STYLE = (Path(__file__).parents[2] / "verification" / "report" / "templates" / "style.css.j2").read_text()


def palette(scheme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{([^}]*--ink[^}]*)\}", STYLE)
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return found | (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark)) if scheme == "dark" else {})


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_pictures_have_the_contrast_that_wcag_asks_for(scheme: str) -> None:
    colours = palette(scheme)
    for name in ("ink", "soft", "good", "fair", "open", "bad", "link", "figure-ink", "figure-soft"):
        for ground in ("paper", "tint"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    for index in range(6):
        assert contrast(colours[f"figure-{index}"], colours["paper"]) >= 3, index


def test_both_schemes_define_the_same_colours() -> None:
    light, dark = re.findall(r":root \{([^}]*--ink[^}]*)\}", STYLE)
    assert set(re.findall(r"(--[\w-]+):", light)) == set(re.findall(r"(--[\w-]+):", dark))
    assert set(re.findall(r"var\((--[a-z-]+)\)", STYLE)) <= set(re.findall(r"(--[\w-]+):", light))
