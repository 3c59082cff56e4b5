"""`lineage why`: what would be built anew, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from lineage.cli.display import show_json
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.project import Project, open_project
from lineage.cli.staleness import Verdict, judge
from lineage.errors import UserError
from lineage.plan import ancestors

Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...", help="Artifacts: `base@300`, `scores/base@300/language`, or a path.", show_default=False
    ),
]
Every = Annotated[bool, typer.Option("--all", help="Explain every artifact of the plan.")]


def why(
    targets: Targets = None,
    every: Every = False,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Say why a target, or anything that it is made from, is stale: which key, module, package, file or input.

    Each manifest is compared with the present config, code, inputs and external files, so an edit that
    `snakemake --touch` accepted is still named here. The exit code is 0 whatever the answer.

    --json prints {"experiment", "targets": [name], "rebuilt": [name], "artifacts": [{"artifact", "state", "reasons":
    [{"kind", "key", "old", "new", "text"}]}]}; state is whole, stale, partial, missing or unreferenced, and kind is
    missing, damaged, stage, spec, code, package, data, input or external.

    Examples:

        lineage why base@300

        lineage why scores/base@900/language --configfile workflow/presets/smoke.yaml

        lineage why --all --json
    """
    project = open_project(configfile, settings, results, experiment)
    plan = project.required_plan()
    names = list(dict.fromkeys(project.name(target) for target in targets or []))
    if not names and not every:
        raise UserError("say which artifact is meant, for example `lineage why base@300`, or give --all.")
    verdicts = judge(project)
    asked = _asked(project, names, verdicts) if names and not every else list(verdicts)
    chosen = [verdicts[name] for name in asked]
    rebuilt = [verdict.artifact for verdict in chosen if verdict.artifact in plan and verdict.state != "whole"]
    if as_json:
        artifacts = [verdict.to_json() for verdict in chosen]
        show_json({"experiment": str(project.root), "targets": names, "rebuilt": rebuilt, "artifacts": artifacts})
        return
    for verdict in chosen:
        for line in explanation(verdict):
            typer.echo(line)
    what = ", ".join(names) if names else f"{len(plan)} artifacts"
    typer.echo(f"{len(rebuilt)} to build." if rebuilt else f"Nothing to do for {what}.")


def explanation(verdict: Verdict) -> list[str]:
    """`models/base@300 is stale: spec steps 900 -> 1,000`, further reasons below it; nothing for a whole artifact."""
    if verdict.state == "unreferenced":
        return [f"{verdict.artifact} is not in the config any more (`lineage clean --unreferenced` removes it)"]
    if not verdict.reasons:
        return []
    if verdict.state != "stale":
        return [f"{verdict.artifact} {reason.text}" for reason in verdict.reasons]
    opening = f"{verdict.artifact} is stale: "
    indent = " " * len(opening)
    return [(indent if position else opening) + reason.text for position, reason in enumerate(verdict.reasons)]


def _asked(project: Project, names: list[str], verdicts: dict[str, Verdict]) -> list[str]:
    """The targets with everything that they are made from, parents first."""
    wanted = set(names)
    for name in names:
        if name in project.plan:
            wanted.update(ancestors(project.plan, name))
    return [name for name in verdicts if name in wanted]
