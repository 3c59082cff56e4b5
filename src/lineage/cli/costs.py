"""`lineage costs`: seconds, memory and tokens of every job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lineage.artifact import write_durably
from lineage.cli.display import bytes_in_words, show_json, show_table
from lineage.cli.inventory import Inventory, take_inventory
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.project import open_project
from lineage.report.costs import Cost, by_stage, costs_page, make_cost, start_share

COSTS = "costs.html"
"""The page, below `results/<experiment>/`; no artifact, so that nothing depends on it."""
Every = Annotated[bool, typer.Option("--jobs", help="A row a job instead of a row a stage.")]


def costs(
    jobs: Every = False,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Show what the last run of each job cost: seconds of work and of starting, peak memory, files.

    Snakemake writes the same to `costs.html` after each run. --json prints a list of jobs.

    Examples:

        lineage costs

        lineage costs --jobs
    """
    project = open_project(configfile, settings, results, experiment)
    found = read_costs(project.inventory, project.plan)
    if as_json:
        show_json([asdict(one) for one in found])
        return
    if jobs:
        rows = [
            (
                one.artifact,
                one.stage,
                _seconds(one.seconds),
                _seconds(one.start_seconds),
                _memory(one.peak_memory_bytes),
            )
            for one in found
        ]
        show_table(["artifact", "stage", "seconds#", "to start#", "peak memory#"], rows)
        return
    totals = [
        (one.stage, str(one.jobs), _seconds(one.seconds), _seconds(one.start_seconds), _memory(one.peak_memory_bytes))
        for one in by_stage(found)
    ]
    show_table(["stage", "jobs#", "seconds#", "to start#", "peak memory#"], totals, title=str(project.root))
    share = start_share(found)
    if share is not None:
        typer.echo(f"Starting took {share:.0%} of all seconds.")


def read_costs(inventory: Inventory, first: Iterable[str] = ()) -> list[Cost]:
    """A cost for each artifact that is whole or damaged, parents before children."""
    return [
        make_cost(one.name, one.manifest.stage, one.run(), sum(entry.bytes for entry in one.manifest.files.values()))
        for one in inventory.ordered(first)
        if one.manifest is not None
    ]


def write_costs(root: Path, first: Iterable[str] = ()) -> None:
    """Writes `costs.html` of the experiment whose folder is `root`; nothing where nothing was built."""
    found = read_costs(take_inventory(root), first)
    if found:
        write_durably(root / COSTS, costs_page(found, title=root.name).encode())


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _memory(value: int | None) -> str:
    return "" if not value else bytes_in_words(value)
