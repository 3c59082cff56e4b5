"""`lineage diff`: what sets two artifacts, or two experiments, apart."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lineage.cli.diff_experiments import diff_experiments, is_experiment
from lineage.cli.display import MISSING, differences, short, show_json, show_table
from lineage.cli.inventory import Found
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.parameters import metrics
from lineage.cli.project import Project, open_project
from lineage.errors import UserError

SECTIONS = ("spec", "code", "inputs", "counts", "metrics", "files")
Side = Annotated[
    str,
    typer.Argument(
        help="Artifact: `base@300`, `scores/base@300/language`, or a path; or a folder such as results/default.",
        show_default=False,
    ),
]


def diff(
    a: Side,
    b: Side,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Compare two artifacts: spec, code, inputs, counts, metrics, files. A path may lead to another experiment.

    Two folders of experiments are compared as wholes: artifacts, settings, code, metrics, claims.

    --json prints {"a", "b", "equal", and for spec, code, inputs, counts, metrics and files {key: [of a, of b]}} with
    "(none)" for what one side lacks.

    Examples:

        lineage diff base@300 base@900

        lineage diff scores/base@300/language scores/base@900/language

        lineage diff results/default/models/base@900 results/wide/models/base@900

        lineage diff results/default results/wide
    """
    if is_experiment(a) or is_experiment(b):
        diff_experiments(a, b, as_json=as_json, change=_change)
        return
    project = open_project(configfile, settings, results, experiment)
    left, right = project.find(a), project.find(b)
    found = {section: differences(one, other) for section, one, other in _pairs(project, left, right)}
    if as_json:
        equal = left.digest == right.digest
        show_json({"a": left.name, "b": right.name, "equal": equal, **found})
        return
    if left.digest == right.digest:
        typer.echo(f"{left.name} and {right.name} have the same manifest: same spec, code, inputs and files.")
        return
    rows = [
        (section, key, short(old), short(new), _change(old, new))
        for section in SECTIONS
        for key, (old, new) in found[section].items()
    ]
    show_table(["section", "key", f"{left.name}#", f"{right.name}#", "change#"], rows)


def _pairs(project: Project, left: Found, right: Found) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    contents = [_contents(project, one) for one in (left, right)]
    return [(section, contents[0][section], contents[1][section]) for section in SECTIONS]


def _contents(project: Project, one: Found) -> dict[str, dict[str, Any]]:
    """What is compared, section by section.

    Raises:
        UserError: the manifest cannot be read.
    """
    if one.manifest is None:
        raise UserError(one.problem or f"{one.folder}: manifest.json cannot be read.")
    manifest = one.manifest
    return {
        "spec": {"stage": manifest.stage, **manifest.spec} if "stage" not in manifest.spec else manifest.spec,
        "code": manifest.code,
        "inputs": _inputs(project, one),
        "counts": manifest.counts,
        "metrics": metrics(one),
        "files": {name: f"{entry.bytes:,} bytes {entry.sha256[:12]}" for name, entry in manifest.files.items()},
    }


def _inputs(project: Project, one: Found) -> dict[str, str]:
    """Each input by role: the artifact's name where it is here, with the beginning of its digest."""
    digests = one.input_digests()
    shown: dict[str, str] = {}
    for role, values in digests.items():
        parents = [project.inventory.by_digest.get(value) for value in values]
        words = [
            f"{parent.name if parent else 'not here'} {value[:12]}"
            for parent, value in zip(parents, values, strict=True)
        ]
        shown[role] = ", ".join(words)
    return shown


def _change(old: Any, new: Any) -> str:
    """The signed difference of two numbers, nothing for anything else."""
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (old, new))
    if not numbers or MISSING in (old, new):
        return ""
    return f"+{short(new - old)}" if new > old else short(new - old)
