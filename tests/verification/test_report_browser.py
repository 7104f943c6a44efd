"""The report in headless Chromium: catches a script error, a load from a network, a dead link, too wide a page.

A wrapper page holds the report in two frames, as wide as a phone and as a desktop, measures them by a script of its own
and writes the measurements into its document, which the browser prints. The report itself has no script.
"""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from invented_results import invented, written

from verification import Verdict, catalogue

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome", "chrome") if (found := shutil.which(name))),
    None,
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome to look at the report")
OFFLINE = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=127.0.0.1:9",
    "--enable-logging=stderr",
    "--v=0",
)
WIDTHS = {"phone": 390, "desktop": 1280}
MEASURE = """
function measure(frame) {
  const page = frame.contentDocument, view = frame.contentWindow, root = page.documentElement;
  const links = [...page.querySelectorAll('a[href]')].map(one => one.getAttribute('href'));
  const wide = [...page.querySelectorAll('body *')].filter(one => {
    const box = one.getBoundingClientRect();
    if (box.right <= root.clientWidth + 1 || !box.width) return false;
    for (let up = one.parentElement; up; up = up.parentElement)
      if (['auto', 'scroll', 'hidden'].includes(view.getComputedStyle(up).overflowX)) return false;
    return true;
  });
  const style = view.getComputedStyle(page.body);
  return {
    client: root.clientWidth, scroll: root.scrollWidth, height: root.scrollHeight,
    wide: wide.slice(0, 5).map(one => one.tagName + ' ' + one.outerHTML.slice(0, 80)),
    dead: links.filter(link => !link.startsWith('#') || !page.getElementById(decodeURIComponent(link.slice(1)))),
    links: links.length, sections: page.querySelectorAll('section.statement').length,
    twice: [...page.querySelectorAll('[id]')].map(one => one.id).filter((id, at, all) => all.indexOf(id) != at),
    loaded: view.performance.getEntriesByType('resource').map(one => one.name),
    ink: style.color, paper: style.backgroundColor,
    formulas: [...page.querySelectorAll('math')].filter(one => one.getBoundingClientRect().height > 4).length,
    flat: [...page.querySelectorAll('figure svg')].filter(one => one.getBoundingClientRect().height < 4).length,
  };
}
addEventListener('load', () => {
  const found = {};
  for (const frame of document.querySelectorAll('iframe')) found[frame.id] = measure(frame);
  document.getElementById('found').textContent = JSON.stringify(found);
});
"""


def chromium(profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    command = [BROWSER, *OFFLINE, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def console(output: str) -> list[str]:
    """Messages of pages; the browser logs its own troubles (no D-Bus, no GPU) on the same stream."""
    return [line for line in output.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with every kind of part: a refuted statement, boxes, long formulas, claims, graph, limit curves."""
    names: Sequence[str] = ("block-limit-depth4", "connectivity", "residual-margin", "full-rank-open-set")
    boxed = next(
        name
        for name in catalogue.ids()
        if any(check.kind == "certificate" for check in catalogue.statement(name).checks)
    )
    results = [invented(catalogue.statement(name)) for name in names]
    results.append(invented(catalogue.statement(boxed), Verdict.REFUTED))
    return written(tmp_path_factory.mktemp("report") / "index.html", results)


def measured(page: str, folder: Path, *options: str) -> dict[str, Any]:
    frames = "".join(
        f'<iframe id="{name}" style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(page)}"></iframe>'
        for name, width in WIDTHS.items()
    )
    wrapper = folder / "wrapper.html"
    wrapper.write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><title>wrapper</title><pre id="found"></pre>{frames}'
        f"<script>{MEASURE}</script>",
        encoding="utf-8",
    )
    done = chromium(folder / "profile", "--window-size=1800,1000", *options, "--dump-dom", wrapper.as_uri())
    assert console(done.stderr) == []
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1]))


def brightness(colour: str) -> float:
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3


@pytest.mark.parametrize(("scheme", "setting"), [("light", 1), ("dark", 0)])
def test_the_page_fits_a_phone_and_a_desktop_and_every_link_resolves(
    report: str, tmp_path: Path, scheme: str, setting: int
) -> None:
    found = measured(report, tmp_path, f"--blink-settings=preferredColorScheme={setting}")
    assert set(found) == set(WIDTHS)
    for name, one in found.items():
        assert one["client"] == WIDTHS[name]
        assert one["scroll"] <= one["client"], one["wide"]
        assert one["wide"] == []
        assert one["links"] > 20
        assert one["dead"] == []
        assert one["twice"] == []
        assert one["loaded"] == []
        assert one["sections"] == 5
        assert one["formulas"] > 5
        assert one["flat"] == 0
        assert (brightness(one["ink"]) < brightness(one["paper"])) == (scheme == "light")
    assert found["phone"]["height"] > found["desktop"]["height"]


def test_the_measurement_sees_what_it_looks_for(tmp_path: Path) -> None:
    """Without this, a measurement that never finds anything would pass."""
    bad = (
        '<!DOCTYPE html><body><div style="width:1500px">wide</div><a href="#none">dead</a><p id="a"></p><p id="a"></p>'
    )
    found = measured(bad, tmp_path)
    for one in found.values():
        assert one["scroll"] > one["client"]
        assert one["wide"]
        assert one["dead"] == ["#none"]
        assert one["twice"] == ["a"]
    done = chromium(tmp_path / "profile", "--dump-dom", "data:text/html,<script>missing()</script>")
    assert console(done.stderr)


def test_the_page_itself_draws_without_a_network_and_without_a_message(report: str, tmp_path: Path) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(report, encoding="utf-8")
    assert not re.findall(r"(?:src|href|url\()\s*=?\s*[\"']?\s*(?:https?:)?//", report)
    done = chromium(tmp_path / "profile", "--window-size=1280,2000", f"--screenshot={picture}", page.as_uri())
    assert console(done.stderr) == []
    assert picture.stat().st_size > 20_000


def test_it_prints_with_every_page_filled(report: str, tmp_path: Path) -> None:
    page, paper = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text(report, encoding="utf-8")
    chromium(tmp_path / "profile", f"--print-to-pdf={paper}", "--no-pdf-header-footer", page.as_uri())
    content = paper.read_bytes()
    assert content.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", content))
    assert pages >= 5 + 1  # each statement begins a page
