"""X3: where a fact is rare, a passage tells more than parameters do; where it is frequent, parameters overtake.

One model answers every question: alone (closed book), and behind the first document of a retriever. Which retriever is
concluded on is chosen on validation queries; the crossing is held against its forecast (`lineage.reading.forecast`).
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pyarrow as pa

from lineage.claims.claim import Claim, Gate, Measured, NotMeasured, Row
from lineage.claims.retrieval.study import Study, measured
from lineage.claims.statistics import above, below, within
from lineage.evaluation.paired import Resampled, draws
from lineage.reading import forecast as foretold
from lineage.reading.crossing import doublings, exposures_at
from lineage.reading.items import CLOSED, ORACLE, RANDOM, RETRIEVED, SWAPPED
from lineage.reading.levels import Answers, answers, crossed

READS = Gate("share read of right passages, or of swapped values where that is smaller", at_least=0.8)
"""The reader reads: else a retriever's passages would be judged by who reads them."""
RETRIEVERS = ("bm25", "dense", "hybrid", "contextual", "ordinary")
"""Names that retrievers have in our experiments; one that an experiment lacks is not measured."""
DOUBLINGS = 1.0
"""How far from its forecast a crossing may lie: a factor of two."""
TAIL = 2
"""Exposures up to which a fact is rare."""


def _answers(study: Study, condition: str, *, run: str = "", column: str = "correct") -> Answers:
    """
    Raises:
        NotMeasured: no reader, or no such condition.
    """
    if study.readings is None:
        raise NotMeasured("nobody reads what was retrieved: the experiment has no `reading`")
    found = answers(study.readings, condition, run=run, column=column)
    if found is None:
        raise NotMeasured(f"nothing was read under the condition {condition} {run}".rstrip())
    return found


def reads(study: Study) -> float:
    """The gate's figure: of right passages, and of passages with a swapped value, the share that is read."""
    return min(float(_answers(study, one).values.mean()) for one in (ORACLE, SWAPPED))


def chosen(study: Study) -> str:
    """The retriever with the most hits on validation queries; ties go to the one that is named first.

    Raises:
        NotMeasured: nothing was foretold.
    """
    found = {row["run"]: row["value"] for row in _foretold(study, foretold.HIT_RATE)}
    return max(found, key=lambda run: found[run])


def _foretold(study: Study, quantity: str) -> list[dict]:
    table: pa.Table | None = study.reading_forecast
    rows = [] if table is None else [row for row in table.to_pylist() if row["quantity"] == quantity]
    if not rows:
        raise NotMeasured(f"no forecast of the {quantity}: study 1 makes none of the reader's recall, or none was made")
    return rows


def _crossing(study: Study, run: str) -> Resampled:
    """
    Raises:
        NotMeasured: one side is ahead at every level; the figure is the difference at the level where it is smallest.
    """
    closed_book, reader = _answers(study, CLOSED), _answers(study, RETRIEVED, run=run)
    found = crossed(closed_book, reader, samples=study.bootstrap_samples, seed=study.bootstrap_seed)
    if math.isfinite(found.value):
        return found
    whole = np.ones((1, len(reader.facts)))
    difference = (closed_book.by_level(whole) - reader.by_level(whole))[0]
    levels = closed_book.known_levels
    if found.value > 0:
        words = f"no crossing: reading is ahead up to {levels[-1]:g} exposures"
        raise NotMeasured(words, float(difference[-1]))
    raise NotMeasured(f"no crossing: parameters are ahead from {levels[0]:g} exposures on", float(difference[0]))


def crossing_seen(study: Study) -> Measured:
    """Doublings of exposure at the crossing, beside its forecast and the naive one that comes nearer."""
    run, gate = chosen(study), reads(study)
    found = _crossing(study, run)
    return measured(found, gate=gate, **_beside(study, run, found.value))


def crossing_against_forecast(study: Study) -> Measured:
    """Doublings from the forecast crossing to the one that was seen.

    Where none is foretold within the levels, the forecast is taken to lie at that end: the error is then at least that.

    Raises:
        NotMeasured: no crossing was seen; or none was foretold, and the one that was seen is too near to the end of the
            levels to tell whether that is wrong.
    """
    run, gate = chosen(study), reads(study)
    found = _crossing(study, run)
    told = _beside(study, run, found.value)
    forecast, naive = told["forecast"], told["naive"]
    if forecast is None:
        levels = _answers(study, CLOSED).known_levels
        forecast = float(doublings(levels[-1] if _foretold_crossing(study, run)["value"] > 0 else levels[0]))
        if abs(found.value - forecast) <= DOUBLINGS:
            words = f"no crossing was foretold, and one was seen at {exposures_at(found.value):.1f} exposures"
            raise NotMeasured(f"{words}, near the end of the levels", found.value)
    shifted = None if naive is None else naive - forecast
    return measured(found - forecast, gate=gate, forecast=0.0, naive=shifted)


def _foretold_crossing(study: Study, run: str) -> dict:
    """The forecast of one retriever; infinite where reading stays ahead, -infinite where parameters always are."""
    [row] = [one for one in _foretold(study, foretold.CROSSING) if one["run"] == run]
    return row


def _beside(study: Study, run: str, value: float) -> dict[str, float | None]:
    """Forecast and naive crossing in doublings; None where none is foretold, or at infinity."""
    row = _foretold_crossing(study, run)
    naives = [one for name in foretold.NAIVES if (one := row[name]) is not None and math.isfinite(one)]
    return {
        "forecast": row["value"] if math.isfinite(row["value"]) else None,
        "naive": min(naives, key=lambda one: abs(one - value)) if naives else None,
    }


def _difference(study: Study, first: Answers, second: Answers | None = None, *, at: str = "all") -> Resampled:
    """Mean over facts of one condition minus another (or alone): all, or those of the tail or the head."""
    kept = np.ones(len(first.facts), dtype=bool)
    if at == "tail":
        kept = first.levels <= TAIL
    elif at == "head":
        kept = first.levels == first.levels.max()
    if not kept.any():
        raise NotMeasured(f"no fact of {TAIL} exposures or fewer")
    assert second is None or first.facts == second.facts, "the same facts"
    values = first.values if second is None else first.values - second.values
    subjects = [one for one, keep in zip(first.subjects, kept, strict=True) if keep]
    drawn = draws([subjects], samples=study.bootstrap_samples, seed=study.bootstrap_seed)
    return drawn.resampled(values[kept])


def over_closed_book(study: Study, *, run: str | None = None, at: str = "all", sign: float = 1.0) -> Measured:
    """Behind the retriever's passage minus closed book; `run` None: the validation-best retriever."""
    reader = _answers(study, RETRIEVED, run=chosen(study) if run is None else run)
    return measured(_difference(study, reader, _answers(study, CLOSED), at=at) * sign, gate=reads(study))


def bound(study: Study, *, condition: str, at: str = "all") -> Measured:
    """Behind a right or a random passage minus closed book."""
    return measured(_difference(study, _answers(study, condition), _answers(study, CLOSED), at=at))


def swapped(study: Study, *, column: str) -> Measured:
    """Share of swapped passages whose value is named, or in spite of which the world's is."""
    return measured(_difference(study, _answers(study, SWAPPED, column=column)))


CLAIM = Claim(
    id="X3",
    text="Retrieval overtakes parameters for rare facts, at an exposure that can be foretold.",
    source="a claim of ours",
    null_world="equal_exposures",
    primary=Row(
        name="crossing against forecast",
        statement="Recall overtakes reading within a factor of two of the exposures that were foretold.",
        statistic="log2 of (1 + exposures at the crossing) over (1 + those foretold), validation-best retriever",
        expected=within(-DOUBLINGS, DOUBLINGS),
        measure=crossing_against_forecast,
        gate=READS,
    ),
    secondary=(
        Row(
            name="crossing",
            statement="Never-seen facts are read, and beyond some exposure parameters are ahead.",
            statistic="log2(1 + exposures) at which closed-book recall overtakes reading, validation-best retriever",
            expected=above(0),
            measure=crossing_seen,
            gate=READS,
        ),
        Row(
            name="rare facts",
            statement="Rare facts are read more often than recalled.",
            statistic=f"right behind the retriever's passage - closed book, {TAIL} exposures or fewer",
            expected=above(0),
            measure=partial(over_closed_book, at="tail"),
            gate=READS,
        ),
        Row(
            name="frequent facts",
            statement="The most frequent facts are recalled more often than read.",
            statistic="right closed book - behind the retriever's passage, the highest level",
            expected=above(0),
            measure=partial(over_closed_book, at="head", sign=-1.0),
            gate=READS,
        ),
        *(
            Row(
                name=f"{name} against closed book",
                statement=f"What `{name}` finds helps more than it misleads.",
                statistic=f"right behind the first document of `{name}` - closed book, all test facts",
                expected=above(0),
                measure=partial(over_closed_book, run=name),
                gate=READS,
            )
            for name in RETRIEVERS
        ),
        Row(
            name="right passage",
            statement="With the right passage even the most frequent facts are read more often than recalled.",
            statistic="right behind the right passage - closed book, the highest level",
            expected=above(0),
            measure=partial(bound, condition=ORACLE, at="head"),
        ),
        Row(
            name="random passage",
            statement="A passage about something else misleads.",
            statistic="right behind a random passage - closed book, the highest level",
            expected=below(0),
            measure=partial(bound, condition=RANDOM, at="head"),
        ),
        Row(
            name="swapped values",
            statement="The reader names what the passage says, whatever pretraining said.",
            statistic="share of passages with a swapped value whose value is named",
            expected=above(0.8),
            measure=partial(swapped, column="correct"),
        ),
        Row(
            name="recalled in spite of the passage",
            statement="It does not name the world's value that the passage replaced.",
            statistic="share of passages with a swapped value behind which the world's value is named",
            expected=below(0.05),
            measure=partial(swapped, column="recalled"),
        ),
    ),
)
