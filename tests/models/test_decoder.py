"""Causal language models: built the same each time, causal, and saved without loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from lineage.config.pretrain import Architecture
from lineage.data import tokenizer as bpe
from lineage.errors import UserError
from lineage.models.decoder import (
    build_decoder,
    check_vocabulary,
    model_facts,
    num_embeddings,
    num_parameters,
    open_decoder,
    open_tokenizer,
    require_safetensors,
    save_decoder,
)

SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
ARCHITECTURES = [
    Architecture(settings=SIZES),
    Architecture(settings={**SIZES, "tie_word_embeddings": True}),
    Architecture(model_type="qwen2", settings={**SIZES, "num_key_value_heads": 1}),
    Architecture(model_type="gpt2", settings=GPT2),
]


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    texts = ["A boat sails over the lake."] * 3
    bpe.save(bpe.train(texts, vocab_size=320, min_frequency=1), folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer(tokenizer_folder: Path) -> PreTrainedTokenizerFast:
    return open_tokenizer(tokenizer_folder)


def refusal(tokenizer: PreTrainedTokenizerFast, model_type: str, **settings: Any) -> str:
    with pytest.raises(UserError) as error:
        build_decoder(Architecture(model_type=model_type, settings=settings), tokenizer, seed=0)
    return str(error.value)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: one.model_type)
def test_weights_are_a_function_of_the_seed(tokenizer: PreTrainedTokenizerFast, architecture: Architecture) -> None:
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    first, again = (build_decoder(architecture, tokenizer, seed=3).state_dict() for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state), "the caller's random state is its own"
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = build_decoder(architecture, tokenizer, seed=4).state_dict()
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert {tensor.dtype for tensor in first.values()} == {torch.float32}


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: one.model_type)
def test_a_token_changes_nothing_before_it(tokenizer: PreTrainedTokenizerFast, architecture: Architecture) -> None:
    model = build_decoder(architecture, tokenizer, seed=0).eval()
    tokens = torch.randint(0, 300, (1, 12), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = model(tokens).logits
        for at in (4, 11):
            changed = tokens.clone()
            changed[0, at] = (changed[0, at] + 1) % 300
            after = model(changed).logits
            torch.testing.assert_close(after[:, :at], before[:, :at], rtol=0, atol=1e-6)
            assert not torch.allclose(after[:, at:], before[:, at:], atol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: one.model_type)
def test_saved_and_opened_again(
    tokenizer: PreTrainedTokenizerFast, tokenizer_folder: Path, architecture: Architecture, tmp_path: Path
) -> None:
    model = build_decoder(architecture, tokenizer, seed=0)
    for name in ("a", "b"):
        save_decoder(model, tmp_path / name, tokenizer_folder)
    opened = open_decoder(tmp_path / "a")
    assert not opened.training
    for name, parameter in model.named_parameters():
        assert torch.equal(opened.get_parameter(name), parameter), name
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (tmp_path / "b" / "model.safetensors").read_bytes()
    assert (tmp_path / "a" / "tokenizer.json").read_bytes() == (tokenizer_folder / "tokenizer.json").read_bytes()
    assert open_tokenizer(tmp_path / "a").encode("a boat") == tokenizer.encode("a boat")


def test_special_tokens_come_from_the_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    config = build_decoder(ARCHITECTURES[0], tokenizer, seed=0).config
    assert (config.pad_token_id, config.eos_token_id, config.bos_token_id) == (0, 1, None)
    assert config.vocab_size == len(tokenizer)


def test_parameters_are_counted_once(tokenizer: PreTrainedTokenizerFast) -> None:
    """Untied: embedding and head each have entries x 16 numbers; tied: one of them."""
    plain, tied = (build_decoder(architecture, tokenizer, seed=0) for architecture in ARCHITECTURES[:2])
    assert num_parameters(plain) - num_parameters(tied) == 16 * len(tokenizer)
    # Attention 4 x 16 x 16, the three matrices of the MLP 16 x 32, two norms of 16 a layer; a last norm.
    assert num_parameters(tied) == 16 * len(tokenizer) + 2 * (4 * 256 + 3 * 512 + 32) + 16
    assert model_facts(tied) == {"parameters": num_parameters(tied), "model_type": "llama"}
    assert num_embeddings(plain) == len(tokenizer)


@pytest.mark.parametrize(
    ("model_type", "settings", "expected"),
    [
        ("lama", SIZES, "architecture.model_type is 'lama', which transformers does not know. Did you mean 'llama'?"),
        (
            "llama",
            {"hiden_size": 16},
            "architecture.settings.hiden_size: a llama config has no such field. Did you mean",
        ),
        ("llama", {**SIZES, "hidden_size": "abc"}, "Field 'hidden_size' expected int, got str"),
        ("llama", {**SIZES, "num_attention_heads": 3}, "hidden size (16) is not a multiple of the number of attention"),
        ("llama", {**SIZES, "num_attention_heads": 0}, "ZeroDivisionError"),
        ("llama", {**SIZES, "hidden_size": -4}, "negative dimension"),
        ("llama", {**SIZES, "hidden_act": "silo"}, "silo"),
        ("llama", {**SIZES, "num_key_value_heads": 3}, "the model cannot read text"),
        ("llama", {**SIZES, "vocab_size": 10}, "architecture.settings.vocab_size is 10, but the tokenizer has"),
        ("t5", {}, "'t5', of which there is no causal language model"),
        ("vit", {}, "'vit', of which there is no causal language model"),
        (
            "bert",
            {**SIZES, "num_hidden_layers": 1},
            "architecture of type 'bert': BertLMHeadModel sees the tokens to come",
        ),
    ],
)
def test_settings_that_make_no_model(
    tokenizer: PreTrainedTokenizerFast, model_type: str, settings: dict[str, Any], expected: str
) -> None:
    told = refusal(tokenizer, model_type, **settings)
    assert expected in told
    assert len(told) < 900


def test_a_decoder_that_is_an_encoder_by_default(tokenizer: PreTrainedTokenizerFast) -> None:
    settings = {**SIZES, "num_hidden_layers": 1, "is_decoder": True}
    build_decoder(Architecture(model_type="bert", settings=settings), tokenizer, seed=0)


def test_a_larger_vocabulary_is_allowed(tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_decoder(Architecture(settings={**SIZES, "vocab_size": 512}), tokenizer, seed=0)
    check_vocabulary(model, tokenizer, place="here")
    assert num_embeddings(model) == 512


def test_vocabulary_and_embedding(tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_decoder(ARCHITECTURES[0], tokenizer, seed=0)
    rows = len(tokenizer)
    model.resize_token_embeddings(rows - 1)
    with pytest.raises(
        UserError, match=rf"^here: the tokenizer has {rows} entries, the model's embedding {rows - 1} rows"
    ):
        check_vocabulary(model, tokenizer, place="here")


def test_folders_without_safetensors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no \*\.safetensors file"):
        require_safetensors(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UserError, match=r"only pickled weights \(pytorch_model\.bin\).*\n.*save_pretrained"):
        open_decoder(tmp_path)
    with pytest.raises(UserError, match="no tokenizer that transformers can open"):
        open_tokenizer(tmp_path)
