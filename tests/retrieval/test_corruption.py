"""Span corruption: nothing is lost, nothing is added, and a step is a pure function of its number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.config.retrieval_models import T5Pretraining
from lineage.data.batch import IGNORED
from lineage.errors import UserError
from lineage.models.encoder_decoder import END, PAD, open_t5_tokenizer
from lineage.retrieval.corruption import CorruptedBatches, read_documents, sentinels, span_lengths
from lineage.retrieval.schemas import DOCUMENTS
from lineage.retrieval.sequences import cut
from tests.retrieval.building import TEXTS, TITLES, retrieval_set, tokenizer_folder

SENTINELS = list(range(90, 100))
CONFIG = T5Pretraining.model_validate({"steps": 6, "row_tokens": 16, "optimization": {"batch_pairs": 4, "seed": 5}})


def documents() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(2, 80, length) for length in (4, 9, 15, 40, 70)]


def rows_of(batches: CorruptedBatches, step: int) -> list[tuple[list[int], list[int]]]:
    batch = batches(step)
    sources = [[t for t in row if t != PAD] for row in batch.inputs["input_ids"].tolist()]
    targets = [[t for t in row if t != IGNORED] for row in batch.targets["labels"].tolist()]
    return list(zip(sources, targets, strict=True))


def restored(source: list[int], target: list[int]) -> list[int]:
    """The window: each sentinel of the source stands for what follows it in the target."""
    spans: dict[int, list[int]] = {}
    for token in target[:-1]:
        if token in SENTINELS:
            spans[token] = []
        else:
            spans[list(spans)[-1]].append(token)
    return [one for token in source[:-1] for one in spans.get(token, [token])]


def test_source_and_target_make_up_a_window_of_a_document() -> None:
    batches = CorruptedBatches(documents(), CONFIG, SENTINELS)
    wholes = [one.tolist() for one in documents()]
    for step in range(6):
        for source, target in rows_of(batches, step):
            assert source[-1] == target[-1] == END
            assert len(source) <= CONFIG.row_tokens
            window = restored(source, target)
            assert any(window == whole[start : start + len(window)] for whole in wholes for start in range(len(whole)))
            assert len(window) in {min(len(whole), CONFIG.row_tokens - 1) for whole in wholes}
            used = [token for token in target if token in SENTINELS]
            assert used == SENTINELS[: len(used)], "in order, one more than spans"
            assert [token for token in source if token in SENTINELS] == used[:-1]


def test_a_step_is_a_function_of_its_number() -> None:
    one, other = (CorruptedBatches(documents(), CONFIG, SENTINELS) for _ in range(2))
    assert rows_of(one, 3) == rows_of(other, 3)
    assert rows_of(one, 3) != rows_of(one, 2)
    assert one.passes(5) == {"documents": 4.0}


def test_the_decoder_reads_its_target_one_step_late() -> None:
    batch = CorruptedBatches(documents(), CONFIG, SENTINELS)(0)
    labels, read = batch.targets["labels"], batch.inputs["decoder_input_ids"]
    assert (read[:, 0] == PAD).all()
    kept = labels[:, :-1] != IGNORED
    assert (read[:, 1:][kept] == labels[:, :-1][kept]).all()
    assert batch.count == int((labels != IGNORED).sum()) == int(batch.inputs["scored"].sum())


@given(tokens=st.integers(2, 200), share=st.floats(0.01, 0.9), mean=st.floats(1, 8), most=st.integers(1, 30))
def test_span_lengths_add_up(tokens: int, share: float, mean: float, most: int) -> None:
    lengths = span_lengths(
        tokens, masked_share=share, mean_span=mean, most=most, generator=np.random.default_rng(tokens)
    )
    kept, masked = (sum(one) for one in zip(*lengths, strict=True))
    assert kept + masked == tokens
    assert masked == min(max(round(tokens * share), 1), tokens - 1)
    assert all(one >= 1 and other >= 1 for one, other in lengths)
    assert len(lengths) <= most


def test_documents_are_read_with_their_identifiers(tmp_path: Path) -> None:
    tokenizer = open_t5_tokenizer(tokenizer_folder(tmp_path / "tokenizer"))
    read = read_documents(retrieval_set(tmp_path / "set").path(DOCUMENTS), tokenizer)
    assert tokenizer.decode(read[0]).split() == f"{TITLES[0]} {TEXTS[0]}".split()
    assert len(sentinels(tokenizer)) == 32


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    tokenizer = open_t5_tokenizer(tokenizer_folder(tmp_path / "tokenizer"))
    with pytest.raises(UserError, match="no document of at least 4 tokens"):
        read_documents(retrieval_set(tmp_path / "set", ["Lake"], ["a boat"]).path(DOCUMENTS), tokenizer)


def test_what_is_cut_keeps_its_end() -> None:
    assert cut([5, 6, 7], 3) == [5, 6, END]
    assert cut([5, 6], 3) == [5, 6, END]
    assert cut([5], 3) == [5, END]
