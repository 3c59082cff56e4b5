"""The whole experiment: the closed model of `config.yaml`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from lineage.config.acquisition import Acquisition
from lineage.config.base import Frozen
from lineage.config.conversations import ConversationReading, PreferenceReading
from lineage.config.corpus import Corpus
from lineage.config.dense import Bottleneck
from lineage.config.documents import DocumentReading
from lineage.config.execution import Execution
from lineage.config.facts import FactReading
from lineage.config.forecast import Forecast
from lineage.config.generative_entries import VocabularyEntry
from lineage.config.injection import InjectionNull, Run
from lineage.config.judged_entry import JudgedEntry
from lineage.config.judges import JudgeReading
from lineage.config.knowledge import KnowledgeComparisons
from lineage.config.layers import LayersEntry
from lineage.config.messages import did_you_mean, listed
from lineage.config.models import ModelEntry
from lineage.config.names import ModelReference, Name
from lineage.config.prompts import PromptReading
from lineage.config.reading import ReadingConversationsEntry
from lineage.config.reading_entry import ReadingEntry
from lineage.config.report import ReportEntry
from lineage.config.retrieval_entries import RetrieverEntry
from lineage.config.retrieval_sets import SetEntry
from lineage.config.retrieval_study import RetrievalStudyEntry
from lineage.config.retrievers import RetrievalScores
from lineage.config.safety_data import SafetyData
from lineage.config.safety_entry import SafetyEntry
from lineage.config.safety_filter import SafetyFilter
from lineage.config.safety_study import SafetyStudyEntry
from lineage.config.score import LanguageScore
from lineage.config.tokenizer import Tokenizer, Tokens
from lineage.config.weights import WeightsEntry
from lineage.config.world import World

PATHVARS = ("results", "logs", "benchmarks", "resources", "reports", "stats", "temp")
"""Path variables that Snakemake knows; ours use the first three."""

WORLD = "world"
"""Name of the generated world among the documents of a corpus."""


class CorpusEntry(Corpus):
    """A named corpus: document sets put together, deduplicated, with a held-out part."""

    of: Annotated[list[Name], Field(min_length=1)]
    """Document sets, in order: names from `documents`, or `world` for the documents of the generated world."""


class TokenizerEntry(Tokenizer):
    """A named tokenizer, trained on a corpus or taken from a folder or the hub."""

    corpus: Name | None = None
    """Corpus that it is trained on; None where `existing` names a finished tokenizer."""


class TokensEntry(Tokens):
    """A named stream of tokens: the training part of a corpus through a tokenizer."""

    corpus: Name
    """Corpus that is tokenized."""
    tokenizer: Name
    """Tokenizer that is used."""


class FilteredEntry(SafetyFilter):
    """Another set of conversations, without what a safety filter finds in its texts and pictures."""

    source: Literal["filtered"]
    """Filters another set."""
    of: Name
    """Set that is filtered."""


ConversationsEntry = Annotated[
    ConversationReading | FilteredEntry | ReadingConversationsEntry, Field(discriminator="source")
]
"""A named set of conversations."""


class ScoresEntry(LanguageScore):
    """First scores, of every model."""

    corpus: Name
    """Corpus whose held-out part is read."""
    models: list[ModelReference] | None = None
    """Models that are scored; None: every model that was pretrained or imported, and its checkpoints."""


class RunEntry(Run):
    """A checkpoint that goes on with pretraining while facts are injected and probed."""

    start: ModelReference
    """Checkpoint that goes on."""
    tokens: Name
    """Token stream of the background, which no model should have read before (`part: continuation`)."""
    facts: Name
    """Facts that are injected."""


class ForecastEntry(Forecast):
    """Predictions that are made before anything that they predict is measured."""

    calibration: Name
    """Run whose facts no other run injects and meet their text once at most: the arms `once` (or what `forecast.once`
    names) and `never`. It gives the kernel."""


class KnowledgeEntry(Frozen):
    """Study 1: how facts are acquired and forgotten during pretraining."""

    runs: Annotated[dict[Name, RunEntry], Field(min_length=1)]
    """Runs by name; `<run>_twin` is the twin of each."""
    compare: KnowledgeComparisons
    """Which run plays which part in which claim."""
    acquisition: Acquisition = Acquisition()
    """How gains and forgetting are estimated, in every run."""
    forecast: ForecastEntry | None = None
    """What is predicted beforehand; None: nothing, and the claims about forecasts are not testable."""
    null: InjectionNull = "none"
    """A null world of all runs. `no_injection`: the facts of the arms are not injected; their rows get decoys, texts of
    people whom no arm has and no probe asks for, and the twin keeps the background there. `permuted_cues`: depths of a
    fact's probes are dealt anew. `same_text`: the paraphrase arm gets the passage."""
    design: Name = "default"
    """Name of what all slices share that are judged together: models, runs, comparisons. A digest of their specs, all
    but seed and null world, goes with it: slices of one name and different digests are refused."""
    slices: str | None = None
    """Folder of the `statistics.csv` of other seeds and null worlds, which the ledger reads beside this one's, relative
    to the folder in which snakemake runs; None: this one alone."""


class Experiment(Frozen):
    """One experiment: what `snakemake` builds under `results/<experiment>/`."""

    experiment: Name = "default"
    """Name of the folder under `results/`."""
    data_root: str | None = None
    """Folder that relative paths of data start from; None: the folder in which snakemake runs. Not tracked: moving
    the data makes nothing stale."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """One seed for all: of the world, of every training run, of the deal of facts to arms; None: each section's own."""
    track_code: bool = True
    """Rerun what an edit of `src/lineage` touches; false tracks configs and inputs only."""
    execution: Execution = Execution()
    """Device, threads, processes, saving: never tracked."""
    pathvars: dict[str, str] = {}
    """Snakemake's path variables, for example `results: /scratch/results`."""
    world: World | None = None
    """The generated world; None: real data only."""
    documents: dict[Name, DocumentReading] = {}
    """Document sets from files, folders, `datasets` folders or the hub."""
    corpora: dict[Name, CorpusEntry] = {}
    """Document sets put together, deduplicated, with a held-out part."""
    tokenizers: dict[Name, TokenizerEntry] = {}
    """Tokenizers, trained or taken over."""
    tokens: dict[Name, TokensEntry] = {}
    """Token streams for training."""
    facts: dict[Name, FactReading] = {}
    """Facts to inject, each a passage, paraphrases and probes."""
    safety_data: SafetyData | None = None
    """Study 2: chats, requests, pictures and preferences drawn from the generated world; None makes none."""
    conversations: dict[Name, ConversationsEntry] = {}
    """Sets of conversations that models are tuned on: of the generated world, of the user's own, filtered."""
    preferences: dict[Name, PreferenceReading] = {}
    """Sets of pairs of answers that models are tuned on."""
    judges: dict[Name, JudgeReading] = {}
    """Who tells refusals from answers: rules, a trained classifier, a language model; each measured on labelled
    responses."""
    prompts: dict[Name, PromptReading] = {}
    """What models are asked when their safety is measured: prompt sets by name."""
    models: dict[Name, ModelEntry] = {}
    """The lineage: models by name, each with its stage and parents."""
    scores: ScoresEntry | None = None
    """First scores; None measures nothing."""
    safety: SafetyEntry | None = None
    """Study 2: models that are asked prompt sets, and how; None asks none."""
    judged: JudgedEntry | None = None
    """Judges that read what these models said, and give rates with their own error; None: the rules alone, in
    `safety`."""
    weights: dict[Name, WeightsEntry] = {}
    """Study 2: task vectors, and what losses do along them; analyses by name."""
    layers: dict[Name, LayersEntry] = {}
    """Study 2: where a model and its descendants tell harmful requests from benign ones; analyses by name."""
    safety_study: SafetyStudyEntry | None = None
    """Study 2: claims about safety, over-refusal and helpfulness, and about facts and refusals in one model; None
    leaves them out."""
    retrieval_sets: dict[Name, SetEntry] = {}
    """Study 3: documents with queries and judgements, of the generated world, of real collections, of your own."""
    vocabularies: dict[Name, VocabularyEntry] = {}
    """Study 3: contextual vocabularies of generative retrievers by name."""
    retrievers: dict[Name, RetrieverEntry] = {}
    """Study 3: retrievers by name, each with its stage and the set that it searches."""
    retrieval_scores: RetrievalScores = RetrievalScores()
    """Study 3: how all runs on a set are scored and compared."""
    bottleneck: Bottleneck | None = None
    """Study 3: all pairs of documents through narrow inner products; None leaves it out."""
    retrieval_study: RetrievalStudyEntry | None = None
    """Study 3: claims about contextual rows, decoding and rivals; None leaves them out."""
    reading: ReadingEntry | None = None
    """Study 3: a model that answers with what a retriever found in front of it; None leaves it out."""
    knowledge: KnowledgeEntry | None = None
    """Study 1: facts injected, acquired and forgotten; None leaves it out."""
    report: ReportEntry | None = None
    """One page of everything, with a card for each model; None writes none."""

    @field_validator("pathvars")
    @classmethod
    def _pathvars_are_snakemakes(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name not in PATHVARS:
                raise ValueError(
                    f"has no variable '{name}'.{did_you_mean(name, PATHVARS)}\n  allowed: {listed(PATHVARS)}"
                )
        return value
