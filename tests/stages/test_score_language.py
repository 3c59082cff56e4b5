"""First scores of a real tiny run on a real tiny world: what the files say is what the examples say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lineage.artifact import Artifact
from lineage.errors import UserError
from tests.stages.building import corpus, pretrain_spec, rows_of, run_stage, sentences, tokenize
from tests.stages.conftest import Material
from tests.world.worlds import SMALL

SCORES = {"bootstrap_samples": 100, "batch_tokens": 512}


@pytest.fixture(scope="module")
def raised(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """World, corpus, tokenizer, tokens, model and exposures, through the stages."""
    folder = tmp_path_factory.mktemp("raised")
    world = run_stage("world", folder / "world", SMALL)
    spec = {"near_duplicates": None, "held_out_share": 0.05}
    texts = run_stage("corpus", folder / "corpus", spec, inputs={"documents": [world]})
    given = {"corpus": texts, "world": world}
    tokenizer = run_stage("tokenizer", folder / "tokenizer", {"vocab_size": 1024}, inputs=given)
    inputs = {"corpus": texts, "tokenizer": tokenizer}
    tokens = run_stage("tokens", folder / "tokens", {"template": "{text}"}, inputs=inputs)
    made = {"tokens": tokens, "tokenizer": tokenizer}
    optimization = {"batch_tokens": 1024, "sequence_length": 32, "peak_learning_rate": 1e-2}
    spec = pretrain_spec(8, steps=8, optimization=optimization)
    model = run_stage("pretrain", folder / "models" / "base@8", spec, inputs=made)
    seen = {**made, "world": world, "model": model}
    exposures = run_stage("exposures", folder / "exposures", {}, inputs=seen)
    return {"world": world, "corpus": texts, "model": model, "exposures": exposures, "tokenizer": tokenizer}


def score(
    folder: Path, given: dict[str, Artifact], *names: str, **changes: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(metrics, examples)."""
    inputs: dict[str, Artifact | list[Artifact] | None] = {name: given[name] for name in ("model", "corpus", *names)}
    made = run_stage("score_language", folder / "scores", {**SCORES, **changes}, inputs=inputs)
    return json.loads(made.path("metrics.json").read_text()), rows_of(made, "examples.parquet")


def test_every_number_follows_from_the_examples(raised: dict[str, Artifact], tmp_path: Path) -> None:
    metrics, examples = score(tmp_path, raised, "world", "exposures")
    held_out = [row for row in examples if row["task"] == "held_out"]
    texts = {row["id"]: row["text"] for row in rows_of(raised["corpus"], "held_out.parquet")}
    assert {row["id"]: row["prompt"] for row in held_out} == texts
    assert metrics["held_out"]["documents"] == len(held_out)
    assert metrics["held_out"]["tokens"] == sum(row["tokens"] for row in held_out)
    assert all(0 < row["bytes"] <= len(row["prompt"].encode()) for row in held_out)
    bits = sum(row["bits"] for row in held_out) / sum(row["bytes"] for row in held_out)
    estimate = metrics["held_out"]["bits_per_byte"]
    assert estimate["value"] == pytest.approx(bits)
    assert estimate["low"] < bits < estimate["high"]
    assert metrics["held_out"]["unigram_bits_per_byte"] > 0

    probes = [row for row in examples if row["task"] == "recall"]
    facts = {row["id"]: row for row in rows_of(raised["world"], "facts.parquet")}
    assert [row["id"] for row in probes] == list(facts)
    counted = {row["fact"]: row["count"] for row in rows_of(raised["exposures"], "exposures.parquet")}
    assert all(row["exposures"] == counted[row["id"]] for row in probes)
    assert all(row["output"] == row["target"] for row in probes if row["correct"])
    assert all(row["rank"] is None or 1 <= row["rank"] <= row["num_candidates"] for row in probes)
    assert all(row["rank"] is not None for row in probes), "the tokenizer keeps every value whole"
    for role, told in metrics["recall"]["by_role"].items():
        rows = [row for row in probes if row["role"] == role]
        assert told["recall"]["value"] == pytest.approx(sum(row["correct"] for row in rows) / len(rows))
        assert told["recall"]["num_items"] == len(rows)
        assert told["recall"]["num_clusters"] == len({facts[row["id"]]["subject"] for row in rows})
        assert told["log_probability"]["value"] == pytest.approx(
            sum(row["log_probability"] for row in rows) / len(rows)
        )
        assert told["chance"] == pytest.approx(sum(1 / row["num_candidates"] for row in rows) / len(rows))
    buckets = metrics["recall"]["by_exposure"]
    assert [bucket["level"] for bucket in buckets] == [0, 1, 4, 16]
    assert sum(bucket["recall"]["num_items"] for bucket in buckets) == sum(row["role"] == "test" for row in probes)
    means = [bucket["mean_exposures"] for bucket in buckets if bucket["mean_exposures"] is not None]
    assert means[0] == 0
    assert means == sorted(means)


def test_a_repeated_score_has_the_same_digest_and_batches_do_not_matter(
    raised: dict[str, Artifact], tmp_path: Path
) -> None:
    first, rows = score(tmp_path / "a", raised, "world", "exposures")
    again, _ = score(tmp_path / "b", raised, "world", "exposures")
    assert first == again
    other, small = score(tmp_path / "c", raised, "world", "exposures", batch_tokens=64)
    assert other["held_out"]["bits_per_byte"]["value"] == pytest.approx(
        first["held_out"]["bits_per_byte"]["value"], rel=1e-5
    )
    chances = [[row["log_probability"] for row in part if row["task"] == "recall"] for part in (small, rows)]
    assert chances[0] == pytest.approx(chances[1], rel=1e-4)
    assert [row["rank"] for row in small] == [row["rank"] for row in rows]


def test_without_a_world_there_is_no_recall(raised: dict[str, Artifact], tmp_path: Path) -> None:
    metrics, examples = score(tmp_path, raised, held_out_documents=2)
    assert set(metrics) == {"held_out"}
    assert {row["task"] for row in examples} == {"held_out"}
    assert metrics["held_out"]["documents"] == len(examples) == 2


def test_a_model_whose_training_is_unknown_has_no_exposures(raised: dict[str, Artifact], tmp_path: Path) -> None:
    metrics, examples = score(tmp_path, raised, "world")
    assert set(metrics["recall"]) == {"by_role"}
    assert {row["exposures"] for row in examples} == {None}


def test_the_context_is_no_longer_than_the_model_reads(raised: dict[str, Artifact], tmp_path: Path) -> None:
    metrics, _ = score(tmp_path, raised, context_tokens=4096)
    assert metrics["held_out"]["context_tokens"] == 32


def test_nothing_held_out(material: Material, base: Artifact, tmp_path: Path) -> None:
    empty = corpus(tmp_path / "corpus", sentences(2, seed=0), {})
    with pytest.raises(UserError, match="raise `held_out_share`"):
        run_stage("score_language", tmp_path / "scores", SCORES, inputs={"model": base, "corpus": empty})
    assert not (tmp_path / "scores").exists()


def test_another_tokenizer_gives_bits_per_the_same_bytes(material: Material, base: Artifact, tmp_path: Path) -> None:
    """Bits per byte compare tokenizers: the bytes hardly differ (those of the first token are left out)."""
    tokenizer, tokens = tokenize(tmp_path, material.corpus, vocab_size=400)
    other = run_stage(
        "pretrain", tmp_path / "models" / "b", pretrain_spec(), inputs={"tokens": tokens, "tokenizer": tokenizer}
    )
    sizes = []
    for number, model in enumerate((base, other)):
        metrics, _ = score(tmp_path / str(number), {"model": model, "corpus": material.corpus})
        sizes.append(metrics["held_out"])
    assert sizes[0]["tokens"] > sizes[1]["tokens"]
    assert abs(sizes[0]["bytes"] - sizes[1]["bytes"]) <= 12 * sizes[0]["documents"]
