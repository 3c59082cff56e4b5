"""Texts become the vectors that a sentence-transformers folder promises; an index finds what NumPy finds."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from lineage.config.dense import DenseReading
from lineage.errors import UserError
from lineage.losses.in_batch import in_batch
from lineage.models.decoder import open_tokenizer
from lineage.retrieval.dense import encode_texts, open_encoder, path_vectors, pool
from lineage.retrieval.nearest import ORIGIN, NearestIndex, recall_of_exact
from lineage.retrieval.vocabulary import Vocabulary
from tests.retrieval.building import TEXTS, tokenizer_folder


def drawn(rows: int, width: int, *, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_each_pooling_by_hand_leaves_padding_out() -> None:
    states = torch.tensor([[[1.0, 5.0], [3.0, 1.0], [9.0, 9.0]], [[2.0, -4.0], [9.0, 9.0], [9.0, 9.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    assert pool(states, mask, "mean").tolist() == [[2.0, 3.0], [2.0, -4.0]]
    assert pool(states, mask, "max").tolist() == [[3.0, 5.0], [2.0, -4.0]]
    assert pool(states, mask, "cls").tolist() == [[1.0, 5.0], [2.0, -4.0]]


def foreign(folder: Path, *, pooling: str = "pooling_mode_cls_token", modules: Sequence[str] = ()) -> Path:
    """A sentence-transformers folder that another program would write: BERT, CLS, a linear map with tanh, a length."""
    tokenizer_folder(folder)
    torch.manual_seed(0)
    vocabulary = len(open_tokenizer(folder))
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    body = BertModel(BertConfig(vocab_size=vocabulary, pad_token_id=0, **sizes), add_pooling_layer=False)
    body.save_pretrained(folder)
    names = ["Transformer", "Pooling", "Dense", "Normalize", *modules]
    paths = ["", "1_Pooling", "2_Dense", "3_Normalize", *[f"9_{name}" for name in modules]]
    listed = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{name}"}
        for at, (name, path) in enumerate(zip(names, paths, strict=True))
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 8, pooling: True}))
    (folder / "2_Dense").mkdir()
    activation = "torch.nn.modules.activation.Tanh"
    sizes_of_map = {"in_features": 8, "out_features": 5, "bias": True, "activation_function": activation}
    (folder / "2_Dense" / "config.json").write_text(json.dumps(sizes_of_map))
    tensors = {"linear.weight": torch.randn(5, 8), "linear.bias": torch.randn(5)}
    save_file(tensors, folder / "2_Dense" / "model.safetensors")
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 4, "do_lower_case": False}))
    prompts = {"prompts": {"query": "red ", "document": ""}, "similarity_fn_name": "cosine"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    return folder


def test_a_sentence_transformers_folder_is_read_as_it_says(tmp_path: Path) -> None:
    folder = foreign(tmp_path / "model")
    encoder, tokenizer, reading = open_encoder(folder, DenseReading())
    assert (reading.max_tokens, reading.query_prefix, reading.similarity) == (4, "red ", "cosine")
    found = encode_texts(encoder, tokenizer, ["red " + text for text in TEXTS], max_tokens=reading.max_tokens)
    body = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    torch.manual_seed(0)
    for text, vector in zip(TEXTS, found, strict=True):
        ids = torch.tensor([tokenizer("red " + text)["input_ids"][:4]])
        with torch.no_grad():
            first = body(input_ids=ids).last_hidden_state[:, 0]
            expected = torch.nn.functional.normalize(encoder.maps[0](first), dim=-1)
        np.testing.assert_allclose(vector, expected[0].numpy(), atol=1e-5)
    assert np.abs(found).max() < 1 and found.shape == (len(TEXTS), 5)


def test_what_the_user_says_comes_before_what_the_folder_says(tmp_path: Path) -> None:
    wanted = DenseReading(max_tokens=9, query_prefix="", similarity="dot")
    encoder, _, reading = open_encoder(foreign(tmp_path / "model"), wanted)
    assert (reading.max_tokens, reading.query_prefix, encoder.similarity) == (9, "", "dot")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modules": ["LSTM"]}, "module 'LSTM' is not known here"),
        ({"pooling": "pooling_mode_weightedmean_tokens"}, "pools by pooling_mode_weightedmean_tokens; known here"),
    ],
)
def test_modules_that_are_not_known_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_encoder(foreign(tmp_path / "model", **changes), DenseReading())


def test_an_encoder_without_all_weights_is_refused(tmp_path: Path) -> None:
    folder = foreign(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    with pytest.raises(UserError, match=r"no weights for encoder\.layer\.1"):
        open_encoder(folder, DenseReading())


def test_the_loss_by_hand_leaves_relevant_documents_of_others_out() -> None:
    similarity = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 3.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    no_rival = torch.tensor([[True, True, False], [False, True, False], [False, False, True]])
    total = in_batch(similarity, {"no_rival": no_rival})
    first = math.log(math.exp(2) + math.exp(0)) - 2
    second = math.log(math.exp(0) + math.exp(1) + math.exp(3)) - 1
    assert total.sum.item() == pytest.approx(first + second + math.log(3), abs=1e-6)
    assert total.count.item() == 3


def test_flat_finds_what_numpy_finds() -> None:
    vectors, queries = drawn(200, 16), drawn(20, 16, seed=1)
    index = NearestIndex.build(vectors, "Flat", model="m", documents="d")
    scores, rows = index.search(queries, 10)
    exact = queries @ vectors.T
    np.testing.assert_array_equal(rows, np.argsort(-exact, axis=1)[:, :10])
    np.testing.assert_allclose(scores, np.sort(exact, axis=1)[:, ::-1][:, :10], atol=1e-6)
    assert index.is_exact


@pytest.mark.parametrize(("factory", "least"), [("HNSW16", 0.9), ("IVF4,Flat", 0.3), ("PQ8x4", 0.2)])
def test_other_indexes_say_how_much_of_the_exact_result_they_find(factory: str, least: float) -> None:
    vectors, queries = drawn(400, 16), drawn(20, 16, seed=1)
    index = NearestIndex.build(vectors, factory, model="m", documents="d")
    assert not index.is_exact
    assert least < recall_of_exact(index, vectors, queries, 10) <= 1
    flat = NearestIndex.build(vectors, "Flat", model="m", documents="d")
    assert recall_of_exact(flat, vectors, queries, 10) == 1


@pytest.mark.parametrize("factory", ["Flatt", "IVF500,Flat"])
def test_an_index_that_faiss_cannot_build_is_refused(factory: str) -> None:
    with pytest.raises(UserError, match=f"factory is '{factory}', which FAISS cannot build over 20 vectors of width 4"):
        NearestIndex.build(drawn(20, 4), factory, model="m", documents="d")


def test_an_index_is_opened_only_with_its_own_model_and_documents(tmp_path: Path) -> None:
    NearestIndex.build(drawn(20, 4), "Flat", model="m" * 64, documents="d" * 64).save(tmp_path)
    same = {"model": "m" * 64, "documents": "d" * 64, "rows": 20}
    assert NearestIndex.open(tmp_path, **same).search(drawn(1, 4), 3)[1].shape == (1, 3)
    for changed, message in (
        ({"rows": 21}, "an index with 20 documents, but the set has 21"),
        ({"model": "x" * 64}, "vectors of model, but the model is xxxx"),
        ({"documents": "y" * 64}, "vectors of set, but the set is yyyy"),
    ):
        with pytest.raises(UserError, match=message):
            NearestIndex.open(tmp_path, **{**same, **changed})
    (tmp_path / ORIGIN).write_text("{}")
    with pytest.raises(UserError, match="no index that can be read"):
        NearestIndex.open(tmp_path, **same)


@pytest.mark.gpu
def test_an_index_on_the_gpu_finds_what_it_found() -> None:
    if faiss.get_num_gpus() == 0:
        pytest.skip("needs faiss-gpu and a CUDA device")
    index = NearestIndex.build(drawn(200, 16), "Flat", model="m", documents="d")
    moved = index.on_gpu()
    assert moved is not index and moved.is_exact
    queries = drawn(20, 16, seed=1)
    np.testing.assert_array_equal(moved.search(queries, 5)[1], index.search(queries, 5)[1])


def test_without_a_gpu_an_index_stays_where_it_is() -> None:
    if faiss.get_num_gpus() > 0:
        pytest.skip("there is one")
    index = NearestIndex.build(drawn(20, 4), "Flat", model="m", documents="d")
    assert index.on_gpu() is index


def test_queries_of_another_width_are_refused() -> None:
    index = NearestIndex.build(drawn(20, 4), "Flat", model="m", documents="d")
    with pytest.raises(UserError, match="holds vectors of width 4, the queries have 6"):
        index.search(drawn(2, 6), 3)


def test_path_vectors_are_means_of_own_rows_without_the_end() -> None:
    table = np.array([[0, 0], [9, 9], [1, 0], [3, 4], [0, 2]], dtype=np.float32)
    vocabulary = Vocabulary.of_paths(np.array([0, 1, 2, 4, 5]), np.arange(4, dtype=np.int32), [[2, 4], [3]])
    means = path_vectors(table, vocabulary, num_documents=2, normalized=False)
    assert means.tolist() == [[0.5, 1.0], [3.0, 4.0]]
    np.testing.assert_allclose(path_vectors(table, vocabulary, num_documents=2, normalized=True)[1], [0.6, 0.8])
    with pytest.raises(UserError, match="names 2 documents, the set has 3"):
        path_vectors(table, vocabulary, num_documents=3, normalized=False)
