"""`lineage retrievers`: the table of retrievers with what differs from run to run."""

from __future__ import annotations

from lineage.artifact import ArtifactWriter
from tests.cli.building import Workspace
from tests.cli.conftest import ask, call

ROWS = [
    {"set": "world", "retriever": name, "arm": "contextual", "chosen": name == "late", "Hits@1": "0.600 [0.550, 0.650]",
     "queries": 400, "index bytes": 1234567, "milliseconds a query": 2.5}
    for name in ("early", "late")
]  # fmt: skip


def conclude(workspace: Workspace, rows: list[dict[str, object]]) -> None:
    out = ArtifactWriter.create(workspace.root / "analysis" / "retrieval", state=workspace.folder / "state")
    out.kind, out.run = "study", {"retrievers": rows}
    out.close(stage="retrieval_study", spec={}, code={}, inputs={})


def test_milliseconds_and_bytes_stand_beside_the_measures(built: Workspace):
    conclude(built, ROWS)
    assert ask("retrievers") == ROWS
    shown = call("retrievers").stdout
    [late] = [line for line in shown.splitlines() if "late" in line]
    assert "late *" in late and "1,234,567" in late and "2.50" in late and "0.600 [0.550, 0.650]" in late
    assert "early *" not in shown


def test_what_is_missing_is_said(built: Workspace):
    refused = call("retrievers")
    assert refused.exit_code == 2 and "no study of retrieval here" in refused.output
    conclude(built, [])
    assert "its run.json is gone" in call("retrievers").output
