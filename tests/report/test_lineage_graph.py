"""The lineage as a graph: order of tables, parts, a layout without overlaps, links that a keyboard reaches."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.report.lineage_graph import Node, components, drawing, listed, make_lineage
from lineage.report.lineage_graph.layout import GAP, NODE_HEIGHT, NODE_WIDTH, layout
from lineage.report.lineage_graph.nodes import ancestry
from tests.report.contents import LINEAGE


def test_a_table_lists_children_below_their_first_parent() -> None:
    assert listed(LINEAGE) == [
        ("base@10", 0),
        ("chat", 1),
        ("seeing", 2),
        ("merged", 3),
        ("asked_again", 2),
        ("tower", 0),
        ("retrieval/bm25", 0),
    ]
    assert ancestry(LINEAGE, "merged") == ["base@10", "chat", "seeing", "merged"]


def test_parts_that_nothing_connects_are_drawn_apart() -> None:
    parts = [list(part) for part in components(LINEAGE)]
    assert parts == [["base@10", "chat", "tower", "seeing", "merged", "asked_again"], ["retrieval/bm25"]]


def test_parents_that_are_no_nodes_are_left_out_and_order_does_not_matter() -> None:
    nodes = [Node("chat", "tune", ("base", "gone")), Node("base", "pretrain")]
    assert list(make_lineage(nodes)) == ["base", "chat"]
    assert make_lineage(nodes)["chat"].parents == ("base",)


@st.composite
def lineages(draw: st.DrawFn) -> dict[str, Node]:
    """Any acyclic graph of up to 14 nodes."""
    count = draw(st.integers(1, 14))
    parents = [
        draw(st.lists(st.integers(0, place - 1), max_size=3, unique=True)) if place else [] for place in range(count)
    ]
    return dict(
        make_lineage(Node(f"n{place}", "tune", tuple(f"n{one}" for one in of)) for place, of in enumerate(parents))
    )


@given(lineages())
def test_no_nodes_overlap_and_parents_stand_above(lineage: dict[str, Node]) -> None:
    places = layout(lineage)
    assert set(places.centres) == set(lineage)
    rows: dict[float, list[float]] = {}
    for x, y in places.centres.values():
        rows.setdefault(y, []).append(x)
        assert NODE_WIDTH / 2 - 0.1 <= x <= places.width - NODE_WIDTH / 2 + 0.1
        assert 0 < y < places.height
    for row in rows.values():
        assert all(right - left >= NODE_WIDTH + GAP - 0.2 for left, right in pairwise(sorted(row)))
    for node in lineage.values():
        for parent in node.parents:
            assert places.centres[parent][1] + NODE_HEIGHT < places.centres[node.name][1]
            ends = places.edges[parent, node.name]
            assert (ends[0], ends[-1]) == (places.centres[parent], places.centres[node.name])


def test_a_single_chain_is_one_straight_line() -> None:
    chain = make_lineage(Node(f"n{one}", "tune", (f"n{one - 1}",)) for one in range(5))
    assert {x for x, _ in layout(chain).centres.values()} == {NODE_WIDTH / 2}


def test_the_drawing_does_not_depend_on_the_process() -> None:
    nodes = list(LINEAGE.values())
    first = drawing(make_lineage(nodes), label="x")
    assert drawing(make_lineage(nodes), label="x") == first
    random.Random(0).shuffle(nodes)
    assert sorted(make_lineage(nodes)) == sorted(LINEAGE)


def test_nodes_are_links_with_words_for_screen_readers() -> None:
    root = ElementTree.fromstring(drawing(LINEAGE, label='A "lineage" & more'))
    assert root.attrib["aria-label"] == 'A "lineage" & more'
    links = {link.attrib["href"]: link.findtext("title") for link in root.iter("a")}
    assert set(links) == {f"#card-{name}" for name in LINEAGE}
    assert links["#card-merged"] == "merged: linear, from seeing and chat"
    assert links["#card-retrieval/bm25"] == "retrieval/bm25: bm25"
    assert "bm25" in [text.text for text in root.iter("text")]


@pytest.mark.parametrize("name", ["<b>", 'a" onload="alert(1)', "a & b"])
def test_names_are_escaped(name: str) -> None:
    root = ElementTree.fromstring(drawing({name: Node(name, "tune")}, label="x"))
    assert next(text.text for text in root.iter("text")) == name
    assert not [one for one in root.iter() if "onload" in one.attrib]
