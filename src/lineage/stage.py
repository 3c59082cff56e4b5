"""The one entry of every stage: spec + inputs -> artifact.

    python -m lineage.stage pretrain --spec JSON --code JSON --input tokens results/x/tokens/manifest.json --out ...

A stage is a module `lineage.stages.<name>` with one function of the same name: a frozen config first, then
keyword-only inputs. `Artifact` parameters are opened and checked, `Path` parameters are external files, `execution`
says where and how long (never what), and `out` is the folder that becomes the artifact.

Exit codes: 0 done, 1 a defect of ours (with a traceback), 2 something the user can mend, 75 stopped before its time
limit with its state saved (run again to continue).
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import importlib
import inspect
import json
import logging
import os
import pkgutil
import platform
import resource
import shutil
import sys
import time
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

import lineage.stages
from lineage.artifact import MANIFEST, Artifact, ArtifactWriter, is_full_disk
from lineage.config.base import Frozen
from lineage.config.execution import Execution
from lineage.config.messages import did_you_mean, explain, listed, sentence
from lineage.devices import lease_gpus
from lineage.errors import StoppedEarly, UserError
from lineage.freshness import job_fingerprint

EXIT_DEFECT, EXIT_USER, EXIT_STOPPED = 1, 2, 75


@dataclass(frozen=True)
class Call:
    """Everything that one job of the workflow says to its stage."""

    stage: str
    spec: dict[str, Any]
    code: dict[str, str]
    inputs: dict[str, list[Path]]
    external: dict[str, Path]
    external_digests: dict[str, str]
    execution: Execution
    out: Path
    """The manifest to write."""
    state: Path
    """Where resume state of this artifact is kept, in a folder a fingerprint."""
    argv: list[str] = field(default_factory=list)


def run(call: Call) -> Artifact | None:
    """Runs one stage; returns its artifact, or None in a worker process that is not the main one.

    Raises:
        UserError: bad spec, bad input, a second writer, a full disk.
        StoppedEarly: the time limit came near; state is saved.
    """
    started = time.time()
    opened = {name: [Artifact.open(path) for path in paths] for name, paths in call.inputs.items()}
    inputs = _input_digests(opened) | dict(call.external_digests)
    target = call.out.parent
    state = call.state / job_fingerprint(call.spec, call.code, inputs)
    main = os.environ.get("RANK", "0") == "0"
    snakemake = _snakemake()
    with ExitStack() as stack:
        if main:  # before the imports, which take seconds: a second writer must not overtake the first
            stack.enter_context(_sole_writer(call.state, target))
        function = stage_function(call.stage)
        config = _config(function, call.spec)
        if main:
            out = ArtifactWriter.create(target, state=state)
        else:
            out = ArtifactWriter(target, target.with_name(target.name + ".partial"), state, is_main=False)
        try:
            arguments = _arguments(function, opened, call, out)
            out.run["start_seconds"] = _seconds_since_process_start()
            function(config, **arguments)
            if not main:
                return None
            out.run |= _run_facts(started, call.execution)
            artifact = out.close(stage=call.stage, spec=call.spec, code=call.code, inputs=inputs)
        except BaseException as error:
            full = _full_disk(error, out) if is_full_disk(error) else None
            if main:
                out.discard()
            if full is not None:
                raise full from error
            raise
        if _snakemake() == snakemake:  # else it was killed, and the next one takes this artifact for incomplete
            shutil.rmtree(call.state, ignore_errors=True)
        return artifact


def stage_function(stage: str) -> Callable[..., None]:
    """The function of stage `stage`.

    Raises:
        UserError: there is no such stage.
    """
    known = sorted(module.name for module in pkgutil.iter_modules(lineage.stages.__path__))
    if stage not in known:
        raise UserError(f"'{stage}' is no stage.{did_you_mean(stage, known)}\n  stages: {listed(known)}")
    return getattr(importlib.import_module(f"lineage.stages.{stage}"), stage)


def _config(function: Callable[..., None], spec: dict[str, Any]) -> Frozen:
    """
    Raises:
        UserError: the spec does not fit the stage's config.
    """
    config: type[Frozen] = typing.get_type_hints(function)["config"]
    return _validated(config, spec, "--spec")


def _validated(config: type[Frozen], fields: dict[str, Any], place: str) -> Any:
    try:
        return config.model_validate(fields)
    except ValidationError as error:
        mistakes = [f"{place}: {sentence(*mistake)}" for mistake in explain(error, config)]
        raise UserError("\n".join(mistakes)) from None


def _full_disk(error: BaseException, out: ArtifactWriter) -> UserError:
    """What stood on the disk when it was full, before the unfinished artifact is removed."""
    free = shutil.disk_usage(out.folder).free
    written = sum(path.stat().st_size for path in out.folder.rglob("*") if path.is_file())
    place = getattr(error, "filename", None) or out.folder
    return UserError(
        f"{out.target}: the disk is full: {free:,} bytes were free after {written:,} bytes of it, while writing {place}"
        f" ({error}).\n"
        "  The unfinished artifact is removed; those that were whole stay whole.\n"
        "  Free some space (`lineage clean` removes what nothing refers to) and run again."
    )


def _arguments(
    function: Callable[..., None], opened: dict[str, list[Artifact]], call: Call, out: ArtifactWriter
) -> dict[str, Any]:
    """Matches what the rule gave with what the function takes; a mismatch is a defect of the workflow."""
    hints = typing.get_type_hints(function)
    arguments: dict[str, Any] = {}
    for name in list(inspect.signature(function).parameters)[1:]:
        hint = hints[name]
        if name == "out":
            arguments[name] = out
        elif name == "execution":
            arguments[name] = call.execution
        elif _mentions(hint, Path):
            arguments[name] = call.external.get(name)
        elif typing.get_origin(hint) is list:
            arguments[name] = opened.get(name, [])
        else:
            given = opened.get(name, [])
            assert len(given) == 1 or (not given and _mentions(hint, types.NoneType)), (
                f"{call.stage}: input {name}: {given}"
            )
            arguments[name] = given[0] if given else None
    unknown = (set(call.inputs) | set(call.external)) - set(arguments)
    assert not unknown, f"{call.stage} takes no input {sorted(unknown)}"
    return arguments


def _mentions(hint: Any, kind: type) -> bool:
    return hint is kind or kind in typing.get_args(hint)


def _input_digests(opened: dict[str, list[Artifact]]) -> dict[str, str | list[str]]:
    return {
        name: artifacts[0].digest if len(artifacts) == 1 else [artifact.digest for artifact in artifacts]
        for name, artifacts in opened.items()
        if artifacts
    }


@contextmanager
def _sole_writer(state: Path, target: Path) -> Iterator[None]:
    """Holds an flock for as long as this process writes `target`.

    Raises:
        UserError: another process holds it: a worker that outlived its Snakemake, or a second Snakemake.
    """
    lock = state.with_name(state.name + ".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with _locked(lock, target) as file:
        file.truncate(0)
        file.write(f"{os.getpid()} on {platform.node()}")
        file.flush()
        try:
            yield
        finally:
            lock.unlink()


def _locked(lock: Path, target: Path) -> IO[str]:
    """The lock file, held; one that its last holder removed in the meantime is opened anew."""
    while True:
        file = lock.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise UserError(
                f"{target}: process {holder} is already writing it, probably the worker of a run that was killed.\n"
                "  Wait until it has ended, or end it with `kill`, and run again; its state is kept."
            ) from error
        if lock.exists() and os.fstat(file.fileno()).st_ino == lock.stat().st_ino:
            return file
        file.close()


def _snakemake() -> int | None:
    """Process id of the Snakemake that this process works for; None without one, or when it has been killed."""
    import psutil

    for parent in psutil.Process().parents():
        with suppress(psutil.Error):  # another user's process may not be looked at
            if any(Path(word).stem == "snakemake" for word in parent.cmdline()):
                return parent.pid
    return None


def _seconds_since_process_start() -> float:
    import psutil

    return round(time.time() - psutil.Process().create_time(), 3)


def _run_facts(started: float, execution: Execution) -> dict[str, Any]:
    """What is true of this run only: seconds, memory, device, versions."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    loaded = sorted(
        {name.partition(".")[0] for name in sys.modules} & {"torch", "transformers", "accelerate", "tokenizers"}
    )
    return {
        "seconds": round(time.time() - started, 3),
        "peak_memory_bytes": peak,
        "execution": execution.model_dump(mode="json"),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: getattr(sys.modules[name], "__version__", "") for name in loaded},
    }


def parse_call(argv: list[str]) -> Call:
    """The command line of a rule as a `Call`."""
    parser = argparse.ArgumentParser(prog="python -m lineage.stage", description="Run one stage of the workflow.")
    parser.add_argument("stage")
    parser.add_argument("--spec", type=json.loads, default={}, help="the stage's config as JSON")
    parser.add_argument("--code", type=json.loads, default={}, help="fingerprint of the stage's code as JSON")
    parser.add_argument("--input", action="append", nargs="+", default=[], metavar="NAME [MANIFEST ...]")
    parser.add_argument("--external", type=json.loads, default={}, help='{"name": "path"} of files outside results/')
    parser.add_argument("--external-digests", type=json.loads, default={}, help='{"name": "sha256"} of their content')
    parser.add_argument("--execution", type=json.loads, default={}, help="where and how long to run, as JSON")
    parser.add_argument("--state", type=Path, help="where to keep resume state")
    parser.add_argument("--out", type=Path, required=True, help="the manifest to write")
    given = parser.parse_args(argv)
    out: Path = given.out
    if out.name != MANIFEST:
        parser.error(f"--out must name a {MANIFEST}")
    return Call(
        stage=given.stage,
        spec=given.spec,
        code=given.code,
        inputs={name: [Path(path) for path in paths] for name, *paths in given.input},
        external={name: Path(path) for name, path in given.external.items()},
        external_digests=given.external_digests,
        execution=_validated(Execution, given.execution, "--execution"),
        out=out,
        state=given.state or out.parent.with_name(out.parent.name + ".state"),
        argv=argv,
    )


def _in_processes(call: Call) -> int:
    """Runs the same call under torchrun, one worker a process; the parent keeps the device leases.

    Returns the exit code of the worker that failed first; torchrun itself would give 1 and a traceback for each.
    """
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    workers = ["--standalone", f"--nproc-per-node={call.execution.processes}", "-m", "lineage.stage", *call.argv]
    try:
        torchrun.run(torchrun.parse_args(workers))
    except ChildFailedError as error:
        code = error.get_first_failure()[1].exitcode
        return code if code in (EXIT_USER, EXIT_STOPPED) else EXIT_DEFECT
    return 0


def main(argv: list[str] | None = None) -> int:
    """Runs a stage from the command line; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    os.environ.setdefault("TQDM_DISABLE", "1")  # libraries' bars would fill the log; ours are plain lines there
    argv = sys.argv[1:] if argv is None else argv
    stage = argv[0] if argv else ""
    try:
        return _lease_and_run(parse_call(argv))
    except UserError as error:
        return _fail(f"{stage}: {error}", EXIT_USER)
    except StoppedEarly as stop:
        return _fail(f"{stage}: {stop}", EXIT_STOPPED)
    except PermissionError as error:
        return _fail(
            f"{stage}: {error.filename}: no permission. Change its owner or mode, or work elsewhere.", EXIT_USER
        )
    except OSError as error:
        if error.errno == errno.EROFS:
            return _fail(f"{stage}: {error.filename} is on a read-only disk. Work in another folder.", EXIT_USER)
        if not is_full_disk(error):
            raise
        return _fail(f"{stage}: the disk is full: {error}.\n  Free some space and run again.", EXIT_USER)


def _lease_and_run(call: Call) -> int:
    is_worker = "LOCAL_RANK" in os.environ
    with ExitStack() as stack:
        if not is_worker:
            lease_gpus(0 if call.execution.device == "cpu" else call.execution.gpus, stack)
            if call.execution.processes > 1:
                return _in_processes(call)
        run(call)
    return 0


def _fail(message: str, code: int) -> int:
    """One message; the workers of a job all meet the same mistake, and all but the first say which they are."""
    rank = os.environ.get("RANK", "0")
    sys.stderr.write(f"\nlineage{'' if rank == '0' else f' (process {rank})'}: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
