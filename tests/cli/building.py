"""A small experiment whose artifacts are written by hand, as the workflow would have left them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from tokenizers import Tokenizer, models, pre_tokenizers

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.load import load_experiment
from lineage.external import digest
from lineage.freshness import canonical
from lineage.plan import Job, Plan, make_plan

TEXTS = {"one": "red boat", "two": "blue lake near town", "three": "green hill"}
WORDS = ["<|pad|>", "<|end|>", "red", "boat", "blue", "lake", "near", "town", "green", "hill"]
"""Token ids; every document is its words and `<|end|>`."""
CONFIG: dict[str, Any] = {
    "experiment": "tiny",
    "world": {},
    "documents": {"notes": {"reader": "text", "path": "notes"}},
    "corpora": {"main": {"of": ["world", "notes"]}},
    "tokenizers": {"main": {"corpus": "main", "vocab_size": 300}},
    "tokens": {"main": {"corpus": "main", "tokenizer": "main"}},
    "models": {
        "base": {
            "stage": "pretrain",
            "tokens": "main",
            "architecture": {"model_type": "llama", "settings": {"hidden_size": 8}},
            "steps": 4,
            "checkpoints": [2, 4],
            "optimization": {"batch_tokens": 8, "sequence_length": 4},
        }
    },
    "scores": {"corpus": "main"},
}


def code_of(stage: str) -> dict[str, str]:
    """Stands for `code_fingerprint`, so that these tests do not depend on what the stages import."""
    return {
        "contract": "1",
        "python": "3.11",
        "torch": "2.13",
        f"lineage.stages.{stage}": "aaaa",
        "lineage/words/names.txt": "cccc",
    }


@dataclass
class Workspace:
    """A folder with config.yaml, data and results, in which the commands run."""

    folder: Path

    @property
    def root(self) -> Path:
        """Folder of the experiment."""
        return self.folder / "results" / "tiny"

    @property
    def plan(self) -> Plan:
        """The plan of the config as it stands."""
        return make_plan(load_experiment([self.folder / "config.yaml"]))

    def write_config(self, change: Callable[[dict[str, Any]], object] = lambda config: None) -> None:
        """Writes config.yaml, changed in one place."""
        config = json.loads(json.dumps(CONFIG))
        change(config)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def build(self, *names: str) -> None:
        """Writes the artifacts of the plan (all, or the named ones), parents first."""
        plan = self.plan
        for name in names or plan:
            build_one(plan[name], self.root)


def build_one(job: Job, root: Path) -> Artifact:
    """Writes one artifact with the manifest that `lineage.stage` would have written for `job`."""
    out = ArtifactWriter.create(root / job.folder, state=root / "state" / job.folder)
    PAYLOADS[job.stage](out)
    inputs: dict[str, str | list[str]] = {}
    for role, folders in job.inputs.items():
        digests = [Artifact.open(root / folder).digest for folder in folders]
        if digests:
            inputs[role] = digests[0] if len(digests) == 1 else digests
    inputs |= {role: digest(path) for role, path in job.external.items()}
    out.run = {"seconds": 1.25}
    spec = json.loads(job.spec)
    if "last_step" in spec:
        write_order(out, spec["first_step"], spec["last_step"])
    return out.close(stage=job.stage, spec=spec, code=json.loads(canonical(code_of(job.stage))), inputs=inputs)


def write_order(out: ArtifactWriter, first: int, last: int) -> None:
    """Every step reads two pieces: words of document `two` in row 0, all of document `one` in row 1."""
    rows = [
        row
        for step in range(first, last)
        for row in (
            {"step": step, "row": 0, "document": 1, "start": 1, "stop": 4, "column": 0},
            {"step": step, "row": 1, "document": 0, "start": 0, "stop": 3, "column": 1},
        )
    ]
    pq.write_table(pa.Table.from_pylist(rows), out.path("order.parquet"))


def _documents(out: ArtifactWriter) -> None:
    out.kind, out.counts = "documents", {"documents": 3}
    out.path("documents.parquet").write_bytes(b"three notes")


def _world(out: ArtifactWriter) -> None:
    out.kind, out.counts = "world", {"facts": 1}
    tables: dict[str, list[dict[str, Any]]] = {
        "entities": [{"id": "person-0001", "title": "Mira Soltan", "danger": None}],
        "facts": [{"id": "person-0001.town", "subject": "person-0001", "attribute": "town", "value": "Torvel"}],
        "documents": [{"id": "one", "title": "", "text": "Mira Soltan lives in Torvel.", "source": "world"}],
        "mentions": [{"document": "one", "fact": "person-0001.town", "start": 0, "stop": 28}],
        "articles": [{"id": "person-0001", "title": "Mira Soltan", "text": "About her."}],
        "duplicates": [{"original": "x", "copy": "y", "kind": "exact"}],
    }
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(rows), out.path(f"{name}.parquet"))


def _corpus(out: ArtifactWriter) -> None:
    out.kind, out.counts = "corpus", {"documents": 3, "characters": 37}
    out.path("documents.parquet").write_bytes(b"documents")


def _tokenizer(out: ArtifactWriter) -> None:
    out.kind, out.counts = "tokenizer", {"vocab_size": len(WORDS)}
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<|pad|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.save(str(out.path("tokenizer.json")))


def _tokens(out: ArtifactWriter) -> None:
    out.kind, out.counts = "tokens", {"documents": 3, "tokens": 11, "dtype": "uint16"}
    ids = [[*(WORDS.index(word) for word in text.split()), 1] for text in TEXTS.values()]
    np.asarray([one for document in ids for one in document], "<u2").tofile(out.path("tokens.bin"))
    np.save(out.path("offsets.npy"), np.cumsum([0, *map(len, ids)]))
    pq.write_table(pa.table({"id": list(TEXTS)}), out.path("documents.parquet"))


def _model(out: ArtifactWriter) -> None:
    out.kind, out.counts = "model", {"parameters": 1200}
    out.path("model.safetensors").write_bytes(b"weights")


def _exposures(out: ArtifactWriter) -> None:
    out.kind = "exposures"
    step = int(out.target.name.partition("@")[2])
    rows = [{"fact": "person-0001.town", "step": step, "count": step * 3}]
    pq.write_table(pa.Table.from_pylist(rows), out.path("exposures.parquet"))


def _scores(out: ArtifactWriter) -> None:
    out.kind, out.counts = "scores", {"examples": 2}
    estimate = {"value": 2.5 + len(out.target.parent.name) / 1000, "low": 2.0, "high": 3.0}
    out.path("metrics.json").write_text(json.dumps({"held_out": {"bits_per_byte": estimate}}))


PAYLOADS: dict[str, Callable[[ArtifactWriter], None]] = {
    "documents": _documents,
    "world": _world,
    "corpus": _corpus,
    "tokenizer": _tokenizer,
    "tokens": _tokens,
    "pretrain": _model,
    "exposures": _exposures,
    "score_language": _scores,
}
