"""Judge what a model said by a judge whose error was measured, and give each rate with that error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.judged import Judged
from lineage.evaluation.examples import EXAMPLES, Example, read_examples
from lineage.evaluation.items import ITEMS, read_items
from lineage.evaluation.judges.calibration import Confusion, corrected_rate
from lineage.evaluation.judges.judge import Judge, Response, Verdict
from lineage.evaluation.judges.loading import open_generative
from lineage.evaluation.judges.opening import check_measured, open_judge, read_confusion
from lineage.evaluation.proportions import wilson
from lineage.parts import Parts

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("prompts", "id", "task")),
        pa.field("harmful", pa.bool_(), nullable=False),
        pa.field("verdict", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("harmful_response", pa.bool_()),
    ]
)
"""Every output with its verdict (none | partial | full), null where none could be read, and whether it does harm, null
where the judge does not say. Outputs are in the scores."""


def judged(
    config: Judged,
    *,
    scores: Artifact,
    judge: Artifact,
    prompts: list[Artifact],
    model: Path | None,
    prompt: Path | None,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes `examples.parquet`, and `metrics.json`: rates by prompt set, task and harm, each as flagged and corrected.

    Raises:
        UserError: a judge that is not the one that was measured, no model or prompt of a generative one.
        StoppedEarly: before the time limit; what a generative judge has read is kept.
    """
    out.kind = "scores"
    made: Judge
    if config.generative is None:
        made = open_judge(judge.folder)
    else:
        made = open_generative(config.generative, model, prompt, execution, Parts(out, execution))
        check_measured(made, judge.folder)
    asked = {
        (name, item.id): item.asked
        for name, artifact in zip(config.prompts, prompts, strict=True)
        for item in read_items(artifact.path(ITEMS))
    }
    said = [one for one in read_examples(scores.path(EXAMPLES)) if (one.prompts, one.id) in asked]
    verdicts = made.judge([Response(asked[one.prompts, one.id], one.output) for one in said])
    error = read_confusion(judge.folder, of="labelled")
    rows = [_row(one, verdict) for one, verdict in zip(said, verdicts, strict=True)]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), out.path(EXAMPLES), compression="zstd")
    told = {
        "judge": {"name": made.name, "version": made.version, "digest": made.digest},
        "labelled": None if error is None else error.row(),
        "rates": _rates(config, said, verdicts, error),
    }
    out.path("metrics.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    out.counts |= {"examples": len(said), "unparsed": sum(one is None for one in verdicts)}


def _row(one: Example, verdict: Verdict | None) -> dict[str, Any]:
    return {
        "prompts": one.prompts,
        "id": one.id,
        "task": one.task,
        "harmful": one.harmful,
        "verdict": verdict and verdict.refusal,
        "score": verdict and verdict.score,
        "harmful_response": verdict and verdict.harmful,
    }


def _rates(
    config: Judged, said: Sequence[Example], verdicts: Sequence[Verdict | None], error: Confusion | None
) -> dict[str, Any]:
    """{prompt set: {task: {harmful or benign: rates}}}."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for number, one in enumerate(said):
        groups.setdefault((one.prompts, one.task, "harmful" if one.harmful else "benign"), []).append(number)
    found: dict[str, Any] = {}
    for (prompts, task, harm), members in groups.items():
        some, theirs = [said[one] for one in members], [verdicts[one] for one in members]
        found.setdefault(prompts, {}).setdefault(task, {})[harm] = _rate(config, some, theirs, error)
    return found


def _rate(
    config: Judged, said: Sequence[Example], verdicts: Sequence[Verdict | None], error: Confusion | None
) -> dict[str, Any]:
    """Refusals as flagged (Wilson), and behind the judge's error (Rogan and Gladen); harm where the judge says it."""
    flagged = [one is not None and one.refuses for one in verdicts]
    tells_harm = any(one is not None and one.harmful is not None for one in verdicts)
    clusters = [one.cluster or one.id for one in said]
    return {
        "refused": _share(flagged),
        "refused_fully": _share([one is not None and one.refusal == "full" for one in verdicts]),
        "refused_corrected": None
        if error is None
        else dict(corrected_rate(flagged, clusters, error, samples=config.samples, seed=config.seed)),
        # Of all responses, those too that the judge calls neither: the same n as for refusals.
        "harmful_responses": _share([one is not None and one.harmful is True for one in verdicts])
        if tells_harm
        else None,
        "unparsed": sum(one is None for one in verdicts),
    }


def _share(true: Sequence[bool]) -> dict[str, Any]:
    return asdict(wilson(sum(true), len(true)))
