"""Concatenate document sets, remove duplicates, split off what is held out and what is kept for continuations.

A split never parts duplicates: those that are not removed go where the first document of their cluster goes, so that
nothing is held out, or kept back, of which training reads a copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Literal

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.corpus import Corpus
from lineage.config.messages import listed
from lineage.data.deduplication import Cluster, Decision, Deduplication
from lineage.data.schema import (
    DOCUMENT_SCHEMA,
    REMOVAL_SCHEMA,
    Document,
    TableWriter,
    UniqueIds,
    count_rows,
    read_columns,
    read_documents,
)
from lineage.errors import UserError
from lineage.progress import Progress

KINDS = ("documents", "world")


def corpus(config: Corpus, *, documents: list[Artifact], out: ArtifactWriter) -> None:
    """Writes `documents.parquet` (training), `held_out.parquet`, `continuation.parquet` and `removed.parquet`
    (duplicates, what each is of).

    Every document of the sets is in exactly one of the four, in order of the sets, up to the limits of the config.
    In which one depends on seed and id alone, of a duplicate that is kept on those of the first document of its
    cluster: another set beside it changes nothing else.

    Raises:
        UserError: a set of another kind, an id that occurs twice, or nothing left to train on or to hold out.
    """
    out.kind = "corpus"
    for artifact in documents:
        if artifact.kind not in KINDS:
            raise UserError(
                f"{artifact.folder}: kind '{artifact.kind}' holds no documents; a corpus takes {listed(KINDS)}"
            )
    total = sum(count_rows(artifact.path("documents.parquet")) for artifact in documents)
    out.reserve(sum(artifact.path("documents.parquet").stat().st_size for artifact in documents))
    is_split = config.held_out_share > 0 or config.continuation_share > 0
    deduplication = Deduplication(
        exact=config.exact_duplicates,
        near=config.near_duplicates,
        together=config.kept_together if is_split else None,
    )
    sources = _first_pass(documents, deduplication, total)
    _check_sources(config, sources)
    with Progress("splitting", total=total, unit="documents") as progress:
        counts = _write(config, _watched(deduplication.decide(_stream(documents)), progress), out)
    _check_result(config, counts)
    out.counts |= {"documents_read": total, **counts}


def _watched(decisions: Iterable[Decision], progress: Progress) -> Iterator[Decision]:
    for decision in decisions:
        progress.advance()
        yield decision


def _stream(documents: list[Artifact]) -> Iterator[Document]:
    for artifact in documents:
        yield from read_documents(artifact.path("documents.parquet"))


def _first_pass(documents: list[Artifact], deduplication: Deduplication, total: int) -> set[str]:
    """Takes note of every document; the set of sources seen.

    Raises:
        UserError: an id occurs twice.
    """
    ids, sources = UniqueIds(), set[str]()
    with Progress("finding duplicates", total=total, unit="documents") as progress:
        for document in _stream(documents):
            ids.add(document.id)
            sources.add(document.source)
            deduplication.note(document)
            progress.advance()
    ids.check(
        lambda: _places(documents),
        remedy="Ids must be unique over all sets of a corpus: set `id_prefix` of one of them.",
    )
    return sources


def _places(documents: list[Artifact]) -> Iterator[tuple[str, str]]:
    """(id, which document of which set) of every document."""
    for artifact in documents:
        path = artifact.path("documents.parquet")
        number = 0
        for ids, sources in read_columns(path, ("id", "source")):
            for identifier, source in zip(ids, sources, strict=True):
                number += 1
                yield identifier, f"{path} document {number} (source {source})"


def _write(config: Corpus, decisions: Iterable[Decision], out: ArtifactWriter) -> dict[str, int]:
    """Distributes the documents over the three tables and counts them."""
    characters = {"training": 0, "held_out": 0, "continuation": 0}
    reasons = {"exact": 0, "near": 0}
    kept_duplicates = 0
    with (
        TableWriter(out.path("documents.parquet"), DOCUMENT_SCHEMA) as training,
        TableWriter(out.path("held_out.parquet"), DOCUMENT_SCHEMA) as held_out,
        TableWriter(out.path("continuation.parquet"), DOCUMENT_SCHEMA) as continuation,
        TableWriter(out.path("removed.parquet"), REMOVAL_SCHEMA) as removed,
    ):
        tables = {"training": training, "held_out": held_out, "continuation": continuation}
        for document, cluster, removal in decisions:
            if removal is not None:
                removed.write(removal)
                reasons[removal.reason] += 1
                continue
            size = len(document.text)
            if _is_full(config, sum(table.num_rows for table in tables.values()), sum(characters.values()) + size):
                break
            part = part_of(config, cluster)
            kept_duplicates += cluster.id != document.id
            characters[part] += size
            tables[part].write(document, characters=size)
    return {
        "documents": training.num_rows,
        "characters": characters["training"],
        "held_out_documents": held_out.num_rows,
        "held_out_characters": characters["held_out"],
        "continuation_documents": continuation.num_rows,
        "continuation_characters": characters["continuation"],
        "removed_exact": reasons["exact"],
        "removed_near": reasons["near"],
        "kept_duplicates": kept_duplicates,
    }


def _is_full(config: Corpus, num_documents: int, num_characters: int) -> bool:
    too_many = config.max_documents is not None and num_documents >= config.max_documents
    too_long = config.max_characters is not None and num_characters > config.max_characters
    return too_many or too_long


def part_of(config: Corpus, cluster: Cluster) -> Literal["training", "held_out", "continuation"]:
    """The part that a document and its duplicates belong to: a function of seed, and of the first one's id and source.

    A share is one of clusters. Of documents it is met on average, whatever the sizes of clusters: these do not enter
    the hash. The deviation is sqrt(share (1 - share) sum(size^2)) documents, sqrt(share (1 - share) n) without
    duplicates.
    """
    held_out = (config.held_out_share, config.held_out_sources, f"{config.seed}:{cluster.id}")
    continuation = (config.continuation_share, config.continuation_sources, f"{config.seed}:continuation:{cluster.id}")
    if _is_drawn(cluster, *held_out):
        return "held_out"
    return "continuation" if _is_drawn(cluster, *continuation) else "training"


def _is_drawn(cluster: Cluster, share: float, sources: tuple[str, ...] | None, key: str) -> bool:
    if sources is not None and not cluster.source.startswith(sources):
        return False
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") < share * 2**64


def _check_sources(config: Corpus, sources: set[str]) -> None:
    """
    Raises:
        UserError: an entry of `held_out_sources` or `continuation_sources` that no document's source begins with.
    """
    for key in ("held_out_sources", "continuation_sources"):
        for prefix in getattr(config, key) or ():
            if not any(source.startswith(prefix) for source in sources):
                raise UserError(
                    f"{key} names '{prefix}', but no document's source begins with it.\n"
                    f"  sources found: {listed(sorted(sources))}"
                )


def _check_result(config: Corpus, counts: dict[str, int]) -> None:
    """
    Raises:
        UserError: no training document, or none held out or kept back although a share was asked for.
    """
    if not counts["documents"]:
        raise UserError("the corpus has no training document.\n  Raise the limits or lower `held_out_share`.")
    for part in ("held_out", "continuation"):
        share = getattr(config, f"{part}_share")
        if share and not counts[f"{part}_documents"]:
            raise UserError(
                f"{part}_share is {share}, but none of {counts['documents']:,} documents was drawn.\n"
                f"  Raise it, widen `{part}_sources`, or set it to 0."
            )
