"""The entry of every stage: exit codes, one writer, a full disk, and old artifacts that stay whole."""

from __future__ import annotations

import fcntl
import inspect
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow.parquet as pq
import pytest

import lineage.stages.documents
from lineage import stage
from lineage.artifact import Artifact, is_full_disk
from lineage.config.execution import Execution
from lineage.errors import StoppedEarly, UserError
from tests.stages.building import corpus, names_in, only, pretrain_spec, run_stage, sentences, tokenize, write

NOTES = {"reader": "text", "split": "line"}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("one line\nanother line\n")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the artifact goes; nothing else lies beside it."""
    return tmp_path / "results" / "documents"


def argv(folder: Path, source: Path, **changes: Any) -> list[str]:
    spec = json.dumps(NOTES | changes)
    given = ["--external", json.dumps({"source": str(source)}), "--out", str(folder / "manifest.json")]
    return ["documents", "--spec", spec, *given]


def call(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """The stage in a process of its own, as a rule calls it."""
    return subprocess.run(
        [sys.executable, "-m", "lineage.stage", *arguments],
        capture_output=True, text=True, env={**os.environ, **environment}, check=False,
    )  # fmt: skip


def failing(error: BaseException) -> mock._patch[Any]:
    """The stage `documents` writes half of a file and fails."""

    def documents(config: Any, *, source: Path, out: Any) -> None:
        out.kind = "documents"
        out.path("documents.parquet").write_bytes(b"half")
        raise error

    documents.__annotations__ = dict(inspect.get_annotations(lineage.stages.documents.documents))
    documents.__globals__.update(
        {name: vars(lineage.stages.documents)[name] for name in ("Documents", "ArtifactWriter")}
    )
    return mock.patch.object(lineage.stages.documents, "documents", documents)


def test_done_is_0(notes: Path, folder: Path) -> None:
    finished = call(argv(folder, notes))
    assert finished.returncode == 0, finished.stderr
    made = Artifact.open(folder)
    assert (made.kind, made.manifest.stage, made.manifest.counts["documents"]) == ("documents", "documents", 2)
    assert json.loads((folder / "run.json").read_text())["seconds"] > 0
    assert names_in(folder.parent) == ["documents"], "neither state nor lock is left"


def test_what_the_user_can_mend_is_2_and_has_no_traceback(notes: Path, folder: Path) -> None:
    notes.write_bytes(b"\xff\xfe\n")
    finished = call(argv(folder, notes))
    assert finished.returncode == 2
    assert finished.stderr.count("lineage: documents: ") == 1
    assert str(notes) in finished.stderr
    assert "Traceback" not in finished.stderr
    assert names_in(folder.parent) == []


def main(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = stage.main(arguments)
    return code, capfd.readouterr().err


def test_a_stop_before_the_limit_is_75(notes: Path, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with failing(StoppedEarly("stopped at step 3 of 8")):
        code, told = main(argv(folder, notes), capfd)
    assert (code, told) == (75, "\nlineage: documents: stopped at step 3 of 8\n")
    assert names_in(folder.parent) == []


def test_a_defect_keeps_its_traceback(notes: Path, folder: Path) -> None:
    with failing(ZeroDivisionError("ours")), pytest.raises(ZeroDivisionError, match="ours"):
        stage.main(argv(folder, notes))
    assert names_in(folder.parent) == []
    finished = call([*argv(folder, notes), "--input", "surplus"])
    assert finished.returncode == 1
    assert "AssertionError: documents takes no input ['surplus']" in finished.stderr


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({}, "tokens: input corpus: []"),
        ({"corpus": 2}, "tokens: input corpus: "),
        ({"corpse": 1}, "tokens: input corpus"),
    ],
)
def test_inputs_that_do_not_match_the_signature_are_a_defect(
    tmp_path: Path, inputs: dict[str, int], expected: str
) -> None:
    one = corpus(tmp_path / "corpus", sentences(2, seed=0), {})
    given: dict[str, Artifact | list[Artifact] | None] = {name: [one] * count for name, count in inputs.items()}
    with pytest.raises(AssertionError) as error:
        run_stage("tokens", tmp_path / "results" / "tokens", {}, inputs=given)
    assert expected in str(error.value)
    assert names_in(tmp_path / "results") == []


@pytest.mark.parametrize("kind", [UserError, StoppedEarly, ZeroDivisionError, KeyboardInterrupt])
def test_whatever_fails_leaves_the_old_artifact_whole(notes: Path, folder: Path, kind: type[BaseException]) -> None:
    old = run_stage("documents", folder, NOTES, source=notes)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with failing(kind("no")), pytest.raises(kind):
        run_stage("documents", folder, NOTES | {"label": "new"}, source=notes)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert Artifact.open(folder).digest == old.digest
    assert names_in(folder.parent) == ["documents"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["documnts", "--out", "x/manifest.json"],
            "'documnts' is no stage. Did you mean 'documents'?\n  stages: acquisition, align, bi_encoder, bm25,",
        ),
        (
            ["documents", "--spec", '{"reader": "text", "patern": "*"}', "--out", "x/manifest.json"],
            "--spec: patern is no known key. Did you mean 'pattern'?\n  allowed: id_prefix,",
        ),
        (
            ["documents", "--execution", '{"device": "cuda"}', "--out", "x/manifest.json"],
            "--execution: device is 'cuda'.\n  allowed: auto, cpu, gpu",
        ),
    ],
)
def test_calls_by_hand(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, told = main(arguments, capfd)
    assert code == 2
    assert told.startswith(f"\nlineage: {arguments[0]}: {expected}")
    assert names_in(tmp_path) == []


def test_an_output_that_is_no_manifest(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        stage.main(["documents", "--out", "results/documents"])
    assert stopped.value.code == 2
    assert "--out must name a manifest.json" in capfd.readouterr().err


def test_a_corrupt_input_is_named_with_expected_and_found_bytes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = corpus(tmp_path / "corpus", sentences(2, seed=0), {})
    damaged = texts.path("documents.parquet")
    size = damaged.stat().st_size
    damaged.write_bytes(damaged.read_bytes()[:100])
    arguments = ["tokenizer", "--spec", "{}", "--input", "corpus", str(texts.folder / "manifest.json")]
    code, told = main([*arguments, "--out", str(tmp_path / "results" / "t" / "manifest.json")], capfd)
    assert code == 2
    assert f"lineage: tokenizer: {damaged}: has 100 bytes, expected {size:,} bytes: the artifact is corrupt" in told
    assert f"Rebuild it: remove the folder {texts.folder} and run the same snakemake command again" in told
    damaged.unlink()
    _, told = main([*arguments, "--out", str(tmp_path / "results" / "t" / "manifest.json")], capfd)
    assert f"{damaged}: is missing, expected {size:,} bytes" in told
    assert not (tmp_path / "results").exists()


def test_state_is_kept_under_the_fingerprint_and_goes_after_success(notes: Path, folder: Path) -> None:
    """Spec, code and inputs make the fingerprint; execution does not."""
    seen: list[Path] = []

    def documents(config: Any, *, source: Path, out: Any) -> None:
        seen.append(out.state)
        out.state.mkdir(parents=True, exist_ok=True)
        (out.state / "state.safetensors").write_text("x")
        raise StoppedEarly("later")

    original = lineage.stages.documents.documents
    documents.__annotations__ = dict(inspect.get_annotations(original))
    documents.__globals__.update(
        {name: vars(lineage.stages.documents)[name] for name in ("Documents", "ArtifactWriter")}
    )
    base = stage.parse_call(argv(folder, notes))
    other = {"spec": NOTES | {"label": "a"}, "code": {"m": "2"}, "external_digests": {"source": "d"}}
    calls = [base, *(stage.Call(**{**vars(base), key: value}) for key, value in other.items())]
    same = stage.Call(**{**vars(base), "execution": Execution(threads=1, minutes=5), "argv": []})
    with mock.patch.object(lineage.stages.documents, "documents", documents):
        for one in [*calls, same]:
            with pytest.raises(StoppedEarly):
                stage.run(one)
    assert len(set(seen[:4])) == 4
    assert seen[4] == seen[0]
    assert all(path.parent == folder.with_name("documents.state") for path in seen)
    assert names_in(folder.parent) == ["documents.state"]
    stage.run(base)
    assert names_in(folder.parent) == ["documents"]


WRITER = """
import sys, time
import lineage.stages.documents as module
from lineage import stage
original = module.documents
def documents(config, *, source, out):
    print("writing", flush=True)
    time.sleep(60)
documents.__annotations__ = {}
module.documents = documents
from lineage.config.documents import Documents
from lineage.artifact import ArtifactWriter
from pathlib import Path
documents.__annotations__ = {"config": Documents, "source": Path, "out": ArtifactWriter}
sys.exit(stage.main(sys.argv[1:]))
"""


@pytest.fixture
def writer(notes: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is writing the artifact."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, *argv(folder, notes)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_writer_is_refused_with_the_pid_of_the_first(
    writer: subprocess.Popen[str], notes: Path, folder: Path
) -> None:
    refused = call(argv(folder, notes))
    assert refused.returncode == 2
    assert f"{folder}: process {writer.pid} on " in refused.stderr
    assert "is already writing it" in refused.stderr
    assert "`kill`" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert names_in(folder.parent) == ["documents.partial", "documents.state.lock"], "the first writer is undisturbed"
    assert writer.poll() is None

    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert call(argv(folder, notes)).returncode == 0, "a killed writer holds nothing"
    assert names_in(folder.parent) == ["documents"]


def test_a_lock_that_its_holder_removes_meanwhile_is_taken_anew(tmp_path: Path) -> None:
    """Between opening the file and locking it, the first writer has finished: its file is no lock any more."""
    lock = tmp_path / "a.lock"
    lock.write_text("old")
    real, calls = fcntl.flock, []

    def flock(file: Any, how: int) -> None:
        if not calls:
            lock.unlink()
        calls.append(how)
        real(file, how)

    with mock.patch.object(stage.fcntl, "flock", flock), stage._locked(lock, tmp_path) as held:
        assert len(calls) == 2
        assert os.fstat(held.fileno()).st_ino == lock.stat().st_ino


MEBIBYTE = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTE}", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)  # a failed writer may not be collected yet


def incompressible(lines: int) -> str:
    import random

    drawn = random.Random(0)
    return "\n".join(f"{drawn.getrandbits(2000):x}" for _ in range(lines)) + "\n"


def test_a_full_disk(small_disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Half of the disk holds an older artifact; its successor would be four times as large as the disk."""
    folder = small_disk / "results" / "documents"
    source = tmp_path / "notes.txt"
    source.write_text(incompressible(600))
    old = run_stage("documents", folder, NOTES, source=source)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    source.write_text(incompressible(9000))
    code, told = main(argv(folder, source), capfd)
    assert code == 2
    assert f"lineage: documents: {folder}: the disk is full: " in told
    assert "bytes were free after " in told
    assert "No space left on device" in told
    assert "`lineage clean`" in told
    assert "Traceback" not in told
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert Artifact.open(folder).digest == old.digest
    assert names_in(folder.parent) == ["documents"]


def test_a_disk_that_is_too_small_is_told_before_the_work(
    small_disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A model whose size is known: needed and free bytes."""
    texts = corpus(tmp_path / "corpus", sentences(8, seed=0), {})
    tokenizer, tokens = tokenize(tmp_path, texts)
    spec = pretrain_spec(architecture={"settings": {**pretrain_spec()["architecture"]["settings"], "hidden_size": 256}})
    out = small_disk / "models" / "base" / "manifest.json"
    arguments = ["pretrain", "--spec", json.dumps(spec), "--execution", '{"device": "cpu", "threads": 1}']
    for name, artifact in (("tokens", tokens), ("tokenizer", tokenizer)):
        arguments += ["--input", name, str(artifact.folder)]
    code, told = main([*arguments, "--out", str(out)], capfd)
    assert code == 2
    assert f"lineage: pretrain: {out.parent}: needs 9," in told
    assert "bytes, but the disk has 1,04" in told or "bytes, but the disk has 1,03" in told
    assert names_in(out.parents[1]) == []


def test_libraries_that_say_in_words_that_the_disk_is_full() -> None:
    assert is_full_disk(OSError(28, "No space left on device"))
    assert is_full_disk(Exception("No space left on device (os error 28)"))
    assert not is_full_disk(OSError(13, "Permission denied"))
    assert not is_full_disk(Exception("os error 2"))


def in_processes(tmp_path: Path, inputs: dict[str, Artifact], spec: dict[str, Any], **execution: Any):
    """The stage `pretrain` in two processes."""
    arguments = ["pretrain", "--spec", json.dumps(spec), "--out", str(tmp_path / "models" / "two" / "manifest.json")]
    for name, artifact in inputs.items():
        arguments += ["--input", name, str(artifact.folder)]
    given = {"device": "cpu", "threads": 1, "processes": 2, **execution}
    return call([*arguments, "--execution", json.dumps(given)], OMP_NUM_THREADS="1")


def test_two_processes_through_the_stage(tmp_path: Path) -> None:
    """`execution.processes: 2`: the order and, within rounding, the loss of one process."""
    texts = corpus(tmp_path / "corpus", sentences(12, seed=0), {})
    tokenizer, tokens = tokenize(tmp_path, texts)
    inputs = {"tokens": tokens, "tokenizer": tokenizer}
    one = run_stage("pretrain", tmp_path / "models" / "one", pretrain_spec(), inputs={**inputs})
    finished = in_processes(tmp_path, inputs, pretrain_spec())
    assert finished.returncode == 0, finished.stderr
    two = Artifact.open(tmp_path / "models" / "two")
    assert pq.read_table(two.path("order.parquet")).equals(pq.read_table(one.path("order.parquet")))
    logs = [model.path("training.jsonl").read_text().splitlines() for model in (one, two)]
    losses = [[json.loads(line)["loss"] for line in lines] for lines in logs]
    assert losses[1] == pytest.approx(losses[0], rel=2e-5)
    training = json.loads((two.folder / "run.json").read_text())["training"]
    assert training["processes"] == 2
    assert names_in(tmp_path / "models") == ["one", "two"]


@pytest.mark.slow
def test_exit_codes_of_several_processes_are_those_of_the_stage(tmp_path: Path) -> None:
    """Stopped before the limit: 75, then 0 for the rest. Rows that two processes cannot share: the user's, 2."""
    texts = corpus(tmp_path / "corpus", sentences(12, seed=0), {})
    tokenizer, tokens = tokenize(tmp_path, texts)
    inputs = {"tokens": tokens, "tokenizer": tokenizer}
    uneven = pretrain_spec(optimization={"batch_tokens": 48, "sequence_length": 16})
    refused = in_processes(tmp_path, inputs, uneven)
    assert refused.returncode == 2, refused.stderr
    assert "\nlineage: pretrain: execution.processes: 2 processes cannot share 3 rows" in refused.stderr
    stopped = in_processes(tmp_path, inputs, pretrain_spec(2), minutes=1e-9)
    assert stopped.returncode == 75, stopped.stderr
    assert "\nlineage: pretrain: stopped at step 1 of 2" in stopped.stderr
    assert "Traceback" not in refused.stderr + stopped.stderr
    assert names_in(tmp_path / "models") == ["two.state"]
    assert in_processes(tmp_path, inputs, pretrain_spec(2), minutes=1e-9).returncode == 0
    assert json.loads((tmp_path / "models" / "two" / "run.json").read_text())["training"]["resumed_at"] == 1
    assert names_in(tmp_path / "models") == ["two"]


def test_run_facts_say_nothing_in_the_manifest(notes: Path, folder: Path, tmp_path: Path) -> None:
    first = run_stage("documents", folder, NOTES, source=notes, threads=1)
    time.sleep(0.01)
    second = run_stage("documents", tmp_path / "other" / "documents", NOTES, source=notes, threads=2)
    assert first.digest == second.digest
    assert only({Artifact.open(one.folder).manifest.to_json() for one in (first, second)})


def test_several_artifacts_for_one_input(tmp_path: Path) -> None:
    """A list keeps its order in digests and arguments."""
    sets = [write(tmp_path / str(n), "documents", {"documents": corpus_table(n)}) for n in range(2)]
    spec = {"near_duplicates": None, "held_out_share": 0}
    both = run_stage("corpus", tmp_path / "a", spec, inputs={"documents": sets})
    assert both.manifest.inputs["documents"] == [one.digest for one in sets]
    turned = run_stage("corpus", tmp_path / "b", spec, inputs={"documents": sets[::-1]})
    assert turned.manifest.inputs["documents"] == [one.digest for one in sets[::-1]]
    alone = run_stage("corpus", tmp_path / "c", spec, inputs={"documents": sets[:1]})
    assert alone.manifest.inputs["documents"] == sets[0].digest


def corpus_table(number: int) -> Any:
    from tests.stages.building import documents_table

    return documents_table(sentences(3, seed=number, prefix=f"s{number}"))
