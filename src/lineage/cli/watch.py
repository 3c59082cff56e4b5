"""`lineage watch`: what runs now, how far it is, and when it will be done."""

from __future__ import annotations

import platform
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import psutil
import typer

from lineage.artifact import MANIFEST
from lineage.cli.display import show_json, show_table
from lineage.cli.locks import LOCK, STATE
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.project import Project, open_project
from lineage.progress import duration

DEFAULT_LOGS = "logs"
TAIL_BYTES = 4096
"""Read from the end of a log: its last line of progress lies there."""
SIGNATURE = re.compile(r"(?P<pid>[0-9]+) on (?P<host>\S+)")
LINE = re.compile(
    r"^(?P<task>.+?) (?P<done>[0-9,]+)(/(?P<total>[0-9,]+))? (?P<unit>\D+), (?P<rest>\S+ (?P=unit)/s, .+)$"
)
"""A line of `lineage.progress.Progress`."""
HEADINGS = ("job", "stage", "runs for#", "done#", "rate#", "left#", "")
Every = Annotated[float, typer.Option("--every", min=0.1, metavar="SECONDS", help="How often the table is renewed.")]
Once = Annotated[bool, typer.Option("--once", help="Show it once, also on a terminal.")]


@dataclass(frozen=True)
class Running:
    """One job that a live process works on; what its log does not say is empty."""

    artifact: str
    stage: str
    process: str
    """`1234 on host`."""
    seconds: float
    """Since it began."""
    task: str = ""
    done: str = ""
    """`120/900 steps`."""
    rate: str = ""
    """`14.2 steps/s`."""
    left: str = ""
    """`55 s`; empty at the end of the work, and where its length is not known."""
    note: str = ""
    """What it says beside that: `loss 3.21, 9,800 tokens/s`."""


def watch(
    every: Every = 1.0,
    once: Once = False,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Show the jobs that run now: how far each is, at which rate and loss, and how long it will take.

    Runs beside `snakemake`, in another terminal or on another node of the same file system. On a terminal the table is
    renewed until Ctrl-C; elsewhere, and with --json, it is shown once.

    Examples:

        lineage watch

        lineage watch --json
    """
    project = open_project(configfile, settings, results, experiment)
    if as_json:
        whole, planned = progress(project)
        show_json({"whole": whole, "planned": planned, "running": [asdict(one) for one in running(project)]})
    elif once or not sys.stdout.isatty():
        show_table(HEADINGS, map(_row, running(project)), title=_title(project))
    else:
        _live(project, every)


def running(project: Project) -> list[Running]:
    """Every job whose lock a live process signed, in order of their names; nothing is locked to find out."""
    found = []
    state = project.root / STATE
    for lock in sorted(state.rglob(f"*{LOCK}")):
        artifact = lock.relative_to(state).as_posix().removesuffix(LOCK)
        try:
            began = lock.stat().st_mtime
            signature = lock.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            continue  # it has finished since the folder was listed
        if _is_alive(signature, began):
            stage = project.plan[artifact].stage if artifact in project.plan else ""
            seconds = max(0.0, time.time() - began)
            found.append(Running(artifact, stage, signature, seconds, **_last_progress(_log(project, artifact))))
    return found


def progress(project: Project) -> tuple[int, int]:
    """Planned artifacts that are there, stale or not, and all that are planned."""
    return sum((project.root / name / MANIFEST).is_file() for name in project.plan), len(project.plan)


def _is_alive(signature: str, signed: float) -> bool:
    """Whether the process of a lock lives; one of another machine, which cannot be asked, counts as alive."""
    found = SIGNATURE.match(signature)
    if found is None:
        return False
    if found["host"] != platform.node():
        return True
    try:
        return psutil.Process(int(found["pid"])).create_time() <= signed + 1.0  # a later process got its number
    except psutil.NoSuchProcess:
        return False


def _log(project: Project, artifact: str) -> Path:
    """The log of a job, which mirrors the results."""
    given = project.experiment.pathvars if project.experiment else {}
    return Path(given.get("logs", DEFAULT_LOGS)) / project.root.name / f"{artifact}.log"


def _last_progress(log: Path) -> dict[str, str]:
    """The last line of progress in a log; empty where there is none yet."""
    for line in reversed(_tail(log)):
        if found := LINE.match(line):
            rate, time_said, *notes = found["rest"].split(", ")
            total = f"/{found['total']}" if found["total"] else ""
            return {
                "task": found["task"],
                "done": f"{found['done']}{total} {found['unit']}",
                "rate": rate,
                "left": time_said.removesuffix(" left") if time_said.endswith(" left") else "",
                "note": ", ".join(notes),
            }
    return {}


def _tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []  # a job that was started by hand writes no log


def _row(one: Running) -> tuple[str, ...]:
    said = ", ".join(part for part in (one.task, one.note) if part)
    return one.artifact, one.stage, duration(one.seconds), one.done, one.rate, one.left, said


def _title(project: Project) -> str:
    whole, planned = progress(project)
    return f"{project.root}: {whole} of {planned} artifacts are there" if planned else str(project.root)


def _live(project: Project, every: float) -> None:
    """The table, renewed in place until Ctrl-C."""
    from rich.live import Live

    from lineage.cli.display import rich_table

    try:
        with Live(auto_refresh=False) as live:
            for _ in _ticks(every):
                live.update(rich_table(HEADINGS, map(_row, running(project)), _title(project)), refresh=True)
    except KeyboardInterrupt:
        return


def _ticks(seconds: float) -> Iterator[None]:
    while True:
        yield
        time.sleep(seconds)
