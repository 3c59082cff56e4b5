"""`lineage config`: check the config, print its schema or its reference."""

from __future__ import annotations

from typing import Any

import typer

from lineage.cli.display import show_json
from lineage.cli.options import AsJson, ConfigFiles, Settings
from lineage.cli.project import DEFAULT_CONFIG, config_files, read_experiment
from lineage.config.experiment import Experiment
from lineage.config.reference import config_markdown, config_schema
from lineage.errors import UserError
from lineage.plan import make_plan

app = typer.Typer(no_args_is_help=True, help="Check the config, or print its schema or reference.")


@app.callback()
def config() -> None:
    """Check the config, or print its schema or reference."""


@app.command()
def check(configfile: ConfigFiles = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """Read the config files as the workflow does, say every mistake, and show the tree of models.

    --json prints {"experiment", "files", "artifacts", "models": [{"name", "stage", "parent", "checkpoints"}]}.

    Examples:

        lineage config check

        lineage config check --configfile workflow/presets/smoke.yaml
    """
    files = config_files(configfile)
    if not files:
        raise UserError(
            f"no {DEFAULT_CONFIG} in this folder.\n"
            "  Run this in the folder of your Snakefile, or give --configfile PATH."
        )
    experiment = read_experiment(files, settings)
    models = model_rows(experiment)
    plan = make_plan(experiment)
    if as_json:
        named = {"experiment": experiment.experiment, "files": [str(path) for path in files]}
        show_json({**named, "artifacts": len(plan), "models": models})
        return
    typer.echo(
        f"{', '.join(map(str, files))}: no mistakes. Experiment '{experiment.experiment}', {len(plan)} artifacts."
    )
    for line in model_tree(models):
        typer.echo(line)


@app.command()
def schema() -> None:
    """Print the JSON schema of the config, for editors and for workflow/schemas/config.schema.json.

    Examples:

        lineage config schema > workflow/schemas/config.schema.json
    """
    typer.echo(config_schema(), nl=False)


@app.command()
def docs() -> None:
    """Print the reference of every config key as Markdown.

    Examples:

        lineage config docs > docs/config.md
    """
    typer.echo(config_markdown(), nl=False)


def model_rows(experiment: Experiment) -> list[dict[str, Any]]:
    """Name, stage, parent and checkpoints of each model, in the order of the config."""
    rows: list[dict[str, Any]] = []
    for name, entry in experiment.models.items():
        parents = list(entry.parents.values())
        row = {"name": name, "stage": entry.stage, "parent": parents[0] if parents else None}
        rows.append(row | {"checkpoints": entry.kept_steps})
    return rows


def model_tree(models: list[dict[str, Any]]) -> list[str]:
    """The models, each indented below the model that it starts from.

    >>> model_tree([{"name": "base", "stage": "pretrain", "parent": None, "checkpoints": [10]},
    ...             {"name": "more", "stage": "pretrain", "parent": "base@10", "checkpoints": [5]}])
    ['base (pretrain): @10', '  more (pretrain from base@10): @5']
    """
    lines: list[str] = []

    def visit(parent: str | None, depth: int) -> None:
        for model in models:
            start = model["parent"].partition("@")[0] if model["parent"] else None
            if start == parent:
                origin = f" from {model['parent']}" if model["parent"] else ""
                steps = " ".join(f"@{step}" for step in model["checkpoints"])
                lines.append(f"{'  ' * depth}{model['name']} ({model['stage']}{origin}){f': {steps}' if steps else ''}")
                visit(model["name"], depth + 1)

    visit(None, 0)
    return lines
