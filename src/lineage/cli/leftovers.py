"""What under `results/<experiment>/` nothing refers to: half-written folders, outdated state, dropped artifacts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lineage.artifact import MANIFEST
from lineage.cli.inventory import PARTIAL
from lineage.cli.locks import LOCK, STATE, holder, lock_path, sole_remover
from lineage.cli.project import Project
from lineage.cli.staleness import Verdict, fingerprint, judge

FINGERPRINT = re.compile(r"[0-9a-f]{16}")
NO_MANIFEST = "no manifest: never finished"
HALF_WRITTEN = "half-written: its job was stopped"

_Candidate = tuple[Path, str, str]
"""Path, artifact, reason."""


@dataclass(frozen=True)
class Leftover:
    """One file or folder that can go."""

    path: Path
    artifact: str
    """Name of the artifact whose lock protects it."""
    reason: str
    bytes: int
    held_by: str | None
    """The live process that writes it, in which case it stays."""


def find_leftovers(project: Project, *, unreferenced: bool) -> list[Leftover]:
    """Everything that may go, held or not. Resume state and locks are judged only where there is a plan.

    `unreferenced` adds whole artifacts that the plan no longer names.
    """
    names = [*project.plan, *project.inventory.found, *project.inventory.partial]
    sections = sorted({name.partition("/")[0] for name in names})
    found = [one for section in sections for one in _folders(project.root / section, project.root)]
    if project.experiment is not None:
        verdicts = judge(project)
        found += [*_outdated_state(project, verdicts), *_locks(project)]
        if unreferenced:
            dropped = [verdict.artifact for verdict in verdicts.values() if verdict.state == "unreferenced"]
            found += [(project.root / name, name, "the config no longer names it") for name in dropped]
    return [Leftover(path, name, reason, _size(path), holder(project.root, name)) for path, name, reason in found]


def remove(project: Project, leftover: Leftover) -> bool:
    """Removes one leftover while its lock is held; False where it has become whole or a live process writes it."""
    existed = lock_path(project.root, leftover.artifact).exists()
    with sole_remover(project.root, leftover.artifact) as allowed:
        if not allowed or not leftover.path.exists():
            return False
        if leftover.reason == NO_MANIFEST and any(leftover.path.rglob(MANIFEST)):
            return False
        if leftover.path.is_dir():
            (leftover.path / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(leftover.path)
        else:
            leftover.path.unlink()
        if not existed:
            lock_path(project.root, leftover.artifact).unlink(missing_ok=True)
    for folder in (leftover.path.parent, lock_path(project.root, leftover.artifact).parent):
        _prune(folder, project.root)
    return True


def _folders(folder: Path, root: Path) -> Iterator[_Candidate]:
    """`.partial` folders below `folder`, and the topmost folders below it that hold no artifact at all.

    `folder` is a section (`models`, `data`) or lies in one; what a user keeps elsewhere under results is not looked at.
    """
    for child in sorted(child for child in folder.iterdir() if child.is_dir()) if folder.is_dir() else []:
        name = child.relative_to(root).as_posix()
        if child.name.endswith(PARTIAL):
            yield child, name.removesuffix(PARTIAL), HALF_WRITTEN
        elif not _holds_artifact(child):
            yield child, name, NO_MANIFEST
        elif not (child / MANIFEST).is_file():
            yield from _folders(child, root)


def _holds_artifact(folder: Path) -> bool:
    return any(folder.rglob(MANIFEST)) or any(path.is_dir() for path in folder.rglob(f"*{PARTIAL}"))


def _outdated_state(project: Project, verdicts: dict[str, Verdict]) -> Iterator[_Candidate]:
    """Folders of resume state that the next run of their artifact would not use."""
    states = project.root / STATE
    for folder in sorted(path for path in states.rglob("*") if path.is_dir() and FINGERPRINT.fullmatch(path.name)):
        name = folder.parent.relative_to(states).as_posix()
        job = project.plan.get(name)
        if job is None:
            yield folder, name, "resume state of an artifact that the config no longer names"
            continue
        current = fingerprint(project, job, verdicts)
        if current is not None and folder.name != current:
            yield folder, name, "resume state of another spec, code or input"


def _locks(project: Project) -> Iterator[_Candidate]:
    """Locks of artifacts that the plan does not name; those of planned ones stay: a job may be about to take one."""
    states = project.root / STATE
    for path in sorted(states.rglob(f"*{LOCK}")):
        name = path.relative_to(states).as_posix().removesuffix(LOCK)
        if path.is_file() and name not in project.plan:
            yield path, name, "lock of an artifact that the config no longer names"


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file() or file.is_symlink())


def _prune(folder: Path, root: Path) -> None:
    """Removes folders that have become empty, below the experiment."""
    while folder != root and folder.is_relative_to(root) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
