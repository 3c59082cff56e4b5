"""`lineage world show`: everything that is known about one entity, fact or document of the generated world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from lineage.cli.display import short, show_json, show_table
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.project import Project, open_project
from lineage.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Look into the generated world.")

Identifier = Annotated[
    str, typer.Argument(metavar="ID", help="`person-0012`, `person-0012.birthplace`, a document or a title.")
]


@app.callback()
def world() -> None:
    """Look into the generated world."""


@app.command("show")
def world_show(
    id: Identifier,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Show an entity with its facts, documents and article, its pictures, requests and chats where data of study 2 are
    built, and how often each model saw each fact so far.

    --json prints what the world says ({"entity", "facts", "documents", "article", "hazard"}, or {"document", "states",
    "copies"} for a document), for an entity or fact "pictures", "requests" and "chats", and "exposures": [{"model",
    "fact", "step", "count"}].

    Examples:

        lineage world show person-0012

        lineage world show person-0012.birthplace --json
    """
    from lineage.world.show import describe

    project = open_project(configfile, settings, results, experiment)
    described = describe(_world_folder(project).folder, id)
    described |= _safety_of(project, described)
    exposures = exposures_of(project, _fact_ids(described))
    if as_json:
        show_json({**described, "exposures": exposures})
        return
    for key, value in described.items():
        _show_part(key, value)
    if exposures:
        _show_exposures(exposures)


def _world_folder(project: Project) -> Any:
    worlds = project.inventory.of_kind("world")
    if not worlds:
        raise UserError(
            f"{project.root}: no world is built here.\n  Build it: snakemake data (the config needs a `world` section)"
        )
    return worlds[0].open("world")


def _safety_of(project: Project, described: dict[str, Any]) -> dict[str, Any]:
    """Pictures, requests and chats of an entity or a fact; nothing for a document, or where no such data are built."""
    from lineage.world.show_safety import linked

    built = project.inventory.of_kind("safety_data")
    if not built or "entity" not in described:
        return {}
    return linked(built[0].open().folder, described["entity"]["id"], _fact_ids(described))


def exposures_of(project: Project, facts: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of every model's exposure ledger that concern these facts."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = []
    for one in project.inventory.of_kind("exposures"):
        table = pq.read_table(one.open().path("exposures.parquet"), filters=[("fact", "in", list(facts) or [""])])
        rows += [{"model": one.name.removeprefix("exposures/"), **row} for row in table.to_pylist()]
    return rows


def _fact_ids(described: dict[str, Any]) -> list[str]:
    """Facts that a description is about: those of the entity, or those that the document states."""
    rows = [*described.get("facts", []), *described.get("states", [])]
    return list(dict.fromkeys(row.get("fact") or row["id"] for row in rows))


def _show_part(key: str, value: Any) -> None:
    """One part of a description: a mapping as lines, rows as a table, long texts whole."""
    if value is None or value == []:
        return
    typer.echo(f"\n{key}")
    if isinstance(value, dict):
        show_table(["key", "value"], [(name, _whole(inner)) for name, inner in value.items() if inner is not None])
    elif isinstance(value, list) and all(isinstance(row, dict) for row in value):
        headings = list(dict.fromkeys(name for row in value for name in row))
        show_table(headings, [[_cell(row.get(name)) for name in headings] for row in value])
    else:
        typer.echo(_whole(value))


def _whole(value: Any) -> str:
    return value if isinstance(value, str) else short(value)


def _cell(value: Any) -> str:
    """Texts stay whole, lists are joined, absent values are empty."""
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else _whole(value)


def _show_exposures(rows: list[dict[str, Any]]) -> None:
    """One line a fact, one column a checkpoint."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    counts = {(row["fact"], row["model"]): row["count"] for row in rows}
    facts = list(dict.fromkeys(row["fact"] for row in rows))
    typer.echo("\nexposures: sentences that stood whole in what training had shown up to each checkpoint")
    headings = ["fact", *(f"{model}#" for model in models)]
    show_table(headings, [[fact, *(short(counts.get((fact, model), 0)) for model in models)] for fact in facts])
