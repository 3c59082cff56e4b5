"""The stage `safety_data`: declared schemas, same bytes, counts, light imports, and what one id links."""

import io
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import ValidationError

from lineage.artifact import Artifact
from lineage.config.safety_data import SafetyData
from lineage.errors import UserError
from lineage.freshness import code_fingerprint
from lineage.world.safety_tables import SCHEMAS
from lineage.world.show_safety import linked
from tests.stages.building import names_in, run_stage
from tests.world.worlds import SAFETY_SIZES, SMALL, SMALL_SAFETY, safety_of, safety_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return run_stage("world", tmp_path_factory.mktemp("made") / "world", {**SMALL, **SAFETY_SIZES})


@pytest.fixture(scope="module")
def made(world: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("made") / "safety"
    return run_stage("safety_data", folder, SMALL_SAFETY, inputs={"world": world})


def test_files_schemas_and_rows(made: Artifact) -> None:
    assert made.kind == "safety_data"
    assert names_in(made.folder) == sorted(["manifest.json", "run.json", *(f"{name}.parquet" for name in SCHEMAS)])
    expected = safety_of(safety_world(), **SMALL_SAFETY)
    for name, schema in SCHEMAS.items():
        table = pq.read_table(made.path(f"{name}.parquet"))
        assert table.schema.equals(schema)
        rows = getattr(expected, name)
        assert table.column("id").to_pylist() == [row.id for row in rows]
    chat = expected.chats[0]
    row = pq.read_table(made.path("chats.parquet")).to_pylist()[0]
    assert row["messages"] == [{"role": one.role, "content": one.content} for one in chat.messages]
    assert tuple(row["facts"]) == chat.facts and row["images"] == []


def test_pictures_are_png_files(made: Artifact) -> None:
    for name, column in (("pictures", "png"), ("captions", "images"), ("safety", "images")):
        for value in pq.read_table(made.path(f"{name}.parquet")).column(column).to_pylist():
            for png in value if isinstance(value, list) else [value]:
                assert Image.open(io.BytesIO(png)).size == (32, 32)


def test_same_bytes_twice_and_others_with_another_seed(world: Artifact, made: Artifact, tmp_path: Path) -> None:
    again = run_stage("safety_data", tmp_path / "again", SMALL_SAFETY, inputs={"world": world})
    assert again.digest == made.digest
    other = run_stage("safety_data", tmp_path / "other", {**SMALL_SAFETY, "seed": 1}, inputs={"world": world})
    assert all(other.manifest.files[name] != entry for name, entry in made.manifest.files.items())


def test_counts(made: Artifact) -> None:
    counts = made.manifest.counts
    tables = safety_of(safety_world(), **SMALL_SAFETY)
    assert counts["chats train"] == sum(row.split == "train" for row in tables.chats)
    assert counts["requests unseen_pair test harmful"] == counts["requests unseen_pair test look-alike"] > 0
    assert counts["unsafe rows"] == round(SMALL_SAFETY["visual_questions"] * SafetyData().unsafe_share)


def test_a_world_without_enough_dangerous_objects(tmp_path: Path) -> None:
    small = run_stage("world", tmp_path / "world", SMALL)
    with pytest.raises(UserError, match=r"Raise world\.tuned_hazards"):
        run_stage("safety_data", tmp_path / "safety", SMALL_SAFETY, inputs={"world": small})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"picture_size": 48}, "32 or 64"),
        ({"unsafe_share": 0.9}, "unsafe_share"),
        ({"held_out_wordings": 5}, "held_out_wordings"),
        ({"null": "permuted_hazards"}, "permuted_labels"),
        ({"picturesize": 32}, "picturesize"),
    ],
)
def test_settings_that_cannot_be(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SafetyData.model_validate(values)


def test_one_id_links_everything(made: Artifact) -> None:
    tables = safety_of(safety_world(), **SMALL_SAFETY)
    request = next(one for one in tables.requests if one.stratum == "tuning" and one.harmful)
    found = linked(made.folder, request.object, [request.facts[0]])
    assert request.id in [row["id"] for row in found["requests"]]
    assert [row["id"] for row in found["pictures"]][:1] == [f"picture-{request.object}"]
    assert f"chat-{request.id}" in [row["id"] for row in found["chats"]]
    assert not any(isinstance(value, bytes) for part in found.values() for row in part for value in row.values())
    fact = next(row for row in tables.chats if row.kind == "fact").facts[0]
    rows = linked(made.folder, fact.partition(".")[0], [fact])["chats"]
    assert {one for row in rows for one in row["facts"]} == {fact}
    assert linked(made.folder, "nobody", []) == {"pictures": [], "requests": [], "chats": []}


def test_the_stage_starts_without_heavy_imports() -> None:
    code = "import sys, lineage.stages.safety_data; print(*({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_wordings_count_for_this_stage_and_not_for_the_world() -> None:
    own, world = code_fingerprint("safety_data"), code_fingerprint("world")
    assert {"lineage.world.chats", "lineage.world.drawing", "PIL"} <= set(own)
    assert not {one for one in world if one.startswith(("lineage.world.chats", "lineage.world.requests", "PIL"))}
