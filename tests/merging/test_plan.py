"""What is checked before any weight is read, and who supplies what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lineage.errors import UserError
from lineage.merging.plan import MergePlan
from lineage.merging.reading import Stored
from tests.merging.building import WORDS, change_config, llama, llava, plan_of, rewrite, weights_of

ROTARY = {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    return llama(tmp_path / "chat", seed=1)


@pytest.fixture
def safe(tmp_path: Path) -> Path:
    return llama(tmp_path / "safe", seed=2)


@pytest.fixture
def seeing(tmp_path: Path) -> Path:
    return llava(tmp_path / "seeing", seed=3)


@pytest.fixture(autouse=True)
def no_weights_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(one: Stored) -> torch.Tensor:
        raise AssertionError(f"{one.name} is read while planning")

    monkeypatch.setattr(Stored, "flat", read)
    monkeypatch.setattr(Stored, "raw", read)


def refusal(*folders: Path, base: Path | None = None, **fields: Any) -> str:
    with pytest.raises(UserError) as error:
        plan_of(folders, base, **fields)
    return str(error.value)


def coverage(plan: MergePlan) -> dict[str, tuple[str, int, int, int]]:
    return {one.parent: (one.layout, one.tensors_matched, one.tensors_total, one.renamed) for one in plan.coverage}


def test_coverage_of_a_language_model_in_a_vision_language_model(seeing: Path, safe: Path) -> None:
    plan = plan_of([safe, seeing], weights=[0.5, 0.5])
    assert plan.owner.name == "seeing", "the one that sees, whatever the order"
    assert coverage(plan) == {"safe": ("llama", 30, 30, 30), "seeing": ("llava_file", 30, 30, 0)}
    assert all(one.elements_matched == one.elements_total > 0 for one in plan.coverage)
    copied = {one.name for one in plan.tensors if one.copied_from}
    assert copied == {one.name for one in plan.tensors if not one.name.startswith("lm.")}
    assert len(plan.tensors) == 73


def test_two_that_see(seeing: Path, tmp_path: Path) -> None:
    other = llava(tmp_path / "other", seed=4, layout="llava_memory")
    plan = plan_of([seeing, other])
    assert plan.owner.name == "seeing"
    assert [one.name for one in plan.equal_pictures] == ["other"]
    assert coverage(plan) == {"seeing": ("llava_file", 30, 30, 0), "other": ("llava_memory", 30, 30, 30)}
    chosen = plan_of([seeing, other], projector="other")
    assert chosen.owner.name == "other"
    assert chosen.equal_pictures == ()
    unused = {one.parent: len(one.unused) for one in chosen.coverage}
    assert unused == {"seeing": 43, "other": 0}


def test_a_missing_tensor(chat: Path, safe: Path) -> None:
    gone = [f"model.layers.{layer}.mlp.{name}_proj.weight" for layer in (0, 1, 2) for name in ("up", "gate")]
    rewrite(safe, dict.fromkeys(gone))
    told = refusal(chat, safe)
    assert "a part of the language model would not be merged" in told
    assert "safe (layout llama): 24 of 30 language tensors matched (80.0%)" in told
    assert "missing: lm.layers.0.mlp.gate_proj.weight, lm.layers.0.mlp.up_proj.weight, lm.layers.1" in told
    assert "... (1 more)" in told
    assert "chat" not in told


def test_a_tensor_too_many(seeing: Path, safe: Path) -> None:
    rewrite(safe, {"model.layers.1.self_attn.q_proj.bias": torch.zeros(16)})
    told = refusal(seeing, safe)
    assert "safe (layout llama): 30 of 31 language tensors matched (96.8%)" in told
    assert "left over: lm.layers.1.self_attn.q_proj.bias" in told


def test_a_head_that_is_missing(chat: Path, safe: Path) -> None:
    rewrite(safe, {"lm_head.weight": None})
    assert "missing: lm.head.weight" in refusal(chat, safe)


def test_unknown_layout(chat: Path, tmp_path: Path) -> None:
    folder = llama(tmp_path / "bare", seed=0)
    weights = weights_of(folder)
    rewrite(folder, dict.fromkeys(weights) | {name.removeprefix("model."): one for name, one in weights.items()})
    told = refusal(chat, folder)
    assert f"{folder}: no layout fits its tensors (embed_tokens.weight, " in told
    assert "AutoModelForImageTextToText" in told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (ROTARY, "rope_parameters.rope_theta: 10000.0 in chat, 500000.0 in x"),
        ({"num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8}, "num_attention_heads: 2 in chat, 4 in x"),
        ({"num_key_value_heads": 1}, "num_key_value_heads: 2 in chat, 1 in x"),
        ({"rms_norm_eps": 1e-5}, "rms_norm_eps: 1e-06 in chat, 1e-05 in x"),
        ({"num_hidden_layers": 4}, "num_hidden_layers: 3 in chat, 4 in x"),
        ({"hidden_size": 20, "head_dim": 8}, "hidden_size: 16 in chat, 20 in x"),
        ({"intermediate_size": 32}, "intermediate_size: 24 in chat, 32 in x"),
        ({"hidden_act": "gelu"}, "hidden_act: silu in chat, gelu in x"),
    ],
)  # fmt: skip
def test_settings_that_differ(chat: Path, tmp_path: Path, settings: dict[str, Any], told: str) -> None:
    other = llama(tmp_path / "x", seed=2, **settings)
    said = refusal(chat, other)
    assert f"{chat} and {other}: their language models differ" in said
    assert told in said


def test_the_base_is_checked_too(chat: Path, safe: Path, tmp_path: Path) -> None:
    base = llama(tmp_path / "old", seed=0, rms_norm_eps=1e-5)
    assert "rms_norm_eps: 1e-06 in chat, 1e-05 in base" in refusal(chat, safe, base=base, method="task_arithmetic")


def test_another_architecture(chat: Path, safe: Path) -> None:
    change_config(safe, model_type="mistral")
    assert "model_type: llama in chat, mistral in safe" in refusal(chat, safe)


def test_older_spellings_and_defaults_are_no_difference(chat: Path, safe: Path) -> None:
    change_config(
        safe, rope_parameters=None, rope_theta=10000.0, head_dim=None, attention_bias=None, torch_dtype="float32"
    )
    assert plan_of([chat, safe]).owner.name == "chat"
    change_config(safe, rope_theta=500000.0)
    assert "rope_parameters.rope_theta: 10000.0 in chat, 500000.0 in safe" in refusal(chat, safe)


def test_settings_that_change_no_weight_may_differ(chat: Path, safe: Path) -> None:
    change_config(safe, max_position_embeddings=4096, eos_token_id=7, use_cache=False, attention_dropout=0.1)
    plan_of([chat, safe])


def test_the_original_llava_has_a_flat_configuration(chat: Path, tmp_path: Path) -> None:
    folder = llava(tmp_path / "original", seed=3, layout="llava_original")
    from_llama = {**json.loads((chat / "config.json").read_text()), "model_type": "llava", "vocab_size": 22}
    (folder / "config.json").write_text(json.dumps({**from_llama, "mm_projector_type": "mlp2x_gelu"}))
    plan = plan_of([folder, chat])
    assert plan.owner.settings.model_type == "llama"
    names = {one.name: one.out_name for one in plan.tensors}
    assert names["proj.0.bias"] == "model.mm_projector.0.bias", "its own names are kept: they load where it did"
    assert names["lm.norm.weight"] == "model.norm.weight"


def test_a_type_that_transformers_does_not_know(chat: Path, safe: Path) -> None:
    change_config(chat, model_type="lama", head_dim=None)
    change_config(safe, model_type="lama")
    told = refusal(chat, safe)
    assert f"{chat / 'config.json'}: its model_type is 'lama'" in told and "Did you mean 'llama'?" in told


def test_fewer_layers_in_the_files_than_the_configuration_says(chat: Path, safe: Path) -> None:
    for one in (chat, safe):
        change_config(one, num_hidden_layers=5)
    assert f"{chat}: the configuration speaks of 5 layers, the files hold 3 (layout llama)" in refusal(chat, safe)


@pytest.mark.parametrize("damage", ["no config", "torn", "a list"])
def test_no_configuration(chat: Path, safe: Path, damage: str) -> None:
    path = safe / "config.json"
    if damage == "no config":
        path.unlink()
    else:
        path.write_text("{" if damage == "torn" else "[]")
    assert str(safe) in refusal(chat, safe)


def test_shapes_that_differ(chat: Path, safe: Path) -> None:
    rewrite(safe, {"model.layers.2.mlp.up_proj.weight": torch.zeros(25, 16)})
    told = refusal(chat, safe)
    assert "1 tensors differ in shape" in told
    assert "lm.layers.2.mlp.up_proj.weight: [24, 16] in chat, [25, 16] in safe" in told


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn])
def test_quantized_weights(chat: Path, safe: Path, dtype: torch.dtype) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    rewrite(safe, {name: torch.zeros(24, 16).to(dtype)})
    assert f"{safe}: {name} is of type" in refusal(chat, safe)


def test_a_tensor_that_stands_there_twice(tmp_path: Path, chat: Path) -> None:
    folder = llava(tmp_path / "twice", seed=0)
    weights = weights_of(folder)
    name = "vision_tower.embeddings.class_embedding"
    rewrite(folder, {"vision_tower.vision_model.embeddings.class_embedding": weights[name].clone()})
    assert "are both vision.embeddings.class_embedding" in refusal(folder, chat)


def test_ties_that_differ(chat: Path, tmp_path: Path) -> None:
    tied = llama(tmp_path / "tied", seed=2, tie_word_embeddings=True)
    told = refusal(chat, tied)
    assert "the head is tied to the embedding in tied, but not in chat" in told
    assert "untie: true" in told
    plan = plan_of([chat, tied], untie=True)
    assert not plan.tied
    assert [one.models["tied"].name for one in plan.tensors if one.name == "lm.head.weight"] == [
        "model.embed_tokens.weight"
    ]


def test_both_tied_stays_tied(tmp_path: Path) -> None:
    plan = plan_of([llama(tmp_path / name, seed=1, tie_word_embeddings=True) for name in "ab"], untie=True)
    assert plan.tied
    assert "lm.head.weight" not in {one.name for one in plan.tensors}


def test_a_tie_may_be_stated_by_either_section(tmp_path: Path, chat: Path) -> None:
    """transformers ties where either the outer or the text configuration says so."""
    folder = llava(tmp_path / "tied", seed=3, tie_word_embeddings=True)
    change_config(folder, tie_word_embeddings=False)
    assert "tied to the embedding in tied, but not in chat" in refusal(folder, chat)


def test_a_head_in_the_file_that_the_configuration_ties_away(tmp_path: Path) -> None:
    first, second = (llama(tmp_path / name, seed=1, tie_word_embeddings=True) for name in "ab")
    rewrite(
        second, {"lm_head.weight": torch.zeros(20, 16), "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}
    )
    plan = plan_of([first, second])
    assert [one.ignored for one in plan.coverage] == [
        (),
        ("lm_head.weight", "model.layers.0.self_attn.rotary_emb.inv_freq"),
    ]


@pytest.mark.parametrize("method", ["task_arithmetic", "ties", "dare", "slerp_delta"])
def test_task_vectors_need_a_base(chat: Path, safe: Path, method: str) -> None:
    density = {"density": 0.5} if method in ("ties", "dare") else {}
    assert f"{method} is about what models learned since a common base" in refusal(chat, safe, method=method, **density)


def test_a_base_that_nobody_needs(chat: Path, safe: Path) -> None:
    assert "linear uses no base" in refusal(chat, safe, base=chat)


def test_a_base_goes_with_random_deltas(chat: Path, safe: Path) -> None:
    extra = {"safe": {"random_delta": True}}
    assert "random_delta is about what models learned" in refusal(chat, safe, extra=extra)
    plan_of([chat, safe], chat, extra=extra)


def test_projector_of_nobody(chat: Path, safe: Path, seeing: Path) -> None:
    told = refusal(chat, seeing, projector="seing")
    assert "projector is 'seing', which is none of the vision-language models. Did you mean 'seeing'?" in told
    assert "of these models 1 see pictures" in refusal(chat, seeing, projector="merge")


def test_projectors_that_are_built_differently(seeing: Path, tmp_path: Path) -> None:
    other = llava(tmp_path / "other", seed=4)
    change_config(other, vision_feature_layer=-2)
    assert "turn pictures into tokens differently (vision_feature_layer)" in refusal(seeing, other, projector="merge")
    change_config(other, vision_feature_layer=-1)
    rewrite(other, {"multi_modal_projector.linear_2.bias": None})
    assert "other has 3 of its tensors, seeing 4" in refusal(seeing, other, projector="merge")


def test_the_base_has_no_projector(seeing: Path, tmp_path: Path, chat: Path) -> None:
    other = llava(tmp_path / "other", seed=4)
    told = refusal(seeing, other, base=chat, method="task_arithmetic", projector="merge")
    assert "base has 0 of its tensors" in told


def per_layer(**changes: Any) -> dict[str, Any]:
    return {"layers": [0.0, 1.0], "embedding": 0.25, "norm": 0.5, "head": 0.75, **changes}


def weight_in(plan: MergePlan) -> Callable[[str], dict[str, float]]:
    found = {one.name: dict(one.weights) or {one.copied_from or "": 1.0} for one in plan.tensors}
    return lambda name: found[name]


def test_weights_by_layer_and_module(chat: Path, safe: Path) -> None:
    """0, 1/2, 1 along three layers; embedding, norm and head have their own; the longest module wins."""
    modules = {"mlp": 3.0, "layers.1.mlp": 5.0, "layers.1.mlp.up_proj": 7.0}
    at = weight_in(plan_of([chat, safe], weights=[per_layer(modules=modules), 2.0]))
    assert at("lm.embed_tokens.weight") == {"chat": 0.25, "safe": 2.0}
    assert at("lm.norm.weight") == {"chat": 0.5, "safe": 2.0}
    assert at("lm.head.weight") == {"chat": 0.75, "safe": 2.0}
    assert [at(f"lm.layers.{layer}.self_attn.q_proj.weight").get("chat") for layer in range(3)] == [None, 0.5, 1.0]
    assert at("lm.layers.0.self_attn.q_proj.weight") == {"safe": 1.0}, "weight 0: the other's bytes"
    assert [at(f"lm.layers.{layer}.mlp.gate_proj.weight")["chat"] for layer in range(3)] == [3, 5, 3]
    assert at("lm.layers.1.mlp.up_proj.weight")["chat"] == 7


def test_the_order_of_the_config_does_not_give_one_model_the_other_ones_weight(chat: Path, safe: Path) -> None:
    at, back = (weight_in(plan_of(*given)) for given in ([[chat, safe]], [[safe, chat]]))
    assert at("lm.norm.weight") == back("lm.norm.weight") == {"chat": 0.5, "safe": 0.5}
    unequal = weight_in(plan_of([safe, chat], weights=[0.25, 0.75]))
    assert unequal("lm.norm.weight") == {"safe": 0.25, "chat": 0.75}


@pytest.mark.parametrize(
    ("weight", "told"),
    [
        (per_layer(layers=[1.0, 2.0, 3.0, 4.0]), "`layers` has 4 points, the models have 3 layers"),
        (per_layer(modules={"q_porj": 1.0}), "`modules.q_porj` fits no tensor. Did you mean 'q_proj'?"),
        (per_layer(modules={"mlp": 1.0, "up_proj": 2.0}), "mlp, up_proj both fit lm.layers.0.mlp.up_proj.weight"),
        (per_layer(norm=-2.0), "weights in lm.norm.weight: the weights -2, 2 sum to 0: linear divides by the sum"),
    ],
)
def test_weights_that_cannot_be(chat: Path, safe: Path, weight: dict[str, Any], told: str) -> None:
    assert told in refusal(chat, safe, weights=[weight, 2.0])


def test_weights_of_slerp_by_layer_must_sum_to_one(chat: Path, safe: Path) -> None:
    told = refusal(chat, safe, method="slerp", weights=[per_layer(), 0.5])
    assert "slerp needs two between 0 and 1 that sum to 1" in told


def test_a_merged_projector_needs_its_weight(seeing: Path, tmp_path: Path) -> None:
    other = llava(tmp_path / "other", seed=4)
    given = {"weights": [per_layer(), 1.0], "projector": "merge"}
    assert "weights of seeing: no `projector`" in refusal(seeing, other, **given)
    at = weight_in(plan_of([seeing, other], **{**given, "weights": [per_layer(projector=3.0), 1.0]}))
    assert at("proj.0.weight") == {"seeing": 3.0, "other": 1.0}
    assert at("vision.post_layernorm.bias") == {"seeing": 1.0}


def test_tokenizers_with_little_in_common(chat: Path, tmp_path: Path) -> None:
    other = llama(tmp_path / "other", seed=2, words=[*WORDS[:3], *(f"else{number}" for number in range(17))])
    told = refusal(chat, other)
    assert "chat and other have different tokenizers: 3 of 20 tokens (15.0%) are in all models, 90% are needed" in told
    assert "other lacks word0, word1" in told
    plan = plan_of([chat, other], min_shared_rows=0.1)
    assert plan.rows is not None and len(plan.rows.owner) == 3


def test_no_tokenizer(chat: Path, safe: Path) -> None:
    (safe / "tokenizer.json").unlink()
    told = refusal(chat, safe)
    assert f"{safe}: no tokenizer.json, so nothing says which token a row" in told and "--rows id" in told
    assert plan_of([chat, safe], rows="id").rows is None


def test_a_torn_tokenizer(chat: Path, safe: Path) -> None:
    (safe / "tokenizer.json").write_text("{")
    assert f"{safe / 'tokenizer.json'}: cannot be read as a tokenizer" in refusal(chat, safe)


def test_more_tokens_than_rows(chat: Path, tmp_path: Path) -> None:
    other = llama(tmp_path / "other", seed=2, rows=19)
    assert f"{other}: its tokenizer has ids up to 19, its embedding 19 rows" in refusal(chat, other)


def test_rows_by_number_need_as_many(chat: Path, tmp_path: Path) -> None:
    other = llama(tmp_path / "other", seed=2, rows=24)
    assert "rows: id needs embeddings of the same number of rows: chat has 20, other has 24" in refusal(
        chat, other, rows="id"
    )


def test_rows_are_matched_by_their_tokens(seeing: Path, tmp_path: Path) -> None:
    """Here row 20 is <image> and 21 <pad>; there row 0 is <pad> and the words follow, one of them new."""
    words = ["<pad>", *WORDS, "new"]
    plan = plan_of([seeing, llama(tmp_path / "safe", seed=2, words=words)])
    assert plan.rows is not None
    assert plan.rows.owner.tolist() == [*range(20), 21]
    assert plan.rows.parents["safe"].tolist() == [*range(1, 21), 0]
    assert plan.rows.kept == ("<image>",)
    assert plan.rows.dropped == {"safe": ("new",)}


def test_equal_tokenizers_need_no_matching(chat: Path, safe: Path, tmp_path: Path) -> None:
    assert plan_of([chat, safe]).rows is None
    padded = [llama(tmp_path / name, seed=2, rows=24) for name in "ab"]
    assert plan_of(padded).rows is None, "padding rows are merged too"
    plan = plan_of([chat, padded[0]])
    assert plan.rows is not None and len(plan.rows.owner) == 20
