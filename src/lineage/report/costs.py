"""What an experiment cost: seconds, memory, tokens, of each job and of each stage.

Apart from the report, because two equal runs differ in it: it is made from the `run.json` beside each manifest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_FOLDER = Path(__file__).parent / "page"


@dataclass(frozen=True)
class Cost:
    """One job; None where its `run.json` does not say."""

    artifact: str
    stage: str
    seconds: float | None
    """From the start of the process to the manifest, without what it took to start."""
    start_seconds: float | None
    """To start Python and import what the stage needs."""
    peak_memory_bytes: int | None
    threads: int | None
    tokens: int | None
    """Trained on, in this segment and those before it."""
    tokens_per_second: float | None
    bytes: int
    """Of all files."""


@dataclass(frozen=True)
class Total:
    """All jobs of one stage."""

    stage: str
    jobs: int
    seconds: float
    start_seconds: float
    peak_memory_bytes: int
    bytes: int

    @property
    def whole_seconds(self) -> float:
        """Work and start-up together."""
        return self.seconds + self.start_seconds


def make_cost(artifact: str, stage: str, run: Mapping[str, Any], size: int) -> Cost:
    """From the contents of a `run.json`."""
    training = run.get("training") or {}
    return Cost(
        artifact,
        stage,
        run.get("seconds"),
        run.get("start_seconds"),
        run.get("peak_memory_bytes"),
        (run.get("execution") or {}).get("threads"),
        training.get("tokens"),
        training.get("tokens_per_second"),
        size,
    )


def by_stage(costs: Sequence[Cost]) -> list[Total]:
    """Totals, the dearest stage first."""
    found = []
    for stage in dict.fromkeys(one.stage for one in costs):
        jobs = [one for one in costs if one.stage == stage]
        found.append(
            Total(
                stage,
                len(jobs),
                sum(one.seconds or 0.0 for one in jobs),
                sum(one.start_seconds or 0.0 for one in jobs),
                max(one.peak_memory_bytes or 0 for one in jobs),
                sum(one.bytes for one in jobs),
            )
        )
    return sorted(found, key=lambda total: -total.whole_seconds)


def start_share(costs: Sequence[Cost]) -> float | None:
    """Share of all seconds that jobs needed to start; None where nothing ran."""
    starting = sum(one.start_seconds or 0.0 for one in costs)
    whole = starting + sum(one.seconds or 0.0 for one in costs)
    return starting / whole if whole else None


def costs_page(costs: Sequence[Cost], *, title: str) -> str:
    """A page of the two tables that needs no network."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("costs.html.j2").render(
        title=title,
        costs=costs,
        totals=by_stage(costs),
        share=start_share(costs),
        policy=_POLICY,
        style=Markup((_FOLDER / "style.css").read_text(encoding="utf-8")),
    )
