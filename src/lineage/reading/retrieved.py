"""What each retriever found first for a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lineage.artifact import Artifact
from lineage.errors import UserError
from lineage.retrieval import schemas
from lineage.retrieval.runs import read_run
from lineage.retrieval.tables import QueryRow

TEST, VALIDATION = "test", "validation"


def first_documents(names: Sequence[str], runs: Sequence[Artifact], *, split: str) -> dict[str, dict[str, str]]:
    """Retriever to the first document of each query; a query without a row found nothing.

    Raises:
        UserError: a retriever that did not search for the queries of this split.
    """
    assert len(names) == len(runs), "a name a run"
    found = {}
    for name, run in zip(names, runs, strict=True):
        searched = run.manifest.counts["queries by split"]
        if split not in searched:
            raise UserError(
                f"retriever '{name}' did not search for the {split} queries, only for: {', '.join(searched)}.\n"
                "  Add the split to its `splits`."
            )
        found[name] = {query: next(iter(ranking)) for query, ranking in read_run(run.path(schemas.RUN)).items()}
    return found


def hit_rate(first: Mapping[str, str], queries: Sequence[QueryRow], grades: Mapping[str, Mapping[str, int]]) -> float:
    """Share of queries whose first document is relevant."""
    hits = [grades.get(one.id, {}).get(first.get(one.id, ""), 0) > 0 for one in queries]
    return sum(hits) / len(hits)
