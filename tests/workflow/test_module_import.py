"""The workflow as a module of somebody else's Snakefile, in another folder, with its own config and results."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineage.artifact import Artifact
from tests.workflow.conftest import REPOSITORY, run_snakemake

SNAKEFILE = """
configfile: "mine.yaml"

module lineage:
    snakefile: "{snakefile}"
    config: config["language"]
    pathvars:
        results="built",
        logs="told",
        benchmarks="measured",

use rule * from lineage as lineage_*

rule count:
    input:
        "built/theirs/data/world/manifest.json",
    output:
        "count.txt",
    shell:
        "grep -c . {{input:q}} > {{output:q}}"
"""

CONFIG = """
language:
  experiment: theirs
  world: {people: 12, towns: 6, places: 6, firms: 4, organisations: 6, objects: 8, injection_people: 4,
          exposure_levels: [0, 2, 8], facts_per_level: 8, tuned_hazards: 8, tuned_hazard_exposures: 4,
          hazards_per_level: 4, tuned_verbs: 3, unseen_verbs: 1, verb_exposures: 4, background_documents: 120,
          reading_documents: 60, shared_title_words: 1, shared_title_uses: 4, open_exposures: 4}
"""
"""A partial config: what it leaves out has defaults."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(snakefile=REPOSITORY / "Snakefile"))
    (tmp_path / "mine.yaml").write_text(CONFIG)
    return tmp_path


def test_an_importer_builds_a_target_in_its_own_folders(project: Path) -> None:
    done = run_snakemake(project, "--cores", "1", "count.txt", config=())
    assert done.returncode == 0, done.stdout
    assert Artifact.open(project / "built" / "theirs" / "data" / "world").manifest.counts["entities"] > 0
    assert (project / "told" / "theirs" / "data" / "world.log").exists()
    assert (project / "measured" / "theirs" / "data" / "world.jsonl").exists()
    assert int((project / "count.txt").read_text()) > 10
    assert not (project / "results").exists()
    again = run_snakemake(project, "--cores", "1", "count.txt", config=())
    assert "Nothing to be done" in again.stdout, again.stdout
