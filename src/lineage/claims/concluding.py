"""What every study writes at its end: the statistics of its slice, the ledger of all slices that ran, the figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lineage.artifact import ArtifactWriter
from lineage.claims import ledger as ledgers
from lineage.claims import slices as tidy
from lineage.claims.claim import Claim
from lineage.report.saving import Chart, files

StudyT = TypeVar("StudyT")


def conclude(
    claims: Sequence[Claim[StudyT]], study: StudyT, place: tidy.Slice, *, slices: Path | None, out: ArtifactWriter
) -> ledgers.Ledger:
    """Measures every row in this slice and judges it with all slices that ran: `statistics.csv` (this slice),
    `claims.csv` and `null_cases.csv` (all slices), `summary.json`.

    `slices` is a folder of the `statistics.csv` of other slices; a copy of this one gives way to it. Those of its
    design are judged with it; of the other kind of data (generated, real) the design with most seeds is.

    Raises:
        UserError: a slice file that cannot be read, that holds what another holds, or of another design under the same
            name.
    """
    own = tidy.measure(claims, study, place)
    found = ledgers.make_ledger(claims, tidy.merge(own, _kept(slices)), own=place)
    out.path("statistics.csv").write_text(tidy.to_csv(own))
    out.path("claims.csv").write_text(ledgers.to_csv(found.rows, ledgers.COLUMNS))
    out.path("null_cases.csv").write_text(ledgers.to_csv(found.null_cases, ledgers.NULL_COLUMNS))
    summary = _summary(found)
    out.path("summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n")
    out.counts |= {"statistics": len(own), **summary}
    return found


def _kept(folder: Path | None) -> list[tuple[str, list[tidy.Statistic]]]:
    files = sorted(folder.glob("*.csv")) if folder is not None else []
    return [(file.name, tidy.from_csv(file.read_text(encoding="utf-8"), place=file.name)) for file in files]


def _summary(found: ledgers.Ledger) -> dict[str, Any]:
    """What stands on top of the ledger."""
    return {
        "verdicts": ledgers.counts(found),
        "null_cases": len(found.null_cases),
        "false_supports": sum(case.supported for case in found.null_cases),
        "false_support_rate": found.false_support_rate,
    }


def draw(charts: Mapping[str, Chart], *, title: str, out: ArtifactWriter) -> None:
    """An SVG file and a specification each, and one page of all of them to point at."""
    for name, content in files(charts, title=title).items():
        out.path(f"figures/{name}").write_text(content, encoding="utf-8")
