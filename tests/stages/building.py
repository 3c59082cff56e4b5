"""Small artifacts, made by the stages themselves or written by hand, for the tests of the stages that follow."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.data.schema import DOCUMENT_SCHEMA
from lineage.errors import StoppedEarly
from lineage.stage import Call, run

WORDS = ["the", "a", "boat", "lake", "hill", "town", "red", "green", "old", "slow", "lamp", "near", "over", "sleeps"]
ARCHITECTURE = {
    "model_type": "llama",
    "settings": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 32,
    },
}
OPTIMIZATION = {"batch_tokens": 64, "sequence_length": 16, "warmup_steps": 2, "peak_learning_rate": 5e-3}
STEPS = 6


def run_stage(
    stage: str,
    folder: Path,
    spec: Mapping[str, Any] | None = None,
    *,
    inputs: Mapping[str, Artifact | list[Artifact] | None] | None = None,
    source: Path | None = None,
    **execution: Any,
) -> Artifact:
    """The artifact of a stage, made in this process through the entry that the workflow uses."""
    given = {name: one if isinstance(one, list) else [one] for name, one in (inputs or {}).items() if one is not None}
    call = Call(
        stage=stage,
        spec=dict(spec or {}),
        code={},
        inputs={name: [artifact.folder for artifact in artifacts] for name, artifacts in given.items()},
        external={} if source is None else {"source": source},
        external_digests={},
        execution=Execution(**{"device": "cpu", "threads": 1, **execution}),
        out=folder / "manifest.json",
        state=folder.with_name(f"{folder.name}.state"),
    )
    made = run(call)
    assert made is not None
    return made


def in_many_runs(make: Callable[[float], Artifact]) -> tuple[Artifact, int]:
    """What a stage makes under a time limit so short that each run does one part only; (artifact, runs)."""
    for runs in itertools.count(1):
        try:
            return make(1e-9), runs
        except StoppedEarly as stop:
            assert "is kept" in str(stop)
    raise AssertionError


def write(
    folder: Path, kind: str, tables: Mapping[str, pa.Table], *, texts: Mapping[str, str] | None = None, **counts: Any
) -> Artifact:
    """An artifact of tables and text files, written by hand."""
    out = ArtifactWriter.create(folder, state=folder.with_name("state"))
    out.kind, out.counts = kind, counts
    for name, table in tables.items():
        pq.write_table(table, out.path(f"{name}.parquet"))
    for name, text in (texts or {}).items():
        out.path(name).write_text(text)
    return out.close(stage=kind, spec={}, code={}, inputs={})


def documents_table(texts: Mapping[str, str], source: str = "notes") -> pa.Table:
    """Rows of the documents schema, titled by their ids."""
    rows = [{"id": one, "title": f"Title {one}", "text": text, "source": source} for one, text in texts.items()]
    return pa.Table.from_pylist(rows, schema=DOCUMENT_SCHEMA)


def sentences(count: int, *, seed: int, prefix: str = "d") -> dict[str, str]:
    """Documents of 3 to 40 words, by id."""
    drawn = random.Random(seed)
    return {
        f"{prefix}{number:02d}": " ".join(drawn.choices(WORDS, k=drawn.randint(3, 40))) + "." for number in range(count)
    }


def corpus(folder: Path, training: Mapping[str, str], held_out: Mapping[str, str]) -> Artifact:
    """A corpus of these documents, as the stage `corpus` would leave it."""
    tables = {"documents": documents_table(training), "held_out": documents_table(held_out)}
    return write(folder, "corpus", tables, documents=len(training))


def pretrain_spec(last_step: int = STEPS, *, first_step: int = 0, **changes: Any) -> dict[str, Any]:
    """A run of six steps, or one segment of it."""
    spec = {
        "architecture": ARCHITECTURE,
        "optimization": OPTIMIZATION,
        "steps": STEPS,
        "first_step": first_step,
        "last_step": last_step,
    }
    return spec | changes


def tokenize(
    folder: Path, texts: Artifact, *, vocab_size: int = 320, template: str = "{text}"
) -> tuple[Artifact, Artifact]:
    """A tokenizer trained on a corpus, and the corpus through it."""
    tokenizer = run_stage("tokenizer", folder / "tokenizer", {"vocab_size": vocab_size}, inputs={"corpus": texts})
    inputs = {"corpus": texts, "tokenizer": tokenizer}
    return tokenizer, run_stage("tokens", folder / "tokens", {"template": template}, inputs=inputs)


def rows_of(artifact: Artifact, name: str) -> list[dict[str, Any]]:
    """A table of an artifact as mappings."""
    return pq.read_table(artifact.path(name)).to_pylist()


def names_in(folder: Path) -> list[str]:
    """Everything that lies directly in a folder."""
    return sorted(path.name for path in folder.iterdir())


def only(items: Iterable[Any]) -> Any:
    """The one item."""
    (one,) = items
    return one
