"""Write what a reader is asked: test facts alone, behind right, wrong and swapped passages, and retrieved ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.reading import ReadingPrompts
from lineage.errors import UserError
from lineage.evaluation.items import ITEMS, write_items
from lineage.reading.items import SHOWN, SHOWN_SCHEMA, asked_items
from lineage.reading.retrieved import TEST, first_documents
from lineage.reading.world import read_world
from lineage.retrieval import schemas
from lineage.retrieval.tables import read_queries


def reading_prompts(
    config: ReadingPrompts, *, world: Artifact, retrieval_set: Artifact, runs: list[Artifact], out: ArtifactWriter
) -> None:
    """Writes `items.parquet` and `shown.parquet`, which says what stands for which condition and retriever.

    Raises:
        UserError: no query of the kind asks for a test fact, or a retriever did not search for the test queries.
    """
    out.kind = "prompts"
    queries = read_queries(retrieval_set.path(schemas.QUERIES), (TEST,))
    found = first_documents(config.runs, runs, split=TEST)
    items, shown = asked_items(config, read_world(world), queries, found)
    if not items:
        raise UserError(
            f"{retrieval_set.folder}: no query of kind '{config.kind}' asks for a test fact.\n"
            "  Add the kind to `kinds` of the retrieval set, or choose another `reading.kind`."
        )
    write_items(items, out.path(ITEMS))
    table = pa.Table.from_pylist([asdict(one) for one in shown], schema=SHOWN_SCHEMA)
    pq.write_table(table, out.path(SHOWN), compression="zstd")
    facts = len({one.fact for one in shown})
    out.counts |= {"items": len(items), "facts": facts, **dict(sorted(Counter(one.task for one in items).items()))}
