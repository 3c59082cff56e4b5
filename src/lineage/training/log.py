"""`training.jsonl`: one line a step, a function of spec, code and inputs, so it holds no times."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from lineage.errors import UserError

LOG = "training.jsonl"


class TrainingLog:
    """Writes the lines of steps from `first_step`; what an interrupted run wrote at or after it is cut off.

    Line t tells what was measured on the weights after t updates: the loss of the batch of step t, what observers
    returned, and the learning rate and gradient norm of the update that followed. `tokens` were read before it.

    Raises:
        UserError: lines before `first_step` are missing (the file was edited, or is from another run).
    """

    def __init__(self, path: Path, *, begin: int, first_step: int):
        kept = _lines_before(path, first_step)
        steps = [json.loads(line)["step"] for line in kept]
        if steps != list(range(begin, first_step)):
            raise UserError(
                f"{path}: does not hold one line for each of the steps {begin} to {first_step - 1}.\n"
                f"  Remove the folder {path.parent}; the run then starts from its parent."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text("".join(kept))
        partial.replace(path)
        self._file = path.open("a")

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, _error: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        self._file.close()

    def write(self, values: Mapping[str, float | int]) -> None:
        """One line, at once in the hands of the operating system."""
        self._file.write(json.dumps(values) + "\n")
        self._file.flush()

    def sync(self) -> None:
        """Waits until all lines are on the disk."""
        os.fsync(self._file.fileno())


def _lines_before(path: Path, step: int) -> list[str]:
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    return [line for line in whole if json.loads(line)["step"] < step]
