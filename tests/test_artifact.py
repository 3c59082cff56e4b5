"""An artifact is whole or not there, and says what is wrong with it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.artifact import MANIFEST, Artifact, ArtifactWriter
from lineage.errors import UserError


def write(folder: Path, files: dict[str, bytes], *, spec: dict | None = None, run: dict | None = None) -> Artifact:
    writer = ArtifactWriter.create(folder, state=folder.with_name("state"))
    writer.kind = "documents"
    writer.counts["documents"] = len(files)
    writer.run |= run or {}
    for name, content in files.items():
        writer.path(name).write_bytes(content)
    return writer.close(stage="documents", spec=spec or {"a": 1}, code={"m": "1"}, inputs={})


def test_manifest_lists_every_payload_file_with_size_and_hash(tmp_path: Path) -> None:
    artifact = write(tmp_path / "a", {"x.bin": b"abc", "deep/y.bin": b""})
    assert {name: entry.bytes for name, entry in artifact.manifest.files.items()} == {"deep/y.bin": 0, "x.bin": 3}
    assert artifact.manifest.files["x.bin"].sha256.startswith("ba7816bf")
    assert artifact.damaged_files() == []


def test_run_facts_change_no_digest(tmp_path: Path) -> None:
    first = write(tmp_path / "a", {"x": b"1"}, run={"seconds": 1})
    second = write(tmp_path / "b", {"x": b"1"}, run={"seconds": 2})
    assert first.digest == second.digest
    assert write(tmp_path / "c", {"x": b"2"}).digest != first.digest
    assert write(tmp_path / "d", {"x": b"1"}, spec={"a": 2}).digest != first.digest


def test_rewriting_replaces_all_older_files(tmp_path: Path) -> None:
    write(tmp_path / "a", {"old": b"1"})
    write(tmp_path / "a", {"new": b"2"})
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["manifest.json", "new", "run.json"]
    assert not (tmp_path / "a.partial").exists()


@pytest.mark.parametrize("damage", ["missing", "short", "no manifest", "torn manifest", "other format"])
def test_a_damaged_artifact_is_refused_with_place_and_remedy(tmp_path: Path, damage: str) -> None:
    folder = write(tmp_path / "a", {"x.bin": b"abcdef"}).folder
    manifest = folder / MANIFEST
    if damage == "missing":
        (folder / "x.bin").unlink()
    elif damage == "short":
        (folder / "x.bin").write_bytes(b"abc")
    elif damage == "no manifest":
        manifest.unlink()
    elif damage == "torn manifest":
        manifest.write_text(manifest.read_text()[:40])
    else:
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 99}))
    with pytest.raises(UserError) as error:
        Artifact.open(folder)
    message = str(error.value)
    assert str(folder) in message
    expected = {
        "missing": "is missing, expected 6 bytes",
        "short": "has 3 bytes, expected 6 bytes",
        "no manifest": "snakemake",
        "torn manifest": "not a manifest",
        "other format": "99",
    }
    assert expected[damage] in message


def test_same_size_damage_is_found_by_hash(tmp_path: Path) -> None:
    artifact = write(tmp_path / "a", {"x.bin": b"abcdef"})
    (artifact.folder / "x.bin").write_bytes(b"abcdeX")
    assert Artifact.open(artifact.folder).damaged_files() == ["x.bin"]


def test_kind_is_checked(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", {"x": b""}).folder
    with pytest.raises(UserError, match="kind 'documents', but 'tokens' is needed"):
        Artifact.open(folder, kind="tokens")


def test_reserving_more_than_the_disk_has_names_both_figures(tmp_path: Path) -> None:
    writer = ArtifactWriter.create(tmp_path / "a", state=tmp_path / "state")
    with pytest.raises(UserError, match=r"needs 1,000,000,000,000,000,000 bytes, but the disk has [\d,]+ free"):
        writer.reserve(10**18)


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=4), st.integers(0, 12))
def test_a_writer_that_dies_anywhere_leaves_no_manifest_beside_missing_files(files: list[bytes], dies_at: int) -> None:
    """Whatever the moment of death, the target is absent, or older and whole, or new and whole."""
    calls = 0

    def dying(original):
        def call(*arguments, **keywords):
            nonlocal calls
            calls += 1
            if calls > dies_at:
                raise KeyboardInterrupt
            return original(*arguments, **keywords)

        return call

    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "a"
        write(target, {"old": b"old"})
        with (
            contextlib.suppress(KeyboardInterrupt),
            mock.patch.multiple(os, fsync=dying(os.fsync), rename=dying(os.rename), unlink=dying(os.unlink)),
            mock.patch.object(Path, "rename", dying(Path.rename)),
            mock.patch.object(Path, "unlink", dying(Path.unlink)),
            mock.patch("lineage.artifact.file_sha256", dying(lambda path: "0")),
        ):
            write(target, {f"f{i}": content for i, content in enumerate(files)})
        if (target / MANIFEST).exists():
            Artifact.open(target)


def test_an_older_artifact_loses_its_manifest_before_any_other_file(tmp_path: Path) -> None:
    """In whatever order a file system lists the files: here the death comes after the first of them."""
    folder = write(tmp_path / "a", {"old": b"1"}).folder

    def dying(path: Path) -> None:
        (path / "old").unlink()
        raise KeyboardInterrupt

    with mock.patch("lineage.artifact.shutil.rmtree", dying), pytest.raises(KeyboardInterrupt):
        write(folder, {"new": b"2"})
    assert not (folder / MANIFEST).exists()
