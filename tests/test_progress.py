"""What long work shows: words on a terminal, few lines in a log."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage import progress as module
from lineage.progress import Progress, duration


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module.time, "monotonic", clock.monotonic)
    return clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_every_ten_seconds_and_one_at_the_end(clock: Clock) -> None:
    log = io.StringIO()
    with Progress("reading", total=100, unit="rows", stream=log) as progress:
        for _ in range(100):
            clock.now += 0.25
            progress.advance()
    lines = log.getvalue().splitlines()
    assert lines == [
        "reading 40/100 rows, 4.0 rows/s, 15 s left",
        "reading 80/100 rows, 4.0 rows/s, 5 s left",
        "reading 100/100 rows, 4.0 rows/s, 25 s",
    ]
    assert "\r" not in log.getvalue() and "\x1b" not in log.getvalue()


def test_a_terminal_has_one_line_that_is_drawn_anew(clock: Clock) -> None:
    terminal = Terminal()
    with Progress("reading", unit="rows", stream=terminal) as progress:
        for _ in range(4):
            clock.now += 0.25
            progress.advance(250, note="loss 3.2")
    shown = terminal.getvalue()
    assert shown.count("\r\x1b[2K") == 5
    assert shown.endswith("reading 1,000 rows, 1,000 rows/s, 1 s, loss 3.2\n")
    assert shown.count("\n") == 1


def test_resumed_work_counts_its_own_rate(clock: Clock) -> None:
    progress = Progress("training", total=100, unit="steps", done=90, stream=io.StringIO())
    clock.now += 10
    progress.advance(5)
    assert progress.line() == "training 95/100 steps, 0.5 steps/s, 10 s left"


def test_a_failure_leaves_the_terminal_on_a_new_line(clock: Clock) -> None:
    terminal, log = Terminal(), io.StringIO()
    for stream in (terminal, log):
        with pytest.raises(KeyError), Progress("reading", unit="rows", stream=stream):
            raise KeyError
    assert terminal.getvalue() == "\n"
    assert log.getvalue() == ""


def test_nothing_done_yet_has_no_time_left(clock: Clock) -> None:
    progress = Progress("reading", total=10, unit="rows", stream=io.StringIO())
    assert progress.line() == "reading 0/10 rows, 0 rows/s, 0 s"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (99.4, "99 s"),
        (99.6, "1 min 40 s"),
        (125, "2 min 05 s"),
        (5999, "99 min 59 s"),
        (12_000, "3 h 20 min"),
    ],
)
def test_durations_as_a_person_reads_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_durations_keep_the_order(left: float, right: float) -> None:
    def parsed(words: str) -> int:
        number, units = 0, {"s": 1, "min": 60, "h": 3600}
        for amount, unit in zip(words.split()[::2], words.split()[1::2], strict=True):
            number += int(amount) * units[unit]
        return number

    assert (left <= right) <= (parsed(duration(left)) <= parsed(duration(right)))
    assert abs(parsed(duration(left)) - left) <= max(1.0, left if left < 0 else 60.0)
