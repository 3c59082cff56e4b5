"""Tokenization: every document once, in order, ended, counted; the same bytes whatever the sizes of the batches."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lineage.artifact import Artifact
from lineage.config.tokenizer import Tokens
from lineage.data.schema import Document
from lineage.data.tokenization import pieces, token_dtype, write_tokens
from lineage.data.tokenizer import END, load, save, train
from lineage.errors import UserError
from lineage.stages.tokens import tokens
from tests.data.building import build, numbered, write_documents
from tests.data.test_tokenizer import prose

TEXTS = ["One line.", "caf\u00e9 \u4e2d\u6587", f"quotes {END} in its text", " leading space", *prose(3, 30)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    from lineage.artifact import ArtifactWriter

    out = ArtifactWriter.create(tmp_path_factory.mktemp("made") / "tokenizer", state=Path("state"))
    out.kind = "tokenizer"
    save(train(prose(0), vocab_size=500, min_frequency=2), out.folder)
    return out.close(stage="tokenizer", spec={}, code={}, inputs={})


def parts(made: Artifact) -> list[list[int]]:
    """The tokens of each document."""
    stream = np.fromfile(made.path("tokens.bin"), dtype=made.manifest.counts["dtype"])
    offsets = np.load(made.path("offsets.npy"))
    assert offsets[0] == 0
    assert offsets[-1] == len(stream) == made.manifest.counts["tokens"]
    return [stream[start:stop].tolist() for start, stop in pairwise(offsets)]


def test_every_document_once_in_order_with_its_end(tokenizer: Artifact, tmp_path: Path) -> None:
    corpus = write_documents(tmp_path / "corpus", numbered(TEXTS), kind="corpus")
    made = build(tokens, tmp_path / "tokens", Tokens(), corpus=corpus, tokenizer=tokenizer)
    loaded = load(tokenizer.folder)
    found = parts(made)
    assert np.load(made.path("offsets.npy")).dtype == np.int64
    assert made.manifest.counts["dtype"] == "uint16"
    assert [ids[-1] for ids in found] == [1] * len(TEXTS)
    assert all(1 not in ids[:-1] for ids in found)
    decoded = [loaded.decode(ids[:-1]) for ids in found]
    assert decoded == [text if text.startswith(" ") else f" {text}" for text in TEXTS]
    rows = pq.read_table(made.path("documents.parquet")).to_pylist()
    assert rows == [
        {"id": str(number), "source": "notes", "bytes": len(text.encode())} for number, text in enumerate(TEXTS)
    ]
    assert made.manifest.counts["bytes"] == sum(len(text.encode()) for text in TEXTS)
    assert made.manifest.counts["documents"] == len(TEXTS)


def test_small_and_large_row_groups_give_the_same_bytes(tokenizer: Artifact, tmp_path: Path) -> None:
    made = []
    for rows in (3, 10_000):
        corpus = write_documents(tmp_path / f"corpus{rows}", numbered(TEXTS), kind="corpus", row_group_rows=rows)
        assert pq.read_metadata(corpus.path("documents.parquet")).num_row_groups == (1 if rows > 3 else 12)
        made.append(build(tokens, tmp_path / f"tokens{rows}", Tokens(), corpus=corpus, tokenizer=tokenizer))
    assert made[0].manifest.files == made[1].manifest.files


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text(min_size=1, max_size=60).filter(lambda text: not text.isspace()), min_size=1, max_size=8),
    batch_characters=st.integers(1, 40),
)
def test_batches_and_pieces_give_the_same_bytes(
    tokenizer: Artifact, tmp_path_factory: pytest.TempPathFactory, texts: list[str], batch_characters: int
) -> None:
    """Batches this small cut documents into pieces: never another token than in one go."""
    loaded, documents = load(tokenizer.folder), numbered([*texts, " ".join(texts), "a b  c d\n e 's t 1 2 . , x"])
    contents = []
    for characters in (batch_characters, 1 << 20):
        folder = tmp_path_factory.mktemp("tokens")
        for _ in write_tokens(
            documents,
            num_documents=len(documents),
            tokenizer=loaded,
            end=1,
            folder=folder,
            batch_characters=characters,
        ):
            pass
        contents.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert contents[0] == contents[1]


@given(st.text("ab \n", max_size=60), st.integers(1, 20))
def test_pieces_are_the_text(text: str, characters: int) -> None:
    assert "".join(pieces(text, characters=characters)) == text


def test_template(tokenizer: Artifact, tmp_path: Path) -> None:
    documents = [Document("a", "The {mill}", "It {stands}.", "notes")]
    corpus = write_documents(tmp_path / "corpus", documents, kind="corpus")
    config = Tokens(template="{title}\n{text}")
    made = build(tokens, tmp_path / "tokens", config, corpus=corpus, tokenizer=tokenizer)
    expected = "The {mill}\nIt {stands}."
    assert load(tokenizer.folder).decode(parts(made)[0][:-1]) == f" {expected}"
    assert made.manifest.counts["bytes"] == len(expected)


@pytest.mark.parametrize(
    "template", ["{title}", "{text} {id}", "{text.__class__}", "{text!r}", "{text:>9}", "no field"]
)
def test_template_with_other_fields(template: str) -> None:
    with pytest.raises(ValidationError, match="nothing else in braces"):
        Tokens(template=template)


@pytest.mark.parametrize("text", ["", " \n"])
def test_empty_document_is_named(tokenizer: Artifact, tmp_path: Path, text: str) -> None:
    corpus = write_documents(tmp_path / "corpus", numbered(["full", text]), kind="corpus")
    with pytest.raises(UserError, match=r"document '1' \(source notes\) has no text"):
        build(tokens, tmp_path / "tokens", Tokens(template="{title}{text}"), corpus=corpus, tokenizer=tokenizer)
    assert not (tmp_path / "tokens").exists()


def test_more_than_65536_entries_take_four_bytes(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    for size, expected in ((1 << 16, "uint16"), ((1 << 16) + 1, "uint32")):
        made = Tokenizer(models.WordLevel({f"w{number}": number for number in range(size)}, unk_token="w0"))
        assert token_dtype(made).name == expected
