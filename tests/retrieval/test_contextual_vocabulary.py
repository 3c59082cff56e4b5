"""Rows of a contextual vocabulary are the encoder's states of the identifiers, as a plain forward pass gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lineage.artifact import Artifact
from lineage.errors import UserError
from lineage.models.encoder_decoder import open_t5, open_t5_tokenizer
from lineage.retrieval import occurrences as occurrences_module
from lineage.retrieval import titles as titles_module
from lineage.retrieval.occurrences import Occurrences, StateFiles, encode_titles
from lineage.retrieval.schemas import DOCUMENTS
from lineage.retrieval.titles import Context, read_titles
from lineage.retrieval.vocabulary import END, Vocabulary, open_table
from tests.retrieval.building import TEXTS, TITLES, retrieval_set, t5
from tests.stages.building import run_stage


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return t5(tmp_path_factory.mktemp("t5") / "t5")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return retrieval_set(tmp_path_factory.mktemp("set") / "set")


def built(folder: Path, encoder: Artifact, documents: Artifact, **spec: Any) -> tuple[Artifact, Vocabulary, np.ndarray]:
    inputs = {"encoder": encoder, "retrieval_set": documents}
    made = run_stage("contextual_vocabulary", folder / "vocabulary", spec, inputs=inputs)
    vocabulary = Vocabulary.open(made.folder)
    return made, vocabulary, np.array(open_table(made.folder, vocabulary))


def states_of(encoder: Artifact, text: str, kept: int) -> np.ndarray:
    """The first `kept` states of a text that is encoded by itself."""
    ids = open_t5_tokenizer(encoder.folder)(text, add_special_tokens=False, return_tensors="pt").input_ids
    with torch.no_grad():
        return open_t5(encoder.folder).eval().encoder(input_ids=ids).last_hidden_state[0, :kept].numpy()


def test_all_rows_are_states_of_the_identifiers_in_context(
    tmp_path: Path, encoder: Artifact, documents: Artifact
) -> None:
    made, vocabulary, table = built(tmp_path, encoder, documents, clusters="all")
    for number, (title, text) in enumerate(zip(TITLES, TEXTS, strict=True)):
        context = " ".join(line for line in text.split("\n") if "::::" not in line)
        path = vocabulary.path(number)
        assert path[-1] == END
        expected = states_of(encoder, f"{title} {context}", len(path) - 1)
        np.testing.assert_allclose(table[path[:-1]], expected, atol=1e-5)
    assert made.manifest.counts["rows"] == made.manifest.counts["states"] == 2 + sum(len(t.split()) for t in TITLES)
    assert vocabulary.num_groups == 2 + len({word for title in TITLES for word in title.split()})


def test_special_rows_are_encoded_alone(tmp_path: Path, encoder: Artifact, documents: Artifact) -> None:
    _, _, table = built(tmp_path, encoder, documents)
    with torch.no_grad():
        model = open_t5(encoder.folder).eval()
        for token in (0, 1):
            alone = model.encoder(input_ids=torch.tensor([[token]])).last_hidden_state[0, 0].numpy()
            np.testing.assert_allclose(table[token], alone, atol=1e-6)


def test_equal_identifiers_share_their_states_without_context(
    tmp_path: Path, encoder: Artifact, documents: Artifact
) -> None:
    made, vocabulary, table = built(tmp_path, encoder, documents, clusters="all", paragraphs=0)
    assert TITLES[4] == TITLES[5]
    assert vocabulary.path(4).tolist() == vocabulary.path(5).tolist()
    assert made.manifest.counts["distinct_inputs"] == len(TITLES) - 1
    np.testing.assert_allclose(table[vocabulary.path(0)[:-1]], states_of(encoder, TITLES[0], 2), atol=1e-5)


def test_one_row_a_token_is_the_mean_over_documents(tmp_path: Path, encoder: Artifact, documents: Artifact) -> None:
    _, vocabulary, table = built(tmp_path, encoder, documents, clusters=1, paragraphs=0)
    assert vocabulary.num_rows == vocabulary.num_groups
    of_town = [states_of(encoder, title, 2)[1] for title in TITLES if title.endswith("Town")]
    assert len(of_town) == 3, "the title that occurs twice counts twice"
    np.testing.assert_allclose(table[vocabulary.path(2)[1]], np.mean(of_town, axis=0), atol=1e-5)


def test_rows_are_the_groups_of_their_tokens(tmp_path: Path, encoder: Artifact, documents: Artifact) -> None:
    _, vocabulary, _ = built(tmp_path, encoder, documents, clusters=2)
    tokenizer = open_t5_tokenizer(encoder.folder)
    bounds = vocabulary.path_first
    for number, title in enumerate(TITLES):
        groups = vocabulary.path_group()[bounds[number] : bounds[number + 1]]
        assert tokenizer.decode(vocabulary.group_token[groups[:-1]]).strip() == title
        assert groups[-1] == END
    assert np.diff(vocabulary.group_first).max() == 2


def test_controls_keep_the_size_and_break_the_meaning(tmp_path: Path, encoder: Artifact, documents: Artifact) -> None:
    _, plain, table = built(tmp_path / "a", encoder, documents, clusters=2)
    _, shuffled, same = built(tmp_path / "b", encoder, documents, clusters=2, assignment="shuffled")
    _, kept, random = built(tmp_path / "c", encoder, documents, clusters=2, assignment="random_rows")
    np.testing.assert_array_equal(table, same)
    np.testing.assert_array_equal(plain.path_group(), shuffled.path_group())
    assert plain.path_row.tolist() != shuffled.path_row.tolist()
    assert sorted(plain.path_row.tolist()) == sorted(shuffled.path_row.tolist())
    np.testing.assert_array_equal(plain.path_row, kept.path_row)
    np.testing.assert_array_equal(table[:2], random[:2])
    np.testing.assert_allclose(np.linalg.norm(table, axis=1), np.linalg.norm(random, axis=1), rtol=1e-4)
    cosine = (table[2:] * random[2:]).sum(axis=1) / np.linalg.norm(table[2:], axis=1) ** 2
    assert abs(cosine.mean()) < 0.3


class Stopped(Exception):
    """The encoder was interrupted."""


def test_an_interrupted_encoding_goes_on_to_the_same_states(
    tmp_path: Path, encoder: Artifact, documents: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(titles_module, "BATCH_ROWS", 2)
    monkeypatch.setattr(occurrences_module, "SHARD_BYTES", 16 * 4 * 5)
    tokenizer, model = open_t5_tokenizer(encoder.folder), open_t5(encoder.folder)
    path, context = documents.path(DOCUMENTS), Context(5, 100)
    titles = read_titles(path, tokenizer, context)
    where = Occurrences.of(titles)
    calls = 0

    def encode(folder: Path, *, calls_allowed: int = 1000) -> np.ndarray:
        nonlocal calls
        calls = 0
        files = StateFiles(folder, where, 16)

        def counted(module: Any, _arguments: Any) -> None:
            nonlocal calls
            calls += 1
            if calls > calls_allowed:
                raise Stopped

        hook = model.encoder.register_forward_pre_hook(counted)
        try:
            encode_titles(
                model.encoder, tokenizer, path, titles, where, context, files, batch_tokens=64, save_minutes=1e-9
            )
        finally:
            hook.remove()
        assert len(files.shards()) > 2
        return np.concatenate([shard.vectors for shard in files.shards()])

    whole = encode(tmp_path / "whole")
    needed = calls
    with pytest.raises(Stopped):
        encode(tmp_path / "parted", calls_allowed=needed - 2)
    np.testing.assert_array_equal(encode(tmp_path / "parted"), whole)
    assert calls < needed, "it went on where it had stopped"
    assert (np.abs(whole).sum(axis=1) > 0).all(), "every state was written"


def test_states_in_many_files_give_the_same_vocabulary(
    tmp_path: Path, encoder: Artifact, documents: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole, table = built(tmp_path / "a", encoder, documents, clusters=2)
    monkeypatch.setattr(occurrences_module, "SHARD_BYTES", 16 * 4 * 3)
    _, parted, other = built(tmp_path / "b", encoder, documents, clusters=2)
    np.testing.assert_array_equal(whole.path_row, parted.path_row)
    np.testing.assert_allclose(table, other, atol=1e-5)


def test_a_document_without_identifier_is_refused(tmp_path: Path, encoder: Artifact) -> None:
    documents = retrieval_set(tmp_path / "set", ["Lake", ""], ["a boat", "a town"])
    with pytest.raises(UserError, match="'d1': has no identifier"):
        built(tmp_path, encoder, documents)


def test_an_identifier_longer_than_what_is_read_is_refused(
    tmp_path: Path, encoder: Artifact, documents: Artifact
) -> None:
    with pytest.raises(UserError, match="'d0': its identifier has 2 tokens, but max_tokens is 1"):
        built(tmp_path, encoder, documents, max_tokens=1)


def test_a_join_that_changes_the_identifier_is_refused(tmp_path: Path, encoder: Artifact, documents: Artifact) -> None:
    with pytest.raises(UserError, match="the tokenizer joins both"):
        titles_module._check([5, 6], [5, 9, 7], Context(5, 10), "somewhere")
