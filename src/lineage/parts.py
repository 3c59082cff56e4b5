"""Parts of a job, each done once: what a finished part gave is on the disk, and a killed job goes on at the next one.

A part is known by its name within its job. The folder is the stage's resume state, which belongs to one spec, code and
inputs, so equal names mean equal results, and a job that went on gives the bytes of one that was never killed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lineage.artifact import ArtifactWriter, write_durably
from lineage.config.execution import Execution
from lineage.errors import StoppedEarly

Number = TypeVar("Number", bound=np.generic)

PARTS = "parts.jsonl"
"""One line a finished part, in resume state."""


class Journal:
    """A file of JSON objects by key, one a line, on their way to the disk when `put` returns; read as they are asked.

    A job can be killed at any moment, so the last line may be torn: it is left out, and cut before the next is written.
    """

    def __init__(self, path: Path, *, earlier: Iterable[Path] = ()):
        """Goes on with the file at `path`; what `earlier` files hold is looked up and never written to."""
        self._path = path
        self._places: dict[str, tuple[Path, int]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        for file in earlier:
            self._read(file)
        os.truncate(path, self._read(path))

    def _read(self, path: Path) -> int:
        """Notes where the lines of a file begin, and returns where the last whole one ends."""
        end = 0
        if path.is_file():
            with path.open("rb") as file:
                for line in file:
                    if line.endswith(b"\n"):
                        self._places[json.loads(line)["key"]] = path, end
                        end += len(line)
        return end

    def get(self, key: str) -> dict[str, Any] | None:
        """What stands under a key, if anything does."""
        if key not in self._places:
            return None
        path, start = self._places[key]
        with path.open("rb") as file:
            file.seek(start)
            return json.loads(file.readline())

    def put(self, key: str, content: dict[str, Any]) -> None:
        """Adds a line."""
        with self._path.open("ab") as file:
            self._places[key] = self._path, file.tell()
            file.write(json_line(key, content))


def json_line(key: str, content: dict[str, Any]) -> bytes:
    """The line of a journal."""
    return json.dumps({"key": key, **content}, sort_keys=True).encode() + b"\n"


class Parts:
    """Does the parts of a job that are not done yet, until the time limit is near."""

    def __init__(self, out: ArtifactWriter, execution: Execution):
        self.seconds = 0.0
        """What all parts so far have taken, those included that an earlier run of the job has done."""
        self._folder = out.state
        self._journal = Journal(out.state / PARTS)
        started = time.monotonic() - out.run.get("start_seconds", 0.0)
        self._limit = None if execution.minutes is None else started + 60 * execution.minutes
        self._longest: float | None = None
        """Of the parts that this run has done."""

    def json(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gives, as JSON gives it back (a tuple is a list); numbers keep every bit.

        Raises:
            StoppedEarly: the time limit is near, and this run has done a part or more.
        """
        return self._part(name, lambda: {"made": make()})["made"]

    def array(self, name: str, make: Callable[[], NDArray[Number]]) -> NDArray[Number]:
        """The array that `make` gives.

        Raises:
            StoppedEarly: as `json`.
        """
        path = self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.npy"

        def saved() -> dict[str, Any]:
            content = io.BytesIO()
            np.save(content, make(), allow_pickle=False)
            write_durably(path, content.getvalue())
            return {}

        self._part(name, saved)
        return np.load(path, allow_pickle=False)

    def _part(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        done = self._journal.get(name)
        if done is None:
            self._stop_in_time(name)
            started = time.perf_counter()
            made = make()
            seconds = time.perf_counter() - started
            self._longest = max(self._longest or 0.0, seconds)
            self._journal.put(name, {"seconds": seconds, **made})
            done = self._journal.get(name)
            assert done is not None, name
        self.seconds += done["seconds"]
        return done

    def _stop_in_time(self, name: str) -> None:
        """Two of the longest parts are left for the next part and the result; every run does one part at least."""
        if self._limit is None or self._longest is None:
            return
        if time.monotonic() + 2 * self._longest >= self._limit:
            raise StoppedEarly(f"stopped before '{name}', before the time limit; what is finished is kept")


def pieces(total: int, size: int) -> Iterator[range]:
    """Neighbouring numbers below `total`, so many at a time.

    >>> list(pieces(5, 2))
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    for start in range(0, total, size):
        yield range(start, min(start + size, total))
