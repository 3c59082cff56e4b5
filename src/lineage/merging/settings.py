"""What a model's configuration says of its language model.

Most parents state the same fields with the same values. Only where they do not are transformers' defaults filled in,
and older spellings put into the present one, because that import takes longer than many a merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lineage.config.messages import did_you_mean
from lineage.errors import UserError

HARMLESS = frozenset(
    (
        "_name_or_path", "architectures", "attn_implementation", "attention_dropout", "bos_token_id",
        "chunk_size_feed_forward", "dtype", "embd_pdrop", "eos_token_id", "hidden_dropout", "id2label",
        "initializer_range", "label2id", "max_position_embeddings", "output_attentions", "output_hidden_states",
        "output_router_logits", "pad_token_id", "pretraining_tp", "problem_type", "resid_pdrop", "return_dict",
        "router_aux_loss_coef", "tie_word_embeddings", "torch_dtype", "transformers_version", "use_cache", "vocab_size",
    )
)  # fmt: skip
"""Settings that do not change what a weight does: types, token ids, dropout, initial values, sizes of tables.
Vocabulary and ties have rules of their own. All others must be equal in all parents."""

LAYERS, TIED = "num_hidden_layers", "tie_word_embeddings"
_ROTARY = "rope_parameters"
_PICTURES = ("vision_", "projector_")


@dataclass(frozen=True)
class Settings:
    """The settings of one parent: of a language model, of Hugging Face's LLaVA, or of the original LLaVA."""

    config: Mapping[str, Any]
    """`config.json` as it stands."""
    place: Path

    @property
    def text(self) -> Mapping[str, Any]:
        """The section about the language model: `text_config`, or everything."""
        section = self.config.get("text_config")
        return section if isinstance(section, Mapping) else self.config

    @property
    def is_nested(self) -> bool:
        """Whether the language model has a section of its own."""
        return self.text is not self.config

    @property
    def model_type(self) -> str:
        """The language model's type; the original LLaVA adds its keys to that of a language model (`llava_mistral`)."""
        if self.is_nested:
            return str(self.text.get("model_type", "llama"))
        stated = str(self.config.get("model_type"))
        if stated == "llava" or stated.startswith("llava_"):
            return stated.removeprefix("llava").removeprefix("_") or "llama"
        return stated

    @property
    def num_layers(self) -> int:
        """Layers of the language model."""
        return int(self.text[LAYERS] if LAYERS in self.text else self.whole_text[LAYERS])

    @property
    def tied(self) -> bool:
        """Whether the head is the embedding: either section may say so."""
        sections = [self.text, self.config] if self.is_nested else [self.text]
        if any(section.get(TIED) for section in sections):
            return True
        if all(TIED in section for section in sections):
            return False
        return bool(self.whole_text.get(TIED)) or (self.is_nested and bool(self.whole.get(TIED)))

    @property
    def pictures(self) -> dict[str, Any]:
        """How pictures become tokens, as it is stated."""
        return {name: value for name, value in self.config.items() if name.startswith(_PICTURES)}

    @cached_property
    def whole_text(self) -> dict[str, Any]:
        """The language model's fields, with transformers' defaults.

        Raises:
            UserError: transformers does not know the type, or refuses the settings.
        """
        return _whole(self.text, self.model_type, self.place)

    @cached_property
    def whole(self) -> dict[str, Any]:
        """All fields, with transformers' defaults.

        Raises:
            UserError: transformers does not know the type, or refuses the settings.
        """
        return _whole(self.config, str(self.config.get("model_type")), self.place)


def _whole(stated: Mapping[str, Any], model_type: str, place: Path) -> dict[str, Any]:
    """The fields that transformers knows for this type."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CONFIG_MAPPING

    if model_type not in CONFIG_MAPPING:
        raise UserError(
            f"{place}: its model_type is '{model_type}', which transformers does not know."
            f"{did_you_mean(model_type, CONFIG_MAPPING)}"
        )
    kind = CONFIG_MAPPING[model_type]
    try:
        known = kind().to_dict()
        fields = kind.from_dict({**stated, "model_type": model_type}).to_dict()
    except (ValueError, TypeError, KeyError, StrictDataclassError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{place}: transformers refuses it as a '{model_type}': {reason[:400]}") from error
    return {name: fields.get(name) for name in known}


def differences(first: Settings, second: Settings) -> dict[str, tuple[Any, Any]]:
    """{setting: both values} where two parents differ in what a weight of the language model means."""
    if first.model_type != second.model_type:
        return {"model_type": (first.model_type, second.model_type)}
    if not _unlike(_compared(first.text), _compared(second.text)):
        return {}
    return _unlike(_compared(first.whole_text), _compared(second.whole_text))


def picture_differences(first: Settings, second: Settings) -> dict[str, tuple[Any, Any]]:
    """{setting: both values} where two vision-language models turn pictures into tokens differently."""
    if not _unlike(first.pictures, second.pictures) or not first.is_nested or not second.is_nested:
        return _unlike(first.pictures, second.pictures)
    wholes = [
        {name: value for name, value in one.whole.items() if name.startswith(_PICTURES)} for one in (first, second)
    ]
    return _unlike(wholes[0], wholes[1])


def _compared(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What counts, rotary settings one by one."""
    flat = {name: value for name, value in fields.items() if name not in HARMLESS and name != _ROTARY}
    return flat | {f"{_ROTARY}.{name}": value for name, value in (fields.get(_ROTARY) or {}).items()}


def _unlike(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = sorted(first.keys() | second.keys())
    pairs = {name: (first.get(name), second.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
