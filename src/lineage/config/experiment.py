"""The whole experiment: the closed model of `config.yaml`."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from lineage.config.acquisition import Acquisition
from lineage.config.base import Frozen
from lineage.config.corpus import Corpus
from lineage.config.documents import DocumentReading
from lineage.config.execution import Execution
from lineage.config.facts import FactReading
from lineage.config.forecast import Forecast
from lineage.config.imported import ImportModel
from lineage.config.injection import InjectionNull, Run
from lineage.config.knowledge import KnowledgeComparisons
from lineage.config.messages import NAME_PATTERN, REFERENCE_PATTERN, did_you_mean, listed
from lineage.config.pretrain import PretrainRun
from lineage.config.score import LanguageScore
from lineage.config.tokenizer import Tokenizer, Tokens
from lineage.config.world import World

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""Small letters, digits and underscores: names become folders."""
ModelReference = Annotated[str, StringConstraints(pattern=REFERENCE_PATTERN)]
"""`base` (its last checkpoint) or `base@300`."""

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


class PretrainEntry(PretrainRun):
    """A model trained on next tokens, from scratch or from another model."""

    stage: Literal["pretrain"]
    """Trains on next tokens."""
    tokens: Name
    """Token stream that it is trained on."""
    start: ModelReference | None = None
    """Model whose weights it starts from (new optimizer moments); None starts from scratch."""
    checkpoints: list[Annotated[int, Field(ge=1)]] = []
    """Steps whose models are kept and named `<model>@<step>`; empty keeps only the last step."""

    @model_validator(mode="after")
    def _checkpoints_fit(self) -> "PretrainEntry":
        wrong = [step for step in self.checkpoints if step > self.steps]
        if wrong:
            raise ValueError(f"checkpoints {wrong} lie after the last step ({self.steps}): lower them or raise `steps`")
        return self

    @field_validator("checkpoints")
    @classmethod
    def _checkpoints_are_ordered(cls, value: list[int]) -> list[int]:
        if value != sorted(set(value)):
            raise ValueError(f"is {value}: must be increasing and distinct")
        return value

    @property
    def kept_steps(self) -> list[int]:
        """Steps that end a segment; the last of them is what the bare name means."""
        return self.checkpoints or [self.steps]

    @property
    def parents(self) -> dict[str, str]:
        """Models that it is made from, by the path of the key below its own."""
        return {"start": self.start} if self.start else {}


class ImportEntry(ImportModel):
    """A model of the user's own, from a folder or the hub, for every probe to run on."""

    stage: Literal["import"]
    """Takes a finished model."""
    path: str | None = None
    """Hugging Face folder, relative to `data_root`; None where `name` names a repository of the hub."""

    @model_validator(mode="after")
    def _one_source(self) -> "ImportEntry":
        if (self.path is None) == (self.name is None):
            raise ValueError("give either `path` (a folder) or `name` (a hub repository) with `revision`")
        return self

    @property
    def kept_steps(self) -> list[int]:
        """None: a finished model has no checkpoints."""
        return []

    @property
    def parents(self) -> dict[str, str]:
        """None: it comes from outside."""
        return {}


ModelEntry = Annotated[PretrainEntry | ImportEntry, Field(discriminator="stage")]
"""A model by its stage; every entry says its `parents` and the `kept_steps` that name its artifacts."""


class ScoresEntry(LanguageScore):
    """First scores, of every model."""

    corpus: Name
    """Corpus whose held-out part is read."""
    models: list[ModelReference] | None = None
    """Models that are scored; None: every model and checkpoint."""


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
    models: dict[Name, ModelEntry] = {}
    """The lineage: models by name, each with its stage and parents."""
    scores: ScoresEntry | None = None
    """First scores; None measures nothing."""
    knowledge: KnowledgeEntry | None = None
    """Study 1: facts injected, acquired and forgotten; None leaves it out."""

    @field_validator("pathvars")
    @classmethod
    def _pathvars_are_snakemakes(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name not in PATHVARS:
                raise ValueError(
                    f"has no variable '{name}'.{did_you_mean(name, PATHVARS)}\n  allowed: {listed(PATHVARS)}"
                )
        return value
