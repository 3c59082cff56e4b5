"""The smoke experiment: every artifact opens, a second run finds nothing to do, its key figures are as recorded."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from lineage.artifact import RUN, Artifact
from lineage.config.load import load_experiment
from lineage.plan import make_plan
from tests.workflow.conftest import SMOKE, run_snakemake

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())


def test_every_planned_artifact_opens_and_nothing_else_is_left(smoke: Path) -> None:
    results = smoke / "results" / "smoke"
    planned = make_plan(load_experiment([smoke / name for name in ("config.yaml", SMOKE, "imported.yaml")]))
    for folder, job in planned.items():
        artifact = Artifact.open(results / folder)
        assert artifact.manifest.stage == job.stage
        assert artifact.damaged_files() == []
        assert json.loads((results / folder / RUN).read_text())["seconds"] > 0
    built = {str(path.parent.relative_to(results)) for path in results.rglob("manifest.json")}
    assert built == set(planned)
    assert not list(results.rglob("*.partial"))
    assert not [path for path in (results / "state").rglob("*") if path.is_file()]


@pytest.mark.parametrize("arguments", [(), ("-n",)], ids=["run", "dry run"])
def test_a_second_run_finds_nothing_to_do(smoke: Path, arguments: tuple[str, ...]) -> None:
    begin = time.monotonic()
    again = run_snakemake(smoke, *arguments)
    print(f"\nsnakemake {' '.join(arguments)}: {time.monotonic() - begin:.1f} s with nothing to do")
    assert again.returncode == 0, again.stdout
    assert "Nothing to be done" in again.stdout, again.stdout


@pytest.mark.parametrize("metric", GOLDEN["metrics"])
def test_key_figures_are_as_recorded(smoke: Path, metric: str) -> None:
    recorded = GOLDEN["metrics"][metric]
    found = figure(smoke / "results" / "smoke", metric)
    assert found == pytest.approx(recorded["value"], abs=recorded["tolerance"], rel=0), metric


def figure(results: Path, metric: str) -> float:
    """`scores/base@24/language:metrics.json:held_out.bytes` -> that number; without a file, a count of the manifest."""
    folder, *file, keys = metric.split(":")
    artifact = Artifact.open(results / folder)
    node = json.loads(artifact.path(file[0]).read_text()) if file else artifact.manifest.counts
    for key in keys.split("."):
        node = node[int(key)] if isinstance(node, list) else node[key]
    return float(node)
