"""The page and the cards as text: nothing is fetched, nothing breaks out of its place, the ledger decides verdicts."""

from __future__ import annotations

import dataclasses
import html
import html.parser
import re

import pytest

from lineage.report import cards, saving
from lineage.report.page import ledger, render
from lineage.report.page.captions import CAPTIONS, CLAIM_FIGURES, caption, figure_of
from lineage.report.page.curve import curve, grouped
from lineage.report.page.figures import with_room
from tests.report.contents import ATTACK, claim, contents, studies


class Page(html.parser.HTMLParser):
    """Ids, links inside the page, what would be fetched, handlers, and open elements at the end."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, text: str):
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.fetched: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.ids += [told["id"]] if "id" in told else []
        self.handlers += [name for name in told if name.startswith("on")]
        link = told.get("href", "")
        self.targets += [link[1:]] if link.startswith("#") else []
        self.fetched += [told["src"]] if "src" in told else []
        self.fetched += [link] if tag == "link" else []
        if tag not in self.VOID and tag not in ("path", "rect", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and tag not in ("path", "rect", "line"):
            assert self.open and self.open[-1] == tag, (tag, self.open[-3:], self.getpos())
            self.open.pop()


@pytest.fixture(scope="module")
def text() -> str:
    return render(contents())


def test_the_page_fetches_nothing_and_is_well_formed(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert all(one.startswith("data:") for one in page.fetched), page.fetched
    assert page.handlers == []
    assert text.count(saving.bundle()) == 1
    assert "default-src 'none'" in html.unescape(text[:400])
    assert len(text.encode()) < 5_000_000


def test_every_link_inside_the_page_has_an_end_and_every_id_is_unique(text: str) -> None:
    page = Page(text)
    assert len(set(page.ids)) == len(page.ids)
    assert set(page.targets) <= set(page.ids)
    assert {"figure-knowledge/effectivity", "card-retrieval/bm25", "claim-safety-S1-generated"} <= set(page.ids)


def test_text_of_data_cannot_leave_its_place(text: str) -> None:
    assert ATTACK not in text.replace(saving.bundle(), "")
    assert "<title>small &lt;experiment&gt;: lineage report</title>" in text


def test_equal_contents_give_equal_bytes(text: str) -> None:
    assert render(contents()) == text


def test_the_front_page_says_what_could_be_tested_and_why_the_rest_could_not(text: str) -> None:
    front = text.partition('<section id="models"')[0]
    could, could_not = front.split("What could not be tested here")
    assert "K1 holds." in could and "supported" in could
    assert "questions answered (here 0.62)" in could_not and "<b>S1</b>" in could_not
    assert "1 of 4 claims held" in re.sub(r"\s+", " ", could)


def test_a_table_that_is_altered_flips_the_verdict_that_is_shown(text: str) -> None:
    altered = studies()
    altered[0] = dataclasses.replace(altered[0], rows=[claim("K1", "contradicted", effect="-0.4")])
    page = render(dataclasses.replace(contents(), studies=altered))
    for name, told in (("supported", text), ("contradicted", page)):
        shown = re.findall(r'data-verdict="([^"]*)" id="claim-knowledge-K1-generated"', told)
        assert shown == [name]
    assert "-0.4" in page and "0.243" not in page.partition('<section id="figures"')[0]


def test_the_matrix_shows_values_changes_and_their_direction(text: str) -> None:
    table = text.partition('<table class="matrix">')[2].partition("</table>")[0]
    assert 'title="seeing, helpfulness: 0.60 [0.55, 0.65], 80 items; against chat +0.500 [+0.429, +0.571]"' in table
    assert "\N{BLACK UP-POINTING TRIANGLE} +0.50" in table
    assert 'title="no twin"' in table
    assert ">asked_again</th>" in table


def test_a_page_without_studies_figures_answers_or_models_says_so() -> None:
    bare = dataclasses.replace(
        contents(),
        lineage={},
        cards=[],
        matrix=[],
        studies=[],
        figures=[],
        browsed=dataclasses.replace(contents().browsed, prompts=[]),
    )
    text = render(bare)
    Page(text)
    for words in (
        "concludes on no study",
        "No model of this experiment was measured",
        "no analysis that draws",
        "was asked anything",
    ):
        assert words in re.sub(r"\s+", " ", text)


def test_the_largest_figures_make_way_first() -> None:
    small, large = contents().figures
    large = dataclasses.replace(large, spec="x" * 100_000)
    kept = with_room([large, small], limit=len(small.spec or "") + 500)
    assert [one.spec is None for one in kept] == [True, False]
    text = render(dataclasses.replace(contents(), figures=[dataclasses.replace(small, spec=None)]))
    assert "too large for this page" in text and 'href="figures/knowledge/effectivity.svg"' in text


def test_the_ledger_of_all_studies_has_every_row_and_the_false_supports() -> None:
    assert [row["study"] for row in ledger.joined(studies())] == ["knowledge", "knowledge", "safety"]
    assert ledger.summary(studies()) == {
        "claims": 2,
        "verdicts": {"supported": 1, "not testable here": 1},
        "null_cases": 4,
        "false_supports": 1,
        "false_support_rate": 0.25,
    }
    assert ledger.summary([])["false_support_rate"] is None


def test_captions_and_links_name_figures_that_the_studies_draw() -> None:
    from lineage.stages.safety import SERIES, charts

    drawn = set(charts({name: _empty(name) for name in SERIES}))
    assert drawn == set(CAPTIONS["safety"])
    analyses = {target.partition("/")[0] for target in CLAIM_FIGURES.values()}
    assert analyses <= set(CAPTIONS)
    assert all(caption(*target.split("/")) for target in CLAIM_FIGURES.values())
    assert caption("knowledge", "retainability_by_batch_fixed_dose").startswith("Compare how fast")
    assert figure_of("S5", ["layer_figures/default_drift_by_layer"]) == "layer_figures/default_drift_by_layer"
    assert figure_of("S5", ["safety/trade_off"]) == figure_of("Z9", ["safety/trade_off"]) == ""


def _empty(name: str):
    import pyarrow as pa

    from lineage.claims.joint import tables

    if name == "trade_offs":
        numbers = [(one, pa.float64()) for one in ("safety", "helpfulness", "compliance", "volume")]
        return pa.schema([("model", pa.string()), *numbers, ("on_front", pa.bool_())]).empty_table()
    return tables.SERIES.empty_table()


def test_a_card_tells_lineage_data_spec_scores_and_limits() -> None:
    card = next(one for one in contents().cards if one.node.name == "seeing")
    text = cards.markdown(card)
    for words in (
        "# seeing", "base@10 -> chat -> seeing", "Made from it: merged", "| parameters | 1,234,567 |",
        "| conversations/chats | conversations | conversations 40 |", "| optimization.peak_learning_rate | 0.002 |",
        "| safety | helpfulness | 0.60 [0.55, 0.65] | 80 | +0.50* | chat |", "generated world", "## Samples",
    ):  # fmt: skip
        assert words in text, words
    assert "<img" not in text.replace("    user:", "").partition("## Samples")[0]


def test_limits_follow_from_what_was_measured() -> None:
    found = {one.node.name: one.limits for one in contents().cards}
    assert "Nothing was measured of it." in found["tower"]
    assert any(one == "Not measured: attack success, text (no twin)." for one in found["chat"])
    card = next(one for one in contents().cards if one.node.name == "seeing")
    babble = dataclasses.replace(card, scores=[{"probe": "incoherent", "value": 0.4, "reason": ""}])
    assert any("40% of its outputs are incoherent" in one for one in babble.limits)


def test_long_training_curves_are_shown_by_groups() -> None:
    losses = [(step, 5.0 - step / 1000) for step in range(1000)]
    assert len(grouped(losses, 120)) <= 120
    found = curve(losses)
    assert found.path.count("L") == len(grouped(losses, 120)) - 1
    assert (found.first, found.last) == ((0, 5.0), (999, 4.001))
    assert curve([(0, 1.0)]).path.startswith("M")
