"""What lies under `results/<experiment>/`: artifacts, how they descend from each other, and half-written folders."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lineage.artifact import MANIFEST, RUN, Artifact, Manifest
from lineage.config.messages import did_you_mean, listed
from lineage.errors import UserError

PARTIAL = ".partial"
NO_ARTIFACTS = ("state", "trackers")
"""Folders of an experiment that never hold artifacts."""


@dataclass(frozen=True)
class Found:
    """One folder with a manifest."""

    name: str
    """Folder below the experiment: `models/base@300`."""
    folder: Path
    manifest: Manifest | None
    """None where manifest.json cannot be read."""
    digest: str
    """sha256 of the bytes of manifest.json: what `inputs` of its children hold."""
    problem: str | None
    """Why it cannot be opened: a missing or short file, a torn manifest; None where it is whole."""

    @classmethod
    def read(cls, name: str, folder: Path) -> Found:
        """Reads the manifest and checks names and sizes of the files, without raising."""
        raw = (folder / MANIFEST).read_bytes()
        digest = hashlib.sha256(raw).hexdigest()
        try:
            manifest = Manifest.from_json(raw, place=folder / MANIFEST)
        except UserError as error:
            return cls(name, folder, None, digest, str(error))
        try:
            Artifact.open(folder)
        except UserError as error:
            return cls(name, folder, manifest, digest, str(error))
        return cls(name, folder, manifest, digest, None)

    def open(self, kind: str | None = None) -> Artifact:
        """The artifact.

        Raises:
            UserError: damaged, or of another kind.
        """
        return Artifact.open(self.folder, kind)

    def run(self) -> dict[str, Any]:
        """What run.json says: seconds, memory, device; empty where it is missing (it is no part of the artifact)."""
        path = self.folder / RUN
        return read_json(path) if path.is_file() else {}

    def input_digests(self) -> dict[str, list[str]]:
        """Digests by role, always as lists."""
        inputs = self.manifest.inputs if self.manifest is not None else {}
        return {role: [value] if isinstance(value, str) else list(value) for role, value in inputs.items()}


@dataclass(frozen=True)
class Inventory:
    """All artifacts of one experiment."""

    root: Path
    found: dict[str, Found] = field(default_factory=dict)
    """By name."""
    partial: tuple[str, ...] = ()
    """Names of artifacts that have a `.partial` folder."""

    @cached_property
    def by_digest(self) -> dict[str, Found]:
        """Artifacts by the digest of their manifest; of equal ones the first."""
        return {one.digest: one for one in reversed(self.found.values())}

    def parents(self, one: Found) -> dict[str, list[Found | None]]:
        """Input artifacts by role; None for a digest that belongs to nothing here (external files, older versions)."""
        return {
            role: [self.by_digest.get(digest) for digest in digests] for role, digests in one.input_digests().items()
        }

    def input(self, one: Found, role: str) -> Found:
        """The one artifact that `one` was made from as `role`.

        Raises:
            UserError: no such role, or its artifact is gone or was rebuilt with other content.
        """
        parents = [parent for parent in self.parents(one).get(role, []) if parent is not None]
        if not parents:
            raise UserError(
                f"{one.folder}: the artifact that it was made from as `{role}` is not under {self.root} any more.\n"
                f"  Bring both up to date: snakemake {one.folder / MANIFEST}"
            )
        return parents[0]

    def of_kind(self, kind: str) -> list[Found]:
        """Artifacts of one kind, in the order of `found`."""
        return [one for one in self.found.values() if one.manifest is not None and one.manifest.kind == kind]

    def ordered(self, first: Iterable[str] = ()) -> list[Found]:
        """Parents before children; otherwise in the order of `first` (the plan's), then by name."""
        rank = {name: position for position, name in enumerate(first)}
        ordered: dict[str, Found] = {}

        def visit(one: Found) -> None:
            if one.name in ordered or one.name in visiting:
                return
            visiting.add(one.name)
            for parents in self.parents(one).values():
                for parent in parents:
                    if parent is not None:
                        visit(parent)
            ordered[one.name] = one

        visiting: set[str] = set()
        for name in sorted(self.found, key=lambda name: (rank.get(name, len(rank)), natural(name))):
            visit(self.found[name])
        return list(ordered.values())


def take_inventory(root: Path) -> Inventory:
    """Reads every manifest under `root`; a folder that does not exist holds nothing."""
    found: dict[str, Found] = {}
    partial: list[str] = []
    for current, folders, files in os.walk(root):
        folder = Path(current)
        name = folder.relative_to(root).as_posix()
        if name != "." and MANIFEST in files:
            found[name] = Found.read(name, folder)
            folders.clear()
            continue
        partial += [
            (folder / one).relative_to(root).as_posix().removesuffix(PARTIAL)
            for one in folders
            if one.endswith(PARTIAL)
        ]
        skipped = NO_ARTIFACTS if name == "." else ()
        folders[:] = sorted(one for one in folders if one not in skipped and not one.endswith(PARTIAL))
    return Inventory(
        root, dict(sorted(found.items(), key=lambda item: natural(item[0]))), tuple(sorted(partial, key=natural))
    )


def read_json(path: Path) -> Any:
    """Contents of a JSON file of an artifact.

    Raises:
        UserError: no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}).\n  Delete the folder and run snakemake.") from error


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key in which `base@300` comes before `base@1000`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]


def match_name(target: str, known: Sequence[str], *, root: Path, preferred: Iterable[str] = ()) -> str:
    """The artifact that a user means: `models/base@300`, `base@300`, `base` (last checkpoint), `tokens/main`, a path.

    Among several checkpoints of a bare model name the last of `preferred` (the plan's) wins, then the last of all.

    Raises:
        UserError: nothing or several artifacts match.
    """
    name = _below(target.removesuffix("/").removesuffix(MANIFEST).removesuffix("/"), root)
    if name in known:
        return name
    if f"models/{name}" in known:
        return f"models/{name}"
    checkpoints = [one for one in known if one.rpartition("@")[0] in (f"models/{name}", name)]
    if checkpoints:
        planned = [one for one in checkpoints if one in set(preferred)]
        return max(planned or checkpoints, key=natural)
    ending = [one for one in known if one.endswith(f"/{name}")]
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise UserError(f"'{target}' means several artifacts: {listed(ending)}.\n  Write one of them.")
    short = [one.removeprefix("models/") for one in known]
    near = did_you_mean(name, [*(one.partition("@")[0] for one in short), *short, *known])
    raise UserError(f"'{target}' is no artifact of {root}.{near}\n  artifacts: {listed(short)}")


def _below(target: str, root: Path) -> str:
    """The path below `root` where `target` is a path into it, `target` itself otherwise."""
    try:
        return Path(target).resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return target
