"""Count how often each fact of the world stood whole in what the steps of a run really saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.exposures import Exposures
from lineage.data.tokenizer import load

EXPOSURE_SCHEMA = pa.schema(
    [
        pa.field("fact", pa.string(), nullable=False),
        pa.field("step", pa.int64(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
    ]
)

AGE_SCHEMA = pa.schema(
    [pa.field("fact", pa.string(), nullable=False), pa.field("age_steps", pa.int64(), nullable=False)]
)
"""One row an exposure: updates that the model had had since, the one with the exposure included."""

_ENCODED_AT_ONCE = 1000


@dataclass(frozen=True)
class MentionSpans:
    """Mentions as spans of tokens, sorted by document; every array is [mention]."""

    document: NDArray[np.int64]
    """Row of the document in the tokens artifact."""
    fact: NDArray[np.int64]
    """Row of the fact in the world's facts."""
    start: NDArray[np.int64]
    stop: NDArray[np.int64]


def exposures(
    config: Exposures,
    *,
    model: Artifact,
    tokens: Artifact,
    tokenizer: Artifact,
    world: Artifact,
    parent: Artifact | None,
    out: ArtifactWriter,
) -> None:
    """Writes `exposures.parquet`: for each fact, the sentences that stood whole in a row that the model was trained on,
    and `ages.parquet`: how many updates ago each was.

    A sentence that the end of a row cuts in two is not counted, nor is one whose document was removed as a duplicate.
    What the segment showed is added to the counts of `parent`: those of the model that the segment went on from.
    """
    out.kind = "exposures"
    facts = pq.read_table(world.path("facts.parquet"), columns=["id"]).column("id").to_pylist()
    spans = _mention_spans(world, tokens, tokenizer, {fact: row for row, fact in enumerate(facts)})
    counts = _parent_counts(parent, facts)
    last_step, seen, seen_at = model.manifest.counts["step"], list[NDArray[np.int64]](), list[NDArray[np.int64]]()
    for step, document, start, stop in _segments(model, np.unique(spans.document)):
        fact, segment = whole_mentions(spans, document, start, stop)
        np.add.at(counts, fact, 1)
        seen.append(fact)
        seen_at.append(step[segment])
    ages = {"fact": np.concatenate(seen), "age": last_step - np.concatenate(seen_at)}
    _write_ages(ages, facts, parent, model, out)
    steps = np.full(len(facts), last_step)
    columns = {"fact": facts, "step": steps, "count": counts}
    pq.write_table(pa.table(columns, schema=EXPOSURE_SCHEMA), out.path("exposures.parquet"), compression="zstd")
    out.counts |= {"facts": len(facts), "exposures": int(counts.sum())}


def whole_mentions(
    spans: MentionSpans, document: NDArray[np.int64], start: NDArray[np.int64], stop: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(facts, segments): every mention with a segment, tokens [start, stop) of a document, that holds all of it."""
    first = np.searchsorted(spans.document, document, side="left")
    last = np.searchsorted(spans.document, document, side="right")
    lengths = last - first
    segment = np.repeat(np.arange(len(document)), lengths)
    offset = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    mention = np.repeat(first, lengths) + offset
    whole = (spans.start[mention] >= start[segment]) & (spans.stop[mention] <= stop[segment])
    return spans.fact[mention[whole]], segment[whole]


def _segments(model: Artifact, documents: NDArray[np.int64]) -> Iterator[list[NDArray[np.int64]]]:
    """(step, document, start, stop) of the segments that come from `documents`, a row group at a time."""
    names = ["step", "document", "start", "stop"]
    file = pq.ParquetFile(model.path("order.parquet"))
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=names)
        columns = [table.column(name).to_numpy() for name in names]
        wanted = np.isin(columns[1], documents)
        yield [column[wanted] for column in columns]


def _mention_spans(world: Artifact, tokens: Artifact, tokenizer: Artifact, facts: dict[str, int]) -> MentionSpans:
    """Where the sentences that state facts lie in the token stream."""
    ids = pq.read_table(tokens.path("documents.parquet"), columns=["id"]).column("id").to_pylist()
    row_of = {identifier: row for row, identifier in enumerate(ids)}
    lengths = np.diff(np.load(tokens.path("offsets.npy"), allow_pickle=False))
    template = tokens.manifest.spec["template"]
    before_text, _, _ = template.partition("{text}")
    encoder = load(tokenizer.folder)
    mentions: dict[str, list[tuple[str, int, int]]] = {}
    for row in pq.read_table(world.path("mentions.parquet")).to_pylist():
        mentions.setdefault(row["document"], []).append((row["fact"], row["start"], row["stop"]))
    texts = pq.read_table(world.path("documents.parquet"), columns=["id", "title", "text"]).to_pylist()
    kept = [one for one in texts if one["id"] in mentions and one["id"] in row_of]
    found: list[tuple[int, int, int, int]] = []
    for first in range(0, len(kept), _ENCODED_AT_ONCE):
        part = kept[first : first + _ENCODED_AT_ONCE]
        prefixes = [before_text.format(title=one["title"]) for one in part]
        filled = [template.format(text=one["text"], title=one["title"]) for one in part]
        encoded = encoder.encode_batch(filled, add_special_tokens=False)
        for one, prefix, encoding in zip(part, prefixes, encoded, strict=True):
            row = row_of[one["id"]]
            assert len(encoding.ids) + 1 == lengths[row], f"document {one['id']} was tokenized otherwise"
            offsets = np.asarray(encoding.offsets)
            for fact, start, stop in mentions[one["id"]]:
                inside = np.nonzero((offsets[:, 1] > start + len(prefix)) & (offsets[:, 0] < stop + len(prefix)))[0]
                found.append((row, facts[fact], int(inside[0]), int(inside[-1]) + 1))
    found.sort()
    columns = np.asarray(found, dtype=np.int64).reshape(-1, 4)
    return MentionSpans(*columns.T)


def _write_ages(
    ages: dict[str, NDArray[np.int64]],
    facts: list[str],
    parent: Artifact | None,
    model: Artifact,
    out: ArtifactWriter,
) -> None:
    """The exposures of this segment, behind those of the model before, which are older by the steps of the segment."""
    own = pa.table({"fact": [facts[row] for row in ages["fact"]], "age_steps": ages["age"]}, schema=AGE_SCHEMA)
    tables = [own]
    if parent is not None:
        older = pq.read_table(parent.path("ages.parquet"))
        passed = model.manifest.counts["step"] - _first_step(model)
        shifted = older.column("age_steps").to_numpy() + passed
        tables.insert(0, pa.table({"fact": older.column("fact"), "age_steps": shifted}, schema=AGE_SCHEMA))
    pq.write_table(pa.concat_tables(tables), out.path("ages.parquet"), compression="zstd")


def _first_step(model: Artifact) -> int:
    """The first update of the segment."""
    first = pq.ParquetFile(model.path("order.parquet")).read_row_group(0, columns=["step"])
    return first.column("step")[0].as_py()


def _parent_counts(parent: Artifact | None, facts: list[str]) -> NDArray[np.int64]:
    if parent is None:
        return np.zeros(len(facts), np.int64)
    table = pq.read_table(parent.path("exposures.parquet"))
    counts = dict(zip(table.column("fact").to_pylist(), table.column("count").to_pylist(), strict=True))
    return np.asarray([counts[fact] for fact in facts], np.int64)
