"""Documents to one file of tokens, in memory bounded by a batch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from lineage.data.schema import TOKENIZED_SCHEMA, Document, TableWriter
from lineage.errors import UserError

BATCH_CHARACTERS = 1 << 20
"""A token costs about 100 bytes inside an encoding, so a batch takes some 30 MB."""
CUT = re.compile(r"(?<=\S) (?=\S)")
"""One space between two words: byte-level BPE cuts there, and a piece that starts with a space gets no second one."""


class Tokenized(NamedTuple):
    """Totals of what was written."""

    documents: int
    tokens: int
    bytes: int
    """UTF-8 bytes of the rendered documents."""


def token_dtype(tokenizer: Tokenizer) -> np.dtype:
    """Little-endian uint16 if every id fits, else uint32."""
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values())
    return np.dtype("<u2") if largest < 1 << 16 else np.dtype("<u4")


def rendered(document: Document, template: str) -> str:
    """What is tokenized for a document.

    Raises:
        UserError: it is empty.
    """
    if not document.text or document.text.isspace():
        raise UserError(
            f"document '{document.id}' (source {document.source}) has no text to tokenize.\n"
            "  Remove it where it is read, for example with `empty_rows: drop`."
        )
    return template.format(text=document.text, title=document.title)


def pieces(text: str, *, characters: int) -> Iterator[str]:
    """The text in pieces of about `characters`, cut where byte-level BPE cuts anyway: the same tokens in less memory.

    A stretch without a space between words is not cut.
    """
    start = 0
    while len(text) - start > characters:
        cut = CUT.search(text, start + characters)
        if cut is None:
            break
        yield text[start : cut.start()]
        start = cut.start()
    yield text[start:] if start else text


def write_tokens(
    documents: Iterable[Document],
    *,
    num_documents: int,
    tokenizer: Tokenizer,
    end: int,
    folder: Path,
    template: str = "{text}",
    batch_characters: int = BATCH_CHARACTERS,
) -> Iterator[Tokenized]:
    """Writes `tokens.bin`, `offsets.npy` and `documents.parquet` below `folder`; gives the totals after every batch.

    Document i is `tokens[offsets[i]:offsets[i + 1]]`, the last of them `end`. `num_documents` must be right: offsets
    are written as they come, after a header that holds their number.

    Raises:
        UserError: an empty document.
    """
    dtype = token_dtype(tokenizer)
    cut = _is_byte_level(tokenizer)
    total = Tokenized(0, 0, 0)
    with ExitStack() as stack:
        tokens = stack.enter_context((folder / "tokens.bin").open("wb"))
        offsets = stack.enter_context((folder / "offsets.npy").open("wb"))
        table = stack.enter_context(TableWriter(folder / "documents.parquet", TOKENIZED_SCHEMA))
        header = {"descr": "<i8", "fortran_order": False, "shape": (num_documents + 1,)}
        np.lib.format.write_array_header_1_0(offsets, header)
        np.zeros(1, dtype="<i8").tofile(offsets)
        for batch in _batches(documents, template, batch_characters):
            total = _write_batch(
                batch, total, tokenizer, end, dtype, tokens, offsets, table, batch_characters if cut else 0
            )
            yield total
    assert total.documents == num_documents, f"{total.documents} documents came, {num_documents} were announced"


Batch = list[tuple[Document, str, int]]
"""(document, rendered text, its UTF-8 bytes)."""


def _batches(documents: Iterable[Document], template: str, batch_characters: int) -> Iterator[Batch]:
    batch: Batch = []
    characters = 0
    for document in documents:
        text = rendered(document, template)
        batch.append((document, text, len(text) if text.isascii() else len(text.encode())))
        characters += len(text)
        if characters >= batch_characters:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _write_batch(
    batch: Batch,
    total: Tokenized,
    tokenizer: Tokenizer,
    end: int,
    dtype: np.dtype,
    tokens: BinaryIO,
    offsets: BinaryIO,
    table: TableWriter,
    piece_characters: int,
) -> Tokenized:
    """Encodes and appends one batch; `piece_characters` 0 means that documents may not be cut."""
    ends = np.empty(len(batch), dtype="<i8")
    position = total.tokens
    end_token = np.array([end], dtype=dtype).tobytes()
    texts = [text for _, text, _ in batch]
    if piece_characters and max(map(len, texts)) > piece_characters:
        encoded = (_encode_long(text, tokenizer, dtype, piece_characters) for text in texts)
    else:
        encoded = (np.array(encoding.ids, dtype=dtype) for encoding in _encode(tokenizer, texts))
    for i, ids in enumerate(encoded):
        tokens.write(ids.tobytes())
        tokens.write(end_token)
        position += len(ids) + 1
        ends[i] = position
        document, _, num_bytes = batch[i]
        table.write((document.id, document.source, num_bytes))
    offsets.write(ends.tobytes())
    return Tokenized(total.documents + len(batch), position, total.bytes + sum(size for _, _, size in batch))


def _encode(tokenizer: Tokenizer, texts: list[str]) -> list:
    return tokenizer.encode_batch_fast(texts, add_special_tokens=False)


def _encode_long(text: str, tokenizer: Tokenizer, dtype: np.dtype, piece_characters: int) -> np.ndarray:
    parts = [
        np.array(_encode(tokenizer, [piece])[0].ids, dtype=dtype) for piece in pieces(text, characters=piece_characters)
    ]
    return np.concatenate(parts)


def _is_byte_level(tokenizer: Tokenizer) -> bool:
    """Whether the tokenizer cuts text as `pieces` supposes: GPT-2's pattern and nothing before it."""
    description = json.loads(tokenizer.to_str())
    before = description["pre_tokenizer"]
    if description["normalizer"] is not None or before is None or before["type"] != "ByteLevel":
        return False
    return before.get("use_regex", True)
