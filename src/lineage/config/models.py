"""Models of the lineage as an experiment names them: each with its stage, its parents and the checkpoints it keeps."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from lineage.config.base import Frozen
from lineage.config.imported import ImportModel
from lineage.config.merging import Merge, MergedModel
from lineage.config.messages import listed
from lineage.config.names import ModelReference, Name
from lineage.config.pretrain import PretrainRun
from lineage.config.retrieval_models import T5Pretraining
from lineage.config.tuning import Alignment, ContrastiveTower, PreferenceTuning, TuningRun

Checkpoints = list[Annotated[int, Field(ge=1)]]


class Checkpointed(Frozen):
    """A run that can keep models on its way."""

    steps: Annotated[int, Field(ge=1)]
    """Horizon of the run in optimizer steps: the learning-rate schedule ends here."""
    checkpoints: Checkpoints = []
    """Steps whose models are kept and named `<model>@<step>`; empty keeps only the last step."""

    @field_validator("checkpoints")
    @classmethod
    def _checkpoints_are_ordered(cls, value: list[int]) -> list[int]:
        if value != sorted(set(value)):
            raise ValueError(f"is {value}: must be increasing and distinct")
        return value

    @model_validator(mode="after")
    def _checkpoints_fit(self) -> "Checkpointed":
        wrong = [step for step in self.checkpoints if step > self.steps]
        if wrong:
            raise ValueError(f"checkpoints {wrong} lie after the last step ({self.steps}): lower them or raise `steps`")
        return self

    @property
    def kept_steps(self) -> list[int]:
        """Steps that end a segment; the last of them is what the bare name means."""
        return self.checkpoints or [self.steps]


class Whole(Frozen):
    """A model that is made in one go, without checkpoints."""

    @property
    def kept_steps(self) -> list[int]:
        """None."""
        return []


class PretrainEntry(PretrainRun, Checkpointed):
    """A model trained on next tokens, from scratch or from another model."""

    stage: Literal["pretrain"]
    """Trains on next tokens."""
    tokens: Name
    """Token stream that it is trained on."""
    start: ModelReference | None = None
    """Model whose weights it starts from (new optimizer moments); None starts from scratch."""

    @property
    def parents(self) -> dict[str, str]:
        """Models that it is made from, by the path of the key below its own."""
        return {"start": self.start} if self.start else {}


class ImportEntry(ImportModel, Whole):
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
    def parents(self) -> dict[str, str]:
        """None: it comes from outside."""
        return {}


class T5Entry(T5Pretraining, Whole):
    """A small T5, trained by span corruption on the documents of a retrieval set; retrievers start from it."""

    stage: Literal["pretrain_t5"]
    """Trains a T5 from scratch."""
    set: Name
    """Retrieval set whose documents it reads."""
    tokenizer: Name
    """Tokenizer of the experiment; it has T5's padding, end and sentinels."""

    @property
    def parents(self) -> dict[str, str]:
        """None: it starts from scratch."""
        return {}


class TowerEntry(ContrastiveTower, Whole):
    """A CLIP pair trained on pictures with captions; language models see with its vision half."""

    stage: Literal["tower"]
    """Trains a vision tower."""
    tokenizer: Name
    """Tokenizer that captions are read with."""

    @property
    def parents(self) -> dict[str, str]:
        """None: it starts from scratch."""
        return {}


class AlignEntry(Alignment, Whole):
    """Stage 1 of a vision-language adaptation: decoder and tower joined by a projector, which alone is trained."""

    stage: Literal["align"]
    """Joins a decoder and a tower."""
    start: ModelReference
    """The decoder."""
    tower: ModelReference
    """The tower: a model of stage `tower`, or an imported CLIP folder."""

    @property
    def parents(self) -> dict[str, str]:
        """Models that it is made from, by the path of the key below its own."""
        return {"start": self.start, "tower": self.tower}


class TuneEntry(TuningRun, Checkpointed):
    """A model tuned on conversations: chat, visual instructions, safety, or mixtures of them."""

    stage: Literal["tune"]
    """Trains on what the assistant says."""
    start: ModelReference
    """Model that it goes on from."""
    probed: Name | None = None
    """Prompt set whose refusals, answers and facts are followed while the model is tuned; None follows nothing."""

    @model_validator(mode="after")
    def _low_rank_updates_end_once(self) -> "TuneEntry":
        if self.trainable == "lora" and len(self.kept_steps) > 1:
            raise ValueError(
                f"checkpoints are {self.checkpoints}, but low-rank updates are folded in when training ends: keep one"
            )
        return self

    @property
    def parents(self) -> dict[str, str]:
        """Models that it is made from, by the path of the key below its own."""
        return {"start": self.start}


class DpoEntry(PreferenceTuning, Whole):
    """A model tuned on pairs of answers by direct preference optimization."""

    stage: Literal["dpo"]
    """Trains on pairs of answers."""
    start: ModelReference
    """Model that it goes on from, and its reference."""
    validation: Name | None = None
    """Set of pairs that is measured on the way; None measures nothing."""

    @property
    def parents(self) -> dict[str, str]:
        """Models that it is made from, by the path of the key below its own."""
        return {"start": self.start}


class MergedEntry(MergedModel):
    """One model that is merged."""

    name: ModelReference
    """The model."""


class MergeEntry(Merge, Whole):
    """Several models merged weight by weight."""

    stage: Literal["merge"]
    """Merges weights."""
    models: Annotated[list[MergedEntry], Field(min_length=1)]  # pyright: ignore[reportIncompatibleVariableOverride]
    """The models."""
    base: ModelReference | None = None
    """Model that they come from, for methods on task vectors."""

    @model_validator(mode="after")
    def _projector_is_of_one(self) -> "MergeEntry":
        allowed = ["merge", *(one.name for one in self.models)]
        if self.projector is not None and self.projector not in allowed:
            raise ValueError(f"projector is '{self.projector}': give `merge` or one of the models ({listed(allowed)})")
        return self

    @model_validator(mode="after")
    def _base_is_given(self) -> "MergeEntry":
        if self.needs_base != (self.base is not None):
            need = "needs a `base`: the model that the others come from" if self.needs_base else "has no use for `base`"
            raise ValueError(f"method '{self.method}' {need}")
        return self

    @property
    def parents(self) -> dict[str, str]:
        """Models that it is made from, by the path of the key below its own."""
        merged = {f"models.{number}.name": one.name for number, one in enumerate(self.models)}
        return merged | ({"base": self.base} if self.base else {})


ModelEntry = Annotated[
    PretrainEntry | ImportEntry | T5Entry | TowerEntry | AlignEntry | TuneEntry | DpoEntry | MergeEntry,
    Field(discriminator="stage"),
]
"""A model by its stage; every entry says its `parents` and the `kept_steps` that name its artifacts."""
