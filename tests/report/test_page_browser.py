"""The page in a real browser: no word on the console, nothing from the network; graph and filters by mouse and keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lineage.report.page import render
from tests.report.chromium import BROWSER, Tab, tab
from tests.report.contents import contents

pytestmark = pytest.mark.slow

VISIBLE_CARDS = "[...document.querySelectorAll('.card')].filter((one) => one.offsetParent).map((one) => one.id)"
SHOWN_PROMPTS = "document.querySelectorAll('.prompt').length"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(render(contents()), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    if BROWSER is None:
        pytest.skip("no chromium here: `apt-get install chromium`")
    with tab(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def opened(browser: Tab, page: Path) -> Iterator[Tab]:
    """The page, anew; whatever a test does, the console stays silent and nothing is fetched."""
    browser.open(page)
    yield browser
    assert browser.console == []
    assert browser.requests == []


def focus(browser: Tab, selector: str) -> None:
    browser.run(f"document.querySelector({selector!r}).focus()")


def test_a_click_on_a_model_opens_its_card_alone(opened: Tab) -> None:
    assert opened.run(VISIBLE_CARDS) == []
    opened.click("[data-node='chat'] rect")
    opened.wait("document.activeElement.id === 'card-chat'")
    assert opened.run(VISIBLE_CARDS) == ["card-chat"]
    assert opened.run("document.querySelector('[data-node=chat]').getAttribute('aria-current')") == "true"
    near = "[...document.querySelectorAll('.edge.near')].map((one) => one.dataset.child).sort().join()"
    assert opened.run(near) == "chat,merged,seeing"


def test_tab_and_enter_open_a_card_too(opened: Tab) -> None:
    focus(opened, ".graph")
    opened.press("Tab")
    assert opened.run("document.activeElement.dataset.node") == "base@10"
    opened.press("Tab")
    name = opened.run("document.activeElement.dataset.node")
    opened.press("Enter", text="\r")
    opened.wait(f"document.activeElement.id === 'card-{name}'")
    assert opened.run(VISIBLE_CARDS) == [f"card-{name}"]


def test_a_link_with_a_card_in_it_opens_the_card(browser: Tab, page: Path) -> None:
    browser.open(page)
    browser("Page.navigate", url=f"{page.as_uri()}#card-retrieval/bm25")
    browser.wait(f"{VISIBLE_CARDS}.join() === 'card-retrieval/bm25'")


def test_examples_are_filtered_by_the_keyboard(opened: Tab) -> None:
    assert opened.run(SHOWN_PROMPTS) == 3
    focus(opened, "#filters [name=kind]")
    for _ in range(2):
        opened.press("ArrowDown")
    opened.wait("document.querySelector('#filters [name=kind]').value === 'help'")
    assert opened.run(SHOWN_PROMPTS) == 2
    assert opened.run("document.querySelector('#found').textContent") == "2 of 2 prompts shown"
    focus(opened, "#filters [name=text]")
    opened("Input.insertText", text="look-1")
    opened.wait(f"{SHOWN_PROMPTS} === 1")
    assert opened.run("document.querySelector('.prompt img').naturalWidth") == 8


def test_examples_show_what_the_chosen_model_said(opened: Tab) -> None:
    choose = "(() => {{ const one = document.querySelector('{}'); one.value = '{}';"
    choose += " one.dispatchEvent(new Event('{}', {{bubbles: true}})); }})()"
    opened.run(choose.format("#filters [name=model]", "merged", "input"))
    said = opened.run("[...document.querySelectorAll('.prompt td:last-child')].map((one) => one.textContent)")
    assert len(said) == 3 and all(one.startswith("merged: ") for one in said)
    opened.run(choose.format("#filters [name=outcome]", "refused", "input"))
    assert opened.run(SHOWN_PROMPTS) == 1
    opened.run(choose.format("#verdict", "supported", "change"))
    visible = "[...document.querySelectorAll('.claim')].filter((one) => one.offsetParent).length"
    assert opened.run(visible) == 1
    columns = (
        "[...document.querySelectorAll('.matrix thead tr:nth-child(2) th')].filter((one) => one.offsetParent).length"
    )
    whole = opened.run(columns)
    opened.run(choose.format("#family", "f1", "change"))
    assert opened.run(columns) == 3 < whole


def test_charts_are_drawn_when_they_come_near_and_in_the_dark_too(opened: Tab) -> None:
    for name in ("knowledge/effectivity", "safety/trade_off"):
        opened.run(f"document.getElementById('figure-{name}').scrollIntoView()")
        opened.wait(f"document.getElementById('figure-{name}').dataset.chart === 'drawn'")
    assert opened.run("document.querySelectorAll('svg.marks').length") == 2
    colour = "getComputedStyle(document.body).backgroundColor"
    light = opened.run(colour)
    opened.click("#theme")
    assert opened.run(colour) != light
    assert opened.run("document.querySelector('#theme').textContent") == "Light"
    assert "invert" in opened.run("getComputedStyle(document.querySelector('svg.marks')).filter")


def test_the_system_can_ask_for_the_dark(browser: Tab, page: Path) -> None:
    browser.open(page)
    light = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.open(page, scheme="dark")
    assert browser.run("getComputedStyle(document.body).backgroundColor") != light


def test_a_phone_need_not_scroll_sideways(browser: Tab, page: Path) -> None:
    browser.open(page, width=390, height=800)
    browser.click("[data-node='seeing'] rect")
    browser.wait("document.activeElement.id === 'card-seeing'")
    assert browser.run("document.documentElement.scrollWidth") <= 390


def test_the_first_paint_takes_less_than_a_second(opened: Tab) -> None:
    """From the start of loading to the first text, as the browser itself measures it."""
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    opened.wait(paint)
    assert opened.run(paint) < 1000


@pytest.mark.parametrize(("scheme", "width"), [("light", 1300), ("dark", 1300), ("light", 390)])
def test_axe_finds_no_serious_fault(browser: Tab, page: Path, scheme: str, width: int) -> None:
    """axe-core is not part of this project: `npm install axe-core`, and name the file in LINEAGE_AXE."""
    axe = os.environ.get("LINEAGE_AXE")
    if axe is None:
        pytest.skip("set LINEAGE_AXE to axe.min.js of `npm install axe-core`")
    browser.open(page, scheme=scheme, width=width)
    browser.click("[data-node='seeing'] rect")
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    browser.run(f"{Path(axe).read_text(encoding='utf-8')}; 1")
    found = browser.run(
        "axe.run().then((done) => done.violations.map((one) => [one.impact, one.id, one.nodes.map((node) =>"
        " node.html.slice(0, 120) + ' ' + (node.any[0]?.message ?? '')).slice(0, 3)]))"
    )
    assert [one for one in found if one[0] in ("serious", "critical")] == []
