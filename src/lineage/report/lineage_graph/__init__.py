"""The lineage as a graph: who was made from whom, in which order tables list them, and a drawing."""

from lineage.report.lineage_graph.drawing import drawing
from lineage.report.lineage_graph.nodes import Lineage, Node, components, listed, make_lineage

__all__ = ["Lineage", "Node", "components", "drawing", "listed", "make_lineage"]
