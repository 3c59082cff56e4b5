"""`lineage clean`: what nothing refers to, listed or removed."""

from __future__ import annotations

from typing import Annotated

import typer

from lineage.cli.display import bytes_in_words, show_json, show_table
from lineage.cli.leftovers import Leftover, find_leftovers, remove
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.project import open_project

Yes = Annotated[bool, typer.Option("--yes", help="Remove what is listed; without it nothing is touched.")]
Unreferenced = Annotated[
    bool, typer.Option("--unreferenced", help="Also whole artifacts that the config no longer names.")
]


def clean(
    yes: Yes = False,
    unreferenced: Unreferenced = False,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """List what nothing refers to, and with --yes remove it.

    That is: half-written `.partial` folders, folders without a manifest, resume state that the next run would not use,
    and locks of artifacts that the config no longer names. State whose inputs have yet to be built stays, and so does
    what a live process writes. Without a config that describes the results, resume state is not judged.

    --json prints {"removed": bool, "bytes", "leftovers": [{"path", "artifact", "reason", "bytes", "held_by", "gone"}]}.

    Examples:

        lineage clean

        lineage clean --yes

        lineage clean --unreferenced --configfile workflow/presets/smoke.yaml
    """
    project = open_project(configfile, settings, results, experiment)
    if unreferenced:
        project.required_plan()
    leftovers = find_leftovers(project, unreferenced=unreferenced)
    gone = [yes and remove(project, one) for one in leftovers]
    going = [one for one, removed in zip(leftovers, gone, strict=True) if (removed if yes else one.held_by is None)]
    total = sum(one.bytes for one in going)
    if as_json:
        rows = [_to_json(one, removed) for one, removed in zip(leftovers, gone, strict=True)]
        show_json({"removed": yes, "bytes": total, "leftovers": rows})
    elif not leftovers:
        typer.echo(f"{project.root}: nothing to clean.")
    else:
        rows = [(str(one.path), one.reason, bytes_in_words(one.bytes), _held(one)) for one in leftovers]
        show_table(["path", "why", "size#", "in use"], rows)
        size = bytes_in_words(total)
        typer.echo(
            f"Removed {len(going)}, freed {size}."
            if yes
            else f"Would free {size}: `lineage clean --yes` removes these."
        )


def _held(leftover: Leftover) -> str:
    return f"stays: process {leftover.held_by} writes it" if leftover.held_by else ""


def _to_json(leftover: Leftover, gone: bool) -> dict[str, object]:
    return {**vars(leftover), "path": str(leftover.path), "gone": gone}
