"""Nodes of the lineage, and orders of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Node:
    """One model, vocabulary or search run, with what it was made from."""

    name: str
    stage: str
    """What made it: pretrain, tune, merge, bm25, ..."""
    parents: tuple[str, ...] = ()
    """Nodes that it was made from; it is compared with the first."""
    note: str = ""
    """A few words below the name in the drawing."""

    @property
    def parent(self) -> str | None:
        """The node that it is compared with; None at a root."""
        return self.parents[0] if self.parents else None


Lineage: TypeAlias = Mapping[str, Node]
"""Nodes by name, parents before children."""


def make_lineage(nodes: Iterable[Node]) -> Lineage:
    """Nodes by name, parents first; otherwise in the order given. Parents that are no nodes are left out."""
    given = {node.name: node for node in nodes}
    ordered: dict[str, Node] = {}

    def visit(node: Node) -> None:
        if node.name in ordered:
            return
        known = tuple(parent for parent in node.parents if parent in given)
        for parent in known:
            visit(given[parent])
        ordered[node.name] = Node(node.name, node.stage, known, node.note)

    for node in given.values():
        visit(node)
    return ordered


def listed(lineage: Lineage) -> list[tuple[str, int]]:
    """(name, depth) of every node as a table shows them: below its first parent, children in the order of the lineage.

    >>> nodes = [Node("base", "pretrain"), Node("late", "pretrain"), Node("chat", "tune", ("base",))]
    >>> listed(make_lineage(nodes))
    [('base', 0), ('chat', 1), ('late', 0)]
    """
    found: list[tuple[str, int]] = []

    def visit(name: str, depth: int) -> None:
        found.append((name, depth))
        for child in lineage.values():
            if child.parent == name:
                visit(child.name, depth + 1)

    for node in lineage.values():
        if node.parent is None:
            visit(node.name, 0)
    return found


def components(lineage: Lineage) -> list[Lineage]:
    """Parts that nothing connects, in the order of their first nodes."""
    part_of: dict[str, int] = {}
    for place, node in enumerate(lineage.values()):
        joined = {part_of[parent] for parent in node.parents}
        part_of[node.name] = min(joined, default=place)
        part_of = {name: part_of[node.name] if part in joined else part for name, part in part_of.items()}
    return [
        {name: lineage[name] for name in lineage if part_of[name] == part} for part in dict.fromkeys(part_of.values())
    ]


def ancestry(lineage: Lineage, name: str) -> list[str]:
    """From the root to the node, along first parents.

    >>> ancestry(make_lineage([Node("chat", "tune", ("base",)), Node("base", "pretrain")]), "chat")
    ['base', 'chat']
    """
    parent = lineage[name].parent
    return [*(ancestry(lineage, parent) if parent else []), name]
