"""Causal language models of transformers: built from scratch, opened from a folder, saved as a folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from lineage.config.pretrain import Architecture
from lineage.errors import UserError

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
    config = AutoConfig.for_model(architecture.model_type, **(settings | architecture.settings))
    if config.vocab_size < len(tokenizer):
        raise UserError(
            f"architecture.settings.vocab_size is {config.vocab_size}, but the tokenizer has {len(tokenizer)} entries.\n"
            "  Leave it out (it is set from the tokenizer) or raise it."
        )
    generator_state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    try:
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise UserError(
            f"architecture: transformers cannot build a causal language model of type '{architecture.model_type}' with"
            f" {architecture.settings}: {error}"
        ) from error
    finally:
        torch.random.set_rng_state(generator_state)
    return model


def _check_settings(architecture: Architecture) -> None:
    try:
        known = AutoConfig.for_model(architecture.model_type).to_dict()
    except ValueError as error:
        raise UserError(f"architecture.model_type is '{architecture.model_type}', which transformers does not know.") from error
    from lineage.config.messages import did_you_mean, listed

    for key in architecture.settings:
        if key not in known:
            raise UserError(
                f"architecture.settings.{key}: a {architecture.model_type} config has no such field."
                f"{did_you_mean(key, known)}\n  fields: {listed(sorted(known))}"
            )


def open_decoder(folder: Path, *, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Loads a causal language model and fails where any of its tensors is missing, left over or of another shape.

    Raises:
        UserError: no safetensors, or weights that do not fit the config.
    """
    require_safetensors(folder)
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, output_loading_info=True, use_safetensors=True, local_files_only=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UserError(f"{folder}: transformers cannot open it as a causal language model: {error}") from error
    wrong = {key: sorted(map(str, names)) for key, names in info.items() if names}
    if wrong:
        shown = "; ".join(f"{key}: {', '.join(names[:5])}" for key, names in wrong.items())
        raise UserError(f"{folder}: the weights do not fit the config ({shown}).")
    return model


def open_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a model or tokenizer folder.

    Raises:
        UserError: none there, or one that transformers cannot open without remote code.
    """
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder}: no tokenizer that transformers can open: {error}") from error


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
            "  Convert them where you trust them: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(new_folder)"
        )
    raise UserError(f"{folder}: no *.safetensors file, so no model weights.")


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, *, place: str) -> None:
    """A tokenizer must not have ids that the model's embedding lacks.

    Raises:
        UserError: with both sizes.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise UserError(
            f"{place}: the tokenizer has {len(tokenizer)} entries, the model's embedding {rows} rows: they do not belong"
            " together.\n  Use the tokenizer that the model was trained with."
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


def model_facts(model: PreTrainedModel) -> dict[str, Any]:
    """What a manifest says of a model: pure functions of its config."""
    return {"parameters": num_parameters(model), "model_type": model.config.model_type}
