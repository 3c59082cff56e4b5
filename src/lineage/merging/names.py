"""How tensors are called in a folder, and the one name that each has here.

Canonical names begin with `lm.` (language model: `lm.embed_tokens`, `lm.layers.0.mlp.up_proj`, `lm.norm`, `lm.head`),
`proj.` (projector), `vision.` (tower) or `other.`. Every decoder that calls its parts as Llama does (Mistral, Qwen,
Gemma, OLMo, Phi-3, mixtures of experts) shares the map: what stands behind `layers.<i>.` is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

EMBEDDING, HEAD, NORM = "lm.embed_tokens.", "lm.head.", "lm.norm."
LANGUAGE, PROJECTOR, VISION, OTHER = "lm.", "proj.", "vision.", "other."
HEAD_WEIGHT, EMBEDDING_WEIGHT = HEAD + "weight", EMBEDDING + "weight"

IGNORED = re.compile(r"(\.rotary_emb\.inv_freq|\.rotary_emb\.(cos|sin)_cached|\.embeddings\.position_ids)$")
"""Buffers that old files hold and that transformers computes: neither read nor written."""

_HF_PROJECTOR = (("linear_1.", "proj.0."), ("linear_2.", "proj.2."), ("", "proj."))


@dataclass(frozen=True)
class Layout:
    """One way of naming tensors: (prefix in the file, canonical prefix), the first that fits counts."""

    name: str
    mark: str
    """Prefix of names that only this layout has."""
    prefixes: tuple[tuple[str, str], ...]

    def canonical(self, name: str) -> str:
        """The canonical name of a tensor of a file.

        >>> LAYOUTS["llava_file"].canonical("language_model.model.norm.weight")
        'lm.norm.weight'
        """
        return _renamed(name, self.prefixes)

    def file_name(self, canonical: str) -> str:
        """How this layout calls a canonical name.

        >>> LAYOUTS["llava_memory"].file_name("proj.0.bias")
        'model.multi_modal_projector.linear_1.bias'
        """
        return _renamed(canonical, [(theirs, ours) for ours, theirs in self.prefixes])


def _renamed(name: str, prefixes: Iterable[tuple[str, str]]) -> str:
    old, new = next((old, new) for old, new in prefixes if name.startswith(old))
    return new + name.removeprefix(old)


def _hf_projector(prefix: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"{prefix}multi_modal_projector.{inner}", canonical) for inner, canonical in _HF_PROJECTOR)


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            "llava_memory",  # state_dict of transformers >= 4.52
            "model.language_model.",
            (
                ("lm_head.", HEAD),
                ("model.language_model.", LANGUAGE),
                *_hf_projector("model."),
                ("model.vision_tower.vision_model.", VISION),
                ("model.vision_tower.", VISION),
                ("model.", OTHER),
                ("", OTHER),
            ),
        ),
        Layout(
            "llava_file",  # Hugging Face files, and what save_pretrained of transformers 5 writes
            "language_model.",
            (
                ("language_model.lm_head.", HEAD),
                ("language_model.model.", LANGUAGE),
                *_hf_projector(""),
                ("vision_tower.vision_model.", VISION),
                ("vision_tower.", VISION),
                ("", OTHER),
            ),
        ),
        Layout(
            "llava_original",  # haotian-liu/LLaVA
            "model.mm_projector.",
            (
                ("lm_head.", HEAD),
                ("model.mm_projector.", PROJECTOR),
                ("model.vision_tower.vision_tower.vision_model.", VISION),
                ("model.vision_tower.vision_tower.", VISION),
                ("model.image_newline", OTHER + "image_newline"),
                ("model.", LANGUAGE),
                ("", OTHER),
            ),
        ),
        Layout(
            "llama",  # a language model alone
            "model.layers.",
            (("lm_head.", HEAD), ("model.", LANGUAGE), ("", OTHER)),
        ),
    )
}
"""By name, in the order in which `detect` tries them."""


def detect(names: Collection[str]) -> Layout | None:
    """The layout whose mark some name bears; None where no layout fits. Never looks at a class name."""
    return next(
        (layout for layout in LAYOUTS.values() if any(name.startswith(layout.mark) for name in names)),
        None,
    )


def layer_of(canonical: str) -> int | None:
    """Index of the layer that a tensor belongs to; None outside of the layers.

    >>> layer_of("lm.layers.12.mlp.up_proj.weight")
    12
    """
    found = re.match(r"lm\.layers\.(\d+)\.", canonical)
    return int(found.group(1)) if found else None


def is_language(canonical: str) -> bool:
    """Whether a tensor belongs to the language model."""
    return canonical.startswith(LANGUAGE)


def sort_key(canonical: str) -> tuple[str | int, ...]:
    """Order of tensors in reports and files: by name, layers by number.

    >>> sorted(["lm.layers.10.a", "lm.layers.9.a"], key=sort_key)
    ['lm.layers.9.a', 'lm.layers.10.a']
    """
    parts = re.split(r"(\d+)", canonical)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts))
