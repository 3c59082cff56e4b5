"""`lineage claim` and `lineage power`: one claim with all its rows and slices, and what it would take to decide it."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineage.cli.display import show_json, show_table
from lineage.cli.inventory import Found
from lineage.cli.options import AsJson, ConfigFiles, ExperimentName, Results, Settings
from lineage.cli.project import Project, open_project
from lineage.config.messages import did_you_mean, listed
from lineage.errors import UserError

if TYPE_CHECKING:  # the claims take a second to import, and most commands need none
    from lineage.claims.claim import Claim, Row
    from lineage.claims.power import Needed
    from lineage.claims.slices import Statistic

Identifier = Annotated[str, typer.Argument(metavar="ID", help="K1, S6, R1, X5, ...", show_default=False)]


def claim(
    id: Identifier,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Show one claim: what it says, every row with effect and verdict, and every slice that it is judged from.

    --json prints {"claim", "text", "source", "rows": rows of claims.csv, "slices": rows of statistics.csv}.

    Examples:

        lineage claim K1
    """
    project = open_project(configfile, settings, results, experiment)
    declared = _declared(id)
    study = _study_of(project, declared)
    rows = [row for row in _ledger(study) if row["claim"] == declared.id]
    told = [one for one in _statistics(project, study) if one.claim == declared.id]
    if as_json:
        head = {"claim": declared.id, "text": declared.text, "source": declared.source}
        show_json({**head, "rows": rows, "slices": [asdict(one) for one in told]})
        return
    typer.echo(f"{declared.id}: {declared.text}\n  {declared.source}\n")
    cells = [(row["row"], row["expected"], _interval(row), row["seeds"], row["gate"], row["verdict"]) for row in rows]
    show_table(["row", "expected", "effect", "seeds", "gate", "verdict"], cells)
    typer.echo("")
    items = [
        (one.row, one.world, str(one.seed), _number(one.value), str(one.items or ""), one.gate or "") for one in told
    ]
    show_table(["row", "world", "seed#", "value#", "items#", "gate"], items, title="Slices")


def power(
    id: Identifier,
    configfile: ConfigFiles = None,
    settings: Settings = None,
    results: Results = None,
    experiment: ExperimentName = None,
    as_json: AsJson = False,
) -> None:
    """Say how many seeds each row of a claim needs to be supported in 80 % of repetitions, and what more items change.

    It takes what was measured so far for the truth. With one seed only the spread over items is known: more seeds than
    that are needed. Holm's correction for several claims asks for more as well.

    Examples:

        lineage power K5
    """
    project = open_project(configfile, settings, results, experiment)
    declared = _declared(id)
    told = _statistics(project, _study_of(project, declared))
    found = {row.name: _needed(declared, row, told) for row in declared.rows if row.measure is not None}
    if as_json:
        show_json({name: None if one is None else asdict(one) for name, one in found.items()})
        return
    cells = [_cells(name, one) for name, one in found.items()]
    headings = ["row", "seeds run#", "mean#", "spread#", "of that items#", "seeds needed", "with 4 x the items"]
    show_table(headings, cells, title=f"{declared.id}: {declared.text}")


def _cells(name: str, one: Needed | None) -> tuple[str, ...]:
    if one is None:
        return (name, "0", "", "", "", "nothing measured it", "")
    figures = (_number(one.mean), _number(one.spread), _number(one.item_spread))
    least = "at least " if one.seeds_run == 1 else ""
    return (name, str(one.seeds_run), *figures, *(_seeds(seeds, least) for seeds in (one.seeds, one.seeds_with_items)))


def _seeds(seeds: int | None, least: str) -> str:
    from lineage.claims.power import MOST_SEEDS

    return f"{least}{seeds}" if seeds is not None else f"more than {MOST_SEEDS}"


def _needed(declared: Claim[Any], row: Row[Any], told: list[Statistic]) -> Needed | None:
    from lineage.claims.power import needed
    from lineage.claims.slices import FULL_WORLD

    own = [one for one in told if (one.claim, one.row, one.world) == (declared.id, row.name, FULL_WORLD)]
    return needed(own, row.expected)


def _declared(id: str) -> Claim[Any]:
    from lineage.claims.joint import CLAIMS as JOINT
    from lineage.claims.knowledge import CLAIMS as KNOWLEDGE
    from lineage.claims.retrieval import CLAIMS as RETRIEVAL
    from lineage.claims.safety import CLAIMS as SAFETY

    known: dict[str, Claim[Any]] = {one.id: one for one in (*KNOWLEDGE, *SAFETY, *RETRIEVAL, *JOINT)}
    if id not in known:
        raise UserError(f"'{id}' is no claim.{did_you_mean(id, known)}\n  claims: {listed(known)}")
    return known[id]


def _study_of(project: Project, declared: Claim[Any]) -> Found:
    """The study that measured the claim in this experiment.

    Raises:
        UserError: none did.
    """
    studies = project.inventory.of_kind("study")
    for study in studies:
        if any(row["claim"] == declared.id for row in _ledger(study)):
            return study
    raise UserError(
        f"{project.root}: no study here looked at {declared.id}.\n"
        f"  studies that are built: {listed([one.name for one in studies]) if studies else 'none'}"
    )


def _ledger(study: Found) -> list[dict[str, str]]:
    with (study.folder / "claims.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _statistics(project: Project, study: Found) -> list[Statistic]:
    """This slice, and the others of its design that the config names."""
    from lineage.claims import slices

    path = study.folder / "statistics.csv"
    own = slices.from_csv(path.read_text(encoding="utf-8"), place=str(path))
    files = sorted(folder.glob("*.csv")) if (folder := _kept(project, study)) is not None else []
    kept = [(one.name, slices.from_csv(one.read_text(encoding="utf-8"), place=one.name)) for one in files]
    designs = {(one.data, one.design) for one in own}
    return [one for one in slices.merge(own, kept) if (one.data, one.design) in designs]


def _kept(project: Project, study: Found) -> Path | None:
    job = project.plan.get(study.name)
    return job.external.get("slices") if job is not None else None


def _interval(row: dict[str, str]) -> str:
    ends = f" [{row['low']}, {row['high']}]" if row["low"] else ""
    return f"{row['effect']}{ends}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
