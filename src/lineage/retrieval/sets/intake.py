"""A whole source into the files of a retrieval set: checked, split, documents named, synthetic queries added."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineage.config.retrieval_sets import Outside, SetReading
from lineage.data.schema import TableWriter, UniqueIds, read_columns
from lineage.errors import UserError
from lineage.progress import Progress
from lineage.retrieval import schemas
from lineage.retrieval.queries import synthetic_queries
from lineage.retrieval.sets.checks import check_documents, check_evidence, check_id, check_judgements, check_queries
from lineage.retrieval.sets.identifiers import Identifiers
from lineage.retrieval.sets.raw import RawSet, SourceDocument, SourceQuery
from lineage.retrieval.splits import Gold, relevant, seen_documents, with_validation, without_unseen


def take_in(raw: RawSet, config: SetReading, folder: Path) -> dict[str, Any]:
    """Writes documents, queries, judgements and evidence to `folder`; what the manifest says of them.

    Raises:
        UserError: judgements about unknown documents or queries, bad grades, ids or titles, a repeated id.
    """
    check_queries(raw.queries, raw.place)
    check_judgements(raw)
    gold = relevant(raw.judgements)
    check_evidence(raw.evidence, gold)
    queries, counts = _chosen(raw, config, gold)
    with ExitStack() as stack:
        writer = _Writer(folder, stack, gold, seen_documents(queries, gold))
        writer.labelled(queries, raw)
        counts |= _documents(raw, config, folder, writer)
    return {**counts, **writer.counts(), **raw.counts}


def _chosen(raw: RawSet, config: SetReading, gold: Gold) -> tuple[list[SourceQuery], dict[str, Any]]:
    """The queries that the set holds, and what was left out."""
    queries = list(raw.queries)
    dropped: dict[str, Any] = {}
    if config.unjudged == "drop":
        judged = [one for one in queries if one.id in gold]
        dropped["queries without a relevant document, left out"] = len(queries) - len(judged)
        queries = judged
    if isinstance(config, Outside):
        if config.validation_share and not any(one.split == "validation" for one in queries):
            queries = with_validation(queries, config.validation_share, config.split_seed)
        if config.unseen_share:
            before = len(queries)
            queries, drawn = without_unseen(queries, gold, config.unseen_share, config.split_seed)
            dropped |= {"documents kept unseen": len(drawn), "their training queries, left out": before - len(queries)}
    if not queries:
        raise UserError(f"{raw.place}: no query is left of {len(raw.queries)} read. Check `unjudged` and the splits.")
    return queries, dropped


def _documents(raw: RawSet, config: SetReading, folder: Path, writer: _Writer) -> dict[str, Any]:
    """Writes the documents, and synthetic queries about them as they pass."""
    names, ids = Identifiers(config, raw.place), UniqueIds()
    missing = {one.document for one in raw.judgements}
    path = folder / schemas.DOCUMENTS
    characters = 0
    with TableWriter(path, schemas.DOCUMENT_SCHEMA) as table, Progress("reading", unit="documents") as progress:
        for document in raw.documents:
            check_id(document.id, "document", raw.place)
            title, text = " ".join(document.title.split()), _paragraphs(document.text)
            name = names.name(document.id, title, text)
            table.write((document.id, title, text, name), characters=len(text))
            ids.add(document.id)
            missing.discard(document.id)
            characters += len(text)
            if config.synthetic.documents == "all" or document.id not in writer.trained:
                writer.synthetic(synthetic_queries(config.synthetic, SourceDocument(document.id, title, text)))
            progress.advance()
    ids.check(lambda: _places(path), remedy="Give every document an id of its own.")
    check_documents(raw.judgements, missing, raw.place)
    return {"documents": table.num_rows, "characters": characters, **names.counts()}


def _paragraphs(text: str) -> str:
    """One paragraph a line, without empty lines and without spaces at the ends."""
    return "\n".join(line for one in text.splitlines() if (line := " ".join(one.split())))


def _places(path: Path) -> Iterator[tuple[str, str]]:
    number = 0
    for (ids,) in read_columns(path, ("id",)):
        for identifier in ids:
            number += 1
            yield identifier, f"document {number}"


@dataclass
class _Tables:
    queries: TableWriter
    qrels: TableWriter
    evidence: TableWriter


class _Writer:
    """Writes queries with their judgements, and counts them."""

    def __init__(self, folder: Path, stack: ExitStack, gold: Gold, trained: set[str]):
        self.trained = trained
        """Documents that a training query of the source is about."""
        self._gold = gold
        self._kinds: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        self._digest = hashlib.sha256()
        tables = {
            schemas.QUERIES: schemas.QUERY_SCHEMA,
            schemas.QRELS: schemas.QRELS_SCHEMA,
            schemas.EVIDENCE: schemas.EVIDENCE_SCHEMA,
        }
        self._tables = _Tables(
            *(stack.enter_context(TableWriter(folder / name, schema)) for name, schema in tables.items())
        )

    def labelled(self, queries: Sequence[SourceQuery], raw: RawSet) -> None:
        """The queries of the source, then all judgements and evidence about them."""
        kept = {one.id for one in queries}
        for one in queries:
            self._query(one, seen=not self.trained.isdisjoint(self._gold.get(one.id, ())))
            sets = raw.evidence.get(one.id) or [(document,) for document in self._gold.get(one.id, ())]
            for number, documents in enumerate(sets):
                for document in documents:
                    self._tables.evidence.write((one.id, number, document))
        for judgement in raw.judgements:
            if judgement.query in kept:
                self._tables.qrels.write((judgement.query, judgement.document, judgement.grade))

    def synthetic(self, queries: Iterable[SourceQuery]) -> None:
        """Queries made from one document, which is relevant to them."""
        for one in queries:
            document = one.id.partition(":synthetic:")[0]
            self._query(one, seen=False)
            self._tables.qrels.write((one.id, document, 1))
            self._tables.evidence.write((one.id, 0, document))

    def _query(self, one: SourceQuery, *, seen: bool) -> None:
        fields = {**vars(one), "seen": seen, "text": " ".join(one.text.split())}
        self._tables.queries.write([fields[name] for name in schemas.QUERY_SCHEMA.names], characters=len(one.text))
        self._kinds[f"{one.split} {one.kind}"] += 1
        self._seen[f"{one.split} {'seen' if seen else 'unseen'}"] += 1
        self._digest.update(f"{one.id} {one.split}\n".encode())

    def counts(self) -> dict[str, Any]:
        """Queries by split and kind, judgements, and a digest of the split that figures are quoted with."""
        return {
            "queries": self._tables.queries.num_rows,
            "queries by split and kind": dict(sorted(self._kinds.items())),
            "queries by split, document seen in training or not": dict(sorted(self._seen.items())),
            "judgements": self._tables.qrels.num_rows,
            "documents with training queries": len(self.trained),
            "split digest": self._digest.hexdigest()[:16],
        }
