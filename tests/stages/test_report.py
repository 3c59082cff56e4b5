"""From artifacts to the report: parents by digests, tables of all studies, pictures, pages that equal runs share."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lineage.artifact import Artifact, ArtifactWriter
from lineage.report import saving
from tests.report.contents import chart, claim, estimate, picture, recall, safety_table
from tests.stages.building import run_stage


def made(folder: Path, stage: str, kind: str, files: dict[str, Any], **manifest: Any) -> Artifact:
    """An artifact as its stage would have left it; tables, texts and JSON by file name."""
    out = ArtifactWriter.create(folder, state=folder.with_name(f"{folder.name}.state"))
    out.kind, out.counts = kind, manifest.pop("counts", {})
    for name, content in files.items():
        if isinstance(content, pa.Table):
            pq.write_table(content, out.path(name))
        else:
            out.path(name).write_text(content if isinstance(content, str) else json.dumps(content))
    return out.close(stage=stage, spec=manifest.pop("spec", {}), code={}, inputs=manifest)


class Built:
    """The inputs of one report, below one folder."""

    def __init__(self, root: Path):
        self.root = root
        loss = "".join(json.dumps({"step": step, "loss": 4 - step / 10}) + "\n" for step in range(4))
        self.chats = made(root / "data/conversations/chats", "conversations", "conversations", {}, counts={"rows": 9})
        base = self.model("base@4", "pretrain", {"training.jsonl": loss}, spec={"seed": 0})
        chat = self.model("chat", "tune", {}, start=base.digest, conversations=self.chats.digest)
        merged = self.model("merged", "merge", {}, parents=[chat.digest, base.digest], spec={"method": "linear"})
        self.models = [merged, chat, base]
        bm25 = made(root / "retrieval/bm25", "bm25", "run", {})
        language = {"held_out": {"bits_per_byte": estimate(0.9)}, "recall": recall()}
        facts = {"id": ["f"], "task": ["recall"], "role": ["test"], "prompt": ["A is"], "target": ["red"]}
        facts |= {"output": ["red"], "correct": [True], "exposures": [2]}
        self.language = made(
            root / "scores/base@4/language",
            "score_language",
            "scores",
            {"metrics.json": language, "examples.parquet": pa.table(facts)},
            model=base.digest,
        )
        items = pa.table({"id": ["look-1", "harm-1"], "images": [[picture()], []]})
        self.prompts = made(
            root / "data/prompts/world", "prompts", "prompts", {"items.parquet": items}, spec={"source": "world"}
        )
        asked = {"chat": chat, "merged": merged, "again": chat}
        self.answers = [self.answered(name, model.digest) for name, model in asked.items()]
        rates = {"refused": estimate(0.9), "refused_corrected": None, "harmful_responses": None}
        judged = {"rates": {"outside": {"requests": {"harmful": rates}}}}
        self.judged = made(root / "scores/chat/judged/rules", "judged", "scores", {"metrics.json": judged})
        found = {"bm25": {"hits@1": estimate(0.7)}}
        self.retrieval = made(root / "retrieval_scores/world", "retrieval_scores", "scores", {"metrics.json": found})
        self.searches = [bm25]
        self.analyses = [self.study("knowledge", "K1"), self.study("safety", "S1")]

    def model(self, name: str, stage: str, files: dict[str, Any], **manifest: Any) -> Artifact:
        return made(
            self.root / "models" / name, stage, "model", files, counts={"parameters": 10, "step": 4}, **manifest
        )

    def answered(self, name: str, model: str) -> Artifact:
        files = {"metrics.json": {"tasks": {"world": {}}}, "examples.parquet": safety_table(name)}
        return made(self.root / f"scores/{name}/safety", "score_safety", "scores", files, model=model)

    def study(self, name: str, id: str, verdict: str = "supported") -> Artifact:
        row = claim(id, verdict)
        lines = [",".join(row), ",".join(row.values())]
        rates = [
            {
                "model": model,
                "metric": "helpfulness",
                "value": value,
                "low": value - 0.1,
                "high": value + 0.1,
                "items": 9,
                "reason": None,
            }
            for model, value in (("chat", 0.4), ("merged", 0.7))
        ]
        files: dict[str, Any] = {
            "claims.csv": "\n".join(lines) + "\n",
            "summary.json": {"null_cases": 2, "false_supports": 1},
        }
        files |= {f"figures/{one}": text for one, text in saving.files({"gains": chart("Gains")}, title="x").items()}
        if name == "safety":
            files["metrics.parquet"] = pa.Table.from_pylist(rates)
        return made(self.root / "analysis" / name, name, "study", files)

    def report(self, out: Path, **changes: Any) -> Artifact:
        inputs: dict[str, Any] = {
            "models": self.models, "searches": self.searches, "data": [self.chats], "language": [self.language],
            "answers": self.answers, "prompts": [self.prompts], "judged": [self.judged],
            "retrieval_scores": [self.retrieval], "analyses": self.analyses,
        }  # fmt: skip
        return run_stage("report", out, {"title": "small", "generated": True}, inputs=inputs | changes)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def report(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return built.report(tmp_path_factory.mktemp("made") / "report")


def rows(report: Artifact, name: str) -> list[dict[str, str]]:
    with report.path(name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_report_holds_page_matrix_claims_cards_and_pictures(report: Artifact) -> None:
    assert sorted(report.manifest.files) == [
        "claims.csv", "figures/knowledge/gains.svg", "figures/lineage/matrix.svg", "figures/safety/gains.svg",
        "index.html", "matrix.csv", "matrix.parquet", "models/base@4.md", "models/chat.md", "models/merged.md",
        "models/retrieval/bm25.md", "summary.json",
    ]  # fmt: skip
    assert report.manifest.counts["page bytes"] == report.manifest.files["index.html"].bytes
    assert report.manifest.counts["false_support_rate"] == 0.5


def test_parents_are_found_by_the_digests_in_manifests(report: Artifact) -> None:
    assert "base@4 -> chat -> merged" in report.path("models/merged.md").read_text()
    assert "Made by the stage `merge` from chat and base@4." in report.path("models/merged.md").read_text()
    [merged] = [row for row in rows(report, "matrix.csv") if row["model"] == "merged"]
    assert (merged["parent"], float(merged["change"])) == ("chat", pytest.approx(0.3))
    assert "conversations/chats" in report.path("models/chat.md").read_text()


def test_the_matrix_says_what_a_further_judge_read(report: Artifact) -> None:
    [row] = [row for row in rows(report, "matrix.csv") if row["family"] == "judged"]
    assert (row["model"], row["probe"], row["better"]) == (
        "chat",
        "rules: outside, requests, harmful, refused",
        "higher",
    )
    assert float(row["value"]) == 0.9


def test_a_model_asked_in_another_way_has_rows_and_no_card(report: Artifact) -> None:
    page = report.path("index.html").read_text()
    assert '"models":["chat","merged","again","base@4"]' in page
    assert 'id="card-again"' not in page


def test_pictures_of_prompts_are_in_the_page(report: Artifact) -> None:
    assert "data:image/png;base64," in report.path("index.html").read_text()


def test_a_prompt_set_of_which_nothing_is_shown_is_none_the_less_read(built: Built, tmp_path: Path) -> None:
    table = pa.table({"id": ["other"], "images": [[picture()]]})
    followed = made(tmp_path / "data/prompts/followed", "prompts", "prompts", {"items.parquet": table})
    more = built.report(tmp_path / "report", prompts=[built.prompts, followed])
    assert more.path("index.html").read_text().count("data:image/png;base64,") >= 1


def test_equal_inputs_give_equal_bytes(built: Built, report: Artifact, tmp_path: Path) -> None:
    again = built.report(tmp_path / "report")
    assert again.manifest.files == report.manifest.files


def test_an_altered_table_of_a_study_flips_the_verdict(built: Built, report: Artifact, tmp_path: Path) -> None:
    other = Built(tmp_path / "other")
    other.analyses[0] = other.study("knowledge", "K1", "contradicted")
    flipped = other.report(tmp_path / "report")
    verdicts = [[row["verdict"] for row in rows(one, "claims.csv")] for one in (report, flipped)]
    assert verdicts == [["supported", "supported"], ["contradicted", "supported"]]
    assert 'data-verdict="contradicted"' in flipped.path("index.html").read_text()
    assert 'data-verdict="contradicted"' not in report.path("index.html").read_text()


def test_an_experiment_without_studies_and_scores_has_a_report(built: Built, tmp_path: Path) -> None:
    nothing = {
        name: []
        for name in (
            "searches",
            "language",
            "answers",
            "prompts",
            "judged",
            "retrieval_scores",
            "analyses",
        )
    }
    bare = built.report(tmp_path / "report", **nothing)
    assert rows(bare, "claims.csv") == rows(bare, "matrix.csv") == []
    assert "was measured" in bare.path("index.html").read_text()


def test_the_stage_starts_without_tensors() -> None:
    code = "import sys, lineage.stages.report; print(*({'torch', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
