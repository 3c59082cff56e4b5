"""Tiny models as Hugging Face folders: Llamas, LLaVAs in every layout, with tokenizers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import CLIPVisionConfig, LlamaConfig, LlamaForCausalLM, LlavaConfig, LlavaForConditionalGeneration

from lineage.config.merging import Merge
from lineage.merging.folder import write_merge
from lineage.merging.plan import MergePlan, make_plan

WORDS = ["<unk>", "<s>", "</s>", *(f"word{number}" for number in range(17))]
"""Twenty tokens; id is position."""
SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": None,
}
LAYOUTS = ("llava_file", "llava_memory", "llava_original")
ORIGINAL = {
    "model.language_model.": "model.",
    "model.multi_modal_projector.linear_1.": "model.mm_projector.0.",
    "model.multi_modal_projector.linear_2.": "model.mm_projector.2.",
    "model.vision_tower.": "model.vision_tower.vision_tower.vision_model.",
}
"""From names in memory to those of the original LLaVA, written out by hand."""


def write_tokenizer(folder: Path, words: Sequence[str]) -> None:
    """A tokenizer of whole words; id is position."""
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # type: ignore[assignment]
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))


def llama(
    folder: Path,
    *,
    seed: int,
    words: Sequence[str] = WORDS,
    dtype: torch.dtype = torch.float32,
    rows: int | None = None,
    shards: str = "1GB",
    **settings: Any,
) -> Path:
    """A Llama with random weights."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=rows or len(words), **(SIZES | settings)))
    _randomize(model)
    model.to(dtype).save_pretrained(folder, max_shard_size=shards)
    write_tokenizer(folder, words)
    return folder


def llava(
    folder: Path,
    *,
    seed: int,
    words: Sequence[str] = (*WORDS, "<image>", "<pad>"),
    layout: str = "llava_file",
    dtype: torch.dtype = torch.float32,
    rows: int | None = None,
    pictures_seed: int = 100,
    **settings: Any,
) -> Path:
    """A LLaVA around such a Llama; projector and tower are those of `pictures_seed`."""
    model = build_llava(seed=seed, words=words, rows=rows, pictures_seed=pictures_seed, **settings).to(dtype)
    model.save_pretrained(folder)
    write_tokenizer(folder, words)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "CLIPImageProcessor"}))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    if layout != "llava_file":
        weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        if settings.get("tie_word_embeddings"):
            del weights["lm_head.weight"]
        if layout == "llava_original":
            weights = {_replaced(name, ORIGINAL): tensor for name, tensor in weights.items()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def build_llava(
    *, seed: int, words: Sequence[str], rows: int | None = None, pictures_seed: int = 100, **settings: Any
) -> LlavaForConditionalGeneration:
    """The model in memory."""
    torch.manual_seed(seed)
    config = LlavaConfig(
        text_config=LlamaConfig(vocab_size=rows or len(words), **(SIZES | settings)),
        vision_config=CLIPVisionConfig(
            hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, image_size=8, patch_size=4,
            projection_dim=8,
        ),
        image_token_index=list(words).index("<image>"),
        image_seq_length=4,
        vision_feature_layer=-1,
        tie_word_embeddings=settings.get("tie_word_embeddings", False),
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config)
    _randomize(model)
    torch.manual_seed(pictures_seed)
    _randomize(model.model.vision_tower)
    _randomize(model.model.multi_modal_projector)
    return model


def _randomize(model: torch.nn.Module) -> None:
    """Norms and biases too, which begin as ones and zeros."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)


def _replaced(name: str, prefixes: Mapping[str, str]) -> str:
    for old, new in prefixes.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a folder, read by the safetensors library."""
    weights: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        weights |= load_file(path)
    return weights


def rewrite(folder: Path, change: Mapping[str, torch.Tensor | None]) -> None:
    """Puts other tensors into a folder of one file; None takes one out."""
    weights = {**weights_of(folder), **change}
    kept = {name: tensor for name, tensor in weights.items() if tensor is not None}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def change_config(folder: Path, **fields: Any) -> None:
    """Other settings in config.json; None takes one out."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def plan_of(folders: Sequence[Path], base: Path | None = None, **fields: Any) -> MergePlan:
    """The plan of a merge of these folders, each called as its folder; `weights` gives one number each."""
    weights = fields.pop("weights", [None] * len(folders))
    extra = fields.pop("extra", {})
    models_ = [
        {"name": folder.name, "weight": weight, **extra.get(folder.name, {})}
        for folder, weight in zip(folders, weights, strict=True)
    ]
    return make_plan(Merge.model_validate({"models": models_, **fields}), folders, base)


def merged(out: Path, folders: Sequence[Path], base: Path | None = None, *, threads: int = 2, **fields: Any) -> Path:
    """The folder that such a merge leaves."""
    out.mkdir(parents=True)
    write_merge(plan_of(folders, base, **fields), out, threads=threads, digest=lambda path: f"hash of {path.name}")
    return out
