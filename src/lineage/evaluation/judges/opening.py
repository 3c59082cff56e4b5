"""Judges that a stage made, opened from their artifacts, with what is known of their error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from lineage.errors import UserError
from lineage.evaluation.judges.calibration import Confusion
from lineage.evaluation.judges.judge import Judge
from lineage.evaluation.judges.rules import rules_judge
from lineage.evaluation.judges.trained import TrainedJudge, read_weights

JUDGE, WEIGHTS, CALIBRATION = "judge.json", "weights.json", "calibration.json"


def open_judge(folder: Path) -> Judge:
    """The judge of an artifact that needs no model.

    Raises:
        UserError: it is generative, or not the judge that was measured: rules or weights have changed since.
    """
    by = json.loads((folder / JUDGE).read_text())["by"]
    if by == "generative":
        raise UserError(f"{folder}: a generative judge reads outputs in a stage of its own, not here.")
    made: Judge = rules_judge() if by == "rules" else TrainedJudge(read_weights(folder / WEIGHTS))
    check_measured(made, folder)
    return made


def check_measured(made: Judge, folder: Path) -> None:
    """A judge is the one whose error the artifact tells.

    Raises:
        UserError: it has another digest.
    """
    said = json.loads((folder / JUDGE).read_text())
    if made.digest != said["digest"]:
        raise UserError(
            f"{folder}: the judge {said['name']} that was measured has the digest {said['digest']}, this one"
            f" {made.digest}: rules, words, weights, prompt or model have changed.\n  Make the judge again."
        )


def read_confusion(
    folder: Path, *, of: Literal["labelled", "world"], what: Literal["refusal", "full_refusal"] = "refusal"
) -> Confusion | None:
    """How often the judge of an artifact was right on labelled responses, or on the world's; None if not measured."""
    found = json.loads((folder / CALIBRATION).read_text()).get(of)
    if found is None:
        return None
    return Confusion(**{name: found[what][name] for name in ("hits", "false_alarms", "misses", "rejections")})
