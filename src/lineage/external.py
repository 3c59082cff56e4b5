"""Files from outside the results tree: what is in them, by content, wherever they lie."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from lineage.artifact import file_sha256, write_durably
from lineage.errors import UserError


def listing(source: Path) -> list[tuple[str, int, str]]:
    """(relative name, size, sha256) of every file of a folder, or of one file; hidden files and folders are left out.

    Hashes are remembered by (path, size, modification time), so that only changed files are read again.

    Raises:
        UserError: the path does not exist, a file may not be read, or a folder holds a link to one above it.
    """
    if not source.exists():
        raise UserError(
            f"{source}: no such file or folder.\n"
            "  Set `data_root` to the folder that relative paths start from, or give an absolute path."
        )
    files = [source] if source.is_file() else list(_files(source))
    base = source.parent if source.is_file() else source
    memory = _HashMemory()
    try:
        rows = [(path.relative_to(base).as_posix(), path.stat().st_size, memory.sha256(path)) for path in files]
    except PermissionError as error:
        raise UserError(f"{error.filename}: may not be read. Change its permissions (`chmod`).") from error
    memory.save()
    return rows


def digest(source: Path) -> str:
    """One hash for all of `listing`."""
    return hashlib.sha256(json.dumps(listing(source)).encode()).hexdigest()


def _files(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    above |= {folder.resolve()}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.resolve() in above:
                raise UserError(
                    f"{path}: links to {path.resolve()}, a folder above it, so its files never end. Remove it."
                )
            yield from _files(path, above)
        elif path.is_file():
            yield path


class _HashMemory:
    """sha256 by (path, size, mtime), kept in the user's cache folder; losing it costs time only."""

    def __init__(self) -> None:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._path = base / "lineage" / "sha256.json"
        try:
            self._known: dict[str, str] = json.loads(self._path.read_text())
        except (OSError, ValueError):
            self._known = {}
        self._changed = False

    def sha256(self, path: Path) -> str:
        status = path.stat()
        key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
        if key not in self._known:
            self._known[key] = file_sha256(path)
            self._changed = True
        return self._known[key]

    def save(self) -> None:
        if not self._changed:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(self._path, json.dumps(self._known).encode())
        except OSError:
            # A read-only home must not stop a run; the files are hashed again next time.
            return
