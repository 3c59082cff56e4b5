"""Facts that a calibration run and the runs predicted from it have in common, whatever their sets are called."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from lineage.errors import UserError

_SHOWN = 5


def shared_facts(one: pa.Table, other: pa.Table) -> list[str]:
    """Ids of the facts in the probes `other` of which `one` asks a probe too: the same cue and the same target.

    Ids say nothing: two files may number different facts alike, or hold one fact under two numbers.
    """
    asked = set(_questions(one))
    found = zip(other.column("fact").to_pylist(), _questions(other), strict=True)
    return list(dict.fromkeys(fact for fact, question in found if question in asked))


def check_disjoint(calibration: pa.Table, predicted: Mapping[str, pa.Table]) -> None:
    """Whether no run that is predicted holds a fact that was measured for the prediction; tables of probes, by run.

    Raises:
        UserError: with the run and its facts.
    """
    for run, probes in predicted.items():
        shared = shared_facts(calibration, probes)
        if shared:
            more = ", ..." if len(shared) > _SHOWN else ""
            raise UserError(
                f"run {run} holds {len(shared)} facts that the calibration run holds too ({', '.join(shared[:_SHOWN])}"
                f"{more}): what is predicted would have been measured.\n"
                "  Give the calibration run facts of its own (`skip` of their source, or another source)."
            )


def _questions(probes: pa.Table) -> list[tuple[str, str]]:
    cues, targets = (probes.column(name).to_pylist() for name in ("cue", "target"))
    return list(zip(cues, targets, strict=True))
