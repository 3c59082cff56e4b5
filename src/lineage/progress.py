"""Progress of long work: a bar with rate and time left on a terminal, one plain line every few seconds in logs."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TextIO

PLAIN_INTERVAL_SECONDS = 10.0
BAR_INTERVAL_SECONDS = 0.2


class Progress:
    """Counts work done and shows it on stderr.

    >>> with Progress("tokenizing", total=1000, unit="documents") as progress:
    ...     progress.advance(100)

    On a terminal one line is redrawn in place; elsewhere a line is written every 10 seconds and at the end, so that a
    log file stays readable.
    """

    def __init__(self, task: str, *, total: int | None = None, unit: str, done: int = 0, stream: TextIO | None = None):
        self.task = task
        self.total = total
        self.unit = unit
        self.done = done
        self.note = ""
        self._first = done
        self._stream = stream if stream is not None else sys.stderr
        self._terminal = self._stream.isatty()
        self._interval = BAR_INTERVAL_SECONDS if self._terminal else PLAIN_INTERVAL_SECONDS
        self._start = time.monotonic()
        self._last_shown = self._start

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, error: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        if error is None:
            self._show(final=True)
        elif self._terminal:
            self._stream.write("\n")

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Adds `amount` units of finished work; `note` (for example a loss) is shown at the end of the line."""
        self.done += amount
        if note:
            self.note = note
        if time.monotonic() - self._last_shown >= self._interval:
            self._show(final=False)

    def line(self) -> str:
        """The present state in words: `pretraining 120/900 steps, 14.2 steps/s, 55 s left, loss 3.21`."""
        elapsed = max(time.monotonic() - self._start, 1e-9)
        rate = (self.done - self._first) / elapsed
        total = f"/{self.total:,}" if self.total is not None else ""
        parts = [f"{self.task} {self.done:,}{total} {self.unit}", f"{_rate(rate)} {self.unit}/s"]
        if self.total is not None and rate > 0 and self.done < self.total:
            parts.append(f"{duration((self.total - self.done) / rate)} left")
        else:
            parts.append(f"{duration(elapsed)}")
        if self.note:
            parts.append(self.note)
        return ", ".join(parts)

    def _show(self, *, final: bool) -> None:
        self._last_shown = time.monotonic()
        if self._terminal:
            self._stream.write("\r\x1b[2K" + self.line() + ("\n" if final else ""))
        else:
            self._stream.write(self.line() + "\n")
        self._stream.flush()


def duration(seconds: float) -> str:
    """Seconds as a person reads them: `8 s`, `2 min 05 s`, `3 h 20 min`."""
    whole = round(seconds)
    if whole < 100:
        return f"{seconds:.0f} s"
    if whole < 6000:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.2g}" if rate < 1 else f"{rate:.1f}"
