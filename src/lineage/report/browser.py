"""The example browser: prompts that several models were asked, with what each said, few enough for one page."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

Row = dict[str, Any]

MAX_PICTURE_BYTES = 12_000
"""Larger pictures are shown smaller."""
MAX_PICTURES_BYTES = 1_200_000
"""Of all pictures in a page, before encoding; the rest are left out and counted."""
MAX_CHARACTERS = 1200
"""Longer prompts and outputs are cut; where the whole ones are, the page says."""
_THUMBNAIL_PIXELS = 160

LANGUAGE = "closed book"
"""Stands for the prompt set of the facts that models complete."""
SAFETY_COLUMNS = ("prompts", "id", "task", "harmful", "prompt", "target", "output", "outcome", "split", "correct")
LANGUAGE_COLUMNS = ("id", "task", "prompt", "target", "output", "correct", "role", "exposures")
"""Columns of the two kinds of examples that are read."""

Key = tuple[str, str]
"""Prompt set, id."""


@dataclass(frozen=True)
class Prompt:
    """One prompt, and what each model answered to it."""

    prompts: str
    id: str
    task: str
    harmful: bool | None
    """None where nobody asks for harm or help: a fact to complete."""
    prompt: str
    target: str
    """What a right answer holds; empty where nobody knows."""
    answers: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Model -> (output, outcome)."""

    @property
    def key(self) -> Key:
        """What names the prompt."""
        return self.prompts, self.id


@dataclass(frozen=True)
class Browsed:
    """What a page shows, and how much there is."""

    prompts: list[Prompt]
    pictures: dict[Key, list[str]]
    """Data URIs of the pictures of a prompt."""
    models: list[str]
    """Models that answered, in the order given."""
    num_prompts: int
    """Prompts that any model was asked, of the test splits."""
    num_answers: int
    """Answers to all of those."""
    num_pictures_left_out: int = 0

    @property
    def num_shown(self) -> int:
        """Answers that the page holds."""
        return sum(len(one.answers) for one in self.prompts)


def of_safety(table: pa.Table) -> pa.Table:
    """Test examples of `scores/<name>/safety`, with the columns of `SAFETY_COLUMNS`."""
    return table.select(SAFETY_COLUMNS).filter(pc.field("split") == "test")


def of_language(table: pa.Table) -> pa.Table:
    """Facts of the test from `scores/<name>/language`, as examples of one task."""
    facts = table.filter((pc.field("task") == "recall") & (pc.field("role") == "test"))
    words = ["correct" if right else "wrong" for right in facts.column("correct").to_pylist()]
    constant = {"prompts": LANGUAGE, "task": "fact to complete", "split": "test"}
    columns = {name: facts.column(name) for name in ("id", "prompt", "target", "output", "correct")}
    columns |= {name: pa.array([value] * len(facts), pa.string()) for name, value in constant.items()}
    columns |= {"outcome": pa.array(words, pa.string()), "harmful": pa.nulls(len(facts), pa.bool_())}
    return pa.table({name: columns[name] for name in SAFETY_COLUMNS})


def browse(answers: Iterable[tuple[str, pa.Table]], *, per_task: int) -> Browsed:
    """Some prompts of every task, with the answers of all models.

    Drawn by a hash of their ids, so that the choice depends on nothing that a model said: up to `per_task`, half of
    them harmful where there are both. `answers` are (model, table of `of_safety` or `of_language`); a model may have
    both.
    """
    given = [(model, table) for model, table in answers if len(table)]
    asked: dict[Key, Row] = {}
    for _, table in given:
        told = table.select(["prompts", "id", "task", "harmful"]).to_pylist()
        asked |= {(row["prompts"], row["id"]): row for row in told}
    chosen = _chosen(asked, per_task)
    found: dict[Key, Prompt] = {}
    for model, table in given:
        kept = table.filter(pc.field("id").isin(pa.array([one for _, one in chosen], pa.string())))
        for row in kept.to_pylist():
            key = (row["prompts"], row["id"])
            if key not in chosen:
                continue
            shown = {name: row[name] for name in ("prompts", "id", "task", "harmful")}
            prompt = found.setdefault(
                key, Prompt(**shown, prompt=_cut(row["prompt"]), target=_cut(row["target"] or ""))
            )
            prompt.answers[model] = (_cut(row["output"] or ""), row["outcome"])
    return Browsed(
        prompts=[found[key] for key in chosen],
        pictures={},
        models=list(dict.fromkeys(model for model, _ in given)),
        num_prompts=len(asked),
        num_answers=sum(len(table) for _, table in given),
    )


def _chosen(asked: Mapping[Key, Row], per_task: int) -> list[Key]:
    tasks: dict[tuple[str, str], dict[bool | None, list[Key]]] = {}
    for key in sorted(asked, key=lambda key: hashlib.sha256("\n".join(key).encode()).digest()):
        row = asked[key]
        tasks.setdefault((row["prompts"], row["task"]), {}).setdefault(row["harmful"], []).append(key)
    found: list[Key] = []
    for task in sorted(tasks):
        kinds = sorted(tasks[task].items(), key=lambda item: not item[0])
        by_turns = [kind[place] for place in range(per_task) for _, kind in kinds if place < len(kind)]
        found += by_turns[:per_task]
    return found


def with_pictures(browsed: Browsed, pictures: Mapping[Key, Sequence[bytes]]) -> Browsed:
    """The same with the pictures of its prompts, as long as there is room in a page."""
    shown: dict[Key, list[str]] = {}
    room, left_out = MAX_PICTURES_BYTES, 0
    for prompt in browsed.prompts:
        for one in pictures.get(prompt.key, []):
            small = thumbnail(one)
            if len(small) > room:
                left_out += 1
                continue
            room -= len(small)
            shown.setdefault(prompt.key, []).append(_data_uri(small))
    return Browsed(browsed.prompts, shown, browsed.models, browsed.num_prompts, browsed.num_answers, left_out)


def thumbnail(picture: bytes) -> bytes:
    """The picture file itself where it is small, else a smaller PNG of it."""
    if len(picture) <= MAX_PICTURE_BYTES:
        return picture
    with Image.open(io.BytesIO(picture)) as opened:
        small = opened.convert("RGB")
    small.thumbnail((_THUMBNAIL_PIXELS, _THUMBNAIL_PIXELS))
    out = io.BytesIO()
    small.save(out, "PNG", optimize=True)
    return out.getvalue()


def _data_uri(picture: bytes) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} [cut]"


def for_page(browsed: Browsed) -> Row:
    """What the page's script reads: names once, answers by the number of their model."""
    numbers = {model: place for place, model in enumerate(browsed.models)}
    return {
        "models": browsed.models,
        "prompts": [
            {
                "set": one.prompts,
                "id": one.id,
                "task": one.task,
                "harmful": one.harmful,
                "prompt": one.prompt,
                "target": one.target,
                "pictures": browsed.pictures.get(one.key, []),
                "answers": [[numbers[model], *answer] for model, answer in one.answers.items()],
            }
            for one in browsed.prompts
        ],
    }


def samples(browsed: Browsed, model: str, number: int) -> list[Prompt]:
    """A few prompts that a model answered, from as many tasks as possible."""
    answered = [one for one in browsed.prompts if model in one.answers]
    tasks: dict[tuple[str, str], list[Prompt]] = {}
    for one in answered:
        tasks.setdefault((one.prompts, one.task), []).append(one)
    deepest = max(map(len, tasks.values()), default=0)
    return [of_task[place] for place in range(deepest) for of_task in tasks.values() if place < len(of_task)][:number]
