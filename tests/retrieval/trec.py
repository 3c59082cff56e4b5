"""TREC files of other tools, read as trec_eval does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lineage.retrieval.runs import Run


def read_trec(path: Path) -> Run:
    """The run of a TREC file (`query Q0 document rank score tag`); by falling score, whatever the ranks say."""
    run: Run = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, _, document, _, score, _ = line.split()
        ranking = run.setdefault(query, {})
        assert document not in ranking, f"{query} names {document} twice"
        ranking[document] = np.float32(score).item()
    return {query: dict(sorted(found.items(), key=lambda item: -item[1])) for query, found in run.items()}
