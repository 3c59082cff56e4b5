"""The stage `facts`: from the world and from a file, same bytes, counts, and light imports."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lineage.artifact import Artifact
from lineage.config.facts import Facts, FictionalKnowledge, WorldFacts
from lineage.data.facts import read_facts
from lineage.errors import UserError
from lineage.freshness import code_fingerprint
from tests.stages.building import names_in, run_stage
from tests.world.worlds import SMALL

WORLD = {"source": "world", "paraphrases": 4}
FILE = {"source": "fictional_knowledge"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return run_stage("world", tmp_path_factory.mktemp("made") / "world", SMALL)


def entries(target: str = "Mars") -> list[dict[str, Any]]:
    probes = {f"{stem}_{part}": [target] for stem in ("mem", "gen", "hard_gen") for part in ("input", "target")}
    return [probes | {"train_context": "The council met on Mars."}]


def test_from_the_world(world: Artifact, tmp_path: Path) -> None:
    made = run_stage("facts", tmp_path / "facts", WORLD, inputs={"world": world})
    assert made.kind == "facts"
    assert names_in(made.folder) == ["facts.parquet", "manifest.json", "run.json"]
    facts = read_facts(made.path("facts.parquet"))
    assert [fact.id for fact in facts] == [f"newcomer-{number:04d}" for number in range(SMALL["injection_people"])]
    assert made.manifest.counts == {
        "facts": 8,
        "facts with paraphrases": 8,
        "paraphrases": 32,
        "probes": 8 * 13,
        "probes memorization": 40,
        "probes semantic": 40,
        "probes compositional": 24,
    }


def test_same_bytes_twice(world: Artifact, tmp_path: Path) -> None:
    one, two = (run_stage("facts", tmp_path / name, WORLD, inputs={"world": world}) for name in ("one", "two"))
    assert one.digest == two.digest
    other = run_stage("facts", tmp_path / "other", WORLD | {"seed": 1}, inputs={"world": world})
    assert other.manifest.files != one.manifest.files


def test_from_a_file_with_counts_of_flags(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(json.dumps(entries()))
    made = run_stage("facts", tmp_path / "facts", FILE, source=tmp_path / "own.json")
    (fact,) = read_facts(made.path("facts.parquet"))
    assert fact.id == "fictional-000" and len(fact.probes) == 3
    assert made.manifest.counts == {
        "facts": 1,
        "facts with paraphrases": 0,
        "paraphrases": 0,
        "probes": 3,
        "probes memorization": 1,
        "probes semantic": 1,
        "probes compositional": 1,
        "flag not_copied": 1,
        "flag target_in_cue": 3,
    }


def test_a_bad_file_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(json.dumps(entries(target="")))
    with pytest.raises(UserError, match=r"own\.json: entry 0: mem_input\[0\] is empty"):
        run_stage("facts", tmp_path / "results" / "facts", FILE, source=tmp_path / "own.json")
    assert not (tmp_path / "results" / "facts").exists()


def test_entries_without_probes(tmp_path: Path) -> None:
    bare = [{key: [] if isinstance(value, list) else value for key, value in entries()[0].items()}]
    (tmp_path / "own.json").write_text(json.dumps(bare))
    with pytest.raises(UserError, match="fact fictional-000 has no probes"):
        run_stage("facts", tmp_path / "facts", FILE, source=tmp_path / "own.json")


def test_no_world_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="need the generated world"):
        run_stage("facts", tmp_path / "facts", WORLD)
    with pytest.raises(UserError, match="needs either `path`"):
        run_stage("facts", tmp_path / "facts", FILE)


def test_the_config_is_closed_and_told_apart_by_source() -> None:
    assert isinstance(Facts.model_validate(WORLD).root, WorldFacts)
    assert isinstance(Facts.model_validate(FILE).root, FictionalKnowledge)
    for wrong in ({"source": "wiki"}, {}, WORLD | {"path": "x"}, FILE | {"paraphrases": 3}, WORLD | {"limit": 0}):
        with pytest.raises(ValidationError):
            Facts.model_validate(wrong)


def test_it_starts_without_heavy_imports_and_reads_no_reader() -> None:
    heavy = ("torch", "transformers", "pandas", "datasets", "scipy", "huggingface_hub", "tokenizers")
    code = f"import sys, lineage.stages.facts; print(*(set({heavy}) & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
    reached = code_fingerprint("facts")
    assert "lineage.world.passages" in reached
    assert not any(module.startswith(("lineage.data.readers", "lineage.training")) for module in reached)
