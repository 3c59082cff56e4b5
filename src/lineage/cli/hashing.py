"""Hashes of large files, worked out by a process beside this one while it imports torch and does its work.

A thread would wait for the interpreter during the import, which takes as long as hashing two gigabytes.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

from lineage.errors import UserError
from lineage.external import listing


class Hashing:
    """sha256 of files, begun when the block begins and given up when it ends."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._known: dict[Path, str] = {}
        self._receiver, self._sender = multiprocessing.Pipe(duplex=False)
        self._process = multiprocessing.Process(target=_send, args=(list(files), self._sender), daemon=True)

    def __enter__(self) -> Hashing:
        self._process.start()
        self._sender.close()
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._process.terminate()
        self._process.join()
        self._receiver.close()

    def of(self, path: Path) -> str:
        """The hash of one file; of a file that was not announced it is worked out now.

        Raises:
            UserError: it cannot be read.
        """
        while path not in self._known:
            try:
                file, digest = self._receiver.recv()
            except EOFError:
                file, digest = path, listing(path)[0][2]
            self._known[file] = digest
        return self._known[path]


def _send(files: list[Path], sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks is told too, and ends this one
    try:
        for path in files:
            sender.send((path, listing(path)[0][2]))
    except (OSError, UserError):
        return  # whoever asks for it meets the same error, and says so
