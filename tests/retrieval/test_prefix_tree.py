"""The tree holds every identifier and nothing else, in the promised order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from lineage.retrieval.prefix_tree import END, PrefixTree, build
from tests.retrieval.identifiers import closed, corpora, tree_of

NESTED = [[2], [2, 3], [4, 3], [2, 3]]


def written(tree: PrefixTree) -> list[tuple[int, ...]]:
    """[node] the symbols on the way to it."""
    paths: list[tuple[int, ...]] = [()]
    for node, parent in enumerate(tree.parents().tolist()):
        if node:
            paths.append((*paths[parent], int(tree.symbol[node])))
    return paths


def test_a_title_that_begins_another_has_an_end_of_its_own() -> None:
    tree = tree_of([[2], [2, 3]])
    assert tree.symbol.tolist() == [-1, 2, END, 3, END]
    assert tree.first_child.tolist() == [1, 2, 4, 4, 5, 5]
    assert tree.leaf.tolist() == [-1, -1, 0, -1, 1]
    assert (tree.depth, tree.widest.tolist(), tree.branching.tolist()) == (3, [1, 2, 1, 0], [1, 1, 1, 0])


def test_equal_titles_share_a_leaf_in_the_order_of_documents() -> None:
    tree = tree_of(NESTED)
    ends = np.flatnonzero(tree.leaf >= 0)
    named = {written(tree)[node][:-1]: tree.documents_of(int(tree.leaf[node])).tolist() for node in ends}
    assert named == {(2,): [0], (2, 3): [1, 3], (4, 3): [2]}
    assert (tree.num_documents, tree.num_leaves) == (4, 3)


@given(corpora())
def test_children_are_what_follows_the_prefix_in_some_identifier(identifiers: list[list[int]]) -> None:
    tree = tree_of(identifiers)
    whole = [(*one, END) for one in identifiers]
    for node, path in enumerate(written(tree)):
        follows = sorted({one[len(path)] for one in whole if one[: len(path)] == path and len(one) > len(path)})
        assert [int(tree.symbol[child]) for child in tree.children(node)] == follows


@given(corpora())
def test_every_document_hangs_on_the_leaf_of_its_identifier(identifiers: list[list[int]]) -> None:
    tree = tree_of(identifiers)
    paths = written(tree)
    for node in np.flatnonzero(tree.leaf >= 0):
        named = tree.documents_of(int(tree.leaf[node])).tolist()
        assert named == [at for at, one in enumerate(identifiers) if (*one, END) == paths[node]]
    assert sorted(tree.documents.tolist()) == list(range(len(identifiers)))


@given(corpora())
def test_levels_tell_how_wide_the_tree_is(identifiers: list[list[int]]) -> None:
    tree = tree_of(identifiers)
    counts = np.diff(tree.first_child)
    for level in range(tree.depth + 1):
        nodes = range(int(tree.first_node[level]), int(tree.first_node[level + 1]))
        assert {len(path) for node, path in enumerate(written(tree)) if node in nodes} == {level}
        assert tree.widest[level] == counts[nodes].max()
        assert tree.branching[level] == np.count_nonzero(counts[nodes])


@given(corpora())
def test_leaves_below_count_different_identifiers(identifiers: list[list[int]]) -> None:
    tree = tree_of(identifiers)
    for path, below in zip(written(tree), tree.leaves_below(), strict=True):
        assert below == len({tuple(one) for one in identifiers if (*one, END)[: len(path)] == path})


def test_what_is_saved_is_opened_without_being_read(tmp_path: Path) -> None:
    tree = tree_of(NESTED)
    tree.save(tmp_path / "tree")
    opened = PrefixTree.open(tmp_path / "tree")
    assert isinstance(opened.symbol, np.memmap)
    for name in ("first_child", "symbol", "leaf", "first_document", "documents", "first_node", "widest", "branching"):
        np.testing.assert_array_equal(getattr(opened, name), getattr(tree, name))
    assert opened.num_bytes == tree.num_bytes


@pytest.mark.parametrize(
    ("identifiers", "message"),
    [
        ([[2, 3], []], "document 1 has an empty identifier"),
        ([[2, 3], [2, 0, 3]], r"document 1 is \[2, 0, 3, 1\]: it must hold symbols of 2 and above"),
        ([[2, 1, 3]], r"document 0 is \[2, 1, 3, 1\]"),
        ([], "there is none"),
    ],
)
def test_impossible_identifiers_are_refused(identifiers: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tree_of(identifiers)


def test_an_identifier_without_end_is_refused() -> None:
    symbols, offsets = closed([[2, 3], [4]])
    with pytest.raises(ValueError, match=r"document 0 is \[2, 3, 5\]"):
        build(np.where(np.arange(len(symbols)) == 2, 5, symbols), offsets)
