"""The lineage as SVG in a page: every node is a link to its card, so mouse, keyboard and screen readers open it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from lineage.report.lineage_graph.layout import NODE_HEIGHT, NODE_WIDTH, layout
from lineage.report.lineage_graph.nodes import Lineage, Node

_MARGIN = 6.0
_CHARACTERS, _NOTE_CHARACTERS = 19, 24
"""That fit into a node: of its name and of its note."""

FAMILIES = {
    "pretrain": "pretrained",
    "import_model": "taken from elsewhere",
    "pretrain_t5": "pretrained",
    "tower": "vision",
    "align": "vision",
    "tune": "tuned",
    "dpo": "tuned",
    "merge": "merged",
}
"""What the colour of a node says, by stage; every other stage makes something that finds documents."""
FINDS = "finds documents"


def family(node: Node) -> str:
    """What the colour of a node says."""
    return FAMILIES.get(node.stage, FINDS)


def drawing(lineage: Lineage, *, label: str) -> Markup:
    """One SVG element; the names of its nodes are the ends of links `#card-<name>`."""
    places = layout(lineage)
    width, height = places.width + 2 * _MARGIN, places.height + 2 * _MARGIN
    edges = Markup("").join(
        Markup('<path class="edge" data-parent="{}" data-child="{}" d="{}"/>').format(*edge, _curve(points))
        for edge, points in places.edges.items()
    )
    nodes = Markup("").join(_node(lineage[name], *centre) for name, centre in places.centres.items())
    return Markup(
        '<svg class="lineage" role="group" aria-label="{}" width="{w:g}" height="{h:g}"'
        ' viewBox="{m:g} {m:g} {w:g} {h:g}">{}{}</svg>'
    ).format(label, edges, nodes, m=-_MARGIN, w=width, h=height)


def _node(node: Node, x: float, y: float) -> Markup:
    made = f", from {' and '.join(node.parents)}" if node.parents else ""
    return Markup(
        '<a href="#card-{name}" data-node="{name}" class="node {kind}">'
        "<title>{name}: {words}{made}</title>"
        '<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="7"/>'
        '<text x="{x:g}" y="{first:g}">{short}</text> <text class="note" x="{x:g}" y="{second:g}">{note}</text></a>'
    ).format(
        name=node.name,
        kind=family(node).replace(" ", "-"),
        words=node.note or node.stage,
        made=made,
        left=x - NODE_WIDTH / 2,
        top=y - NODE_HEIGHT / 2,
        width=NODE_WIDTH,
        height=NODE_HEIGHT,
        x=x,
        first=y - 4,
        second=y + 13,
        short=_short(node.name.rpartition("/")[2], _CHARACTERS),
        note=_short(node.note or node.stage, _NOTE_CHARACTERS),
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """From the lower side of the parent to the upper side of the child, upright at every point."""
    (x, y), *rest = points
    path = [f"M{x:g} {y + NODE_HEIGHT / 2:g}"]
    at = y + NODE_HEIGHT / 2
    for place, (x_to, y_to) in enumerate(rest):
        end = y_to - NODE_HEIGHT / 2
        middle = (at + end) / 2
        path.append(f"C{x:g} {middle:g} {x_to:g} {middle:g} {x_to:g} {end:g}")
        if place < len(rest) - 1:
            path.append(f"V{y_to + NODE_HEIGHT / 2:g}")
        x, at = x_to, y_to + NODE_HEIGHT / 2
    return str(escape(" ".join(path)))
