"""Every preset makes a plan; the one at the paper's scale is dry-run on folders of the right names."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lineage.config.load import load_experiment
from lineage.plan import make_plan
from tests.workflow.conftest import REPOSITORY, copy_workflow, run_snakemake

PRESETS = sorted((REPOSITORY / "workflow" / "presets").glob("*.yaml"))


@pytest.mark.parametrize("preset", PRESETS, ids=[path.stem for path in PRESETS])
def test_a_preset_makes_a_plan_of_its_own(preset: Path) -> None:
    experiment = load_experiment([REPOSITORY / "config.yaml", preset])
    assert experiment.experiment not in {"default"}
    assert make_plan(experiment)


def test_the_papers_preset_is_ready_to_run(tmp_path: Path) -> None:
    """All jobs of the study, with the paper's arms: 10 encounters of 40 facts, 40 once, 2,500 steps of 4 M tokens."""
    folder = copy_workflow(tmp_path / "work")
    data = tmp_path / "data"
    for name in ("olmo-7b-step40000-hf", "olmo-7b-step113000-hf", "olmo-7b-step339000-hf", "olmo-1b-step117850-hf"):
        (data / name).mkdir(parents=True)
        (data / name / "config.json").write_text("{}")
    (data / "dolma").mkdir()
    (data / "dolma" / "part.jsonl").write_text('{"id": "a", "text": "b"}\n')
    (data / "fictional_knowledge").mkdir()
    (data / "fictional_knowledge" / "fictional_knowledge_paraphrased.json").write_text("[]")
    (folder / "here.yaml").write_text(yaml.safe_dump({"data_root": str(data)}))
    preset = "workflow/presets/knowledge-paper.yaml"
    done = run_snakemake(folder, "-n", "knowledge", config=(preset, "here.yaml"))
    assert done.returncode == 0, done.stdout
    for row in ("inject                8", "acquisition           4", "knowledge             1"):
        rule, count = row.split()
        assert any(line.split() == [rule, count] for line in done.stdout.splitlines()), row
    experiment = load_experiment([REPOSITORY / "config.yaml", REPOSITORY / preset])
    assert experiment.knowledge is not None
    for run in experiment.knowledge.runs.values():
        assert (run.steps, run.interval, run.optimization.batch_rows) == (2500, 100, 2048)
        assert {name: (arm.facts, arm.encounters) for name, arm in run.arms.items()} == {
            "paraphrase": (20, 10),
            "duplicate": (20, 10),
            "once": (40, 1),
            "never": (40, 0),
        }
