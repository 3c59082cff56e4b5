"""T5 with a decoder vocabulary of its own: ties, scales, folders, and the traps of transformers 5."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import T5ForConditionalGeneration

from lineage.config.retrieval_models import T5Architecture
from lineage.errors import UserError
from lineage.models.decoder_heads import IdentifierHead
from lineage.models.encoder_decoder import (
    ContextualT5,
    build_t5,
    has_own_rows,
    logit_scale,
    open_t5,
    open_t5_tokenizer,
    output_table,
    with_rows,
)
from tests.retrieval.building import ARCHITECTURE, tokenizer_folder

ROWS = 37
WIDTH = ARCHITECTURE.width
READ = torch.tensor([[5, 9, 40, 1], [7, 1, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
WRITE = torch.tensor([[0, 8, 30], [0, 5, 0]])


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    folder = tokenizer_folder(tmp_path / "plain")
    build_t5(ARCHITECTURE, open_t5_tokenizer(folder), seed=0).save_pretrained(folder)
    return folder


def table(seed: int = 0) -> torch.Tensor:
    return torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(seed))


def logits(model: T5ForConditionalGeneration) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=READ, attention_mask=MASK, decoder_input_ids=WRITE).logits


def saved(model: T5ForConditionalGeneration, folder: Path) -> Path:
    tokenizer_folder(folder)
    model.save_pretrained(folder)
    return folder


def test_weights_are_a_function_of_the_seed(tmp_path: Path) -> None:
    tokenizer = open_t5_tokenizer(tokenizer_folder(tmp_path))
    before = torch.random.get_rng_state()
    one, again, other = (build_t5(ARCHITECTURE, tokenizer, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one.shared.weight, again.shared.weight)
    assert not torch.equal(one.shared.weight, other.shared.weight)


def test_a_plain_t5_is_opened_as_transformers_does(plain: Path) -> None:
    assert not has_own_rows(plain)
    torch.testing.assert_close(logits(open_t5(plain)), logits(T5ForConditionalGeneration.from_pretrained(plain)))


def test_own_rows_are_saved_once_and_opened_again(plain: Path, tmp_path: Path) -> None:
    model = with_rows(plain, table(), scale_outputs=True, input_scale=0.5)
    folder = saved(model, tmp_path / "own")
    tensors = load_file(folder / "model.safetensors")
    assert tensors["decoder.embed_tokens.weight"].shape == (ROWS, WIDTH)
    assert {"lm_head.weight", "encoder.embed_tokens.weight"}.isdisjoint(tensors)
    ours, theirs = open_t5(folder), ContextualT5.from_pretrained(folder)
    for opened in (ours, theirs):
        torch.testing.assert_close(logits(opened), logits(model))
        assert opened.lm_head.weight is opened.decoder.embed_tokens.weight
        assert opened.shared.weight is opened.encoder.embed_tokens.weight
        assert torch.equal(opened.shared.weight, open_t5(plain).shared.weight)
    assert json.loads((folder / "config.json").read_text())["decoder_rows"] == ROWS
    assert ours.generate(READ, max_new_tokens=3).max() < ROWS


def test_encoder_and_decoder_bodies_are_those_of_the_start(plain: Path) -> None:
    start, model = open_t5(plain), with_rows(plain, table(), scale_outputs=True, input_scale=1.0)
    names = dict(start.named_parameters())
    for name, parameter in model.named_parameters():
        if "embed_tokens" not in name:
            assert torch.equal(parameter, names[name]), name
    assert torch.equal(output_table(model), table())


def test_scales_act_where_they_should(plain: Path) -> None:
    unscaled = with_rows(plain, table(), scale_outputs=False, input_scale=1.0)
    scaled = with_rows(plain, table(), scale_outputs=True, input_scale=1.0)
    torch.testing.assert_close(logits(scaled), logits(unscaled) * WIDTH**-0.5)
    assert (logit_scale(scaled), logit_scale(unscaled)) == (WIDTH**-0.5, 1.0)
    doubled = with_rows(plain, table(), scale_outputs=False, input_scale=2.0)
    by_hand = with_rows(plain, 2 * table(), scale_outputs=False, input_scale=1.0)
    torch.testing.assert_close(2 * logits(doubled), logits(by_hand))


def test_matched_inputs_are_as_long_as_the_encoders(plain: Path) -> None:
    model = with_rows(plain, 30 * table(), scale_outputs=False, input_scale=None)
    read = model.decoder.embed_tokens(torch.arange(ROWS))
    assert read.norm(dim=1).mean().item() == pytest.approx(model.shared.weight.norm(dim=1).mean().item(), rel=1e-5)
    torch.testing.assert_close(output_table(model).detach(), 30 * table())


def test_resizing_the_encoder_leaves_the_rows_alone(plain: Path) -> None:
    model = with_rows(plain, table(), scale_outputs=False, input_scale=1.0)
    model.set_input_embeddings(torch.nn.Embedding(500, WIDTH))
    assert model.encoder.embed_tokens.weight.shape[0] == 500
    assert model.decoder.embed_tokens.weight.shape[0] == ROWS


def test_a_head_gives_the_models_logits_where_they_are_scored(plain: Path) -> None:
    model = with_rows(plain, table(), scale_outputs=True, input_scale=1.0).eval()
    scored = torch.tensor([[True, True, False], [False, True, True]])
    found = IdentifierHead(model)(READ, MASK, WRITE, scored).logits
    torch.testing.assert_close(found.detach(), logits(model)[scored])


def test_an_untied_plain_t5_is_refused_but_may_start_a_contextual_one(plain: Path, tmp_path: Path) -> None:
    folder = tokenizer_folder(tmp_path / "untied")
    tensors = load_file(plain / "model.safetensors")
    own = torch.randn_like(tensors["shared.weight"])
    save_file(tensors | {"lm_head.weight": own}, folder / "model.safetensors")
    (folder / "config.json").write_bytes((plain / "config.json").read_bytes())
    with pytest.raises(UserError, match="output table is not the encoder's"):
        open_t5(folder)
    model = with_rows(folder, table(), scale_outputs=False, input_scale=1.0)
    for opened in (model, open_t5(folder, writes=False)):
        assert torch.equal(opened.encoder.embed_tokens.weight, tensors["shared.weight"]), "not what lm_head holds"


def test_missing_and_misshapen_weights_are_refused(plain: Path) -> None:
    tensors = load_file(plain / "model.safetensors")
    name = "encoder.final_layer_norm.weight"
    save_file({key: value for key, value in tensors.items() if key != name}, plain / "model.safetensors")
    with pytest.raises(UserError, match=rf"{name} has shape None, the model \({WIDTH},\)"):
        open_t5(plain)
    save_file(tensors | {name: torch.ones(3)}, plain / "model.safetensors")
    with pytest.raises(UserError, match=rf"{name} has shape \(3,\)"):
        open_t5(plain)


def test_rows_of_another_width_are_refused(plain: Path) -> None:
    with pytest.raises(UserError, match="Contextual vectors must come from an encoder of the model's own width"):
        with_rows(plain, torch.zeros(ROWS, WIDTH + 1), scale_outputs=False, input_scale=1.0)


def test_another_kind_of_model_is_refused(plain: Path) -> None:
    (plain / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(UserError, match="is of type 'llama', but generative retrievers need a T5"):
        open_t5(plain)


def test_a_tokenizer_with_other_special_ids_is_refused(plain: Path) -> None:
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        settings = json.loads((plain / name).read_text()) | {"pad_token": "<|end|>", "eos_token": "<|pad|>"}
        (plain / name).write_text(json.dumps(settings))
    with pytest.raises(UserError, match="padding and end are tokens 1 and 0"):
        open_t5_tokenizer(plain)


def test_heads_must_share_the_width() -> None:
    with pytest.raises(ValueError, match="width 10 must be a multiple of heads 4"):
        T5Architecture(width=10)
