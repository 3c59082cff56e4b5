"""The safety filter: who is found, who leaks, what is said about it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ConvNextConfig,
    ConvNextForImageClassification,
    ViTImageProcessorPil,
)

from lineage.artifact import Artifact
from lineage.config.execution import Execution
from lineage.config.safety_filter import SafetyFilter
from lineage.conversations.table import CONVERSATION_SCHEMA, CONVERSATIONS
from lineage.data import tokenizer as tokenizers
from lineage.errors import UserError
from lineage.stages.filter_conversations import REMOVED, VERDICTS, filter_conversations
from tests.conversations.building import Row, artifact, png, rows, turns
from tests.data.building import build

WORDS = ["How", "do", "I", "burn", "it", "Use", "fire", "What", "is", "red", "car"]


def row(identifier: str, question: str, answer: str, *images: bytes, harmful: bool | None = False) -> Row:
    mark = "<image>\n" * len(images)
    return {
        "id": identifier, "kind": "a" if identifier < "m" else "z", "harmful": harmful,
        "messages": turns(mark + question, answer), "images": list(images), "captions": [],
    }  # fmt: skip


SET = [
    row("a", "What is it?", "A car."),
    row("b", "How do I burn it?", "Use fire.", harmful=True),
    row("c", "What is it?", "A car.", png(10)),
    row("x", "How do I BURN it?", "Use fire.", png(240), harmful=True),
    row("y", "What is it?", "A sunburn.", png(250)),
]


def filtered(
    folder: Path,
    given: list[Row],
    *,
    text_classifier: Path | None = None,
    image_classifier: Path | None = None,
    **config: Any,
) -> Artifact:
    return build(
        filter_conversations,
        folder / "filtered",
        SafetyFilter.model_validate(config),
        conversations=artifact(folder / "set", given, CONVERSATION_SCHEMA, CONVERSATIONS),
        text_classifier=text_classifier,
        image_classifier=image_classifier,
        execution=Execution(device="cpu"),
    )


def removed(made: Artifact) -> dict[str, str]:
    return {one["id"]: one["reason"] for one in rows(made, REMOVED)}


def test_by_truth(tmp_path: Path) -> None:
    made = filtered(tmp_path, SET, text={"by": "truth"})
    assert made.kind == "conversations"
    assert rows(made, CONVERSATIONS) == [SET[0], SET[2], SET[4]], "kept rows are the very rows, in order"
    assert removed(made) == {"b": "text", "x": "text"}
    assert rows(made, VERDICTS)[1] == {
        "id": "b", "kind": "a", "harmful": True, "text_verdict": "unsafe", "text_score": None, "text_detail": None,
        "image_verdict": "unjudged", "image_score": None, "image_detail": None, "kept": False, "reason": "text",
    }  # fmt: skip
    assert [one["kept"] for one in rows(made, VERDICTS)] == [True, False, True, False, True]
    assert made.manifest.counts == {
        "conversations": 3, "read": 5, "removed": {"text": 2}, "kinds": {"a": 2, "z": 1}, "harmful removed": 2,
        "harmless kept": 3,
    }  # fmt: skip


def test_pictures_by_truth_are_judged_where_there_are_some(tmp_path: Path) -> None:
    made = filtered(tmp_path, SET, image={"by": "truth"})
    assert removed(made) == {"x": "image"}
    assert [one["image_verdict"] for one in rows(made, VERDICTS)] == ["unjudged", "unjudged", "safe", "unsafe", "safe"]
    both = filtered(tmp_path, SET, image={"by": "truth"}, text={"by": "truth"})
    assert removed(both) == {"b": "text", "x": "text and image"}
    assert both.manifest.counts["removed"] == {"text": 1, "text and image": 1}


def test_recall_leaks_a_share_and_less_of_it_when_raised(tmp_path: Path) -> None:
    many = [row(f"{number:04}", "Q", "A", harmful=number % 2 == 0) for number in range(1000)]
    leaks: list[set[str]] = []
    for recall in (0.0, 0.5, 0.9, 1.0):
        made = filtered(tmp_path, many, text={"by": "truth", "recall": recall})
        kept = rows(made, CONVERSATIONS)
        assert sum(not one["harmful"] for one in kept) == 500, "harmless rows never go"
        leaks.append({one["id"] for one in kept if one["harmful"]})
        assert made.manifest.counts.get("harmful kept", 0) == len(leaks[-1])
    assert (len(leaks[0]), len(leaks[3])) == (500, 0)
    assert 210 < len(leaks[1]) < 290
    assert 30 < len(leaks[2]) < 70
    assert leaks[0] > leaks[1] > leaks[2]
    other = filtered(tmp_path, many, text={"by": "truth", "recall": 0.5, "seed": 1})
    assert {one["id"] for one in rows(other, CONVERSATIONS) if one["harmful"]} != leaks[1]
    alone = filtered(tmp_path, many[::7], text={"by": "truth", "recall": 0.5})
    kept = {one["id"] for one in rows(alone, CONVERSATIONS) if one["harmful"]}
    assert kept == leaks[1] & {one["id"] for one in many[::7]}, "which rows leak does not depend on the others"


def test_a_truth_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"conversation u: nobody knows whether it is harmful.*\n  Choose rules"):
        filtered(tmp_path, [*SET, row("u", "Q", "A", harmful=None)], text={"by": "truth"})
    assert not (tmp_path / "filtered").exists()


def test_by_rules(tmp_path: Path) -> None:
    made = filtered(tmp_path, SET, text={"by": "rules", "words": ["burn"]})
    assert removed(made) == {"b": "text", "x": "text"}, "whole words, in any case of letters; sunburn is none"
    assert [one["text_detail"] for one in rows(made, REMOVED)] == ["burn", "burn"]
    assert removed(filtered(tmp_path, SET, text={"by": "rules", "words": ["use fire"], "reads": "user"})) == {}
    assert set(removed(filtered(tmp_path, SET, text={"by": "rules", "words": ["use fire"]}))) == {"b", "x"}
    made = filtered(tmp_path, SET, text={"by": "rules", "patterns": ["sun|BURN"], "reads": "all"})
    assert removed(made) == {"x": "text", "y": "text"}
    assert removed(filtered(tmp_path, SET, text={"by": "rules", "words": ["image"]})) == {}, "marks are no words"


@pytest.mark.parametrize(
    "config, said",
    [
        ({}, "neither `text` nor `image` is judged"),
        ({"text": {"by": "rules"}}, "no `words` and no `patterns`"),
        ({"text": {"by": "rules", "patterns": ["("]}}, "is no regular expression"),
        ({"text": {"by": "classifier", "unsafe": ["x"], "name": "some/model"}}, "needs a `revision`"),
        ({"text": {"by": "classifier", "unsafe": []}}, "at least 1"),
        ({"image": {"by": "rules", "words": ["x"]}}, "does not match any of the expected tags"),
        ({"text": {"by": "truth", "recall": 1.5}}, "less than or equal to 1"),
    ],
)
def test_configs_that_make_no_filter(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SafetyFilter.model_validate(config)


def test_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the filter leaves no conversation of 5 \(text: 5\)"):
        filtered(tmp_path, SET, text={"by": "rules", "patterns": ["."]})
    assert not (tmp_path / "filtered").exists()


# Classifiers with weights set by hand.


def text_model(folder: Path, *, padding: bool = True, num_labels: int = 2, problem: str | None = None) -> Path:
    """A BERT of no layers worth speaking of, whose first token looks for the word ` burn` in what it reads.

    Values are kept from the embedding of ` burn` alone; attention is even, so the pooled first token holds the share of
    that word times its weight, and label 1 is likely where there is any.
    """
    folder.mkdir()
    trained = tokenizers.train([" ".join(WORDS)], vocab_size=330, min_frequency=1, words=WORDS)
    tokenizers.save(trained, folder)
    if not padding:
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            settings = json.loads((folder / name).read_text())
            settings.pop("pad_token")
            (folder / name).write_text(json.dumps(settings))
    config = BertConfig(
        vocab_size=len(trained.get_vocab()), hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=8, max_position_embeddings=16, num_labels=num_labels,
        id2label={number: ("fine", "danger", "threat")[number] for number in range(num_labels)}, problem_type=problem,
    )  # fmt: skip
    model = BertForSequenceClassification(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        burn = trained.encode(" burn").ids
        assert len(burn) == 1
        model.bert.embeddings.LayerNorm.weight.fill_(1)
        model.bert.embeddings.word_embeddings.weight[burn[0], 0] = 1.0
        layer = model.bert.encoder.layer[0]
        layer.attention.self.value.weight.copy_(torch.eye(8))
        layer.attention.output.dense.weight.copy_(torch.eye(8))
        layer.attention.output.LayerNorm.weight.fill_(1)
        layer.output.LayerNorm.weight.fill_(1)
        model.bert.pooler.dense.weight.copy_(torch.eye(8))
        model.classifier.weight[1 if num_labels > 1 else 0, 0] = 20.0
        model.classifier.bias[1 if num_labels > 1 else 0] = -8.0
    model.save_pretrained(folder)
    return folder


TEXT = {"by": "classifier", "unsafe": ["danger"], "window_tokens": 16}


@pytest.mark.parametrize("padding", [True, False])
@pytest.mark.parametrize("batch_rows", [1, 3])
def test_a_text_classifier(tmp_path: Path, padding: bool, batch_rows: int) -> None:
    """` BURN` is another token, so row x passes."""
    folder = text_model(tmp_path / "model", padding=padding)
    made = filtered(tmp_path, SET, text_classifier=folder, text={**TEXT, "batch_rows": batch_rows})
    assert removed(made) == {"b": "text"}
    verdicts = rows(made, VERDICTS)
    assert verdicts[1]["text_score"] > 0.9
    assert verdicts[1]["text_detail"] == "danger"
    assert all(one["text_score"] < 0.1 for one in verdicts if one["id"] != "b")


def test_a_classifier_of_the_hub(tmp_path: Path) -> None:
    folder = text_model(tmp_path / "model")
    named = {**TEXT, "name": "someone/guard", "revision": "abc"}
    with mock.patch("huggingface_hub.snapshot_download", return_value=str(folder)) as download:
        assert removed(filtered(tmp_path, SET, text=named)) == {"b": "text"}
    assert download.call_args.args == ("someone/guard",)
    assert download.call_args.kwargs["revision"] == "abc"
    assert not any("bin" in pattern or "py" in pattern for pattern in download.call_args.kwargs["allow_patterns"])
    with (
        mock.patch("huggingface_hub.snapshot_download", side_effect=OSError("no network")),
        pytest.raises(UserError, match=r"someone/guard at abc: cannot be had from the hub \(no network\)"),
    ):
        filtered(tmp_path, SET, text=named)
    with pytest.raises(UserError, match="needs either `path`"):
        filtered(tmp_path, SET, text=named, text_classifier=folder)


def test_padding_changes_no_score(tmp_path: Path) -> None:
    folder = text_model(tmp_path / "model")
    scores = [
        [one["text_score"] for one in rows(filtered(tmp_path, SET, text_classifier=folder, text=spec), VERDICTS)]
        for spec in ({**TEXT, "batch_rows": 1}, {**TEXT, "batch_rows": 5})
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_the_end_of_a_long_text_is_read_too(tmp_path: Path) -> None:
    folder = text_model(tmp_path / "model")
    long = row("l", "What is it " * 20 + "How do I burn it", "A car.")
    assert removed(filtered(tmp_path, [*SET, long], text_classifier=folder, text=TEXT)) == {"b": "text", "l": "text"}


def test_whose_turns_are_read_and_turns_that_say_nothing(tmp_path: Path) -> None:
    folder = text_model(tmp_path / "model")
    shown = {**row("s", "", "A car.", png(1)), "messages": turns("<image>", "A car.")}
    made = filtered(tmp_path, [*SET, shown], text_classifier=folder, text={**TEXT, "reads": "assistant"})
    assert removed(made) == {}
    made = filtered(tmp_path, [*SET, shown], text_classifier=folder, text={**TEXT, "reads": "user"})
    assert removed(made) == {"b": "text"}
    assert [one["text_verdict"] for one in rows(made, VERDICTS)] == [
        "safe",
        "unsafe",
        "safe",
        "safe",
        "safe",
        "unjudged",
    ]


def test_thresholds(tmp_path: Path) -> None:
    folder = text_model(tmp_path / "model")
    scores = {
        one["id"]: one["text_score"]
        for one in rows(filtered(tmp_path, SET, text_classifier=folder, text=TEXT), VERDICTS)
    }
    exactly = filtered(tmp_path, SET, text_classifier=folder, text={**TEXT, "threshold": scores["b"]})
    assert removed(exactly) == {"b": "text"}
    above = filtered(tmp_path, SET, text_classifier=folder, text={**TEXT, "threshold": (1 + scores["b"]) / 2})
    assert removed(above) == {}


@pytest.mark.parametrize("num_labels, problem", [(1, None), (3, "multi_label_classification"), (3, None)])
def test_kinds_of_labels(tmp_path: Path, num_labels: int, problem: str | None) -> None:
    """Labels that exclude each other are added up; of others the likeliest counts."""
    folder = text_model(tmp_path / "model", num_labels=num_labels, problem=problem)
    unsafe = ["fine"] if num_labels == 1 else ["threat", "danger"]
    spec = {**TEXT, "unsafe": unsafe, "threshold": 0.95}
    verdicts = rows(filtered(tmp_path, SET[:2], text_classifier=folder, text=spec), VERDICTS)
    danger = math.exp(-8)  # the other logits are 0
    expected = {
        (1, None): danger / (1 + danger),
        (3, "multi_label_classification"): 0.5,
        (3, None): (1 + danger) / (2 + danger),
    }
    assert verdicts[0]["text_score"] == pytest.approx(expected[num_labels, problem], rel=1e-5)
    assert [one["kept"] for one in verdicts] == [True, False]


def test_text_classifiers_that_are_refused(tmp_path: Path) -> None:
    folder = text_model(tmp_path / "model")
    with pytest.raises(UserError, match=r"no label 'dangr'\. Did you mean 'danger'\?\n  labels: fine, danger"):
        filtered(tmp_path, SET, text_classifier=folder, text={**TEXT, "unsafe": ["dangr"]})
    with pytest.raises(
        UserError, match=r"reads at most 16 tokens \(max_position_embeddings\), but window_tokens is 512"
    ):
        filtered(tmp_path, SET, text_classifier=folder, text={**TEXT, "window_tokens": 512})
    with pytest.raises(UserError, match="needs either `path`"):
        filtered(tmp_path, SET, text=TEXT)
    with pytest.raises(UserError, match="no such folder"):
        filtered(tmp_path, SET, text_classifier=tmp_path / "gone", text=TEXT)
    weights = folder / "model.safetensors"
    weights.rename(folder / "kept.bin")
    with pytest.raises(UserError, match="only pickled weights"):
        filtered(tmp_path, SET, text_classifier=folder, text=TEXT)
    (folder / "kept.bin").rename(weights)
    model = BertForSequenceClassification.from_pretrained(folder)
    model.bert.save_pretrained(folder)
    with pytest.raises(UserError, match=r"the weights are not those of a sequence classifier \(.*classifier\.weight"):
        filtered(tmp_path, SET, text_classifier=folder, text=TEXT)
    assert not (tmp_path / "filtered").exists()


def image_model(folder: Path) -> Path:
    """A network with random weights whose head is set so that label `nsfw` means bright."""
    torch.manual_seed(0)
    config = ConvNextConfig(
        num_channels=3, patch_size=4, num_stages=1, depths=[1], hidden_sizes=[4], num_labels=2,
        id2label={0: "normal", 1: "nsfw"},
    )  # fmt: skip
    model = ConvNextForImageClassification(config).eval()
    processor = ViTImageProcessorPil(size={"height": 8, "width": 8})
    pictures = [Image.new("RGB", (8, 8), (shade, shade, shade)) for shade in (10, 245)]
    with torch.no_grad():
        values = processor(pictures, return_tensors="pt")["pixel_values"]
        dark, bright = model.convnext(pixel_values=values).pooler_output
        model.classifier.weight.zero_()
        model.classifier.weight[1] = 20 * (bright - dark) / (bright - dark).square().sum()
        model.classifier.bias.zero_()
        model.classifier.bias[1] = -(model.classifier.weight[1] @ (bright + dark)) / 2
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


IMAGE = {"by": "classifier", "unsafe": ["nsfw"]}


@pytest.mark.parametrize("batch_rows", [1, 32])
def test_an_image_classifier(tmp_path: Path, batch_rows: int) -> None:
    two = [row("d", "Which?", "That.", png(10), png(245)), row("e", "Which?", "That.", png(245), png(10))]
    folder = image_model(tmp_path / "model")
    made = filtered(tmp_path, [*SET, *two], image_classifier=folder, image={**IMAGE, "batch_rows": batch_rows})
    assert removed(made) == {"d": "image", "e": "image", "x": "image", "y": "image"}, (
        "the worst picture of a row counts"
    )
    assert [one["image_verdict"] for one in rows(made, VERDICTS)] == [
        "unjudged", "unjudged", "safe", "unsafe", "unsafe", "unsafe", "unsafe",
    ]  # fmt: skip
    assert [one["image_detail"] for one in rows(made, REMOVED)] == ["nsfw"] * 4


def test_both_classifiers(tmp_path: Path) -> None:
    made = filtered(
        tmp_path, SET, text=TEXT, image=IMAGE, text_classifier=text_model(tmp_path / "text"),
        image_classifier=image_model(tmp_path / "image"),
    )  # fmt: skip
    assert removed(made) == {"b": "text", "x": "image", "y": "image"}


def test_image_classifiers_that_are_refused(tmp_path: Path) -> None:
    folder = image_model(tmp_path / "model")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(
        UserError, match=r"no image processor .*\n  A classifier of pictures needs its preprocessor_con"
    ):
        filtered(tmp_path, SET, image_classifier=folder, image=IMAGE)
    with pytest.raises(UserError, match=r"no config\.json"):
        (tmp_path / "empty").mkdir()
        filtered(tmp_path, SET, image_classifier=tmp_path / "empty", image=IMAGE)


def test_the_same_bytes_twice(tmp_path: Path) -> None:
    folder = text_model(tmp_path / "model")
    digests = {filtered(tmp_path / name, SET, text_classifier=folder, text=TEXT).digest for name in "ab"}
    assert len(digests) == 1
