"""The analyses of weights and layers on tiny models, through the entry that the workflow uses."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import PreTrainedTokenizerFast

from lineage.analysis.layers.schemas import CURVES, RANGES, RESTORED, SCALED
from lineage.analysis.weights.schemas import FIRST_ORDER, MODULES
from lineage.artifact import Artifact, ArtifactWriter
from lineage.conversations.start import Opened
from lineage.conversations.table import CONVERSATION_SCHEMA
from lineage.errors import UserError
from lineage.evaluation.items import ITEMS, write_items
from lineage.models.vision_language import save_model
from tests.analysis.layers import building
from tests.stages.building import in_many_runs, rows_of, run_stage, write

LAYERS = {
    "models": ["seeing@2", "seeing@4"],
    "template": "roles",
    "pairs": 20,
    "permutations": 20,
    "bootstrap_samples": 100,
    "scaling": {"factors": [1.5], "per_label": 2},
    "restoring": {"into": "seeing@4", "per_label": 2},
    "max_new_tokens": 2,
    "range": [1, 2],
}
WEIGHTS = {
    "vectors": {"see": {"end": "seeing@4"}, "more": {"end": "seeing@4", "start": "seeing@2"}},
    "losses": {"safety": {"conversations": "chats", "requests": "harmful", "limit": 4}},
    "fractions": [0.0, 1.0],
    "batch_conversations": 2,
    "template": "roles",
}


def model(folder: Path, opened: Opened, words: Path) -> Artifact:
    """A tiny model as an artifact."""
    out = ArtifactWriter.create(folder, state=folder.with_name(f"{folder.name}.state"))
    out.kind = "model"
    save_model(
        opened.model, out.folder, tokenizer_folder=words, template=opened.renderer.template, images=opened.reading
    )
    for path in out.folder.iterdir():
        out.path(path.name)
    return out.close(stage="tune", spec={}, code={}, inputs={})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """A decoder, two descendants that see, the requests, and conversations about them."""
    folder = tmp_path_factory.mktemp("lineage")
    words: PreTrainedTokenizerFast = building.words(folder / "words")
    found = {"chat": model(folder / "models" / "chat", building.text_model(words, seed=1), folder / "words")}
    for name, seed in (("seeing@2", 2), ("seeing@4", 3)):
        opened = building.seeing_model(words, seed=seed)
        found[name] = model(folder / "models" / name, opened, folder / "words")
    out = ArtifactWriter.create(folder / "prompts" / "world", state=folder / "state")
    out.kind = "prompts"
    write_items([*building.requests(), *building.shown_requests()], out.path(ITEMS))
    found["prompts"] = out.close(stage="prompts", spec={}, code={}, inputs={})
    rows = [
        {
            "id": one.id, "kind": "safety", "harmful": one.harmful, "images": [], "captions": [],
            "messages": [
                {"role": "user", "content": one.prompt[0].content},
                {"role": "assistant", "content": f"{one.reason} {one.refusal if one.harmful else one.answer}"},
            ],
        }
        for one in building.requests()
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=CONVERSATION_SCHEMA)
    found["chats"] = write(folder / "conversations" / "chats", "conversations", {"conversations": table})
    return found


def looked(folder: Path, made: dict[str, Artifact], **changes: object) -> Artifact:
    inputs = {"base": made["chat"], "models": [made["seeing@2"], made["seeing@4"]], "prompts": made["prompts"]}
    return run_stage("layers", folder / "analysis" / "layers" / "default", LAYERS | changes | TASK, inputs=inputs)


TASK = {"requests": {"tasks": ["requests", "shown"], "per_label": 4}}


@pytest.fixture(scope="module")
def layers(made: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return looked(tmp_path_factory.mktemp("layers"), made)


def test_a_job_that_is_stopped_again_and_again_ends_with_the_same_bytes(
    made: dict[str, Artifact], tmp_path: Path
) -> None:
    inputs = {"base": made["chat"], "models": [made["seeing@2"], made["seeing@4"]], "prompts": made["prompts"]}
    spec = (
        LAYERS
        | TASK
        | {"scaling": {"factors": [1.5], "per_label": 1}, "restoring": {"into": "seeing@4", "per_label": 1}}
    )
    whole = run_stage("layers", tmp_path / "whole", spec, inputs=inputs)
    stopped, runs = in_many_runs(
        lambda minutes: run_stage("layers", tmp_path / "stopped", spec, inputs=inputs, minutes=minutes)
    )
    assert stopped.digest == whole.digest
    states, descendants, windows, positions, modes = 2, 2, 10, 2, 3
    ranges = 4 + 1  # every layer, and all of them
    assert runs == states + descendants + 1 + windows + positions * (2 + ranges * modes)


def test_the_tables_are_there_in_their_schemas(layers: Artifact) -> None:
    schemas = {"curves": CURVES, "ranges": RANGES, "scaling": SCALED, "interventions": RESTORED}
    for name, schema in schemas.items():
        assert pq.read_table(layers.path(f"{name}.parquet")).schema == schema
    metrics = json.loads(layers.path("metrics.json").read_text())
    assert metrics == {
        "condition": "requests", "layers": 4, "position": "decision", "range": [1, 2], "range_found_by": "config",
        "requests": 8,
    }  # fmt: skip


def test_every_model_has_curves_and_descendants_have_drift_and_ranks(layers: Artifact) -> None:
    curves, ranges = (rows_of(layers, f"{name}.parquet") for name in ("curves", "ranges"))
    for model_name in ("chat", "seeing@2", "seeing@4"):
        for position in ("decision", "prompt"):
            key = (model_name, position, "requests")
            mine = [row for row in curves if (row["model"], row["position"], row["condition"]) == key]
            assert {row["layer"] for row in mine if row["statistic"] == "separation"} == {0, 1, 2, 3}
            assert any(row["statistic"] == "drift_cosine" for row in mine) == (model_name != "chat")
            ranked = [row for row in ranges if row["model"] == model_name and row["statistic"] == "rank"]
            assert len(ranked) == (0 if model_name == "chat" else 4)
    [own] = [row for row in ranges if row["statistic"] == "range_null"]
    assert (own["model"], own["first"], own["stop"]) == ("chat", 1, 2)


def test_a_base_without_eyes_is_compared_in_text(layers: Artifact) -> None:
    """Models that see have curves beside pictures too; what they lost is taken from the base's curve in text."""
    curves, ranges = (rows_of(layers, f"{name}.parquet") for name in ("curves", "ranges"))

    def curve(model_name: str, condition: str) -> dict[int, float]:
        return {
            row["layer"]: row["value"]
            for row in curves
            if (row["model"], row["condition"], row["position"], row["statistic"])
            == (model_name, condition, "decision", "gap_cosine")
        }

    assert curve("chat", "shown") == {}
    shown, text = curve("seeing@4", "shown"), curve("chat", "requests")
    assert shown != curve("seeing@4", "requests")
    [lost] = [
        row["value"]
        for row in ranges
        if (row["model"], row["condition"], row["position"], row["statistic"])
        == ("seeing@4", "shown", "decision", "lost_inside")
    ]
    assert lost == pytest.approx(text[1] - shown[1])


def test_every_window_is_scaled_and_the_range_is_restored_beside_its_controls(layers: Artifact) -> None:
    scaling = {(row["first"], row["stop"]) for row in rows_of(layers, "scaling.parquet")}
    assert scaling == {(None, None), *((first, stop) for first in range(4) for stop in range(first + 1, 5))}
    trials = {
        (row["intervention"], row["role"], row["first"], row["stop"])
        for row in rows_of(layers, "interventions.parquet")
    }
    windows = {("range", 1, 2), ("control", 0, 1), ("control", 2, 3), ("control", 3, 4), ("whole", 0, 4)}
    assert trials == {
        ("none", "none", None, None), ("donor", "none", None, None),
        *((mode, *window) for mode in ("restore", "patch_state", "patch_update") for window in windows),
    }  # fmt: skip


def test_without_a_range_nothing_is_restored(made: dict[str, Artifact], tmp_path: Path) -> None:
    """Random models do not refuse: where the rule finds nothing, the table of restored layers is empty."""
    found = looked(tmp_path, made, range=None, rule="gap", scaling=None, permutations=20)
    metrics = json.loads(found.path("metrics.json").read_text())
    restored = rows_of(found, "interventions.parquet")
    assert (metrics["range"] is None) == (restored == [])
    assert rows_of(found, "scaling.parquet") == []


def test_a_range_beyond_the_last_layer(made: dict[str, Artifact], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has 4 layers"):
        looked(tmp_path, made, range=[3, 6])


def test_the_same_spec_gives_the_same_tables(made: dict[str, Artifact], layers: Artifact, tmp_path: Path) -> None:
    again = looked(tmp_path, made)
    assert {name: one.sha256 for name, one in again.manifest.files.items()} == {
        name: one.sha256 for name, one in layers.manifest.files.items()
    }


@pytest.fixture(scope="module")
def weights(made: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("weights") / "analysis" / "weights" / "default"
    inputs = {
        "base": made["chat"], "models": [made["seeing@4"], made["seeing@2"]], "conversations": [made["chats"]],
    }  # fmt: skip
    return run_stage("weights", folder, WEIGHTS, inputs=inputs)


def test_weights_are_measured_by_module_and_along_losses(weights: Artifact) -> None:
    assert pq.read_table(weights.path("modules.parquet")).schema == MODULES
    assert pq.read_table(weights.path("first_order.parquet")).schema == FIRST_ORDER
    modules = rows_of(weights, "modules.parquet")
    assert {(row["layer"], row["module"]) for row in modules} >= {
        (3, "self_attn.o_proj"), (0, "all"), (None, "layers"), (None, "all"), (None, "embed_tokens"),
    }  # fmt: skip
    along = rows_of(weights, "first_order.parquet")
    losses = {(row["vector"], row["fraction"]): row["value"] for row in along if row["statistic"] == "loss"}
    assert losses["see", 0.0] == losses["more", 0.0] and losses["see", 1.0] != losses["more", 1.0]


def test_a_set_without_harmful_conversations(made: dict[str, Artifact], tmp_path: Path) -> None:
    rows = [row | {"harmful": False} for row in rows_of(made["chats"], "conversations.parquet")]
    table = pa.Table.from_pylist(rows, schema=CONVERSATION_SCHEMA)
    harmless = write(tmp_path / "sets" / "chats", "conversations", {"conversations": table})
    inputs = {"base": made["chat"], "models": [made["seeing@4"], made["seeing@2"]], "conversations": [harmless]}
    with pytest.raises(UserError, match="0 of its conversations are harmful"):
        run_stage("weights", tmp_path / "weights", WEIGHTS, inputs=inputs)


def test_the_figures_are_drawn(weights: Artifact, layers: Artifact, tmp_path: Path) -> None:
    found = run_stage("layer_figures", tmp_path / "figures", {}, inputs={"weights": [weights], "layers": [layers]})
    names = {path.name for path in (found.folder / "figures").iterdir()}
    assert names == {
        "index.html",
        *(
            f"default_{name}{ending}"
            for name in (
                "angles_by_module", "loss_along_vectors", "curves_by_layer", "drift_by_layer", "scaled_layers",
                "restored_layers",
            )
            for ending in (".svg", ".vl.json")
        ),
    }  # fmt: skip
    page = (found.folder / "figures" / "index.html").read_text()
    assert page.count("<figure") == 6 and "Nothing to draw" not in page
