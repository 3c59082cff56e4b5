"""From scored queries to rows, verdicts, the table of retrievers and figures of the retrieval study."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from lineage.artifact import RUN, Artifact, ArtifactWriter
from lineage.claims.retrieval import CLAIMS
from lineage.errors import UserError
from lineage.report.saving import svg
from lineage.stages import retrieval_study as stage
from tests.claims.retrieval_building import DIGEST, RETRIEVERS, ROLES, Made, bottleneck, queries, training
from tests.stages.building import run_stage

BYTES = 1234


def scores(folder: Path, table: pd.DataFrame, milliseconds: float = 2.5) -> Artifact:
    """What `retrieval_scores` writes of a set."""
    out = ArtifactWriter.create(folder / "world", state=folder / "world.state")
    out.kind = "scores"
    table.to_parquet(out.path(stage.QUERIES), index=False)
    names = table.retriever.unique()
    out.counts["index bytes"] = dict.fromkeys(names, BYTES)
    out.run["retrievers"] = {name: {"milliseconds a query": milliseconds} for name in names}
    return out.close(stage="retrieval_scores", spec={}, code={}, inputs={})


def pairs(folder: Path) -> Artifact:
    """What `bottleneck` writes."""
    out = ArtifactWriter.create(folder / "bottleneck", state=folder / "bottleneck.state")
    out.kind = "bottleneck"
    bottleneck().to_csv(out.path(stage.RECALL), index=False)
    return out.close(stage="bottleneck", spec={}, code={}, inputs={})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("measured")
    return {"scores": [scores(folder, queries(RETRIEVERS))], "bottleneck": pairs(folder)}


def spec(**changes: Any) -> dict[str, Any]:
    known = {name: one.model_dump(mode="json") for name, one in training(RETRIEVERS).items()}
    fixed = {"set": "world", "kind": "described", "roles": {"world": ROLES}, "training": known, "seed": 3}
    return {**fixed, "design_digest": DIGEST, "bootstrap_samples": 200, **changes}


def no_charts(series: object) -> dict[str, Any]:
    """Figures take longer than all the rest; one test draws them."""
    return {}


@pytest.fixture(scope="module")
def made(inputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return concluded(tmp_path_factory.mktemp("made") / "retrieval", inputs)


def concluded(folder: Path, inputs: dict[str, Any], **changes: Any) -> Artifact:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lineage.stages.retrieval_study.charts", no_charts)
        return run_stage("retrieval_study", folder, spec(**changes), inputs=inputs)


def table(artifact: Artifact, name: str) -> list[dict[str, str]]:
    with artifact.path(name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_of_every_claim_is_in_the_slice(made: Artifact) -> None:
    rows = table(made, "statistics.csv")
    assert [(row["claim"], row["row"]) for row in rows] == [
        (claim.id, row.name) for claim in CLAIMS for row in claim.rows if row.measure is not None
    ]
    assert {(row["world"], row["seed"], row["data"]) for row in rows} == {("full", "3", "generated")}


def test_one_seed_concludes_nothing(made: Artifact) -> None:
    verdicts = {row["claim"]: row["verdict"] for row in table(made, "claims.csv") if row["primary"] == "True"}
    assert verdicts == dict.fromkeys((f"R{number}" for number in range(1, 9)), "one seed") | {"X3": "not testable here"}


def test_retrievers_stand_side_by_side_with_intervals_and_bytes(made: Artifact) -> None:
    rows = {row["retriever"]: row for row in table(made, "metrics.csv")}
    assert list(rows) == [one for trials in ROLES.values() for one in trials]
    row = rows["contextual"]
    assert row["Hits@1"].startswith("0.600 [0.") and row["Hits@1, seen"].startswith("0.800 [")
    assert (row["arm"], row["chosen"], row["queries"], row["index bytes"]) == ("contextual", "True", "400", str(BYTES))


def test_milliseconds_stand_beside_them_and_change_no_digest(made: Artifact, tmp_path: Path) -> None:
    told = json.loads((made.folder / RUN).read_text())["retrievers"]
    assert {row["milliseconds a query"] for row in told} == {2.5}
    assert told[0]["Hits@1"].startswith("0.600 [")
    slower = {"scores": [scores(tmp_path, queries(RETRIEVERS), 99.0)], "bottleneck": pairs(tmp_path)}
    again = concluded(tmp_path / "again", slower)
    assert again.manifest.files == made.manifest.files and again.digest == made.digest
    assert json.loads((again.folder / RUN).read_text())["retrievers"][0]["milliseconds a query"] == 99.0


def test_an_altered_query_table_alters_the_figure(inputs: dict[str, Any], tmp_path: Path) -> None:
    swapped = {**RETRIEVERS, "contextual": Made(0.1, 0.0)}
    again = concluded(tmp_path / "again", {**inputs, "scores": [scores(tmp_path, queries(swapped))]})
    row = next(row for row in table(again, "claims.csv") if row["claim"] == "R1" and row["primary"] == "True")
    assert float(row["effect"]) == pytest.approx(0.05 - 0.3)


def test_a_retriever_that_was_not_scored_is_named(inputs: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'nobody' plays a part in the claims, but was not scored on the set 'world'"):
        concluded(tmp_path / "again", inputs, roles={"world": {**ROLES, "hybrid": ["nobody"]}})


def test_without_a_bottleneck_r8_is_not_testable(inputs: dict[str, Any], tmp_path: Path) -> None:
    bare = concluded(tmp_path / "again", {"scores": inputs["scores"]})
    row = next(row for row in table(bare, "claims.csv") if row["claim"] == "R8" and row["primary"] == "True")
    assert (row["verdict"], row["gate"]) == ("not testable here", "no bottleneck in this experiment")


def test_figures_are_drawn_from_the_tables(made: Artifact) -> None:
    series = {name: pq.read_table(made.path(f"{name}.parquet")) for name in stage.SERIES}
    for name, chart in stage.charts(series).items():
        assert "<svg" in svg(chart), name
    empty = {name: one.slice(0, 0) for name, one in series.items()}
    for name, chart in stage.charts(empty).items():
        assert "Nothing to draw" in svg(chart), name


def test_it_starts_without_torch() -> None:
    check = "import sys, lineage.stages.retrieval_study as s; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
