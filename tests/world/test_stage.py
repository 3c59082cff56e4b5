"""The stage writes declared schemas and the same bytes twice; `describe` finds what it wrote."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.world import World
from lineage.errors import UserError
from lineage.stages.world import world
from lineage.world.show import describe
from lineage.world.tables import SCHEMAS
from tests.world.worlds import SMALL, small_world


def build(folder: Path) -> Artifact:
    """A small world on disk."""
    out = ArtifactWriter.create(folder, state=folder.with_name("state"))
    world(World(**SMALL), out=out)
    return out.close(stage="world", spec={}, code={}, inputs={})


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return build(tmp_path_factory.mktemp("world") / "world")


def test_same_bytes_twice(artifact: Artifact, tmp_path: Path) -> None:
    assert build(tmp_path / "again").manifest.files == artifact.manifest.files


def test_files_and_schemas(artifact: Artifact) -> None:
    assert artifact.kind == "world"
    assert set(artifact.manifest.files) == {"words.txt", *(f"{name}.parquet" for name in SCHEMAS)}
    for name, schema in SCHEMAS.items():
        table = pq.read_table(artifact.path(f"{name}.parquet"))
        assert table.schema.equals(schema)
        assert table.num_rows == len(getattr(small_world(), name))
    assert artifact.path("words.txt").read_text().split() == list(small_world().words)
    assert artifact.manifest.counts["documents"] == len(small_world().documents)


def test_a_world_without_hazards_or_background(tmp_path: Path) -> None:
    empty = {"tuned_hazards": 0, "hazards_per_level": 0, "background_documents": 0, "reading_documents": 0}
    out = ArtifactWriter.create(tmp_path / "bare", state=tmp_path / "state")
    world(World(**{**SMALL, **empty, "duplicate_share": 0, "near_duplicate_share": 0}), out=out)
    assert pq.read_table(out.path("duplicates.parquet")).schema.equals(SCHEMAS["duplicates"])


def test_describe_an_entity(artifact: Artifact) -> None:
    fact = max((one for one in small_world().facts if one.role == "test"), key=lambda one: one.exposures)
    shown = describe(artifact.folder, fact.subject)
    assert shown["entity"]["id"] == fact.subject == shown["article"]["id"]
    row = next(one for one in shown["facts"] if one["id"] == fact.id)
    assert (row["exposures"], row["cue"], row["target"]) == (fact.exposures, fact.cue, fact.target)
    assert len(row["documents"]) >= fact.exposures == 16
    assert {one["id"] for one in shown["documents"]} >= set(row["documents"])
    assert shown["hazard"] is None


def test_describe_a_fact_a_title_a_document_and_a_hazard(artifact: Artifact) -> None:
    fact = small_world().facts[0]
    assert [one["id"] for one in describe(artifact.folder, fact.id)["facts"]] == [fact.id]
    entity = next(one for one in small_world().entities if one.danger == "poisonous")
    shown = describe(artifact.folder, entity.title)
    assert shown["entity"]["id"] == entity.id
    assert shown["hazard"]["danger"] == shown["hazard"]["taught"] == "poisonous"
    pair = small_world().duplicates[0]
    assert describe(artifact.folder, pair.copy)["copies"] == [
        {"original": pair.original, "copy": pair.copy, "kind": pair.kind}
    ]
    assert all(one["sentence"].endswith(".") for one in describe(artifact.folder, pair.original)["states"])


def test_describe_what_is_not_there(artifact: Artifact, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Did you mean .*person-0001"):
        describe(artifact.folder, "person-00001")
    with pytest.raises(UserError, match=r"person-0012\.birthplace"):
        describe(artifact.folder, "&&&")
    namesake = next(one for one in small_world().entities if one.split == "namesake")
    with pytest.raises(UserError, match="2 entities have the title"):
        describe(artifact.folder, namesake.title)
    with pytest.raises(UserError, match="no world artifact"):
        describe(tmp_path, "person-0001")


def test_the_stage_starts_without_heavy_imports() -> None:
    code = "import sys, lineage.stages.world; print(*({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
