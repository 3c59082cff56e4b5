"""BM25, fusion and scores as stages, on a small world: what is written, how it is compared, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest

from lineage.artifact import Artifact
from lineage.config.retrievers import Measure
from lineage.errors import UserError
from lineage.retrieval.bm25 import Bm25Index
from lineage.retrieval.measures import NAMES, per_query
from lineage.retrieval.runs import read_run
from lineage.stages.bm25 import INDEX
from tests.retrieval.set_building import beir, data, judged, queries, taken
from tests.retrieval.test_measures import cacm_qrels
from tests.retrieval.trec import read_trec
from tests.stages.building import run_stage
from tests.world.worlds import SMALL

SPEC = {"source": "world", "kinds": ["described", "named"], "training_queries": 200}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    folder = tmp_path_factory.mktemp("retrieval")
    world = run_stage("world", folder / "world", SMALL)
    of = taken(folder, None, world=world, **SPEC)
    runs = {
        name: run_stage("bm25", folder / name, spec, inputs={"retrieval_set": of})
        for name, spec in (("bm25", {}), ("titles", {"text": "title"}))
    }
    fused = run_stage("hybrid", folder / "hybrid", {}, inputs={"retrieval_set": of, "runs": list(runs.values())})
    return {"set": of, **runs, "hybrid": fused}


def scored(made: dict[str, Artifact], folder: Path, *names: str, **spec: Any) -> Artifact:
    inputs = {"retrieval_set": made["set"], "runs": [made[name] for name in names]}
    return run_stage("retrieval_scores", folder, {"names": list(names), "samples": 300, **spec}, inputs=inputs)


def test_a_run_holds_every_query_of_its_splits(made: dict[str, Artifact]) -> None:
    searched = {name for name, row in queries(made["set"]).items() if row["split"] != "train"}
    for name in ("bm25", "hybrid"):
        run = read_run(made[name].path("run.parquet"))
        assert made[name].kind == "run"
        assert set(run) <= searched
        assert made[name].manifest.counts["queries"] == len(searched)
        assert len(searched) - len(run) == made[name].manifest.counts["queries without a document"]
        assert run == read_trec(made[name].path("run.trec"))


def test_the_index_is_kept_and_its_size_told(made: dict[str, Artifact]) -> None:
    folder = made["bm25"].folder / INDEX
    assert made["bm25"].manifest.counts["index bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    assert Bm25Index.open(folder).num_documents == made["set"].manifest.counts["documents"]
    sizes = [made[name].manifest.counts["index bytes"] for name in ("bm25", "titles", "hybrid")]
    assert sizes[2] == sizes[0] + sizes[1]
    timing = json.loads((made["bm25"].folder / "run.json").read_text())["search"]
    assert timing["milliseconds a query"] > 0


def test_equal_specs_give_equal_bytes(made: dict[str, Artifact], tmp_path: Path) -> None:
    again = run_stage("bm25", tmp_path / "again", {}, inputs={"retrieval_set": made["set"]})
    assert again.manifest.to_json() == made["bm25"].manifest.to_json()
    one, two = (scored(made, tmp_path / name, "bm25", "titles") for name in ("one", "two"))
    assert one.manifest.to_json() == two.manifest.to_json()


def test_scores_are_those_of_the_run(made: dict[str, Artifact], tmp_path: Path) -> None:
    """Hits@1 of the test, recomputed from the run and the judgements."""
    found = scored(made, tmp_path / "scores", "bm25", "titles", "hybrid")
    run = read_run(made["bm25"].path("run.parquet"))
    gold = {(query, document) for query, document, _ in judged(made["set"])}
    test = [name for name, row in queries(made["set"]).items() if row["split"] == "test"]
    hits = [bool(run.get(name)) and (name, next(iter(run[name]))) in gold for name in test]
    metrics = json.loads(found.path("metrics.json").read_text())
    estimate = metrics["bm25"]["hits@1"]
    assert estimate["value"] == pytest.approx(sum(hits) / len(test))
    assert estimate["low"] < estimate["value"] < estimate["high"]
    assert estimate["num_items"] == len(test) == found.manifest.counts["test queries"]
    assert set(metrics["bm25"]) == set(NAMES)
    assert metrics["titles"]["hits@1"]["value"] < metrics["bm25"]["hits@1"]["value"]


def test_means_stand_apart_for_kinds_and_for_seen_documents(made: dict[str, Artifact], tmp_path: Path) -> None:
    means = pd.read_csv(scored(made, tmp_path / "scores", "bm25", "titles").path("means.csv"))
    hits = means[(means.measure == "hits@1") & (means.split == "test")].set_index(["retriever", "kind", "documents"])
    assert hits.loc[("titles", "named", "all"), "value"] > 0.9
    assert hits.loc[("titles", "described", "all"), "value"] < 0.1
    for kind in ("described", "named", "all"):
        parts = [hits.loc[("bm25", kind, part), "queries"] for part in ("seen", "unseen", "all")]
        assert parts[0] + parts[1] == parts[2]
    assert set(means.split) == {"validation", "test"}
    subjects = {row["cluster"] for row in queries(made["set"]).values() if row["split"] == "test"}
    assert hits.loc[("bm25", "all", "all"), "clusters"] == len(subjects) < hits.loc[("bm25", "all", "all"), "queries"]


def test_differences_pair_the_same_queries(made: dict[str, Artifact], tmp_path: Path) -> None:
    found = scored(made, tmp_path / "scores", "bm25", "titles")
    means, differences = (pd.read_csv(found.path(f"{name}.csv")) for name in ("means", "differences"))
    assert set(differences.split) == {"test"}
    key = ["split", "kind", "documents", "measure"]
    values = means.set_index(["retriever", *key])["value"]
    for row in differences.to_dict("records"):
        place = tuple(row[name] for name in key)
        assert row["difference"] == pytest.approx(values[row["first"], *place] - values[row["second"], *place])
        assert row["low"] <= row["difference"] <= row["high"]
    described = differences[(differences.kind == "described") & (differences.measure == "hits@1")]
    assert described.set_index("documents").loc["all", "p"] < 0.01


def test_one_retriever_alone_is_compared_with_none(made: dict[str, Artifact], tmp_path: Path) -> None:
    found = scored(made, tmp_path / "scores", "bm25")
    assert not len(pd.read_csv(found.path("differences.csv")))
    assert (tmp_path / "scores" / "metrics.json").is_file()


def test_every_query_has_a_row(made: dict[str, Artifact], tmp_path: Path) -> None:
    rows = pd.read_parquet(scored(made, tmp_path / "scores", "bm25", "hybrid").path("queries.parquet"))
    expected = [row for row in queries(made["set"]).values() if row["split"] != "train"]
    assert len(rows) == 2 * len(expected)
    assert rows[list(NAMES)].notna().all().all()
    assert set(rows.level.dropna()) == set(SMALL["exposure_levels"])


def test_splits_that_were_not_searched_are_asked_for(made: dict[str, Artifact], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="retriever 'bm25' did not search for the train queries"):
        scored(made, tmp_path / "scores", "bm25", splits=["train", "test"])


def test_queries_without_judgement_count_for_kilt_only(tmp_path: Path) -> None:
    folder = beir(tmp_path / "beir", qrels={"test": [("q2", "d2", 1), ("q3", "d4", 0)]})
    of = taken(tmp_path, folder, source="beir", unjudged="keep")
    run = run_stage("bm25", tmp_path / "bm25", {"splits": ["test"]}, inputs={"retrieval_set": of})
    found = scored({"set": of, "bm25": run}, tmp_path / "scores", "bm25")
    metrics = json.loads(found.path("metrics.json").read_text())["bm25"]
    assert found.manifest.counts["test queries"] == 2, "a set without validation queries has none to search for"
    assert (metrics["hits@1"]["value"], metrics["hits@1"]["num_items"]) == (1.0, 1)
    assert (metrics["rprec_kilt"]["value"], metrics["rprec_kilt"]["num_items"]) == (0.5, 2)


def test_the_measures_of_the_config_are_those_that_there_are() -> None:
    assert get_args(Measure) == NAMES


def test_xquad_meets_the_anchors_of_the_study(tmp_path: Path) -> None:
    """Question to title, by text or by title alone: Hits@1 .961 and .383 over all 1,190 questions."""
    of = taken(tmp_path, data("xquad_en") / "xquad.en.json", source="squad")
    expected = {"title_and_text": (0.961, 0.998, 0.977), "title": (0.383, 0.403, 0.392)}
    splits = ["train", "validation", "test"]
    for text, anchors in expected.items():
        run = run_stage("bm25", tmp_path / text, {"text": text, "splits": splits}, inputs={"retrieval_set": of})
        found = scored({"set": of, text: run}, tmp_path / f"scores_{text}", text, splits=splits)
        rows = pd.read_parquet(found.path("queries.parquet"))
        assert len(rows) == 1190
        assert rows[["hits@1", "hits@10", "mrr@100"]].mean().tolist() == pytest.approx(anchors, abs=0.0015)


def test_cacm_meets_the_anchors_of_the_study(tmp_path: Path) -> None:
    """Title and abstract, by the judgements as they are in the file; with mended ids more records are found."""
    of = taken(tmp_path, data("cacm"), source="cacm")
    spec = {"depth": 1000, "splits": ["test"]}
    run = run_stage("bm25", tmp_path / "bm25", spec, inputs={"retrieval_set": of})
    qrels = cacm_qrels()
    values = per_query(read_run(run.path("run.parquet")), qrels, {}, list(qrels))
    anchors = {"hits@1": 0.519, "hits@10": 0.962, "mrr@100": 0.677, "rprec": 0.319, "map": 0.309}
    means = {name: sum(row[name] or 0.0 for row in values.values()) / len(values) for name in anchors}
    assert means == pytest.approx(anchors, abs=0.0006)
    found = scored({"set": of, "bm25": run}, tmp_path / "scores", "bm25", splits=["test"])
    metrics = json.loads(found.path("metrics.json").read_text())["bm25"]
    assert all(metrics[name]["value"] >= means[name] for name in anchors)
    assert metrics["map"]["value"] == pytest.approx(0.3262, abs=5e-5)
