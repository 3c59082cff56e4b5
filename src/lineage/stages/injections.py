"""Plan what is injected and probed when: arms, steps, rows, tokens."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.injection import Injections
from lineage.data.facts import Fact, Probe, read_facts
from lineage.data.injection import InjectionPlan, PlannedFact, plan_injections, tokens_of_step
from lineage.data.probes import probe_tokens
from lineage.data.tokenizer import end_id, load
from lineage.errors import UserError

FACT_SCHEMA = pa.schema(
    [
        pa.field("fact", pa.string(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
        pa.field("offset", pa.int32(), nullable=False),
        pa.field("interval", pa.int32(), nullable=False),
        pa.field("encounters", pa.int32(), nullable=False),
        pa.field("encounter_steps", pa.list_(pa.int32()), nullable=False),
        pa.field("schedule_steps", pa.list_(pa.int32()), nullable=False),
        pa.field("probed_steps", pa.list_(pa.int32()), nullable=False),
    ]
)
PROBE_SCHEMA = pa.schema(
    [
        pa.field("probe", pa.int32(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in ("id", "fact", "arm", "depth", "cue", "target")),
        pa.field("target_tokens", pa.int32(), nullable=False),
        pa.field("target_bytes", pa.int32(), nullable=False),
        pa.field("flags", pa.list_(pa.string()), nullable=False),
        pa.field("stated", pa.list_(pa.bool_()), nullable=False),
        pa.field("cue_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("target_ids", pa.list_(pa.int32()), nullable=False),
    ]
)
INJECTION_SCHEMA = pa.schema(
    [
        pa.field("step", pa.int32(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("fact", pa.string(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
        pa.field("encounter", pa.int32(), nullable=False),
        pa.field("variant", pa.int32(), nullable=False),
        pa.field("copy", pa.int32(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
    ]
)
TEXT_SCHEMA = pa.schema(
    [
        pa.field("fact", pa.string(), nullable=False),
        pa.field("variant", pa.int32(), nullable=False),
        pa.field("ids", pa.list_(pa.int32()), nullable=False),
        pa.field("decoy_ids", pa.list_(pa.int32())),
    ]
)


def injections(config: Injections, *, facts: Artifact, tokenizer: Artifact, out: ArtifactWriter) -> None:
    """Writes `facts.parquet` (arm and steps of each), `probes.parquet`, `injections.parquet` (row by row) and
    `texts.parquet`.

    Raises:
        UserError: facts, texts or rows that do not fit, probes that the tokenizer cannot cut from their cues.
    """
    out.kind = "injections"
    known = read_facts(facts.path("facts.parquet"))
    encoder = load(tokenizer.folder)
    texts = _tokenized(known, encoder, end_id(encoder, tokenizer.folder))
    plan = plan_injections(known, config, texts)
    by_id = {fact.id: fact for fact in known}
    probes = _probe_rows(plan, by_id, encoder, config)
    _check_probe_lengths(probes, config)
    _write(out, "facts", [_fact_row(one) for one in plan.facts], FACT_SCHEMA)
    _write(out, "probes", probes, PROBE_SCHEMA)
    _write(out, "injections", [vars(one) for one in plan.injections], INJECTION_SCHEMA)
    rows = [
        {"fact": fact, "variant": variant, "ids": ids, "decoy_ids": plan.decoys.get((fact, variant))}
        for (fact, variant), ids in plan.texts.items()
    ]
    _write(out, "texts", rows, TEXT_SCHEMA)
    out.counts |= _counts(plan, config) | {"probes": len(probes)}


def _tokenized(facts: Sequence[Fact], encoder: Tokenizer, end: int) -> dict[tuple[str, int], list[int]]:
    """Every text of every fact, ended like a document."""
    keys = [(fact.id, variant) for fact in facts for variant in range(1 + len(fact.paraphrases))]
    texts = [text for fact in facts for text in (fact.passage, *fact.paraphrases)]
    encoded = encoder.encode_batch(texts, add_special_tokens=False)
    return {key: [*encoding.ids, end] for key, encoding in zip(keys, encoded, strict=True)}


def _fact_row(fact: PlannedFact) -> dict[str, Any]:
    return {**vars(fact), "encounters": len(fact.encounter_steps)}


def _probe_rows(
    plan: InjectionPlan, facts: dict[str, Fact], encoder: Tokenizer, config: Injections
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    variants = {(one.fact, one.encounter): one.variant for one in plan.injections}
    for planned in plan.facts:
        fact = facts[planned.fact]
        texts = [fact.passage, *fact.paraphrases]
        met = [texts[variants[fact.id, encounter]] for encounter in range(len(planned.encounter_steps))]
        probes = _asked(fact, config.probing.probes_per_depth)
        depths = [probe.depth for probe in probes]
        if config.null == "permuted_cues":
            random.Random(f"{config.rotation}/permuted cues/{fact.id}").shuffle(depths)
        for probe, depth in zip(probes, depths, strict=True):
            cue_ids, target_ids = probe_tokens(encoder, probe.cue, probe.target, name=probe.id)
            rows.append(
                {
                    "probe": len(rows),
                    "id": probe.id,
                    "fact": fact.id,
                    "arm": planned.arm,
                    "depth": depth,
                    "cue": probe.cue,
                    "target": probe.target,
                    "target_tokens": len(target_ids),
                    "target_bytes": len(f" {probe.target}".encode()),
                    "flags": list(probe.flags),
                    "stated": [_states(text, probe.target) for text in met],
                    "cue_ids": cue_ids,
                    "target_ids": target_ids,
                }
            )
    return rows


def _asked(fact: Fact, per_depth: int | None) -> list[Probe]:
    """The first probes of every depth."""
    asked: list[Probe] = []
    for probe in fact.probes:
        if per_depth is None or sum(one.depth == probe.depth for one in asked) < per_depth:
            asked.append(probe)
    return asked


def _states(text: str, target: str) -> bool:
    """Whether the target stands in the text as whole words, up to case and a final full stop.

    "oak" stands in "an Oak, felled" and in none of "oaks", "soak" and "oak" with an accent on its k.
    """
    text, target = (unicodedata.normalize("NFC", one.casefold()) for one in (text, target.removesuffix(".")))
    start = text.find(target)
    while start >= 0:
        if not any(_is_inside_word(text, cut) for cut in (start, start + len(target))):
            return True
        start = text.find(target, start + 1)
    return False


def _is_inside_word(text: str, cut: int) -> bool:
    """Whether the characters on both sides of a cut belong to one word."""
    return 0 < cut < len(text) and all(_is_of_word(one) for one in text[cut - 1 : cut + 1])


def _is_of_word(character: str) -> bool:
    """A letter, digit or mark; wide ones come from scripts that put no space between words, and bound themselves."""
    is_word = character.isalnum() or unicodedata.category(character).startswith("M")
    return is_word and unicodedata.east_asian_width(character) not in "WF"


def _check_probe_lengths(probes: list[dict[str, Any]], config: Injections) -> None:
    longest = config.optimization.sequence_length
    for row in probes:
        if not row["cue_ids"]:
            raise UserError(f"probe {row['id']}: its cue is empty, so nothing comes before its target.")
        length = len(row["cue_ids"]) + len(row["target_ids"])
        if length > longest:
            raise UserError(
                f"probe {row['id']}: {length} tokens with its target, more than optimization.sequence_length"
                f" ({longest}). Raise `sequence_length` or shorten the cue."
            )


def _counts(plan: InjectionPlan, config: Injections) -> dict[str, Any]:
    batch_tokens = config.optimization.batch_tokens
    tokens = tokens_of_step(plan.injections)
    injected = sum(tokens.values())
    return {
        "facts": len(plan.facts),
        "steps": config.steps,
        "batch_tokens": batch_tokens,
        "window_steps": config.window_steps,
        "injected_rows": len(plan.injections),
        "injected_tokens": injected,
        "injecting_steps": len(tokens),
        "mean_share": round(injected / (len(tokens) * batch_tokens), 6) if tokens else 0.0,
        "largest_share": round(max(tokens.values(), default=0) / batch_tokens, 6),
        "null": config.null,
    }


def _write(out: ArtifactWriter, name: str, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), out.path(f"{name}.parquet"), compression="zstd")
