"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--configfile",
        metavar="PATH",
        help="Overlay on config.yaml of this folder, as for snakemake; may be repeated, later ones win.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--config", metavar="KEY=VALUE", help="One top-level key, as for snakemake: `data_root=/data`; repeatable."
    ),
]
Results = Annotated[
    Path | None,
    typer.Option(
        "--results", metavar="PATH", help="Results folder; default: `pathvars.results` of the config, or results."
    ),
]
ExperimentName = Annotated[
    str | None,
    typer.Option("--experiment", metavar="NAME", help="Folder below results; default: the config's `experiment`."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout instead of a table.")]
