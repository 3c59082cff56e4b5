"""Causal language models of transformers: built from scratch, opened from a folder, saved as a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from lineage.config.messages import did_you_mean, listed
from lineage.config.pretrain import Architecture
from lineage.errors import UserError

Built = TypeVar("Built")

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


def build_decoder(architecture: Architecture, tokenizer: PreTrainedTokenizerFast, *, seed: int) -> PreTrainedModel:
    """A model with random float32 weights, a function of (architecture, vocabulary, seed) only.

    Raises:
        UserError: transformers does not know the architecture or one of its settings.
    """
    settings = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
    }
    _check_settings(architecture)
    config = _built(
        architecture, lambda: AutoConfig.for_model(architecture.model_type, **(settings | architecture.settings))
    )
    if getattr(config, "vocab_size", len(tokenizer)) < len(tokenizer):
        raise UserError(
            f"architecture.settings.vocab_size is {config.vocab_size}, but the tokenizer has {len(tokenizer)} entries."
            "\n  Leave it out (it is set from the tokenizer) or raise it."
        )
    generator_state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    try:
        model = _built(architecture, lambda: AutoModelForCausalLM.from_config(config, dtype=torch.float32))
    finally:
        torch.random.set_rng_state(generator_state)
    check_causal(model, place=f"architecture of type '{architecture.model_type}'")
    return model


def _built(architecture: Architecture, build: Callable[[], Built]) -> Built:
    """What `build` gives; transformers refuses settings in many ways, all of which mean that the config is wrong."""
    try:
        return build()
    except (ValueError, TypeError, KeyError, RuntimeError, ArithmeticError, StrictDataclassError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(
            f"architecture: transformers cannot build a causal language model of type '{architecture.model_type}' with"
            f" {architecture.settings}:\n  {reason[:400]}{'...' if len(reason) > 400 else ''}"
        ) from error


def check_causal(model: PreTrainedModel, *, place: str) -> None:
    """Runs two short sequences that differ in their last token only: what is said before it must not change.

    An encoder that transformers opens as a language model (BERT without `is_decoder`) sees the tokens to come.

    Raises:
        UserError: it is not causal, or cannot run at all.
    """
    tokens = torch.zeros(2, 4, dtype=torch.long, device=model.device)
    tokens[1, -1] = num_embeddings(model) - 1
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            logits = model(input_ids=tokens, use_cache=False).logits[:, :-1].float()
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise UserError(f"{place}: the model cannot read text: {error}") from error
    finally:
        model.train(was_training)
    if not torch.allclose(logits[0], logits[1], rtol=1e-3, atol=1e-4, equal_nan=True):
        raise UserError(
            f"{place}: {type(model).__name__} sees the tokens to come, so it is no causal language model.\n"
            "  Choose another type, or set `is_decoder: true` where it is an encoder by default."
        )


def _check_settings(architecture: Architecture) -> None:
    try:
        known = AutoConfig.for_model(architecture.model_type).to_dict()
    except ValueError as error:
        raise UserError(
            f"architecture.model_type is '{architecture.model_type}', which transformers does not know."
            f"{did_you_mean(architecture.model_type, CONFIG_MAPPING)}"
        ) from error
    if architecture.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise UserError(
            f"architecture.model_type is '{architecture.model_type}', of which there is no causal language model in"
            " transformers.\n"
            "  Choose a decoder: llama, qwen3, gpt2, olmo2, ..."
        )
    for key in architecture.settings:
        if key not in known:
            raise UserError(
                f"architecture.settings.{key}: a {architecture.model_type} config has no such field."
                f"{did_you_mean(key, known)}\n  fields: {listed(sorted(known))}"
            )


def open_decoder(folder: Path, *, dtype: torch.dtype = torch.float32, named: Path | None = None) -> PreTrainedModel:
    """Loads a causal language model and fails where any of its tensors is missing, left over or of another shape.

    `named` is the folder that a message names instead, where `folder` is a copy.

    Raises:
        UserError: no safetensors, or weights that do not fit the config.
    """
    require_safetensors(folder)
    place = named or folder
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            output_loading_info=True,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # they are in the loading info, and refused with the others
            local_files_only=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise UserError(f"{place}: transformers cannot open it as a causal language model: {error}") from error
    model, info = loaded
    wrong = {key: sorted(map(str, names)) for key, names in info.items() if names}
    if wrong:
        shown = "; ".join(f"{key}: {', '.join(names[:5])}" for key, names in wrong.items())
        raise UserError(
            f"{place}: the weights do not fit the config ({shown}).\n"
            "  Save both together (`model.save_pretrained(folder)`), as a model with a language-modelling head."
        )
    return model


def open_tokenizer(folder: Path, *, named: Path | None = None) -> PreTrainedTokenizerFast:
    """The tokenizer of a model or tokenizer folder; `named` is the folder that a message names instead.

    Raises:
        UserError: none there, or one that transformers cannot open without remote code.
    """
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{named or folder}: no tokenizer that transformers can open: {' '.join(str(error).split())}\n"
            "  A model needs its `tokenizer.json`: AutoTokenizer.from_pretrained(name).save_pretrained(folder)"
        ) from error


def require_safetensors(folder: Path) -> None:
    """Refuses folders whose weights are pickled.

    Raises:
        UserError: with how to convert them.
    """
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
    if pickled:
        raise UserError(
            f"{folder}: only pickled weights ({', '.join(pickled[:3])}), which can run code when opened.\n"
            "  Convert them where you trust them: AutoModelForCausalLM.from_pretrained(old).save_pretrained(new)"
        )
    raise UserError(f"{folder}: no *.safetensors file, so no model weights.")


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, *, place: str) -> None:
    """A tokenizer must not have ids that the model's embedding lacks.

    Raises:
        UserError: with both sizes.
    """
    rows = num_embeddings(model)
    if len(tokenizer) > rows:
        raise UserError(
            f"{place}: the tokenizer has {len(tokenizer)} entries, the model's embedding {rows} rows: they do not"
            " belong together.\n  Use the tokenizer that the model was trained with."
        )


def save_decoder(model: PreTrainedModel, folder: Path, tokenizer_folder: Path) -> None:
    """Writes weights (safetensors), configs and the tokenizer's files, byte for byte the same for the same model."""
    model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        if (tokenizer_folder / name).is_file():
            shutil.copyfile(tokenizer_folder / name, folder / name)


def num_parameters(model: torch.nn.Module) -> int:
    """Distinct parameters, tied ones once."""
    return sum(parameter.numel() for parameter in model.parameters())


def num_embeddings(model: PreTrainedModel) -> int:
    """Tokens that the model can read: rows of its embedding."""
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, torch.Tensor)
    return weight.shape[0]


def model_facts(model: PreTrainedModel) -> dict[str, Any]:
    """What a manifest says of a model: pure functions of its config."""
    return {"parameters": num_parameters(model), "model_type": model.config.model_type}
