"""Names in the three layouts of LLaVA and of a language model alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineage.merging.names import LAYOUTS, detect, layer_of, sort_key
from lineage.merging.parent import open_parent
from lineage.merging.reading import open_weights
from tests.merging import building
from tests.merging.building import WORDS, build_llava, llama, llava

TABLE = {
    "lm.embed_tokens.weight": {
        "llama": "model.embed_tokens.weight",
        "llava_original": "model.embed_tokens.weight",
        "llava_file": "language_model.model.embed_tokens.weight",
        "llava_memory": "model.language_model.embed_tokens.weight",
    },
    "lm.layers.3.self_attn.q_proj.bias": {
        "llama": "model.layers.3.self_attn.q_proj.bias",
        "llava_original": "model.layers.3.self_attn.q_proj.bias",
        "llava_file": "language_model.model.layers.3.self_attn.q_proj.bias",
        "llava_memory": "model.language_model.layers.3.self_attn.q_proj.bias",
    },
    "lm.norm.weight": {
        "llama": "model.norm.weight",
        "llava_original": "model.norm.weight",
        "llava_file": "language_model.model.norm.weight",
        "llava_memory": "model.language_model.norm.weight",
    },
    "lm.head.weight": {
        "llama": "lm_head.weight",
        "llava_original": "lm_head.weight",
        "llava_file": "language_model.lm_head.weight",
        "llava_memory": "lm_head.weight",
    },
    "proj.0.weight": {
        "llava_original": "model.mm_projector.0.weight",
        "llava_file": "multi_modal_projector.linear_1.weight",
        "llava_memory": "model.multi_modal_projector.linear_1.weight",
    },
    "proj.2.bias": {
        "llava_original": "model.mm_projector.2.bias",
        "llava_file": "multi_modal_projector.linear_2.bias",
        "llava_memory": "model.multi_modal_projector.linear_2.bias",
    },
    "vision.encoder.layers.0.mlp.fc1.weight": {
        "llava_original": "model.vision_tower.vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight",
        "llava_file": "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight",
        "llava_memory": "model.vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight",
    },
}
"""The table of the study, written out."""
NAMES = [(canonical, layout, name) for canonical, names in TABLE.items() for layout, name in names.items()]


@pytest.mark.parametrize(("canonical", "layout", "name"), NAMES)
def test_the_table(canonical: str, layout: str, name: str) -> None:
    assert LAYOUTS[layout].canonical(name) == canonical
    assert LAYOUTS[layout].file_name(canonical) == name


@pytest.mark.parametrize("layout", ["llava_file", "llava_memory"])
def test_a_tower_without_vision_model_in_its_names(layout: str) -> None:
    """As transformers 5 writes it."""
    prefix = "model." if layout == "llava_memory" else ""
    assert LAYOUTS[layout].canonical(f"{prefix}vision_tower.encoder.x") == "vision.encoder.x"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_detected_by_names(layout: str) -> None:
    names = [names[layout] for names in TABLE.values() if layout in names]
    found = detect(names)
    assert found is not None and found.name == layout
    assert detect(names[::-1]) == found


def test_unknown_names() -> None:
    assert detect(["transformer.h.0.attn.c_attn.weight"]) is None
    assert detect([]) is None


def test_other_parts_are_told_apart_from_the_language_model() -> None:
    assert LAYOUTS["llava_original"].canonical("model.image_newline") == "other.image_newline"
    assert LAYOUTS["llava_file"].canonical("image_newline") == "other.image_newline"
    assert LAYOUTS["llava_memory"].canonical("model.image_newline") == "other.image_newline"
    assert LAYOUTS["llama"].canonical("visual.blocks.0.w") == "other.visual.blocks.0.w"


def test_layers_by_number() -> None:
    assert layer_of("lm.layers.10.input_layernorm.weight") == 10
    assert layer_of("vision.encoder.layers.1.x") is None
    assert sorted(["lm.layers.10.a", "lm.layers.9.b", "lm.layers.9.a"], key=sort_key) == [
        "lm.layers.9.a", "lm.layers.9.b", "lm.layers.10.a",
    ]  # fmt: skip


def test_what_transformers_writes_and_holds(tmp_path: Path) -> None:
    """save_pretrained of version 5 still writes the older names; the state dict has the newer."""
    llava(tmp_path / "file", seed=0)
    found = detect(open_weights(tmp_path / "file"))
    assert found is not None and found.name == "llava_file"
    memory = build_llava(seed=0, words=[*WORDS, "<image>", "<pad>"]).state_dict()
    found = detect(memory)
    assert found is not None and found.name == "llava_memory"


def test_all_layouts_are_one_model(tmp_path: Path) -> None:
    opened = [open_parent(llava(tmp_path / layout, seed=0, layout=layout), layout) for layout in building.LAYOUTS]
    assert [one.layout.name for one in opened] == list(building.LAYOUTS)
    names = {frozenset(one.tensors) for one in opened}
    assert len(names) == 1
    [names] = names
    assert sum(name.startswith("lm.") for name in names) == 9 * 3 + 3
    assert sum(name.startswith("proj.") for name in names) == 4
    assert not any(name.startswith("other.") for name in names)
    for name in names:
        assert len({bytes(one.tensors[name].raw().numpy()) for one in opened}) == 1, name


def test_a_language_model(tmp_path: Path) -> None:
    parent = open_parent(llama(tmp_path / "chat", seed=0), "chat")
    assert parent.layout.name == "llama"
    assert not parent.is_vision_language
    assert len(parent.tensors) == 9 * 3 + 3
    tied = open_parent(llama(tmp_path / "tied", seed=0, tie_word_embeddings=True), "tied")
    assert len(tied.tensors) == 9 * 3 + 2
