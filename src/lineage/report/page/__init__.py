"""One page for an experiment: lineage, matrix, claims, figures, examples, work; one file that needs no network."""

from lineage.report.page.figures import Figure, read_figure
from lineage.report.page.ledger import Study
from lineage.report.page.render import Contents, render

__all__ = ["Contents", "Figure", "Study", "read_figure", "render"]
