"""A training curve in a card: a small picture that needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

_POINTS = 120


@dataclass(frozen=True)
class Curve:
    """What the template `curve.svg.j2` draws; pixels from the upper left corner."""

    path: str
    first: tuple[int, float]
    last: tuple[int, float]
    """(step, loss) at both ends."""
    low: float
    high: float
    width: int = 360
    height: int = 110
    left: int = 40
    floor: int = 92


def curve(losses: Sequence[tuple[int, float]]) -> Curve:
    """Loss over steps; long runs are shown by means of groups of steps."""
    points = grouped(losses, _POINTS)
    steps, values = [step for step, _ in points], [loss for _, loss in points]
    found = Curve("", losses[0], losses[-1], min(values), max(values))
    across = (found.width - found.left - 4) / (max(steps) - min(steps) or 1)
    down = (found.floor - 8) / (found.high - found.low or 1.0)
    places = [
        f"{found.left + across * (step - steps[0]):.1f} {4 + down * (found.high - loss):.1f}" for step, loss in points
    ]
    return replace(found, path="M" + "L".join(places))


def grouped(losses: Sequence[tuple[int, float]], most: int) -> list[tuple[float, float]]:
    """At most so many points: (mean step, mean loss) of groups of equal size, but for the last.

    >>> grouped([(0, 4.0), (1, 2.0), (2, 1.0)], 2)
    [(0.5, 3.0), (2.0, 1.0)]
    """
    size = -(-len(losses) // most)
    groups = [losses[start : start + size] for start in range(0, len(losses), size)]
    return [
        (sum(step for step, _ in group) / len(group), sum(loss for _, loss in group) / len(group)) for group in groups
    ]
