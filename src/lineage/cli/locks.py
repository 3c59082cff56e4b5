"""The locks that stages hold while they write: asked and held here before anything is removed."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

STATE = "state"
LOCK = ".lock"


def lock_path(root: Path, name: str) -> Path:
    """The lock of the artifact `name` of the experiment `root`: where `lineage.stage` puts it."""
    return root / STATE / f"{name}{LOCK}"


def holder(root: Path, name: str) -> str | None:
    """`1234 on host`: the live process that writes the artifact or one below it; None where nobody does."""
    with _held(root, name, create=False) as other:
        return other


@contextmanager
def sole_remover(root: Path, name: str) -> Iterator[bool]:
    """Keeps stages from writing `name` or anything below it; yields False where a live process already does."""
    with _held(root, name, create=True) as other:
        yield other is None


@contextmanager
def _held(root: Path, name: str, *, create: bool) -> Iterator[str | None]:
    """Holds every lock of `name` and below; yields who else holds one, or None."""
    own = lock_path(root, name)
    if create:
        own.parent.mkdir(parents=True, exist_ok=True)
    below = sorted((root / STATE / name).rglob(f"*{LOCK}"))
    with ExitStack() as stack:
        for path in [*([own] if create or own.is_file() else []), *below]:
            other = _lock(path, stack, sign=create)
            if other is not None:
                yield other
                return
        yield None


def _lock(path: Path, stack: ExitStack, *, sign: bool) -> str | None:
    """Takes one lock until `stack` closes; where another process holds it, says which."""
    import fcntl

    file: IO[str] = stack.enter_context(path.open("a+"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        return file.read().strip() or "unknown process"
    if sign:
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()} on {platform.node()} (lineage clean)")
        file.flush()
    return None
