"""`lineage retrievers`: all retrievers side by side, with the milliseconds that no digest holds."""

from __future__ import annotations

from typing import Any

from lineage.cli.display import show_json, show_table
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.project import open_project
from lineage.errors import UserError

STAGE = "retrieval_study"
_CHOSEN = "chosen"
_FIRST = ("set", "retriever", "arm", "Hits@1", "Hits@1, seen", "Hits@1, unseen", "Hits@10", "R-precision", "MRR@10")
"""Columns in their order; those that are not named follow."""


def retrievers(
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Show all retrievers that play a part in the claims: measures on test queries with intervals, speed and size.

    A star marks the checkpoint that validation queries choose for its arm. --json prints a list of retrievers.

    Examples:

        lineage retrievers
    """
    project = open_project(configfile, settings, results, experiment)
    studies = [one for one in project.inventory.ordered() if one.manifest is not None and one.manifest.stage == STAGE]
    if not studies:
        raise UserError(f"{project.root}: no study of retrieval here. Build it: snakemake retrieval")
    told: list[dict[str, Any]] = studies[0].run().get("retrievers", [])
    if not told:
        raise UserError(
            f"{studies[0].folder}: its run.json is gone, which held milliseconds. The rest: metrics.csv there"
        )
    if as_json:
        show_json(told)
        return
    keys = sorted((key for key in told[0] if key != _CHOSEN), key=_place)
    numbers = ("queries", "index bytes", "milliseconds a query")
    headings = [f"{key}#" if key in numbers else key for key in keys]
    show_table(headings, [[_cell(row, key) for key in keys] for row in told], title=str(project.root))


def _place(key: str) -> int:
    return _FIRST.index(key) if key in _FIRST else len(_FIRST)


def _cell(row: dict[str, Any], key: str) -> str:
    value = row[key]
    if key == "retriever":
        return f"{value} *" if row[_CHOSEN] else str(value)
    if isinstance(value, float):
        return f"{value:.2f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
