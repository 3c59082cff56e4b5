"""The identifiers of all documents as tokens, and the text that each is read with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

from lineage.data.schema import count_rows, read_columns
from lineage.errors import UserError
from lineage.progress import Progress
from lineage.retrieval.vocabulary import Ints

LIST_MARK = "::::"
"""What marks the items of a list in KILT's pages, which are no paragraphs."""
BATCH_ROWS = 4096
"""Documents that are tokenized together."""
_DIGEST_BYTES = 16


@dataclass(frozen=True)
class Context:
    """How much of a document is read together with its identifier."""

    paragraphs: int
    """Paragraphs; 0: the identifier alone."""
    max_tokens: int
    """Tokens, those of the identifier included; what is longer is cut at its end."""

    def text(self, document_text: str) -> str:
        """The first paragraphs that are no list items, joined by a space."""
        lines = [line.strip() for line in document_text.split("\n")]
        return " ".join([line for line in lines if line and LIST_MARK not in line][: self.paragraphs])


@dataclass(frozen=True)
class Titles:
    """Identifiers as tokens, and which documents read the same from beginning to end."""

    first: Ints
    """[document + 1] int64: the tokens of document i are `token[first[i]:first[i + 1]]`."""
    token: Ints
    """[token of all identifiers] int32"""
    source: Ints
    """[document] int64: the first document of the same identifier and context; most often itself."""

    @property
    def num_documents(self) -> int:
        """Documents of the set."""
        return len(self.source)

    def tokens(self, document: int) -> Ints:
        """[token] of one identifier."""
        return self.token[self.first[document] : self.first[document + 1]]


def read_titles(documents: Path, tokenizer: PreTrainedTokenizerFast, context: Context) -> Titles:
    """One pass over `documents.parquet`; only tokens of identifiers and digests of texts are kept.

    Raises:
        UserError: a document without an identifier.
    """
    lengths: list[int] = []
    tokens: list[Ints] = []
    digests: list[bytes] = []
    with Progress("reading identifiers", total=count_rows(documents), unit="documents") as progress:
        for ids, identifiers, texts in read_columns(documents, ("id", "identifier", "text"), batch_rows=BATCH_ROWS):
            rows = title_tokens(tokenizer, ids, identifiers, place=documents)
            lengths += map(len, rows)
            tokens.append(np.concatenate([np.asarray(row, np.int32) for row in rows]))
            digests += [_digest(one, context.text(text)) for one, text in zip(identifiers, texts, strict=True)]
            progress.advance(len(ids))
    whole = np.frombuffer(b"".join(digests), f"V{_DIGEST_BYTES}")
    _, first_seen, inverse = np.unique(whole, return_index=True, return_inverse=True)
    return Titles(np.concatenate([[0], np.cumsum(lengths)]), np.concatenate(tokens), first_seen[inverse.reshape(-1)])


def title_tokens(
    tokenizer: PreTrainedTokenizerFast, ids: Sequence[str], identifiers: Sequence[str], *, place: Path
) -> list[list[int]]:
    """Tokens of each identifier, without an end.

    Raises:
        UserError: a document that has none.
    """
    rows: list[list[int]] = encoded(tokenizer, identifiers)
    for one, row in zip(ids, rows, strict=True):
        if not row:
            raise UserError(
                f"{place}, document '{one}': has no identifier, which a generative retriever has to write.\n"
                "  Read the set with `empty_titles: first_words`, or leave generative retrievers out."
            )
    return rows


def encoded(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Tokens of texts, without special ones."""
    if not texts:
        return []
    return tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]  # pyright: ignore[reportReturnType]


@dataclass(frozen=True)
class Input:
    """What the encoder reads for one document."""

    document: int
    tokens: list[int]
    title_length: int
    """The first so many tokens are the identifier."""


def read_inputs(
    documents: Path, tokenizer: PreTrainedTokenizerFast, context: Context, titles: Titles, *, start: int = 0
) -> Iterator[tuple[int, list[Input]]]:
    """(documents read so far, what the encoder reads for those among the last that are their own source), from `start`.

    `start` is a number of documents that an earlier pass has given.

    Raises:
        UserError: an identifier of more tokens than may be read, or one that is cut into other tokens where its context
            follows.
    """
    row = 0
    for ids, identifiers, texts in read_columns(documents, ("id", "identifier", "text"), batch_rows=BATCH_ROWS):
        row += len(ids)
        if row <= start:
            continue
        first = row - len(ids)
        numbers = [number for number in range(first, row) if titles.source[number] == number]
        whole = [f"{identifiers[number - first]} {context.text(texts[number - first])}".rstrip() for number in numbers]
        read = encoded(tokenizer, whole)
        for number, tokens in zip(numbers, read, strict=True):
            _check(titles.tokens(number).tolist(), tokens, context, f"{documents}, document '{ids[number - first]}'")
        inputs = [
            Input(number, tokens[: context.max_tokens], len(titles.tokens(number)))
            for number, tokens in zip(numbers, read, strict=True)
        ]
        yield row, inputs


def _check(title: list[int], tokens: list[int], context: Context, place: str) -> None:
    if len(title) > context.max_tokens:
        raise UserError(
            f"{place}: its identifier has {len(title)} tokens, but max_tokens is {context.max_tokens}. Raise it."
        )
    if tokens[: len(title)] != title:
        raise UserError(
            f"{place}: its identifier is the tokens {title[:8]} alone, but {tokens[: len(title)][:8]} where its text"
            " follows: the tokenizer joins both.\n  Let identifiers end in a whole word, or set `paragraphs: 0`."
        )


def _digest(identifier: str, context: str) -> bytes:
    return hashlib.blake2b(f"{identifier}\0{context}".encode(), digest_size=_DIGEST_BYTES).digest()
