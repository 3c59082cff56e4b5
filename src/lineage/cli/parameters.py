"""The few words that tell one artifact from another: parameters that are not the default, counts, metrics."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, RootModel

from lineage.cli.display import flatten, short
from lineage.cli.inventory import Found, read_json
from lineage.config.acquisition import Acquisition
from lineage.config.conversations import Conversations, Preferences
from lineage.config.corpus import Corpus
from lineage.config.decoding import GenerativeSearch
from lineage.config.dense import BiEncoder, Bottleneck, DenseIndex
from lineage.config.documents import Documents
from lineage.config.exposures import Exposures
from lineage.config.facts import Facts
from lineage.config.forecast import Forecast
from lineage.config.imported import ImportModel
from lineage.config.injection import Inject, Injections
from lineage.config.judged import Judged
from lineage.config.judges import Judge
from lineage.config.knowledge import Knowledge
from lineage.config.layers import LayerFigures, Layers
from lineage.config.merging import Merge
from lineage.config.pretrain import Pretrain
from lineage.config.prompts import OutsidePromptSet, WorldPrompts
from lineage.config.reading import (
    ReadingConversations,
    ReadingForecast,
    ReadingPrompts,
    ReadingStudy,
    ReadingValidation,
)
from lineage.config.report import Report
from lineage.config.retrieval_models import ContextualVocabulary, Retriever, T5Pretraining, TokenContrast
from lineage.config.retrieval_sets import RetrievalSet
from lineage.config.retrieval_study import RetrievalStudy
from lineage.config.retrievers import Bm25, Hybrid, ScoredRuns
from lineage.config.safety_data import SafetyData
from lineage.config.safety_filter import SafetyFilter
from lineage.config.safety_score import SafetyScore
from lineage.config.safety_study import SafetyStudy
from lineage.config.score import LanguageScore
from lineage.config.tokenizer import Tokenizer, Tokens
from lineage.config.tuning import Alignment, ContrastiveTower, PreferenceTuning, Tuning
from lineage.config.weights import Weights
from lineage.config.world import World

CONFIGS: dict[str, type[BaseModel]] = {
    "world": World,
    "documents": Documents,
    "corpus": Corpus,
    "tokenizer": Tokenizer,
    "tokens": Tokens,
    "pretrain": Pretrain,
    "import_model": ImportModel,
    "safety_data": SafetyData,
    "conversations": Conversations,
    "preferences": Preferences,
    "filter_conversations": SafetyFilter,
    "prompts": WorldPrompts,
    "outside_prompts": OutsidePromptSet,
    "judge": Judge,
    "judged": Judged,
    "tower": ContrastiveTower,
    "align": Alignment,
    "tune": Tuning,
    "dpo": PreferenceTuning,
    "merge": Merge,
    "exposures": Exposures,
    "score_language": LanguageScore,
    "score_safety": SafetyScore,
    "weights": Weights,
    "layers": Layers,
    "layer_figures": LayerFigures,
    "retrieval_set": RetrievalSet,
    "bm25": Bm25,
    "hybrid": Hybrid,
    "retrieval_scores": ScoredRuns,
    "retrieval_study": RetrievalStudy,
    "facts": Facts,
    "injections": Injections,
    "inject": Inject,
    "acquisition": Acquisition,
    "forecast": Forecast,
    "knowledge": Knowledge,
    "safety": SafetyStudy,
    "reading_conversations": ReadingConversations,
    "reading_validation": ReadingValidation,
    "reading_prompts": ReadingPrompts,
    "reading_forecast": ReadingForecast,
    "reading": ReadingStudy,
    "report": Report,
    "pretrain_t5": T5Pretraining,
    "contextual_vocabulary": ContextualVocabulary,
    "token_contrast": TokenContrast,
    "retriever": Retriever,
    "bi_encoder": BiEncoder,
    "dense_index": DenseIndex,
    "generative_search": GenerativeSearch,
    "bottleneck": Bottleneck,
}
"""Config of each stage, without the stage's module (it may import torch). A test compares them with the signatures."""

FIRST_COUNTS = (
    "held_out.unigram_bits_per_byte",
    "documents",
    "facts",
    "tokens",
    "vocab_size",
    "parameters",
    "steps",
    "examples",
)
"""Counts that a table shows before others."""
FIRST_PARAMETERS = (
    "last_step",
    "steps",
    "peak_learning_rate",
    "batch_tokens",
    "hidden_size",
    "num_hidden_layers",
    "reader",
)
"""Parameters that a table shows before others, by the last part of their key."""
VALUE = ".value"
"""End of the key of an estimate in metrics.json."""
SAMPLE = (".low", ".high", ".num_items", ".num_clusters")
"""Ends of the other keys of an estimate."""
MAX_FIGURES = 3
MAX_PARAMETERS = 6


def changed_parameters(stage: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys of a spec whose values are not the defaults of the stage's config."""
    config = CONFIGS.get(stage)
    defaults = flatten(_defaults(config, spec)) if config is not None else {}
    return {key: value for key, value in flatten(spec).items() if key not in defaults or defaults[key] != value}


def _defaults(config: type[BaseModel], spec: dict[str, Any]) -> dict[str, Any]:
    """Default of every key that has one, nested sections included, as JSON values."""
    if issubclass(config, RootModel):
        return _defaults(type(config.model_validate(spec).root), spec)
    optional = {name for name, one in config.model_fields.items() if not one.is_required()}
    return json.loads(config.model_construct().model_dump_json(include=optional))


def parameters_in_words(changed: dict[str, Any]) -> str:
    """`steps=900 peak_learning_rate=0.002 ...`: the telling ones first; the last part of each key stands for it."""
    named = [(key.rpartition(".")[2], value) for key, value in changed.items()]
    named.sort(key=lambda item: _rank(item[0], FIRST_PARAMETERS))
    more = " ..." if len(named) > MAX_PARAMETERS else ""
    return " ".join(f"{name}={short(value)}" for name, value in named[:MAX_PARAMETERS]) + more


def metrics(found: Found) -> dict[str, Any]:
    """Contents of metrics.json as dotted keys; empty where the artifact has none."""
    path = found.folder / "metrics.json"
    if found.manifest is None or "metrics.json" not in found.manifest.files or not path.is_file():
        return {}
    return flatten(read_json(path))


def figures(found: Found) -> dict[str, Any]:
    """Metrics of scores, counts of everything else: numbers only, the telling ones first."""
    values = metrics(found) or flatten(found.manifest.counts if found.manifest is not None else {})
    numbers = {
        key: value for key, value in values.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return dict(sorted(numbers.items(), key=lambda item: (not _is_estimate(item[0]), _rank(item[0], FIRST_COUNTS))))


def figures_in_words(found: Found) -> str:
    """The first few figures: `documents=1,200 tokens=90,000`, `held_out.bits_per_byte=2.31`."""
    telling = {key: value for key, value in figures(found).items() if not key.endswith(SAMPLE)}
    shown = [f"{key.removesuffix(VALUE)}={short(value)}" for key, value in list(telling.items())[:MAX_FIGURES]]
    return " ".join(shown)


def _is_estimate(key: str) -> bool:
    """Whether a metric is the value of an estimate, rather than its interval or the size of its sample."""
    return key.endswith(VALUE)


def _rank(name: str, first: tuple[str, ...]) -> int:
    return first.index(name) if name in first else len(first)
