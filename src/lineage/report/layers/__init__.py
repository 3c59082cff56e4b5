"""Figures of layers and weights: tables in, charts out."""

from lineage.report.layers.curves import curves_by_layer, drift_by_layer
from lineage.report.layers.trials import restored_layers, scaled_layers
from lineage.report.layers.vectors import angles_by_module, loss_along_vectors

__all__ = [
    "angles_by_module",
    "curves_by_layer",
    "drift_by_layer",
    "loss_along_vectors",
    "restored_layers",
    "scaled_layers",
]
