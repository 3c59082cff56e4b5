"""First scores of a language model: held-out bits per byte, and closed-book recall of facts by exposure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.score import LanguageScore
from lineage.evaluation.held_out import DocumentBits, HeldOutText
from lineage.evaluation.recall import Probe, Recalled, exposure_bucket, recall
from lineage.evaluation.statistics import ratio_estimate
from lineage.models.decoder import open_decoder, open_tokenizer
from lineage.models.device import device_for
from lineage.world.tables import TEST_ROLE

EXAMPLE_SCHEMA = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("target", pa.string()),
        pa.field("output", pa.string()),
        pa.field("correct", pa.bool_()),
        pa.field("log_probability", pa.float64()),
        pa.field("rank", pa.int32()),
        pa.field("num_candidates", pa.int32()),
        pa.field("role", pa.string()),
        pa.field("exposures", pa.int64()),
        pa.field("bits", pa.float64()),
        pa.field("tokens", pa.int64()),
        pa.field("bytes", pa.int64()),
    ]
)
"""One row an example: task `held_out` has bits, tokens, bytes of a document, task `recall` a probe and its answer."""


def score_language(
    config: LanguageScore,
    *,
    model: Artifact,
    corpus: Artifact,
    world: Artifact | None,
    exposures: Artifact | None,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes `metrics.json` and `examples.parquet`, which holds every document and every probe.

    Raises:
        UserError: nothing held out, or probes that the model's tokenizer cannot separate from their cues.
    """
    out.kind = "scores"
    torch.set_num_threads(execution.threads)
    language_model = open_decoder(model.folder)
    nn.Module.to(language_model, device_for(execution))
    tokenizer = open_tokenizer(model.folder)
    metrics, examples = _held_out(config, language_model, tokenizer, corpus)
    if world is not None:
        recalled, rows = _recall(config, language_model, tokenizer, world, _counts(exposures))
        metrics["recall"] = recalled
        examples += rows
    pq.write_table(pa.Table.from_pylist(examples, schema=EXAMPLE_SCHEMA), out.path("examples.parquet"))
    out.path("metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True) + "\n")
    out.counts |= {"examples": len(examples), "held_out_bits_per_byte": metrics["held_out"]["bits_per_byte"]["value"]}


def _held_out(
    config: LanguageScore, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, corpus: Artifact
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    table = pq.read_table(corpus.path("held_out.parquet"), columns=["id", "text"])
    if config.held_out_documents is not None:
        table = table.slice(0, config.held_out_documents)
    texts = dict(zip(table.column("id").to_pylist(), table.column("text").to_pylist(), strict=True))
    context = min(config.context_tokens, getattr(model.config, "max_position_embeddings", config.context_tokens))
    text = HeldOutText.tokenize(list(texts.items()), tokenizer, context_tokens=context)
    scored = text.score(model, batch_tokens=config.batch_tokens)
    estimate = ratio_estimate(
        [one.bits for one in scored],
        [one.bytes for one in scored],
        [one.id for one in scored],
        samples=config.bootstrap_samples,
        seed=config.seed,
    )
    metrics = {
        "held_out": {
            "bits_per_byte": estimate,
            "unigram_bits_per_byte": text.unigram_bits_per_byte(),
            "documents": len(scored),
            "tokens": sum(one.tokens for one in scored),
            "bytes": sum(one.bytes for one in scored),
            "context_tokens": context,
        }
    }
    return metrics, [_document_row(one, texts[one.id]) for one in scored]


def _document_row(one: DocumentBits, text: str) -> dict[str, Any]:
    return {
        "task": "held_out",
        "id": one.id,
        "prompt": text,
        "bits": one.bits,
        "tokens": one.tokens,
        "bytes": one.bytes,
    }


def _counts(exposures: Artifact | None) -> dict[str, int] | None:
    """{fact: how often training showed it to the model}; None for a model whose training is not known."""
    if exposures is None:
        return None
    table = pq.read_table(exposures.path("exposures.parquet"))
    return dict(zip(table.column("fact").to_pylist(), table.column("count").to_pylist(), strict=True))


def _recall(
    config: LanguageScore,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    world: Artifact,
    counts: dict[str, int] | None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    facts = pq.read_table(world.path("facts.parquet")).to_pylist()
    values = {row["attribute"]: row["values"] for row in pq.read_table(world.path("attributes.parquet")).to_pylist()}
    probes = [Probe(fact["id"], fact["cue"], fact["target"], values[fact["attribute"]]) for fact in facts]
    answers = recall(model, tokenizer, probes, batch_tokens=config.batch_tokens)
    rows = [
        _probe_row(fact, probe, answer, None if counts is None else counts[fact["id"]])
        for fact, probe, answer in zip(facts, probes, answers, strict=True)
    ]
    subjects = {fact["id"]: fact["subject"] for fact in facts}
    levels = sorted({fact["level"] for fact in facts if fact["level"] is not None})
    by_role = {role: _rate(config, [row for row in rows if row["role"] == role], subjects) for role in _roles(rows)}
    metrics: dict[str, Any] = {"by_role": by_role}
    if counts is not None:
        tested = [row for row in rows if row["role"] == TEST_ROLE]
        buckets = [
            (level, [row for row in tested if exposure_bucket(row["exposures"], levels) == level]) for level in levels
        ]
        metrics["by_exposure"] = [
            {"level": level, "mean_exposures": _mean(row["exposures"] for row in bucket)}
            | _rate(config, bucket, subjects)
            for level, bucket in buckets
        ]
    return metrics, rows


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None


def _roles(rows: list[dict[str, Any]]) -> list[str]:
    return sorted({row["role"] for row in rows})


def _probe_row(fact: dict[str, Any], probe: Probe, answer: Recalled, exposures: int | None) -> dict[str, Any]:
    return {
        "task": "recall",
        "id": fact["id"],
        "prompt": probe.cue,
        "target": probe.target,
        "output": answer.output,
        "correct": answer.correct,
        "log_probability": answer.log_probability,
        "rank": answer.rank,
        "num_candidates": len(probe.candidates),
        "role": fact["role"],
        "exposures": exposures,
    }


def _rate(config: LanguageScore, rows: list[dict[str, Any]], subjects: dict[str, str]) -> dict[str, Any]:
    """Share of probes answered, with its interval over subjects, beside chance and the mean log-probability."""
    clusters = [subjects[row["id"]] for row in rows]

    def mean(values: list[float]) -> Any:
        return ratio_estimate(values, [1.0] * len(values), clusters, samples=config.bootstrap_samples, seed=config.seed)

    ranked = [row for row in rows if row["rank"] is not None]
    return {
        "recall": mean([float(row["correct"]) for row in rows]),
        "log_probability": mean([row["log_probability"] for row in rows]),
        "first_of_candidates": sum(row["rank"] == 1 for row in ranked) / len(ranked) if ranked else None,
        "chance": sum(1 / row["num_candidates"] for row in rows) / len(rows) if rows else None,
    }
