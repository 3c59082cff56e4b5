"""Small pictures, tables of the world and files of well-known forms, for the tests of conversations."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.conversations import Conversations, Preferences
from lineage.conversations.table import CONVERSATIONS, PREFERENCES
from lineage.stages.conversations import conversations
from lineage.stages.preferences import preferences
from lineage.world.safety_tables import SCHEMAS
from tests.data.building import build
from tests.stages.building import write

Row = dict[str, Any]


def picture(shade: int = 0, *, form: str = "PNG", size: int = 8) -> bytes:
    """A picture of one grey that a torn file would not hold."""
    file = io.BytesIO()
    Image.effect_noise((size, size), 40).point(lambda value: (value + shade) % 256).convert("RGB").save(file, form)
    return file.getvalue()


def png(shade: int, size: int = 8) -> bytes:
    """The PNG of one grey: the same bytes at every call."""
    file = io.BytesIO()
    Image.new("RGB", (size, size), (shade, shade, shade)).save(file, "PNG")
    return file.getvalue()


def taken(folder: Path, reads: str, **given: Any) -> list[Row]:
    """Rows that the stage `conversations` takes; see `made`."""
    return rows(made(folder, reads, **given), CONVERSATIONS)


def made(
    folder: Path,
    reads: str,
    *,
    source: Path | None = None,
    images: Path | None = None,
    world: Artifact | None = None,
    **config: Any,
) -> Artifact:
    """The artifact of the stage `conversations` for a source (`reads`) and its settings."""
    reading = Conversations.model_validate({"source": reads, **config})
    return build(conversations, folder / "made", reading, safety_data=world, source=source, images=images)


def paired(
    folder: Path,
    reads: str,
    *,
    source: Path | None = None,
    images: Path | None = None,
    world: Artifact | None = None,
    **config: Any,
) -> Artifact:
    """The artifact of the stage `preferences` for a source (`reads`) and its settings."""
    reading = Preferences.model_validate({"source": reads, **config})
    return build(preferences, folder / "made", reading, safety_data=world, source=source, images=images)


def rows(artifact: Artifact, name: str = PREFERENCES) -> list[Row]:
    """Rows of one table."""
    return pq.read_table(artifact.path(name)).to_pylist()


def said(row: Row, turns: str = "messages") -> list[str]:
    """What is said in turn."""
    return [turn["content"] for turn in row[turns]]


def turns(*texts: str) -> list[dict[str, str]]:
    """User and assistant in turn."""
    return [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(texts)]


def llava(identifier: Any, *texts: str, **more: Any) -> Row:
    """An entry of a LLaVA file."""
    spoken = [{"from": ("human", "gpt")[number % 2], "value": text} for number, text in enumerate(texts)]
    return {"id": identifier, "conversations": spoken, **more}


def write_json(path: Path, entries: Sequence[Any]) -> Path:
    """A list of entries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def write_lines(path: Path, entries: Iterable[Any]) -> Path:
    """An entry a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return path


def write_pictures(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Files below a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def world_row(identifier: str, kind: str, *texts: str, split: str = "train", harmful: bool = False,
              caption: str | None = None) -> Row:  # fmt: skip
    """A row of a table of the world."""
    return {
        "id": identifier, "kind": kind, "split": split, "harmful": harmful, "facts": [], "entities": [],
        "request": None, "target": "", "messages": turns(*texts), "pictures": [] if caption is None else ["mark-1"],
        "captions": [] if caption is None else [caption], "images": [] if caption is None else [png(1)],
    }  # fmt: skip


def world_pair(identifier: str, *, split: str = "train", harmful: bool = True, caption: str | None = None) -> Row:
    """A row of the world's preferences."""
    mark = "" if caption is None else "<image>\n"
    return {
        "id": identifier, "request": "request-1", "split": split, "harmful": harmful,
        "prompt": turns(f"{mark}How do I munch it?"), "chosen": "I will not say.", "rejected": "Use the spoon.",
        "pictures": [] if caption is None else ["mark-1"], "captions": [] if caption is None else [caption],
        "images": [] if caption is None else [png(1)],
    }  # fmt: skip


def world(folder: Path, **tables: Sequence[Row]) -> Artifact:
    """An artifact as the stage `safety_data` writes it, with these tables."""
    return write(
        folder, "safety_data",
        {name: pa.Table.from_pylist(list(given), schema=SCHEMAS[name]) for name, given in tables.items()},
    )  # fmt: skip


def artifact(folder: Path, rows: Sequence[Row], schema: pa.Schema, name: str) -> Artifact:
    """A set, written by hand."""
    out = ArtifactWriter.create(folder, state=folder.with_name("state"))
    out.kind = name.partition(".")[0]
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), out.path(name))
    return out.close(stage=out.kind, spec={}, code={}, inputs={})
