"""Where the time of a run goes, and when it must save or stop."""

from __future__ import annotations

import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

STATE_BYTES_PER_SECOND = 50e6
"""Disk speed assumed for the margin before the wall limit until a save has been measured."""
FORGETTING = 0.9
"""How much of the longest step is still expected a step later: the first one may have compiled the model."""


class PhaseTimer:
    """Seconds by phase of the step; on a GPU measured there, between events, without waiting for it."""

    def __init__(self, device: torch.device):
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._on_gpu = device.type == "cuda"
        self._pending: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Adds the time of the block to `phase`."""
        if self._on_gpu:
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            yield
            end.record()
            self._pending.append((phase, begin, end))
        else:
            start = time.perf_counter()
            yield
            self.seconds[phase] += time.perf_counter() - start

    def collect(self) -> None:
        """Adds up the phases that the GPU has finished; called where the loop has just read a result from it."""
        while self._pending and self._pending[0][2].query():
            phase, begin, end = self._pending.pop(0)
            self.seconds[phase] += begin.elapsed_time(end) / 1000


class Due(NamedTuple):
    """What the clock asks for after the present step."""

    save: bool
    stop: bool


class WallClock:
    """Says when to save and when to stop before the wall limit, from the durations seen so far."""

    def __init__(self, *, started: float, save_minutes: float, minutes: float | None, state_bytes: int):
        self._limit = None if minutes is None else started + 60 * minutes
        self._save_seconds = 60 * save_minutes
        self._margin_of_save = state_bytes / STATE_BYTES_PER_SECOND
        self._last_save = self._last_step = time.monotonic()
        self._longest_step = 0.0

    def due(self) -> Due:
        """Asked once a step; the margin is two saves (this one, and the result) and two of the longest steps."""
        now = time.monotonic()
        self._longest_step = max(FORGETTING * self._longest_step, now - self._last_step)
        self._last_step = now
        margin = 2 * self._margin_of_save + 2 * self._longest_step
        stop = self._limit is not None and now + margin >= self._limit
        return Due(save=now - self._last_save >= self._save_seconds, stop=stop)

    def saved(self, seconds: float) -> None:
        """A save took this long and has just ended."""
        self._margin_of_save = seconds
        self._last_save = self._last_step = time.monotonic()


def peak_memory_bytes(device: torch.device) -> int:
    """Largest memory in use so far: of the GPU's allocator, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
