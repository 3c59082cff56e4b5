"""X1: what adaptation, safety tuning and merging do to facts from pretraining, by how often it showed them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lineage.claims.claim import Claim, Gate, Measured, Row
from lineage.claims.joint.levels import ByLevel, by_level
from lineage.claims.safety.choice import best_on_validation
from lineage.claims.safety.measures import helped
from lineage.claims.safety.study import Study, measured
from lineage.claims.safety.tasks import FACTS
from lineage.claims.statistics import above, below
from lineage.evaluation.paired import Resampled
from lineage.world.tables import TEST_ROLE

KNOWN = Gate("share of test facts that `chat` recalls", at_least=0.2)
"""There is something to lose."""


def recall(study: Study, model: str) -> ByLevel:
    """Share of test facts told right in a chat, by exposure level."""
    asked = study.examples(model, FACTS, kind=TEST_ROLE)
    return by_level(study, asked, [float(helped(one)) for one in asked])


def seen(figures: ByLevel) -> Resampled:
    """Mean over the levels that pretraining showed at all."""
    return figures.mean(lambda level: level > 0)


def unseen(figures: ByLevel) -> Resampled:
    """At level 0: nothing was ever there to lose."""
    return figures.mean(lambda level: level == 0)


def model_of(study: Study, part: str) -> str:
    """The model of a part; of an arm with several trials the validation-best."""
    study.model(part)
    named = getattr(study.roles, part)
    return best_on_validation(study, named) if isinstance(named, list) and len(named) > 1 else study.model(part)


def change(study: Study, *, of: str, since: str, levels: Callable[[ByLevel], Resampled] = seen) -> Measured:
    """Recall of one part minus that of another, on the same facts."""
    before = recall(study, model_of(study, since))
    gate = seen(recall(study, study.model("chat"))).value
    return measured(levels(recall(study, model_of(study, of)) - before), gate=gate)


def slope_of_change(study: Study) -> Measured:
    """Rise of the change with each doubling of the exposures."""
    chat = recall(study, study.model("chat"))
    return measured((recall(study, study.model("seeing")) - chat).slope, gate=seen(chat).value)


CLAIM = Claim(
    id="X1",
    text="Vision-language adaptation costs facts that pretraining taught.",
    source="a claim of ours",
    null_row="facts never seen",
    primary=Row(
        name="seeing against chat",
        statement="The adapted model recalls fewer of the facts that pretraining showed.",
        statistic="recall of shown test facts, `seeing` - `chat`, levels weighted alike",
        expected=below(0),
        measure=partial(change, of="seeing", since="chat"),
        gate=KNOWN,
    ),
    secondary=(
        Row(
            name="facts never seen",
            statement="It recalls fewer of the facts that nothing ever showed.",
            statistic="recall of test facts of level 0, `seeing` - `chat`",
            expected=below(0),
            measure=partial(change, of="seeing", since="chat", levels=unseen),
            gate=KNOWN,
        ),
        Row(
            name="pictures against captions",
            statement="Pictures cost more facts than their captions.",
            statistic="recall of shown test facts, `seeing` - text-only control",
            expected=below(0),
            measure=partial(change, of="seeing", since="text_control"),
            gate=KNOWN,
        ),
        Row(
            name="change by exposure",
            statement="Facts that were shown more often are kept better.",
            statistic="slope of the change (`seeing` - `chat`) on log2(1 + exposure level)",
            expected=above(0),
            measure=slope_of_change,
            gate=KNOWN,
        ),
        *(
            Row(
                name=f"{words} against seeing",
                statement=f"After {words} more facts are lost.",
                statistic=f"recall of shown test facts, {words} - `seeing`",
                expected=below(0),
                measure=partial(change, of=part, since="seeing"),
                gate=KNOWN,
            )
            for part, words in (("sft", "SFT"), ("dpo", "DPO"), ("joint", "joint training"))
        ),
        Row(
            name="merge against seeing",
            statement="A merge brings facts back.",
            statistic="recall of shown test facts, validation-best merge - `seeing`",
            expected=above(0),
            measure=partial(change, of="merges", since="seeing"),
            gate=KNOWN,
        ),
        Row(
            name="merge with chat against seeing",
            statement="A merge with `chat` brings facts back.",
            statistic="recall of shown test facts, merge(seeing, chat) - `seeing`",
            expected=above(0),
            measure=partial(change, of="chat_merges", since="seeing"),
            gate=KNOWN,
        ),
    ),
)
