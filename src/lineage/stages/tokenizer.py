"""Train a tokenizer on a corpus, or take an existing one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.tokenizer import ExistingTokenizer
from lineage.config.tokenizer import Tokenizer as TokenizerConfig
from lineage.data import tokenizer as bpe
from lineage.data.schema import count_rows, read_columns
from lineage.errors import UserError
from lineage.progress import Progress


def tokenizer(
    config: TokenizerConfig,
    *,
    corpus: Artifact | None,
    world: Artifact | None,
    source: Path | None,
    out: ArtifactWriter,
) -> None:
    """Writes a folder that `AutoTokenizer.from_pretrained` loads.

    A trained tokenizer keeps every word of the world's `words.txt` as one token after a space; of an existing one the
    manifest says how many words it splits.

    Raises:
        UserError: `vocab_size` too small, a word that cannot be one token, or no usable existing tokenizer.
    """
    out.kind = "tokenizer"
    words = [] if world is None else _words(world)
    if config.existing is not None:
        made = bpe.copy(_existing_folder(config.existing, source), out.folder)
    else:
        if corpus is None:
            raise UserError("a tokenizer is trained on a corpus: name one, or set `existing`")
        texts = _texts(corpus.path("documents.parquet"), config)
        made = bpe.train(texts, vocab_size=config.vocab_size, min_frequency=config.min_frequency, words=words)
        bpe.save(made, out.folder)
    out.counts |= {
        "vocab_size": made.get_vocab_size(),
        "words": len(words),
        "words_split": len(bpe.split_words(made, words)),
    }


def _words(world: Artifact) -> list[str]:
    return world.path("words.txt").read_text(encoding="utf-8").splitlines()


def _existing_folder(existing: ExistingTokenizer, source: Path | None) -> Path:
    """
    Raises:
        UserError: neither or both of folder and hub id, or no such folder.
    """
    if (existing.name is None) == (source is None):
        raise UserError("`existing` needs either `name` (a hub id) or `path` (a folder with tokenizer.json)")
    if source is None:
        assert existing.name is not None and existing.revision is not None
        return bpe.fetch(existing.name, existing.revision)
    if not source.is_dir():
        raise UserError(f"{source}: no such folder.\n  Set `existing: {{path: ...}}` relative to `data_root`.")
    return source


def _texts(path: Path, config: TokenizerConfig) -> Iterator[str]:
    """Texts to train on: all, or documents drawn by a hash of (seed, id) so that about `sample_characters` come."""
    share = 1.0
    if config.sample_characters is not None:
        characters = sum(len(text) for (texts,) in read_columns(path, ("text",), batch_rows=256) for text in texts)
        share = min(1.0, config.sample_characters / max(characters, 1))
    with Progress("training the tokenizer", total=count_rows(path), unit="documents") as progress:
        for ids, texts in read_columns(path, ("id", "text"), batch_rows=256):
            for identifier, text in zip(ids, texts, strict=True):
                if share >= 1 or _fraction(config.seed, identifier) < share:
                    yield text
            progress.advance(len(ids))


def _fraction(seed: int, identifier: str) -> float:
    digest = hashlib.blake2b(f"{seed}:{identifier}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64
