"""Figures of the study of retrieval: tables in, charts out."""

from lineage.report.retrieval.figures import bottleneck, clusters, decodings, retrievers

__all__ = ["bottleneck", "clusters", "decodings", "retrievers"]
