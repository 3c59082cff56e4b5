"""One smoke run in a folder of its own, that the workflow tests share, and the DAG of an edited experiment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

REPOSITORY = Path(__file__).parents[2]
SMOKE = "workflow/presets/smoke.yaml"
IMPORTED = {"models": {"outside": {"stage": "import", "path": "outside_model"}}}
"""The one rule that the preset cannot hold by itself: it needs a finished model."""


def lay_out(folder: Path) -> Path:
    """A working folder with the workflow, the fixtures and a small model from outside."""
    copy_workflow(folder)
    (folder / "imported.yaml").write_text(yaml.safe_dump(IMPORTED))
    build_outside_model(folder / "outside_model")
    for path in ("tests/fixtures/notes", "outside_model"):  # the same content elsewhere
        shutil.copytree(folder / path, folder / "moved" / Path(path).name)
    return folder


def copy_workflow(folder: Path) -> Path:
    """What a clone holds that the workflow needs, and nothing built."""
    folder.mkdir()
    for name in ("workflow", "envs", "tests/fixtures"):
        shutil.copytree(REPOSITORY / name, folder / name)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(REPOSITORY / name, folder / name)
    (folder / "profiles").symlink_to("workflow/profiles")
    return folder


def build_outside_model(folder: Path) -> None:
    from transformers import AutoTokenizer

    from lineage.config.pretrain import Architecture
    from lineage.data import tokenizer as bpe
    from lineage.models.decoder import build_decoder

    folder.mkdir()
    texts = ["A small model from outside, with a tokenizer of its own."] * 3
    bpe.save(bpe.train(texts, vocab_size=320, min_frequency=1), folder)
    settings = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = build_decoder(Architecture(settings=settings), AutoTokenizer.from_pretrained(folder), seed=0)
    model.save_pretrained(folder)


def copy_built(smoke: Path, folder: Path) -> Path:
    """A copy of the built smoke experiment that a test may change; to Snakemake it is as fresh as the original."""
    return Path(shutil.copytree(smoke, folder, symlinks=True))


def snakemake_command(*arguments: str, config: Sequence[str]) -> list[str]:
    overlays = ["--configfile", *config] if config else []
    return [sys.executable, "-m", "snakemake", *arguments, *overlays]


def run_snakemake(
    folder: Path, *arguments: str, config: Sequence[str] = (SMOKE, "imported.yaml")
) -> subprocess.CompletedProcess[str]:
    """Snakemake as a user calls it; stdout and stderr together, in `stdout`. Never raises."""
    command = snakemake_command(*arguments, config=config)
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    return subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, check=False
    )


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder in which the smoke experiment is built; shared by all test processes, so never changed by a test."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    folder = shared / "smoke"
    with FileLock(f"{folder}.lock"):
        if not (folder / "whole").exists():
            done = run_snakemake(lay_out(folder))
            assert done.returncode == 0, done.stdout[-4000:]
            (folder / "whole").touch()
    return folder


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.fixture
def stale_artifacts(smoke: Path, tmp_path: Path) -> Callable[..., set[str]]:
    """(overlay) -> folders of the artifacts that Snakemake would build again: the DAG only, in this process."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.enums import Quietness
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        OutputSettings,
        ResourceSettings,
        StorageSettings,
        WorkflowSettings,
    )

    def find(overlay: dict[str, Any] | str | None = None) -> set[str]:
        written = tmp_path / "overlay.yaml"
        written.write_text(overlay if isinstance(overlay, str) else yaml.safe_dump(overlay or {}))
        files = [smoke / SMOKE, smoke / "imported.yaml", written]
        with working_in(smoke), SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=2),
                config_settings=ConfigSettings(configfiles=files),
                storage_settings=StorageSettings(),
                workflow_settings=WorkflowSettings(),
                snakefile=smoke / "Snakefile",
                workdir=smoke,
            )
            workflow.dag(dag_settings=DAGSettings()).execute_workflow(executor="dryrun")
            dag = workflow._workflow.dag
            outputs = [str(job.output[0]) for job in dag.needrun_jobs(exclude_finished=False) if job.output]
        return {output.removeprefix("results/smoke/").removesuffix("/manifest.json") for output in outputs}

    return find
