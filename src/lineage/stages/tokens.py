"""Tokenize a part of a corpus."""

from __future__ import annotations

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.tokenizer import Tokens
from lineage.data.schema import count_rows, read_documents
from lineage.data.tokenization import Tokenized, token_dtype, write_tokens
from lineage.data.tokenizer import end_id, load
from lineage.errors import UserError
from lineage.progress import Progress

FILES = {"training": "documents.parquet", "continuation": "continuation.parquet"}
"""The parts of a corpus that models read."""


def tokens(config: Tokens, *, corpus: Artifact, tokenizer: Artifact, out: ArtifactWriter) -> None:
    """Writes `tokens.bin`, `offsets.npy` and `documents.parquet` (id, source, bytes): every document once, in order.

    Raises:
        UserError: an empty document (with its id), no document at all, or a tokenizer without an end token.
    """
    out.kind = "tokens"
    path = corpus.path(FILES[config.part])
    encoder = load(tokenizer.folder)
    end = end_id(encoder, tokenizer.folder)
    num_documents = count_rows(path)
    if not num_documents:
        raise UserError(
            f"{path}: holds no document.\n  Raise `continuation_share` of the corpus or widen `continuation_sources`."
        )
    # Offsets, and about one token of two bytes for four bytes of text, which Parquet packs to a third or so.
    out.reserve(8 * (num_documents + 1) + path.stat().st_size)
    total = Tokenized(0, 0, 0)
    with Progress("tokenizing", total=num_documents, unit="documents") as progress:
        written = write_tokens(
            read_documents(path),
            num_documents=num_documents,
            tokenizer=encoder,
            end=end,
            folder=out.folder,
            template=config.template,
        )
        for total in written:
            progress.advance(total.documents - progress.done, note=f"{total.tokens:,} tokens")
    out.counts |= {
        "documents": total.documents,
        "tokens": total.tokens,
        "bytes": total.bytes,
        "dtype": token_dtype(encoder).name,
        "vocab_size": encoder.get_vocab_size(),
        "end_id": end,
    }
