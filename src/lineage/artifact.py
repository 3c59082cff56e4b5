"""A folder of plain files with a `manifest.json` that is written last.

The manifest holds only functions of spec, code and inputs, so that equal work gives equal bytes; times, rates, memory
and versions go to `run.json`, which is neither hashed nor an input of anything. A folder is built as `<folder>.partial`
and renamed when whole: a manifest that is there means an artifact that is whole.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lineage.errors import UserError

FORMAT = 1
"""Raised when the meaning of a manifest or of the stage contract changes; a part of every stage's code fingerprint."""

MANIFEST = "manifest.json"
RUN = "run.json"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class FileEntry:
    """Size and content hash of one payload file."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` says; every field is a pure function of spec, code and inputs."""

    kind: str
    stage: str
    spec: dict[str, Any]
    code: dict[str, str]
    inputs: dict[str, str | list[str]]
    files: dict[str, FileEntry]
    counts: dict[str, Any]
    format: int = FORMAT

    def to_json(self) -> str:
        """Canonical text: sorted keys, one trailing newline."""
        fields = {**self.__dict__, "files": {name: vars(entry) for name, entry in self.files.items()}}
        return json.dumps(fields, sort_keys=True, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: bytes, *, place: Path) -> Manifest:
        """Reads what `to_json` wrote.

        Raises:
            UserError: the text is no manifest (torn, edited, or of another format).
        """
        try:
            fields = json.loads(text)
            files = {name: FileEntry(**entry) for name, entry in fields.pop("files").items()}
            manifest = cls(files=files, **fields)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{place}: not a manifest that this version reads ({error}).\n"
                f"  Rebuild it: remove the folder {place.parent} and run the same snakemake command again."
            ) from error
        if manifest.format != FORMAT:
            raise UserError(f"{place}: manifest format {manifest.format}, this version reads {FORMAT}. Rebuild it.")
        return manifest


class Artifact:
    """An opened, checked, read-only artifact folder."""

    def __init__(self, folder: Path, manifest: Manifest, digest: str):
        self.folder = folder
        self.manifest = manifest
        self.digest = digest
        """sha256 of the bytes of `manifest.json`: what the stages downstream depend on."""

    def __repr__(self) -> str:
        return f"Artifact({self.manifest.kind} {self.folder})"

    @property
    def kind(self) -> str:
        """What the folder holds: documents, corpus, tokenizer, tokens, model, scores, ..."""
        return self.manifest.kind

    @classmethod
    def open(cls, place: Path, kind: str | None = None) -> Artifact:
        """Opens a folder (or its manifest) after checking that every file is there in its full size.

        Raises:
            UserError: no manifest, a missing or short file (which, expected and found bytes), or another kind.
        """
        folder = place.parent if place.name == MANIFEST else place
        path = folder / MANIFEST
        if not path.is_file():
            raise UserError(
                f"{folder}: no {MANIFEST}, so no whole artifact.\n  Build it: run the same snakemake command again."
            )
        raw = path.read_bytes()
        artifact = cls(folder, Manifest.from_json(raw, place=path), hashlib.sha256(raw).hexdigest())
        if kind is not None and artifact.kind != kind:
            raise UserError(f"{folder}: an artifact of kind '{artifact.kind}', but '{kind}' is needed here.")
        for name, entry in artifact.manifest.files.items():
            payload = folder / name
            found = payload.stat().st_size if payload.is_file() else None
            if found != entry.bytes:
                state = "is missing" if found is None else f"has {found:,} bytes"
                raise UserError(
                    f"{payload}: {state}, expected {entry.bytes:,} bytes: the artifact is corrupt or half-copied.\n"
                    f"  Rebuild it: remove the folder {folder} and run the same snakemake command again."
                )
        return artifact

    def path(self, name: str) -> Path:
        """The path of one payload file.

        Raises:
            UserError: the manifest does not list it.
        """
        if name not in self.manifest.files:
            raise UserError(
                f"{self.folder}: no file '{name}' in this {self.kind}; it holds {sorted(self.manifest.files)}"
            )
        return self.folder / name

    def damaged_files(self) -> list[str]:
        """Names of payload files whose content no longer has the recorded hash."""
        return [name for name, entry in self.manifest.files.items() if file_sha256(self.folder / name) != entry.sha256]


@dataclass
class ArtifactWriter:
    """A `<folder>.partial` that becomes `<folder>` in one rename when `close` has written the manifest."""

    target: Path
    folder: Path
    """Where payload files are written."""
    state: Path
    """Folder for resume state, outside declared outputs and keyed by the stage's fingerprint."""
    is_main: bool = True
    """False in the worker processes of a job that must not write."""
    kind: str = ""
    counts: dict[str, Any] = field(default_factory=dict)
    """Goes into the manifest: functions of spec, code and inputs only."""
    run: dict[str, Any] = field(default_factory=dict)
    """Goes into `run.json`: seconds, rates, memory, device."""

    @classmethod
    def create(cls, target: Path, *, state: Path) -> ArtifactWriter:
        """Starts an empty partial folder; what an earlier, killed writer left in it is removed."""
        partial = target.with_name(target.name + ".partial")
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        return cls(target=target, folder=partial, state=state)

    def path(self, name: str) -> Path:
        """Where to write the payload file `name`; parent folders are made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def reserve(self, needed_bytes: int) -> None:
        """Fails before anything is written if the disk cannot hold what the stage is about to write.

        Raises:
            UserError: with needed and free bytes.
        """
        if not self.is_main:
            return  # the folder is the main process's, and may not be there yet
        free = shutil.disk_usage(self.folder).free
        if free < needed_bytes:
            raise UserError(
                f"{self.target}: needs {needed_bytes:,} bytes, but the disk has {free:,} free.\n"
                "  Free some space (`lineage clean` removes what nothing refers to) and run again; nothing was lost."
            )

    def close(
        self, *, stage: str, spec: dict[str, Any], code: dict[str, str], inputs: dict[str, str | list[str]]
    ) -> Artifact:
        """Hashes the payload, writes the manifest last and puts the folder in place of an older one."""
        assert self.kind, f"stage {stage} did not set the kind of its artifact"
        names = sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_file())
        files = {
            name: FileEntry((self.folder / name).stat().st_size, file_sha256(self.folder / name)) for name in names
        }
        manifest = Manifest(self.kind, stage, spec, code, inputs, files, self.counts)
        (self.folder / RUN).write_text(json.dumps(self.run, sort_keys=True, indent=1) + "\n")
        write_durably(self.folder / MANIFEST, manifest.to_json().encode())
        _replace(self.folder, self.target)
        return Artifact.open(self.target)

    def discard(self) -> None:
        """Removes the partial folder after a failure."""
        shutil.rmtree(self.folder, ignore_errors=True)


def write_durably(path: Path, content: bytes) -> None:
    """Writes `content` so that a reader, also after a crash, sees all of it or none."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def file_sha256(path: Path) -> str:
    """sha256 of a file's content, as hex, in bounded memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def is_full_disk(error: BaseException) -> bool:
    """Whether the disk or a quota was full; libraries written in Rust say so in words only."""
    numbers = (errno.ENOSPC, errno.EDQUOT)
    told = isinstance(error, OSError) and error.errno in numbers
    return told or any(f"(os error {number})" in str(error) for number in numbers)


def _replace(partial: Path, target: Path) -> None:
    """Renames `partial` to `target`; an older target loses its manifest first, so it is never taken for whole."""
    if target.exists():
        (target / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(target)
    partial.rename(target)
