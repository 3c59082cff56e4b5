"""Charts as files: the same bytes each time, nothing from the network, a description for all."""

from __future__ import annotations

import html.parser
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import altair as alt
import pytest
import vl_convert

from lineage.report import saving, theme
from lineage.report.marks import legend, pointer_columns
from lineage.report.tables import inline

ATTACK = '</script><script src="https://example.org/x.js"></script>'


def chart(title: str = "A title") -> theme.Chart:
    """Small, with everything that saving treats: clipping, a pointer layer, a legend that can be clicked."""
    values = [{"x": x, "y": x / 3, "kind": kind} for x in range(4) for kind in "ab"]
    entries = legend("kind", theme.colour_scale(["a", "b"]))
    line = alt.Chart(inline(values)).mark_line(clip=True).encode(x="x:Q", y="y:Q", color=entries.colour)
    at = pointer_columns([{"x": x} for x in range(4)], "x", [alt.Tooltip("x:Q")], title="x", place=0)
    layers = alt.layer(*entries.carried(0), line.encode(opacity=entries.opacity()), at)
    return theme.finished(alt.concat(layers), title=title, notes=["A note."], width=300, description='Says "so" & <b>.')


def test_svg_has_the_same_bytes_every_time_and_in_another_process() -> None:
    first = saving.svg(chart())
    assert "clip-path" in first
    assert saving.svg(chart()) == first
    code = (
        "import sys; from lineage.report import saving; from tests.report.test_saving import chart; "
        "saving.svg(chart('Another')); sys.stdout.buffer.write(saving.svg(chart()).encode())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.decode() == first


def test_svg_is_xml_with_a_description_and_without_scripts_or_links() -> None:
    text = saving.svg(chart())
    root = ElementTree.fromstring(text)
    spoken = 'A title. Says "so" & <b>. A note.'
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == spoken
    assert root[0].tag.endswith("desc")
    assert root[0].text == spoken
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not names & {"script", "image", "use", "a", "foreignObject"}
    assert "href" not in text
    assert set(re.findall(r"https?://[^\"' ]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_svg_leaves_out_what_follows_the_pointer() -> None:
    spec = saving.specification(chart())
    assert [one["name"] for one in spec["params"]] == ["chosen_kind_at", "hover_panel0_at"]
    assert "mark-rect role-mark" in vl_convert.vegalite_to_svg(spec)
    text = saving.svg(chart())
    assert "mark-rect role-mark" not in text
    assert "mark-line role-mark" in text


def test_every_parameter_belongs_to_one_view() -> None:
    for parameter in saving.specification(chart())["params"]:
        (view,) = parameter["views"]
        assert view.startswith(parameter["name"].removesuffix("_at"))


def test_specification_ignores_the_theme_that_is_enabled() -> None:
    expected = saving.specification(chart())
    with alt.theme.enable("dark"):
        assert saving.specification(chart()) == expected
    assert expected["config"]["background"] == "white"


def test_png_is_a_picture() -> None:
    assert saving.png(chart(), scale=1).startswith(b"\x89PNG")


class Links(html.parser.HTMLParser):
    """Attributes that make a browser fetch something, and the scripts."""

    FETCHING = ("src", "href", "srcset", "data", "poster", "action")

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.num_scripts = 0
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.num_scripts += tag == "script"
        self.fetched += [value or "" for name, value in attrs if name in self.FETCHING]
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"] or ""


def links(page: str) -> Links:
    found = Links()
    found.feed(page)
    return found


def test_page_fetches_nothing_and_has_the_bundle_once() -> None:
    page = saving.page({"first": chart(), "second": chart("Two")}, title="Charts & more")
    found = links(page)
    assert found.fetched == ["data:,"]
    assert found.num_scripts == 4
    assert found.policy.startswith("default-src 'none'")
    assert "http" not in found.policy
    assert page.count(saving.bundle()) == 1
    assert "<title>Charts &amp; more</title>" in page
    assert "@import" not in page.partition("<body>")[0]
    assert saving.page({"first": chart(), "second": chart("Two")}, title="Charts & more") == page


def test_text_of_a_table_cannot_leave_its_place() -> None:
    page = saving.page({"first": chart(ATTACK)}, title=ATTACK)
    found = links(page)
    assert found.fetched == ["data:,"]
    assert found.num_scripts == 3
    assert ElementTree.fromstring(saving.svg(chart(ATTACK))).attrib["aria-label"].startswith(ATTACK)


@pytest.mark.parametrize("module", ["lineage.report.knowledge", "lineage.report.saving"])
def test_report_starts_without_tensors(module: str) -> None:
    code = f"import sys, {module}; print(*({{'torch', 'transformers', 'pandas', 'scipy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
