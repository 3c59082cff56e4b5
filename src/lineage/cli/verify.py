"""`lineage verify`: does every file still hold the bytes that its manifest says?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from lineage.artifact import MANIFEST, FileEntry, file_sha256
from lineage.cli.display import bytes_in_words, show_json, show_table
from lineage.cli.inventory import Found
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.project import open_project
from lineage.progress import Progress

EXIT_DAMAGED = 2
Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...", help="Artifacts; all of the experiment when none is given.", show_default=False
    ),
]


@dataclass(frozen=True)
class Damage:
    """One file that is not what its manifest says."""

    artifact: str
    file: str
    problem: str
    """missing | other size | other content | unreadable manifest"""
    expected_bytes: int | None
    found_bytes: int | None
    expected_sha256: str | None
    found_sha256: str | None
    """None where the file is missing or has another size: it was not read."""


def verify(
    targets: Targets = None,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Read every file of the artifacts again and compare its size and hash with the manifest.

    Exit code 0 where all is whole, 2 where a file is damaged or missing.

    --json prints {"artifacts", "files", "bytes", "damaged": [{"artifact", "file", "problem", "expected_bytes",
    "found_bytes", "expected_sha256", "found_sha256"}]}.

    Examples:

        lineage verify

        lineage verify base@900 tokens/main
    """
    project = open_project(configfile, settings, results, experiment)
    chosen = [project.find(target) for target in targets] if targets else project.inventory.ordered(project.plan)
    entries = [(one, name, entry) for one in chosen if one.manifest for name, entry in one.manifest.files.items()]
    total = sum(entry.bytes for _, _, entry in entries)
    damaged = [
        Damage(
            one.name, MANIFEST, "unreadable manifest", None, (one.folder / MANIFEST).stat().st_size, None, one.digest
        )
        for one in chosen
        if one.manifest is None
    ]
    with Progress("verifying", total=total, unit="bytes") as progress:
        for one, name, entry in entries:
            damaged += check_file(one, name, entry)
            progress.advance(entry.bytes)
    if as_json:
        sizes = {"artifacts": len(chosen), "files": len(entries), "bytes": total}
        show_json({**sizes, "damaged": [asdict(one) for one in damaged]})
    else:
        _show(damaged, f"{len(chosen)} artifacts, {len(entries)} files, {bytes_in_words(total)}")
    if damaged:
        raise typer.Exit(EXIT_DAMAGED)


def check_file(one: Found, name: str, entry: FileEntry) -> list[Damage]:
    """What is wrong with one payload file; nothing where it is whole. The content is read only if the size is right."""
    path = one.folder / name
    if not path.is_file():
        return [Damage(one.name, name, "missing", entry.bytes, None, entry.sha256, None)]
    size = path.stat().st_size
    if size != entry.bytes:
        return [Damage(one.name, name, "other size", entry.bytes, size, entry.sha256, None)]
    found = file_sha256(path)
    if found != entry.sha256:
        return [Damage(one.name, name, "other content", entry.bytes, size, entry.sha256, found)]
    return []


def _show(damaged: list[Damage], checked: str) -> None:
    if not damaged:
        typer.echo(f"All whole: {checked}.")
        return
    rows = [
        (
            one.artifact,
            one.file,
            one.problem,
            f"{one.expected_bytes:,}" if one.expected_bytes is not None else "",
            f"{one.found_bytes:,}" if one.found_bytes is not None else "",
            one.expected_sha256 or "",
            one.found_sha256 or "",
        )
        for one in damaged
    ]
    headings = ["artifact", "file", "problem", "expected bytes#", "found bytes#", "expected sha256", "found sha256"]
    show_table(headings, rows, title=f"{len(damaged)} damaged files in {checked}")
    typer.echo("Rebuild one: delete its folder and run snakemake; what is whole and fresh stays.")
