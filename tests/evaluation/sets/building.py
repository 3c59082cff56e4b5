"""Small files in the exact forms of the real sets, and what the readers make of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import TypeAdapter

from lineage.config.prompt_sets import OutsideReading
from lineage.evaluation.items import ITEMS, Item, read_items, write_items
from lineage.evaluation.sets.readers import read_set
from lineage.evaluation.sets.reading import Files, PromptSet


def picture(colour: str = "red", form: str = "PNG") -> bytes:
    """A picture file of 8 x 8 pixels."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, form)
    return file.getvalue()


def pictures(folder: Path, names: Iterable[str]) -> Path:
    """Picture files of these names below a folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(form="JPEG" if path.suffix == ".jpg" else "PNG"))
    return folder


def table(path: Path, rows: Sequence[Mapping[str, Any]], *, delimiter: str = ",") -> Path:
    """A CSV or TSV file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def json_file(path: Path, content: Any) -> Path:
    """A JSON file; of a path that ends with `.jsonl` a line an entry."""
    lines = [json.dumps(one) for one in content] if path.suffix == ".jsonl" else [json.dumps(content)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def read(source: str, path: Path | None, images: Path | None = None, **settings: Any) -> PromptSet:
    """A set through its reader; its items survive the file of a prompt set."""
    config: Any = TypeAdapter(OutsideReading).validate_python({"source": source, **settings})
    found = read_set(config, Files(path, images))
    if path is not None:
        kept = path.parent / ITEMS
        write_items(found.items, kept)
        assert read_items(kept) == found.items
    return found


def said(item: Item) -> str:
    """The text of an item's only turn."""
    (turn,) = item.prompt
    assert turn.role == "user"
    assert turn.content.count("<image>") == len(item.images)
    return turn.content
