"""Vision-language models of the LLaVA kind: put together from a decoder and a tower, opened strictly, saved whole.

A folder that is saved here loads with plain transformers: `AutoModelForImageTextToText`, `AutoProcessor`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    CLIPImageProcessorPil,
    CLIPVisionModel,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from lineage.errors import UserError
from lineage.models.decoder import open_decoder, open_tokenizer, require_safetensors, save_decoder

IMAGE_TOKENS = ("<|image|>", "<image>")
"""Tokens that may stand for a picture: ours, LLaVA's."""


@dataclass(frozen=True)
class ImageReading:
    """How a vision-language model reads a picture."""

    processor: CLIPImageProcessorPil
    token: str
    """The token that stands for one feature."""
    num_tokens: int
    """Features of one picture."""


def is_vision_language(folder: Path) -> bool:
    """Whether the folder's config is that of a LLaVA model."""
    return json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type") == "llava"


def assemble(
    decoder: PreTrainedModel,
    tower: CLIPVisionModel,
    tokenizer: PreTrainedTokenizerFast,
    *,
    feature_layer: int,
    feature_select: str = "default",
    seed: int,
) -> LlavaForConditionalGeneration:
    """Decoder and tower as they are, and a projector with random weights drawn from `seed`.

    `feature_layer` counts the tower's hidden states from the end: LLaVA takes -2; -1 in towers of two layers, of which
    -2 would leave half unused. `feature_select` is transformers': `default` leaves out the class token, whose output
    of the last layer is all that contrastive training asks for; `full` keeps it.

    Raises:
        UserError: a tokenizer without an image token, a feature layer that the tower lacks.
    """
    layers = tower.config.num_hidden_layers
    if not -layers - 1 <= feature_layer <= -1:
        raise UserError(f"feature_layer is {feature_layer}, but the tower has {layers} layers: choose {-layers} to -1.")
    token_id = tokenizer.convert_tokens_to_ids(image_token(tokenizer))
    assert isinstance(token_id, int)
    config = LlavaConfig(
        vision_config=tower.config,
        text_config=decoder.config,
        image_token_index=token_id,
        projector_hidden_act="gelu",
        vision_feature_select_strategy=feature_select,
        vision_feature_layer=feature_layer,
        image_seq_length=_num_features(tower.config, feature_select),
        tie_word_embeddings=bool(decoder.config.tie_word_embeddings),
    )
    generator_state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    try:
        model = LlavaForConditionalGeneration(config)
    finally:
        torch.random.set_rng_state(generator_state)
    body: Any = model.model
    _draw_projector(body.multi_modal_projector, seed)
    body.language_model.load_state_dict(_backbone(decoder).state_dict())
    _load_tower(body.vision_tower, tower)
    if not config.tie_word_embeddings:
        head: Any = model.lm_head
        head.load_state_dict(decoder.get_output_embeddings().state_dict())  # pyright: ignore[reportOptionalMemberAccess]
    model.tie_weights()
    return model


def _draw_projector(projector: nn.Module, seed: int) -> None:
    """Weights whose outputs are as large as their inputs; with transformers' .02 a picture starts as next to nothing,
    and a narrow model hardly begins to look at it."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in projector.named_parameters():
        if name.endswith("weight"):
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5, generator=generator)


def _backbone(decoder: PreTrainedModel) -> nn.Module:
    body: nn.Module = getattr(decoder, decoder.base_model_prefix)
    return body


def _load_tower(target: nn.Module, tower: nn.Module) -> None:
    """Whatever prefix each of the two puts before the tower's tensors."""
    theirs = {name.removeprefix("vision_model."): tensor for name, tensor in tower.state_dict().items()}
    mine = {name: name.removeprefix("vision_model.") for name in target.state_dict()}
    target.load_state_dict({name: theirs[bare] for name, bare in mine.items()})


def image_token(tokenizer: PreTrainedTokenizerFast) -> str:
    """The tokenizer's token for a picture.

    Raises:
        UserError: it has none.
    """
    found = [token for token in IMAGE_TOKENS if token in tokenizer.get_added_vocab()]
    if not found:
        raise UserError(
            f"the tokenizer has no token for a picture ({' or '.join(IMAGE_TOKENS)}).\n"
            "  Add one as a special token and give the model a row for it."
        )
    return found[0]


def open_vision_language(folder: Path, *, named: Path | None = None) -> LlavaForConditionalGeneration:
    """Loads a LLaVA model in float32 and fails where any tensor is missing, left over or of another shape.

    transformers opens the original LLaVA layout without an exception and with random weights: that is refused.

    Raises:
        UserError: no safetensors, or weights that do not fit the config.
    """
    place = named or folder
    require_safetensors(folder)
    try:
        loaded: Any = LlavaForConditionalGeneration.from_pretrained(
            folder,
            dtype=torch.float32,
            output_loading_info=True,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # they are in the loading info, and refused with the others
            local_files_only=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{place}: transformers cannot open it as a LLaVA model: {error}") from error
    model, info = loaded
    wrong = {key: sorted(map(str, names)) for key, names in info.items() if names}
    if wrong:
        shown = "; ".join(f"{key}: {', '.join(names[:5])}" for key, names in wrong.items())
        raise UserError(
            f"{place}: the weights do not fit the config ({shown}).\n"
            "  A model in the layout of the LLaVA repository has to be converted first (`lineage merge` reads it)."
        )
    return model


def open_model(folder: Path) -> PreTrainedModel:
    """A decoder or a vision-language model, by the folder's config.

    Raises:
        UserError: as `open_decoder` and `open_vision_language`.
    """
    return open_vision_language(folder) if is_vision_language(folder) else open_decoder(folder)


def open_tower(folder: Path) -> CLIPVisionModel:
    """The vision half of a CLIP folder, or a folder that holds a tower alone.

    Raises:
        UserError: no such model, or weights that do not fit.
    """
    require_safetensors(folder)
    try:
        kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
        loaded: Any = CLIPVisionModel.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, use_safetensors=True, local_files_only=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder}: transformers cannot open a CLIP vision tower in it: {error}") from error
    model, info = loaded
    if kind not in ("clip", "clip_vision_model") or info["missing_keys"]:
        raise UserError(f"{folder}: is of type '{kind}' and lacks {sorted(info['missing_keys'])[:5]} of a CLIP tower.")
    return model


def open_image_processor(folder: Path) -> CLIPImageProcessorPil:
    """How the tower of a folder wants its pictures.

    Raises:
        UserError: the folder has no `preprocessor_config.json` (nor one inside `processor_config.json`).
    """
    try:
        return CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder}: no image processor that transformers can open: {error}") from error


def reading_of(model: PreTrainedModel, folder: Path, tokenizer: PreTrainedTokenizerFast) -> ImageReading | None:
    """How the model of a folder reads pictures; None: it reads text only."""
    if not isinstance(model, LlavaForConditionalGeneration):
        return None
    return reading_of_tower(model, open_image_processor(folder), tokenizer)


def reading_of_tower(
    model: LlavaForConditionalGeneration, processor: CLIPImageProcessorPil, tokenizer: PreTrainedTokenizerFast
) -> ImageReading:
    """How a model reads pictures that its tower's own processor prepares."""
    num_features = _num_features(model.config.vision_config, model.config.vision_feature_select_strategy)
    return ImageReading(processor, image_token(tokenizer), num_features)


def save_model(
    model: PreTrainedModel, folder: Path, *, tokenizer_folder: Path, template: str | None, images: ImageReading | None
) -> None:
    """Weights, configs, tokenizer with its chat template (if it has one) and, for a model that sees, its processor."""
    save_decoder(model, folder, tokenizer_folder)
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    if images is None:
        return
    tokenizer = open_tokenizer(folder)
    vision = model.config.vision_config
    LlavaProcessor(
        image_processor=images.processor,
        tokenizer=tokenizer,
        patch_size=vision.patch_size,
        vision_feature_select_strategy=model.config.vision_feature_select_strategy,
        chat_template=template,
        image_token=images.token,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (tokenizer_folder / name).is_file():
            (folder / name).write_bytes((tokenizer_folder / name).read_bytes())


def _num_features(vision: Any, select: str) -> int:
    """Features of one picture: one a patch, and that of the class token where it is kept."""
    return (vision.image_size // vision.patch_size) ** 2 + (select == "full")
