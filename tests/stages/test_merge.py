"""The stage `merge`: artifacts in, a model artifact out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from lineage.artifact import Artifact, ArtifactWriter
from lineage.errors import UserError
from tests.merging.building import llama, llava, rewrite
from tests.stages.building import names_in, run_stage


def artifact(folder: Path, **changes: Any) -> Artifact:
    """A model artifact around a tiny Llama (or LLaVA, with `sees`)."""
    out = ArtifactWriter.create(folder, state=folder.with_name("state"))
    out.kind = "model"
    build = llava if changes.pop("sees", False) else llama
    build(out.folder, **changes)
    (out.folder / "training.jsonl").write_text("{}")
    return out.close(stage="pretrain", spec={}, code={}, inputs={})


@pytest.fixture
def parents(tmp_path: Path) -> dict[str, Artifact]:
    seeds = {"base": 0, "safe": 1, "chat": 2}
    return {name: artifact(tmp_path / "models" / name, seed=seed) for name, seed in seeds.items()}


def spec(*names: str, weights: list[float] | None = None, **fields: Any) -> dict[str, Any]:
    models = [{"name": name} for name in names]
    for one, weight in zip(models, weights or [], strict=False):
        one["weight"] = weight  # type: ignore[assignment]
    return {"models": models, **fields}


def test_a_merged_model_is_an_artifact_like_any_other(tmp_path: Path, parents: dict[str, Artifact]) -> None:
    chosen = [parents["safe"], parents["chat"]]
    made = run_stage(
        "merge", tmp_path / "models" / "merged", spec("safe", "chat", weights=[0.25, 0.75]), inputs={"parents": chosen}
    )
    assert made.kind == "model"
    assert set(made.manifest.files) == {
        "config.json", "generation_config.json", "merge.json", "model.safetensors", "tokenizer.json",
        "tokenizer_config.json",
    }  # fmt: skip
    found, safe, chat = (load_file(one.path("model.safetensors")) for one in (made, *chosen))
    assert all(torch.allclose(found[name], 0.25 * safe[name] + 0.75 * chat[name], atol=1e-6) for name in found)
    assert made.manifest.counts == {
        "parameters": sum(one.numel() for one in found.values()), "model_type": "llama", "tensors": 30,
        "computed_tensors": 30,
    }  # fmt: skip
    _, info = AutoModelForCausalLM.from_pretrained(made.folder, output_loading_info=True)
    assert not any(info.values())


def test_parents_are_told_by_their_hashes(tmp_path: Path, parents: dict[str, Artifact]) -> None:
    given = spec("safe", method="ties", density=0.5)
    inputs = {"parents": [parents["safe"]], "base": parents["base"]}
    made = run_stage("merge", tmp_path / "models" / "merged", given, inputs=inputs)
    told = json.loads(made.path("merge.json").read_text())["parents"]
    for name in ("safe", "base"):
        expected = parents[name].manifest.files["model.safetensors"].sha256
        assert told[name]["sha256"]["model.safetensors"] == expected
    assert str(tmp_path) not in made.path("merge.json").read_text(), "where the parents lie changes no byte"


def test_threads_and_places_change_no_byte(tmp_path: Path, parents: dict[str, Artifact]) -> None:
    given = spec("safe", "chat", method="dare", density=0.5, seed=1)
    inputs = {"parents": [parents["safe"], parents["chat"]], "base": parents["base"]}
    made = [
        run_stage("merge", tmp_path / place / "merged", given, inputs=inputs, threads=threads)
        for place, threads in (("x", 1), ("y", 3))
    ]
    assert made[0].digest == made[1].digest


def test_a_model_that_sees(tmp_path: Path, parents: dict[str, Artifact]) -> None:
    seeing = artifact(tmp_path / "models" / "seeing", seed=3, sees=True)
    made = run_stage(
        "merge", tmp_path / "models" / "merged", spec("seeing", "safe"), inputs={"parents": [seeing, parents["safe"]]}
    )
    assert made.manifest.counts["model_type"] == "llava"
    assert {"preprocessor_config.json", "chat_template.jinja"} <= set(made.manifest.files)


def test_a_refusal_leaves_nothing(tmp_path: Path, parents: dict[str, Artifact]) -> None:
    broken = tmp_path / "models" / "broken"
    out = ArtifactWriter.create(broken, state=tmp_path / "state")
    out.kind = "model"
    llama(out.folder, seed=4)
    rewrite(out.folder, {"model.norm.weight": None})
    inputs = {"parents": [parents["safe"], out.close(stage="pretrain", spec={}, code={}, inputs={})]}
    before = names_in(tmp_path / "models")
    with pytest.raises(UserError, match=r"missing: lm\.norm\.weight"):
        run_stage("merge", tmp_path / "models" / "merged", spec("safe", "broken"), inputs=inputs)
    assert names_in(tmp_path / "models") == before


def test_a_spec_that_cannot_be(tmp_path: Path, parents: dict[str, Artifact]) -> None:
    with pytest.raises(UserError, match="slerp goes from one model to another: two, not 1"):
        run_stage(
            "merge", tmp_path / "models" / "m", spec("safe", method="slerp"), inputs={"parents": [parents["safe"]]}
        )


def test_a_disk_that_is_too_small(
    tmp_path: Path, parents: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(UserError, match="but the disk has 100 free"):
        run_stage("merge", tmp_path / "models" / "m", spec("safe"), inputs={"parents": [parents["safe"]]})
