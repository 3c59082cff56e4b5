"""Helpers of the rules: the plan of the experiment, and what each rule says to its stage."""

import json
import os
import shutil
import sys
from functools import lru_cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

import lineage
from lineage.cli.costs import write_costs
from lineage.config.load import validate
from lineage.errors import UserError
from lineage.external import digest
from lineage.freshness import canonical, code_fingerprint
from lineage.plan import make_plan

# Jobs run the interpreter that runs Snakemake, unless a software environment puts its own first.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


def config_files():
    """The files of the config, those that win last: Snakemake lists overlays from the command line first."""
    overlays = list(workflow.overwrite_configfiles)
    return [Path(path) for path in [path for path in workflow.configfiles if path not in overlays] + overlays]


def stop(mistakes):
    """Ends Snakemake with this message alone; an exception would wrap it in lines about the Snakefile."""
    sys.exit(f"\nlineage: {mistakes}\n\nNothing was built.")


try:
    EXPERIMENT = validate(config, config_files())
except UserError as error:
    stop(f"the config has mistakes.\n{error}")

PLAN = make_plan(EXPERIMENT)


REMEDIES = {
    "source": "Set `data_root` to the folder that relative paths start from, or give an absolute path.",
    "images": "Set `data_root` to the folder that relative paths start from, or give an absolute path of the pictures.",
    "text_classifier": "Set `text.path` to a folder of a classifier, relative to `data_root`, or absolute.",
    "image_classifier": "Set `image.path` to a folder of a classifier, relative to `data_root`, or absolute.",
    "labelled": "Set `labelled.path` to a file of labelled responses, relative to `data_root`, or absolute.",
    "model": "Set `path` to a folder of the model that judges, relative to `data_root`, or absolute.",
    "prompt": "Set `prompt_path` to a file with the prompt of the model that judges, as its page gives it.",
    "slices": "Set `slices` of the study to a folder of kept statistics, or to null to judge this experiment alone.",
}


def missing_data():
    """A message for each artifact whose external files are not where the config says."""
    for folder, job in PLAN.items():
        for role, path in job.external.items():
            if not path.exists():
                entry = ".".join(Path(folder.removeprefix("data/")).parts)
                yield f"{entry}: reads {path}: no such file or folder.\n  {REMEDIES[role]}"


if MISSING := list(missing_data()):
    stop("\n".join(MISSING))


def manifests(*sections):
    """Manifests of all artifacts whose folder starts with one of `sections` (all artifacts where none is given)."""
    return [manifest(folder) for folder in PLAN if not sections or folder.startswith(sections)]


def manifest(folder):
    """The declared output of one artifact."""
    return f"<results>/<experiment>/{folder}/manifest.json"


def names(stage, section):
    """A wildcard constraint: the names that `stage` makes in `section`, and nothing else."""
    made = [job.folder.removeprefix(f"{section}/").partition("/")[0] for job in PLAN.values() if job.stage == stage]
    return "|".join(made) or "none"


def planned(folder):
    """The job of an artifact; a target whose section of the config is null ends Snakemake with a message."""
    if folder not in PLAN:
        section = Path(folder).name
        stop(
            f"{folder} is no part of this experiment, because `{section}` is null in its config.\n"
            "  Give it (docs/config.md; `config.yaml` holds an example), or name another target."
        )
    return PLAN[folder]


def parents(folder, role):
    """Input function: manifests of the artifacts that `folder` reads as `role`; none where it reads none."""

    def find(wildcards):
        return [manifest(parent) for parent in planned(folder.format(**wildcards)).inputs.get(role, [])]

    return find


def spec(folder):
    """Tracked: the canonical spec of the artifact."""
    return lambda wildcards: PLAN[folder.format(**wildcards)].spec


@lru_cache
def _code(stage):
    return canonical(code_fingerprint(stage)) if EXPERIMENT.track_code else "{}"


def code(stage):
    """Tracked: the fingerprint of the stage's code."""
    return lambda wildcards: _code(stage)


def external_digests(folder):
    """Tracked: the content of the external files that the artifact reads, wherever they lie."""

    def find(wildcards):
        try:
            found = {role: digest(path) for role, path in PLAN[folder.format(**wildcards)].external.items()}
        except UserError as error:
            raise WorkflowError(str(error)) from None
        return canonical(found)

    return find


def external_paths(folder):
    """Not tracked (it takes `output`): where the external files lie on this machine."""

    def find(wildcards, output):
        paths = PLAN[folder.format(**wildcards)].external
        return json.dumps({role: str(path) for role, path in paths.items()})

    return find


def execution(wildcards, threads, resources):
    """Not tracked (it takes `threads` and `resources`): device, threads and time limit of a job of one process."""
    return _execution(threads, resources, processes=1)


def training_execution(wildcards, threads, resources):
    """Not tracked: as `execution`, in as many processes as the experiment asks for; they share the job's threads."""
    return _execution(threads, resources, processes=EXPERIMENT.execution.processes)


def _execution(threads, resources, processes):
    given = {
        "threads": max(1, threads // processes),
        "processes": processes,
        "gpus": int(resources.get("gpu", 0) or 0),
        "minutes": resources.get("runtime") or None,
    }
    return json.dumps(EXPERIMENT.execution.model_dump(mode="json") | given)


def state(wildcards, output):
    """Not tracked (it takes `output`): where resume state is kept, outside the declared outputs."""
    folder = Path(output[0]).parent
    root = next(parent for parent in folder.parents if str(folder.relative_to(parent)) in PLAN)
    return str(root / "state" / folder.relative_to(root))


def experiment_root():
    """Where the artifacts of the experiment lie."""
    return Path(workflow.pathvars.get("results")) / EXPERIMENT.experiment


def remove_finished_states():
    """Removes the resume state of whole artifacts: a stage that outlived its Snakemake leaves it behind."""
    for folder in PLAN:
        if (experiment_root() / folder / "manifest.json").exists():
            shutil.rmtree(experiment_root() / "state" / folder, ignore_errors=True)


def where_to_look():
    """The last lines of a run."""
    if (page := experiment_root() / "report" / "index.html").exists():
        return f"\nDone. Open {page} (`lineage runs` shows every artifact as a table; see results/README.md).\n"
    return (
        f"\nDone. Everything is in {experiment_root()}/ (`lineage runs` shows it as a table; see results/README.md).\n"
    )
