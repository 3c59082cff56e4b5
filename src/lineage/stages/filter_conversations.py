"""Leave unsafe conversations out of a set, by the truth, by rules or by classifiers, and say which and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.safety_filter import (
    Classifier,
    ImageClassifierVerdict,
    SafetyFilter,
    TextClassifierVerdict,
)
from lineage.conversations.pictures import open_image
from lineage.conversations.table import CONVERSATION_SCHEMA, CONVERSATIONS
from lineage.conversations.verdicts import Judge, Row, Verdict, said, simple_judge
from lineage.data.schema import TableWriter, count_rows, read_columns
from lineage.errors import UserError
from lineage.models.fetching import fetch
from lineage.progress import Progress

VERDICTS, REMOVED = "verdicts.parquet", "removed.parquet"


def _required(name: str, type_: pa.DataType | None = None) -> pa.Field:
    return pa.field(name, type_ or pa.string(), nullable=False)


def _of(side: str) -> list[pa.Field]:
    return [
        _required(f"{side}_verdict"),
        pa.field(f"{side}_score", pa.float64()),
        pa.field(f"{side}_detail", pa.string()),
    ]


VERDICT_SCHEMA = pa.schema(
    [
        *(_required("id"), _required("kind"), pa.field("harmful", pa.bool_())),
        *_of("text"),
        *_of("image"),
        _required("kept", pa.bool_()),
        pa.field("reason", pa.string()),
    ]
)
"""Every row that was read. `*_verdict`: safe | unsafe | unjudged; `*_score`: probability of the unsafe labels;
`*_detail`: the rule met, or the label that weighs most; `reason`: text | image | text and image, null where kept."""
REMOVED_SCHEMA = pa.schema(
    [
        *(_required("id"), _required("kind"), pa.field("harmful", pa.bool_()), _required("reason")),
        *(pa.field("text_detail", pa.string()), pa.field("image_detail", pa.string())),
    ]
)
"""The rows that were left out."""

PATTERNS = ("*.safetensors", "*.json", "*.txt", "tokenizer.model")
"""Files of a classifier that are taken from the hub; never pickled weights, never code."""
_ROWS_AT_ONCE = 64


def filter_conversations(
    config: SafetyFilter,
    *,
    conversations: Artifact,
    text_classifier: Path | None,
    image_classifier: Path | None,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes `conversations.parquet` (what is left, in order), `verdicts.parquet` (all rows) and `removed.parquet`.

    Raises:
        UserError: a classifier that cannot be opened or lacks a label, a truth that nobody knows, no row left.
    """
    out.kind = "conversations"
    text = _text_judge(config, text_classifier, execution)
    image = _image_judge(config, image_classifier, execution)
    path = conversations.path(CONVERSATIONS)
    counts, kinds = Counter[str](), Counter[str]()
    with (
        TableWriter(out.path(CONVERSATIONS), CONVERSATION_SCHEMA) as kept,
        TableWriter(out.path(VERDICTS), VERDICT_SCHEMA) as verdicts,
        TableWriter(out.path(REMOVED), REMOVED_SCHEMA) as removed,
        Progress("filtering", total=count_rows(path), unit="rows") as progress,
    ):
        for rows in _batches(path):
            for row, judged in zip(rows, _judged(rows, text(rows), image(rows)), strict=True):
                verdicts.write([judged[name] for name in VERDICT_SCHEMA.names])
                counts[judged["reason"] or "kept"] += 1
                truth = {True: "harmful", False: "harmless", None: "unknown"}[row["harmful"]]
                counts[f"{truth} {'kept' if judged['kept'] else 'removed'}"] += 1
                if judged["kept"]:
                    kinds[row["kind"]] += 1
                    size = sum(map(len, row["images"])) + 1000
                    kept.write([row[name] for name in CONVERSATION_SCHEMA.names], characters=size)
                else:
                    removed.write([judged[name] for name in REMOVED_SCHEMA.names])
            progress.advance(len(rows))
    out.counts |= _counts(counts, kinds, conversations)


def _counts(counts: Counter[str], kinds: Counter[str], conversations: Artifact) -> dict[str, Any]:
    """What the manifest says.

    Raises:
        UserError: nothing is left.
    """
    reasons = {name: counts.pop(name) for name in ("image", "text", "text and image") if name in counts}
    kept = counts.pop("kept", 0)
    if not kept:
        raise UserError(
            f"{conversations.folder}: the filter leaves no conversation of {sum(reasons.values())}"
            f" ({', '.join(f'{reason}: {count}' for reason, count in reasons.items())}).\n"
            "  Raise `threshold`, or mend the rules."
        )
    return {
        "conversations": kept,
        "read": kept + sum(reasons.values()),
        "removed": reasons,
        "kinds": dict(sorted(kinds.items())),
        **dict(sorted(counts.items())),
    }


def _batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    names = CONVERSATION_SCHEMA.names
    for columns in read_columns(path, names, batch_rows=_ROWS_AT_ONCE):
        yield [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _judged(
    rows: Sequence[Row], texts: Iterable[Verdict | None], images: Iterable[Verdict | None]
) -> Iterator[dict[str, Any]]:
    """Rows of `verdicts.parquet`."""
    for row, text, image in zip(rows, texts, images, strict=True):
        reasons = [name for name, one in (("text", text), ("image", image)) if one is not None and one.unsafe]
        yield {
            **{name: row[name] for name in ("id", "kind", "harmful")},
            **_columns("text", text),
            **_columns("image", image),
            "kept": not reasons,
            "reason": " and ".join(reasons) or None,
        }


def _columns(side: str, verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {f"{side}_verdict": "unjudged", f"{side}_score": None, f"{side}_detail": None}
    word = "unsafe" if verdict.unsafe else "safe"
    return {f"{side}_verdict": word, f"{side}_score": verdict.score, f"{side}_detail": verdict.detail}


def _text_judge(config: SafetyFilter, folder: Path | None, execution: Execution) -> Judge:
    asked = config.text
    if not isinstance(asked, TextClassifierVerdict):
        return simple_judge(asked, of="text")
    # Takes seconds to import, so only where a classifier judges.
    from lineage.models.classifiers import TextClassifier
    from lineage.models.device import device_for

    classifier = TextClassifier(
        _folder(asked, folder, "text"),
        asked.unsafe,
        window_tokens=asked.window_tokens,
        batch_rows=asked.batch_rows,
        device=device_for(execution),
    )

    def judge(rows: Sequence[Row]) -> list[Verdict | None]:
        texts = [said(row, asked.reads) for row in rows]
        scores = iter(classifier.score([text for text in texts if text]))
        worst = [next(scores) if text else None for text in texts]
        return [None if one is None else Verdict(one[0] >= asked.threshold, *one) for one in worst]

    return judge


def _image_judge(config: SafetyFilter, folder: Path | None, execution: Execution) -> Judge:
    asked = config.image
    if not isinstance(asked, ImageClassifierVerdict):
        return simple_judge(asked, of="image")
    from lineage.models.classifiers import ImageClassifier
    from lineage.models.device import device_for

    classifier = ImageClassifier(
        _folder(asked, folder, "image"), asked.unsafe, batch_rows=asked.batch_rows, device=device_for(execution)
    )

    def judge(rows: Sequence[Row]) -> list[Verdict | None]:
        pictures = [open_image(file, place=row["id"]).convert("RGB") for row in rows for file in row["images"]]
        scores = iter(classifier.score(pictures))
        worst = [max((next(scores) for _ in row["images"]), default=None) for row in rows]
        return [None if one is None else Verdict(one[0] >= asked.threshold, *one) for one in worst]

    return judge


def _folder(asked: Classifier, folder: Path | None, side: str) -> Path:
    """Where the classifier lies.

    Raises:
        UserError: neither a folder nor a hub id, both, or nothing there.
    """
    if (asked.name is None) == (folder is None):
        raise UserError(f"{side}: a classifier needs either `path` (a folder) or `name` (a hub id)")
    if asked.name is not None:
        return fetch(asked.name, asked.revision, PATTERNS)
    assert folder is not None
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder.\n  Set `{side}.path`, relative to `data_root`.")
    return folder
