"""All that the world says about one id: the entity, its facts and their exposure, its documents, article and hazard."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from lineage.errors import UserError


def describe(artifact_folder: Path, id: str) -> dict[str, Any]:
    """What the tables of a world artifact hold about an entity, a fact or a document.

    For an entity (or one of its facts, or its exact title) the keys are `entity`, `facts` (each with `documents`, the
    ids that state it, planted copies included), `documents` (id, title, source, text), `article` and `hazard`; for a
    document they are `document`, `states` and `copies`. All values are plain JSON types.

    Raises:
        UserError: nothing has this id or title (with the nearest ones).
    """
    entities = _rows(artifact_folder, "entities")
    by_id = {row["id"]: row for row in entities}
    found = _subject(id, by_id, _rows(artifact_folder, "facts", columns=["id", "subject"]))
    if found is not None:
        return _entity(artifact_folder, by_id[found], only_fact=id if id != found and "." in id else None)
    documents = _rows(artifact_folder, "documents", "id", [id])
    if documents:
        return _document(artifact_folder, documents[0])
    titled = [row["id"] for row in entities if row["title"] == id]
    if len(titled) == 1:
        return _entity(artifact_folder, by_id[titled[0]], only_fact=None)
    raise UserError(_unknown(id, titled, entities))


def _subject(id: str, entities: dict[str, dict[str, Any]], facts: Iterable[dict[str, Any]]) -> str | None:
    if id in entities:
        return id
    return next((row["subject"] for row in facts if row["id"] == id), None)


def _entity(folder: Path, entity: dict[str, Any], only_fact: str | None) -> dict[str, Any]:
    facts = _rows(folder, "facts", "subject", [entity["id"]])
    if only_fact is not None:
        facts = [fact for fact in facts if fact["id"] == only_fact]
    mentions = _rows(folder, "mentions", "fact", [fact["id"] for fact in facts])
    for fact in facts:
        fact["documents"] = [row["document"] for row in mentions if row["fact"] == fact["id"]]
    article = _rows(folder, "articles", "id", [entity["id"]])
    return {
        "entity": entity,
        "facts": facts,
        "documents": _rows(folder, "documents", "id", sorted({row["document"] for row in mentions})),
        "article": article[0] if article else None,
        "hazard": _hazard(entity, facts),
    }


def _hazard(entity: dict[str, Any], facts: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The truth about danger beside what documents teach; they differ in the world of permuted hazards."""
    if entity["danger"] is None:
        return None
    taught = next((fact["value"] for fact in facts if fact["attribute"] in ("hazard", "manner")), None)
    keys = ("domain", "danger", "victim", "split", "block")
    return {**{key: entity[key] for key in keys}, "taught": taught}


def _document(folder: Path, document: dict[str, Any]) -> dict[str, Any]:
    states = _rows(folder, "mentions", "document", [document["id"]])
    for row in states:
        row["sentence"] = document["text"][row["start"] : row["stop"]]
    duplicates = _rows(folder, "duplicates")
    copies = [row for row in duplicates if document["id"] in (row["original"], row["copy"])]
    return {"document": document, "states": states, "copies": copies}


def _unknown(id: str, titled: list[str], entities: Iterable[dict[str, Any]]) -> str:
    if titled:
        return f"world: {len(titled)} entities have the title {id!r}; give one of the ids: {', '.join(titled)}"
    names = {name: row["id"] for row in entities for name in (row["id"], row["title"])}
    near = get_close_matches(id, names, n=3)
    shown = ", ".join(name if name == names[name] else f"{name} ({names[name]})" for name in near)
    hint = f"Did you mean {shown}?" if near else "Ids look like person-0012, person-0012.birthplace or facts-00042."
    return f"world: {id!r} is no entity, fact, document or title. {hint}"


def _rows(
    folder: Path,
    table: str,
    column: str | None = None,
    among: list[str] | None = None,
    columns: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Rows of one table, all of them or those whose `column` is in `among`."""
    path = folder / f"{table}.parquet"
    if not path.exists():
        raise UserError(f"{path} is missing: {folder} is no world artifact, or it is only half there")
    filters = None if column is None else pc.field(column).isin(among or [])
    return pq.read_table(path, columns=columns, filters=filters).to_pylist()
