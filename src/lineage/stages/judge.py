"""Make a judge of refusals, train it where it learns, and measure it on labelled responses and on the world's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.judges import GenerativeJudging, Judge, JudgeReading, TrainedJudging
from lineage.errors import UserError
from lineage.evaluation.judges import judge as judging
from lineage.evaluation.judges.calibration import calibrate
from lineage.evaluation.judges.labelled import READERS, Labelled, Read
from lineage.evaluation.judges.loading import open_generative
from lineage.evaluation.judges.opening import CALIBRATION, JUDGE, WEIGHTS
from lineage.evaluation.judges.rules import rules_judge
from lineage.evaluation.judges.trained import TrainedJudge, write_weights
from lineage.evaluation.judges.world_cases import world_cases
from lineage.parts import Parts

EXAMPLES = "examples.parquet"
EXAMPLE_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("set", "id", "group", "kind", "label")),
        pa.field("verdict", pa.string()),
        pa.field("score", pa.float64()),
    ]
)
"""Every labelled response with its verdict, null where none could be read. Ids, no texts: they can be offensive."""


def judge(
    config: Judge,
    *,
    labelled: Path | None,
    model: Path | None,
    prompt: Path | None,
    safety_data: Artifact | None,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes `judge.json` (what it is), `weights.json` (of a trained one), `calibration.json` and `examples.parquet`.

    A trained judge is measured on groups of prompts that it was not trained on, and the judge of `weights.json` is
    trained on all of them.

    Raises:
        UserError: nothing to measure on, a file of another form, too little to train on, no such model.
        StoppedEarly: before the time limit; what a generative judge has read is kept.
    """
    out.kind = "judge"
    reading = config.root
    read = _read(reading, labelled)
    cases = _world(reading, safety_data)
    if read is None and cases is None:
        raise UserError(
            "a judge is measured on `labelled` responses, on `safety_data` of the world, or on both: give one"
        )
    held_out: list[judging.Verdict | None] | None = None
    if isinstance(reading, TrainedJudging):
        assert read is not None
        made, held_out = _trained(reading, read, out)
    else:
        made = _made(reading, model, prompt, execution, out)
    rows: list[dict[str, Any]] = []
    calibration: dict[str, Any] = {"judge": {"name": made.name, "version": made.version, "digest": made.digest}}
    if read is not None:
        verdicts = made.judge([one.response for one in read.rows]) if held_out is None else held_out
        calibration["labelled"] = _measured(read.rows, verdicts) | {"left_out": read.left_out}
        rows += _rows("labelled", read.rows, verdicts)
    if cases is not None:
        verdicts = made.judge([one.response for one in cases])
        calibration["world"] = _measured(cases, verdicts)
        rows += _rows("world", cases, verdicts)
    out.path(JUDGE).write_text(_json({"by": reading.by, **calibration["judge"]}))
    out.path(CALIBRATION).write_text(_json(calibration))
    pq.write_table(pa.Table.from_pylist(rows, schema=EXAMPLE_SCHEMA), out.path(EXAMPLES), compression="zstd")
    out.counts |= {"examples": len(rows), **_counts(calibration)}


def _read(reading: JudgeReading, source: Path | None) -> Read | None:
    return None if reading.labelled is None else READERS[reading.labelled.form](reading.labelled, source)


def _world(reading: JudgeReading, safety_data: Artifact | None) -> list[Labelled] | None:
    if safety_data is None:
        return None
    requests = pq.read_table(safety_data.path("requests.parquet")).to_pylist()
    return world_cases(requests, limit=reading.world_requests)


def _trained(
    reading: TrainedJudging, read: Read, out: ArtifactWriter
) -> tuple[TrainedJudge, list[judging.Verdict | None]]:
    """The judge, and verdicts on the labelled responses by judges that did not see them."""
    # scikit-learn takes a second to import, so only where a judge learns.
    from lineage.evaluation.judges.training import cross_validated, train

    weights = train(read.rows, reading.penalties)
    write_weights(weights, out.path(WEIGHTS))
    return TrainedJudge(weights), cross_validated(read.rows, reading.penalties)


def _made(
    reading: JudgeReading, model: Path | None, prompt: Path | None, execution: Execution, out: ArtifactWriter
) -> judging.Judge:
    if not isinstance(reading, GenerativeJudging):
        return rules_judge()
    return open_generative(reading, model, prompt, execution, Parts(out, execution))


def _measured(rows: Sequence[Labelled], verdicts: Sequence[judging.Verdict | None]) -> dict[str, Any]:
    """Figures over all rows, and {kind: {rows, refusals, flagged}}."""
    kinds: dict[str, dict[str, int]] = {}
    for one, verdict in zip(rows, verdicts, strict=True):
        counted = kinds.setdefault(one.kind, {"n": 0, "refusals": 0, "flagged": 0})
        counted["n"] += 1
        counted["refusals"] += one.label != "none"
        counted["flagged"] += verdict is not None and verdict.refuses
    return {**calibrate([one.label for one in rows], verdicts), "kinds": kinds}


def _rows(of: str, rows: Sequence[Labelled], verdicts: Sequence[judging.Verdict | None]) -> list[dict[str, Any]]:
    return [
        {
            "set": of,
            "id": one.id,
            "group": one.group,
            "kind": one.kind,
            "label": one.label,
            "verdict": None if verdict is None else verdict.refusal,
            "score": None if verdict is None else verdict.score,
        }
        for one, verdict in zip(rows, verdicts, strict=True)
    ]


def _counts(calibration: dict[str, Any]) -> dict[str, Any]:
    names = ("n", "precision", "recall", "f1", "kappa")
    return {
        of: {name: calibration[of]["refusal"][name] for name in names} | {"unparsed": calibration[of]["unparsed"]}
        for of in ("labelled", "world")
        if of in calibration
    }


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, sort_keys=True) + "\n"
