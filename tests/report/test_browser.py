"""A page of all figures in a real browser: no error, no network, the legend and the pointer work."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lineage.report import saving
from tests.report.figures import FIGURES, NOTHING_TO_DRAW

pytestmark = pytest.mark.slow

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

# Clicks the first entry of the first figure's legend, then points at one of its columns, and writes down what it saw.
VISIT = """
<script>
const found = {figures: {}, errors: []};
addEventListener("error", (event) => found.errors.push(String(event.message)));
const send = (element, types) => {
  const box = element.getBoundingClientRect();
  const at = {bubbles: true, clientX: box.x + box.width / 2, clientY: box.y + box.height / 2};
  for (const type of types) element.dispatchEvent(new MouseEvent(type, at));
};
setTimeout(() => {
  const figures = [...document.querySelectorAll("figure")];
  for (const one of figures) found.figures[one.id] = one.querySelectorAll("svg.marks").length;
  const first = figures[0];
  const opacities = () => [...first.querySelectorAll(".mark-line path")].map((path) => path.getAttribute("opacity"));
  found.before = opacities();
  send(first.querySelector(".role-legend-symbol path"), ["mousedown", "mouseup", "click"]);
  setTimeout(() => {
    found.after = opacities();
    const rectangles = [...first.querySelectorAll(".mark-rect path")];
    const columns = rectangles.filter((path) => path.__data__.mark.name.includes("hover"));
    send(columns[12], ["mouseover", "mousemove", "pointerover", "pointermove"]);
    setTimeout(() => {
      found.tooltip = document.querySelector("#vg-tooltip-element").innerText;
      document.body.innerHTML = "<pre id='found'></pre>";
      document.querySelector("#found").textContent = JSON.stringify(found);
    }, 200);
  }, 200);
}, 3000);
</script>
</body>"""


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """(what the visitor found, what the console said)."""
    if BROWSER is None:
        pytest.skip("no chromium here: `apt-get install chromium`")
    folder = tmp_path_factory.mktemp("page")
    charts = {name: figure.draw() for name, figure in FIGURES.items()}
    charts |= {f"empty {name}": draw() for name, draw in NOTHING_TO_DRAW.items()}
    head, _, tail = saving.page(charts, title="Figures").rpartition("</body>")
    file = Path(folder, "index.html")
    file.write_text(head + VISIT + tail, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=15000"]
    options += [f"--user-data-dir={folder / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom"]
    done = subprocess.run([BROWSER, *options, file.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    text = re.search(r"<pre id=\"found\">(.*?)</pre>", done.stdout, re.DOTALL)
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    assert text, console or done.stderr[-2000:]
    return json.loads(html.unescape(text[1])), console


def test_every_figure_is_drawn_without_a_word_on_the_console(visit: tuple[dict[str, Any], str]) -> None:
    found, console = visit
    assert console == ""
    assert found["errors"] == []
    assert found["figures"] == dict.fromkeys([*FIGURES, *(f"empty {name}" for name in NOTHING_TO_DRAW)], 1)


def test_a_click_on_the_legend_fades_the_others_in_all_panels(visit: tuple[dict[str, Any], str]) -> None:
    found, _ = visit
    assert set(found["before"]) == {"1"}
    assert found["after"] == ["1", "0.12", "0.12"] * 3


def test_the_pointer_shows_the_figures_of_all_depths(visit: tuple[dict[str, Any], str]) -> None:
    found, _ = visit
    lines = found["tooltip"]
    assert re.search(r"step\s+60\b", lines)
    for name in ("memorization", "semantic", "compositional"):
        assert re.search(rf"{name}\s+-?\d\.\d{{3}} \[", lines), lines
    assert re.search(r"never injected\s+-?\d\.\d{3} to ", lines)
    assert "undefined" not in lines
