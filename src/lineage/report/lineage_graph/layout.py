"""Where the nodes of a lineage are drawn: generations from top to bottom, few crossings, children below parents.

The layered drawing of Sugiyama, Tagawa and Toda (1981): ranks by longest path, a bend for every rank that an edge
passes, order within a rank by the mean place of the neighbours, then places as near to the neighbours as room allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from lineage.report.lineage_graph.nodes import Lineage

NODE_WIDTH, NODE_HEIGHT = 132.0, 44.0
GAP, RANK_GAP = 16.0, 40.0
"""Pixels between two nodes side by side, and between two ranks."""
_BEND_WIDTH = 10.0
_SWEEPS = 12

_Bend = tuple[str, str, int]
"""Parent, child, rank."""
_Place = str | _Bend


@dataclass(frozen=True)
class Layout:
    """Centres of nodes, and the points that each edge goes through; pixels from the upper left corner."""

    centres: Mapping[str, tuple[float, float]]
    edges: Mapping[tuple[str, str], Sequence[tuple[float, float]]]
    """(parent, child) -> points, the centres of both included."""
    width: float
    height: float


def layout(lineage: Lineage) -> Layout:
    """Places of all nodes; a function of names and parents alone."""
    rank: dict[str, int] = {}
    for node in lineage.values():
        rank[node.name] = max((rank[parent] + 1 for parent in node.parents), default=0)
    rank = _pulled_down(lineage, rank)
    chains = {
        (parent, node.name): [
            parent,
            *((parent, node.name, at) for at in range(rank[parent] + 1, rank[node.name])),
            node.name,
        ]
        for node in lineage.values()
        for parent in node.parents
    }
    rows: list[list[_Place]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    for name, at in rank.items():
        rows[at].append(name)
    neighbours: dict[_Place, list[_Place]] = {name: [] for name in lineage}
    above: dict[_Place, list[_Place]] = {name: [] for name in lineage}
    for chain in chains.values():
        for bend in chain[1:-1]:
            assert isinstance(bend, tuple)
            rows[bend[2]].append(bend)
        for upper, lower in pairwise(chain):
            neighbours.setdefault(upper, []).append(lower)
            above.setdefault(lower, []).append(upper)
    _sort_rows(rows, above, neighbours)
    x = _spread(rows, above, neighbours)
    left = min((x[place] - _width(place) / 2 for row in rows for place in row), default=0.0)
    right = max((x[place] + _width(place) / 2 for row in rows for place in row), default=0.0)

    def point(place: _Place) -> tuple[float, float]:
        at = place[2] if isinstance(place, tuple) else rank[place]
        return round(x[place] - left, 1), round(at * (NODE_HEIGHT + RANK_GAP) + NODE_HEIGHT / 2, 1)

    height = len(rows) * (NODE_HEIGHT + RANK_GAP) - RANK_GAP if rows else 0.0
    return Layout(
        {name: point(name) for name in lineage},
        {edge: [point(place) for place in chain] for edge, chain in chains.items()},
        round(right - left, 1),
        height,
    )


def _pulled_down(lineage: Lineage, rank: Mapping[str, int]) -> dict[str, int]:
    """A root stands just above its first child, not at the top: the vision tower beside the model that it is put on."""
    children: dict[str, list[str]] = {name: [] for name in lineage}
    for node in lineage.values():
        for parent in node.parents:
            children[parent].append(node.name)
    return {
        name: min(rank[child] for child in children[name]) - 1 if not node.parents and children[name] else rank[name]
        for name, node in lineage.items()
    }


_Links = Mapping[_Place, Sequence[_Place]]


def _sort_rows(rows: list[list[_Place]], above: _Links, below: _Links) -> None:
    """Orders every rank by the mean place of its neighbours, down and up by turns."""
    for sweep in range(_SWEEPS):
        links = above if sweep % 2 == 0 else below
        place = {one: at / max(1, len(row) - 1) for row in rows for at, one in enumerate(row)}
        for row in rows if sweep % 2 == 0 else reversed(rows):
            row.sort(key=lambda one: fmean([place[other] for other in links.get(one, [])] or [place[one]]))
            place |= {one: at / max(1, len(row) - 1) for at, one in enumerate(row)}


def _spread(rows: Sequence[Sequence[_Place]], above: _Links, below: _Links) -> dict[_Place, float]:
    """Places as near to the mean of the neighbours as the width of nodes allows."""
    x: dict[_Place, float] = {}
    for row in rows:
        x |= _without_overlap(row, dict.fromkeys(row, 0.0))
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            both = {one: [*above.get(one, []), *below.get(one, [])] for one in row}
            x |= _without_overlap(row, {one: fmean([x[other] for other in both[one]] or [x[one]]) for one in row})
    return x


def _without_overlap(row: Sequence[_Place], wanted: Mapping[_Place, float]) -> dict[_Place, float]:
    """Least squares from the wanted places with the order and the gaps kept: pool adjacent violators (Ayer 1955)."""
    offsets: list[float] = []
    for place, one in enumerate(row):
        before = offsets[-1] + _width(row[place - 1]) / 2 + GAP + _width(one) / 2 if place else 0.0
        offsets.append(before)
    blocks: list[tuple[float, int]] = []
    for one, offset in zip(row, offsets, strict=True):
        blocks.append((wanted[one] - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (first, n), (second, m) = blocks[-2:]
            blocks[-2:] = [((first * n + second * m) / (n + m), n + m)]
    starts = [start for start, count in blocks for _ in range(count)]
    return {one: start + offset for one, start, offset in zip(row, starts, offsets, strict=True)}


def _width(place: _Place) -> float:
    return NODE_WIDTH if isinstance(place, str) else _BEND_WIDTH
