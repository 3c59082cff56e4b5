"""`lineage runs`: the table of artifacts."""

from __future__ import annotations

from typing import Any

import typer

from lineage.cli.display import show_json, show_table
from lineage.cli.inventory import Found
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.parameters import changed_parameters, figures, figures_in_words, parameters_in_words
from lineage.cli.project import Project, open_project
from lineage.cli.staleness import judge
from lineage.config.messages import listed


def runs(
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Show every artifact of an experiment: stage, parents, what sets it apart, key figures, seconds, state.

    States: whole (nothing to do), stale (`lineage why` says why), partial (half-written or damaged), unreferenced (no
    longer in the config). Without a config that describes the results, nothing is called stale.

    Examples:

        lineage runs

        lineage runs --configfile workflow/presets/smoke.yaml

        lineage runs --json | jq '.[] | {artifact, seconds}'
    """
    project = open_project(configfile, settings, results, experiment)
    rows = artifact_rows(project)
    if as_json:
        show_json(rows)
    elif not rows:
        typer.echo(f"{project.root}: nothing is built yet.{_other_experiments(project)}\n  Build it: snakemake")
    else:
        headings = ["artifact", "kind", "stage", "parents", "parameters", "figures", "seconds#", "state"]
        show_table(headings, [_cells(project, row) for row in rows], title=str(project.root))


def artifact_rows(project: Project) -> list[dict[str, Any]]:
    """One mapping an artifact, parents first: what `lineage runs --json` prints."""
    verdicts = judge(project)
    rows = [_row(project, one, verdicts[one.name].state) for one in project.inventory.ordered(project.plan)]
    half = [name for name in project.inventory.partial if name not in project.inventory.found]
    return rows + [{"artifact": name, "state": "partial"} for name in half]


def _other_experiments(project: Project) -> str:
    """Results of other experiments beside this one, where there are any."""
    beside = project.root.parent
    names = sorted(folder.name for folder in beside.iterdir() if folder.is_dir()) if beside.is_dir() else []
    others = [name for name in names if name != project.root.name]
    return f" There are results of {listed(others)}: choose with --configfile or --experiment." if others else ""


def _row(project: Project, found: Found, state: str) -> dict[str, Any]:
    manifest = found.manifest
    if manifest is None:
        return {"artifact": found.name, "state": state, "problem": found.problem}
    parents = {
        role: [parent.name if parent else None for parent in parents]
        for role, parents in project.inventory.parents(found).items()
    }
    return {
        "artifact": found.name,
        "kind": manifest.kind,
        "stage": manifest.stage,
        "parents": parents,
        "parameters": changed_parameters(manifest.stage, manifest.spec),
        "figures": figures(found),
        "seconds": found.run().get("seconds"),
        "bytes": sum(entry.bytes for entry in manifest.files.values()),
        "digest": found.digest,
        "state": state,
        "problem": found.problem,
    }


def _cells(project: Project, row: dict[str, Any]) -> list[str]:
    if "kind" not in row:
        return [row["artifact"], "", "", "", "", "", "", row["state"]]
    found = project.inventory.found[row["artifact"]]
    parents = dict.fromkeys(parent for parents in row["parents"].values() for parent in parents if parent)
    seconds = row["seconds"]
    return [
        row["artifact"],
        row["kind"],
        row["stage"],
        ", ".join(parents),
        parameters_in_words(row["parameters"]),
        figures_in_words(found),
        f"{seconds:.1f}" if seconds is not None else "",
        row["state"],
    ]
