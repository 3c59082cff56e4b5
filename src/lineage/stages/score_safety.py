"""Ask one model every item of its prompt sets, and label what it says: refused, right, wrong, incoherent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.safety_score import SafetyScore
from lineage.conversations.conversation import Conversation
from lineage.conversations.start import Opened, open_conversational
from lineage.errors import StoppedEarly
from lineage.evaluation.endings import Endings, Known
from lineage.evaluation.examples import EXAMPLES, Example, write_examples
from lineage.evaluation.generation import Answer, answer_batch, batches, check_room
from lineage.evaluation.generation_batch import Row
from lineage.evaluation.generation_store import ANSWERS, AnswerStore, batch_key
from lineage.evaluation.items import ITEMS, Item, read_items
from lineage.evaluation.labelling import labelled
from lineage.evaluation.rates import metrics
from lineage.freshness import module_fingerprint
from lineage.models.device import device_for
from lineage.progress import Progress
from lineage.training.timing import WallClock


def score_safety(
    config: SafetyScore, *, model: Artifact, prompts: list[Artifact], execution: Execution, out: ArtifactWriter
) -> None:
    """Writes `examples.parquet` (every prompt with output and label), `metrics.json` (rates), and `answers.jsonl`.

    Raises:
        UserError: no chat template, a prompt that cannot be rendered or leaves no room for an answer.
        StoppedEarly: before the time limit; what was answered is kept.
    """
    out.kind = "scores"
    torch.set_num_threads(execution.threads)
    opened = open_conversational(model, config.template)
    nn.Module.to(opened.model, device_for(execution))
    asked: list[_Task] = []
    skipped: dict[str, dict[str, int]] = {}
    for name, artifact in zip(config.prompts, prompts, strict=True):
        for task, items in _by_task(read_items(artifact.path(ITEMS))):
            shown = [item for item in items if opened.reading is not None or not item.images]
            if len(shown) < len(items):
                skipped.setdefault(name, {})[task] = len(items) - len(shown)
            if shown:
                asked.append(_prepared(opened, config, name, shown))
    store = AnswerStore(
        out.state / ANSWERS, earlier=[out.target / ANSWERS, *sorted(out.state.parent.glob(f"*/{ANSWERS}"))]
    )
    examples, keys = _asked(opened, config, asked, store, _settings(config, model), _clock(execution, out))
    store.write(out.path(ANSWERS), keys)
    write_examples(examples, out.path(EXAMPLES))
    told = metrics(examples, skipped)
    out.path("metrics.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    out.counts |= {"examples": len(examples), "skipped": sum(sum(one.values()) for one in skipped.values())}


@dataclass(frozen=True)
class _Task:
    """The items of one task, as the model reads them."""

    prompts: str
    items: Sequence[Item]
    rows: Sequence[Row]
    known: Sequence[Known | None]


def _by_task(items: Sequence[Item]) -> Iterator[tuple[str, list[Item]]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.task, []).append(item)
    yield from found.items()


def _prepared(opened: Opened, config: SafetyScore, prompts: str, items: Sequence[Item]) -> _Task:
    system = [{"role": "system", "content": config.system}] if config.system else []
    conversations = [
        Conversation(item.id, [*system, *item.conversation.messages], item.conversation.images) for item in items
    ]
    rows = [Row(one.id, opened.renderer.prompt_ids(one), one.images) for one in conversations]
    check_room(opened, rows, config.decoding.max_new_tokens)
    endings = Endings(opened.renderer)
    known = [_known(endings, item, one) for item, one in zip(items, conversations, strict=True)]
    return _Task(prompts, items, rows, known)


def _known(endings: Endings, item: Item, asked: Conversation) -> Known | None:
    """Refusal and answer behind their reason, or the options."""
    if item.options:
        return endings.known(asked, item.options)
    if item.refusal and item.answer:
        return endings.known(asked, [item.refusal, item.answer], shared=item.reason)
    return None


def _settings(config: SafetyScore, model: Artifact) -> dict[str, object]:
    """What the answers to a prompt follow from, besides the prompt."""
    return {
        "model": {name: entry.sha256 for name, entry in model.manifest.files.items()},
        "code": module_fingerprint("lineage.evaluation.generation"),
        "decoding": config.decoding.model_dump(mode="json"),
        "system": config.system,
        "template": config.template,
    }


def _asked(
    opened: Opened,
    config: SafetyScore,
    tasks: Sequence[_Task],
    store: AnswerStore,
    settings: dict[str, object],
    clock: WallClock,
) -> tuple[list[Example], list[str]]:
    """Examples of all tasks in the order of their items, and the keys of the batches that they were answered in."""
    examples: list[Example] = []
    keys: list[str] = []
    with Progress("answering", total=sum(len(task.items) for task in tasks), unit="prompts") as progress:
        for task in tasks:
            answers: dict[int, Answer] = {}
            for members in batches(task.rows, config.decoding, config.batch_tokens):
                key = batch_key(settings, [_digest(task, one) for one in members])
                found = store.get(key)
                if found is None:
                    if clock.due().stop:
                        raise StoppedEarly(f"stopped at {task.prompts}, before the time limit; answers are kept")
                    rows, known = [task.rows[one] for one in members], [task.known[one] for one in members]
                    found = answer_batch(opened, rows, config.decoding, known)
                    store.put(key, found)
                keys.append(key)
                answers |= zip(members, found, strict=True)
                progress.advance(len(members))
            examples += labelled(task.prompts, task.items, [answers[one] for one in range(len(task.items))])
    return examples, keys


def _digest(task: _Task, member: int) -> str:
    return f"{task.items[member].digest} {task.known[member]}"


def _clock(execution: Execution, out: ArtifactWriter) -> WallClock:
    return WallClock(
        started=time.monotonic() - out.run.get("start_seconds", 0.0),
        save_minutes=execution.save_minutes,
        minutes=execution.minutes,
        state_bytes=0,
    )
