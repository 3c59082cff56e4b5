"""The exact set of artifacts that each edit makes stale, against tables written by hand.

The tables name what an edit touches directly; what follows from it comes from PARENTS, also written by hand. A config
leaf or module without a row fails the test, so nobody adds a key without saying what it reruns.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lineage import freshness, plan
from lineage.config.load import load_experiment, overlay
from lineage.config.retrieval_study import RetrievalRoles
from lineage.config.safety_study import SafetyRoles
from tests.workflow.conftest import IMPORTED, REPOSITORY, SMOKE

StaleArtifacts = Callable[..., set[str]]

PARENTS: dict[str, list[str]] = {
    "data/world": [],
    "data/documents/notes": [],
    "data/corpora/main": ["data/world", "data/documents/notes"],
    "tokenizers/main": ["data/corpora/main", "data/world"],
    "data/tokens/main": ["data/corpora/main", "tokenizers/main"],
    "data/tokens/continuation": ["data/corpora/main", "tokenizers/main"],
    "data/facts/newcomers": ["data/world"],
    "data/facts/reserved": ["data/world"],
    "data/retrieval/world": ["data/world"],
    "retrieval/bm25": ["data/retrieval/world"],
    "retrieval/titles": ["data/retrieval/world"],
    "retrieval/hybrid": ["data/retrieval/world", "retrieval/bm25", "retrieval/titles"],
    "models/t5": ["data/retrieval/world", "tokenizers/main"],
    "vocabularies/rows": ["data/retrieval/world", "models/t5"],
    "encoders/dense": ["data/retrieval/world", "models/t5"],
    "retrieval/dense": ["data/retrieval/world", "encoders/dense"],
    "contrasts/contextual": ["data/retrieval/world", "models/t5", "vocabularies/rows"],
    "vocabularies/contextual@contrast": ["data/retrieval/world", "contrasts/contextual"],
    "retriever_models/contextual@2": [
        "data/retrieval/world",
        "contrasts/contextual",
        "vocabularies/contextual@contrast",
    ],
    "vocabularies/contextual@2": ["data/retrieval/world", "retriever_models/contextual@2"],
    "retriever_models/contextual@4": [
        "data/retrieval/world",
        "retriever_models/contextual@2",
        "vocabularies/contextual@2",
    ],
    "retrieval/contextual": ["data/retrieval/world", "retriever_models/contextual@4"],
    "retrieval/contextual_paper": ["data/retrieval/world", "retriever_models/contextual@4"],
    "retrieval_scores/world": [
        "data/retrieval/world",
        "retrieval/bm25",
        "retrieval/titles",
        "retrieval/hybrid",
        "retrieval/dense",
        "retrieval/contextual",
        "retrieval/contextual_paper",
    ],
    "analysis/bottleneck": [],
    "analysis/retrieval": ["retrieval_scores/world", "analysis/bottleneck", "analysis/reading"],
    "models/base@8": ["data/tokens/main", "tokenizers/main", "data/corpora/main"],
    "models/base@24": ["models/base@8"],
    "models/late@4": ["models/base@8"],
    "models/outside": [],
    "data/safety": ["data/world"],
    "data/conversations/chats": ["data/safety"],
    "data/conversations/captions": ["data/safety"],
    "data/conversations/replay": ["data/safety"],
    "data/conversations/instructions_raw": ["data/safety"],
    "data/conversations/instructions": ["data/conversations/instructions_raw"],
    "data/prompts/world": ["data/world", "data/safety"],
    "data/prompts/outside": [],
    "data/prompts/followed": ["data/world", "data/safety"],
    "data/conversations/reading": ["data/world"],
    "data/conversations/recall": ["data/safety"],
    "models/reader@2": ["models/base@24", "data/conversations/reading", "data/conversations/recall"],
    "data/prompts/reading_validation": ["data/world"],
    "scores/reading_validation/safety": ["models/reader@2", "data/prompts/reading_validation"],
    "forecasts/reading": [
        "data/retrieval/world",
        "retrieval/bm25",
        "retrieval/titles",
        "scores/reading_validation/safety",
        "forecasts/calibration",
    ],
    "data/prompts/reading": ["data/world", "data/retrieval/world", "retrieval/bm25", "retrieval/titles"],
    "scores/reading/safety": ["models/reader@2", "data/prompts/reading"],
    "analysis/reading": ["data/prompts/reading", "scores/reading/safety", "forecasts/reading"],
    "judges/rules": ["data/safety"],
    "scores/chat@4/judged/rules": ["scores/chat@4/safety", "judges/rules", "data/prompts/outside"],
    "data/preferences/pairs": ["data/safety"],
    "data/preferences/pairs_held_out": ["data/safety"],
    "models/chat@4": ["models/base@24", "data/conversations/chats"],
    "models/tower": ["data/conversations/captions", "tokenizers/main"],
    "models/aligned": ["models/chat@4", "models/tower", "data/conversations/captions"],
    "models/seeing@2": [
        "models/aligned",
        "data/conversations/instructions",
        "data/conversations/captions",
        "data/conversations/replay",
        "data/prompts/followed",
    ],
    "models/seeing@4": [
        "models/seeing@2",
        "data/conversations/instructions",
        "data/conversations/captions",
        "data/conversations/replay",
        "data/prompts/followed",
    ],
    "models/tuned_dpo": ["models/seeing@4", "data/preferences/pairs", "data/preferences/pairs_held_out"],
    "models/merged_chat": ["models/seeing@4", "models/chat@4"],
    "exposures/base@8": ["models/base@8", "data/tokens/main", "tokenizers/main", "data/world"],
    "exposures/base@24": ["models/base@24", "exposures/base@8"],
    "exposures/late@4": ["models/late@4", "exposures/base@8"],
    "scores/base@8/language": ["models/base@8", "exposures/base@8", "data/corpora/main", "data/world"],
    "scores/base@24/language": ["models/base@24", "exposures/base@24", "data/corpora/main", "data/world"],
    "scores/late@4/language": ["models/late@4", "exposures/late@4", "data/corpora/main", "data/world"],
    "scores/outside/language": ["models/outside", "data/corpora/main", "data/world"],
    "scores/chat@4/safety": ["models/chat@4", "data/prompts/world", "data/prompts/outside"],
    "scores/seeing@4/safety": ["models/seeing@4", "data/prompts/world"],
    "scores/chat_v1/safety": ["models/chat@4", "data/prompts/world"],
    "analysis/weights/default": [
        "models/aligned",
        "models/seeing@4",
        "models/tuned_dpo",
        "data/conversations/instructions",
    ],
    "analysis/layers/default": ["models/chat@4", "models/seeing@2", "models/seeing@4", "data/prompts/world"],
    "analysis/layer_figures": ["analysis/weights/default", "analysis/layers/default"],
    "injections/late": ["data/facts/newcomers", "tokenizers/main"],
    "injections/calibration": ["data/facts/reserved", "tokenizers/main"],
    "trajectories/late": ["data/tokens/continuation", "tokenizers/main", "models/base@24", "injections/late"],
    "trajectories/late_twin": ["data/tokens/continuation", "tokenizers/main", "models/base@24", "injections/late"],
    "trajectories/calibration": [
        "data/tokens/continuation",
        "tokenizers/main",
        "models/base@24",
        "injections/calibration",
    ],
    "trajectories/calibration_twin": [
        "data/tokens/continuation",
        "tokenizers/main",
        "models/base@24",
        "injections/calibration",
    ],
    "acquisition/late": ["injections/late", "trajectories/late", "trajectories/late_twin"],
    "acquisition/calibration": [
        "injections/calibration",
        "trajectories/calibration",
        "trajectories/calibration_twin",
    ],
    "forecasts/calibration": [
        "acquisition/calibration",
        "injections/calibration",
        "injections/late",
        "exposures/base@24",
        "data/world",
    ],
    "analysis/knowledge": [
        "acquisition/late",
        "acquisition/calibration",
        "injections/late",
        "injections/calibration",
        "forecasts/calibration",
        "scores/base@24/language",
        "data/world",
    ],
    "analysis/safety": [
        "scores/chat@4/safety",
        "scores/seeing@4/safety",
        "scores/chat_v1/safety",
        "models/seeing@2",
        "models/seeing@4",
        "analysis/weights/default",
        "analysis/layers/default",
    ],
}
PARENTS["report"] = sorted(set(PARENTS) - {"judges/rules"})
SCORES = {folder for folder in PARENTS if folder.startswith("scores/") and folder.endswith("/language")}
PROMPTS = {"data/prompts/world", "data/prompts/followed"}
OUTSIDE = {"data/prompts/outside"}
STUDY = {"analysis/safety"}
REPORT = {"report"}
MEASURED = {"scores/chat@4/safety", "scores/seeing@4/safety", "scores/chat_v1/safety"}
READER_SCORES = {"scores/reading/safety", "scores/reading_validation/safety"}
SAFETY = MEASURED | READER_SCORES
READER_DATA = {"data/conversations/reading"}
READER_PROMPTS = {"data/prompts/reading"}
READER_VALIDATION = {"data/prompts/reading_validation"}
READER_FORECAST = {"forecasts/reading"}
READINGS = {"analysis/reading"}
READING = READER_DATA | READER_PROMPTS | READER_VALIDATION
WEIGHTS, LAYERS, FIGURES = {"analysis/weights/default"}, {"analysis/layers/default"}, {"analysis/layer_figures"}
INSIDE = WEIGHTS | LAYERS
EXPOSURES = {"exposures/base@8", "exposures/base@24", "exposures/late@4"}
PRETRAINED = {"models/base@8", "models/base@24", "models/late@4"}
TOKENS = {"data/tokens/main", "data/tokens/continuation"}
FACTS = {"data/facts/newcomers", "data/facts/reserved"}
INJECTIONS = {"injections/late", "injections/calibration"}
ACQUISITION = {"acquisition/late", "acquisition/calibration"}
FORECAST = {"forecasts/calibration"}
CLAIMS = {"analysis/knowledge"}
LATE = {"trajectories/late", "trajectories/late_twin"}
CALIBRATION = {"trajectories/calibration", "trajectories/calibration_twin"}
TRAJECTORIES = LATE | CALIBRATION
SEEING = {"models/seeing@2", "models/seeing@4"}
TUNED = {"models/chat@4", "models/reader@2"} | SEEING
TRAINED = TUNED | {"models/tower", "models/aligned", "models/tuned_dpo"}
READ = {
    "data/conversations/chats",
    "data/conversations/captions",
    "data/conversations/replay",
    "data/conversations/instructions_raw",
    "data/conversations/recall",
}
FILTERED = {"data/conversations/instructions"}
PAIRS = {"data/preferences/pairs", "data/preferences/pairs_held_out"}
MERGED = {"models/merged_chat"}
JUDGES = {"judges/rules"}
JUDGED = {"scores/chat@4/judged/rules"}
SETS = {"data/retrieval/world"}
BM25 = {"retrieval/bm25", "retrieval/titles"}
DENSE = {"retrieval/dense"}
WRITTEN = {"retrieval/contextual", "retrieval/contextual_paper"}
FUSED = {"retrieval/hybrid"}
FOUND = BM25 | DENSE | WRITTEN | FUSED
T5 = {"models/t5"}
ROWS = {"vocabularies/rows", "vocabularies/contextual@contrast", "vocabularies/contextual@2"}
CONTRAST = {"contrasts/contextual"}
WRITERS = {"retriever_models/contextual@2", "retriever_models/contextual@4"}
ENCODERS = {"encoders/dense"}
BOTTLENECK = {"analysis/bottleneck"}
WRITING = T5 | CONTRAST | WRITERS
TAUGHT = WRITING | ENCODERS
COMPARED = {"retrieval_scores/world"}
RETRIEVED = {"analysis/retrieval"}
EVERYTHING = set(PARENTS)

CONFIG: dict[str, set[str]] = {
    "world": {"data/world"},
    "documents.notes": {"data/documents/notes"},
    "corpora.main": {"data/corpora/main"},
    "tokenizers.main": {"tokenizers/main"},
    "tokens.main": {"data/tokens/main"},
    "tokens.continuation": {"data/tokens/continuation"},
    "facts.newcomers": {"data/facts/newcomers"},
    "facts.reserved": {"data/facts/reserved"},
    "knowledge.runs.late": {"injections/late"},
    "knowledge.runs.late.optimization": {"injections/late"} | LATE,
    "knowledge.runs.late.steps": {"injections/late"} | LATE,
    "knowledge.runs.late.probing.batch_tokens": {"injections/late"} | LATE,
    "knowledge.runs.late.moments": LATE,
    "knowledge.runs.late.repeat_background": LATE,
    "knowledge.runs.late.keep_model": LATE,
    "knowledge.runs.calibration": {"injections/calibration"},
    "knowledge.runs.calibration.optimization": {"injections/calibration"} | CALIBRATION,
    "knowledge.runs.calibration.steps": {"injections/calibration"} | CALIBRATION,
    "knowledge.runs.calibration.probing.batch_tokens": {"injections/calibration"} | CALIBRATION,
    "knowledge.runs.calibration.moments": CALIBRATION,
    "knowledge.runs.calibration.repeat_background": CALIBRATION,
    "knowledge.runs.calibration.keep_model": CALIBRATION,
    "knowledge.acquisition": ACQUISITION,
    "knowledge.forecast": FORECAST,
    "knowledge.null": INJECTIONS | CLAIMS,
    "knowledge.compare": CLAIMS,
    "knowledge.design": CLAIMS,
    "report": REPORT,
    "models.base": {"models/base@8", "models/base@24"},
    "models.late": {"models/late@4"},
    "models.outside": {"models/outside"},
    "safety_data": {"data/safety"},
    **{f"conversations.{folder.rpartition('/')[2]}": {folder} for folder in READ | FILTERED},
    **{f"preferences.{folder.rpartition('/')[2]}": {folder} for folder in PAIRS},
    "judges.rules": JUDGES,
    "judged": JUDGED,
    **{f"prompts.{folder.rpartition('/')[2]}": {folder} for folder in PROMPTS | OUTSIDE},
    "prompts.outside.path": set(),
    "safety": MEASURED,
    "conversations.reading": READER_DATA,
    "models.reader": {"models/reader@2"},
    "reading": READER_SCORES,
    "reading.kind": READER_PROMPTS | READER_FORECAST,
    "reading.validation": READER_VALIDATION,
    "reading.seed": READER_PROMPTS | READINGS,
    "reading.samples": READINGS,
    "safety_study": STUDY,
    "weights": WEIGHTS,
    "layers": LAYERS,
    "models.chat": {"models/chat@4"},
    "models.tower": {"models/tower"},
    "models.aligned": {"models/aligned"},
    "models.seeing": SEEING,
    "models.tuned_dpo": {"models/tuned_dpo"},
    "models.merged_chat": MERGED,
    "scores": SCORES,
    "retrieval_sets.world": SETS,
    **{f"retrievers.{folder.rpartition('/')[2]}": {folder} for folder in FOUND},
    "retrievers.dense.training": ENCODERS,
    "retrievers.contextual": WRITERS,
    "retrievers.contextual.query_tokens": WRITERS | {"retrieval/contextual"},
    "retrievers.contextual.contrast": CONTRAST,
    "retrievers.contextual.depth": {"retrieval/contextual"},
    "retrievers.contextual.splits": {"retrieval/contextual"},
    "retrievers.contextual.decoding": {"retrieval/contextual"},
    "models.t5": T5,
    "vocabularies.rows": ROWS,
    "bottleneck": BOTTLENECK,
    "retrieval_scores": COMPARED,
    "retrieval_study": RETRIEVED,
    "execution": set(),
    "data_root": set(),
    "pathvars": set(),
    "documents.notes.path": set(),
    "models.outside.path": set(),
}
"""Beginning of a key -> artifacts whose own spec holds it; the longest beginning counts."""

NOT_EDITED = {
    "experiment": "another name is another folder",
    "track_code": "tested by itself",
    "models.base.stage": "names the rule",
    "models.late.stage": "names the rule",
    "models.outside.stage": "names the rule",
    "documents.notes.reader": "needs other keys",
    "models.outside.name": "excludes `path`",
    "models.outside.revision": "goes with `name`",
    "models.base.start": "excludes `architecture`",
    "models.late.architecture": "excludes `start`",
    "tokenizers.main.existing": "excludes `corpus`",
    "models.base.architecture.settings": "tested through hidden_size",
    "scores.corpus": "there is one corpus",
    "corpora.main.of.0": "changes the inputs, tested by itself",
    "corpora.main.of.1": "changes the inputs, tested by itself",
    "tokenizers.main.corpus": "there is one corpus",
    "tokens.main.corpus": "there is one corpus",
    "tokens.main.tokenizer": "there is one tokenizer",
    "models.base.tokens": "there is one token stream",
    "models.late.tokens": "there is one token stream",
    "models.late.held_out": "adds an input, tested by itself",
    "scores.models": "takes artifacts away, changes none",
    "seed": "goes into many sections, tested by itself",
    **{f"retrievers.{name}.stage": "names the rule" for name in ("dense", "contextual", "contextual_paper", "hybrid")},
    **{f"retrievers.{name}.set": "there is one set" for name in ("dense", "contextual", "contextual_paper", "hybrid")},
    "models.t5.stage": "names the rule",
    "models.t5.set": "there is one set",
    "models.t5.tokenizer": "there is one tokenizer",
    "vocabularies.rows.set": "there is one set",
    "vocabularies.rows.encoder": "there is one T5",
    "retrievers.dense.encoder": "there is one T5",
    "retrievers.dense.vocabulary": "excludes `training`",
    "retrievers.contextual.start": "there is one T5",
    "retrievers.contextual.vocabulary": "there is one vocabulary",
    "retrievers.contextual.steps": "names artifacts",
    "retrievers.contextual.refresh_steps": "names artifacts",
    "retrievers.contextual_paper.decoding.history": "needs another mode",
    **{f"retrievers.contextual_paper.of.{place}": "there is one generative retriever" for place in range(10)},
    "retrievers.hybrid.splits": "those that it fuses have no other",
    "retrievers.hybrid.of.0": "changes the inputs",
    "retrievers.hybrid.of.1": "changes the inputs",
    "facts.newcomers.source": "needs other keys",
    "facts.reserved.source": "needs other keys",
    "knowledge.compare.reference": "there is one run to compare",
    "knowledge.compare.stages": "needs two runs",
    "knowledge.compare.stages_own_rate": "needs two runs",
    "knowledge.compare.sizes": "needs two runs",
    "knowledge.compare.batches.fixed_dose": "needs two runs",
    "knowledge.compare.batches.fixed_share": "needs two runs",
    "knowledge.compare.batches.fixed_rows": "needs two runs",
    "knowledge.compare.deduplication": "adds inputs",
    "knowledge.compare.long_tail": "changes the inputs, tested by itself",
    "knowledge.forecast.calibration": "there is one such run",
    "knowledge.slices": "adds an external input, tested by itself",
    **{
        f"knowledge.runs.{run}.{key}": reason
        for run in ("late", "calibration")
        for key, reason in {
            "tokens": "there is one stream of the right part",
            "facts": "there are two sets, one a run",
            "start": "changes the inputs, tested by itself",
            "twin": "adds or takes away an artifact",
            "arms.never.encounters": "0, or it is no placebo",
        }.items()
    },
    "knowledge.runs.calibration.arms.once.encounters": "1, or it calibrates nothing",
    "knowledge.compare.intervals": "there is one run to compare",
    "knowledge.forecast.once": "there is one such arm",
    "judges.rules.by": "needs other keys",
    "judged.judges": "there is one judge",
    "judged.prompts": "changes the inputs",
    "prompts.world.source": "needs other keys",
    "prompts.outside.source": "needs other keys",
    "prompts.outside.images": "adds an external input",
    "prompts.followed.source": "needs other keys",
    **{
        f"conversations.{name}.source": "needs other keys"
        for name in ("chats", "captions", "replay", "instructions_raw")
    },
    "conversations.instructions.source": "needs other keys",
    "conversations.instructions.of": "changes the inputs",
    **{f"preferences.{name}.source": "needs other keys" for name in ("pairs", "pairs_held_out")},
    **{f"models.{name}.checkpoints": "names artifacts" for name in ("chat", "seeing")},
    **{
        f"models.{name}.stage": "names the rule"
        for name in ("chat", "tower", "aligned", "seeing", "tuned_dpo", "merged_chat")
    },
    **{f"models.{name}.start": "changes the inputs" for name in ("chat", "aligned", "seeing", "tuned_dpo")},
    "models.aligned.tower": "there is one tower",
    "models.tower.tokenizer": "there is one tokenizer",
    "models.tuned_dpo.validation": "changes the inputs",
    "models.merged_chat.models": "a list with names of inputs; its weights are tested by themselves",
    **{
        f"models.merged_chat.{key}": "the method has no use for it"
        for key in ("base", "scale", "density", "trim", "rescale", "election")
    },
    "safety_study.layers_model": "adds an input",
    "retrievers.contextual_paper.of": "changes the inputs",
    "safety_study.slices": "adds an external input, tested by itself",
    "conversations.reading.source": "needs other keys",
    "conversations.recall.source": "needs other keys",
    "models.reader.stage": "names the rule",
    "models.reader.steps": "names artifacts",
    "models.reader.checkpoints": "names artifacts",
    "models.reader.probed": "adds an input",
    "reading.set": "there is one set",
    "reading.runs": "changes the inputs",
    "reading.model": "there is one reader",
    "safety_study.weights": "adds an input, tested by itself",
    "safety_study.vectors": "goes with `weights`",
    "safety_study.layers": "takes an input away, tested by itself",
    **{f"safety_study.roles.{part}": "every measured model plays a part" for part in SafetyRoles.model_fields},
    "safety.prompts": "there is one prompt set",
    "retrieval_study.set": "there is one set",
    "retrieval_study.slices": "adds an external input, tested by itself",
    **{f"retrieval_study.roles.world.{arm}": "every retriever plays a part" for arm in RetrievalRoles.model_fields},
    "retrievers.contextual.checkpoints": "names artifacts",
    "layers.default.prompts": "there is one prompt set",
    "judges.rules.labelled": "needs a file of labelled responses",
    "facts.newcomers.skip": "would reach into the facts of the calibration",
    "retrieval_sets.world.source": "needs other keys",
    **{f"retrievers.{name}.stage": "names the rule" for name in ("bm25", "titles", "both")},
    **{f"retrievers.{name}.set": "there is one set" for name in ("bm25", "titles", "both")},
    **{f"retrievers.{name}.splits": "what is scored must be searched for" for name in ("bm25", "titles", "both")},
    "retrievers.both.of.0": "changes the inputs",
    "retrievers.both.of.1": "changes the inputs",
    "documents.notes.limit": "None or a number: tested by itself",
    **{f"models.{name}.probed": "adds an input, tested by itself" for name in ("chat", "seeing")},
    "tokens.main.part": "names a file of the corpus, tested by itself",
    "tokens.continuation.part": "names a file of the corpus, tested by itself",
    "tokens.continuation.corpus": "there is one corpus",
    "tokens.continuation.tokenizer": "there is one tokenizer",
}

OTHER_VALUES: dict[str, Any] = {
    "safety_data.reasons": "none",
    "safety_data.picture_size": 64,
    "safety_data.null": "permuted_labels",
    **{
        f"conversations.{name}.{key}": value
        for name in ("chats", "captions", "replay", "instructions_raw")
        for key, value in {
            "limit": 9,
            "table": "safety",
            "split": "validation",
            "kinds": ["fact"],
            "pictures": "captions",
        }.items()
    },
    **{f"conversations.instructions.{part}.by": "none" for part in ("text", "image")},
    **{
        f"preferences.{name}.{key}": value
        for name in ("pairs", "pairs_held_out")
        for key, value in {"limit": 3, "split": "test", "pictures": "captions"}.items()
    },
    **{
        f"models.{name}.optimization.{key}": value
        for name in ("chat", "tower", "aligned", "seeing", "tuned_dpo")
        for key, value in {"betas": [0.8, 0.9], "projector_learning_rate": 1e-4}.items()
    },
    "models.chat.trainable": "lora",
    "models.chat.template": "vicuna_v1",
    "models.seeing.trainable": "projector",
    "models.seeing.template": "llava_v1",
    "models.tuned_dpo.trainable": "lora",
    "models.tuned_dpo.template": "llava_v1",
    "models.tower.image_size": 64,
    "models.tower.patch_size": 16,
    "models.tower.hidden_size": 32,
    "models.tower.heads": 4,
    "models.aligned.feature_layer": -2,
    "models.aligned.feature_select": "default",
    "models.merged_chat.method": "slerp",
    "models.merged_chat.dtype": "bfloat16",
    "models.merged_chat.rows": "id",
    "models.merged_chat.projector": "seeing",
    **{f"prompts.{name}.strata": ["unseen_pair"] for name in ("world", "followed")},
    **{f"models.{name}.probing.strata": ["unseen_verb"] for name in ("chat", "seeing")},
    "world.exposure_levels": [0, 2, 7],
    "world.hazard_domains": ["plants"],
    "world.null": "equal_exposures",
    "world.tuned_hazards": 16,
    "world.hazards_per_level": 8,
    "documents.notes.path": "moved/notes",
    "models.outside.path": "moved/outside_model",
    "documents.notes.split": "line",
    "documents.notes.pattern": "*.txt",
    "corpora.main.held_out_sources": ["world"],
    "corpora.main.max_documents": 100,
    "corpora.main.max_characters": 10_000,
    "corpora.main.near_duplicates.threshold": 0.75,
    "corpora.main.held_out_share": 0.1,
    "tokenizers.main.sample_characters": 5000,
    "tokens.main.template": "{title} {text}",
    "models.base.steps": 32,
    "models.base.checkpoints": [8, 23],
    "models.late.checkpoints": [4],
    "models.late.start": "base@24",
    "models.base.optimization.betas": [0.8, 0.9],
    "models.late.optimization.betas": [0.8, 0.9],
    "models.base.optimization.batch_tokens": 1024,
    "models.late.optimization.batch_tokens": 1024,
    "models.base.optimization.sequence_length": 32,
    "models.late.optimization.sequence_length": 32,
    "models.base.optimization.clip_norm": 0.5,
    "models.late.optimization.clip_norm": 0.5,
    "models.base.optimization.warmup_steps": 3,
    "models.late.optimization.warmup_steps": 3,
    "models.base.architecture.model_type": "qwen2",
    "scores.held_out_documents": 3,
    "execution.micro_batch_rows": 2,
    "execution.minutes": 60.0,
    "execution.trackers": ["tensorboard"],
    "execution.device": "cpu",
    "data_root": ".",
    "pathvars": {},
    "corpora.main.continuation_sources": ["world"],
    "retrieval_sets.world.identifiers": "disambiguate",
    "retrieval_sets.world.empty_titles": "first_words",
    "retrieval_sets.world.long_titles": "cut",
    "retrieval_sets.world.unjudged": "keep",
    "retrieval_sets.world.synthetic.documents": "all",
    "retrieval_sets.world.kinds": ["named"],
    "retrieval_sets.world.unseen_share": 0.3,
    "retrievers.titles.text": "text",
    "retrievers.bm25.text": "text",
    "retrieval_scores.splits": ["test"],
    **{
        f"{place}.betas": [0.8, 0.9]
        for place in (
            "models.t5.optimization",
            "retrievers.dense.training.optimization",
            "retrievers.contextual.optimization",
            "retrievers.contextual.contrast.optimization",
            "bottleneck.optimization",
            "bottleneck.table",
        )
    },
    **{
        f"retrievers.{name}.splits": ["validation", "test", "train"]
        for name in ("dense", "contextual", "contextual_paper", "hybrid")
    },
    "models.t5.architecture.width": 18,
    "models.t5.architecture.heads": 4,
    "vocabularies.rows.clustering.backend": "sklearn",
    "vocabularies.rows.assignment": "shuffled",
    "retrievers.dense.reading.max_tokens": 32,
    "retrievers.dense.reading.similarity": "dot",
    "retrievers.dense.training.similarity": "dot",
    "retrievers.dense.training.dimension": 8,
    "retrievers.contextual.decoder.table": "frozen",
    "retrievers.contextual.decoder.logit_scale": "none",
    "retrievers.contextual.contrast.rivals": "total",
    "retrievers.contextual.depth": 9,
    **{
        f"retrievers.{name}.decoding.{key}": value
        for name in ("contextual", "contextual_paper")
        for key, value in {"mode": "max", "early_stopping": "full", "history": "mean"}.items()
    },
    "retrievers.contextual.decoding.rounds": "paper",
    "retrievers.contextual_paper.decoding.rounds": "one",
    "bottleneck.dimensions": [2, 4],
    "bottleneck.arms": ["table"],
    "bottleneck.width": 8,
    "retrieval_scores.compared": ["hits@1"],
    "retrieval_study.kind": "named",
    "facts.newcomers.limit": 9,
    "facts.reserved.limit": 5,
    **{
        f"knowledge.runs.{run}.{key}": value
        for run, arms in (("late", ("paraphrase", "duplicate", "once", "never")), ("calibration", ("once", "never")))
        for key, value in {
            "placement.mode": "fixed_rows",
            "optimization.betas": [0.8, 0.9],
            "optimization.batch_tokens": 2048,
            "optimization.sequence_length": 64,
            **{f"arms.{arm}.interval": 5 for arm in arms},
        }.items()
    },
    "knowledge.acquisition.iqr_factors": [1.5, 3.0],
    "knowledge.acquisition.lags": [10, 30],
    "knowledge.forecast.recall_depth": "memorization",
    "knowledge.null": "same_text",
    **{f"models.{name}.frozen_layers": [0, 1] for name in ("chat", "seeing")},
    "prompts.world.tasks": ["fact"],
    "prompts.outside.path": "moved/xstest_prompts.csv",
    "prompts.outside.sha256": "0" * 64,
    "prompts.outside.limit": 2,
    "prompts.followed.tasks": ["fact"],
    "weights.default.base": "chat",
    "weights.default.vectors.see.end": "seeing@2",
    "weights.default.vectors.see.start": "chat",
    "weights.default.vectors.safe.end": "merged_chat",
    "weights.default.vectors.safe.start": "seeing@2",
    "weights.default.losses.visual.conversations": "captions",
    "weights.default.losses.visual.requests": "benign",
    "weights.default.fractions": [0.0, 0.5],
    "weights.default.template": "roles",
    "layers.default.base": "base",
    "layers.default.models": ["seeing"],
    "layers.default.requests.tasks": ["request_text"],
    "layers.default.requests.split": "validation",
    "layers.default.requests.strata": ["unseen_object"],
    "layers.default.positions": ["decision"],
    "layers.default.rule": "gap",
    "layers.default.range": [1, 2],
    "layers.default.scaling.factors": [1.2],
    "layers.default.restoring.into": "seeing@2",
    "layers.default.restoring.modes": ["restore"],
    "layers.default.template": "roles",
    "safety.models": [
        {"model": "chat", "prompts": ["world", "outside"]},
        {"model": "seeing", "template": "llava_v1"},
        {"model": "chat", "name": "chat_v1", "template": "vicuna_v1"},
    ],
}
"""Values for leaves that the rule of thumb (not, + 1, halve, another choice) would make invalid or keep."""

CHOICES = [
    ["cosine", "linear"], ["fp32", "bf16"], ["document", "row"], ["passage", "paraphrases"], ["first", "last"],
    ["kept", "new"], ["uniform_t", "uniform_log_t"],
]  # fmt: skip
"""Values of which a key takes one or the other."""

SPECIAL: dict[str, set[str]] = {
    # The horizon is in every segment; the last checkpoint is gone, the first is what it was.
    "models.base.checkpoints": {"models/base@23", "exposures/base@23", "scores/base@23/language", "report"}
    | {"models/chat@4", "models/aligned", "models/tuned_dpo", "models/merged_chat"}
    | {"scores/chat@4/judged/rules", "analysis/safety", "analysis/knowledge", "forecasts/calibration"}
    | {"models/reader@2"}
    | READER_FORECAST
    | READINGS
    | SEEING
    | SAFETY
    | INSIDE
    | FIGURES
    | TRAJECTORIES
    | ACQUISITION,
    # Another last step is another artifact.
    "models.late.steps": {"models/late@5", "exposures/late@5", "scores/late@5/language", "report"},
    # Another template for one model asks that one again.
    "safety.models": {"scores/seeing@4/safety", "analysis/safety", "report"},
    # Naming the only checkpoint changes nothing.
    "models.late.checkpoints": set(),
}

MODULES: dict[str, set[str]] = {
    "world": {"data/world"} | OUTSIDE,
    **{
        f"world.{name}": {"data/world"}
        for name in (
            "articles",
            "attributes",
            "documents",
            "duplicates",
            "entities",
            "facts",
            "generate",
            "hazards",
            "names",
            "prose",
            "randomness",
            "reading",
            "statements",
            "titles",
            "wordlists",
        )
    },
    "config.world": {"data/world"},
    "stages.world": {"data/world"},
    "stages.documents": {"data/documents/notes"},
    "data.readers": {"data/documents/notes"} | JUDGES | OUTSIDE,
    "config.documents": {"data/documents/notes"} | JUDGES | OUTSIDE,
    "config.corpus": {"data/corpora/main"},
    "stages.corpus": {"data/corpora/main"},
    "data.deduplication": {"data/corpora/main"},
    "data.schema": {"data/documents/notes", "data/corpora/main", "tokenizers/main"}
    | TOKENS
    | SETS
    | FOUND
    | COMPARED
    | READ
    | FILTERED
    | PAIRS
    | JUDGES
    | OUTSIDE,
    "stages.tokenizer": {"tokenizers/main"},
    "config.tokenizer": {"tokenizers/main", "data/tokens/main"},
    "data.tokenizer": {"tokenizers/main", "data/tokens/main"},
    "stages.tokens": TOKENS,
    "data.tokenization": TOKENS,
    "stages.pretrain": PRETRAINED,
    "config.pretrain": PRETRAINED
    | {"models/outside"}
    | SCORES
    | TRAINED
    | FILTERED
    | JUDGES
    | INSIDE
    | T5
    | BOTTLENECK,
    "config.training": PRETRAINED
    | {"models/outside"}
    | SCORES
    | INJECTIONS
    | TRAINED
    | FILTERED
    | JUDGES
    | INSIDE
    | T5
    | BOTTLENECK
    | RETRIEVED,
    "training": PRETRAINED | TRAINED | TAUGHT | BOTTLENECK,
    "training.packing": PRETRAINED | TUNED | {"models/aligned"},
    "training.start": PRETRAINED,
    "training.parts": TRAINED | TAUGHT,
    "training.session": TRAINED | TAUGHT,
    "losses": PRETRAINED | TRAINED | WEIGHTS | TAUGHT | BOTTLENECK,
    "losses.next_token": PRETRAINED | TUNED | {"models/aligned"} | WEIGHTS | WRITING | BOTTLENECK,
    "losses.preference": {"models/tuned_dpo"},
    "losses.contrastive": {"models/tower"},
    "data.batch": PRETRAINED | TRAINED | WEIGHTS | T5 | BOTTLENECK,
    "data.order": PRETRAINED | TRAINED | WEIGHTS | T5 | BOTTLENECK,
    "models": PRETRAINED | {"models/outside"} | SCORES | TRAINED | FILTERED | JUDGES | INSIDE | T5 | BOTTLENECK,
    "models.device": PRETRAINED | SCORES | TRAINED | FILTERED | JUDGES | INSIDE | T5 | BOTTLENECK,
    "models.fetching": {"models/outside"} | FILTERED | JUDGES,
    "models.classifiers": FILTERED,
    "models.vision_language": TRAINED | {"models/outside"} | INSIDE,
    "evaluation": PRETRAINED
    | SCORES
    | JUDGES
    | PROMPTS
    | OUTSIDE
    | ENCODERS
    | WRITTEN
    | ROWS
    | BOTTLENECK
    | READER_PROMPTS
    | READER_VALIDATION,
    **{
        f"evaluation.{name}": SAFETY
        for name in (
            "coherence",
            "examples",
            "generation_store",
            "labelling",
            "outcomes",
            "rates",
        )
    },
    **{f"evaluation.{name}": SAFETY | LAYERS for name in ("generation", "generation_batch", "margins")},
    "evaluation.proportions": SAFETY | JUDGES | RETRIEVED,
    "evaluation.endings": SAFETY | TUNED | LAYERS,
    "evaluation.items": PROMPTS | OUTSIDE | TUNED | LAYERS | READER_PROMPTS | READER_VALIDATION,
    "evaluation.tasks": PROMPTS,
    "evaluation.held_out": PRETRAINED | SCORES,
    "evaluation.log_probability": PRETRAINED | SCORES | LAYERS | ENCODERS | WRITTEN | ROWS | BOTTLENECK,
    "evaluation.text": PRETRAINED | SCORES,
    "evaluation.judges": JUDGES | SAFETY | LAYERS | OUTSIDE,
    "evaluation.judges.rules": JUDGES | SAFETY | LAYERS,
    "evaluation.judges.sentences": JUDGES | SAFETY | LAYERS,
    **{
        f"evaluation.judges.{name}": JUDGES
        for name in (
            "calibration",
            "completing",
            "features",
            "generative",
            "labelled",
            "opening",
            "trained",
            "training",
            "world_cases",
        )
    },
    "evaluation.judges.loading": JUDGES | JUDGED,
    "parts": JUDGES | JUDGED | SAFETY | LAYERS | FOUND,
    "evaluation.sets": OUTSIDE | JUDGES,
    **{
        f"evaluation.sets.{name}": OUTSIDE
        for name in (
            "figstep",
            "lettered",
            "licences",
            "mm_safety_bench",
            "mmbench",
            "mme",
            "readers",
            "reading",
            "seed_bench",
            "siuo",
            "sorry_bench",
            "vlguard",
            "wildguard_test",
            "xstest",
        )
    },
    "evaluation.sets.csv_rows": JUDGES | OUTSIDE,
    "evaluation.sets.xstest_types": JUDGES | OUTSIDE,
    "evaluation.multiple_choice": SAFETY,
    "evaluation.recall": SCORES,
    "evaluation.statistics": SCORES | JUDGES,
    "world.show": set(),
    "world.show_safety": set(),
    "stages.import_model": {"models/outside"},
    "config.imported": {"models/outside"},
    "stages.exposures": EXPOSURES,
    "config.exposures": EXPOSURES,
    "stages.score_language": SCORES,
    "config.score": SCORES,
    "data": {"data/documents/notes", "data/corpora/main", "tokenizers/main"}
    | TOKENS
    | SETS
    | FOUND
    | COMPARED
    | PRETRAINED
    | EXPOSURES
    | FACTS
    | READ
    | PAIRS
    | FILTERED
    | TRAINED
    | JUDGES
    | OUTSIDE
    | T5
    | BOTTLENECK,
    "data.hub": {"data/documents/notes"} | FACTS | READ | PAIRS | JUDGES | OUTSIDE | SETS,
    # Study 3.
    "retrieval": SETS | FOUND | COMPARED | TAUGHT | ROWS | BOTTLENECK,
    "retrieval.bi_encoder": ENCODERS,
    "retrieval.bottleneck": BOTTLENECK,
    "retrieval.clustering": ROWS,
    "retrieval.corruption": T5,
    "retrieval.decoding": WRITTEN | BOTTLENECK,
    "retrieval.dense": ENCODERS | DENSE | WRITTEN | BOTTLENECK,
    "retrieval.examples": CONTRAST | WRITERS | ROWS,
    "retrieval.generative": CONTRAST | WRITERS,
    "retrieval.indexed": CONTRAST | WRITERS | WRITTEN | DENSE,
    "retrieval.nearest": DENSE,
    "retrieval.occurrences": ROWS,
    "retrieval.prefix_tree": WRITTEN | BOTTLENECK,
    "retrieval.renewal": WRITERS,
    "retrieval.rows": ROWS,
    "retrieval.sequences": WRITING | ROWS | WRITTEN,
    "retrieval.titles": WRITING | ROWS | WRITTEN,
    "retrieval.vocabulary": TAUGHT | ROWS | WRITTEN | DENSE | BOTTLENECK,
    "retrieval.schemas": SETS | FOUND | COMPARED | TAUGHT | ROWS,
    "losses.identifiers": WRITING,
    "losses.in_batch": ENCODERS,
    "models.encoder_decoder": WRITING | ROWS | WRITTEN | {"models/outside"},
    "models.decoder_heads": WRITING,
    "config.dense": ENCODERS | DENSE | BOTTLENECK | WRITTEN,
    "config.decoding": WRITTEN | BOTTLENECK,
    "config.retrieval_models": WRITING | ROWS | {"models/outside"},
    **{f"config.{name}_entries": set() for name in ("dense", "decoding", "generative")},
    **{f"config.{name}_references": set() for name in ("dense", "generative")},
    "stages.pretrain_t5": T5,
    "stages.contextual_vocabulary": ROWS,
    "stages.token_contrast": CONTRAST,
    "stages.retriever": WRITERS,
    "stages.generative_search": WRITTEN,
    "stages.bi_encoder": ENCODERS,
    "stages.dense_index": DENSE,
    "stages.bottleneck": BOTTLENECK,
    "retrieval.sets": SETS,
    "retrieval.splits": SETS,
    "retrieval.queries": SETS,
    "retrieval.analyzer": SETS | BM25,
    "retrieval.bm25": BM25,
    "retrieval.fusion": FUSED,
    "retrieval.searching": FOUND,
    "retrieval.runs": FOUND | COMPARED,
    "retrieval.tables": FOUND | COMPARED | ENCODERS | CONTRAST | WRITERS | ROWS,
    "stages.retrieval_study": RETRIEVED,
    "config.retrieval_study": RETRIEVED,
    "config.retrieval_study_references": set(),
    **{f"retrieval.{name}": COMPARED for name in ("kilt", "measures", "scoring", "significance")},
    "config.retrieval_sets": SETS | FOUND | COMPARED | ENCODERS | BOTTLENECK,
    "config.retrievers": FOUND | COMPARED | ENCODERS | BOTTLENECK,
    "config.retrieval_entries": set(),
    "config.retrieval_references": set(),
    "reading": READING,
    "reading.crossing": READER_FORECAST | READINGS,
    "reading.forecast": READER_FORECAST | READINGS,
    "reading.items": READER_PROMPTS | READER_VALIDATION | READER_FORECAST | READINGS,
    "reading.levels": READINGS,
    "reading.readings": READINGS,
    "reading.retrieved": READER_PROMPTS | READER_FORECAST,
    "config.reading": READING | READER_FORECAST | READINGS,
    "config.reading_entry": set(),
    "config.reading_references": set(),
    "stages.reading_conversations": READER_DATA,
    "stages.reading_validation": READER_VALIDATION,
    "stages.reading_prompts": READER_PROMPTS,
    "stages.reading_forecast": READER_FORECAST,
    "stages.reading": READINGS,
    "report.reading": READINGS,
    "world.queries": SETS,
    "world.descriptions": SETS,
    "stages.retrieval_set": SETS,
    "stages.bm25": BM25,
    "stages.hybrid": FUSED,
    "stages.retrieval_scores": COMPARED,
    # Study 2.
    **{
        f"world.{name}": {"data/safety"}
        for name in (
            "chats",
            "context",
            "drawing",
            "pictures",
            "preferences",
            "requests",
            "safety",
            "safety_tables",
            "visual",
        )
    },
    "stages.safety_data": {"data/safety"},
    "config.safety_data": {"data/safety"},
    "conversations": READ
    | FILTERED
    | PAIRS
    | TRAINED
    | JUDGES
    | PROMPTS
    | OUTSIDE
    | INSIDE
    | T5
    | BOTTLENECK
    | READING,
    "conversations.pictures": READ | FILTERED | PAIRS | TRAINED | JUDGES | OUTSIDE | INSIDE,
    "conversations.conversation": READ | FILTERED | PAIRS | TRAINED | JUDGES | PROMPTS | OUTSIDE | INSIDE | READING,
    "conversations.table": READ | FILTERED | PAIRS | TRAINED | JUDGES | OUTSIDE | INSIDE | READER_DATA,
    "conversations.batches": TRAINED,
    "conversations.order": TRAINED | T5 | BOTTLENECK,
    "conversations.prepared": TRAINED | INSIDE,
    "conversations.render": TRAINED | INSIDE,
    "conversations.rows": TRAINED | WEIGHTS,
    "conversations.start": TRAINED - {"models/tower"} | INSIDE,
    "conversations.templates": TRAINED - {"models/tower"} | INSIDE,
    "conversations.sources": READ | PAIRS | JUDGES | OUTSIDE,
    "conversations.licences": READ | PAIRS,
    "conversations.intake": READ | PAIRS | FILTERED | JUDGES | OUTSIDE,
    "conversations.verdicts": FILTERED,
    "config.conversations": READ | PAIRS | FILTERED | JUDGES | OUTSIDE,
    "config.safety_filter": FILTERED,
    "config.judges": JUDGES | JUDGED,
    "config.judged": JUDGED,
    "config.judged_entry": set(),
    "stages.judged": JUDGED,
    "config.judge_references": set(),
    "config.prompts": PROMPTS | OUTSIDE,
    "config.prompt_sets": PROMPTS | OUTSIDE,
    "stages.outside_prompts": OUTSIDE,
    "config.safety_score": SAFETY | LAYERS,
    "config.safety_entry": set(),
    "config.safety_references": set(),
    "config.safety_study": STUDY,
    "config.safety_study_references": set(),
    "stages.safety": STUDY,
    "stages.report": REPORT,
    "report.costs": set(),
    "config.report": REPORT,
    **{f"report.{name}": REPORT for name in ("browser", "cards", "lineage_graph", "matrix", "matrix_chart", "page")},
    "stages.prompts": PROMPTS,
    "stages.score_safety": SAFETY,
    "config.weights": WEIGHTS,
    "config.layers": LAYERS,
    "config.layer_references": set(),
    "stages.weights": WEIGHTS,
    "stages.layers": LAYERS,
    "stages.layer_figures": FIGURES,
    "stages.judge": JUDGES,
    "config.tuning": TRAINED | INSIDE | T5,
    "config.merging": MERGED | WEIGHTS,
    "merging": MERGED | WEIGHTS,
    **{
        f"merging.{name}": MERGED
        for name in ("combine", "executor", "folder", "geometry", "methods", "survey", "writing")
    },
    "stages.conversations": READ,
    "stages.preferences": PAIRS,
    "stages.filter_conversations": FILTERED,
    "stages.tower": {"models/tower"},
    "stages.align": {"models/aligned"},
    "stages.tune": TUNED,
    "stages.dpo": {"models/tuned_dpo"},
    "stages.merge": MERGED,
    # Study 1.
    "stages.facts": FACTS,
    "config.facts": FACTS,
    "world.passages": FACTS,
    "data.facts": FACTS,
    "data.fictional_knowledge": FACTS,
    "stages.injections": INJECTIONS,
    "config.injection": INJECTIONS | FIGURES | STUDY | RETRIEVED,
    "data.injection": INJECTIONS,
    "data.probes": INJECTIONS | SCORES,
    "data.sharing": FORECAST,
    "stages.inject": TRAJECTORIES,
    "evaluation.probing": TRAJECTORIES | TUNED,
    "stages.acquisition": ACQUISITION,
    "config.acquisition": ACQUISITION,
    "analysis": ACQUISITION | INSIDE | RETRIEVED | SCORES | JUDGES,
    **{
        f"analysis.{name}": ACQUISITION
        for name in (
            "acquisition",
            "contrasts",
            "counterfactual",
            "forgetting_laws",
            "groups",
            "retention",
            "schemas",
            "split_half",
            "summary",
            "tables",
        )
    },
    "analysis.bootstrap": ACQUISITION | LAYERS | RETRIEVED | SCORES | JUDGES,
    "analysis.trajectories": ACQUISITION | LAYERS | RETRIEVED | SCORES | JUDGES,
    "analysis.names": ACQUISITION | FIGURES | STUDY | RETRIEVED,
    "analysis.acquisition": ACQUISITION | STUDY,
    "analysis.retention": ACQUISITION | STUDY,
    "analysis.weights.schemas": WEIGHTS | STUDY,
    "analysis.weights": WEIGHTS,
    "analysis.layers": LAYERS,
    "analysis.superposition": FORECAST,
    "stages.forecast": FORECAST,
    "config.forecast": FORECAST,
    "stages.knowledge": CLAIMS,
    "config.knowledge": CLAIMS,
    "claims": CLAIMS | STUDY | COMPARED,
    "claims.statistics": CLAIMS | STUDY | COMPARED,
    **{f"claims.{name}": CLAIMS | STUDY | RETRIEVED for name in ("claim", "concluding", "ledger", "slices")},
    "claims.retrieval": RETRIEVED,
    "claims.power": set(),
    "claims.knowledge": CLAIMS,
    "claims.safety": STUDY,
    "claims.joint": STUDY,
    "report": CLAIMS | STUDY | FIGURES | RETRIEVED | READINGS,
    "report.lines": STUDY | RETRIEVED,
    "report.retrieval": RETRIEVED,
    "report.layers": FIGURES,
    "report.knowledge": CLAIMS,
    "report.safety": STUDY,
    "evaluation.paired": STUDY | LAYERS | RETRIEVED | READINGS,
    "evaluation.pareto": STUDY | RETRIEVED,
    "evaluation.reference_curves": TUNED | STUDY,
    "evaluation.reference_probes": TUNED,
    "cli": set(),
    "plan": set(),
    "external": set(),
    "config.experiment": set(),
    "config.names": CLAIMS | STUDY | INSIDE | RETRIEVED,
    "config.load": set(),
    "config.references": set(),
    "config.tuning_references": set(),
    "config.models": set(),
    "config.reference": set(),
    # Plumbing counts by a format version.
    "": set(),
    "artifact": set(),
    "config": set(),
    "config.base": set(),
    "config.execution": set(),
    "config.messages": set(),
    "devices": set(),
    "errors": set(),
    "freshness": set(),
    "progress": set(),
    "stage": set(),
    "stages": set(),
}
"""Beginning of a module below `lineage` -> artifacts whose stage can reach it; the longest beginning counts."""


def with_descendants(direct: set[str]) -> set[str]:
    found = set(direct)
    while True:
        more = {child for child, parents in PARENTS.items() if found & set(parents)} - found
        if not more:
            return found
        found |= more


def longest(table: dict[str, set[str]], key: str) -> set[str]:
    beginnings = [one for one in table if one == key or (one and key.startswith(f"{one}."))]
    assert beginnings, f"{key}: no row in the table says what it reruns"
    return table[max(beginnings, key=len)]


def experiment_files() -> list[Path]:
    return [REPOSITORY / "config.yaml", REPOSITORY / SMOKE]


def smoke_config() -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in experiment_files():
        merged = overlay(merged, yaml.safe_load(path.read_text()))
    from lineage.config.load import validate

    return validate(overlay(merged, IMPORTED)).model_dump(mode="json")


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of everything that is no mapping; lists are leaves, but for lists of references."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif path.endswith(".of") and isinstance(node, list):
        yield from ((f"{path}.{position}", value) for position, value in enumerate(node))
    else:
        yield path, node


def other_value(path: str, value: Any) -> Any:
    if path in OTHER_VALUES:
        return OTHER_VALUES[path]
    for choice in CHOICES:
        if value in choice:
            return choice[1 - choice.index(value)]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 if value else 0.25
    if isinstance(value, str) or value is None:
        return "linear" if value == "constant" else f"{value or ''}x"
    raise AssertionError(f"{path}: give another value than {value!r} in OTHER_VALUES")


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def edited_leaves() -> list[tuple[str, Any]]:
    return [(path, value) for path, value in leaves(smoke_config()) if path not in NOT_EDITED]


def check_leaf(stale_artifacts: StaleArtifacts, path: str, value: Any) -> None:
    expected = SPECIAL[path] if path in SPECIAL else with_descendants(longest(CONFIG, path))
    assert stale_artifacts(nested(path, other_value(path, value))) == expected, path


def check_module(stale_artifacts: StaleArtifacts, copy: Path, module: Path) -> None:
    name = ".".join(module.relative_to(copy).with_suffix("").parts).removesuffix("__init__").removesuffix(".")
    before = module.read_text()
    module.write_text(before + "\n_PLANTED = 1\n")
    try:
        assert stale_artifacts() == with_descendants(longest(MODULES, name)), name
    finally:
        module.write_text(before)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package whose fingerprint the workflow takes."""
    ignored = shutil.ignore_patterns("__pycache__")
    copied = Path(shutil.copytree(freshness.PACKAGE_ROOT, tmp_path / "src" / "lineage", ignore=ignored))
    monkeypatch.setattr(freshness, "PACKAGE_ROOT", copied)
    return copied


def test_nothing_is_stale_after_a_run(stale_artifacts: StaleArtifacts) -> None:
    assert stale_artifacts() == set()


def test_the_tables_name_every_artifact_and_no_other() -> None:
    experiment = load_experiment(experiment_files())
    made = set(plan.make_plan(experiment)) | {"models/outside", "scores/outside/language"}
    assert made == EVERYTHING


QUICK = {
    "world.seed",
    "corpora.main.held_out_share",
    "models.base.optimization.peak_learning_rate",
    "models.late.optimization.seed",
    "scores.seed",
    "execution.save_minutes",
}


def test_a_few_config_leaves(stale_artifacts: StaleArtifacts) -> None:
    for path, value in edited_leaves():
        if path in QUICK:
            check_leaf(stale_artifacts, path, value)


@pytest.mark.slow
def test_every_config_leaf(stale_artifacts: StaleArtifacts) -> None:
    wrong = []
    for path, value in edited_leaves():
        try:
            check_leaf(stale_artifacts, path, value)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "\n\n".join(wrong)


def test_a_few_modules(stale_artifacts: StaleArtifacts, copy: Path) -> None:
    for name in ("losses/next_token.py", "world/generate.py", "stages/exposures.py", "artifact.py"):
        check_module(stale_artifacts, copy, copy / name)


@pytest.mark.slow
def test_every_module(stale_artifacts: StaleArtifacts, copy: Path) -> None:
    wrong = []
    for module in sorted(copy.rglob("*.py")):
        try:
            check_module(stale_artifacts, copy, module)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "\n\n".join(wrong)


def test_a_leaking_spec_is_found(stale_artifacts: StaleArtifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the seed of the scores is read by the stage but left out of what Snakemake compares."""
    whole = plan.stage_spec

    def leaking(config: Any, entry: Any, **fixed: object) -> str:
        return whole(config, entry, **({"seed": 0} if "bootstrap_samples" in config.model_fields else {}), **fixed)

    monkeypatch.setattr(plan.models, "stage_spec", leaking)
    with pytest.raises(AssertionError):
        check_leaf(stale_artifacts, "scores.seed", 0)


def test_a_leaking_fingerprint_is_found(
    stale_artifacts: StaleArtifacts, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the fingerprint looks at another file than the one that runs."""
    found, real = freshness._module_path, REPOSITORY / "src" / "lineage"

    def leaking(module: str, root: Path) -> Path | None:
        return found(module, real if module == "lineage.training.schedule" else root)

    monkeypatch.setattr(freshness, "_module_path", leaking)
    with pytest.raises(AssertionError):
        check_module(stale_artifacts, copy, copy / "training" / "schedule.py")


def test_comments_layout_and_docstrings_rerun_nothing(stale_artifacts: StaleArtifacts, copy: Path) -> None:
    for module in copy.rglob("*.py"):
        module.write_text(
            f"# a comment\n\n\n{module.read_text()}\n\n# the end\n"
            if "__future__" not in module.read_text()
            else f"{module.read_text()}\n\n\n# the end\n"
        )
    assert stale_artifacts() == set()


def test_reordered_keys_rerun_nothing(stale_artifacts: StaleArtifacts) -> None:
    base = smoke_config()["models"]["base"]["optimization"]
    text = "models:\n  base:\n    optimization:\n"
    text += "".join(f"      {key}: {value}\n" for key, value in reversed(base.items()))
    assert stale_artifacts(text) == set()


def test_another_merge_weight_reruns_the_merge_and_what_follows_from_it(stale_artifacts: StaleArtifacts) -> None:
    """Here nobody asks the merge; a measured one takes its scores, the study and the report with it."""
    models = smoke_config()["models"]["merged_chat"]["models"]
    changed = [models[0] | {"weight": 0.25}, models[1] | {"weight": 0.75}]
    lighter = {"models": {"merged_chat": {"models": changed}}}
    assert stale_artifacts(lighter) == {"models/merged_chat", "report"}
    asked = {"safety": {"models": ["chat", "seeing", "merged_chat"]}}
    before, after = stale_artifacts(asked), stale_artifacts(asked | lighter)
    assert after - before == {"models/merged_chat"}
    assert {"scores/merged_chat/safety", "analysis/safety", "report"} <= after


def test_moved_data_reruns_nothing_and_changed_data_what_reads_it(
    stale_artifacts: StaleArtifacts, smoke: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(smoke / "tests", moved / "tests")
    shutil.copytree(smoke / "outside_model", moved / "outside_model")
    assert stale_artifacts({"data_root": str(moved)}) == set()
    note = moved / "tests" / "fixtures" / "notes" / "bread.txt"
    note.write_text(note.read_text() + "And who would argue with bread?\n")
    assert stale_artifacts({"data_root": str(moved)}) == with_descendants({"data/documents/notes"})


def test_another_set_in_a_corpus_reruns_the_corpus(stale_artifacts: StaleArtifacts) -> None:
    assert stale_artifacts({"corpora": {"main": {"of": ["world"]}}}) == with_descendants({"data/corpora/main"}) - {
        "data/documents/notes"
    }


def test_untracked_code_reruns_nothing_once_accepted(stale_artifacts: StaleArtifacts) -> None:
    """Switching tracking off changes what is compared, so everything is compared anew."""
    assert stale_artifacts({"track_code": False}) == EVERYTHING
