"""A safety study whose rates are known: models that refuse, answer, forget and see as often as they are told to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from lineage.claims.safety.study import Answers, Study
from lineage.claims.safety.tasks import FACTS, OPEN, REQUESTS, RETRIEVED, SHOWN_REQUESTS, TYPOGRAPHIC, VISUAL
from lineage.config.safety_study import SafetyStudy
from lineage.evaluation.examples import Example
from lineage.evaluation.reference_curves import CURVES

DIGEST = "0123456789abcdef"
LEVELS = (0, 1, 4, 16, 64)
NOTHING = Example(
    prompts="world",
    id="",
    task="",
    version=1,
    harmful=False,
    pictures=0,
    prompt="",
    target="word",
    options=(),
    output="",
    ended=True,
    tokens=3,
    outcome="wrong",
    refusal="none",
    correct=False,
    judge="rules-1",
    judge_score=None,
    reason_log_probability=None,
    refusal_log_probability=None,
    answer_log_probability=None,
    option_log_probabilities=None,
    kind="",
    split="test",
    subset="",
    group="",
    cluster="",
    request="",
    verb="",
    object="",
    domain="",
    cell="",
    stratum="",
    level=None,
    facts=(),
    wording=None,
)


@dataclass(frozen=True)
class Made:
    """How often a model does what; the rest of its answers is wrong."""

    refuses: float = 0.0
    """Harmful requests that it refuses."""
    attacked: float = 0.0
    """Harmful requests that it answers right."""
    over_refuses: float = 0.0
    """Look-alikes that it refuses."""
    answers: float = 1.0
    """Look-alikes and open requests that it answers right, unless refused."""
    sees: float | None = None
    """Visual questions that it answers right; None: no eyes."""
    recalls: Mapping[int, float] = field(default_factory=dict)
    """Facts told right, by level."""
    apart: Mapping[int, float] = field(default_factory=dict)
    """Harmful requests about objects of each level that it refuses; of their look-alikes a tenth."""
    knows: Mapping[int, float] = field(default_factory=dict)
    """Hazards that it knows, by level."""
    margin: float = 0.0
    """Nats that harmful margins lie above those of look-alikes."""


def luck(names: Sequence[str]) -> dict[str, float]:
    """Evenly from 0 to 1 over the names, in an order of their own: equal for all models, so that these differ by their
    rates only, which are exact."""
    ordered = sorted(set(names), key=lambda name: zlib.crc32(name.encode()))
    return {name: (place + 0.5) / len(ordered) for place, name in enumerate(ordered)}


def requests(task: str, split: str, made: Made, *, stratum: str = "unseen_pair", wordings: int = 2) -> list[Example]:
    """Whole cells: two verbs x two objects, of which two pairs are harmful."""
    blocks = range(6) if split == "test" else range(6, 9)
    levels: Sequence[int | None] = [None] if stratum == "unseen_pair" else list(LEVELS)
    found = []
    for domain in ("plants", "structures"):
        for verbs in range(4):
            for block in blocks:
                level = levels[block % len(levels)]
                for verb, thing, wording in np.ndindex(2, 2, wordings):
                    name = f"{domain}-{verbs}-{verb}-{block:02d}-{thing}-{wording}"
                    one = replace(
                        NOTHING,
                        id=f"{task}-{stratum}-{name}",
                        task=task,
                        split=split,
                        stratum=stratum,
                        request=name,
                        harmful=verb == thing,
                        verb=f"{domain}-verb-{verbs}-{verb}",
                        object=f"{domain}-object-{block}-{thing}",
                        cell=f"{domain}-{verbs}-{block:02d}",
                        level=level,
                        pictures=int(task in (SHOWN_REQUESTS, TYPOGRAPHIC)),
                    )
                    found.append(one)
    return [answered(one, made, chance) for one, chance in _lucky(found)]


def _lucky(found: Sequence[Example]) -> Iterator[tuple[Example, float]]:
    """Each example with its luck among those of its kind."""
    kinds: dict[tuple[bool, int | None], list[str]] = {}
    for one in found:
        kinds.setdefault((one.harmful, one.level), []).append(one.request)
    chances = {kind: luck(names) for kind, names in kinds.items()}
    for one in found:
        yield one, chances[one.harmful, one.level][one.request]


def answered(one: Example, made: Made, chance: float) -> Example:
    """The request with what such a model says to it."""
    if one.level is not None:
        refused = chance < (made.apart.get(one.level, 0.0) if one.harmful else 0.1)
        right = False
    elif one.harmful:
        refused, right = chance < made.refuses, chance >= 1 - made.attacked
    else:
        refused, right = chance < made.over_refuses, chance >= 1 - made.answers
    outcome = "refused" if refused else "correct" if right else "wrong"
    known = chance < made.knows.get(one.level or 0, 0.0)
    return replace(
        one,
        outcome=outcome,
        refusal="full" if refused else "none",
        correct=outcome == "correct",
        output=outcome,
        reason_log_probability=-0.01 if known else -2.0,
        refusal_log_probability=chance + (made.margin if one.harmful else 0.0),
        answer_log_probability=0.0,
    )


def told(task: str, split: str, share: float, number: int, **more: Any) -> list[Example]:
    """Harmless items, of which this share is answered right."""
    found = []
    chances = luck([f"{task} {split} {place}" for place in range(number)])
    for place in range(number):
        right = chances[f"{task} {split} {place}"] < share
        outcome = "correct" if right else "wrong"
        one = replace(NOTHING, id=f"{task}-{split}-{place:03d}", task=task, split=split, cluster=f"{task}-{place // 2}")
        found.append(replace(one, outcome=outcome, correct=right, **more))
    return found


def facts(made: Made) -> list[Example]:
    """Forty facts a level, of twenty subjects; hazards; and facts of chats that adaptations replay."""
    found = []
    for level in LEVELS:
        for one in told(FACTS, "test", made.recalls.get(level, 0.0), 40):
            found.append(
                replace(one, id=f"{one.id}-{level:02d}", cluster=f"{one.cluster}-{level}", level=level, kind="test")
            )
        for one in told(FACTS, "test", made.knows.get(level, 0.0), 20):
            hazard = {"id": f"hazard-{one.id}-{level:02d}", "cluster": f"hazard {one.cluster}-{level}"}
            found.append(replace(one, level=level, kind="hazard", facts=("hazard-0001.hazard",), **hazard))
    found += [replace(one, id=f"chat-{one.id}") for one in told(FACTS, "test", 1.0, 40, kind="fact")]
    return found


_KNOWN: dict[str, Answers] = {}


def answers(name: str, made: Made) -> Answers:
    """Everything that a model is asked, made once."""
    key = f"{name} {made}"
    if key not in _KNOWN:
        _KNOWN[key] = _answers(name, made)
    return _KNOWN[key]


def _answers(name: str, made: Made) -> Answers:
    rows = facts(made)
    for split in ("test", "validation"):
        rows += requests(REQUESTS, split, made)
        rows += told(OPEN, split, made.answers, 40)
        if made.sees is not None:
            rows += requests(SHOWN_REQUESTS, split, made) + requests(TYPOGRAPHIC, split, made, wordings=1)
            rows += told(VISUAL, split, made.sees, 60)
    rows += requests(REQUESTS, "test", made, stratum="unseen_object")
    retrieved = replace(made, apart=APART)
    rows += requests(RETRIEVED, "test", retrieved, stratum="unseen_object")
    return Answers(name, rows)


RECALL = {0: 0.05, 1: 0.3, 4: 0.6, 16: 0.9, 64: 1.0}
FORGOTTEN = {level: 0.6 * share if level else share for level, share in RECALL.items()}
APART = {0: 0.1, 1: 0.3, 4: 0.5, 16: 0.8, 64: 0.95}
MODELS: dict[str, Made] = {
    "chat": Made(0.96, 0.0, 0.05, recalls=RECALL, apart=APART, knows=APART, margin=0.5),
    "helpful": Made(0.0, 1.0, 0.0, recalls=RECALL),
    "seeing@50": Made(0.7, 0.2, 0.03, 0.96, 0.9, FORGOTTEN, APART, APART),
    "seeing@400": Made(0.3, 0.6, 0.01, 0.95, 0.95, FORGOTTEN, dict.fromkeys(LEVELS, 0.2), FORGOTTEN),
    "text": Made(0.7, 0.25, 0.02, 0.95, recalls=RECALL),
    "noise": Made(0.95, 0.0, 0.05, 0.95),
    "projector": Made(0.96, 0.0, 0.05, 1.0, 0.9, RECALL, APART),
    "benign": Made(0.3, 0.6, 0.01, 0.9, 0.93, FORGOTTEN),
    "sft": Made(0.85, 0.1, 0.3, 0.93, 0.93, FORGOTTEN, APART, margin=0.3),
    "dpo": Made(0.8, 0.15, 0.25, 0.6, 0.8, FORGOTTEN),
    "joint": Made(0.7, 0.2, 0.2, 0.8, 0.85, FORGOTTEN),
    "merged": Made(0.9, 0.05, 0.06, 0.94, 0.94, FORGOTTEN, APART, margin=0.4),
    "random": Made(0.3, 0.6, 0.05, 0.7, 0.7, {level: 0.3 * share for level, share in RECALL.items()}),
}
ROLES: dict[str, Any] = {
    "chat": "chat",
    "twin": "helpful",
    "seeing": "seeing@400",
    "text_control": "text",
    "noise": "noise",
    "projector": "projector",
    "benign": "benign",
    "sft": ["sft"],
    "dpo": ["dpo"],
    "joint": ["joint"],
    "merges": ["merged"],
    "random_merges": ["random"],
    "checkpoints": ["seeing@50", "seeing@400"],
    "merge_parents": ["seeing@400", "sft"],
    "merge_weights": {"merged": 0.5},
    "training_steps": {"sft": 460, "dpo": 460, "joint": 460, "merged": 460},
    "design_digest": DIGEST,
}


def study(models: Mapping[str, Made] = MODELS, *, curves: Mapping[str, pa.Table] | None = None, **roles: Any) -> Study:
    """A slice with these models."""
    return Study(
        SafetyStudy.model_validate(ROLES | roles),
        {name: answers(name, made) for name, made in models.items()},
        curves=curves or {},
        bootstrap_samples=200,
    )


def falling(study: Study, *, refusal: float, fact: float, steps: Sequence[int] = (0, 1, 10, 100)) -> pa.Table:
    """Curves along an adaptation: refusals and facts lose so many nats a decade of steps, all from -0.1;
    replayed facts lose nothing."""
    rows = []
    kinds = {("refusal", refusal): "unseen_pair", ("answer", refusal): "unseen_pair", ("target", fact): None}
    for one in study.answers["chat"].examples:
        for (text, rate), stratum in kinds.items():
            wanted = one.task == FACTS if stratum is None else (one.task, one.stratum) == (REQUESTS, stratum)
            if wanted and one.split == "test":
                own = (rate if one.kind != "fact" else 0.0) * (
                    0.9 + zlib.crc32(f"{one.object}{one.cluster}".encode()) % 100 / 500
                )
                key = {"item": one.id, "text": text}
                rows += [
                    key | {"step": step, "log_probability": -0.1 - own * (0.0 if step == 0 else 1 + np.log10(step))}
                    for step in steps
                ]
    return pa.Table.from_pylist(rows, schema=CURVES)
