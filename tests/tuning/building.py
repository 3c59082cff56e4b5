"""A tiny decoder, pictures of coloured squares, and conversations about them, for the tests of the tuning stages."""

from __future__ import annotations

import io
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.pretrain import Architecture
from lineage.conversations.table import CONVERSATION_SCHEMA, PREFERENCE_SCHEMA
from lineage.data import tokenizer as tokenizers
from lineage.models.decoder import build_decoder, open_tokenizer, save_decoder
from tests.stages.building import write

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220), "white": (250, 250, 250)}
WORDS = [*COLOURS, "What", "colour", "is", "this", "A", "square", "Say", "yes", "no", "please", "It"]
ARCHITECTURE = {
    "model_type": "llama",
    "settings": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
        "tie_word_embeddings": True,
    },
}
OPTIMIZATION = {"batch_conversations": 8, "sequence_length": 48, "peak_learning_rate": 1e-2, "warmup_steps": 2}


def square(colour: str, *, seed: int = 0, size: int = 16) -> bytes:
    """A PNG of one colour with a little noise."""
    draw = random.Random(f"{colour} {seed}")
    image = Image.new("RGB", (size, size))
    image.putdata(
        [tuple(max(0, min(255, part + draw.randint(-15, 15))) for part in COLOURS[colour]) for _ in range(size * size)]
    )
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def row(number: int, question: str, answer: str, *images: bytes, kind: str = "chat", **more: Any) -> dict[str, Any]:
    """A row of `conversations.parquet`."""
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {
        "id": f"{kind}-{number}", "kind": kind, "harmful": None, "messages": turns, "images": list(images),
        "captions": [], **more,
    }  # fmt: skip


def captions(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    """Squares with their captions."""
    names = list(COLOURS)
    return [
        row(
            number, "<image>", f"A {names[number % 4]} square", square(names[number % 4], seed=number), kind="caption",
            captions=[f"A {names[number % 4]} square"],
        )
        for number in range(first, first + count)
    ]  # fmt: skip


def questions(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    """Squares with a question about their colour."""
    names = list(COLOURS)
    return [
        row(
            number, "<image>What colour is this", f"It is {names[number % 4]}", square(names[number % 4], seed=number),
            kind="colour", captions=[f"A {names[number % 4]} square"],
        )
        for number in range(first, first + count)
    ]  # fmt: skip


def chats(count: int) -> list[dict[str, Any]]:
    """Text only."""
    return [
        row(number, "Say yes please" if number % 2 else "Say no", "yes" if number % 2 else "no")
        for number in range(count)
    ]


def conversations(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Artifact:
    """A set of conversations."""
    return write(
        folder, "conversations", {"conversations": pa.Table.from_pylist(list(rows), schema=CONVERSATION_SCHEMA)}
    )


def preferences(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Artifact:
    """A set of pairs."""
    return write(folder, "preferences", {"preferences": pa.Table.from_pylist(list(rows), schema=PREFERENCE_SCHEMA)})


def pair(number: int, prompt: str, chosen: str, rejected: str, *images: bytes) -> dict[str, Any]:
    """A row of `preferences.parquet`."""
    return {
        "id": f"pair-{number}", "kind": "pair", "harmful": None, "prompt": [{"role": "user", "content": prompt}],
        "chosen": chosen, "rejected": rejected, "images": list(images), "captions": [],
    }  # fmt: skip


def tokenizer(folder: Path) -> Artifact:
    """The words above, each one token, and bytes."""
    folder.mkdir(parents=True)
    whole = folder.with_name(f"{folder.name}.files")
    whole.mkdir()
    tokenizers.save(tokenizers.train([" ".join(WORDS)], vocab_size=330, min_frequency=1, words=WORDS), whole)
    return write(folder, "tokenizer", {}, texts={path.name: path.read_text() for path in whole.iterdir()})


def base(folder: Path, words: Artifact) -> Artifact:
    """A decoder with random weights."""
    files = folder.with_name(f"{folder.name}.files")
    files.mkdir(parents=True)
    model = build_decoder(Architecture.model_validate(ARCHITECTURE), open_tokenizer(words.folder), seed=0)
    save_decoder(model, files, words.folder)
    out = ArtifactWriter.create(folder, state=folder.with_name(f"{folder.name}.state"))
    out.kind = "model"
    for path in files.iterdir():
        out.path(path.name).write_bytes(path.read_bytes())
    return out.close(stage="pretrain", spec={}, code={}, inputs={})
