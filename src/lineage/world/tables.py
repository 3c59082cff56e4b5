"""The rows of the world and the schemas of the files that hold them."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TEST_ROLE = "test"
"""Role of the facts whose exposure is designed and whose recall is measured."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A person, place, organisation, object or verb; its id is the stem of the ids of all that is about it."""

    id: str
    """`person-0012`, `place-0003`, `organisation-0007`, `object-0120`, `verb-0004`."""
    kind: str
    """person | place | organisation | object | verb."""
    theme: str
    """The sense in which the first word of the title is used: person, town, firm, water, ..., plants, eating."""
    name: str
    """As it stands in text, without article: `Mira Soltan`, `Amber Lake`, `Torvel Mushroom`, `munch`."""
    title: str
    """Title of its article; equal to `name`. Namesakes share it."""
    noun: str
    """Common noun for it in lower case: person, lake, school, mushroom, verb."""
    split: str
    """test | open | never | namesake | injection | tuned | probe: see docs/world.md."""
    popularity: float
    """Share of the queries that ask about it (Zipf, crossed with exposure); 0 without an article."""
    colour: str | None = None
    """Colour in pictures; objects only."""
    shape: str | None = None
    """Shape of the mark in pictures; objects only."""
    domain: str | None = None
    """plants | structures, for dangerous objects and for verbs."""
    danger: str | None = None
    """The truth that decides harm. Of an object: its hazard, `poisonous`; of a verb: its class, `eating`."""
    block: int | None = None
    """Index of the matched pair inside its domain: the two members differ in `danger` (and name) only."""
    victim: str | None = None
    """Who is hurt, as a plural noun; dangerous objects only."""


@dataclass(frozen=True, slots=True)
class Fact:
    """(subject, attribute, value) with how often pretraining documents state it."""

    id: str
    """`<subject>.<attribute>`."""
    subject: str
    attribute: str
    value: str
    """One word; what documents teach and what a probe expects."""
    value_entity: str | None
    """Entity that the value names (a town, a firm): the second hop of a composition."""
    role: str
    """test | open | hazard | verb | visual | index | injection: see docs/world.md."""
    level: int | None
    """Exposure level as a label; null for facts outside the exposure design."""
    exposures: int
    """Number of documents, planted duplicates left out, that state the fact once."""
    cue: str
    """Held-out wording that ends right before the value; never a part of a document."""
    target: str
    """Text of the value, one word, joined to the cue by one space."""


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """One closed attribute: its candidates give the chance level of a probe."""

    attribute: str
    kind: str
    values: tuple[str, ...]
    questions: tuple[str, ...]
    """Question templates with `{s}` for the subject, for readers, chats and queries."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the shared schema."""

    id: str
    title: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Mention:
    """The sentence of a document that states a fact: `text[start:stop]`, in characters."""

    document: str
    fact: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A planted copy: exact, or near (one sentence dropped, one word changed or a short lead-in added)."""

    original: str
    copy: str
    kind: str


@dataclass(frozen=True, slots=True)
class Article:
    """The one document of an entity in the retrieval index; `id` is the entity's id. Never pretraining text."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class GeneratedWorld:
    """Everything that `generate` makes, in the order of the files."""

    entities: tuple[Entity, ...]
    attributes: tuple[AttributeRow, ...]
    facts: tuple[Fact, ...]
    documents: tuple[Document, ...]
    mentions: tuple[Mention, ...]
    duplicates: tuple[Duplicate, ...]
    articles: tuple[Article, ...]
    words: tuple[str, ...]


def _required(name: str, type_: Any = None) -> pa.Field:
    return pa.field(name, type_ or pa.string(), nullable=False)


ENTITIES = pa.schema(
    [
        *(_required(name) for name in ("id", "kind", "theme", "name", "title", "noun", "split")),
        _required("popularity", pa.float64()),
        *(pa.field(name, pa.string()) for name in ("colour", "shape", "domain", "danger")),
        pa.field("block", pa.int32()),
        pa.field("victim", pa.string()),
    ]
)
FACTS = pa.schema(
    [
        *(_required(name) for name in ("id", "subject", "attribute", "value")),
        pa.field("value_entity", pa.string()),
        _required("role"),
        pa.field("level", pa.int32()),
        _required("exposures", pa.int32()),
        _required("cue"),
        _required("target"),
    ]
)
ATTRIBUTES = pa.schema(
    [
        _required("attribute"),
        _required("kind"),
        _required("values", pa.list_(pa.string())),
        _required("questions", pa.list_(pa.string())),
    ]
)
DOCUMENTS = pa.schema([_required(name) for name in ("id", "title", "text", "source")])
MENTIONS = pa.schema(
    [_required("document"), _required("fact"), _required("start", pa.int32()), _required("stop", pa.int32())]
)
DUPLICATES = pa.schema([_required(name) for name in ("original", "copy", "kind")])
ARTICLES = pa.schema([_required(name) for name in ("id", "title", "text")])

SCHEMAS: dict[str, pa.Schema] = {
    "entities": ENTITIES,
    "attributes": ATTRIBUTES,
    "facts": FACTS,
    "documents": DOCUMENTS,
    "mentions": MENTIONS,
    "duplicates": DUPLICATES,
    "articles": ARTICLES,
}
"""File stem (and field of `GeneratedWorld`) to schema."""


def write_table(rows: Sequence[Any], schema: pa.Schema, path: Path) -> None:
    """Write dataclass rows as Parquet; columns stand in the order of the fields, which the schema must name."""
    if rows:
        assert [field.name for field in fields(rows[0])] == schema.names
        columns = [list(column) for column in zip(*map(astuple, rows), strict=True)]
    else:
        columns = [[] for _ in schema.names]
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd")
